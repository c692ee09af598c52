//! Entering the state `waiting`: when the timer elapses next (`timer_enter_waiting`, src/core/timer.c).

use super::quirks::Rebase;
use super::{Base, Cause, Engine, Stamp, State, Sub, Trigger, Window, fixed_hash};
use crate::model::time::Realtime;

/// Courses one window can split into, by the calendar's times it reaches over. Past that the last stands for the rest.
const COURSES: usize = 64;

/// How the state is entered.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    /// Now, on the axis.
    pub now: Window,
    /// True when the timer was active before (`state_translation_table` of its state).
    pub active: bool,
    /// True when the clock was set.
    pub time_change: bool,
    /// Why times of the calendar that have passed have no run yet.
    pub why: Cause,
}

impl Engine<'_> {
    /// The earliest time of the calendar after `base`.
    pub(super) fn next_slot(&mut self, base: u64) -> Option<Realtime> {
        self.walks.iter_mut().filter_map(|walk| walk.after(Realtime(base)).ok()).min()
    }

    /// Every state that can follow.
    pub(super) fn enter_waiting(&mut self, mut state: State, entry: Entry, out: &mut Vec<State>) {
        let (monotonic, leave_around) = self.monotonic(&mut state, entry);
        let monotonic = monotonic.map(|(window, base)| (window.plus(self.random()), base));
        state.next_monotonic = monotonic;
        (state.next_realtime, state.slot) = (None, None);
        let courses = if self.walks.is_empty() { Vec::new() } else { self.calendar(&state, entry) };
        if courses.is_empty() {
            self.settle(state, entry, leave_around, out);
            return;
        }
        for course in courses {
            self.settle(course, entry, leave_around, out);
        }
    }

    /// The last step: waiting, or elapsed where nothing is to come (`timer_enter_elapsed`).
    fn settle(&mut self, mut state: State, entry: Entry, leave_around: bool, out: &mut Vec<State>) {
        let some = state.next_realtime.is_some() || state.next_monotonic.is_some();
        if some || self.timer.on_clock_change || self.timer.on_timezone_change {
            state.sub = Sub::Waiting;
            state.not_before = entry.now.lo;
        } else if self.timer.remain_after_elapse || leave_around {
            state.sub = Sub::Elapsed;
        } else {
            state.sub = Sub::Dead;
        }
        out.push(state);
    }

    /// A delay: `RandomizedDelaySec=`, the same for ever with `FixedRandomDelay=` (`add_random`).
    fn random(&mut self) -> Window {
        let length = self.timer.random_us;
        match (self.timer.fixed_random, self.host.machine_id) {
            (true, Some(id)) if length > 0 => Window::at(fixed_hash(&id, self.host.user, &self.timer.name) % length),
            // Fixed, but at a value nobody knows here.
            (true, None) if length > 0 => Window { lo: 0, hi: length - 1 },
            _ => self.draw.below(length),
        }
    }

    /// `RandomizedOffsetSec=`: fixed, and part of the schedule.
    fn offset(&self) -> Window {
        let length = self.timer.offset_us;
        match self.host.machine_id {
            _ if length == 0 || !self.quirks.knows_offset => Window::at(0),
            Some(id) => Window::at(fixed_hash(&id, self.host.user, &self.timer.name) % length),
            None => Window { lo: 0, hi: length - 1 },
        }
    }

    /// What the calendar counts from, and whether a time that has passed is moved to the start of PID 1.
    fn base(&self, state: &State, now: Window) -> (Window, bool) {
        let (offset, quirks) = (self.offset(), self.quirks);
        let less = |window: Window| Window {
            lo: window.lo.saturating_sub(offset.hi),
            hi: window.hi.saturating_sub(offset.lo),
        };
        let after_last = |last: Window| if quirks.offset_off_last { less(last) } else { last };
        let always = quirks.rebase == Rebase::Always;
        let defer = state.job_enter.filter(|_| self.timer.defer_reactivation && quirks.knows_defer);
        let (base, rebase) = if let Some(ended) = defer {
            (after_last(state.last.map_or(ended.realtime, |last| ended.realtime.later(last.realtime))), always)
        } else if let Some(last) = state.last {
            let before_boot = quirks.rebase == Rebase::BeforeBoot && last.monotonic.hi < self.clocks.userspace_us;
            (after_last(last.realtime), always || before_boot)
        } else if let Some(entered) = state.entered {
            (less(entered.realtime), always)
        } else {
            (less(now), true)
        };
        if !quirks.clamps_future_base || base.hi <= now.lo {
            return (base, rebase);
        }
        // Only what is ahead of every possible now is clamped: a base is never later than the now it belongs to but for a step.
        (if base.lo > now.hi { now } else { Window::new(base.lo, base.hi.min(now.hi)) }, rebase)
    }

    /// One state for each time of the calendar that can be next.
    fn calendar(&mut self, state: &State, entry: Entry) -> Vec<State> {
        let now = self.clocks.realtime(entry.now);
        let (base, rebase) = self.base(state, now);
        let offset = self.offset();
        let userspace = self.clocks.userspace().0;
        let mut out = Vec::new();
        let mut from = base.lo;
        while let Some(slot) = self.next_slot(from) {
            let last_course = out.len() + 1 == COURSES;
            let until = if last_course { base.hi } else { base.hi.min(slot.0 - 1) };
            let mut course = state.clone();
            // This course is the one in which the base lies in `from..=until`.
            if let Some(last) = course.last.as_mut()
                && last.realtime == base
            {
                last.realtime = Window::new(from, until);
            }
            let mut elapse = Window::at(slot.0).plus(offset);
            if rebase {
                elapse = elapse.later(Window::at(userspace));
            }
            let mut random = self.random();
            if last_course {
                random.hi += self.next_slot(base.hi).map_or(0, |end| end.0 - slot.0);
            }
            course.slot = Some(slot);
            course.next_realtime = Some(elapse.plus(random));
            (course.base, course.ahead_us) = (until, from.saturating_sub(now.hi));
            course.early = if course.ahead_us > 0 { Cause::FutureBase } else { entry.why };
            course.late = if slot.0 <= now.lo { entry.why } else { Cause::Delay };
            out.push(course);
            if until >= base.hi {
                break;
            }
            from = slot.0;
        }
        out
    }

    /// The earliest monotonic value, and whether the timer stays when nothing is to come.
    fn monotonic(&mut self, state: &mut State, entry: Entry) -> (Option<(Window, Base)>, bool) {
        let (mut found, mut leave_around) = (None::<(Window, Base)>, false);
        let now = self.clocks.monotonic(entry.now);
        // With WakeSystem= the value counts on CLOCK_BOOTTIME: the base is moved by what lies between the two clocks now.
        let wake_us = if self.timer.wake_system { self.clocks.suspended_us } else { 0 };
        for (index, trigger) in self.timer.triggers.iter().enumerate() {
            let Trigger::Monotonic { base, after_us } = *trigger else { continue };
            let bit = 1u64 << index.min(63);
            if state.disabled & bit != 0 {
                continue;
            }
            let last = state.last.map_or(Window::at(0), |last| last.monotonic);
            let from = match base {
                Base::Active if entry.active && state.active_from.is_some() => state.active_from.unwrap_or(now),
                Base::Active if entry.active => state.entered.map_or(now, |entered| entered.monotonic),
                Base::Active => now,
                Base::Boot => Window::at(0),
                Base::Startup => Window::at(self.clocks.userspace_us),
                Base::UnitActive | Base::UnitInactive => {
                    leave_around = true;
                    let unit = if base == Base::UnitActive {
                        state.job_exit
                    } else {
                        state.job_enter.map(|stamp| stamp.monotonic)
                    };
                    let from = unit.map_or(last, |unit| unit.later(last));
                    if from.hi == 0 {
                        continue;
                    }
                    from
                }
            };
            let elapse = from.plus(Window::at(after_us.saturating_add(wake_us)));
            let once = matches!(base, Base::Active | Base::Boot | Base::Startup);
            // It has passed; or it is what the timer elapsed for, where that is as exact as is known.
            let passed = elapse.hi <= now.lo + wake_us || elapse.lo <= last.hi + wake_us;
            if once && state.last.is_some() && !entry.time_change && passed {
                state.disabled |= bit;
                continue;
            }
            found = Some(found.map_or((elapse, base), |(known, of)| {
                (known.earlier(elapse), if elapse.lo < known.lo { base } else { of })
            }));
        }
        (found, leave_around)
    }

    /// An instant of the axis on both clocks.
    pub(super) fn stamp(&self, at: Window) -> Stamp {
        Stamp { realtime: self.clocks.realtime(at), monotonic: self.clocks.monotonic(at) }
    }
}
