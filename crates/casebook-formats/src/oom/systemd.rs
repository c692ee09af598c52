//! What systemd (src/core/cgroup.c, src/core/unit.c), systemd-oomd (src/oom/oomd-manager.c, src/oom/oomd-util.c), the kubelet and
//! container runtimes say of processes that were killed for want of memory.

use crate::kernel_log::{Place, Record};
use crate::stamp::{self, SpanUs};

use super::report::Placed;
use super::scan::{find, number, rfind, small, text};

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// `X: A process of this unit has been killed by the OOM killer.` (`unit_check_oom`; MESSAGE_ID
    /// fe6faa94e7774663a0da52717891d8ef).
    OomKilled {
        /// The unit.
        unit: Placed<String>,
    },
    /// `X: systemd-oomd killed 3 process(es) in this unit.` (`unit_check_oomd_kill`; MESSAGE_ID d989611b15e44c9dbf31e3c81256e4ed).
    OomdKilled {
        /// The unit.
        unit: Placed<String>,
        /// How many; `None` for `some`.
        processes: Option<u64>,
    },
    /// `X: Failed with result 'oom-kill'.` (`unit_log_failure`).
    Failed {
        /// The unit.
        unit: Placed<String>,
    },
    /// `X: Consumed 51ms CPU time, 64M memory peak, 0B memory swap peak.` (`unit_log_resources`, since 254).
    Consumed {
        /// The unit.
        unit: Placed<String>,
        /// `memory.peak`.
        peak: Option<Amount>,
        /// `memory.swap.peak`.
        swap_peak: Option<Amount>,
    },
    /// `Killed X due to …` of systemd-oomd.
    Oomd(OomdKill),
    /// `Considered 12 cgroups for killing, top candidates were:` of systemd-oomd, and what follows.
    Considered(Considered),
    /// `System OOM encountered, victim process: hog, pid: 7` of the kubelet.
    SystemOom {
        /// The victim's name.
        comm: Placed<String>,
        /// The victim.
        pid: Option<u32>,
    },
    /// A line of a runtime or the kubelet with `OOMKilled` or `OOMKilling`, or containerd's `TaskOOM`.
    Container {
        /// Which word it is.
        word: Placed<String>,
    },
    /// `Missed 12 kernel messages` of journald.
    Lost(u64),
}

/// An amount of memory as `FORMAT_BYTES` prints it: cut to a tenth of its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    /// Bytes, at least.
    pub bytes: u64,
    /// The amount lies in `bytes..bytes + precision`.
    pub precision: u64,
    /// Byte range.
    pub at: Place,
}

/// A kill by systemd-oomd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OomdKill {
    /// The group, from the root of the hierarchy.
    pub group: Placed<String>,
    /// False for `Marked X for killing` (2026 and later), after which the kill follows.
    pub killed: bool,
    /// Why.
    pub why: OomdWhy,
}

/// Why systemd-oomd kills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OomdWhy {
    /// `due to memory pressure for Y being 51.07% > 50.00% for > 20s with reclaim activity`
    Pressure {
        /// The group whose pressure is high; the victim lies below it.
        of: Placed<String>,
        /// `full avg10`, in hundredths of a percent.
        now: u32,
        /// The limit, in hundredths of a percent.
        limit: u32,
        /// How long it lasted at least.
        lasting: Option<SpanUs>,
    },
    /// `due to memory used (…) / total (…) and swap used (…) / total (…) being more than 90.00%`; to 248 without memory. In bytes.
    Swap {
        /// Memory in use: total less available.
        memory_used: Option<u64>,
        /// Memory.
        memory_total: Option<u64>,
        /// Swap in use.
        swap_used: Option<u64>,
        /// Swap.
        swap_total: Option<u64>,
        /// The limit, in hundredths of a percent.
        limit: Option<u32>,
    },
    /// Something else.
    Other(String),
}

/// What systemd-oomd compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Considered {
    /// How many groups.
    pub groups: Option<u64>,
    /// The first of them; those it prints.
    pub candidates: Vec<Candidate>,
}

