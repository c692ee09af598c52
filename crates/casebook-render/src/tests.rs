//! Snapshots of every format over one report, and properties of all of them.

mod hostile;
mod machine;
mod sample;

use casebook_core::{EvidenceSet, Report};
use serde_json::Value;

use crate::{Format, Options, render};
use sample::{Sample, sample};

/// A rendering as text.
fn rendered(sample: &Sample, options: &Options<'_>) -> String {
    let mut out = Vec::new();
    render(&sample.report, &sample.evidence, &sample.rules, options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn plain(sample: &Sample, format: Format) -> String {
    rendered(sample, &Options::new(format, "0.1.0"))
}

fn empty() -> Sample {
    Sample { report: Report::default(), evidence: EvidenceSet::new(), rules: Vec::new() }
}

macro_rules! snapshots {
    ($($name:ident: $format:ident),+ $(,)?) => { $(
        #[test]
        fn $name() {
            insta::assert_snapshot!(plain(&sample(), Format::$format));
        }
    )+ };
}

snapshots! {
    full_draws_every_place_then_totals_and_coverage: Full,
    concise_is_one_line_for_each_finding: Concise,
    json_is_the_documented_report: Json,
    jsonl_is_the_same_objects_one_a_line: Jsonl,
    github_annotates_the_primary_places: Github,
    junit_has_a_test_for_each_rule_and_evidence: Junit,
    html_is_one_page: Html,
}

#[test]
fn sarif_is_a_run_with_results_and_artifacts() {
    let document = serde_json::from_str(&plain(&sample(), Format::Sarif)).unwrap();
    insta::assert_snapshot!(compact(&document, 0));
}

/// JSON with everything on one line that fits on one, for snapshots that can be read.
fn compact(value: &Value, indent: usize) -> String {
    let whole = value.to_string();
    if whole.len() + indent <= 110 {
        return whole;
    }
    let pad = " ".repeat(indent + 1);
    let (open, items, close) = match value {
        Value::Object(fields) => {
            let item = |(key, value): (&String, &Value)| format!("{pad}{key:?}: {}", compact(value, indent + 1));
            ("{", fields.iter().map(item).collect::<Vec<_>>(), "}")
        }
        Value::Array(items) => {
            ("[", items.iter().map(|item| format!("{pad}{}", compact(item, indent + 1))).collect(), "]")
        }
        _ => return whole,
    };
    format!("{open}\n{}\n{}{close}", items.join(",\n"), " ".repeat(indent))
}

#[test]
fn full_draws_boxes_and_wraps_prose_on_a_terminal() {
    let options = Options { unicode: true, width: 80, ..Options::new(Format::Full, "0.1.0") };
    insta::assert_snapshot!(rendered(&sample(), &options));
}

#[test]
fn nothing_found_says_what_was_checked() {
    let mut sample = sample();
    sample.report.findings.clear();
    sample.report.suppressed.clear();
    sample.report.notices.clear();
    insta::assert_snapshot!(plain(&sample, Format::Full));
}

#[test]
fn nothing_read_is_not_called_nothing_found() {
    assert_eq!(plain(&empty(), Format::Full), "nothing was checked: no evidence could be read\n");
}

#[test]
fn colour_adds_escapes_and_changes_no_word() {
    let options = Options { color: true, ..Options::new(Format::Full, "0.1.0") };
    let coloured = rendered(&sample(), &options);
    assert!(coloured.contains("\u{1b}["));
    assert_eq!(without_escapes(&coloured), plain(&sample(), Format::Full));
}

/// Text without `ESC [ ... m`.
fn without_escapes(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| out + part.split_once('m').unwrap().1)
}

#[test]
fn format_names_are_read_back() {
    for format in Format::ALL {
        assert_eq!(format.to_string().parse(), Ok(format));
    }
    let error = "xml".parse::<Format>().unwrap_err().to_string();
    assert_eq!(error, "unknown format \"xml\"; the formats are full, concise, json, jsonl, sarif, github, junit, html");
}
