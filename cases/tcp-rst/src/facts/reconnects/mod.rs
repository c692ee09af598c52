//! Logs of programs that were cut off: when a line says "connection reset", "ECONNRESET", "RST" or "reconnect"; also a
//! bare list of times, one a line.
//!
//! A zone that is not written stays unknown: the time is the clock on the wall. A year that is not written is inferred
//! from the order of the lines only, and said so.

mod time;

#[cfg(test)]
mod tests;

use casebook_core::{Evidence, Kind, Sniff, Span, Unmodelled};

use self::time::{DAY_US, Stamp};
pub use self::time::{Written, Zone};
use super::lines;

/// A log, or a list of times.
pub static RECONNECTS: Kind = Kind {
    name: "reconnect-log",
    what: "a log with lines that say reset, ECONNRESET, RST or reconnect, or a list of times, one a line",
    sniff,
    refers: None,
    comment: None,
};

/// Events that are kept; what comes after is unmodelled.
const MAX_EVENTS: usize = 1 << 20;

/// Lines with such words that a file has at least before it is taken for a log of them.
const MIN_LINES: usize = 3;

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Says {
    /// That a connection was reset.
    Reset,
    /// That it was made again.
    Reconnect,
    /// Nothing: the line of a list of times.
    Listed,
}

/// A line with a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Microseconds since 1970; of a wall clock as if it were in UTC.
    pub time_us: i64,
    /// How coarse it is written: the true time is this or up to so much later.
    pub precision_us: u64,
    /// How it stands to UTC.
    pub zone: Zone,
    /// What is written of the date.
    pub written: Written,
    /// What the line says.
    pub says: Says,
    /// The line.
    pub span: Span,
    /// The time in it.
    pub time_span: Span,
}

/// What one file states.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconnects {
    /// In the order of the lines.
    pub events: Vec<Event>,
    /// What must be said beside the events, one sentence each.
    pub notes: Vec<&'static str>,
    /// Lines that say such a word and have no time, and of a list lines that are no time.
    pub unmodelled: Vec<Unmodelled>,
}

/// The zone is not written.
pub const NOTE_WALL: &str = "The times have no zone: they are the clock of the machine that wrote them, which jumps twice a year where it is not UTC.";
/// The year is not written.
pub const NOTE_YEAR: &str = "The times have no year: it is inferred from the order of the lines, and a day can be missing at the end of February.";
/// The date is not written.
pub const NOTE_DAY: &str =
    "The times have no date: a time that is not after the one before it is taken for the next day.";
/// Some have a zone and some have not.
pub const NOTE_MIXED: &str = "Some times have a zone and some have not: they cannot be compared.";

/// Facts of one file.
pub fn parse(item: &Evidence) -> Reconnects {
    let bytes = item.as_bytes();
    let list = is_list(bytes, true);
    let mut out = Reconnects::default();
    let mut found: Vec<(Stamp, Says, Span, Span)> = Vec::new();
    for (start, line) in lines(bytes) {
        let trimmed = line.trim_ascii();
        if trimmed.is_empty() || list && trimmed.starts_with(b"#") {
            continue;
        }
        let begin = start + (line.len() - line.trim_ascii_start().len());
        let span = Span::new(item.id, begin, begin + trimmed.len());
        let says = if list { Some(Says::Listed) } else { says(trimmed) };
        let Some(says) = says else { continue };
        let stamp = if list { listed(trimmed).map(|stamp| (0, stamp)) } else { time::find(trimmed) };
        let Some((at, stamp)) = stamp else {
            out.unmodelled.push(Unmodelled::new(span, "a line without a time"));
            continue;
        };
        if found.len() >= MAX_EVENTS {
            out.unmodelled.push(Unmodelled::new(Span::new(item.id, start, bytes.len()), "more lines than are read"));
            break;
        }
        let place = Span::new(item.id, begin + at, begin + at + stamp.len);
        found.push((stamp, says, span, place));
    }
    place(&found, &mut out);
    out
}

