//! Time as the service manager keeps it: microseconds, broken-down local time, zones, spans.

mod civil;
mod span;
mod stamp;
mod zone;

pub use civil::Tm;
pub use span::{SpanError, format_span, parse_span};
pub use stamp::{DAYS, format_stamp, parse_stamp};
pub use zone::{LocalClock, Zone, ZoneError, ZoneRef};

/// Microseconds in a second.
pub const SECOND_US: u64 = 1_000_000;
/// Microseconds in a minute.
pub const MINUTE_US: u64 = 60 * SECOND_US;
/// Microseconds in an hour.
pub const HOUR_US: u64 = 60 * MINUTE_US;
/// Microseconds in a day of 24 hours.
pub const DAY_US: u64 = 24 * HOUR_US;

/// Microseconds since 1970-01-01 00:00:00 UTC, as `CLOCK_REALTIME` shows them: they jump when the clock is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Realtime(pub u64);

impl Realtime {
    /// The latest instant systemd prints: 9999-12-30 23:59:59 (`USEC_TIMESTAMP_FORMATTABLE_MAX`, src/basic/time-util.h).
    pub const FORMATTABLE_MAX: Realtime = Realtime(253_402_214_399_000_000);

    /// The instant `us` microseconds later (earlier, for a negative number); stays in the range of the type.
    pub fn shift(self, us: i64) -> Realtime {
        Realtime(self.0.saturating_add_signed(us))
    }

    /// Whole seconds, rounded down.
    pub fn seconds(self) -> i64 {
        (self.0 / SECOND_US) as i64
    }

    /// `self - earlier` in microseconds; negative when `earlier` is later.
    pub fn since(self, earlier: Realtime) -> i64 {
        self.0.wrapping_sub(earlier.0) as i64
    }
}
