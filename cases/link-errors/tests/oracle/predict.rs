//! The model's side.

use case_link_errors::model::input::Program;
use case_link_errors::model::outcome::{Linker, Outcome};

/// What the model says `linker` makes of `program`; `None` where there is no model of it.
pub fn predict(program: &Program, linker: Linker) -> Option<Outcome> {
    let _ = (program, linker);
    None
}
