//! The next elapse of a specification (`calendar_spec_next_usec`, `find_next` in src/shared/calendarspec.c).
//!
//! The search goes field by field from the year down. At each it takes the earliest value that fits, then lets mktime(3)
//! normalise the date: a date that moves forward (day 33, an hour the clock skips) is taken as it comes out, with the smaller
//! fields at their beginning, and the search starts again.

use super::{Component, MAX_YEAR, Spec, SpecZone};
use crate::model::time::{LocalClock, Realtime, SECOND_US, Tm, ZoneRef};
use crate::model::version::Version;

/// Rounds of the search before systemd gives up (`MAX_CALENDAR_ITERATIONS`).
const ROUNDS: u32 = 1000;

const UNIT: i32 = SECOND_US as i32;

/// Why there is no next elapse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Never {
    /// No such date follows, up to the year 2199 (`ENOENT`).
    Past,
    /// The search did not end in 1000 rounds; systemd logs `Infinite loop in calendar calculation` (`EDEADLK`).
    Stuck,
    /// The instant is past the year 9999, or the C library cannot express the time found (`EINVAL`, `ERANGE`).
    Range,
}

/// True when a search that moves into another year begins that year on its first day. Before, it kept the day of the month it
/// had come to, and `*-*-1/11` skipped December's last run (systemd issue 40260).
fn year_begins_on_its_first_day(version: Version) -> bool {
    version >= Version { major: 257, minor: 13 }
}

/// Walks over the elapses of one specification.
#[derive(Clone, Debug)]
pub struct Walk<'a> {
    spec: &'a Spec,
    clock: LocalClock<'a>,
    /// The base that comes next.
    base: Realtime,
    first_day: bool,
}

/// A date in the making.
#[derive(Clone, Copy)]
struct Draft {
    tm: Tm,
    us: i32,
}

/// What a field's list says of a value.
enum Match {
    /// It fits.
    Fits,
    /// The earliest that fits is another.
    Later(i32),
    /// None fits any more.
    Over,
}

/// What normalising a date did.
enum Bound {
    /// Nothing: the date exists.
    Exists,
    /// It moved forward, to this.
    Moved(Tm),
    /// It failed, or would move backward.
    Failed,
}

impl<'a> Walk<'a> {
    /// A walk that begins after `base`. `manager` is the zone of the service manager.
    pub fn new(spec: &'a Spec, manager: impl Into<ZoneRef<'a>>, base: Realtime, version: Version) -> Self {
        let clock = LocalClock::new(spec.zone(manager), base.seconds());
        Self { spec, clock, base, first_day: year_begins_on_its_first_day(version) }
    }

    /// The first elapse after `base`; the walk goes on from there.
    pub fn after(&mut self, base: Realtime) -> Result<Realtime, Never> {
        self.base = base;
        self.step()
    }

    /// The next elapse.
    pub fn step(&mut self) -> Result<Realtime, Never> {
        if self.base > Realtime::FORMATTABLE_MAX {
            return Err(Never::Range);
        }
        let start = Realtime(self.base.0 + 1);
        let tm = self.clock.local(start.seconds());
        let mut found = self.find(Draft { tm, us: (start.0 % SECOND_US) as i32 })?;
        let at_s = self.clock.mktime(&mut found.tm).ok_or(Never::Range)?;
        self.base = Realtime(at_s as u64 * SECOND_US + found.us as u64);
        Ok(self.base)
    }

    /// The last elapse at or before `at`, not before `from`; `None` when there is none.
    ///
    /// It goes back from `at` by ever longer strides until an elapse lies in between, and forward from there; where many do, by
    /// halving: the next elapse never falls when its base rises.
    pub fn last_until(&mut self, at: Realtime, from: Realtime) -> Option<Realtime> {
        const STEPS: u32 = 64;
        let earliest = from.0.saturating_sub(1);
        let mut back = SECOND_US;
        let (mut low, mut last) = loop {
            let base = at.0.saturating_sub(back).max(earliest);
            match self.after(Realtime(base)).ok().filter(|found| *found <= at) {
                Some(found) => break (found.0, found),
                None if base == earliest => return None,
                None => back = back.saturating_mul(8),
            }
        };
        for _ in 0..STEPS {
            match self.step() {
                Ok(found) if found <= at => (low, last) = (found.0, found),
                _ => return Some(last),
            }
        }
        let mut high = at.0;
        while low < high {
            let middle = low + (high - low) / 2;
            match self.after(Realtime(middle)) {
                Ok(found) if found <= at => (last, low) = (found, found.0.max(middle + 1)),
                _ => high = middle,
            }
        }
        Some(last)
    }

