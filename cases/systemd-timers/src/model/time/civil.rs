//! Broken-down time, `struct tm` with the year and month as people write them.

/// Date and time of day in some zone. Fields can be out of range until they are normalised, as with mktime(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tm {
    /// Year, 2026.
    pub year: i32,
    /// Month, 1 to 12.
    pub month: i32,
    /// Day of the month, from 1.
    pub day: i32,
    /// Hour, 0 to 23.
    pub hour: i32,
    /// Minute, 0 to 59.
    pub minute: i32,
    /// Second, 0 to 59.
    pub second: i32,
    /// Whether daylight saving is in force; `None` leaves it to the zone (`tm_isdst` of -1).
    pub dst: Option<bool>,
}

impl Tm {
    /// Seconds from 1970-01-01 00:00:00 to these fields, all taken at face value in one zone without changes (timegm(3)).
    pub fn wall(&self) -> i64 {
        let months = i64::from(self.year) * 12 + i64::from(self.month) - 1;
        let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
        let days = days_from_civil(year, month) + i64::from(self.day) - 1;
        days * 86_400 + i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second)
    }

    /// The fields that lie `wall` seconds after 1970-01-01 00:00:00; `dst` stays `None`.
    pub fn of_wall(wall: i64) -> Tm {
        let (days, rest) = (wall.div_euclid(86_400), wall.rem_euclid(86_400) as i32);
        let (year, month, day) = civil_from_days(days);
        Tm { year, month, day, hour: rest / 3600, minute: rest / 60 % 60, second: rest % 60, dst: None }
    }

    /// True when every field is in its range, so that normalising changes nothing in a zone without changes.
    pub fn in_range(&self) -> bool {
        (1..=12).contains(&self.month)
            && self.day >= 1
            && (self.day <= 28 || self.day <= days_in_month(self.year, self.month))
            && (0..24).contains(&self.hour)
            && (0..60).contains(&self.minute)
            && (0..60).contains(&self.second)
    }

    /// Day of the week, 0 for Monday.
    pub fn weekday(&self) -> u8 {
        weekday_of_wall(self.wall())
    }

    /// The fields in order of size, for comparing (`tm_compare`, src/shared/calendarspec.c).
    pub fn fields(&self) -> [i32; 6] {
        [self.year, self.month, self.day, self.hour, self.minute, self.second]
    }
}

/// Day of the week, 0 for Monday, of seconds since 1970-01-01 00:00:00 (a Thursday).
pub fn weekday_of_wall(wall: i64) -> u8 {
    (wall.div_euclid(86_400) + 3).rem_euclid(7) as u8
}

/// Number of days of a month.
pub fn days_in_month(year: i32, month: i32) -> i32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to the first of a month. Years are counted from March, so that the leap day is a year's last.
fn days_from_civil(year: i64, month: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day that lie `days` after 1970-01-01.
fn civil_from_days(days: i64) -> (i32, i32, i32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year as i32, month as i32, day as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_four_centuries_comes_back() {
        for days in -100_000..100_000 {
            let tm = Tm::of_wall(days * 86_400 + 3661);
            assert!(tm.in_range(), "{tm:?}");
            assert_eq!(tm.wall(), days * 86_400 + 3661);
        }
    }

    #[test]
    fn fields_out_of_range_carry() {
        // 2026-02-30 25:61:61 is 2026-03-03 02:02:01.
        let tm = Tm { year: 2026, month: 2, day: 30, hour: 25, minute: 61, second: 61, dst: None };
        assert_eq!(Tm::of_wall(tm.wall()).fields(), [2026, 3, 3, 2, 2, 1]);
        let tm = Tm { year: 2026, month: 13, day: 0, hour: 0, minute: 0, second: 0, dst: None };
        assert_eq!(Tm::of_wall(tm.wall()).fields(), [2026, 12, 31, 0, 0, 0]);
    }

    #[test]
    fn the_week_begins_on_monday() {
        // 2026-11-23 is a Monday.
        assert_eq!(Tm { year: 2026, month: 11, day: 23, hour: 0, minute: 0, second: 0, dst: None }.weekday(), 0);
        assert_eq!(weekday_of_wall(0), 3);
    }
}
