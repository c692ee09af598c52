//! RST107 connection-refused

use std::collections::BTreeSet;

use casebook_core::{EvidenceSet, Finding, Rule};

use super::resets::{Cause, findings};
use crate::facts::Facts;
use crate::model::words::peer;

casebook_core::rule! {
    /// A SYN was answered with a RST: nobody listens on the port, or a rule rejects it.
    ///
    /// It ends no connection, so it is a note. Refusals of one host are one finding, whatever the port.
    ///
    /// Mechanism: RFC 9293, 3.10.7.1, state CLOSED.
    ///
    /// Fix: none is needed where a client tries ports in turn; otherwise start the server, or look at its firewall.
    pub CONNECTION_REFUSED = "RST107" "connection-refused" of "tcp-rst", Note, since "0.1.0",
    "a connection was refused while it began",
    check(Facts), when Facts::has_captures
}

/// Ports that are listed.
const PORTS: usize = 8;

/// `The ports are 81, 82 and 97 more.`
fn ports(ports: &BTreeSet<u16>) -> String {
    let shown: Vec<String> = ports.iter().take(PORTS).map(u16::to_string).collect();
    match ports.len().saturating_sub(PORTS) {
        0 => format!("The ports are {}.", shown.join(", ")),
        more => format!("The ports are {} and {more} more.", shown.join(", ")),
    }
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    findings(facts, evidence, Cause::Refused, |group| {
        let (server, client) = (peer(group.speaker()), peer(group.receiver()));
        let title = match (group.ports.len(), group.count) {
            (1, 1) => format!("{server} refused a connection of {client}"),
            (1, count) => format!("{server} refused {count} connections, the first of {client}"),
            (ports, count) => {
                let host = group.speaker().address;
                format!("{host} refused {count} connections to {ports} ports, the first of {client}")
            }
        };
        let builder = group.finding(rule, evidence, title);
        if group.ports.len() < 2 {
            return builder;
        }
        builder.because(ports(&group.ports))
    })
}
