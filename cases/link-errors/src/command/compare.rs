//! `casebook link compare`: the same line for several linkers.

use std::io::Write;

use casebook_core::{Arg, ArgKind, OutputFormat, Verb, VerbError, VerbInput};
use serde_json::{Value, json};

use super::load::{COMMAND, EVIDENCE, attempts, linker, load};
use crate::facts::Attempt;
use crate::model::outcome::{Linker, Outcome, Verdict};
use crate::model::simulate;
use crate::model::spelling::readable;

/// The verb.
pub const COMPARE: Verb = Verb {
    name: "compare",
    about: "Say what each linker makes of a line: links or fails, what is undefined, defined twice, taken, needed",
    long: "Exit status: 0 all agree whether it links, 1 they do not.\n\nExamples:\n  casebook link compare -- cc main.o -lfoo -lbar\n  \
           casebook link compare --linkers bfd,lld-14,mold build.log --format json",
    args: &[
        EVIDENCE,
        Arg {
            name: "linkers",
            kind: ArgKind::Value,
            value_name: "NAMES",
            help: "Linkers, with or without version [default: bfd,gold,lld-14,lld,mold]",
            required: false,
            many: false,
        },
        COMMAND,
    ],
    run,
};

fn run(input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let loaded = load(input)?;
    let named = input.value("linkers").unwrap_or("bfd,gold,lld-14,lld,mold");
    let linkers: Vec<Linker> = named.split(',').map(|name| linker(name.trim())).collect::<Result<_, _>>()?;
    let (mut list, mut differ) = (Vec::new(), false);
    for attempt in attempts(&loaded)? {
        let outcomes: Vec<Outcome> = linkers.iter().map(|linker| simulate(&attempt.program, *linker)).collect();
        let verdicts: Vec<Verdict> =
            outcomes.iter().map(|outcome| outcome.verdict).filter(|verdict| *verdict != Verdict::Unknown).collect();
        differ |= verdicts.windows(2).any(|pair| pair[0] != pair[1]);
        match input.format {
            OutputFormat::Json => list.push(json!({
                "output": attempt.key(),
                "linkers": outcomes.iter().map(|outcome| value(attempt, outcome)).collect::<Vec<_>>(),
            })),
            OutputFormat::Text => text(attempt, &outcomes, out)?,
        }
    }
    if input.format == OutputFormat::Json {
        writeln!(out, "{}", json!({ "links": list }))?;
    }
    Ok(u8::from(differ))
}

fn names(attempt: &Attempt, list: impl Iterator<Item = crate::model::names::Name>) -> Vec<String> {
    let mut out: Vec<String> = list
        .map(|name| {
            let bytes = attempt.program.names.bytes(name);
            readable(bytes).unwrap_or_else(|| String::from_utf8_lossy(bytes).into_owned())
        })
        .collect();
    out.sort_unstable();
    out.dedup();
    out
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Links => "links",
        Verdict::Fails => "fails",
        Verdict::Unknown => "unknown",
    }
}

fn text(attempt: &Attempt, outcomes: &[Outcome], out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "{}", attempt.key())?;
    for outcome in outcomes {
        writeln!(out, "  {:<24} {}", outcome.linker.to_string(), verdict(outcome.verdict))?;
        let rows = [
            ("undefined", names(attempt, outcome.undefined.iter().map(|one| one.name))),
            ("defined twice", names(attempt, outcome.duplicates.iter().map(|one| one.name))),
            ("DSO missing", names(attempt, outcome.dso_missing.iter().map(|one| one.name))),
            ("unknown", outcome.unknown.iter().map(|unknown| unknown.what.clone()).collect()),
        ];
        for (what, list) in rows.iter().filter(|(_, list)| !list.is_empty()) {
            let shown = list.iter().take(8).cloned().collect::<Vec<_>>().join(", ");
            let more = if list.len() > 8 { format!(" and {} more", list.len() - 8) } else { String::new() };
            writeln!(out, "    {what}: {shown}{more}")?;
        }
        if outcome.verdict == Verdict::Links {
            let needed: Vec<String> =
                outcome.needed.iter().map(|one| attempt.program.names.text(one.soname).into_owned()).collect();
            writeln!(out, "    members taken: {}, needs: {}", outcome.extracted.len(), needed.join(", "))?;
        }
    }
    Ok(())
}

fn value(attempt: &Attempt, outcome: &Outcome) -> Value {
    let file = |file: crate::model::input::FileId| attempt.program.files[file.0 as usize].name.clone();
    json!({
        "linker": outcome.linker.to_string(),
        "verdict": verdict(outcome.verdict),
        "undefined": names(attempt, outcome.undefined.iter().map(|one| one.name)),
        "duplicates": names(attempt, outcome.duplicates.iter().map(|one| one.name)),
        "dso_missing": names(attempt, outcome.dso_missing.iter().map(|one| one.name)),
        "extracted": outcome.extracted.iter().map(|one| file(one.member)).collect::<Vec<_>>(),
        "needed": outcome.needed.iter().map(|one| attempt.program.names.text(one.soname)).collect::<Vec<_>>(),
        "dropped": outcome.dropped.iter().map(|one| file(*one)).collect::<Vec<_>>(),
        "unknown": outcome.unknown.iter().map(|one| one.what.clone()).collect::<Vec<_>>(),
    })
}
