//! The case's own verbs: facts in, report out.

mod audit;
mod calendar;
mod clock;
mod place;
mod simulate;
mod units;

use casebook_core::Verb;

/// Every verb of the case.
pub static VERBS: &[Verb] = &[audit::AUDIT, calendar::CALENDAR, simulate::SIMULATE];
