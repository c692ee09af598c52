//! The rules, one a file.

mod common;
pub(crate) mod fixes;
mod order;

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Rule};

use crate::facts::{Attempt, Facts};
use crate::model::causes::{Diagnosis, diagnose};
use crate::model::input::{Content, FileId};
use crate::model::names::Name;
use crate::model::outcome::Undefined;

pub use order::ORDER;

/// Every rule of the case. Those of the first hundred tell why a symbol is undefined, those of the second why one is defined twice, those of the
/// third what is wrong with files, those of the fourth what a line that links brings.
pub static RULES: &[&Rule] = &[&ORDER];

/// Findings for each cause of each link.
fn each(facts: &Facts, mut finding: impl FnMut(&Attempt, &Diagnosis) -> Option<Finding>) -> Vec<Finding> {
    let mut out = Vec::new();
    for attempt in &facts.attempts {
        for diagnosis in diagnose(&attempt.program, &attempt.outcome) {
            out.extend(finding(attempt, &diagnosis));
        }
    }
    out
}

/// The first file that defines a name for others.
fn defining_file(attempt: &Attempt, name: Name) -> Option<FileId> {
    attempt.program.files.iter().enumerate().find_map(|(index, file)| {
        let defines = match &file.content {
            Content::Object(object) => {
                object.globals().any(|(_, symbol)| symbol.name == name && !symbol.is_undefined())
            }
            Content::Shared(shared) => shared.symbols.iter().any(|symbol| symbol.name == name && symbol.defined),
            _ => false,
        };
        defines.then_some(FileId(index as u32))
    })
}

/// Adds the place of the definition that was passed.
fn definer(
    builder: FindingBuilder,
    attempt: &Attempt,
    evidence: &EvidenceSet,
    undefined: &Undefined,
) -> FindingBuilder {
    let place = defining_file(attempt, undefined.name)
        .and_then(|file| common::definition_place(attempt, evidence, file, undefined.name, "the definition"));
    match place {
        Some(place) => builder.place(place),
        None => builder,
    }
}

/// The command that tells again why a symbol is undefined.
fn why(attempt: &Attempt, evidence: &EvidenceSet, name: Name) -> String {
    format!(
        "casebook link why {} {}",
        fixes::quoted(&attempt.program.names.text(name)),
        fixes::quoted(evidence.path(attempt.evidence))
    )
}
