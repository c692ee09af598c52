//! Whether the checksums of a packet hold, and what it means where they do not.
//!
//! One's complement sums are verified with the field in place: the words and the field add up to 0xffff (RFC 1071), and
//! 0x0000 and 0xffff are the same number. A sender that leaves the sum to the network card writes the folded sum of the
//! pseudo header instead (`tcp_v4_send_check` and `udp4_hwcsum` of Linux, `CHECKSUM_PARTIAL`), which is told for certain
//! but for one packet in 65536 and even where the payload was not kept.

use casebook_checksum::{Sum, crc32c, ones};

use super::{Fragment, Network, Packet, Protocol, Tcp, Transport, Udp};
use crate::capture::FrameFlags;

/// What shows that a checksum was left to the network card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Offload {
    /// The field is the folded sum of the pseudo header.
    Pseudo,
    /// The same with a length of 0, as drivers and Windows write it for segmentation offload.
    PseudoNoLength,
    /// The capture says so (`epb_flags`), the field is something else.
    Flagged,
    /// The field is 0 where the sum is not: the IPv4 header of segmentation offload.
    Zero,
}

/// Why a checksum cannot be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// The capture kept too little of the packet.
    Cut,
    /// Other fragments hold the rest.
    Fragment,
    /// A length field says more than the frame had, or less than the header needs.
    Length,
    /// A routing header hides the final destination, which the pseudo header has.
    Route,
}

/// What became of one checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It holds.
    Good,
    /// It was left to the network card.
    Offloaded(Offload),
    /// It does not hold.
    Bad {
        /// What the field says.
        stored: u32,
        /// What it would have to say.
        computed: u32,
    },
    /// The packet has none: UDP over IPv4 with 0, GRE without one, OSPF with cryptographic authentication, SCTP with 0
    /// (RFC 9653, or left to the card).
    Absent,
    /// UDP over IPv6 with 0, which RFC 8200 forbids but for tunnels that agreed on it (RFC 6935).
    IllegalZero,
    /// It cannot be verified.
    Unverifiable(Why),
}

/// One checksum of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check<'a> {
    /// Whose.
    pub protocol: Protocol,
    /// What became of it.
    pub verdict: Verdict,
    /// The field: two bytes, four of SCTP, none where the packet has no such field or the capture ends before.
    pub field: &'a [u8],
    /// What it covers beside a pseudo header, as far as it was kept.
    pub covered: &'a [u8],
}

/// The checksums of one packet. Tunnels: those of [`Packet::inner`] are its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checks<'a> {
    /// Of the IPv4 header.
    pub network: Option<Check<'a>>,
    /// Of what it carries.
    pub transport: Option<Check<'a>>,
}

impl<'a> Checks<'a> {
    /// Both, in the order of the packet.
    pub fn iter(&self) -> impl Iterator<Item = &Check<'a>> {
        self.network.iter().chain(&self.transport)
    }
}

/// Verifies every checksum of a packet; `flags` are those of its frame.
#[inline]
pub fn verify<'a>(packet: &Packet<'a>, flags: FrameFlags) -> Checks<'a> {
    let network = if let Network::V4(ip) = &packet.network { Some(header(ip.header, ip.header_bytes)) } else { None };
    let transport = match &packet.transport {
        Transport::Tcp(tcp) => Some(of_tcp(&packet.network, tcp, flags)),
        Transport::Udp(udp) => Some(of_udp(&packet.network, udp, flags)),
        Transport::Message { protocol, bytes, claimed_bytes } => {
            Some(of_message(&packet.network, *protocol, bytes, *claimed_bytes, flags))
        }
        _ => None,
    };
    Checks { network, transport }
}

#[inline]
fn half(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u16::from_be_bytes(*bytes))
}

/// Good, or bad with what the field would have to say. `whole` is the sum with the field in it.
#[inline]
fn judge(whole: Sum, stored: u16) -> Verdict {
    let folded = whole.fold();
    if ones::same(folded, 0xffff) {
        return Verdict::Good;
    }
    // Without the field: the sum plus the complement of the field.
    let computed = !Sum::EMPTY.word(folded).word(!stored).fold();
    Verdict::Bad { stored: stored.into(), computed: computed.into() }
}

#[inline]
fn header(bytes: &[u8], claimed: u8) -> Check<'_> {
    let verdict = if bytes.len() < usize::from(claimed) {
        Verdict::Unverifiable(Why::Cut)
    } else {
        match judge(Sum::of(bytes), half(bytes, 10)) {
            Verdict::Bad { stored: 0, .. } => Verdict::Offloaded(Offload::Zero),
            verdict => verdict,
        }
    };
    Check { protocol: Protocol::Ipv4, verdict, field: bytes.get(10..12).unwrap_or_default(), covered: bytes }
}

