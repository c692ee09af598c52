//! How packets, sums and parties read in a report.

use std::net::IpAddr;

use casebook_core::{EvidenceId, Place};
use casebook_formats::packet::Protocol;

use crate::facts::direction::{PacketRef, Way};
use crate::facts::specimen::{Kept, Specimen};

/// `10.0.1.2:40000`, with brackets for IPv6; without a port where there is none.
pub fn peer(address: IpAddr, port: u16) -> String {
    match address {
        _ if port == 0 => address.to_string(),
        IpAddr::V4(address) => format!("{address}:{port}"),
        IpAddr::V6(address) => format!("[{address}]:{port}"),
    }
}

/// The sender of a direction.
pub fn source(way: &Way) -> String {
    peer(way.source, way.source_port)
}

/// Its receiver.
pub fn destination(way: &Way) -> String {
    peer(way.destination, way.destination_port)
}

/// `10.0.1.2:40000 > 10.0.2.2:80`.
pub fn arrow(way: &Way) -> String {
    format!("{} > {}", source(way), destination(way))
}

/// `3 UDP datagrams`, `a TCP segment`.
pub fn messages(protocol: Protocol, count: u64) -> String {
    use Protocol::{Icmp, Icmpv6, Igmp, Ipv4, Ospf, Sctp};
    let noun = match protocol {
        Protocol::Tcp => "segment",
        Protocol::Udp => "datagram",
        Protocol::Ipv4 => "header",
        Protocol::Icmp | Protocol::Icmpv6 | Protocol::Igmp => "message",
        _ => "packet",
    };
    let article = if matches!(protocol, Icmp | Icmpv6 | Igmp | Ipv4 | Ospf | Sctp) { "an" } else { "a" };
    match count {
        1 => format!("{article} {} {noun}", protocol.name()),
        _ => format!("{count} {} {noun}s", protocol.name()),
    }
}

/// The `s` of a plural.
pub fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// `is` or `are`.
pub fn are(count: u64) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

/// `was` or `were`.
pub fn were(count: u64) -> &'static str {
    if count == 1 { "was" } else { "were" }
}

/// A field's value with as many digits as it has.
pub fn value(protocol: Protocol, field: u32) -> String {
    if protocol == Protocol::Sctp { format!("0x{field:08x}") } else { format!("0x{field:04x}") }
}

/// The line that stands for a bad packet.
pub fn line(kept: &Kept, specimen: Option<&Specimen<'_>>) -> String {
    let way = &kept.way;
    let mut line = format!("{} {}", arrow(way), way.protocol.name());
    if let Some(specimen) = specimen {
        if let Some(seq) = specimen.seq {
            line.push_str(&format!(" seq {seq}"));
        }
        line.push_str(&format!(" {} bytes", specimen.covered.len()));
    }
    let (stored, computed) = (value(way.protocol, kept.stored), value(way.protocol, kept.computed));
    line.push_str(&format!(", sum {stored}, should be {computed}"));
    line
}

/// The line that stands for a packet of a flow.
pub fn flow_line(way: &Way) -> String {
    format!("{} {}", arrow(way), way.protocol.name())
}

/// A bad packet as a finding's place.
pub fn place(evidence: EvidenceId, kept: &Kept, specimen: Option<&Specimen<'_>>, label: impl Into<String>) -> Place {
    Place::primary(kept.site.packet.at(evidence), label).shown_as(line(kept, specimen))
}

/// A packet of a flow as context.
pub fn context(evidence: EvidenceId, packet: PacketRef, way: &Way, label: impl Into<String>) -> Place {
    Place::context(packet.at(evidence), label).shown_as(flow_line(way))
}

/// Where a byte of a message is, in its reader's words.
pub fn byte(specimen: &Specimen<'_>, at: usize) -> String {
    if at >= specimen.payload && specimen.protocol != Protocol::Sctp {
        format!("byte {} of the payload", at - specimen.payload)
    } else {
        format!("byte {at} of the {}", header(specimen.protocol))
    }
}

fn header(protocol: Protocol) -> String {
    match protocol {
        Protocol::Ipv4 => "IPv4 header".to_owned(),
        Protocol::Sctp => "packet".to_owned(),
        _ => format!("{} header", protocol.name()),
    }
}
