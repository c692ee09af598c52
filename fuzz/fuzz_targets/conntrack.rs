//! Text of conntrack: places are inside their lines and lines follow each other. The same bytes as packets: the model takes
//! any of them, at any time.
#![no_main]

use case_tcp_rst::facts::conntrack::{Item, Place, Record, read};
use case_tcp_rst::facts::flow::{Flags, Side, Sum};
use case_tcp_rst::model::conntrack::{Behaviour, Host, Options, Packet, Release, packet};
use case_tcp_rst::model::events;
use casebook_core::EvidenceId;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    text(bytes);
    packets(bytes);
});

fn text(bytes: &[u8]) {
    let mut end = 0;
    for item in read(EvidenceId(0), bytes) {
        let span = match &item {
            Item::Record(record) => {
                places(record);
                record.line
            }
            Item::Stats(stats) => stats.line,
            Item::Lost(span) | Item::TableFull(span) | Item::Message(span) => *span,
            Item::Unread(gap) => gap.span,
        };
        assert!(span.start >= end && span.start < span.end && span.end as usize <= bytes.len());
        end = span.end;
    }
    events::study(read(EvidenceId(0), bytes));
}

fn places(record: &Record) {
    let Record {
        event_place, timeout_place, state_place, original_place, reply_place, helper_place, unread_place, ..
    } = record;
    let all: [&Place; 7] =
        [event_place, timeout_place, state_place, original_place, reply_place, helper_place, unread_place];
    for place in all {
        let span = record.span(*place);
        assert!(span.start >= record.line.start && span.end <= record.line.end);
    }
}

fn packets(bytes: &[u8]) {
    let Some((setting, rest)) = bytes.split_first() else { return };
    let releases = [Release(4, 14, 0), Release(5, 4, 33), Release(5, 15, 0), Release(6, 1, 192), Release(6, 18, 44)];
    let mut host = Host::new(Behaviour::of(releases[usize::from(*setting) % releases.len()]));
    host.settings.loose = setting & 8 == 0;
    host.settings.be_liberal = setting & 16 != 0;
    let (mut slot, mut now_us) = (None, 0u64);
    for part in rest.chunks_exact(24) {
        let number = |at: usize| u32::from_le_bytes([part[at], part[at + 1], part[at + 2], part[at + 3]]);
        let segment = Packet {
            from: if part[0] & 1 == 0 { Side::Client } else { Side::Server },
            flags: Flags(part[1]),
            seq: number(2),
            ack: number(6),
            window: u16::from_le_bytes([part[10], part[11]]),
            payload_bytes: u32::from(part[12]),
            options: Options::parse(&part[13..24]),
            truncated: false,
            sum: Sum::Good,
            arrives: true,
        };
        now_us = now_us.saturating_add(1 << (part[0] >> 2));
        let outcome = packet(&host, &mut slot, &segment, now_us);
        assert!(!outcome.steps.is_empty());
    }
}