/// The pseudo header without length: addresses and protocol. `None` where the final destination is hidden.
#[inline]
fn pseudo(network: &Network<'_>, protocol: u8) -> Option<Sum> {
    let addresses = match network {
        Network::V4(ip) if ip.header.len() == 20 => Sum::of(&ip.header[12..20]),
        Network::V4(ip) => Sum::of(&ip.header[12..16]).bytes(&ip.final_destination().to_be_bytes()),
        Network::V6(ip) => Sum::of(&ip.header[8..24]).bytes(ip.final_destination?),
        _ => return None,
    };
    Some(addresses.word(protocol.into()))
}

#[inline]
fn length(sum: Sum, bytes: u32) -> Sum {
    sum.word((bytes >> 16) as u16).word(bytes as u16)
}

fn lies(network: &Network<'_>) -> bool {
    match network {
        Network::V4(ip) => ip.length_lies,
        Network::V6(ip) => ip.length_lies,
        _ => false,
    }
}

/// Why a message of `claimed` bytes is not there as a whole.
#[inline]
fn missing(network: &Network<'_>, there: usize, claimed: u32) -> Option<Why> {
    if network.fragment() != Fragment::Whole {
        Some(Why::Fragment)
    } else if there >= claimed as usize {
        None
    } else if lies(network) {
        Some(Why::Length)
    } else {
        Some(Why::Cut)
    }
}

/// A checksum under a pseudo header. `bytes` are what was kept of the `claimed` it covers.
#[inline]
fn under_pseudo(
    network: &Network<'_>,
    number: u8,
    bytes: &[u8],
    claimed: u32,
    at: usize,
    flags: FrameFlags,
) -> Verdict {
    let Some(field) = bytes.get(at..).and_then(|rest| rest.first_chunk()) else {
        return Verdict::Unverifiable(missing(network, bytes.len(), claimed).unwrap_or(Why::Length));
    };
    let stored = u16::from_be_bytes(*field);
    let Some(pseudo) = pseudo(network, number) else { return Verdict::Unverifiable(Why::Route) };
    let with_length = length(pseudo, claimed);
    let missing = missing(network, bytes.len(), claimed);
    let verdict = match missing {
        None => judge(with_length.bytes(&bytes[..claimed as usize]), stored),
        Some(why) => Verdict::Unverifiable(why),
    };
    if verdict == Verdict::Good || missing == Some(Why::Fragment) {
        return verdict;
    }
    offloaded(pseudo, with_length, stored, flags).map_or(verdict, Verdict::Offloaded)
}

#[cold]
fn offloaded(pseudo: Sum, with_length: Sum, stored: u16, flags: FrameFlags) -> Option<Offload> {
    if ones::same(stored, with_length.fold()) {
        Some(Offload::Pseudo)
    } else if ones::same(stored, pseudo.fold()) {
        Some(Offload::PseudoNoLength)
    } else {
        (flags.checksum_not_ready() || flags.segmentation_offload()).then_some(Offload::Flagged)
    }
}

#[inline]
fn of_tcp<'a>(network: &Network<'_>, tcp: &Tcp<'a>, flags: FrameFlags) -> Check<'a> {
    let verdict = under_pseudo(network, 6, tcp.bytes, tcp.claimed_bytes, 16, flags);
    Check { protocol: Protocol::Tcp, verdict, field: &tcp.bytes[16..18], covered: tcp.bytes }
}

#[inline]
fn of_udp<'a>(network: &Network<'_>, udp: &Udp<'a>, flags: FrameFlags) -> Check<'a> {
    let claimed = match u32::from(udp.length()) {
        // A jumbogram, or a super-segment whose length does not fit the field.
        0 if udp.claimed_bytes > 0xffff => udp.claimed_bytes,
        length => length,
    };
    let covered = &udp.bytes[..udp.bytes.len().min(claimed as usize)];
    let fragment = network.fragment() != Fragment::Whole;
    let verdict = match (udp.checksum(), network) {
        (0, Network::V4(_)) => Verdict::Absent,
        (0, _) if !flags.checksum_not_ready() => Verdict::IllegalZero,
        _ if fragment => Verdict::Unverifiable(Why::Fragment),
        _ if claimed < 8 || claimed > udp.claimed_bytes => Verdict::Unverifiable(Why::Length),
        _ => under_pseudo(network, 17, covered, claimed, 6, flags),
    };
    Check { protocol: Protocol::Udp, verdict, field: &udp.bytes[6..8], covered }
}

