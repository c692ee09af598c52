//! Text to specification (`calendar_spec_from_string`).

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::lexis::{Cursor, Fault};
use super::normal::{normalise, valid};
use super::{Component, Spec, SpecZone};
use crate::model::time::{SECOND_US, Tm, Zone};

/// Where zones named in specifications come from: the machine's own zone database.
pub trait ZoneSource {
    /// The zone of this name (`Europe/Berlin`); `None` when the database has none.
    fn zone(&self, name: &str) -> Option<Arc<Zone>>;
}

/// Why systemd ignores a line, and the bytes of the specification it fails at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecError {
    /// Bytes of the text.
    pub at: Range<usize>,
    /// What is wrong with them, and what is expected.
    pub why: String,
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl SpecError {
    fn new(at: Range<usize>, why: impl Into<String>) -> Self {
        Self { at, why: why.into() }
    }
}

/// Values of one field, with the item's place for errors.
pub(super) type Chain = Vec<(Component, Range<usize>)>;

/// A specification as written, before it is normalised.
#[derive(Default)]
pub(super) struct Raw {
    pub weekdays: u8,
    pub years: Chain,
    pub months: Chain,
    pub days: Chain,
    pub end_of_month: bool,
    pub hours: Chain,
    pub minutes: Chain,
    pub micros: Chain,
}

/// Reads a specification. `manager` is the zone of the service manager and `at_s` the instant it reads at, in seconds since
/// 1970: they say which abbreviations are taken for its zone.
pub fn parse(text: &str, manager: &Zone, at_s: i64, zones: &dyn ZoneSource) -> Result<Spec, SpecError> {
    let (body, zone) = split_zone(text, manager, at_s, zones);
    if body.is_empty() {
        return Err(SpecError::new(0..text.len(), "the specification is empty"));
    }
    let mut raw = Raw::default();
    let mut zone = zone;
    if !shorthand(body, &mut raw) {
        let mut cursor = Cursor::new(body);
        weekdays(&mut cursor, &mut raw).map_err(|fault| describe(body, &fault))?;
        if cursor.peek() == Some(b'@') {
            let at = cursor.at;
            unix_time(&mut cursor, &mut raw).map_err(|fault| describe(body, &fault))?;
            if cursor.at < body.len() {
                return Err(SpecError::new(
                    cursor.at..body.len(),
                    format!("nothing follows the time {}", &body[at..cursor.at]),
                ));
            }
            zone = SpecZone::Utc;
        } else {
            date(&mut cursor, &mut raw).map_err(|fault| describe(body, &fault))?;
            time(&mut cursor, &mut raw).map_err(|fault| describe(body, &fault))?;
        }
    }
    valid(&raw)?;
    Ok(normalise(raw, zone))
}

fn describe(body: &str, fault: &Fault) -> SpecError {
    let end = body[fault.at.min(body.len())..].chars().next().map_or(body.len(), |c| fault.at + c.len_utf8());
    let found = body.get(fault.at..).and_then(|rest| rest.chars().next());
    let why = match found {
        Some(c) if !fault.complete => format!("{}, not `{}`", fault.why, c.escape_default()),
        None if !fault.complete => format!("{}, and the text ends", fault.why),
        _ => fault.why.clone(),
    };
    SpecError::new(fault.at..fault.end.unwrap_or(end).max(fault.at), why)
}

/// Takes the zone off the end: `UTC`, then the two names of the manager's zone, then a zone of the database, in this order.
fn split_zone<'t>(text: &'t str, manager: &Zone, at_s: i64, zones: &dyn ZoneSource) -> (&'t str, SpecZone) {
    if let Some(body) = strip_word(text, "UTC") {
        return (body, SpecZone::Utc);
    }
    for (dst, name) in [false, true].into_iter().zip(manager.names(at_s)) {
        if let Some(body) = strip_word(text, name).filter(|_| !name.is_empty()) {
            return (body, SpecZone::ManagerDst(dst, name.to_owned()));
        }
    }
    if let Some((body, name)) = text.rsplit_once(' ') {
        // The name UTC is valid without a database (`verify_timezone`, src/basic/time-util.c); it was taken above.
        if let Some(zone) = Some(name).filter(|name| zone_name(name)).and_then(|name| zones.zone(name)) {
            return (body, SpecZone::Named(zone));
        }
    }
    (text, SpecZone::Manager)
}

