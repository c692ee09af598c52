//! Places in configuration: a line of text as it is, a part of a JSON listing as the line that stands for it.

use casebook_core::{At, EvidenceSet, FindingBuilder, Fix, FixClass, Place, Span};
use casebook_formats::nft::kinds::NFT_JSON;

use crate::facts::Facts;
use crate::model::explain::Explained;
use crate::model::foretell::{Cure, cures, foretell};

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

/// Adds what explains a finding: its reasons, its places, and what would have prevented it.
pub fn explain(
    facts: &Facts,
    evidence: &EvidenceSet,
    mut builder: FindingBuilder,
    causes: Vec<Explained>,
) -> FindingBuilder {
    for cause in causes {
        for (span, label) in cause.places {
            builder = builder.place(Place { primary: false, ..line_place(evidence, span, label) });
        }
        builder = cause.because.into_iter().fold(builder, FindingBuilder::because);
        if let Some(built) = cause.path.and_then(|index| facts.built.get(index)) {
            builder = cures(built, &foretell(built, None, None)).into_iter().fold(builder, cure);
        }
    }
    builder
}

/// Adds a change that prevents a death.
pub fn cure(builder: FindingBuilder, cure: Cure) -> FindingBuilder {
    builder.fix(Fix { title: cure.title, class: FixClass::Display, edits: Vec::new(), commands: cure.commands })
}
