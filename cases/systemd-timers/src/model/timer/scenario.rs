//! What happens to the machine.

use std::sync::Arc;

use super::{Job, Window};
use crate::model::time::{Realtime, Zone};

/// A start of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boot {
    /// CLOCK_REALTIME when the kernel starts, as PID 1 leaves it: the RTC, or the clock's epoch where that is later.
    pub realtime: Realtime,
    /// CLOCK_MONOTONIC at which PID 1 starts.
    pub userspace_us: u64,
    /// CLOCK_MONOTONIC at which the timer is started, if it is enabled.
    pub timers_us: Window,
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Action {
    /// The clock is set: CLOCK_REALTIME moves by so many microseconds. 0 sets it to what it shows.
    Step(i64),
    /// The machine sleeps for so many microseconds.
    Suspend(u64),
    /// The machine goes down and comes up again so many microseconds later.
    Reboot {
        /// Microseconds from here to the start of the kernel.
        down_us: u64,
        /// The next start.
        boot: Boot,
    },
    /// `systemctl daemon-reload` or `daemon-reexec`: timers are read again and compute again.
    Reload,
    /// `systemctl start` of the timer.
    Start,
    /// `systemctl stop` of the timer.
    Stop,
    /// `systemctl restart` of the timer.
    Restart,
    /// The stamp file is given this time.
    Touch(Realtime),
    /// The stamp file is removed: `systemctl clean --what=state`.
    Clean,
    /// The manager's zone changes.
    Zone(Arc<Zone>),
    /// From here on the service behaves like this.
    Job(Job),
    /// Somebody else starts the service.
    RunJob,
}

/// A machine's life, as far as its timers see it.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The first start, at 0 on the axis.
    pub boot: Boot,
    /// Time of the stamp file when it begins.
    pub stamp: Option<Realtime>,
    /// What happens, in order, each with its place on the axis in microseconds.
    pub actions: Vec<(u64, Action)>,
    /// Where it ends, on the axis.
    pub end: u64,
}
