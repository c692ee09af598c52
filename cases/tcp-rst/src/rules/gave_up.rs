//! RST104 gave-up

use casebook_core::{EvidenceSet, Finding, Rule};

use super::resets::{Cause, collect, findings};
use crate::facts::Facts;
use crate::facts::flow::Side;
use crate::model::emitter::{GaveUp, plural};
use crate::model::words::{peer, time_ns};

casebook_core::rule! {
    /// An end reset the connection because nobody answered it any more: its keepalive probes or its retransmissions went into
    /// a black hole. The RST is the last act, not the cause; the culprit is whoever dropped the packets before.
    ///
    /// Mechanism: `tcp_keepalive_timer` and `tcp_write_timeout` (net/ipv4/tcp_timer.c).
    ///
    /// Fix: find the first packet without an answer, and who was between.
    pub GAVE_UP = "RST104" "gave-up" of "tcp-rst", Error, since "0.1.0",
    "an end gave up after probes or retransmissions without an answer",
    check(Facts), when Facts::has_captures
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    findings(facts, evidence, Cause::GaveUp, |group| {
        let (speaker, silent) = (peer(group.speaker()), peer(group.receiver()));
        let what = match group.verdict.gave_up {
            Some(GaveUp::Keepalive { probes }) => format!("{probes} keepalive {}", plural(probes, "probe")),
            Some(GaveUp::Retransmission { count }) => format!("{count} {}", plural(count, "retransmission")),
            _ => "its packets".to_owned(),
        };
        let title = format!("{speaker} gave the connection up: {what} to {silent} had no answer");
        let heard = match group.reset.side {
            Side::Client => group.flow.server_state.last_ns,
            Side::Server => group.flow.client_state.last_ns,
        };
        let since = group.reset.packet.time_ns.zip(heard).map(|(now, then)| now - then);
        let builder = group.finding(rule, evidence, title);
        let builder = match since {
            Some(ns) => builder.because(format!("The last packet of {silent} had come {} before.", time_ns(ns))),
            None => builder,
        };
        builder
            .because(
                "Whoever drops the packets is the culprit. A capture on the other side of each device tells: the first packet \
                 that is here and not there was dropped in between.",
            )
            .fix(collect(
                "see where the packets end: capture on both sides of each device",
                &[&format!("tcpdump -ni any -w far-side.pcap tcp port {}", group.flow.server.port)],
            ))
    })
}
