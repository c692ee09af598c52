//! Samples in order of time, whatever they were recorded by, and what is odd about their order.

use casebook_formats::gap::Gaps;

use super::field::{Field, Fields};

/// When a sample was taken. Recordings of others have the time of day alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Time {
    /// CLOCK_REALTIME since 1970, in microseconds.
    pub realtime_us: u64,
    /// CLOCK_MONOTONIC, in microseconds.
    pub monotonic_us: Option<u64>,
    /// CLOCK_BOOTTIME, in microseconds.
    pub boottime_us: Option<u64>,
}

/// Who recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Source {
    /// `casebook memory record`.
    #[default]
    Casebook,
    /// `below dump cgroup`.
    Below,
    /// Prometheus, of what cAdvisor exposes.
    Prometheus,
    /// The summary API of the kubelet.
    Kubelet,
}

/// One run of a recorder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// Who recorded.
    pub source: Source,
    /// Release of the kernel; empty when it is not known.
    pub kernel: String,
    /// Id of the boot; empty when it is not known.
    pub boot_id: String,
    /// Size of a page; 0 when it is not known.
    pub page_bytes: u64,
    /// Processors; 0 when it is not known.
    pub cpus: u64,
    /// Time between samples that was asked for, in microseconds; 0 when it is not known.
    pub interval_us: u64,
    /// True for the memory controller of cgroup v1.
    pub v1: bool,
    /// Folder of the tree; empty when it is not known.
    pub root: String,
    /// Program and version.
    pub tool: String,
}

/// A group in a sample.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a> {
    /// Its number within the recording's session; one made anew has another.
    pub id: u32,
    /// `/` or `/a/b`.
    pub path: &'a str,
    /// What is known of it.
    pub fields: &'a Fields,
    /// False when nothing of it differs from the last sample.
    pub changed: bool,
}

/// A group as the readers keep it.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) id: u32,
    pub(super) path: String,
    pub(super) fields: Fields,
    /// Index of the sample in which it last changed.
    pub(super) changed: u64,
    /// False before it appears and after it is gone.
    pub(super) alive: bool,
}

impl Kept {
    pub(super) fn new(id: u32, path: String) -> Self {
        Self { id, path, fields: Fields::default(), changed: 0, alive: true }
    }
}

/// One sample.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// Its number in the recording, from 0.
    pub index: u64,
    /// When.
    pub at: Time,
    /// The run it is of.
    pub session: &'a Session,
    /// Bytes of the evidence it was read from: a block of many samples, or a line.
    pub place: (usize, usize),
    pub(super) kept: &'a [Kept],
}

impl<'a> Sample<'a> {
    /// What is known of the whole machine.
    pub fn machine(&self) -> &'a Fields {
        const NONE: &Fields = &Fields::NONE;
        self.kept.first().filter(|kept| kept.id == 0).map_or(NONE, |kept| &kept.fields)
    }

    /// The groups there are, by number.
    pub fn groups(&self) -> impl Iterator<Item = Group<'a>> + use<'a> {
        let index = self.index;
        self.kept.iter().filter(|kept| kept.alive && kept.id != 0).map(move |kept| Group {
            id: kept.id,
            path: &kept.path,
            fields: &kept.fields,
            changed: kept.changed == index,
        })
    }

    /// The group of a path.
    pub fn find(&self, path: &str) -> Option<Group<'a>> {
        self.groups().find(|group| group.path == path)
    }
}

/// What is odd about a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The clock was set: the time of day moved by so much more than time went by.
    ClockStep {
        /// Microseconds; negative when it was set back.
        by_us: i64,
    },
    /// No sample was taken for this long.
    TimeGap {
        /// Microseconds between the two samples.
        us: u64,
        /// For how much of it the machine slept, in microseconds.
        suspended_us: u64,
    },
    /// The recorder ended and began anew.
    Resumed {
        /// False when it had not ended by itself: it was killed, or the machine went down.
        ended: bool,
        /// True when the machine was booted in between.
        rebooted: bool,
    },
    /// A group was made anew under the path of one that was gone. Its counters begin at 0.
    Recreated {
        /// The path.
        path: String,
    },
    /// A counter went back, and the group is the same: it was made anew between two samples, or the recorder is wrong.
    WentBack {
        /// The group.
        path: String,
        /// The counter.
        field: Field,
        /// Before.
        from: u64,
        /// After.
        to: u64,
    },
    /// Samples are missing because the recording is damaged.
    Lost,
    /// A limit of the reader was hit; what is beyond it was not read.
    Limit(&'static str),
}

