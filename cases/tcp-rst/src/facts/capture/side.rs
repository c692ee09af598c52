//! One side of a live flow, packed: what [`SideState`] and [`LastSegment`] say, in three cache lines.

use casebook_core::{EvidenceId, Span};

use super::segment::{NO_TIME, Seg, time};
use crate::facts::flow::{Flags, LastSegment, PacketRef, SideState, Sum};

/// Bits of [`Packed::has`].
pub(super) mod has {
    pub(crate) const ISN: u16 = 1;
    pub(crate) const SEQ_END: u16 = 1 << 1;
    pub(crate) const ACK: u16 = 1 << 2;
    pub(crate) const TIMESTAMP: u16 = 1 << 3;
    pub(crate) const TS_OFFERED: u16 = 1 << 4;
    pub(crate) const SCALE: u16 = 1 << 5;
    pub(crate) const SACK: u16 = 1 << 6;
    pub(crate) const FIN: u16 = 1 << 7;
    pub(crate) const ID: u16 = 1 << 8;
    pub(crate) const ID_BEFORE: u16 = 1 << 9;
    pub(crate) const ID_NOT_ZERO: u16 = 1 << 10;
    pub(crate) const SYN: u16 = 1 << 11;
    pub(crate) const SYN_ACK: u16 = 1 << 12;
    pub(crate) const RST: u16 = 1 << 13;
    /// A segment whose answer gives a round trip is under way.
    pub(crate) const PENDING: u16 = 1 << 14;
}

/// TTLs as one interface of a capture of several saw them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct View {
    pub(super) id: u32,
    ttl_handshake: u8,
    ttl_low: u8,
    ttl_high: u8,
    /// Bit 0: in use; bit 1: a handshake TTL; bit 2: a range.
    state: u8,
}

impl View {
    fn new(id: u32) -> Self {
        Self { id, state: 1, ..Self::default() }
    }

    /// Takes the TTL of a segment that is no RST.
    #[inline]
    pub(super) fn ttl(&mut self, ttl: u8, handshake: bool) {
        if handshake {
            self.ttl_handshake = ttl;
            self.state |= 2;
        }
        if self.state & 4 == 0 {
            (self.ttl_low, self.ttl_high) = (ttl, ttl);
            self.state |= 4;
        } else {
            self.ttl_low = self.ttl_low.min(ttl);
            self.ttl_high = self.ttl_high.max(ttl);
        }
    }
}

/// Three cache lines: what a segment of either side touches, the last segment, and the rest that only its own touch.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(super) struct Packed {
    pub(super) has: u16,
    home: u8,
    window_scale: u8,
    retransmissions: u32,
    probes: u32,
    /// One past the segment whose answer is awaited, and when it was sent.
    pending_end: u32,
    pending_ns: i64,
    /// Smallest time to the other side's answer.
    pub(super) rtt_ns: i64,
    pub(super) seq_end: u32,
    pub(super) ack_last: u32,
    views: [View; 2],
    pub(super) isn: u32,
    ts_last: u32,

    pub(super) segments: u64,
    pub(super) payload_bytes: u64,
    pub(super) last_number: u64,
    last_start: u64,
    pub(super) last_ns: i64,
    /// When the segment of either side before the last one was seen.
    pub(super) before_ns: i64,
    last_bytes: u32,
    last_seq: u32,
    last_ack: u32,
    last_payload: u32,

    ts_ns: i64,
    last_payload_ns: i64,
    pub(super) fin_ns: i64,
    bad: u32,
    offloaded: u32,
    last_id: u16,
    id_last: u16,
    id_before: u16,
    window_last: u16,
    last_flags: u8,
    last_sum: u8,
}

impl Packed {
    pub(super) fn new() -> Self {
        Self {
            last_ns: NO_TIME,
            before_ns: NO_TIME,
            rtt_ns: NO_TIME,
            ts_ns: NO_TIME,
            last_payload_ns: NO_TIME,
            fin_ns: NO_TIME,
            ..Self::default()
        }
    }

    /// Reads the lines that a segment of the other side touches.
    #[inline]
    pub(super) fn touch(&self) -> u64 {
        u64::from(self.has)
    }

    /// Reads the lines that a segment of this side touches.
    #[inline]
    pub(super) fn touch_own(&self) -> u64 {
        u64::from(self.has) ^ self.segments ^ self.ts_ns as u64
    }

    #[inline]
    pub(super) fn is(&self, bits: u16) -> bool {
        self.has & bits != 0
    }

