//! A capture to flows, in one pass and bounded memory.
//!
//! [`read`] walks the packets once, keeps the state of every live flow packed, and snapshots it at each RST. A flow never
//! ends by a quiet time: that is what the case is about. When there are more flows than [`Limits::flows`], ended ones
//! and then the longest idle give their place, and the totals say how many did.

mod record;
mod segment;
mod segments;
mod side;
mod slab;
mod summary;
mod table;
#[cfg(test)]
mod tests;

use casebook_checksum::prefetch;
use casebook_core::{Bytes, Coverage, Evidence, EvidenceId, Span, Unmodelled};
use casebook_formats::capture::{self, Frame, Problem};
use casebook_formats::packet::checksum::{self, Checks};
use casebook_formats::packet::{Network, Packet, Protocol, Transport};

pub use casebook_formats::capture::KIND;
pub use segments::{Segments, segments};
pub use summary::{End, FlowSummary, SumCounts, Totals};

use super::flow::{Flags, Flow};
use record::{Record, Taken};
use segment::{Seg, innermost};
use slab::Slab;
use table::{Key, Table};

/// Bytes walked between two releases of memory that is no longer needed.
const RELEASE_EVERY: usize = 4 << 20;

/// How far ahead of the walk the file is fetched. The processor's own read-ahead begins anew at every page and every header.
const FETCH_AHEAD: usize = 2048;

/// Bounds of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Flows kept whole. One is half a kilobyte.
    pub flows: usize,
    /// Of these, flows whose RSTs are kept. One is one or two kilobytes.
    pub flows_with_resets: usize,
    /// Summaries of flows that gave their place.
    pub summaries: usize,
}

impl Default for Limits {
    /// Under 150 MB in all.
    fn default() -> Self {
        Self { flows: 88_000, flows_with_resets: 16_000, summaries: 60_000 }
    }
}

/// What a capture holds.
#[derive(Debug)]
pub struct Capture {
    /// The evidence.
    pub evidence: EvidenceId,
    /// Counts.
    pub totals: Totals,
    /// What of the file is not as its format wants it.
    pub unmodelled: Vec<Unmodelled>,
    /// Flows that gave their place, in no order; those that ended first of all were the first to go.
    pub folded: Vec<FlowSummary>,
    slab: Slab,
    order: Vec<u32>,
}

impl Capture {
    /// The flows that were kept, by their first packet. Each is made when it is asked for: together they would take more
    /// memory than the capture's reader.
    pub fn flows(&self) -> impl Iterator<Item = Flow> {
        self.records().map(|record| record.flow(self.evidence))
    }

    /// The kept flows with a RST, by their first packet.
    pub fn reset_flows(&self) -> impl Iterator<Item = Flow> {
        self.records().filter(|record| !record.resets().is_empty()).map(|record| record.flow(self.evidence))
    }

    /// The kept flow with this number.
    pub fn flow(&self, index: u64) -> Option<Flow> {
        let at = self.order.binary_search_by_key(&index, |slot| self.slab.get(*slot).index).ok()?;
        Some(self.slab.get(self.order[at]).flow(self.evidence))
    }

    /// Summaries of the flows that gave their place and of the kept ones.
    pub fn summaries(&self) -> impl Iterator<Item = FlowSummary> {
        self.folded.iter().copied().chain(self.records().map(Record::summary))
    }

    /// Number of kept flows.
    pub fn kept(&self) -> usize {
        self.order.len()
    }

    fn records(&self) -> impl Iterator<Item = &Record> {
        self.order.iter().map(|slot| self.slab.get(*slot))
    }

    /// The coverage line: what was not read, and what was folded.
    pub fn coverage(&self, evidence: &Evidence) -> Coverage {
        let line = Coverage::read(evidence, self.unmodelled.clone());
        match self.note() {
            Some(note) => line.with_note(note),
            None => line,
        }
    }

    fn note(&self) -> Option<String> {
        let totals = &self.totals;
        let mut notes = Vec::new();
        let mut say = |count: u64, what: &str| {
            if count > 0 {
                notes.push(format!("{what}: {count}"));
            }
        };
        say(totals.copies, "segments seen on a second interface and counted once");
        say(totals.later_fragments, "later fragments, which belong to no flow");
        say(totals.unreadable_tcp, "TCP headers that were cut or contradict themselves");
        say(totals.unreadable, "packets whose headers were cut or unknown");
        say(totals.folded_ended, "ended flows that gave their place to later ones");
        say(
            totals.folded_open,
            "idle flows that gave their place to others (a later segment of one begins another flow)",
        );
        say(totals.folded_resets, "flows with a RST that are counted only");
        (!notes.is_empty()).then(|| notes.join("; "))
    }
}

