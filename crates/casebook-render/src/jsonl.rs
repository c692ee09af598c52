//! `jsonl`: the same objects as `json`, one a line, so that a stream of any length can be read as it comes.
//! Each has a `type`; the summary is last, so a reader can tell a whole stream from a broken one.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::json;

pub(crate) fn write(context: &Context<'_>, out: &mut dyn Write) -> io::Result<()> {
    for (finding, suppression) in context.findings() {
        line(out, "finding", json::finding(context, finding, suppression))?;
    }
    for coverage in &context.report.coverage {
        line(out, "coverage", json::coverage(coverage))?;
    }
    let summary = json!({
        "schema": json::SCHEMA,
        "tool": json::tool(context),
        "silent": json::silent(context),
        "notices": context.report.notices,
        "summary": json::summary(context),
    });
    line(out, "summary", summary)
}

fn line(out: &mut dyn Write, kind: &str, object: Value) -> io::Result<()> {
    let mut fields = Map::new();
    fields.insert("type".to_owned(), kind.into());
    if let Value::Object(rest) = object {
        fields.extend(rest);
    }
    serde_json::to_writer(&mut *out, &Value::Object(fields))?;
    writeln!(out)
}
