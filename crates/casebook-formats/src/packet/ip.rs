//! IPv4 (RFC 791) and IPv6 (RFC 8200) headers, and how many bytes of payload they claim.

use std::net::IpAddr;

use super::transport::{self, Transport};

/// The network layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network<'a> {
    /// IPv4.
    V4(Ipv4<'a>),
    /// IPv6.
    V6(Ipv6<'a>),
    /// Another protocol.
    Other {
        /// Its EtherType.
        ethertype: u16,
    },
    /// The capture ends before it can be told.
    Cut(&'static str),
    /// It cannot be read.
    Unknown(&'static str),
}

/// Whether a packet is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fragment {
    /// It is.
    Whole,
    /// The first fragment, which holds the transport header.
    First,
    /// A later one.
    Later,
}

/// An IPv4 packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv4<'a> {
    /// The header with its options; shorter than it says where the capture cut it, never under 20 bytes.
    pub header: &'a [u8],
    /// Length of the header as it says.
    pub header_bytes: u8,
    /// What was kept of the payload, without padding of the link.
    pub payload: &'a [u8],
    /// Length of the payload: by the total length or, where that is 0 (segmentation offload), by the frame.
    pub payload_bytes: u32,
    /// True when the total length is 0.
    pub length_absent: bool,
    /// True when the total length is more than the frame had on the wire.
    pub length_lies: bool,
}

impl Ipv4<'_> {
    #[inline]
    fn half(&self, at: usize) -> u16 {
        u16::from_be_bytes([self.header[at], self.header[at + 1]])
    }

    #[inline]
    fn word(&self, at: usize) -> u32 {
        u32::from_be_bytes([self.header[at], self.header[at + 1], self.header[at + 2], self.header[at + 3]])
    }

    /// Identification.
    pub fn id(&self) -> u16 {
        self.half(4)
    }

    /// Don't fragment.
    pub fn dont_fragment(&self) -> bool {
        self.header[6] & 0x40 != 0
    }

    /// Whether it is a fragment.
    #[inline]
    pub fn fragment(&self) -> Fragment {
        match self.half(6) {
            word if word & 0x1fff != 0 => Fragment::Later,
            word if word & 0x2000 != 0 => Fragment::First,
            _ => Fragment::Whole,
        }
    }

    /// Time to live.
    pub fn ttl(&self) -> u8 {
        self.header[8]
    }

    /// Protocol of the payload as the header says.
    pub fn protocol(&self) -> u8 {
        self.header[9]
    }

    /// Source.
    #[inline]
    pub fn source(&self) -> u32 {
        self.word(12)
    }

    /// Destination.
    #[inline]
    pub fn destination(&self) -> u32 {
        self.word(16)
    }

    /// The final destination, which the pseudo header has: with a source route (RFC 791, options 131 and 137) that is not
    /// used up, the last address of the route.
    #[inline]
    pub fn final_destination(&self) -> u32 {
        let plain = self.header.len() == 20 || self.header.len() < usize::from(self.header_bytes);
        if plain { self.destination() } else { self.routed() }
    }

    #[cold]
    fn routed(&self) -> u32 {
        let mut rest = &self.header[20..];
        loop {
            rest = match *rest {
                [1, ..] => &rest[1..],
                [0, ..] | [] | [_] => return self.destination(),
                [kind, length, ..] => {
                    let Some(option) = rest.get(..usize::from(length)).filter(|_| length >= 2) else {
                        return self.destination();
                    };
                    if let (131 | 137, Some(pointer), Some(last)) = (kind, option.get(2), option.last_chunk::<4>())
                        && option.len() >= 7
                        && *pointer <= length
                    {
                        return u32::from_be_bytes(*last);
                    }
                    &rest[option.len()..]
                }
            };
        }
    }
}

