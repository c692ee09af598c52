//! Recordings, boiled down while they are read: for each group a few hundred points of what it held, and the instants of its kills.

use std::collections::BTreeMap;

use casebook_core::{Coverage, Evidence, Input, Span, Unmodelled};

use super::recording::{Field, Fields, KINDS, Note, Outcome, Sample, What, read as samples};
use crate::model::charges::{Keys, charges};
use crate::model::floor::{Swap, floor};
use crate::model::words::time;

/// What a group held at one time, bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// Time of day, microseconds since 1970.
    pub at_us: u64,
    /// `memory.current`.
    pub current: u64,
    /// What could not be reclaimed, at least.
    pub floor: u64,
    /// Anonymous memory, tmpfs and shared memory, page cache, kernel with sockets.
    pub parts: [u64; 4],
    /// The limit, its own; `u64::MAX` without one.
    pub limit: u64,
}

/// A kill that a recording shows: a counter went up between two samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedKill {
    /// Time of the sample that shows it.
    pub at_us: u64,
    /// How many more.
    pub kills: u64,
    /// The limit of the group itself was hit, as `oom` of its own says.
    pub own_limit: Option<bool>,
    /// The keys of the sample before it.
    pub before: Keys,
    /// The group's limit then.
    pub limit: Option<u64>,
    /// Room in swap then.
    pub swap: Swap,
    /// Bytes of the evidence.
    pub span: Span,
}

/// A group over time.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its path.
    pub path: String,
    /// Points, evenly spread over the recording.
    pub points: Vec<Point>,
    /// Samples that one point stands for; the point is the highest floor among them.
    pub every: u64,
    /// Kills.
    pub kills: Vec<RecordedKill>,
    /// Bytes of the evidence of its last sample.
    pub last: Span,
    /// The fields of the last sample.
    pub now: Box<Fields>,
    taken: u64,
}

/// One recording.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Groups, by path.
    pub groups: Vec<Series>,
    /// How many samples it has.
    pub samples: u64,
    /// First and last time of day, microseconds since 1970.
    pub span_us: Option<(u64, u64)>,
    /// What is odd about it.
    pub notes: Vec<Note>,
    /// Release of the kernel, of its last run.
    pub kernel: String,
}

/// Points a group has at most; then every second is dropped.
const MOST_POINTS: usize = 600;
/// Groups that are followed.
const MOST_GROUPS: usize = 20_000;
/// Kills of a group that are kept.
const MOST_KILLS: usize = 256;

/// Reads all recordings.
pub(super) fn read(input: &Input<'_>, coverage: &mut Vec<Coverage>) -> Vec<Recorded> {
    let mut out = Vec::new();
    for item in
        input.evidence.iter().filter(|item| item.kind.is_some_and(|kind| KINDS.iter().any(|one| one.name == kind)))
    {
        let mut groups = BTreeMap::new();
        let mut before = BTreeMap::new();
        let Some(outcome) = samples(item, &mut |sample| take(item, sample, &mut groups, &mut before)) else { continue };
        coverage.push(Coverage::read(item, unmodelled(item, &outcome)));
        out.push(Recorded {
            groups: groups.into_values().collect(),
            samples: outcome.samples,
            span_us: outcome.span_us,
            kernel: outcome.sessions.last().map(|session| session.kernel.clone()).unwrap_or_default(),
            notes: outcome.notes,
        });
    }
    out
}

fn unmodelled(item: &Evidence, outcome: &Outcome) -> Vec<Unmodelled> {
    let gaps = outcome.gaps.list().iter();
    let mut out: Vec<Unmodelled> =
        gaps.map(|gap| Unmodelled::new(Span::new(item.id, gap.start, gap.end), gap.why.clone().into_owned())).collect();
    out.extend(
        outcome
            .notes
            .iter()
            .filter_map(|note| Some(Unmodelled::new(Span::new(item.id, note.place.0, note.place.1), odd(&note.what)?))),
    );
    if outcome.gaps.unlisted() > 0 {
        out.push(Unmodelled::new(item.span(), format!("{} further stretches", outcome.gaps.unlisted())));
    }
    out
}

