//! What the manager knows of a timer and its service.

use super::Window;
use super::ledger::Because;
use crate::model::time::Realtime;

/// An instant on two clocks (`dual_timestamp`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// CLOCK_REALTIME as it was then.
    pub realtime: Window,
    /// CLOCK_MONOTONIC; 0 when the instant was read from a stamp file.
    pub monotonic: Window,
}

impl Stamp {
    fn hull(self, other: Stamp) -> Stamp {
        Stamp { realtime: self.realtime.hull(other.realtime), monotonic: self.monotonic.hull(other.monotonic) }
    }
}

/// `SubState` of a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sub {
    /// `dead`.
    Dead,
    /// `waiting`.
    Waiting,
    /// `running`.
    Running,
    /// `elapsed`.
    Elapsed,
    /// `failed`.
    Failed,
}

/// The service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Inactive or failed.
    Inactive,
    /// Active, until an instant of this window of the axis.
    Until(Window),
    /// Active, with no end.
    Forever,
}

/// One possible state. A window in it stands for every instant in it.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// State of the timer.
    pub sub: Sub,
    /// State of its service.
    pub job: JobState,
    /// `last_trigger`.
    pub last: Option<Stamp>,
    /// `inactive_exit_timestamp` of the timer: when it was last started.
    pub entered: Option<Stamp>,
    /// `inactive_exit_timestamp` of the service, monotonic.
    pub job_exit: Option<Window>,
    /// `inactive_enter_timestamp` of the service.
    pub job_enter: Option<Stamp>,
    /// `NextElapseUSecRealtime`, with the delay.
    pub next_realtime: Option<Window>,
    /// `NextElapseUSecMonotonic`, with the delay; on CLOCK_BOOTTIME with `WakeSystem=`.
    pub next_monotonic: Option<(Window, super::Base)>,
    /// The calendar's time that comes next, without the delay.
    pub slot: Option<Realtime>,
    /// The calendar's time served last.
    pub served: Option<Realtime>,
    /// Values that will not elapse again, by their number.
    pub disabled: u64,
    /// Time of the stamp file.
    pub stamp: Option<Window>,
    /// When the timer is going to be started, on the axis.
    pub starts: Option<Window>,
    /// Nothing elapses before this instant of the axis.
    pub not_before: u64,
    /// Every time of the calendar up to here, in microseconds of CLOCK_REALTIME, has its run or its loss in the ledger.
    pub settled: u64,
    /// What the calendar's next time was looked up from.
    pub base: u64,
    /// How far that is ahead of the clock, in microseconds.
    pub ahead_us: u64,
    /// Why times before [`State::slot`] had no run.
    pub early: super::Cause,
    /// Why times from [`State::slot`] to the run have none of their own.
    pub late: super::Cause,
    /// What `OnActiveSec=` counts from since a reload, where that is not the start of the timer.
    pub active_from: Option<Window>,
    /// Where on the axis it elapsed because the clock or the zone was changed, until it elapses again.
    pub by_change: Option<u64>,
    /// True while a unit file's enablement keeps the timer loaded, so that stopping it forgets nothing.
    pub kept: bool,
}

impl State {
    /// A machine that has just started.
    pub fn booted(stamp: Option<Window>, starts: Option<Window>, settled: u64) -> State {
        State {
            sub: Sub::Dead,
            job: JobState::Inactive,
            last: None,
            entered: None,
            job_exit: None,
            job_enter: None,
            next_realtime: None,
            next_monotonic: None,
            slot: None,
            served: None,
            disabled: 0,
            stamp,
            starts,
            not_before: 0,
            settled,
            base: settled,
            ahead_us: 0,
            early: super::Cause::Off,
            late: super::Cause::Off,
            active_from: None,
            by_change: None,
            kept: true,
        }
    }

    /// True when both differ in windows only, so that one state can stand for both.
    fn alike(&self, other: &State) -> bool {
        let job = |job: JobState| match job {
            JobState::Inactive => 0,
            JobState::Until(_) => 1,
            JobState::Forever => 2,
        };
        self.sub == other.sub
            && job(self.job) == job(other.job)
            && self.slot == other.slot
            && self.served == other.served
            && self.disabled == other.disabled
            && self.kept == other.kept
            && self.by_change == other.by_change
            && self.active_from.is_some() == other.active_from.is_some()
            && self.last.is_some() == other.last.is_some()
            && self.entered.is_some() == other.entered.is_some()
            && self.job_exit.is_some() == other.job_exit.is_some()
            && self.job_enter.is_some() == other.job_enter.is_some()
            && self.next_realtime.is_some() == other.next_realtime.is_some()
            && self.next_monotonic.map(|(_, base)| base) == other.next_monotonic.map(|(_, base)| base)
            && self.stamp.is_some() == other.stamp.is_some()
            && self.starts.is_some() == other.starts.is_some()
    }

    /// Joins states that differ in windows only.
    pub fn merge(states: Vec<State>) -> Vec<State> {
        let mut out: Vec<State> = Vec::with_capacity(states.len());
        for state in states {
            match out.iter_mut().find(|known| known.alike(&state)) {
                None => out.push(state),
                Some(known) => known.join(&state),
            }
        }
        out
    }

    fn join(&mut self, other: &State) {
        fn both<T: Copy>(one: Option<T>, other: Option<T>, hull: fn(T, T) -> T) -> Option<T> {
            one.zip(other).map(|(one, other)| hull(one, other)).or(one)
        }
        if let (JobState::Until(one), JobState::Until(other)) = (self.job, other.job) {
            self.job = JobState::Until(one.hull(other));
        }
        self.last = both(self.last, other.last, Stamp::hull);
        self.entered = both(self.entered, other.entered, Stamp::hull);
        self.job_exit = both(self.job_exit, other.job_exit, Window::hull);
        self.job_enter = both(self.job_enter, other.job_enter, Stamp::hull);
        self.next_realtime = both(self.next_realtime, other.next_realtime, Window::hull);
        self.next_monotonic =
            both(self.next_monotonic, other.next_monotonic, |(one, base), (other, _)| (one.hull(other), base));
        self.stamp = both(self.stamp, other.stamp, Window::hull);
        self.starts = both(self.starts, other.starts, Window::hull);
        self.active_from = both(self.active_from, other.active_from, Window::hull);
        self.not_before = self.not_before.min(other.not_before);
        self.settled = self.settled.min(other.settled);
        self.base = self.base.max(other.base);
        self.ahead_us = self.ahead_us.min(other.ahead_us);
    }

    /// What the timer does when its window comes.
    pub(super) fn because(&self) -> Because {
        match self.next_monotonic {
            Some((_, base)) if self.slot.is_none() => Because::Monotonic(base),
            _ => Because::Calendar,
        }
    }
}
