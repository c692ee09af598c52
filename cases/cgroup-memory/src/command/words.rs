//! Lengths of time and sizes, as they are typed and as they are shown.

/// The unit of each ending, in microseconds.
const UNITS: &[(&str, u64)] = &[
    ("ms", 1_000),
    ("s", 1_000_000),
    ("min", 60_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
];

/// `500ms`, `1s`, `1.5h`, `2min` in microseconds.
pub(super) fn duration_us(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit.trim())?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let whole: u64 = whole.parse().ok()?;
    let part: u64 = if part.is_empty() { 0 } else { format!("{part:0<6}").get(..6)?.parse().ok()? };
    whole.checked_mul(*scale)?.checked_add(u64::try_from(u128::from(part) * u128::from(*scale) / 1_000_000).ok()?)
}

/// A size in five columns at most: `0`, `512K`, `1.8G`, `26G`.
pub(super) fn short(bytes: u64) -> String {
    const LETTERS: [&str; 6] = ["K", "M", "G", "T", "P", "E"];
    if bytes == 0 {
        return "0".to_owned();
    }
    let (mut scaled, mut unit) = (bytes as f64 / 1024.0, 0);
    while scaled >= 999.5 && unit + 1 < LETTERS.len() {
        (scaled, unit) = (scaled / 1024.0, unit + 1);
    }
    let decimals = usize::from(scaled < 9.95);
    format!("{scaled:.decimals$}{}", LETTERS[unit])
}

/// A length of time in few columns: `45s`, `12min`, `3h`, `9d`.
pub(super) fn about(us: u64) -> String {
    let seconds = us / 1_000_000;
    match seconds {
        0..=99 => format!("{seconds}s"),
        100..=5_999 => format!("{}min", seconds / 60),
        6_000..=172_799 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// What a terminal must not take for a command of its own.
pub(super) fn harmless(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { '?' } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_a_unit() {
        let us = [
            ("1s", 1_000_000),
            ("500ms", 500_000),
            ("1.5h", 5_400_000_000),
            ("2min", 120_000_000),
            ("2m", 120_000_000),
        ];
        assert!(us.iter().all(|(text, us)| duration_us(text) == Some(*us)));
        for text in ["1", "", "s", "1x", "-1s", "1.2.3s", "99999999999999999d"] {
            assert_eq!(duration_us(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_short() {
        let shown = [
            (0, "0"),
            (1, "0.0K"),
            (4096, "4.0K"),
            (1 << 30, "1.0G"),
            (1023 << 20, "1.0G"),
            (10 << 30, "10G"),
            (u64::MAX, "16E"),
        ];
        for (bytes, text) in shown {
            assert_eq!(short(bytes), text);
        }
    }

    #[test]
    fn control_characters_are_shown_as_such() {
        assert_eq!(harmless("/a\u{1b}[31m\u{9b}b"), "/a?[31m?b");
    }
}
