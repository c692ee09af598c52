//! What IP carries, as far as checksums and connections need it.

/// Protocols whose messages are kept whole for their checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// The IPv4 header itself.
    Ipv4,
    /// TCP (RFC 9293).
    Tcp,
    /// UDP (RFC 768).
    Udp,
    /// ICMP (RFC 792).
    Icmp,
    /// ICMPv6 (RFC 4443).
    Icmpv6,
    /// SCTP (RFC 9260).
    Sctp,
    /// GRE (RFC 2784, 2890).
    Gre,
    /// IGMP (RFC 3376).
    Igmp,
    /// VRRP version 2 or 3 (RFC 3768, 9568).
    Vrrp,
    /// OSPF version 2 or 3 (RFC 2328, 5340).
    Ospf,
}

impl Protocol {
    /// All, in the order of their number.
    pub const ALL: [Protocol; 10] = [
        Protocol::Ipv4,
        Protocol::Tcp,
        Protocol::Udp,
        Protocol::Icmp,
        Protocol::Icmpv6,
        Protocol::Sctp,
        Protocol::Gre,
        Protocol::Igmp,
        Protocol::Vrrp,
        Protocol::Ospf,
    ];

    /// Its name as a report says it.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Ipv4 => "IPv4",
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
            Protocol::Icmp => "ICMP",
            Protocol::Icmpv6 => "ICMPv6",
            Protocol::Sctp => "SCTP",
            Protocol::Gre => "GRE",
            Protocol::Igmp => "IGMP",
            Protocol::Vrrp => "VRRP",
            Protocol::Ospf => "OSPF",
        }
    }
}

/// The transport layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport<'a> {
    /// TCP, its fixed header there.
    Tcp(Tcp<'a>),
    /// UDP, its header there.
    Udp(Udp<'a>),
    /// A message of another protocol with a checksum; its head can be cut.
    Message {
        /// Which.
        protocol: Protocol,
        /// What was kept.
        bytes: &'a [u8],
        /// Its length by IP.
        claimed_bytes: u32,
    },
    /// IP inside IP.
    Tunnel {
        /// EtherType of what is inside.
        ethertype: u16,
        /// What was kept of it.
        bytes: &'a [u8],
        /// Its length by the outer IP.
        claimed_bytes: u32,
    },
    /// A protocol that is not read.
    Other(u8),
    /// A later fragment: its transport header is in the first.
    LaterFragment,
    /// The capture ends before or inside the transport header.
    Cut(&'static str),
    /// The transport header contradicts itself.
    Malformed(&'static str),
    /// No IP, or IP that carries nothing.
    Nothing,
}

/// A TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tcp<'a> {
    /// What was kept of the segment, from its header on; never under 20 bytes.
    pub bytes: &'a [u8],
    /// Length of the segment by IP.
    pub claimed_bytes: u32,
    /// Length of the header as it says: 20 to 60, never more than `claimed_bytes`.
    pub header_bytes: u8,
}

impl<'a> Tcp<'a> {
    #[inline]
    fn half(&self, at: usize) -> u16 {
        u16::from_be_bytes([self.bytes[at], self.bytes[at + 1]])
    }

    #[inline]
    fn word(&self, at: usize) -> u32 {
        u32::from_be_bytes([self.bytes[at], self.bytes[at + 1], self.bytes[at + 2], self.bytes[at + 3]])
    }

    /// Source port.
    #[inline]
    pub fn source_port(&self) -> u16 {
        self.half(0)
    }

    /// Destination port.
    #[inline]
    pub fn destination_port(&self) -> u16 {
        self.half(2)
    }

    /// Sequence number.
    #[inline]
    pub fn seq(&self) -> u32 {
        self.word(4)
    }

    /// Acknowledgement number.
    #[inline]
    pub fn ack(&self) -> u32 {
        self.word(8)
    }

    /// FIN to CWR, the low byte of the flags.
    #[inline]
    pub fn flags(&self) -> u8 {
        self.bytes[13]
    }

    /// Window as on the wire.
    #[inline]
    pub fn window(&self) -> u16 {
        self.half(14)
    }

    /// Length of the payload by IP, also where the capture cut it.
    #[inline]
    pub fn payload_bytes(&self) -> u32 {
        self.claimed_bytes - u32::from(self.header_bytes)
    }

    /// What was kept of the payload.
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(usize::from(self.header_bytes)..).unwrap_or_default()
    }

    /// The options that were kept.
    #[inline]
    pub fn options(&self) -> TcpOptions<'a> {
        TcpOptions(&self.bytes[20..self.bytes.len().min(usize::from(self.header_bytes))])
    }

    /// TSval and TSecr (RFC 7323).
    #[inline]
    pub fn timestamps(&self) -> Option<(u32, u32)> {
        // Nearly every segment has them in this form alone (RFC 7323, appendix A).
        if self.header_bytes == 32 && self.bytes.len() >= 32 && self.word(20) == 0x0101_080a {
            return Some((self.word(24), self.word(28)));
        }
        if self.header_bytes == 20 {
            return None;
        }
        self.options().find_map(|option| match option {
            TcpOption::Timestamps(value, echo) => Some((value, echo)),
            _ => None,
        })
    }
}

/// One TCP option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpOption<'a> {
    /// Maximum segment size.
    Mss(u16),
    /// Window scale.
    WindowScale(u8),
    /// SACK permitted.
    SackPermitted,
    /// SACK: pairs of left and right edge, eight bytes each.
    Sack(&'a [u8]),
    /// TSval and TSecr.
    Timestamps(u32, u32),
    /// Another, or one whose length is not as its kind wants.
    Other(u8),
}

/// The options of a segment, until they end or no longer fit.
#[derive(Clone, Debug)]
pub struct TcpOptions<'a>(&'a [u8]);

