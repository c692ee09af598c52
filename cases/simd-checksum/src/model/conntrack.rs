//! What a bad checksum does behind a packet filter.
//!
//! With `nf_conntrack_checksum` set (its default), connection tracking verifies at PREROUTING and calls a packet with a bad sum
//! INVALID: `tcp_error` (net/netfilter/nf_conntrack_proto_tcp.c), `udp_error` (nf_conntrack_proto_udp.c), `sctp_error`
//! (nf_conntrack_proto_sctp.c), `nf_conntrack_icmpv4_error` and `nf_conntrack_icmpv6_error`. Packets whose sum is left to the
//! card or was verified by it pass (`nf_ip_checksum`, net/netfilter/utils.c). An INVALID packet has no entry, and
//! `nf_nat_inet_fn` (nf_nat_core.c) accepts a packet without one as it is: it goes on untranslated. `reject with tcp reset`
//! answers no segment with a bad sum (`nf_reject_ip_tcphdr_get`, net/ipv4/netfilter/nf_reject_ipv4.c).

use casebook_core::EvidenceId;
use casebook_formats::packet::Protocol;

use super::translation::End;
use crate::facts::Capture;
use crate::facts::direction::{Direction, PacketRef, Way};

/// The function that verifies a protocol's checksum at PREROUTING; `None` where none does.
pub fn verifier(protocol: Protocol) -> Option<&'static str> {
    match protocol {
        Protocol::Tcp => Some("tcp_error"),
        Protocol::Udp => Some("udp_error"),
        Protocol::Icmp => Some("nf_conntrack_icmpv4_error"),
        Protocol::Icmpv6 => Some("nf_conntrack_icmpv6_error"),
        Protocol::Sctp => Some("sctp_error"),
        _ => None,
    }
}

/// A bad packet that went on with an address it should have lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leak {
    /// Which end was not translated.
    pub end: End,
    /// The connection it belongs to, as it is known where the packet was seen.
    pub known: Way,
    /// A packet of that connection.
    pub shown_by: (EvidenceId, PacketRef),
}

/// How far beyond the highest sequence number seen a segment may begin and still belong to a connection.
const AHEAD: u32 = 1 << 20;

/// The connection in the same capture that a segment belongs to by its sequence number, under another address of one end.
///
/// `way` is a direction without a single sound packet; one that has them is a connection of its own.
pub fn leak(capture: &Capture, way: Way, seq: u32) -> Option<Leak> {
    if way.protocol != Protocol::Tcp {
        return None;
    }
    let fits = |direction: &&Direction| {
        let Some((low, high)) = direction.sequence else { return false };
        let span = high.wrapping_sub(low).saturating_add(AHEAD);
        direction.counts.good + direction.counts.offloaded() > 0 && seq.wrapping_sub(low) <= span
    };
    let mut found =
        capture.directions.list().iter().filter(|other| other.way.protocol == way.protocol).filter(fits).filter_map(
            |other| {
                let source = (other.way.source, other.way.source_port) == (way.source, way.source_port);
                let destination =
                    (other.way.destination, other.way.destination_port) == (way.destination, way.destination_port);
                match (source, destination) {
                    (false, true) => Some((End::Source, other)),
                    (true, false) => Some((End::Destination, other)),
                    _ => None,
                }
            },
        );
    let (end, known) = found.next()?;
    // Two connections that fit decide nothing.
    found.next().is_none().then_some(Leak { end, known: known.way, shown_by: (capture.id(), known.first) })
}
