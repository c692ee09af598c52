//! A line through the knots of a run that a few wrong ones do not bend: the median of all slopes (Theil and Sen).

use super::Point;

/// A rate is fitted over this much monotonic time at least, in microseconds.
const LEAST_US: u64 = 60_000_000;

/// How the clock gained on the monotonic one over a run, in parts per million. `None` for short runs.
pub(super) fn slope_ppm(knots: &[Point]) -> Option<f64> {
    let (first, last) = (knots.first()?, knots.last()?);
    if last.monotonic.0.saturating_sub(first.monotonic.0) < LEAST_US || knots.len() < 3 {
        return None;
    }
    let mut slopes = Vec::with_capacity(knots.len() * knots.len() / 2);
    for (index, left) in knots.iter().enumerate() {
        for right in knots.iter().skip(index + 1) {
            let time = right.monotonic.0.saturating_sub(left.monotonic.0);
            if time > 0 {
                slopes.push((right.offset_us() - left.offset_us()) as f64 / time as f64 * 1e6);
            }
        }
    }
    median(&mut slopes)
}

/// How far a knot lies from the line, in microseconds, at the median.
pub(super) fn noise_us(knots: &[Point], slope_ppm: f64) -> f64 {
    let residual = |knot: &Point| knot.offset_us() as f64 - slope_ppm * 1e-6 * knot.monotonic.0 as f64;
    let mut residuals: Vec<f64> = knots.iter().map(residual).collect();
    let Some(middle) = median(&mut residuals) else { return 0.0 };
    let mut distances: Vec<f64> = residuals.iter().map(|value| (value - middle).abs()).collect();
    median(&mut distances).unwrap_or(0.0)
}

/// The largest move between two knots that the line does not account for: index of the first of them, and microseconds.
pub(super) fn largest_jump(knots: &[Point], slope_ppm: f64) -> Option<(usize, i64)> {
    let moves = knots.windows(2).enumerate().map(|(index, pair)| {
        let time = pair[1].monotonic.0.saturating_sub(pair[0].monotonic.0) as f64;
        let moved = (pair[1].offset_us() - pair[0].offset_us()) as f64 - slope_ppm * 1e-6 * time;
        (index, moved as i64)
    });
    moves.max_by_key(|(_, moved)| moved.unsigned_abs())
}

fn median(values: &mut [f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    let (_, value, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    Some(*value)
}
