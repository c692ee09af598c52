//! The whole case simd-checksum over two captures: every rule runs, every place of a finding is inside.
#![no_main]

use casebook_fuzz::whole;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| whole(&case_simd_checksum::CASE, &["capture", "capture"], data));
