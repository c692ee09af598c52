//! The case's own verbs: facts in, report out.

mod compare;
mod link;
mod load;
mod needed;
mod why;

use casebook_core::Verb;

/// Every verb of the case.
pub static VERBS: &[Verb] = &[link::LINK, compare::COMPARE, needed::NEEDED, why::WHY];
