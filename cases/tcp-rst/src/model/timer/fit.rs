//! Each class of timer against a series.

use super::{Class, Cycle, Death, Explains, Fit, Hypothesis, Series, cycle};

/// What the scheduling of a busy host adds to a timer, in microseconds; a lifetime or an eager idle timer is met within this
/// and a hundredth of its length.
const JITTER_US: i64 = 250_000;

/// Every class held against `series`, in the order of [`super::CLASSES`].
pub fn fit(series: &Series) -> Vec<Hypothesis> {
    let cycle = cycle(series);
    super::CLASSES
        .into_iter()
        .map(|class| {
            let fit = match class {
                Class::IdleSilent => idle_silent(series),
                Class::Lifetime => lifetime(series, cycle.as_ref()),
                Class::WallClock => wall_clock(series, cycle.as_ref()),
                Class::IdleAtOnce => idle_at_once(series),
            };
            Hypothesis { class, fit }
        })
        .collect()
}

fn slack(value_us: i64, precision_us: i64) -> i64 {
    JITTER_US.max(value_us / 100) + 2 * precision_us
}

fn precision(series: &Series) -> i64 {
    series.deaths.iter().map(|death| death.precision_us).max().unwrap_or(0)
}

/// Lowest and highest of some values.
fn range(values: impl Iterator<Item = i64>) -> Option<(i64, i64)> {
    values.fold(None, |range, value| match range {
        None => Some((value, value)),
        Some((low, high)) => Some((low.min(value), high.max(value))),
    })
}

fn ages(series: &Series) -> Option<(i64, i64)> {
    range(series.deaths.iter().filter_map(|death| Some(death.end_us - death.begin_us?)))
}

fn quiet(death: &Death) -> Option<i64> {
    Some(death.end_us - death.last_us?)
}

fn lifetime(series: &Series, cycle: Option<&Cycle>) -> Fit {
    let precision = precision(series);
    if let Some((low, high)) = ages(series) {
        if high - low > slack(high, precision) {
            return Fit::Refuted(format!(
                "the connections were {} to {} old when they ended; a lifetime ends them at one age",
                seconds(low),
                seconds(high)
            ));
        }
        if series.deaths.len() < 2 {
            return Fit::Undecided(format!(
                "one connection that ended at the age of {} fits any lifetime of that length; a second one decides",
                seconds(high)
            ));
        }
        return Fit::Fits(Explains {
            above_us: low - slack(low, precision),
            at_most_us: high,
            residual_us: high - low,
            says: format!("every connection ended at the age of {} (within {})", seconds(high), seconds(high - low)),
        });
    }
    let Some(cycle) = cycle else {
        return Fit::Undecided("one end without its begin says nothing of a lifetime; log the connects too".to_owned());
    };
    let (low, high) = (cycle.mean_us as i64 - cycle.spread_us, cycle.mean_us as i64 + cycle.spread_us);
    if cycle.spread_us > slack(high, precision) {
        return Fit::Refuted(format!(
            "the cycles differ by {}; a lifetime and an immediate reconnect repeat",
            seconds(cycle.spread_us)
        ));
    }
    let drift = cycle.drift_us / 1e6;
    Fit::Fits(Explains {
        above_us: low - slack(low, precision),
        at_most_us: low + cycle.spread_us + 2 * precision,
        residual_us: cycle.spread_us,
        says: format!(
            "cycles of {} (spread {}): a lifetime plus the reconnect, which adds up: {drift:+.3} s each cycle against {} s",
            seconds(cycle.mean_us as i64),
            seconds(cycle.spread_us),
            cycle.round_s
        ),
    })
}

