//! Stretches of one boot in which no step shows, found as the points come.

use std::collections::BTreeMap;

use super::{MOST_RUNS, NOISE_US, Point, SLEW_PPM};

/// Knots that a run keeps; when there are more, every second one goes.
const MOST_KNOTS: usize = 128;

/// Points of one boot that follow each other without a step.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// Points in order of the monotonic clock: the first, the last, and some between.
    pub(super) knots: Vec<Point>,
    /// Entries the run stands for.
    pub(super) entries: u64,
    /// The least distance of knots on the monotonic clock, in microseconds.
    every_us: u64,
    /// The last point that was inserted and is no knot: where the run is divided next to it, it is the closest entry.
    recent: Option<Point>,
}

/// A gap between knots is wide when it is this many times their least distance. Its two ends are always kept.
const WIDE: u64 = 8;

impl Run {
    fn new(point: Point) -> Self {
        Self { knots: vec![point], entries: 1, every_us: 0, recent: None }
    }

    pub(super) fn first(&self) -> &Point {
        &self.knots[0]
    }

    pub(super) fn last(&self) -> &Point {
        &self.knots[self.knots.len() - 1]
    }

    /// Goes on with a run that begins behind it; `strays` entries between the two are of it, and tell nothing.
    pub(super) fn join(&mut self, strays: u64, after: Run) {
        self.entries += strays + after.entries;
        self.every_us = self.every_us.max(after.every_us);
        self.knots.extend(after.knots);
        self.thin();
    }

    /// Takes a point at the end of the run or behind it.
    fn append(&mut self, point: Point) {
        if same(self.last(), &point) {
            return;
        }
        self.entries += 1;
        // The last knot is the last point; it stays when it is far enough from the one before, or in front of a wide gap.
        let keeps = match self.knots.len() {
            0 | 1 => true,
            count => {
                let last = self.knots[count - 1].monotonic.0;
                last - self.knots[count - 2].monotonic.0 >= self.every_us
                    || point.monotonic.0 - last >= self.every_us.saturating_mul(WIDE)
            }
        };
        if !keeps {
            self.knots.pop();
        }
        self.knots.push(point);
        self.thin();
    }

    /// Takes a point between the first and the last, or in front of the first.
    fn insert(&mut self, point: Point) {
        let at = self.knots.partition_point(|knot| knot.monotonic < point.monotonic);
        if self.knots.get(at).is_some_and(|knot| same(knot, &point)) {
            return;
        }
        self.entries += 1;
        let near = |index: usize| {
            self.knots
                .get(index)
                .is_some_and(|knot| knot.monotonic.0.abs_diff(point.monotonic.0) < self.every_us.max(1))
        };
        if at == 0 || !(near(at) || near(at - 1)) {
            self.knots.insert(at, point);
            self.thin();
        } else {
            self.recent = Some(point);
        }
    }

    fn thin(&mut self) {
        if self.knots.len() <= MOST_KNOTS {
            return;
        }
        let spread = self.last().monotonic.0 - self.first().monotonic.0;
        self.every_us = self.every_us.max(spread / (MOST_KNOTS as u64 / 2));
        let wide = self.every_us.saturating_mul(WIDE);
        let apart = |pair: &[Point]| pair[1].monotonic.0 - pair[0].monotonic.0 >= wide;
        let mut kept: Vec<bool> = (0..self.knots.len()).map(|index| index % 2 == 0).collect();
        for (index, _) in self.knots.windows(2).enumerate().filter(|(_, pair)| apart(pair)) {
            kept[index] = true;
            kept[index + 1] = true;
        }
        if let Some(last) = kept.last_mut() {
            *last = true;
        }
        let mut kept = kept.into_iter();
        self.knots.retain(|_| kept.next().unwrap_or(true));
    }

    /// Divides the run before the first knot that is later than `point`; the second half is absent when there is none.
    fn split(self, point: &Point) -> (Run, Option<Run>) {
        let at = self.knots.partition_point(|knot| knot.monotonic <= point.monotonic);
        if at == 0 || at >= self.knots.len() {
            return (self, None);
        }
        let recent = self.recent;
        let (mut before, mut after) = self.divide(at);
        if let Some(recent) = recent {
            if recent.monotonic <= point.monotonic && recent.monotonic > before.last().monotonic {
                before.knots.push(recent);
            } else if recent.monotonic > point.monotonic && recent.monotonic < after.first().monotonic {
                after.knots.insert(0, recent);
            }
        }
        (before, Some(after))
    }

    /// Divides the run before the knot `at`, which is neither the first nor behind the last. How the entries were spread is not
    /// known any more; knots stand for as many as each other.
    pub(super) fn divide(mut self, at: usize) -> (Run, Run) {
        let all = self.knots.len() as u64;
        let knots = self.knots.split_off(at);
        let entries = (self.entries * knots.len() as u64 / all.max(1)).max(1);
        self.entries = self.entries.saturating_sub(entries).max(1);
        let after = Run { entries, every_us: self.every_us, knots, recent: None };
        self.recent = None;
        (self, after)
    }
}

