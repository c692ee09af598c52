//! The little of statistics the prober needs, with the counts it is needed for.

/// Natural logarithm of n!, by summing: counts are small, and the sum is exact to the last bits.
fn ln_factorial(n: u32) -> f64 {
    (2..=n).map(|k| f64::from(k).ln()).sum()
}

/// Probability of at most `k` of `n` at probability `p`.
fn at_most(k: u32, n: u32, p: f64) -> f64 {
    if k >= n || p <= 0.0 {
        return 1.0;
    }
    if p >= 1.0 {
        return 0.0;
    }
    let choose = |i: u32| ln_factorial(n) - ln_factorial(i) - ln_factorial(n - i);
    let sum: f64 = (0..=k).map(|i| (choose(i) + f64::from(i) * p.ln() + f64::from(n - i) * (1.0 - p).ln()).exp()).sum();
    sum.min(1.0)
}

/// The p at which `f`, which falls as p grows, goes through `level`.
fn solve(f: impl Fn(f64) -> f64, level: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if f(middle) > level { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

/// The 95 % interval of a probability of which `k` of `n` were seen: Clopper and Pearson, Biometrika 26 (1934), which
/// never covers less than it says.
pub fn interval(k: u32, n: u32) -> (f64, f64) {
    if n == 0 {
        return (0.0, 1.0);
    }
    let k = k.min(n);
    // Lower: P(X >= k) = 2.5 %; upper: P(X <= k) = 2.5 %.
    let lower = if k == 0 { 0.0 } else { solve(|p| at_most(k - 1, n, p), 0.975) };
    let upper = if k == n { 1.0 } else { solve(|p| at_most(k, n, p), 0.025) };
    (lower, upper)
}

/// Connections after which a death of probability `p` has been overlooked with this chance at most: the least n with
/// (1 - p)^n <= chance.
pub fn needed(p: f64, chance: f64) -> u32 {
    if p >= 0.999 {
        return 1;
    }
    (chance.ln() / (1.0 - p.max(0.01)).ln()).ceil() as u32
}

/// The death probability that would have been seen with 99 % in `n` connections.
pub fn visible(n: u32) -> f64 {
    if n == 0 { 1.0 } else { 1.0 - 0.01_f64.powf(1.0 / f64::from(n)) }
}

/// Log-likelihood of `k` deaths of `n` at the rate that fits them best.
pub fn log_likelihood(k: u32, n: u32) -> f64 {
    let part = |count: u32| if count == 0 { 0.0 } else { f64::from(count) * (f64::from(count) / f64::from(n)).ln() };
    part(k) + part(n - k.min(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_clopper_and_pearsons() {
        // The binomial sums in exact fractions (Python's fractions), bisected to 2^-24.
        let close = |(a, b): (f64, f64), (c, d): (f64, f64)| (a - c).abs() < 5e-5 && (b - d).abs() < 5e-5;
        assert!(close(interval(9, 24), (0.18799, 0.59406)), "{:?}", interval(9, 24));
        assert!(close(interval(8, 8), (0.63058, 1.0)), "{:?}", interval(8, 8));
        assert!(close(interval(0, 13), (0.0, 0.24705)), "{:?}", interval(0, 13));
        assert_eq!(interval(0, 0), (0.0, 1.0));
    }

    #[test]
    fn thirteen_connections_show_a_probability_of_three_tenths() {
        // 0.7^13 = 0.0097, 0.7^12 = 0.0138.
        assert_eq!((needed(0.3, 0.01), needed(0.5, 0.01), needed(1.0, 0.01)), (13, 7, 1));
        assert!(visible(13) <= 0.3 && visible(12) > 0.3);
    }
}
