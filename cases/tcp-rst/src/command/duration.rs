//! Lengths of time as people write them. A unit is required: the traps of this case are bare numbers.

use casebook_core::{VerbError, VerbInput};

use crate::facts::span_of_time;

/// Nanoseconds of `350s`, `1.5h`, `250ms`.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    let ns = span_of_time::parse(text)?.0.saturating_mul(1_000);
    if !(1_000_000..=30 * 86_400 * 1_000_000_000).contains(&ns) {
        return Err(format!("`{text}` is not between 1 ms and 30 days"));
    }
    Ok(ns)
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
        for wrong in ["", "350", "s", "1.2.3s", "-1s", "1e9s", "40d", "0s", "1us", "\u{0}", "٣s"] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
