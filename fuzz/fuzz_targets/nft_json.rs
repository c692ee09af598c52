//! nft JSON: parse, lower, and evaluate a few packets.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| casebook_fuzz::ruleset("nft-json", data));
