//! Counters and statistics of groups (mm/memcontrol.c, `mem_cgroup_print_oom_meminfo`; to 4.20 `mem_cgroup_print_oom_info`).

use crate::kernel_log::{Place, Record, Time};

use super::report::Placed;
use super::scan::{find, kib, number, number_after, text};

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// 1024 bytes.
    Kib,
    /// Pages, of a size the report does not say.
    Pages,
    /// Events.
    Count,
    /// It is not known here: a key of a kernel newer than this reader.
    Unsaid,
}

/// A key and a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// As it is written: `anon`.
    pub key: String,
    /// As it is written.
    pub value: u64,
    /// What it counts.
    pub unit: Unit,
    /// Byte range from key to number.
    pub at: Place,
    /// The record ends here because it was full, so digits may be missing.
    pub cut: bool,
}

impl Stat {
    /// In bytes, when it counts bytes.
    pub fn bytes(&self) -> Option<u64> {
        match self.unit {
            Unit::Bytes => Some(self.value),
            Unit::Kib => Some(kib(self.value)),
            Unit::Pages | Unit::Count | Unit::Unsaid => None,
        }
    }
}

/// A counter of a group (mm/page_counter.c).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counter {
    /// `memory`
    Memory,
    /// `swap` (version 2)
    Swap,
    /// `memory+swap` (version 1)
    MemorySwap,
    /// `kmem` (version 1)
    Kmem,
}

/// `memory: usage 65536kB, limit 65536kB, failcnt 18`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Which counter.
    pub counter: Counter,
    /// Bytes; the line says KiB.
    pub usage: u64,
    /// Bytes; the line says KiB.
    pub limit: u64,
    /// How often the limit was hit; under version 2 the event `max` on newer kernels (6.18 has it so, 6.13 not), before it a counter that stays near 0.
    pub failcnt: u64,
    /// Byte range of the line.
    pub at: Place,
    /// Byte range of the usage with its unit.
    pub usage_at: Place,
    /// Byte range of the limit with its unit.
    pub limit_at: Place,
}

impl Usage {
    /// No limit is set: `PAGE_COUNTER_MAX` (include/linux/page_counter.h; LONG_MAX / PAGE_SIZE pages, to 3.18 2^63 - 1 bytes and
    /// nearly 2^64 in swap lines).
    pub fn unlimited(&self) -> bool {
        self.limit >= 1 << 62
    }
}

/// `Memory cgroup min protection 0kB -- low protection 0kB` (`mem_cgroup_show_protected_memory`), in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protection {
    /// `memory.min` as it counts for this group.
    pub min: u64,
    /// `memory.low` as it counts for this group.
    pub low: u64,
}

/// How statistics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StatsForm {
    /// A key a line, in bytes or counts: `anon 123` (since 5.3).
    Lines,
    /// All in one line, in KiB: `cache:0KB rss:980KB` (to 5.2).
    Inline,
}

/// `Memory cgroup stats for /a:` and what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupStats {
    /// The group.
    pub group: String,
    /// Byte range of its name.
    pub group_at: Place,
    /// How they are written.
    pub form: StatsForm,
    /// The numbers, in order; keys that are not known here too.
    pub entries: Vec<Stat>,
    /// From the first line to the last.
    pub at: Place,
    /// The last of the numbers may be cut and others missing: from 5.3 to 6.3 all of them are one message, and printk keeps
    /// 991 bytes of it (`LOG_LINE_MAX`; 6.4 prints line by line, `seq_buf_do_printk`).
    pub cut: bool,
    /// The message that holds the lines, as far as it has come.
    pub(super) message: Message,
}

/// A message of several lines, of which only the lines are at hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    /// Bytes.
    length: usize,
    /// When it was written: all of its lines have one time.
    time: Time,
}

impl GroupStats {
    /// The number of a key.
    pub fn get(&self, key: &str) -> Option<&Stat> {
        self.entries.iter().find(|stat| stat.key == key)
    }

    /// A further line. `dmesg` prints the lines of a message without a time, a console each with the same.
    pub(super) fn grow(&mut self, record: &Record<'_>, line: &[u8]) {
        if self.message.length > 0 && (record.continued || self.message.time == *record.time()) {
            self.message.length += line.len() + 1;
        } else {
            self.message = Message { length: line.len(), time: record.time().clone() };
        }
    }

    /// True when the message is as long as printk lets it be (kernel/printk/printk.c to 6.3, `vprintk_store`: `LOG_LINE_MAX` with a
    /// zero at its end, 992 bytes, or 976 with CONFIG_PRINTK_CALLER), give or take a blank or an end of line at the cut.
    pub(super) fn is_full(&self) -> bool {
        matches!(self.message.length, 973..=975 | 989..=991)
    }
}

/// `memory: usage 65536kB, limit 65536kB, failcnt 18`
pub(super) fn usage(record: &Record<'_>, line: &[u8]) -> Option<Usage> {
    let colon = find(line, b": usage ")?;
    let counter = match &line[..colon] {
        b"memory" => Counter::Memory,
        b"swap" => Counter::Swap,
        b"memory+swap" => Counter::MemorySwap,
        b"kmem" => Counter::Kmem,
        _ => return None,
    };
    let (usage, (usage_start, usage_end)) = number_after(line, b": usage ")?;
    let (limit, (limit_start, limit_end)) = number_after(line, b", limit ")?;
    let (failcnt, _) = number_after(line, b", failcnt ")?;
    Some(Usage {
        counter,
        usage: kib(usage),
        limit: kib(limit),
        failcnt,
        at: record.at(),
        usage_at: record.place(usage_start, usage_end + 2),
        limit_at: record.place(limit_start, limit_end + 2),
    })
}

