//! OOM reports in the kernel's log, and what systemd, systemd-oomd and container runtimes say of processes that were killed for
//! want of memory.
//!
//! A report is what `dump_header` of mm/oom_kill.c prints, and the lines of the kills behind it. Its lines changed much between
//! 2.6.32 and 7.x; a [`Report`] holds what any of them says, in one form, each with its place. Every line between the first and the
//! last of a report is told: it is of the report, of something else that was printed meanwhile
//! ([`Report::foreign`]), or not known, and then it is in the [`Gaps`] and in [`Report::unmodelled`].

mod assemble;
mod class;
mod foreign;
mod head;
mod kill;
mod machine;
mod needles;
mod open;
mod report;
mod scan;
mod stats;
pub mod systemd;
mod table;
#[cfg(test)]
mod tests;
mod trace;

use casebook_core::Bytes;

pub use kill::{Kill, KillWord, Reaped};
pub use machine::{Area, Machine, Slab};
pub use report::{Choice, Constraint, Cpu, Cpuset, Invoked, LimitOf, Outcome, Placed, Report};
pub use stats::{Counter, GroupStats, Protection, Stat, StatsForm, Unit, Usage};
pub use table::{Column, Table, Task};

use crate::gap::Gaps;
use crate::journal::BootId;
use crate::kernel_log::{self, Ahead, Form, Place, Time};

/// Where and when a message that is no report was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Byte range of its text.
    pub at: Place,
    /// When.
    pub time: Time,
    /// The machine, where the log names it.
    pub host: Option<String>,
    /// The boot, where the log tells it.
    pub boot: Option<BootId>,
}

/// What a log says of memory that ran out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A report. It is handed out up to 64 records after its end, so other events can come before it.
    Report(Box<Report>),
    /// A line of `oom_reaper` about a process of no report that is at hand.
    Reaped(Seen, Reaped),
    /// A message of systemd, systemd-oomd, the kubelet or a container's runtime.
    Systemd(Seen, systemd::Message),
    /// `oom_kill_process: 12 callbacks suppressed`: function and number of reports that were not printed.
    Suppressed(Seen, String, u64),
    /// `** 12 printk messages dropped **` outside of a report: that many lines are missing.
    Dropped(Seen, u64),
    /// `Linux version 6.12.57+deb13-amd64 (…)`: a kernel started; its release.
    Banner(Seen, Placed<String>),
}

/// Calls `each` for every event; gives what could not be read, and lines inside of reports that are of no known form.
///
/// At most four reports are held at a time, each with at most [`MAX_TASKS`] tasks.
pub fn walk(bytes: &Bytes, form: Form, mut each: impl FnMut(Event)) -> Gaps {
    let mut assembler = assemble::Assembler::new();
    let mut needles = needles::Needles::new(bytes.as_slice());
    let mut gaps = kernel_log::walk_ahead(bytes, form, |record| {
        assembler.take(record, &mut each);
        if assembler.is_idle() { Ahead::From(needles.next(record.at().1)) } else { Ahead::Next }
    });
    assembler.finish(&mut each);
    for gap in assembler.gaps().list() {
        gaps.add(gap.start, gap.end, gap.why.clone());
    }
    gaps
}

/// Rows of a table that are kept; more are counted.
pub const MAX_TASKS: usize = 1 << 16;
