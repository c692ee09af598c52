//! `full`: findings drawn as rustc draws them, then totals, what was exonerated, and coverage.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Element, Group, Level, Patch, Renderer, Snippet};
use casebook_core::{At, Edit, EvidenceId, Finding, Fix, Place, Severity, Span, Status};

use crate::clean;
use crate::context::{Context, level_word};
use crate::patch;
use crate::projection::{is_projected, projections};
use crate::prose;
use crate::tail;
use crate::window::clusters;

/// Begins a header's number in a drawing. The drawing library makes headers of its own (`path:line:column`
/// of the window it was given); ours name records and packets and the columns of the whole file, so a
/// marked number is drawn in their place and replaced afterwards. Evidence cannot forge the
/// marks: [`clean::is_unsafe`] takes them out of all that is drawn.
pub(crate) const MARK_OPEN: char = '\u{e000}';
/// Ends a header's number in a drawing.
pub(crate) const MARK_CLOSE: char = '\u{e001}';

/// Width in which source lines are trimmed when the output has none.
const SOURCE_WIDTH: usize = 140;
/// Findings of one rule that are drawn; the rest is counted, and listed by the other formats.
const OF_ONE_RULE: usize = 25;
/// Columns a note's gutter and name take before its text.
const NOTE_INDENT: usize = 18;

pub(crate) fn write(context: &Context<'_>, out: &mut dyn Write) -> io::Result<()> {
    let renderer = renderer(context);
    let drawn = |finding: &&Finding| finding.status != Status::Exonerated;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in context.active().filter(drawn) {
        let count = counts.entry(finding.code).or_default();
        *count += 1;
        if *count <= OF_ONE_RULE {
            draw(context, &renderer, finding, out)?;
            writeln!(out)?;
        }
    }
    for (code, count) in counts.into_iter().filter(|(_, count)| *count > OF_ONE_RULE) {
        writeln!(out, "{} more findings of {code} are not drawn; --format concise lists them\n", count - OF_ONE_RULE)?;
    }
    tail::write(context, out)
}

fn renderer(context: &Context<'_>) -> Renderer {
    let renderer = if context.options.color { Renderer::styled() } else { Renderer::plain() };
    let decor = if context.options.unicode { DecorStyle::Unicode } else { DecorStyle::Ascii };
    let width = if context.options.width == 0 { SOURCE_WIDTH } else { context.options.width.max(40) };
    renderer.decor_style(decor).term_width(width)
}

/// One finding with its fixes.
fn draw(context: &Context<'_>, renderer: &Renderer, finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    let mut headers = Headers::default();
    let level = match (finding.status, finding.severity) {
        (Status::Proved, Severity::Error) => Level::ERROR,
        (Status::Proved, Severity::Warning) => Level::WARNING,
        (Status::Proved, Severity::Note) => Level::NOTE,
        (Status::Insufficient | Status::Exonerated, _) => Level::INFO,
    };
    let title = level.with_name(level_word(finding)).primary_title(clean::line(&finding.title)).id(finding.code);
    let mut group = Group::with_title(title);
    for (id, projected, places) in by_evidence(&finding.places) {
        match projected {
            false => group = group.elements(text_snippets(context, id, &places, &mut headers)),
            true => group = group.elements(projected_snippets(context, &places, &mut headers)),
        }
    }
    group = group.elements(notes(context, finding));
    let drawing = headers.put(&renderer.render(&[group]));
    writeln!(out, "{}", drawing.trim_end())?;
    finding.fixes.iter().try_for_each(|fix| draw_fix(context, renderer, fix, out))
}

/// Places by evidence and way of showing, in order of first appearance.
pub(crate) fn by_evidence(places: &[Place]) -> Vec<(EvidenceId, bool, Vec<&Place>)> {
    let mut groups: Vec<(EvidenceId, bool, Vec<&Place>)> = Vec::new();
    for place in places {
        let key = (place.at.evidence(), is_projected(place));
        match groups.iter_mut().find(|(id, projected, _)| (*id, *projected) == key) {
            Some((_, _, members)) => members.push(place),
            None => groups.push((key.0, key.1, vec![place])),
        }
    }
    groups
}

