//! The rules, one file each, in order of code.

mod corrupted;
mod invalid;
mod made;
mod made_otherwise;
mod offloaded;
mod translated;
mod unverifiable;
pub mod witness;
pub mod words;
mod wrong_length;
mod zero6;

use casebook_core::Rule;

pub use corrupted::CORRUPTED;
pub use invalid::INVALID;
pub use made_otherwise::MADE_OTHERWISE;
pub use offloaded::OFFLOADED;
pub use translated::TRANSLATED;
pub use unverifiable::UNVERIFIABLE;
pub use wrong_length::WRONG_LENGTH;
pub use zero6::ZERO6;

/// Every rule of the case.
pub static RULES: &[&Rule] =
    &[&CORRUPTED, &TRANSLATED, &OFFLOADED, &WRONG_LENGTH, &INVALID, &ZERO6, &UNVERIFIABLE, &MADE_OTHERWISE];