/// What is odd, in words; `None` for what is no matter.
fn odd(what: &What) -> Option<String> {
    Some(match what {
        What::ClockStep { by_us } if *by_us < 0 => {
            format!("the clock was set back by {} s here", by_us.unsigned_abs() / 1_000_000)
        }
        What::ClockStep { by_us } => format!("the clock was set ahead by {} s here", by_us / 1_000_000),
        What::TimeGap { us, suspended_us } => match suspended_us {
            0 => format!("no sample for {}", time(us / 1_000_000)),
            _ => format!("no sample for {}, of it {} asleep", time(us / 1_000_000), time(suspended_us / 1_000_000)),
        },
        What::WentBack { path, field, from, to } => {
            format!(
                "{} of {path} went back from {from} to {to}: the group was made anew, or the recorder is wrong",
                field.name()
            )
        }
        What::Lost => "samples are missing: the recording is damaged here".to_owned(),
        What::Limit(which) => (*which).to_owned(),
        What::Resumed { .. } | What::Recreated { .. } => return None,
    })
}

fn take(
    item: &Evidence,
    sample: &Sample<'_>,
    groups: &mut BTreeMap<String, Series>,
    before: &mut BTreeMap<String, (Keys, Option<u64>, Swap, u64, u64)>,
) {
    let span = Span::new(item.id, sample.place.0, sample.place.1);
    for group in sample.groups() {
        if !groups.contains_key(group.path) {
            if groups.len() >= MOST_GROUPS {
                continue;
            }
            let series = Series {
                path: group.path.to_owned(),
                points: Vec::new(),
                every: 1,
                kills: Vec::new(),
                last: span,
                now: Box::default(),
                taken: 0,
            };
            groups.insert(group.path.to_owned(), series);
        }
        let Some(series) = groups.get_mut(group.path) else { continue };
        series.last = span;
        // What did not change is the point before.
        if !group.changed && !series.points.is_empty() {
            series.again(sample.at.realtime_us);
            continue;
        }
        *series.now = *group.fields;
        let keys = group.fields.keys();
        let swap = swap(group.fields, sample.machine());
        let limit = group.fields.limit(Field::Max).flatten();
        let kills = group.fields.get(Field::LocalOomKill).or(group.fields.get(Field::EventOomKill));
        let ooms = group.fields.get(Field::LocalOom).or(group.fields.get(Field::EventOom));
        if let (Some(kills), Some((keys, limit, swap, then, ooms_then))) = (kills, before.get(group.path))
            && kills > *then
            && series.kills.len() < MOST_KILLS
        {
            series.kills.push(RecordedKill {
                at_us: sample.at.realtime_us,
                kills: kills - then,
                own_limit: ooms.map(|ooms| ooms > *ooms_then),
                before: *keys,
                limit: *limit,
                swap: *swap,
                span,
            });
        }
        before.insert(group.path.to_owned(), (keys, limit, swap, kills.unwrap_or(0), ooms.unwrap_or(0)));
        series.add(point(sample.at.realtime_us, &keys, swap, limit));
    }
}

/// Room in swap of a group, from its own files and the machine's.
pub fn swap(fields: &Fields, machine: &Fields) -> Swap {
    let free = machine.get(Field::SwapFree).or(machine.get(Field::SwapTotal).filter(|total| *total == 0));
    Swap::of(fields.limit(Field::SwapMax), fields.get(Field::SwapCurrent), free)
}

fn point(at_us: u64, keys: &Keys, swap: Swap, limit: Option<u64>) -> Point {
    let charges = charges(keys);
    let floor = floor(&charges, swap);
    Point {
        at_us,
        current: charges.all,
        floor: floor.bytes.lo,
        parts: [
            charges.anon.lo,
            charges.shmem.lo,
            charges.cache.lo + charges.locked_cache.lo,
            charges.kernel.lo + charges.slab_reclaimable.lo + charges.sock.lo,
        ],
        limit: limit.unwrap_or(u64::MAX),
    }
}

impl Series {
    fn add(&mut self, point: Point) {
        let slot = (self.taken / self.every) as usize;
        self.taken += 1;
        match self.points.get_mut(slot) {
            Some(kept) if point.floor >= kept.floor => *kept = point,
            Some(_) => {}
            None => self.points.push(point),
        }
        if self.points.len() >= MOST_POINTS {
            let pairs = self.points.chunks(2);
            self.points = pairs.filter_map(|pair| pair.iter().max_by_key(|point| point.floor).copied()).collect();
            self.every *= 2;
        }
    }

    fn again(&mut self, at_us: u64) {
        if let Some(last) = self.points.last().copied() {
            self.add(Point { at_us, ..last });
        }
    }

    /// Bytes a second that the floor grew by over the last half of the recording, and over how many seconds that was; `None` when it
    /// did not grow steadily.
    pub fn slope(&self) -> Option<(f64, u64)> {
        let half = self.points.get(self.points.len() / 2..)?;
        crate::model::slope::slope(&half.iter().map(|point| (point.at_us, point.floor)).collect::<Vec<_>>())
    }
}
