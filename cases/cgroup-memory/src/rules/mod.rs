//! The rules, one a file.

mod at_limit;
mod blind;
mod bursts;
mod figures;
mod growing;
mod incident;
mod killed;
mod killed_above;
mod killed_recorded;
mod left_behind;
mod machine_full;
mod needless;
mod no_report;
mod no_swap;
mod nobodys;
mod oomd;
mod overhead;
mod protection;
mod standing;
mod throttled;
mod unreachable;
mod words;

use casebook_core::Rule;

pub use at_limit::AT_LIMIT;
pub use blind::BLIND;
pub use bursts::BURSTS;
pub use growing::GROWING;
pub use killed::KILLED;
pub use killed_above::KILLED_ABOVE;
pub use killed_recorded::KILLED_RECORDED;
pub use left_behind::LEFT_BEHIND;
pub use machine_full::MACHINE_FULL;
pub use needless::NEEDLESS;
pub use no_report::NO_REPORT;
pub use no_swap::NO_SWAP;
pub use nobodys::NOBODYS;
pub use oomd::OOMD;
pub use overhead::OVERHEAD;
pub use protection::PROTECTION;
pub use throttled::THROTTLED;
pub use unreachable::UNREACHABLE;

/// Every rule of the case. Those of the first hundred judge how things stand, those of the second what was killed.
pub static RULES: &[&Rule] = &[
    &AT_LIMIT,
    &THROTTLED,
    &NO_SWAP,
    &LEFT_BEHIND,
    &BURSTS,
    &UNREACHABLE,
    &PROTECTION,
    &OVERHEAD,
    &BLIND,
    &NOBODYS,
    &GROWING,
    &KILLED,
    &KILLED_ABOVE,
    &NO_REPORT,
    &OOMD,
    &MACHINE_FULL,
    &KILLED_RECORDED,
    &NEEDLESS,
];
