//! What linkers said, where the files are not here to ask: findings from their messages alone.

mod files;
mod guess;
mod shared;
mod twice;
mod undefined;

use casebook_core::{At, EvidenceSet, Finding, FindingBuilder, Place, Rule};
use serde_json::json;

use crate::facts::log::{Kind, Message, Place as Told, Role, Severity};
use crate::facts::{Attempt, Facts};
use crate::model::outcome::Outcome;
use crate::rules::common::MOST_SYMBOLS;

pub(super) use files::{hidden, not_found, relocation, script, tls, unusable};
pub(super) use shared::lacks;
pub(super) use twice::{header, twice};
pub(super) use undefined::{kept, library, nowhere, order, strings, transitive};

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
    end_of(builder, message, &[name(message)], evidence)
}

/// What every finding ends with; `symbols` are all it speaks of.
fn end_of(builder: FindingBuilder, message: &Message, symbols: &[String], evidence: &EvidenceSet) -> Finding {
    let symbols = &symbols[..symbols.len().min(MOST_SYMBOLS)];
    let places: Vec<String> = message.places.iter().filter_map(where_words).take(4).collect();
    builder
        .witness(
            json!({"says": message.kind.as_str(), "symbol": name(message), "symbols": symbols, "places": places}),
            [name(message), places.join(", ")]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join(": "),
        )
        .build(evidence)
}

const UNDEFINED: &[Kind] =
    &[Kind::Undefined, Kind::UndefinedHidden, Kind::UndefinedInShared, Kind::MoreUndefined, Kind::Discarded];

/// What would decide it.
const MISSING: &str =
    "the link command and the objects and libraries it names (run `casebook link -- COMMAND` where it failed)";

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