/// An IPv6 packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv6<'a> {
    /// The fixed header.
    pub header: &'a [u8; 40],
    /// The extension headers that could be read.
    pub extensions: &'a [u8],
    /// What was kept of the payload behind them, without padding of the link.
    pub payload: &'a [u8],
    /// Length of the payload behind them: by the payload length, the jumbo payload option or, where both are absent
    /// (segmentation offload), by the frame.
    pub payload_bytes: u32,
    /// Protocol of the payload.
    pub protocol: u8,
    /// Whether it is a fragment.
    pub fragment: Fragment,
    /// The final destination, which the pseudo header has; `None` where a routing header hides it.
    pub final_destination: Option<&'a [u8; 16]>,
    /// True when the payload length is 0 and no jumbo payload option gives another.
    pub length_absent: bool,
    /// True when the payload length is more than the frame had on the wire.
    pub length_lies: bool,
}

impl Ipv6<'_> {
    /// Hop limit.
    pub fn hop_limit(&self) -> u8 {
        self.header[7]
    }

    /// Source.
    #[inline]
    pub fn source(&self) -> u128 {
        self.header[8..24].first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes))
    }

    /// Destination of the fixed header.
    #[inline]
    pub fn destination(&self) -> u128 {
        self.header[24..40].first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes))
    }
}

impl Network<'_> {
    /// Source and destination.
    pub fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        match self {
            Network::V4(ip) => Some((IpAddr::V4(ip.source().into()), IpAddr::V4(ip.destination().into()))),
            Network::V6(ip) => Some((IpAddr::V6(ip.source().into()), IpAddr::V6(ip.destination().into()))),
            _ => None,
        }
    }

    /// TTL or hop limit.
    pub fn ttl(&self) -> Option<u8> {
        match self {
            Network::V4(ip) => Some(ip.ttl()),
            Network::V6(ip) => Some(ip.hop_limit()),
            _ => None,
        }
    }

    /// Whether it is a fragment.
    #[inline]
    pub fn fragment(&self) -> Fragment {
        match self {
            Network::V4(ip) => ip.fragment(),
            Network::V6(ip) => ip.fragment,
            _ => Fragment::Whole,
        }
    }
}

#[inline]
pub(super) fn v4(bytes: &[u8], on_wire: u32) -> (Network<'_>, Transport<'_>) {
    let Some(fixed) = bytes.first_chunk::<20>() else {
        return (Network::Cut("the capture ends inside the IPv4 header"), Transport::Nothing);
    };
    let header_bytes = (fixed[0] & 0x0f) * 4;
    let total = u32::from(u16::from_be_bytes([fixed[2], fixed[3]]));
    if fixed[0] >> 4 != 4 || header_bytes < 20 {
        return (Network::Unknown("an IPv4 header of the wrong version or under 20 bytes"), Transport::Nothing);
    }
    if total != 0 && total < u32::from(header_bytes) {
        return (Network::Unknown("an IPv4 total length shorter than the header"), Transport::Nothing);
    }
    let claimed = if total == 0 { on_wire } else { total };
    let header = &bytes[..bytes.len().min(usize::from(header_bytes))];
    let payload = &bytes[header.len()..bytes.len().min(claimed as usize).max(header.len())];
    let ip = Ipv4 {
        header,
        header_bytes,
        payload,
        payload_bytes: claimed.saturating_sub(u32::from(header_bytes)),
        length_absent: total == 0,
        length_lies: total > on_wire,
    };
    let transport = if ip.fragment() == Fragment::Later {
        Transport::LaterFragment
    } else if header.len() < usize::from(header_bytes) {
        Transport::Cut("the capture ends inside the IPv4 options")
    } else {
        transport::read(ip.protocol(), payload, ip.payload_bytes)
    };
    (Network::V4(ip), transport)
}

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;
const MOBILITY: u8 = 135;
const HIP: u8 = 139;
const SHIM6: u8 = 140;

