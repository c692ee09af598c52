//! Outcomes to a bracket.
//!
//! One cut in time is looked for: below it connections die at one rate (none, on a healthy path), beyond it at a higher one.
//! Each place of the cut has a likelihood; the bracket is all places that are not 1000 times less likely than the best.
//! With a death probability p beyond the timer that is the rule of the survivors, (1 - p)^n <= 0.1 %, and it needs no other
//! case for p < 1, for losses that have nothing to do with the timer, or for a single death that proves nothing.

use casebook_core::dial::{End, Outcome, When};

use super::stats::{interval, log_likelihood};

/// How many times less likely a place of the timer is that is left out.
pub const ODDS: f64 = 1000.0;

/// Deaths nobody had provoked that make a timer's time visible by themselves.
pub const ENOUGH_EAGER: u32 = 3;

/// A busy machine starts to count this much later than the timer it watches.
const LATE_NS: u64 = 25_000_000;

/// What an outcome says of the connection; `None` when it says nothing.
pub fn died(end: &End) -> Option<bool> {
    match end {
        End::Alive => Some(false),
        End::Reset(_) | End::Closed(_) | End::TimedOut(_) | End::Failed(_) | End::Vanished | End::Unanswered => {
            Some(true)
        }
        End::Unasked | End::NotOpened(_) => None,
    }
}

/// True when the connection ended while it waited.
pub fn eager(end: &End) -> bool {
    matches!(
        end,
        End::Reset(When::Waiting)
            | End::Closed(When::Waiting)
            | End::TimedOut(When::Waiting)
            | End::Failed(When::Waiting)
    )
}

/// A count of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Deaths.
    pub died: u32,
    /// Connections.
    pub of: u32,
}

impl Share {
    /// The 95 % interval of its probability.
    pub fn interval(self) -> (f64, f64) {
        interval(self.died, self.of)
    }
}

/// Where the timer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing was tried.
    Nothing,
    /// Nobody died.
    NoDeath {
        /// The longest wait.
        longest_ns: u64,
        /// Connections that waited that long, or at most a tenth less.
        at_longest: u32,
    },
    /// Connections that waited longer die, shorter ones do not, or more seldom.
    Bracket {
        /// Longest wait that is safely below it.
        lower_ns: u64,
        /// Shortest wait that is safely beyond it.
        upper_ns: u64,
        /// Deaths below, which the timer does not explain.
        below: Share,
        /// Deaths beyond.
        beyond: Share,
    },
    /// Connections die, and how long they waited has nothing to do with it as far as these show.
    Unrelated {
        /// Of all.
        all: Share,
        /// The shortest wait with a death.
        shortest_ns: u64,
        /// All connections died.
        every: bool,
    },
}

/// Time at which connections ended without anybody speaking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Eager {
    /// The first.
    pub first_ns: u64,
    /// The last.
    pub last_ns: u64,
    /// How many.
    pub count: u32,
}

/// What the outcomes of one group say.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// Where the timer is.
    pub found: Found,
    /// Ends without a cause on the wire.
    pub eager: Option<Eager>,
    /// How connections ended, with how many did; without those that worked.
    pub ends: Vec<(End, u32)>,
    /// The same as the far end saw it, for connections that died.
    pub far_ends: Vec<(End, u32)>,
    /// Outcomes that count.
    pub counted: u32,
    /// Deaths.
    pub deaths: u32,
    /// Connections that could not be set up.
    pub not_opened: u32,
    /// Trials that say nothing because bytes came unasked.
    pub void: u32,
}

impl Estimate {
    /// Lower and upper end of the bracket.
    pub fn bracket(&self) -> Option<(u64, u64)> {
        match self.found {
            Found::Bracket { lower_ns, upper_ns, .. } => Some((lower_ns, upper_ns)),
            _ => None,
        }
    }
}

fn tally(ends: &mut Vec<(End, u32)>, end: &End) {
    match ends.iter_mut().find(|(known, _)| known == end) {
        Some((_, count)) => *count += 1,
        None => ends.push((end.clone(), 1)),
    }
}

