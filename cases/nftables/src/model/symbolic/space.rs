//! The bits of a packet that rules read and write, and the class of packets they are read of.
//!
//! One class at a time: a path, IPv4 or IPv6, later fragments or all else. In a class every field either is absent or is
//! a run of bits of one space with what it needs to be there, so that a field that is absent is known to be.

use casebook_formats::nft::fields;
use casebook_formats::nft::ir::{Base, CtKey, Direction, Field, Hook, MetaKey, PayloadField};
use casebook_formats::nft::load::is_fast;
use casebook_formats::nft::packet::{ETH_IP, ETH_IP6, Path};

/// A class of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Class {
    /// Input, forward or output.
    pub path: Path,
    /// IPv6.
    pub ip6: bool,
    /// Connection tracking runs for them.
    pub tracked: bool,
    /// Fragments after the first: their transport header is in another packet.
    pub later: bool,
}

/// Where a rule reads: the hook, and whether the packet's connection has been looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct At {
    /// Hook.
    pub hook: Hook,
    /// After connection tracking.
    pub looked_up: bool,
}

/// A string of bits, numbered from the most significant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Space {
    /// How many bytes of the packet there are from the transport header on; [`WHOLE`] for as many as are asked for.
    TransportLen,
    /// Whether there is a link header.
    HasLink,
    /// Link header.
    Link,
    /// Network header.
    Network,
    /// Transport protocol.
    L4proto,
    /// Transport header.
    Transport,
    /// Name of the input device, which stands for its index too.
    Iif,
    /// Name of the output device.
    Oif,
    /// State of the connection; 1, invalid, for packets of none.
    CtState,
    /// Packet mark.
    Mark,
    /// Mark of the connection.
    CtMark,
    /// Other `meta` keys.
    Meta(MetaKey),
    /// Other `ct` keys.
    Ct(CtKey, Option<Direction>),
    /// Whether a TCP option is there.
    HasOption(u8),
    /// A TCP option's bytes.
    Option(u8),
}

/// A run of bits of a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Run {
    /// Space.
    pub space: Space,
    /// First bit.
    pub first: u16,
    /// Number of bits.
    pub count: u16,
}

/// A part of a field: bits of the packet, or what they are in every packet of the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bits.
    Run(Run),
    /// A constant of so many bits.
    Known(u16, u128),
}

/// What a load gives in a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Located {
    /// The rule breaks.
    Absent,
    /// Bits, most significant first; the load breaks where `needs` does not hold.
    Bits {
        /// Parts.
        pieces: Vec<Piece>,
        /// What must hold.
        needs: Needs,
    },
    /// Not covered: one unknown.
    Unknown,
}

/// What a field needs to be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Needs {
    /// A connection.
    pub connection: bool,
    /// This TCP option.
    pub option: Option<u8>,
    /// So many bytes from the transport header on.
    pub bytes: u16,
    /// A link header.
    pub link: bool,
}

impl Needs {
    /// True for a field that is always there.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// The variable of [`Space::TransportLen`].
pub const TRANSPORT_LEN: Run = Run { space: Space::TransportLen, first: 0, count: 8 };

/// The variable of [`Space::HasLink`].
pub const HAS_LINK: Run = Run { space: Space::HasLink, first: 0, count: 1 };

/// A transport header and more, as far as anything is asked.
pub const WHOLE: u128 = 255;

impl Class {
    /// Where a field is.
    pub fn locate(self, field: Field, at: At) -> Located {
        match field {
            Field::Payload(payload) if self.is_rewritten(payload, at) => Located::Unknown,
            Field::Payload(payload) => self.payload(payload),
            Field::Meta(key) => self.meta(key, at),
            Field::Ct(key, direction) => self.ct(key, direction, at),
            Field::TcpOption(_, _, 0) if self.later => known(1, 0),
            Field::TcpOption(..) if self.later => Located::Absent,
            Field::TcpOption(kind, _, 0) => whole(Space::HasOption(kind), 1),
            Field::TcpOption(_, offset, _) if offset < 16 => Located::Unknown,
            Field::TcpOption(kind, offset, bits) => Located::Bits {
                pieces: vec![Piece::Run(Run { space: Space::Option(kind), first: offset, count: bits })],
                needs: Needs { option: Some(kind), ..Needs::default() },
            },
            Field::Exthdr(..) if self.ip6 => Located::Unknown,
            Field::Exthdr(_, _, 0) => known(1, 0),
            Field::Exthdr(..) => Located::Absent,
        }
    }

