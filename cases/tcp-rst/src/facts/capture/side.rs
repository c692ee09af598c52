//! One side of a live flow, packed: what [`SideState`] and [`LastSegment`] say, parted by who touches it.
//!
//! A segment of either side touches both [`Shared`], which are one cache line together; only its sender's [`Own`], two
//! lines; and nearly never [`Rare`].

use casebook_checksum::prefetch;
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

/// What a segment of either side touches.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Shared {
    /// When the segment whose answer is awaited was sent.
    pending_ns: i64,
    /// Smallest time to the other side's answer.
    pub(super) rtt_ns: i64,
    /// One past that segment.
    pending_end: u32,
    retransmissions: u32,
    probes: u32,
    pub(super) has: u16,
    /// It spoke after a silence and has no answer yet.
    pub(super) quiet: bool,
    /// Its address is IPv4.
    pub(super) v4: bool,
}

/// What its own segments touch.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(128))]
pub(super) struct Own {
    view: View,
    pub(super) seq_end: u32,
    pub(super) ack_last: u32,
    pub(super) segments: u64,
    pub(super) payload_bytes: u64,
    pub(super) last_number: u64,
    last_start: u64,
    pub(super) last_ns: i64,
    /// When the segment of either side before the last one was seen.
    pub(super) before_ns: i64,

    ts_ns: i64,
    last_payload_ns: i64,
    ts_last: u32,
    last_bytes: u32,
    last_seq: u32,
    last_ack: u32,
    last_payload: u32,
    pub(super) isn: u32,
    bad: u32,
    offloaded: u32,
    last_id: u16,
    id_last: u16,
    id_before: u16,
    window_last: u16,
    last_flags: u8,
    last_sum: u8,
    window_scale: u8,
}

/// What few segments touch.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Rare {
    /// What the interface that does not count saw.
    other_view: View,
    pub(super) fin_ns: i64,
}

const _: () = assert!(size_of::<Shared>() == 32 && size_of::<Own>() == 128 && size_of::<Rare>() == 16);

impl Shared {
    pub(super) fn new(v4: bool) -> Self {
        let (pending_ns, rtt_ns) = (0, NO_TIME);
        Self { pending_ns, rtt_ns, pending_end: 0, retransmissions: 0, probes: 0, has: 0, quiet: false, v4 }
    }

    #[inline]
    pub(super) fn is(&self, bits: u16) -> bool {
        self.has & bits != 0
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
}

impl Own {
    pub(super) fn new() -> Self {
        Self {
            view: View::default(),
            seq_end: 0,
            ack_last: 0,
            segments: 0,
            payload_bytes: 0,
            last_number: 0,
            last_start: 0,
            last_ns: NO_TIME,
            before_ns: NO_TIME,
            ts_ns: NO_TIME,
            last_payload_ns: NO_TIME,
            ts_last: 0,
            last_bytes: 0,
            last_seq: 0,
            last_ack: 0,
            last_payload: 0,
            isn: 0,
            bad: 0,
            offloaded: 0,
            last_id: 0,
            id_last: 0,
            id_before: 0,
            window_last: 0,
            last_flags: 0,
            last_sum: 0,
            window_scale: 0,
        }
    }

    /// Asks for its lines, ahead of use.
    #[inline]
    pub(super) fn prefetch(&self) {
        prefetch::line(&self.view);
        prefetch::line(&self.ts_ns);
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

impl Rare {
    pub(super) fn new() -> Self {
        Self { other_view: View::default(), fin_ns: NO_TIME }
    }
}

/// One side, to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look<'a> {
    pub(super) shared: &'a Shared,
    pub(super) own: &'a Own,
    pub(super) rare: &'a Rare,
}

/// One side, to be changed.
#[derive(Debug)]
pub(super) struct Change<'a> {
    pub(super) shared: &'a mut Shared,
    pub(super) own: &'a mut Own,
    pub(super) rare: &'a mut Rare,
}

impl Look<'_> {
    #[inline]
    pub(super) fn is(&self, bits: u16) -> bool {
        self.shared.is(bits)
    }

