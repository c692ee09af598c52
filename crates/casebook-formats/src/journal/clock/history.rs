//! The clock of each boot as segments and the steps between them.

use std::collections::BTreeMap;

use super::runs::{Run, Runs};
use super::{BootId, MOST_BOOTS, MOST_RUNS, NOISE_US, Point, STRAY_US, Seqnum, fit, runs};

/// Why the difference of the clocks moved between two entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// The clock was set: no slewing of the kernel is as fast.
    Set,
    /// The entries are so far apart that slewing at 500 ppm moves it as far; the rate before and behind says that it was not
    /// slewing then.
    SetOrSlewed,
    /// An entry between or beside the two tells of a suspend, which moves it forward without anybody setting the clock.
    Suspended,
}

/// A move of the clock between two entries that follow each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// How far the clock moved, in microseconds; positive is forward.
    pub by_us: i64,
    /// The last entry before.
    pub before: Point,
    /// The first entry after.
    pub after: Point,
    /// Why.
    pub change: Change,
}

/// A stretch of a boot in which the clock was not set.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// The first entry.
    pub first: Point,
    /// The last entry.
    pub last: Point,
    /// Entries; where files overlap, some of them counted twice. One entry alone between two that agree with each other is
    /// more likely wrong than two steps.
    pub entries: u64,
    /// How the clock gained on the monotonic one, in parts per million: drift that is corrected, or slewing. `None` under a
    /// minute.
    pub slope_ppm: Option<f64>,
    /// Distance of an entry from that line, in microseconds, at the median.
    pub noise_us: f64,
}

/// One boot.
#[derive(Clone, Debug, PartialEq)]
pub struct Boot {
    /// Which.
    pub id: BootId,
    /// The least number of an entry of it.
    pub seqnum: Option<Seqnum>,
    /// Segments in order; never empty.
    pub segments: Vec<Segment>,
    /// Steps: one less than segments.
    pub steps: Vec<Step>,
    /// Entries that tell of a suspend, in order of the monotonic clock.
    pub suspends: Vec<Point>,
    /// Points that no segment holds: another entry says otherwise at the same microsecond, or there are too many steps.
    pub lost: u64,
}

impl Boot {
    /// The first entry.
    pub fn first(&self) -> &Point {
        &self.segments[0].first
    }

    /// The last entry.
    pub fn last(&self) -> &Point {
        &self.segments[self.segments.len() - 1].last
    }
}

/// The clock of all boots.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// Boots in the order they happened: of one journald by the numbers of their entries, which no clock changes; others by
    /// their first time.
    pub boots: Vec<Boot>,
    /// Points of times that no clock has, or of more boots than are kept.
    pub lost: u64,
}

impl History {
    /// The boot of this id.
    pub fn boot(&self, id: BootId) -> Option<&Boot> {
        self.boots.iter().find(|boot| boot.id == id)
    }

    /// Steps of all boots.
    pub fn steps(&self) -> impl Iterator<Item = (&Boot, &Step)> {
        self.boots.iter().flat_map(|boot| boot.steps.iter().map(move |step| (boot, step)))
    }

    /// Limits that were hit, each a sentence.
    pub fn limits(&self) -> Vec<String> {
        let mut out = Vec::new();
        if self.lost > 0 && self.boots.len() >= MOST_BOOTS {
            out.push(format!("the clock of {MOST_BOOTS} boots is kept; {} entries are of others", self.lost));
        }
        if self.boots.iter().any(|boot| boot.segments.len() >= MOST_RUNS) {
            out.push(format!("{MOST_RUNS} steps of the clock are kept for one boot"));
        }
        out
    }
}

pub(super) fn of(boots: BTreeMap<BootId, Runs>, lost: u64) -> History {
    let mut keyed: Vec<(u64, Boot)> = boots
        .into_iter()
        .filter_map(|(id, runs)| {
            let met = runs.met;
            boot(id, runs).map(|boot| (met, boot))
        })
        .collect();
    // Boots of one journald stay together: the place of the earliest of them is the place of all.
    let mut first: BTreeMap<u128, u64> = BTreeMap::new();
    for (_, boot) in &keyed {
        if let Some(seqnum) = boot.seqnum {
            let at = boot.first().realtime.0;
            first.entry(seqnum.id).and_modify(|least| *least = at.min(*least)).or_insert(at);
        }
    }
    keyed.sort_by_key(|(met, boot)| {
        let at = boot.first().realtime.0;
        match boot.seqnum {
            Some(seqnum) => (first.get(&seqnum.id).copied().unwrap_or(at), seqnum.id, seqnum.number, at, *met),
            None => (at, 0, 0, at, *met),
        }
    });
    History { boots: keyed.into_iter().map(|(_, boot)| boot).collect(), lost }
}

