//! What every format needs, computed once: totals, suppressions by finding, line indexes, digests.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use casebook_core::{
    At, Digest, EvidenceId, EvidenceSet, Finding, LineColumn, LineIndex, Place, Report, Rule, Severity, Span, Status,
    Summary, Suppression,
};

use crate::Options;
use crate::columns::Columns;

/// Bytes looked at to tell text from binary evidence.
const SNIFFED: usize = 8 * 1024;

/// One rendering.
pub(crate) struct Context<'a> {
    pub(crate) report: &'a Report,
    pub(crate) evidence: &'a EvidenceSet,
    pub(crate) rules: &'a [&'static Rule],
    pub(crate) options: &'a Options<'a>,
    pub(crate) summary: Summary,
    suppressed: Vec<Option<&'a Suppression>>,
    lines: Vec<OnceCell<LineIndex>>,
    columns: Vec<OnceCell<Columns>>,
    digests: Vec<OnceCell<Digest>>,
    end: LineIndex,
}

impl<'a> Context<'a> {
    pub(crate) fn new(
        report: &'a Report,
        evidence: &'a EvidenceSet,
        rules: &'a [&'static Rule],
        options: &'a Options<'a>,
    ) -> Self {
        let mut suppressed = vec![None; report.findings.len()];
        for entry in &report.suppressed {
            if let Some(slot) = suppressed.get_mut(entry.finding) {
                *slot = Some(entry);
            }
        }
        let summary = summarise(report, &suppressed);
        Self {
            report,
            evidence,
            rules,
            options,
            summary,
            suppressed,
            lines: vec![OnceCell::new(); evidence.len()],
            columns: vec![OnceCell::new(); evidence.len()],
            digests: vec![OnceCell::new(); evidence.len()],
            end: LineIndex::new(b""),
        }
    }

    /// Every finding with its suppression, in order.
    pub(crate) fn findings(&self) -> impl Iterator<Item = (&'a Finding, Option<&'a Suppression>)> + '_ {
        self.report.findings.iter().zip(self.suppressed.iter().copied())
    }

    /// Findings that count, in order.
    pub(crate) fn active(&self) -> impl Iterator<Item = &'a Finding> + '_ {
        self.findings().filter(|(_, suppression)| suppression.is_none()).map(|(finding, _)| finding)
    }

    /// Suppressed findings, in order.
    pub(crate) fn suppressed(&self) -> impl Iterator<Item = (&'a Finding, &'a Suppression)> + '_ {
        self.findings().filter_map(|(finding, suppression)| suppression.map(|entry| (finding, entry)))
    }

    /// The bytes of one piece of evidence; empty when there is none with this id.
    pub(crate) fn bytes(&self, id: EvidenceId) -> &'a [u8] {
        self.evidence.get(id).map_or(&[], |item| item.as_bytes())
    }

    /// The line index of one piece of evidence.
    pub(crate) fn lines(&self, id: EvidenceId) -> &LineIndex {
        self.lines.get(id.0 as usize).map_or(&self.end, |cell| cell.get_or_init(|| self.evidence.lines(id)))
    }

    /// Line and byte column of an offset.
    pub(crate) fn line_column(&self, id: EvidenceId, offset: u64) -> LineColumn {
        self.lines(id).line_column(offset)
    }

    /// Line and column in code points, both from 1, of an offset.
    pub(crate) fn line_char(&self, id: EvidenceId, offset: u64) -> (u32, u64) {
        let place = self.line_column(id, offset);
        let start = self.lines(id).line_range(place.line).map_or(0, |(start, _)| start);
        let Some(cell) = self.columns.get(id.0 as usize) else { return (place.line, u64::from(place.column)) };
        let bytes = self.bytes(id);
        let columns = cell.get_or_init(|| Columns::new(bytes));
        (place.line, columns.chars(bytes, start, offset) + 1)
    }

    /// Digest of one piece of evidence.
    pub(crate) fn digest(&self, id: EvidenceId) -> Option<Digest> {
        let (cell, item) = (self.digests.get(id.0 as usize)?, self.evidence.get(id)?);
        Some(*cell.get_or_init(|| item.digest()))
    }

    /// True when offsets in this evidence are better given as bytes than as lines.
    pub(crate) fn is_binary(&self, id: EvidenceId) -> bool {
        let bytes = self.bytes(id);
        bytes[..bytes.len().min(SNIFFED)].contains(&0)
    }

    /// Evidence the places of a finding touch, each once, in order of id.
    pub(crate) fn touched(&self, finding: &Finding) -> BTreeSet<EvidenceId> {
        finding.places.iter().map(|place| place.at.evidence()).filter(|id| self.evidence.get(*id).is_some()).collect()
    }

    /// `path:line:column` and its like, in the unit a reader of that evidence counts in.
    pub(crate) fn position(&self, at: &At) -> String {
        let path = self.evidence.path(at.evidence());
        match at {
            At::Text(span) => {
                let place = self.line_column(span.evidence, span.start);
                format!("{path}:{}:{}", place.line, place.column)
            }
            At::Packet { number, .. } => format!("{path}: packet {number}"),
            At::Record { index, pointer, .. } if pointer.is_empty() => format!("{path}: record {index}"),
            At::Record { pointer, .. } => format!("{path}#{pointer}"),
            At::Symbol { name, address, section, .. } => {
                let address = address.map(|value| format!(" at {value:#x}")).unwrap_or_default();
                let section = section.as_ref().map(|value| format!(" in {value}")).unwrap_or_default();
                format!("{path}: symbol {name}{address}{section}")
            }
            At::Live { source, .. } => format!("{path}: {source}"),
        }
    }

    /// The position of the primary place, or `?` for a finding somebody made without one.
    pub(crate) fn primary(&self, finding: &Finding) -> String {
        finding.primary().map_or_else(|| "?".to_owned(), |place| self.position(&place.at))
    }

    /// Where an unmodelled stretch begins: line and column, or the byte in binary evidence.
    pub(crate) fn stretch(&self, span: Span) -> String {
        if self.is_binary(span.evidence) {
            return format!("bytes {}..{}", span.start, span.end);
        }
        let place = self.line_column(span.evidence, span.start);
        format!("{}:{}", place.line, place.column)
    }

    /// The one-line summary of a rule, when the rule table has it.
    pub(crate) fn rule(&self, code: &str) -> Option<&'static Rule> {
        self.rules.iter().copied().find(|rule| rule.code == code)
    }
}