fn text_snippets<'s>(
    context: &Context<'_>,
    id: EvidenceId,
    places: &[&Place],
    headers: &mut Headers,
) -> Vec<Element<'s>> {
    let spans: Vec<Span> = places.iter().filter_map(|place| place.at.span()).collect();
    let mut elements = Vec::new();
    for cluster in clusters(context, id, &spans) {
        let lead = cluster.members.first().and_then(|member| places.get(member.index));
        let path = headers.mark(lead.map_or_else(String::new, |place| context.position(&place.at)));
        let line = cluster.window.line as usize;
        let annotations = cluster.members.iter().filter_map(|member| {
            let label = match member.until {
                Some(last) => format!("{} (to line {last})", places.get(member.index)?.label),
                None => places.get(member.index)?.label.clone(),
            };
            Some(annotation(member.range.clone(), places.get(member.index)?.primary, &label))
        });
        let annotations: Vec<Annotation<'s>> = annotations.collect();
        elements.push(Snippet::source(cluster.window.text).line_start(line).path(path).annotations(annotations).into());
    }
    elements
}

fn projected_snippets<'s>(context: &Context<'_>, places: &[&Place], headers: &mut Headers) -> Vec<Element<'s>> {
    let mut elements = Vec::new();
    for projection in projections(context, places) {
        let lead = projection.members.first().and_then(|(index, _)| places.get(*index));
        let path = headers.mark(lead.map_or_else(String::new, |place| context.position(&place.at)));
        let mut starts = Vec::with_capacity(projection.lines.len());
        let mut source = String::new();
        for line in &projection.lines {
            starts.push(source.len()..source.len() + line.len());
            source.push_str(line);
            source.push('\n');
        }
        let annotations: Vec<Annotation<'s>> = projection
            .members
            .iter()
            .filter_map(|(index, line)| {
                let place = places.get(*index)?;
                Some(annotation(starts.get(*line)?.clone(), place.primary, &place.label))
            })
            .collect();
        let snippet = Snippet::source(source).path(path).annotations(annotations);
        let snippet = match projection.first {
            Some(first) => snippet.line_start(first as usize),
            None => snippet.line_numbering(false),
        };
        elements.push(snippet.into());
    }
    elements
}

fn annotation<'s>(range: Range<usize>, primary: bool, label: &str) -> Annotation<'s> {
    let kind = if primary { AnnotationKind::Primary } else { AnnotationKind::Context };
    let annotation = kind.span(range);
    if label.is_empty() { annotation } else { annotation.label(clean::line(label)) }
}

/// Everything that follows the places: reasons, witness, replay, what is missing.
fn notes<'s>(context: &Context<'_>, finding: &Finding) -> Vec<Element<'s>> {
    let width = context.options.width;
    let mut notes = Vec::new();
    let mut note = |name: &'static str, body: String| {
        notes.push(Element::from(Level::NOTE.with_name(name).message(body)));
    };
    for reason in &finding.because {
        note("because", wrap(&clean::lines(reason), width));
    }
    if let Some(witness) = prose::witness(finding) {
        note("witness", clean::lines(&witness));
    }
    for what in &finding.missing {
        note("missing", wrap(&clean::lines(what), width));
    }
    if let Some(command) = &finding.replay {
        note("replay", clean::lines(command));
    }
    if let Some(next) = prose::next(finding) {
        note("next", next);
    }
    notes
}

