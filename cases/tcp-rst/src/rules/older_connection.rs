//! RST109 older-connection

use casebook_core::{EvidenceSet, Finding, Rule};

use super::resets::{Cause, findings};
use crate::facts::Facts;
use crate::model::words::peer;

casebook_core::rule! {
    /// A SYN met a connection that the server still held on the same addresses and ports, and the one who sent it reset that
    /// older connection.
    ///
    /// The server answers such a SYN with an acknowledgement of the older connection. The socket that waits for a SYN-ACK refuses
    /// it with a RST, the server forgets the older connection, and the next SYN succeeds. Whoever had the older connection learns
    /// of it with its next packet. Behind a translator that is another client: the port was given away while its entry was
    /// gone.
    ///
    /// Mechanism: RFC 9293, 3.5.1 (half-open connections) and 3.10.7.3; RFC 5961, 4 (the acknowledgement);
    /// `tcp_rcv_synsent_state_process` (net/ipv4/tcp_input.c).
    ///
    /// Fix: keep the entry of the older connection alive with a keepalive shorter than its timer, or give the translator more
    /// ports (`masquerade to :1024-65535 fully-random`).
    pub OLDER_CONNECTION = "RST109" "older-connection" of "tcp-rst", Warning, since "0.1.0",
    "a new connection reset an older one of the same ports",
    check(Facts), when Facts::has_captures
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    findings(facts, evidence, Cause::OlderConnection, |group| {
        let speaker = peer(group.speaker());
        let speaker = match group.sent_by().map(peer) {
            Some(by) if by != speaker => format!("{by} ({speaker} behind the translator)"),
            _ => speaker,
        };
        let title = format!(
            "a new connection of {speaker} met an older one that {} still held on the same ports, and reset it",
            peer(group.receiver())
        );
        group.finding(rule, evidence, title)
    })
}
