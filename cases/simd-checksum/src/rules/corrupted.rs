//! SUM101 corrupted-packet
//!
//! Speaks on: fixtures/bit-flip, fixtures/sctp-bit. Silent on: fixtures/healthy.

use std::collections::BTreeSet;

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Place, Rule, rule};
use serde_json::{Value, json};

use super::witness;
use super::words::{arrow, byte, context, destination, messages, place, source, value, were};
use crate::facts::Facts;
use crate::model::crc::FOUR_BITS_BYTES;
use crate::model::forensics::{Cause, Examined, Judged, judge};
use crate::model::sums::pseudo;
use casebook_checksum::ones;

rule! {
    /// A packet was changed after its checksum was made.
    ///
    /// The difference between the checksum a packet carries and the one its bytes give says what happened. One's complement
    /// sums are linear: one bit that was turned on in any word adds a power of two, one that was turned off takes it away, so
    /// the difference names the bit of the word and the direction. Which word it is, a retransmission or a capture of another
    /// place shows: its bytes put in must make the stored sum hold. A CRC-32C names the place by itself.
    ///
    /// Mechanism: RFC 1071 section 2, RFC 9260 appendix A. A link has a check of its own, so a packet that arrives over Ethernet
    /// with a good frame check and a bad sum was changed inside of a machine: memory of a card, switch or router, a driver, or a
    /// program that rewrites packets (Stone and Partridge, "When The CRC and TCP Checksum Disagree", 2000).
    ///
    /// Fix: capture on both sides of each device of the path; the device between a good and a bad copy is the one.
    pub CORRUPTED = "SUM101" "corrupted-packet" of "simd-checksum", Error, since "0.1.0",
    "a packet was changed after its checksum was made",
    check(Facts)
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let judged = judge(facts, evidence);
    let found = judged.iter().filter(|one| one.packets[0].cause.group() == 0);
    found.map(|one| finding(rule, one, evidence)).collect()
}

/// The packet that tells most comes first: one that is located, then one of a single bit.
fn rank(cause: &Cause) -> u8 {
    match cause {
        Cause::Changed { .. } | Cause::CrcBit(_) => 0,
        Cause::Bit { .. } => 1,
        _ => 2,
    }
}

fn finding(rule: &'static Rule, judged: &Judged<'_>, evidence: &EvidenceSet) -> Finding {
    let id = judged.capture.id();
    let best = judged.packets.iter().min_by_key(|one| rank(&one.cause)).unwrap_or(&judged.packets[0]);
    let way = &judged.way;
    // Where not all were looked into, those that were stand for the rest.
    let mixed = judged.packets.len() < judged.differences.kept;
    let count = judged.count(!mixed);
    let subject = format!("{} from {} to {}", messages(way.protocol, count), source(way), destination(way));
    if let Some(numbers) = of_other_addresses(judged) {
        return left_to_the_card(rule, judged, best, count, &numbers, evidence);
    }
    let title = match (&best.cause, &best.specimen) {
        (Cause::Changed { changes, .. }, Some(specimen)) if count == 1 => match changes.as_slice() {
            [one] if (one.was ^ one.is).count_ones() == 1 => {
                format!("one bit of {} was flipped in {subject}, after its sum was made", byte(specimen, one.at))
            }
            [one] => format!("{} was changed in {subject}, after its sum was made", byte(specimen, one.at)),
            more => format!("{} bytes of the payload were changed in {subject}, after its sum was made", more.len()),
        },
        (Cause::CrcBit(bit), Some(specimen)) if count == 1 => {
            format!("one bit of {} was flipped in {subject}, after its CRC was made", byte(specimen, bit.at))
        }
        (Cause::Bit { .. }, _) if count == 1 => format!("one bit was flipped in {subject}, after its sum was made"),
        _ => format!("{subject} {} changed after the sum was made", were(count)),
    };
    let mut builder =
        FindingBuilder::new(rule, title, place(id, best.kept, best.specimen.as_ref(), "its bytes do not give its sum"));
    for other in judged.packets.iter().filter(|other| other.kept.site != best.kept.site).take(3) {
        let line = place(id, other.kept, other.specimen.as_ref(), short(other));
        builder = builder.place(Place { primary: false, ..line });
    }
    builder = explain(builder, best, judged, evidence);
    if judged.sound > 0 {
        builder = builder.because(format!(
            "{} other checksums of this direction hold or were left to the card: the sender makes them as it should.",
            judged.sound
        ));
    }
    if !matches!(best.cause, Cause::Changed { .. } | Cause::CrcBit(_)) {
        builder = builder.because(
            "Which byte it is, an unharmed copy would show: a retransmission, or a capture nearer to the sender. The evidence \
             has none.",
        );
    }
    let packets: Vec<Value> = judged.packets.iter().map(|one| witness::packet(one, evidence)).collect();
    let text = format!(
        "packet {}: stored {}, computed {}",
        best.kept.site.packet.number,
        value(way.protocol, best.kept.stored),
        value(way.protocol, best.kept.computed)
    );
    builder
        .witness(json!({ "flow": arrow(way), "bad": judged.differences.bad, "packets": packets }), text)
        .key(arrow(way))
        .replay(format!("casebook checksum {}", judged.capture.path))
        .build(evidence)
}

