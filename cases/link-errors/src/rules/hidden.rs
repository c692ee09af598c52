//! LNK105 definition-not-for-others
//!
//! Speaks on: fixtures/hidden. Silent on: fixtures/exported.

use casebook_core::{EvidenceSet, Finding, Rule, rule};

use super::common::{definition_place, file_name};
use super::each;
use super::undefined::Symbols;
use crate::facts::Facts;
use crate::model::causes::{Cause, HiddenHow};
use crate::model::input::Visibility;

rule! {
    /// A symbol is undefined although a file of the line defines it: the definition is not for others.
    ///
    /// A `static` function exists for its own object only. `-fvisibility=hidden`, a hidden attribute, a version script with `local: *` or
    /// `--exclude-libs` keep a symbol inside of the shared object it is linked into: it is there, and not in the table others see. The other way
    /// round, a reference that is declared hidden wants its definition in the same output, and a shared object's is none.
    ///
    /// Mechanism: symbol binding and visibility (gABI, chapter 4); `_bfd_elf_merge_symbol` (bfd/elflink.c).
    ///
    /// Fix: export the symbol where it is defined, or use what the library exports.
    pub HIDDEN = "LNK105" "definition-not-for-others" of "link-errors", Error, since "0.1.0",
    "the undefined symbol is defined, and static, hidden or local to its library",
    check(Facts), when |facts: &Facts| !facts.attempts.is_empty() || !facts.told.is_empty()
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = each(facts, |attempt, diagnosis| {
        let (file, what, reason) = match diagnosis.cause {
            Cause::Hidden { file, how } => (file, how_words(how), how_reason(how)),
            Cause::HiddenReference { file } => (
                file,
                "has it, but the reference is declared hidden".to_owned(),
                "A hidden, internal or protected reference asks for a definition in this output; one of a shared object does not count. Declare it without visibility where it is used.",
            ),
            _ => return None,
        };
        let symbols = Symbols::of(attempt, evidence, diagnosis);
        let title = format!("{}: {} {what}", symbols.are_undefined(), file_name(attempt, file));
        let mut builder = symbols.at_user(rule, title);
        if let Some(place) = symbols
            .first()
            .and_then(|first| definition_place(attempt, evidence, file, first.name, "defined here, and not for others"))
        {
            builder = builder.place(place);
        }
        Some(symbols.end(builder.because(reason), Some(file), false))
    });
    out.extend(super::told::kept(rule, facts, evidence));
    out
}

fn how_words(how: HiddenHow) -> String {
    match how {
        HiddenHow::Static => "defines it for itself only (static)".to_owned(),
        HiddenHow::Visibility(Visibility::Internal) => "defines it with internal visibility".to_owned(),
        HiddenHow::Visibility(_) => "defines it with hidden visibility".to_owned(),
        HiddenHow::Version => "defines it, and keeps it local by its version script".to_owned(),
        HiddenHow::Inside => "has it, and does not export it".to_owned(),
    }
}

fn how_reason(how: HiddenHow) -> &'static str {
    match how {
        HiddenHow::Static => {
            "A local symbol is seen in its own object only: take `static` away, or, in a shared object, export it (visibility, version script, --exclude-libs)."
        }
        HiddenHow::Visibility(_) => {
            "A hidden symbol is seen inside of the output it is linked into: build with -fvisibility=default, or mark it __attribute__((visibility(\"default\")))."
        }
        HiddenHow::Inside => {
            "It is in the library's own table of symbols and not in the one others see: it was built with -fvisibility=hidden, its version script keeps it local, --exclude-libs hid it, or it is static. Export it there, or use what the library exports."
        }
        HiddenHow::Version => {
            "The library's version script lists what it exports: add the symbol to `global:` there, or use what is exported."
        }
    }
}
