//! The source of a place in an object. Being written: nothing is told yet.

/// The line of a reference: `main.c:5`.
pub fn line(_: &[u8], _: u32, _: u64) -> Option<String> {
    None
}

/// The function an offset is in.
pub fn function(_: &[u8], _: u32, _: u64) -> Option<String> {
    None
}

/// The line of a definition.
pub fn definition(_: &[u8], _: &[u8]) -> Option<String> {
    None
}
