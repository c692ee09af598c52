//! What the evidence says of the machine's clock at one time: time daemons, the kernel, the clock of the hardware, boots.
//! The clock over time is in the journal ([`casebook_formats::journal::clock`]).

mod boots;
mod chrony;
mod kernel;
mod labels;
mod now;
mod rtc;
mod timedate;

use casebook_core::{Coverage, Input, Kind};

pub use boots::{BootList, ListedBoot};
pub use chrony::{Source, Sources, Tracking};
pub use kernel::KernelClock;
pub use labels::{Entry, Labels};
pub use now::{Now, read as read_now};
pub use rtc::{AdjTime, HardwareClock};
pub use timedate::{TimeDate, TimeDateShow, TimeSync};

pub use boots::{LIST_BOOTS, read as read_boots};
pub use chrony::{SOURCES, TRACKING, read_sources, read_tracking};
pub use kernel::{ADJTIMEX, read as read_kernel};
pub use now::NOW;
pub use rtc::{ADJTIME, HWCLOCK, read_adjtime, read_hardware};
pub use timedate::{TIMEDATECTL, TIMEDATECTL_SHOW, TIMESYNC, read as read_timedate, read_show, read_timesync};

/// Kinds of evidence about the clock.
pub static KINDS: &[&Kind] = &[
    &TIMEDATECTL,
    &TIMEDATECTL_SHOW,
    &TIMESYNC,
    &TRACKING,
    &SOURCES,
    &ADJTIMEX,
    &ADJTIME,
    &HWCLOCK,
    &LIST_BOOTS,
    &NOW,
];

/// Everything that is said of the clock, in order of evidence.
#[derive(Debug, Default, PartialEq)]
pub struct ClockFacts {
    /// `timedatectl`.
    pub timedate: Vec<TimeDate>,
    /// `timedatectl show`.
    pub timedate_shown: Vec<TimeDateShow>,
    /// `timedatectl timesync-status`, `show-timesync`.
    pub timesync: Vec<TimeSync>,
    /// `chronyc tracking`.
    pub tracking: Vec<Tracking>,
    /// `chronyc sources`.
    pub sources: Vec<Sources>,
    /// `adjtimex --print`, `ntptime`.
    pub kernel: Vec<KernelClock>,
    /// `/etc/adjtime`.
    pub adjtime: Vec<AdjTime>,
    /// `hwclock`, /sys/class/rtc.
    pub hardware: Vec<HardwareClock>,
    /// `journalctl --list-boots`.
    pub boots: Vec<BootList>,
    /// When the evidence was taken.
    pub now: Vec<Now>,
}

/// Reads all evidence about the clock.
pub(super) fn read(input: &Input<'_>, coverage: &mut Vec<Coverage>) -> ClockFacts {
    let mut facts = ClockFacts::default();
    macro_rules! each {
        ($kind:expr, $list:expr, $read:path) => {
            for item in input.of_kind(&$kind) {
                let (read, unmodelled) = $read(item);
                $list.push(read);
                coverage.push(Coverage::read(item, unmodelled));
            }
        };
    }
    each!(TIMEDATECTL, facts.timedate, timedate::read);
    each!(TIMEDATECTL_SHOW, facts.timedate_shown, timedate::read_show);
    each!(TIMESYNC, facts.timesync, timedate::read_timesync);
    each!(TRACKING, facts.tracking, chrony::read_tracking);
    each!(SOURCES, facts.sources, chrony::read_sources);
    each!(ADJTIMEX, facts.kernel, kernel::read);
    each!(ADJTIME, facts.adjtime, rtc::read_adjtime);
    each!(HWCLOCK, facts.hardware, rtc::read_hardware);
    each!(LIST_BOOTS, facts.boots, boots::read);
    each!(NOW, facts.now, now::read);
    facts
}
