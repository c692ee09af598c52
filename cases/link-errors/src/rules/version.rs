//! LNK109 other-version
//!
//! Speaks on: fixtures/other-version. Silent on: fixtures/same-version.

use casebook_core::{EvidenceSet, Finding, Rule, rule};

use super::common::{definition_place, file_name};
use super::each;
use super::undefined::Symbols;
use crate::facts::Facts;
use crate::model::causes::Cause;

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
    each(facts, |attempt, diagnosis| {
        let Cause::OtherVersion { file, versions } = &diagnosis.cause else { return None };
        let symbols = Symbols::of(attempt, evidence, diagnosis);
        let have: Vec<String> =
            versions.iter().map(|version| attempt.program.names.text(*version).into_owned()).collect();
        let asked = symbols
            .first()
            .and_then(|first| first.version)
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
    })
}
