//! pcapng (draft-ietf-opsawg-pcapng): sections of either byte order, interfaces with their own units of time, enhanced,
//! simple and obsolete packet blocks. Other blocks are passed by.

use super::{Frame, FrameFlags, Frames, LinkType, Order, Reader, most};

const SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
const INTERFACE: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE: u32 = 3;
const NAMES: u32 = 4;
const STATISTICS: u32 = 5;
const ENHANCED: u32 = 6;
const JOURNAL: u32 = 9;
const SECRETS: u32 = 10;
const CUSTOM: u32 = 0x0000_0bad;
const CUSTOM_NO_COPY: u32 = 0x4000_0bad;
/// Interfaces of one section that are kept.
const MOST_INTERFACES: usize = 65_536;
/// Type, length, length again.
const SMALLEST: usize = 12;

/// Byte order of a section that begins with these bytes.
pub(super) fn section_order(bytes: &[u8]) -> Option<Order> {
    let head: &[u8; 12] = bytes.first_chunk()?;
    if head[..4] != SECTION {
        return None;
    }
    match head[8..12] {
        [0x4d, 0x3c, 0x2b, 0x1a] => Some(Order::Little),
        [0x1a, 0x2b, 0x3c, 0x4d] => Some(Order::Big),
        _ => None,
    }
}

/// How ticks become nanoseconds.
#[derive(Clone, Copy, Debug)]
enum Unit {
    Times(u64),
    Over(u128),
    /// Ticks are 2^-n seconds.
    Binary(u32),
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    link: LinkType,
    snap: u32,
    unit: Unit,
    offset_s: i64,
    fcs_bytes: u8,
}

impl Interface {
    #[inline]
    fn time_ns(&self, high: u32, low: u32) -> Option<i64> {
        let ticks = u64::from(high) << 32 | u64::from(low);
        let ns = match self.unit {
            Unit::Times(times) => i64::try_from(ticks.checked_mul(times)?).ok()?,
            Unit::Over(over) => (u128::from(ticks) / over) as i64,
            // A tick of less than 2^-64 s never reaches a second; 2^-64 * 10^9 fits 128 bits.
            Unit::Binary(bits) => i64::try_from((u128::from(ticks) * 1_000_000_000) >> bits).ok()?,
        };
        if self.offset_s == 0 { Some(ns) } else { self.offset_s.checked_mul(1_000_000_000)?.checked_add(ns) }
    }
}

/// The section that is being read.
#[derive(Debug, Default)]
pub(super) struct Section {
    order: Order,
    interfaces: Vec<Interface>,
    /// Interfaces of the sections before.
    before: u32,
    begun: bool,
}

/// Records that are no packets and still have a number in tshark (wiretap/pcapng.c).
fn counted(kind: u32) -> bool {
    matches!(kind, JOURNAL | 0x204 | 0x208 | 0x216 | 0x217 | 0x221 | 0x222 | 0x223)
}

fn known(kind: u32) -> bool {
    matches!(
        kind,
        INTERFACE | PACKET | SIMPLE | NAMES | STATISTICS | ENHANCED | JOURNAL | SECRETS | CUSTOM | CUSTOM_NO_COPY
    )
}

/// The length of a block at `at` whose two lengths agree, of a known type.
fn plausible(bytes: &[u8], at: usize, order: Order) -> Option<usize> {
    let order = section_order(bytes.get(at..)?).or_else(|| known(order.word(bytes, at)?).then_some(order))?;
    let length = order.word(bytes, at + 4)? as usize;
    let fits = length >= SMALLEST && length.is_multiple_of(4) && length <= bytes.len() - at;
    (fits && order.word(bytes, at + length - 4)? as usize == length).then_some(length)
}