impl<'a> Iterator for TcpOptions<'a> {
    type Item = TcpOption<'a>;

    fn next(&mut self) -> Option<TcpOption<'a>> {
        loop {
            match *self.0 {
                [1, ..] => self.0 = &self.0[1..],
                [kind, length, ..] if kind != 0 && length >= 2 => {
                    let option = self.0.get(..usize::from(length))?;
                    self.0 = &self.0[option.len()..];
                    return Some(match (kind, &option[2..]) {
                        (2, [a, b]) => TcpOption::Mss(u16::from_be_bytes([*a, *b])),
                        (3, [scale]) => TcpOption::WindowScale(*scale),
                        (4, []) => TcpOption::SackPermitted,
                        (5, blocks) if blocks.len().is_multiple_of(8) => TcpOption::Sack(blocks),
                        (8, [a, b, c, d, e, f, g, h]) => TcpOption::Timestamps(
                            u32::from_be_bytes([*a, *b, *c, *d]),
                            u32::from_be_bytes([*e, *f, *g, *h]),
                        ),
                        _ => TcpOption::Other(kind),
                    });
                }
                _ => return None,
            }
        }
    }
}

/// The edges of a SACK option.
pub fn sack_blocks(blocks: &[u8]) -> impl Iterator<Item = (u32, u32)> {
    blocks.chunks_exact(8).map(|block| {
        let edge = |at: usize| u32::from_be_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
        (edge(0), edge(4))
    })
}

/// A UDP datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Udp<'a> {
    /// What was kept, from its header on; never under 8 bytes.
    pub bytes: &'a [u8],
    /// Length by IP.
    pub claimed_bytes: u32,
}

impl Udp<'_> {
    fn half(&self, at: usize) -> u16 {
        u16::from_be_bytes([self.bytes[at], self.bytes[at + 1]])
    }

    /// Source port.
    pub fn source_port(&self) -> u16 {
        self.half(0)
    }

    /// Destination port.
    pub fn destination_port(&self) -> u16 {
        self.half(2)
    }

    /// Length as the header says; 0 for a jumbogram (RFC 2675).
    pub fn length(&self) -> u16 {
        self.half(4)
    }

    /// Checksum as on the wire.
    pub fn checksum(&self) -> u16 {
        self.half(6)
    }
}

#[inline]
pub(super) fn read(protocol: u8, bytes: &[u8], claimed_bytes: u32) -> Transport<'_> {
    let message = |protocol| Transport::Message { protocol, bytes, claimed_bytes };
    match protocol {
        6 => tcp(bytes, claimed_bytes),
        17 => udp(bytes, claimed_bytes),
        1 => message(Protocol::Icmp),
        58 => message(Protocol::Icmpv6),
        132 => message(Protocol::Sctp),
        47 => message(Protocol::Gre),
        2 => message(Protocol::Igmp),
        112 => message(Protocol::Vrrp),
        89 => message(Protocol::Ospf),
        4 => Transport::Tunnel { ethertype: super::link::IPV4, bytes, claimed_bytes },
        41 => Transport::Tunnel { ethertype: super::link::IPV6, bytes, claimed_bytes },
        51 => authentication(bytes, claimed_bytes),
        59 => Transport::Nothing,
        other => Transport::Other(other),
    }
}

/// The authentication header (RFC 4302) under IPv4, where no walk of extension headers passes it.
fn authentication(bytes: &[u8], claimed_bytes: u32) -> Transport<'_> {
    let (Some(next), Some(length)) = (bytes.first(), bytes.get(1)) else {
        return Transport::Cut("the capture ends inside the authentication header");
    };
    let length = (usize::from(*length) + 2) * 4;
    match bytes.get(length..) {
        // One in another is nobody's traffic, and would let a packet choose the depth.
        Some(rest) if *next != 51 => read(*next, rest, claimed_bytes.saturating_sub(length as u32)),
        Some(_) => Transport::Other(51),
        None => Transport::Cut("the capture ends inside the authentication header"),
    }
}

#[inline]
fn tcp(bytes: &[u8], claimed_bytes: u32) -> Transport<'_> {
    if claimed_bytes < 20 {
        return Transport::Malformed("a TCP segment under 20 bytes");
    }
    let Some(fixed) = bytes.first_chunk::<20>() else {
        return Transport::Cut("the capture ends inside the TCP header");
    };
    let header_bytes = (fixed[12] >> 4) * 4;
    if header_bytes < 20 || u32::from(header_bytes) > claimed_bytes {
        return Transport::Malformed("a TCP data offset under 20 bytes or beyond the segment");
    }
    Transport::Tcp(Tcp { bytes, claimed_bytes, header_bytes })
}

#[inline]
fn udp(bytes: &[u8], claimed_bytes: u32) -> Transport<'_> {
    if claimed_bytes < 8 {
        return Transport::Malformed("a UDP datagram under 8 bytes");
    }
    if bytes.len() < 8 {
        return Transport::Cut("the capture ends inside the UDP header");
    }
    Transport::Udp(Udp { bytes, claimed_bytes })
}

/// EtherType and place of what GRE carries; `None` for version 1 (PPTP) and for a header that is cut.
pub(super) fn gre_payload(bytes: &[u8]) -> Option<(u16, usize)> {
    let (flags, ethertype) = (*bytes.first()?, u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]));
    // Routing (bit 1) has been out of use since RFC 2784.
    if bytes.get(1)? & 0x07 != 0 || flags & 0x40 != 0 {
        return None;
    }
    let at = 4 + [0x80, 0x20, 0x10].into_iter().filter(|bit| flags & bit != 0).count() * 4;
    (bytes.len() >= at).then_some((ethertype, at))
}
