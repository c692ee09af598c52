//! Places in evidence as a report shows them: text by line, an entry of a journal as a record with its message.

use casebook_core::{At, EvidenceSet, Place, Span};

use crate::journal::{JOURNAL_EXPORT, JOURNAL_FILE, JOURNAL_JSON};

/// The place a finding is about.
pub fn primary(evidence: &EvidenceSet, span: Span, label: impl Into<String>) -> Place {
    shown(evidence, span, Place::primary(at(evidence, span), label))
}

/// A place that explains.
pub fn context(evidence: &EvidenceSet, span: Span, label: impl Into<String>) -> Place {
    shown(evidence, span, Place::context(at(evidence, span), label))
}

/// A place in evidence. An entry of a journal is a record, and its message stands for it.
pub fn at(evidence: &EvidenceSet, span: Span) -> At {
    let item = evidence.get(span.evidence);
    let before = item.map_or(&[][..], |item| &item.as_bytes()[..(span.start as usize).min(item.as_bytes().len())]);
    let index = match item.and_then(|item| item.kind) {
        Some(kind) if kind == JOURNAL_JSON.name => before.iter().filter(|byte| **byte == b'\n').count() as u64,
        Some(kind) if kind == JOURNAL_EXPORT.name => before.windows(2).filter(|pair| *pair == b"\n\n").count() as u64,
        // Entries of a binary journal are not numbered in its order; where one lies names it.
        Some(kind) if kind == JOURNAL_FILE.name => span.start,
        _ => return At::Text(span),
    };
    At::Record { index, pointer: String::new(), span }
}

/// The message of a journal's entry, or what its bytes say.
fn message(text: &str) -> &str {
    let (start, end) = match (text.find("\"MESSAGE\":\""), text.find("MESSAGE=")) {
        (Some(at), _) => (at + 11, "\","),
        (None, Some(at)) => (at + 8, "\n"),
        (None, None) => (0, "\n"),
    };
    let rest = &text[start..];
    &rest[..rest.find(end).unwrap_or(rest.len())]
}

fn shown(evidence: &EvidenceSet, span: Span, place: Place) -> Place {
    if !matches!(place.at, At::Record { .. }) {
        return place;
    }
    let text = evidence.text(span).unwrap_or_default();
    let text: String = message(&text).chars().filter(|c| !c.is_control()).take(160).collect();
    place.shown_as(text)
}
