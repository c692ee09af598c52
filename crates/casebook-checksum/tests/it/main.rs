//! Every version of every checksum gives the same value, and the value the RFCs print.

mod crc32c;
mod internet;
mod ones;
mod paths;
#[cfg(not(miri))]
mod peers;
mod polynomial;

/// Bytes that look like nothing in particular, the same for the same seed (splitmix64).
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    (0..len)
        .map(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            (mixed ^ mixed >> 31) as u8
        })
        .collect()
}

/// A buffer whose first byte has an address that is a multiple of 64.
#[repr(align(64))]
pub struct Aligned(pub [u8; 512]);
