//! RST103 reset-by-socket

use casebook_core::{EvidenceSet, Finding, Rule};

use super::resets::{Cause, collect, findings};
use crate::facts::Facts;
use crate::model::words::peer;

casebook_core::rule! {
    /// A RST was sent by the socket of the end it carries: the program ended the connection, or somebody ended it for it.
    ///
    /// It knows the connection's sequence numbers, window and clock. The path did nothing; look at the program.
    ///
    /// Mechanism: `tcp_send_active_reset` (net/ipv4/tcp_output.c), called by `tcp_close` with `SO_LINGER` 0 or with data the
    /// program had not read, by `tcp_disconnect` and by `tcp_abort` (`ss -K`).
    ///
    /// Fix: read everything before closing; close without `SO_LINGER` 0.
    pub RESET_BY_SOCKET = "RST103" "reset-by-socket" of "tcp-rst", Error, since "0.1.0",
    "the end's own socket reset the connection: its program closed it hard",
    check(Facts), when Facts::has_captures
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    findings(facts, evidence, Cause::Aborted, |group| {
        let speaker = peer(group.speaker());
        let title =
            format!("{speaker} reset the connection to {} itself: its program closed it hard", peer(group.receiver()));
        let builder = group.finding(rule, evidence, title).because(
            "A socket does so when its program closes it with SO_LINGER 0, closes it with data it has not read, or when it is \
             killed with `ss -K`. A proxy that ends the connection counts as the end.",
        );
        let builder = match group.reset.trigger.filter(|trigger| trigger.payload_bytes > 0) {
            Some(trigger) => builder.because(format!(
                "The other side's last packet brought {} bytes; if the program did not read them, closing is enough for a RST.",
                trigger.payload_bytes
            )),
            None => builder,
        };
        builder.fix(collect(
            "see which call ends it, on that host",
            &[
                "strace -f -e trace=close,shutdown,setsockopt,read,recvfrom -p PID",
                "perf trace -e tcp:tcp_send_reset   # Linux 6.10 and later name the reason",
            ],
        ))
    })
}
