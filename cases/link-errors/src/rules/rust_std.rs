//! LNK204 rust-standard-library-twice
//!
//! Speaks on: fixtures/rust-twice. Silent on: fixtures/rust-once.

use casebook_core::{EvidenceSet, Finding, Fix, FixClass, Rule, rule};

use super::common::{end, file_name, list};
use super::duplicates::{Twice, pairs};
use crate::facts::Facts;
use crate::model::input::FileId;

rule! {
    /// Two static libraries that Rust made are on one line, and each has the standard library in it.
    ///
    /// `crate-type = ["staticlib"]` packs everything a crate needs into the archive, the standard library included. Two of them define
    /// `rust_eh_personality`, the allocator's functions and more, and where the members that have these are taken from both, they collide. Whether
    /// they are depends on how the standard library was cut into members: a debug build can link where a release build with LTO does not.
    ///
    /// Mechanism: members of archives collide when both are extracted; rust-lang/rust issue 44322.
    ///
    /// Fix: one crate of type staticlib that depends on both as rlibs; `--allow-multiple-definition` only hides that there are two.
    pub RUST_STD = "LNK204" "rust-standard-library-twice" of "link-errors", Error, since "0.1.0",
    "two Rust static libraries each bring the standard library",
    check(Facts), when |facts: &Facts| !facts.attempts.is_empty()
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for attempt in &facts.attempts {
        let mut told: Vec<(Option<FileId>, Option<FileId>)> = Vec::new();
        for pair in pairs(attempt, evidence).iter().filter(|pair| pair.kind == Twice::RustStd) {
            let archive = |file: FileId| attempt.program.files[file.0 as usize].archive;
            let both = (archive(pair.first), archive(pair.second));
            if told.contains(&both) {
                continue;
            }
            told.push(both);
            let name = |file: FileId| {
                archive(file).map_or_else(|| file_name(attempt, file), |archive| file_name(attempt, archive))
            };
            let title = format!(
                "{} and {} are Rust static libraries, each with the standard library in it: {} {} defined twice",
                name(pair.first),
                name(pair.second),
                list(&pair.words(attempt)),
                super::common::are(pair.names.len())
            );
            let builder = pair
                .finding(rule, title, attempt, evidence)
                .because("A staticlib carries all it needs, std included; two of them on one line carry it twice.")
                .fix(Fix {
                    title: "make one crate of type staticlib that depends on both, and link that".to_owned(),
                    class: FixClass::Display,
                    edits: Vec::new(),
                    commands: Vec::new(),
                });
            out.push(end(builder, attempt, evidence));
        }
    }
    out
}
