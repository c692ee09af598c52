//! Times in lines of logs. Nothing here asks the machine for its zone or its clock.

/// How a time stands to UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Zone {
    /// The offset is written, or the number counts from the epoch.
    Stated,
    /// The clock on the wall of the machine that wrote it, whose zone the line does not say. It can jump twice a year.
    Wall,
}

/// How much of the date is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Written {
    /// All of it.
    Full,
    /// No year (syslog).
    NoYear,
    /// Only the time of day.
    TimeOfDay,
}

/// A time as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Year; 0 where it is not written.
    pub year: i64,
    /// Month, 1 to 12; 0 where it is not written.
    pub month: u8,
    /// Day of the month; 0 where it is not written.
    pub day: u8,
    /// Microseconds since midnight as written; 86 400 000 000 and more for a leap second.
    pub of_day_us: i64,
    /// Offset from UTC in seconds, subtracted for UTC.
    pub offset_s: i64,
    /// How it stands to UTC.
    pub zone: Zone,
    /// What is written of the date.
    pub written: Written,
    /// How coarse it is.
    pub precision_us: u64,
    /// Bytes of the line it takes.
    pub len: usize,
}

impl Stamp {
    /// Microseconds since 1970, with `year` in place of one that is not written.
    pub fn micros(&self, year: i64) -> i64 {
        let year = if self.written == Written::Full { self.year } else { year };
        let days = days(year, self.month.max(1).into(), self.day.max(1).into());
        days * DAY_US + self.of_day_us - self.offset_s * 1_000_000
    }
}

