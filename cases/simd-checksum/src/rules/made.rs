//! What the two rules share about sums that were made in another way than the protocol wants.

use std::collections::BTreeMap;

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Place, Rule};
use serde_json::json;

use super::witness;
use super::words::{arrow, destination, messages, place, plural, source, were};
use crate::facts::Facts;
use crate::model::forensics::{Cause, Judged, judge};
use crate::model::mistake::{Mistake, TRIED};

/// Findings about sums of a wrong length, or about others.
pub fn findings(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet, length: bool) -> Vec<Finding> {
    let judged = judge(facts, evidence);
    let found = judged
        .iter()
        .filter_map(|one| usual(one).filter(|mistake| mistake.is_length() == length).map(|how| (one, how)));
    found.map(|(one, mistake)| finding(rule, one, mistake, evidence)).collect()
}

/// What most packets agree on; of trailers the longest.
fn usual(judged: &Judged<'_>) -> Option<Mistake> {
    let mut seen: BTreeMap<&'static str, (usize, Mistake)> = BTreeMap::new();
    for one in &judged.packets {
        let Cause::Made(mistake) = one.cause else { continue };
        let entry = seen.entry(witness::name(mistake)).or_insert((0, mistake));
        *entry = (entry.0 + 1, entry.1.max(mistake));
    }
    seen.into_values().max().map(|(_, mistake)| mistake)
}

fn finding(rule: &'static Rule, judged: &Judged<'_>, mistake: Mistake, evidence: &EvidenceSet) -> Finding {
    let way = &judged.way;
    let count = judged.count(judged.packets.len() == judged.differences.kept);
    let subject = format!("{} from {} to {}", messages(way.protocol, count), source(way), destination(way));
    let title = format!("{subject} {} {}", were(count), done(mistake));
    let id = judged.capture.id();
    let first = &judged.packets[0];
    let mut builder = FindingBuilder::new(rule, title, place(id, first.kept, first.specimen.as_ref(), label(mistake)));
    for other in judged.packets.iter().skip(1).take(2) {
        let line = place(id, other.kept, other.specimen.as_ref(), "and here");
        builder = builder.place(Place { primary: false, ..line });
    }
    let packets: Vec<_> = judged.packets.iter().map(|one| witness::packet(one, evidence)).collect();
    builder
        .because(because(mistake))
        .because(format!(
            "{} packet{} that {} looked into agree{}. {TRIED} other ways and every length of the trailer were tried; one of them \
             agrees with a packet by chance once in 65536.",
            judged.packets.len(),
            plural(judged.packets.len() as u64),
            were(judged.packets.len() as u64),
            if judged.packets.len() == 1 { "s" } else { "" },
        ))
        .because("Nothing happened to the packet on its way: its sender, or the last one to rewrite it, made the sum like this.")
        .witness(
            json!({ "flow": arrow(way), "how": witness::name(mistake), "bad": judged.differences.bad, "packets": packets }),
            format!("packet {}: {}", first.kept.site.packet.number, witness::name(mistake)),
        )
        .key(arrow(way))
        .key(witness::name(mistake))
        .replay(format!("casebook checksum {}", judged.capture.path))
        .build(evidence)
}

fn done(mistake: Mistake) -> String {
    match mistake {
        Mistake::Swapped => "sent with the bytes of the checksum swapped".to_owned(),
        Mistake::NotComplemented => "sent with the sum instead of its complement".to_owned(),
        Mistake::Empty => "sent without a checksum in its field".to_owned(),
        Mistake::NoPseudoHeader => "summed without the pseudo header".to_owned(),
        Mistake::Trailer { bytes } => {
            format!("summed over up to {bytes} byte{} that stand behind the packet", plural(bytes as u64))
        }
        Mistake::OddByteLow => "summed with the last, odd byte in the wrong half of its word".to_owned(),
        Mistake::OddByteMissing => "summed without the last, odd byte".to_owned(),
        Mistake::HeaderOnly => "summed over the header alone".to_owned(),
        Mistake::PayloadLength => "summed with the length of the payload in the pseudo header".to_owned(),
        Mistake::PacketLength => "summed with the length of the whole packet in the pseudo header".to_owned(),
        Mistake::SwappedLength => "summed with the bytes of the length swapped in the pseudo header".to_owned(),
        Mistake::Adler32 => "sent with Adler-32 instead of CRC-32C".to_owned(),
    }
}

fn label(mistake: Mistake) -> &'static str {
    match mistake {
        Mistake::Swapped => "right, in the other byte order",
        Mistake::Empty => "the field is 0",
        Mistake::Adler32 => "the Adler-32 of the packet",
        Mistake::NotComplemented => "the sum, not its complement",
        _ => "the sum of other bytes",
    }
}

fn because(mistake: Mistake) -> &'static str {
    match mistake {
        Mistake::Swapped => "With its bytes the other way round the field is what it should be.",
        Mistake::NotComplemented => "The field is the sum itself; it should be the complement (RFC 1071, section 1).",
        Mistake::Empty => {
            "The field is 0, which is neither the sum nor that of the pseudo header: nobody filled it in."
        }
        Mistake::NoPseudoHeader => {
            "Without addresses, protocol and length the sum is what the field says (RFC 9293, 3.1)."
        }
        Mistake::Trailer { .. } => {
            "With bytes behind the end of the IP packet, padding of a short frame or its check sequence, the sum is what the \
             field says. The length of the packet ends the sum, not that of the frame."
        }
        Mistake::OddByteLow => {
            "An odd last byte is the upper half of a word (RFC 1071, section 4.1); here it was the lower."
        }
        Mistake::OddByteMissing => "Without its last byte the packet has the sum the field says.",
        Mistake::HeaderOnly => "Without its payload the packet has the sum the field says.",
        Mistake::PayloadLength => "The pseudo header has the length of header and payload (RFC 9293, 3.1).",
        Mistake::PacketLength => "The pseudo header has the length without the IP header (RFC 9293, 3.1).",
        Mistake::SwappedLength => "With the length in the other byte order the sum is what the field says.",
        Mistake::Adler32 => "SCTP had Adler-32 before RFC 3309 (2002); the field is that of the packet.",
    }
}
