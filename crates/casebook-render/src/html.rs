//! `html`: one page that needs nothing else. It asks no server for anything (its own policy forbids it),
//! reads in the dark and on a phone, and works without its few lines of script, which only copy commands.
//! It is well-formed XML as well as HTML, so that a test can parse it.

mod areas;
mod code;
mod figure;
mod graph;

use std::io::{self, Write};

use casebook_core::{At, Finding, Fix, ReadStatus, Status};

use crate::clean::{self, line, markup};
use crate::context::{Context, level_word};
use crate::full::{by_evidence, edits_by_evidence};
use crate::{patch, prose, tail};

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/copy.js");
/// SHA-256 of [`SCRIPT`]: the page's policy lets no other script run, should markup ever leak from evidence.
const SCRIPT_HASH: &str = "XWJw4oJ743Qw9I8Gf+ZLZvISt9BLGAh5pw+glVAe7mQ=";
/// Unmodelled stretches of one file that are listed before the rest is only counted.
const STRETCHES: usize = 50;

pub(crate) fn write(context: &Context<'_>, out: &mut dyn Write) -> io::Result<()> {
    head(context, out)?;
    let shown: Vec<&Finding> = context.active().filter(|finding| finding.status != Status::Exonerated).collect();
    contents(&shown, out)?;
    writeln!(out, "<main>")?;
    for (index, finding) in shown.iter().enumerate() {
        out.write_all(article(context, finding, index + 1).as_bytes())?;
    }
    set_aside(context, out)?;
    coverage(context, out)?;
    writeln!(out, "</main>")?;
    let version = markup(context.options.version);
    writeln!(out, "<footer>casebook {version}. This page holds excerpts of the evidence.</footer>")?;
    writeln!(out, "<script>{SCRIPT}</script>\n</body>\n</html>")
}

