//! LNK202 file-named-twice
//!
//! Speaks on: fixtures/named-twice. Silent on: fixtures/named-once.

use casebook_core::{EvidenceSet, Finding, Rule, rule};

use super::common::{end, file_name, list};
use super::duplicates::{Twice, pairs};
use super::fixes;
use crate::facts::Facts;

rule! {
    /// The same object is on the line twice: by name, as a copy, or once by itself and once in an archive that is taken whole.
    ///
    /// Objects are always taken, as often as they are named. Of an archive members are taken where they are needed, so that an archive can stand on
    /// the line twice; under `--whole-archive` all of them are taken each time.
    ///
    /// Mechanism: `open_input_bfds` (ld/ldlang.c) opens every file of the line.
    ///
    /// Fix: name it once.
    pub NAMED_TWICE = "LNK202" "file-named-twice" of "link-errors", Error, since "0.1.0",
    "the same object is part of the link twice",
    check(Facts), when |facts: &Facts| !facts.attempts.is_empty()
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for attempt in &facts.attempts {
        for pair in pairs(attempt, evidence).iter().filter(|pair| pair.kind == Twice::SameFile) {
            let (first, second) = (file_name(attempt, pair.first), file_name(attempt, pair.second));
            let title = if pair.first == pair.second {
                format!("{first} is part of the link twice; each time it defines {}", list(&pair.words(attempt)))
            } else {
                format!("{first} and {second} are the same object; both define {}", list(&pair.words(attempt)))
            };
            let mut builder = pair.finding(rule, title, attempt, evidence);
            if let Some(fix) = fixes::find(attempt, evidence) {
                builder = builder.fix(fix);
            }
            out.push(end(builder, attempt, evidence));
        }
    }
    out
}
