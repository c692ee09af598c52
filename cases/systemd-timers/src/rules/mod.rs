//! The rules, one file each, in order of code.

mod clock_file;
mod clock_offset;
mod contradiction;
mod figures;
mod future_base;
mod future_stamp;
mod invalid_value;
mod long_delay;
mod lost_runs;
mod missing_run;
mod never_elapses;
mod never_ends;
mod no_start;
mod no_work;
mod not_started;
mod other_day;
mod overdue;
mod ran_twice;
mod refused_service;
mod unsynchronised;
mod useless_persistent;
mod words;
mod zone_change;

use casebook_core::Rule;

pub use clock_file::CLOCK_FILE;
pub use clock_offset::CLOCK_OFFSET;
pub use contradiction::CONTRADICTION;
pub use future_base::FUTURE_BASE;
pub use future_stamp::FUTURE_STAMP;
pub use invalid_value::INVALID_VALUE;
pub use long_delay::LONG_DELAY;
pub use lost_runs::RUNS_LOST;
pub use missing_run::MISSING_RUN;
pub use never_elapses::NEVER_ELAPSES;
pub use never_ends::NEVER_ENDS;
pub use no_start::NOTHING_STARTS_IT;
pub use no_work::NO_WORK;
pub use not_started::NOT_STARTED;
pub use other_day::OTHER_DAY;
pub use overdue::OVERDUE;
pub use ran_twice::RAN_TWICE;
pub use refused_service::REFUSED_SERVICE;
pub use unsynchronised::UNSYNCHRONISED;
pub use useless_persistent::USELESS_PERSISTENT;
pub use zone_change::ZONE_CHANGE;

/// Every rule of the case. Those of the first hundred judge what units say, those of the second what happened.
pub static RULES: &[&Rule] = &[
    &INVALID_VALUE,
    &NEVER_ELAPSES,
    &NOTHING_STARTS_IT,
    &NEVER_ENDS,
    &REFUSED_SERVICE,
    &NOT_STARTED,
    &LONG_DELAY,
    &USELESS_PERSISTENT,
    &ZONE_CHANGE,
    &OTHER_DAY,
    &FUTURE_BASE,
    &RUNS_LOST,
    &FUTURE_STAMP,
    &UNSYNCHRONISED,
    &CLOCK_FILE,
    &NO_WORK,
    &CONTRADICTION,
    &OVERDUE,
    &MISSING_RUN,
    &RAN_TWICE,
    &CLOCK_OFFSET,
];
