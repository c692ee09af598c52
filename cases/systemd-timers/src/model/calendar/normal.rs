//! Ranges, the normal form, and printing it (`calendar_spec_normalize`, `calendar_spec_valid`, `calendar_spec_to_string`).

use std::fmt;

use super::parse::{Chain, Raw, SpecError};
use super::{Component, MAX_YEAR, MIN_YEAR, Spec, SpecZone};
use crate::model::time::SECOND_US;

/// Two-digit years: 0 to 69 are of this century, 70 to 99 of the last (`fix_year`).
fn full_year(year: i32) -> i32 {
    match year {
        0..70 => year + 2000,
        70..100 => year + 1900,
        _ => year,
    }
}

/// One element in normal form: the end of a range is its last step; a range of one value is that value (`normalize_chain`).
fn normal(mut one: Component) -> Component {
    if let Some(stop) = one.stop.as_mut()
        && *stop > one.start
        && one.repeat > 0
    {
        *stop -= (*stop - one.start) % one.repeat;
    }
    let never_repeats =
        one.stop.is_some_and(|stop| stop > one.start && one.repeat > 0 && one.start.saturating_add(one.repeat) > stop);
    if never_repeats || one.stop == Some(one.start) {
        (one.repeat, one.stop) = (0, None);
    }
    one
}

fn years(chain: &Chain) -> Chain {
    let fix =
        |one: &Component| Component { start: full_year(one.start), stop: one.stop.map(full_year), repeat: one.repeat };
    chain.iter().map(|(one, at)| (fix(one), at.clone())).collect()
}

/// Checks every element against its field's range, normalised as systemd does before it checks.
pub(super) fn valid(raw: &Raw) -> Result<(), SpecError> {
    check(&years(&raw.years), "years", MIN_YEAR, MAX_YEAR, false)?;
    check(&raw.months, "months", 1, 12, false)?;
    check(&raw.days, "days", 1, 31, raw.end_of_month && !raw.days.is_empty())?;
    check(&raw.hours, "hours", 0, 23, false)?;
    check(&raw.minutes, "minutes", 0, 59, false)?;
    check(&raw.micros, "seconds", 0, 60 * SECOND_US as i32 - 1, false)
}

