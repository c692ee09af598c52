//! A packet whose checksum does not hold, with everything an examination needs: it is taken out of the capture again when
//! it is looked into.

use std::net::IpAddr;

use casebook_core::{EvidenceId, EvidenceSet, Span};
use casebook_formats::capture::{Frame, FrameFlags, LinkType};
use casebook_formats::packet::{Network, Packet, Protocol, Transport, checksum, offset};

use super::direction::{PacketRef, Way};

/// Where a packet is, without its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// The packet.
    pub packet: PacketRef,
    /// Nanoseconds since 1970.
    pub time_ns: Option<i64>,
    /// Interface of the capture.
    pub interface: u32,
    link: LinkType,
    original_bytes: u32,
    data: (usize, usize),
    fcs_bytes: u8,
    flags: FrameFlags,
    depth: u8,
}

impl Site {
    /// Where a packet is that lies `depth` tunnels deep in a frame.
    pub fn of(frame: &Frame<'_>, depth: u8) -> Self {
        Self {
            packet: PacketRef { number: frame.number, start: frame.start, end: frame.end },
            time_ns: frame.time_ns,
            interface: frame.interface,
            link: frame.link,
            original_bytes: frame.original_bytes,
            data: (frame.data_start, frame.data_start + frame.data.len()),
            fcs_bytes: frame.fcs_bytes,
            flags: frame.flags,
            depth,
        }
    }

    /// The packet taken out of its capture again.
    pub fn specimen<'a>(&self, evidence: &'a EvidenceSet, capture: EvidenceId, of: Protocol) -> Option<Specimen<'a>> {
        let bytes = evidence.get(capture)?.as_bytes();
        let frame = Frame {
            number: self.packet.number,
            time_ns: self.time_ns,
            interface: self.interface,
            link: self.link,
            data: bytes.get(self.data.0..self.data.1)?,
            original_bytes: self.original_bytes,
            start: self.packet.start,
            end: self.packet.end,
            data_start: self.data.0,
            fcs_bytes: self.fcs_bytes,
            flags: self.flags,
        };
        let mut packet = Packet::of(&frame);
        for _ in 0..self.depth {
            packet = packet.inner()?;
        }
        Specimen::of(&frame, &packet, of)
    }
}

/// A bad packet: where it is, and what was found about it while the captures were walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Where it is.
    pub site: Site,
    /// Whose checksum, who to whom.
    pub way: Way,
    /// What the field says.
    pub stored: u32,
    /// What it would have to say.
    pub computed: u32,
    /// The same message unharmed, in this capture or another.
    pub copy: Option<(EvidenceId, Site)>,
}

impl Kept {
    /// The packet taken out of its capture again.
    pub fn specimen<'a>(&self, evidence: &'a EvidenceSet, capture: EvidenceId) -> Option<Specimen<'a>> {
        self.site.specimen(evidence, capture, self.way.protocol)
    }
}

/// What a checksum of TCP, UDP, ICMPv6 … covers besides its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pseudo {
    /// Source.
    pub source: IpAddr,
    /// Final destination.
    pub destination: IpAddr,
    /// Protocol number.
    pub number: u8,
    /// Length of the message.
    pub length_bytes: u32,
}

impl Pseudo {
    /// Its 16-bit words, without those that are zero for certain.
    pub fn words(&self) -> Vec<u16> {
        let mut bytes = Vec::with_capacity(40);
        for address in [self.source, self.destination] {
            match address {
                IpAddr::V4(address) => bytes.extend(address.octets()),
                IpAddr::V6(address) => bytes.extend(address.octets()),
            }
        }
        bytes.extend(self.length_bytes.to_be_bytes());
        bytes.extend([0, self.number]);
        bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
    }
}

/// A checksum with all it covers.
#[derive(Clone, Copy, Debug)]
pub struct Specimen<'a> {
    /// Whose.
    pub protocol: Protocol,
    /// What the field says.
    pub stored: u32,
    /// What it would have to say.
    pub computed: u32,
    /// Where the field is in `covered`.
    pub field: usize,
    /// What is covered, as a whole, with the field.
    pub covered: &'a [u8],
    /// Where `covered` begins in the capture.
    pub covered_start: usize,
    /// Where the payload of TCP and UDP begins in `covered`; the end of the fixed header of others.
    pub payload: usize,
    /// Bytes of `covered` that are left out of the sum: authentication of OSPF version 2.
    pub left_out: (usize, usize),
    /// What else is covered.
    pub pseudo: Option<Pseudo>,
    /// What the frame has behind the IP packet: padding, or a frame check sequence nobody declared.
    pub trailer: &'a [u8],
    /// TCP sequence number.
    pub seq: Option<u32>,
    /// IPv4 identification.
    pub ip_id: Option<u16>,
}

