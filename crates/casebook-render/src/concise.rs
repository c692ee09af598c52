//! `concise`: one line for each finding, as editors and `grep` read them, then the totals.

use std::io::{self, Write};

use annotate_snippets::renderer::{AnsiColor, Style};
use casebook_core::{Finding, Severity, Status};

use crate::clean;
use crate::context::{Context, level_word};
use crate::tail;

pub(crate) fn write(context: &Context<'_>, out: &mut dyn Write) -> io::Result<()> {
    for finding in context.active().filter(|finding| finding.status != Status::Exonerated) {
        let style = if context.options.color { style(finding) } else { Style::new() };
        let place = clean::line(&context.primary(finding));
        let title = clean::line(&finding.title);
        writeln!(out, "{place}: {style}{}[{}]{style:#} {title}", level_word(finding), finding.code)?;
    }
    writeln!(out, "{}", tail::totals(context))
}

fn style(finding: &Finding) -> Style {
    match (finding.status, finding.severity) {
        (Status::Proved, Severity::Error) => AnsiColor::BrightRed.on_default().bold(),
        (Status::Proved, Severity::Warning) => AnsiColor::Yellow.on_default().bold(),
        _ => AnsiColor::BrightBlue.on_default().bold(),
    }
}
