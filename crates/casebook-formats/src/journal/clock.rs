//! What the entries of a journal tell of the clock: on each boot, CLOCK_REALTIME less CLOCK_MONOTONIC is constant as long as
//! nobody sets or slews the clock.
//!
//! journald stamps every entry with both clocks (src/journal/journald-server.c, `server_process_entry_meta` and
//! `dual_timestamp_now`). Setting the clock moves the difference at once; a time daemon that slews it, at a rate; a suspend
//! moves it forward by its length, as CLOCK_MONOTONIC stands still meanwhile. Two readings of one entry are some
//! microseconds apart, tens of milliseconds on a busy boot.
//!
//! The points come in any order, from files that overlap, some of them wrong. They are kept as runs that do not overlap on
//! the monotonic clock, each with a bounded number of knots, so memory depends on the number of steps and not of entries.

mod fit;
mod history;
mod runs;
#[cfg(test)]
mod tests;

use casebook_core::Span;

use super::{BootId, Seqnum};
use crate::stamp::{MonotonicUs, RealtimeUs};

pub use history::{Boot, Change, History, Segment, Step};
use runs::Runs;

/// Noise of a reading, in microseconds: changes of the difference below this are none. Laboratory machines that boot under load
/// show single entries up to 70 ms off; time daemons do not step by less (128 ms ntpd, 400 ms systemd-timesyncd).
pub const NOISE_US: u64 = 100_000;

/// Up to three entries in a row that are no further off than this, between others that agree with each other, are noise too.
pub const STRAY_US: u64 = 250_000;

/// The kernel's own limit of slewing without a step, in parts per million (`MAXFREQ` and adjtime(3)). chrony can go beyond it
/// (`maxslewrate`, 83 333 ppm by default), and is then taken for a step.
pub const SLEW_PPM: u64 = 500;

/// Boots that are kept.
pub const MOST_BOOTS: usize = 4096;

/// Runs that are kept on one boot; each but the first is a step.
pub const MOST_RUNS: usize = 4096;

/// An entry, as far as it tells of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// The boot.
    pub boot: BootId,
    /// When, by the clock that can be set.
    pub realtime: RealtimeUs,
    /// When, by the other one.
    pub monotonic: MonotonicUs,
    /// Number among the entries of its journald.
    pub seqnum: Option<Seqnum>,
    /// The entry.
    pub span: Span,
    /// It tells of a suspend: that one begins or has ended.
    pub suspend: bool,
}

impl Point {
    /// CLOCK_REALTIME less CLOCK_MONOTONIC, in microseconds.
    pub fn offset_us(&self) -> i64 {
        self.realtime.0.min(i64::MAX as u64) as i64 - self.monotonic.0.min(i64::MAX as u64) as i64
    }
}

/// Collects points; see [`Clock::finish`].
#[derive(Clone, Debug, Default)]
pub struct Clock {
    boots: std::collections::BTreeMap<BootId, Runs>,
    lost: u64,
    met: u64,
}

impl Clock {
    /// Takes an entry.
    pub fn add(&mut self, point: Point) {
        // Later than the year 9999 no clock goes (`USEC_TIMESTAMP_FORMATTABLE_MAX`); a boot lasts no 1000 years.
        const LATEST_US: u64 = 253_402_214_400_000_000;
        if point.realtime.0 > LATEST_US || point.monotonic.0 > LATEST_US / 8 {
            self.lost += 1;
            return;
        }
        let full = self.boots.len() >= MOST_BOOTS;
        match self.boots.entry(point.boot) {
            std::collections::btree_map::Entry::Vacant(_) if full => self.lost += 1,
            entry => {
                let runs = entry.or_insert_with(|| Runs::new(self.met));
                self.met += 1;
                runs.add(point);
            }
        }
    }

    /// The history that the points tell.
    pub fn finish(self) -> History {
        history::of(self.boots, self.lost)
    }
}
