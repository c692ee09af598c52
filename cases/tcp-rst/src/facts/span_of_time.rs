//! Lengths of time as people write them: a number and a unit, several of them in a row.

use super::timer::Micros;

/// Reads `350 s`, `12h`, `1h30m`, `90 min`, `500 ms`. A number without a unit says nothing of time: it is an error.
pub fn parse(text: &str) -> Result<Micros, String> {
    let mut rest = text.trim();
    let mut total = 0_u64;
    if rest.is_empty() {
        return Err("an empty length of time".to_owned());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let letters = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let number: f64 = number.parse().map_err(|_| format!("{text:?} is no length of time, as \"350 s\" is"))?;
        let factor = match unit {
            "us" | "µs" => 1.0,
            "ms" => 1e3,
            "s" | "sec" | "second" | "seconds" => 1e6,
            "m" | "min" | "minute" | "minutes" => 60e6,
            "h" | "hour" | "hours" => 3_600e6,
            "d" | "day" | "days" => 86_400e6,
            "" => return Err(format!("{text:?} has no unit; write \"{number} s\"")),
            other => return Err(format!("{other:?} is no unit of time; use ms, s, m, h or d")),
        };
        // A cast of a float saturates; a century is enough for every timer.
        total = total.saturating_add((number * factor).round() as u64);
        rest = after.trim_start();
    }
    Ok(Micros(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_needed_and_add_up() {
        assert_eq!(parse("350 s"), Ok(Micros::seconds(350)));
        assert_eq!(parse("1h30m"), Ok(Micros::seconds(5_400)));
        assert_eq!(parse("0.5 s"), Ok(Micros::millis(500)));
        assert!(parse("350").unwrap_err().contains("no unit"));
        assert!(parse("350 foo").is_err());
        assert!(parse("s").is_err());
        assert!(parse("").is_err());
        assert!(parse("-5 s").is_err());
    }
}
