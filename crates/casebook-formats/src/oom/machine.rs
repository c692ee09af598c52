//! The memory of the machine (mm/show_mem.c, `__show_mem` and `show_free_areas`; to 6.3 in mm/page_alloc.c and lib/show_mem.c), and
//! slabs that cannot be reclaimed (mm/slab_common.c, `dump_unreclaimable_slab`).

use crate::kernel_log::{Place, Record};

use super::scan::{begins_with_any, find, number, small, text, words};
use super::stats::{Stat, Unit};

/// What is said of a node or a zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Area {
    /// Node; `None` where the kernel has one only and does not print it.
    pub node: Option<u32>,
    /// `DMA32`; `None` for the line of a node.
    pub zone: Option<String>,
    /// Numbers, most in KiB.
    pub entries: Vec<Stat>,
    /// `all_unreclaimable? yes`: reclaim has given up on it.
    pub all_unreclaimable: Option<bool>,
    /// Byte range of the line.
    pub at: Place,
}

/// Caches that cannot be reclaimed: `kmalloc-8k    123KB    456KB`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slab {
    /// Name of the cache.
    pub name: String,
    /// Bytes in use.
    pub used: u64,
    /// Bytes in all.
    pub total: u64,
    /// Byte range of the line.
    pub at: Place,
}

/// The memory of the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// `active_anon:405991 …` below `Mem-Info:`, in pages.
    pub counts: Vec<Stat>,
    /// Lines of nodes and zones.
    pub areas: Vec<Area>,
    /// Other numbers, under the words they are printed with: `total pagecache pages`, `pages in swap cache`, `Free swap`,
    /// `Total swap`, `pages RAM`, `pages HighMem/MovableOnly`, `pages reserved`, `pages cma reserved`, `pages hwpoisoned`.
    pub numbers: Vec<Stat>,
    /// Slabs that cannot be reclaimed; printed when they exceed what user space has (`should_dump_unreclaim_slab`).
    pub slabs: Vec<Slab>,
    /// From the first line to the last.
    pub at: Place,
}

impl Machine {
    /// One of the counts, in pages.
    pub fn count(&self, key: &str) -> Option<&Stat> {
        self.counts.iter().find(|stat| stat.key == key)
    }

    /// One of the other numbers.
    pub fn number(&self, key: &str) -> Option<&Stat> {
        self.numbers.iter().find(|stat| stat.key == key)
    }
}

/// A line about the machine's memory.
pub(super) enum Piece {
    /// Numbers in pages.
    Counts(Vec<Stat>),
    /// A node or a zone.
    Area(Area),
    /// A number with its words.
    Number(Stat),
    /// A slab.
    Slab(Slab),
    /// A line whose numbers are not kept: lists of free blocks, reserves, sets of pages of a processor, huge pages.
    Other,
}

/// Entries of a line.
const MOST: usize = 64;

/// A line about the machine's memory; `None` for anything else.
pub(super) fn piece(record: &Record<'_>, line: &[u8]) -> Option<Piece> {
    if let Some(other) = other(line) {
        return Some(other);
    }
    if let Some(number) = words_number(record, line) {
        return Some(Piece::Number(number));
    }
    if let Some(slab) = slab(record, line) {
        return Some(Piece::Slab(slab));
    }
    if let Some(area) = area(record, line) {
        return Some(Piece::Area(area));
    }
    if rest_of_area(record, line) {
        return Some(Piece::Other);
    }
    let counts = pairs(record, line, 0, b"", Unit::Pages)?;
    Some(Piece::Counts(counts))
}

/// Lines that are known and not kept.
fn other(line: &[u8]) -> Option<Piece> {
    const BEGIN: [&[u8]; 12] = [
        b"Mem-Info:",
        b"Mem-info:",
        b"lowmem_reserve[]:",
        b"protections[]:",
        b"Swap cache stats: add ",
        b"Swap cache: add ",
        b"Unreclaimable slab info:",
        b"excessive unreclaimable slab",
        b"Memory allocations",
        b"Huh VM_FAULT_OOM leaked",
        b"COMPACTION is disabled",
        b"Show Memory:",
    ];
    let first = line.first()?;
    let is = begins_with_any(line, &BEGIN)
        || match first {
            b'N' | b'h' => {
                line.starts_with(b"Name ") && line.ends_with(b"Total")
                    || find(line, b"hugepages_total=").is_some_and(|at| at < 24)
            }
            b'C' | b'c' => {
                let processor = line.starts_with(b"CPU ") || line.starts_with(b"cpu ");
                processor && find(line, b"btch:").or_else(|| find(line, b"batch ")).is_some()
            }
            b'0'..=b'9' => find(line, b" func:").is_some(),
            _ => false,
        }
        || line.ends_with(b"per-cpu:")
        || line.ends_with(b"per-cpu: empty");
    (is || blocks(line) || reserve(line)).then_some(Piece::Other)
}

/// `Node 0 DMA: 5*4kB (UM) 6*8kB … = 7124kB`, or what a broken line leaves of it.
fn blocks(line: &[u8]) -> bool {
    if !line.ends_with(b"kB") && !line.ends_with(b")") && !line.ends_with(b"empty") {
        return false;
    }
    let from = match find(line, b": ") {
        Some(colon) if colon < 32 => colon + 2,
        _ => 0,
    };
    let Some((_, word)) = words(&line[from..]).next() else { return false };
    if from > 0 && word == b"empty" {
        return true;
    }
    if word == b"=" {
        return line.ends_with(b"kB");
    }
    let Some((_, digits)) = number(word) else { return false };
    let Some(rest) = word.get(digits..).and_then(|rest| rest.strip_prefix(b"*")) else { return false };
    number(rest).is_some_and(|(_, digits)| rest.get(digits..) == Some(b"kB"))
}