    /// Lengths and checksums, which follow from the rest, and the hop limit once routing has lowered it.
    fn is_rewritten(self, field: PayloadField, at: At) -> bool {
        let overlaps = |first: u16, end: u16| field.offset < end && first < field.offset + field.bits;
        let hops = if self.ip6 { (56, 64) } else { (64, 72) };
        let routed = self.path == Path::Forward && matches!(at.hook, Hook::Forward | Hook::Postrouting);
        let base = if self.later && self.ip6 && field.base == Base::Transport { Base::Network } else { field.base };
        match base {
            Base::Network if routed && overlaps(hops.0, hops.1) => true,
            Base::Network if self.ip6 => overlaps(32, 48),
            Base::Network => overlaps(16, 32) || overlaps(80, 96),
            // The length of a TCP header follows from its options.
            Base::Transport if field.name.is_empty() => overlaps(96, 100),
            Base::Transport => field.name.ends_with(" checksum") || field.name == "tcp doff",
            Base::Link => overlaps(96, 112),
            Base::Inner => false,
        }
    }

    fn payload(self, field: PayloadField) -> Located {
        let (first, count, end) = (field.offset, field.bits, field.offset + field.bits);
        let network = if self.ip6 { 320 } else { 160 };
        match field.base {
            Base::Link if self.path == Path::Output => Located::Absent,
            Base::Link if end <= 96 => Located::Bits {
                pieces: vec![run(Space::Link, first, count)],
                needs: Needs { link: true, ..Needs::default() },
            },
            Base::Network if end <= network => {
                Located::Bits { pieces: self.network(first, end), needs: Needs::default() }
            }
            Base::Transport if self.later && !is_fast(field) => Located::Absent,
            // The kernel leaves the transport offset of a later IPv6 fragment at 0 (net/ipv6/exthdrs_core.c).
            Base::Transport if self.later && self.ip6 && end <= network => {
                Located::Bits { pieces: self.network(first, end), needs: Needs::default() }
            }
            Base::Transport if end.div_ceil(8) < WHOLE as u16 && !(self.later && self.ip6) => Located::Bits {
                pieces: vec![run(Space::Transport, first, count)],
                needs: Needs { bytes: end.div_ceil(8), ..Needs::default() },
            },
            _ => Located::Unknown,
        }
    }

    /// Bits of the network header: the version is known, and the protocol of IPv4 is a space of its own. What follows an
    /// IPv6 header can be an extension.
    fn network(self, first: u16, end: u16) -> Vec<Piece> {
        let special: &[(u16, u16, Option<u128>)] = match (self.ip6, self.later) {
            (true, _) => &[(0, 4, Some(6))],
            (false, true) => &[(0, 4, Some(4)), (72, 80, None)],
            (false, false) => &[(0, 4, Some(4)), (51, 64, Some(0)), (72, 80, None)],
        };
        let mut pieces = Vec::new();
        let mut at = first;
        for (low, high, value) in special {
            if *high <= at || *low >= end {
                continue;
            }
            if *low > at {
                pieces.push(run(Space::Network, at, low - at));
                at = *low;
            }
            let stop = (*high).min(end);
            pieces.push(match value {
                Some(value) => Piece::Known(stop - at, value >> (high - stop) & ((1 << (stop - at)) - 1)),
                None => run(Space::L4proto, at - low, stop - at),
            });
            at = stop;
        }
        if at < end {
            pieces.push(run(Space::Network, at, end - at));
        }
        pieces
    }

