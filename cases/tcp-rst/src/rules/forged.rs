//! RST106 forged-reset

use casebook_core::{EvidenceSet, Finding, Rule};

use super::resets::{Cause, findings};
use crate::facts::Facts;
use crate::model::words::peer;

casebook_core::rule! {
    /// A RST that neither end's kernel makes: another kind of stack, an IP-ID copied from the packet it answers, a form that
    /// mixes both.
    ///
    /// Devices that watch connections and end them do this: intrusion prevention, content filters, some firewalls.
    ///
    /// Mechanism: Weaver, Sommer, Paxson, "Detecting Forged TCP Reset Packets" (NDSS 2009).
    ///
    /// Fix: compare captures on both sides of each device on the path; ask who runs the filter.
    pub FORGED_RESET = "RST106" "forged-reset" of "tcp-rst", Error, since "0.1.0",
    "a RST was made by something that is neither end",
    check(Facts), when Facts::has_captures
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    findings(facts, evidence, Cause::Forged, |group| {
        let (receiver, speaker) = (peer(group.receiver()), peer(group.speaker()));
        let title = if group.verdict.left.len() < 2 {
            format!("the RST to {receiver} carries {speaker} and was made by something else on the path")
        } else {
            format!("the RST to {receiver} carries {speaker} and is not made as a kernel makes one")
        };
        let builder = group.finding(rule, evidence, title).because(format!("Who can have sent it: {}.", group.left()));
        if group.verdict.left.len() < 2 {
            return builder;
        }
        builder.missing(
            "A capture at the end whose address it carries: a RST that is here and not there was made in between.",
        )
    })
}
