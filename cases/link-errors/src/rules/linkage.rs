//! LNK106 other-linkage
//!
//! Speaks on: fixtures/c-from-cxx. Silent on: fixtures/c-from-cxx-extern.

use casebook_core::{EvidenceSet, Finding, Fix, FixClass, Rule, rule};

use super::common::{definition_place, file_name, symbol};
use super::each;
use super::undefined::Symbols;
use crate::facts::Facts;
use crate::model::causes::Cause;
use crate::model::spelling::Difference;

rule! {
    /// A symbol is undefined although the function exists: one language calls it by the name of another.
    ///
    /// C++ and Rust write parameters and paths into a symbol's name (`_Z6c_funci`), C writes the name alone, Fortran adds an underscore and
    /// writes small letters. The declaration that the caller saw decides which name it asks for.
    ///
    /// Mechanism: the Itanium C++ ABI, section 5.1; `extern "C"` (C++ standard, [dcl.link]); gfortran's manual, "Naming conventions".
    ///
    /// Fix: `extern "C"` around the declaration of a C function in C++, and around the definition of a C++ function that C calls;
    /// `#[unsafe(no_mangle)] extern "C"` in Rust; `bind(C)` in Fortran.
    pub LINKAGE = "LNK106" "other-linkage" of "link-errors", Error, since "0.1.0",
    "the undefined symbol is defined under the name of another language",
    check(Facts), when |facts: &Facts| !facts.attempts.is_empty()
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    each(facts, |attempt, diagnosis| {
        let Cause::Spelled { near } = diagnosis.cause else { return None };
        let symbols = Symbols::of(attempt, evidence, diagnosis);
        let (raw, defined) = (attempt.program.names.text(near.name).into_owned(), symbol(attempt, near.name));
        let file = file_name(attempt, near.file);
        let (what, reason, fix) = match near.difference {
            Difference::AskedAsCxx => (
                format!("{file} has `{raw}`, the C function"),
                "The caller was compiled as C++ and asks for a name with parameters in it; the definition was compiled as C.",
                format!("declare it as C where C++ sees it: extern \"C\" {{ … {raw} … }}"),
            ),
            Difference::DefinedAsCxx => (
                format!("{file} has `{defined}`, the C++ function"),
                "The caller asks for the C name; the definition was compiled as C++ and has its parameters in its name.",
                "define it with C linkage: extern \"C\" before the function in the C++ file".to_owned(),
            ),
            Difference::DefinedAsRust => (
                format!("{file} has `{defined}`, the Rust function"),
                "Rust writes the path and a hash into the name, unless it is told not to.",
                "mark it #[unsafe(no_mangle)] pub extern \"C\" in the Rust source".to_owned(),
            ),
            Difference::Underscore => (
                format!("{file} has `{raw}`"),
                "The names differ in an underscore: Fortran adds one and writes small letters, C does not.",
                format!("call it by its Fortran name `{raw}`, or give the Fortran procedure bind(C, name=…)"),
            ),
            _ => return None,
        };
        let title = format!("{}, and {what}", symbols.are_undefined());
        let mut builder = symbols.at_user(rule, title);
        if let Some(place) =
            definition_place(attempt, evidence, near.file, near.name, "the same function under another name")
        {
            builder = builder.place(place);
        }
        builder = builder
            .because(reason)
            .because(format!("Asked for: `{}`. Defined: `{raw}`.", asked(attempt, &symbols)))
            .fix(Fix { title: fix, class: FixClass::Display, edits: Vec::new(), commands: Vec::new() });
        Some(symbols.end(builder, Some(near.file), false))
    })
}

/// The name as it stands in the object.
pub(super) fn asked(attempt: &crate::facts::Attempt, symbols: &Symbols<'_>) -> String {
    symbols.first().map_or_else(String::new, |first| attempt.program.names.text(first.name).into_owned())
}
