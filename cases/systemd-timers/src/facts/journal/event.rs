//! An event, and when it happened.

use casebook_core::{At, Span};
use casebook_formats::journal::{BootId, Entry, Field, Seqnum};
use casebook_formats::stamp::{Moment, MonotonicUs, RealtimeUs};

use crate::facts::machine::SystemdVersion;
use crate::facts::text::Reading;

/// When an entry was written, as far as it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Happened {
    /// When journald received it. In text the time that was printed, if it needs no zone.
    pub realtime: Option<RealtimeUs>,
    /// When the sender sent it: some microseconds before.
    pub source: Option<RealtimeUs>,
    /// The time as text prints it.
    pub written: Option<Moment>,
    /// The same on the clock that is never set.
    pub monotonic: Option<MonotonicUs>,
    /// The boot.
    pub boot: Option<BootId>,
    /// Number of the entry in its journal.
    pub seqnum: Option<Seqnum>,
    /// Text says `-- Reboot --` or `-- Boot … --` before it.
    pub after_reboot: bool,
}

/// An entry that matters.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What happened.
    pub what: What,
    /// To which unit.
    pub unit: Option<String>,
    /// It was a user's manager that said so, not PID 1.
    pub of_user: bool,
    /// Which run of the unit.
    pub invocation: Option<u128>,
    /// When.
    pub at: Happened,
    /// Number of the entry in its file, from 0.
    pub number: u64,
    /// The entry.
    pub span: Span,
    /// Its message.
    pub message: Span,
}

impl Event {
    pub(super) fn new(
        entry: &Entry<'_>,
        what: What,
        unit: Option<String>,
        at: Happened,
        span: Span,
        message: Span,
    ) -> Self {
        let invocation = entry.text(Field::InvocationId).or_else(|| entry.text(Field::UserInvocationId));
        let pid = entry.text(Field::Pid);
        Self {
            what,
            unit,
            of_user: entry.value(Field::UserUnit).is_some() || pid.is_some_and(|pid| pid != "1") && is_manager(entry),
            invocation: invocation.and_then(|id| casebook_formats::journal::boot_id(id.as_bytes())).map(|id| id.0),
            at,
            number: entry.number,
            span,
            message,
        }
    }

    /// The place of its message, as findings take it.
    pub fn place(&self) -> At {
        At::Record { index: self.number, pointer: "MESSAGE".to_owned(), span: self.message }
    }
}

fn is_manager(entry: &Entry<'_>) -> bool {
    entry.bytes(Field::SyslogIdentifier).is_some_and(|name| name == b"systemd")
}

/// What an entry tells. The words of systemd are in src/core/job.c, unit.c, timer.c, main.c and src/shared; of the others where
/// it is said.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// `systemd 257.13 running in system mode`: PID 1 has started, or was re-executed.
    ManagerStarted(SystemdVersion),
    /// `Startup finished in …`
    StartupFinished,
    /// `Starting X...`
    Starting,
    /// `Started X.`: of a timer, it waits from now on.
    Started,
    /// `Finished X.`: a service of `Type=oneshot` has done its work.
    Finished,
    /// `Failed to start X.`, `Dependency failed for X.`, `Timed out starting X.`: the words after `JOB_RESULT`.
    StartFailed(String),
    /// `Stopping X...`
    Stopping,
    /// `Stopped X.`
    Stopped,
    /// `X: Deactivated successfully.`
    Deactivated,
    /// `X: Failed with result 'exit-code'.`
    Failed(String),
    /// `X: Skipped due to 'exec-condition'.`
    Skipped(String),
    /// `X was skipped because of an unmet condition check (ConditionPathExists=/x).`; the condition, where it is said.
    ConditionUnmet(Option<String>),
    /// `X: Main process exited, code=exited, status=1/FAILURE`: code and status.
    ProcessExited {
        /// `exited`, `killed`, `dumped`.
        code: String,
        /// `1/FAILURE`, `9/KILL`.
        status: String,
    },
    /// `X: Start request repeated too quickly.`
    RepeatedTooQuickly,
    /// `X.timer: Failed to queue unit startup job: …`; the reason.
    QueueFailed(String),
    /// `X.timer: Not using persistent file timestamp T as it is in the future.`; T.
    StampInFuture(Reading<Moment>),
    /// `FILE:LINE: Failed to parse calendar specification, ignoring: SPEC`.
    BadCalendar {
        /// The unit file and the line in it.
        place: String,
        /// The expression.
        spec: String,
    },
    /// `FILE:LINE: Failed to parse timer value, ignoring: VALUE`, of `OnBootSec=` and its sisters.
    BadTimerValue {
        /// The unit file and the line in it.
        place: String,
        /// The value.
        value: String,
    },
    /// `X.timer: Timer unit lacks value setting. Refusing.`
    LacksSetting,
    /// `FILE:LINE: Unknown key 'K' in section [S], ignoring.`; file, line and key.
    UnknownKey {
        /// The unit file and the line in it.
        place: String,
        /// The key.
        key: String,
    },
    /// `Reloading requested from client PID …`: who asked.
    ReloadRequested(String),
    /// `Reloading.`, `Reloading...`: all units are read again.
    Reloading,
    /// `Reexecution requested …`, `Reexecuting.`
    Reexecuting,
    /// PID 1 saw the clock being set (debug level).
    TimeChanged,
    /// timedated set the clock: `Changed local time to …`.
    TimeSet(Reading<Moment>),
    /// PID 1 set the clock at boot: `System time advanced to timestamp on …`, `System time before build time, advancing clock.`
    TimeBumped(String),
    /// The time zone was changed; its name.
    ZoneChanged(Option<String>),
    /// journald saw the clock go back: `Time jumped backwards, rotating.`
    JumpedBackwards,
    /// systemd-timesyncd has set the clock for the first time; the server.
    TimesyncSynchronised(String),
    /// systemd-timesyncd has reached a server.
    TimesyncContacted(String),
    /// systemd-timesyncd got no answer.
    TimesyncTimedOut(String),
    /// chronyd: `System clock wrong by S seconds`; seconds that the clock must be moved by (chrony's reference.c).
    ChronyWrong(f64),
    /// chronyd: `System clock was stepped by S seconds`; positive is forward.
    ChronyStepped(f64),
    /// chronyd: `Selected source S`; the source.
    ChronySelected(String),
    /// chronyd: `Can't synchronise: no selectable sources`.
    ChronyUnsynchronised,
    /// The system goes to sleep.
    SuspendBegins,
    /// The system was asleep.
    SuspendEnded,
    /// The kernel has set the clock from the hardware at boot: to when.
    SetFromHardware(RealtimeUs),
    /// `Shutting down.`: the boot ends.
    ShuttingDown,
}

impl What {
    /// True for what happens to a unit; the rest is about the manager and the clock.
    pub fn is_of_unit(&self) -> bool {
        use What::*;
        matches!(
            self,
            Starting
                | Started
                | Finished
                | StartFailed(_)
                | Stopping
                | Stopped
                | Deactivated
                | Failed(_)
                | Skipped(_)
                | ConditionUnmet(_)
                | ProcessExited { .. }
                | RepeatedTooQuickly
                | QueueFailed(_)
        )
    }
}
