//! Edits of whole lines, drawn as a diff: the lines that go, the lines that come, what stays between them.
//!
//! Who moves a rule must see where it leaves as well as where it arrives.

use annotate_snippets::renderer::{AnsiColor, Style};
use casebook_core::{Edit, EvidenceId};

use crate::clean;
use crate::context::Context;

/// Unchanged lines between two edits that are shown; more are folded.
const BETWEEN: u32 = 3;
/// Lines one edit may remove or bring and still be drawn in full.
const TALL: usize = 60;

/// Bytes of a long line kept before the first and after the last edit.
const MARGIN: u64 = 300;
/// Edits of one line this many bytes apart are drawn together.
const NEAR_BYTES: u64 = 4096;

/// One line of a diff.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Its number and text.
    Stays(u32, String),
    /// Its number and text.
    Goes(u32, String),
    /// Its text; it has no number yet.
    Comes(String),
    /// Lines that are not shown.
    Folded,
}

/// True when an edit removes or brings a line break.
pub(crate) fn spans_lines(context: &Context<'_>, edit: &Edit) -> bool {
    let removed = context.evidence.get(edit.span.evidence).and_then(|item| item.slice(edit.span)).unwrap_or_default();
    edit.text.contains('\n') || removed.contains(&b'\n')
}

/// The drawing of `edits`, all of one piece of evidence, in order and not overlapping.
pub(crate) fn draw(context: &Context<'_>, id: EvidenceId, edits: &[&Edit], header: &str) -> String {
    let lines = diff(context, id, edits);
    let last = lines.iter().filter_map(|line| match line {
        Line::Stays(number, _) | Line::Goes(number, _) => Some(*number),
        Line::Comes(_) | Line::Folded => None,
    });
    let width = last.max().unwrap_or(1).to_string().len();
    let (bar, arrow) = if context.options.unicode { ("\u{2502}", "\u{256d}\u{25b8}") } else { ("|", "-->") };
    let pick = |style: Style| if context.options.color { style } else { Style::new() };
    let gutter = pick(AnsiColor::BrightBlue.on_default().bold());
    let goes = pick(AnsiColor::BrightRed.on_default());
    let comes = pick(AnsiColor::BrightGreen.on_default());

    let arrow_pad = if context.options.unicode { width + 1 } else { width };
    let mut out = format!("{:arrow_pad$}{gutter}{arrow}{gutter:#} {header}\n", "");
    out.push_str(&format!("{:width$} {gutter}{bar}{gutter:#}\n", ""));
    for line in &lines {
        out.push_str(&match line {
            Line::Stays(number, text) => format!("{gutter}{number:width$} {bar}{gutter:#}   {text}\n"),
            Line::Goes(number, text) => format!("{gutter}{number:width$} {bar}{gutter:#} {goes}- {text}{goes:#}\n"),
            Line::Comes(text) => format!("{:width$} {gutter}{bar}{gutter:#} {comes}+ {text}{comes:#}\n", ""),
            Line::Folded => "...\n".to_owned(),
        });
    }
    out.push_str(&format!("{:width$} {gutter}{bar}{gutter:#}\n", ""));
    out
}

/// Edits that share lines: the lines they touch, the bytes they are in, and what those become.
struct Hunk {
    first: u32,
    last: u32,
    from: u64,
    text: Vec<u8>,
    done: u64,
}

/// The diff that `edits`, all of one piece of evidence and in order, make.
pub(crate) fn diff(context: &Context<'_>, id: EvidenceId, edits: &[&Edit]) -> Vec<Line> {
    let bytes = context.bytes(id);
    let slice = |from: u64, to: u64| bytes.get(from as usize..to as usize).unwrap_or_default();
    let bounds = |line: u32| context.lines(id).line_range(line).unwrap_or((bytes.len() as u64, bytes.len() as u64));
    let mut lines = Vec::new();
    let mut next: Option<u32> = None;
    for mut hunk in hunks(context, id, edits) {
        if let Some(from) = next {
            match hunk.first.saturating_sub(from) {
                between if between <= BETWEEN => lines.extend((from..hunk.first).map(|number| {
                    let (start, end) = bounds(number);
                    Line::Stays(number, shown(slice(start, end)))
                })),
                _ => lines.push(Line::Folded),
            }
        }
        next = Some(hunk.last + 1);
        let end = bounds(hunk.last).1;
        let to = end.min(hunk.done + MARGIN);
        hunk.text.extend_from_slice(slice(hunk.done, to));
        let mut old = slice(hunk.from, to).to_vec();
        if hunk.from > bounds(hunk.first).0 {
            old.splice(0..0, *b"...");
            hunk.text.splice(0..0, *b"...");
        }
        if to < end {
            old.extend_from_slice(b"...");
            hunk.text.extend_from_slice(b"...");
        }
        changed(hunk.first, &old, &hunk.text, &mut lines);
    }
    lines
}

