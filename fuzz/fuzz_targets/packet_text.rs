//! The packet language: what is wrong has a place in the line, at character boundaries.
#![no_main]

use casebook_formats::nft::{packet_json, packet_text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match packet_text::parse(text) {
        Ok(packet) => {
            // Whatever can be said in words can be said as an object, and means the same.
            let line = packet_json::to_json(&packet).to_string();
            let (_, again) = packet_json::parse(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(again.bytes, packet.bytes, "{line}");
        }
        Err(error) => assert!(text.get(error.at.clone()).is_some(), "{:?} of {text:?}", error.at),
    }
    if let Err(error) = packet_text::parse_about(text, vec![0x45; 20], false) {
        assert!(text.get(error.at.clone()).is_some(), "{:?} of {text:?}", error.at);
    }
});
