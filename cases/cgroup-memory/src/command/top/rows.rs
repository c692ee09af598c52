//! The rows of the view: what each group holds, and how that moves.

use std::collections::{BTreeMap, VecDeque};

use casebook_core::watch::{Key, Moment};

use crate::facts::recording::sampler::Sampler;
use crate::facts::recording::{Field, Fields};
use crate::model::charges::charges;
use crate::model::floor::{Part, Swap, floor};
use crate::model::range::Range;

/// The growth is taken over this long.
const WINDOW_US: u64 = 60_000_000;
/// Readings of one group that are kept for it.
const MOST_READINGS: usize = 64;

/// What the rows are ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Sort {
    Tree,
    Current,
    Floor,
    Full,
    Growth,
    Events,
    Pressure,
    Name,
}

impl Sort {
    const ALL: [(Sort, &'static str); 8] = [
        (Sort::Tree, "tree"),
        (Sort::Current, "current"),
        (Sort::Floor, "floor"),
        (Sort::Full, "full"),
        (Sort::Growth, "growth"),
        (Sort::Events, "events"),
        (Sort::Pressure, "pressure"),
        (Sort::Name, "name"),
    ];

    pub(super) fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(sort, _)| *sort)
    }

    pub(super) fn names() -> Vec<&'static str> {
        Self::ALL.iter().map(|(_, name)| *name).collect()
    }

    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(sort, _)| *sort == self).map_or("", |(_, name)| name)
    }

    fn next(self) -> Self {
        let at = Self::ALL.iter().position(|(sort, _)| *sort == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()].0
    }
}

/// A group as it is shown. Sizes in bytes; `None` is not known.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Row {
    pub(super) path: String,
    pub(super) depth: usize,
    pub(super) current: Option<u64>,
    /// The group's own limit; `None` when it has none.
    pub(super) own_limit: Option<u64>,
    /// The tightest at or above it.
    pub(super) limit: Option<u64>,
    pub(super) floor: Option<Range>,
    pub(super) anon: Option<u64>,
    pub(super) shmem: Option<u64>,
    pub(super) clean: Option<u64>,
    pub(super) dirty: Option<u64>,
    pub(super) kernel: Option<u64>,
    pub(super) sock: Option<u64>,
    pub(super) swap: Option<u64>,
    /// Bytes a minute; `None` before there are two readings.
    pub(super) growth: Option<i64>,
    /// Until the group or one above it is full, at that growth.
    pub(super) full_in_us: Option<u64>,
    /// Since the view began.
    pub(super) max_events: u64,
    pub(super) oom_events: u64,
    /// Of the time since the last reading, in thousandths.
    pub(super) pressure: Option<u64>,
    pub(super) pressure_us: Option<u64>,
}

impl Row {
    /// How full it is, in thousandths.
    pub(super) fn fullness(&self) -> u64 {
        match (self.current, self.limit) {
            (Some(current), Some(limit)) => (u128::from(current) * 1000 / u128::from(limit.max(1))).min(9999) as u64,
            _ => 0,
        }
    }
}

/// What is remembered of a group.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// When, and `memory.current`.
    readings: VecDeque<(u64, u64)>,
    max_events: u64,
    oom_events: u64,
    pressure: Option<(u64, u64)>,
}

/// The view: rows, and what the keys chose.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) sort: Sort,
    pub(super) filter: String,
    /// The filter is being typed.
    pub(super) typing: bool,
    pub(super) scroll: usize,
    pub(super) machine: Fields,
    rows: Vec<Row>,
    seen: BTreeMap<u32, Seen>,
}

impl Board {
    pub(super) fn new(sort: Sort) -> Self {
        Self {
            sort,
            filter: String::new(),
            typing: false,
            scroll: 0,
            machine: Fields::default(),
            rows: Vec::new(),
            seen: BTreeMap::new(),
        }
    }

