//! LNK112 definition-discarded
//!
//! Speaks on: fixtures/discarded. Silent on: fixtures/discarded-kept.

use casebook_core::{EvidenceSet, Finding, Rule, rule};

use super::common::file_name;
use super::each;
use super::undefined::Symbols;
use crate::facts::Facts;
use crate::model::causes::Cause;

rule! {
    /// A reference leads into a section that was discarded: of section groups with one signature the first is kept, and the other's symbols go.
    ///
    /// Inline functions and templates are compiled into every object that uses them, in groups. Where two objects put different things into the
    /// group of one signature (compiled with other options, or from other versions of a header), what only the second one has is lost.
    ///
    /// Mechanism: SHT_GROUP with GRP_COMDAT (gABI); `_bfd_elf_section_already_linked` (bfd/elflink.c).
    ///
    /// Fix: compile both objects from the same header with the same options.
    pub DISCARDED = "LNK112" "definition-discarded" of "link-errors", Error, since "0.1.0",
    "the definition was in a section group that gave way to another file's",
    check(Facts), when |facts: &Facts| !facts.attempts.is_empty()
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    each(facts, |attempt, diagnosis| {
        let Cause::Discarded { file } = diagnosis.cause else { return None };
        let symbols = Symbols::of(attempt, evidence, diagnosis);
        let title = format!(
            "{}: {} had {} in a section group that was discarded for another file's",
            symbols.are_undefined(),
            file_name(attempt, file),
            symbols.it()
        );
        let builder = symbols.at_user(rule, title).because("Of section groups with one signature the first is kept as it is; symbols that only a later one has are gone.");
        Some(symbols.end(builder, Some(file), true))
    })
}
