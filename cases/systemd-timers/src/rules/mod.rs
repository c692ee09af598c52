//! The rules, one file each, in order of code.

use casebook_core::Rule;

/// Every rule of the case.
pub static RULES: &[&Rule] = &[];
