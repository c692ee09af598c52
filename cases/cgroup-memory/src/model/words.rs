//! Sizes and numbers in words.

use super::range::Range;

/// `63.6 MiB`; below 10 KiB in bytes.
pub fn bytes(value: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    if value < 10 << 10 {
        return count(value, "byte");
    }
    let (name, unit) = UNITS.iter().find(|(_, unit)| value >= *unit).copied().unwrap_or(("KiB", 1 << 10));
    let tenths = (u128::from(value) * 100 + u128::from(unit) / 2) / u128::from(unit);
    match tenths {
        0..10_000 if tenths % 100 == 0 => format!("{} {name}", tenths / 100),
        0..1000 => format!("{}.{:02} {name}", tenths / 100, tenths % 100),
        _ => format!("{}.{} {name}", tenths / 100, tenths % 100 / 10),
    }
}

/// `63.6 MiB`, `1.7 GiB to 4 GiB`, `up to 4 GiB`.
pub fn range(range: Range) -> String {
    match (range.lo, range.hi) {
        (lo, hi) if bytes(lo) == bytes(hi) => bytes(lo),
        (0, hi) => format!("up to {}", bytes(hi)),
        (lo, hi) => format!("{} to {}", bytes(lo), bytes(hi)),
    }
}

/// A length of time: `40 s`, `12 min`, `3 h 20 min`, `9 days`.
pub fn time(seconds: u64) -> String {
    match seconds {
        0..100 => format!("{seconds} s"),
        100..6000 => format!("{} min", seconds / 60),
        6000..172_800 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// `1 process`, `9 processes`.
pub fn count(number: u64, one: &str) -> String {
    let many = if one.ends_with('s') { "es" } else { "s" };
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}{many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short_and_not_rounded_away() {
        assert_eq!(
            [0, 1, 4096, 66_727_936, 4 << 30, 1_820_000_000, 3 << 40].map(bytes),
            ["0 bytes", "1 byte", "4096 bytes", "63.6 MiB", "4 GiB", "1.70 GiB", "3 TiB"]
        );
        assert_eq!(range(Range::up_to(4 << 30)), "up to 4 GiB");
        assert_eq!(count(2, "process"), "2 processes");
    }
}
