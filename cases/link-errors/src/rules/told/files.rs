//! Files, relocations and scripts, from messages alone.

use casebook_core::{EvidenceSet, Finding, Rule};

use super::{attempt_of, begin, end, file, name, unexplained};
use crate::facts::Attempt;
use crate::facts::Facts;
use crate::facts::log::{Kind, Message};
use crate::model::outcome::Outcome;

fn any_refusal(_: &Attempt, outcome: &Outcome, _: &Message) -> bool {
    !outcome.refusals.is_empty()
}

/// One finding a message, in words of its own.
fn plain(
    rule: &'static Rule,
    facts: &Facts,
    evidence: &EvidenceSet,
    kinds: &'static [Kind],
    explains: fn(&Attempt, &Outcome, &Message) -> bool,
    words: impl Fn(&Message) -> (String, String),
) -> Vec<Finding> {
    let mut seen: Vec<String> = Vec::new();
    let mut out = Vec::new();
    for (_, message) in unexplained(facts, kinds, explains) {
        let (title, reason) = words(message);
        if seen.contains(&title) {
            continue;
        }
        seen.push(title.clone());
        let builder = begin(rule, title.clone(), message, "the linker says so").because(reason).key(&title);
        out.push(end(builder, message, evidence));
    }
    out
}

fn subject(message: &Message) -> String {
    message
        .places
        .iter()
        .find_map(file)
        .or_else(|| message.library.as_ref().map(|library| library.value.clone()))
        .unwrap_or_else(|| "a file".to_owned())
}

/// LNK302 from messages.
pub(in crate::rules) fn unusable(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    const KINDS: &[Kind] =
        &[Kind::WrongMachine, Kind::NotAnObject, Kind::Damaged, Kind::StaticShared, Kind::NoIndex, Kind::LtoPlugin];
    plain(rule, facts, evidence, KINDS, any_refusal, |message| {
        let file = subject(message);
        let detail = message.detail.as_ref().map_or_else(String::new, |detail| format!(": {}", detail.value));
        match message.kind {
            Kind::WrongMachine => (
                format!("{file} is for another machine{detail}"),
                "Every input must be for the machine of the output.".to_owned(),
            ),
            Kind::Damaged => (format!("{file} is damaged or cut off{detail}"), "Build or copy it again.".to_owned()),
            Kind::StaticShared => (
                format!("{file} is a shared object, and the link is static"),
                "With -static only objects and archives can be linked.".to_owned(),
            ),
            Kind::NoIndex => (
                format!("{file} has no table of symbols"),
                "Members are taken by the archive's table of symbols; `ranlib` makes one.".to_owned(),
            ),
            Kind::LtoPlugin => (
                format!(
                    "{file} holds code for link-time optimisation, which this linker cannot read without its plugin"
                ),
                "Link with the same compiler as driver, and make archives with gcc-ar or llvm-ar.".to_owned(),
            ),
            _ => (
                format!("{file} is no input a linker can read{detail}"),
                "It is empty, cut off, or of another kind.".to_owned(),
            ),
        }
    })
}

/// LNK303 from messages.
pub(in crate::rules) fn tls(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    plain(rule, facts, evidence, &[Kind::Tls], any_refusal, |message| {
        let files: Vec<String> = message.places.iter().filter_map(file).take(2).collect();
        (
            format!("`{}` is thread-local in one of {}, and not in the other", name(message), files.join(" and ")),
            "A thread-local variable has an address for each thread: both sides must agree (__thread, _Thread_local, thread_local).".to_owned(),
        )
    })
}

/// LNK305 from messages.
pub(in crate::rules) fn hidden(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    plain(rule, facts, evidence, &[Kind::HiddenForShared], any_refusal, |message| {
        let files: Vec<String> = message.places.iter().filter_map(file).take(3).collect();
        (
            format!(
                "a shared object needs `{}`, which the output defines and hides ({})",
                name(message),
                files.join(", ")
            ),
            "A hidden symbol does not leave the output, so that the library will not find it when the program starts."
                .to_owned(),
        )
    })
}

/// LNK306 from messages.
pub(in crate::rules) fn script(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    plain(rule, facts, evidence, &[Kind::VersionUndefined, Kind::ScriptSymbol], any_refusal, |message| {
        let version =
            message.version.as_ref().map_or_else(String::new, |version| format!(" (version {})", version.value));
        (
            format!("`{}`{version} is named where it is not defined", name(message)),
            "A version script, an option or a name with a version asks for what is not there.".to_owned(),
        )
    })
}

/// LNK301 from messages.
pub(in crate::rules) fn not_found(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    const KINDS: &[Kind] = &[Kind::LibraryMissing, Kind::FileMissing, Kind::MemberMissing];
    let explains = |attempt: &Attempt, _: &Outcome, _: &Message| attempt.live && !attempt.files.missing.is_empty();
    let mut out = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for (index, message) in unexplained(facts, KINDS, explains) {
        let wanted = match message.kind {
            Kind::LibraryMissing => {
                let name = message.library.as_ref().map_or_else(String::new, |library| library.value.clone());
                if name.starts_with("-l") { name } else { format!("-l{name}") }
            }
            _ => subject(message),
        };
        if seen.contains(&wanted) {
            continue;
        }
        seen.push(wanted.clone());
        let known = attempt_of(facts, index).and_then(|attempt| {
            attempt.files.missing.iter().find(|one| one.name == wanted || format!("-l{}", one.name) == wanted)
        });
        let title = match message.kind {
            Kind::MemberMissing => format!("{wanted}: a member of a thin archive is not there"),
            _ => format!("`{wanted}` was not found"),
        };
        let mut builder = begin(rule, title, message, "not found").key(&wanted);
        match known {
            Some(missing) => builder = crate::rules::not_found::describe(builder, missing),
            None if message.kind == Kind::LibraryMissing => {
                let stem = wanted.trim_start_matches("-l");
                builder = builder.because(format!(
                    "Looked for: lib{stem}.so and lib{stem}.a in the folders of -L and the linker's own. lib{stem}.so.N alone is not enough: the name without a number comes with the development package."
                ));
            }
            None if message.kind == Kind::MemberMissing => {
                builder = builder.because("A thin archive holds the paths of its members, not the members: they must stay where they were when it was made.");
            }
            None => {}
        }
        out.push(end(builder, message, evidence));
    }
    out
}

/// LNK304 from messages.
pub(in crate::rules) fn relocation(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    const KINDS: &[Kind] = &[Kind::Relocation, Kind::RelocationRange, Kind::TextRelocation, Kind::CopyRelocation];
    plain(
        rule,
        facts,
        evidence,
        KINDS,
        |_, _, _| false,
        |message| {
            let file = message.places.iter().find_map(file).unwrap_or_else(|| "an object".to_owned());
            let kind = message.relocation.as_ref().map_or_else(|| "a relocation".to_owned(), |kind| kind.value.clone());
            let symbol = name(message);
            let of = if symbol.is_empty() { String::new() } else { format!(" against `{symbol}`") };
            match message.kind {
            Kind::RelocationRange => (
                format!("{file}: {kind}{of} does not reach its target"),
                "The program is larger than this kind of address reaches (2 GiB on x86-64): large data belongs into -mcmodel=medium or large, or out of static arrays.".to_owned(),
            ),
            _ => (
                format!("{file} was not compiled for a position-independent output: {kind}{of}"),
                "A shared object or PIE can be loaded anywhere; code with fixed addresses in it cannot. Compile it with -fPIC (shared objects) or -fPIE, or link with -no-pie.".to_owned(),
            ),
        }
        },
    )
}