    /// Takes a reading.
    pub(super) fn take(&mut self, at: Moment, sampler: &Sampler) {
        let now = at.monotonic_us;
        self.machine = *sampler.machine();
        let present: BTreeMap<&str, &Fields> = sampler.groups().map(|(_, path, fields)| (path, fields)).collect();
        self.seen.retain(|id, _| sampler.groups().any(|(known, _, _)| known == *id));
        self.rows.clear();
        for (id, path, fields) in sampler.groups() {
            let first = !self.seen.contains_key(&id);
            let seen = self.seen.entry(id).or_default();
            let mut row = row(path, fields, &self.machine);
            let (maxes, ooms) = events(fields);
            if first {
                (seen.max_events, seen.oom_events) = (maxes, ooms);
            }
            row.max_events = maxes.saturating_sub(seen.max_events);
            row.oom_events = ooms.saturating_sub(seen.oom_events);
            if let Some(current) = row.current {
                seen.readings.push_back((now, current));
                while seen.readings.len() > MOST_READINGS
                    || seen.readings.front().is_some_and(|(when, _)| now.saturating_sub(*when) > WINDOW_US)
                {
                    seen.readings.pop_front();
                }
                row.growth = growth(&seen.readings);
            }
            row.pressure = share(seen.pressure, now, row.pressure_us);
            seen.pressure = row.pressure_us.map(|us| (now, us));
            let room = room(path, &present);
            row.limit = room.limit;
            row.full_in_us = until(room.bytes, row.growth);
            self.rows.push(row);
        }
        self.order();
    }

    fn order(&mut self) {
        // Parents first, as names; this is the order within equals.
        self.rows.sort_by(|a, b| a.path.split('/').cmp(b.path.split('/')));
        let most = |key: fn(&Row) -> i128| move |row: &Row| std::cmp::Reverse(key(row));
        match self.sort {
            Sort::Tree => {}
            Sort::Name => self.rows.sort_by(|a, b| a.path.cmp(&b.path)),
            Sort::Current => self.rows.sort_by_key(most(|row| row.current.map_or(-1, i128::from))),
            Sort::Floor => self.rows.sort_by_key(most(|row| row.floor.map_or(-1, |floor| i128::from(floor.lo)))),
            Sort::Full => self.rows.sort_by_key(most(|row| i128::from(row.fullness()))),
            Sort::Growth => self.rows.sort_by_key(most(|row| row.growth.map_or(i128::MIN, i128::from))),
            Sort::Events => {
                self.rows.sort_by_key(most(|row| (i128::from(row.oom_events) << 64) + i128::from(row.max_events)))
            }
            Sort::Pressure => self.rows.sort_by_key(most(|row| row.pressure.map_or(-1, i128::from))),
        }
    }

    /// The rows that pass the filter.
    pub(super) fn shown(&self) -> impl Iterator<Item = &Row> + '_ {
        self.rows.iter().filter(|row| self.filter.is_empty() || row.path.contains(&self.filter))
    }

    /// Takes a key; false when it ends the view. `page` is how many rows there is room for.
    pub(super) fn key(&mut self, key: Key, page: usize) -> bool {
        if self.typing {
            match key {
                Key::Enter => self.typing = false,
                Key::Escape => {
                    self.typing = false;
                    self.filter.clear();
                }
                Key::Backspace => drop(self.filter.pop()),
                Key::Char(char) => self.filter.push(char),
                _ => {}
            }
            self.scroll = 0;
            return true;
        }
        if super::quits(key) {
            return false;
        }
        let last = self.shown().count().saturating_sub(page);
        match key {
            Key::Char('/') => self.typing = true,
            Key::Escape => self.filter.clear(),
            Key::Char('s') => {
                self.sort = self.sort.next();
                self.order();
            }
            Key::Char('t') => {
                self.sort = if self.sort == Sort::Tree { Sort::Current } else { Sort::Tree };
                self.order();
            }
            Key::Up => self.scroll = self.scroll.saturating_sub(1),
            Key::Down => self.scroll += 1,
            Key::PageUp => self.scroll = self.scroll.saturating_sub(page),
            Key::PageDown => self.scroll += page,
            Key::Home => self.scroll = 0,
            Key::End => self.scroll = last,
            _ => {}
        }
        self.scroll = self.scroll.min(last);
        true
    }
}

