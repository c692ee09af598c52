//! The clocks of one boot, as views of the one axis of time.

use super::Window;
use crate::model::time::Realtime;

/// How CLOCK_REALTIME, CLOCK_MONOTONIC and CLOCK_BOOTTIME follow from the axis. Slewing changes the speed of all of them alike
/// (kernel, kernel/time/timekeeping.c: one multiplier for both bases), so that realtime less monotonic changes by steps and
/// suspends only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// Where on the axis the kernel started, in microseconds.
    pub boot: u64,
    /// How long the machine has been suspended since, in microseconds: CLOCK_MONOTONIC does not count it.
    pub suspended_us: u64,
    /// CLOCK_REALTIME less the axis, in microseconds.
    pub offset_us: i64,
    /// CLOCK_MONOTONIC at which PID 1 started (`MANAGER_TIMESTAMP_USERSPACE`).
    pub userspace_us: u64,
}

impl Clocks {
    /// CLOCK_REALTIME.
    pub fn realtime(&self, axis: Window) -> Window {
        axis.shift(self.offset_us)
    }

    /// CLOCK_REALTIME at one instant.
    pub fn realtime_at(&self, axis: u64) -> Realtime {
        Realtime(axis.saturating_add_signed(self.offset_us))
    }

    /// CLOCK_MONOTONIC.
    pub fn monotonic(&self, axis: Window) -> Window {
        axis.shift(-self.monotonic_offset_us())
    }

    /// CLOCK_BOOTTIME.
    pub fn boottime(&self, axis: Window) -> Window {
        axis.shift(-(self.boot as i64))
    }

    /// The instants at which CLOCK_REALTIME shows these times.
    pub fn of_realtime(&self, realtime: Window) -> Window {
        realtime.shift(-self.offset_us)
    }

    /// The instants at which CLOCK_MONOTONIC shows these times, if the machine is not suspended before.
    pub fn of_monotonic(&self, monotonic: Window) -> Window {
        monotonic.shift(self.monotonic_offset_us())
    }

    /// The instants at which CLOCK_BOOTTIME shows these times.
    pub fn of_boottime(&self, boottime: Window) -> Window {
        boottime.shift(self.boot as i64)
    }

    /// When PID 1 started, on CLOCK_REALTIME as it is set now (`map_clock_usec` of the monotonic time stamp).
    pub fn userspace(&self) -> Realtime {
        self.realtime_at((self.userspace_us as i64 + self.monotonic_offset_us()).max(0) as u64)
    }

    fn monotonic_offset_us(&self) -> i64 {
        (self.boot + self.suspended_us) as i64
    }
}