    /// True when a segment on another interface is a copy of one that was counted: it brings nothing new, and a second
    /// has not passed. Without times, order alone decides.
    #[inline]
    pub(super) fn seen_elsewhere(&self, seg: &Seg<'_>) -> bool {
        const COPY_WITHIN_NS: u64 = 1_000_000_000;
        let near =
            seg.time_ns == NO_TIME || self.last_ns == NO_TIME || seg.time_ns.abs_diff(self.last_ns) <= COPY_WITHIN_NS;
        if !near {
            return false;
        }
        if seg.flags.has(Flags::RST) {
            return self.is(has::RST)
                && Flags(self.last_flags).has(Flags::RST)
                && (self.last_seq, self.last_ack, self.last_flags) == (seg.seq, seg.ack, seg.flags.0)
                && self.last_id == seg.ip_id;
        }
        if seg.flags.has(Flags::SYN) {
            return self.is(has::ISN) && self.isn == seg.seq;
        }
        let sent = self.is(has::SEQ_END) && after(seg.end(), self.seq_end) <= 0;
        let acked = !seg.flags.has(Flags::ACK) || self.is(has::ACK) && after(seg.ack, self.ack_last) <= 0;
        sent && acked
    }

    /// The interface its segments are counted on; `None` before the first.
    #[inline]
    pub(super) fn home(&self) -> Option<u32> {
        let view = self.views[usize::from(self.home & 1)];
        (view.state != 0).then_some(view.id)
    }

    /// Counts its segments on another interface from now on.
    pub(super) fn move_home(&mut self, id: u32) {
        match self.views.iter().position(|view| view.state != 0 && view.id == id) {
            Some(at) => self.home = at as u8,
            None => {
                if self.views[usize::from(self.home & 1)].state != 0 {
                    self.home ^= 1;
                }
                self.views[usize::from(self.home & 1)] = View::new(id);
            }
        }
    }

    /// The view of an interface. A new one takes the place that is not home.
    pub(super) fn view(&mut self, id: u32) -> &mut View {
        let at = self.views.iter().position(|view| view.state != 0 && view.id == id).unwrap_or_else(|| {
            let at = usize::from(self.home & 1 ^ 1);
            self.views[at] = View::new(id);
            at
        });
        &mut self.views[at]
    }

    /// A segment is the last of this side, whatever it is; `before_ns` is the time of the segment before it.
    #[inline]
    pub(super) fn is_last(&mut self, seg: &Seg<'_>, before_ns: i64) {
        self.segments += 1;
        self.payload_bytes += u64::from(seg.payload_bytes);
        self.last_number = seg.number;
        self.last_start = seg.start;
        self.last_bytes = seg.record_bytes;
        self.last_ns = seg.time_ns;
        self.before_ns = before_ns;
        self.last_seq = seg.seq;
        self.last_ack = seg.ack;
        self.last_payload = seg.payload_bytes;
        self.last_id = seg.ip_id;
        self.last_flags = seg.flags.0;
        self.last_sum = seg.sum as u8 | if seg.has_ip_id { 0x80 } else { 0 };
        match seg.sum {
            Sum::Bad => self.bad += 1,
            Sum::Offloaded => self.offloaded += 1,
            _ => {}
        }
    }

    /// What a segment that is no RST and not corrupted tells of its sender.
    #[inline]
    pub(super) fn sent(&mut self, seg: &Seg<'_>) {
        let syn = seg.flags.has(Flags::SYN);
        self.views[usize::from(self.home & 1)].ttl(seg.ttl, syn);
        if seg.has_ip_id {
            if self.is(has::ID) {
                self.id_before = self.id_last;
                self.has |= has::ID_BEFORE;
            }
            self.id_last = seg.ip_id;
            self.has |= has::ID | if seg.ip_id == 0 { 0 } else { has::ID_NOT_ZERO };
        }
        if let Some((value, _)) = seg.timestamps {
            self.ts_last = value;
            self.ts_ns = seg.time_ns;
            self.has |= has::TIMESTAMP;
        }
        if syn {
            self.opened(seg);
        }
        self.sequence(seg);
        if seg.flags.has(Flags::ACK) && (!self.is(has::ACK) || after(seg.ack, self.ack_last) > 0) {
            self.ack_last = seg.ack;
            self.has |= has::ACK;
        }
        self.window_last = seg.window;
        if seg.payload_bytes > 0 {
            self.last_payload_ns = seg.time_ns;
        }
        if seg.flags.has(Flags::FIN) && !self.is(has::FIN) {
            self.fin_ns = seg.time_ns;
            self.has |= has::FIN;
        }
    }

    #[cold]
    fn opened(&mut self, seg: &Seg<'_>) {
        use casebook_formats::packet::transport::TcpOption;
        self.isn = seg.seq;
        self.has |= has::ISN | if seg.flags.has(Flags::ACK) { has::SYN_ACK } else { has::SYN };
        for option in seg.tcp.options() {
            match option {
                TcpOption::Timestamps(..) => self.has |= has::TS_OFFERED,
                TcpOption::SackPermitted => self.has |= has::SACK,
                TcpOption::WindowScale(scale) => {
                    self.window_scale = scale;
                    self.has |= has::SCALE;
                }
                _ => {}
            }
        }
    }