/// A fix: its title, its edits as a patch, its commands one a line.
fn draw_fix(context: &Context<'_>, renderer: &Renderer, fix: &Fix, out: &mut dyn Write) -> io::Result<()> {
    let mut headers = Headers::default();
    let title = format!("{} ({})", clean::line(&fix.title), prose::class(fix.class));
    let mut group = Group::with_title(Level::HELP.primary_title(title));
    let mut diffs = Vec::new();
    for (id, edits) in edits_by_evidence(&fix.edits) {
        // The drawing library shows one edit inside a line best; of several lines it shows only the result,
        // and it mistakes the columns of a second edit after a shrinking first one.
        if edits.len() > 1 || edits.iter().any(|edit| patch::spans_lines(context, edit)) {
            let lead = edits.first().map_or_else(String::new, |edit| context.position(&At::Text(edit.span)));
            diffs.push(patch::draw(context, id, &edits, &clean::line(&lead)));
        } else {
            group = group.elements(patches(context, id, &edits, &mut headers));
        }
    }
    let drawing = headers.put(&renderer.render(&[group]));
    writeln!(out, "{}", drawing.trim_end())?;
    diffs.iter().try_for_each(|diff| out.write_all(diff.as_bytes()))?;
    fix.commands
        .iter()
        .try_for_each(|command| clean::lines(command).lines().try_for_each(|line| writeln!(out, "    {line}")))
}

/// Edits by evidence, in order of place.
pub(crate) fn edits_by_evidence(edits: &[Edit]) -> Vec<(EvidenceId, Vec<&Edit>)> {
    let mut groups: Vec<(EvidenceId, Vec<&Edit>)> = Vec::new();
    for edit in edits {
        match groups.iter_mut().find(|(id, _)| *id == edit.span.evidence) {
            Some((_, members)) => members.push(edit),
            None => groups.push((edit.span.evidence, vec![edit])),
        }
    }
    for (_, members) in &mut groups {
        members.sort_by_key(|edit| edit.span.start);
    }
    groups
}

fn patches<'s>(context: &Context<'_>, id: EvidenceId, edits: &[&Edit], headers: &mut Headers) -> Vec<Element<'s>> {
    let spans: Vec<Span> = edits.iter().map(|edit| edit.span).collect();
    let mut elements = Vec::new();
    for cluster in clusters(context, id, &spans) {
        let lead = cluster.members.first().and_then(|member| edits.get(member.index));
        let path = headers.mark(lead.map_or_else(String::new, |edit| context.position(&At::Text(edit.span))));
        let line = cluster.window.line as usize;
        let patches: Vec<Patch<'s>> = cluster
            .members
            .iter()
            .filter_map(|member| {
                let text = edits.get(member.index)?.text.replace(clean::is_unsafe, "\u{fffd}");
                Some(Patch::new(member.range.clone(), text))
            })
            .collect();
        elements.push(Snippet::source(cluster.window.text).line_start(line).path(path).patches(patches).into());
    }
    elements
}

/// Headers of one drawing, by number.
#[derive(Default)]
struct Headers(Vec<String>);

impl Headers {
    /// Keeps a header and gives the path to draw in its place.
    fn mark(&mut self, header: String) -> String {
        self.0.push(clean::line(&header));
        format!("{MARK_OPEN}{}{MARK_CLOSE}", self.0.len() - 1)
    }

    /// Replaces each marked number, and the line and column drawn after it, by its header.
    fn put(&self, drawing: &str) -> String {
        let mut out = String::with_capacity(drawing.len());
        let mut rest = drawing;
        while let Some((before, after)) = rest.split_once(MARK_OPEN) {
            out.push_str(before);
            let (number, after) = after.split_once(MARK_CLOSE).unwrap_or((after, ""));
            out.push_str(number.parse().ok().and_then(|index: usize| self.0.get(index)).map_or("", String::as_str));
            rest = after.trim_start_matches(|c: char| c == ':' || c.is_ascii_digit());
        }
        out.push_str(rest);
        out
    }
}

/// Wraps prose for a note when there is a width to wrap at.
fn wrap(prose: &str, width: usize) -> String {
    if width == 0 { prose.to_owned() } else { clean::wrap(prose, width.saturating_sub(NOTE_INDENT).max(30)) }
}