fn of_message<'a>(
    network: &Network<'_>,
    protocol: Protocol,
    bytes: &'a [u8],
    claimed: u32,
    flags: FrameFlags,
) -> Check<'a> {
    let (mut field, mut covered) = (bytes.get(2..4).unwrap_or_default(), bytes);
    let verdict = match protocol {
        Protocol::Icmpv6 => under_pseudo(network, 58, bytes, claimed, 2, flags),
        Protocol::Sctp => {
            field = bytes.get(8..12).unwrap_or_default();
            sctp(network, bytes, claimed, flags)
        }
        Protocol::Gre => {
            // Version 0 with the C bit: the field is behind the first four bytes.
            let present = bytes.len() >= 2 && bytes[0] & 0x80 != 0 && bytes[1] & 0x07 == 0;
            field = if present { bytes.get(4..6).unwrap_or_default() } else { &[] };
            if present || bytes.len() < 2 { plain(network, bytes, claimed, 4) } else { Verdict::Absent }
        }
        Protocol::Vrrp => {
            field = bytes.get(6..8).unwrap_or_default();
            let version = bytes.first().map_or(0, |first| first >> 4);
            let alone = plain(network, bytes, claimed, 6);
            // Version 3 over IPv4: RFC 5798 wants a pseudo header and not everybody has one.
            if version == 3 && alone != Verdict::Good {
                under_pseudo(network, 112, bytes, claimed, 6, FrameFlags::default())
            } else {
                alone
            }
        }
        Protocol::Ospf => {
            field = bytes.get(12..14).unwrap_or_default();
            covered = &bytes[..bytes.len().min(usize::from(half(bytes, 2)))];
            ospf(network, bytes, claimed)
        }
        _ => plain(network, bytes, claimed, 2),
    };
    Check { protocol, verdict, field, covered }
}

/// A checksum without pseudo header over the whole message.
fn plain(network: &Network<'_>, bytes: &[u8], claimed: u32, at: usize) -> Verdict {
    match missing(network, bytes.len(), claimed) {
        Some(why) => Verdict::Unverifiable(why),
        None if (claimed as usize) < at + 2 => Verdict::Unverifiable(Why::Length),
        None => judge(Sum::of(&bytes[..claimed as usize]), half(bytes, at)),
    }
}

/// CRC-32C over the packet with a field of zeros, least significant byte first (RFC 9260, appendix A).
fn sctp(network: &Network<'_>, bytes: &[u8], claimed: u32, flags: FrameFlags) -> Verdict {
    let Some(field) = bytes.get(8..).and_then(|rest| rest.first_chunk::<4>()) else {
        return Verdict::Unverifiable(missing(network, bytes.len(), claimed).unwrap_or(Why::Length));
    };
    let stored = u32::from_le_bytes(*field);
    if stored == 0 {
        return if flags.checksum_not_ready() { Verdict::Offloaded(Offload::Flagged) } else { Verdict::Absent };
    }
    if let Some(why) = missing(network, bytes.len(), claimed) {
        return Verdict::Unverifiable(why);
    }
    let computed = crc32c::checksum_parts(&[&bytes[..8], &[0; 4], &bytes[12..claimed as usize]]);
    if stored == computed {
        Verdict::Good
    } else if flags.checksum_not_ready() {
        Verdict::Offloaded(Offload::Flagged)
    } else {
        Verdict::Bad { stored, computed }
    }
}

/// Version 2 leaves out the eight bytes of authentication (RFC 2328 D.4), version 3 has a pseudo header (RFC 5340 A.3.1).
fn ospf(network: &Network<'_>, bytes: &[u8], claimed: u32) -> Verdict {
    if let Some(why) = missing(network, bytes.len(), claimed) {
        return Verdict::Unverifiable(why);
    }
    let own = u32::from(half(bytes, 2));
    let message = bytes.get(..own as usize).filter(|message| message.len() >= 16 && own <= claimed);
    let Some(message) = message else { return Verdict::Unverifiable(Why::Length) };
    match message[0] {
        2 if half(message, 14) == 2 => Verdict::Absent,
        2 if own < 24 => Verdict::Unverifiable(Why::Length),
        2 => judge(Sum::of(&message[..16]).bytes(&message[24..]), half(message, 12)),
        _ if own == claimed => under_pseudo(network, 89, message, own, 12, FrameFlags::default()),
        _ => with_trailer(network, bytes, message, claimed, own),
    }
}

/// OSPF version 3 with an authentication trailer (RFC 7166) or a block of link-local signalling behind the packet. A kernel asked by
/// `IPV6_CHECKSUM` sums all of it (Linux `rawv6_push_pending_frames`), others the packet alone; with a trailer that proves it no
/// sum is needed, so one that is neither says nothing.
fn with_trailer(network: &Network<'_>, bytes: &[u8], message: &[u8], claimed: u32, own: u32) -> Verdict {
    let whole = under_pseudo(network, 89, bytes, claimed, 12, FrameFlags::default());
    match under_pseudo(network, 89, message, own, 12, FrameFlags::default()) {
        _ if whole == Verdict::Good => whole,
        Verdict::Good => Verdict::Good,
        _ => Verdict::Absent,
    }
}
