//! LNK111 defined-nowhere
//!
//! Speaks on: fixtures/key-function. Silent on: fixtures/key-function-defined.

use casebook_core::{EvidenceSet, Finding, Rule, rule};

use super::common::{base_name, file_name, input_word, list, symbol};
use super::each;
use super::undefined::Symbols;
use crate::facts::command::How;
use crate::facts::{Attempt, Facts};
use crate::model::causes::Cause;

rule! {
    /// A symbol is undefined, and no file that was read defines it, under this name or one near to it.
    ///
    /// Some names tell why. The vtable of a class is written into the object that has the class's key function, its first virtual member that is
    /// neither inline nor pure: where that is not defined, the vtable is missing. `main` is asked for by the start files. `__wrap_f` has to
    /// be written by whoever uses `--wrap=f`. An instance of a template exists where somebody instantiated it with its definition in sight. A C99
    /// `inline` function without `extern` is no definition for others.
    ///
    /// Mechanism: the Itanium C++ ABI, section 5.2.3 (key functions); crt1.o; `--wrap` (ld's manual); C17, 6.7.4.
    ///
    /// Fix: define it, or name the file that does.
    pub NOWHERE = "LNK111" "defined-nowhere" of "link-errors", Error, since "0.1.0",
    "no file that was read defines the undefined symbol, nor nearly",
    check(Facts), when |facts: &Facts| !facts.attempts.is_empty() || !facts.told.is_empty()
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = each(facts, |attempt, diagnosis| {
        let (what, reason) = match &diagnosis.cause {
            Cause::KeyFunction { class } => (
                format!("no object has the key function of `{class}`"),
                format!("The vtable of a class stands in the object that defines its first virtual member function which is neither inline nor pure: define that one of `{class}` (often its destructor), or name the object that does."),
            ),
            Cause::Main => (
                "no object on the line defines it".to_owned(),
                "The start files call main. If this is to be a library, -shared is missing; if main is in an object or archive, that is not on the line.".to_owned(),
            ),
            Cause::Wrapper { name } => (
                "no file defines it".to_owned(),
                format!("--wrap={0} turns every reference to `{0}` into one to `__wrap_{0}`, which somebody has to define.", symbol(attempt, *name)),
            ),
            Cause::Template => (
                "no object has this instance of the template".to_owned(),
                "A template's members exist where they are instantiated with their definition in sight: put the definition into the header, or instantiate it explicitly (`template class X<int>;`) in one file.".to_owned(),
            ),
            Cause::Lacks { input, known } => (
                format!("`{}` on the line is {} without {}", input_word(attempt, *input), known.what, if diagnosis.symbols.len() == 1 { "it" } else { "them" }),
                lacks(facts, attempt, *input),
            ),
            Cause::Nowhere => (
                "no file on the line defines it".to_owned(),
                format!("Read: {} files of the line with all members of their archives. None defines it, under this name or one near to it.", attempt.program.inputs.len()),
            ),
            _ => return None,
        };
        let symbols = Symbols::of(attempt, evidence, diagnosis);
        let title = format!("{}, and {what}", symbols.are_undefined());
        let mut builder = symbols.at_user(rule, title).because(reason);
        if matches!(diagnosis.cause, Cause::Nowhere) && !attempt.is_whole() {
            builder = builder.missing(format!("files of the line that are not here: {}", attempt.missing.join(", ")));
        }
        Some(symbols.end(builder, None, true))
    });
    out.extend(super::told::nowhere(rule, facts, evidence));
    out
}

/// What is known of a library that lacks what it should have.
fn lacks(facts: &Facts, attempt: &Attempt, input: usize) -> String {
    let name = attempt.program.inputs.get(input).map_or("", |input| file_name(attempt, input.file));
    let made = facts.made(|output| base_name(output) == base_name(name)).filter_map(|made| match &made.how {
        How::Archive(members) => Some(members),
        How::Compiled { .. } => None,
    });
    match made.last() {
        Some(members) => {
            let shown: Vec<String> = members.iter().map(|member| base_name(member).to_owned()).collect();
            format!(
                "{name} was made of {} objects: {}. The one that has the definition is not among them, or was compiled so that it does not.",
                members.len(),
                list(&shown)
            )
        }
        None => format!(
            "{name} may be of another release than the headers, or built without this part, or the wrong file of this name is found first: look which it is, and whether an object was left out of it."
        ),
    }
}