/// Estimates from the outcomes of one group.
pub fn estimate<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> Estimate {
    let (mut points, mut eager_at) = (Vec::new(), Vec::new());
    let (mut ends, mut far_ends) = (Vec::new(), Vec::new());
    let (mut not_opened, mut void) = (0, 0);
    for outcome in outcomes {
        let Some(dead) = died(&outcome.end) else {
            if outcome.end == End::Unasked {
                void += 1
            } else {
                not_opened += 1
            }
            continue;
        };
        // Connections of one gap differ by the machine's lateness only; their order says nothing.
        points.push((outcome.trial.gap_ns.min(outcome.waited_ns), outcome.waited_ns, dead));
        if dead {
            tally(&mut ends, &outcome.end);
            if let Some(far) = &outcome.far {
                tally(&mut far_ends, &far.end);
            }
        }
        if eager(&outcome.end) {
            eager_at.push(outcome.waited_ns);
        }
    }
    points.sort_unstable();
    ends.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    far_ends.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let deaths = points.iter().filter(|point| point.2).count();
    let eager = (!eager_at.is_empty()).then(|| Eager {
        first_ns: eager_at.iter().copied().min().unwrap_or_default(),
        last_ns: eager_at.iter().copied().max().unwrap_or_default(),
        count: eager_at.len() as u32,
    });
    let mut found = cut(&points);
    // A connection that ended at d without a cause was there until d: its timer is d, and needs no bracket.
    if let Some(seen) = eager.filter(|seen| seen.count as usize == deaths && seen.count >= ENOUGH_EAGER) {
        let slack = eager_slack_ns(seen.first_ns);
        let below = seen.first_ns.saturating_sub(slack);
        let survived = points.iter().filter(|point| point.1 <= below).count() as u32;
        let proved = matches!(found, Found::Bracket { .. }) || (survived == 0 && deaths == points.len());
        if proved {
            let beyond = points.iter().filter(|point| point.1 > below).count() as u32;
            found = Found::Bracket {
                lower_ns: below,
                upper_ns: seen.last_ns + LATE_NS,
                below: Share { died: 0, of: survived },
                beyond: Share { died: deaths as u32, of: beyond },
            };
        }
    }
    let counted = points.len() as u32;
    Estimate { found, eager, ends, far_ends, counted, deaths: deaths as u32, not_opened, void }
}

/// How much later than the timer its end arrives here: the way to the far end and the clocks' grain.
fn eager_slack_ns(at_ns: u64) -> u64 {
    (at_ns / 100).max(50_000_000).min(at_ns)
}

/// A connection: its gap, how long it really waited, and whether it died.
type Point = (u64, u64, bool);

fn cut(points: &[Point]) -> Found {
    let n = points.len() as u32;
    let longest_ns = points.iter().map(|point| point.1).max().unwrap_or_default();
    let share = |points: &[Point]| Share {
        died: points.iter().filter(|point| point.2).count() as u32,
        of: points.len() as u32,
    };
    let all = share(points);
    if points.is_empty() {
        return Found::Nothing;
    }
    if all.died == 0 {
        let nearly = longest_ns - longest_ns / 10;
        let at_longest = points.iter().filter(|point| point.1 >= nearly).count() as u32;
        return Found::NoDeath { longest_ns, at_longest };
    }
    // likelihoods[i]: the cut lies between point i-1 and point i; cut 0 is a rate that does not depend on the wait.
    let mut likelihoods = vec![log_likelihood(all.died, n)];
    let mut before = 0;
    for i in 1..points.len() {
        before += u32::from(points[i - 1].2);
        let (below, beyond) = (i as u32, n - i as u32);
        let rises = u64::from(all.died - before) * u64::from(below) > u64::from(before) * u64::from(beyond);
        let same_gap = points[i].0 == points[i - 1].0;
        likelihoods.push(if rises && !same_gap {
            log_likelihood(before, below) + log_likelihood(all.died - before, beyond)
        } else {
            f64::NEG_INFINITY
        });
    }
    let best = likelihoods.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let possible = |i: &usize| best - likelihoods[*i] <= ODDS.ln();
    let first = (0..likelihoods.len()).find(possible).unwrap_or_default();
    let last = (0..likelihoods.len()).rev().find(possible).unwrap_or_default();
    if first == 0 {
        let shortest_ns = points.iter().filter(|point| point.2).map(|point| point.1).min().unwrap_or_default();
        return Found::Unrelated { all, shortest_ns, every: all.died == n };
    }
    // Of the gaps on both sides the times that leave most room.
    let gap = |at: usize| points.iter().filter(move |point| point.0 == points[at].0).map(|point| point.1);
    Found::Bracket {
        lower_ns: gap(first - 1).min().unwrap_or_default(),
        upper_ns: gap(last).max().unwrap_or_default(),
        below: share(&points[..first]),
        beyond: share(&points[last..]),
    }
}

