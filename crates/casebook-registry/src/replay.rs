//! Running a proof again: the rule that made a finding, on evidence read anew.

use std::collections::BTreeMap;

use casebook_core::{At, Case, EvidenceSet, Finding, Replay, Report};

use crate::check::{Options, check};
use crate::select::{Selection, Selector};

/// Proofs run again over the same evidence; each rule is run once, however many findings it made.
pub struct Replayer<'a> {
    evidence: &'a EvidenceSet,
    options: &'a Options,
    reports: BTreeMap<&'static str, Report>,
}

impl<'a> Replayer<'a> {
    /// A replayer. The configurations of `options` are kept, so that thresholds are the same; its selection
    /// and its suppressions are not.
    pub fn new(evidence: &'a EvidenceSet, options: &'a Options) -> Self {
        Self { evidence, options, reports: BTreeMap::new() }
    }

    /// Runs the rule `code` and says whether the finding with `fingerprint` comes out.
    pub fn replay(&mut self, code: &str, fingerprint: &str) -> Result<Replay, String> {
        let Some(rule) = crate::find_rule(&self.options.cases, code) else {
            return Err(format!("this version has no rule {code}"));
        };
        if !self.reports.contains_key(rule.code) {
            let select = vec![Selector::parse(rule.code, &self.options.cases)?];
            let cases = self.options.cases.iter().copied().filter(|case| case.name == rule.case);
            let cases: Vec<&'static Case> = cases.collect();
            let selection = Selection { select, ignore: Vec::new() };
            let options = Options { cases, selection, no_ignore: true, baseline: None, ..self.options.clone() };
            self.reports.insert(rule.code, check(self.evidence, &options)?.report);
        }
        let Some(report) = self.reports.get(rule.code) else { return Err("the rule was not run".to_owned()) };
        let mut steps = Vec::new();
        let found = report.findings.iter().find(|finding| finding.fingerprint == fingerprint);
        match found {
            Some(finding) => describe(finding, self.evidence, &mut steps),
            None => {
                steps.extend(report.notices.iter().cloned());
                let count = report.findings.len();
                let noun = if count == 1 { "finding" } else { "findings" };
                steps.push(format!("{} gives {count} {noun} here, none with fingerprint {fingerprint}", rule.code));
            }
        }
        Ok(Replay { steps, holds: found.is_some() })
    }
}

fn describe(finding: &Finding, evidence: &EvidenceSet, steps: &mut Vec<String>) {
    for (number, step) in finding.trace.iter().enumerate() {
        let at = step.at.as_ref().map(|at| format!(" ({})", place(at, evidence))).unwrap_or_default();
        steps.push(format!("{:>3}  {}{at}", number + 1, step.text));
    }
    if let Some(witness) = &finding.witness_text {
        steps.push(format!("witness: {witness}"));
    }
}

/// `edge.nft:31:5`, or what stands for it in evidence without lines.
pub fn place(at: &At, evidence: &EvidenceSet) -> String {
    let path = evidence.path(at.evidence());
    match at {
        At::Text(span) => {
            let start = evidence.lines(span.evidence).line_column(span.start);
            format!("{path}:{}:{}", start.line, start.column)
        }
        At::Packet { number, .. } => format!("{path}, packet {number}"),
        At::Record { index, pointer, .. } if pointer.is_empty() => format!("{path}, record {index}"),
        At::Record { pointer, .. } => format!("{path}#{pointer}"),
        At::Symbol { name, .. } => format!("{path}, {name}"),
        At::Live { source, .. } => source.clone(),
    }
}