fn boot(id: BootId, mut runs: Runs) -> Option<Boot> {
    let (seqnum, lost) = (runs.seqnum, runs.lost);
    let mut suspends = std::mem::take(&mut runs.suspends);
    suspends.sort_by_key(|point| point.monotonic);
    suspends.dedup_by_key(|point| point.monotonic);
    let mut parts: Vec<(Run, bool)> = Vec::new();
    for run in without_strays(runs.into_list()) {
        divide(run, false, 0, &mut parts);
    }
    let segments: Vec<Segment> = parts.iter().map(|(run, _)| segment(run)).collect();
    let steps = segments.windows(2).zip(parts.iter().skip(1)).map(|(pair, (_, doubtful))| {
        let (before, after) = (pair[0].last, pair[1].first);
        step(before, after, *doubtful, pair[0].slope_ppm, &suspends)
    });
    let steps = steps.collect();
    (!segments.is_empty()).then_some(Boot { id, seqnum, segments, steps, suspends, lost })
}

/// Joins runs between which a few entries are off by a little: nobody sets a clock by a quarter of a second and at once back.
fn without_strays(runs: Vec<Run>) -> Vec<Run> {
    let mut out: Vec<Run> = Vec::with_capacity(runs.len());
    let mut rest = runs.into_iter().peekable();
    while let Some(run) = rest.next() {
        let stray = match (out.last(), rest.peek()) {
            (Some(before), Some(after)) => {
                let off = run.knots.iter().map(|knot| knot.offset_us().abs_diff(before.last().offset_us())).max();
                run.knots.len() <= 3 && off.unwrap_or(0) <= STRAY_US && runs::agree(before.last(), after.first())
            }
            _ => false,
        };
        if !stray {
            out.push(run);
        } else if let (Some(before), Some(after)) = (out.last_mut(), rest.next()) {
            before.join(run.entries, after);
        }
    }
    out
}

/// Divides a run where one gap between two knots holds most of its drift: the entries there are too far apart to tell a
/// step from slewing by the gap alone, but before and behind the clock went otherwise. `doubtful` marks such a division.
fn divide(run: Run, doubtful: bool, depth: usize, out: &mut Vec<(Run, bool)>) {
    /// Divisions of one run.
    const DEEPEST: usize = 12;
    let found = (depth < DEEPEST && run.knots.len() >= 4).then(|| {
        let slope = fit::slope_ppm(&run.knots)?;
        let (at, moved) = fit::largest_jump(&run.knots, slope)?;
        let noise = fit::noise_us(&run.knots, slope);
        let gap = run.knots[at + 1].monotonic.0 - run.knots[at].monotonic.0;
        let rate = moved.unsigned_abs() as f64 / gap.max(1) as f64 * 1e6;
        let is = moved.unsigned_abs() > NOISE_US && moved.unsigned_abs() as f64 > 20.0 * noise && rate > 20.0;
        is.then_some(at)
    });
    match found.flatten() {
        None => out.push((run, doubtful)),
        Some(at) => {
            let (before, after) = run.divide(at + 1);
            divide(before, doubtful, depth + 1, out);
            divide(after, true, depth + 1, out);
        }
    }
}

fn segment(run: &Run) -> Segment {
    let slope_ppm = fit::slope_ppm(&run.knots);
    Segment {
        first: *run.first(),
        last: *run.last(),
        entries: run.entries,
        slope_ppm,
        noise_us: fit::noise_us(&run.knots, slope_ppm.unwrap_or(0.0)),
    }
}

fn step(before: Point, after: Point, doubtful: bool, slope_ppm: Option<f64>, suspends: &[Point]) -> Step {
    /// A message of a suspend can come this long before or after it, in microseconds.
    const BESIDE_US: u64 = 10_000_000;
    let gap = after.monotonic.0.saturating_sub(before.monotonic.0);
    let drift = (slope_ppm.unwrap_or(0.0) * 1e-6 * gap as f64) as i64;
    let by_us = after.offset_us() - before.offset_us() - drift;
    let (from, to) = (before.monotonic.0.saturating_sub(BESIDE_US), after.monotonic.0 + BESIDE_US);
    let first = suspends.partition_point(|point| point.monotonic.0 < from);
    let slept = by_us > 0 && suspends.get(first).is_some_and(|point| point.monotonic.0 <= to);
    let change = match (slept, doubtful) {
        (true, _) => Change::Suspended,
        (false, true) => Change::SetOrSlewed,
        (false, false) => Change::Set,
    };
    Step { by_us, before, after, change }
}