impl<'a> Frames<'a> {
    pub(super) fn next_block(&mut self) -> Option<Frame<'a>> {
        let bytes = self.bytes;
        loop {
            let start = self.at;
            let rest = bytes.get(start..).filter(|rest| !rest.is_empty())?;
            if rest.len() < SMALLEST {
                self.stop(start, "the file ends inside the header of a block");
                return None;
            }
            let Reader::Pcapng(section) = &mut self.reader else { return None };
            let is_section = rest[..4] == SECTION;
            let order = if is_section { section_order(rest) } else { section.begun.then_some(section.order) };
            let Some(order) = order else {
                self.resume(start, "a section header with an unknown byte order")?;
                continue;
            };
            let length = order.word(rest, 4)? as usize;
            if length < SMALLEST || !length.is_multiple_of(4) {
                self.resume(start, format!("a block says it has {length} bytes"))?;
                continue;
            }
            let Some(block) = rest.get(..length) else {
                let there = rest.len();
                self.resume(start, format!("a block says it has {length} bytes, the file has {there} more"))?;
                continue;
            };
            let again = order.word(block, length - 4)? as usize;
            if again != length {
                let next = start + length;
                let why = format!("a block has two lengths, {length} and {again}");
                // The first length is right when it leads to another block, or to the end.
                if next != bytes.len() && plausible(bytes, next, order).is_none() {
                    self.resume(start, why)?;
                    continue;
                }
                self.problems.add(start, next, why);
            }
            self.at = start + length;
            if let Some(frame) = self.block(block, start, order, is_section) {
                return Some(frame);
            }
        }
    }

    /// Goes to the next place where a block can be told for certain; `None` at the end.
    #[cold]
    fn resume(&mut self, start: usize, why: impl Into<String>) -> Option<()> {
        let bytes = self.bytes;
        let order = if let Reader::Pcapng(section) = &self.reader { section.order } else { Order::Little };
        let found = (start + 4..bytes.len().saturating_sub(SMALLEST - 1)).step_by(4).find(|at| {
            plausible(bytes, *at, order).is_some_and(|length| {
                let next = at + length;
                next == bytes.len() || plausible(bytes, next, order).is_some()
            })
        });
        let why = why.into();
        match found {
            Some(at) => {
                self.problems.add(start, at, format!("{why}; reading goes on at byte {at}"));
                self.at = at;
                Some(())
            }
            None => {
                self.stop(start, why);
                None
            }
        }
    }

    #[inline]
    fn block(&mut self, block: &'a [u8], start: usize, order: Order, is_section: bool) -> Option<Frame<'a>> {
        let Reader::Pcapng(section) = &mut self.reader else { return None };
        if is_section {
            section.before = section.before.saturating_add(section.interfaces.len() as u32);
            section.interfaces.clear();
            section.order = order;
            section.begun = true;
            return None;
        }
        let body = &block[8..block.len() - 4];
        let kind = order.word(block, 0)?;
        match kind {
            ENHANCED => self.enhanced(body, start, order),
            INTERFACE => {
                match interface(body, order) {
                    Some(interface) if section.interfaces.len() < MOST_INTERFACES => section.interfaces.push(interface),
                    Some(_) => self.problems.add(start, start + block.len(), "an interface beyond the 65536th"),
                    None => self.problems.add(start, start + block.len(), "an interface block with no room for one"),
                }
                None
            }
            SIMPLE => self.simple(body, start, order),
            PACKET => self.obsolete(body, start, order),
            _ => {
                self.number += u64::from(counted(kind));
                None
            }
        }
    }

    #[inline]
    fn enhanced(&mut self, body: &'a [u8], start: usize, order: Order) -> Option<Frame<'a>> {
        let Some(head) = body.first_chunk::<20>() else { return self.short(body, start) };
        let word = |i: usize| order.u32([head[i], head[i + 1], head[i + 2], head[i + 3]]);
        let times = Some((word(4), word(8)));
        self.packet(body, 20, start, order, Packet { id: word(0), times, kept: word(12), original: word(16) })
    }

    fn obsolete(&mut self, body: &'a [u8], start: usize, order: Order) -> Option<Frame<'a>> {
        if body.len() < 20 {
            return self.short(body, start);
        }
        let id = u32::from(order.half(body, 0)?);
        let times = Some((order.word(body, 4)?, order.word(body, 8)?));
        let (kept, original) = (order.word(body, 12)?, order.word(body, 16)?);
        self.packet(body, 20, start, order, Packet { id, times, kept, original })
    }

    fn simple(&mut self, body: &'a [u8], start: usize, order: Order) -> Option<Frame<'a>> {
        let Some(original) = order.word(body, 0) else { return self.short(body, start) };
        let Reader::Pcapng(section) = &self.reader else { return None };
        let snap = section.interfaces.first().map_or(0, |interface| interface.snap);
        let room = (body.len() - 4) as u32;
        let limit = if snap == 0 { original } else { original.min(snap) };
        if limit > room {
            self.problems.add(start, start + body.len() + SMALLEST, "a simple packet is longer than its block");
        }
        self.packet(body, 4, start, order, Packet { id: 0, times: None, kept: limit.min(room), original })
    }

    #[cold]
    fn short(&mut self, body: &[u8], start: usize) -> Option<Frame<'a>> {
        self.number += 1;
        self.problems.add(start, start + body.len() + SMALLEST, "a packet block with no room for its header");
        None
    }

    #[inline]
    fn packet(&mut self, body: &'a [u8], head: usize, start: usize, order: Order, of: Packet) -> Option<Frame<'a>> {
        let end = start + body.len() + SMALLEST;
        self.number += 1;
        let Reader::Pcapng(section) = &self.reader else { return None };
        let Some(interface) = section.interfaces.get(of.id as usize) else {
            self.problems.add(start, end, format!("a packet of interface {}, which no block describes", of.id));
            return None;
        };
        let (interface, before) = (*interface, section.before);
        let room = body.len() - head;
        if of.kept as usize > room || of.kept > most(interface.snap) {
            let why = format!("a packet block of {room} bytes says that it keeps {}", of.kept);
            self.problems.add(start, end, why);
            return None;
        }
        if of.kept > interface.snap && interface.snap != 0 {
            self.problems.snap(start, end, of.kept, interface.snap);
        }
        if of.kept > of.original {
            self.problems.lengths(start, end, of.kept, of.original);
        }
        let data_end = head + of.kept as usize;
        let options = body.get(data_end.next_multiple_of(4)..).unwrap_or_default();
        let flags = FrameFlags(if options.len() >= 8 && head == 20 { packet_flags(options, order) } else { 0 });
        // Bits 5 to 8 say the length of the frame check sequence where the interface does not.
        let of_flags = (flags.0 >> 5 & 0xf) as u8;
        Some(Frame {
            number: self.number,
            time_ns: of.times.and_then(|(high, low)| interface.time_ns(high, low)),
            interface: before.saturating_add(of.id),
            link: interface.link,
            data: &body[head..data_end],
            original_bytes: of.original,
            start,
            end,
            data_start: start + 8 + head,
            fcs_bytes: if of_flags > 0 { of_flags } else { interface.fcs_bytes },
            flags,
        })
    }
}

/// What the three packet blocks say.
struct Packet {
    id: u32,
    times: Option<(u32, u32)>,
    kept: u32,
    original: u32,
}

/// The options of a block, until they end or no longer fit.
fn options(mut bytes: &[u8], order: Order) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (code, length) = (order.half(bytes, 0)?, order.half(bytes, 2)? as usize);
        let value = bytes.get(4..4 + length)?;
        bytes = bytes.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
        (code != 0).then_some((code, value))
    })
}

