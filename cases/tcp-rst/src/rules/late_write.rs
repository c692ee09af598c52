//! RST105 late-write

use casebook_core::{EvidenceSet, Finding, Rule};

use super::resets::{Cause, findings};
use crate::facts::Facts;
use crate::model::words::{peer, time_ns};

casebook_core::rule! {
    /// One end had closed the connection with FIN, the other one wrote afterwards, and the RST is the answer to that.
    ///
    /// The close was orderly: a timer of a proxy or a server ran out, or the program was done. What fails is the other end,
    /// which keeps a closed connection and uses it again.
    ///
    /// Mechanism: `tcp_rcv_state_process` (net/ipv4/tcp_input.c) resets a connection in FIN_WAIT that gets data after
    /// `shutdown`; without a socket `tcp_v4_send_reset` does.
    ///
    /// Fix: the idle timeout of the end that keeps connections (the client's pool) below that of the end that closes them.
    pub LATE_WRITE = "RST105" "late-write" of "tcp-rst", Warning, since "0.1.0",
    "one end wrote on a connection the other one had closed",
    check(Facts), when Facts::has_captures
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    findings(facts, evidence, Cause::LateWrite, |group| {
        let (closer, writer) = (peer(group.speaker()), peer(group.receiver()));
        let closed = group.reset.sender.fin_ns;
        let late =
            group.reset.trigger.and_then(|trigger| trigger.packet.time_ns).zip(closed).map(|(now, fin)| now - fin);
        let when = late.map_or_else(String::new, |ns| format!(" {} after the FIN", time_ns(ns)));
        let title = format!("{writer} wrote{when} on a connection {closer} had closed");
        let before = closed.zip(last_before(group.reset)).map(|(fin, last)| fin - last).filter(|ns| *ns >= 500_000_000);
        let builder = group.finding(rule, evidence, title);
        match before {
            Some(ns) => builder.because(format!(
                "{closer} closed after {} of silence: an idle timer of {closer} of about that length.",
                time_ns(ns)
            )),
            None => builder,
        }
    })
}

/// When the last payload passed before the FIN, in either direction.
fn last_before(reset: &crate::facts::flow::Reset) -> Option<i64> {
    let fin = reset.sender.fin_ns?;
    [reset.sender.last_payload_ns, reset.receiver.last_payload_ns].into_iter().flatten().filter(|ns| *ns <= fin).max()
}
