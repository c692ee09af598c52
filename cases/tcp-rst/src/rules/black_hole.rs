//! RST112 no-answer

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Place, Rule};
use serde_json::json;

use super::places;
use super::resets::collect;
use crate::facts::Facts;
use crate::facts::captures::{CaptureFacts, UNANSWERED};
use crate::facts::flow::{Flow, Handshake, Peer, Segment, Side, SideState, Sum};
use crate::model::emitter::plural;
use crate::model::explain::{self, Explained};
use crate::model::matching::nearer;
use crate::model::words::{at, end, peer, sequence, time_ns};

casebook_core::rule! {
    /// A connection ends without a RST: one end repeats a packet and nobody answers any more.
    ///
    /// A SYN that nobody answers, not even with a RST, is told of here too: the host is down, or a rule drops it.
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
    check(Facts), when Facts::has_captures
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut known: HashMap<Key<'_>, usize> = HashMap::new();
    for (capture, silence) in silences(facts) {
        let (flow, side, _) = silence;
        let mute = never_answered(flow);
        let silent = end(flow, side.other());
        let cause = cause(facts, capture, flow, side);
        // What one capture tells of one server is one finding, so that an outage does not fill the report; a host that answers on
        // none of many ports is one too.
        let key = (
            capture.path.as_str(),
            silent.address,
            (!mute).then_some(if side == Side::Client { silent.port } else { flow.server.port }),
            side,
            cause.as_ref().map(|cause| cause.phrase.clone()),
            damage(facts, capture, flow, side).is_some(),
        );
        match known.get(&key).and_then(|at| groups.get_mut(*at)) {
            Some(group) => {
                group.more += 1;
                group.ports.insert(flow.server.port);
            }
            None => {
                known.insert(key, groups.len());
                groups.push(Group { capture, silence, more: 0, ports: BTreeSet::from([flow.server.port]) });
            }
        }
    }
    groups.into_iter().map(|group| finding(rule, facts, evidence, &group)).collect()
}

/// What makes them one finding: the capture, the silent host and the server's port if it ever answered, the side that repeats,
/// what explains it, whether its packets are damaged.
type Key<'a> = (&'a str, IpAddr, Option<u16>, Side, Option<String>, bool);

/// Connections of one server that end so.
struct Group<'a> {
    capture: &'a CaptureFacts,
    silence: Silence<'a>,
    more: usize,
    ports: BTreeSet<u16>,
}

/// True when the other end never said anything: the connection did not begin.
fn never_answered(flow: &Flow) -> bool {
    flow.client_state.isn.is_some() && flow.server_state.segments == 0
}

/// A connection that ends so, the side that repeats, and how often.
type Silence<'a> = (&'a Flow, Side, u32);

/// The connections that end so, each once: one that is in several captures where it tells most. One that a RST ended elsewhere
/// is no such connection.
fn silences(facts: &Facts) -> Vec<(&CaptureFacts, Silence<'_>)> {
    // A SYN without an answer has no second number.
    let name = |flow: &Flow| {
        let second = if never_answered(flow) { Some(0) } else { flow.server_state.isn };
        Some((flow.client_state.isn?, second?))
    };
    let all = || facts.captures.iter().flat_map(|capture| capture.flows.iter().map(move |flow| (capture, flow)));
    let reset: HashSet<(u32, u32)> =
        all().filter(|(_, flow)| flow.reset_count > 0).filter_map(|(_, flow)| name(flow)).collect();
    // One capture can lack an answer that another one holds.
    let answered: HashSet<u32> = all()
        .filter(|(_, flow)| flow.server_state.segments > 0)
        .filter_map(|(_, flow)| flow.client_state.isn)
        .collect();
    let mut told: HashSet<(u32, u32)> = HashSet::new();
    let mut out = Vec::new();
    for (capture, flow) in all() {
        let Some((side, count)) = unanswered(flow) else { continue };
        // Without a beginning it is a part of a connection that another capture shows better.
        let Some(name) = name(flow) else { continue };
        if never_answered(flow) && answered.contains(&name.0) {
            continue;
        }
        if !reset.contains(&name) && told.insert(name) {
            out.push((capture, (flow, side, count)));
        }
    }
    out
}

