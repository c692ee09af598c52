//! Spans of time, `1h 30min`, as systemd reads and prints them (systemd.time(7), `parse_time` in src/basic/time-util.c).

use std::ops::Range;

/// A unit of time: what it is called, and its microseconds. The first that matches at a place is taken, so longer names stand
/// before their beginnings (`extract_multiplier`).
const UNITS: &[(&str, u64)] = &[
    ("seconds", 1_000_000),
    ("second", 1_000_000),
    ("sec", 1_000_000),
    ("s", 1_000_000),
    ("minutes", 60_000_000),
    ("minute", 60_000_000),
    ("min", 60_000_000),
    ("months", MONTH_US),
    ("month", MONTH_US),
    ("M", MONTH_US),
    ("msec", 1000),
    ("ms", 1000),
    ("m", 60_000_000),
    ("hours", 3_600_000_000),
    ("hour", 3_600_000_000),
    ("hr", 3_600_000_000),
    ("h", 3_600_000_000),
    ("days", 86_400_000_000),
    ("day", 86_400_000_000),
    ("d", 86_400_000_000),
    ("weeks", 604_800_000_000),
    ("week", 604_800_000_000),
    ("w", 604_800_000_000),
    ("years", YEAR_US),
    ("year", YEAR_US),
    ("y", YEAR_US),
    ("usec", 1),
    ("us", 1),
    ("μs", 1),
    ("µs", 1),
];

/// 30.4375 days, systemd's month (`USEC_PER_MONTH`).
const MONTH_US: u64 = 2_629_800_000_000;
/// 365.25 days, systemd's year (`USEC_PER_YEAR`).
const YEAR_US: u64 = 31_557_600_000_000;

/// What stands for `infinity`.
pub const INFINITE_US: u64 = u64::MAX;

/// Why a span cannot be read, and where in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanError {
    /// Bytes of the text that are wrong.
    pub at: Range<usize>,
    /// What is wrong with them.
    pub why: &'static str,
}

/// Microseconds of a span; a number without a unit counts in `default_us` (seconds in unit files: `parse_sec`).
pub fn parse_span(text: &str, default_us: u64) -> Result<u64, SpanError> {
    let bytes = text.as_bytes();
    let skip = |mut at: usize| {
        while bytes.get(at).is_some_and(|byte| b" \t\n\r".contains(byte)) {
            at += 1;
        }
        at
    };
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        at
    };
    let error = |at: Range<usize>, why| Err(SpanError { at, why });
    let mut at = skip(0);
    if text[at..].starts_with("infinity") {
        let end = skip(at + 8);
        return if end == text.len() { Ok(INFINITE_US) } else { error(end..text.len(), "nothing follows `infinity`") };
    }
    let (mut total, mut something) = (0u64, false);
    loop {
        at = skip(at);
        if at == text.len() {
            return if something { Ok(total) } else { error(0..text.len(), "no time span is given") };
        }
        if bytes[at] == b'-' {
            return error(at..at + 1, "a time span is not negative");
        }
        let sign = usize::from(bytes[at] == b'+');
        let number = at + sign..digits(at + sign);
        let whole: i64 = match text[number.clone()].parse() {
            Ok(whole) => whole,
            Err(_) if number.is_empty() => 0,
            Err(_) => return error(number, "the number is too large"),
        };
        // strtoll(3) gives back the sign where no digit follows.
        let after = if number.is_empty() { at } else { number.end };
        let point = bytes.get(after) == Some(&b'.');
        let fraction = if point { after + 1..digits(after + 1) } else { after..after };
        if !point && number.is_empty() {
            return error(at..char_end(text, at), "a number is expected here");
        }
        let unit_at = skip(fraction.end);
        let (unit_us, end) = match UNITS.iter().find(|(name, _)| text[unit_at..].starts_with(name)) {
            Some((name, unit_us)) => (*unit_us, unit_at + name.len()),
            None => (default_us, unit_at),
        };
        if end == fraction.end && end < text.len() {
            return error(end..char_end(text, end), "a unit of time is expected here (s, min, h, d, w, …)");
        }
        let add = (whole as u64)
            .checked_mul(unit_us)
            .filter(|sum| (whole as u64) < u64::MAX / unit_us && *sum < u64::MAX - total);
        let Some(add) = add else { return error(at..end, "the time span is too large") };
        total += add;
        something = true;
        if point {
            if fraction.is_empty() {
                return error(after..after + 1, "digits are expected behind the point");
            }
            let mut part = unit_us / 10;
            for digit in &bytes[fraction] {
                total = total.saturating_add(u64::from(digit - b'0') * part);
                part /= 10;
            }
        }
        at = end;
    }
}

