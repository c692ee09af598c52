//! What findings have in common: places on the line and in objects, names as people read them, and what other linkers make of the line.

use casebook_core::{At, Evidence, EvidenceSet, Finding, FindingBuilder, Place, Rule};

pub(super) use super::names::list;
use crate::facts::Attempt;
pub(super) use crate::facts::resolve::base as base_name;
use crate::facts::source::{self, Source};
use crate::model::chain::{Graph, input_of};
use crate::model::input::{Content, FileId};
use crate::model::names::Name;
use crate::model::outcome::{Because, Outcome, Site, Undefined, Verdict};
use crate::model::spelling::readable;
use crate::model::why::asked_version;

/// How many symbols, sites and the like are spelled out; the rest is counted.
pub(super) const SHOWN: usize = 4;

/// A symbol as people read it: demangled where it is mangled, without arguments by default.
pub(super) fn symbol(attempt: &Attempt, name: Name) -> String {
    super::names::short(&demangled(attempt, name))
}

/// A symbol as linkers print it: demangled where it is mangled.
pub(super) fn demangled(attempt: &Attempt, name: Name) -> String {
    let bytes = attempt.program.names.bytes(name);
    readable(bytes).unwrap_or_else(|| String::from_utf8_lossy(bytes).into_owned())
}

/// An undefined symbol with the version it is asked for under.
pub(super) fn undefined_name(attempt: &Attempt, undefined: &Undefined) -> String {
    let name = symbol(attempt, undefined.name);
    match asked_version(&attempt.program, undefined) {
        Some(version) => format!("{name}@{}", attempt.program.names.text(version)),
        None => name,
    }
}

/// Symbols a witness lists.
pub(super) const MOST_SYMBOLS: usize = 1000;

/// `is` for one, `are` for several.
pub(super) fn are(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

/// The name of a file as linkers print it.
pub(super) fn file_name(attempt: &Attempt, file: FileId) -> &str {
    let name = attempt.program.files.get(file.0 as usize).map_or("?", |file| file.name.as_str());
    // What -L. finds is called `./libz.so`.
    name.strip_prefix("./").unwrap_or(name)
}

/// The word on the line an input comes from: `-lm`, `libfoo.a`.
pub(super) fn input_word(attempt: &Attempt, input: usize) -> String {
    attempt.word_of(input).unwrap_or_else(|| {
        attempt.program.inputs.get(input).map_or_else(String::new, |input| file_name(attempt, input.file).to_owned())
    })
}

/// The place of an input on the line; `None` for what the driver added.
pub(super) fn input_place(attempt: &Attempt, input: usize, label: impl Into<String>) -> Option<Place> {
    let span = attempt.span_of(input)?;
    Some(Place::context(At::Text(span), label))
}

/// The place of the whole command.
pub(super) fn line_place(attempt: &Attempt, label: impl Into<String>) -> Place {
    Place::context(At::Text(attempt.line_span()), label)
}

/// The bytes of a file of the link.
pub(super) fn bytes<'e>(attempt: &Attempt, evidence: &'e EvidenceSet, file: FileId) -> Option<&'e [u8]> {
    let held = attempt.sources.get(file.0 as usize)?.as_ref()?;
    let item: &Evidence = evidence.get(held.evidence)?;
    item.as_bytes().get(held.start as usize..held.end as usize)
}

/// `main.o:(.text+0x1b)`, and the function and source line where the object tells.
pub(super) fn site(attempt: &Attempt, evidence: &EvidenceSet, site: &Site) -> String {
    let name = file_name(attempt, site.file);
    let Some((section, offset)) = site.at else { return name.to_owned() };
    let Content::Object(object) = &attempt.program.files[site.file.0 as usize].content else { return name.to_owned() };
    let section_name = object
        .sections
        .get(section as usize)
        .map_or_else(String::new, |section| attempt.program.names.text(section.name).into_owned());
    let mut out = format!("{name}:({section_name}+{offset:#x})");
    if let Some(function) =
        source::enclosing(object, section, offset).and_then(|index| object.symbols.get(index as usize))
    {
        out.push_str(&format!(" in `{}`", symbol(attempt, function.name)));
    }
    if let Some(line) = line_at(attempt, evidence, site.file, section, offset) {
        out.push_str(&format!(", {line}"));
    }
    out
}

