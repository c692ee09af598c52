//! nft text: parse, lower, and evaluate a few packets; up to four files that can include each other.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| casebook_fuzz::ruleset("nft-text", data));