/// Reads a capture. `bytes` are asked to let go of what was walked.
pub fn read(evidence: EvidenceId, bytes: &Bytes, limits: Limits) -> Capture {
    let mut reader = Reader::new(evidence, limits);
    let (problems, unlisted) = walk(bytes, |frame| reader.frame(&frame));
    reader.finish(problems, unlisted)
}

/// Gives every frame to `each`, and lets go of the memory behind.
fn walk<'a>(bytes: &'a Bytes, mut each: impl FnMut(Frame<'a>)) -> (Vec<Problem>, u64) {
    let file = bytes.as_slice();
    let mut frames = capture::frames(file);
    let mut released = 0;
    for frame in frames.by_ref() {
        let end = frame.end;
        if let Some(ahead) = file.get(frame.start + FETCH_AHEAD..end + FETCH_AHEAD) {
            prefetch::bytes(ahead);
        }
        each(frame);
        if end - released >= RELEASE_EVERY {
            bytes.release(released..end);
            released = end;
        }
    }
    bytes.release(released..frames.position());
    (frames.problems().to_vec(), frames.problems_unlisted())
}

/// A segment's record is asked for when this many more have come, and it is taken after as many again.
const AHEAD: u64 = 12;
/// Segments that wait: a power of two, more than twice [`AHEAD`].
const WAITING: usize = 32;

struct Pending<'a> {
    seg: Seg<'a>,
    key: Key,
    from_first: bool,
    hash: u32,
}

struct Reader<'a> {
    evidence: EvidenceId,
    limits: Limits,
    totals: Totals,
    table: Table,
    slab: Slab,
    folded: Vec<FlowSummary>,
    with_resets: usize,
    waiting: [Option<Pending<'a>>; WAITING],
    /// Segments that came to wait.
    come: u64,
}

impl<'a> Reader<'a> {
    fn new(evidence: EvidenceId, limits: Limits) -> Self {
        let limits = Limits { flows: limits.flows.clamp(16, 1 << 30), ..limits };
        Self {
            evidence,
            limits,
            totals: Totals::default(),
            table: Table::new(),
            slab: Slab::default(),
            folded: Vec::new(),
            with_resets: 0,
            waiting: [const { None }; WAITING],
            come: 0,
        }
    }

    #[inline]
    fn frame(&mut self, frame: &Frame<'a>) {
        self.totals.packets += 1;
        let packet = Packet::of(frame);
        let checks = checksum::verify(&packet, frame.flags);
        checks.iter().for_each(|check| self.totals.sum(check));
        match innermost(&packet) {
            None => self.packet(frame, &packet, &checks),
            Some(inner) => {
                let checks = checksum::verify(&inner, frame.flags);
                checks.iter().for_each(|check| self.totals.sum(check));
                self.packet(frame, &inner, &checks);
            }
        }
    }

    #[inline]
    fn packet(&mut self, frame: &Frame<'a>, packet: &Packet<'a>, checks: &Checks<'a>) {
        match Seg::of(frame, packet, segment::sum(checks.transport.as_ref())) {
            Some((seg, key, from_first)) => {
                let hash = key.hash();
                self.table.prefetch(hash);
                self.waiting[self.come as usize % WAITING] = Some(Pending { seg, key, from_first, hash });
                self.advance();
            }
            None => self.other(packet),
        }
    }

    /// Asks for the record of a segment that came a little earlier, and takes one of those before. Slots and records are
    /// far from the processor: they come while other packets are read and their sums added.
    #[inline]
    fn advance(&mut self) {
        let come = self.come;
        self.come += 1;
        if let Some(pending) = &self.waiting[come.wrapping_sub(AHEAD) as usize % WAITING]
            && let Some(at) = self.table.likely(pending.hash)
        {
            self.slab.get(at).prefetch(pending.from_first);
        }
        if let Some(pending) = self.waiting[come.wrapping_sub(2 * AHEAD) as usize % WAITING].take() {
            self.segment(&pending.seg, pending.key, pending.from_first, pending.hash);
        }
    }

    fn other(&mut self, packet: &Packet<'_>) {
        let totals = &mut self.totals;
        match (&packet.network, &packet.transport) {
            (Network::Other { .. }, _) => totals.not_ip += 1,
            (Network::Cut(_) | Network::Unknown(_), _) => totals.unreadable += 1,
            (_, Transport::LaterFragment) => totals.later_fragments += 1,
            (Network::V4(ip), Transport::Cut(_) | Transport::Malformed(_)) if ip.protocol() == 6 => {
                totals.unreadable_tcp += 1;
            }
            (Network::V6(ip), Transport::Cut(_) | Transport::Malformed(_)) if ip.protocol == 6 => {
                totals.unreadable_tcp += 1;
            }
            (_, Transport::Cut(_)) => totals.unreadable += 1,
            _ => totals.not_tcp += 1,
        }
    }