    fn dst(&self) -> Option<bool> {
        match self.spec.zone {
            SpecZone::ManagerDst(dst, _) => Some(dst),
            _ => None,
        }
    }

    /// Normalises a copy of the date and says what that did (`tm_within_bounds`).
    fn bound(&mut self, tm: &Tm) -> Bound {
        if tm.year > MAX_YEAR {
            return Bound::Failed;
        }
        let mut t = *tm;
        if self.clock.mktime(&mut t).is_none() {
            return Bound::Failed;
        }
        let Some(index) = (0..6).find(|index| t.fields()[*index] != tm.fields()[*index]) else { return Bound::Exists };
        if t.fields()[index] < tm.fields()[index] {
            return Bound::Failed;
        }
        match index {
            0 => {
                t.month = 1;
                if self.first_day {
                    t.day = 1;
                }
            }
            1 => t.day = 1,
            2 => t.hour = 0,
            3 => t.minute = 0,
            4 => t.second = 0,
            _ => {}
        }
        Bound::Moved(t)
    }

    /// The day of the month that is the `day`-th last; -1 when the month has none (`find_end_of_month`).
    fn nth_last(&mut self, tm: &Tm, day: i32) -> i32 {
        let mut t = Tm { month: tm.month + 1, day: 1 - day, ..*tm };
        match self.clock.mktime(&mut t) {
            Some(_) if t.month == tm.month => t.day,
            _ => -1,
        }
    }

    /// The earliest value of a list at or after `value` (`find_matching_component`).
    fn matching(&mut self, list: &[Component], tm: &Tm, value: i32, end_of_month: bool) -> Match {
        if list.is_empty() {
            return Match::Fits;
        }
        let mut best: Option<i32> = None;
        for one in list {
            let (start, stop) = if end_of_month {
                let (start, stop) = (self.nth_last(tm, one.start), self.nth_last(tm, one.stop.unwrap_or(-1)));
                if stop > 0 { (stop, start) } else { (start, stop) }
            } else {
                (one.start, one.stop.unwrap_or(-1))
            };
            let found = if start >= value {
                start
            } else if one.repeat > 0 {
                let steps = (value - start + one.repeat - 1) / one.repeat;
                match start.checked_add(steps.saturating_mul(one.repeat)) {
                    Some(found) if stop < 0 || found <= stop => found,
                    _ => continue,
                }
            } else {
                continue;
            };
            best = Some(best.map_or(found, |best| best.min(found)));
        }
        match best {
            None => Match::Over,
            Some(found) if found == value => Match::Fits,
            Some(found) => Match::Later(found),
        }
    }

    fn find(&mut self, base: Draft) -> Result<Draft, Never> {
        let spec = self.spec;
        let mut draft = base;
        let mut leave_dst = false;
        for _ in 0..ROUNDS {
            let tm = &mut draft.tm;
            self.clock.mktime(tm);
            if !leave_dst {
                tm.dst = self.dst();
            }
            match self.matching(&spec.years, tm, tm.year, false) {
                Match::Fits => {}
                Match::Later(year) => draft = Draft { tm: Tm { year, ..begin(*tm, Field::Month) }, us: 0 },
                Match::Over => return Err(Never::Past),
            }
            match self.bound(&draft.tm) {
                Bound::Exists => {}
                // The year is never moved on: what does not exist here is given up.
                Bound::Moved(_) | Bound::Failed => return Err(Never::Past),
            }
            if !self.field(&mut draft, Field::Month)? || !self.field(&mut draft, Field::Day)? {
                continue;
            }
            if let Some(bits) = spec.weekdays {
                let mut t = draft.tm;
                let fits = self.clock.mktime(&mut t).is_some() && bits & (1 << t.weekday()) != 0;
                if !fits {
                    next(&mut draft, Field::Day);
                    continue;
                }
            }
            if !self.field(&mut draft, Field::Hour)?
                || !self.field(&mut draft, Field::Minute)?
                || !self.field(&mut draft, Field::Second)?
            {
                continue;
            }
            let order = base.tm.fields().cmp(&draft.tm.fields()).then(base.us.cmp(&(draft.us + 1)));
            if order.is_ge() {
                // Not past the base: mktime(3) decides about the change of the clock from here on.
                leave_dst = true;
                draft.tm.hour += 1;
                continue;
            }
            return Ok(draft);
        }
        Err(Never::Stuck)
    }

