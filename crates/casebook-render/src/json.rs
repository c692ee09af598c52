//! `json`: the report as one document, `casebook.report/1`. `docs/report.schema.json` describes it.

use std::io::{self, Write};

use casebook_core::{At, Coverage, Edit, Finding, Fix, Place, ReadStatus, Span, Suppression};
use serde_json::{Map, Value, json};

use crate::context::Context;

/// Name and version of the document's form.
pub(crate) const SCHEMA: &str = "casebook.report/1";
/// Bytes of evidence quoted in `text`; a place may be a whole file.
pub(crate) const QUOTED: u64 = 4096;

pub(crate) fn write(context: &Context<'_>, out: &mut dyn Write) -> io::Result<()> {
    let findings: Vec<Value> =
        context.findings().map(|(finding, suppression)| self::finding(context, finding, suppression)).collect();
    let coverage: Vec<Value> = context.report.coverage.iter().map(self::coverage).collect();
    let document = json!({
        "schema": SCHEMA,
        "tool": tool(context),
        "findings": findings,
        "coverage": coverage,
        "silent": silent(context),
        "notices": context.report.notices,
        "summary": summary(context),
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

pub(crate) fn tool(context: &Context<'_>) -> Value {
    json!({ "name": "casebook", "version": context.options.version })
}

pub(crate) fn silent(context: &Context<'_>) -> Value {
    context.report.silent_rules.iter().map(|(code, name)| json!({ "code": code, "name": name })).collect()
}

pub(crate) fn summary(context: &Context<'_>) -> Value {
    let summary = &context.summary;
    json!({
        "error": summary.error,
        "warning": summary.warning,
        "note": summary.note,
        "insufficient": summary.insufficient,
        "exonerated": summary.exonerated,
    })
}

pub(crate) fn finding(context: &Context<'_>, finding: &Finding, suppression: Option<&Suppression>) -> Value {
    let evidence: Vec<Value> = context
        .touched(finding)
        .into_iter()
        .map(|id| {
            json!({
                "path": context.evidence.path(id),
                "digest": context.digest(id).map(|digest| digest.to_string()),
            })
        })
        .collect();
    let trace: Vec<Value> = finding
        .trace
        .iter()
        .map(|step| match &step.at {
            Some(at) => {
                json!({ "text": step.text, "evidence": context.evidence.path(at.evidence()), "at": self::at(context, at) })
            }
            None => json!({ "text": step.text }),
        })
        .collect();
    let mut object = json!({
        "code": finding.code,
        "name": finding.name,
        "case": finding.case,
        "status": finding.status.as_str(),
        "severity": finding.severity.as_str(),
        "title": finding.title,
        "places": finding.places.iter().map(|place| self::place(context, place)).collect::<Vec<_>>(),
        "because": finding.because,
        "witness": finding.witness,
        "witness_text": finding.witness_text,
        "missing": finding.missing,
        "fixes": finding.fixes.iter().map(|fix| self::fix(context, fix)).collect::<Vec<_>>(),
        "replay": finding.replay,
        "trace": trace,
        "evidence": evidence,
        "fingerprint": finding.fingerprint,
    });
    if let (Some(entry), Value::Object(fields)) = (suppression, &mut object) {
        fields.insert("suppressed".to_owned(), json!({ "reason": entry.reason, "source": entry.source }));
    }
    object
}

fn place(context: &Context<'_>, place: &Place) -> Value {
    let mut fields = Map::new();
    fields.insert("evidence".to_owned(), context.evidence.path(place.at.evidence()).into());
    fields.insert("primary".to_owned(), place.primary.into());
    fields.insert("label".to_owned(), place.label.clone().into());
    if let Some(shown) = &place.shown {
        fields.insert("shown".to_owned(), shown.clone().into());
    }
    if let At::Text(span) | At::Record { span, .. } = &place.at {
        fields.insert("text".to_owned(), quote(context, *span).into());
    }
    fields.insert("at".to_owned(), at(context, &place.at));
    Value::Object(fields)
}

/// The text of a span, of a long one its beginning: at most [`QUOTED`] bytes, on a character boundary.
pub(crate) fn quote(context: &Context<'_>, span: Span) -> String {
    let bytes = context.bytes(span.evidence);
    let whole = bytes.len() as u64;
    let start = span.start.min(whole);
    let mut end = span.end.clamp(start, whole);
    if end - start > QUOTED {
        end = start + QUOTED;
        while end > start && bytes.get(end as usize).is_some_and(|byte| (*byte as i8) < -0x40) {
            end -= 1;
        }
    }
    String::from_utf8_lossy(&bytes[start as usize..end as usize]).into_owned()
}

/// A position. Addresses are strings because they do not fit the numbers of every JSON reader.
fn at(context: &Context<'_>, at: &At) -> Value {
    match at {
        At::Text(span) => {
            let place = context.line_column(span.evidence, span.start);
            json!({
                "kind": "text",
                "start": span.start,
                "end": span.end,
                "line": place.line,
                "column": place.column,
            })
        }
        At::Packet { number, span } => {
            json!({ "kind": "packet", "number": number, "start": span.start, "end": span.end })
        }
        At::Record { index, pointer, span } => {
            json!({ "kind": "record", "index": index, "pointer": pointer, "start": span.start, "end": span.end })
        }
        At::Symbol { name, address, section, .. } => {
            let address = address.map(|value| format!("{value:#x}"));
            json!({ "kind": "symbol", "name": name, "address": address, "section": section })
        }
        At::Live { source, .. } => json!({ "kind": "live", "source": source }),
    }
}

fn fix(context: &Context<'_>, fix: &Fix) -> Value {
    json!({
        "title": fix.title,
        "class": fix.class.as_str(),
        "edits": fix.edits.iter().map(|edit| self::edit(context, edit)).collect::<Vec<_>>(),
        "commands": fix.commands,
    })
}

fn edit(context: &Context<'_>, edit: &Edit) -> Value {
    let place = context.line_column(edit.span.evidence, edit.span.start);
    json!({
        "evidence": context.evidence.path(edit.span.evidence),
        "start": edit.span.start,
        "end": edit.span.end,
        "line": place.line,
        "column": place.column,
        "text": edit.text,
    })
}

pub(crate) fn coverage(line: &Coverage) -> Value {
    let unmodelled: Vec<Value> = line
        .unmodelled
        .iter()
        .map(|stretch| json!({ "start": stretch.span.start, "end": stretch.span.end, "why": stretch.why }))
        .collect();
    json!({
        "evidence": line.path,
        "kind": line.kind,
        "bytes": line.bytes,
        "status": status(line.status),
        "note": line.note,
        "unmodelled": unmodelled,
    })
}

/// The stable word for how much was read.
pub(crate) fn status(status: ReadStatus) -> &'static str {
    match status {
        ReadStatus::Read => "read",
        ReadStatus::Partly => "partly",
        ReadStatus::Failed => "failed",
        ReadStatus::Unrecognised => "unrecognised",
    }
}
