//! ELF files, as the reader sees them and as files of a link with their source lines. Class and byte order are put in
//! front by the first byte, so that the fuzzer need not find them.
#![no_main]

use casebook_fuzz::objects;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let mut file = b"\x7fELF".to_vec();
    file.extend([1 + (first & 1), 1 + (first >> 1 & 1), 1, 0]);
    file.extend(rest);
    objects::elf(&file);
    objects::program(&file);
});