/// What explains the silences.
pub(super) fn explained(facts: &Facts) -> Vec<Explained> {
    let cause = |(capture, (flow, side, _)): (&CaptureFacts, Silence<'_>)| cause(facts, capture, flow, side);
    silences(facts).into_iter().filter_map(cause).collect()
}

/// The timer that explains one.
fn cause(facts: &Facts, capture: &CaptureFacts, flow: &Flow, side: Side) -> Option<Explained> {
    let segments = capture.segments.get(&flow.index)?;
    explain::hole_by_timer(facts, flow, quiet_before(segments, side)?, side)
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
    let same = |segment: &Segment| segment.side == side && segment.seq == last.seq && segment.payload_bytes > 0;
    let first = segments.iter().position(same)?;
    let before = segments.get(first.checked_sub(1)?)?;
    Some(segments.get(first)?.packet.time_ns? - before.packet.time_ns?)
}

fn finding(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet, group: &Group<'_>) -> Finding {
    let Group { capture, silence: (flow, side, count), more, ports } = group;
    let (capture, flow, side, count) = (*capture, *flow, *side, *count);
    let (speaker, silent) = (peer(end(flow, side)), peer(end(flow, side.other())));
    let segments = capture.segments.get(&flow.index).map_or(&[][..], Vec::as_slice);
    let quiet = quiet_before(segments, side);
    let cause = cause(facts, capture, flow, side);
    let mute = never_answered(flow);
    let mut title = match (mute, *more) {
        (true, 0) => format!("{speaker} sent its SYN {} times and {silent} never answered", count + 1),
        (true, more) if ports.len() > 1 => format!(
            "{} never answered {} connections to {} ports, the first of {speaker}",
            end(flow, side.other()).address,
            more + 1,
            ports.len()
        ),
        (true, more) => format!("{silent} never answered {} connections, the first of {speaker}", more + 1),
        (false, 0) => format!("{speaker} repeated a packet {count} times and {silent} never answered"),
        (false, more) => format!(
            "{speaker} and {more} more {} repeated a packet and {silent} never answered",
            plural(more as u64, "connection")
        ),
    };
    let damage = damage(facts, capture, flow, side);
    if let Some(cause) = &cause {
        title.push_str(&format!(": {}", cause.phrase));
    } else if damage.is_some() {
        title.push_str(": its packets arrive with a wrong checksum");
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
    let explained = cause.is_some() || damage.is_some();
    builder = places::explain(facts, evidence, builder, cause.into_iter().collect());
    // Packets with a wrong sum change no state, so that they are there does not show in it.
    let far = if damage.is_some() { None } else { beyond(facts, capture, flow, side) };
    if let Some((path, far)) = &far {
        builder = builder.because(match far {
            Far::There => format!("In {path}, farther on, the repeated packets are there: they were dropped behind it."),
            Far::Absent => {
                format!("In {path}, farther on, they are absent: they were dropped between the two points.")
            }
            Far::Untranslated(seen) => format!(
                "In {path}, farther on, they are there as {}, which is not the connection's address at that point: they were \
                 not translated, and whoever got them knows no such connection.",
                peer(*seen)
            ),
        });
    }
    if let Some(damage) = damage {
        builder = builder.because(damage.says()).place(damage.place());
    }
    if mute {
        builder = builder.because(
            "No packet of that host is in the capture: it is down, its address is not where the packets go, or a rule drops them \
             without an answer. A host that is there and does not listen sends a RST.",
        );
    } else if !explained {
        builder = builder.because(format!(
            "{speaker} gives up by itself after tcp_retries2 repetitions (15 by default, about 15 minutes) or after the \
             TCP_USER_TIMEOUT of its program: the program is told of a timeout, and no RST is sent."
        ));
    }
    if !mute {
        builder = builder.because("Nobody sent a RST, so no host told the end that its connection is gone.");
    }
    builder = builder.witness(
        json!({ "repeated": count, "from": speaker, "to": silent, "quiet_ns": quiet, "same": more + 1 }),
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

/// Whether the repeated packets came as far as a capture nearer to the silent side.
enum Far {
    There,
    Absent,
    /// They did, from this address, which the connection does not have there.
    Untranslated(Peer),
}

/// A capture nearer to the silent side that holds the connection, and whether the repeated packets came so far.
fn beyond<'a>(facts: &'a Facts, capture: &CaptureFacts, flow: &Flow, side: Side) -> Option<(&'a str, Far)> {
    facts.captures.iter().filter(|other| other.evidence != capture.evidence).find_map(|other| {
        let there = other.flows.get(other.numbers.find(flow)?)?;
        if !nearer(flow, there, side.other()) {
            return None;
        }
        let sent = state(flow, side).seq_end?;
        let far = if state(there, side).seq_end == Some(sent) {
            Far::There
        } else {
            untranslated(other, there, side, sent).map_or(Far::Absent, Far::Untranslated)
        };
        Some((other.path.as_str(), far))
    })
}

/// The address the packets of `side` of `known` came from instead, by their sequence numbers.
fn untranslated(capture: &CaptureFacts, known: &Flow, side: Side, sent: u32) -> Option<Peer> {
    let late = |other: &&Flow| other.handshake == Handshake::Absent && other.first.number > known.first.number;
    capture.flows.iter().filter(late).find_map(|other| {
        // Without a handshake the sides of the other one are a guess.
        let from = [Side::Client, Side::Server].into_iter().find(|from| state(other, *from).seq_end == Some(sent))?;
        let beside = end(other, from.other()) == end(known, side.other()) || end(other, from) == end(known, side);
        beside.then(|| end(other, from))
    })
}

/// The repeated packet with a wrong checksum in a capture farther on, or in the one that leads.
struct Damage<'a> {
    path: &'a str,
    flow: &'a Flow,
    segment: &'a Segment,
    /// The capture in which the sum still holds, and the connection there.
    before: Option<(&'a str, &'a Flow)>,
}

fn damage<'a>(facts: &'a Facts, capture: &'a CaptureFacts, flow: &'a Flow, side: Side) -> Option<Damage<'a>> {
    let repeated = |list: &'a [Segment]| {
        let last = list.iter().rev().find(|segment| segment.side == side && segment.payload_bytes > 0)?;
        Some(last)
    };
    let own = repeated(capture.segments.get(&flow.index)?)?;
    let same = facts.captures.iter().filter_map(|other| {
        let there = other.flows.get(other.numbers.find(flow)?)?;
        let segment = repeated(other.segments.get(&there.index)?).filter(|segment| segment.seq == own.seq)?;
        Some((other, there, segment))
    });
    let (other, there, segment) =
        same.filter(|(_, _, segment)| segment.sum == Sum::Bad).min_by_key(|(_, there, _)| {
            // The first point at which it is wrong: the farthest from the silent side.
            state(there, side).ttl_handshake.map(std::cmp::Reverse)
        })?;
    let before = (own.sum != Sum::Bad).then_some((capture.path.as_str(), flow));
    Some(Damage { path: &other.path, flow: there, segment, before })
}

impl Damage<'_> {
    fn says(&self) -> String {
        let Some((before, flow)) = self.before else {
            return format!(
                "In {} they have a wrong checksum: whoever gets them drops them without a word.",
                self.path
            );
        };
        let mut says = format!(
            "In {before} their checksum is right, in {} it is a wrong checksum: something between changed them, and whoever gets \
             them drops them without a word.",
            self.path
        );
        let ends = [(flow.client, self.flow.client), (flow.server, self.flow.server)];
        if let Some((one, other)) = ends.into_iter().find(|(one, other)| one != other) {
            says.push_str(&format!(
                " Between the two {} became {}: a translator that changes the address and not the checksum does this.",
                peer(one),
                peer(other)
            ));
        }
        says
    }

    fn place(&self) -> Place {
        let (from, to) = (end(self.flow, self.segment.side), end(self.flow, self.segment.side.other()));
        let line = format!("{} > {}, wrong checksum", peer(from), peer(to));
        Place::context(at(self.segment.packet), "the packet as it arrives").shown_as(line)
    }
}
