//! A live flow, and what each of its segments does to it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use casebook_checksum::prefetch;
use casebook_core::{EvidenceId, Span};

use super::segment::{NO_TIME, Seg, time};
use super::side::{Change, Look, Own, Rare, Shared, has};
use super::summary::{End, FlowSummary};
use super::table::Key;
use crate::facts::flow::{Flags, Flow, Handshake, PacketRef, Peer, Reset, Side};

/// RSTs of one flow that are kept.
pub(super) const MOST_RESETS: u32 = 8;

/// A segment touches the first two cache lines and the two of its side's [`Own`], and asks for them ahead.
#[derive(Clone, Debug)]
#[repr(C, align(128))]
pub(super) struct Record {
    addresses: [u128; 2],
    ports: [u16; 2],
    vlan: [u16; 2],
    last_ns: i64,
    survived_ns: i64,
    /// The silence after which one side spoke, see [`Shared::quiet`].
    quiet_ns: i64,
    /// State of the key's first endpoint, and of its second.
    shared: [Shared; 2],
    own: [Own; 2],
    rare: [Rare; 2],
    pub(super) index: u64,
    first_number: u64,
    first_start: u64,
    first_ns: i64,
    first_bytes: u32,
    interface: u32,
    kept: Option<Box<Kept>>,
    pub(super) reset_count: u32,
    /// Which of the sides is the client.
    client: u8,
    /// False once another flow has the same key.
    pub(super) linked: bool,
}

/// RSTs behind one pointer: nearly no flow has any.
#[derive(Clone, Debug, Default)]
struct Kept {
    resets: Vec<Reset>,
}

const _: () = assert!(size_of::<Record>() == 512);

/// What became of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It was counted.
    Counted,
    /// It is a copy of a counted one, seen on another interface.
    Copy,
}

impl Record {
    /// A flow that begins with this segment.
    pub(super) fn new(index: u64, key: Key, seg: &Seg<'_>, from_first: bool) -> Self {
        let (syn, ack) = (seg.flags.has(Flags::SYN), seg.flags.has(Flags::ACK));
        let sender = u8::from(!from_first);
        let client = match (syn, ack) {
            (true, false) => sender,
            (true, true) => 1 - sender,
            // The higher port is the client's; with equal ports, whoever spoke first.
            _ if key.ports[0] == key.ports[1] => sender,
            _ => u8::from(key.ports[1] > key.ports[0]),
        };
        Self {
            addresses: key.addresses,
            ports: key.ports,
            vlan: key.vlan,
            shared: [Shared::new(key.v4); 2],
            own: [Own::new(); 2],
            rare: [Rare::new(); 2],
            client,
            linked: true,
            interface: seg.interface,
            index,
            first_number: seg.number,
            first_start: seg.start,
            first_bytes: seg.record_bytes,
            reset_count: 0,
            first_ns: seg.time_ns,
            last_ns: NO_TIME,
            quiet_ns: NO_TIME,
            survived_ns: NO_TIME,
            kept: None,
        }
    }

    /// The RSTs that are kept.
    pub(super) fn resets(&self) -> &[Reset] {
        self.kept.as_ref().map_or(&[], |kept| &kept.resets)
    }

    /// The endpoints and the VLAN.
    pub(super) fn key(&self) -> Key {
        Key { addresses: self.addresses, ports: self.ports, vlan: self.vlan, v4: self.shared[0].v4 }
    }

    /// True when it is a flow of these endpoints.
    #[inline]
    pub(super) fn is_of(&self, key: &Key) -> bool {
        self.addresses == key.addresses
            && self.ports == key.ports
            && self.vlan == key.vlan
            && self.shared[0].v4 == key.v4
    }

    /// Asks for the lines that a segment touches, ahead of use.
    #[inline]
    pub(super) fn prefetch(&self, from_first: bool) {
        prefetch::line(&self.addresses);
        prefetch::line(&self.shared);
        self.own[usize::from(!from_first)].prefetch();
    }

    /// True when both sides have sent FIN, or a RST was seen.
    pub(super) fn closed(&self) -> bool {
        self.reset_count > 0 || (self.shared[0].is(has::FIN) && self.shared[1].is(has::FIN))
    }

    /// Number of the last packet.
    pub(super) fn last_number(&self) -> u64 {
        self.own[0].last_number.max(self.own[1].last_number)
    }

