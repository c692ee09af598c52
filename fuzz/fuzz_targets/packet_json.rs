//! Packets as JSON objects: a place for every error, and the same packet again from what is printed.
#![no_main]

use casebook_formats::nft::packet_json;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| match packet_json::parse(text) {
    Ok((_, packet)) => {
        let line = packet_json::to_json(&packet).to_string();
        let (_, again) = packet_json::parse(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(again.bytes, packet.bytes, "{line}");
    }
    Err(error) => assert!(text.get(error.at.clone()).is_some(), "{:?} of {text:?}", error.at),
});
