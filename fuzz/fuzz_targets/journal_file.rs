//! Binary journal files: every place is inside, entries follow each other. The signature is put in front, so that the fuzzer need not
//! find it.
#![no_main]

use casebook_formats::journal::Form;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut file = b"LPKSHHRH".to_vec();
    file.extend(data);
    casebook_fuzz::journal(Form::File, &file);
});
