//! `sarif`: SARIF 2.1.0, for code-scanning services and viewers.
//!
//! A proved finding is a result of kind `fail` with its level; an insufficient one is `open` and an
//! exonerated one `pass`, both of which the standard gives level `none` (3.27.9, 3.27.10). The primary
//! place is the location, the others are related locations, the trace is a code flow, and the evidence is
//! listed as artifacts with their hashes. Columns count code points.

use std::collections::HashMap;
use std::io::{self, Write};

use casebook_core::{
    At, Coverage, EvidenceId, Finding, Fix, Place, ReadStatus, Rule, Severity, Span, Status, Suppression,
};
use serde_json::{Map, Value, json};

use crate::context::{Context, stand_in};
use crate::json;
use crate::prose;

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

pub(crate) fn write(context: &Context<'_>, out: &mut dyn Write) -> io::Result<()> {
    let indexes: HashMap<&str, usize> =
        context.rules.iter().enumerate().map(|(index, rule)| (rule.code, index)).collect();
    let results: Vec<Value> = context
        .findings()
        .map(|(finding, suppression)| result(context, finding, suppression, indexes.get(finding.code).copied()))
        .collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "casebook",
                "semanticVersion": context.options.version,
                "rules": context.rules.iter().map(|rule| descriptor(rule)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": true,
                "toolExecutionNotifications": notifications(context),
            }],
            "artifacts": context.evidence.iter().map(|item| artifact(context, item.id)).collect::<Vec<_>>(),
            "results": results,
            "properties": { "silentRules": json::silent(context), "summary": json::summary(context) },
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &log)?;
    writeln!(out)
}

