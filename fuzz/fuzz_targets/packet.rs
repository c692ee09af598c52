//! A frame of any link type: what is taken apart and verified is inside of it.
#![no_main]

use casebook_formats::capture::{FrameFlags, LinkType};
use casebook_formats::packet::{checksum, dissect, offset};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, u32, u32, &[u8])| {
    let (link, original_bytes, flags, frame) = input;
    let mut packet = Some(dissect(LinkType(link), frame, original_bytes));
    // Each tunnel takes at least a header off.
    for _ in 0..=frame.len() {
        let Some(at) = packet else { return };
        for check in checksum::verify(&at, FrameFlags(flags)).iter() {
            assert!(check.field.is_empty() || offset(frame, check.field).is_some());
            assert!(check.covered.is_empty() || offset(frame, check.covered).is_some());
        }
        packet = at.inner();
    }
    assert!(packet.is_none(), "a packet inside of itself");
});