/// What the sums of a direction are beside those of their pseudo headers, when each such number is that of several packets with
/// different payloads: the fields are sums of pseudo headers with other addresses, left to the card, and the addresses were
/// replaced afterwards.
fn of_other_addresses(judged: &Judged<'_>) -> Option<Vec<u16>> {
    if judged.sound > 0 || judged.packets.len() < ALIKE {
        return None;
    }
    let mut apart = Vec::new();
    for one in &judged.packets {
        let specimen = one.specimen.as_ref()?;
        // The field of a packet that is left to the card is the sum itself, not its complement.
        let sum = !pseudo(specimen.pseudo.as_ref()?).checksum();
        apart.push((ones::canonical(ones::sub(one.kept.stored as u16, sum)), one.kept.computed));
    }
    let shared = |(number, computed): &(u16, u32)| apart.iter().any(|one| one.0 == *number && one.1 != *computed);
    let numbers: BTreeSet<u16> = apart.iter().map(|(number, _)| *number).collect();
    apart.iter().all(shared).then(|| numbers.into_iter().collect())
}

/// Packets of a direction that have to agree.
const ALIKE: usize = 3;

fn left_to_the_card(
    rule: &'static Rule,
    judged: &Judged<'_>,
    best: &Examined<'_>,
    count: u64,
    numbers: &[u16],
    evidence: &EvidenceSet,
) -> Finding {
    let way = &judged.way;
    let title = format!(
        "{} from {} to {} {} left to the network card before the addresses were replaced",
        messages(way.protocol, count),
        source(way),
        destination(way),
        were(count)
    );
    let shown: Vec<String> = numbers.iter().map(|number| format!("0x{number:04x}")).collect();
    let shown = shown.join(" or ");
    let line = place(judged.capture.id(), best.kept, best.specimen.as_ref(), "the sum of another pseudo header");
    FindingBuilder::new(rule, title, line)
        .exonerated()
        .because(format!(
            "The field of all {} packets that were looked into is the sum of the pseudo header plus {shown}, whatever their \
             payload: other addresses are such a number, as in a capture that was anonymised.",
            judged.packets.len()
        ))
        .witness(json!({ "flow": arrow(way), "apart": numbers }), format!("apart by {shown}"))
        .key(arrow(way))
        .replay(format!("casebook checksum {}", judged.capture.path))
        .build(evidence)
}

