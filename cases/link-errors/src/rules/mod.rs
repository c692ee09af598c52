//! The rules, one a file.

mod abi;
mod as_needed;
mod common;
mod defined_twice;
mod discarded;
mod duplicates;
mod file_fixes;
pub(crate) mod fixes;
mod header;
mod hidden;
mod linkage;
mod named_twice;
mod names;
mod not_found;
mod not_named;
mod notes;
mod nowhere;
mod order;
mod position;
mod refused;
mod rust_std;
mod shared_lacks;
mod spelled;
mod told;
mod transitive;
mod undefined;
mod version;

use casebook_core::{At, EvidenceSet, Finding, FindingBuilder, Rule};

use crate::facts::log::Message;
use crate::facts::{Attempt, Facts};
use crate::model::causes::Diagnosis;
use crate::model::input::{Content, FileId};
use crate::model::names::Name;
use crate::model::outcome::Undefined;

pub use abi::ABI;
pub use as_needed::AS_NEEDED;
pub use defined_twice::DEFINED_TWICE;
pub use discarded::DISCARDED;
pub use header::HEADER;
pub use hidden::HIDDEN;
pub use linkage::LINKAGE;
pub use named_twice::NAMED_TWICE;
pub use not_found::NOT_FOUND;
pub use not_named::NOT_NAMED;
pub use notes::{DEPENDS, NEEDLESS};
pub use nowhere::NOWHERE;
pub use order::ORDER;
pub use position::POSITION;
pub use refused::{HIDDEN_FROM_LIBRARY, SCRIPT, TLS, UNUSABLE};
pub use rust_std::RUST_STD;
pub use shared_lacks::SHARED_LACKS;
pub use spelled::SPELLED;
pub use transitive::TRANSITIVE;
pub use version::VERSION;

/// Every rule of the case. Those of the first hundred tell why a symbol is undefined, those of the second why one is defined twice, those of the
/// third what is wrong with files, those of the fourth what a line that links brings.
pub static RULES: &[&Rule] = &[
    &ORDER,
    &AS_NEEDED,
    &NOT_NAMED,
    &TRANSITIVE,
    &HIDDEN,
    &LINKAGE,
    &ABI,
    &SPELLED,
    &VERSION,
    &SHARED_LACKS,
    &NOWHERE,
    &DISCARDED,
    &HEADER,
    &NAMED_TWICE,
    &DEFINED_TWICE,
    &RUST_STD,
    &NOT_FOUND,
    &UNUSABLE,
    &TLS,
    &POSITION,
    &HIDDEN_FROM_LIBRARY,
    &SCRIPT,
    &NEEDLESS,
    &DEPENDS,
];

/// Findings for each cause of each link.
fn each(facts: &Facts, mut finding: impl FnMut(&Attempt, &Diagnosis) -> Option<Finding>) -> Vec<Finding> {
    let mut out = Vec::new();
    for attempt in &facts.attempts {
        for mut diagnosis in attempt.diagnoses().iter().cloned() {
            // Where files of the line are not here, the model sees too little: what counts is what the linker said.
            if !attempt.is_whole() {
                diagnosis.symbols.retain(|index| was_said(facts, attempt, *index));
            }
            if !diagnosis.symbols.is_empty() {
                out.extend(finding(attempt, &diagnosis));
            }
        }
    }
    out
}

/// The linker named this undefined symbol.
fn was_said(facts: &Facts, attempt: &Attempt, undefined: usize) -> bool {
    let Some(undefined) = attempt.outcome.undefined.get(undefined) else { return false };
    let said = attempt.said.iter().filter_map(|index| facts.told.get(*index)).filter_map(|one| one.symbol.as_ref());
    said.into_iter().any(|symbol| is_called(attempt, undefined.name, &symbol.text))
}

/// The message a finding is about, and the link it is of.
fn said_of<'f>(facts: &'f Facts, finding: &Finding) -> Option<(&'f Attempt, &'f Message)> {
    let At::Text(span) = finding.places.first()?.at else { return None };
    let holds = |message: &Message| {
        message.span.evidence == span.evidence && message.span.start <= span.start && span.end <= message.span.end
    };
    let index = facts.told.iter().position(holds)?;
    Some((told::attempt_of(facts, index)?, &facts.told[index]))
}

/// A symbol is what a linker printed: as it stands in the object, or for people, where linkers differ in blanks.
fn is_called(attempt: &Attempt, name: Name, printed: &str) -> bool {
    let printed = printed.split('@').next().unwrap_or(printed);
    let blanks = |text: &str| text.chars().filter(|letter| *letter != ' ').collect::<String>();
    printed == attempt.program.names.text(name) || blanks(printed) == blanks(&common::demangled(attempt, name))
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
    let symbol = fixes::quoted(&attempt.program.names.text(name));
    if attempt.live {
        let words: Vec<String> = attempt.line.words.iter().map(|word| fixes::quoted(&word.text)).collect();
        return format!("casebook link why {symbol} -- {}", words.join(" "));
    }
    format!("casebook link why {symbol} {}", fixes::quoted(evidence.path(attempt.evidence)))
}