/// Numbers and nothing else: `lowmem_reserve[]:` whose line was broken.
fn reserve(line: &[u8]) -> bool {
    line.len() < 128 && words(line).all(|(_, word)| word.iter().all(u8::is_ascii_digit))
}

/// `204 total pagecache pages`, `445340 pages RAM`, `Free swap  = 0kB`.
fn words_number(record: &Record<'_>, line: &[u8]) -> Option<Stat> {
    let stat = |key: &[u8], value: u64, unit: Unit| Stat { key: text(key), value, unit, at: record.at(), cut: false };
    for begin in [&b"Free swap"[..], b"Total swap"] {
        if let Some(rest) = line.strip_prefix(begin) {
            let at = rest.iter().position(u8::is_ascii_digit)?;
            let plain = rest[..at].iter().all(|byte| matches!(byte, b' ' | b'=' | b':' | b'-'));
            let (value, digits) = number(&rest[at..])?;
            return (plain && rest[at + digits..].starts_with(b"kB")).then(|| stat(begin, value, Unit::Kib));
        }
    }
    let (value, digits) = number(line)?;
    let rest = line.get(digits..)?.strip_prefix(b" ")?.trim_ascii_end();
    let page = find(rest, b"page").or_else(|| find(rest, b"swap cached"))?;
    let plain = |byte: &u8| byte.is_ascii_alphabetic() || b" /-".contains(byte);
    (page < 24 && rest.len() < 48 && rest.iter().all(plain)).then(|| stat(rest, value, Unit::Pages))
}

/// `kmalloc-8k          123KB        456KB`
fn slab(record: &Record<'_>, line: &[u8]) -> Option<Slab> {
    let mut ends = line.trim_ascii_end().rsplitn(2, |byte| *byte == b' ');
    let size = |word: &[u8]| {
        let (value, digits) = number(word)?;
        (word.get(digits..) == Some(b"KB")).then(|| value.saturating_mul(1024))
    };
    let total = size(ends.next()?)?;
    let rest = ends.next()?.trim_ascii_end();
    let mut ends = rest.rsplitn(2, |byte| *byte == b' ');
    let used = size(ends.next()?)?;
    let name = ends.next()?.trim_ascii_end();
    (!name.is_empty()).then(|| Slab { name: text(name), used, total, at: record.at() })
}

/// `Node 0 active_anon:968kB … all_unreclaimable? no`, `Node 0 DMA free:7124kB min:412kB …`, `DMA free:519112kB …`
fn area(record: &Record<'_>, line: &[u8]) -> Option<Area> {
    let mut out = Area { at: record.at(), ..Area::default() };
    let mut at = 0;
    if let Some(rest) = line.strip_prefix(b"Node ") {
        let (node, digits) = number(rest)?;
        out.node = small(node);
        at = 5 + digits;
        at += line[at..].iter().take_while(|byte| **byte == b' ').count();
    }
    let word = line[at..].iter().take_while(|byte| !matches!(byte, b' ' | b':')).count();
    if line.get(at + word) == Some(&b' ') {
        let name = &line[at..at + word];
        let zone =
            [&b"DMA"[..], b"Normal", b"HighMem", b"Movable", b"Device"].iter().any(|known| name.starts_with(known));
        if !zone {
            return None;
        }
        out.zone = Some(text(name));
        at += word + 1;
    } else if out.node.is_none() {
        return None;
    }
    out.entries = pairs(record, line, at, b"kB", Unit::Kib)?;
    if let Some(mark) = find(line, b"all_unreclaimable? ") {
        out.all_unreclaimable = Some(line[mark + 19..].starts_with(b"yes"));
    }
    Some(out)
}

/// `KEY:NUMBER[kB]` several times; `None` when anything else is among them.
fn pairs(record: &Record<'_>, line: &[u8], from: usize, suffix: &[u8], unit: Unit) -> Option<Vec<Stat>> {
    let mut out = Vec::new();
    // To 5.10 some numbers stand behind a blank: `shmem_thp: 0kB`; a line that was broken may end there.
    let mut open: Option<(usize, &[u8])> = None;
    for (start, word) in words(line.get(from..)?) {
        let start = from + start;
        if word == b"all_unreclaimable?" {
            break;
        }
        let (begin, key, value) = match open.take() {
            Some((begin, key)) => (begin, key, word),
            None => {
                let colon = word.iter().rposition(|byte| *byte == b':').filter(|at| *at > 0)?;
                (start, &word[..colon], &word[colon + 1..])
            }
        };
        if value.is_empty() {
            open = Some((begin, key));
            continue;
        }
        let (number, digits) = number(value)?;
        let rest = &value[digits..];
        let sized = rest == suffix || rest.eq_ignore_ascii_case(b"kB");
        if !sized && !rest.is_empty() {
            return None;
        }
        let unit = if rest.is_empty() && !suffix.is_empty() {
            Unit::Count
        } else if rest.is_empty() {
            unit
        } else {
            Unit::Kib
        };
        if out.len() < MOST {
            let at = record.place(begin, start + word.len());
            out.push(Stat { key: text(key), value: number, unit, at, cut: false });
        }
    }
    (!out.is_empty()).then_some(out)
}

/// `278804kB inactive_anon:1620588kB …`: the rest of a line of a zone that was broken.
fn rest_of_area(record: &Record<'_>, line: &[u8]) -> bool {
    let Some((_, digits)) = number(line) else { return false };
    line[digits..].starts_with(b"kB ") && pairs(record, line, digits + 3, b"kB", Unit::Kib).is_some()
}
