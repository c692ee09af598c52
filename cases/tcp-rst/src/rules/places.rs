//! Places in configuration: a line of text as it is, a part of a JSON listing as the line that stands for it.

use casebook_core::{At, EvidenceSet, Place, Span};
use casebook_formats::nft::kinds::NFT_JSON;

/// Characters of a JSON record that are shown.
const SHOWN: usize = 160;

/// `span` as the primary place.
pub fn text_place(evidence: &EvidenceSet, span: Span, label: impl Into<String>) -> Place {
    let json = evidence.get(span.evidence).is_some_and(|item| item.kind == Some(NFT_JSON.name));
    if !json {
        return Place::primary(At::Text(span), label);
    }
    let text = evidence.text(span).unwrap_or_default();
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SHOWN).collect();
    Place::primary(At::Record { index: 0, pointer: String::new(), span }, label).shown_as(line)
}

/// The same, cut to its first line where it goes over several.
pub fn line_place(evidence: &EvidenceSet, span: Span, label: impl Into<String>) -> Place {
    let text = evidence.text(span).unwrap_or_default();
    let length = text.find('\n').unwrap_or(text.len()) as u64;
    let first = Span { end: (span.start + length).min(span.end), ..span };
    text_place(evidence, first, label)
}
