//! One TCP segment of a capture, as the flow table takes it.

use casebook_core::{EvidenceId, Span};
use casebook_formats::capture::Frame;
use casebook_formats::packet::checksum::{self, Verdict};
use casebook_formats::packet::{Direction, Network, Packet, Tcp, Transport};

use super::table::Key;
use crate::facts::flow::{Flags, PacketRef, Sum, TimeNs};

/// Stands for a time that is not known, where an `Option` would cost eight bytes.
pub(super) const NO_TIME: i64 = i64::MIN;

pub(super) fn time(ns: i64) -> TimeNs {
    (ns != NO_TIME).then_some(ns)
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Seg<'a> {
    pub(super) number: u64,
    pub(super) start: u64,
    pub(super) record_bytes: u32,
    pub(super) time_ns: i64,
    pub(super) interface: u32,
    /// Interface, device and direction in one number: where the packet was seen.
    pub(super) view: u32,
    pub(super) ttl: u8,
    pub(super) has_ip_id: bool,
    pub(super) ip_id: u16,
    pub(super) dont_fragment: bool,
    pub(super) flags: Flags,
    pub(super) seq: u32,
    pub(super) ack: u32,
    pub(super) window: u16,
    pub(super) payload_bytes: u32,
    pub(super) timestamps: Option<(u32, u32)>,
    pub(super) sum: Sum,
    pub(super) tcp: Tcp<'a>,
}

impl<'a> Seg<'a> {
    /// The segment of a packet, its key, and whether the sender is the key's first endpoint; `None` for other packets.
    #[inline]
    pub(super) fn of(frame: &Frame<'a>, packet: &Packet<'a>, sum: Sum) -> Option<(Self, Key, bool)> {
        let Transport::Tcp(tcp) = packet.transport else { return None };
        let ports = (tcp.source_port(), tcp.destination_port());
        let (ttl, ip_id, dont_fragment, key) = match &packet.network {
            Network::V4(ip) => {
                let key = Key::v4(ip.source(), ip.destination(), ports, packet.link.vlan);
                (ip.ttl(), Some(ip.id()), ip.dont_fragment(), key)
            }
            Network::V6(ip) => {
                (ip.hop_limit(), None, false, Key::v6(ip.source(), ip.destination(), ports, packet.link.vlan))
            }
            _ => return None,
        };
        let (key, from_first) = key;
        let device = packet.link.device.unwrap_or(0);
        let direction = match packet.link.direction {
            Direction::Unknown => 0,
            Direction::In => 1,
            Direction::Out => 2,
            Direction::Other => 3,
        };
        let seg = Self {
            number: frame.number,
            start: frame.start as u64,
            record_bytes: (frame.end - frame.start) as u32,
            time_ns: frame.time_ns.unwrap_or(NO_TIME),
            interface: frame.interface,
            view: frame.interface.rotate_left(20) ^ device << 2 ^ direction,
            ttl,
            has_ip_id: ip_id.is_some(),
            ip_id: ip_id.unwrap_or(0),
            dont_fragment,
            flags: Flags(tcp.flags()),
            seq: tcp.seq(),
            ack: tcp.ack(),
            window: tcp.window(),
            payload_bytes: tcp.payload_bytes(),
            timestamps: tcp.timestamps(),
            sum,
            tcp,
        };
        Some((seg, key, from_first))
    }

    /// One past its last sequence number, SYN and FIN counted.
    #[inline]
    pub(super) fn end(&self) -> u32 {
        let control = u32::from(self.flags.has(Flags::SYN)) + u32::from(self.flags.has(Flags::FIN));
        self.seq.wrapping_add(self.payload_bytes).wrapping_add(control)
    }

    pub(super) fn packet(&self, evidence: EvidenceId) -> PacketRef {
        let end = self.start + u64::from(self.record_bytes);
        PacketRef { number: self.number, span: Span { evidence, start: self.start, end }, time_ns: time(self.time_ns) }
    }
}

/// The packet a segment is looked for in, inside tunnels of IP in IP and GRE; `None` when that is the packet itself.
#[inline]
pub(super) fn innermost<'a>(packet: &Packet<'a>) -> Option<Packet<'a>> {
    match packet.transport {
        Transport::Tcp(_) | Transport::Udp(_) => None,
        _ => tunnelled(packet),
    }
}

#[cold]
fn tunnelled<'a>(packet: &Packet<'a>) -> Option<Packet<'a>> {
    const DEEPEST: usize = 4;
    let mut found = None;
    for _ in 0..DEEPEST {
        let Some(inner) = found.as_ref().unwrap_or(packet).inner() else { break };
        found = Some(Packet { link: packet.link, ..inner });
    }
    found
}

/// What the facts say of a checksum.
#[inline]
pub(super) fn sum(check: Option<&checksum::Check<'_>>) -> Sum {
    match check.map(|check| check.verdict) {
        Some(Verdict::Good) => Sum::Good,
        Some(Verdict::Offloaded(_)) => Sum::Offloaded,
        Some(Verdict::Bad { .. } | Verdict::IllegalZero) => Sum::Bad,
        Some(Verdict::Absent | Verdict::Unverifiable(_)) | None => Sum::Unverifiable,
    }
}
