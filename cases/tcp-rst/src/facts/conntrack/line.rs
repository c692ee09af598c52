//! One line.

use std::net::{IpAddr, Ipv4Addr};

use casebook_core::{Span, Unmodelled};

use super::token::{Word, Words, address, decimal, hexadecimal, number};
use super::{Counters, Event, Item, Marks, Place, ProtoState, Record, Stats, Tuple, Zones};
use crate::model::conntrack::State;

/// Longest line that is read; places are counted in 16 bits.
const LONGEST: usize = u16::MAX as usize;

pub(super) fn read(span: Span, line: &[u8]) -> Item {
    if line.len() > LONGEST {
        return Item::Unread(Unmodelled::new(span, "line over 65535 bytes"));
    }
    match record(span, line) {
        Ok(record) => Item::Record(record),
        Err(why) => other(span, line).unwrap_or_else(|| Item::Unread(Unmodelled::new(span, why))),
    }
}

/// Lines that are no entry.
fn other(span: Span, line: &[u8]) -> Option<Item> {
    let has = |text: &[u8]| line.windows(text.len()).any(|part| part == text);
    if line.starts_with(b"cpu=") {
        return Some(Item::Stats(stats(span, line)));
    }
    if has(b"ENOBUFS") {
        return Some(Item::Lost(span));
    }
    if has(b"table full, dropping packet") {
        return Some(Item::TableFull(span));
    }
    let said: [&[u8]; 5] =
        [b"conntrack v", b"WARNING:", b"NOTICE:", b"This message means that", b"Please, check --buffer-size"];
    said.iter().any(|text| line.starts_with(text)).then_some(Item::Message(span))
}

fn stats(span: Span, line: &[u8]) -> Stats {
    let mut out = Stats { line: span, invalid: 0, insert_failed: 0, drop: 0, early_drop: 0 };
    for word in (Words { line, at: 0 }) {
        let Some((key, value)) = split(word.text) else { continue };
        let slot = match key {
            b"invalid" => &mut out.invalid,
            b"insert_failed" => &mut out.insert_failed,
            b"drop" => &mut out.drop,
            b"early_drop" => &mut out.early_drop,
            _ => continue,
        };
        *slot = decimal(value).unwrap_or(0);
    }
    out
}

/// `key=value`.
fn split(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == b'=')?;
    Some((&text[..at], &text[at + 1..]))
}

fn place(word: Word<'_>) -> Place {
    Place { start: word.start as u16, len: word.text.len() as u16 }
}

/// `[1795640199.795796]`: seconds and microseconds.
fn timestamp(text: &[u8]) -> Option<u64> {
    let inner = text.strip_prefix(b"[")?.strip_suffix(b"]")?.trim_ascii();
    let dot = inner.iter().position(|byte| *byte == b'.')?;
    let (seconds, fraction) = (decimal(&inner[..dot])?, inner[dot + 1..].trim_ascii());
    // conntrack 1.4.7 pads to six digits (`%-.6ld`), other forms do not (`%-6ld`): either way it counts microseconds.
    let micros: u64 = decimal(fraction).filter(|micros| *micros < 1_000_000)?;
    seconds.checked_mul(1_000_000)?.checked_add(micros)
}

fn event(text: &[u8]) -> Option<Event> {
    match text {
        b"[NEW]" => Some(Event::New),
        b"[UPDATE]" => Some(Event::Update),
        b"[DESTROY]" => Some(Event::Destroy),
        _ => None,
    }
}

fn record(line_span: Span, line: &[u8]) -> Result<Record, &'static str> {
    const NOWHERE: Tuple =
        Tuple { src: IpAddr::V4(Ipv4Addr::UNSPECIFIED), dst: IpAddr::V4(Ipv4Addr::UNSPECIFIED), sport: 0, dport: 0 };
    let mut words = Words { line, at: 0 };
    let mut out = Record {
        line: line_span,
        event: None,
        time_us: None,
        protocol: 0,
        timeout_s: None,
        state: None,
        original: NOWHERE,
        reply: NOWHERE,
        marks: Marks::default(),
        counters: [None; 2],
        mark: None,
        zones: Zones::default(),
        id: None,
        delta_time_s: None,
        event_place: Place::default(),
        timeout_place: Place::default(),
        state_place: Place::default(),
        original_place: Place::default(),
        reply_place: Place::default(),
        helper_place: Place::default(),
        unread_place: Place::default(),
    };
    let mut word = words.next().ok_or("an empty line")?;
    if let Some(time_us) = timestamp(word.text) {
        out.time_us = Some(time_us);
        word = words.next().ok_or("a time and nothing else")?;
    }
    if let Some(event) = event(word.text) {
        out.event = Some(event);
        out.event_place = place(word);
        word = words.next().ok_or("an event and nothing else")?;
    }
    if matches!(word.text, b"ipv4" | b"ipv6") {
        let family = words.next().and_then(|word| decimal(word.text));
        if !matches!(family, Some(2 | 10)) {
            return Err("no family behind ipv4 or ipv6");
        }
        word = words.next().ok_or("no protocol")?;
    }
    if !word.text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        return Err("no line of conntrack");
    }
    let protocol = words.next().and_then(|word| number::<u8>(word.text));
    out.protocol = protocol.ok_or("no number of a protocol behind its name")?;
    let mut side = Side { out, tuples: 0, after_code: false };
    for word in words {
        side.word(word);
    }
    match side.tuples {
        2 => Ok(side.out),
        _ => Err("not two directions: cut, or no line of conntrack"),
    }
}

