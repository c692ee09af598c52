//! Lengths of time as `ngx_parse_time` (src/core/ngx_parse.c) reads them: `1h 30m`, units once and from large to small.

use crate::facts::timer::Micros;

/// In which unit a directive keeps its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// `ngx_conf_set_msec_slot`: `ms` is allowed, months and years are not.
    Millis,
    /// `ngx_conf_set_sec_slot`: months and years are allowed, `ms` is not.
    Seconds,
}

/// `None` where nginx says "invalid value". A bare number is seconds.
pub fn length(text: &str, unit: Unit) -> Option<Micros> {
    const MAX: i128 = i64::MAX as i128;
    let seconds = unit == Unit::Seconds;
    // Steps of the mechanism: 0 start, 1 year, 2 month, 3 week, 4 day, 5 hour, 6 minute, 7 second, 8 millisecond, 9 last.
    let (mut value, mut total, mut valid) = (0i128, 0i128, false);
    let mut step = if seconds { 0 } else { 2 };
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        at += 1;
        if byte.is_ascii_digit() {
            value = value * 10 + i128::from(byte - b'0');
            if value > MAX {
                return None;
            }
            valid = true;
            continue;
        }
        let (next, scale, limit) = match byte {
            b'y' => (1, 365 * 86_400, step > 0),
            b'M' => (2, 30 * 86_400, step >= 2),
            b'w' => (3, 7 * 86_400, step >= 3),
            b'd' => (4, 86_400, step >= 4),
            b'h' => (5, 3_600, step >= 5),
            b'm' if bytes.get(at) == Some(&b's') => {
                at += 1;
                (8, 1, seconds || step >= 8)
            }
            b'm' => (6, 60, step >= 6),
            b's' => (7, 1, step >= 7),
            b' ' => (9, 1, step >= 7),
            _ => return None,
        };
        if limit {
            return None;
        }
        step = next;
        let scale = if next != 8 && !seconds { scale * 1_000 } else { scale };
        if value > MAX / scale {
            return None;
        }
        total += value * scale;
        if total > MAX {
            return None;
        }
        value = 0;
        while bytes.get(at) == Some(&b' ') {
            at += 1;
        }
    }
    let rest = if seconds { value } else { value * 1_000 };
    if !valid || rest > MAX || total > MAX - rest {
        return None;
    }
    let kept = u64::try_from(total + rest).ok()?;
    Some(Micros(kept.saturating_mul(if seconds { 1_000_000 } else { 1_000 })))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// nginx.org, "Configuration file measurement units"; the oracle test asks `nginx -t`.
    #[test]
    fn units_come_from_large_to_small_and_a_bare_number_is_seconds() {
        let millis = |text: &str| length(text, Unit::Millis).map(|micros| micros.0 / 1_000);
        assert_eq!(millis("75"), Some(75_000));
        assert_eq!(millis("1h 30m"), Some(5_400_000));
        assert_eq!(millis("1h30m"), Some(5_400_000));
        assert_eq!(millis("1m500ms"), Some(60_500));
        assert_eq!(millis("1d"), Some(86_400_000));
        assert_eq!(millis("30m 1h"), None);
        assert_eq!(millis("1y"), None);
        assert_eq!(millis(""), None);
        assert_eq!(length("1y", Unit::Seconds), Some(Micros::seconds(365 * 86_400)));
        assert_eq!(length("1ms", Unit::Seconds), None);
    }
}
