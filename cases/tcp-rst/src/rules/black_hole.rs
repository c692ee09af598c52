//! RST112 no-answer

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Place, Rule};
use serde_json::json;

use super::places::line_place;
use super::resets::collect;
use crate::facts::Facts;
use crate::facts::captures::{CaptureFacts, UNANSWERED};
use crate::facts::flow::{Flow, Segment, Side, SideState};
use crate::model::emitter::plural;
use crate::model::explain;
use crate::model::matching::{Numbers, nearer};
use crate::model::words::{at, end, peer, sequence, time_ns};

casebook_core::rule! {
    /// A connection ends without a RST: one end repeats a packet and nobody answers any more.
    ///
    /// Something on the path drops the packets, or the other end is gone. The end that repeats gives up after many minutes
    /// (`tcp_retries2`) and reports a timeout, which looks like a slow network.
    ///
    /// Mechanism: `tcp_retransmit_timer` (net/ipv4/tcp_timer.c); a router that has forgotten the connection and drops what is
    /// invalid (`ct state invalid drop`) makes exactly this.
    ///
    /// Fix: find the first packet that did not come through; keep the entry alive with a keepalive below its timer.
    pub NO_ANSWER = "RST112" "no-answer" of "tcp-rst", Warning, since "0.1.0",
    "an end repeats a packet and gets no answer, and no RST",
    check(Facts)
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut told: Vec<(u32, u32)> = Vec::new();
    let mut out = Vec::new();
    for capture in &facts.captures {
        for flow in &capture.flows {
            let Some((side, count)) = unanswered(flow) else { continue };
            let name = (flow.client_state.isn.unwrap_or(0), flow.server_state.isn.unwrap_or(0));
            // The same connection in another capture is the same silence.
            if name != (0, 0) && told.contains(&name) {
                continue;
            }
            told.push(name);
            out.push(finding(rule, facts, evidence, capture, (flow, side, count)));
        }
    }
    out
}

/// The side that repeats, when the connection ends so, and how often.
fn unanswered(flow: &Flow) -> Option<(Side, u32)> {
    if flow.reset_count > 0 {
        return None;
    }
    let sides = [(Side::Client, &flow.client_state), (Side::Server, &flow.server_state)];
    let counts = sides.into_iter().map(|(side, state)| (side, state.retransmissions_unanswered));
    counts.into_iter().find(|(_, count)| *count >= UNANSWERED)
}

/// How quiet the connection was before the packet that was repeated was first sent.
fn quiet_before(segments: &[Segment], side: Side) -> Option<i64> {
    let last = segments.iter().rev().find(|segment| segment.side == side && segment.payload_bytes > 0)?;
    let first = segments.iter().position(|segment| segment.side == side && segment.seq == last.seq)?;
    let before = segments.get(first.checked_sub(1)?)?;
    Some(segments.get(first)?.packet.time_ns? - before.packet.time_ns?)
}

fn finding(
    rule: &'static Rule,
    facts: &Facts,
    evidence: &EvidenceSet,
    capture: &CaptureFacts,
    (flow, side, count): (&Flow, Side, u32),
) -> Finding {
    let (speaker, silent) = (peer(end(flow, side)), peer(end(flow, side.other())));
    let segments = capture.segments.get(&flow.index).map_or(&[][..], Vec::as_slice);
    let quiet = quiet_before(segments, side);
    let cause = quiet.and_then(|quiet| explain::hole_by_timer(facts, flow, quiet, side));
    let mut title = format!("{speaker} repeated a packet {count} times and {silent} never answered");
    if let Some(cause) = &cause {
        title.push_str(&format!(": {}", cause.phrase));
    }
    let line = format!("{speaker} > {silent}, repeated for the last time");
    let mut builder = FindingBuilder::new(rule, title, Place::primary(at(flow.last), "no answer").shown_as(line))
        .key(&silent)
        .key(format!("{side:?}"));
    if let Some(ns) = flow.last.time_ns.zip(state(flow, side.other()).last_ns).map(|(now, then)| now - then) {
        builder = builder.because(format!("The last packet of {silent} had come {} before.", time_ns(ns)));
    }
    if let Some(quiet) = quiet.filter(|ns| *ns >= 1_000_000_000) {
        builder = builder.because(format!(
            "The connection had been quiet for {} before the packet that was repeated.",
            time_ns(quiet)
        ));
    }
    let explained = cause.is_some();
    if let Some(cause) = cause {
        for (span, label) in cause.places {
            builder = builder.place(Place { primary: false, ..line_place(evidence, span, label) });
        }
        builder = cause.because.into_iter().fold(builder, FindingBuilder::because);
    }
    let far = beyond(facts, capture, flow, side);
    if let Some((path, reached)) = far {
        builder = builder.because(match reached {
            true => format!("In {path}, farther on, the repeated packets are there: they were dropped behind it."),
            false => format!("In {path}, farther on, they are absent: they were dropped between the two points."),
        });
    }
    builder = builder.because("Nobody sent a RST, so no host told the end that its connection is gone.").witness(
        json!({ "repeated": count, "from": speaker, "to": silent, "quiet_ns": quiet }),
        format!("{count} {} without an answer", plural(count, "retransmission")),
    );
    if !segments.is_empty() {
        builder = builder.figure(sequence(flow, segments, flow.last.number));
    }
    if !explained && far.is_none() {
        builder = builder.missing(
            "A capture on the other side of the path: the first packet that is here and not there was dropped in between.",
        );
    }
    builder
        .fix(collect(
            "see where the packets end, and whether a router counts them as invalid",
            &[
                &format!("tcpdump -ni any -w far-side.pcap tcp port {}", flow.server.port),
                "conntrack -S   # the column `invalid`, on each router",
                "nft -a list ruleset | grep -n -e invalid",
            ],
        ))
        .build(evidence)
}

fn state(flow: &Flow, side: Side) -> &SideState {
    match side {
        Side::Client => &flow.client_state,
        Side::Server => &flow.server_state,
    }
}

/// A capture nearer to the silent side that holds the connection, and whether the repeated packets came so far.
fn beyond<'a>(facts: &'a Facts, capture: &CaptureFacts, flow: &Flow, side: Side) -> Option<(&'a str, bool)> {
    facts.captures.iter().filter(|other| other.evidence != capture.evidence).find_map(|other| {
        let there = other.flows.get(Numbers::of(&other.flows).find(flow)?)?;
        let reached = || state(flow, side).seq_end == state(there, side).seq_end;
        nearer(flow, there, side.other()).then(|| (other.path.as_str(), reached()))
    })
}