/// Something odd, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Time of day of the sample it was found at, in microseconds since 1970.
    pub at_us: u64,
    /// Bytes of the evidence.
    pub place: (usize, usize),
    /// What.
    pub what: What,
}

/// Notes that are kept; more are counted.
const MOST_NOTES: usize = 1024;

/// What reading gave beside the samples.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The runs, in order.
    pub sessions: Vec<Session>,
    /// What is odd, in order.
    pub notes: Vec<Note>,
    /// Notes beyond those.
    pub unlisted: u64,
    /// Stretches that are no part of a recording.
    pub gaps: Gaps,
    /// Samples.
    pub samples: u64,
    /// Time of day of the first and of the last sample, in microseconds since 1970.
    pub span_us: Option<(u64, u64)>,
}

impl Outcome {
    pub(super) fn note(&mut self, at_us: u64, place: (usize, usize), what: What) {
        if self.notes.len() < MOST_NOTES {
            self.notes.push(Note { at_us, place, what });
        } else {
            self.unlisted += 1;
        }
    }

    /// Takes the time of a sample, and notes what is odd about it.
    pub(super) fn time(&mut self, last: Option<Time>, at: Time, interval_us: u64, place: (usize, usize)) {
        self.samples += 1;
        let first = self.span_us.map_or(at.realtime_us, |(first, _)| first);
        self.span_us = Some((first, at.realtime_us));
        let Some(last) = last else { return };
        let wall = signed(last.realtime_us, at.realtime_us);
        let went = match (last.boottime_us, at.boottime_us) {
            (Some(before), Some(now)) => now.saturating_sub(before),
            _ => u64::try_from(wall).unwrap_or(0),
        };
        // adjtimex(2) slews by 500 ppm at most; the clocks are read one after the other.
        let slack = STEP_US + went / 1000;
        let by_us = wall.saturating_sub(i64::try_from(went).unwrap_or(i64::MAX));
        if by_us.unsigned_abs() > slack {
            self.note(at.realtime_us, place, What::ClockStep { by_us });
        }
        if interval_us > 0 && went > interval_us.saturating_mul(5) / 2 + GAP_US {
            let awake = match (last.monotonic_us, at.monotonic_us) {
                (Some(before), Some(now)) => now.saturating_sub(before),
                _ => went,
            };
            let suspended_us = went.saturating_sub(awake);
            // Less is the time between reading the two clocks.
            let suspended_us = if suspended_us < 1000 { 0 } else { suspended_us };
            self.note(at.realtime_us, place, What::TimeGap { us: went, suspended_us });
        }
    }
}

/// A step of the clock is larger than this; less may be a slow reading.
const STEP_US: u64 = 50_000;
/// Beside two and a half intervals: a busy machine is late.
const GAP_US: u64 = 500_000;

fn signed(from: u64, to: u64) -> i64 {
    match to.checked_sub(from) {
        Some(forward) => i64::try_from(forward).unwrap_or(i64::MAX),
        None => i64::try_from(from - to).map_or(i64::MIN, |back| -back),
    }
}

impl Fields {
    /// Nothing is known.
    pub const NONE: Fields = Fields::none();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(realtime: u64, monotonic: u64, boottime: u64) -> Time {
        let us = 1_000_000;
        Time { realtime_us: realtime * us, monotonic_us: Some(monotonic * us), boottime_us: Some(boottime * us) }
    }

    fn notes(last: Time, now: Time) -> Vec<What> {
        let mut outcome = Outcome::default();
        outcome.time(Some(last), now, 1_000_000, (0, 0));
        outcome.notes.into_iter().map(|note| note.what).collect()
    }

    #[test]
    fn a_clock_that_is_set_is_no_gap_and_a_sleep_is_no_step() {
        assert_eq!(notes(at(100, 10, 10), at(101, 11, 11)), []);
        assert_eq!(notes(at(100, 10, 10), at(51, 11, 11)), [What::ClockStep { by_us: -50_000_000 }]);
        let gap = What::TimeGap { us: 60_000_000, suspended_us: 59_000_000 };
        assert_eq!(notes(at(100, 10, 10), at(160, 11, 70)), [gap]);
        let stall = What::TimeGap { us: 60_000_000, suspended_us: 0 };
        assert_eq!(notes(at(100, 10, 10), at(160, 70, 70)), [stall]);
    }

    #[test]
    fn without_a_monotonic_clock_time_that_goes_back_is_a_step() {
        let time = |realtime_us| Time { realtime_us, ..Time::default() };
        assert_eq!(notes(time(9_000_000), time(1_000_000)), [What::ClockStep { by_us: -8_000_000 }]);
    }
}
