//! Numbers of recordings of others, put in order of time and handed out as samples.

use std::collections::HashMap;

use super::field::{Field, Fields};
use super::stream::{Kept, Outcome, Sample, Session, Time, What};

/// Numbers that are kept of one recording: some 100 MB.
const MOST: usize = 4 << 20;
/// Groups, and the length of their names.
const MOST_GROUPS: usize = 1 << 16;
const MOST_PATH: usize = 4096;

/// One number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Datum {
    at_us: u64,
    group: u32,
    field: Field,
    value: u64,
    start: u32,
    end: u32,
}

/// Numbers as they are met, in any order.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) session: Session,
    pub(super) outcome: Outcome,
    paths: Vec<String>,
    numbers: HashMap<String, u32>,
    data: Vec<Datum>,
    full: bool,
}

impl Gathered {
    pub(super) fn new(session: Session) -> Self {
        Self { session, ..Self::default() }
    }

    /// The number of a group; `None` when there are too many.
    pub(super) fn group(&mut self, path: &str) -> Option<u32> {
        if let Some(number) = self.numbers.get(path) {
            return Some(*number);
        }
        if self.paths.len() >= MOST_GROUPS || path.len() > MOST_PATH {
            self.limit("a recording of more groups, or of longer names, than are read");
            return None;
        }
        let number = self.paths.len() as u32 + 1;
        self.paths.push(path.to_owned());
        self.numbers.insert(path.to_owned(), number);
        Some(number)
    }

    /// Adds a number of a group, which stands at `place`.
    pub(super) fn add(&mut self, at_us: u64, group: u32, field: Field, value: u64, place: (usize, usize)) {
        if self.data.len() >= MOST {
            return self.limit("a recording of more numbers than are kept");
        }
        let [start, end] = [place.0, place.1].map(|at| u32::try_from(at).unwrap_or(u32::MAX));
        self.data.push(Datum { at_us, group, field, value, start, end });
    }

    fn limit(&mut self, what: &'static str) {
        if !self.full {
            self.outcome.note(0, (0, 0), What::Limit(what));
            self.full = true;
        }
    }

    /// Hands out the samples: all numbers of one time are one.
    pub(super) fn play(mut self, each: &mut dyn FnMut(&Sample<'_>)) -> Outcome {
        self.data.sort();
        if self.session.interval_us == 0 {
            self.session.interval_us = interval(&self.data);
        }
        if !self.data.is_empty() {
            self.outcome.sessions.push(self.session.clone());
        }
        let mut kept: Vec<Kept> = Vec::with_capacity(self.paths.len());
        for (at, path) in std::mem::take(&mut self.paths).into_iter().enumerate() {
            kept.push(Kept { alive: false, ..Kept::new(at as u32 + 1, path) });
        }
        let mut last: Option<Time> = None;
        for sample in self.data.chunk_by(|a, b| a.at_us == b.at_us) {
            let Some(first) = sample.first() else { continue };
            let at = Time { realtime_us: first.at_us, ..Time::default() };
            let place = (first.start as usize, first.end as usize);
            let index = self.outcome.samples;
            self.outcome.time(last, at, self.session.interval_us, place);
            last = Some(at);
            kept.iter_mut().for_each(|kept| kept.alive = false);
            for group in sample.chunk_by(|a, b| a.group == b.group) {
                let Some(kept) = group.first().and_then(|datum| kept.get_mut(datum.group as usize - 1)) else {
                    continue;
                };
                take(kept, group, index, &mut self.outcome);
            }
            each(&Sample { index, at, session: &self.session, place, kept: &kept });
        }
        self.outcome
    }
}

/// Takes the numbers of a group in one sample.
fn take(kept: &mut Kept, data: &[Datum], index: u64, outcome: &mut Outcome) {
    let mut fields = Fields::default();
    for datum in data {
        fields.set(datum.field, datum.value);
        let before = kept.fields.get(datum.field).filter(|before| datum.field.is_counter() && *before > datum.value);
        if let Some(from) = before {
            let what = What::WentBack { path: kept.path.clone(), field: datum.field, from, to: datum.value };
            outcome.note(datum.at_us, (datum.start as usize, datum.end as usize), what);
        }
    }
    if fields != kept.fields {
        kept.fields = fields;
        kept.changed = index;
    }
    kept.alive = true;
}

/// The usual time between samples.
fn interval(data: &[Datum]) -> u64 {
    let mut times: Vec<u64> = data.iter().map(|datum| datum.at_us).collect();
    times.dedup();
    let mut steps: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    steps.sort_unstable();
    steps.get(steps.len() / 2).copied().unwrap_or(0)
}

/// A number as Prometheus and others write it (`1.234e+08`), when it is a whole one.
pub(super) fn whole(text: &str) -> Option<u64> {
    if let Ok(value) = text.parse::<u64>() {
        return Some(value);
    }
    // A double is exact up to 2^53, and its shortest text gives back the same double.
    let value: f64 = text.parse().ok()?;
    ((0.0..=9_007_199_254_740_992.0).contains(&value) && value.fract() == 0.0).then_some(value as u64)
}

/// Seconds since 1970, with a part, in microseconds.
pub(super) fn seconds_us(text: &str) -> Option<u64> {
    let value: f64 = text.parse().ok()?;
    (value > 0.0 && value < 1e12).then_some((value * 1e6).round() as u64)
}