fn char_end(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(at, |c| at + c.len_utf8())
}

/// Prints microseconds as systemd does (`format_timespan` with an accuracy of a microsecond): `1d 9.144000s`, `45min`.
pub fn format_span(us: u64) -> String {
    const TABLE: [(&str, u64); 9] = [
        ("y", YEAR_US),
        ("month", MONTH_US),
        ("w", 604_800_000_000),
        ("d", 86_400_000_000),
        ("h", 3_600_000_000),
        ("min", 60_000_000),
        ("s", 1_000_000),
        ("ms", 1000),
        ("us", 1),
    ];
    if us == INFINITE_US {
        return "infinity".to_owned();
    }
    if us == 0 {
        return "0".to_owned();
    }
    let (mut rest, mut parts) = (us, Vec::new());
    for (index, (name, unit_us)) in TABLE.iter().enumerate() {
        if rest == 0 {
            break;
        }
        if rest < *unit_us {
            continue;
        }
        let (whole, below) = (rest / unit_us, rest % unit_us);
        // Under a minute everything left is one number with a point.
        if rest < 60_000_000 && below > 0 {
            let digits = [6, 3, 0][index - 6];
            let fraction = format!("{below:0digits$}");
            parts.push(format!("{whole}.{fraction}{name}"));
            break;
        }
        // A month is printed with a space in front of nothing else: `1month 2d`.
        parts.push(format!("{whole}{name}"));
        rest = below;
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        parse_span(text, 1_000_000).ok()
    }

    #[test]
    fn spans_of_the_manual_page_and_of_test_time_util() {
        // src/test/test-time-util.c, parse_sec, and systemd.time(7).
        assert_eq!(seconds("5s"), Some(5_000_000));
        assert_eq!(seconds("5s500ms"), Some(5_500_000));
        assert_eq!(seconds(" 5s 500ms  "), Some(5_500_000));
        assert_eq!(seconds(" 5.5s  "), Some(5_500_000));
        assert_eq!(seconds(" 5.5s 0.5ms "), Some(5_500_500));
        assert_eq!(seconds(" .22s "), Some(220_000));
        assert_eq!(seconds(" .50y "), Some(YEAR_US / 2));
        assert_eq!(seconds("2.5"), Some(2_500_000));
        assert_eq!(seconds(".7"), Some(700_000));
        assert_eq!(seconds("23us"), Some(23));
        assert_eq!(seconds("23μs"), Some(23));
        assert_eq!(seconds("1y 12month"), Some(YEAR_US * 2));
        assert_eq!(seconds("55s500ms"), Some(55_500_000));
        assert_eq!(seconds("300ms20s 5day"), Some(5 * 86_400_000_000 + 20_300_000));
        assert_eq!(seconds("infinity"), Some(INFINITE_US));
        assert_eq!(seconds(" infinity "), Some(INFINITE_US));
        assert_eq!(seconds("+3.1s"), Some(3_100_000));
        assert_eq!(seconds("3.1s.2"), Some(3_300_000));
        assert_eq!(seconds("3.1 .2"), Some(3_300_000));
        assert_eq!(seconds("3.1 sec .2 sec"), Some(3_300_000));
        assert_eq!(seconds("2hr"), Some(7_200_000_000));
    }

    #[test]
    fn spans_systemd_refuses() {
        for text in [
            "",
            "xyz",
            "-5s",
            "3.-5s",
            "-1s",
            "0.-0",
            "3.+1",
            "3. 1",
            "3.sec",
            "3.hoge",
            "1234.",
            "1234. ",
            "12.34.56",
            "12.34sx",
            "5 foo",
            ".3 infinity",
            "infinity x",
            "99999999999999999999s",
            "+",
        ] {
            assert_eq!(seconds(text), None, "{text:?}");
        }
        assert_eq!(parse_span("5 foo", 1_000_000).map_err(|error| error.at), Err(2..3));
    }

    #[test]
    fn printed_as_systemd_prints() {
        assert_eq!(format_span(86_400_000_000 + 9_144_000), "1d 9.144000s");
        assert_eq!(format_span(45 * 60_000_000), "45min");
        assert_eq!(format_span(500), "500us");
        assert_eq!(format_span(1_500), "1.500ms");
        assert_eq!(format_span(MONTH_US + 1), "1month 1us");
        assert_eq!(format_span(0), "0");
    }
}