fn descriptor(rule: &Rule) -> Value {
    json!({
        "id": rule.code,
        "name": rule.name,
        "shortDescription": { "text": rule.summary },
        "help": { "text": rule.page, "markdown": rule.page },
        "defaultConfiguration": { "level": level(rule.severity) },
        "properties": { "case": rule.case, "since": rule.since, "tags": [rule.case] },
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn result(context: &Context<'_>, finding: &Finding, suppression: Option<&Suppression>, rule: Option<usize>) -> Value {
    let (kind, level) = match finding.status {
        Status::Proved => ("fail", level(finding.severity)),
        Status::Insufficient => ("open", "none"),
        Status::Exonerated => ("pass", "none"),
    };
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| {
        fields.insert(name.to_owned(), value);
    };
    put("ruleId", finding.code.into());
    if let Some(index) = rule {
        put("ruleIndex", index.into());
    }
    put("kind", kind.into());
    put("level", level.into());
    put("message", json!({ "text": message(finding) }));
    let locations = |primary: bool| -> Vec<Value> {
        let places = finding.places.iter().enumerate().filter(|(_, place)| place.primary == primary);
        places.map(|(index, place)| location(context, place, index)).collect()
    };
    put("locations", locations(true).into());
    put("relatedLocations", locations(false).into());
    if !finding.trace.is_empty() {
        put("codeFlows", code_flows(context, finding));
    }
    let fixes: Vec<Value> =
        finding.fixes.iter().filter(|fix| !fix.edits.is_empty()).map(|fix| self::fix(context, fix)).collect();
    if !fixes.is_empty() {
        put("fixes", fixes.into());
    }
    put("partialFingerprints", json!({ "casebook/v1": finding.fingerprint }));
    // Either every result of a run has this property or none has (3.27.23).
    put("suppressions", suppression.map(self::suppression).into_iter().collect::<Vec<_>>().into());
    put("properties", properties(finding));
    Value::Object(fields)
}

/// Title, reasons, what is missing, how to replay: viewers show little beside the message.
fn message(finding: &Finding) -> String {
    let mut lines = vec![finding.title.clone()];
    lines.extend(prose::reasons(finding));
    lines.join("\n")
}

fn properties(finding: &Finding) -> Value {
    json!({
        "case": finding.case,
        "name": finding.name,
        "status": finding.status.as_str(),
        "witness": finding.witness,
        "missing": finding.missing,
        "replay": finding.replay,
    })
}

fn suppression(entry: &Suppression) -> Value {
    // A suppression in the configuration is kept outside the evidence it is about.
    let file = entry.source.split(':').next().unwrap_or_default();
    let kind = if file.ends_with(".toml") { "external" } else { "inSource" };
    json!({ "kind": kind, "status": "accepted", "justification": entry.reason, "properties": { "source": entry.source } })
}

fn location(context: &Context<'_>, place: &Place, index: usize) -> Value {
    let shown = match (&place.shown, &place.at) {
        (None, At::Text(span)) if span.len() <= json::QUOTED => Snippet::Text(json::quote(context, *span)),
        _ => Snippet::Rendered(stand_in(context, place)),
    };
    let mut location = located(context, &place.at, Some(&shown));
    if let Value::Object(fields) = &mut location {
        fields.insert("id".to_owned(), index.into());
        if !place.label.is_empty() {
            fields.insert("message".to_owned(), json!({ "text": place.label }));
        }
    }
    location
}

/// What a viewer shows of a region.
enum Snippet {
    /// The text that is there.
    Text(String),
    /// The line that stands for it.
    Rendered(String),
}

/// Where something is: an artifact with a region of text or bytes, and the name of what is there.
fn located(context: &Context<'_>, at: &At, shown: Option<&Snippet>) -> Value {
    let mut physical = json!({ "artifactLocation": artifact_location(context, at.evidence()) });
    let mut logical = None;
    match at {
        At::Text(span) => physical["region"] = text_region(context, *span, shown),
        At::Packet { number, span } => {
            physical["region"] = byte_region(*span, shown);
            logical = Some(json!({ "name": format!("packet {number}"), "kind": "packet" }));
        }
        At::Record { index, pointer, span } => {
            physical["region"] = text_region(context, *span, shown);
            let name = if pointer.is_empty() { format!("record {index}") } else { pointer.clone() };
            logical = Some(json!({ "fullyQualifiedName": name, "kind": "record" }));
        }
        At::Symbol { name, address, section, .. } => {
            // The address is a signed number in the standard; one that does not fit is left out.
            if let Some(address) = address.and_then(|value| i64::try_from(value).ok()) {
                physical["address"] = json!({ "absoluteAddress": address, "name": name });
            }
            let qualified = section.as_ref().map_or_else(|| name.clone(), |section| format!("{section}:{name}"));
            logical = Some(json!({ "name": name, "fullyQualifiedName": qualified, "kind": "symbol" }));
        }
        At::Live { source, .. } => logical = Some(json!({ "name": source, "kind": "reading" })),
    }
    let mut location = json!({ "physicalLocation": physical });
    if let Some(logical) = logical {
        location["logicalLocations"] = json!([logical]);
    }
    location
}

/// A region by line and column, and by bytes as well: evidence is bytes before it is text.
fn text_region(context: &Context<'_>, span: Span, shown: Option<&Snippet>) -> Value {
    if context.is_binary(span.evidence) {
        return byte_region(span, shown);
    }
    let (start_line, start_column) = context.line_char(span.evidence, span.start);
    let (end_line, end_column) = context.line_char(span.evidence, span.end);
    let mut region = json!({
        "startLine": start_line,
        "startColumn": start_column,
        "endLine": end_line,
        "endColumn": end_column,
        "byteOffset": span.start,
        "byteLength": span.len(),
    });
    quote(&mut region, shown);
    region
}

fn byte_region(span: Span, shown: Option<&Snippet>) -> Value {
    let mut region = json!({ "byteOffset": span.start, "byteLength": span.len() });
    quote(&mut region, shown);
    region
}

fn quote(region: &mut Value, shown: Option<&Snippet>) {
    match shown {
        Some(Snippet::Text(text)) => region["snippet"] = json!({ "text": text }),
        Some(Snippet::Rendered(text)) => region["snippet"] = json!({ "rendered": { "text": text } }),
        None => {}
    }
}

fn code_flows(context: &Context<'_>, finding: &Finding) -> Value {
    let steps: Vec<Value> = finding
        .trace
        .iter()
        .map(|step| {
            let mut location = step.at.as_ref().map_or_else(|| json!({}), |at| located(context, at, None));
            location["message"] = json!({ "text": step.text });
            json!({ "location": location })
        })
        .collect();
    json!([{ "threadFlows": [{ "locations": steps }] }])
}

fn fix(context: &Context<'_>, fix: &Fix) -> Value {
    let mut changes: Vec<(EvidenceId, Vec<Value>)> = Vec::new();
    for edit in &fix.edits {
        let replacement = json!({
            "deletedRegion": text_region(context, edit.span, None),
            "insertedContent": { "text": edit.text },
        });
        match changes.iter_mut().find(|(id, _)| *id == edit.span.evidence) {
            Some((_, replacements)) => replacements.push(replacement),
            None => changes.push((edit.span.evidence, vec![replacement])),
        }
    }
    let changes: Vec<Value> = changes
        .into_iter()
        .map(|(id, replacements)| {
            json!({ "artifactLocation": artifact_location(context, id), "replacements": replacements })
        })
        .collect();
    json!({
        "description": { "text": fix.title },
        "artifactChanges": changes,
        "properties": { "class": fix.class.as_str() },
    })
}

fn artifact_location(context: &Context<'_>, id: EvidenceId) -> Value {
    json!({ "uri": uri(context.evidence.path(id)), "index": id.0 })
}

fn artifact(context: &Context<'_>, id: EvidenceId) -> Value {
    let digest = context.digest(id).map(|digest| digest.to_string()).unwrap_or_default();
    let kind = context.evidence.get(id).and_then(|item| item.kind);
    json!({
        "location": { "uri": uri(context.evidence.path(id)), "index": id.0 },
        "length": context.bytes(id).len(),
        "roles": ["analysisTarget"],
        "hashes": { "sha-256": digest.trim_start_matches("sha256:") },
        "properties": { "kind": kind },
    })
}

/// What was not read, and the notices of the run.
fn notifications(context: &Context<'_>) -> Vec<Value> {
    let mut notifications = Vec::new();
    for line in &context.report.coverage {
        let level = match line.status {
            ReadStatus::Read if line.note.is_none() => continue,
            ReadStatus::Failed => "error",
            ReadStatus::Partly => "warning",
            ReadStatus::Read | ReadStatus::Unrecognised => "note",
        };
        let note = line.note.as_ref().map(|note| format!(" {note}")).unwrap_or_default();
        let text = format!("{}: {}.{note}", line.path, crate::tail::status_words(line));
        notifications.push(json!({
            "level": level,
            "message": { "text": text },
            "locations": stretches(context, line),
        }));
    }
    let notices = context.report.notices.iter();
    notifications.extend(notices.map(|text| json!({ "level": "note", "message": { "text": text } })));
    notifications
}

/// The stretches of one piece of evidence that are not modelled, each with its reason.
fn stretches(context: &Context<'_>, line: &Coverage) -> Vec<Value> {
    let located = |stretch: &casebook_core::Unmodelled| {
        let mut location = located(context, &At::Text(stretch.span), None);
        location["message"] = json!({ "text": stretch.why });
        location
    };
    line.unmodelled.iter().map(located).collect()
}

/// A path as a URI reference. An absolute path gets the file scheme; a name that only looks like it has a
/// scheme (`live:nft ruleset`) keeps its colon escaped.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    if path.starts_with('/') {
        out.push_str("file://");
    }
    for byte in path.bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'~' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_references_that_name_no_other_scheme() {
        assert_eq!(uri("etc/edge.nft"), "etc/edge.nft");
        assert_eq!(uri("/etc/a b"), "file:///etc/a%20b");
        assert_eq!(uri("live:nft ruleset"), "live%3Anft%20ruleset");
    }
}
