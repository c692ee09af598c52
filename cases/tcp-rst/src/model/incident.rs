//! One RST, wherever it was seen: sightings in several captures are one incident with one verdict.
//!
//! Translators change addresses, TTL and IP-ID of a RST and leave its numbers, so the numbers name it in every capture. What
//! one capture cannot decide, two can: behind the translator the RST carries the address of who really sent it.

use std::collections::HashMap;

use super::distance::distance;
use super::emitter::{Clue, Emitter, Verdict, judge};
use super::leak::Kind;
use super::matching::{self, There};
use crate::facts::captures::CaptureFacts;
use crate::facts::flow::{Flow, Handshake, Peer, Reset};

/// Where a RST was seen: index of the capture, index into its flows, index into the flow's RSTs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sighting {
    /// Index into [`crate::facts::Facts::captures`].
    pub capture: usize,
    /// Index into its flows.
    pub flow: usize,
    /// Index into the flow's RSTs.
    pub reset: usize,
}

/// One RST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// The sighting that tells most.
    pub lead: Sighting,
    /// The others.
    pub others: Vec<Sighting>,
    /// The verdict, over all sightings.
    pub verdict: Verdict,
    /// The server that has the connection and the one the RST came from, where a capture behind the translator shows both.
    pub diverted: Option<(Peer, Peer, Sighting)>,
    /// The client's address behind the translator as the connection has it and as the answered packet had it, where they
    /// differ in the port.
    pub renumbered: Option<(Peer, Peer, Sighting)>,
    /// True for the answer to a packet that was not translated: another rule tells of it.
    pub untranslated: bool,
    /// For such a one, the RST by which the other end learned of it later.
    pub later: Option<Sighting>,
    /// True for a RST that only follows from another incident, whose `later` it is.
    pub follows: bool,
    /// A capture nearer to the side it speaks for that holds the connection and not this RST: its last packet there, and
    /// whether the packet that was answered had come so far.
    pub absent: Option<(usize, usize, There)>,
}

/// Looks a sighting up.
pub fn look(captures: &[CaptureFacts], at: Sighting) -> Option<(&CaptureFacts, &Flow, &Reset)> {
    let capture = captures.get(at.capture)?;
    let flow = capture.flows.get(at.flow)?;
    Some((capture, flow, flow.resets.get(at.reset)?))
}

/// The numbers of a RST, which no translator changes.
type Numbers = (u32, u32, u8);

fn numbers(reset: &Reset) -> Numbers {
    (reset.seq, reset.ack, reset.flags.0)
}

/// True when two RSTs with the same numbers can be one: a translator leaves at least one of the ports.
fn alike(one: &Flow, other: &Flow) -> bool {
    one.client.port == other.client.port || one.server.port == other.server.port
}

/// The incidents of all captures, in the order of their first sighting. Of a connection with several RSTs the first counts: the
/// rest answers what was still on its way.
pub fn incidents(captures: &[CaptureFacts]) -> Vec<Incident> {
    let mut order: Vec<Vec<Sighting>> = Vec::new();
    let mut known: HashMap<Numbers, Vec<usize>> = HashMap::new();
    for (capture, facts) in captures.iter().enumerate() {
        for (flow, of) in facts.flows.iter().enumerate() {
            let Some(reset) = of.resets.first() else { continue };
            let sighting = Sighting { capture, flow, reset: 0 };
            let slots = known.entry(numbers(reset)).or_default();
            let same = slots.iter().find(|slot| {
                let first = order[**slot].first();
                first.and_then(|at| look(captures, *at)).is_some_and(|(_, other, _)| alike(of, other))
            });
            match same {
                Some(slot) => order[*slot].push(sighting),
                None => {
                    slots.push(order.len());
                    order.push(vec![sighting]);
                }
            }
        }
    }
    let mut out: Vec<Incident> = order.into_iter().filter_map(|sightings| incident(captures, sightings)).collect();
    link(captures, &mut out);
    link_ends(captures, &mut out);
    out
}

