//! LNK102 library-dropped-before-its-user
//!
//! Speaks on: fixtures/story-as-needed. Silent on: fixtures/story-as-needed-behind.

use casebook_core::{EvidenceSet, Finding, Rule, rule};

use super::common::{input_word, list};
use super::undefined::Symbols;
use super::{definer, each};
use crate::facts::Facts;
use crate::model::causes::Cause;

rule! {
    /// A symbol is undefined although a shared library on the line has it: the library stands under `--as-needed`, and when the linker came
    /// to it nobody needed it yet.
    ///
    /// GNU ld decides about a library under `--as-needed` the moment it reads it. If no file to its left asks for one of its symbols, and not
    /// only weakly, everything the library brought is undone as if it were not there. Debian, Ubuntu and others build GCC so that it passes
    /// `--as-needed` by itself; clang does not, and upstream GCC does not. gold, lld and mold decide at the end, so the same line links there.
    ///
    /// Mechanism: `elf_link_add_object_symbols` (bfd/elflink.c) saves its table, merges the library's symbols, and restores the table when
    /// no definition met a reference.
    ///
    /// Fix: put the library behind what needs it, or take it in any case with `--no-as-needed`.
    pub AS_NEEDED = "LNK102" "library-dropped-before-its-user" of "link-errors", Error, since "0.1.0",
    "a shared library that has the undefined symbol was dropped by --as-needed before anybody needed it",
    check(Facts), when |facts: &Facts| !facts.attempts.is_empty() || !facts.told.is_empty()
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = each(facts, |attempt, diagnosis| {
        let Cause::AsNeeded { input, user } = diagnosis.cause else { return None };
        let symbols = Symbols::of(attempt, evidence, diagnosis);
        let word = input_word(attempt, input);
        let by = user.map_or_else(|| symbols.user_word(), |user| input_word(attempt, user));
        let title = format!(
            "{}: `{word}` has {}, but --as-needed dropped it before `{by}` needed {}",
            symbols.are_undefined(),
            symbols.it(),
            symbols.it()
        );
        let label = format!("dropped: nobody to its left needs {}", list(&symbols.names));
        let mut builder = symbols.finding(rule, title, Some(input), &label);
        if let Some(first) = symbols.first() {
            builder = definer(builder, attempt, evidence, first);
        }
        let argument = attempt.program.inputs[input].argument;
        // The option in force is the last one before the library.
        let by_driver = (attempt.line.arguments.iter().enumerate())
            .take(argument as usize)
            .rfind(|(_, argument)| argument.text == "--as-needed")
            .is_some_and(|(index, _)| attempt.line.rule(index as u32).is_some());
        builder = builder.because(format!(
            "{} decides about a library under --as-needed when it reads it: references further right do not count.{}",
            attempt.linker,
            if by_driver { " The line does not say --as-needed; the driver passes it by itself." } else { "" }
        ));
        let file = attempt.program.inputs[input].file;
        Some(symbols.end(builder, Some(file), true))
    });
    out.extend(super::told::order(rule, facts, evidence, true));
    out
}
