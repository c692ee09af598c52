//! SUM105 bad-sum-is-invalid
//!
//! Speaks on: fixtures/leaked-untranslated. Silent on: fixtures/leaked-untranslated-off, fixtures/bit-flip.

use casebook_core::{At, EvidenceSet, Finding, FindingBuilder, Fix, FixClass, Place, Rule, rule};
use serde_json::json;

use super::words::{arrow, context, destination, messages, place, plural, source};
use crate::facts::{CHECKSUM_KEY, Facts, Verifies};
use crate::model::conntrack::{Leak, leak, verifier};
use crate::model::forensics::{Judged, judge};
use crate::model::translation::End;

rule! {
    /// A bad checksum made a packet invalid to connection tracking, so it is not translated.
    ///
    /// Connection tracking verifies checksums at PREROUTING and calls a packet with a bad one INVALID. NAT acts on packets with
    /// an entry alone, so an INVALID packet passes untranslated unless a rule drops it: it reaches the receiver from an address
    /// that one never spoke to. The receiver drops it for its sum and sends no RST, the sender sends it again; what stays is the
    /// wait, and an inner address seen outside. `reject with tcp reset` sends no RST for it either.
    ///
    /// The leak is proved where the capture shows it: a segment with a bad sum under a foreign address, whose sequence number is
    /// that of a connection of the same receiver. Without it the finding needs the setting of the machine that translates.
    ///
    /// Mechanism: `tcp_error` (net/netfilter/nf_conntrack_proto_tcp.c), `nf_nat_inet_fn` (nf_nat_core.c),
    /// `nf_reject_ip_tcphdr_get` (net/ipv4/netfilter/nf_reject_ipv4.c), `tcp_v4_rcv` (net/ipv4/tcp_ipv4.c: `csum_error`).
    ///
    /// Fix: drop what is invalid before it leaves (`ct state invalid drop` in the forward chain); the sender sends it again.
    /// `net.netfilter.nf_conntrack_checksum=0` lets it be translated, with the damage still in it for the receiver to drop.
    pub INVALID = "SUM105" "bad-sum-is-invalid" of "simd-checksum", Warning, since "0.1.0",
    "a packet with a bad checksum is invalid to connection tracking and passes untranslated",
    check(Facts)
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for judged in judge(facts, evidence) {
        let way = judged.way;
        let Some(function) = verifier(way.protocol) else { continue };
        // Who rewrites and forgets the sum is not the one who verifies it.
        if matches!(judged.packets[0].cause.group(), 3 | 4) {
            continue;
        }
        let seq = judged.packets[0].specimen.and_then(|specimen| specimen.seq);
        let leaked = seq.filter(|_| judged.sound == 0).and_then(|seq| leak(judged.capture, way, seq));
        let says = facts.verifies(judged.capture);
        match (leaked, says) {
            (Some(leak), _) => out.push(leaked_finding(rule, &judged, leak, says, function, evidence)),
            (None, Some(says)) => out.push(setting_finding(rule, &judged, says, function, evidence)),
            (None, None) => {}
        }
    }
    out
}

fn leaked_finding(
    rule: &'static Rule,
    judged: &Judged<'_>,
    leak: Leak,
    says: Option<&Verifies>,
    function: &str,
    evidence: &EvidenceSet,
) -> Finding {
    let way = &judged.way;
    let count = judged.packets.len() as u64;
    let what = messages(way.protocol, count);
    let (title, known) = match leak.end {
        End::Source => (
            format!(
                "{what} reached {} as {} instead of {}: a bad sum is invalid to conntrack and not translated",
                destination(way),
                source(way),
                source(&leak.known),
            ),
            source(&leak.known),
        ),
        End::Destination => (
            format!(
                "{what} of {} went on to {} instead of {}: a bad sum is invalid to conntrack and not translated",
                source(way),
                destination(way),
                destination(&leak.known),
            ),
            destination(&leak.known),
        ),
    };
    let (id, first) = (judged.capture.id(), &judged.packets[0]);
    let mut builder =
        FindingBuilder::new(rule, title, place(id, first.kept, first.specimen.as_ref(), "a bad sum, and a foreign address"))
            .place(context(leak.shown_by.0, leak.shown_by.1, &leak.known, "the connection it belongs to"))
            .because(format!(
                "Its sequence number belongs to the connection {}, which shares its other end; no packet with a good sum has the \
                 address it has.",
                arrow(&leak.known)
            ))
            .because(format!(
                "With nf_conntrack_checksum set, {function} calls a packet with a bad sum INVALID at PREROUTING, and NAT acts on no \
                 packet without an entry.",
            ));
    if let Some(says) = says.filter(|says| says.on == Some(true)) {
        builder = builder.place(Place::context(At::Text(says.span), "conntrack verifies checksums here"));
    }
    finish(builder, judged, evidence, Some(&known))
}

fn setting_finding(
    rule: &'static Rule,
    judged: &Judged<'_>,
    says: &Verifies,
    function: &str,
    evidence: &EvidenceSet,
) -> Finding {
    let way = &judged.way;
    let what = messages(way.protocol, judged.packets.len() as u64);
    let on = says.on == Some(true);
    let (id, first) = (judged.capture.id(), &judged.packets[0]);
    let subject = format!("{what} from {} to {}", source(way), destination(way));
    let title = if on {
        format!("{subject} is INVALID to the connection tracking that verifies sums, and not translated")
    } else {
        format!("{subject} is no INVALID packet: connection tracking does not verify sums here")
    };
    let builder =
        FindingBuilder::new(rule, title, place(id, first.kept, first.specimen.as_ref(), "the sum does not hold"))
            .place(Place::context(At::Text(says.span), if on { "sums are verified" } else { "sums are not verified" }));
    if !on {
        return builder
            .exonerated()
            .because(format!(
                "{CHECKSUM_KEY} is 0, so {function} does not look at the sum and the packet is translated."
            ))
            .key(arrow(way))
            .build(evidence);
    }
    let builder = builder.because(format!(
        "{CHECKSUM_KEY} is 1: {function} calls a packet with a bad sum INVALID at PREROUTING, and NAT acts on no packet without an \
         entry. Sums left to the card or verified by it pass.",
    ));
    finish(builder, judged, evidence, None)
}

fn finish(builder: FindingBuilder, judged: &Judged<'_>, evidence: &EvidenceSet, known: Option<&str>) -> Finding {
    let way = &judged.way;
    let count = judged.packets.len() as u64;
    builder
        .because(
            "Its receiver drops it for its sum and answers nothing, and `reject with tcp reset` sends no RST for it: nf_reject \
             verifies the sum first.",
        )
        .fix(Fix {
            title: "drop what is invalid before it leaves".to_owned(),
            class: FixClass::Display,
            edits: Vec::new(),
            commands: vec!["nft insert rule inet filter forward ct state invalid counter drop".to_owned()],
        })
        .witness(
            json!({ "flow": arrow(way), "bad": count, "known": known, "numbers": judged.packets.iter()
                .map(|one| one.kept.site.packet.number).collect::<Vec<_>>() }),
            format!("packet {}, {count} bad sum{}", judged.packets[0].kept.site.packet.number, plural(count)),
        )
        .key(arrow(way))
        .build(evidence)
}
