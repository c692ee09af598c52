//! Evidence on the page: numbered lines with the ranges a finding is about marked, and what is said of them.

use std::fmt::Write as _;
use std::ops::Range;

use casebook_core::{EvidenceId, Place};

use crate::clean::{line, markup};
use crate::context::Context;
use crate::patch::Line;
use crate::projection::projections;
use crate::window::clusters;

/// Lines beside a marked one that are shown.
const AROUND: usize = 1;

/// Lines of one piece of evidence and what is marked in them.
struct View {
    header: String,
    first: Option<u64>,
    lines: Vec<String>,
    marks: Vec<Mark>,
}

/// A marked range; it can go over several lines.
struct Mark {
    from: (usize, usize),
    to: (usize, usize),
    primary: bool,
    label: String,
}

/// Places of one piece of evidence as figures.
pub(crate) fn figures(context: &Context<'_>, id: EvidenceId, projected: bool, places: &[&Place], page: &mut String) {
    let views = if projected { projected_views(context, places) } else { text_views(context, id, places) };
    for view in &views {
        view.draw(page);
    }
}

fn text_views(context: &Context<'_>, id: EvidenceId, places: &[&Place]) -> Vec<View> {
    let spans: Vec<_> = places.iter().filter_map(|place| place.at.span()).collect();
    let view = |cluster: crate::window::Cluster| {
        let lines: Vec<&str> = cluster.window.text.split('\n').collect();
        let starts: Vec<usize> = lines
            .iter()
            .scan(0, |next, line| {
                let start = *next;
                *next += line.len() + 1;
                Some(start)
            })
            .collect();
        let position = |offset: usize| {
            let row = starts.partition_point(|start| *start <= offset).saturating_sub(1);
            (row, offset - starts.get(row).copied().unwrap_or(0))
        };
        let mark = |member: &crate::window::Member| {
            let place = places.get(member.index)?;
            let until = member.until.map(|last| format!(" (to line {last})")).unwrap_or_default();
            Some(Mark {
                from: position(member.range.start),
                to: position(member.range.end),
                primary: place.primary,
                label: format!("{}{until}", place.label),
            })
        };
        let marks = cluster.members.iter().filter_map(mark).collect();
        let lead = cluster.members.first().and_then(|member| places.get(member.index));
        View {
            header: lead.map_or_else(String::new, |place| context.position(&place.at)),
            first: Some(u64::from(cluster.window.line)),
            lines: lines.into_iter().map(str::to_owned).collect(),
            marks,
        }
    };
    clusters(context, id, &spans).into_iter().map(view).collect()
}

fn projected_views(context: &Context<'_>, places: &[&Place]) -> Vec<View> {
    let view = |projection: crate::projection::Projection| {
        let mark = |(index, row): &(usize, usize)| {
            let place = places.get(*index)?;
            let length = projection.lines.get(*row)?.len();
            Some(Mark { from: (*row, 0), to: (*row, length), primary: place.primary, label: place.label.clone() })
        };
        let lead = projection.members.first().and_then(|(index, _)| places.get(*index));
        View {
            header: lead.map_or_else(String::new, |place| context.position(&place.at)),
            first: projection.first,
            marks: projection.members.iter().filter_map(mark).collect(),
            lines: projection.lines,
        }
    };
    projections(context, places).into_iter().map(view).collect()
}

impl View {
    fn draw(&self, page: &mut String) {
        let header = markup(&line(&self.header));
        page.push_str(&format!("<figure>\n<figcaption>{header}</figcaption>\n"));
        page.push_str(&format!(r#"<div class="code" tabindex="0" role="group" aria-label="{header}">"#));
        page.push('\n');
        let mut folded = false;
        for (row, text) in self.lines.iter().enumerate() {
            let near = |mark: &Mark| row + AROUND >= mark.from.0 && row <= mark.to.0 + AROUND;
            if !self.marks.iter().any(near) {
                if !folded {
                    page.push_str("<div><span class=\"n\">...</span></div>\n");
                }
                folded = true;
                continue;
            }
            folded = false;
            let number = self.first.map(|first| (first + row as u64).to_string()).unwrap_or_default();
            page.push_str(&format!("<div><span class=\"n\">{number}</span>{}</div>\n", self.marked(row, text)));
            for mark in self.marks.iter().filter(|mark| mark.to.0 == row && !mark.label.is_empty()) {
                let class = if mark.primary { "said primary" } else { "said" };
                page.push_str(&format!("<div class=\"{class}\">{}</div>\n", markup(&line(&mark.label))));
            }
        }
        page.push_str("</div>\n</figure>\n");
    }

    /// A line with its marked ranges; where ranges overlap, the primary one wins.
    fn marked(&self, row: usize, text: &str) -> String {
        let ranges: Vec<(Range<usize>, bool)> =
            self.marks.iter().filter_map(|mark| Some((mark.on(row, text.len())?, mark.primary))).collect();
        let mut cuts: Vec<usize> = ranges.iter().flat_map(|(range, _)| [range.start, range.end]).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        cuts.dedup();
        let mut out = String::new();
        for pair in cuts.windows(2) {
            let [from, to] = *pair else { continue };
            let piece = markup(&line(text.get(from..to).unwrap_or_default()));
            let covering = ranges.iter().filter(|(range, _)| range.start <= from && to <= range.end);
            let _ = match covering.map(|(_, primary)| *primary).max() {
                None => write!(out, "{piece}"),
                Some(true) => write!(out, "<mark class=\"primary\">{piece}</mark>"),
                Some(false) => write!(out, "<mark>{piece}</mark>"),
            };
        }
        out
    }
}

impl Mark {
    /// The part of the mark on one line.
    fn on(&self, row: usize, length: usize) -> Option<Range<usize>> {
        if row < self.from.0 || row > self.to.0 {
            return None;
        }
        let start = if row == self.from.0 { self.from.1 } else { 0 };
        let end = if row == self.to.0 { self.to.1 } else { length };
        Some(start.min(length)..end.min(length).max(start.min(length)))
    }
}

/// A diff as a figure.
pub(crate) fn diff(header: &str, lines: &[Line], page: &mut String) {
    let header = markup(&line(header));
    page.push_str(&format!("<figure>\n<figcaption>{header}</figcaption>\n"));
    page.push_str(&format!(r#"<div class="code" tabindex="0" role="group" aria-label="change of {header}">"#));
    page.push('\n');
    for row in lines {
        let (class, number, sign, text) = match row {
            Line::Stays(number, text) => ("", number.to_string(), " ", text.as_str()),
            Line::Goes(number, text) => ("goes", number.to_string(), "-", text.as_str()),
            Line::Comes(text) => ("comes", String::new(), "+", text.as_str()),
            Line::Folded => ("", "...".to_owned(), "", ""),
        };
        let text = markup(text);
        page.push_str(&format!("<div class=\"{class}\"><span class=\"n\">{number}</span>{sign} {text}</div>\n"));
    }
    page.push_str("</div>\n</figure>\n");
}
