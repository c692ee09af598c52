//! Instants in text: `Mon 2026-11-23 02:00:00 UTC`, as systemd prints them (`format_timestamp_style`, src/basic/time-util.c).

use super::{Realtime, SECOND_US, Tm, Zone};

/// Names of the days, Monday first.
pub const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Prints an instant in a zone; with its fraction when it has one.
pub fn format_stamp(at: Realtime, zone: &Zone) -> String {
    let at_s = at.seconds();
    let tm = zone.local(at_s);
    let [year, month, day, hour, minute, second] = tm.fields();
    let weekday = DAYS[usize::from(tm.weekday())];
    let fraction = match at.0 % SECOND_US {
        0 => String::new(),
        us => format!(".{us:06}"),
    };
    let name = zone.abbreviation(at_s);
    format!("{weekday} {year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{fraction} {name}")
}

/// Reads an instant a person gives on the command line: `@SECONDS`, or `2026-11-23[ 02:00[:00[.5]]][ UTC]` with an optional day
/// of the week and `T` for the space, `Z` for UTC; in `zone` where none is named.
pub fn parse_stamp(text: &str, zone: &Zone) -> Option<Realtime> {
    let text = text.trim();
    if let Some(seconds) = text.strip_prefix('@') {
        let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
        let whole: u64 = whole.parse().ok()?;
        return Some(Realtime(whole.checked_mul(SECOND_US)?.checked_add(micros(fraction)?)?));
    }
    let text = DAYS.iter().find_map(|day| text.strip_prefix(day)?.strip_prefix(' ')).unwrap_or(text);
    let (text, utc) = match text.strip_suffix(" UTC").or_else(|| text.strip_suffix('Z')) {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let (date, time) = text.split_once([' ', 'T']).unwrap_or((text, "00:00:00"));
    let mut numbers = date.splitn(3, '-').map(str::parse::<i32>);
    let (year, month, day) = (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut numbers = time.splitn(3, ':').map(str::parse::<i32>);
    let (hour, minute) = (numbers.next()?.ok()?, numbers.next().unwrap_or(Ok(0)).ok()?);
    let second = numbers.next().unwrap_or(Ok(0)).ok()?;
    let mut tm = Tm { year, month, day, hour, minute, second, dst: None };
    if !tm.in_range() || !(1970..=9999).contains(&year) {
        return None;
    }
    let at_s = if utc { tm.wall() } else { super::LocalClock::new(zone, tm.wall()).mktime(&mut tm)? };
    let at_s = u64::try_from(at_s).ok()?;
    Some(Realtime(at_s * SECOND_US + micros(fraction)?))
}

/// The microseconds of digits behind a point; further digits are cut off.
fn micros(digits: &str) -> Option<u64> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.bytes().chain(std::iter::repeat(b'0')).take(6).fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_printed_is_read_again() {
        let berlin = Zone::bundled("Europe/Berlin").unwrap();
        for text in ["Mon 2026-11-23 02:00:00 CET", "Wed 2026-07-01 12:34:56.000001 CEST"] {
            let at = parse_stamp(&text[..text.rfind(' ').unwrap()], &berlin).unwrap();
            assert_eq!(format_stamp(at, &berlin), text);
        }
        assert_eq!(parse_stamp("2026-11-23T02:00Z", &berlin), Some(Realtime(1_795_399_200_000_000)));
        assert_eq!(parse_stamp("@12.5", &berlin), Some(Realtime(12_500_000)));
        for text in ["", "2026-13-01", "2026-02-30", "yesterday", "@x", "2026-11-23 25:00"] {
            assert_eq!(parse_stamp(text, &berlin), None, "{text}");
        }
    }
}
