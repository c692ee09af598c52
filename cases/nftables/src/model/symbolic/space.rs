//! The bits of a packet that rules read and write, and the class of packets they are read of.
//!
//! One class at a time: a path, IPv4 or IPv6, headers whole, no fragments, no IP options or extension headers. In a
//! class every field either is absent or is a run of bits of one space, so that a field that is absent is known to be.

use crate::model::fields;
use crate::model::ir::{Base, CtKey, Direction, Field, Hook, MetaKey, PayloadField};
use crate::model::packet::{ETH_IP, ETH_IP6, Path};

/// A class of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Class {
    /// Input, forward or output.
    pub path: Path,
    /// IPv6.
    pub ip6: bool,
    /// Connection tracking runs for them.
    pub tracked: bool,
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
        needs: Option<Need>,
    },
    /// Not covered: one unknown.
    Unknown,
}

/// What a field needs to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Need {
    /// A connection.
    Connection,
    /// This TCP option.
    Option(u8),
}

impl Class {
    /// Where a field is.
    pub fn locate(self, field: Field, at: At) -> Located {
        match field {
            Field::Payload(payload) if self.is_rewritten(payload, at) => Located::Unknown,
            Field::Payload(payload) => {
                self.payload(payload.base, payload.offset, payload.bits, !payload.name.is_empty())
            }
            Field::Meta(key) => self.meta(key, at),
            Field::Ct(key, direction) => self.ct(key, direction, at),
            Field::TcpOption(kind, _, 0) => whole(Space::HasOption(kind), 1),
            Field::TcpOption(_, offset, _) if offset < 16 => Located::Unknown,
            Field::TcpOption(kind, offset, bits) => Located::Bits {
                pieces: vec![Piece::Run(Run { space: Space::Option(kind), first: offset, count: bits })],
                needs: Some(Need::Option(kind)),
            },
            Field::Exthdr(_, _, 0) => known(1, 0),
            Field::Exthdr(..) => Located::Absent,
        }
    }

    /// Lengths and checksums, which follow from the rest, and the hop limit once routing has lowered it.
    fn is_rewritten(self, field: PayloadField, at: At) -> bool {
        let overlaps = |first: u16, end: u16| field.offset < end && first < field.offset + field.bits;
        let hops = if self.ip6 { (56, 64) } else { (64, 72) };
        let routed = self.path == Path::Forward && matches!(at.hook, Hook::Forward | Hook::Postrouting);
        match field.base {
            Base::Network if routed && overlaps(hops.0, hops.1) => true,
            Base::Network if self.ip6 => overlaps(32, 48),
            Base::Network => overlaps(16, 32) || overlaps(80, 96),
            Base::Transport => field.name.ends_with(" checksum") || field.name == "tcp doff",
            Base::Link => overlaps(96, 112),
            Base::Inner => false,
        }
    }

    fn payload(self, base: Base, first: u16, count: u16, named: bool) -> Located {
        let end = first + count;
        match base {
            Base::Link if self.path == Path::Output => Located::Absent,
            Base::Link if end <= 96 => Located::Bits { pieces: vec![run(Space::Link, first, count)], needs: None },
            Base::Network if end <= if self.ip6 { 320 } else { 160 } => {
                Located::Bits { pieces: self.network(first, end), needs: None }
            }
            // Every transport header has 8 bytes; named fields bring a check of their protocol.
            Base::Transport if named || end <= 64 => {
                Located::Bits { pieces: vec![run(Space::Transport, first, count)], needs: None }
            }
            _ => Located::Unknown,
        }
    }

    /// Bits of the network header: version and header length are known, and the protocol is a space of its own.
    fn network(self, first: u16, end: u16) -> Vec<Piece> {
        let special: &[(u16, u16, Option<u128>)] = if self.ip6 {
            &[(0, 4, Some(6)), (48, 56, None)]
        } else {
            &[(0, 4, Some(4)), (4, 8, Some(5)), (50, 64, Some(0)), (72, 80, None)]
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
        Located::Bits { pieces, needs: Some(Need::Connection) }
    }
}

fn run(space: Space, first: u16, count: u16) -> Piece {
    Piece::Run(Run { space, first, count })
}

fn whole(space: Space, count: u16) -> Located {
    Located::Bits { pieces: vec![run(space, 0, count)], needs: None }
}

fn known(count: u16, value: u128) -> Located {
    Located::Bits { pieces: vec![Piece::Known(count, value)], needs: None }
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
            Space::L4proto => 0,
            Space::Network if addresses.contains(&self.first) => 1,
            Space::Transport if (16..32).contains(&self.first) => 2,
            Space::Transport if self.first < 16 => 3,
            Space::Iif | Space::Oif => 4,
            Space::CtState => 5,
            Space::Network | Space::Transport | Space::Link => 6,
            Space::Meta(_) | Space::HasOption(_) | Space::Option(_) => 7,
            Space::Ct(..) => 8,
            Space::CtMark => 9,
            Space::Mark => 10,
        };
        (rank, self.space, self.first)
    }
}