    /// Moves one field to the earliest value that fits. False when the search has to start again.
    fn field(&mut self, draft: &mut Draft, field: Field) -> Result<bool, Never> {
        let (spec, tm) = (self.spec, draft.tm);
        let (list, value) = match field {
            Field::Month => (&spec.months, tm.month),
            Field::Day => (&spec.days, tm.day),
            Field::Hour => (&spec.hours, tm.hour),
            Field::Minute => (&spec.minutes, tm.minute),
            Field::Second => (&spec.micros, tm.second.saturating_mul(UNIT).saturating_add(draft.us)),
        };
        let found = self.matching(list, &tm, value, field == Field::Day && spec.end_of_month);
        match found {
            Match::Later(value) => set(draft, field, value),
            Match::Fits => {}
            Match::Over => {
                next(draft, field.above());
                return Ok(false);
            }
        }
        match self.bound(&draft.tm) {
            Bound::Exists => Ok(true),
            Bound::Moved(tm) => {
                draft.tm = tm;
                Ok(false)
            }
            Bound::Failed => {
                next(draft, field.above());
                Ok(false)
            }
        }
    }
}

/// A field below the year. Microseconds go with seconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

impl Field {
    /// The field that is counted up when this one runs out; for the month that is the year, done by [`next`].
    fn above(self) -> Option<Field> {
        match self {
            Field::Month => None,
            Field::Day => Some(Field::Month),
            Field::Hour => Some(Field::Day),
            Field::Minute => Some(Field::Hour),
            Field::Second => Some(Field::Minute),
        }
    }
}

/// `field` and everything below it at its beginning.
fn begin(tm: Tm, field: Field) -> Tm {
    let from = |this: Field, value: i32, first: i32| if field <= this { first } else { value };
    Tm {
        month: from(Field::Month, tm.month, 1),
        day: from(Field::Day, tm.day, 1),
        hour: from(Field::Hour, tm.hour, 0),
        minute: from(Field::Minute, tm.minute, 0),
        second: from(Field::Second, tm.second, 0),
        ..tm
    }
}

/// Sets a field and begins everything below it.
fn set(draft: &mut Draft, field: Field, value: i32) {
    let tm = &mut draft.tm;
    match field {
        Field::Month => *tm = Tm { month: value, ..begin(*tm, Field::Day) },
        Field::Day => *tm = Tm { day: value, ..begin(*tm, Field::Hour) },
        Field::Hour => *tm = Tm { hour: value, ..begin(*tm, Field::Minute) },
        Field::Minute => *tm = Tm { minute: value, ..begin(*tm, Field::Second) },
        Field::Second => (tm.second, draft.us) = (value / UNIT, value % UNIT),
    }
    if field != Field::Second {
        draft.us = 0;
    }
}

/// Counts a field up (`None` for the year) and begins everything below it.
fn next(draft: &mut Draft, field: impl Into<Option<Field>>) {
    let tm = draft.tm;
    draft.us = 0;
    draft.tm = match field.into() {
        None => Tm { year: tm.year + 1, ..begin(tm, Field::Month) },
        Some(Field::Month) => Tm { month: tm.month + 1, ..begin(tm, Field::Day) },
        Some(Field::Day) => Tm { day: tm.day + 1, ..begin(tm, Field::Hour) },
        Some(Field::Hour) => Tm { hour: tm.hour + 1, ..begin(tm, Field::Minute) },
        Some(_) => Tm { minute: tm.minute + 1, ..begin(tm, Field::Second) },
    };
}
