//! A capture to counts, directions and the packets whose checksum does not hold, in one pass and bounded memory.

use std::collections::BTreeMap;

use casebook_core::{Coverage, Evidence, EvidenceId, Span, Unmodelled};
use casebook_formats::capture::{self, Frame};
use casebook_formats::packet::checksum::{self, Check, Verdict};
use casebook_formats::packet::{Network, Packet, Protocol, Transport};

pub use casebook_formats::capture::KIND;

use super::counts::Counts;
use super::direction::{PacketRef, Table, Way};
use super::specimen::{Kept, Site};

/// Bytes walked between two releases of memory that is no longer needed.
pub(super) const RELEASE_EVERY: usize = 4 << 20;

/// Tunnels in tunnels that are followed.
const DEPTH: u8 = 4;

/// Bounds of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Directions of flows that are counted apart; one takes a quarter of a kilobyte.
    pub directions: usize,
    /// Bad packets that are kept in all.
    pub bad: usize,
    /// Bad packets that are kept of one direction.
    pub bad_of_one: usize,
}

impl Default for Limits {
    /// About 30 MB.
    fn default() -> Self {
        Self { directions: 100_000, bad: 4096, bad_of_one: 24 }
    }
}

/// The differences of the bad packets of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Differences {
    /// Stored minus computed of the first, as one's complement numbers.
    pub first: u16,
    /// True while all others had the same.
    pub same: bool,
    /// How many packets are bad.
    pub bad: u64,
    /// How many of them are kept.
    pub kept: usize,
}

/// What one capture holds.
#[derive(Clone, Debug, Default)]
pub struct Capture {
    /// The capture.
    pub evidence: Option<EvidenceId>,
    /// Its path, for messages.
    pub path: String,
    /// Packets in all.
    pub packets: u64,
    /// Packets that carry no IP, or whose headers could not be told.
    pub without_ip: u64,
    /// Packets of which the capture kept less than there was.
    pub cut_packets: u64,
    /// The most bytes it kept of a packet that it cut.
    pub cut_at: usize,
    /// Verdicts by protocol, in the order of [`Protocol::ALL`].
    pub totals: [Counts; Protocol::ALL.len()],
    /// Directions of flows.
    pub directions: Table,
    /// Bad packets, as many as are kept.
    pub bad: Vec<Kept>,
    /// The directions that have bad packets, in order of their first; more than [`Limits::bad`] are counted only.
    pub differences: BTreeMap<Order, Differences>,
    /// What of the file is not as its format wants it.
    pub unmodelled: Vec<Unmodelled>,
}

/// A direction in the order of its first bad packet.
#[derive(Clone, Copy, Debug)]
pub struct Order(pub u64, pub Way);

impl PartialEq for Order {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Order {}

impl PartialOrd for Order {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Order {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let key = |order: &Order| {
            let way = order.1;
            (order.0, way.protocol, way.source, way.source_port, way.destination, way.destination_port)
        };
        key(self).cmp(&key(other))
    }
}

impl Capture {
    /// The bad packets of a direction that are kept.
    pub fn bad_of(&self, way: Way) -> impl Iterator<Item = &Kept> {
        self.bad.iter().filter(move |kept| kept.way == way)
    }

    /// The evidence as a place wants it.
    pub fn id(&self) -> EvidenceId {
        self.evidence.unwrap_or(EvidenceId(0))
    }

    /// Counts of one protocol.
    pub fn counts(&self, protocol: Protocol) -> &Counts {
        &self.totals[protocol as usize]
    }

    /// The coverage line: what was not read, what was folded, what is counted only.
    pub fn coverage(&self, evidence: &Evidence) -> Coverage {
        let line = Coverage::read(evidence, self.unmodelled.clone());
        let mut notes = Vec::new();
        let mut say = |count: u64, what: &str| {
            if count > 0 {
                notes.push(format!("{what}: {count}"));
            }
        };
        let bad: u64 = self.totals.iter().map(|counts| counts.bad).sum();
        say(self.without_ip, "packets that carry no IP or were cut inside their headers");
        say(self.directions.folded_directions, "directions without anything wrong, folded into the totals");
        say(
            self.directions.without_place,
            "packets without a place in the table of directions, which count in the totals only",
        );
        say(bad - self.bad.len() as u64, "bad packets that are counted and were not looked into");
        if notes.is_empty() { line } else { line.with_note(notes.join("; ")) }
    }
}

/// Reads a capture, and lets go of the memory behind.
pub fn read(evidence: &Evidence, limits: Limits) -> Capture {
    let mut reader = Reader {
        out: Capture {
            evidence: Some(evidence.id),
            path: evidence.path.clone(),
            directions: Table::new(limits.directions),
            ..Capture::default()
        },
        limits,
        order: BTreeMap::new(),
    };
    let mut frames = capture::frames(evidence.as_bytes());
    let mut released = 0;
    for frame in frames.by_ref() {
        reader.frame(&frame);
        if frame.end - released >= RELEASE_EVERY {
            evidence.bytes.release(released..frame.end);
            released = frame.end;
        }
    }
    if released > 0 {
        evidence.bytes.release(released..frames.position());
    }
    let place = |start, end| Span::new(evidence.id, start, end);
    let mut out = reader.out;
    out.unmodelled = frames
        .problems()
        .iter()
        .map(|problem| Unmodelled::new(place(problem.start, problem.end), problem.why.clone()))
        .collect();
    if let Some(last) = out.unmodelled.last().map(|last| last.span).filter(|_| frames.problems_unlisted() > 0) {
        let why = format!("{} more stretches after it", frames.problems_unlisted());
        out.unmodelled.push(Unmodelled::new(last, why));
    }
    out
}

struct Reader {
    out: Capture,
    limits: Limits,
    order: BTreeMap<u64, Vec<(Way, u64)>>,
}

impl Reader {
    #[inline]
    fn frame(&mut self, frame: &Frame<'_>) {
        self.out.packets += 1;
        if frame.data.len() < frame.original_bytes as usize {
            self.out.cut_packets += 1;
            self.out.cut_at = self.out.cut_at.max(frame.data.len());
        }
        let mut packet = Packet::of(frame);
        if packet.network.addresses().is_none() {
            self.out.without_ip += 1;
            return;
        }
        let mut depth = 0;
        loop {
            let checks = checksum::verify(&packet, frame.flags);
            if let Some(check) = &checks.network {
                self.out.totals[check.protocol as usize].add(&check.verdict);
                // A header that holds is the rule, and says nothing about a flow.
                if check.verdict != Verdict::Good {
                    self.count(frame, &packet, check, depth);
                }
            }
            if let Some(check) = &checks.transport {
                self.out.totals[check.protocol as usize].add(&check.verdict);
                self.count(frame, &packet, check, depth);
            }
            match packet.inner() {
                Some(inner) if depth < DEPTH => packet = inner,
                _ => return,
            }
            depth += 1;
        }
    }

