//! A timer's life as evidence tells it: boots, what happened in each, on the clocks of each.

use casebook_core::Span;

use crate::model::time::Realtime;

/// One boot.
#[derive(Clone, Debug, PartialEq)]
pub struct Boot {
    /// CLOCK_REALTIME when the kernel started, as the clock showed it then.
    pub begin: Realtime,
    /// CLOCK_MONOTONIC at which PID 1 started.
    pub userspace_us: u64,
    /// CLOCK_MONOTONIC of the last thing known of it.
    pub last_us: u64,
    /// What happened, in order of CLOCK_MONOTONIC.
    pub happenings: Vec<Happening>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Happening {
    /// CLOCK_MONOTONIC, in microseconds: when it is told.
    pub at_us: u64,
    /// CLOCK_MONOTONIC of the earliest moment it can have happened: the clock is set between two entries.
    pub from_us: u64,
    /// What.
    pub what: What,
    /// Where it is told.
    pub span: Span,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// The clock was set: by so many microseconds. `at_us` is the first moment after it.
    Set(i64),
    /// The machine slept for so many microseconds.
    Slept(u64),
    /// Units were read again.
    Reload,
    /// The timer was started.
    Started,
    /// The timer was stopped.
    Stopped,
    /// The service was started.
    Run(Run),
}

/// A start of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// CLOCK_MONOTONIC at which it was inactive again; `None` when nothing tells.
    pub ended_us: Option<u64>,
    /// False when it did no work: a condition, a start limit.
    pub worked: bool,
    /// True when it ended well; `None` when nothing tells.
    pub succeeded: Option<bool>,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Life {
    /// Boots, in the order in which they happened.
    pub boots: Vec<Boot>,
}

impl Life {
    /// True when the timer is told of at all: without its start nothing can be said of it.
    pub fn tells_of_timer(&self) -> bool {
        self.happenings().any(|(_, one)| matches!(one.what, What::Started))
    }

    /// Everything that happened, with the number of its boot.
    pub fn happenings(&self) -> impl Iterator<Item = (usize, &Happening)> {
        self.boots.iter().enumerate().flat_map(|(index, boot)| boot.happenings.iter().map(move |one| (index, one)))
    }

    /// Starts of the service.
    pub fn runs(&self) -> impl Iterator<Item = (usize, &Happening, Run)> {
        self.happenings().filter_map(|(boot, one)| match one.what {
            What::Run(run) => Some((boot, one, run)),
            _ => None,
        })
    }
}

impl Boot {
    /// CLOCK_REALTIME at a moment of this boot: every setting and sleep up to there counts.
    pub fn realtime_at(&self, at_us: u64) -> Realtime {
        let moved: i64 = self
            .happenings
            .iter()
            .filter(|one| one.at_us <= at_us)
            .map(|one| match one.what {
                What::Set(by) => by,
                What::Slept(us) => us as i64,
                _ => 0,
            })
            .sum();
        Realtime(self.begin.0 + at_us).shift(moved)
    }
}
