//! Binary journal files (docs/JOURNAL_FILE_FORMAT.md, src/libsystemd/sd-journal/journal-def.h): regular and compact, with keyed
//! hashes or not. The hash tables are not needed: entries are read in the order they were written, and nothing is searched.
//!
//! Entries are found through the chain of entry arrays. Objects lie in the order they were appended, so every offset of the
//! chain is larger than the one before; where one is not, or is none, the objects are walked one by one from there. After the
//! chain the rest of the file is walked too: a journald that was killed has not linked its last entries.

mod data;
pub(super) mod object;

use super::entry::{BootId, Entry, Field, Seqnum};
use crate::gap::Gaps;
use crate::stamp::{MonotonicUs, RealtimeUs};
use data::Payload;
use object::{ENTRY, ENTRY_ARRAY, Object, word, word_32};

const SIGNATURE: &[u8] = b"LPKSHHRH";
/// Flags of the header that change how the file is read.
const COMPACT: u32 = 1 << 4;
/// All that are known: XZ, LZ4, keyed hash, ZSTD, compact.
const KNOWN: u32 = 0x1f;
/// The smallest header there was, before fields were added at its end (version 187).
const HEADER: usize = 208;

/// Header of an entry: object, sequence number, two times, boot, hash.
const ENTRY_HEADER: usize = 64;
/// Header of an array: object, next array.
const ARRAY_HEADER: usize = 24;

/// True when the bytes begin as a journal file.
pub(super) fn is_file(bytes: &[u8]) -> bool {
    bytes.starts_with(SIGNATURE)
}

enum Walk {
    /// Along the chain: the array, its end, the next item of it.
    Chain {
        array: Object,
        item: usize,
    },
    /// Object by object.
    Objects,
    Done,
}

pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    compact: bool,
    seqnum_id: u128,
    walk: Walk,
    /// Where the last entry ends, and the walk over objects goes on.
    at: usize,
    /// Objects end here.
    end: usize,
    /// The chain came to its end, so entries behind it are not linked.
    chained: bool,
    /// Payloads that could not be unpacked, said once for each reason.
    said: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], gaps: &mut Gaps) -> Self {
        let mut reader = Self {
            bytes,
            compact: false,
            seqnum_id: 0,
            walk: Walk::Done,
            at: 0,
            end: bytes.len(),
            chained: false,
            said: Vec::new(),
        };
        if !is_file(bytes) || bytes.len() < HEADER {
            gaps.add(0, bytes.len(), "the file ends inside its header");
            return reader;
        }
        let flags = word_32(bytes, 12).unwrap_or(0);
        if flags & !KNOWN != 0 {
            gaps.add(12, 16, format!("incompatible flags {:#x} are not known", flags & !KNOWN));
            return reader;
        }
        reader.compact = flags & COMPACT != 0;
        // A 128-bit id is written in order of its digits.
        reader.seqnum_id = u128_be(bytes, 72).unwrap_or(0);
        let header = word(bytes, 88).and_then(|size| usize::try_from(size).ok()).unwrap_or(HEADER);
        reader.at = header.clamp(HEADER, bytes.len());
        let arena = word(bytes, 96).and_then(|size| usize::try_from(size).ok()).unwrap_or(0);
        if header.checked_add(arena).is_none_or(|end| end > bytes.len()) {
            gaps.add(bytes.len(), bytes.len(), "the file is shorter than its header says");
        }
        let first = word(bytes, 176).unwrap_or(0);
        reader.walk = match Object::at_offset(bytes, first).filter(|array| array.kind == ENTRY_ARRAY) {
            Some(array) => Walk::Chain { array, item: 0 },
            None => {
                if first != 0 {
                    gaps.add(176, 184, "the first array of entries is none; the objects are walked");
                }
                Walk::Objects
            }
        };
        reader
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn fill(&mut self, entry: &mut Entry<'a>, gaps: &mut Gaps) -> bool {
        loop {
            let found = match self.walk {
                Walk::Chain { array, item } => self.of_chain(array, item, gaps),
                Walk::Objects => self.of_objects(gaps),
                Walk::Done => return false,
            };
            if let Some(object) = found
                && self.read(object, entry, gaps)
            {
                return true;
            }
        }
    }

    /// The next entry of the chain; changes the walk where it ends or breaks.
    fn of_chain(&mut self, array: Object, item: usize, gaps: &mut Gaps) -> Option<Object> {
        let size = if self.compact { 4 } else { 8 };
        let place = array.start + ARRAY_HEADER + item * size;
        if place + size > array.end {
            let next = word(self.bytes, array.start + 16).unwrap_or(0);
            if next == 0 {
                self.chained = true;
                self.walk = Walk::Objects;
                return None;
            }
            match Object::at_offset(self.bytes, next) {
                Some(found) if found.kind == ENTRY_ARRAY && found.start > array.start => {
                    self.walk = Walk::Chain { array: found, item: 0 };
                }
                _ => self.broken(array.start + 16, array.start + 24, gaps),
            }
            return None;
        }
        let offset = if self.compact { word_32(self.bytes, place).map(u64::from) } else { word(self.bytes, place) };
        match offset.unwrap_or(0) {
            // The rest of the last array is not yet used.
            0 => {
                self.chained = true;
                self.walk = Walk::Objects;
                None
            }
            offset => {
                self.walk = Walk::Chain { array, item: item + 1 };
                let found =
                    Object::at_offset(self.bytes, offset).filter(|found| found.kind == ENTRY && found.start >= self.at);
                if found.is_none() {
                    self.broken(place, place + size, gaps);
                }
                found
            }
        }
    }

    fn broken(&mut self, start: usize, end: usize, gaps: &mut Gaps) {
        gaps.add(start, end, "an offset leads to no entry; the objects are walked from the last one on");
        self.walk = Walk::Objects;
    }

    /// The next entry by walking the objects.
    fn of_objects(&mut self, gaps: &mut Gaps) -> Option<Object> {
        loop {
            match Object::at(self.bytes, self.at) {
                Some(object) => {
                    self.at = object.next();
                    if object.kind == ENTRY {
                        if std::mem::take(&mut self.chained) {
                            gaps.add(object.start, object.start, "entries from here on were not linked by journald");
                        }
                        return Some(object);
                    }
                }
                None => {
                    let start = self.at;
                    match object::resume(self.bytes, start) {
                        Some(at) => {
                            gaps.add(start, at, "no object");
                            self.at = at;
                        }
                        None => {
                            // A file is made larger than it is filled, with zeros.
                            if self.bytes.get(start..).is_some_and(|rest| rest.iter().any(|byte| *byte != 0)) {
                                gaps.add(start, self.end, "no object");
                            }
                            self.at = self.end;
                            self.walk = Walk::Done;
                            return None;
                        }
                    }
                }
            }
        }
    }

    fn read(&mut self, object: Object, entry: &mut Entry<'a>, gaps: &mut Gaps) -> bool {
        let bytes = self.bytes;
        let (start, end) = (object.start, object.end);
        if end - start < ENTRY_HEADER {
            gaps.add(start, end, "an entry is shorter than its header");
            return false;
        }
        let number = entry.number;
        entry.clear(number);
        (entry.start, entry.end) = (start, end);
        self.at = object.next();
        entry.seqnum = word(bytes, start + 16).map(|number| Seqnum { id: self.seqnum_id, number });
        entry.realtime = word(bytes, start + 24).map(RealtimeUs);
        entry.monotonic = word(bytes, start + 32).map(MonotonicUs);
        entry.boot = u128_be(bytes, start + 40).map(BootId);
        let size = if self.compact { 4 } else { 16 };
        let mut lost = 0u32;
        for item in bytes[start + ENTRY_HEADER..end].chunks_exact(size) {
            let offset = if self.compact { word_32(item, 0).map(u64::from) } else { word(item, 0) };
            let Some(offset) = offset.filter(|offset| *offset != 0) else { continue };
            match data::payload(bytes, offset, self.compact) {
                Some(payload) => self.field(payload, entry, gaps),
                None => lost += 1,
            }
        }
        if lost > 0 {
            gaps.add(start, end, format!("{lost} fields of an entry cannot be read"));
        }
        true
    }

    fn field(&mut self, payload: Payload, entry: &mut Entry<'a>, gaps: &mut Gaps) {
        let range = &self.bytes[payload.start..payload.end];
        if !payload.is_packed() {
            if let Some(equals) = memchr::memchr(b'=', &range[..range.len().min(65)]) {
                entry.take(&range[..equals], payload.start + equals + 1, payload.end);
            }
            return;
        }
        match data::unpack(range, payload, |name| Field::of(name).is_some()) {
            Ok(Some((name, value))) => {
                if let Some(field) = Field::of(&name) {
                    entry.set(
                        field,
                        super::Value {
                            start: payload.start,
                            end: payload.end,
                            omitted: value.is_none(),
                            decoded: value,
                        },
                    );
                }
            }
            Ok(None) => {}
            Err(why) => {
                if !self.said.contains(&why) {
                    self.said.push(why);
                    gaps.add(payload.start, payload.end, format!("{why}; said once"));
                }
            }
        }
    }
}

fn u128_be(bytes: &[u8], at: usize) -> Option<u128> {
    Some(u128::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}
