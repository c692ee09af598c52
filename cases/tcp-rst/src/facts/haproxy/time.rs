//! Lengths of time as `parse_time_err` (src/tools.c, 2.6) reads them: a number and one unit.

use crate::facts::timer::Micros;

/// Why haproxy refuses a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No digit where one is wanted, or a unit that is none.
    Character,
    /// More than 2 147 483 647 milliseconds.
    Overflow,
}

impl Refused {
    /// One clause for a report.
    pub fn why(self) -> &'static str {
        match self {
            Refused::Character => "haproxy refuses this time: it wants a number and one of us, ms, s, m, h, d",
            Refused::Overflow => "haproxy refuses this time: it is over 2147483647 ms",
        }
    }
}

/// A length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// How long; part of a millisecond counts as a whole one.
    pub micros: Micros,
    /// Letters follow the unit (`5sec`, `1m30`): 2.6 warns and leaves them out, later versions refuse the line.
    pub tail: bool,
}

/// A timeout; a number without a unit is milliseconds.
///
/// The arithmetic wraps in 64 bits, as haproxy's does: a number of twenty digits is accepted and means something else.
pub fn length(text: &str) -> Result<Length, Refused> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return Err(Refused::Character);
    }
    let value = text
        .bytes()
        .take(digits)
        .fold(0u64, |value, digit| value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')));
    let unit = &text[digits..];
    let (multiply, divide, width): (u64, u64, usize) = match unit.as_bytes() {
        [] => (1, 1, 0),
        [b'u', b's', ..] => (1, 1_000, 2),
        [b'm', b's', ..] => (1, 1, 2),
        [b's', ..] => (1_000, 1, 1),
        [b'm', ..] => (60_000, 1, 1),
        [b'h', ..] => (3_600_000, 1, 1),
        [b'd', ..] => (86_400_000, 1, 1),
        _ => return Err(Refused::Character),
    };
    let millis = value.wrapping_mul(multiply).wrapping_add(divide - 1) / divide;
    if millis > MAX_MS {
        return Err(Refused::Overflow);
    }
    Ok(Length { micros: Micros::millis(millis), tail: unit.len() > width })
}

/// Largest timeout, in milliseconds: 24.8 days.
const MAX_MS: u64 = 0x7fff_ffff;

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(text: &str) -> Result<u64, Refused> {
        length(text).map(|length| length.micros.0 / 1_000)
    }

    /// configuration.txt 2.5 "Time format"; the oracle test asks haproxy itself.
    #[test]
    fn a_bare_number_is_milliseconds_and_one_unit_may_follow() {
        assert_eq!(millis("50000"), Ok(50_000));
        assert_eq!(millis("50s"), Ok(50_000));
        assert_eq!(millis("1d"), Ok(86_400_000));
        assert_eq!(millis("1500us"), Ok(2));
        assert_eq!(millis("0"), Ok(0));
        assert_eq!(millis("s"), Err(Refused::Character));
        assert_eq!(millis("1.5s"), Err(Refused::Character));
        assert_eq!(millis("25d"), Err(Refused::Overflow));
    }

    /// `haproxy -c` of 2.6.12 warns: "unexpected character 'e' after the timer value '5sec'".
    #[test]
    fn letters_behind_the_unit_are_left_out() {
        let second = |tail| Ok(Length { micros: Micros::seconds(5), tail });
        assert_eq!(length("5sec"), second(true));
        assert_eq!(length("5s"), second(false));
        assert_eq!(length("18446744073709551616"), Ok(Length { micros: Micros(0), tail: false }));
    }
}
