//! The ordered list of cases, and one run over evidence: which rules are run, in what order their findings
//! come out, and which of them the user has suppressed.
//!
//! It reads no file and no clock. Evidence, configuration text and the date of today are arguments, so a
//! run gives the same report on every machine and at every time.

pub mod baseline;
pub mod cases;
pub mod check;
pub mod config;
pub mod replay;
pub mod select;
pub mod suppress;

pub use baseline::Baseline;
pub use cases::CASES;
pub use check::{Checked, Options, check};
pub use config::{Config, ConfigError, Date, IgnoreEntry};
pub use select::{Selection, Selector};

use casebook_core::{Case, Kind, Rule};

/// Every rule of `cases`, in order.
pub fn rules(cases: &[&'static Case]) -> Vec<&'static Rule> {
    cases.iter().flat_map(|case| case.rules.iter().copied()).collect()
}

/// Every kind of evidence `cases` read, in order, each once.
pub fn kinds(cases: &[&'static Case]) -> Vec<&'static Kind> {
    let mut kinds: Vec<&'static Kind> = Vec::new();
    for kind in cases.iter().flat_map(|case| case.kinds.iter().copied()) {
        if !kinds.iter().any(|known| known.name == kind.name) {
            kinds.push(kind);
        }
    }
    kinds
}

/// The case with this folder name, command or code prefix.
pub fn find_case(cases: &[&'static Case], name: &str) -> Option<&'static Case> {
    cases
        .iter()
        .copied()
        .find(|case| case.name == name || case.command == name || case.prefix.eq_ignore_ascii_case(name))
}

/// The rule with this code (in any case of letters) or name.
pub fn find_rule(cases: &[&'static Case], name: &str) -> Option<&'static Rule> {
    rules(cases).into_iter().find(|rule| rule.code.eq_ignore_ascii_case(name) || rule.name == name)
}
