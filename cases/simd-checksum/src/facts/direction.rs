//! One direction of a flow, and the bounded table of them.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use casebook_core::{At, EvidenceId, Span};
use casebook_formats::packet::Protocol;
use casebook_formats::packet::checksum::{Verdict, Why};

use super::counts::Counts;

/// Who sends what to whom. Ports are 0 where the protocol has none; header checksums of IPv4 have directions of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// Whose checksum.
    pub protocol: Protocol,
    /// Source.
    pub source: IpAddr,
    /// Source port.
    pub source_port: u16,
    /// Destination.
    pub destination: IpAddr,
    /// Destination port.
    pub destination_port: u16,
}

impl Way {
    /// The other direction.
    pub fn back(self) -> Way {
        Way {
            protocol: self.protocol,
            source: self.destination,
            source_port: self.destination_port,
            destination: self.source,
            destination_port: self.source_port,
        }
    }

    /// A number that tells most ways apart.
    pub fn digest(&self) -> u64 {
        let mut mix = Mix::default();
        self.hash(&mut mix);
        mix.finish()
    }
}

impl Hash for Way {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        let word = |address: &IpAddr| match address {
            IpAddr::V4(address) => u64::from(address.to_bits()),
            IpAddr::V6(address) => {
                let bits = address.to_bits();
                (bits >> 64) as u64 ^ (bits as u64).rotate_left(23) ^ 1 << 63
            }
        };
        let ports = u64::from(self.source_port) << 32 | u64::from(self.destination_port) << 8;
        state.write_u64(word(&self.source));
        state.write_u64(word(&self.destination).rotate_left(29) ^ ports ^ self.protocol as u64);
    }
}

/// Folded products: quick, and good enough for addresses. Two words at most are hashed.
#[derive(Clone, Copy, Default)]
pub struct Mix(u64);

impl Hasher for Mix {
    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word ^ 0x9e37_79b9_7f4a_7c15) * 0xa076_1d64_78bd_642f;
        self.0 = product as u64 ^ (product >> 64) as u64;
    }
}

/// A packet of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketRef {
    /// Number as tshark counts, from 1.
    pub number: u64,
    /// First byte of its record.
    pub start: usize,
    /// One past its last.
    pub end: usize,
}

impl PacketRef {
    /// As a place of a finding.
    pub fn at(self, evidence: EvidenceId) -> At {
        At::Packet { number: self.number, span: Span::new(evidence, self.start, self.end) }
    }
}

/// One direction of a flow. What a sound packet touches is in its first 64 bytes, a cache line: most captures have more flows than
/// a cache has room.
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Direction {
    /// Who to whom.
    pub way: Way,
    /// Lowest sequence number and one past the highest, of TCP.
    pub sequence: Option<(u32, u32)>,
    /// Largest message in bytes, by its length field.
    pub largest_bytes: u32,
    /// Verdicts of its packets.
    pub counts: Counts,
    /// The first packet.
    pub first: PacketRef,
    /// The first that was left to the network card.
    pub first_offloaded: Option<PacketRef>,
    /// The first whose checksum is absent where it must not be, or of which the capture kept too little.
    pub first_without: Option<PacketRef>,
    /// The first that is shorter than its length field.
    pub first_short: Option<PacketRef>,
}

/// How many directions the table holds, and what happened to the rest.
#[derive(Clone, Debug, Default)]
pub struct Table {
    list: Vec<Direction>,
    slots: Slots,
    most: usize,
    /// Counts of directions that were folded away.
    pub folded: Counts,
    /// How many were folded away: all of their packets were good.
    pub folded_directions: u64,
    /// Packets whose direction found no place in a table full of others that are not plain.
    pub without_place: u64,
}

