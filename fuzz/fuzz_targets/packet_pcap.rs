//! Captures: no record reaches past the file.
#![no_main]

use casebook_formats::nft::{packet_pcap, packet_text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    packet_pcap::is_capture(data);
    for number in 0..4 {
        match packet_pcap::record(data, number) {
            Ok(record) => {
                assert!(record.bytes.len() <= record.captured_len as usize);
                let _ = packet_text::parse_about("iif eth0", record.bytes, record.link);
            }
            Err(error) => assert!(data.get(error.at.clone()).is_some(), "{:?}", error.at),
        }
    }
});
