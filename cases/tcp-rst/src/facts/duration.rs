//! Lengths of time as programs in Go and messages of protobuf write them.

use super::timer::Micros;

/// Go's `time.ParseDuration`: `24h0m0s`, `1.5h`, `300ms`; `0` alone needs no unit. A negative one is `None`.
pub fn go(text: &str) -> Option<Micros> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Micros(0));
    }
    if rest.is_empty() {
        return None;
    }
    let mut nanos = 0u128;
    while !rest.is_empty() {
        let (value, after) = decimal(rest)?;
        let (unit, scale) = [("ns", 1u128), ("us", 1_000), ("µs", 1_000), ("μs", 1_000), ("ms", 1_000_000)]
            .into_iter()
            .chain([("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000)])
            .find(|(unit, _)| after.starts_with(unit))?;
        nanos = nanos.checked_add(value.checked_mul(scale)? / FRACTION)?;
        rest = &after[unit.len()..];
    }
    // Go keeps 63 bits of nanoseconds.
    (nanos <= i64::MAX as u128).then_some(Micros((nanos / 1_000) as u64))
}

/// `google.protobuf.Duration` in JSON: `3600s`, `0.5s`, nine digits of a fraction at most.
pub fn proto(text: &str) -> Option<Micros> {
    let (value, rest) = decimal(text.strip_suffix('s')?)?;
    let fraction = text.split_once('.').map_or(0, |(_, part)| part.len() - 1);
    // The largest the message can hold: 10 000 years (duration.proto).
    let limit = 315_576_000_000u128 * FRACTION;
    (rest.is_empty() && fraction <= 9 && value <= limit).then_some(Micros((value / 1_000) as u64))
}

/// Decimal numbers are kept in this many parts of one.
const FRACTION: u128 = 1_000_000_000;

/// A number with a fraction in front of a text.
fn decimal(text: &str) -> Option<(u128, &str)> {
    let whole = text.bytes().take_while(u8::is_ascii_digit).count();
    let mut rest = &text[whole..];
    let mut part = "";
    if let Some(tail) = rest.strip_prefix('.') {
        let digits = tail.bytes().take_while(u8::is_ascii_digit).count();
        part = &tail[..digits];
        rest = &tail[digits..];
    }
    if whole == 0 && part.is_empty() || whole > 18 {
        return None;
    }
    let whole: u128 = if whole == 0 { 0 } else { text[..whole].parse().ok()? };
    let part: u128 = format!("{:0<9}", &part[..part.len().min(9)]).parse().ok()?;
    Some((whole * FRACTION + part, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// go.dev/pkg/time#ParseDuration
    #[test]
    fn durations_of_go() {
        assert_eq!(go("24h0m0s"), Some(Micros::seconds(86_400)));
        assert_eq!(go("1.5h"), Some(Micros::seconds(5_400)));
        assert_eq!(go("300ms"), Some(Micros::millis(300)));
        assert_eq!(go("0"), Some(Micros(0)));
        assert_eq!(go("0s"), Some(Micros(0)));
        assert_eq!(go("5"), None);
        assert_eq!(go("-1s"), None);
        assert_eq!(go("9999999999h"), None);
        assert_eq!(go("999999999999999999h999999999999999999h"), None);
    }

    /// protobuf.dev, JSON mapping of Duration.
    #[test]
    fn durations_of_protobuf() {
        assert_eq!(proto("3600s"), Some(Micros::seconds(3_600)));
        assert_eq!(proto("0.5s"), Some(Micros::millis(500)));
        assert_eq!(proto("1.000340012s"), Some(Micros(1_000_340)));
        assert_eq!(proto("1h"), None);
        assert_eq!(proto("5"), None);
        assert_eq!(proto("-1s"), None);
    }
}
