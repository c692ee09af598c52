//! Running a proof again: the rule that made a finding, on evidence read anew.

use casebook_core::{At, Case, EvidenceSet, Finding, Replay};

use crate::check::{Options, check};
use crate::select::{Selection, Selector};

/// Runs the rule `code` over `evidence` and says whether the finding with `fingerprint` comes out.
///
/// `configs` and `scopes` of `options` are kept, so that thresholds are the same; its selection is not.
pub fn replay(evidence: &EvidenceSet, code: &str, fingerprint: &str, options: &Options) -> Result<Replay, String> {
    let Some(rule) = crate::find_rule(&options.cases, code) else {
        return Err(format!("this version has no rule {code}"));
    };
    let selection = Selection { select: vec![Selector::parse(rule.code, &options.cases)?], ignore: Vec::new() };
    let cases: Vec<&'static Case> = options.cases.iter().copied().filter(|case| case.name == rule.case).collect();
    let options = Options { cases, selection, no_ignore: true, baseline: None, ..options.clone() };
    let checked = check(evidence, &options)?;
    let mut steps = Vec::new();
    let found = checked.report.findings.iter().find(|finding| finding.fingerprint == fingerprint);
    match found {
        Some(finding) => describe(finding, evidence, &mut steps),
        None => {
            steps.extend(checked.report.notices);
            let count = checked.report.findings.len();
            let noun = if count == 1 { "finding" } else { "findings" };
            steps.push(format!("{} gives {count} {noun} here, none with fingerprint {fingerprint}", rule.code));
        }
    }
    Ok(Replay { steps, holds: found.is_some() })
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
        At::Record { pointer, .. } => format!("{path}{pointer}"),
        At::Symbol { name, .. } => format!("{path}, {name}"),
        At::Live { source, .. } => source.clone(),
    }
}
