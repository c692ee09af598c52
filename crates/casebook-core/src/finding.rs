//! A rule's result.

use serde_json::Value;

use crate::evidence::{EvidenceSet, Span};
use crate::figure::Figure;
use crate::place::{At, Place};

/// What a rule concluded. There are no scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// The model shows it.
    Proved,
    /// The evidence does not decide it; `missing` names what would.
    Insufficient,
    /// Checked, and not the culprit.
    Exonerated,
}

/// How bad a proved finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing is wrong by itself.
    Note,
    /// Does not do what it seems to say.
    Warning,
    /// Breaks something, with a witness.
    Error,
}

impl Severity {
    /// `error`, `warning` or `note`.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

impl Status {
    /// `proved`, `insufficient` or `exonerated`.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Proved => "proved",
            Status::Insufficient => "insufficient",
            Status::Exonerated => "exonerated",
        }
    }
}

/// How far a fix can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FixClass {
    /// The model was run again with the fix applied: the finding is gone and no new one appears.
    Safe,
    /// It removes the finding but changes more than the finding is about.
    Unsafe,
    /// Shown to the reader; Casebook does not apply it.
    Display,
}

impl FixClass {
    /// `safe`, `unsafe` or `display`.
    pub fn as_str(self) -> &'static str {
        match self {
            FixClass::Safe => "safe",
            FixClass::Unsafe => "unsafe",
            FixClass::Display => "display",
        }
    }
}

/// Replace the bytes of `span` by `text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; empty to insert.
    pub span: Span,
    /// What takes its place; empty to delete.
    pub text: String,
}

/// Something the reader can paste.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What it does, one sentence in lower case.
    pub title: String,
    /// How far it can be trusted.
    pub class: FixClass,
    /// Edits of files.
    pub edits: Vec<Edit>,
    /// Commands for a live system, in order.
    pub commands: Vec<String>,
}

/// One step of the model on the way to the finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What the mechanism did.
    pub text: String,
    /// The evidence that made it do so.
    pub at: Option<At>,
}

/// A rule's result with its places, reasons, proof and fix.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Stable code, `NFT101`.
    pub code: &'static str,
    /// Stable name, `inserted-before-effect`.
    pub name: &'static str,
    /// The case it belongs to.
    pub case: &'static str,
    /// Proved, insufficient or exonerated.
    pub status: Status,
    /// How bad it is, if proved.
    pub severity: Severity,
    /// One sentence, lower case, what happened to whom.
    pub title: String,
    /// Places, the primary one first.
    pub places: Vec<Place>,
    /// Full sentences: why it follows.
    pub because: Vec<String>,
    /// The case's own object: a packet, an instant, an input for which the model shows the failure.
    pub witness: Option<Value>,
    /// The witness in one line, for text.
    pub witness_text: Option<String>,
    /// What evidence would decide an insufficient finding.
    pub missing: Vec<String>,
    /// Fixes, best first.
    pub fixes: Vec<Fix>,
    /// A command that runs the proof again.
    pub replay: Option<String>,
    /// The steps of the model.
    pub trace: Vec<Step>,
    /// Drawings, which only the page shows.
    pub figures: Vec<Figure>,
    /// Stable across runs and across edits elsewhere in the evidence.
    pub fingerprint: String,
}

impl Finding {
    /// The primary place. A finding cannot be built without one.
    pub fn primary(&self) -> Option<&Place> {
        self.places.first()
    }
}

/// Builds a finding. It starts from the rule and the primary place, so that neither can be missing.
#[derive(Clone, Debug)]
pub struct FindingBuilder {
    finding: Finding,
    key: String,
}

impl FindingBuilder {
    /// A proved finding of `rule` about `place`.
    pub fn new(rule: &crate::case::Rule, title: impl Into<String>, place: Place) -> Self {
        let place = Place { primary: true, ..place };
        Self {
            finding: Finding {
                code: rule.code,
                name: rule.name,
                case: rule.case,
                status: Status::Proved,
                severity: rule.severity,
                title: title.into(),
                places: vec![place],
                because: Vec::new(),
                witness: None,
                witness_text: None,
                missing: Vec::new(),
                fixes: Vec::new(),
                replay: None,
                trace: Vec::new(),
                figures: Vec::new(),
                fingerprint: String::new(),
            },
            key: String::new(),
        }
    }

    /// Overrides the rule's severity.
    pub fn severity(mut self, severity: Severity) -> Self {
        self.finding.severity = severity;
        self
    }

    /// Makes it exonerated: checked, and not the culprit.
    pub fn exonerated(mut self) -> Self {
        self.finding.status = Status::Exonerated;
        self
    }

    /// Makes it insufficient and names evidence that would decide it.
    pub fn missing(mut self, what: impl Into<String>) -> Self {
        self.finding.status = Status::Insufficient;
        self.finding.missing.push(what.into());
        self
    }

    /// Adds a place that explains.
    pub fn place(mut self, place: Place) -> Self {
        self.finding.places.push(Place { primary: false, ..place });
        self
    }

    /// Adds a reason, a full sentence.
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.finding.because.push(reason.into());
        self
    }

    /// Sets the witness and its one-line form.
    pub fn witness(mut self, value: Value, text: impl Into<String>) -> Self {
        self.finding.witness = Some(value);
        self.finding.witness_text = Some(text.into());
        self
    }

    /// Adds a fix.
    pub fn fix(mut self, fix: Fix) -> Self {
        self.finding.fixes.push(fix);
        self
    }

    /// Sets the command that runs the proof again.
    pub fn replay(mut self, command: impl Into<String>) -> Self {
        self.finding.replay = Some(command.into());
        self
    }

    /// Adds a step of the model.
    pub fn step(mut self, text: impl Into<String>, at: Option<At>) -> Self {
        self.finding.trace.push(Step { text: text.into(), at });
        self
    }

    /// Adds a drawing.
    pub fn figure(mut self, figure: Figure) -> Self {
        self.finding.figures.push(figure);
        self
    }

    /// Adds to what the fingerprint is made of, beside the code and the primary place's content: a model
    /// key that stays the same when lines move (a chain's name, a mark).
    pub fn key(mut self, part: impl AsRef<str>) -> Self {
        self.key.push('\0');
        self.key.push_str(part.as_ref());
        self
    }

    /// Finishes. The fingerprint is a hash of the code, the kind and content of the primary place, and the
    /// keys given: line numbers and paths are not part of it.
    pub fn build(mut self, evidence: &EvidenceSet) -> Finding {
        let place = &self.finding.places[0];
        let kind = evidence.get(place.at.evidence()).and_then(|item| item.kind).unwrap_or("unknown");
        let content = match &place.shown {
            Some(line) => line.clone(),
            None => place.at.span().and_then(|span| evidence.text(span)).unwrap_or_default(),
        };
        let normal = content.split_whitespace().collect::<Vec<_>>().join(" ");
        let text = format!("{}\0{kind}\0{normal}{}", self.finding.code, self.key);
        let digest = crate::Digest::of(text.as_bytes());
        self.finding.fingerprint = digest.0[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        self.finding
    }
}
