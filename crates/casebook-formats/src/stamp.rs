//! Points and lengths of time as tools of Linux print them, with what is not known of their zone kept unknown.
//!
//! `systemctl`, `timedatectl` and `journalctl` print local times with an abbreviation of the zone (src/basic/time-util.c,
//! `format_timestamp_style`). An abbreviation names no zone (`CST` is three of them), so such a time is read as
//! [`Moment::Local`], and whoever knows the zone of the machine makes a point in time of it.

mod civil;
mod parse;
mod spans;

pub use civil::Civil;
pub use parse::{moment, moment_at};
pub use spans::time_span;

/// Microseconds of CLOCK_REALTIME: since 1970-01-01 00:00:00 UTC, without leap seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RealtimeUs(pub u64);

/// Microseconds of CLOCK_MONOTONIC: since some time at the start of a boot, without suspends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MonotonicUs(pub u64);

/// A length of time in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanUs(pub u64);

impl SpanUs {
    /// What systemd calls `infinity` (`USEC_INFINITY`).
    pub const INFINITY: Self = Self(u64::MAX);
}

/// What a local time says of its zone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ZoneName {
    /// An abbreviation: `CET`. Which zone that is depends on the machine.
    Abbreviation(String),
    /// Nothing.
    Unsaid,
}

/// A point in time as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// A point in time: a count of seconds since 1970, or a date and time in UTC or with an offset.
    Utc {
        /// When; what is finer than a microsecond is cut off, as systemd's `timespec_load` does.
        at: RealtimeUs,
        /// What the last written digit counts in: 1 000 000 for a time without a fraction. The true time lies in
        /// `at..at + precision`.
        precision: SpanUs,
    },
    /// The date and time of a zone that is not said, or only by an abbreviation.
    Local {
        /// The fields.
        civil: Civil,
        /// What is said of the zone.
        zone: ZoneName,
        /// What the last written digit counts in.
        precision: SpanUs,
    },
}

impl Moment {
    /// The point in time, if it needs no zone.
    pub fn utc(&self) -> Option<RealtimeUs> {
        match self {
            Moment::Utc { at, .. } => Some(*at),
            Moment::Local { .. } => None,
        }
    }

    /// What the last written digit counts in.
    pub fn precision(&self) -> SpanUs {
        match self {
            Moment::Utc { precision, .. } | Moment::Local { precision, .. } => *precision,
        }
    }

    /// The point in time when local time is `offset_s` seconds ahead of UTC; `None` before 1970 or without a year.
    pub fn with_offset(&self, offset_s: i32) -> Option<RealtimeUs> {
        match self {
            Moment::Utc { at, .. } => Some(*at),
            Moment::Local { civil, .. } => civil.at_offset(offset_s),
        }
    }
}

#[cfg(test)]
mod tests;
