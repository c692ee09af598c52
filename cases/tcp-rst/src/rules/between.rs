//! RST109 reset-between-captures

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Place, Rule};

use crate::facts::Facts;
use crate::model::matching::{There, compare, matched};
use crate::model::words::{at, end, peer, reset_place, trigger_place};

casebook_core::rule! {
    /// Two captures hold the same connection, and a RST is in one of them only, on the far side from the end it speaks for:
    /// it was sent between the two.
    ///
    /// Address translation leaves the initial sequence numbers, which name the connection in both captures. If the packet
    /// that was answered is missing too, it was stopped, or sent elsewhere, in between.
    ///
    /// Mechanism: a packet is in every complete capture on its way.
    ///
    /// Fix: look at what stands between the two points.
    pub RESET_BETWEEN_CAPTURES = "RST109" "reset-between-captures" of "tcp-rst", Error, since "0.1.0",
    "a RST was sent between the points of two captures",
    check(Facts)
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for here in &facts.captures {
        for there in facts.captures.iter().filter(|there| there.evidence != here.evidence) {
            for pair in matched(&here.flows, &there.flows) {
                let Some(reset) = pair.here.resets.first() else { continue };
                // The second capture has to lie nearer to the side the RST speaks for, or it is not on its way.
                if !nearer(pair.here, pair.there, reset.side) {
                    continue;
                }
                let what = compare(reset, pair.there, there.last_ns);
                let (because, fate) = match what {
                    There::Seen | There::Ended => continue,
                    There::TriggerAbsent => (
                        "Neither the RST nor the packet it answers is in the other capture: the packet was stopped, or sent \
                         elsewhere, between the two points, and answered from there.",
                        "stopped",
                    ),
                    There::TriggerSeen => (
                        "The packet it answers is in the other capture, and the RST is not: something between the two points \
                         sent it.",
                        "passed",
                    ),
                };
                let speaker = peer(end(pair.here, reset.side));
                let title = format!(
                    "the RST that carries {speaker} is in {} and not in {}: it was sent between the two",
                    here.path, there.path
                );
                let mut builder = FindingBuilder::new(rule, title, reset_place(pair.here, reset, "the RST, seen here"));
                if let Some(place) = trigger_place(pair.here, reset, "what it answers") {
                    builder = builder.place(place);
                }
                let last = format!("{} > {}, last packet", peer(pair.there.client), peer(pair.there.server));
                out.push(
                    builder
                        .place(
                            Place::context(at(pair.there.last), "the same connection there ends here").shown_as(last),
                        )
                        .because(format!(
                            "Both captures hold the connection: initial sequence numbers {} and {}.",
                            pair.here.client_state.isn.unwrap_or(0),
                            pair.here.server_state.isn.unwrap_or(0)
                        ))
                        .because(because)
                        .because("This holds if neither capture lost packets.")
                        .key(peer(pair.here.server))
                        .key(fate)
                        .build(evidence),
                );
            }
        }
    }
    out
}

/// True when the packets of `side` have passed fewer routers at `there` than at `here`, or as many: TTLs that are not known count as
/// nearer only if the captures differ.
fn nearer(here: &crate::facts::flow::Flow, there: &crate::facts::flow::Flow, side: crate::facts::flow::Side) -> bool {
    let ttl = |flow: &crate::facts::flow::Flow| {
        let state = match side {
            crate::facts::flow::Side::Client => &flow.client_state,
            crate::facts::flow::Side::Server => &flow.server_state,
        };
        state.ttl_handshake.or(state.ttl_range.map(|(_, high)| high))
    };
    matches!((ttl(here), ttl(there)), (Some(here), Some(there)) if there > here)
}
