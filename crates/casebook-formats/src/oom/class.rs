//! What a line is, told from the line alone.

use crate::kernel_log::Record;

use super::kill::{self, Kill, Reaped};
use super::machine::{self, Piece};
use super::report::{Choice, Cpu, Cpuset, Invoked, LimitOf, Placed};
use super::scan::{find, number, rfind, text};
use super::stats::{self, GroupStats, Protection, Stat, Usage};
use super::table::{self, Column};
use super::{head, trace};

/// Numbers of a group's statistics that are kept.
const MOST_STATS: usize = 512;

/// A line.
pub(super) enum Class {
    /// The first line of a report.
    Invoked(Invoked),
    Cpu(Cpu),
    Hardware(String),
    Cpuset(Cpuset),
    LimitOf(LimitOf),
    Usage(Usage),
    Stats(GroupStats),
    Stat(Stat),
    Protection(Placed<Protection>),
    Machine(Piece),
    /// `Tasks state (memory values in pages):`
    TasksState,
    Header(Vec<Column>),
    Row,
    Choice(Choice),
    Kill(Kill),
    /// `Tasks in X are going to be killed due to memory.oom.group set`
    Group(Placed<String>),
    Reaped(Reaped),
    /// `Out of memory and no killable processes...`
    NoVictim,
    /// The kernel gives up for want of memory.
    Panic,
    /// `sysrq: Manual OOM execution`
    Manual,
    /// Of the OOM killer, without a field: `COMPACTION is disabled!!!`, `oom killer 7 (a) has mm pinned by 1 (b)`.
    Said,
    /// Stack, registers.
    Trace,
    /// `oom_kill_process: 12 callbacks suppressed`
    Suppressed(String, u64),
    /// `** 12 printk messages dropped **`
    Dropped(u64),
    /// `Linux version 6.12.57 …`: a machine starts.
    Banner(Placed<String>),
    /// The beginning of a known line whose pieces other lines hold.
    Open,
    /// None of these.
    Other,
}

/// What the line is. `line` is the text of `record`, or several joined.
pub(super) fn class(record: &Record<'_>, line: &[u8]) -> Class {
    // The blanks at the end can be a name's only in a row of the table, which is read later.
    let line = line.trim_ascii_end();
    early(record, line).unwrap_or_else(|| late(record, line))
}

/// Lines with a mark of their own.
fn early(record: &Record<'_>, line: &[u8]) -> Option<Class> {
    if let Some(found) = bracket(line) {
        return Some(found);
    }
    // No line but this one can begin with anything.
    if let Some(at) = find(line, b"oom") {
        if let Some(invoked) = head::invoked(line) {
            return Some(if head::invoked_is_whole(line) { Class::Invoked(invoked) } else { Class::Open });
        }
        if at == 0 && line.starts_with(b"oom-kill:constraint=") {
            let choice = head::choice(record, line)?;
            return Some(if choice.uid.is_some() { Class::Choice(choice) } else { Class::Open });
        }
        if let Some(reaped) = kill::reaped(line) {
            return Some(Class::Reaped(reaped));
        }
        if line.starts_with(b"oom killer ") && find(line, b" has mm pinned by ").is_some() {
            return Some(Class::Said);
        }
    }
    if let Some(kill) = kill::kill(record, line) {
        return Some(Class::Kill(kill));
    }
    match line.first()? {
        b'M' | b'm' | b'k' | b's' => memory(record, line),
        b'T' => task(record, line),
        b'C' | b'P' => {
            if line.starts_with(b"COMPACTION is disabled") {
                return Some(Class::Said);
            }
            head::cpu(record, line).map(Class::Cpu)
        }
        b'H' => Some(Class::Hardware(text(line.strip_prefix(b"Hardware name: ")?.trim_ascii_end()))),
        b'O' => line.starts_with(b"Out of memory and no killable processes").then_some(Class::NoVictim),
        b'K' => panic(line),
        b'L' => banner(record, line),
        b'*' => dropped(line),
        b'S' => line.starts_with(b"SysRq : Manual OOM").then_some(Class::Manual),
        _ => None,
    }
    .or_else(|| suppressed(line))
}

