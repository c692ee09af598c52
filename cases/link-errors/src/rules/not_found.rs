//! LNK301 input-not-found
//!
//! Speaks on: fixtures/not-found. Silent on: fixtures/found.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Rule, rule};
use serde_json::json;

use super::common::{end, line_place};
use super::{file_fixes, said_of};
use crate::facts::command::ItemKind;
use crate::facts::log::Message;
use crate::facts::resolve::{Missing, Near};
use crate::facts::{Attempt, Facts};

rule! {
    /// A library or object of the line was not found.
    ///
    /// `-lfoo` is looked for as `libfoo.so`, then `libfoo.a`, in each folder of `-L` and then in the linker's own. `libfoo.so.1`, which programs
    /// load, does not count: the name without a number is a link that comes with the development package. A file for another machine is passed over.
    ///
    /// Mechanism: `ldfile_open_file` (ld/ldfile.c), `searchLibrary` (lld/ELF/DriverUtils.cpp).
    ///
    /// Fix: install the development package, name the folder with -L, or correct the name.
    pub NOT_FOUND = "LNK301" "input-not-found" of "link-errors", Error, since "0.1.0",
    "a library or object of the line was not found",
    check(Facts), when |facts: &Facts| !facts.attempts.is_empty() || !facts.told.is_empty()
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for attempt in &facts.attempts {
        // What is not in the evidence is not known to be missing, but for a command that was run here. Where all else of the line is here, what
        // is not may well be why it failed.
        let libraries = attempt.files.missing.iter().all(|missing| missing.by_driver || is_library(attempt, missing));
        if !attempt.live && (!libraries || !attempt.said.is_empty()) {
            continue;
        }
        for missing in attempt.files.missing.iter().filter(|missing| !missing.by_driver) {
            let item = attempt.line.items.get(missing.item as usize);
            let span = item.and_then(|item| attempt.line.item_span(item));
            let word = written(attempt, missing);
            let place = match span {
                Some(span) => casebook_core::Place::primary(casebook_core::At::Text(span), "not found"),
                None => line_place(attempt, "the link"),
            };
            let mut builder = FindingBuilder::new(rule, format!("`{word}` was not found"), place)
                .witness(json!({"name": word, "tried": missing.tried}), word.clone())
                .key(&word);
            if let Some(fix) = file_fixes::not_found(attempt, evidence, missing) {
                builder = builder.fix(fix);
            }
            let builder = describe(builder, missing);
            let builder = if attempt.live {
                builder
            } else {
                builder
                    .missing("what the linker said, or the library: everything else on the line is here")
                    .because(format!("If this evidence is from where it was linked, {} fails here.", attempt.linker))
            };
            out.push(end(builder, attempt, evidence));
        }
    }
    let mut told = super::told::not_found(rule, facts, evidence);
    for finding in &mut told {
        let Some((attempt, message)) = said_of(facts, finding) else { continue };
        let name = name(message);
        let fix = (attempt.files.missing.iter().find(|missing| missing.name == name))
            .and_then(|missing| file_fixes::not_found(attempt, evidence, missing));
        finding.fixes.extend(fix);
    }
    out.extend(told);
    out
}

/// The file a message does not find, as the line names it.
fn name(message: &Message) -> String {
    match &message.library {
        Some(library) if library.value.starts_with("-l") => library.value.clone(),
        Some(library) => format!("-l{}", library.value),
        None => {
            let file = message.places.iter().find_map(|place| place.file.as_ref());
            file.map_or_else(String::new, |file| file.value.clone())
        }
    }
}

fn is_library(attempt: &Attempt, missing: &Missing) -> bool {
    let item = attempt.line.items.get(missing.item as usize);
    item.is_some_and(|item| matches!(item.kind, ItemKind::Library(_) | ItemKind::Exact(_)))
}

fn written(attempt: &Attempt, missing: &Missing) -> String {
    let item = attempt.line.items.get(missing.item as usize);
    let argument = item.and_then(|item| attempt.line.arguments.get(item.argument as usize));
    argument.map_or_else(|| missing.name.clone(), |argument| argument.text.clone())
}

/// Where it was looked for, and what is nearly it.
pub(super) fn describe(mut builder: FindingBuilder, missing: &Missing) -> FindingBuilder {
    for near in missing.near.iter().take(4) {
        builder = builder.because(match near {
            Near::OnlyVersioned(path) => format!(
                "{path} is there, which programs load; to link with, its name without a number is needed, which comes with the development package (Debian: lib…-dev)."
            ),
            Near::OtherMachine(path, what) => format!("{path} is there, for another machine: {what}."),
            Near::OnlyShared(path) => format!("{path} is there, and this line wants an archive (-static, -Bstatic)."),
            Near::WithoutPrefix(path) => format!("{path} is there: -l puts `lib` before the name; give the path, or -l:NAME."),
            Near::Similar(path) => format!("{path} is there: a name much like it."),
            Near::Elsewhere(path) => format!("{path} is there: name its folder with -L."),
        });
    }
    if !missing.tried.is_empty() {
        let shown: Vec<&str> = missing.tried.iter().take(6).map(String::as_str).collect();
        let more = missing.tried.len().saturating_sub(shown.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        builder = builder.because(format!("Looked for at {}{more}.", shown.join(", ")));
    }
    builder
}