/// The line that stands for a place which is not lines of text, when the model did not give one.
pub(crate) fn stand_in(context: &Context<'_>, place: &Place) -> String {
    const SHOWN: u64 = 160;
    if let Some(shown) = &place.shown {
        return shown.clone();
    }
    match &place.at {
        At::Packet { span, .. } => format!("{} bytes at {}", span.len(), span.start),
        At::Symbol { name, .. } => name.clone(),
        At::Live { source, .. } => source.clone(),
        At::Text(span) | At::Record { span, .. } => {
            let short = Span { end: span.end.min(span.start + SHOWN), ..*span };
            let text = context.evidence.text(short).unwrap_or_default();
            let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
            if short == *span { line } else { format!("{line}...") }
        }
    }
}

/// The word in front of a code: the severity of what is proved, the status of everything else.
pub(crate) fn level_word(finding: &Finding) -> &'static str {
    match finding.status {
        Status::Proved => finding.severity.as_str(),
        status => status.as_str(),
    }
}

/// Counts, in one pass over the findings.
fn summarise(report: &Report, suppressed: &[Option<&Suppression>]) -> Summary {
    let mut summary = Summary { exonerated: report.silent_rules.len(), ..Summary::default() };
    for (finding, suppression) in report.findings.iter().zip(suppressed) {
        if suppression.is_some() {
            continue;
        }
        let count = match (finding.status, finding.severity) {
            (Status::Insufficient, _) => &mut summary.insufficient,
            (Status::Exonerated, _) => &mut summary.exonerated,
            (Status::Proved, Severity::Error) => &mut summary.error,
            (Status::Proved, Severity::Warning) => &mut summary.warning,
            (Status::Proved, Severity::Note) => &mut summary.note,
        };
        *count += 1;
    }
    summary
}