/// `epb_flags` and `pack_flags` have the same code.
fn packet_flags(bytes: &[u8], order: Order) -> u32 {
    let found = options(bytes, order).find(|(code, value)| *code == 2 && value.len() == 4);
    found.and_then(|(_, value)| order.word(value, 0)).unwrap_or(0)
}

fn interface(body: &[u8], order: Order) -> Option<Interface> {
    let (link, snap) = (LinkType(order.half(body, 0)?), order.word(body, 4)?);
    let mut found = Interface { link, snap, unit: Unit::Times(1000), offset_s: 0, fcs_bytes: 0 };
    for (code, value) in options(body.get(8..)?, order) {
        match (code, value) {
            // if_tsresol: a power of ten, or of two with the highest bit.
            (9, [resolution, ..]) => found.unit = unit(*resolution),
            // if_fcslen: bits by the draft, whose own example and many writers mean bytes.
            (13, [length, ..]) => found.fcs_bytes = if *length >= 16 { length / 8 } else { *length },
            // if_tsoffset
            (14, value) => {
                let Some(bytes) = value.first_chunk::<8>() else { continue };
                found.offset_s = match order {
                    Order::Little => i64::from_le_bytes(*bytes),
                    Order::Big => i64::from_be_bytes(*bytes),
                };
            }
            _ => {}
        }
    }
    Some(found)
}

fn unit(resolution: u8) -> Unit {
    let exponent = u32::from(resolution & 0x7f);
    if resolution & 0x80 != 0 {
        Unit::Binary(exponent.min(127))
    } else if exponent <= 9 {
        Unit::Times(10_u64.pow(9 - exponent))
    } else {
        // Beyond 10^29 ticks a nanosecond, 64 bits of ticks are less than one.
        Unit::Over(10_u128.pow((exponent - 9).min(30)))
    }
}
