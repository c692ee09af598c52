//! LNK101 archive-before-its-user
//!
//! Speaks on: fixtures/story-static. Silent on: fixtures/story-static-behind.

use casebook_core::{EvidenceSet, Finding, Rule, rule};
use serde_json::json;

use super::common::{MOST_SYMBOLS, are, begin, end, file_name, input_word, list, needs, symbol, undefined_name};
use super::{definer, each, fixes, why};
use crate::facts::{Attempt, Facts};
use crate::model::causes::{Cause, Diagnosis};

rule! {
    /// A symbol is undefined although an archive on the line defines it: the archive was looked through before anybody needed the symbol.
    ///
    /// GNU ld and gold go through the line from left to right. Of an archive they take those members that define a symbol which is undefined at
    /// that moment, and they do not come back: what a later file needs is not found in an earlier archive. lld and mold remember what every
    /// archive has, and take a member whenever somebody asks.
    ///
    /// Mechanism: `elf_link_add_archive_symbols` (bfd/elflink.c), called once for each archive by `open_input_bfds` (ld/ldlang.c);
    /// `Archive::add_symbols` (gold/archive.cc).
    ///
    /// Fix: put libraries behind the files that need them; where two archives need each other, `--start-group … --end-group`.
    pub ORDER = "LNK101" "archive-before-its-user" of "link-errors", Error, since "0.1.0",
    "an archive that has the undefined symbol was looked through before anybody needed it",
    check(Facts), when |facts: &Facts| !facts.attempts.is_empty() || !facts.told.is_empty()
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = each(facts, |attempt, diagnosis| match diagnosis.cause {
        Cause::Order { input, user, cycle } => Some(finding(rule, attempt, evidence, diagnosis, input, user, cycle)),
        _ => None,
    });
    out.extend(super::told::order(rule, facts, evidence, false));
    out
}

fn finding(
    rule: &'static Rule,
    attempt: &Attempt,
    evidence: &EvidenceSet,
    diagnosis: &Diagnosis,
    input: usize,
    user: usize,
    cycle: bool,
) -> Finding {
    let undefined: Vec<_> = diagnosis.symbols.iter().map(|index| &attempt.outcome.undefined[*index]).collect();
    let names: Vec<String> = undefined.iter().map(|one| undefined_name(attempt, one)).collect();
    let (word, by) = (input_word(attempt, input), input_word(attempt, user));
    let title = if cycle {
        format!(
            "{} {} undefined for {}: `{word}` has {}, but it was looked through before `{by}` needed {}, and `{by}` has what `{word}` needs",
            list(&names),
            are(names.len()),
            attempt.linker,
            it(names.len()),
            it(names.len()),
        )
    } else {
        format!(
            "{} {} undefined for {}: `{word}` has {}, but stands before `{by}`, which needs {}",
            list(&names),
            are(names.len()),
            attempt.linker,
            it(names.len()),
            it(names.len()),
        )
    };
    let label = format!("looked through while nobody needed {}", list(&names));
    let mut builder = begin(rule, title, attempt, Some(input), &label);
    for one in undefined.iter().take(2) {
        builder = needs(builder, attempt, evidence, one, Some(input));
    }
    if let Some(first) = undefined.first() {
        builder = definer(builder, attempt, evidence, first);
        let member = super::defining_file(attempt, first.name);
        builder = builder
            .because(format!(
                "{} goes through the line from left to right and takes members of an archive for what is undefined at that moment; it does not come back to `{word}`.",
                attempt.linker
            ))
            .witness(
                json!({
                    "symbol": attempt.program.names.text(first.name),
                    "symbols": undefined.iter().take(MOST_SYMBOLS).map(|one| attempt.program.names.text(one.name)).collect::<Vec<_>>(),
                    "defined_in": member.map(|file| file_name(attempt, file)),
                    "archive": word,
                    "needed_by": first.sites.first().map(|site| file_name(attempt, site.file)),
                }),
                format!(
                    "`{}` of {} for {}",
                    symbol(attempt, first.name),
                    member.map_or_else(|| word.clone(), |file| file_name(attempt, file).to_owned()),
                    first.sites.first().map_or("the line", |site| file_name(attempt, site.file)),
                ),
            )
            .replay(why(attempt, evidence, first.name));
    }
    if let Some(fix) = fixes::find(attempt, evidence) {
        builder = builder.fix(fix);
    }
    builder = names.iter().fold(builder, |builder, name| builder.key(name));
    end(builder, attempt, evidence)
}

fn it(count: usize) -> &'static str {
    if count == 1 { "it" } else { "them" }
}
