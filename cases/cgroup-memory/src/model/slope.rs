//! How fast something grows, and when it will have grown to a limit.

/// Growth in units a second over the points (microseconds, value), and the seconds they span, by least squares. `None` when it does not
/// grow steadily: fewer than eight points, no growth, or a line that explains less than nine tenths of what is seen.
pub fn slope(points: &[(u64, u64)]) -> Option<(f64, u64)> {
    let (first, last) = (points.first()?, points.last()?);
    if points.len() < 8 || last.0 <= first.0 {
        return None;
    }
    let count = points.len() as f64;
    let seconds = |at: u64| at.saturating_sub(first.0) as f64 / 1e6;
    let mean_x = points.iter().map(|point| seconds(point.0)).sum::<f64>() / count;
    let mean_y = points.iter().map(|point| point.1 as f64).sum::<f64>() / count;
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for point in points {
        let (x, y) = (seconds(point.0) - mean_x, point.1 as f64 - mean_y);
        xy += x * y;
        xx += x * x;
        yy += y * y;
    }
    if xx <= 0.0 || yy <= 0.0 || xy <= 0.0 {
        return None;
    }
    let fit = xy * xy / (xx * yy);
    (fit >= 0.9).then(|| (xy / xx, (last.0 - first.0) / 1_000_000))
}

/// Seconds until `now` has grown to `limit`; `None` when that is further than a hundred years.
pub fn seconds_to(now: u64, limit: u64, per_second: f64) -> Option<u64> {
    let left = limit.checked_sub(now)? as f64;
    let seconds = left / per_second;
    (seconds.is_finite() && seconds < 3.2e9).then_some(seconds as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steady_growth_has_a_slope_and_a_saw_has_none() {
        let steady: Vec<(u64, u64)> = (0..60).map(|at| (at * 1_000_000, 1000 + at * 100 + at % 3)).collect();
        let (per_second, span) = slope(&steady).unwrap();
        assert!((per_second - 100.0).abs() < 1.0);
        assert_eq!(span, 59);
        assert!((99..=101).contains(&seconds_to(7000, 17_000, per_second).unwrap()));
        let saw: Vec<(u64, u64)> = (0..60).map(|at| (at * 1_000_000, at % 10 * 100)).collect();
        assert_eq!(slope(&saw), None);
        assert_eq!(slope(&steady[..5]), None);
        let flat: Vec<(u64, u64)> = (0..60).map(|at| (at, 5)).collect();
        assert_eq!(slope(&flat), None);
    }
}
