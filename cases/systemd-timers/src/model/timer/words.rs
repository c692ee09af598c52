//! Losses in words.

use super::{Cause, Loss};
use crate::model::time::{DAY_US, HOUR_US, MINUTE_US, SECOND_US, format_span};

/// A length of time as people say it: the two largest units, `9d 12h`.
pub fn about(us: u64) -> String {
    let unit = if us >= DAY_US {
        HOUR_US
    } else if us >= HOUR_US {
        MINUTE_US
    } else if us >= SECOND_US {
        SECOND_US
    } else {
        1
    };
    // Systemd's own month and year are no round numbers of days: weeks are the largest unit here.
    let rounded = us.saturating_add(unit / 2) / unit * unit;
    if rounded >= DAY_US {
        let (days, rest) = (rounded / DAY_US, rounded % DAY_US);
        return if rest == 0 { format!("{days}d") } else { format!("{days}d {}", format_span(rest)) };
    }
    format_span(rounded)
}

impl Loss {
    /// Why, as a clause: `the timer counts from an instant 9d ahead of the clock`.
    pub fn why(&self) -> String {
        match self.cause {
            Cause::FutureBase => {
                format!("the timer counts from an instant {} ahead of the clock", about(self.ahead_us))
            }
            Cause::StillRunning => "the service was still active, and elapses meanwhile are one".to_owned(),
            Cause::Delay => "the random delay of the time before had not ended".to_owned(),
            Cause::Off => "the machine was off".to_owned(),
            Cause::Asleep => "the machine was asleep".to_owned(),
            Cause::Inactive => "the timer was not active".to_owned(),
            Cause::Skipped => "the clock was set past it".to_owned(),
            Cause::Redrawn => "a boot, reload or restart came before the random delay had ended".to_owned(),
        }
    }
}

impl Cause {
    /// Stable name for JSON.
    pub fn name(self) -> &'static str {
        match self {
            Cause::FutureBase => "future-base",
            Cause::StillRunning => "still-running",
            Cause::Delay => "delay",
            Cause::Off => "off",
            Cause::Asleep => "asleep",
            Cause::Inactive => "inactive",
            Cause::Skipped => "skipped",
            Cause::Redrawn => "redrawn",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_units_are_enough() {
        assert_eq!(about(9 * DAY_US), "9d");
        assert_eq!(about(9 * DAY_US + 12 * HOUR_US + 5 * MINUTE_US), "9d 12h");
        assert_eq!(about(9 * DAY_US - 8 * MINUTE_US), "9d");
        assert_eq!(about(211 * SECOND_US), "3min 31s");
        assert_eq!(about(3 * HOUR_US + 29 * SECOND_US), "3h");
        assert_eq!(about(400 * DAY_US), "400d");
    }
}