fn bracket(line: &[u8]) -> Option<Class> {
    if line.first() != Some(&b'[') {
        return None;
    }
    if table::is_row(line) {
        return Some(Class::Row);
    }
    table::header(line).map(Class::Header)
}

fn memory(record: &Record<'_>, line: &[u8]) -> Option<Class> {
    if let Some(usage) = stats::usage(record, line) {
        return Some(Class::Usage(usage));
    }
    if line.starts_with(b"sysrq: Manual OOM") {
        return Some(Class::Manual);
    }
    if !line.starts_with(b"Memory ") {
        return None;
    }
    if stats::stats_is_open(line) {
        return Some(Class::Open);
    }
    if let Some(stats) = stats::stats(record, line, MOST_STATS) {
        return Some(Class::Stats(stats));
    }
    if let Some(limit) = head::limit_of(record, line) {
        return Some(Class::LimitOf(limit));
    }
    stats::protection(record, line).map(Class::Protection)
}

fn task(record: &Record<'_>, line: &[u8]) -> Option<Class> {
    const GOING: &[u8] = b" are going to be killed due to memory.oom.group set";
    if line.starts_with(b"Tasks state (memory values in pages)") {
        return Some(Class::TasksState);
    }
    if line.starts_with(b"Tasks in") {
        let Some(end) = rfind(line, GOING).filter(|end| *end >= 9) else { return Some(Class::Open) };
        return Some(Class::Group(Placed { value: text(&line[9..end]), at: record.place(9, end) }));
    }
    if line.starts_with(b"Task in") {
        let found = head::limit_of(record, line).filter(|line| !line.limit.value.is_empty());
        return Some(found.map_or(Class::Open, Class::LimitOf));
    }
    None
}

fn panic(line: &[u8]) -> Option<Class> {
    let rest = line.strip_prefix(b"Kernel panic - not syncing: ")?;
    let why = [&b"Out of memory"[..], b"out of memory", b"System is deadlocked on memory"];
    why.iter().any(|why| rest.starts_with(why)).then_some(Class::Panic)
}

fn banner(record: &Record<'_>, line: &[u8]) -> Option<Class> {
    let rest = line.strip_prefix(b"Linux version ")?;
    let length = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
    Some(Class::Banner(Placed { value: text(&rest[..length]), at: record.place(14, 14 + length) }))
}

/// `** 12 printk messages dropped **`
fn dropped(line: &[u8]) -> Option<Class> {
    let rest = line.strip_prefix(b"** ")?;
    let (count, digits) = number(rest)?;
    rest[digits..].starts_with(b" printk messages dropped").then_some(Class::Dropped(count))
}

/// `oom_kill_process: 12 callbacks suppressed` (lib/ratelimit.c, `___ratelimit`).
fn suppressed(line: &[u8]) -> Option<Class> {
    if !line.ends_with(b"suppressed") {
        return None;
    }
    let colon = find(line, b": ")?;
    let (count, digits) = number(&line[colon + 2..])?;
    let oom = find(&line[..colon], b"oom").or_else(|| find(&line[..colon], b"out_of_memory"));
    let is = oom.is_some() && line[colon + 2 + digits..].starts_with(b" callbacks suppressed");
    is.then(|| Class::Suppressed(text(&line[..colon]), count))
}

/// Lines that look like others': those of a report are told by their form, the rest is not of one.
fn late(record: &Record<'_>, line: &[u8]) -> Class {
    if memchr::memchr(b'=', line).is_some() {
        if let Some(cpuset) = head::cpuset(line) {
            return Class::Cpuset(cpuset);
        }
        // `hog cpuset=`, whose rest follows.
        if line.ends_with(b" cpuset=") {
            return Class::Open;
        }
    }
    if let Some(stat) = stats::stat(record, line) {
        return Class::Stat(stat);
    }
    if trace::is_trace(line) {
        return Class::Trace;
    }
    match machine::piece(record, line) {
        Some(piece) => Class::Machine(piece),
        None => Class::Other,
    }
}
