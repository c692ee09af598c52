//! Archives, thin or not by the first byte: every place is inside, every index leads to something.
#![no_main]

use casebook_fuzz::objects;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let magic: &[u8] = if first & 1 == 0 { b"!<arch>\n" } else { b"!<thin>\n" };
    let file = [magic, rest].concat();
    objects::archive(&file);
    objects::program(&file);
});
