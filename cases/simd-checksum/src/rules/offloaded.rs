//! SUM103 offloaded-not-corrupt
//!
//! Speaks on: fixtures/offloaded. Silent on: fixtures/healthy.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Place, Rule, rule};
use serde_json::{Value, json};

use super::words::{are, arrow, flow_line, plural, were};
use crate::facts::direction::Direction;
use crate::facts::{Capture, Facts};

rule! {
    /// Checksums that look wrong were left to the network card: nothing happened to the packets.
    ///
    /// A sender that leaves the sum to its card writes the folded sum of the pseudo header into the field, and a capture on
    /// that machine sees the packet before the card does. This is no guess from the share of bad sums: the field of each packet
    /// is compared with the folded pseudo header, length included. By chance one packet in 65536 agrees.
    ///
    /// It is not only outgoing packets. Between namespaces, containers and virtual machines (veth, virtio, lo) no card
    /// ever completes the sum, so packets arrive with it; and GRO writes the pseudo header's sum into what it has merged
    /// (`tcp4_gro_complete`). Such packets are fine: their buffer is marked `CHECKSUM_PARTIAL`.
    ///
    /// Mechanism: `__tcp_v4_send_check` and `udp4_hwcsum` (net/ipv4), `skb_checksum_help` completes it where a device cannot.
    ///
    /// Fix: none is needed. To see sums as they are on the wire, capture on the other machine, or switch the offload off while
    /// capturing: `ethtool -K DEVICE tx off gso off gro off`.
    pub OFFLOADED = "SUM103" "offloaded-not-corrupt" of "simd-checksum", Note, since "0.1.0",
    "checksums that look wrong were left to the network card",
    check(Facts)
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    facts.captures.iter().filter_map(|capture| finding(rule, capture, evidence)).collect()
}

/// One for a capture: a thousand connections of one machine are one fact.
fn finding(rule: &'static Rule, capture: &Capture, evidence: &EvidenceSet) -> Option<Finding> {
    let list: Vec<&Direction> =
        capture.directions.list().iter().filter(|direction| direction.counts.offloaded() > 0).collect();
    let first = *list.iter().min_by_key(|direction| direction.first_offloaded.map(|packet| packet.number))?;
    let packet = first.first_offloaded?;
    let count: u64 = list.iter().map(|direction| direction.counts.offloaded()).sum();
    let pseudo: u64 = list.iter().map(|one| one.counts.pseudo + one.counts.pseudo_no_length).sum();
    let (flagged, zero): (u64, u64) =
        list.iter().fold((0, 0), |(flagged, zero), one| (flagged + one.counts.flagged, zero + one.counts.zero));
    let title = format!(
        "{count} checksum{} in {} direction{} {} left to the network card and {} no corruption",
        plural(count),
        list.len(),
        plural(list.len() as u64),
        were(count),
        are(count),
    );
    let line = format!("{}, sum left to the card", flow_line(&first.way));
    let mut builder = FindingBuilder::new(
        rule,
        title,
        Place::primary(packet.at(capture.id()), "the field is the sum of the pseudo header").shown_as(line),
    );
    if pseudo > 0 {
        let told = |one: &&Direction| one.counts.pseudo + one.counts.pseudo_no_length;
        let fewest = list.iter().map(told).filter(|count| *count > 0).min().unwrap_or(0);
        let without = list.iter().map(|one| one.counts.pseudo_no_length).sum::<u64>();
        builder = builder.because(format!(
            "{} the folded sum of the pseudo header{}. One packet agrees by chance once in 65536, all n of a direction once in \
             65536^n; the direction with the fewest has {fewest}.",
            if pseudo == 1 { "One field is".to_owned() } else { format!("{pseudo} fields are") },
            if without > 0 { format!(", {without} of them with a length of 0, as for segmentation offload") } else { String::new() },
        ));
    }
    if flagged > 0 {
        builder = builder.because(format!("The capture itself marks {flagged} as not ready (epb_flags, bit 9 or 11)."));
    }
    if zero > 0 {
        builder = builder.because(format!(
            "The IPv4 header of {zero} has a sum of 0, as segmentation offload leaves it: the card writes one for each segment."
        ));
    }
    let back =
        |one: &&&Direction| capture.directions.get(&one.way.back()).is_some_and(|other| other.counts.offloaded() > 0);
    let both = list.iter().filter(back).count();
    if both > 0 {
        builder = builder.because(format!(
            "For {both} of the directions the other way of the flow shows the same, so packets that arrive carry it too: over veth, virtio or lo no card \
             completes it, and GRO writes it into what it merges.",
        ));
    }
    let large = list.iter().map(|one| one.largest_bytes).max().unwrap_or(0);
    if large > 9000 {
        builder = builder.because(format!(
            "The largest has {large} bytes: a super-segment that is cut into packets behind the place of the capture.",
        ));
    }
    let mixed = list.iter().filter(|one| one.counts.bad > 0).count();
    if mixed > 0 {
        builder = builder.because(format!(
            "{mixed} of the directions have bad sums as well, which are neither right nor left to a card; they have findings of \
             their own.",
        ));
    }
    let shown: Vec<Value> = list.iter().copied().take(64).map(direction).collect();
    let witness = json!({ "offloaded": count, "directions": shown, "more_directions": list.len().saturating_sub(64) });
    let text = format!("{}: {} of {} sums", arrow(&first.way), first.counts.offloaded(), first.counts.all());
    builder = builder.witness(witness, text).replay(format!("casebook checksum {}", capture.path));
    Some(builder.build(evidence))
}

fn direction(one: &Direction) -> Value {
    json!({
        "flow": arrow(&one.way),
        "protocol": one.way.protocol.name(),
        "pseudo": one.counts.pseudo,
        "pseudo_without_length": one.counts.pseudo_no_length,
        "flagged": one.counts.flagged,
        "zero": one.counts.zero,
        "good": one.counts.good,
        "bad": one.counts.bad,
    })
}
