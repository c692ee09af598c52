//! Link headers: how many bytes come before IP, and what they tell of VLAN, direction and interface.

use crate::capture::LinkType;

pub(super) const IPV4: u16 = 0x0800;
pub(super) const IPV6: u16 = 0x86dd;
const PPPOE_SESSION: u16 = 0x8864;
const MPLS: u16 = 0x8847;
const MPLS_UPSTREAM: u16 = 0x8848;

/// Where a packet went, by the packet type of a cooked capture (`PACKET_HOST` … of `if_packet.h`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// To this machine, or a broadcast or multicast it takes.
    In,
    /// From this machine.
    Out,
    /// From another machine to another machine.
    Other,
    /// The link header does not say.
    #[default]
    Unknown,
}

/// What the link header tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LinkHeader {
    /// VLAN ids, outermost first, of the first two tags; 0 for none and for priority tags.
    pub vlan: [u16; 2],
    /// Number of VLAN tags.
    pub vlan_tags: u8,
    /// Number of MPLS labels.
    pub mpls_labels: u8,
    /// True inside a PPPoE session.
    pub pppoe: bool,
    /// Where the packet went.
    pub direction: Direction,
    /// Index of the interface, in Linux cooked captures of version 2.
    pub device: Option<u32>,
}

/// What comes after a link header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Ether(u16),
    /// IP of the version its first nibble says.
    Nibble,
    Unknown(&'static str),
    Cut(&'static str),
}

const CUT: Next = Next::Cut("the capture ends inside the link header");

#[inline]
fn half(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*data.get(at..)?.first_chunk()?))
}

/// The link header, what follows it, and where.
#[inline]
pub(super) fn strip(link: LinkType, data: &[u8]) -> (LinkHeader, Next, usize) {
    let mut header = LinkHeader::default();
    let (next, at) = match link {
        LinkType::ETHERNET => ether(data, 12, &mut header),
        LinkType::RAW | LinkType::RAW_12 | LinkType::RAW_14 => (Next::Nibble, 0),
        LinkType::IPV4 => (Next::Ether(IPV4), 0),
        LinkType::IPV6 => (Next::Ether(IPV6), 0),
        LinkType::LINUX_SLL => {
            header.direction = data.get(1).map_or(Direction::Unknown, |kind| direction(*kind));
            ether(data, 14, &mut header)
        }
        LinkType::LINUX_SLL2 => {
            header.direction = data.get(10).map_or(Direction::Unknown, |kind| direction(*kind));
            header.device = data.get(4..).and_then(|rest| rest.first_chunk()).map(|b| u32::from_be_bytes(*b));
            cooked2(data, &mut header)
        }
        LinkType::NULL | LinkType::LOOP => loopback(data),
        LinkType::PPP | LinkType::PPP_HDLC => ppp(data, 0, &mut header),
        LinkType::PPP_ETHER => pppoe(data, 0, &mut header),
        LinkType::C_HDLC => ether(data, 2, &mut header),
        _ => (Next::Unknown("a link type that is not read"), 0),
    };
    (header, next, at)
}

fn direction(packet_type: u8) -> Direction {
    match packet_type {
        0..=2 => Direction::In,
        3 => Direction::Other,
        4 => Direction::Out,
        _ => Direction::Unknown,
    }
}

/// An EtherType at `at` and what follows: VLAN tags, PPPoE, MPLS, LLC.
#[inline]
fn ether(data: &[u8], mut at: usize, header: &mut LinkHeader) -> (Next, usize) {
    loop {
        let Some(ethertype) = half(data, at) else { return (CUT, data.len()) };
        at += 2;
        match ethertype {
            IPV4 | IPV6 => return (Next::Ether(ethertype), at),
            // 802.1Q, 802.1ad, and the two numbers QinQ had before.
            0x8100 | 0x88a8 | 0x9100 | 0x9200 => {
                let Some(tag) = half(data, at) else { return (CUT, data.len()) };
                if let Some(id) = header.vlan.get_mut(usize::from(header.vlan_tags)) {
                    *id = tag & 0x0fff;
                }
                header.vlan_tags = header.vlan_tags.saturating_add(1);
                at += 2;
            }
            PPPOE_SESSION => return pppoe(data, at, header),
            MPLS | MPLS_UPSTREAM => return mpls(data, at, header),
            // A length: IEEE 802.3.
            0..0x0600 => return llc(data, at),
            _ => return (Next::Ether(ethertype), at),
        }
    }
}

