//! The case's own verbs: facts in, report out.

mod calendar;
mod clock;
mod place;
mod simulate;
mod units;

use casebook_core::Verb;

/// Every verb of the case.
pub static VERBS: &[Verb] = &[calendar::CALENDAR, simulate::SIMULATE];
