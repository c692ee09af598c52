//! RST104 gave-up

use casebook_core::{EvidenceSet, Finding, Rule};

use super::resets::{Cause, Group, collect, findings};
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
        let heard = match group.reset.side {
            Side::Client => group.flow.server_state.last_ns,
            Side::Server => group.flow.client_state.last_ns,
        };
        let since = group.reset.packet.time_ns.zip(heard).map(|(now, then)| now - then);
        let when = since.map_or_else(String::new, |ns| format!(" after {}", time_ns(ns)));
        let title = format!("{speaker} gave the connection up{when}: {what} to {silent} had no answer");
        let builder = group.finding(rule, evidence, title);
        let builder = match since {
            Some(ns) => builder.because(format!("The last packet of {silent} had come {} before.", time_ns(ns))),
            None => builder,
        };
        let builder = match probes(group) {
            Some(says) => builder.because(says),
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

/// What the times of the probes tell of the socket's options (`tcp_keepalive_timer`: the first probe after TCP_KEEPIDLE without a
/// packet, then one each TCP_KEEPINTVL; the end with the one after the last, or with the first one at TCP_USER_TIMEOUT or later).
fn probes(group: &Group<'_>) -> Option<String> {
    let Some(GaveUp::Keepalive { probes: count }) = group.verdict.gave_up else { return None };
    let segments = group.capture.segments.get(&group.flow.index)?;
    let end = group.reset.packet.time_ns?;
    let before = || segments.iter().filter(|segment| segment.packet.time_ns.is_some_and(|ns| ns < end));
    let heard =
        before().filter(|segment| segment.side != group.reset.side).filter_map(|one| one.packet.time_ns).max()?;
    let sent: Vec<i64> = before()
        .filter(|segment| segment.side == group.reset.side && segment.payload_bytes <= 1)
        .filter_map(|segment| segment.packet.time_ns)
        .filter(|ns| *ns > heard)
        .collect();
    // An acknowledgement of what was heard last comes before the probes.
    let sent = sent.get(sent.len().checked_sub(count as usize)?..)?;
    let (first, last) = (*sent.first()?, *sent.last()?);
    let interval = end - last;
    let user = match sent {
        [_, ..] => format!("above {} and at most {}", time_ns(last - heard), time_ns(end - heard)),
        [] => return None,
    };
    Some(format!(
        "The first probe came {} after the last packet of the other side, the end {} after the last probe: TCP_KEEPIDLE {} s and \
         TCP_KEEPINTVL {} s, with either TCP_KEEPCNT {count} or a TCP_USER_TIMEOUT {user}, which takes the count's place.",
        time_ns(first - heard),
        time_ns(interval),
        whole_seconds(first - heard),
        whole_seconds(interval),
    ))
}

/// These options count in seconds.
fn whole_seconds(ns: i64) -> i64 {
    ((ns + 500_000_000) / 1_000_000_000).max(1)
}