/// `text` without ` word` at its end, whatever the case.
fn strip_word<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let at = text.len().checked_sub(word.len() + 1)?;
    let tail = text.get(at..)?;
    (tail.starts_with(' ') && tail[1..].eq_ignore_ascii_case(word)).then(|| &text[..at])
}

/// Letters, digits, `-_+/`; no `/` at an end or twice (`verify_timezone`).
fn zone_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_+/".contains(&byte))
        && !name.starts_with('/')
        && !name.ends_with('/')
        && !name.contains("//")
}

fn constant(value: i32) -> (Component, Range<usize>) {
    (Component { start: value, stop: None, repeat: 0 }, 0..0)
}

/// `daily` and the other names of systemd.time(7), whatever the case.
fn shorthand(body: &str, raw: &mut Raw) -> bool {
    let (months, monday, first_day, hour, minute): (&[i32], bool, bool, bool, bool) = match &body.to_ascii_lowercase()[..]
    {
        "minutely" => (&[], false, false, false, false),
        "hourly" => (&[], false, false, false, true),
        "daily" => (&[], false, false, true, true),
        "weekly" => (&[], true, false, true, true),
        "monthly" => (&[], false, true, true, true),
        "quarterly" => (&[1, 4, 7, 10], false, true, true, true),
        "biannually" | "bi-annually" | "semiannually" | "semi-annually" => (&[1, 7], false, true, true, true),
        "annually" | "yearly" | "anually" => (&[1], false, true, true, true),
        _ => return false,
    };
    raw.months = months.iter().copied().map(constant).collect();
    raw.weekdays = u8::from(monday);
    raw.days.extend(first_day.then(|| constant(1)));
    raw.hours.extend(hour.then(|| constant(0)));
    raw.minutes.extend(minute.then(|| constant(0)));
    raw.micros.push(constant(0));
    true
}

/// `Mon..Fri,Sun ` (`parse_weekdays`).
fn weekdays(cursor: &mut Cursor<'_>, raw: &mut Raw) -> Result<(), Fault> {
    const NAMES: [(&str, u8); 14] = [
        ("Monday", 0),
        ("Mon", 0),
        ("Tuesday", 1),
        ("Tue", 1),
        ("Wednesday", 2),
        ("Wed", 2),
        ("Thursday", 3),
        ("Thu", 3),
        ("Friday", 4),
        ("Fri", 4),
        ("Saturday", 5),
        ("Sat", 5),
        ("Sunday", 6),
        ("Sun", 6),
    ];
    let (mut open, mut first) = (None::<u8>, true);
    loop {
        let at = cursor.at;
        let Some((name, day)) = NAMES.iter().find(|(name, _)| cursor.starts_with_no_case(name)) else {
            return if first { Ok(()) } else { Err(Fault::at(at, "a day of the week is expected")) };
        };
        let day = *day;
        cursor.at += name.len();
        if !matches!(cursor.peek(), None | Some(b'-' | b'.' | b',' | b' ')) {
            return Err(Fault::at(cursor.at, "the day of the week ends with a space, `,`, or `..`"));
        }
        raw.weekdays |= 1 << day;
        if let Some(from) = open {
            if from > day {
                return Err(Fault::whole(at..cursor.at, "a range of days does not pass Sunday; write it as two"));
            }
            (from..day).for_each(|between| raw.weekdays |= 1 << between);
        }
        match cursor.peek() {
            None => return Ok(()),
            Some(b' ') => {
                cursor.spaces();
                return Ok(());
            }
            Some(b'.') => {
                if open.is_some() || cursor.peek_at(1) != Some(b'.') {
                    return Err(Fault::at(cursor.at, "a range of days is written with one `..`"));
                }
                open = Some(day);
                cursor.at += 2;
            }
            Some(b'-') => {
                if open.is_some() {
                    return Err(Fault::at(cursor.at, "a range has two ends"));
                }
                open = Some(day);
                cursor.at += 1;
            }
            _ => {
                open = None;
                cursor.at += 1;
            }
        }
        if matches!(cursor.peek(), None | Some(b' ')) {
            cursor.spaces();
            return if open.is_none() { Ok(()) } else { Err(Fault::at(cursor.at, "the range of days has no end")) };
        }
        first = false;
    }
}

