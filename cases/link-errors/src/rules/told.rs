//! What linkers said, where the files are not here to ask: findings from their messages alone.

use casebook_core::{At, EvidenceSet, Finding, FindingBuilder, Place, Rule};
use serde_json::json;

use super::common::list;
use super::duplicates::is_header;
use crate::facts::log::{Kind, Message, Place as Told, Role, Severity};
use crate::facts::{Attempt, Facts};
use crate::model::known::{Known, library_of};
use crate::model::outcome::Outcome;

/// The link a message is of.
pub(super) fn attempt_of(facts: &Facts, index: usize) -> Option<&Attempt> {
    facts.attempts.iter().find(|attempt| attempt.said.contains(&index))
}

/// Messages of some kinds that no link of the evidence explains.
fn unexplained<'f>(
    facts: &'f Facts,
    kinds: &'static [Kind],
    explains: fn(&Attempt, &Outcome, &Message) -> bool,
) -> impl Iterator<Item = (usize, &'f Message)> {
    facts.told.iter().enumerate().filter(move |(index, message)| {
        kinds.contains(&message.kind)
            && message.severity == Severity::Error
            && attempt_of(facts, *index).is_none_or(|attempt| !explains(attempt, &attempt.outcome, message))
    })
}

/// The name of the symbol, as printed.
fn name(message: &Message) -> String {
    message.symbol.as_ref().map_or_else(String::new, |symbol| symbol.text.clone())
}

fn undefined_here(attempt: &Attempt, outcome: &Outcome, message: &Message) -> bool {
    let Some(said) = &message.symbol else { return false };
    outcome.undefined.iter().any(|one| super::is_called(attempt, one.name, &said.text))
}

fn twice_here(attempt: &Attempt, outcome: &Outcome, message: &Message) -> bool {
    let Some(said) = &message.symbol else { return false };
    outcome.duplicates.iter().any(|one| super::is_called(attempt, one.name, &said.text))
}

/// `main.o`, `libz.a(deflate.o)`
fn file(place: &Told) -> Option<String> {
    let file = place.file.as_ref()?.value.clone();
    Some(match &place.member {
        Some(member) => format!("{file}({})", member.value),
        None => file,
    })
}

/// `main.c:5 in main.o`, as far as it is told.
fn where_words(place: &Told) -> Option<String> {
    let source = place.source.as_ref().map(|source| match place.line {
        Some(line) => format!("{}:{line}", source.value),
        None => source.value.clone(),
    });
    match (source, file(place)) {
        (Some(source), Some(file)) => Some(format!("{source} ({file})")),
        (one, other) => one.or(other),
    }
}

fn begin(rule: &'static Rule, title: String, message: &Message, label: &str) -> FindingBuilder {
    let mut builder = FindingBuilder::new(rule, title, Place::primary(At::Text(first_line(message)), label));
    for place in message.places.iter().filter(|place| matches!(place.role, Role::First | Role::Definition)).take(2) {
        if place.span != message.span {
            let label = if place.role == Role::First { "first here" } else { "again here" };
            builder = builder.place(Place::context(At::Text(place.span), label));
        }
    }
    if let Some(symbol) = &message.symbol {
        builder = builder.key(&symbol.text);
    }
    builder
}

/// The part of a message its mark stands under: its symbol, or all of it.
fn first_line(message: &Message) -> casebook_core::Span {
    message.symbol.as_ref().map_or(message.span, |symbol| symbol.span)
}

fn end(builder: FindingBuilder, message: &Message, evidence: &EvidenceSet) -> Finding {
    let places: Vec<String> = message.places.iter().filter_map(where_words).take(4).collect();
    builder
        .witness(
            json!({"says": message.kind.as_str(), "symbol": name(message), "places": places}),
            if places.is_empty() { name(message) } else { format!("{}: {}", name(message), places.join(", ")) },
        )
        .build(evidence)
}

const UNDEFINED: &[Kind] =
    &[Kind::Undefined, Kind::UndefinedHidden, Kind::UndefinedInShared, Kind::MoreUndefined, Kind::Discarded];

/// What would decide it.
const MISSING: &str =
    "the link command and the objects and libraries it names (run `casebook link -- COMMAND` where it failed)";

