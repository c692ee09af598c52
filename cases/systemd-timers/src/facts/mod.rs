//! Bytes to facts with spans. It cannot fail: what it does not know becomes unmodelled.

pub mod typed;

use casebook_core::{Coverage, Evidence, EvidenceId, Input, Read, Span, Unmodelled};

use crate::LIMITS;

/// A number and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// The number.
    pub value: u64,
    /// Its line.
    pub span: Span,
}

/// What one file states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The file.
    pub evidence: EvidenceId,
    /// The last `limit` line.
    pub limit: Option<Number>,
    /// The last `load` line.
    pub load: Option<Number>,
}

/// The facts of the case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// One for each file.
    pub files: Vec<Limits>,
}

/// Reads every file of the kind.
pub fn read(input: &Input<'_>) -> Read {
    let (mut facts, mut coverage) = (Facts::default(), Vec::new());
    for item in input.of_kind(&LIMITS) {
        let (limits, unmodelled) = parse(item);
        facts.files.push(limits);
        coverage.push(Coverage::read(item, unmodelled));
    }
    Read::new(facts, coverage)
}

/// Facts of one file, and what of it is no fact.
pub fn parse(item: &Evidence) -> (Limits, Vec<Unmodelled>) {
    let mut limits = Limits { evidence: item.id, limit: None, load: None };
    let mut unmodelled = Vec::new();
    let mut start = 0;
    for line in item.as_bytes().split(|byte| *byte == b'\n') {
        let span = Span::new(item.id, start, start + line.len());
        start += line.len() + 1;
        let text = String::from_utf8_lossy(line);
        let text = text.split('#').next().unwrap_or_default().trim();
        let number = |word: &str| text.strip_prefix(word)?.trim().parse().ok().map(|value| Number { value, span });
        if text.is_empty() {
        } else if let Some(number) = number("limit ") {
            limits.limit = Some(number);
        } else if let Some(number) = number("load ") {
            limits.load = Some(number);
        } else {
            unmodelled.push(Unmodelled::new(span, "neither `limit N` nor `load N`"));
        }
    }
    (limits, unmodelled)
}
