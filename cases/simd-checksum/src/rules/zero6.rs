//! SUM106 zero-checksum-udp6
//!
//! Speaks on: fixtures/udp6-zero. Silent on: fixtures/udp6-tunnel.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Place, Rule, rule};
use serde_json::json;

use super::words::{arrow, destination, flow_line, messages, plural, source};
use crate::facts::direction::{Direction, Way};
use crate::facts::{Capture, Facts};

rule! {
    /// UDP over IPv6 carries no checksum, and its receiver drops it.
    ///
    /// IPv6 has no header checksum, so UDP must have one (RFC 8200 section 8.1): a receiver drops a datagram with 0. Only tunnels
    /// that both ends set up for it send 0 (RFC 6935, 6936); ports of the usual tunnels are left alone here.
    ///
    /// Mechanism: `udp6_csum_init` (net/ipv6/ip6_checksum.c) drops it unless the socket has UDP_NO_CHECK6_RX; the sender set
    /// UDP_NO_CHECK6_TX, or wrote the packet itself.
    ///
    /// Fix: switch the checksum on in the sender (`udp6zerocsumtx` off on tunnels whose other end has `udp6zerocsumrx` off).
    pub ZERO6 = "SUM106" "zero-checksum-udp6" of "simd-checksum", Error, since "0.1.0",
    "UDP over IPv6 carries no checksum and is dropped by its receiver",
    check(Facts)
}

/// VXLAN, Geneve, GENEVE's and GRE's and MPLS's UDP ports, LISP, L2TP, GTP-U, VXLAN-GPE: tunnels whose ends may agree on 0.
const TUNNELS: [u16; 9] = [4789, 6081, 4754, 6635, 4341, 1701, 2152, 4790, 8472];

fn tunnel(way: &Way) -> bool {
    TUNNELS.contains(&way.destination_port) || TUNNELS.contains(&way.source_port)
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for capture in &facts.captures {
        let found = capture.directions.list().iter().filter(|one| one.counts.illegal_zero > 0 && !tunnel(&one.way));
        out.extend(found.filter_map(|one| finding(rule, capture, one, evidence)));
    }
    out
}

fn finding(rule: &'static Rule, capture: &Capture, one: &Direction, evidence: &EvidenceSet) -> Option<Finding> {
    let count = one.counts.illegal_zero;
    let (way, packet) = (&one.way, one.first_without?);
    let title = format!(
        "{} from {} to {} carr{} no checksum, which IPv6 does not allow",
        messages(way.protocol, count),
        source(way),
        destination(way),
        if count == 1 { "ies" } else { "y" }
    );
    let place = Place::primary(packet.at(capture.id()), "the checksum is 0").shown_as(flow_line(way));
    let mut builder = FindingBuilder::new(rule, title, place)
        .because(
            "RFC 8200 section 8.1: a receiver discards a UDP datagram with a checksum of 0. Linux takes it only on a socket with \
             UDP_NO_CHECK6_RX (udp6_csum_init).",
        )
        .witness(json!({ "flow": arrow(way), "zero": count, "good": one.counts.good }), format!("{count} with 0"))
        .key(arrow(way))
        .replay(format!("casebook checksum {}", capture.path));
    if one.counts.good > 0 {
        builder = builder.because(format!(
            "The sender can make them: {} other datagram{} of this direction hold.",
            one.counts.good,
            plural(one.counts.good)
        ));
    }
    Some(builder.build(evidence))
}
