//! Lengths of time as systemd prints them (src/basic/time-util.c, `format_timespan`): `1d 9.144s`, `5min`, `0`, `infinity`.

use super::SpanUs;

/// Units that `format_timespan` prints, in microseconds. Its year has 365.25 days, its month 30.44.
const UNITS: &[(&str, u64)] = &[
    ("years", 31_557_600_000_000),
    ("year", 31_557_600_000_000),
    ("y", 31_557_600_000_000),
    ("months", 2_629_800_000_000),
    ("month", 2_629_800_000_000),
    ("weeks", 604_800_000_000),
    ("week", 604_800_000_000),
    ("w", 604_800_000_000),
    ("days", 86_400_000_000),
    ("day", 86_400_000_000),
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("min", 60_000_000),
    ("ms", 1_000),
    ("us", 1),
    ("µs", 1),
    ("s", 1_000_000),
];

/// The length of time that `text` is: as `format_timespan` prints, nothing else. `None` for `n/a`, empty text or a unit that
/// is not one of its own.
pub fn time_span(text: &str) -> Option<SpanUs> {
    let text = text.trim();
    match text {
        "infinity" => return Some(SpanUs::INFINITY),
        "0" => return Some(SpanUs(0)),
        _ => {}
    }
    let mut total: Option<u64> = None;
    for word in text.split(' ').filter(|word| !word.is_empty()).flat_map(parts) {
        total = Some(total.unwrap_or(0).checked_add(word?)?);
    }
    total.map(SpanUs)
}

/// `1min30s` is two parts; `1month` one, and `1 month` (two words) is not printed without `s` or number between.
fn parts(word: &str) -> impl Iterator<Item = Option<u64>> {
    let mut rest = word;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let digits = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        let letters =
            rest.get(digits..).map_or(0, |unit| unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len()));
        let part = rest.get(..digits).zip(rest.get(digits..digits + letters)).and_then(|(number, unit)| {
            let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit)?;
            scaled(number, *scale)
        });
        rest = if part.is_some() { rest.get(digits + letters..).unwrap_or("") } else { "" };
        Some(part)
    })
}

/// `number`, which may have a fraction, of a unit of `scale` microseconds. Exact: no floating point.
fn scaled(number: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole: u64 = whole.parse().ok()?;
    let mut part: u128 = 0;
    for (place, digit) in fraction.bytes().enumerate().take(15) {
        if !digit.is_ascii_digit() {
            return None;
        }
        part += u128::from(digit - b'0') * u128::from(scale) * 10u128.pow(14 - place as u32);
    }
    whole.checked_mul(scale)?.checked_add((part / 10u128.pow(15)) as u64)
}
