//! Notes on lines that link: LNK401 and LNK402.

use casebook_core::{EvidenceSet, Finding, Rule, rule};
use serde_json::json;

use super::common::{begin, end, file_name, input_word, list};
use crate::facts::Facts;
use crate::model::chain::input_of;
use crate::model::outcome::{Because, Verdict};
use crate::model::simulate;

rule! {
    /// A library stays in the output's list of needed libraries though nothing of the output uses it.
    ///
    /// Without `--as-needed` every shared library on the line is needed. Under it, GNU ld and gold keep a library from the first reference it
    /// satisfies, also where a later object defines the symbol itself; lld and mold look again at the end. A library that is needed for nothing is
    /// loaded at every start, and must be installed.
    ///
    /// Mechanism: `elf_link_add_object_symbols` (bfd/elflink.c); `MarkLive` (lld/ELF/MarkLive.cpp).
    ///
    /// Fix: take it off the line, or put it under `--as-needed`.
    pub NEEDLESS = "LNK401" "needless-library" of "link-errors", Note, since "0.1.0",
    "the output needs a shared library that nothing of it uses",
    check_needless(Facts), when |facts: &Facts| !facts.attempts.is_empty()
}

rule! {
    /// The line links with its linker and not with others.
    ///
    /// Linkers differ in what they look at again: a line that mold or lld takes can fail with GNU ld because an archive stands before its user, and the
    /// other way round. Distributions change their default (Rust did on x86-64 Linux in 1.90).
    ///
    /// Mechanism: the same model, run for each of the others.
    ///
    /// Fix: libraries behind their users, every library that is used named: such a line links everywhere.
    pub DEPENDS = "LNK402" "depends-on-the-linker" of "link-errors", Note, since "0.1.0",
    "the line links with its linker and fails with others",
    check_depends(Facts), when |facts: &Facts| !facts.attempts.is_empty()
}

fn check_needless(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for attempt in
        facts.attempts.iter().filter(|attempt| attempt.outcome.verdict == Verdict::Links && attempt.is_whole())
    {
        for needed in attempt.outcome.needed.iter().filter(|needed| !needed.used) {
            let Some(input) = input_of(&attempt.program, needed.file) else { continue };
            // What the driver adds is not the line's affair.
            if attempt.span_of(input).is_none() {
                continue;
            }
            let (soname, word) = (attempt.program.names.text(needed.soname).into_owned(), input_word(attempt, input));
            let title = format!("the output needs {soname}, and nothing of it uses `{word}`");
            let reason = match needed.because {
                Because::Reference { file, name } => format!(
                    "{} kept it for `{}` of {}, which another file defines in the end.",
                    attempt.linker,
                    super::common::symbol(attempt, name),
                    file_name(attempt, file)
                ),
                _ => format!("{} takes every shared library that does not stand under --as-needed.", attempt.linker),
            };
            let builder = begin(rule, title, attempt, Some(input), "needed for nothing")
                .because(reason)
                .witness(json!({"soname": soname}), format!("DT_NEEDED {soname}"))
                .key(&soname);
            out.push(end(builder, attempt, evidence));
        }
    }
    out
}

fn check_depends(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for attempt in
        facts.attempts.iter().filter(|attempt| attempt.outcome.verdict == Verdict::Links && attempt.is_whole())
    {
        if let Some((linker, _)) = attempt.others().iter().find(|(_, verdict)| *verdict == Verdict::Fails) {
            let other = simulate(&attempt.program, *linker);
            let undefined: Vec<String> =
                other.undefined.iter().map(|one| super::common::symbol(attempt, one.name)).collect();
            let twice: Vec<String> =
                other.duplicates.iter().map(|one| super::common::symbol(attempt, one.name)).collect();
            let what = match (undefined.is_empty(), twice.is_empty()) {
                (false, _) => format!("{} {} undefined", list(&undefined), super::common::are(undefined.len())),
                (true, false) => format!("{} {} defined twice", list(&twice), super::common::are(twice.len())),
                _ => "it refuses a file or symbol".to_owned(),
            };
            let first = other
                .undefined
                .first()
                .and_then(|one| one.sites.first())
                .and_then(|site| input_of(&attempt.program, site.file));
            let title = format!("{} links this line; {linker} does not: {what}", attempt.linker);
            let builder = begin(rule, title, attempt, first, "needs it")
                .witness(
                    json!({"linker": linker.to_string(), "undefined": undefined, "duplicates": twice}),
                    format!("{linker}: {what}"),
                )
                .key(linker.kind.as_str());
            out.push(builder.key(attempt.key()).build(evidence));
        }
    }
    out
}
