//! The whole answer: findings and coverage.

use crate::coverage::Coverage;
use crate::finding::{Finding, Severity, Status};

/// Why a finding is not counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// Index into [`Report::findings`].
    pub finding: usize,
    /// The reason the user gave.
    pub reason: String,
    /// Where it was given: `edge.nft:12` or `casebook.toml`.
    pub source: String,
}

/// Everything one run found out.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Findings in order of evidence and place.
    pub findings: Vec<Finding>,
    /// Findings the user has suppressed, by index.
    pub suppressed: Vec<Suppression>,
    /// Rules that were checked and found nothing, as `(code, name)`: what was exonerated as a whole.
    pub silent_rules: Vec<(&'static str, &'static str)>,
    /// One line for each piece of evidence.
    pub coverage: Vec<Coverage>,
    /// Things the user ought to know of the run itself: an unused suppression, a limit that was hit.
    pub notices: Vec<String>,
}

/// Counts of findings that are not suppressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Proved errors.
    pub error: usize,
    /// Proved warnings.
    pub warning: usize,
    /// Proved notes.
    pub note: usize,
    /// Insufficient findings.
    pub insufficient: usize,
    /// Exonerated findings, and rules that were checked and stayed silent.
    pub exonerated: usize,
}

impl Report {
    /// The suppression of finding `index`, if any.
    pub fn suppression(&self, index: usize) -> Option<&Suppression> {
        self.suppressed.iter().find(|entry| entry.finding == index)
    }

    /// Findings that count, with their index.
    pub fn active(&self) -> impl Iterator<Item = (usize, &Finding)> {
        self.findings.iter().enumerate().filter(|(index, _)| self.suppression(*index).is_none())
    }

    /// Counts.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary { exonerated: self.silent_rules.len(), ..Summary::default() };
        for (_, finding) in self.active() {
            match (finding.status, finding.severity) {
                (Status::Insufficient, _) => summary.insufficient += 1,
                (Status::Exonerated, _) => summary.exonerated += 1,
                (Status::Proved, Severity::Error) => summary.error += 1,
                (Status::Proved, Severity::Warning) => summary.warning += 1,
                (Status::Proved, Severity::Note) => summary.note += 1,
            }
        }
        summary
    }

    /// The worst severity among proved findings that count.
    pub fn worst(&self) -> Option<Severity> {
        self.active().filter(|(_, f)| f.status == Status::Proved).map(|(_, f)| f.severity).max()
    }
}
