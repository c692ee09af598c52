//! `casebook link`: why a link fails, and what would make it link.

use std::io::Write;

use casebook_core::{Arg, ArgKind, EvidenceSet, OutputFormat, Shown, Verb, VerbError, VerbInput, Workshop};

use super::load::{COMMAND, attempts, load, said, text, workshop};
use crate::facts::{Attempt, LIVE};
use crate::model::outcome::Verdict;
use crate::rules::fixes;

/// The verb.
pub const LINK: Verb = Verb {
    name: "link",
    about: "Say why a link command fails, for its linker, and which edit makes it link",
    long: "The driver is asked what it would do (`-###`), and nothing else is run: the files on its line are read and the link is played in the \
           model of its linker. With --run the command is run as it is, and explained only if it fails: put `casebook link --run --` before the \
           linker's command in a build. With --confirm the fix is tried with the real linker, in a temporary folder.\n\n\
           Exit status: 0 it links, 1 it does not, 2 the command cannot be looked at; with --run, that of the command.\n\n\
           Examples:\n  casebook link -- cc -lm main.o -o app\n  casebook link --confirm -- c++ main.o libparser.a liblexer.a\n  \
           casebook link --run -- cc main.o -lz -o app\n  casebook link why deflate -- cc main.o -lpng\n  casebook link compare build.log",
    args: &[
        flag("run", "Run the command as it is, and explain it only if it fails"),
        flag("confirm", "Try the fix with the real linker, in a temporary folder"),
        COMMAND,
    ],
    run,
};

const fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg { name, kind: ArgKind::Flag, value_name: "", help, required: false, many: false }
}

fn run(input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let command = input.all("command");
    if command.is_empty() {
        return Err(VerbError::with_hint(
            "there is no command",
            "casebook link -- cc main.o -lm; for texts and folders: casebook check PATH",
        ));
    }
    if input.flag("confirm") && input.format == OutputFormat::Json {
        return Err(VerbError::with_hint("--confirm is told in text", "leave --format json or --confirm out"));
    }
    let workshop = workshop(input)?;
    let mut more = String::new();
    let mut code = None;
    if input.flag("run") {
        let ran = workshop.run(command, Shown::AsItComes).map_err(VerbError::usage)?;
        let failed = ran.code.unwrap_or(1);
        if failed == 0 {
            return Ok(0);
        }
        code = Some(u8::try_from(failed).unwrap_or(1));
        more = said(&ran);
    }
    let mut text = text(workshop, command)?;
    text.push_str(&more);
    let found = workshop.check(LIVE, text.clone().into_bytes(), input.format, out)?;
    if input.flag("confirm") {
        confirm(input, workshop, out)?;
    }
    Ok(code.unwrap_or(found))
}

/// Runs the fixed command with its output in a temporary folder.
fn confirm(input: &VerbInput<'_>, workshop: &dyn Workshop, out: &mut dyn Write) -> Result<(), VerbError> {
    let loaded = load(input)?;
    for attempt in attempts(&loaded)? {
        if attempt.outcome.verdict != Verdict::Fails {
            continue;
        }
        let Some(words) = fixed(attempt, loaded.evidence(input)) else {
            writeln!(out, "\nconfirm: no edit of the line was found that makes it link")?;
            continue;
        };
        let shown = words.iter().map(|word| fixes::quoted(word)).collect::<Vec<_>>().join(" ");
        let ran = workshop.run(&elsewhere(&words), Shown::No).map_err(VerbError::usage)?;
        if ran.code == Some(0) {
            writeln!(out, "\nconfirm: the real linker links it: {shown}")?;
        } else {
            writeln!(out, "\nconfirm: the real linker refuses it, too: {shown}")?;
            out.write_all(&ran.stderr)?;
        }
    }
    Ok(())
}

/// The words of the fixed command.
fn fixed(attempt: &Attempt, evidence: &EvidenceSet) -> Option<Vec<String>> {
    fixes::words(attempt, evidence)
}

/// The command with its output in the temporary folder.
fn elsewhere(words: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut named = false;
    let mut next = false;
    for word in words {
        if next {
            out.push("{scratch}/out".to_owned());
            next = false;
            named = true;
        } else if word == "-o" || word == "--output" {
            out.push(word.clone());
            next = true;
        } else if word.starts_with("-o") && word.len() > 2 && !word.starts_with("-on") {
            out.push("-o{scratch}/out".to_owned());
            named = true;
        } else {
            out.push(word.clone());
        }
    }
    if !named {
        out.extend(["-o".to_owned(), "{scratch}/out".to_owned()]);
    }
    out
}
