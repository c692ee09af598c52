//! The links a verb is about: of evidence, or of a command that was given behind `--`.

use std::collections::BTreeMap;

use casebook_core::{Arg, ArgKind, EvidenceSet, Input, Ran, Shown, VerbError, VerbInput, Workshop};

use crate::facts::command::{Program, program};
use crate::facts::{Attempt, Facts, LIVE, read};
use crate::model::outcome::{Linker, LinkerKind};
use crate::rules::fixes::quoted;

/// `EVIDENCE…`
pub(super) const EVIDENCE: Arg = Arg {
    name: "evidence",
    kind: ArgKind::Evidence,
    value_name: "EVIDENCE",
    help: "A text with the link command (link.txt, a build log), or a folder with it; not needed with -- COMMAND",
    required: false,
    many: true,
};

/// `-- COMMAND…`
pub(super) const COMMAND: Arg = Arg {
    name: "command",
    kind: ArgKind::Command,
    value_name: "COMMAND",
    help: "The link command, as it is run: cc main.o -lm -o app",
    required: false,
    many: true,
};

/// `--linker NAME`
pub(super) const LINKER: Arg = Arg {
    name: "linker",
    kind: ArgKind::Value,
    value_name: "NAME",
    help: "Ask for this linker: bfd, gold, lld, mold, wild, with a version as in bfd-2.40 or lld-14 [default: the line's own]",
    required: false,
    many: false,
};

/// The facts of a verb, and the evidence they are of.
pub(super) struct Loaded {
    pub(super) facts: Facts,
    /// Evidence that was read for a command.
    own: Option<EvidenceSet>,
}

impl Loaded {
    /// The evidence the facts are of.
    pub(super) fn evidence<'a>(&'a self, input: &'a VerbInput<'_>) -> &'a EvidenceSet {
        self.own.as_ref().unwrap_or(input.evidence)
    }
}

/// The text that stands for a command: the command itself, and what its driver says it does.
pub(super) fn text(workshop: &dyn Workshop, command: &[String]) -> Result<String, VerbError> {
    let mut text = command.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
    text.push('\n');
    let driver = command.first().and_then(|word| program(word));
    if matches!(driver, Some(Program::Driver { .. })) {
        let mut asked = command.to_vec();
        asked.insert(1, "-###".to_owned());
        let ran = workshop.run(&asked, Shown::No).map_err(|why| {
            VerbError::with_hint(why, "the command stands behind `--`, as it is run: casebook link -- cc main.o -lm")
        })?;
        text.push_str(&String::from_utf8_lossy(&ran.stderr));
    }
    Ok(text)
}

/// The facts: of the evidence that was named, or of the command.
pub(super) fn load(input: &VerbInput<'_>) -> Result<Loaded, VerbError> {
    let command = input.all("command");
    if command.is_empty() {
        if input.evidence.is_empty() {
            return Err(VerbError::with_hint(
                "there is no link to look at",
                "name a text with the command, or give the command itself: casebook link why sqrt -- cc -lm main.o",
            ));
        }
        return Ok(Loaded { facts: facts(input.evidence)?, own: None });
    }
    let workshop = workshop(input)?;
    let text = text(workshop, command)?;
    let (set, _) = workshop.read(LIVE, text.into_bytes());
    Ok(Loaded { facts: facts(&set)?, own: Some(set) })
}

/// The machine, where there is one.
pub(super) fn workshop<'a>(input: &VerbInput<'a>) -> Result<&'a dyn Workshop, VerbError> {
    input.workshop.ok_or_else(|| VerbError::usage("commands cannot be run here"))
}

/// The output of a command that ran, as a text that follows it.
pub(super) fn said(ran: &Ran) -> String {
    let mut out = String::from_utf8_lossy(&ran.stderr).into_owned();
    out.push_str(&String::from_utf8_lossy(&ran.stdout));
    out
}

fn facts(set: &EvidenceSet) -> Result<Facts, VerbError> {
    let settings = BTreeMap::new();
    let facts = read(&Input { evidence: set, settings: &settings }).facts;
    facts.downcast::<Facts>().map(|facts| *facts).map_err(|_| VerbError::usage("the evidence could not be read"))
}

/// The links; an error where there is none.
pub(super) fn attempts(loaded: &Loaded) -> Result<&[Attempt], VerbError> {
    if loaded.facts.attempts.is_empty() {
        return Err(VerbError::with_hint(
            "no link command whose files are here was found",
            "paths in a command count from the text's own folder",
        ));
    }
    Ok(&loaded.facts.attempts)
}

/// `bfd`, `bfd-2.40`, `lld-14`, `ld.bfd 2.40`
pub(super) fn linker(text: &str) -> Result<Linker, VerbError> {
    let (name, version) =
        text.split_once(['-', ' ', '=']).map_or((text, None), |(name, version)| (name, Some(version)));
    let kind = match name.trim_start_matches("ld.").trim_start_matches("rust-") {
        "bfd" | "ld" => LinkerKind::Bfd,
        "gold" => LinkerKind::Gold,
        "lld" => LinkerKind::Lld,
        "mold" => LinkerKind::Mold,
        "wild" => LinkerKind::Wild,
        _ => {
            return Err(VerbError::with_hint(
                format!("no linker is called \"{text}\""),
                "bfd, gold, lld, mold, wild; with a version: bfd-2.40, lld-14",
            ));
        }
    };
    let usual = match kind {
        LinkerKind::Bfd | LinkerKind::Gold => (2, 40),
        LinkerKind::Lld => (19, 1),
        LinkerKind::Mold => (1, 10),
        LinkerKind::Wild => (0, 10),
    };
    let Some(version) = version else { return Ok(Linker { kind, version: usual }) };
    let mut parts = version.split('.').map(str::parse::<u16>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), None) => Ok(Linker { kind, version: (major, 0) }),
        (Some(Ok(major)), Some(Ok(minor))) => Ok(Linker { kind, version: (major, minor) }),
        _ => Err(VerbError::with_hint(format!("\"{version}\" is no version"), "bfd-2.40, lld-19, mold-1.10")),
    }
}
