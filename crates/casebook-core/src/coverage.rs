//! What was read of each piece of evidence, and what was not.

use crate::evidence::{EvidenceId, Span};

/// A stretch of evidence that the parser or the model does not cover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmodelled {
    /// Where.
    pub span: Span,
    /// Why, in a few words: `numgen is random`, `unknown key "foo"`.
    pub why: String,
}

impl Unmodelled {
    /// An unmodelled stretch.
    pub fn new(span: Span, why: impl Into<String>) -> Self {
        Self { span, why: why.into() }
    }
}

/// How much of the evidence became facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadStatus {
    /// All of it.
    Read,
    /// All but the unmodelled stretches.
    Partly,
    /// None of it; the reason is in `note`.
    Failed,
    /// No case reads evidence of this kind.
    Unrecognised,
}

/// One line of coverage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// The evidence; `None` when it could not even be opened.
    pub evidence: Option<EvidenceId>,
    /// Its path.
    pub path: String,
    /// Kind it was read as, or `unknown`.
    pub kind: String,
    /// Size in bytes.
    pub bytes: u64,
    /// How much became facts.
    pub status: ReadStatus,
    /// One sentence when something is to be said: why it failed, which limit was hit.
    pub note: Option<String>,
    /// What was not covered.
    pub unmodelled: Vec<Unmodelled>,
}

impl Coverage {
    /// Coverage of evidence a case has read, `Partly` when anything is unmodelled.
    pub fn read(evidence: &crate::Evidence, unmodelled: Vec<Unmodelled>) -> Self {
        let status = if unmodelled.is_empty() { ReadStatus::Read } else { ReadStatus::Partly };
        Self {
            evidence: Some(evidence.id),
            path: evidence.path.clone(),
            kind: evidence.kind.unwrap_or("unknown").to_owned(),
            bytes: evidence.as_bytes().len() as u64,
            status,
            note: None,
            unmodelled,
        }
    }

    /// Coverage of something that could not be read at all.
    pub fn failed(path: impl Into<String>, kind: impl Into<String>, bytes: u64, why: impl Into<String>) -> Self {
        Self {
            evidence: None,
            path: path.into(),
            kind: kind.into(),
            bytes,
            status: ReadStatus::Failed,
            note: Some(why.into()),
            unmodelled: Vec::new(),
        }
    }

    /// Adds a note.
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
}
