//! Recordings of memory, ours and those of others: places are inside, samples are counted, memory is bounded. The first byte says
//! which kind; of ours the rest is a file after its first line, or (1) what a block unpacks to, with the frame put around it.
#![no_main]

use case_cgroup_memory::facts::recording::{self, Sample};
use casebook_core::{Bytes, EvidenceSet};
use libfuzzer_sys::fuzz_target;

const KINDS: [&str; 5] = ["memory-recording", "memory-recording", "below-dump", "prometheus-memory", "kubelet-summary"];
const MAGIC: &[u8] = b"casebook.memory-recording/1\n";
const HEADER: &[u8] = br#"{"schema":"casebook.memory-recording/1","interval_us":1000000,"fields":["memory.current","memory.max","memory.events max"]}"#;

/// CRC-32 of a tag and its content (ISO 3309).
fn checksum(tag: u8, content: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in std::iter::once(&tag).chain(content) {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
        }
    }
    !sum
}

fn record(file: &mut Vec<u8>, tag: u8, content: &[u8]) {
    file.extend(b"\xc5MR");
    file.push(tag);
    file.extend((content.len() as u32).to_le_bytes());
    file.extend(checksum(tag, content).to_le_bytes());
    file.extend(content);
}

/// Bytes as deflate stores them (RFC 1951, 3.2.4).
fn stored(bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len() as u16;
    [&[1][..], &length.to_le_bytes(), &(!length).to_le_bytes(), bytes].concat()
}

fuzz_target!(|data: &[u8]| {
    let Some((which, rest)) = data.split_first() else { return };
    let which = usize::from(*which) % KINDS.len();
    let mut file = if which < 2 { MAGIC.to_vec() } else { Vec::new() };
    if which == 1 {
        record(&mut file, b'H', HEADER);
        // Two blocks: the second may continue the first.
        for block in rest[..rest.len().min(60_000)].splitn(2, |byte| *byte == 0x1e) {
            record(&mut file, b'B', &stored(block));
        }
    } else {
        file.extend(rest);
    }
    let length = file.len();
    let mut set = EvidenceSet::new();
    let id = set.add("0", Some(KINDS[which]), Bytes::new(file));
    let Some(item) = set.get(id) else { return };
    let mut count = 0;
    let outcome = recording::read(item, &mut |sample: &Sample<'_>| {
        assert_eq!(sample.index, count);
        assert!(sample.place.0 <= sample.place.1 && sample.place.1 <= length);
        count += 1;
        let _ = sample.groups().filter(|group| group.changed && group.fields.keys().current.is_some()).count();
    });
    let outcome = outcome.expect("a kind of recordings");
    assert_eq!(outcome.samples, count);
    assert!(outcome.gaps.list().iter().all(|gap| gap.start <= gap.end && gap.end <= length));
});
