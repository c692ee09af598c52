//! LNK108 nearly-this-name
//!
//! Speaks on: fixtures/other-parameters. Silent on: fixtures/same-parameters.

use casebook_core::{EvidenceSet, Finding, Rule, rule};

use super::common::{definition_place, file_name, symbol};
use super::each;
use super::undefined::Symbols;
use crate::facts::Facts;
use crate::model::causes::Cause;
use crate::model::spelling::Difference;

rule! {
    /// A symbol is undefined, and a file of the link defines nearly that name: with other parameters, const or not, in another namespace, in
    /// another case, or with one letter changed.
    ///
    /// In C++ such definitions are other functions: a declaration in a header that was changed on one side only compiles everywhere and fails here.
    ///
    /// Mechanism: names are compared byte by byte; the Itanium C++ ABI writes parameters, const and scope into them.
    ///
    /// Fix: make declaration and definition the same.
    pub SPELLED = "LNK108" "nearly-this-name" of "link-errors", Error, since "0.1.0",
    "a definition differs from the undefined symbol in parameters, const, scope, case or a letter",
    check(Facts), when |facts: &Facts| !facts.attempts.is_empty()
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    each(facts, |attempt, diagnosis| {
        let Cause::Spelled { near } = diagnosis.cause else { return None };
        let how = match near.difference {
            Difference::Const => "the same member function, const on one side only",
            Difference::Parameters => "the same name with other parameters",
            Difference::Scope => "the same name in another namespace or class",
            Difference::Case => "the same name in another case",
            Difference::Typo => "one letter differs",
            _ => return None,
        };
        let symbols = Symbols::of(attempt, evidence, diagnosis);
        let defined = symbol(attempt, near.name);
        let title =
            format!("{}; {} defines `{defined}`: {how}", symbols.are_undefined(), file_name(attempt, near.file));
        let mut builder = symbols.at_user(rule, title);
        if let Some(place) = definition_place(attempt, evidence, near.file, near.name, how) {
            builder = builder.place(place);
        }
        builder = builder.because(
            "To a linker they are two names: what the caller's declaration says must be what the definition says.",
        );
        Some(symbols.end(builder, Some(near.file), false))
    })
}
