//! What a timer unit and its service say, as far as it decides when the service runs.

use std::sync::Arc;

use super::Window;
use crate::model::calendar::Spec;
use crate::model::time::Zone;
use crate::model::version::Version;

/// What a monotonic value counts from (systemd.timer(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Base {
    /// `OnActiveSec=`: the timer was started.
    Active,
    /// `OnBootSec=`: the machine booted.
    Boot,
    /// `OnStartupSec=`: the manager started.
    Startup,
    /// `OnUnitActiveSec=`: the service was last started.
    UnitActive,
    /// `OnUnitInactiveSec=`: the service last ended.
    UnitInactive,
}

impl Base {
    /// The key in a unit file.
    pub fn key(self) -> &'static str {
        match self {
            Base::Active => "OnActiveSec",
            Base::Boot => "OnBootSec",
            Base::Startup => "OnStartupSec",
            Base::UnitActive => "OnUnitActiveSec",
            Base::UnitInactive => "OnUnitInactiveSec",
        }
    }
}

/// One value of a timer.
#[derive(Clone, Debug, PartialEq)]
pub enum Trigger {
    /// `OnCalendar=`.
    Calendar(Spec),
    /// One of the monotonic ones.
    Monotonic {
        /// What it counts from.
        base: Base,
        /// Microseconds after it.
        after_us: u64,
    },
}

/// A timer unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Timer {
    /// `backup.timer`.
    pub name: String,
    /// Its values, in order.
    pub triggers: Vec<Trigger>,
    /// `Persistent=`.
    pub persistent: bool,
    /// `AccuracySec=`, microseconds.
    pub accuracy_us: u64,
    /// `RandomizedDelaySec=`, microseconds.
    pub random_us: u64,
    /// `FixedRandomDelay=`.
    pub fixed_random: bool,
    /// `RandomizedOffsetSec=`, microseconds.
    pub offset_us: u64,
    /// `DeferReactivation=`.
    pub defer_reactivation: bool,
    /// `WakeSystem=`.
    pub wake_system: bool,
    /// `RemainAfterElapse=`.
    pub remain_after_elapse: bool,
    /// `OnClockChange=`.
    pub on_clock_change: bool,
    /// `OnTimezoneChange=`.
    pub on_timezone_change: bool,
}

impl Timer {
    /// A timer of this name with systemd's defaults and no value.
    pub fn new(name: impl Into<String>) -> Timer {
        Timer {
            name: name.into(),
            triggers: Vec::new(),
            persistent: false,
            accuracy_us: 60_000_000,
            random_us: 0,
            fixed_random: false,
            offset_us: 0,
            defer_reactivation: false,
            wake_system: false,
            remain_after_elapse: true,
            on_clock_change: false,
            on_timezone_change: false,
        }
    }

    /// Its calendar specifications.
    pub fn specs(&self) -> impl Iterator<Item = &Spec> {
        self.triggers.iter().filter_map(|trigger| match trigger {
            Trigger::Calendar(spec) => Some(spec),
            Trigger::Monotonic { .. } => None,
        })
    }

    /// True when it has an `OnCalendar=`.
    pub fn is_calendar(&self) -> bool {
        self.specs().next().is_some()
    }
}

/// How long the service stays active after it was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lasts {
    /// Between so many microseconds.
    For(Window),
    /// It never becomes inactive: `RemainAfterExit=yes`, or a start that never finishes.
    Forever,
}

/// What happens to the start job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Starts {
    /// The service starts.
    Runs,
    /// A condition is not met, or it fails at once: the timer sees it inactive, no work is done.
    Idle,
    /// The job cannot be queued: the unit is masked or cannot be loaded.
    Refused,
}

/// The service of a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// What happens to its start job.
    pub starts: Starts,
    /// How long it stays active.
    pub lasts: Lasts,
}

impl Job {
    /// A service that runs between `lo_us` and `hi_us` microseconds.
    pub fn runs(lo_us: u64, hi_us: u64) -> Job {
        Job { starts: Starts::Runs, lasts: Lasts::For(Window::new(lo_us, hi_us)) }
    }
}

/// What the machine adds.
#[derive(Clone, Debug)]
pub struct Host {
    /// Version of systemd.
    pub version: Version,
    /// The manager's zone.
    pub zone: Arc<Zone>,
    /// `/etc/machine-id`, for delays that are fixed; `None` when unknown.
    pub machine_id: Option<[u8; 16]>,
    /// The user whose manager it is; `None` for the system's.
    pub user: Option<u32>,
}
