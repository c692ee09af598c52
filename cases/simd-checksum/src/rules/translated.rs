//! SUM102 translation-left-the-sum
//!
//! Speaks on: fixtures/nat-left-the-sum, fixtures/ttl-left-the-sum. Silent on: fixtures/nat-updates-the-sum.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Place, Rule, rule};
use casebook_formats::packet::Protocol;
use serde_json::json;

use super::witness;
use super::words::{arrow, context, destination, messages, peer, place, plural, source};
use crate::facts::Facts;
use crate::model::forensics::{Cause, Judged, judge};
use crate::model::translation::{End, Translation};

rule! {
    /// An address, a port or a TTL was rewritten and the checksum was left as it was.
    ///
    /// A rewriting changes the sum of every packet by the same number, new words minus old words, whatever the packets hold. So
    /// does the difference between what the packets carry and what they should, when the one who rewrote did not update. It is
    /// proved by a flow of the evidence whose end differs by just that number.
    ///
    /// Mechanism: RFC 1624 (the update); `nf_nat_ipv4_manip_pkt` and `inet_proto_csum_replace4` in the kernel. Programs that
    /// rewrite packets by themselves (TUN forwarders, raw sockets, XDP and eBPF without `bpf_l4_csum_replace`) forget it.
    ///
    /// Fix: update the sum with every word that is rewritten, the transport's as well as the header's, or compute it anew.
    pub TRANSLATED = "SUM102" "translation-left-the-sum" of "simd-checksum", Error, since "0.1.0",
    "an address, a port or a TTL was rewritten and the checksum was left as it was",
    check(Facts)
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let judged = judge(facts, evidence);
    let found = judged.iter().filter(|one| matches!(one.packets[0].cause.group(), 3 | 4));
    found.map(|one| finding(rule, one, evidence)).collect()
}

fn finding(rule: &'static Rule, judged: &Judged<'_>, evidence: &EvidenceSet) -> Finding {
    let way = &judged.way;
    let count = judged.differences.bad;
    let what = messages(way.protocol, count);
    let first = &judged.packets[0];
    let title = match &first.cause {
        Cause::Translated(found) | Cause::TranslatedOffload(found) => {
            let (old, new, other) = ends(found, judged);
            match found.end {
                End::Source => format!("{old} became {new} in {what} to {other}, and the sum was left as it was"),
                End::Destination => {
                    format!("{old} became {new} in {what} from {other}, and the sum was left as it was")
                }
            }
        }
        Cause::Lowered { hops } => format!(
            "the TTL of {what} from {} to {} was lowered by {hops}, and the sum was left as it was",
            source(way),
            destination(way)
        ),
        _ => format!(
            "the sums of {what} from {} to {} are all off by one number, as after a rewriting",
            source(way),
            destination(way)
        ),
    };
    let label = match first.cause {
        Cause::Lowered { .. } => "the sum still has the old TTL in it",
        Cause::Rewritten => "the sum does not hold",
        _ => "the sum still has the old end in it",
    };
    let id = judged.capture.id();
    let mut builder = FindingBuilder::new(rule, title, place(id, first.kept, first.specimen.as_ref(), label));
    for other in judged.packets.iter().skip(1).take(2) {
        let line = place(id, other.kept, other.specimen.as_ref(), "and here, by the same number");
        builder = builder.place(Place { primary: false, ..line });
    }
    let number = format!("0x{:04x}", judged.differences.first);
    builder = builder.because(match (way.protocol, count) {
        // Headers that hold are not counted by direction.
        (Protocol::Ipv4, _) => {
            format!("Stored minus computed is {number} in every header between the two that does not hold.")
        }
        (_, 1) => format!("Stored minus computed is {number}, and no sum of this direction holds."),
        _ => format!("Stored minus computed is {number} in all {count} packets, and no sum of this direction holds."),
    });
    match &first.cause {
        Cause::Translated(found) | Cause::TranslatedOffload(found) => {
            let (old, new, _) = ends(found, judged);
            let label = if found.backwards {
                "a flow that has the old end, the other way"
            } else {
                "a flow that has the old end"
            };
            let shown = if found.backwards { found.old.back() } else { found.old };
            builder = builder.place(context(found.shown_by.0, found.shown_by.1, &shown, label)).because(format!(
                "The words of {new} minus those of {old} are that number. {} tried of the flows that share an end; one agrees by \
                 chance once in 65536.",
                if found.tried == 1 { "One was".to_owned() } else { format!("{} were", found.tried) },
            ));
            if matches!(first.cause, Cause::TranslatedOffload(_)) {
                builder = builder.because(
                    "The sum was left to the network card before: the field is the folded sum of the pseudo header with the old \
                     end, and the card completes it to a wrong one.",
                );
            }
        }
        Cause::Lowered { hops } => {
            builder = builder.because(format!(
                "A TTL lowered by {hops} is that number: the word that holds it lost 0x{hops:02x}00."
            ));
        }
        _ => {
            builder = builder
                .because(
                    "The packets hold different bytes, so damage does not do this: whatever was rewritten, new words minus old \
                     words are that number.",
                )
                .missing("A capture of the same flow before the rewriting, or `conntrack -L` of the machine that translates.");
        }
    }
    builder
        .because(match count {
            1 => format!("It is dropped by {}, whose kernel counts a checksum error.", destination(way)),
            _ => format!("They are dropped by {}, whose kernel counts them as checksum errors.", destination(way)),
        })
        .witness(
            json!({
                "flow": arrow(way),
                "bad": count,
                "difference": number,
                "cause": witness::cause(&first.cause, evidence),
            }),
            format!("{count} packet{}, off by {number}", plural(count)),
        )
        .key(arrow(way))
        .replay(format!("casebook checksum {}", judged.capture.path))
        .build(evidence)
}

/// The old end, the new end and the other one.
fn ends(found: &Translation, judged: &Judged<'_>) -> (String, String, String) {
    let (old, new) = (&found.old, &judged.way);
    // What stayed is not named.
    let pair = |old: (std::net::IpAddr, u16), new: (std::net::IpAddr, u16)| {
        if old.1 == new.1 { (old.0.to_string(), new.0.to_string()) } else { (peer(old.0, old.1), peer(new.0, new.1)) }
    };
    match found.end {
        End::Source => {
            let (old, now) = pair((old.source, old.source_port), (new.source, new.source_port));
            (old, now, destination(new))
        }
        End::Destination => {
            let (old, now) = pair((old.destination, old.destination_port), (new.destination, new.destination_port));
            (old, now, source(new))
        }
    }
}