impl Table {
    /// A table of at most `most` directions.
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), ..Self::default() }
    }

    /// Counts a packet; its direction's number, if it has one.
    #[inline]
    pub fn count(&mut self, way: Way, verdict: &Verdict, packet: PacketRef, bytes: u32) -> Option<u32> {
        let digest = way.digest();
        let at = match self.slots.find(digest, |at| self.list[at as usize].way == way) {
            Some(at) => at,
            None => self.begin(way, digest, packet, verdict)?,
        };
        let direction = &mut self.list[at as usize];
        direction.counts.add(verdict);
        direction.largest_bytes = direction.largest_bytes.max(bytes);
        match verdict {
            Verdict::Offloaded(_) if direction.first_offloaded.is_none() => direction.first_offloaded = Some(packet),
            Verdict::Unverifiable(Why::Length) if direction.first_short.is_none() => {
                direction.first_short = Some(packet)
            }
            Verdict::IllegalZero | Verdict::Unverifiable(Why::Cut) if direction.first_without.is_none() => {
                direction.first_without = Some(packet);
            }
            _ => {}
        }
        Some(at)
    }

    #[cold]
    fn begin(&mut self, way: Way, digest: u64, first: PacketRef, verdict: &Verdict) -> Option<u32> {
        if self.list.len() >= self.most {
            self.fold();
        }
        if self.list.len() >= self.most {
            self.without_place += 1;
            self.folded.add(verdict);
            return None;
        }
        let at = self.list.len() as u32;
        self.list.push(Direction {
            way,
            counts: Counts::default(),
            largest_bytes: 0,
            sequence: None,
            first,
            first_offloaded: None,
            first_without: None,
            first_short: None,
        });
        self.slots.insert(digest, at);
        Some(at)
    }

    /// Directions about which there is nothing to say give their place.
    #[cold]
    fn fold(&mut self) {
        let (folded, mut number) = (&mut self.folded, 0);
        self.list.retain(|direction| {
            let plain = direction.counts.is_plain();
            if plain {
                folded.join(&direction.counts);
                number += 1;
            }
            !plain
        });
        self.folded_directions += number;
        self.slots = Slots::default();
        for (at, direction) in self.list.iter().enumerate() {
            self.slots.insert(direction.way.digest(), at as u32);
        }
    }

    /// Widens the range of sequence numbers of a direction.
    #[inline]
    pub fn sequence(&mut self, at: u32, seq: u32, end: u32) {
        let range = &mut self.list[at as usize].sequence;
        *range = Some(match *range {
            None => (seq, end),
            Some((low, high)) => (
                if (seq.wrapping_sub(low) as i32) < 0 { seq } else { low },
                if (end.wrapping_sub(high) as i32) > 0 { end } else { high },
            ),
        });
    }

    /// The directions, by their first packet unless some were folded.
    pub fn list(&self) -> &[Direction] {
        &self.list
    }

    /// The direction of this way.
    pub fn get(&self, way: &Way) -> Option<&Direction> {
        let at = self.slots.find(way.digest(), |at| self.list[at as usize].way == *way)?;
        self.list.get(at as usize)
    }
}

/// Numbers of directions by the digest of their way: 32 bits of it and the number plus one in a word, at most half of the words
/// in use.
#[derive(Clone, Debug, Default)]
struct Slots {
    words: Vec<u64>,
    used: usize,
}

impl Slots {
    /// The number with this digest for which `is` holds.
    #[inline]
    fn find(&self, digest: u64, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        let mask = self.words.len().checked_sub(1)?;
        let hash = half(digest);
        let mut at = hash as usize & mask;
        loop {
            let word = self.words[at];
            if word == 0 {
                return None;
            }
            if (word >> 32) as u32 == hash && is(word as u32 - 1) {
                return Some(word as u32 - 1);
            }
            at = (at + 1) & mask;
        }
    }

    fn insert(&mut self, digest: u64, number: u32) {
        if self.used * 2 >= self.words.len() {
            let new = vec![0; (self.words.len() * 2).max(1024)];
            let old = std::mem::replace(&mut self.words, new);
            old.into_iter().filter(|word| *word != 0).for_each(|word| self.place(word));
        }
        self.used += 1;
        self.place(u64::from(half(digest)) << 32 | u64::from(number + 1));
    }

    fn place(&mut self, word: u64) {
        let mask = self.words.len() - 1;
        let mut at = (word >> 32) as usize & mask;
        while self.words[at] != 0 {
            at = (at + 1) & mask;
        }
        self.words[at] = word;
    }
}

fn half(digest: u64) -> u32 {
    (digest ^ digest >> 32) as u32
}
