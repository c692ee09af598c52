//! A timer that waits for a time past the one that comes next: it counts from an instant ahead of the clock.

use crate::model::calendar::Walk;
use crate::model::time::Realtime;
use crate::model::timer::{Cause, Clocks, Host, JobState, Loss, Stamp, State, Sub, Timer, Window};

/// What the manager shows of a timer that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The clock when it was shown.
    pub now: Realtime,
    /// `LastTriggerUSec`; `None` when it has not run.
    pub last: Option<Realtime>,
    /// `InactiveExitTimestamp`: when the timer was started, by the clock of then.
    pub entered: Option<Realtime>,
    /// `NextElapseUSecRealtime`, the delay included.
    pub next: Realtime,
    /// Time of the stamp file.
    pub stamp: Option<Realtime>,
}

/// What it counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountsFrom {
    /// Its last run.
    LastRun,
    /// Its activation.
    Activation,
    /// Something that is not shown: no instant up to now gives this time.
    Hidden,
}

/// A timer that is stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// The time of the calendar that comes next by the clock.
    pub due: Realtime,
    /// The one it waits for.
    pub slot: Realtime,
    /// How many times it lets pass, from `due` on; counting ends at [`Loss::MANY`].
    pub lost: u32,
    /// What it counts from.
    pub from: CountsFrom,
    /// The earliest and the latest instant it can count from.
    pub base: Window,
}

impl Stuck {
    /// How far ahead of the clock what it counts from is at least, in microseconds.
    pub fn ahead_us(&self, now: Realtime) -> u64 {
        self.base.lo.saturating_sub(now.0)
    }
}

/// The earliest time of a timer's calendar after an instant.
pub fn next_elapse(timer: &Timer, host: &Host, base: Realtime) -> Option<Realtime> {
    next_slot(timer, host, base.0)
}

pub(super) fn next_slot(timer: &Timer, host: &Host, base: u64) -> Option<Realtime> {
    let walks = timer.specs().map(|spec| Walk::new(spec, &*host.zone, Realtime(base), host.version));
    walks.filter_map(|mut walk| walk.step().ok()).min()
}

/// Says whether a waiting calendar timer lets times pass, and from what it counts. `None` when it waits for the time that comes
/// next, or for one that has passed.
pub fn stuck(timer: &Timer, host: &Host, standing: &Standing) -> Option<Stuck> {
    let now = standing.now;
    let due = next_slot(timer, host, now.0)?;
    // The latest time of the calendar whose delay reaches to what is shown: the delay is shorter than RandomizedDelaySec=.
    let most_us = timer.random_us.max(1) - 1 + timer.offset_us;
    let (mut slot, mut before, mut lost) = (due, now, 0u32);
    while slot.0.saturating_add(most_us) < standing.next.0 {
        (before, lost) = (slot, lost + 1);
        if lost == Loss::MANY {
            break;
        }
        slot = next_slot(timer, host, slot.0)?;
    }
    if lost == 0 {
        return None;
    }
    let gives =
        |base: Option<Realtime>| base.filter(|base| *base > now && next_slot(timer, host, base.0) == Some(slot));
    let (from, base) = match (gives(standing.last), gives(standing.entered)) {
        (Some(last), _) => (CountsFrom::LastRun, Window::at(last.0)),
        (None, Some(entered)) if standing.last.is_none_or(|last| last <= now) => {
            (CountsFrom::Activation, Window::at(entered.0))
        }
        _ => (CountsFrom::Hidden, Window::new(before.0, slot.0 - 1)),
    };
    Some(Stuck { due, slot, lost, from, base })
}

/// The clocks of a machine that shows this, with now far enough from their beginning.
pub(super) fn clocks(standing: &Standing, axis: u64) -> Clocks {
    Clocks { boot: 0, suspended_us: 0, offset_us: standing.now.0 as i64 - axis as i64, userspace_us: 1_000_000 }
}

/// The state of a timer that is stuck.
pub(super) fn state(standing: &Standing, stuck: &Stuck) -> State {
    let stamp = |at: Realtime| Stamp { realtime: Window::at(at.0), monotonic: Window::at(2_000_000) };
    let hidden = Stamp { realtime: stuck.base, monotonic: Window::at(2_000_000) };
    // One restart computes from the activation before and then writes its own down: what is shown is no base any more.
    let is_past = |at: Option<Realtime>| at.is_none_or(|at| at <= standing.now);
    let restarted = standing.entered.is_some() && is_past(standing.entered) && is_past(standing.last);
    let last = match stuck.from {
        CountsFrom::Activation => None,
        CountsFrom::Hidden if restarted => standing.last.map(stamp),
        CountsFrom::LastRun => standing.last.map(stamp),
        CountsFrom::Hidden => Some(hidden),
    };
    State {
        sub: Sub::Waiting,
        job: JobState::Inactive,
        last,
        entered: standing.entered.map(stamp).or(Some(hidden)),
        next_realtime: Some(Window::at(standing.next.0)),
        slot: Some(stuck.slot),
        stamp: standing.stamp.map(|stamp| Window::at(stamp.0)).or(Some(stuck.base)),
        early: Cause::FutureBase,
        ahead_us: stuck.ahead_us(standing.now),
        base: stuck.base.hi,
        ..State::booted(None, None, standing.now.0)
    }
}