/// A group that systemd-oomd compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// `Path:`
    pub group: Placed<String>,
    /// Key and value as written: `Current Memory Usage`, `1.2G`.
    pub entries: Vec<(String, Placed<String>)>,
}

/// Candidates, and entries of one, that are kept.
const MOST: usize = 64;

impl Considered {
    /// Takes a further line; false when it is none.
    pub(super) fn line(&mut self, record: &Record<'_>) -> bool {
        let line = record.text();
        let Some(colon) = find(line, b": ") else { return false };
        let value = Placed { value: text(line[colon + 2..].trim_ascii_end()), at: record.place(colon + 2, line.len()) };
        let key = &line[..colon];
        if key == b"Path" {
            if self.candidates.len() < MOST {
                self.candidates.push(Candidate { group: value, entries: Vec::new() });
            }
            return true;
        }
        match self.candidates.last_mut() {
            Some(last) if last.entries.len() < MOST => last.entries.push((text(key), value)),
            Some(_) => {}
            None => return false,
        }
        true
    }
}

/// The message a line is; `None` for anything else.
pub(super) fn message(record: &Record<'_>) -> Option<Message> {
    let line = record.text();
    if let Some(unit) = unit(record, line, b": A process of this unit has been killed by the OOM killer") {
        return Some(Message::OomKilled { unit });
    }
    if let Some(unit) = unit(record, line, b": Failed with result 'oom-kill'") {
        return Some(Message::Failed { unit });
    }
    if let Some(unit) = unit(record, line, b": systemd-oomd killed ") {
        let start = find(line, b": systemd-oomd killed ")? + 22;
        return Some(Message::OomdKilled { unit, processes: number(&line[start..]).map(|(count, _)| count) });
    }
    if let Some(unit) = unit(record, line, b": Consumed ") {
        let peak = amount(record, line, b" memory peak");
        let swap_peak = amount(record, line, b" memory swap peak");
        return (peak.is_some() || swap_peak.is_some()).then_some(Message::Consumed { unit, peak, swap_peak });
    }
    if let Some(kill) = oomd(record, line) {
        return Some(Message::Oomd(kill));
    }
    if let Some(rest) = line.strip_prefix(b"Considered ") {
        let (count, digits) = number(rest)?;
        let is = rest[digits..].starts_with(b" cgroups for killing");
        return is.then(|| Message::Considered(Considered { groups: Some(count), candidates: Vec::new() }));
    }
    runtime(record, line)
}

/// The unit before a mark.
fn unit(record: &Record<'_>, line: &[u8], mark: &[u8]) -> Option<Placed<String>> {
    let end = find(line, mark)?;
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(byte);
    let start = line[..end].iter().rposition(|byte| !plain(byte)).map_or(0, |at| at + 1);
    let name = &line[start..end];
    (name.contains(&b'.')).then(|| Placed { value: text(name), at: record.place(start, end) })
}

/// `64M`, `1.2G`, `0B` before a mark (src/basic/format-util.c, `format_bytes_full`).
fn amount(record: &Record<'_>, line: &[u8], mark: &[u8]) -> Option<Amount> {
    let end = find(line, mark)?;
    let start = line[..end].iter().rposition(|byte| *byte == b' ').map_or(0, |at| at + 1);
    let (digits, letter) = line[start..end].split_at(end.checked_sub(start + 1)?);
    let power = b"BKMGTPE".iter().position(|known| [*known] == letter)?;
    let unit = 1u64 << (10 * power);
    let (whole, length) = number(digits)?;
    let tenths = match &digits[length..] {
        [] => 0,
        [b'.', digit @ b'0'..=b'9'] => u64::from(digit - b'0'),
        _ => return None,
    };
    // The fraction is cut, not rounded: the least amount that is printed so is the next byte above.
    let bytes = whole.checked_mul(unit)?.checked_add((unit * tenths).div_ceil(10))?;
    Some(Amount { bytes, precision: unit.div_ceil(10), at: record.place(start, end) })
}

