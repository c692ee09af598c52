//! RST101 reset-without-socket

use casebook_core::{EvidenceSet, Finding, Rule};

use super::resets::{Cause, collect, findings};
use crate::facts::Facts;
use crate::model::emitter::Emitter;
use crate::model::words::peer;

casebook_core::rule! {
    /// A RST carries the server's address and comes from as far away, and was made by a host that has no socket for the
    /// connection: it has the form a kernel gives an answer to a packet it knows nothing of.
    ///
    /// The program on the server did not reset anything. The packet reached a host that never had the connection, because
    /// something on the path forgot it and chose a backend anew, or a host that lost it by a restart.
    ///
    /// Mechanism: `tcp_v4_send_reset` (net/ipv4/tcp_ipv4.c) answers a packet without a socket from the packet alone;
    /// RFC 9293, 3.10.7.1.
    ///
    /// Fix: find who forgot. The silence before the packet is longer than its timer; `conntrack -E` on the balancer shows the
    /// entry's end and the new one.
    pub RESET_WITHOUT_SOCKET = "RST101" "reset-without-socket" of "tcp-rst", Error, since "0.1.0",
    "a RST with the server's address comes from a host that does not have the connection",
    check(Facts), when Facts::has_captures
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    findings(facts, evidence, Cause::NoSocket, |group| {
        let (receiver, speaker) = (peer(group.receiver()), peer(group.speaker()));
        let title = match group.incident.diverted.or(group.incident.renumbered) {
            Some((right, wrong, _)) if group.incident.diverted.is_none() => format!(
                "the RST to {receiver} was sent by {speaker}, which has no socket for {}: the connection is that of {}",
                peer(wrong),
                peer(right)
            ),
            Some((right, wrong, _)) if right == group.speaker() => format!(
                "the RST to {receiver} carries {speaker} and was sent by {}, a backend that never had the connection",
                peer(wrong)
            ),
            Some((right, wrong, _)) => format!(
                "the RST to {receiver} carries {speaker} and was sent by {}, a backend that never had the connection; {} has it",
                peer(wrong),
                peer(right)
            ),
            _ if group.verdict.left == [Emitter::LostSocket] => match group.sent_by().map(peer) {
                Some(by) if by != speaker => format!(
                    "the RST to {receiver} carries {speaker} and was sent by {by} itself, which no longer has the connection"
                ),
                _ => format!("the RST to {receiver} was sent by {speaker} itself, which no longer has the connection"),
            },
            _ if group.verdict.left == [Emitter::OtherBackend] => {
                format!(
                    "the RST to {receiver} carries {speaker} and was sent by another host, which never had the connection"
                )
            }
            _ => format!(
                "the RST to {receiver} carries {speaker} and was sent by a host that has no socket for the connection"
            ),
        };
        let builder = group.finding(rule, evidence, title).because(format!("Who can have sent it: {}.", group.left()));
        if group.verdict.left.len() < 2 {
            return builder;
        }
        builder
            .missing(
                "`conntrack -E -o timestamp,id` of the balancer or router: a `[NEW] … ESTABLISHED` of this connection with \
                 another reply address names the backend it was sent to.",
            )
            .missing("A capture at the server, taken at the same time: if the packet that was answered is not in it, another host answered.")
            .fix(collect(
                "watch what the balancer does with the connection, and the server at the same time",
                &[
                    "conntrack -E -o timestamp,id -p tcp > conntrack-events.txt   # on the balancer",
                    &format!("tcpdump -ni any -w server.pcap tcp port {}             # on the server", group.flow.server.port),
                ],
            ))
    })
}
