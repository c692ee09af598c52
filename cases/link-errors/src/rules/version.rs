//! LNK109 other-version
//!
//! Speaks on: fixtures/other-version. Silent on: fixtures/same-version.

use casebook_core::{EvidenceSet, Finding, Rule, rule};

use serde_json::json;

use super::common::{begin, definition_place, end, file_name, input_word, symbol};
use super::each;
use super::undefined::Symbols;
use crate::facts::{Attempt, Facts};
use crate::model::causes::Cause;
use crate::model::input::Content;
use crate::model::names::Name;
use crate::model::outcome::{LinkerKind, Refusal};
use crate::model::why::asked_version;

rule! {
    /// A symbol is undefined although the library has it: under another version.
    ///
    /// A shared object can have several versions of a symbol. One that is asked for with a version (`f@V`) must be there in exactly that one; one
    /// that is asked for without gets the default (`f@@V`), and where none is the default, nothing.
    ///
    /// Mechanism: `_bfd_elf_add_default_symbol` (bfd/elflink.c); `SharedFile::parse` (lld/ELF/InputFiles.cpp).
    ///
    /// Fix: link with the library the version comes from; a library built on a newer system cannot be linked on an older one.
    pub VERSION = "LNK109" "other-version" of "link-errors", Error, since "0.1.0",
    "the library has the undefined symbol under other versions only",
    check(Facts), when |facts: &Facts| !facts.attempts.is_empty()
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = each(facts, |attempt, diagnosis| {
        let Cause::OtherVersion { file, versions } = &diagnosis.cause else { return None };
        let symbols = Symbols::of(attempt, evidence, diagnosis);
        let have: Vec<String> =
            versions.iter().map(|version| attempt.program.names.text(*version).into_owned()).collect();
        let asked = symbols
            .first()
            .and_then(|first| asked_version(&attempt.program, first))
            .map(|version| attempt.program.names.text(version).into_owned());
        let what = match (&asked, have.is_empty()) {
            (_, true) => "has it without a version".to_owned(),
            (Some(_), false) => format!("has {} as {} only", symbols.it(), have.join(", ")),
            (None, false) => format!("has {} as {} only, and none is the default", symbols.it(), have.join(", ")),
        };
        let title = format!("{}: {} {what}", symbols.are_undefined(), file_name(attempt, *file));
        let mut builder = symbols.at_user(rule, title);
        if let Some(place) = symbols
            .first()
            .and_then(|first| definition_place(attempt, evidence, *file, first.name, "under another version"))
        {
            builder = builder.place(place);
        }
        builder = builder.because(match asked {
            Some(version) => format!("Who asks for version {version} gets that one or nothing."),
            None => "Who asks for no version gets the default one (`@@`); a version that is only kept for old programs (`@`) is not given out.".to_owned(),
        });
        Some(symbols.end(builder, Some(*file), false))
    });
    // wild does not say which symbol it is: it ends with an error of its own.
    let stops =
        |refusal: &Refusal| matches!(refusal, Refusal::Other(what) if what.starts_with("internal error: a version"));
    let wild = facts.attempts.iter().filter(|attempt| attempt.linker.kind == LinkerKind::Wild);
    for attempt in wild.filter(|attempt| attempt.outcome.refusals.iter().any(stops)) {
        for (input, name, version) in unmet(attempt) {
            let asked = format!("{}@{}", symbol(attempt, name), attempt.program.names.text(version));
            let title = format!(
                "`{}` asks for `{asked}`, and no file on the line defines that version",
                input_word(attempt, input)
            );
            let builder = begin(rule, title, attempt, Some(input), &format!("needs `{asked}`"))
                .because(format!(
                    "{} names no symbol here: it ends with an error of its own when it writes the output.",
                    attempt.linker
                ))
                .witness(json!({"symbol": asked}), format!("`{asked}`"))
                .key(&asked);
            out.push(end(builder, attempt, evidence));
        }
    }
    out
}

/// Versions that objects of the line ask for and nobody defines: who asks, the symbol and the version, each once.
fn unmet(attempt: &Attempt) -> Vec<(usize, Name, Name)> {
    let program = &attempt.program;
    let mut out: Vec<(usize, Name, Name)> = Vec::new();
    for (index, input) in program.inputs.iter().enumerate() {
        let Content::Object(object) = &program.files[input.file.0 as usize].content else { continue };
        for (_, symbol) in object.globals().filter(|(_, symbol)| symbol.is_undefined()) {
            let Some(version) = symbol.version else { continue };
            let has = program.files.iter().any(|file| match &file.content {
                Content::Object(object) => object.globals().any(|(_, other)| {
                    other.name == symbol.name
                        && !other.is_undefined()
                        && other.version.is_some_and(|other| other.name == version.name)
                }),
                Content::Shared(shared) => shared.symbols.iter().any(|other| {
                    other.defined
                        && other.name == symbol.name
                        && other.version.is_some_and(|other| other.name == version.name)
                }),
                _ => false,
            });
            if !has && !out.iter().any(|(_, name, of)| (*name, *of) == (symbol.name, version.name)) {
                out.push((index, symbol.name, version.name));
            }
        }
    }
    out
}
