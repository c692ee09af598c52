//! SUM107 unverifiable
//!
//! Speaks on: fixtures/snaplen. Silent on: fixtures/healthy.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Place, Rule, Severity, rule};
use casebook_formats::packet::Protocol;
use serde_json::json;

use super::words::{arrow, destination, flow_line, messages, plural, source};
use crate::facts::counts::Counts;
use crate::facts::direction::Direction;
use crate::facts::{Capture, Facts};

rule! {
    /// Checksums cannot be verified: the capture kept too little, or the packets are shorter than they say.
    ///
    /// A capture with a snap length keeps the head of each packet, and a sum wants all of it. Silence about corruption means
    /// nothing then, which is said when most of the sums of the capture are in this state. A packet that is shorter on the wire
    /// than its IP length was cut before the capture, by the one who sent or forwarded it: its receiver drops it.
    ///
    /// Sums left to the card are recognised from the head alone and are not counted here. Fragments are not put together.
    ///
    /// Fix: capture whole packets (`tcpdump -s 0`).
    pub UNVERIFIABLE = "SUM107" "unverifiable" of "simd-checksum", Note, since "0.1.0",
    "checksums cannot be verified because packets are cut",
    check(Facts)
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for capture in &facts.captures {
        out.extend(cut(rule, capture, evidence));
        let short = capture.directions.list().iter().filter(|one| one.counts.length > 0);
        out.extend(short.filter_map(|one| shorter(rule, capture, one, evidence)));
    }
    out
}

/// Sums of everything but IPv4 headers.
fn payloads(capture: &Capture) -> Counts {
    let mut all = Counts::default();
    Protocol::ALL
        .into_iter()
        .filter(|protocol| *protocol != Protocol::Ipv4)
        .for_each(|protocol| all.join(capture.counts(protocol)));
    all
}

/// One for a capture that keeps too little, when most of its sums are lost by it.
fn cut(rule: &'static Rule, capture: &Capture, evidence: &EvidenceSet) -> Option<Finding> {
    let all = payloads(capture);
    if all.cut <= all.good + all.offloaded() + all.bad {
        return None;
    }
    let first = capture.directions.list().iter().filter(|one| one.counts.cut > 0);
    let first = first.min_by_key(|one| one.first_without.map(|packet| packet.number))?;
    let title = format!(
        "{} of {} checksums cannot be verified: the capture kept at most {} bytes of a packet it cut",
        all.cut,
        all.all() - all.without(),
        capture.cut_at,
    );
    let place = Place::primary(first.first_without?.at(capture.id()), "the rest of it was not kept");
    let builder = FindingBuilder::new(rule, title, place.shown_as(flow_line(&first.way)))
        .because("A checksum covers the whole message. That no corruption is reported here says nothing about those.")
        .because(format!("{} could be verified, {} were left to the network card, {} are bad.", all.good, all.offloaded(), all.bad))
        .witness(
            json!({ "cut": all.cut, "kept_bytes": capture.cut_at, "verified": all.good + all.bad, "offloaded": all.offloaded() }),
            format!("{} cut, {} verified", all.cut, all.good + all.bad),
        )
        .replay(format!("casebook checksum {}", capture.path));
    Some(builder.build(evidence))
}

/// Packets that were shorter on the wire than their own length.
fn shorter(rule: &'static Rule, capture: &Capture, one: &Direction, evidence: &EvidenceSet) -> Option<Finding> {
    let (way, count) = (&one.way, one.counts.length);
    let title = format!(
        "{} from {} to {} arrived shorter than the length field says, and no sum can hold",
        messages(way.protocol, count),
        source(way),
        destination(way)
    );
    let place = Place::primary(one.first_short?.at(capture.id()), "shorter than its length field");
    let builder = FindingBuilder::new(rule, title, place.shown_as(flow_line(way)))
        .severity(Severity::Warning)
        .because(
            "The record says how long the packet was on the wire, and that is less than its own length: it was cut before it \
             came here, not by the capture. Its receiver drops it (ip_rcv of net/ipv4/ip_input.c, InTruncatedPkts).",
        )
        .witness(json!({ "flow": arrow(way), "short": count }), format!("{count} packet{}", plural(count)))
        .key(arrow(way))
        .replay(format!("casebook checksum {}", capture.path));
    Some(builder.build(evidence))
}
