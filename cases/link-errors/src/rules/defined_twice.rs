//! LNK203 defined-twice
//!
//! Speaks on: fixtures/two-definitions. Silent on: fixtures/two-definitions-weak.

use casebook_core::{EvidenceSet, Finding, Rule, rule};

use super::common::{end, file_name, list};
use super::duplicates::{Twice, pairs};
use super::fixes;
use crate::facts::Facts;
use crate::model::outcome::LinkerKind;

rule! {
    /// Two files define a symbol, both strongly.
    ///
    /// The finding says why each of the two is part of the link: an object stands on the line, a member of an archive was taken because somebody
    /// needed a symbol of it, often another one. `--allow-multiple-definition` keeps the first.
    ///
    /// Mechanism: `multiple_definition` (ld/ldmain.c), `ObjFile::postParse` (lld/ELF/InputFiles.cpp). lld and mold stop here and say nothing of
    /// symbols that are undefined.
    ///
    /// Fix: keep one; or make one weak, static, or part of a member of its own.
    pub DEFINED_TWICE = "LNK203" "defined-twice" of "link-errors", Error, since "0.1.0",
    "two files of the link define the same symbol",
    check(Facts), when |facts: &Facts| !facts.attempts.is_empty() || !facts.told.is_empty()
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for attempt in &facts.attempts {
        for pair in pairs(attempt, evidence).iter().filter(|pair| pair.kind == Twice::Two) {
            let words = pair.words(attempt);
            let title = format!(
                "{} {} defined twice: by {} and by {}",
                list(&words),
                super::common::are(words.len()),
                file_name(attempt, pair.first),
                file_name(attempt, pair.second)
            );
            let mut builder = pair.finding(rule, title, attempt, evidence).because(format!(
                "Were it allowed (--allow-multiple-definition), the definition of {} would be kept.",
                file_name(attempt, pair.first)
            ));
            if matches!(attempt.linker.kind, LinkerKind::Lld | LinkerKind::Mold) {
                builder = builder.because(format!(
                    "{} stops after these: symbols that are undefined, too, it does not tell.",
                    attempt.linker
                ));
            }
            if let Some(fix) = fixes::find(attempt, evidence) {
                builder = builder.fix(fix);
            }
            out.push(end(builder, attempt, evidence));
        }
    }
    out.extend(super::told::twice(rule, facts, evidence));
    out
}