/// Microseconds of a day.
pub const DAY_US: i64 = 86_400_000_000;

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn month_days(year: i64, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek() == byte).then(|| self.at += 1)
    }

    /// Exactly `count` digits.
    fn number(&mut self, count: usize) -> Option<i64> {
        let part = self.text.get(self.at..self.at + count)?;
        if !part.iter().all(u8::is_ascii_digit) {
            return None;
        }
        self.at += count;
        Some(part.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0')))
    }

    fn month(&mut self) -> Option<u8> {
        const NAMES: [&[u8]; 12] =
            [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
        let part = self.text.get(self.at..self.at + 3)?.to_ascii_lowercase();
        let month = NAMES.iter().position(|name| *name == part)?;
        self.at += 3;
        Some(month as u8 + 1)
    }

    /// `HH:MM[:SS[.fraction]]`: microseconds and precision.
    fn clock(&mut self) -> Option<(i64, u64)> {
        let hour = self.number(2)?;
        self.take(b':')?;
        let minute = self.number(2)?;
        if hour > 23 || minute > 59 {
            return None;
        }
        let minutes = (hour * 60 + minute) * 60_000_000;
        if self.peek() != b':' {
            return (!self.peek().is_ascii_alphanumeric()).then_some((minutes, 60_000_000));
        }
        self.at += 1;
        let second = self.number(2)?;
        if second > 60 || self.peek().is_ascii_digit() {
            return None;
        }
        let mut micros = minutes + second * 1_000_000;
        let mut precision = 1_000_000;
        let digits =
            |cursor: &Self| cursor.text[cursor.at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if matches!(self.peek(), b'.' | b',') && digits(self) > 0 {
            let count = digits(self);
            let part = &self.text[self.at + 1..self.at + 1 + count];
            let mut scale = 100_000;
            for digit in part.iter().take(6) {
                micros += i64::from(digit - b'0') * scale;
                scale /= 10;
                precision /= 10;
            }
            self.at += 1 + count;
        }
        Some((micros, precision.max(1)))
    }

    /// `Z`, ` UTC`, `+01:00`, `+0100`, `+01`, with or without a blank before it.
    fn zone(&mut self) -> (i64, Zone) {
        let before = self.at;
        if self.peek() == b' ' {
            self.at += 1;
        }
        for word in [&b"UTC"[..], b"GMT", b"Z"] {
            let end = self.at + word.len();
            let follows = self.text.get(end).is_some_and(u8::is_ascii_alphanumeric);
            if self.text.get(self.at..end) == Some(word) && !follows {
                self.at = end;
                return (0, Zone::Stated);
            }
        }
        let sign = match self.peek() {
            b'+' => 1,
            b'-' => -1,
            _ => 0,
        };
        if sign != 0 {
            self.at += 1;
            let found = self.number(2).and_then(|hours| {
                let colon = self.take(b':').is_some();
                let minutes = self.number(2);
                (hours <= 15 && minutes.is_none_or(|minutes| minutes < 60) && (minutes.is_some() || !colon))
                    .then(|| hours * 3_600 + minutes.unwrap_or(0) * 60)
            });
            if let Some(offset) = found
                && !self.peek().is_ascii_digit()
            {
                return (sign * offset, Zone::Stated);
            }
        }
        self.at = before;
        (0, Zone::Wall)
    }
}

/// The time at the beginning of `text`; `bare` also takes a time of day alone.
pub fn at_start(text: &[u8], bare: bool) -> Option<Stamp> {
    let first = *text.first()?;
    if first.is_ascii_digit() {
        iso(text).or_else(|| clf(text)).or_else(|| epoch(text)).or_else(|| if bare { time_of_day(text) } else { None })
    } else if first.is_ascii_uppercase() {
        syslog(text)
    } else {
        None
    }
}

/// `2026-11-25T20:38:06.123+01:00`, `2026-11-25 20:38:06,123`, `2026/11/25 20:38:06` (nginx's error log).
fn iso(text: &[u8]) -> Option<Stamp> {
    let mut cursor = Cursor { text, at: 0 };
    let year = cursor.number(4)?;
    let separator = cursor.peek();
    if !matches!(separator, b'-' | b'/') {
        return None;
    }
    cursor.at += 1;
    let month = cursor.number(2)?;
    cursor.take(separator)?;
    let day = cursor.number(2)?;
    if !matches!(cursor.peek(), b'T' | b't' | b' ' | b'_') {
        return None;
    }
    cursor.at += 1;
    let (of_day_us, precision_us) = cursor.clock()?;
    let (offset_s, zone) = cursor.zone();
    full(cursor.at, (year, month as u8, day as u8), of_day_us, precision_us, offset_s, zone)
}

/// `25/Nov/2026:20:38:06 +0000` (nginx and Apache), `25/Nov/2026:20:38:06.123` (haproxy).
fn clf(text: &[u8]) -> Option<Stamp> {
    let mut cursor = Cursor { text, at: 0 };
    let day = cursor.number(2)?;
    cursor.take(b'/')?;
    let month = cursor.month()?;
    cursor.take(b'/')?;
    let year = cursor.number(4)?;
    cursor.take(b':')?;
    let (of_day_us, precision_us) = cursor.clock()?;
    let (offset_s, zone) = cursor.zone();
    full(cursor.at, (year, month, day as u8), of_day_us, precision_us, offset_s, zone)
}

fn full(
    len: usize,
    (year, month, day): (i64, u8, u8),
    of_day_us: i64,
    precision_us: u64,
    offset_s: i64,
    zone: Zone,
) -> Option<Stamp> {
    let good =
        (1970..=2999).contains(&year) && (1..=12).contains(&month) && (1..=month_days(year, month)).contains(&day);
    good.then_some(Stamp { year, month, day, of_day_us, offset_s, zone, written: Written::Full, precision_us, len })
}

/// `Nov 25 20:38:06`, `Nov  5 20:38:06`, and with a year behind it (`ctime`, `date`), a day of the week before it.
fn syslog(text: &[u8]) -> Option<Stamp> {
    let mut cursor = Cursor { text, at: 0 };
    let week: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
    if week.iter().any(|day| text.starts_with(day)) {
        cursor.at = 3;
        let _ = cursor.take(b',');
        cursor.take(b' ')?;
    }
    let month = cursor.month()?;
    cursor.take(b' ')?;
    let day = if cursor.take(b' ').is_some() || cursor.text.get(cursor.at + 1) == Some(&b' ') {
        cursor.number(1)?
    } else {
        cursor.number(2)?
    };
    cursor.take(b' ')?;
    let mut year = None;
    if cursor.text.get(cursor.at + 4) == Some(&b' ') {
        year = cursor.number(4);
        if year.is_some() {
            cursor.take(b' ')?;
        }
    }
    let (of_day_us, precision_us) = cursor.clock()?;
    let (offset_s, zone) = cursor.zone();
    if year.is_none() && cursor.peek() == b' ' {
        let before = cursor.at;
        cursor.at += 1;
        year = cursor
            .number(4)
            .filter(|year| (1970..=2999).contains(year) && !matches!(cursor.peek(), b'0'..=b'9' | b':' | b'-' | b'.'));
        if year.is_none() {
            cursor.at = before;
        }
    }
    if let Some(year) = year {
        return full(cursor.at, (year, month, day as u8), of_day_us, precision_us, offset_s, zone);
    }
    // 2000 was a leap year: the 29th of February is a day of syslog.
    let good = (1..=i64::from(month_days(2000, month))).contains(&day);
    good.then_some(Stamp {
        year: 0,
        month,
        day: day as u8,
        of_day_us,
        offset_s,
        zone,
        written: Written::NoYear,
        precision_us,
        len: cursor.at,
    })
}

/// Seconds since 1970 with ten digits and a fraction, milliseconds with thirteen, micro- and nanoseconds.
fn epoch(text: &[u8]) -> Option<Stamp> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut cursor = Cursor { text, at: 0 };
    // Of nanoseconds the first sixteen digits are the microseconds.
    let value = cursor.number(digits.min(16))?;
    let (mut micros, mut precision) = match digits {
        10 => (value * 1_000_000, 1_000_000),
        13 => (value * 1_000, 1_000),
        16 | 19 => (value, 1),
        _ => return None,
    };
    let mut len = digits;
    if digits == 10 && text.get(10) == Some(&b'.') {
        let part: Vec<u8> = text[11..].iter().copied().take_while(u8::is_ascii_digit).collect();
        let mut scale = 100_000;
        for digit in part.iter().take(6) {
            micros += i64::from(digit - b'0') * scale;
            scale /= 10;
            precision /= 10;
        }
        len += if part.is_empty() { 0 } else { 1 + part.len() };
    }
    // From 2001 to 2100: other numbers are no times.
    let good = (978_307_200_000_000..4_102_444_800_000_000).contains(&micros);
    let follows = text.get(len).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b':');
    (good && !follows).then_some(Stamp {
        year: 1970,
        month: 1,
        day: 1,
        of_day_us: micros,
        offset_s: 0,
        zone: Zone::Stated,
        written: Written::Full,
        precision_us: precision.max(1),
        len,
    })
}