/// The source line of a symbol's definition in an object, as `FILE:LINE`, where the object tells.
pub(super) fn definition_line(attempt: &Attempt, evidence: &EvidenceSet, file: FileId, name: Name) -> Option<String> {
    let Content::Object(object) = &attempt.program.files.get(file.0 as usize)?.content else { return None };
    let (index, symbol) = object.globals().find(|(_, symbol)| symbol.name == name && !symbol.is_undefined())?;
    let source = Source::read(bytes(attempt, evidence, file)?)?;
    source.definition(index, symbol).map(|line| line.to_string())
}

/// The source line of a place in an object, as `FILE:LINE`, where the object tells.
fn line_at(attempt: &Attempt, evidence: &EvidenceSet, file: FileId, section: u32, offset: u64) -> Option<String> {
    let source = Source::read(bytes(attempt, evidence, file)?)?;
    source.line(section, offset).map(|line| line.to_string())
}

/// The place of a reference in its object.
pub(super) fn site_place(
    attempt: &Attempt,
    evidence: &EvidenceSet,
    name: Name,
    at: &Site,
    label: impl Into<String>,
) -> Option<Place> {
    let held = attempt.sources.get(at.file.0 as usize)?.as_ref()?;
    let section = match (&attempt.program.files[at.file.0 as usize].content, at.at) {
        (Content::Object(object), Some((section, _))) => {
            object.sections.get(section as usize).map(|section| attempt.program.names.text(section.name).into_owned())
        }
        _ => None,
    };
    let place = At::Symbol {
        evidence: held.evidence,
        name: attempt.program.names.text(name).into_owned(),
        address: at.at.map(|(_, offset)| offset),
        section,
    };
    Some(Place::context(place, label).shown_as(site(attempt, evidence, at)))
}

/// The place of a definition in a file.
pub(super) fn definition_place(
    attempt: &Attempt,
    evidence: &EvidenceSet,
    file: FileId,
    name: Name,
    label: impl Into<String>,
) -> Option<Place> {
    let held = attempt.sources.get(file.0 as usize)?.as_ref()?;
    let text = attempt.program.names.text(name).into_owned();
    let line = definition_line(attempt, evidence, file, name);
    let mut shown = format!("{} defines `{}`", file_name(attempt, file), symbol(attempt, name));
    if let Some(line) = line {
        shown.push_str(&format!(", {line}"));
    }
    let place = At::Symbol { evidence: held.evidence, name: text, address: None, section: None };
    Some(Place::context(place, label).shown_as(shown))
}

/// `main.o needs png_write of libpng.a(write.o), which needs deflate`: why a file is part of the link, in words.
pub(super) fn chain_words(attempt: &Attempt, outcome: &Outcome, file: FileId) -> Option<String> {
    let graph = Graph::of(&attempt.program, outcome);
    let chain = graph.shortest(file)?;
    if chain.is_empty() {
        return None;
    }
    let mut out = String::new();
    for (index, link) in chain.iter().enumerate() {
        if index == 0 {
            out.push_str(file_name(attempt, link.file));
        }
        let to = chain.get(index + 1).map_or(file, |next| next.file);
        out.push_str(&format!(" -> `{}` of {}", symbol(attempt, link.name), file_name(attempt, to)));
    }
    let users = graph.users(file).len();
    if users > 1 {
        out.push_str(&format!(" (the shortest way; {users} references lead to it)"));
    }
    Some(out)
}

