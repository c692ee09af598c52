//! The case's own verbs: facts in, report out.

mod bench;
mod verify;

use casebook_core::Verb;

/// Every verb of the case.
pub static VERBS: &[Verb] = &[verify::VERIFY, bench::BENCH];