    #[inline]
    fn count(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, check: &Check<'_>, depth: u8) {
        let Some(way) = way(packet, check.protocol) else { return };
        let reference = PacketRef { number: frame.number, start: frame.start, end: frame.end };
        let claimed = claimed(packet);
        let at = self.out.directions.count(way, &check.verdict, reference, claimed);
        if let (Some(at), Transport::Tcp(tcp), Protocol::Tcp) = (at, &packet.transport, check.protocol) {
            // What a damaged packet says of itself widens nothing.
            if !matches!(check.verdict, Verdict::Bad { .. }) {
                let seq = tcp.seq();
                self.out.directions.sequence(at, seq, seq.wrapping_add(tcp.payload_bytes()));
            }
        }
        if let Verdict::Bad { stored, computed } = check.verdict {
            self.bad(frame, way, depth, (stored, computed));
        }
    }

    #[cold]
    fn bad(&mut self, frame: &Frame<'_>, way: Way, depth: u8, (stored, computed): (u32, u32)) {
        let difference = difference(way.protocol, stored, computed);
        let first = self.first(way, frame.number);
        let Some(first) = first else { return };
        let entry = self.out.differences.entry(Order(first, way)).or_insert(Differences {
            first: difference,
            same: true,
            bad: 0,
            kept: 0,
        });
        entry.bad += 1;
        entry.same &= entry.first == difference;
        if entry.kept < self.limits.bad_of_one && self.out.bad.len() < self.limits.bad {
            entry.kept += 1;
            self.out.bad.push(Kept { site: Site::of(frame, depth), way, stored, computed, copy: None });
        }
    }

    /// The number of the first bad packet of a direction; `None` when there are too many such directions.
    fn first(&mut self, way: Way, number: u64) -> Option<u64> {
        // By a hash of the way, so that a capture full of bad packets is not walked for each of them.
        let digest = way.digest();
        let known = self.order.get(&digest).into_iter().flatten();
        if let Some((_, first)) = known.into_iter().find(|(other, _)| *other == way) {
            return Some(*first);
        }
        if self.out.differences.len() >= self.limits.bad {
            return None;
        }
        self.order.entry(digest).or_default().push((way, number));
        Some(number)
    }
}

/// Stored minus computed as a one's complement number; of SCTP the low half of the exclusive or, which only serves to
/// compare.
fn difference(protocol: Protocol, stored: u32, computed: u32) -> u16 {
    if protocol == Protocol::Sctp {
        (stored ^ computed) as u16
    } else {
        casebook_checksum::ones::difference(stored as u16, computed as u16)
    }
}

/// Whose packet it is.
#[inline]
pub fn way(packet: &Packet<'_>, protocol: Protocol) -> Option<Way> {
    let (source, destination) = packet.network.addresses()?;
    let (source_port, destination_port) = match (&packet.transport, protocol) {
        (_, Protocol::Ipv4) => (0, 0),
        (Transport::Tcp(tcp), _) => (tcp.source_port(), tcp.destination_port()),
        (Transport::Udp(udp), _) => (udp.source_port(), udp.destination_port()),
        (Transport::Message { protocol: Protocol::Sctp, bytes, .. }, _) => {
            let port =
                |at: usize| bytes.get(at..).and_then(|rest| rest.first_chunk()).map(|word| u16::from_be_bytes(*word));
            (port(0).unwrap_or(0), port(2).unwrap_or(0))
        }
        _ => (0, 0),
    };
    Some(Way { protocol, source, source_port, destination, destination_port })
}

/// Length of the message by IP.
fn claimed(packet: &Packet<'_>) -> u32 {
    match &packet.network {
        Network::V4(ip) => ip.payload_bytes,
        Network::V6(ip) => ip.payload_bytes,
        _ => 0,
    }
}
