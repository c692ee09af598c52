//! Which timer ends the connections: every class of timer is held against all deaths of a series, and what does not fit is
//! refuted.
//!
//! With s the begin of a connection, a its last packet before the end and e the end:
//! a lifetime keeps e - s, so one cycle is that plus the reconnect and the clock time of the end drifts;
//! an idle timer that acts keeps e - a;
//! an idle timer that forgets in silence (conntrack, IPVS, many cloud balancers) shows nothing when it runs out: the RST comes
//! with the next packet, so the period of the RSTs is the period of the *traffic* and only the bracket
//! longest gap survived < T <= shortest gap that died tells anything of T;
//! a wall clock (a cron job, a reload, a lease) keeps e modulo its period, and ends many connections together.

mod fit;
#[cfg(test)]
mod tests;

pub use fit::{fit, seconds};

/// One end of a connection. All times are in microseconds; only differences are used, except for the wall clock, which
/// uses the time as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Death {
    /// When the connection began; `None` when only ends are known (a log).
    pub begin_us: Option<i64>,
    /// When the last packet before the end, and before what provoked it, passed.
    pub last_us: Option<i64>,
    /// When it ended.
    pub end_us: i64,
    /// How exactly the times are known: 1 000 000 for a log with seconds.
    pub precision_us: i64,
    /// True when a packet provoked the end; `None` when that is not known.
    pub provoked: Option<bool>,
}

/// All that is known of a series of connections on one path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    /// Ends, in order of time.
    pub deaths: Vec<Death>,
    /// The longest quiet time that a connection of this path came through.
    pub longest_survived_us: Option<i64>,
}

/// The classes of timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Time since the connection began.
    Lifetime,
    /// Time since its last packet, with an end at once.
    IdleAtOnce,
    /// Time since its last packet, forgotten in silence; the next packet finds out.
    IdleSilent,
    /// The time of day or of the hour.
    WallClock,
}

/// All classes, in the order they are reported.
pub const CLASSES: [Class; 4] = [Class::IdleSilent, Class::Lifetime, Class::WallClock, Class::IdleAtOnce];

impl Class {
    /// Its name in a report.
    pub fn name(self) -> &'static str {
        match self {
            Class::Lifetime => "a lifetime",
            Class::IdleAtOnce => "an idle timer that ends the connection at once",
            Class::IdleSilent => "an idle timer that forgets in silence",
            Class::WallClock => "a wall clock",
        }
    }
}

/// What a class gives on a series.
#[derive(Clone, Debug, PartialEq)]
pub enum Fit {
    /// It explains every death.
    Fits(Explains),
    /// It does not; the sentence says which observation speaks against it.
    Refuted(String),
    /// The series does not hold what would decide; the sentence says what is missing.
    Undecided(String),
}

/// How a class explains a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Explains {
    /// The timer's value lies above this, in microseconds (exclusive) …
    pub above_us: i64,
    /// … and at or below this; `i64::MAX` when the series sets no upper bound.
    pub at_most_us: i64,
    /// Largest deviation from the class's law over the series, in microseconds.
    pub residual_us: i64,
    /// How the explanation reads, a full sentence.
    pub says: String,
}

/// One class and what it gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypothesis {
    /// The class.
    pub class: Class,
    /// The result.
    pub fit: Fit,
}

/// The cycle of a series of ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Cycle {
    /// Times from one end to the next, in microseconds.
    pub gaps_us: Vec<i64>,
    /// Their mean.
    pub mean_us: f64,
    /// Largest difference between two of them.
    pub spread_us: i64,
    /// How far the cycle is from the nearest round period, in microseconds for each cycle; positive when it is longer.
    pub drift_us: f64,
    /// The nearest round period, in seconds.
    pub round_s: i64,
}

/// Periods a clock or an administrator chooses, in seconds.
pub const ROUND_S: [i64; 20] = [
    60, 120, 300, 600, 900, 1_200, 1_800, 3_600, 7_200, 10_800, 14_400, 21_600, 28_800, 43_200, 64_800, 86_400,
    172_800, 259_200, 432_000, 604_800,
];

/// The cycle of `series`; `None` with fewer than two ends.
pub fn cycle(series: &Series) -> Option<Cycle> {
    let gaps_us: Vec<i64> = series.deaths.windows(2).map(|pair| pair[1].end_us - pair[0].end_us).collect();
    let (low, high) = (*gaps_us.iter().min()?, *gaps_us.iter().max()?);
    let mean_us = gaps_us.iter().sum::<i64>() as f64 / gaps_us.len() as f64;
    let nearest = |seconds: &i64| ((*seconds as f64 * 1e6) - mean_us).abs();
    let round_s = ROUND_S.into_iter().min_by(|a, b| nearest(a).total_cmp(&nearest(b))).unwrap_or(60);
    // A cycle that is far from every round period has none: then whole seconds are the rounding.
    let whole = (mean_us / 1e6).round().max(1.0) as i64;
    let round_s = if nearest(&round_s) <= mean_us * 0.05 { round_s } else { whole };
    Some(Cycle { drift_us: mean_us - round_s as f64 * 1e6, spread_us: high - low, mean_us, gaps_us, round_s })
}