fn time_of_day(text: &[u8]) -> Option<Stamp> {
    let mut cursor = Cursor { text, at: 0 };
    let (of_day_us, precision_us) = cursor.clock()?;
    Some(Stamp {
        year: 0,
        month: 0,
        day: 0,
        of_day_us,
        offset_s: 0,
        zone: Zone::Wall,
        written: Written::TimeOfDay,
        precision_us,
        len: cursor.at,
    })
}

/// Bytes of a line in which a time is looked for.
const MAX_PREFIX: usize = 512;

/// The first time in a line, and where it begins.
pub fn find(line: &[u8]) -> Option<(usize, Stamp)> {
    let mut before = b' ';
    for (at, byte) in line.iter().enumerate().take(MAX_PREFIX) {
        let begins = !before.is_ascii_alphanumeric() && !matches!(before, b'.' | b'-' | b'/');
        if begins && (byte.is_ascii_digit() || byte.is_ascii_uppercase()) {
            // A number in the middle of a line is a time only behind a name that says so.
            let named = at == 0 || matches!(before, b'[' | b'(' | b'<') || is_named(&line[..at]);
            let stamp = at_start(&line[at..], false);
            let counted = |stamp: &Stamp| stamp.year == 1970 && stamp.zone == Zone::Stated;
            if let Some(stamp) = stamp.filter(|stamp| named || before != b':' && !counted(stamp)) {
                return Some((at, stamp));
            }
        }
        before = *byte;
    }
    None
}