/// Edits as hunks. An edit that ends with a line break touches the next line as well: the text of that line
/// follows the replacement, which may not end in a break itself.
fn hunks(context: &Context<'_>, id: EvidenceId, edits: &[&Edit]) -> Vec<Hunk> {
    let bytes = context.bytes(id);
    let lines = context.lines(id);
    let slice = |from: u64, to: u64| bytes.get(from as usize..to as usize).unwrap_or_default();
    let mut hunks: Vec<Hunk> = Vec::new();
    for edit in edits {
        let start = edit.span.start.min(bytes.len() as u64);
        let end = edit.span.end.clamp(start, bytes.len() as u64);
        let first = lines.line_column(start).line;
        let last = lines.line_column(end).line;
        match hunks.last_mut() {
            Some(hunk) if start < hunk.done => continue,
            Some(hunk) if first <= hunk.last && start - hunk.done <= NEAR_BYTES => {
                hunk.text.extend_from_slice(slice(hunk.done, start));
                hunk.text.extend_from_slice(edit.text.as_bytes());
                hunk.last = hunk.last.max(last);
                hunk.done = end;
            }
            _ => {
                let line = lines.line_range(first).map_or(start, |(from, _)| from);
                let from = line.max(start.saturating_sub(MARGIN));
                let mut text = slice(from, start).to_vec();
                text.extend_from_slice(edit.text.as_bytes());
                hunks.push(Hunk { first, last, from, text, done: end });
            }
        }
    }
    hunks
}

/// Adds the lines that differ between `old`, which begins on line `first`, and `new`, with one line around.
fn changed(first: u32, old: &[u8], new: &[u8], lines: &mut Vec<Line>) {
    let old: Vec<&[u8]> = old.split(|byte| *byte == b'\n').collect();
    let new: Vec<&[u8]> = new.split(|byte| *byte == b'\n').collect();
    let head = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let rest = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(old, new)| old == new).count();

    let stays = |at: usize| Line::Stays(first + at as u32, shown(old[at]));
    let goes = |at: usize| Line::Goes(first + at as u32, shown(old[at]));
    lines.extend((head.saturating_sub(1)..head).map(stays));
    let gone = head..old.len() - tail;
    let folds = gone.len() > TALL;
    lines.extend(gone.take(TALL).map(goes));
    lines.extend(folds.then_some(Line::Folded));
    let come = &new[head..new.len() - tail];
    lines.extend(come.iter().take(TALL).map(|text| Line::Comes(shown(text))));
    lines.extend((come.len() > TALL).then_some(Line::Folded));
    lines.extend((old.len() - tail..(old.len() - tail + 1).min(old.len())).map(stays));
}

/// A line as it can be printed, cut when it is very long.
fn shown(line: &[u8]) -> String {
    const SHOWN: usize = 1000;
    let text = clean::line(&String::from_utf8_lossy(line.get(..SHOWN).unwrap_or(line)));
    if line.len() > SHOWN { format!("{text}...") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(old: &str, new: &str) -> Vec<Line> {
        let mut lines = Vec::new();
        changed(7, old.as_bytes(), new.as_bytes(), &mut lines);
        lines
    }

    fn stays(number: u32, text: &str) -> Line {
        Line::Stays(number, text.to_owned())
    }

    #[test]
    fn only_lines_that_differ_go_and_come() {
        assert_eq!(
            lines("a\nb\nc\nd", "a\nb\nC\nd"),
            [stays(8, "b"), Line::Goes(9, "c".to_owned()), Line::Comes("C".to_owned()), stays(10, "d")]
        );
    }

    #[test]
    fn a_removed_line_brings_none() {
        assert_eq!(lines("a\nb", "b"), [Line::Goes(7, "a".to_owned()), stays(8, "b")]);
    }

    #[test]
    fn an_inserted_line_takes_none() {
        assert_eq!(lines("b", "a\nb"), [Line::Comes("a".to_owned()), stays(7, "b")]);
    }

    #[test]
    fn a_repeated_line_is_counted_once_from_each_end() {
        assert_eq!(lines("x\nx", "x"), [stays(7, "x"), Line::Goes(8, "x".to_owned())]);
    }

    #[test]
    fn many_lines_are_folded() {
        let drawn = lines(&"gone\n".repeat(500), "");
        assert!(drawn.len() < 2 * TALL && drawn.contains(&Line::Folded));
    }
}
