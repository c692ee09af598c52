//! Lengths of time as people write them. A unit is required: the traps of this case are bare numbers.

use casebook_core::{VerbError, VerbInput};

/// Nanoseconds of `350s`, `1.5h`, `250ms`.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let unit_ns = match unit {
        "ms" => 1e6,
        "s" => 1e9,
        "m" | "min" => 60e9,
        "h" => 3600e9,
        "d" => 86_400e9,
        "" => return Err(format!("`{text}` has no unit: {text}s, {text}ms, {text}min or {text}h")),
        _ => return Err(format!("`{unit}` is no unit of time: ms, s, min, h, d")),
    };
    let number: f64 = number.parse().map_err(|_| format!("`{text}` is no length of time"))?;
    let ns = number * unit_ns;
    if !(1e6..=30.0 * 86_400e9).contains(&ns) {
        return Err(format!("`{text}` is not between 1 ms and 30 days"));
    }
    Ok(ns as u64)
}

/// The value of an argument that is a length of time.
pub(super) fn value(input: &VerbInput<'_>, name: &str) -> Result<Option<u64>, VerbError> {
    let Some(text) = input.value(name) else { return Ok(None) };
    parse(text).map(Some).map_err(|why| VerbError::usage(format!("--{name}: {why}")))
}

/// The value of an argument that is a number between two others.
pub(super) fn number(input: &VerbInput<'_>, name: &str, low: u64, high: u64) -> Result<Option<u64>, VerbError> {
    let Some(text) = input.value(name) else { return Ok(None) };
    match text.parse::<u64>() {
        Ok(number) if (low..=high).contains(&number) => Ok(Some(number)),
        _ => Err(VerbError::usage(format!("--{name}: `{text}` is no number from {low} to {high}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_length_of_time_has_a_unit() {
        assert_eq!(parse("350s"), Ok(350_000_000_000));
        assert_eq!(parse("1.5h"), Ok(5_400_000_000_000));
        assert_eq!(parse("250ms"), Ok(250_000_000));
        for wrong in ["", "350", "s", "1.2.3s", "-1s", "1e9s", "5 s", "40d", "0s", "1us", "\u{0}", "٣s"] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
