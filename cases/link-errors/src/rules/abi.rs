//! LNK107 other-abi
//!
//! Speaks on: fixtures/string-abi. Silent on: fixtures/string-abi-same.

use casebook_core::{EvidenceSet, Finding, Fix, FixClass, Rule, rule};

use super::common::{definition_place, file_name};
use super::each;
use super::linkage::asked;
use super::undefined::Symbols;
use crate::facts::Facts;
use crate::model::causes::Cause;
use crate::model::spelling::Difference;

rule! {
    /// A C++ or Rust function is undefined although it is there: caller and definition were compiled for two ABIs.
    ///
    /// Since GCC 5 libstdc++ has two strings and two lists. Which one a file uses is written into every name that mentions them
    /// (`std::__cxx11::basic_string`, `[abi:cxx11]`), so that they cannot be mixed by accident; `_GLIBCXX_USE_CXX11_ABI` chooses. No linker
    /// says that this is what differs. Rust writes a hash of the compiler and of the crate's version into names.
    ///
    /// Mechanism: libstdc++ manual, "Dual ABI"; the Itanium C++ ABI's abi_tag.
    ///
    /// Fix: compile both with one setting, one compiler, one version.
    pub ABI = "LNK107" "other-abi" of "link-errors", Error, since "0.1.0",
    "the undefined function is defined for another ABI of the standard library or compiler",
    check(Facts), when |facts: &Facts| !facts.attempts.is_empty() || !facts.told.is_empty()
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = each(facts, |attempt, diagnosis| {
        let Cause::Spelled { near } = diagnosis.cause else { return None };
        let symbols = Symbols::of(attempt, evidence, diagnosis);
        let raw = attempt.program.names.text(near.name).into_owned();
        let file = file_name(attempt, near.file);
        let wanted = asked(attempt, &symbols);
        let (what, reason, fix) = match near.difference {
            Difference::StringAbi => {
                let (new, old) = if wanted.contains("cxx11") { ("caller", "definition") } else { ("definition", "caller") };
                (
                    format!("{file} has {} for the other ABI of libstdc++", symbols.it()),
                    format!("The {new} uses the strings of GCC 5 and later (std::__cxx11), the {old} those before: they were compiled with different _GLIBCXX_USE_CXX11_ABI."),
                    format!("compile the {old} with -D_GLIBCXX_USE_CXX11_ABI=1 (the default), or both with =0"),
                )
            }
            Difference::RustHash => (
                format!("{file} has {} with another hash", symbols.it()),
                "The path is the same and the hash is not: the crate was compiled twice, by another compiler, with other features, or in another version.".to_owned(),
                "build both with one compiler and one Cargo.lock; `cargo clean` where stale rlibs were linked by hand".to_owned(),
            ),
            _ => return None,
        };
        let title = format!("{}: {what}", symbols.are_undefined());
        let mut builder = symbols.at_user(rule, title);
        if let Some(place) =
            definition_place(attempt, evidence, near.file, near.name, "the same function for the other ABI")
        {
            builder = builder.place(place);
        }
        builder = builder.because(reason).because(format!("Asked for: `{wanted}`. Defined: `{raw}`.")).fix(Fix {
            title: fix,
            class: FixClass::Display,
            edits: Vec::new(),
            commands: Vec::new(),
        });
        Some(symbols.end(builder, Some(near.file), false))
    });
    out.extend(super::told::strings(rule, facts, evidence));
    out
}
