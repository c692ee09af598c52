//! The case's own verbs: facts in, report out.

mod explain;
mod load;
mod record;
mod simulate;
mod top;
mod words;

use casebook_core::Verb;

/// Every verb of the case.
pub static VERBS: &[Verb] = &[explain::EXPLAIN, record::RECORD, simulate::SIMULATE, top::TOP];