/// `Memory cgroup min protection 0kB -- low protection 0kB`
pub(super) fn protection(record: &Record<'_>, line: &[u8]) -> Option<Placed<Protection>> {
    let (min, _) = number_after(line, b"Memory cgroup min protection ")?;
    let (low, _) = number_after(line, b"kB -- low protection ")?;
    Some(Placed { value: Protection { min: kib(min), low: kib(low) }, at: record.at() })
}

const FOR: &[u8] = b"Memory cgroup stats for ";

/// True when the line begins statistics but its end, a colon, is missing.
pub(super) fn stats_is_open(line: &[u8]) -> bool {
    line.starts_with(b"Memory cgroup stats for") && !line.contains(&b':')
}

/// `Memory cgroup stats for /a:`, with the numbers in the same line to 5.2. At most `most` numbers are kept.
pub(super) fn stats(record: &Record<'_>, line: &[u8], most: usize) -> Option<GroupStats> {
    let rest = line.strip_prefix(FOR)?;
    // A name can hold colons; the numbers begin at the first `: KEY:NUMBERKB`.
    let mut from = 0;
    let split = loop {
        match find(&rest[from..], b": ") {
            None => break None,
            Some(at) if inline(&rest[from + at + 2..]).is_some() => break Some(from + at),
            Some(at) => from += at + 2,
        }
    };
    let name = match split {
        Some(colon) => &rest[..colon],
        None => rest.trim_ascii_end().strip_suffix(b":").unwrap_or(rest.trim_ascii_end()),
    };
    let start = FOR.len();
    let mut out = GroupStats {
        group: text(name),
        group_at: record.place(start, start + name.len()),
        form: if split.is_some() { StatsForm::Inline } else { StatsForm::Lines },
        entries: Vec::new(),
        at: record.at(),
        cut: false,
        message: Message::default(),
    };
    if let Some(colon) = split {
        inline_all(record, line, start + colon + 2, most, &mut out);
    }
    Some(out)
}

/// Takes `cache:0KB rss:980KB …` from byte `at` of a line.
pub(super) fn inline_all(record: &Record<'_>, line: &[u8], mut at: usize, most: usize, out: &mut GroupStats) {
    while let Some(rest) = line.get(at..).filter(|rest| !rest.is_empty()) {
        let blanks = rest.iter().take_while(|byte| **byte == b' ').count();
        let start = at + blanks;
        let Some((key, value, length)) = inline(&rest[blanks..]) else {
            // The line was cut inside of a number, or something else follows.
            out.cut |= blanks < rest.len();
            return;
        };
        at = start + length;
        if out.entries.len() < most {
            let key = text(&line[start..start + key]);
            out.entries.push(Stat { key, value, unit: Unit::Kib, at: record.place(start, at), cut: false });
        } else {
            out.cut = true;
        }
    }
}

/// `cache:0KB`: bytes of the key, number, bytes of all of it.
pub(super) fn inline(rest: &[u8]) -> Option<(usize, u64, usize)> {
    let key = rest.iter().take_while(|byte| is_key(**byte)).count();
    let (value, length) = number(rest.get(key..)?.strip_prefix(b":").filter(|_| key > 0)?)?;
    let end = key + 1 + length;
    rest.get(end..)?.starts_with(b"KB").then_some((key, value, end + 2))
}

fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_()+-.".contains(&byte)
}

/// `anon 123`
pub(super) fn stat(record: &Record<'_>, line: &[u8]) -> Option<Stat> {
    let key = line.iter().take_while(|byte| is_key(**byte)).count();
    let blanks = line[key..].iter().take_while(|byte| **byte == b' ').count();
    let (value, length) = number(&line[key + blanks..])?;
    let whole = line[key + blanks + length..].trim_ascii().is_empty();
    let letter = line.first().is_some_and(u8::is_ascii_alphabetic);
    (whole && letter && blanks > 0).then(|| {
        let name = text(&line[..key]);
        let unit = unit(&name);
        Stat { key: name, value, unit, at: record.place(0, key + blanks + length), cut: false }
    })
}

/// Keys of `memory.stat` that count bytes (`memory_stats[]` and, for version 1, `memcg1_stats[]` in mm/memcontrol*.c).
const BYTES: &[&str] = &[
    "anon",
    "file",
    "kernel",
    "kernel_stack",
    "pagetables",
    "sec_pagetables",
    "percpu",
    "sock",
    "vmalloc",
    "shmem",
    "zswap",
    "zswapped",
    "zswap_incomp",
    "file_mapped",
    "file_dirty",
    "file_writeback",
    "swapcached",
    "anon_thp",
    "file_thp",
    "shmem_thp",
    "inactive_anon",
    "active_anon",
    "inactive_file",
    "active_file",
    "unevictable",
    "slab_reclaimable",
    "slab_unreclaimable",
    "slab",
    "hugetlb",
    "cache",
    "rss",
    "rss_huge",
    "mapped_file",
    "dirty",
    "writeback",
    "swap",
    "hierarchical_memory_limit",
    "hierarchical_memsw_limit",
];

/// Beginnings of keys that count events.
const COUNTS: &[&str] =
    &["workingset_", "pg", "pswp", "thp_", "zswpin", "zswpout", "zswpwb", "swpin", "swpout", "numa_"];

fn unit(key: &str) -> Unit {
    let key = key.strip_prefix("total_").unwrap_or(key);
    if BYTES.contains(&key) {
        Unit::Bytes
    } else if COUNTS.iter().any(|begin| key.starts_with(begin)) {
        Unit::Count
    } else {
        Unit::Unsaid
    }
}
