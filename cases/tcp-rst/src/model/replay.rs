//! Conntrack over the segments of one flow: what each packet met, which one found the entry gone, which is invalid.
//!
//! Answers are three-valued. What the table held before the capture can be unknown, and a kernel's release can leave open
//! what it does: then every possible table is carried on, and an answer is known where all of them agree.

use super::conntrack::segment::Packet;
use super::conntrack::{Class, Entry, Handled, Host, Outcome, State, Step, Switch, TimeoutReason, packet};
use crate::facts::flow::{Flags, PacketRef, Segment};
use crate::facts::timer::Micros;

/// What the table holds before the first segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Nothing of this connection: its first SYN is in the capture, or somebody knows.
    Empty,
    /// Anything: the capture begins in the middle. It ends with a quiet time longer than every timeout, or with a
    /// handshake (see [`Assumption::Handshake`]).
    Unknown,
}

impl Start {
    /// What fits a flow: [`Start::Empty`] when it begins with a SYN, which assumes that no older entry of the same ports
    /// was there.
    pub fn of(segments: &[Segment]) -> Self {
        match segments.first() {
            Some(first) if first.flags.has(Flags::SYN) && !first.flags.has(Flags::ACK) => Start::Empty,
            _ => Start::Unknown,
        }
    }
}

/// Why an answer is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// The capture began in the middle, and nothing has yet told what the table holds.
    Before,
    /// The capture gives no time for this packet or for one before it.
    Time,
    /// The kernel's release leaves this open.
    Kernel(Switch),
    /// More ways than are followed.
    Ways,
}

/// What an answer takes for granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assumption {
    /// A handshake in a capture that began in the middle made a new entry: no entry was there whose original direction is
    /// the server's.
    Handshake,
    /// A checksum that the capture does not let anybody verify is good.
    Checksum,
}

/// What a packet met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// State and time left when it came; `None` without an entry.
    pub before: Option<(State, Micros)>,
    /// State afterwards; `None` without an entry.
    pub after: Option<State>,
    /// What it is to rules.
    pub class: Class,
    /// What became of the entry.
    pub handled: Handled,
    /// The timeout it set.
    pub timeout: Option<(Micros, TimeoutReason)>,
    /// Why, in the kernel's order.
    pub steps: Vec<Step>,
    /// What this takes for granted.
    pub assumes: Option<Assumption>,
}

/// One packet's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Known.
    Known(Judged),
    /// Open.
    Open(Open),
}

impl Answer {
    /// The answer, if it is known.
    pub fn known(&self) -> Option<&Judged> {
        match self {
            Answer::Known(judged) => Some(judged),
            Answer::Open(_) => None,
        }
    }
}

/// What came after the entry was gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// `nf_conntrack_tcp_loose` is 1: a new entry in ESTABLISHED; NAT decides anew.
    PickedUp,
    /// A SYN began a new connection.
    Begun,
    /// Invalid: no NAT touches it.
    Invalid,
}

/// A packet that found the entry gone: nothing had told either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// Index of the packet in [`Replay::packets`].
    pub at: usize,
    /// Index of the packet that had refreshed the entry last.
    pub refreshed_at: usize,
    /// State the entry had died in.
    pub state: State,
    /// Its timeout.
    pub timeout: Micros,
    /// Why it was that one.
    pub reason: TimeoutReason,
    /// How long it had been gone.
    pub gone_for: Micros,
    /// What the packet became.
    pub then: Then,
}

/// A replay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// An answer for each segment.
    pub packets: Vec<(PacketRef, Answer)>,
    /// Silent expiries.
    pub expiries: Vec<Expiry>,
    /// Indexes of packets that are invalid for certain.
    pub invalid: Vec<usize>,
}

/// How many possible tables are carried on.
const WAYS: usize = 64;

/// A table that can be.
#[derive(Clone, PartialEq, Eq)]
struct World {
    host: Host,
    /// `None`: unknown.
    slot: Option<Option<Entry>>,
    /// The last packet that set the timeout.
    refreshed: Option<(usize, Micros, TimeoutReason)>,
    assumes: Option<Assumption>,
}

/// Replays the segments of one flow, in order of time.
pub fn replay(host: &Host, start: Start, segments: &[Segment]) -> Replay {
    let slot = (start == Start::Empty).then_some(None);
    let world = World { host: *host, slot, refreshed: None, assumes: None };
    let mut run = Run { worlds: vec![world], open: Open::Before, syn: None, last_us: None, out: Replay::default() };
    let zero_ns = segments.iter().find_map(|segment| segment.packet.time_ns);
    for segment in segments {
        let since_ns = segment.packet.time_ns.zip(zero_ns).map(|(time, zero)| i128::from(time) - i128::from(zero));
        let now_us = since_ns.map(|since| u64::try_from(since / 1000).unwrap_or(0));
        run.segment(segment, now_us);
    }
    run.out
}

struct Run {
    worlds: Vec<World>,
    /// Why the table is unknown, where it is.
    open: Open,
    /// The last SYN, while the table is unknown.
    syn: Option<(Packet, u64)>,
    last_us: Option<u64>,
    out: Replay,
}