/// LNK103: symbols whose library is known by their names.
pub(super) fn library(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut groups: Vec<(&'static Known, Vec<&Message>)> = Vec::new();
    for (_, message) in unexplained(facts, UNDEFINED, undefined_here) {
        let Some(known) = library_of(&name(message)).or_else(|| by_readable(&name(message))) else { continue };
        match groups.iter_mut().find(|(other, of)| {
            other.flag == known.flag && of.first().is_some_and(|first| first.span.evidence == message.span.evidence)
        }) {
            Some((_, messages)) => messages.push(message),
            None => groups.push((known, vec![message])),
        }
    }
    let mut out = Vec::new();
    for (known, messages) in groups {
        let Some(first) = messages.first() else { continue };
        let names = distinct(&messages);
        let title = format!(
            "{} {} undefined; {} usually {} in {}",
            list(&names),
            super::common::are(names.len()),
            if names.len() == 1 { "it" } else { "they" },
            super::common::are(names.len()),
            known.what
        );
        let package =
            if known.package.is_empty() { String::new() } else { format!(" Debian's package is {}.", known.package) };
        let mut builder = begin(rule, title, first, "undefined")
            .because(format!("`{}` links it, behind the files that use it.{package}", known.flag))
            .missing(MISSING);
        if let Some(place) = first.place(Role::Reference).and_then(where_words) {
            builder = builder.because(format!("It is needed by {place}."));
        }
        out.push(end(builder, first, evidence));
    }
    out
}

/// The library of a name that was printed for people.
fn by_readable(name: &str) -> Option<&'static Known> {
    let mangled = match name {
        name if name.starts_with("std::")
            || name.starts_with("operator new")
            || name.starts_with("operator delete") =>
        {
            "_ZNSt1"
        }
        name if name.starts_with("vtable for __cxxabiv1") => "_ZTVN10__cxxabiv1x",
        name if name.starts_with("boost::filesystem") => "_ZN5boost10filesystemx",
        name if name.starts_with("boost::program_options") => "_ZN5boost15program_optionsx",
        name if name.starts_with("google::protobuf") => "_ZN6google8protobufx",
        name if name.starts_with("testing::") => "_ZN7testingx",
        name if name.starts_with("fmt::") => "_ZN3fmtx",
        _ => return None,
    };
    library_of(mangled)
}