fn wall_clock(series: &Series, cycle: Option<&Cycle>) -> Fit {
    let Some(cycle) = cycle else {
        return Fit::Undecided("one end fits any clock; a second and a third decide".to_owned());
    };
    let precision = precision(series);
    let period_us = cycle.round_s * 1_000_000;
    let first = series.deaths.first().map_or(0, |death| death.end_us);
    // Distance of each end from a multiple of the period after the first one.
    let phases = || {
        series.deaths.iter().map(|death| {
            let phase = (death.end_us - first).rem_euclid(period_us);
            if phase > period_us / 2 { phase - period_us } else { phase }
        })
    };
    let Some((low, high)) = range(phases()) else {
        return Fit::Undecided("there is no end in the series".to_owned());
    };
    let spread = high - low;
    let allowed = 2 * precision + JITTER_US.min(period_us / 20);
    if spread > allowed {
        return Fit::Refuted(format!(
            "against a period of {} s the ends move by {} over {} cycles; a clock keeps its time of day",
            cycle.round_s,
            seconds(spread),
            cycle.gaps_us.len()
        ));
    }
    if series.deaths.len() < 4 {
        return Fit::Undecided(format!(
            "{} ends lie within {} of a period of {} s, which so few ends do by chance and a slow drift does too; two more decide",
            series.deaths.len(),
            seconds(spread.max(precision)),
            cycle.round_s
        ));
    }
    Fit::Fits(Explains {
        above_us: period_us - 1,
        at_most_us: period_us,
        residual_us: spread,
        says: format!("all ends lie within {} of one phase of {} s, without drift", seconds(spread), cycle.round_s),
    })
}

fn idle_at_once(series: &Series) -> Fit {
    let provoked = series.deaths.iter().filter(|death| death.provoked == Some(true)).count();
    if provoked > 0 {
        return Fit::Refuted(format!(
            "{provoked} of {} ends are the answer to a packet; such a timer needs none",
            series.deaths.len()
        ));
    }
    let Some((low, high)) = range(series.deaths.iter().filter_map(quiet)) else {
        return Fit::Undecided("the log has no last packet before each end; a capture has".to_owned());
    };
    let precision = precision(series);
    if high - low > slack(high, precision) {
        return Fit::Refuted(format!(
            "the connections had been quiet for {} to {} when they ended; such a timer ends them after one time",
            seconds(low),
            seconds(high)
        ));
    }
    if let Some(survived) = series.longest_survived_us.filter(|survived| *survived > high + slack(high, precision)) {
        return Fit::Refuted(format!(
            "a connection came through {} of silence, longer than the {} after which others ended",
            seconds(survived),
            seconds(high)
        ));
    }
    if high < JITTER_US {
        return Fit::Refuted(format!("the last packet came {} before the end: nothing had been idle", seconds(high)));
    }
    Fit::Fits(Explains {
        above_us: low - slack(low, precision),
        at_most_us: high,
        residual_us: high - low,
        says: format!("every connection ended after {} of silence (within {})", seconds(high), seconds(high - low)),
    })
}

fn idle_silent(series: &Series) -> Fit {
    let alone = series.deaths.iter().filter(|death| death.provoked == Some(false)).count();
    if alone > 0 {
        return Fit::Refuted(format!(
            "{alone} of {} ends came without a packet before them; a timer that forgets in silence shows itself only to a packet",
            series.deaths.len()
        ));
    }
    let survived = series.longest_survived_us.unwrap_or(0);
    let died = series.deaths.iter().filter_map(quiet).min();
    // Without last packets the gap between two ends is the longest silence there can have been.
    let bound = died
        .or_else(|| series.deaths.windows(2).map(|pair| pair[1].end_us - pair[0].end_us + pair[1].precision_us).min());
    let Some(bound) = bound else {
        return Fit::Undecided("one end without the packets before it says nothing of an idle timer".to_owned());
    };
    if survived >= bound {
        return Fit::Refuted(format!(
            "a connection came through {} of silence and another ended after {}; one timer cannot do both, unless only some \
             of the forgotten connections die (several backends)",
            seconds(survived),
            seconds(bound)
        ));
    }
    let lower = if survived > 0 { format!("over {}", seconds(survived)) } else { "any length".to_owned() };
    Fit::Fits(Explains {
        above_us: survived,
        at_most_us: bound,
        residual_us: 0,
        says: format!(
            "a timer of {lower} and at most {}: it runs out unseen, and the next packet meets the end, so the period seen is \
             the traffic's own and not the timer's",
            seconds(bound)
        ),
    })
}

/// A time in seconds, with as many decimals as it is worth.
pub fn seconds(us: i64) -> String {
    let value = us as f64 / 1e6;
    if us % 1_000_000 == 0 {
        format!("{} s", us / 1_000_000)
    } else if value.abs() >= 100.0 {
        format!("{value:.1} s")
    } else {
        format!("{value:.3} s")
    }
}