/// Years and days that are not written, from the order of the lines.
fn place(found: &[(Stamp, Says, Span, Span)], out: &mut Reconnects) {
    // Which year it is nobody knows; with a 29th of February it is a leap year.
    let leap = found.iter().any(|(stamp, ..)| stamp.written == Written::NoYear && (stamp.month, stamp.day) == (2, 29));
    let mut year = if leap { 2000 } else { 2001 };
    let (mut day, mut before) = (0i64, None::<i64>);
    for (stamp, says, span, time_span) in found {
        let mut time_us = stamp.micros(year);
        match stamp.written {
            Written::Full => {}
            // Back by more than half a year: the turn of the year. Less is a line out of order or a clock set back.
            Written::NoYear => {
                if before.is_some_and(|before| time_us < before - 183 * DAY_US) {
                    year += 1;
                    time_us = stamp.micros(year);
                }
                before = Some(time_us);
            }
            Written::TimeOfDay => {
                time_us = day * DAY_US + stamp.of_day_us;
                if before.is_some_and(|before| time_us <= before) {
                    day += 1;
                    time_us += DAY_US;
                }
                before = Some(time_us);
            }
        }
        out.events.push(Event {
            time_us,
            precision_us: stamp.precision_us,
            zone: stamp.zone,
            written: stamp.written,
            says: *says,
            span: *span,
            time_span: *time_span,
        });
    }
    let any = |test: fn(&Event) -> bool| out.events.iter().any(test);
    let (wall, stated) = (any(|event| event.zone == Zone::Wall), any(|event| event.zone == Zone::Stated));
    let notes = [
        (wall && !stated, NOTE_WALL),
        (wall && stated, NOTE_MIXED),
        (any(|event| event.written == Written::NoYear), NOTE_YEAR),
        (any(|event| event.written == Written::TimeOfDay), NOTE_DAY),
    ];
    out.notes = notes.into_iter().filter(|(holds, _)| *holds).map(|(_, note)| note).collect();
}

/// What a line says; the words can be in any case.
fn says(line: &[u8]) -> Option<Says> {
    let at = |from: usize, word: &[u8]| {
        line.get(from..from + word.len()).is_some_and(|part| part.eq_ignore_ascii_case(word))
    };
    let ends = |to: usize, word: &[u8]| to.checked_sub(word.len()).is_some_and(|from| at(from, word));
    let mut reconnect = false;
    for (place, byte) in line.iter().enumerate() {
        if !byte.eq_ignore_ascii_case(&b'r') {
            continue;
        }
        let bounded = |end: usize| {
            let outer = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
            outer(place.checked_sub(1).and_then(|at| line.get(at))) && outer(line.get(end))
        };
        if at(place, b"rst") && bounded(place + 3) {
            return Some(Says::Reset);
        }
        if at(place, b"reset") {
            let before = [
                &b"connection "[..],
                b"connection was ",
                b"connection has been ",
                b"connection_",
                b"connection-",
                b"econn",
                b"conn ",
            ];
            let after = [&b" by peer"[..], b" by remote", b" by the peer"];
            if before.iter().any(|word| ends(place, word)) || after.iter().any(|word| at(place + 5, word)) {
                return Some(Says::Reset);
            }
        }
        reconnect |= at(place, b"reconnect") || at(place, b"re-connect");
    }
    reconnect.then_some(Says::Reconnect)
}

/// The time that a line of a list is, whole.
fn listed(line: &[u8]) -> Option<Stamp> {
    let stamp = time::at_start(line, true)?;
    line.get(stamp.len..).is_some_and(|rest| rest.trim_ascii().is_empty()).then_some(stamp)
}

/// True when every line is a time, three at least; nine in ten are enough in a file that was taken for one.
fn is_list(bytes: &[u8], whole: bool) -> bool {
    let mut all: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').take(1024).collect();
    if !whole {
        all.pop();
    }
    let (mut times, mut others) = (0, 0);
    for line in all {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        if listed(line).is_some() { times += 1 } else { others += 1 }
    }
    times >= 2 && others * 9 <= times
}

/// A list of times and nothing else, or a log (two lines in three have a time) in which several lines say such a word.
fn sniff(sniff: &Sniff<'_>) -> bool {
    let mut all: Vec<&[u8]> = sniff.head.split(|byte| *byte == b'\n').collect();
    if !sniff.whole {
        all.pop();
    }
    let all: Vec<&[u8]> = all.into_iter().map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()).collect();
    if all.len() < MIN_LINES || sniff.head.contains(&0) {
        return false;
    }
    // A number alone can be anything.
    let counted = |line: &[u8]| line.iter().all(u8::is_ascii_digit);
    let list = all.iter().filter(|line| !line.starts_with(b"#"));
    if list.clone().count() >= MIN_LINES
        && list.clone().all(|line| listed(line).is_some())
        && !list.clone().all(|line| counted(line))
    {
        return true;
    }
    let timed: Vec<bool> = all.iter().map(|line| time::find(line).is_some()).collect();
    let times = timed.iter().filter(|timed| **timed).count();
    let said = all.iter().zip(&timed).filter(|(line, timed)| **timed && says(line).is_some()).count();
    said >= MIN_LINES && times * 3 >= all.len() * 2
}
