//! `junit`: JUnit XML, which build servers show as tests. A suite is a case; a test is a rule on one piece of
//! evidence, and fails when a warning or an error is proved there.

use std::collections::BTreeMap;
use std::io::{self, Write};

use casebook_core::{Finding, ReadStatus, Severity, Status, Suppression};

use crate::clean::markup;
use crate::context::Context;
use crate::prose;

/// A rule on one piece of evidence; a silent rule has no evidence of its own.
type Key<'a> = (&'a str, &'a str, &'a str);

#[derive(Default)]
struct Test<'a> {
    failures: Vec<&'a Finding>,
    undecided: Vec<&'a Finding>,
    suppressed: Vec<(&'a Finding, &'a Suppression)>,
    notes: Vec<&'a Finding>,
}

#[derive(Default)]
struct Suite<'a> {
    tests: BTreeMap<Key<'a>, Test<'a>>,
}

pub(crate) fn write(context: &Context<'_>, out: &mut dyn Write) -> io::Result<()> {
    let suites = suites(context);
    let unread = context.report.coverage.iter().filter(|line| line.status == ReadStatus::Failed).count();
    let count = |pick: fn(&Test<'_>) -> bool| -> usize {
        suites.values().map(|suite| suite.tests.values().filter(|test| pick(test)).count()).sum()
    };
    let tests = count(|_| true) + context.report.coverage.len();
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(
        out,
        r#"<testsuites name="casebook" tests="{tests}" failures="{}" errors="{unread}" skipped="{}">"#,
        count(is_failed),
        count(is_skipped),
    )?;
    for (case, suite) in &suites {
        let failures = suite.tests.values().filter(|test| is_failed(test)).count();
        let skipped = suite.tests.values().filter(|test| is_skipped(test)).count();
        writeln!(
            out,
            r#"  <testsuite name="{}" tests="{}" failures="{failures}" errors="0" skipped="{skipped}">"#,
            markup(case),
            suite.tests.len(),
        )?;
        for (key, test) in &suite.tests {
            self::test(context, case, key, test, out)?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    evidence(context, unread, out)?;
    writeln!(out, "</testsuites>")
}

fn suites<'a>(context: &Context<'a>) -> BTreeMap<&'a str, Suite<'a>> {
    let mut suites: BTreeMap<&str, Suite<'_>> = BTreeMap::new();
    for (finding, suppression) in context.findings() {
        let path = finding.primary().map_or("", |place| context.evidence.path(place.at.evidence()));
        let suite = suites.entry(finding.case).or_default();
        let test = suite.tests.entry((finding.code, finding.name, path)).or_default();
        match (suppression, finding.status, finding.severity) {
            (Some(entry), ..) => test.suppressed.push((finding, entry)),
            (None, Status::Proved, Severity::Note) => test.notes.push(finding),
            (None, Status::Proved, _) => test.failures.push(finding),
            (None, Status::Insufficient, _) => test.undecided.push(finding),
            (None, Status::Exonerated, _) => {}
        }
    }
    for (code, name) in &context.report.silent_rules {
        let case = context.rule(code).map_or("casebook", |rule| rule.case);
        suites.entry(case).or_default().tests.entry((code, name, "")).or_default();
    }
    suites
}

fn is_failed(test: &Test<'_>) -> bool {
    !test.failures.is_empty()
}

fn is_skipped(test: &Test<'_>) -> bool {
    let set_aside = !test.undecided.is_empty() || !test.suppressed.is_empty();
    set_aside && !is_failed(test)
}

fn test(
    context: &Context<'_>,
    case: &str,
    (code, name, path): &Key<'_>,
    test: &Test<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let place = if path.is_empty() { String::new() } else { format!(": {path}") };
    let title = markup(&format!("{code} {name}{place}"));
    write!(out, r#"    <testcase classname="casebook.{}" name="{title}""#, markup(case))?;
    if !path.is_empty() {
        write!(out, r#" file="{}""#, markup(path))?;
    }
    let silent =
        test.failures.is_empty() && test.undecided.is_empty() && test.suppressed.is_empty() && test.notes.is_empty();
    if silent {
        return writeln!(out, "/>");
    }
    writeln!(out, ">")?;
    // Readers differ on several failures in one test: one element holds them all.
    if let Some(first) = test.failures.first() {
        let severity = test.failures.iter().map(|finding| finding.severity).max().unwrap_or(first.severity);
        let body: Vec<String> = test.failures.iter().map(|finding| text(context, finding)).collect();
        let message = match test.failures.len() {
            1 => first.title.clone(),
            many => format!("{} (and {} more)", first.title, many - 1),
        };
        let kind = severity.as_str();
        writeln!(
            out,
            r#"      <failure type="{kind}" message="{}">{}</failure>"#,
            markup(&message),
            markup(&body.join("\n\n"))
        )?;
    } else if is_skipped(test) {
        let undecided = test.undecided.iter().map(|finding| format!("insufficient: {}", finding.title));
        let suppressed = test
            .suppressed
            .iter()
            .map(|(finding, entry)| format!("suppressed: {} ({}, {})", finding.title, entry.reason, entry.source));
        let message: Vec<String> = undecided.chain(suppressed).collect();
        writeln!(out, r#"      <skipped message="{}"/>"#, markup(&message.join("; ")))?;
    }
    let quiet: Vec<String> = test
        .notes
        .iter()
        .chain(&test.undecided)
        .copied()
        .chain(test.suppressed.iter().map(|(finding, _)| *finding))
        .map(|finding| text(context, finding))
        .collect();
    if !quiet.is_empty() {
        writeln!(out, "      <system-out>{}</system-out>", markup(&quiet.join("\n\n")))?;
    }
    writeln!(out, "    </testcase>")
}

fn text(context: &Context<'_>, finding: &Finding) -> String {
    let mut lines = vec![format!("{}: {}", context.primary(finding), finding.title)];
    lines.extend(prose::places(context, finding));
    lines.extend(prose::reasons(finding));
    lines.join("\n")
}

/// Coverage as a suite: evidence that could not be read is an error, so that a silent build is not a clean one.
fn evidence(context: &Context<'_>, unread: usize, out: &mut dyn Write) -> io::Result<()> {
    let coverage = &context.report.coverage;
    let tests = coverage.len();
    writeln!(out, r#"  <testsuite name="evidence" tests="{tests}" failures="0" errors="{unread}" skipped="0">"#)?;
    for line in coverage {
        let name = markup(&line.path);
        let words = crate::tail::status_words(line);
        let note = line.note.as_ref().map(|note| format!(" {note}")).unwrap_or_default();
        let said = markup(&format!("{}: {words}.{note}", line.kind));
        write!(out, r#"    <testcase classname="casebook.evidence" name="{name}">"#)?;
        match line.status {
            ReadStatus::Failed => write!(out, r#"<error type="evidence" message="{said}"/>"#)?,
            _ => write!(out, "<system-out>{said}</system-out>")?,
        }
        writeln!(out, "</testcase>")?;
    }
    writeln!(out, "  </testsuite>")
}