fn row(path: &str, fields: &Fields, machine: &Fields) -> Row {
    let get = |field| fields.get(field);
    let keys = fields.keys();
    let swap = Swap::of(fields.limit(Field::SwapMax), get(Field::SwapCurrent), machine.get(Field::SwapFree));
    // Without the two that make up most of it there is nothing to say.
    let floor = (keys.anon.is_some() && keys.file.is_some()).then(|| floor(&charges(&keys), swap));
    let part = |part: Part| floor.as_ref().map(|floor| floor.part(part).hi);
    Row {
        path: path.to_owned(),
        depth: if path == "/" { 0 } else { path.matches('/').count() },
        current: get(Field::Current),
        own_limit: fields.limit(Field::Max).flatten(),
        anon: get(Field::Anon),
        shmem: get(Field::Shmem),
        clean: part(Part::CleanCache),
        dirty: get(Field::FileDirty),
        kernel: get(Field::Kernel).or(keys.kernel_parts),
        sock: get(Field::Sock),
        swap: get(Field::SwapCurrent),
        pressure_us: get(Field::PressureSomeUs),
        floor: floor.map(|floor| floor.bytes),
        ..Row::default()
    }
}

/// Rounds of reclaim at a limit, and OOMs, of a group and what is below it.
fn events(fields: &Fields) -> (u64, u64) {
    let first = |fields_of: [Field; 2]| fields_of.iter().find_map(|field| fields.get(*field)).unwrap_or(0);
    (first([Field::EventMax, Field::LocalMax]), first([Field::EventOomKill, Field::LocalOomKill]))
}

/// Bytes a minute between the first and the last reading.
fn growth(readings: &VecDeque<(u64, u64)>) -> Option<i64> {
    let ((from, first), (to, last)) = (readings.front()?, readings.back()?);
    let us = i128::from(to.checked_sub(*from).filter(|us| *us > 0)?);
    i64::try_from((i128::from(*last) - i128::from(*first)) * 60_000_000 / us).ok()
}

/// Thousandths of the time between two readings in which some task waited.
fn share(before: Option<(u64, u64)>, now: u64, total: Option<u64>) -> Option<u64> {
    let ((when, was), total) = (before?, total?);
    let us = now.checked_sub(when).filter(|us| *us > 0)?;
    Some((u128::from(total.saturating_sub(was)) * 1000 / u128::from(us)).min(1000) as u64)
}

/// What there is room for.
struct Room {
    /// The tightest limit at or above the group.
    limit: Option<u64>,
    /// Bytes until the first of them is full.
    bytes: Option<u64>,
}

fn room(path: &str, groups: &BTreeMap<&str, &Fields>) -> Room {
    let mut room = Room { limit: None, bytes: None };
    let mut at = path;
    loop {
        if let Some(fields) = groups.get(if at.is_empty() { "/" } else { at })
            && let Some(Some(limit)) = fields.limit(Field::Max)
        {
            room.limit = Some(room.limit.map_or(limit, |known| known.min(limit)));
            if let Some(current) = fields.get(Field::Current) {
                let left = limit.saturating_sub(current);
                room.bytes = Some(room.bytes.map_or(left, |known| known.min(left)));
            }
        }
        match at.rsplit_once('/') {
            Some((above, _)) if !at.is_empty() => at = above,
            _ => return room,
        }
    }
}

fn until(bytes: Option<u64>, growth: Option<i64>) -> Option<u64> {
    let growth = u64::try_from(growth?).ok().filter(|growth| *growth > 0)?;
    u64::try_from(u128::from(bytes?) * 60_000_000 / u128::from(growth)).ok()
}
