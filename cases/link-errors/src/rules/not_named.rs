//! LNK103 library-not-named
//!
//! Speaks on: fixtures/not-named. Silent on: fixtures/named.

use casebook_core::{EvidenceSet, Finding, Fix, FixClass, Rule, rule};

use super::common::file_name;
use super::fixes::{quoted, word_for};
use super::undefined::Symbols;
use super::{definer, each};
use crate::facts::{Attempt, Facts};
use crate::model::causes::Cause;
use crate::model::input::Output;

rule! {
    /// A symbol is undefined because the library that has it is not on the line.
    ///
    /// Where the library can be read, the finding names it: it is in a folder that is searched, or needed by another library. Where it cannot,
    /// the name alone tells what usually has it (`sqrt` is in libm, `SSL_read` in libssl), and that is said as such.
    ///
    /// A shared object may be linked with undefined symbols, which the program that loads it has to bring. `--no-undefined` or `-z defs`
    /// forbids it, so that a library that was forgotten fails here and not at a customer's.
    ///
    /// Mechanism: `RELOC_FOR_GLOBAL_SYMBOL` (bfd/elf-bfd.h), `maybeReportUndefined` (lld/ELF/Relocations.cpp).
    ///
    /// Fix: name the library behind what needs it.
    pub NOT_NAMED = "LNK103" "library-not-named" of "link-errors", Error, since "0.1.0",
    "the library that has the undefined symbol is not on the line",
    check(Facts), when |facts: &Facts| !facts.attempts.is_empty() || !facts.told.is_empty()
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = each(facts, |attempt, diagnosis| match diagnosis.cause {
        Cause::NotNamed { file, through: None } => {
            let symbols = Symbols::of(attempt, evidence, diagnosis);
            let word = word_for(attempt, file);
            let title = format!(
                "{}: {} has {} and is not on the line",
                symbols.are_undefined(),
                file_name(attempt, file),
                symbols.it()
            );
            let mut builder = symbols.at_user(rule, title);
            if let Some(first) = symbols.first() {
                builder = definer(builder, attempt, evidence, first);
            }
            builder = demanded(attempt, builder).because(format!("`{word}` would name it."));
            Some(symbols.end(builder, Some(file), true))
        }
        Cause::Usually(known) => {
            let symbols = Symbols::of(attempt, evidence, diagnosis);
            let title = format!(
                "{}, and nothing on the line has {}; it is usually in {}",
                symbols.are_undefined(),
                symbols.it(),
                known.what
            );
            let mut builder = demanded(attempt, symbols.at_user(rule, title));
            builder = builder.because(format!(
                "Files of the line that were read: {}. None defines {}.",
                attempt.program.inputs.len(),
                symbols.it()
            ));
            if attempt.is_whole() {
                builder = builder.fix(usual_fix(attempt, known.flag, known.package));
            } else {
                builder =
                    builder.missing(format!("the files of the line that are not here: {}", attempt.missing.join(", ")));
            }
            Some(symbols.end(builder, None, false))
        }
        _ => None,
    });
    out.extend(super::told::library(rule, facts, evidence));
    out
}

/// Says where an option demands what a shared object could do without.
fn demanded(attempt: &Attempt, builder: casebook_core::FindingBuilder) -> casebook_core::FindingBuilder {
    let options = &attempt.line.options;
    if attempt.program.options.output != Output::Shared || attempt.program.options.defs != Some(true) {
        return builder;
    }
    let builder = builder.because(
        "A shared object may leave symbols to whoever loads it; --no-undefined (-z defs) on this line forbids that, so every library it uses must be named.",
    );
    match options.defs.as_ref().and_then(|given| attempt.line.span(given.argument)) {
        Some(span) => builder
            .place(casebook_core::Place::context(casebook_core::At::Text(span), "demands that everything is defined")),
        None => builder,
    }
}

/// The flag behind the user's own inputs.
pub(super) fn usual_fix(attempt: &Attempt, flag: &str, package: &str) -> Fix {
    let mut words: Vec<String> = attempt.line.words.iter().map(|word| quoted(&word.text)).collect();
    let last = (0..attempt.program.inputs.len()).filter_map(|input| attempt.whole_word(input)).max();
    words.insert(last.map_or(words.len(), |last| last + 1), flag.to_owned());
    let package = if package.is_empty() { String::new() } else { format!(" (Debian: {package})") };
    Fix {
        title: format!("add `{flag}`{package}"),
        class: FixClass::Display,
        edits: Vec::new(),
        commands: vec![words.join(" ")],
    }
}
