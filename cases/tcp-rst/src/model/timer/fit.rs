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

fn quiet(death: &Death) -> Option<i64> {
    Some(death.end_us - death.last_us?)
}

/// When an end can have happened: at its time, or, when a packet provoked it, at any time since the packet before.
fn when(death: &Death) -> (i64, i64) {
    let from = match (death.provoked, death.last_us) {
        (Some(false), _) | (_, None) => death.end_us,
        (_, Some(last)) => last,
    };
    (from, death.end_us + death.precision_us)
}

fn lifetime(series: &Series, cycle: Option<&Cycle>) -> Fit {
    let precision = precision(series);
    let ages = || series.deaths.iter().filter_map(|death| Some((when(death), death.begin_us?)));
    let low = ages().map(|((from, _), begin)| from - begin).max();
    let high = ages().map(|((_, to), begin)| to - begin).min();
    if let (Some(low), Some(high)) = (low, high) {
        let apart = low - high;
        if apart > slack(high, precision) {
            return Fit::Refuted(format!(
                "one connection lived to the age of {}, another had ended at {}; a lifetime ends them at one age",
                seconds(low),
                seconds(high)
            ));
        }
        if high < JITTER_US {
            return Fit::Refuted(format!(
                "a connection ended at the age of {}: what ends it so early is no timer",
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
            // A proxy's clock begins before its leg to the server does, and a capture sees packets earlier or later than it.
            above_us: low.min(high) - slack(low, precision),
            at_most_us: high + slack(high, precision),
            residual_us: apart.max(0),
            says: if apart >= 0 {
                format!("every connection ended at the age of {} (within {})", seconds(high), seconds(apart))
            } else {
                format!("an age between {} and {} ends every connection", seconds(low), seconds(high))
            },
        });
    }
    let Some(cycle) = cycle else {
        return Fit::Undecided("one end without its begin says nothing of a lifetime; log the connects too".to_owned());
    };
    let mean = cycle.mean_us as i64;
    if cycle.spread_us > slack(mean, precision) {
        return Fit::Refuted(format!(
            "the cycles differ by {}; a lifetime and an immediate reconnect repeat",
            seconds(cycle.spread_us)
        ));
    }
    Fit::Fits(Explains {
        above_us: mean - cycle.spread_us - slack(mean, precision),
        at_most_us: mean + cycle.spread_us + 2 * precision,
        residual_us: cycle.spread_us,
        says: format!(
            "cycles of {} (spread {}): a lifetime plus the reconnect, which adds up: {:+.3} s each cycle against {} s",
            seconds(mean),
            seconds(cycle.spread_us),
            cycle.drift_us / 1e6,
            cycle.round_s
        ),
    })
}

/// Ends that a clock of `period_us` explains: how far they are, at least, from one phase. Each end is an interval; the distance is
/// from the latest begin to the earliest end of them, modulo the period.
fn off_phase(series: &Series, period_us: i64) -> Option<i64> {
    let (anchor, _) = when(series.deaths.first()?);
    let bounds = series.deaths.iter().map(|death| {
        let (from, to) = when(death);
        let phase = (to - anchor).rem_euclid(period_us);
        let phase = if phase > period_us / 2 { phase - period_us } else { phase };
        (phase - (to - from), phase)
    });
    let (latest, earliest) = bounds.fold((i64::MIN, i64::MAX), |(low, high), (from, to)| (low.max(from), high.min(to)));
    Some((latest - earliest).max(0))
}

fn wall_clock(series: &Series, cycle: Option<&Cycle>) -> Fit {
    let Some(cycle) = cycle else {
        return Fit::Undecided("one end fits any clock; a second and a third decide".to_owned());
    };
    let precision = precision(series);
    let widest = series.deaths.iter().map(|death| when(death).1 - when(death).0).max().unwrap_or(0);
    // The nearest round period, or the nearest whole second: a job every four seconds is a clock as well.
    let whole = (cycle.mean_us / 1e6).round().max(1.0) as i64;
    let allowed = |round_s: i64| 2 * precision + JITTER_US.min(round_s * 1_000_000 / 40);
    let tried = [cycle.round_s, whole, whole + 1];
    let tried = tried.into_iter().filter_map(|round| Some((off_phase(series, round * 1_000_000)?, round)));
    let tried: Vec<(i64, i64)> = tried.collect();
    // The roundest that holds; where none does, the nearest.
    let best = tried.iter().find(|(off, round)| *off <= allowed(*round)).or(tried.iter().min());
    let Some((off, round_s)) = best.copied() else {
        return Fit::Undecided("there is no end in the series".to_owned());
    };
    let period_us = round_s * 1_000_000;
    if off > allowed(round_s) {
        return Fit::Refuted(format!(
            "against a period of {} s the ends move by {} over {} cycles; a clock keeps its time of day",
            cycle.round_s,
            seconds(off),
            cycle.gaps_us.len()
        ));
    }
    if widest * 4 > period_us {
        return Fit::Undecided(format!(
            "between the last packet that passed and the end lie up to {}; ends known that coarsely fit many clocks",
            seconds(widest)
        ));
    }
    if series.deaths.len() < 4 {
        return Fit::Undecided(format!(
            "{} ends lie within {} of a period of {} s, which so few ends do by chance and a slow drift does too; two more decide",
            series.deaths.len(),
            seconds(off.max(precision)),
            round_s
        ));
    }
    Fit::Fits(Explains {
        above_us: period_us - 1,
        at_most_us: period_us,
        residual_us: off,
        says: format!("all ends lie within {} of one phase of {round_s} s, without drift", seconds(off.max(widest))),
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
    if let Some(survived) = series.longest_survived_us.filter(|survived| *survived >= low) {
        return Fit::Refuted(format!(
            "a connection came through {} of silence, and others ended after {}",
            seconds(survived),
            seconds(low)
        ));
    }
    if high < JITTER_US {
        return Fit::Refuted(format!("the last packet came {} before the end: nothing had been idle", seconds(high)));
    }
    Fit::Fits(Explains {
        above_us: low - slack(low, precision),
        at_most_us: high + slack(high, precision),
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