    /// True when a segment on another interface is a copy of one that was counted: it brings nothing new, and a second
    /// has not passed. Without times, order alone decides.
    #[inline]
    pub(super) fn seen_elsewhere(&self, seg: &Seg<'_>) -> bool {
        const COPY_WITHIN_NS: u64 = 1_000_000_000;
        let near = seg.time_ns == NO_TIME
            || self.own.last_ns == NO_TIME
            || seg.time_ns.abs_diff(self.own.last_ns) <= COPY_WITHIN_NS;
        if !near {
            return false;
        }
        if seg.flags.has(Flags::RST) {
            return self.shared.is(has::RST)
                && Flags(self.own.last_flags).has(Flags::RST)
                && (self.own.last_seq, self.own.last_ack, self.own.last_flags) == (seg.seq, seg.ack, seg.flags.0)
                && self.own.last_id == seg.ip_id;
        }
        if seg.flags.has(Flags::SYN) {
            return self.shared.is(has::ISN) && self.own.isn == seg.seq;
        }
        let sent = self.shared.is(has::SEQ_END) && after(seg.end(), self.own.seq_end) <= 0;
        let acked = !seg.flags.has(Flags::ACK) || self.shared.is(has::ACK) && after(seg.ack, self.own.ack_last) <= 0;
        sent && acked
    }

    /// The interface its segments are counted on; `None` before the first.
    #[inline]
    pub(super) fn home(&self) -> Option<u32> {
        (self.own.view.state != 0).then_some(self.own.view.id)
    }

    /// The state as the facts say it; TTLs are those of the interface `view`, or of the one segments are counted on.
    pub(super) fn state(&self, view: Option<u32>) -> SideState {
        let (home, other) = (self.own.view, self.rare.other_view);
        let view = match view {
            Some(id) => [home, other].into_iter().find(|view| view.state != 0 && view.id == id).unwrap_or_default(),
            None => home,
        };
        let given = |bits: u16, value: u32| self.shared.is(bits).then_some(value);
        SideState {
            segments: self.own.segments,
            payload_bytes: self.own.payload_bytes,
            ttl_handshake: (view.state & 2 != 0).then_some(view.ttl_handshake),
            ttl_range: (view.state & 4 != 0).then_some((view.ttl_low, view.ttl_high)),
            ip_id_last: self.shared.is(has::ID).then_some(self.own.id_last),
            ip_id_before: self.shared.is(has::ID_BEFORE).then_some(self.own.id_before),
            ip_id_all_zero: self.shared.is(has::ID) && !self.shared.is(has::ID_NOT_ZERO),
            ts_last: self.shared.is(has::TIMESTAMP).then_some((self.own.ts_last, time(self.own.ts_ns))),
            ts_offered: self.shared.is(has::TS_OFFERED),
            window_scale: self.shared.is(has::SCALE).then_some(self.own.window_scale),
            sack_permitted: self.shared.is(has::SACK),
            isn: given(has::ISN, self.own.isn),
            seq_end: given(has::SEQ_END, self.own.seq_end),
            ack_last: given(has::ACK, self.own.ack_last),
            window_last: self.own.window_last,
            last_ns: time(self.own.last_ns),
            last_payload_ns: time(self.own.last_payload_ns),
            fin_ns: time(self.rare.fin_ns),
            fin_seen: self.shared.is(has::FIN),
            retransmissions_unanswered: self.shared.retransmissions,
            probes_unanswered: self.shared.probes,
            bad_sums: u64::from(self.own.bad),
            offloaded_sums: u64::from(self.own.offloaded),
        }
    }
}

