//! What is kept of a flow that no longer fits, and the counts of a capture.

use casebook_formats::packet::Protocol;
use casebook_formats::packet::checksum::{Check, Verdict};

use crate::facts::flow::{Peer, TimeNs};

/// How a connection ended, as far as the capture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// A RST was seen.
    Rst,
    /// Both sides sent FIN.
    Fin,
    /// One side sent FIN.
    HalfClosed,
    /// It did not end in the capture.
    None,
}

/// A flow in few bytes: what a series of connections and a timer are fitted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowSummary {
    /// Its number in the capture.
    pub index: u64,
    /// Client.
    pub client: Peer,
    /// Server.
    pub server: Peer,
    /// First segment.
    pub first_ns: TimeNs,
    /// Last segment.
    pub last_ns: TimeNs,
    /// How it ended.
    pub end: End,
    /// The first RST, or the first FIN.
    pub end_ns: TimeNs,
    /// The last segment before the quiet time that a RST ended, or before the last segment of a flow that did not end.
    pub before_quiet_ns: TimeNs,
    /// The longest quiet time it came through.
    pub longest_survived_ns: Option<i64>,
    /// Segments of both sides.
    pub segments: u64,
    /// Bytes of payload of both sides.
    pub payload_bytes: u64,
}

/// Verdicts of one protocol's checksums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SumCounts {
    /// They hold.
    pub good: u64,
    /// Left to the network card.
    pub offloaded: u64,
    /// They do not hold.
    pub bad: u64,
    /// The packet has none.
    pub absent: u64,
    /// Zero where it must not be.
    pub illegal_zero: u64,
    /// Cut, fragments, lengths that lie.
    pub unverifiable: u64,
}

/// Counts of a capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Packets.
    pub packets: u64,
    /// TCP segments, copies included.
    pub segments: u64,
    /// Segments seen a second time on another interface, counted once in their flow.
    pub copies: u64,
    /// Packets that are no IP.
    pub not_ip: u64,
    /// IP of another transport.
    pub not_tcp: u64,
    /// Later fragments: they belong to no flow that can be told.
    pub later_fragments: u64,
    /// TCP whose header was cut by the capture, or contradicts itself.
    pub unreadable_tcp: u64,
    /// Link, IP or extension headers that are cut or cannot be read.
    pub unreadable: u64,
    /// Flows.
    pub flows: u64,
    /// RSTs.
    pub resets: u64,
    /// Ended flows that gave their place to later ones; only their summaries, and not those of all, are there.
    pub folded_ended: u64,
    /// Flows that had not ended and were the longest idle: a later segment of one begins another flow.
    pub folded_open: u64,
    /// Flows with a RST beyond the limit: their RSTs are counted only.
    pub folded_resets: u64,
    /// Checksums, in the order of [`Protocol::ALL`].
    pub sums: [SumCounts; Protocol::ALL.len()],
}

impl Totals {
    /// Counts a verdict.
    #[inline]
    pub(super) fn sum(&mut self, check: &Check<'_>) {
        let counts = &mut self.sums[check.protocol as usize];
        *match check.verdict {
            Verdict::Good => &mut counts.good,
            Verdict::Offloaded(_) => &mut counts.offloaded,
            Verdict::Bad { .. } => &mut counts.bad,
            Verdict::Absent => &mut counts.absent,
            Verdict::IllegalZero => &mut counts.illegal_zero,
            Verdict::Unverifiable(_) => &mut counts.unverifiable,
        } += 1;
    }
}
