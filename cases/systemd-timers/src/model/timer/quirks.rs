//! What differs between versions of systemd, each with the change that made the difference.

use crate::model::version::Version;

/// When a calendar time that has passed is moved to the start of PID 1, so that the random delay spreads what is caught up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rebase {
    /// Always.
    Always,
    /// Only when neither a run nor an activation of the timer is known (pull request 39296; 258.1 and 258.2 ignore the delay).
    Unknown,
    /// Also when the last run is older than this boot (pull request 39808).
    BeforeBoot,
}

/// The behaviour of one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quirks {
    /// A base in the future is taken for now (pull request 43116, issue 6036).
    pub clamps_future_base: bool,
    /// Starting the timer forgets its last run (until pull request 38868).
    pub start_forgets_last: bool,
    /// When a time that has passed is moved to the start of PID 1.
    pub rebase: Rebase,
    /// `RandomizedOffsetSec=` is known (pull request 36437).
    pub knows_offset: bool,
    /// The offset is taken off the last run too, before the next time is looked up (pull request 42826).
    pub offset_off_last: bool,
    /// `DeferReactivation=` is known.
    pub knows_defer: bool,
    /// After a reload `OnActiveSec=` goes on counting from the reload; before, only until the service ended next. Seen on 262.1, which
    /// was held against the model without its source.
    pub reload_restarts_active: bool,
    /// PID 1 raises the clock to the time stamp of timesyncd's file at boot.
    pub reads_timesync_clock: bool,
}

impl Quirks {
    /// Those of a version. Where a change was taken back into stable releases the first one known to have it is named.
    pub fn of(version: Version) -> Quirks {
        let since = |major, minor| version >= Version { major, minor };
        Quirks {
            clamps_future_base: since(262, 0),
            start_forgets_last: !(since(258, 0) || version.major == 257 && version.minor >= 13),
            rebase: match version {
                _ if !since(258, 1) => Rebase::Always,
                _ if !since(258, 3) => Rebase::Unknown,
                _ => Rebase::BeforeBoot,
            },
            knows_offset: since(258, 0),
            offset_off_last: since(262, 0),
            knows_defer: since(257, 0),
            reload_restarts_active: since(262, 0),
            reads_timesync_clock: since(257, 0),
        }
    }
}