/// `Killed X due to …`, `Marked X for killing due to …`
fn oomd(record: &Record<'_>, line: &[u8]) -> Option<OomdKill> {
    let killed = line.starts_with(b"Killed /");
    if !killed && !line.starts_with(b"Marked /") {
        return None;
    }
    let mark: &[u8] = if killed { b" due to " } else { b" for killing due to " };
    let end = find(line, mark)?;
    let start = end + mark.len();
    let group = Placed { value: text(&line[7..end]), at: record.place(7, end) };
    let why = pressure(record, line, start).or_else(|| swap(&line[start..]));
    Some(OomdKill { group, killed, why: why.unwrap_or_else(|| OomdWhy::Other(text(&line[start..]))) })
}

fn pressure(record: &Record<'_>, line: &[u8], from: usize) -> Option<OomdWhy> {
    const MARK: &[u8] = b"memory pressure for ";
    let start = from + line.get(from..)?.starts_with(MARK).then_some(MARK.len())?;
    let end = rfind(line, b" being ")?;
    let rest = line.get(end + 7..)?;
    let more = find(rest, b"% > ")?;
    let after = &rest[more + 4..];
    let length = find(after, b"%")?;
    let lasting = find(after, b" for > ").and_then(|at| {
        let text = after.get(at + 7..)?;
        let end = find(text, b" with reclaim").unwrap_or(text.len());
        stamp::time_span(std::str::from_utf8(&text[..end]).ok()?)
    });
    Some(OomdWhy::Pressure {
        of: Placed { value: text(line.get(start..end)?), at: record.place(start, end) },
        now: permyriad(&rest[..more])?,
        limit: permyriad(&after[..length])?,
        lasting,
    })
}

fn swap(rest: &[u8]) -> Option<OomdWhy> {
    let pair = |mark: &[u8]| {
        let at = find(rest, mark)?;
        let used = number(rest.get(at + mark.len()..)?)?.0;
        let total = find(&rest[at..], b"/ total (").and_then(|total| number(&rest[at + total + 9..]));
        Some((used, total.map(|(value, _)| value)))
    };
    let memory = pair(b"memory used (");
    let swap = pair(b"swap used (")?;
    let limit = find(rest, b"being more than ").and_then(|at| {
        let text = &rest[at + 16..];
        permyriad(&text[..find(text, b"%")?])
    });
    Some(OomdWhy::Swap {
        memory_used: memory.map(|pair| pair.0),
        memory_total: memory.and_then(|pair| pair.1),
        swap_used: Some(swap.0),
        swap_total: swap.1,
        limit,
    })
}

/// `51.07` as 5107.
fn permyriad(text: &[u8]) -> Option<u32> {
    let (whole, length) = number(text)?;
    let rest = match &text[length..] {
        [] => 0,
        [b'.', tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => u32::from(tens - b'0') * 10 + u32::from(ones - b'0'),
        _ => return None,
    };
    small(whole)?.checked_mul(100)?.checked_add(rest)
}

fn runtime(record: &Record<'_>, line: &[u8]) -> Option<Message> {
    const SYSTEM: &[u8] = b"System OOM encountered, victim process: ";
    if let Some(start) = find(line, SYSTEM).map(|at| at + SYSTEM.len()) {
        let end = rfind(&line[start..], b", pid: ").map(|at| start + at);
        let name = end.unwrap_or(line.len());
        let pid = end.and_then(|end| number(&line[end + 7..])).and_then(|(pid, _)| small(pid));
        return Some(Message::SystemOom {
            comm: Placed { value: text(&line[start..name]), at: record.place(start, name) },
            pid,
        });
    }
    if let Some(rest) = line.strip_prefix(b"Missed ") {
        let (count, digits) = number(rest)?;
        return rest[digits..].starts_with(b" kernel messages").then_some(Message::Lost(count));
    }
    [&b"OOMKilled"[..], b"OOMKilling", b"TaskOOM"].iter().find_map(|word| {
        let at = find(line, word)?;
        Some(Message::Container { word: Placed { value: text(word), at: record.place(at, at + word.len()) } })
    })
}