    /// True when this SYN begins another connection between the same endpoints.
    #[cold]
    pub(super) fn begins_anew(&self, seg: &Seg<'_>, from_first: bool) -> bool {
        let (own, other) = self.pair(from_first);
        if own.home().is_some_and(|home| home != seg.view) && own.seen_elsewhere(seg) {
            return false;
        }
        if self.closed() || own.is(has::FIN) || other.is(has::FIN) {
            return true;
        }
        if own.is(has::ISN) {
            return own.own.isn != seg.seq;
        }
        // Both sides open at once, or the capture has the answer before the SYN.
        !(own.own.segments == 0 && other.is(has::ISN))
    }

    fn look(&self, at: usize) -> Look<'_> {
        Look { shared: &self.shared[at & 1], own: &self.own[at & 1], rare: &self.rare[at & 1] }
    }

    fn pair(&self, from_first: bool) -> (Look<'_>, Look<'_>) {
        let own = usize::from(!from_first);
        (self.look(own), self.look(1 - own))
    }

    /// The sender, and what the other side's answers touch.
    #[inline]
    fn pair_mut(&mut self, from_first: bool) -> (Change<'_>, &mut Shared) {
        let at = usize::from(!from_first);
        let [first, second] = &mut self.shared;
        let (shared, other) = if from_first { (first, second) } else { (second, first) };
        (Change { shared, own: &mut self.own[at], rare: &mut self.rare[at] }, other)
    }

    fn side(&self, from_first: bool) -> Side {
        if (self.client == 0) == from_first { Side::Client } else { Side::Server }
    }

    /// Takes a segment. RSTs are kept when `keep` is true.
    #[inline]
    pub(super) fn take(&mut self, evidence: EvidenceId, seg: &Seg<'_>, from_first: bool, keep: bool) -> Taken {
        let reset = seg.flags.has(Flags::RST);
        let at = usize::from(!from_first);
        if self.look(at).home() != Some(seg.view) && !self.moved(seg, from_first) {
            return Taken::Copy;
        }
        if reset {
            self.reset(evidence, seg, from_first, keep);
            return Taken::Counted;
        }
        if self.shared[1 - at].quiet {
            self.survived_ns = self.survived_ns.max(self.quiet_ns);
            self.shared[1 - at].quiet = false;
        }
        let before_ns = self.last_ns;
        if seg.time_ns != NO_TIME && before_ns != NO_TIME {
            let quiet = seg.time_ns.saturating_sub(before_ns);
            if quiet > self.survived_ns && (!self.shared[at].quiet || quiet > self.quiet_ns) {
                self.quiet_ns = quiet;
                self.shared[at].quiet = true;
            }
        }
        self.last_ns = seg.time_ns;
        let (mut own, other) = self.pair_mut(from_first);
        if seg.sum != crate::facts::flow::Sum::Bad {
            own.sent(seg);
        }
        other.answered(seg);
        own.own.is_last(seg, before_ns);
        Taken::Counted
    }

    /// A segment on another interface than its side's; false when it is a copy.
    #[cold]
    fn moved(&mut self, seg: &Seg<'_>, from_first: bool) -> bool {
        let reset = seg.flags.has(Flags::RST);
        let look = self.look(usize::from(!from_first));
        let (begun, copy) = (look.home().is_some(), look.seen_elsewhere(seg));
        let (mut own, _) = self.pair_mut(from_first);
        if begun && copy {
            if !reset {
                own.view(seg.view).ttl(seg.ttl, seg.flags.has(Flags::SYN));
            }
            return false;
        }
        // A RST is compared with what its own interface saw and moves nothing.
        if !reset || !begun {
            own.move_home(seg.view);
        }
        true
    }

    #[cold]
    fn reset(&mut self, evidence: EvidenceId, seg: &Seg<'_>, from_first: bool, keep: bool) {
        if keep && self.reset_count < MOST_RESETS {
            let (own, other) = self.pair(from_first);
            let trigger = other.own.last(evidence);
            let quiet = trigger.and_then(|trigger| Some(trigger.packet.time_ns? - time(other.own.before_ns)?));
            let view = own.home().is_some().then_some(seg.view);
            let reset = Reset {
                packet: seg.packet(evidence),
                side: self.side(from_first),
                interface: seg.interface,
                flags: seg.flags,
                seq: seg.seq,
                ack: seg.ack,
                window: seg.window,
                ttl: seg.ttl,
                ip_id: seg.has_ip_id.then_some(seg.ip_id),
                dont_fragment: seg.dont_fragment,
                timestamps: seg.timestamps,
                header_bytes: seg.tcp.header_bytes,
                payload_bytes: seg.payload_bytes,
                sum: seg.sum,
                trigger,
                own_last: own.own.last(evidence),
                quiet_ns: quiet,
                before_quiet_ns: trigger.and_then(|_| time(other.own.before_ns)),
                sender: own.state(view),
                receiver: other.state(None),
                earlier: self.reset_count,
            };
            // One at a time: most flows have one, and a reset is hundreds of bytes.
            let kept = self.kept.get_or_insert_default();
            kept.resets.reserve_exact(1);
            kept.resets.push(reset);
        }
        self.reset_count = self.reset_count.saturating_add(1);
        let before_ns = std::mem::replace(&mut self.last_ns, seg.time_ns);
        let (own, other) = self.pair_mut(from_first);
        other.answered(seg);
        own.shared.has |= has::RST;
        own.own.is_last(seg, before_ns);
    }

    fn peer(&self, which: u8) -> Peer {
        let at = usize::from(which & 1);
        let address = if self.shared[0].v4 {
            IpAddr::V4(Ipv4Addr::from(self.addresses[at] as u32))
        } else {
            IpAddr::V6(Ipv6Addr::from(self.addresses[at]))
        };
        Peer { address, port: self.ports[at] }
    }

    fn ends(&self) -> (Look<'_>, Look<'_>) {
        self.pair(self.client == 0)
    }

    fn handshake(&self) -> Handshake {
        let (client, server) = self.ends();
        match (client.is(has::SYN), server.is(has::SYN_ACK)) {
            (true, true) => Handshake::Full,
            (true, false) => Handshake::SynOnly,
            _ => Handshake::Absent,
        }
    }

    /// The flow as the facts say it.
    pub(super) fn flow(&self, evidence: EvidenceId) -> Flow {
        let (client, server) = self.ends();
        let last = if client.own.last_number > server.own.last_number { client } else { server };
        let first = PacketRef {
            number: self.first_number,
            span: Span { evidence, start: self.first_start, end: self.first_start + u64::from(self.first_bytes) },
            time_ns: time(self.first_ns),
        };
        Flow {
            index: self.index,
            client: self.peer(self.client),
            server: self.peer(1 - self.client),
            vlan: self.vlan,
            interface: self.interface,
            handshake: self.handshake(),
            first,
            last: last.own.last(evidence).map_or(first, |last| last.packet),
            rtt_server_ns: time(client.shared.rtt_ns),
            rtt_client_ns: time(server.shared.rtt_ns),
            longest_survived_ns: time(self.survived_ns),
            client_state: client.state(None),
            server_state: server.state(None),
            resets: self.resets().to_vec(),
            reset_count: self.reset_count,
        }
    }

    /// The few facts that outlive the flow.
    pub(super) fn summary(&self) -> FlowSummary {
        let (client, server) = self.ends();
        let last = if client.own.last_number > server.own.last_number { client } else { server };
        let end = match (self.reset_count > 0, client.is(has::FIN), server.is(has::FIN)) {
            (true, ..) => End::Rst,
            (_, true, true) => End::Fin,
            (_, false, false) => End::None,
            _ => End::HalfClosed,
        };
        let fin = [client.rare.fin_ns, server.rare.fin_ns].into_iter().filter(|ns| *ns != NO_TIME).min();
        let (ended, before) = match (end, self.resets().first(), fin) {
            (End::Rst, Some(reset), _) => (reset.packet.time_ns, reset.before_quiet_ns),
            (End::Fin | End::HalfClosed, _, Some(fin)) => (Some(fin), None),
            _ => (None, time(last.own.before_ns)),
        };
        FlowSummary {
            index: self.index,
            client: self.peer(self.client),
            server: self.peer(1 - self.client),
            first_ns: time(self.first_ns),
            last_ns: time(self.last_ns),
            end,
            end_ns: ended,
            before_quiet_ns: before,
            longest_survived_ns: time(self.survived_ns),
            segments: client.own.segments + server.own.segments,
            payload_bytes: client.own.payload_bytes + server.own.payload_bytes,
        }
    }
}
