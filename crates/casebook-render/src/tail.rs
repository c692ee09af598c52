//! What follows the findings in text: totals, what was exonerated, what was suppressed, coverage, notices.

use std::io::{self, Write};

use annotate_snippets::renderer::Style;
use casebook_core::{Coverage, ReadStatus, Status};

use crate::clean;
use crate::context::Context;

/// Unmodelled stretches of one file that are listed in text.
const STRETCHES: usize = 5;
/// Columns the list of silent rules takes when the output has no width.
const RULES_WIDTH: usize = 100;

pub(crate) fn write(context: &Context<'_>, out: &mut dyn Write) -> io::Result<()> {
    let strong = if context.options.color { Style::new().bold() } else { Style::new() };
    writeln!(out, "{strong}{}{strong:#}", totals(context))?;
    exonerated(context, out, strong)?;
    suppressed(context, out, strong)?;
    coverage(context, out, strong)?;
    if !context.report.notices.is_empty() {
        writeln!(out, "\n{strong}notices{strong:#}")?;
        for notice in &context.report.notices {
            writeln!(out, "  {}", clean::line(notice))?;
        }
    }
    Ok(())
}

/// The one line everybody reads.
pub(crate) fn totals(context: &Context<'_>) -> String {
    let summary = &context.summary;
    let named = summary.exonerated - context.report.silent_rules.len();
    let found: Vec<String> = [(summary.error, "error"), (summary.warning, "warning"), (summary.note, "note")]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, one)| clean::count(number, one))
        .chain((summary.insufficient > 0).then(|| format!("{} insufficient", summary.insufficient)))
        .collect();
    let mut parts = match found.is_empty() {
        false => vec![found.join(", ")],
        true => vec![nothing(context)],
    };
    if !context.report.silent_rules.is_empty() {
        let rules = clean::count(context.report.silent_rules.len(), "rule");
        parts.push(format!("{rules} checked and silent"));
    }
    if named > 0 {
        parts.push(format!("{named} exonerated"));
    }
    let hidden = context.suppressed().count();
    if hidden > 0 {
        parts.push(format!("{hidden} suppressed"));
    }
    parts.join("; ")
}

/// What "no findings" means here: that something was checked, or that nothing could be.
fn nothing(context: &Context<'_>) -> String {
    let coverage = &context.report.coverage;
    let read = coverage.iter().filter(|line| matches!(line.status, ReadStatus::Read | ReadStatus::Partly)).count();
    let partly = coverage.iter().filter(|line| line.status == ReadStatus::Partly).count();
    let failed = coverage.iter().filter(|line| line.status == ReadStatus::Failed).count();
    if read == 0 {
        return "nothing was checked: no evidence could be read".to_owned();
    }
    let mut text = format!("nothing found in {read} {} of evidence", if read == 1 { "piece" } else { "pieces" });
    if partly > 0 {
        text.push_str(&format!(", {partly} of them not covered whole"));
    }
    if failed > 0 {
        text.push_str(&format!("; {failed} could not be read"));
    }
    text
}

fn exonerated(context: &Context<'_>, out: &mut dyn Write, strong: Style) -> io::Result<()> {
    if context.summary.exonerated == 0 {
        return Ok(());
    }
    writeln!(out, "\n{strong}exonerated{strong:#}: checked, and not the culprit")?;
    for finding in context.active().filter(|finding| finding.status == Status::Exonerated) {
        let place = clean::line(&context.primary(finding));
        writeln!(out, "  {} {place}: {}", finding.code, clean::line(&finding.title))?;
    }
    let silent: Vec<String> =
        context.report.silent_rules.iter().map(|(code, name)| format!("{code}\u{a0}{name}")).collect();
    if silent.is_empty() {
        return Ok(());
    }
    let width = if context.options.width == 0 { RULES_WIDTH } else { context.options.width.max(40) };
    // A code and its name stay on one line: the space between them is not one to wrap at.
    let wrapped = clean::wrap(&silent.join(", "), width - 2).replace('\u{a0}', " ");
    wrapped.lines().try_for_each(|line| writeln!(out, "  {line}"))
}

fn suppressed(context: &Context<'_>, out: &mut dyn Write, strong: Style) -> io::Result<()> {
    if context.suppressed().next().is_none() {
        return Ok(());
    }
    writeln!(out, "\n{strong}suppressed{strong:#}: found, and not counted")?;
    for (finding, entry) in context.suppressed() {
        let place = clean::line(&context.primary(finding));
        writeln!(out, "  {} {place}: {}", finding.code, clean::line(&finding.title))?;
        writeln!(out, "    reason: {} ({})", clean::line(&entry.reason), clean::line(&entry.source))?;
    }
    Ok(())
}

fn coverage(context: &Context<'_>, out: &mut dyn Write, strong: Style) -> io::Result<()> {
    if context.report.coverage.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{strong}coverage{strong:#}")?;
    for line in &context.report.coverage {
        let size = clean::size(line.bytes);
        writeln!(out, "  {}: {}, {size}, {}", clean::line(&line.path), clean::line(&line.kind), status_words(line))?;
        if let Some(note) = &line.note {
            writeln!(out, "    {}", clean::line(note))?;
        }
        for stretch in line.unmodelled.iter().take(STRETCHES) {
            writeln!(out, "    {}: {}", context.stretch(stretch.span), clean::line(&stretch.why))?;
        }
        let more = line.unmodelled.len().saturating_sub(STRETCHES);
        if more > 0 {
            writeln!(out, "    ... and {more} more (--format json lists them)")?;
        }
    }
    Ok(())
}

/// The status of a line of coverage as a reader needs it.
pub(crate) fn status_words(line: &Coverage) -> String {
    match line.status {
        ReadStatus::Read => "read".to_owned(),
        ReadStatus::Partly if line.unmodelled.is_empty() => "read in part".to_owned(),
        ReadStatus::Partly => {
            let stretches = clean::count(line.unmodelled.len(), "stretch").replace("stretchs", "stretches");
            format!("read but for {stretches}")
        }
        ReadStatus::Failed => "not read".to_owned(),
        ReadStatus::Unrecognised => "no case reads it".to_owned(),
    }
}