/// Reading the words behind the protocol.
struct Side {
    out: Record,
    /// Source addresses seen: the direction is the one before.
    tuples: usize,
    /// The word before was `code=`.
    after_code: bool,
}

fn put(slot: &mut u16, value: Option<u16>) -> bool {
    value.map(|value| *slot = value).is_some()
}

impl Side {
    fn word(&mut self, word: Word<'_>) {
        let known = match word.text.first() {
            Some(b'[') => self.bracket(word.text),
            _ => match split(word.text) {
                Some((key, value)) => self.pair(word, key, value),
                None => self.bare(word),
            },
        };
        if !known && self.out.unread_place.len == 0 {
            self.out.unread_place = place(word);
        }
    }

    fn bracket(&mut self, text: &[u8]) -> bool {
        self.out.marks.0 |= match text {
            b"[ASSURED]" => Marks::ASSURED,
            b"[UNREPLIED]" => Marks::UNREPLIED,
            b"[OFFLOAD]" => Marks::OFFLOAD,
            b"[HW_OFFLOAD]" => Marks::HW_OFFLOAD,
            b"[USERSPACE]" => Marks::USERSPACE,
            _ => return text.starts_with(b"[start=") || text.starts_with(b"[stop="),
        };
        true
    }

    /// A timeout or a state, which stand before the first direction.
    fn bare(&mut self, word: Word<'_>) -> bool {
        if self.tuples != 0 {
            return false;
        }
        if self.out.timeout_s.is_none()
            && self.out.state.is_none()
            && let Some(timeout) = number::<u32>(word.text)
        {
            self.out.timeout_s = Some(timeout);
            self.out.timeout_place = place(word);
            return true;
        }
        if self.out.state.is_some() {
            return false;
        }
        self.out.state_place = place(word);
        self.out.state = Some(match State::of_name(word.text).filter(|_| self.out.protocol == 6) {
            Some(state) => ProtoState::Tcp(state),
            // `LISTEN` is the old name of the number SYN_SENT2 has.
            None if self.out.protocol == 6 && word.text == b"LISTEN" => ProtoState::Tcp(State::SynSent2),
            None => ProtoState::Other,
        });
        true
    }

    fn pair(&mut self, word: Word<'_>, key: &[u8], value: &[u8]) -> bool {
        self.direction(word, key, value).unwrap_or_else(|| self.attribute(word, key, value))
    }

    /// Fields of a direction; `None` when it is another.
    fn direction(&mut self, word: Word<'_>, key: &[u8], value: &[u8]) -> Option<bool> {
        if key == b"src" {
            self.tuples += 1;
        }
        let is_icmp = matches!(self.out.protocol, 1 | 58);
        let (tuple, at) = match self.tuples {
            1 => (&mut self.out.original, &mut self.out.original_place),
            2 => (&mut self.out.reply, &mut self.out.reply_place),
            _ => return (self.tuples > 2).then_some(false),
        };
        let after_code = std::mem::replace(&mut self.after_code, key == b"code");
        let known = match key {
            b"src" => address(value).map(|address| tuple.src = address).is_some(),
            b"dst" => address(value).map(|address| tuple.dst = address).is_some(),
            b"sport" => put(&mut tuple.sport, number(value)),
            b"dport" => put(&mut tuple.dport, number(value)),
            b"type" | b"code" if is_icmp => {
                let shift = if key == b"type" { 8 } else { 0 };
                let value = number::<u8>(value).map(|value| tuple.dport | u16::from(value) << shift);
                put(&mut tuple.dport, value)
            }
            // The id of the message follows its code; one further on is the entry's.
            b"id" if is_icmp && after_code => put(&mut tuple.sport, number(value)),
            b"srckey" => put(&mut tuple.sport, hexadecimal(value)),
            b"dstkey" => put(&mut tuple.dport, hexadecimal(value)),
            _ => return None,
        };
        let end = (word.start + word.text.len()) as u16;
        if key == b"src" {
            at.start = word.start as u16;
        }
        at.len = end.saturating_sub(at.start);
        if !known && key == b"src" {
            // Without an address the direction is not there.
            self.tuples = 3;
        }
        Some(known)
    }

    fn attribute(&mut self, word: Word<'_>, key: &[u8], value: &[u8]) -> bool {
        let out = &mut self.out;
        match key {
            b"packets" => {
                let Some(packets) = decimal(value) else { return false };
                let Some(slot) = out.counters.get_mut(self.tuples.wrapping_sub(1)) else { return false };
                *slot = Some(Counters { packets, bytes: 0 });
                true
            }
            b"bytes" => {
                let slot = out.counters.get_mut(self.tuples.wrapping_sub(1)).and_then(Option::as_mut);
                slot.zip(decimal(value)).map(|(slot, bytes)| slot.bytes = bytes).is_some()
            }
            b"mark" => number(value).map(|mark| out.mark = Some(mark)).is_some(),
            b"zone" => number(value).map(|zone| out.zones.both = zone).is_some(),
            b"zone-orig" => number(value).map(|zone| out.zones.original = zone).is_some(),
            b"zone-reply" => number(value).map(|zone| out.zones.reply = zone).is_some(),
            b"id" => number(value).map(|id| out.id = Some(id)).is_some(),
            b"delta-time" => decimal(value).map(|age| out.delta_time_s = Some(age)).is_some(),
            b"helper" => {
                out.helper_place = place(word);
                true
            }
            b"use" | b"secmark" | b"secctx" | b"labels" | b"portid" | b"progname" | b"psn" => true,
            // GRE in /proc: `timeout=0, stream_timeout=0`.
            b"timeout" | b"stream_timeout" => out.protocol == 47,
            _ => false,
        }
    }
}
