//! LNK110 shared-object-lacks-symbol
//!
//! Speaks on: fixtures/shared-lacks. Silent on: fixtures/shared-complete.

use casebook_core::{EvidenceSet, Finding, Rule, rule};

use super::common::{file_name, list};
use super::each;
use super::undefined::Symbols;
use crate::facts::Facts;
use crate::model::causes::Cause;

rule! {
    /// A shared object on the line uses a symbol that nothing defines. It is not this program's code that is wrong: the library was linked without
    /// what it uses, or a library that it needs was not found.
    ///
    /// An executable is linked so that all of its libraries will find their symbols when it starts. GNU ld looks for the libraries that libraries
    /// need (`-rpath-link`, `-rpath`, their own run path, the system's folders; never `-L`). lld and gold ask only where all that a library
    /// needs is on the line, and ask also of libraries that are then dropped; mold 1.10 does not ask. `-shared` asks nothing.
    ///
    /// Mechanism: `elf_link_output_extsym` (bfd/elflink.c); `Writer::finalizeSections` (lld/ELF/Writer.cpp).
    ///
    /// Fix: name the library that has it, or its folder with `-rpath-link`; better, link the shared object itself with what it uses.
    pub SHARED_LACKS = "LNK110" "shared-object-lacks-symbol" of "link-errors", Error, since "0.1.0",
    "a shared object of the line uses a symbol that nothing defines",
    check(Facts), when |facts: &Facts| !facts.attempts.is_empty() || !facts.told.is_empty()
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = each(facts, |attempt, diagnosis| {
        let Cause::SharedLacks { file, not_found } = &diagnosis.cause else { return None };
        let symbols = Symbols::of(attempt, evidence, diagnosis);
        let library = file_name(attempt, *file);
        let lost: Vec<String> = not_found.iter().map(|name| attempt.program.names.text(*name).into_owned()).collect();
        let title = if lost.is_empty() {
            format!(
                "{}: {library} uses {} and says of no library that it needs it",
                symbols.are_undefined(),
                symbols.it()
            )
        } else {
            format!(
                "{}: {library} uses {}, and of what it needs {} was not found",
                symbols.are_undefined(),
                symbols.it(),
                list(&lost)
            )
        };
        let input = crate::model::chain::input_of(&attempt.program, *file);
        let label = format!("uses {}", list(&symbols.names));
        let mut builder = symbols.finding(rule, title, input, &label);
        builder = if lost.is_empty() {
            builder.because(format!("{library} was linked without the library that has {} (no DT_NEEDED leads to one): it should be linked again with it; until then the program's own line can name it.", symbols.it()))
        } else {
            builder.because("Libraries that libraries need are looked for by -rpath-link, -rpath, the run path of the library that needs them, and the folders of the system; -L does not count.")
        };
        if !lost.is_empty()
            && let Some(fix) = super::file_fixes::needed(attempt, evidence, &lost)
        {
            builder = builder.fix(fix);
        }
        Some(symbols.end(builder, None, true))
    });
    out.extend(super::told::lacks(rule, facts, evidence));
    out
}