/// What other linkers make of the same line, in one sentence; `None` where all agree.
pub(super) fn others(attempt: &Attempt) -> Option<String> {
    let own = attempt.outcome.verdict;
    let (mut link, mut fail) = (Vec::new(), Vec::new());
    for (linker, verdict) in attempt.others() {
        match verdict {
            Verdict::Links => link.push(linker.to_string()),
            Verdict::Fails => fail.push(linker.to_string()),
            Verdict::Unknown => {}
        }
    }
    let differ = if own == Verdict::Links { &fail } else { &link };
    if differ.is_empty() {
        return None;
    }
    let join = |names: &[String]| names.join(", ");
    Some(match own {
        Verdict::Links => {
            format!("{} fail{} on this line as it is.", join(&fail), if fail.len() == 1 { "s" } else { "" })
        }
        _ if fail.is_empty() => {
            format!("{} link{} this line as it is.", join(&link), if link.len() == 1 { "s" } else { "" })
        }
        _ => format!(
            "{} link{} this line as it is; {} fail{} too.",
            join(&link),
            if link.len() == 1 { "s" } else { "" },
            join(&fail),
            if fail.len() == 1 { "s" } else { "" }
        ),
    })
}

/// Adds what every finding about a line says at its end: other linkers, and what was assumed.
pub(super) fn end(mut builder: FindingBuilder, attempt: &Attempt, evidence: &EvidenceSet) -> Finding {
    if let Some(others) = others(attempt) {
        builder = builder.because(others);
    }
    for assumed in &attempt.assumed {
        builder = builder.because(assumed.clone());
    }
    // What the linker said of it is proof enough.
    if attempt.outcome.verdict == Verdict::Unknown && attempt.said.is_empty() {
        for unknown in attempt.outcome.unknown.iter().take(SHOWN) {
            builder = builder.missing(format!("what the model does not cover: {}", unknown.what));
        }
    }
    builder.key(attempt.key()).build(evidence)
}

/// Begins a finding at an input of the line, or at the command where the driver added it.
pub(super) fn begin(
    rule: &'static Rule,
    title: String,
    attempt: &Attempt,
    input: Option<usize>,
    label: &str,
) -> FindingBuilder {
    let place = input.and_then(|input| input_place(attempt, input, label));
    FindingBuilder::new(rule, title, place.unwrap_or_else(|| line_place(attempt, label)))
}

/// Adds the references to an undefined symbol: on the line, in the objects, and the way to them.
pub(super) fn needs(
    mut builder: FindingBuilder,
    attempt: &Attempt,
    evidence: &EvidenceSet,
    undefined: &Undefined,
    primary: Option<usize>,
) -> FindingBuilder {
    let Some(first) = undefined.sites.first() else { return builder };
    let name = undefined_name(attempt, undefined);
    if let Some(input) = input_of(&attempt.program, first.file).filter(|input| Some(*input) != primary)
        && let Some(place) = input_place(attempt, input, format!("needs `{name}`"))
    {
        builder = builder.place(place);
    }
    for at in undefined.sites.iter().take(SHOWN) {
        if let Some(place) = site_place(attempt, evidence, undefined.name, at, format!("needs `{name}`")) {
            builder = builder.place(place);
        }
    }
    if undefined.sites.len() > SHOWN {
        let rest = undefined.sites.len() - SHOWN;
        builder = builder.because(format!("`{name}` is needed at {rest} more places."));
    }
    if let Some(chain) = chain_words(attempt, &attempt.outcome, first.file) {
        builder = builder.because(format!("Why {} is part of the link: {chain}.", file_name(attempt, first.file)));
    }
    builder
}

/// Why a member was taken, in words.
pub(super) fn taken_words(attempt: &Attempt, file: FileId) -> Option<String> {
    let taken = attempt.outcome.extracted.iter().find(|one| one.member == file)?;
    Some(match taken.because {
        Because::Reference { file, name } => {
            format!("{} needs `{}`", file_name(attempt, file), symbol(attempt, name))
        }
        Because::Common { file, name } => {
            format!("{} has `{}` as a common symbol", file_name(attempt, file), symbol(attempt, name))
        }
        Because::Option(name) => format!("an option asks for `{}`", symbol(attempt, name)),
        Because::Whole => "--whole-archive takes every member".to_owned(),
        Because::Line => "it stands on the line".to_owned(),
    })
}
