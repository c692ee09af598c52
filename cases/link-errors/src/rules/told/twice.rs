//! Definitions that are twice there, from messages alone.

use casebook_core::{At, EvidenceSet, Finding, Place, Rule};

use super::{begin, distinct, end, end_of, file, name, twice_here, unexplained, where_words};
use crate::facts::Facts;
use crate::facts::command::{ItemKind, LinkLine};
use crate::facts::log::{Kind, Message, Role};
use crate::rules::common::{are, base_name, list};
use crate::rules::duplicates::is_header;

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
pub(in crate::rules) fn header(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
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

/// Messages about definitions in the same two files.
struct Pair<'f> {
    first: String,
    second: String,
    messages: Vec<(usize, &'f Message)>,
}

/// LNK203 from messages: one finding for each pair of files.
pub(in crate::rules) fn twice(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut pairs: Vec<Pair<'_>> = Vec::new();
    for (index, message) in unexplained(facts, &[Kind::Duplicate], twice_here) {
        if of_header(message).is_some() {
            continue;
        }
        let place = |role| message.place(role).and_then(|place| file(place).or_else(|| where_words(place)));
        let (first, second) = (place(Role::First), place(Role::Definition));
        let other = || "another file".to_owned();
        let (first, second) = (first.unwrap_or_else(other), second.unwrap_or_else(other));
        match pairs.iter_mut().find(|pair| pair.first == first && pair.second == second) {
            Some(pair) => pair.messages.push((index, message)),
            None => pairs.push(Pair { first, second, messages: vec![(index, message)] }),
        }
    }
    pairs.iter().filter_map(|pair| finding(rule, facts, evidence, pair)).collect()
}

fn finding(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet, pair: &Pair<'_>) -> Option<Finding> {
    let (index, message) = pair.messages.first()?;
    let messages: Vec<&Message> = pair.messages.iter().map(|(_, message)| *message).collect();
    let names = distinct(&messages);
    let title =
        format!("{} {} defined twice: by {} and by {}", list(&names), are(names.len()), pair.first, pair.second);
    let mut builder = begin(rule, title, message, "defined twice");
    let link = facts.link_of(*index);
    let mut on_line = 0;
    for (path, label) in [(&pair.first, "defines it first"), (&pair.second, "defines it again")] {
        let Some((link, item)) = link.and_then(|link| Some((link, item_of(link.line, path)?))) else { continue };
        let state = link.line.items[item].state;
        if let Some(span) = link.line.item_span(&link.line.items[item]) {
            on_line += 1;
            builder = builder.place(Place::context(At::Text(span), label));
        }
        if state.whole_archive && path.ends_with(')') {
            builder = builder.because(format!(
                "{} is read under --whole-archive: all of its members are taken, whether they are needed or not.",
                link.line.items[item].kind.name()
            ));
        }
    }
    if let (Some(one), Some(two)) = (object_of(&pair.first), object_of(&pair.second))
        && one == two
    {
        builder = builder.because(format!("Both are called {one}: it seems to be the same object, on the line and in an archive, or in two of them. One of both has to go."));
    }
    if let [_, second, ..] = names.as_slice() {
        builder = builder.because(format!(
            "The linker says it of {} symbols of the two; {} is one more.",
            names.len(),
            list(std::slice::from_ref(second))
        ));
    }
    if on_line < 2 {
        builder = builder.because("Why each of the two is part of the link, the line and its files would tell.");
    }
    Some(end_of(builder, message, &names, evidence))
}

/// `tinyxml2.o` of `libtinyxml2.a(tinyxml2.o)` and of `build/tinyxml2.o`.
fn object_of(path: &str) -> Option<&str> {
    let inner = path.strip_suffix(')').and_then(|path| path.rsplit_once('(')).map_or(path, |(_, member)| member);
    let base = base_name(inner);
    base.ends_with(".o").then_some(base)
}

/// The item of a line that a message calls so.
fn item_of(line: &LinkLine, path: &str) -> Option<usize> {
    let file = path.strip_suffix(')').and_then(|path| path.rsplit_once('(')).map_or(path, |(archive, _)| archive);
    let same = |one: &str, other: &str| base_name(one) == base_name(other);
    line.items.iter().position(|item| match &item.kind {
        ItemKind::File(name) | ItemKind::Exact(name) => same(name, file),
        ItemKind::Library(name) => {
            base_name(file).strip_prefix("lib").is_some_and(|rest| rest.split('.').next() == Some(name))
        }
        _ => false,
    })
}
