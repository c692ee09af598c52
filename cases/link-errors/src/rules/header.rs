//! LNK201 defined-in-a-header
//!
//! Speaks on: fixtures/story-header. Silent on: fixtures/story-header-extern.

use casebook_core::{EvidenceSet, Finding, Fix, FixClass, Rule, rule};

use super::common::{definition_line, end, file_name, list};
use super::duplicates::{Twice, is_data, pairs};
use crate::facts::Facts;

rule! {
    /// A variable or function is defined in a header, and so in every object that includes it.
    ///
    /// Up to GCC 9 and clang 10 an uninitialised variable in a header was a common symbol (`-fcommon`), and all of them became one. Since GCC 10 and
    /// clang 11 (`-fno-common`) each object defines it, and the linker meets two definitions.
    ///
    /// Mechanism: `multiple_definition` (ld/ldmain.c); "Porting to GCC 10"; the places are from the objects' debug information.
    ///
    /// Fix: `extern` in the header and one definition in one source file; for functions, `static inline` (C) or `inline` (C++).
    pub HEADER = "LNK201" "defined-in-a-header" of "link-errors", Error, since "0.1.0",
    "a header defines a variable or function, and several objects include it",
    check(Facts), when |facts: &Facts| !facts.attempts.is_empty() || !facts.told.is_empty()
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for attempt in &facts.attempts {
        for pair in pairs(attempt, evidence).iter().filter(|pair| pair.kind == Twice::Header) {
            let Some(name) = pair.names.first() else { continue };
            let words = pair.words(attempt);
            let line = definition_line(attempt, evidence, pair.first, *name).unwrap_or_default();
            let data = is_data(attempt, pair.second, *name);
            let title = format!(
                "{} {} defined in a header, {line}, and so in both {} and {}",
                list(&words),
                super::common::are(words.len()),
                file_name(attempt, pair.first),
                file_name(attempt, pair.second)
            );
            let (reason, fix) = if data {
                (
                    "A variable that a header defines is defined in every object that includes it. With -fcommon, the default before GCC 10 and clang 11, uninitialised ones became one.",
                    format!(
                        "write `extern` before it in the header, and define it in one source file: `extern … {};`",
                        words[0]
                    ),
                )
            } else {
                (
                    "A function that a header defines is defined in every object that includes it.",
                    format!(
                        "make {} `static inline` (C) or `inline` (C++) in the header, or move its body into one source file",
                        list(&words)
                    ),
                )
            };
            let builder = pair.finding(rule, title, attempt, evidence).because(reason).fix(Fix {
                title: fix,
                class: FixClass::Display,
                edits: Vec::new(),
                commands: Vec::new(),
            });
            out.push(end(builder, attempt, evidence));
        }
    }
    out.extend(super::told::header(rule, facts, evidence));
    out
}
