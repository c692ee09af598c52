//! RST105 late-write

use std::collections::HashSet;

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Place, Rule};
use serde_json::json;

use super::places;
use super::resets::{Cause, findings};
use crate::facts::Facts;
use crate::facts::captures::CaptureFacts;
use crate::facts::flow::{Flags, Flow, Segment, Side};
use crate::model::emitter::plural;
use crate::model::explain::{self, Explained};
use crate::model::words::{at, end, flags, peer, sequence, time_ns};

casebook_core::rule! {
    /// One end had closed the connection with FIN, the other one wrote afterwards, and the RST is the answer to that.
    ///
    /// The close was orderly: a timer of a proxy or a server ran out, or the program was done. What fails is the other end,
    /// which keeps a closed connection and uses it again.
    ///
    /// Where the other end had closed one direction alone (a proxy whose timer watches one side), no RST comes either: the packet is
    /// taken, and the answer never comes back.
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
    let mut out = refused(rule, facts, evidence);
    out.extend(unheard(rule, facts, evidence));
    out
}

/// Those that a RST answered.
fn refused(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    findings(facts, evidence, Cause::LateWrite, |group| {
        let (closer, writer) = (peer(group.speaker()), peer(group.receiver()));
        let closed = group.reset.sender.fin_ns;
        let late =
            group.reset.trigger.and_then(|trigger| trigger.packet.time_ns).zip(closed).map(|(now, fin)| now - fin);
        let when = late.map_or_else(|| " after the FIN".to_owned(), |ns| format!(" {} after the FIN", time_ns(ns)));
        let title = format!("{writer} wrote{when} of {closer}, whose host refused it");
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

/// Those that nobody answered: a proxy that had closed one direction alone takes the packet, and nothing can come back.
fn unheard(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for (capture, used) in used(facts) {
        let Used { flow, fin, write, quiet_ns, late_ns, same } = used;
        let (closer, writer) = (peer(flow.server), peer(flow.client));
        let mut title =
            format!("{writer} wrote {} after the FIN of {closer}, and no answer can come", time_ns(late_ns));
        let cause = explain::closed_by_timer(facts, flow, None, quiet_ns, Side::Client);
        if let Some(cause) = &cause {
            title.push_str(&format!(": {}", cause.phrase));
        }
        let line = |segment: &Segment, what: &str| {
            let (from, to) = (end(flow, segment.side), end(flow, segment.side.other()));
            format!("{} > {} {} seq {}{what}", peer(from), peer(to), flags(segment.flags), segment.seq)
        };
        let wrote = line(write, &format!(", {} {}", write.payload_bytes, plural(write.payload_bytes, "byte")));
        let place = Place::primary(at(write.packet), "written after the FIN").shown_as(wrote);
        let mut builder = FindingBuilder::new(rule, title, place)
            .place(Place::context(at(fin.packet), "closed here").shown_as(line(fin, "")))
            .because(format!(
                "{closer} closed after {} of silence. Its kernel still takes what is written, so there is no RST, and after its \
                 FIN nothing can come back on this connection.",
                time_ns(quiet_ns)
            ));
        builder = places::explain(facts, evidence, builder, cause.into_iter().collect());
        if same > 0 {
            let word = plural(same, "connection");
            builder = builder.because(format!("{same} more {word} of this server in {} ended so.", capture.path));
        }
        if let Some(segments) = capture.segments.get(&flow.index) {
            builder = builder.figure(sequence(flow, segments, write.packet.number));
        }
        let witness = json!({
            "packet": write.packet.number, "fin_packet": fin.packet.number, "quiet_ns": quiet_ns, "late_ns": late_ns,
        });
        let text = format!("FIN after {}, written {} later", time_ns(quiet_ns), time_ns(late_ns));
        out.push(builder.key(closer).key("unheard").witness(witness, text).build(evidence));
    }
    out
}

/// A connection the client used after the server's FIN.
struct Used<'a> {
    flow: &'a Flow,
    fin: &'a Segment,
    write: &'a Segment,
    quiet_ns: i64,
    late_ns: i64,
    same: u32,
}

/// The connections, one of each server, in the first capture that holds them.
fn used(facts: &Facts) -> Vec<(&CaptureFacts, Used<'_>)> {
    let mut out: Vec<(&CaptureFacts, Used<'_>)> = Vec::new();
    let mut told = HashSet::new();
    for (capture, flow) in facts.captures.iter().flat_map(|one| one.flows.iter().map(move |flow| (one, flow))) {
        let Some((fin_ns, before_ns, _)) = flow.used_after_fin() else { continue };
        if !told.insert((flow.client_state.isn, flow.server_state.isn)) {
            continue;
        }
        if let Some((_, known)) = out.iter_mut().find(|(_, known)| known.flow.server == flow.server) {
            known.same += 1;
            continue;
        }
        let Some(segments) = capture.segments.get(&flow.index) else { continue };
        let fin = segments.iter().find(|one| one.side == Side::Server && one.flags.has(Flags::FIN));
        let after = |one: &&Segment| one.packet.time_ns.is_some_and(|ns| ns > fin_ns);
        let write = segments.iter().find(|one| one.side == Side::Client && one.payload_bytes > 0 && after(one));
        let (Some(fin), Some(write)) = (fin, write) else { continue };
        let late_ns = write.packet.time_ns.unwrap_or(fin_ns) - fin_ns;
        out.push((capture, Used { flow, fin, write, quiet_ns: fin_ns - before_ns, late_ns, same: 0 }));
    }
    out
}

/// What explains them.
pub(super) fn explained(facts: &Facts) -> Vec<Explained> {
    let cause =
        |(_, of): (&CaptureFacts, Used<'_>)| explain::closed_by_timer(facts, of.flow, None, of.quiet_ns, Side::Client);
    used(facts).into_iter().filter_map(cause).collect()
}