/// Finds the incidents that only follow from an earlier one of the same connection at another point: the first RST ended one
/// side, and the other side was told when it spoke.
fn link_ends(captures: &[CaptureFacts], incidents: &mut [Incident]) {
    let mut at: HashMap<(usize, usize), usize> = HashMap::new();
    for (index, incident) in incidents.iter().enumerate() {
        incident.sightings().for_each(|seen| {
            at.insert((seen.capture, seen.flow), index);
        });
    }
    for later in 0..incidents.len() {
        if incidents[later].follows || incidents[later].untranslated {
            continue;
        }
        let lead = incidents[later].lead;
        let Some((_, flow, reset)) = look(captures, lead) else { continue };
        let earlier = captures.iter().enumerate().find_map(|(capture, facts)| {
            let index = *at.get(&(capture, facts.numbers.find(flow)?))?;
            let (_, _, other) = look(captures, incidents[index].lead)?;
            let before = other.packet.time_ns? < reset.packet.time_ns?;
            (index != later && other.side != reset.side && before).then_some(index)
        });
        // The two RSTs carry different sides: what ended first is the server's socket, told of in the client's name.
        if let Some(index) = earlier {
            incidents[later].follows = true;
            incidents[index].later = Some(lead);
        }
    }
}

/// Finds the incidents that only follow from a packet that was not translated: its RST ended the connection on one side, and
/// the other side learned of it with its next packet.
fn link(captures: &[CaptureFacts], incidents: &mut [Incident]) {
    let leaks: Vec<(usize, usize, u64)> = incidents
        .iter()
        .enumerate()
        .filter(|(_, incident)| incident.untranslated)
        .flat_map(|(index, incident)| incident.sightings().map(move |at| (index, at)))
        .filter_map(|(index, at)| {
            let (capture, flow, _) = look(captures, at)?;
            Some((index, at.capture, capture.strays.get(&flow.index)?.known))
        })
        .collect();
    for later in 0..incidents.len() {
        let cause = incidents[later].sightings().find_map(|at| {
            let (_, flow, _) = look(captures, at)?;
            leaks
                .iter()
                .find(|(index, capture, known)| *index != later && *capture == at.capture && *known == flow.index)
        });
        if let Some((index, ..)) = cause {
            incidents[later].follows = true;
            incidents[*index].later = Some(incidents[later].lead);
        }
    }
}

fn incident(captures: &[CaptureFacts], mut sightings: Vec<Sighting>) -> Option<Incident> {
    sightings.sort_by_key(|at| std::cmp::Reverse(worth(captures, *at)));
    let (lead, others) = sightings.split_first()?;
    let (_, flow, reset) = look(captures, *lead)?;
    let mut verdict = judge(flow, reset);
    let mut diverted = None;
    let mut renumbered = None;
    let mut other_server = None;
    let flow_server = flow.server;
    let mut untranslated = false;
    for at in &sightings {
        let Some((capture, flow, _)) = look(captures, *at) else { continue };
        let Some(stray) = capture.strays.get(&flow.index) else { continue };
        match stray.kind {
            // Before the translator the connection's server is the address clients use: that names no backend.
            Kind::Diverted if stray.right != flow_server => {
                diverted = diverted.or(Some((stray.right, stray.wrong, *at)));
            }
            Kind::Diverted => other_server = other_server.or(Some((stray.right, stray.wrong, *at))),
            Kind::Renumbered => renumbered = renumbered.or(Some((stray.right, stray.wrong, *at))),
            Kind::Untranslated(_) => untranslated = true,
        }
    }
    diverted = diverted.or(other_server);
    // A stray in no capture, but the server's own capture lacks the RST and another server's has it.
    if diverted.is_none() {
        diverted = elsewhere(captures, *lead, others);
    }
    if let Some((right, wrong, _)) = diverted {
        verdict.add(Clue {
            says: format!(
                "Behind the translator it comes from {}; the server of the connection is {}.",
                super::words::peer(wrong),
                super::words::peer(right)
            ),
            refutes: vec![
                Emitter::Socket,
                Emitter::ClosedSocket,
                Emitter::LostSocket,
                Emitter::Nearer,
                Emitter::Injector,
            ],
            unless: None,
        });
    }
    if let Some((right, wrong, _)) = renumbered {
        verdict.add(Clue {
            says: format!(
                "Behind the translator the packet that was answered came from {}, and the connection is that of {}: the server \
                 has no socket for the new port, so its kernel answered.",
                super::words::peer(wrong),
                super::words::peer(right)
            ),
            refutes: vec![
                Emitter::Socket,
                Emitter::ClosedSocket,
                Emitter::OtherBackend,
                Emitter::Nearer,
                Emitter::Injector,
            ],
            unless: None,
        });
    }
    if let Some(clue) = beside(captures, &sightings) {
        verdict.add(clue);
    }
    let absent = absent(captures, &sightings);
    if let Some((capture, _, what)) = absent {
        verdict.add(Clue {
            says: format!(
                "It is not in {}, which holds the connection nearer to that side: it was sent between the two points{}.",
                captures.get(capture).map_or("", |capture| capture.path.as_str()),
                match what {
                    There::TriggerAbsent => ", and so was the packet it answers stopped there, or sent elsewhere",
                    _ => "",
                }
            ),
            refutes: vec![Emitter::Socket, Emitter::ClosedSocket, Emitter::LostSocket],
            unless: Some("that capture lost packets"),
        });
    }
    Some(Incident {
        lead: *lead,
        others: others.to_vec(),
        verdict,
        diverted,
        renumbered,
        untranslated,
        later: None,
        follows: false,
        absent,
    })
}