/// `chain_valid`, element by element; the error names the first that is wrong as written.
fn check(chain: &Chain, field: &str, from: i32, to: i32, end_of_month: bool) -> Result<(), SpecError> {
    let last = to;
    let unit = if field == "seconds" { SECOND_US as i32 } else { 1 };
    let mut sorted: Vec<_> = chain.iter().map(|(one, at)| (normal(*one), at.clone())).collect();
    sorted.sort_by_key(|(one, _)| *one);
    sorted.dedup_by_key(|(one, _)| *one);
    for (index, (one, at)) in sorted.into_iter().enumerate() {
        // Days from the month's end go up to 28, and three days less for every element before: the function calls itself for
        // the next with the end it has already lowered.
        let to = if end_of_month { last - 3 * (index as i32 + 1) } else { last };
        let error = |why: String| Err(SpecError { at: at.clone(), why });
        let range = if end_of_month {
            format!("1 to {to} when counted from the month's end, in this place of the sorted list")
        } else {
            format!("{} to {}", from, to / unit)
        };
        if one.start < from || one.start > to {
            return error(format!("{field} are {range}"));
        }
        if one.repeat > to - from {
            return error(format!("the step is wider than all {field}"));
        }
        match one.stop {
            Some(stop) if stop < from || stop > to => return error(format!("{field} are {range}")),
            Some(stop) if one.start + one.repeat > stop => return error("the range ends before it begins".to_owned()),
            None if end_of_month && one.start - one.repeat < from => {
                return error("the step leads past the last day of the month".to_owned());
            }
            None if !end_of_month && one.start + one.repeat > to => {
                return error(format!("the step is never taken: {field} end at {}", to / unit));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The normal form of a valid specification.
pub(super) fn normalise(raw: Raw, zone: SpecZone) -> Spec {
    let list = |chain: Chain| {
        let mut list: Vec<Component> = chain.into_iter().map(|(one, _)| normal(one)).collect();
        list.sort_unstable();
        list.dedup();
        list
    };
    Spec {
        weekdays: Some(raw.weekdays).filter(|bits| (1..127).contains(bits)),
        years: list(years(&raw.years)),
        months: list(raw.months),
        end_of_month: raw.end_of_month && !raw.days.is_empty(),
        days: list(raw.days),
        hours: list(raw.hours),
        minutes: list(raw.minutes),
        micros: list(raw.micros),
        zone,
    }
}

impl fmt::Display for Spec {
    /// The normal form, as `systemd-analyze calendar` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(bits) = self.weekdays {
            weekdays(f, bits)?;
            f.write_str(" ")?;
        }
        chain(f, 4, &self.years)?;
        f.write_str("-")?;
        chain(f, 2, &self.months)?;
        f.write_str(if self.end_of_month { "~" } else { "-" })?;
        chain(f, 2, &self.days)?;
        f.write_str(" ")?;
        chain(f, 2, &self.hours)?;
        f.write_str(":")?;
        chain(f, 2, &self.minutes)?;
        f.write_str(":")?;
        seconds(f, &self.micros)?;
        match &self.zone {
            SpecZone::Manager => Ok(()),
            SpecZone::Utc => f.write_str(" UTC"),
            SpecZone::ManagerDst(_, name) => write!(f, " {name}"),
            SpecZone::Named(zone) => write!(f, " {}", zone.name()),
        }
    }
}

/// `Mon..Wed,Sat,Sun` (`format_weekdays`): three days in a row are a range, two are a list.
fn weekdays(f: &mut fmt::Formatter<'_>, bits: u8) -> fmt::Result {
    let days = crate::model::time::DAYS;
    let (mut day, mut first) = (0, true);
    while day < 7 {
        if bits & (1 << day) == 0 {
            day += 1;
            continue;
        }
        let end = (day..7).take_while(|next| bits & (1 << next) != 0).last().unwrap_or(day);
        if !first {
            f.write_str(",")?;
        }
        first = false;
        f.write_str(days[day])?;
        if end > day {
            write!(f, "{}{}", if end > day + 1 { ".." } else { "," }, days[end])?;
        }
        day = end + 1;
    }
    Ok(())
}

fn chain(f: &mut fmt::Formatter<'_>, width: usize, list: &[Component]) -> fmt::Result {
    if list.is_empty() {
        return f.write_str("*");
    }
    for (index, one) in list.iter().enumerate() {
        if index > 0 {
            f.write_str(",")?;
        }
        write!(f, "{:0width$}", one.start)?;
        let stop = one.stop.filter(|stop| *stop > 0);
        if let Some(stop) = stop {
            write!(f, "..{stop:0width$}")?;
        }
        if one.repeat > 0 && !(stop.is_some() && one.repeat == 1) {
            write!(f, "/{}", one.repeat)?;
        }
    }
    Ok(())
}

/// Seconds: `*` where one element covers all (`chain_is_star`), fractions with six digits.
fn seconds(f: &mut fmt::Formatter<'_>, list: &[Component]) -> fmt::Result {
    const UNIT: i32 = SECOND_US as i32;
    if list.is_empty() || list.contains(&Component { start: 0, stop: None, repeat: UNIT }) {
        return f.write_str("*");
    }
    for (index, one) in list.iter().enumerate() {
        if index > 0 {
            f.write_str(",")?;
        }
        let fraction = |f: &mut fmt::Formatter<'_>, value: i32| match value % UNIT {
            0 => Ok(()),
            micros => write!(f, ".{micros:06}"),
        };
        write!(f, "{:02}", one.start / UNIT)?;
        fraction(f, one.start)?;
        let stop = one.stop.filter(|stop| *stop > 0);
        if let Some(stop) = stop {
            write!(f, "..{:02}", stop / UNIT)?;
            fraction(f, stop)?;
        }
        if one.repeat > 0 && !(stop.is_some() && one.repeat == UNIT) {
            write!(f, "/{}", one.repeat / UNIT)?;
        }
        fraction(f, one.repeat)?;
    }
    Ok(())
}
