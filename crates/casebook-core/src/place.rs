//! Where a claim stands in the evidence.

use crate::evidence::{EvidenceId, Span};

/// A position in evidence, in the unit a reader of that evidence counts in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum At {
    /// A byte range of text; line and column are computed when it is shown.
    Text(Span),
    /// A packet of a capture: its number from 1, and its bytes in the file.
    Packet {
        /// Number as tshark counts, from 1.
        number: u64,
        /// The record's bytes.
        span: Span,
    },
    /// A record of a structured file: an element of a JSON array, a journal entry, a log line.
    Record {
        /// Number of the record, from 0.
        index: u64,
        /// JSON pointer or field path inside the file; may be empty.
        pointer: String,
        /// The record's bytes.
        span: Span,
    },
    /// A symbol or section of an object file.
    Symbol {
        /// The file.
        evidence: EvidenceId,
        /// Symbol name.
        name: String,
        /// Address, if it has one.
        address: Option<u64>,
        /// Section name, if it is in one.
        section: Option<String>,
    },
    /// A live reading that keeps no bytes; `source` says what was read.
    Live {
        /// The reading.
        evidence: EvidenceId,
        /// Command or file read.
        source: String,
    },
}

impl At {
    /// The evidence the place is in.
    pub fn evidence(&self) -> EvidenceId {
        match self {
            At::Text(span) | At::Packet { span, .. } | At::Record { span, .. } => span.evidence,
            At::Symbol { evidence, .. } | At::Live { evidence, .. } => *evidence,
        }
    }

    /// The byte range, for the kinds that have one.
    pub fn span(&self) -> Option<Span> {
        match self {
            At::Text(span) | At::Packet { span, .. } | At::Record { span, .. } => Some(*span),
            At::Symbol { .. } | At::Live { .. } => None,
        }
    }
}

/// A position with what is said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where.
    pub at: At,
    /// True for the one place the finding is about; others are context.
    pub primary: bool,
    /// What is said about it, one short phrase.
    pub label: String,
    /// For binary or one-line evidence: the line that stands for it in a report, computed by the model
    /// (a rule's text for a JSON record, a packet's summary for a capture).
    pub shown: Option<String>,
}

impl Place {
    /// The place a finding is about.
    pub fn primary(at: At, label: impl Into<String>) -> Self {
        Self { at, primary: true, label: label.into(), shown: None }
    }

    /// A place that explains.
    pub fn context(at: At, label: impl Into<String>) -> Self {
        Self { at, primary: false, label: label.into(), shown: None }
    }

    /// Sets the line that stands for evidence which is not text.
    pub fn shown_as(mut self, line: impl Into<String>) -> Self {
        self.shown = Some(line.into());
        self
    }
}
