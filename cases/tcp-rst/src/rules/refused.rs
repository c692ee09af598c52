//! RST107 connection-refused

use casebook_core::{EvidenceSet, Finding, Rule};

use super::resets::{Cause, findings};
use crate::facts::Facts;
use crate::model::words::peer;

casebook_core::rule! {
    /// A SYN was answered with a RST: nobody listens on the port, or a rule rejects it.
    ///
    /// It ends no connection, so it is a note.
    ///
    /// Mechanism: RFC 9293, 3.10.7.1, state CLOSED.
    ///
    /// Fix: none is needed where a client tries ports in turn; otherwise start the server, or look at its firewall.
    pub CONNECTION_REFUSED = "RST107" "connection-refused" of "tcp-rst", Note, since "0.1.0",
    "a connection was refused while it began",
    check(Facts), when Facts::has_captures
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    findings(facts, evidence, Cause::Refused, |group| {
        let title = format!("{} refused a connection of {}", peer(group.speaker()), peer(group.receiver()));
        group.finding(rule, evidence, title)
    })
}
