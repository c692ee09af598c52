//! The rules, one file each, in order of code.

mod first;

use casebook_core::Rule;

pub use first::OVER_LIMIT;

/// Every rule of the case.
pub static RULES: &[&Rule] = &[&OVER_LIMIT];