fn is_named(before: &[u8]) -> bool {
    let text = before.trim_ascii_end();
    let text = text.strip_suffix(b"\"").unwrap_or(text).trim_ascii_end();
    let Some(text) = text.strip_suffix(b":").or_else(|| text.strip_suffix(b"=")) else { return false };
    let text = text.trim_ascii_end();
    let text = text.strip_suffix(b"\"").unwrap_or(text);
    [&b"time"[..], b"ts", b"timestamp", b"@timestamp", b"date", b"epoch"]
        .iter()
        .any(|name| text.len() >= name.len() && text[text.len() - name.len()..].eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(text: &str) -> Option<(i64, u64, Zone)> {
        at_start(text.as_bytes(), false).map(|stamp| (stamp.micros(2001), stamp.precision_us, stamp.zone))
    }

    /// `date -u -d '2026-11-25T20:38:06Z' +%s` is 1795639086.
    #[test]
    fn the_formats_give_the_same_moment() {
        let base = 1_795_639_086_000_000;
        assert_eq!(micros("2026-11-25T20:38:06Z x"), Some((base, 1_000_000, Zone::Stated)));
        assert_eq!(micros("2026-11-25T21:38:06.250+01:00"), Some((base + 250_000, 1_000, Zone::Stated)));
        assert_eq!(micros("2026-11-25 20:38:06,5"), Some((base + 500_000, 100_000, Zone::Wall)));
        assert_eq!(micros("2026/11/25 20:38:06 [error] 7#7"), Some((base, 1_000_000, Zone::Wall)));
        assert_eq!(micros("25/Nov/2026:15:38:06 -0500] \"GET"), Some((base, 1_000_000, Zone::Stated)));
        assert_eq!(micros("25/Nov/2026:20:38:06.123] fe"), Some((base + 123_000, 1_000, Zone::Wall)));
        assert_eq!(micros("Wed Nov 25 20:38:06 2026 x"), Some((base, 1_000_000, Zone::Wall)));
        assert_eq!(micros("Wed Nov 25 20:38:06 UTC 2026"), Some((base, 1_000_000, Zone::Stated)));
        assert_eq!(micros("1795639086"), Some((base, 1_000_000, Zone::Stated)));
        assert_eq!(micros("1795639086.000001 x"), Some((base + 1, 1, Zone::Stated)));
        assert_eq!(micros("1795639086123"), Some((base + 123_000, 1_000, Zone::Stated)));
        assert_eq!(micros("1795639086123456789"), Some((base + 123_456, 1, Zone::Stated)));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "2026-13-01T00:00:00Z",
            "2026-02-30 00:00:00",
            "2026-11-25T24:00:00",
            "Nov 32 00:00:00",
            "12:00",
            "10.0.0.1",
        ] {
            assert_eq!(micros(text), None, "{text}");
        }
        assert_eq!((micros("9999999999999999999"), micros(&"9".repeat(400))), (None, None));
        assert_eq!(find(b"port 1795639086 is no time").map(|(at, _)| at), None);
        assert_eq!(find(b"{\"ts\":1795639086.5,\"m\":1}").map(|(at, _)| at), Some(6));
    }

    /// Days of every month of a leap year and of a common one follow each other.
    #[test]
    fn days_follow_each_other() {
        assert_eq!((days(1970, 1, 1), days(2000, 3, 1), days(2026, 11, 25)), (0, 11_017, 20_782));
        for year in [2000, 2001, 2100] {
            let mut last = days(year, 1, 1) - 1;
            for month in 1..=12u8 {
                for day in 1..=month_days(year, month) {
                    assert_eq!(days(year, month.into(), day.into()), last + 1);
                    last += 1;
                }
            }
        }
    }
}
