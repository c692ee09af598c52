//! `journalctl -o export`: every place is inside, entries follow each other.
#![no_main]

use casebook_formats::journal::Form;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| casebook_fuzz::journal(Form::Export, data));