impl Change<'_> {
    /// Counts its segments on another interface from now on.
    #[cold]
    pub(super) fn move_home(&mut self, id: u32) {
        if self.own.view.state == 0 {
            self.own.view = View::new(id);
            return;
        }
        let known = self.rare.other_view.state != 0 && self.rare.other_view.id == id;
        let view = if known { self.rare.other_view } else { View::new(id) };
        self.rare.other_view = std::mem::replace(&mut self.own.view, view);
    }

    /// The view of an interface. A new one takes the place that is not home.
    pub(super) fn view(&mut self, id: u32) -> &mut View {
        if self.own.view.state != 0 && self.own.view.id == id {
            return &mut self.own.view;
        }
        let other = &mut self.rare.other_view;
        if other.state == 0 || other.id != id {
            *other = View::new(id);
        }
        other
    }

    /// What a segment that is no RST and not corrupted tells of its sender.
    #[inline]
    pub(super) fn sent(&mut self, seg: &Seg<'_>) {
        let syn = seg.flags.has(Flags::SYN);
        self.own.view.ttl(seg.ttl, syn);
        if seg.has_ip_id {
            if self.shared.is(has::ID) {
                self.own.id_before = self.own.id_last;
                self.shared.has |= has::ID_BEFORE;
            }
            self.own.id_last = seg.ip_id;
            self.shared.has |= has::ID | if seg.ip_id == 0 { 0 } else { has::ID_NOT_ZERO };
        }
        if let Some((value, _)) = seg.timestamps {
            self.own.ts_last = value;
            self.own.ts_ns = seg.time_ns;
            self.shared.has |= has::TIMESTAMP;
        }
        if syn {
            self.opened(seg);
        }
        self.sequence(seg);
        if seg.flags.has(Flags::ACK) && (!self.shared.is(has::ACK) || after(seg.ack, self.own.ack_last) > 0) {
            self.own.ack_last = seg.ack;
            self.shared.has |= has::ACK;
        }
        self.own.window_last = seg.window;
        if seg.payload_bytes > 0 {
            self.own.last_payload_ns = seg.time_ns;
        }
        if seg.flags.has(Flags::FIN) && !self.shared.is(has::FIN) {
            self.rare.fin_ns = seg.time_ns;
            self.shared.has |= has::FIN;
        }
    }

    #[cold]
    fn opened(&mut self, seg: &Seg<'_>) {
        use casebook_formats::packet::transport::TcpOption;
        self.own.isn = seg.seq;
        self.shared.has |= has::ISN | if seg.flags.has(Flags::ACK) { has::SYN_ACK } else { has::SYN };
        for option in seg.tcp.options() {
            match option {
                TcpOption::Timestamps(..) => self.shared.has |= has::TS_OFFERED,
                TcpOption::SackPermitted => self.shared.has |= has::SACK,
                TcpOption::WindowScale(scale) => {
                    self.own.window_scale = scale;
                    self.shared.has |= has::SCALE;
                }
                _ => {}
            }
        }
    }

    /// Retransmissions, probes, and the segment whose answer gives a round trip.
    #[inline]
    fn sequence(&mut self, seg: &Seg<'_>) {
        let end = seg.end();
        if self.shared.is(has::SEQ_END) {
            let again = after(seg.seq, self.own.seq_end) < 0;
            let control = seg.flags.0 & (Flags::SYN | Flags::FIN) != 0;
            // A byte that still waits for its acknowledgement is repeated, not a probe.
            let waits = seg.payload_bytes == 1 && (self.shared.is(has::PENDING) || self.shared.retransmissions > 0);
            if again && seg.seq.wrapping_add(1) == self.own.seq_end && seg.payload_bytes <= 1 && !control && !waits {
                self.shared.probes = self.shared.probes.saturating_add(1);
                return;
            }
            if again && (seg.payload_bytes > 0 || control) {
                // Nobody knows which of the two an answer is for (Karn).
                self.shared.has &= !has::PENDING;
                let syn = seg.flags.has(Flags::SYN) && !seg.flags.has(Flags::ACK);
                if seg.payload_bytes > 0 || syn {
                    self.shared.retransmissions = self.shared.retransmissions.saturating_add(1);
                }
                if after(end, self.own.seq_end) > 0 {
                    self.own.seq_end = end;
                }
                return;
            }
            if after(end, self.own.seq_end) <= 0 {
                return;
            }
        }
        self.own.seq_end = end;
        self.shared.has |= has::SEQ_END;
        if end != seg.seq && !self.shared.is(has::PENDING) && seg.time_ns != NO_TIME {
            self.shared.pending_end = end;
            self.shared.pending_ns = seg.time_ns;
            self.shared.has |= has::PENDING;
        }
    }
}

/// How far `a` is after `b` in sequence space (RFC 9293 3.4).
#[inline]
pub(super) fn after(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b) as i32
}