fn head(context: &Context<'_>, out: &mut dyn Write) -> io::Result<()> {
    let totals = markup(&tail::totals(context));
    let policy = format!("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{SCRIPT_HASH}'");
    writeln!(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>")?;
    writeln!(out, "<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\"/>")?;
    writeln!(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>")?;
    writeln!(out, "<meta name=\"referrer\" content=\"no-referrer\"/>\n<link rel=\"icon\" href=\"data:,\"/>")?;
    writeln!(out, "<title>Casebook: {totals}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>")?;
    writeln!(out, "<header>\n<h1>Casebook report</h1>\n<p class=\"totals\">{totals}</p>")?;
    let summary = &context.summary;
    let counts = [
        ("error", summary.error),
        ("warning", summary.warning),
        ("note", summary.note),
        ("insufficient", summary.insufficient),
        ("good", summary.exonerated),
    ];
    writeln!(out, "<ul class=\"counts\">")?;
    for (class, number) in counts {
        let word = if class == "good" { "exonerated" } else { class };
        writeln!(out, "<li class=\"{class}\"><b>{number}</b> {word}</li>")?;
    }
    writeln!(out, "</ul>\n</header>")
}

fn contents(shown: &[&Finding], out: &mut dyn Write) -> io::Result<()> {
    if shown.len() < 2 {
        return Ok(());
    }
    writeln!(out, "<nav aria-label=\"Findings\">\n<ol>")?;
    for (index, finding) in shown.iter().enumerate() {
        let title = markup(&line(&finding.title));
        let level = level_word(finding);
        writeln!(
            out,
            "<li><span class=\"{level}\">{level}</span> <a href=\"#finding-{}\">{}</a> {title}</li>",
            index + 1,
            finding.code
        )?;
    }
    writeln!(out, "</ol>\n</nav>")
}

fn article(context: &Context<'_>, finding: &Finding, number: usize) -> String {
    let level = level_word(finding);
    let title = markup(&line(&finding.title));
    let name = markup(finding.name);
    let mut page = format!(
        "<article id=\"finding-{number}\" class=\"{level}\" aria-labelledby=\"title-{number}\">\n\
         <h2 id=\"title-{number}\"><span class=\"level\">{level}</span> <code>{}</code> {title}</h2>\n",
        finding.code
    );
    for (id, projected, places) in by_evidence(&finding.places) {
        code::figures(context, id, projected, &places, &mut page);
    }
    for drawing in &finding.figures {
        figure::draw(drawing, &mut page);
    }
    page.push_str("<dl class=\"why\">\n");
    let mut row = |name: &str, body: &str| {
        page.push_str(&format!("<dt>{name}</dt><dd>{body}</dd>\n"));
    };
    row("rule", &format!("{name} ({})", markup(finding.case)));
    for reason in &finding.because {
        row("because", &markup(reason));
    }
    if let Some(witness) = prose::witness(finding) {
        row("witness", &format!("<code>{}</code>", markup(&line(&witness))));
    }
    for what in &finding.missing {
        row("missing", &markup(what));
    }
    if let Some(next) = prose::next(finding) {
        row("next", &markup(&next));
    }
    page.push_str("</dl>\n");
    for fix in &finding.fixes {
        self::fix(context, fix, &mut page);
    }
    if let Some(command) = &finding.replay {
        page.push_str("<h3>Replay the proof</h3>\n");
        paste(command, &mut page);
    }
    proof(context, finding, &mut page);
    page.push_str("</article>\n");
    page
}

fn fix(context: &Context<'_>, fix: &Fix, page: &mut String) {
    let title = markup(&line(&fix.title));
    page.push_str(&format!("<h3>Help: {title}</h3>\n<p>{}</p>\n", prose::class(fix.class)));
    for (id, edits) in edits_by_evidence(&fix.edits) {
        let header = edits.first().map_or_else(String::new, |edit| context.position(&At::Text(edit.span)));
        code::diff(&header, &patch::diff(context, id, &edits), page);
    }
    if !fix.commands.is_empty() {
        paste(&fix.commands.join("\n"), page);
    }
}

/// Commands to paste. The button is hidden where there is no script or no clipboard.
fn paste(commands: &str, page: &mut String) {
    page.push_str(&format!(
        "<div class=\"paste\"><div class=\"code\" tabindex=\"0\" role=\"group\" aria-label=\"commands\">{}</div>\
         <button type=\"button\" data-copy=\"\" hidden=\"\">Copy</button></div>\n",
        markup(&clean::lines(commands))
    ));
}

/// Trace, witness object and digests: what a sceptic opens.
fn proof(context: &Context<'_>, finding: &Finding, page: &mut String) {
    if !finding.trace.is_empty() {
        let steps = clean::count(finding.trace.len(), "step");
        page.push_str(&format!("<details>\n<summary>Trace of the model, {steps}</summary>\n<ol>\n"));
        for step in &finding.trace {
            let place = step.at.as_ref().map(|at| format!(" <code>{}</code>", markup(&line(&context.position(at)))));
            page.push_str(&format!("<li>{}{}</li>\n", markup(&line(&step.text)), place.unwrap_or_default()));
        }
        page.push_str("</ol>\n</details>\n");
    }
    page.push_str("<details>\n<summary>Evidence and fingerprint</summary>\n<ul>\n");
    for id in context.touched(finding) {
        let path = markup(&line(context.evidence.path(id)));
        let digest = context.digest(id).map(|digest| digest.to_string()).unwrap_or_default();
        page.push_str(&format!("<li>{path} <code>{digest}</code></li>\n"));
    }
    page.push_str(&format!("<li>fingerprint <code>{}</code></li>\n</ul>\n", markup(&finding.fingerprint)));
    if let Some(witness) = &finding.witness {
        let object = serde_json::to_string_pretty(witness).unwrap_or_default();
        page.push_str(&format!(
            "<p>witness</p>\n<div class=\"code\" tabindex=\"0\" role=\"group\" aria-label=\"witness\"><div>{}</div></div>\n",
            markup(&clean::lines(&object))
        ));
    }
    page.push_str("</details>\n");
}

/// What was exonerated and what was suppressed.
fn set_aside(context: &Context<'_>, out: &mut dyn Write) -> io::Result<()> {
    if context.summary.exonerated > 0 {
        writeln!(out, "<section class=\"tail\">\n<h2>Exonerated</h2>\n<p>Checked, and not the culprit.</p>\n<ul>")?;
        for finding in context.active().filter(|finding| finding.status == Status::Exonerated) {
            let place = markup(&line(&context.primary(finding)));
            writeln!(out, "<li><code>{}</code> {place}: {}</li>", finding.code, markup(&line(&finding.title)))?;
        }
        for (code, name) in &context.report.silent_rules {
            writeln!(out, "<li><code>{code}</code> {name}</li>")?;
        }
        writeln!(out, "</ul>\n</section>")?;
    }
    if context.suppressed().next().is_some() {
        writeln!(out, "<section class=\"tail\">\n<h2>Suppressed</h2>\n<p>Found, and not counted.</p>\n<ul>")?;
        for (finding, entry) in context.suppressed() {
            let place = markup(&line(&context.primary(finding)));
            let title = markup(&line(&finding.title));
            let reason = markup(&line(&format!("{} ({})", entry.reason, entry.source)));
            writeln!(out, "<li><code>{}</code> {place}: {title}<br/>reason: {reason}</li>", finding.code)?;
        }
        writeln!(out, "</ul>\n</section>")?;
    }
    Ok(())
}

fn coverage(context: &Context<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "<section class=\"tail\">\n<h2 id=\"coverage\">Coverage</h2>")?;
    if context.report.coverage.is_empty() {
        writeln!(out, "<p>No evidence was read.</p>")?;
    } else {
        writeln!(out, "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-labelledby=\"coverage\">\n<table>")?;
        writeln!(out, "<thead><tr><th scope=\"col\">Evidence</th><th scope=\"col\">Kind</th>")?;
        writeln!(out, "<th scope=\"col\">Size</th><th scope=\"col\">Read</th></tr></thead>\n<tbody>")?;
    }
    for entry in &context.report.coverage {
        let class = match entry.status {
            ReadStatus::Read => "good",
            ReadStatus::Partly => "warning",
            ReadStatus::Failed => "error",
            ReadStatus::Unrecognised => "note",
        };
        writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td class=\"size\">{}</td><td><span class=\"{class}\">{}</span>",
            markup(&line(&entry.path)),
            markup(&entry.kind),
            clean::size(entry.bytes),
            tail::status_words(entry)
        )?;
        if let Some(note) = &entry.note {
            writeln!(out, "<br/>{}", markup(&line(note)))?;
        }
        if !entry.unmodelled.is_empty() {
            writeln!(out, "<details><summary>Not covered</summary>\n<ul>")?;
            for stretch in entry.unmodelled.iter().take(STRETCHES) {
                let why = markup(&line(&stretch.why));
                writeln!(out, "<li><code>{}</code> {why}</li>", context.stretch(stretch.span))?;
            }
            let more = entry.unmodelled.len().saturating_sub(STRETCHES);
            if more > 0 {
                writeln!(out, "<li>and {more} more; --format json lists them</li>")?;
            }
            writeln!(out, "</ul></details>")?;
        }
        writeln!(out, "</td></tr>")?;
    }
    if !context.report.coverage.is_empty() {
        writeln!(out, "</tbody>\n</table>\n</div>")?;
    }
    writeln!(out, "</section>")?;
    if !context.report.notices.is_empty() {
        writeln!(out, "<section class=\"tail\">\n<h2>Notices</h2>\n<ul>")?;
        for notice in &context.report.notices {
            writeln!(out, "<li>{}</li>", markup(&line(notice)))?;
        }
        writeln!(out, "</ul>\n</section>")?;
    }
    Ok(())
}
