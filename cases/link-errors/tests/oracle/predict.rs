//! The model's side.

use case_link_errors::model::input::Program;
use case_link_errors::model::outcome::{Linker, Outcome};
use case_link_errors::model::simulate;

/// What the model says `linker` makes of `program`; `None` where there is no model of it.
pub fn predict(program: &Program, linker: Linker) -> Option<Outcome> {
    let outcome = simulate(program, linker);
    let uncovered = outcome.unknown.iter().any(|unknown| unknown.what.starts_with("the model does not cover"));
    (!uncovered).then_some(outcome)
}