/// SLL2 has its protocol first and 20 bytes in all; a tag's own EtherType follows there.
fn cooked2(data: &[u8], header: &mut LinkHeader) -> (Next, usize) {
    let Some(ethertype) = half(data, 0).filter(|_| data.len() >= 20) else { return (CUT, data.len()) };
    match ethertype {
        IPV4 | IPV6 => (Next::Ether(ethertype), 20),
        0x8100 | 0x88a8 | 0x9100 | 0x9200 => {
            let Some(tag) = half(data, 20) else { return (CUT, data.len()) };
            header.vlan[0] = tag & 0x0fff;
            header.vlan_tags = 1;
            ether(data, 22, header)
        }
        PPPOE_SESSION => pppoe(data, 20, header),
        MPLS | MPLS_UPSTREAM => mpls(data, 20, header),
        0..0x0600 => (Next::Unknown("a cooked frame of no EtherType"), 20),
        _ => (Next::Ether(ethertype), 20),
    }
}

/// LLC (IEEE 802.2): an EtherType behind SNAP of no organisation, else not IP.
fn llc(data: &[u8], at: usize) -> (Next, usize) {
    match data.get(at..at + 3) {
        Some([0xaa, 0xaa, 0x03]) => match (data.get(at + 3..at + 6), half(data, at + 6)) {
            (Some([0, 0, 0]), Some(ethertype)) => (Next::Ether(ethertype), at + 8),
            (Some(_), Some(_)) => (Next::Unknown("SNAP of an organisation"), at),
            _ => (CUT, data.len()),
        },
        Some([0x06, 0x06, 0x03]) => (Next::Ether(IPV4), at + 3),
        Some(_) => (Next::Unknown("IEEE 802.3 with LLC, not IP"), at),
        None => (CUT, data.len()),
    }
}

/// The family is in the byte order of the machine that captured; IPv6 has four numbers.
fn loopback(data: &[u8]) -> (Next, usize) {
    let Some(word) = data.first_chunk::<4>() else { return (CUT, data.len()) };
    let (little, big) = (u32::from_le_bytes(*word), u32::from_be_bytes(*word));
    match little.min(big) {
        2 => (Next::Ether(IPV4), 4),
        // Linux, NetBSD and OpenBSD, FreeBSD, macOS.
        10 | 24 | 28 | 30 => (Next::Ether(IPV6), 4),
        _ => (Next::Unknown("a loopback family that is neither IPv4 nor IPv6"), 4),
    }
}

/// PPP (RFC 1661): address and control can be left out, the protocol compressed to one odd byte.
fn ppp(data: &[u8], mut at: usize, header: &mut LinkHeader) -> (Next, usize) {
    if data.get(at..at + 2) == Some(&[0xff, 0x03]) {
        at += 2;
    }
    let Some(first) = data.get(at) else { return (CUT, data.len()) };
    let (protocol, at) = if first & 1 == 1 {
        (u16::from(*first), at + 1)
    } else {
        let Some(protocol) = half(data, at) else { return (CUT, data.len()) };
        (protocol, at + 2)
    };
    match protocol {
        0x0021 => (Next::Ether(IPV4), at),
        0x0057 => (Next::Ether(IPV6), at),
        0x0281 => mpls(data, at, header),
        _ => (Next::Unknown("PPP of a protocol that is not IP"), at),
    }
}

fn pppoe(data: &[u8], at: usize, header: &mut LinkHeader) -> (Next, usize) {
    header.pppoe = true;
    match data.get(at + 1) {
        Some(0) => ppp(data, at + 6, header),
        Some(_) => (Next::Unknown("PPPoE discovery"), at),
        None => (CUT, data.len()),
    }
}

/// Labels (RFC 3032) up to the bottom of the stack, then IP by its first nibble.
fn mpls(data: &[u8], mut at: usize, header: &mut LinkHeader) -> (Next, usize) {
    loop {
        let Some(label) = data.get(at..at + 4) else { return (CUT, data.len()) };
        at += 4;
        header.mpls_labels = header.mpls_labels.saturating_add(1);
        if label[2] & 1 == 1 {
            return match data.get(at).map(|first| first >> 4) {
                Some(4 | 6) => (Next::Nibble, at),
                Some(_) => (Next::Unknown("MPLS that does not carry IP"), at),
                None => (CUT, data.len()),
            };
        }
    }
}