fn distinct(messages: &[&Message]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for message in messages {
        let name = name(message);
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// LNK104: "DSO missing" says all itself.
pub(super) fn transitive(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let explains = |attempt: &Attempt, outcome: &Outcome, message: &Message| {
        outcome.dso_missing.iter().any(|one| name(message) == attempt.program.names.text(one.name))
    };
    let mut out = Vec::new();
    for (_, message) in unexplained(facts, &[Kind::DsoMissing], explains) {
        let library = message.places.iter().filter(|place| place.role != Role::Reference).find_map(file);
        let user = message.place(Role::Reference).and_then(where_words).unwrap_or_else(|| "an object".to_owned());
        let shown = library.clone().unwrap_or_else(|| "another library".to_owned());
        let title = format!(
            "{user} uses `{}` of {shown}, which is not on the line: only another library needs it",
            name(message)
        );
        let mut builder = begin(rule, title, message, "DSO missing").because(
            "GNU ld reads libraries that libraries need only to look for what is missing; it stops at the first symbol of them that an object uses, and there can be more.",
        );
        if let Some(flag) = library.as_deref().and_then(flag_of) {
            builder = builder.because(format!("`{flag}` behind the objects would name it."));
        }
        out.push(end(builder, message, evidence));
    }
    out
}

/// `-lfoo` of `/usr/lib/libfoo.so.1`.
fn flag_of(path: &str) -> Option<String> {
    let base = path.rsplit('/').next()?;
    let stem = base.strip_prefix("lib")?.split(".so").next()?;
    Some(format!("-l{stem}"))
}

/// LNK111: undefined symbols of which the name tells nothing, of one log together; `main` and vtables apart.
pub(super) fn nowhere(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    let mut rest: Vec<Vec<&Message>> = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for (_, message) in unexplained(facts, UNDEFINED, undefined_here) {
        let said = name(message);
        if said.is_empty() || library_of(&said).or_else(|| by_readable(&said)).is_some() {
            continue;
        }
        let class = said.strip_prefix("vtable for ").or_else(|| said.strip_prefix("typeinfo for "));
        if said == "main" || class.is_some() {
            if seen.contains(&said) {
                continue;
            }
            seen.push(said.clone());
            let (what, reason) = match class {
                None => ("no object on the line defines it", "The start files call main. If this is to be a library, -shared is missing; else the object with main is not on the line.".to_owned()),
                Some(class) => ("no object has the key function of its class", format!("The vtable of a class stands in the object that defines its first virtual member function which is neither inline nor pure: define that one of `{class}` (often its destructor), or name the object that does.")),
            };
            let builder =
                begin(rule, format!("`{said}` is undefined, and {what}"), message, "undefined").because(reason);
            out.push(end(builder, message, evidence));
            continue;
        }
        match rest
            .iter_mut()
            .find(|group| group.first().is_some_and(|first| first.span.evidence == message.span.evidence))
        {
            Some(group) => group.push(message),
            None => rest.push(vec![message]),
        }
    }
    for group in rest {
        let Some(first) = group.first() else { continue };
        let names = distinct(&group);
        let title = format!(
            "{} {} undefined; where {} defined, this log does not tell",
            list(&names),
            super::common::are(names.len()),
            if names.len() == 1 { "it is" } else { "they are" }
        );
        let mut builder = begin(rule, title, first, "undefined").missing(MISSING);
        for message in group.iter().take(4) {
            if let Some(place) = message.place(Role::Reference).and_then(where_words) {
                builder = builder.because(format!("`{}` is needed by {place}.", name(message)));
            }
            if let Some(suggestion) = &message.suggestion {
                builder = builder.because(format!(
                    "The linker saw `{}`, which is near{}.",
                    suggestion.name.text,
                    if suggestion.extern_c { ": declare it extern \"C\"" } else { "" }
                ));
            }
        }
        out.push(end(builder, first, evidence));
    }
    out
}

/// Both definitions are one line of a header.
fn of_header(message: &Message) -> Option<String> {
    let line = |role| {
        let place = message.place(role)?;
        Some(format!("{}:{}", place.source.as_ref()?.value, place.line?))
    };
    let (first, second) = (line(Role::First)?, line(Role::Definition)?);
    (first == second && is_header(&first)).then_some(first)
}

/// LNK201 from the places that the linker printed.
pub(super) fn header(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for (_, message) in unexplained(facts, &[Kind::Duplicate], twice_here) {
        let Some(line) = of_header(message) else { continue };
        let files: Vec<String> =
            [Role::First, Role::Definition].into_iter().filter_map(|role| message.place(role).and_then(file)).collect();
        let title =
            format!("`{}` is defined in a header, {line}, and so in both {}", name(message), files.join(" and "));
        let builder = begin(rule, title, message, "defined twice").because(
            "What a header defines is defined in every object that includes it. With -fcommon, the default before GCC 10 and clang 11, uninitialised variables became one.",
        ).because("Write `extern` before a variable in the header and define it in one source file; make a function `static inline` (C) or `inline` (C++).");
        out.push(end(builder, message, evidence));
    }
    out
}

/// LNK203 from messages.
pub(super) fn twice(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for (_, message) in unexplained(facts, &[Kind::Duplicate], twice_here) {
        if of_header(message).is_some() {
            continue;
        }
        let place = |role| message.place(role).and_then(where_words).unwrap_or_else(|| "another file".to_owned());
        let title = format!(
            "`{}` is defined twice: by {} and by {}",
            name(message),
            place(Role::First),
            place(Role::Definition)
        );
        let builder = begin(rule, title, message, "defined twice")
            .because("Why each of the two is part of the link, the line and its files would tell.");
        out.push(end(builder, message, evidence));
    }
    out
}

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
pub(super) fn unusable(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
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
pub(super) fn tls(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    plain(rule, facts, evidence, &[Kind::Tls], any_refusal, |message| {
        let files: Vec<String> = message.places.iter().filter_map(file).take(2).collect();
        (
            format!("`{}` is thread-local in one of {}, and not in the other", name(message), files.join(" and ")),
            "A thread-local variable has an address for each thread: both sides must agree (__thread, _Thread_local, thread_local).".to_owned(),
        )
    })
}

/// LNK305 from messages.
pub(super) fn hidden(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
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
pub(super) fn script(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
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
pub(super) fn not_found(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
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
            Some(missing) => builder = super::not_found::describe(builder, missing),
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
pub(super) fn relocation(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
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
