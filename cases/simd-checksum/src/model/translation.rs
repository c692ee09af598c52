//! Addresses and ports that were rewritten while the checksum stayed as it was.
//!
//! A rewriting without update leaves new minus old in every packet of a direction, whatever else the packets hold (RFC 1624 is
//! the update that was left out). So the difference is constant, and it names the old words once another flow of the evidence
//! has them: one that shares an end with the direction and whose other end differs by just that.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasherDefault;
use std::net::IpAddr;

use casebook_checksum::ones;
use casebook_core::EvidenceId;
use casebook_formats::packet::Protocol;

use crate::facts::Capture;
use crate::facts::capture::Order;
use crate::facts::direction::{Mix, PacketRef, Way};

/// Flows that share an end are tried up to this many.
const MOST_TRIED: usize = 4096;
/// Up to this many for a single packet: one difference of 16 bits fits one flow in 65 536 by chance.
const MOST_FOR_ONE: usize = 256;
/// Trials for all directions of a run; a capture in which everything is bad has nothing rewritten.
const BUDGET: usize = 4_000_000;

/// Which end was rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// Source address or port.
    Source,
    /// Destination address or port.
    Destination,
}

/// A rewriting whose old side another flow shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Translation {
    /// Which end.
    pub end: End,
    /// Who to whom before.
    pub old: Way,
    /// A packet of the flow that shows it.
    pub shown_by: (EvidenceId, PacketRef),
    /// True when that packet goes the other way.
    pub backwards: bool,
    /// How many flows that share an end were tried.
    pub tried: usize,
}

/// The flows of all captures by their ends.
#[derive(Debug, Default)]
pub struct Ends<'a> {
    by_end: HashMap<u64, Vec<Seen<'a>>, BuildHasherDefault<Mix>>,
    /// Trials made so far.
    made: Cell<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Seen<'a> {
    way: Way,
    backwards: bool,
    capture: &'a Capture,
    first: PacketRef,
}

fn end_key(protocol: Protocol, address: IpAddr, port: u16, end: End) -> u64 {
    let way = Way { protocol, source: address, source_port: port, destination: address, destination_port: end as u16 };
    way.digest()
}

fn keys(way: &Way) -> [u64; 2] {
    [
        end_key(way.protocol, way.source, way.source_port, End::Source),
        end_key(way.protocol, way.destination, way.destination_port, End::Destination),
    ]
}

impl<'a> Ends<'a> {
    /// Sorts the flows that share an end with a direction that has bad packets; others show nothing. Header checksums of IPv4 have
    /// no ports, so any flow shows their addresses.
    pub fn of(captures: &'a [Capture]) -> Self {
        let bad = captures.iter().flat_map(|capture| capture.differences.keys());
        let wanted: HashSet<u64> = bad.flat_map(|Order(_, way)| keys(way)).collect();
        let mut ends = Ends::default();
        for capture in captures {
            for direction in capture.directions.list() {
                let way = direction.way;
                let bare = Way { protocol: Protocol::Ipv4, source_port: 0, destination_port: 0, ..way };
                let ways = [way, bare];
                for way in &ways[..if way == bare { 1 } else { 2 }] {
                    let way = *way;
                    for (way, backwards) in [(way, false), (way.back(), true)] {
                        let seen = Seen { way, backwards, capture, first: direction.first };
                        for key in keys(&way).into_iter().filter(|key| wanted.contains(key)) {
                            let list = ends.by_end.entry(key).or_default();
                            let known = list.iter().rev().take(8).any(|other| other.way == seen.way);
                            if list.len() < MOST_TRIED && !known {
                                list.push(seen);
                            }
                        }
                    }
                }
            }
        }
        ends
    }

    /// The rewriting that leaves `difference` in the `bad` packets of `way`.
    pub fn translation(&self, way: Way, difference: u16, bad: u64) -> Option<Translation> {
        let mut tried = 0;
        let mut found = None;
        let most = if bad > 1 { MOST_TRIED } else { MOST_FOR_ONE };
        if self.made.get() >= BUDGET {
            return None;
        }
        for key in keys(&way) {
            let flows = self.by_end.get(&key).map(Vec::as_slice).unwrap_or_default();
            self.made.set(self.made.get() + flows.len().min(most));
            for seen in flows.iter().take(most) {
                let Some((end, left)) = rewritten(&seen.way, &way) else { continue };
                tried += 1;
                let hit = ones::same(left, difference);
                if hit && found.is_none() {
                    found = Some((end, *seen));
                }
            }
        }
        let (end, seen) = found?;
        Some(Translation {
            end,
            old: seen.way,
            shown_by: (seen.capture.id(), seen.first),
            backwards: seen.backwards,
            tried,
        })
    }
}

/// What a rewriting of one end of `old` to `new` leaves when the sum is not updated: new minus old. `None` when more than one
/// end differs, or none.
pub fn rewritten(old: &Way, new: &Way) -> Option<(End, u16)> {
    if old.protocol != new.protocol {
        return None;
    }
    let source = (old.source, old.source_port) != (new.source, new.source_port);
    let destination = (old.destination, old.destination_port) != (new.destination, new.destination_port);
    let left = |old: u16, new: u16| ones::sub(new, old);
    match (source, destination) {
        (true, false) => Some((End::Source, left(sum(old.source, old.source_port), sum(new.source, new.source_port)))),
        (false, true) => Some((
            End::Destination,
            left(sum(old.destination, old.destination_port), sum(new.destination, new.destination_port)),
        )),
        _ => None,
    }
}

fn sum(address: IpAddr, port: u16) -> u16 {
    let address = match address {
        IpAddr::V4(address) => casebook_checksum::Sum::of(&address.octets()),
        IpAddr::V6(address) => casebook_checksum::Sum::of(&address.octets()),
    };
    address.word(port).fold()
}

/// Hops whose TTL step was not entered in an IPv4 header checksum: the difference is that many times -0x0100 (RFC 1141).
pub fn lowered(difference: u16) -> Option<u8> {
    let up = ones::canonical(!difference);
    (up & 0xff == 0 && (1..=64).contains(&(up >> 8))).then_some((up >> 8) as u8)
}