fn explain(
    mut builder: FindingBuilder,
    best: &Examined<'_>,
    judged: &Judged<'_>,
    evidence: &EvidenceSet,
) -> FindingBuilder {
    let Some(specimen) = &best.specimen else { return builder };
    let id = judged.capture.id();
    match &best.cause {
        Cause::Changed { changes, copy } => {
            let bits: u32 = changes.iter().map(|change| (change.was ^ change.is).count_ones()).sum();
            let first = changes[0];
            let flow = copy.1.packet;
            builder = builder.place(context(copy.0, flow, &judged.way, "the same bytes unharmed")).because(format!(
                "Packet {}{} holds the same payload unharmed. Putting its bytes in ({} where {} bit{} differ{}) makes the stored \
                 sum hold: {} was 0x{:02x} and arrived as 0x{:02x}.",
                flow.number,
                if copy.0 == id { String::new() } else { format!(" of {}", evidence.path(copy.0)) },
                if changes.len() == 1 { "one".to_owned() } else { changes.len().to_string() },
                bits,
                if bits == 1 { "" } else { "s" },
                if bits == 1 { "s" } else { "" },
                byte(specimen, first.at),
                first.was,
                first.is,
            ));
            let span = specimen.span(id, first.at, first.at + 1);
            builder.step(
                format!("{}: 0x{:02x} became 0x{:02x}", byte(specimen, first.at), first.was, first.is),
                Some(casebook_core::At::Packet { number: best.kept.site.packet.number, span }),
            )
        }
        Cause::CrcBit(bit) => {
            let other = if specimen.covered.len() <= FOUR_BITS_BYTES {
                "no change of two, three or four bits"
            } else {
                "no change of two bits"
            };
            let span = specimen.span(id, bit.at, bit.at + 1);
            builder
                .because(format!(
                    "The stored CRC-32C and that of the bytes differ by 0x{:08x}, which is what bit 0x{:02x} of byte {} counts \
                     and nothing else of one bit does; {other} has the same difference.",
                    best.kept.stored ^ best.kept.computed,
                    bit.mask,
                    bit.at,
                ))
                .step(
                    format!("byte {} arrived as 0x{:02x}", bit.at, specimen.covered[bit.at]),
                    Some(casebook_core::At::Packet { number: best.kept.site.packet.number, span }),
                )
        }
        Cause::Bit { flip, or } => {
            builder = builder.because(format!(
                "Stored minus computed is {}2^{}: one word has bit {} turned {} since the sum was made. {} of the {} words that are \
                 covered have that bit as it would be now. A damage of many bits looks like this in 32 of 65535 cases.",
                if flip.now_set { "" } else { "-" },
                flip.bit,
                flip.bit,
                if flip.now_set { "on" } else { "off" },
                flip.candidates,
                flip.words,
            ));
            match or {
                Some(mistake) => builder.because(format!(
                    "A sender that makes its sum otherwise ({}) gives the same difference; a second bad packet of the direction \
                     would tell.",
                    witness::name(*mistake),
                )),
                None => builder,
            }
        }
        _ if specimen.protocol == casebook_formats::packet::Protocol::Sctp => builder.because(
            "No single flipped bit gives the CRC-32C it carries, nor do Adler-32 or another byte order: more was changed.",
        ),
        _ => builder.because(format!(
            "Stored minus computed is 0x{:04x}: no single bit, no rewriting of an address that another flow shows, and no \
             usual way to make a sum wrong gives it.",
            specimen.difference(),
        )),
    }
}

/// What is said about a further packet.
fn short(one: &Examined<'_>) -> String {
    match &one.cause {
        Cause::Changed { changes, .. } => match (&one.specimen, changes.as_slice()) {
            (Some(specimen), [change]) => {
                format!("{}: 0x{:02x}, was 0x{:02x}", byte(specimen, change.at), change.is, change.was)
            }
            _ => format!("{} bytes changed", changes.len()),
        },
        Cause::CrcBit(bit) => format!("bit 0x{:02x} of byte {}", bit.mask, bit.at),
        Cause::Bit { flip, .. } => {
            format!("bit {} of a word turned {}", flip.bit, if flip.now_set { "on" } else { "off" })
        }
        _ => "more than one bit".to_owned(),
    }
}