impl<'a> Specimen<'a> {
    /// The checksum of `protocol` in a packet of which everything was kept.
    pub fn of(frame: &Frame<'a>, packet: &Packet<'a>, protocol: Protocol) -> Option<Self> {
        let checks = checksum::verify(packet, frame.flags);
        let check = if protocol == Protocol::Ipv4 { checks.network? } else { checks.transport? };
        let (stored, computed) = match check.verdict {
            checksum::Verdict::Bad { stored, computed } => (stored, computed),
            _ => (field(&check)?, field(&check)?),
        };
        let (claimed, payload, seq) = match &packet.transport {
            _ if protocol == Protocol::Ipv4 => (check.covered.len(), 20, None),
            Transport::Tcp(tcp) => (tcp.claimed_bytes as usize, usize::from(tcp.header_bytes), Some(tcp.seq())),
            Transport::Udp(_) => (check.covered.len(), 8, None),
            Transport::Message { protocol: Protocol::Ospf, .. } => (check.covered.len(), 24, None),
            Transport::Message { claimed_bytes, .. } => (*claimed_bytes as usize, 8, None),
            _ => return None,
        };
        let covered = check.covered.get(..claimed)?;
        let number = match protocol {
            Protocol::Tcp => Some(6),
            Protocol::Udp => Some(17),
            Protocol::Icmpv6 => Some(58),
            Protocol::Ospf if matches!(packet.network, Network::V6(_)) => Some(89),
            // Version 3 under a pseudo header or without: the verdict is that of the first (RFC 9568).
            Protocol::Vrrp if check.covered.first().is_some_and(|first| first >> 4 == 3) => Some(112),
            _ => None,
        };
        let (source, mut destination) = packet.network.addresses()?;
        match &packet.network {
            Network::V4(ip) => destination = IpAddr::V4(ip.final_destination().into()),
            Network::V6(ip) => destination = IpAddr::V6((*ip.final_destination?).into()),
            _ => {}
        }
        let pseudo = number.map(|number| Pseudo { source, destination, number, length_bytes: covered.len() as u32 });
        let ip_id = if let Network::V4(ip) = &packet.network { Some(ip.id()) } else { None };
        Some(Self {
            protocol,
            stored,
            computed,
            field: offset(covered, check.field)?,
            covered,
            covered_start: frame.data_start + offset(frame.data, covered)?,
            payload: payload.min(covered.len()),
            left_out: if protocol == Protocol::Ospf && number.is_none() { (16, 24) } else { (0, 0) },
            pseudo,
            trailer: trailer(frame, &packet.network),
            seq,
            ip_id,
        })
    }

    /// The payload.
    pub fn data(&self) -> &'a [u8] {
        &self.covered[self.payload..]
    }

    /// A range of `covered` as a span of the capture.
    pub fn span(&self, evidence: EvidenceId, from: usize, to: usize) -> Span {
        Span::new(evidence, self.covered_start + from, self.covered_start + to)
    }

    /// Stored minus computed as one's complement numbers.
    pub fn difference(&self) -> u16 {
        casebook_checksum::ones::difference(self.stored as u16, self.computed as u16)
    }
}

/// What the field of any check says.
fn field(check: &checksum::Check<'_>) -> Option<u32> {
    match check.field {
        [a, b] => Some(u32::from(u16::from_be_bytes([*a, *b]))),
        [a, b, c, d] => Some(u32::from_le_bytes([*a, *b, *c, *d])),
        _ => None,
    }
}

fn trailer<'a>(frame: &Frame<'a>, network: &Network<'a>) -> &'a [u8] {
    let payload = match network {
        Network::V4(ip) => ip.payload,
        Network::V6(ip) => ip.payload,
        _ => return &[],
    };
    match offset(frame.data, payload) {
        Some(at) => frame.data.get(at + payload.len()..).unwrap_or_default(),
        None => &[],
    }
}
