//! The case's own verbs: facts in, report out.

use casebook_core::Verb;

/// Its verbs.
pub static VERBS: &[Verb] = &[];