    #[inline]
    fn segment(&mut self, seg: &Seg<'_>, key: Key, from_first: bool, hash: u32) {
        self.totals.segments += 1;
        let found = self.table.find(hash, |record| self.slab.get(record).is_of(&key));
        let at = match found {
            Ok(at) if opens(seg.flags) && self.slab.get(at).begins_anew(seg, from_first) => {
                self.slab.get_mut(at).linked = false;
                let new = self.begin(seg, key, from_first);
                self.table.replace(hash, at, new);
                new
            }
            Ok(at) => at,
            Err(slot) => {
                let new = self.begin(seg, key, from_first);
                self.table.insert(slot, hash, new);
                new
            }
        };
        let reset = seg.flags.has(Flags::RST);
        let record = self.slab.get_mut(at);
        // Looked at for a RST only: it is one more cache line.
        let keep = reset && (!record.resets().is_empty() || self.with_resets < self.limits.flows_with_resets);
        let taken = record.take(self.evidence, seg, from_first, keep);
        if taken == Taken::Copy {
            self.totals.copies += 1;
        } else if reset {
            self.with_resets += usize::from(record.resets().len() == 1 && record.reset_count == 1);
            self.totals.resets += 1;
            self.totals.folded_resets += u64::from(record.resets().is_empty() && record.reset_count == 1);
        }
        if self.slab.len() > self.limits.flows {
            self.fold();
        }
    }

    #[cold]
    fn begin(&mut self, seg: &Seg<'_>, key: Key, from_first: bool) -> u32 {
        let record = Record::new(self.totals.flows, key, seg, from_first);
        self.totals.flows += 1;
        self.slab.add(record)
    }

    /// Gives up a quarter of the flows, the longest idle first. One that has ended counts as idle for eight times as long:
    /// its last acknowledgement has a moment to come. Flows with kept RSTs stay.
    #[cold]
    fn fold(&mut self) {
        let now = self.totals.packets;
        let mut candidates: Vec<(u64, bool, u32)> = self
            .slab
            .iter()
            .filter(|(_, record)| record.resets().is_empty())
            .map(|(slot, record)| {
                let open = !record.closed() && record.linked;
                let idle = now.saturating_sub(record.last_number());
                (u64::MAX - if open { idle / 8 } else { idle }, open, slot)
            })
            .collect();
        let wanted = (self.limits.flows / 4).clamp(1, candidates.len().max(1));
        if wanted < candidates.len() {
            candidates.select_nth_unstable(wanted);
        }
        for (_, open, slot) in candidates.into_iter().take(wanted) {
            let summary = self.slab.get(slot).summary();
            if self.folded.len() < self.limits.summaries {
                self.folded.push(summary);
            }
            *if open { &mut self.totals.folded_open } else { &mut self.totals.folded_ended } += 1;
            self.slab.remove(slot);
        }
        let linked = self.slab.iter().filter(|(_, record)| record.linked);
        self.table.rebuild(linked.map(|(slot, record)| (record.key().hash(), slot)));
    }

    fn finish(mut self, problems: Vec<Problem>, unlisted: u64) -> Capture {
        (0..WAITING).for_each(|_| self.advance());
        let mut order: Vec<u32> = self.slab.iter().map(|(slot, _)| slot).collect();
        order.sort_unstable_by_key(|slot| self.slab.get(*slot).index);
        let place = |problem: &Problem| Span::new(self.evidence, problem.start, problem.end);
        let mut unmodelled: Vec<Unmodelled> =
            problems.iter().map(|problem| Unmodelled::new(place(problem), problem.why.clone())).collect();
        if let Some(last) = unmodelled.last().map(|last| last.span).filter(|_| unlisted > 0) {
            unmodelled.push(Unmodelled::new(last, format!("{unlisted} more stretches after it")));
        }
        Capture {
            evidence: self.evidence,
            totals: self.totals,
            unmodelled,
            folded: self.folded,
            slab: self.slab,
            order,
        }
    }
}

/// A SYN without ACK.
#[inline]
fn opens(flags: Flags) -> bool {
    flags.0 & (Flags::SYN | Flags::ACK | Flags::RST) == Flags::SYN
}

/// Counts of one protocol.
pub fn counts(totals: &Totals, protocol: Protocol) -> SumCounts {
    totals.sums[protocol as usize]
}