pub(super) fn v6(bytes: &[u8], on_wire: u32) -> (Network<'_>, Transport<'_>) {
    let Some(header) = bytes.first_chunk::<40>() else {
        return (Network::Cut("the capture ends inside the IPv6 header"), Transport::Nothing);
    };
    if header[0] >> 4 != 6 {
        return (Network::Unknown("an IPv6 header of another version"), Transport::Nothing);
    }
    let length = u32::from(u16::from_be_bytes([header[4], header[5]]));
    let rest = &bytes[40..];
    let jumbo = if length == 0 && header[6] == HOP_BY_HOP { jumbo_length(rest) } else { None };
    let beyond = on_wire.saturating_sub(40);
    // 0 with nothing but padding behind is an empty packet; segmentation offload is of TCP and UDP, or too long to be said.
    let offload = matches!(header[6], 6 | 17) || beyond > 0xffff;
    let length_absent = length == 0 && jumbo.is_none() && offload;
    let claimed = jumbo.unwrap_or(if length_absent { beyond } else { length });
    let rest = &rest[..rest.len().min(claimed as usize)];
    let mut ip = Ipv6 {
        header,
        extensions: &rest[..0],
        payload: rest,
        payload_bytes: claimed,
        protocol: header[6],
        fragment: Fragment::Whole,
        final_destination: header[24..].first_chunk(),
        length_absent: length_absent && beyond > 0,
        length_lies: claimed > beyond,
    };
    let transport = match ip.walk(rest) {
        Ok(()) if ip.fragment == Fragment::Later => Transport::LaterFragment,
        Ok(()) => transport::read(ip.protocol, ip.payload, ip.payload_bytes),
        Err(why) => Transport::Cut(why),
    };
    (Network::V6(ip), transport)
}

/// The jumbo payload option (RFC 2675) of a hop-by-hop header.
fn jumbo_length(bytes: &[u8]) -> Option<u32> {
    let length = (usize::from(*bytes.get(1)?) + 1) * 8;
    let mut options = bytes.get(2..length.min(bytes.len()))?;
    loop {
        match options {
            [0, rest @ ..] => options = rest,
            [0xc2, 4, a, b, c, d, ..] => return Some(u32::from_be_bytes([*a, *b, *c, *d])),
            [_, length, rest @ ..] => options = rest.get(usize::from(*length)..)?,
            _ => return None,
        }
    }
}

impl<'a> Ipv6<'a> {
    /// Passes the extension headers; the error says where they are cut.
    #[inline]
    fn walk(&mut self, all: &'a [u8]) -> Result<(), &'static str> {
        let mut at = 0;
        loop {
            let rest = &all[at..];
            let units = match self.protocol {
                HOP_BY_HOP | ROUTING | DESTINATION | MOBILITY | HIP | SHIM6 => 8,
                AUTHENTICATION => 4,
                FRAGMENT => 0,
                _ => return Ok(()),
            };
            const CUT: &str = "the capture, or the packet, ends inside an IPv6 extension header";
            let (Some(next), Some(length)) = (rest.first(), rest.get(1)) else { return Err(CUT) };
            let length = match units {
                8 => (usize::from(*length) + 1) * 8,
                4 => (usize::from(*length) + 2) * 4,
                _ => 8,
            };
            let Some(header) = rest.get(..length) else { return Err(CUT) };
            match self.protocol {
                ROUTING => self.route(header),
                FRAGMENT => {
                    let word = u16::from_be_bytes([header[2], header[3]]);
                    self.fragment = match (word & 0xfff8, word & 1) {
                        (0, 0) => self.fragment,
                        (0, _) => Fragment::First,
                        _ => Fragment::Later,
                    };
                }
                _ => {}
            }
            at += length;
            self.protocol = *next;
            self.extensions = &all[..at];
            self.payload = &all[at..];
            self.payload_bytes = self.payload_bytes.saturating_sub(length as u32);
            if self.fragment == Fragment::Later {
                return Ok(());
            }
        }
    }

    /// The final destination under a routing header that is not used up (RFC 8200 8.1): the last address of types 0 and
    /// 2, the first of the segment list of type 4 (RFC 8754), hidden by others.
    fn route(&mut self, header: &'a [u8]) {
        if header[3] == 0 {
            return;
        }
        self.final_destination = match header[2] {
            0 | 2 if header.len() >= 24 => header.last_chunk(),
            4 => header.get(8..).and_then(|list| list.first_chunk()),
            _ => None,
        };
    }
}