/// `@SECONDS` (`calendarspec_from_time_t`). Always in UTC.
fn unix_time(cursor: &mut Cursor<'_>, raw: &mut Raw) -> Result<(), Fault> {
    let start = cursor.at;
    cursor.at += 1;
    let seconds = cursor.strtoul()?;
    let range = || Fault::whole(start..start + 1, "the time is past all years of a calendar");
    let seconds =
        i64::try_from(seconds).ok().filter(|seconds| (*seconds as u64) <= u64::MAX / SECOND_US).ok_or_else(range)?;
    // Years past the last are refused by the check of ranges; what does not fit a year at all is refused here.
    if seconds > 67_768_036_191_676_799 {
        return Err(range());
    }
    let tm = if seconds > 8_000_000_000_000 { Tm { year: i32::MAX, ..Tm::of_wall(0) } } else { Tm::of_wall(seconds) };
    let place = start..cursor.at;
    let one = |value| vec![(Component { start: value, stop: None, repeat: 0 }, place.clone())];
    (raw.years, raw.months, raw.days) = (one(tm.year), one(tm.month), one(tm.day));
    (raw.hours, raw.minutes, raw.micros) = (one(tm.hour), one(tm.minute), one(tm.second * SECOND_US as i32));
    Ok(())
}

/// `[YEAR-]MONTH-DAY`, with `~` before the day for days from the month's end (`parse_date`). What turns out to be a time is
/// left.
fn date(cursor: &mut Cursor<'_>, raw: &mut Raw) -> Result<(), Fault> {
    if cursor.peek().is_none() {
        return Ok(());
    }
    let start = cursor.at;
    let first = cursor.chain(false)?;
    if matches!(cursor.peek(), None | Some(b':')) {
        cursor.at = start;
        return Ok(());
    }
    match cursor.peek() {
        Some(b'~') => raw.end_of_month = true,
        Some(b'-') => {}
        _ => {
            return Err(Fault::at(
                cursor.at,
                "`-` or `~` before the next part of the date, or `:` of a time, is expected",
            ));
        }
    }
    cursor.at += 1;
    let second = cursor.chain(false)?;
    if matches!(cursor.peek(), None | Some(b' ')) {
        cursor.spaces();
        (raw.months, raw.days) = (first, second);
        return Ok(());
    }
    if raw.end_of_month {
        return Err(Fault::at(cursor.at, "`~` stands before the day only"));
    }
    match cursor.peek() {
        Some(b'~') => raw.end_of_month = true,
        Some(b'-') => {}
        _ => return Err(Fault::at(cursor.at, "`-` or `~` before the day, or a space before the time, is expected")),
    }
    cursor.at += 1;
    let third = cursor.chain(false)?;
    if !matches!(cursor.peek(), None | Some(b' ')) {
        return Err(Fault::at(cursor.at, "a space before the time is expected"));
    }
    cursor.spaces();
    (raw.years, raw.months, raw.days) = (first, second, third);
    Ok(())
}

/// `HOUR:MINUTE[:SECOND]`; nothing stands for midnight (`parse_calendar_time`).
fn time(cursor: &mut Cursor<'_>, raw: &mut Raw) -> Result<(), Fault> {
    if cursor.peek().is_none() {
        (raw.hours, raw.minutes, raw.micros) = (vec![constant(0)], vec![constant(0)], vec![constant(0)]);
        return Ok(());
    }
    raw.hours = cursor.chain(false)?;
    if cursor.peek() != Some(b':') {
        return Err(Fault::at(cursor.at, "`:` and minutes are expected"));
    }
    cursor.at += 1;
    raw.minutes = cursor.chain(false)?;
    if cursor.peek().is_none() {
        raw.micros = vec![constant(0)];
        return Ok(());
    }
    if cursor.peek() != Some(b':') {
        return Err(Fault::at(cursor.at, "`:` and seconds, a zone, or the end are expected"));
    }
    cursor.at += 1;
    raw.micros = cursor.chain(true)?;
    match cursor.peek() {
        None => Ok(()),
        Some(_) => Err(Fault::at(cursor.at, "a zone of the database or the end is expected")),
    }
}