    fn meta(self, key: MetaKey, at: At) -> Located {
        let local = self.path == Path::Output;
        let has_iif = at.hook != Hook::Output && !(local && at.hook == Hook::Postrouting);
        let has_oif = !matches!(at.hook, Hook::Ingress | Hook::Prerouting | Hook::Input);
        let bits = fields::type_of(Field::Meta(key)).bits();
        match key {
            MetaKey::Protocol => known(16, u128::from(if self.ip6 { ETH_IP6 } else { ETH_IP })),
            MetaKey::Nfproto => known(8, if self.ip6 { 10 } else { 2 }),
            MetaKey::L4proto => whole(Space::L4proto, 8),
            MetaKey::Mark => whole(Space::Mark, 32),
            MetaKey::Iif | MetaKey::Iifname if has_iif => whole(Space::Iif, 128),
            MetaKey::Oif | MetaKey::Oifname if has_oif => whole(Space::Oif, 128),
            MetaKey::Iif | MetaKey::Iifname | MetaKey::Oif | MetaKey::Oifname => known(128, 0),
            MetaKey::Iiftype if at.hook == Hook::Postrouting => Located::Unknown,
            MetaKey::Iiftype | MetaKey::Iifgroup if !has_iif => Located::Absent,
            MetaKey::Oiftype | MetaKey::Oifgroup if !has_oif => Located::Absent,
            MetaKey::Skuid | MetaKey::Skgid if self.path == Path::Forward => Located::Absent,
            MetaKey::Length => Located::Unknown,
            other => whole(Space::Meta(other), bits),
        }
    }

    fn ct(self, key: CtKey, direction: Option<Direction>, at: At) -> Located {
        let tracked = self.tracked && at.looked_up;
        let pieces = match key {
            CtKey::State if !tracked => return known(32, 1),
            CtKey::State => return whole(Space::CtState, 32),
            _ if !tracked => return Located::Absent,
            CtKey::Mark => vec![run(Space::CtMark, 0, 32)],
            CtKey::L3proto => vec![Piece::Known(8, if self.ip6 { 10 } else { 2 })],
            CtKey::Direction => vec![run(Space::Ct(key, None), 0, 8)],
            CtKey::Zone => vec![run(Space::Ct(key, None), 0, 16)],
            CtKey::Label => vec![run(Space::Ct(key, None), 0, 128)],
            // What translation makes of these is not followed.
            CtKey::Status | CtKey::Protocol | CtKey::Saddr(_) | CtKey::Daddr(_) | CtKey::ProtoSrc | CtKey::ProtoDst => {
                let _ = direction;
                return Located::Unknown;
            }
        };
        Located::Bits { pieces, needs: Needs { connection: true, ..Needs::default() } }
    }
}

fn run(space: Space, first: u16, count: u16) -> Piece {
    Piece::Run(Run { space, first, count })
}

fn whole(space: Space, count: u16) -> Located {
    Located::Bits { pieces: vec![run(space, 0, count)], needs: Needs::default() }
}

fn known(count: u16, value: u128) -> Located {
    Located::Bits { pieces: vec![Piece::Known(count, value)], needs: Needs::default() }
}

impl Run {
    /// One past the last bit.
    pub fn end(self) -> u16 {
        self.first + self.count
    }

    /// Rank of a run in the order of variables: the protocol, which ends many lists early; then addresses, for they
    /// tell most rules apart; then ports and devices; marks, which are written, late.
    pub fn rank(self, ip6: bool) -> (u8, Space, u16) {
        let addresses = if ip6 { 64..320 } else { 96..160 };
        let rank = match self.space {
            // Where a header is cut short most tests fail at once.
            Space::TransportLen | Space::HasLink => 0,
            Space::L4proto => 1,
            Space::Network if addresses.contains(&self.first) => 2,
            Space::Transport if (16..32).contains(&self.first) => 3,
            Space::Transport if self.first < 16 => 4,
            Space::Iif | Space::Oif => 5,
            Space::CtState => 6,
            Space::Network | Space::Transport | Space::Link => 7,
            Space::Meta(_) | Space::HasOption(_) | Space::Option(_) => 8,
            Space::Ct(..) => 9,
            Space::CtMark => 10,
            Space::Mark => 11,
        };
        (rank, self.space, self.first)
    }
}