impl Incident {
    /// All sightings, the one that tells most first.
    pub fn sightings(&self) -> impl Iterator<Item = Sighting> {
        std::iter::once(self.lead).chain(self.others.iter().copied())
    }
}

/// A sighting with no router between the capture and the sender, under the address the connection has there: it was sent by the
/// host of that address itself.
fn beside(captures: &[CaptureFacts], sightings: &[Sighting]) -> Option<Clue> {
    sightings.iter().find_map(|at| {
        let (capture, flow, reset) = look(captures, *at)?;
        let ttl = reset.sender.ttl_handshake?;
        let near = flow.handshake == Handshake::Full && reset.ttl == ttl && distance(ttl).hops == 0;
        near.then(|| Clue {
            says: format!(
                "In {} it has passed no router (TTL {ttl}), as the side's own packets there: {} itself sent it.",
                capture.path,
                super::words::peer(super::words::end(flow, reset.side))
            ),
            refutes: vec![Emitter::OtherBackend, Emitter::Nearer],
            unless: Some("several hosts on that link answer for the address (direct server return)"),
        })
    })
}

/// A capture in which the RST should be, if the side it speaks for had sent it, and is not.
fn absent(captures: &[CaptureFacts], sightings: &[Sighting]) -> Option<(usize, usize, There)> {
    let (_, flow, reset) = look(captures, *sightings.first()?)?;
    captures.iter().enumerate().find_map(|(index, capture)| {
        if sightings.iter().any(|at| at.capture == index) {
            return None;
        }
        let at = capture.numbers.find(flow)?;
        let there = capture.flows.get(at)?;
        if !matching::nearer(flow, there, reset.side) {
            return None;
        }
        let what = matching::compare(reset, there, capture.last_ns);
        matches!(what, There::TriggerAbsent | There::TriggerSeen).then_some((index, at, what))
    })
}

/// How much a sighting tells: the whole connection before one that begins in the middle, and then the one nearest to the
/// receiver, where nothing is translated any more.
fn worth(captures: &[CaptureFacts], at: Sighting) -> (bool, bool, u8, std::cmp::Reverse<usize>) {
    let Some((_, flow, reset)) = look(captures, at) else { return (false, false, 0, std::cmp::Reverse(at.capture)) };
    let whole = flow.handshake == Handshake::Full;
    let known = reset.sender.ttl_range.is_some();
    let receiver = reset.receiver.ttl_handshake.or(reset.receiver.ttl_range.map(|(_, high)| high)).unwrap_or(0);
    (whole, known, receiver, std::cmp::Reverse(at.capture))
}

/// The RST was seen under another server address, in a capture that holds no more of the connection, while a third capture
/// holds the connection itself under its own server address.
fn elsewhere(captures: &[CaptureFacts], lead: Sighting, others: &[Sighting]) -> Option<(Peer, Peer, Sighting)> {
    let (_, flow, _) = look(captures, lead)?;
    let isn = (flow.client_state.isn?, flow.server_state.isn?);
    let same = |other: &&Flow| {
        other.server != flow.server && (other.client_state.isn, other.server_state.isn) == (Some(isn.0), Some(isn.1))
    };
    let inner = captures.iter().flat_map(|capture| &capture.flows).find(same)?;
    others.iter().find_map(|at| {
        let (_, seen, _) = look(captures, *at)?;
        let elsewhere =
            seen.handshake == Handshake::Absent && seen.server != flow.server && seen.server != inner.server;
        elsewhere.then_some((inner.server, seen.server, *at))
    })
}
