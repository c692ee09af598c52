//! The case of these tests.

use std::collections::BTreeSet;

use casebook_core::{
    At, Case, Coverage, EvidenceSet, Finding, FindingBuilder, Input, Kind, Place, Read, ReadStatus, Rule, Setting,
    Span, rule,
};

pub(crate) static CASES: &[&Case] = &[&DEMO];

static KIND: Kind = Kind { name: "demo", what: "words", sniff: |_| true, refers: None, comment: Some("#") };

static DEMO: Case = Case {
    name: "demo",
    command: "demo",
    prefix: "DMO",
    title: "Demo",
    summary: "words",
    post: "DMO101 DMO102 DMO103",
    kinds: &[&KIND],
    wants: &[],
    settings: &[Setting {
        name: "limit-s",
        help: "a limit in seconds",
        check: |value| if value.is_u64() { Ok(()) } else { Err("a number of seconds".to_owned()) },
    }],
    rules: &[&ERRORS, &WARNS, &PANICS],
    verbs: &[],
    lab: &[],
    read,
    page: |_| String::new(),
};

/// Lines and their first words.
struct Words(Vec<(Span, String)>);

fn read(input: &Input<'_>) -> Read {
    let (mut words, mut coverage) = (Vec::new(), Vec::new());
    for item in input.of_kind(&KIND) {
        let text = item.as_text().unwrap_or_default();
        if text == "unreadable" {
            coverage.push(Coverage { status: ReadStatus::Failed, ..Coverage::read(item, Vec::new()) });
            continue;
        }
        let mut start = 0;
        for line in text.split('\n') {
            let word = line.split_whitespace().next().unwrap_or_default();
            words.push((Span::new(item.id, start, start + word.len()), word.to_owned()));
            start += line.len() + 1;
        }
        coverage.push(Coverage::read(item, Vec::new()));
    }
    Read::new(Words(words), coverage)
}

rule! {
    /// Says where `error` stands.
    pub ERRORS = "DMO101" "errors" of "demo", Error, since "0.1.0",
    "the word error",
    errors(Words)
}

rule! {
    /// Says where `warn` stands.
    pub WARNS = "DMO102" "warns" of "demo", Warning, since "0.1.0",
    "the word warn",
    warns(Words)
}

rule! {
    /// Breaks on `panic`.
    pub PANICS = "DMO103" "panics" of "demo", Note, since "0.1.0",
    "the word panic",
    panics(Words)
}

fn find(rule: &'static Rule, words: &Words, evidence: &EvidenceSet, wanted: &str) -> Vec<Finding> {
    let hits: BTreeSet<Span> = words.0.iter().filter(|(_, word)| word == wanted).map(|(span, _)| *span).collect();
    hits.into_iter()
        .map(|span| {
            let place = Place::primary(At::Text(span), "here");
            let finding = FindingBuilder::new(rule, format!("the word {wanted}"), place);
            finding.step(format!("saw {wanted}"), Some(At::Text(span))).build(evidence)
        })
        .collect()
}

fn errors(rule: &'static Rule, words: &Words, evidence: &EvidenceSet) -> Vec<Finding> {
    find(rule, words, evidence, "error")
}

fn warns(rule: &'static Rule, words: &Words, evidence: &EvidenceSet) -> Vec<Finding> {
    find(rule, words, evidence, "warn")
}

fn panics(_: &'static Rule, words: &Words, _: &EvidenceSet) -> Vec<Finding> {
    assert!(!words.0.iter().any(|(_, word)| word == "panic"), "boom");
    Vec::new()
}
