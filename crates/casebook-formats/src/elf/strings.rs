//! String tables: names that end with a zero byte.

/// Longest name that is read, in bytes. Names of C++ templates come to a hundred kilobytes.
pub const LONGEST_NAME: usize = 1 << 20;

/// A string table.
#[derive(Clone, Copy, Debug, Default)]
pub struct Strings<'a> {
    bytes: &'a [u8],
}

impl<'a> Strings<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The name at an offset; `None` when it begins behind the table, does not end inside of it, or is longer than [`LONGEST_NAME`].
    /// Offset 0 is the empty name, in an empty table too (System V ABI, "String Table").
    #[inline]
    pub fn get(&self, offset: u32) -> Option<&'a [u8]> {
        let Some(rest) = usize::try_from(offset).ok().and_then(|offset| self.bytes.get(offset..)) else {
            return (offset == 0).then_some(&[]);
        };
        if rest.is_empty() {
            return (offset == 0).then_some(&[]);
        }
        let window = &rest[..rest.len().min(LONGEST_NAME)];
        memchr::memchr(0, window).map(|end| &window[..end])
    }
}