    /// Retransmissions, probes, and the segment whose answer gives a round trip.
    #[inline]
    fn sequence(&mut self, seg: &Seg<'_>) {
        let end = seg.end();
        if self.is(has::SEQ_END) {
            let again = after(seg.seq, self.seq_end) < 0;
            let control = seg.flags.0 & (Flags::SYN | Flags::FIN) != 0;
            // A byte that still waits for its acknowledgement is repeated, not a probe.
            let waits = seg.payload_bytes == 1 && (self.is(has::PENDING) || self.retransmissions > 0);
            if again && seg.seq.wrapping_add(1) == self.seq_end && seg.payload_bytes <= 1 && !control && !waits {
                self.probes = self.probes.saturating_add(1);
                return;
            }
            if again && (seg.payload_bytes > 0 || control) {
                // Nobody knows which of the two an answer is for (Karn).
                self.has &= !has::PENDING;
                if seg.payload_bytes > 0 {
                    self.retransmissions = self.retransmissions.saturating_add(1);
                }
                if after(end, self.seq_end) > 0 {
                    self.seq_end = end;
                }
                return;
            }
            if after(end, self.seq_end) <= 0 {
                return;
            }
        }
        self.seq_end = end;
        self.has |= has::SEQ_END;
        if end != seg.seq && !self.is(has::PENDING) && seg.time_ns != NO_TIME {
            self.pending_end = end;
            self.pending_ns = seg.time_ns;
            self.has |= has::PENDING;
        }
    }

    /// The other side has sent a segment.
    #[inline]
    pub(super) fn answered(&mut self, seg: &Seg<'_>) {
        self.retransmissions = 0;
        self.probes = 0;
        if self.is(has::PENDING) && seg.flags.has(Flags::ACK) && !seg.flags.has(Flags::RST) {
            if after(seg.ack, self.pending_end) < 0 {
                return;
            }
            self.has &= !has::PENDING;
            let took = seg.time_ns.saturating_sub(self.pending_ns);
            if seg.time_ns != NO_TIME && took >= 0 && (self.rtt_ns == NO_TIME || took < self.rtt_ns) {
                self.rtt_ns = took;
            }
        }
    }

    /// The state as the facts say it; TTLs are those of the interface `view`, or of the one segments are counted on.
    pub(super) fn state(&self, view: Option<u32>) -> SideState {
        let home = self.views[usize::from(self.home & 1)];
        let view = match view {
            Some(id) => self.views.iter().copied().find(|view| view.state != 0 && view.id == id).unwrap_or_default(),
            None => home,
        };
        let given = |bits: u16, value: u32| self.is(bits).then_some(value);
        SideState {
            segments: self.segments,
            payload_bytes: self.payload_bytes,
            ttl_handshake: (view.state & 2 != 0).then_some(view.ttl_handshake),
            ttl_range: (view.state & 4 != 0).then_some((view.ttl_low, view.ttl_high)),
            ip_id_last: self.is(has::ID).then_some(self.id_last),
            ip_id_before: self.is(has::ID_BEFORE).then_some(self.id_before),
            ip_id_all_zero: self.is(has::ID) && !self.is(has::ID_NOT_ZERO),
            ts_last: self.is(has::TIMESTAMP).then_some((self.ts_last, time(self.ts_ns))),
            ts_offered: self.is(has::TS_OFFERED),
            window_scale: self.is(has::SCALE).then_some(self.window_scale),
            sack_permitted: self.is(has::SACK),
            isn: given(has::ISN, self.isn),
            seq_end: given(has::SEQ_END, self.seq_end),
            ack_last: given(has::ACK, self.ack_last),
            window_last: self.window_last,
            last_ns: time(self.last_ns),
            last_payload_ns: time(self.last_payload_ns),
            fin_ns: time(self.fin_ns),
            fin_seen: self.is(has::FIN),
            retransmissions_unanswered: self.retransmissions,
            probes_unanswered: self.probes,
            bad_sums: u64::from(self.bad),
            offloaded_sums: u64::from(self.offloaded),
        }
    }

    pub(super) fn last(&self, evidence: EvidenceId) -> Option<LastSegment> {
        (self.segments > 0).then(|| LastSegment {
            packet: PacketRef {
                number: self.last_number,
                span: Span { evidence, start: self.last_start, end: self.last_start + u64::from(self.last_bytes) },
                time_ns: time(self.last_ns),
            },
            flags: Flags(self.last_flags),
            seq: self.last_seq,
            ack: self.last_ack,
            payload_bytes: self.last_payload,
            ip_id: (self.last_sum & 0x80 != 0).then_some(self.last_id),
            sum: match self.last_sum & 0x7f {
                sum if sum == Sum::Good as u8 => Sum::Good,
                sum if sum == Sum::Offloaded as u8 => Sum::Offloaded,
                sum if sum == Sum::Bad as u8 => Sum::Bad,
                _ => Sum::Unverifiable,
            },
        })
    }
}

/// How far `a` is after `b` in sequence space (RFC 9293 3.4).
#[inline]
pub(super) fn after(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b) as i32
}
