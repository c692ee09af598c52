//! One point in time, in any of the forms that tools print.

use super::{Civil, Moment, RealtimeUs, SpanUs, ZoneName};

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The point in time that `text` is, blanks around it aside. `None` for anything else: `n/a`, empty text.
pub fn moment(text: &str) -> Option<Moment> {
    let text = text.trim();
    let (moment, length) = moment_at(text)?;
    (length == text.len()).then_some(moment)
}

/// The point in time that `text` begins with, and its length in bytes.
///
/// Forms: `@SECONDS[.FRACTION]` and `SECONDS.FRACTION` with ten digits; `[Mon ]2026-11-23 02:00:00[.000000][ ZONE]`, with `T` for
/// the blank and `Z`, `+0100` or `+01:00` for the zone; `Nov 23 02:00:00[.000000]`; `Mon Nov 23 02:00:00 2026` as `date` and
/// `chronyc` print it, with a zone before or behind the year.
pub fn moment_at(text: &str) -> Option<(Moment, usize)> {
    let mut cursor = Cursor { text, at: 0 };
    let moment = cursor.seconds().or_else(|| cursor.calendar())?;
    Some((moment, cursor.at))
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

/// What a fraction says: microseconds, and what its last digit counts in.
type Fraction = (u32, SpanUs);

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let is = self.byte() == Some(byte);
        self.at += usize::from(is);
        is
    }

    fn digits(&self) -> usize {
        self.rest().bytes().take_while(u8::is_ascii_digit).count()
    }

    /// A number of `least` to `most` digits; longer runs of digits are not one.
    fn number(&mut self, least: usize, most: usize) -> Option<u64> {
        let count = self.digits();
        let value = (least..=most).contains(&count).then(|| self.rest().get(..count)?.parse().ok())??;
        self.at += count;
        Some(value)
    }

    /// What follows a decimal point or comma; without one, whole seconds.
    fn fraction(&mut self) -> Fraction {
        let whole = (0, SpanUs(1_000_000));
        if !matches!(self.byte(), Some(b'.' | b',')) {
            return whole;
        }
        self.at += 1;
        let count = self.digits();
        if count == 0 {
            self.at -= 1;
            return whole;
        }
        let digits = self.rest().bytes().take(count.min(6));
        let value = digits.fold(0u32, |value, digit| value * 10 + u32::from(digit - b'0'));
        let scale = 10u32.pow(6 - count.min(6) as u32);
        self.at += count;
        (value * scale, SpanUs(u64::from(scale)))
    }

    fn seconds(&mut self) -> Option<Moment> {
        let marked = self.eat(b'@');
        let start = self.at;
        let least = if marked { 1 } else { 10 };
        let seconds = self.number(least, if marked { 13 } else { 10 });
        let fraction = self.fraction();
        // Ten digits without a mark or a fraction are any number.
        match seconds {
            Some(seconds) if marked || fraction.1 != SpanUs(1_000_000) => Some(Moment::Utc {
                at: RealtimeUs(seconds.checked_mul(1_000_000)?.checked_add(u64::from(fraction.0))?),
                precision: fraction.1,
            }),
            _ => {
                self.at = start - usize::from(marked);
                None
            }
        }
    }

    fn word(&mut self, words: &[&str]) -> Option<usize> {
        let index = words.iter().position(|word| self.rest().starts_with(word))?;
        self.at += words[index].len();
        Some(index)
    }

    fn blanks(&mut self) -> bool {
        let count = self.rest().bytes().take_while(|byte| *byte == b' ').count();
        self.at += count;
        count > 0
    }

    fn calendar(&mut self) -> Option<Moment> {
        let start = self.at;
        let moment = self.date_time();
        if moment.is_none() {
            self.at = start;
        }
        moment
    }

    fn date_time(&mut self) -> Option<Moment> {
        if self.word(&WEEKDAYS).is_some() {
            self.eat(b',');
            self.blanks().then_some(())?;
        }
        if let Some(month) = self.word(&MONTHS) {
            return self.month_first(month as u8 + 1);
        }
        let year = self.number(4, 4)? as i32;
        self.eat(b'-').then_some(())?;
        let month = self.number(2, 2)? as u8;
        self.eat(b'-').then_some(())?;
        let day = self.number(2, 2)? as u8;
        (self.eat(b'T') || self.eat(b' ')).then_some(())?;
        let (time, precision) = self.time()?;
        let civil = Civil { year: Some(year), month, day, ..time };
        self.zoned(civil, precision)
    }

    /// `Nov 23 02:00:00[.000000]`, and `Nov 23 02:00:00 [ZONE ]2026[ ZONE]`.
    fn month_first(&mut self, month: u8) -> Option<Moment> {
        self.blanks().then_some(())?;
        let day = self.number(1, 2)? as u8;
        self.blanks().then_some(())?;
        let (time, precision) = self.time()?;
        let civil = Civil { year: None, month, day, ..time };
        let short = self.at;
        let zone = (self.byte() == Some(b' ')).then(|| self.zone()).flatten();
        self.blanks();
        if let Some(year) = self.number(4, 4).filter(|year| (1900..2600).contains(year)) {
            let civil = Civil { year: Some(year as i32), ..civil };
            return match zone {
                Some(zone) => zone.apply(civil, precision),
                None => self.zoned(civil, precision),
            };
        }
        self.at = short;
        civil.is_valid().then_some(Moment::Local { civil, zone: ZoneName::Unsaid, precision })
    }

    fn time(&mut self) -> Option<(Civil, SpanUs)> {
        let hour = self.number(2, 2)? as u8;
        self.eat(b':').then_some(())?;
        let minute = self.number(2, 2)? as u8;
        self.eat(b':').then_some(())?;
        let second = self.number(2, 2)? as u8;
        let (micros, precision) = self.fraction();
        Some((Civil { year: None, month: 1, day: 1, hour, minute, second, micros }, precision))
    }

    fn zoned(&mut self, civil: Civil, precision: SpanUs) -> Option<Moment> {
        match self.zone() {
            Some(zone) => zone.apply(civil, precision),
            None => civil.is_valid().then_some(Moment::Local { civil, zone: ZoneName::Unsaid, precision }),
        }
    }

    /// A zone at the cursor, behind a blank or not; the cursor stays where there is none.
    fn zone(&mut self) -> Option<Zone> {
        let start = self.at;
        let blank = self.eat(b' ');
        let zone = self.zone_word(blank);
        if zone.is_none() {
            self.at = start;
        }
        zone
    }

    fn zone_word(&mut self, blank: bool) -> Option<Zone> {
        if let Some(sign @ (b'+' | b'-')) = self.byte() {
            self.at += 1;
            let count = self.digits();
            let (hours, minutes) = match count {
                2 => {
                    let hours = self.number(2, 2)?;
                    // `+01:00`, not the end of a label.
                    let two = self.rest().bytes().skip(1).take_while(u8::is_ascii_digit).count() == 2;
                    (hours, if two && self.eat(b':') { self.number(2, 2)? } else { 0 })
                }
                4 => {
                    let both = self.number(4, 4)?;
                    (both / 100, both % 100)
                }
                _ => return None,
            };
            let seconds = (hours * 3600 + minutes * 60) as i32;
            return (hours < 27 && minutes < 60).then_some(Zone::Offset(if sign == b'-' { -seconds } else { seconds }));
        }
        let length = self.rest().bytes().take_while(u8::is_ascii_uppercase).count();
        let word = self.rest().get(..length)?;
        let after = self.rest().as_bytes().get(length);
        let ends = after.is_none_or(|byte| !byte.is_ascii_alphanumeric() && !b"-_.@/[".contains(byte));
        if word == "Z" && !blank && ends {
            self.at += 1;
            return Some(Zone::Offset(0));
        }
        // tzdata's abbreviations have three to six letters (theory.html, "Time zone abbreviations").
        if !blank || !ends || !(3..=6).contains(&length) {
            return None;
        }
        self.at += length;
        Some(if matches!(word, "UTC" | "GMT") { Zone::Offset(0) } else { Zone::Named(word.to_owned()) })
    }
}

enum Zone {
    Offset(i32),
    Named(String),
}

impl Zone {
    fn apply(self, civil: Civil, precision: SpanUs) -> Option<Moment> {
        if !civil.is_valid() {
            return None;
        }
        match self {
            Zone::Offset(seconds) => Some(Moment::Utc { at: civil.at_offset(seconds)?, precision }),
            Zone::Named(name) => Some(Moment::Local { civil, zone: ZoneName::Abbreviation(name), precision }),
        }
    }
}