/// True for an entry that another file has too.
fn same(first: &Point, second: &Point) -> bool {
    first.monotonic == second.monotonic && first.realtime == second.realtime
}

/// How far two readings may lie apart without a step between them.
fn allowed(first: &Point, second: &Point) -> u64 {
    NOISE_US + first.monotonic.0.abs_diff(second.monotonic.0) / 1_000_000 * SLEW_PPM
}

/// True when no step shows between the two.
pub(super) fn agree(first: &Point, second: &Point) -> bool {
    first.offset_us().abs_diff(second.offset_us()) <= allowed(first, second)
}

/// The runs of one boot, by the monotonic time they begin at. They do not overlap.
#[derive(Clone, Debug)]
pub(super) struct Runs {
    runs: BTreeMap<u64, Run>,
    /// When the boot was first met among all points.
    pub(super) met: u64,
    /// The least number an entry of it has in its journal.
    pub(super) seqnum: Option<super::Seqnum>,
    /// Points that were not taken because there were too many runs.
    pub(super) lost: u64,
    /// Entries that tell of a suspend, in monotonic time; some thousand at most.
    pub(super) suspends: Vec<Point>,
}

/// Marks of suspends that are kept on a boot.
const MOST_SUSPENDS: usize = 8192;

impl Runs {
    pub(super) fn new(met: u64) -> Self {
        Self { runs: BTreeMap::new(), met, seqnum: None, lost: 0, suspends: Vec::new() }
    }

    /// The runs in order.
    pub(super) fn into_list(self) -> Vec<Run> {
        self.runs.into_values().collect()
    }

    pub(super) fn add(&mut self, point: Point) {
        if point.suspend && self.suspends.len() < MOST_SUSPENDS {
            self.suspends.push(point);
        }
        if let Some(seqnum) = point.seqnum
            && self.seqnum.is_none_or(|least| least.id == seqnum.id && seqnum.number < least.number)
        {
            self.seqnum = Some(seqnum);
        }
        let Some((start, run)) = self.runs.range_mut(..=point.monotonic.0).next_back() else {
            self.add_in_front(point);
            return;
        };
        let start = *start;
        if point.monotonic >= run.last().monotonic {
            if agree(run.last(), &point) {
                run.append(point);
                return;
            }
            // It begins the next run, or one of its own.
            self.add_after(start, point);
            return;
        }
        let at = run.knots.partition_point(|knot| knot.monotonic <= point.monotonic);
        let before = &run.knots[at.saturating_sub(1)];
        let after = &run.knots[at.min(run.knots.len() - 1)];
        if agree(before, &point) && agree(&point, after) {
            run.insert(point);
            return;
        }
        // A point inside of a run that is not of it: another file saw a step and one back between two entries of this one.
        if self.runs.len() + 2 > MOST_RUNS {
            self.lost += 1;
            return;
        }
        let Some(run) = self.runs.remove(&start) else { return };
        let (before, after) = run.split(&point);
        if agree(before.last(), &point) {
            let mut before = before;
            before.append(point);
            self.put(before);
            self.put_all(after);
            return;
        }
        self.put(before);
        match after {
            Some(mut after) if agree(&point, after.first()) => {
                after.insert(point);
                self.put(after);
            }
            after => {
                self.put_all(after);
                self.put(Run::new(point));
            }
        }
    }

    /// A point behind the run at `start`, with which it does not agree.
    fn add_after(&mut self, start: u64, point: Point) {
        let next = self.runs.range(start + 1..).next().map(|(start, _)| *start);
        if let Some(next) = next
            && let Some(mut run) = self.runs.remove(&next)
        {
            if agree(&point, run.first()) {
                run.insert(point);
                self.put(run);
                return;
            }
            self.put(run);
        }
        self.put_new(point);
    }

    /// A point in front of all runs.
    fn add_in_front(&mut self, point: Point) {
        let first = self.runs.keys().next().copied();
        if let Some(first) = first
            && self.runs.get(&first).is_some_and(|run| agree(&point, run.first()))
            && let Some(mut run) = self.runs.remove(&first)
        {
            run.insert(point);
            self.put(run);
            return;
        }
        self.put_new(point);
    }

    fn put_new(&mut self, point: Point) {
        if self.runs.len() >= MOST_RUNS {
            self.lost += 1;
            return;
        }
        self.put(Run::new(point));
    }

    fn put_all(&mut self, run: Option<Run>) {
        if let Some(run) = run {
            self.put(run);
        }
    }

    /// Files a run under the time it begins at. Two that begin at the same microsecond contradict each other; the one of more
    /// entries stays, and what the other stood for is counted as lost.
    fn put(&mut self, run: Run) {
        let start = run.first().monotonic.0;
        match self.runs.entry(start) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(run);
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                let known = entry.get_mut();
                if known.entries >= run.entries {
                    self.lost += run.entries;
                } else {
                    self.lost += known.entries;
                    *known = run;
                }
            }
        }
    }
}
