//! LNK104 library-only-through-another
//!
//! Speaks on: fixtures/through-another. Silent on: fixtures/through-another-named.

use casebook_core::{EvidenceSet, Finding, Rule, rule};

use super::common::{begin, end, file_name, symbol};
use super::fixes::{self, word_for};
use super::undefined::Symbols;
use super::{each, why};
use crate::facts::Facts;
use crate::model::causes::Cause;

rule! {
    /// An object uses a symbol of a library that is not on the line, only needed by a library that is.
    ///
    /// GNU ld reads the libraries that libraries need, to see that nothing is missing. When one of them has what an object asks for, it ends with
    /// "DSO missing from command line": the output would depend on a library that its line does not name, and would break the day the other
    /// library stops needing it. Other linkers do not look there and say that the symbol is undefined.
    ///
    /// Mechanism: `ldelf_handle_dt_needed` (ld/ldelf.c) loads them with `DYN_NO_NEEDED`; `elf_link_add_object_symbols` (bfd/elflink.c) refuses.
    ///
    /// Fix: name the library. `--copy-dt-needed-entries` only hides it, and only in GNU ld.
    pub TRANSITIVE = "LNK104" "library-only-through-another" of "link-errors", Error, since "0.1.0",
    "an object uses a library that only another library brings",
    check(Facts), when |facts: &Facts| !facts.attempts.is_empty() || !facts.told.is_empty()
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for attempt in &facts.attempts {
        for missing in &attempt.outcome.dso_missing {
            let (name, library) = (symbol(attempt, missing.name), file_name(attempt, missing.shared));
            let user = crate::model::chain::first_user(&attempt.program, &attempt.outcome, missing.name);
            let input = user.and_then(|user| crate::model::chain::input_of(&attempt.program, user));
            let by = user.map_or("the line", |user| file_name(attempt, user));
            let title =
                format!("{by} uses `{name}` of {library}, which is not on the line: only another library needs it");
            let mut builder = begin(rule, title, attempt, input, &format!("uses `{name}`"));
            let needing = attempt.program.files.iter().enumerate().find(|(index, file)| match &file.content {
                crate::model::input::Content::Shared(shared) => {
                    let by = crate::model::input::FileId(*index as u32);
                    let found = |name| attempt.program.closure.get(&(by, name)) == Some(&missing.shared);
                    shared.needed.iter().any(|needed| found(*needed))
                }
                _ => false,
            });
            if let Some((index, _)) = needing {
                builder = builder.because(format!(
                    "{library} comes in because {} needs it.",
                    file_name(attempt, crate::model::input::FileId(index as u32))
                ));
            }
            builder = builder
                .because(format!(
                    "{} reads such libraries only to look for what is missing, and ends with \"DSO missing from command line\" at the first symbol of them that an object uses; there can be more.",
                    attempt.linker
                ))
                .because(format!("`{}` would name it.", word_for(attempt, missing.shared)))
                .witness(
                    serde_json::json!({"symbol": attempt.program.names.text(missing.name), "library": library, "needed_by": by}),
                    format!("`{name}` of {library} for {by}"),
                )
                .replay(why(attempt, evidence, missing.name))
                .key(&name);
            if let Some(fix) = fixes::find(attempt, evidence) {
                builder = builder.fix(fix);
            }
            out.push(end(builder, attempt, evidence));
        }
    }
    out.extend(each(facts, |attempt, diagnosis| {
        let Cause::NotNamed { file, through: Some(through) } = diagnosis.cause else { return None };
        let symbols = Symbols::of(attempt, evidence, diagnosis);
        let title = format!(
            "{}: {} has {}, and is not on the line; only {} needs it",
            symbols.are_undefined(),
            file_name(attempt, file),
            symbols.it(),
            file_name(attempt, through)
        );
        let builder = symbols.at_user(rule, title).because(format!("`{}` would name it.", word_for(attempt, file)));
        Some(symbols.end(builder, Some(file), true))
    }));
    out.extend(super::told::transitive(rule, facts, evidence));
    out
}
