//! pcap: every frame and every problem is inside of the file, in order, and the walk ends.
#![no_main]

use casebook_fuzz::capture;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // The first byte chooses one of the six magics, so that the fuzzer need not find them.
    let Some((first, rest)) = data.split_first() else { return };
    let magic = [0xa1b2_c3d4_u32, 0xa1b2_3c4d, 0xa1b2_cd34][usize::from(first % 3)];
    let magic = if first & 0x80 == 0 { magic.to_le_bytes() } else { magic.to_be_bytes() };
    capture(&[&magic, rest].concat());
});
