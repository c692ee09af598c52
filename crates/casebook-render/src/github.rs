//! `github`: workflow commands, which annotate the lines of a pull request.

use std::io::{self, Write};

use casebook_core::{At, Finding, Severity, Status};

use crate::context::{Context, stand_in};
use crate::prose;

pub(crate) fn write(context: &Context<'_>, out: &mut dyn Write) -> io::Result<()> {
    for finding in context.active().filter(|finding| finding.status != Status::Exonerated) {
        let command = match (finding.status, finding.severity) {
            (Status::Proved, Severity::Error) => "error",
            (Status::Proved, Severity::Warning) => "warning",
            _ => "notice",
        };
        let mut properties = place(context, finding);
        properties.push(("title", title(finding)));
        let properties: Vec<String> =
            properties.iter().map(|(name, value)| format!("{name}={}", property(value))).collect();
        writeln!(out, "::{command} {}::{}", properties.join(","), data(&message(context, finding)))?;
    }
    Ok(())
}

fn title(finding: &Finding) -> String {
    let undecided = if finding.status == Status::Insufficient { " (insufficient)" } else { "" };
    format!("{} {}{undecided}", finding.code, finding.name)
}

/// File, lines and columns. Columns are only understood when the place is within one line.
fn place(context: &Context<'_>, finding: &Finding) -> Vec<(&'static str, String)> {
    let Some(place) = finding.primary() else { return Vec::new() };
    let mut properties = vec![("file", context.evidence.path(place.at.evidence()).to_owned())];
    let span = match place.at {
        At::Text(span) | At::Record { span, .. } if !context.is_binary(span.evidence) => span,
        _ => return properties,
    };
    let (line, column) = context.line_char(span.evidence, span.start);
    let (end_line, end_column) = context.line_char(span.evidence, span.end);
    properties.push(("line", line.to_string()));
    properties.push(("endLine", end_line.to_string()));
    if line == end_line {
        properties.push(("col", column.to_string()));
        properties.push(("endColumn", end_column.to_string()));
    }
    properties
}

/// The title, and below it what the annotation has room for: it is all that the reader of the diff sees.
fn message(context: &Context<'_>, finding: &Finding) -> String {
    let mut lines = vec![finding.title.clone()];
    if let Some(place) = finding.primary().filter(|place| !matches!(place.at, At::Text(_)) || place.shown.is_some()) {
        lines.push(format!("{}: {}", context.position(&place.at), stand_in(context, place)));
    }
    lines.extend(prose::places(context, finding));
    lines.extend(prose::reasons(finding));
    lines.join("\n")
}

/// Escapes the text of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes the value of a property, which a comma or a colon would end.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_value_can_end_it_or_begin_a_command() {
        assert_eq!(property("a,b:c\n::error::100%"), "a%2Cb%3Ac%0A%3A%3Aerror%3A%3A100%25");
        assert_eq!(data("50%\r\n::error::x"), "50%25%0D%0A::error::x");
    }
}
