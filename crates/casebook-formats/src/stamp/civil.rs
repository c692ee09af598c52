//! Dates of the Gregorian calendar to days and back.

use super::RealtimeUs;

/// A date and time of day without a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Civil {
    /// Year; `None` where the text has none (`Nov 26 02:00:00` of `journalctl -o short`).
    pub year: Option<i32>,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 60.
    pub second: u8,
    /// 0 to 999 999.
    pub micros: u32,
}

impl Civil {
    /// True when the fields name a time: the month has the day.
    pub fn is_valid(&self) -> bool {
        let days = match self.month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if self.year.is_none_or(leap) => 29,
            2 => 28,
            _ => 0,
        };
        (1..=days).contains(&self.day)
            && self.hour < 24
            && self.minute < 60
            && self.second <= 60
            && self.micros < 1_000_000
            && self.year.is_none_or(|year| (0..=9999).contains(&year))
    }

    /// The point in time when this is read on a clock `offset_s` seconds ahead of UTC; `None` before 1970 or without a year.
    pub fn at_offset(&self, offset_s: i32) -> Option<RealtimeUs> {
        let days = days(self.year?, self.month, self.day);
        let of_day = i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second);
        let seconds = u64::try_from(days * 86_400 + of_day - i64::from(offset_s)).ok()?;
        Some(RealtimeUs(seconds * 1_000_000 + u64::from(self.micros)))
    }

    /// The date and time of a point in time, in UTC; the year is absent past 9999.
    pub fn of(at: RealtimeUs) -> Self {
        let seconds = at.0 / 1_000_000;
        let (year, month, day) = date((seconds / 86_400) as i64);
        Self {
            year: i32::try_from(year).ok().filter(|year| *year <= 9999),
            month,
            day,
            hour: (seconds / 3600 % 24) as u8,
            minute: (seconds / 60 % 60) as u8,
            second: (seconds % 60) as u8,
            micros: (at.0 % 1_000_000) as u32,
        }
    }
}

fn leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days since 1970-01-01. Years are counted from March, so that the leap day is the last.
fn days(year: i32, month: u8, day: u8) -> i64 {
    let year = i64::from(year) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((i64::from(month) + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date `days` after 1970-01-01.
fn date(days: i64) -> (i64, u8, u8) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = (of_year - (153 * shifted + 2) / 5 + 1) as u8;
    let month = (if shifted < 10 { shifted + 3 } else { shifted - 9 }) as u8;
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}