impl Run {
    fn segment(&mut self, segment: &Segment, now_us: Option<u64>) {
        let at = self.out.packets.len();
        let Some(now_us) = now_us else {
            self.forget(Open::Time);
            self.out.packets.push((segment.packet, Answer::Open(Open::Time)));
            self.last_us = None;
            return;
        };
        // The kernel's clock does not go back; a capture's can.
        let now_us = self.last_us.map_or(now_us, |last| last.max(now_us));
        let segment_packet = Packet::of_segment(segment);
        self.pin(&segment_packet, now_us);
        let answer = self.judge(&segment_packet, now_us, at);
        if answer.known().is_some_and(|judged| judged.handled == Handled::Invalid) {
            self.out.invalid.push(at);
        }
        self.out.packets.push((segment.packet, answer));
        self.last_us = Some(now_us);
    }

    fn forget(&mut self, open: Open) {
        self.open = open;
        self.syn = None;
        self.worlds.truncate(1);
        if let Some(world) = self.worlds.first_mut() {
            world.slot = None;
            world.refreshed = None;
        }
    }

    /// Ends an unknown table where that can be.
    fn pin(&mut self, segment: &Packet, now_us: u64) {
        let quiet_us = self.last_us.map(|last| now_us - last);
        let syn = self.syn;
        for world in self.worlds.iter_mut().filter(|world| world.slot.is_none()) {
            let settings = world.host.settings.timeouts.largest();
            let largest = world.host.policy.map_or(settings, |policy| policy.timeouts.largest().max(settings));
            if quiet_us.is_some_and(|quiet| quiet >= largest.0) {
                world.slot = Some(None);
                continue;
            }
            let answered = syn.filter(|(syn, _)| {
                syn.from != segment.from && segment.flags.has(Flags::SYN | Flags::ACK) && segment.ack == syn.end()
            });
            if let Some((syn, syn_us)) = answered {
                let mut slot = None;
                packet(&world.host, &mut slot, &syn, syn_us);
                world.slot = Some(slot);
                world.assumes = Some(Assumption::Handshake);
            }
        }
        if segment.flags.has(Flags::SYN) && !segment.flags.has(Flags::ACK) {
            self.syn = Some((*segment, now_us));
        }
    }

    /// Runs the packet in every world.
    fn judge(&mut self, segment: &Packet, now_us: u64, at: usize) -> Answer {
        if self.worlds.iter().any(|world| world.slot.is_none()) {
            return Answer::Open(self.open);
        }
        let mut todo = std::mem::take(&mut self.worlds);
        let mut answers: Vec<(Judged, Option<Expiry>)> = Vec::new();
        let mut forked = None;
        while let Some(mut world) = todo.pop() {
            let mut slot = world.slot.flatten();
            let before = slot;
            let outcome = packet(&world.host, &mut slot, segment, now_us);
            if let Some(switch) = outcome.unsettled.first() {
                // Both ways, from the same table.
                for on in [true, false] {
                    let mut way = world.clone();
                    way.host.behaviour = way.host.behaviour.with(*switch, on);
                    todo.push(way);
                }
                forked = Some(*switch);
                continue;
            }
            let expiry = expiry(&world, before.as_ref(), &outcome, now_us, at);
            if let Some((timeout, reason)) = outcome.timeout {
                world.refreshed = Some((at, timeout, reason));
            }
            world.slot = Some(slot);
            answers.push((judged(&world, before, slot, outcome, now_us), expiry));
            if !self.worlds.contains(&world) {
                self.worlds.push(world);
            }
        }
        if self.worlds.len() > WAYS {
            self.forget(Open::Ways);
            return Answer::Open(Open::Ways);
        }
        let differ = answers.windows(2).any(|pair| pair[0] != pair[1]);
        let kernel = forked.or_else(|| self.divided());
        match (answers.pop(), kernel) {
            (Some(_), Some(switch)) if differ => Answer::Open(Open::Kernel(switch)),
            (Some((judged, expiry)), _) => {
                self.out.expiries.extend(expiry);
                Answer::Known(judged)
            }
            (None, _) => Answer::Open(self.open),
        }
    }

    /// A switch in which the worlds differ.
    fn divided(&self) -> Option<Switch> {
        let first = self.worlds.first()?.host.behaviour;
        super::conntrack::release::SWITCHES
            .into_iter()
            .find(|switch| self.worlds.iter().any(|world| world.host.behaviour.is_on(*switch) != first.is_on(*switch)))
    }
}

fn judged(world: &World, before: Option<Entry>, after: Option<Entry>, outcome: Outcome, now_us: u64) -> Judged {
    let live = before.filter(|entry| !entry.is_expired(now_us));
    Judged {
        before: live.map(|entry| (entry.state, entry.remaining(now_us))),
        after: after.map(|entry| entry.state),
        class: outcome.class,
        handled: outcome.handled,
        timeout: outcome.timeout,
        steps: outcome.steps,
        assumes: world.assumes.or(outcome.sum_assumed.then_some(Assumption::Checksum)),
    }
}

fn expiry(world: &World, before: Option<&Entry>, outcome: &Outcome, now_us: u64, at: usize) -> Option<Expiry> {
    let entry = before.filter(|entry| entry.is_expired(now_us))?;
    let (refreshed_at, timeout, reason) = world.refreshed?;
    let then = match outcome.class {
        Class::Invalid => Then::Invalid,
        _ if outcome.steps.contains(&Step::PickedUp) => Then::PickedUp,
        _ => Then::Begun,
    };
    let gone_for = Micros(now_us - entry.expires_us);
    Some(Expiry { at, refreshed_at, state: entry.state, timeout, reason, gone_for, then })
}

#[cfg(test)]
mod tests;
