//! `casebook link needed`: which shared libraries the output will need, and why; which were dropped.

use std::io::Write;

use casebook_core::{OutputFormat, Verb, VerbError, VerbInput};
use serde_json::{Value, json};

use super::load::{COMMAND, EVIDENCE, LINKER, attempts, linker, load};
use crate::facts::Attempt;
use crate::model::outcome::{Because, Outcome};
use crate::model::simulate;
use crate::model::spelling::readable;

/// The verb.
pub const NEEDED: Verb = Verb {
    name: "needed",
    about: "Say which shared libraries the output will need, which symbol of which file makes it so, and which are dropped",
    long: "Examples:\n  casebook link needed -- cc main.o -lm -lz -o app\n  casebook link needed CMakeFiles/app.dir/link.txt\n  \
           casebook link needed build.log --linker lld-19",
    args: &[EVIDENCE, LINKER, COMMAND],
    run,
};

fn run(input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let loaded = load(input)?;
    let mut list = Vec::new();
    for attempt in attempts(&loaded)? {
        let other = input.value("linker").map(linker).transpose()?;
        let outcome = match other {
            Some(linker) => &simulate(&attempt.program, linker),
            None => &attempt.outcome,
        };
        match input.format {
            OutputFormat::Json => list.push(value(attempt, outcome)),
            OutputFormat::Text => text(attempt, outcome, out)?,
        }
    }
    if input.format == OutputFormat::Json {
        writeln!(out, "{}", json!({ "links": list }))?;
    }
    Ok(0)
}

fn why(attempt: &Attempt, because: Because) -> String {
    let program = &attempt.program;
    let name = |name| {
        let bytes = program.names.bytes(name);
        readable(bytes).unwrap_or_else(|| String::from_utf8_lossy(bytes).into_owned())
    };
    match because {
        Because::Reference { file, name: symbol } => {
            format!("{} needs `{}`", program.files[file.0 as usize].name, name(symbol))
        }
        Because::Common { file, name: symbol } => {
            format!("{} has `{}` as a common symbol", program.files[file.0 as usize].name, name(symbol))
        }
        Because::Option(symbol) => format!("an option names `{}`", name(symbol)),
        Because::Line | Because::Whole => "it stands on the line without --as-needed".to_owned(),
    }
}

fn text(attempt: &Attempt, outcome: &Outcome, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "{} ({}):", attempt.key(), outcome.linker)?;
    for needed in &outcome.needed {
        let soname = attempt.program.names.text(needed.soname);
        let unused = if needed.used { "" } else { "; nothing of the output uses it in the end" };
        writeln!(out, "  {soname:<28} {}{unused}", why(attempt, needed.because))?;
    }
    for dropped in &outcome.dropped {
        let name = &attempt.program.files[dropped.0 as usize].name;
        writeln!(out, "  dropped: {name}: --as-needed, and no reference that counts")?;
    }
    if outcome.needed.is_empty() {
        writeln!(out, "  no shared library")?;
    }
    Ok(())
}

fn value(attempt: &Attempt, outcome: &Outcome) -> Value {
    let needed: Vec<Value> = outcome
        .needed
        .iter()
        .map(|needed| {
            json!({
                "soname": attempt.program.names.text(needed.soname),
                "file": attempt.program.files[needed.file.0 as usize].name,
                "because": why(attempt, needed.because),
                "used": needed.used,
            })
        })
        .collect();
    let dropped: Vec<&str> =
        outcome.dropped.iter().map(|file| attempt.program.files[file.0 as usize].name.as_str()).collect();
    json!({ "output": attempt.key(), "linker": outcome.linker.to_string(), "needed": needed, "dropped": dropped })
}