/// Numbers of backends N for which (N - 1)/N is inside the interval, up to 16: the probability that a connection whose
/// entry is gone is given to another backend than before, when each is as likely.
pub fn backends(beyond: Share) -> Vec<u32> {
    let (low, high) = beyond.interval();
    (2..=16).filter(|n| (low..=high).contains(&(f64::from(n - 1) / f64::from(*n)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(groups: &[(u64, u32, u32)]) -> Vec<Point> {
        let mut out = Vec::new();
        for (time, died, of) in groups {
            out.extend((0..*of).map(|i| (time * 1000, time * 1000 + u64::from(i), i < *died)));
        }
        out.sort_unstable();
        out
    }

    #[test]
    fn the_ladder_of_the_laboratory() {
        // Eight connections a gap, T = 5 s, two backends at random: deaths 0 at 4.8 s, 4 at 5.2 s, 2 at 6 s, 3 at 7 s.
        let found = cut(&points(&[(1000, 0, 8), (2000, 0, 8), (4800, 0, 8), (5200, 4, 8), (6000, 2, 8), (7000, 3, 8)]));
        let Found::Bracket { lower_ns, upper_ns, .. } = found else { panic!("{found:?}") };
        assert!(lower_ns < 5_000_000 && upper_ns > 5_000_000, "{found:?}");
        // Two deaths of eight at 6 s, three at 7 s: so few that 1000 : 1 leaves the whole of it open.
        assert!(lower_ns >= 1_000_000 && upper_ns <= 7_000_010, "{found:?}");
    }

    #[test]
    fn a_single_death_is_no_timer() {
        let found = cut(&points(&[(1000, 0, 8), (2000, 0, 8), (4000, 1, 8), (8000, 0, 8)]));
        assert!(matches!(found, Found::Unrelated { every: false, .. }), "{found:?}");
    }

    #[test]
    fn deaths_at_every_wait_are_not_a_timer() {
        let found = cut(&points(&[(500, 8, 8), (1000, 8, 8), (2000, 8, 8)]));
        assert!(matches!(found, Found::Unrelated { every: true, .. }), "{found:?}");
        let found = cut(&points(&[(500, 1, 8), (1000, 2, 8), (2000, 1, 8), (4000, 2, 8)]));
        assert!(matches!(found, Found::Unrelated { every: false, .. }), "{found:?}");
    }

    #[test]
    fn losses_below_do_not_hide_a_timer() {
        let found = cut(&points(&[(500, 1, 20), (1000, 0, 20), (2000, 1, 20), (4000, 20, 20)]));
        let Found::Bracket { lower_ns, upper_ns, below, .. } = found else { panic!("{found:?}") };
        assert!(lower_ns <= 2_000_020 && upper_ns >= 4_000_000 && below.died == 2, "{found:?}");
    }

    #[test]
    fn half_the_deaths_fit_two_backends() {
        assert!(backends(Share { died: 9, of: 24 }).contains(&2));
        assert!(!backends(Share { died: 24, of: 24 }).contains(&2));
    }
}
