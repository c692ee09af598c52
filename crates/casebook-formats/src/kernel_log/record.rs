//! One line of the kernel's log, whatever form it came in.

use crate::journal::BootId;
use crate::stamp::{Moment, MonotonicUs};

use super::coding::Map;

/// First byte in the file, and one past the last.
pub type Place = (usize, usize);

/// When a line was written, as far as the form says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Time {
    /// The kernel's own stamp (`local_clock`, microseconds since boot). It differs from CLOCK_MONOTONIC by milliseconds and
    /// stands still in a suspend.
    pub monotonic: Option<MonotonicUs>,
    /// Time of day: of syslog or journald, or what `dmesg -T` computed from the stamp, which is wrong by the suspends since boot.
    pub wall: Option<Moment>,
}

/// Who called printk (CONFIG_PRINTK_CALLER; kernel/printk/printk.c, `print_caller`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Caller {
    /// `T123`: a task, by its thread id in the first namespace.
    Task(u32),
    /// `C1`: a processor, outside of a task.
    Cpu(u32),
}

impl Caller {
    /// `T123`, `C1`; blanks in front are allowed.
    pub(super) fn read(text: &[u8]) -> Option<Caller> {
        let text = text.trim_ascii_start();
        let (letter, digits) = text.split_first()?;
        let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
        match letter {
            b'T' => Some(Caller::Task(number)),
            b'C' => Some(Caller::Cpu(number)),
            _ => None,
        }
    }
}

/// Who wrote a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The kernel: its stamp, its name or its facility says so.
    Kernel,
    /// Another program: it has an identifier that is not `kernel`.
    Program,
    /// A line without anything in front.
    Unsaid,
}

/// A line of a log; lent until the next one is asked for.
#[derive(Clone, Debug)]
pub struct Record<'r> {
    pub(super) text: &'r [u8],
    pub(super) map: Map<'r>,
    pub(super) host: Option<&'r [u8]>,
    pub(super) identifier: Option<&'r [u8]>,
    pub(super) time: Time,
    /// First byte of what the record stands in, with its stamp: of the line, or of the entry of a journal.
    pub start: usize,
    /// Who wrote it.
    pub source: Source,
    /// Who called printk, if it is printed.
    pub caller: Option<Caller>,
    /// 0 (emergency) to 7 (debug).
    pub priority: Option<u8>,
    /// A further line of the message of the record before it.
    pub continued: bool,
    /// The boot.
    pub boot: Option<BootId>,
    /// `MESSAGE_ID` of a journal.
    pub message_id: Option<u128>,
}

impl<'r> Record<'r> {
    /// The text without what stands in front of it; blanks at its beginning are left out.
    pub fn text(&self) -> &'r [u8] {
        self.text
    }

    /// When it was written. Lines that continue a message have the time of its first line.
    pub fn time(&self) -> &Time {
        &self.time
    }

    /// The machine, where a log names it.
    pub fn host(&self) -> Option<&'r [u8]> {
        self.host
    }

    /// What the sender calls itself: `kernel`, `systemd`.
    pub fn identifier(&self) -> Option<&'r [u8]> {
        self.identifier
    }

    /// Byte range in the file of all of the text.
    pub fn at(&self) -> Place {
        self.place(0, self.text.len())
    }

    /// Byte range in the file of a stretch of the text. Where text is compressed, the range of all of it.
    pub fn place(&self, from: usize, to: usize) -> Place {
        let to = to.min(self.text.len());
        self.map.place(from.min(to), to)
    }
}

impl<'r> Record<'r> {
    /// A record of which this one is the last of several pieces: its text stands between the ends of `at`, it begins at byte `start`
    /// of the file and was written at `time`.
    pub(crate) fn joined<'s>(&self, text: &'s [u8], at: Place, start: usize, time: &Time) -> Record<'s>
    where
        'r: 's,
    {
        Record { text, map: Map::Whole(at), start, time: time.clone(), ..self.clone() }
    }
}
