//! Evidence for tests.

use casebook_core::{Bytes, Evidence, EvidenceId, Span};

pub(crate) fn evidence(text: &str) -> Evidence {
    named("x", text)
}

pub(crate) fn named(path: &str, text: &str) -> Evidence {
    Evidence {
        id: EvidenceId(0),
        path: path.to_owned(),
        kind: None,
        bytes: Bytes::new(text.as_bytes().to_vec()),
        referred: false,
    }
}

/// The text of a span.
pub(crate) fn text(item: &Evidence, span: Span) -> &str {
    std::str::from_utf8(item.slice(span).unwrap()).unwrap()
}
