//! What came of it: runs, and times of the calendar for which there was none, each with its cause.

use super::{Base, Engine, State, Sub, Window};
use crate::model::time::Realtime;

/// What made a timer elapse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Because {
    /// The calendar.
    Calendar,
    /// A monotonic value.
    Monotonic(Base),
    /// `OnClockChange=`.
    ClockChange,
    /// `OnTimezoneChange=`.
    TimezoneChange,
}

/// One elapse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fire {
    /// When, on the axis.
    pub axis: Window,
    /// When, on CLOCK_REALTIME as it showed then.
    pub realtime: Window,
    /// The calendar's time this run stands for; `None` for one that is not of the calendar.
    pub slot: Option<Realtime>,
    /// True when the calendar's time was served before: a second run for it.
    pub again: bool,
    /// What made it elapse.
    pub because: Because,
}

/// Why a time of the calendar went by without a run of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// The timer counts from an instant that is ahead of the clock.
    FutureBase,
    /// The service was still active: elapses in between are one.
    StillRunning,
    /// The random delay of the time before had not ended.
    Delay,
    /// The machine was off.
    Off,
    /// The machine slept.
    Asleep,
    /// The timer was not active.
    Inactive,
    /// The clock was set past it.
    Skipped,
    /// The delay was drawn again before it ended: by a reboot, a reload, a restart, a change of the clock.
    Redrawn,
}

/// Times of the calendar that were lost together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Why.
    pub cause: Cause,
    /// The first time lost.
    pub first: Realtime,
    /// The last.
    pub last: Realtime,
    /// How many; counting ends at [`Loss::MANY`].
    pub count: u32,
    /// Where on the axis it was decided.
    pub axis: u64,
    /// For [`Cause::FutureBase`]: how far ahead of the clock the base is, in microseconds.
    pub ahead_us: u64,
}

impl Loss {
    /// Losses are counted up to this.
    pub const MANY: u32 = 100_000;
}

/// What came of one timer.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Elapses, in order of the earliest instant; where several courses are possible, those of all.
    pub fires: Vec<Fire>,
    /// Losses.
    pub losses: Vec<Loss>,
    /// Elapses that were not kept, because there were too many.
    pub more_fires: u64,
}

impl Engine<'_> {
    /// Writes down the times of the calendar up to `until` that have passed without a run, while a timer waits, runs or is dead.
    pub(super) fn account(&mut self, state: &mut State, until: u64, axis: u64) {
        if self.walks.is_empty() {
            return;
        }
        let Some(slot) = state.slot.filter(|_| state.sub == Sub::Waiting) else {
            // What a running service holds back is known when it ends; what a dead timer misses is known now.
            if matches!(state.sub, Sub::Dead | Sub::Failed | Sub::Elapsed) && state.starts.is_none() {
                self.lose(state, until, Cause::Inactive, axis);
            }
            return;
        };
        self.lose(state, until.min(slot.0 - 1), state.early, axis);
    }

    /// The times in `settled..=until` are lost.
    pub(super) fn lose(&mut self, state: &mut State, until: u64, cause: Cause, axis: u64) {
        if until <= state.settled {
            return;
        }
        let mut loss: Option<Loss> = None;
        let mut at = state.settled;
        while let Some(slot) = self.next_slot(at).filter(|slot| slot.0 <= until) {
            let known =
                loss.get_or_insert(Loss { cause, first: slot, last: slot, count: 0, axis, ahead_us: state.ahead_us });
            (known.last, known.count) = (slot, known.count + 1);
            if known.count == Loss::MANY {
                break;
            }
            at = slot.0;
        }
        state.settled = until;
        if let Some(loss) = loss
            && !self.ledger.losses.contains(&loss)
        {
            self.ledger.losses.push(loss);
        }
    }
}
