//! Windows: the few lines of evidence around the places that are shown, as clean text.
//!
//! A file may be gigabytes in one line, and it may not be UTF-8. Only the stretch around the places is
//! read, and offsets in the evidence are mapped to offsets in the cleaned text.

use std::ops::Range;

use casebook_core::{EvidenceId, Span};

use crate::context::Context;

/// Places this many lines apart are shown in one window; what is between them is folded.
const NEAR_LINES: u32 = 40;
/// Places this many bytes apart are shown in one window.
const NEAR_BYTES: u64 = 4096;
/// Bytes of a long line kept before the first and after the last place.
const MARGIN: u64 = 300;
/// Lines of a place that are drawn; a longer one is drawn as its first line.
const TALL: u32 = 30;

/// A stretch of evidence as text that can be printed, and the map from evidence offsets to it.
#[derive(Debug)]
pub(crate) struct Window {
    /// The cleaned text.
    pub(crate) text: String,
    /// Line of the evidence that the first line of `text` is (part of), from 1.
    pub(crate) line: u32,
    segments: Vec<Segment>,
}

/// A run of the evidence and what stands for it in the text.
#[derive(Clone, Copy, Debug)]
struct Segment {
    from: u64,
    to: usize,
    verbatim: bool,
}

/// Places that share a window.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// What is shown.
    pub(crate) window: Window,
    /// The places, in the order they were given.
    pub(crate) members: Vec<Member>,
}

/// A place in a window.
#[derive(Debug)]
pub(crate) struct Member {
    /// Its index in the list the clusters were made from.
    pub(crate) index: usize,
    /// Its bytes in the window's text.
    pub(crate) range: Range<usize>,
    /// The last line of a place that is too tall to be drawn whole.
    pub(crate) until: Option<u32>,
}

/// A place as far as it is drawn.
struct Drawn {
    index: usize,
    start: u64,
    end: u64,
    until: Option<u32>,
}

impl Window {
    /// The bytes `from..to` of `bytes`, whose first line is number `line`.
    fn new(bytes: &[u8], from: u64, to: u64, line: u32, cut: (bool, bool)) -> Self {
        let mut window = Self { text: String::new(), line, segments: Vec::new() };
        if cut.0 {
            window.text.push_str("...");
        }
        let mut offset = from;
        for chunk in bytes.get(from as usize..to as usize).unwrap_or_default().utf8_chunks() {
            for c in chunk.valid().chars() {
                window.push(c, offset);
                offset += c.len_utf8() as u64;
            }
            if !chunk.invalid().is_empty() {
                window.replace(offset);
                offset += chunk.invalid().len() as u64;
            }
        }
        window.segments.push(Segment { from: offset, to: window.text.len(), verbatim: false });
        if cut.1 {
            window.text.push_str("...");
        }
        window
    }

    fn push(&mut self, c: char, offset: u64) {
        // The drawing library makes the other control characters visible, and keeps their width in mind.
        if crate::clean::is_unsafe(c) {
            return self.replace(offset);
        }
        if !self.segments.last().is_some_and(|segment| segment.verbatim) {
            self.segments.push(Segment { from: offset, to: self.text.len(), verbatim: true });
        }
        self.text.push(c);
    }

    fn replace(&mut self, offset: u64) {
        self.segments.push(Segment { from: offset, to: self.text.len(), verbatim: false });
        self.text.push('\u{fffd}');
    }

    /// The range of the text that shows `start..end` of the evidence, cut to the window and to characters.
    pub(crate) fn range(&self, start: u64, end: u64) -> Range<usize> {
        let first = self.text.floor_char_boundary(self.offset(start, false));
        let last = self.text.ceil_char_boundary(self.offset(end, true));
        first..last.max(first)
    }

    fn offset(&self, offset: u64, is_end: bool) -> usize {
        let next = self.segments.partition_point(|segment| segment.from <= offset);
        let Some(segment) = next.checked_sub(1).and_then(|index| self.segments.get(index)) else {
            return self.segments.first().map_or(0, |segment| segment.to);
        };
        let limit = self.segments.get(next).map_or(segment.to, |segment| segment.to);
        let inside = (offset - segment.from) as usize;
        match segment.verbatim {
            true => (segment.to + inside).min(limit),
            false if is_end && inside > 0 => limit,
            false => segment.to,
        }
    }
}

/// Windows for `spans` of one piece of evidence, in the order their first places were given.
pub(crate) fn clusters(context: &Context<'_>, id: EvidenceId, spans: &[Span]) -> Vec<Cluster> {
    let bytes = context.bytes(id);
    let lines = context.lines(id);
    let mut drawn: Vec<Drawn> = spans
        .iter()
        .enumerate()
        .map(|(index, span)| {
            let (end, until) = drawn_end(context, *span);
            Drawn { index, start: span.start.min(bytes.len() as u64), end, until }
        })
        .collect();
    drawn.sort_by_key(|place| (place.start, place.index));

    let mut groups: Vec<(u64, u64, Vec<Drawn>)> = Vec::new();
    for place in drawn {
        let Drawn { start, end, .. } = place;
        match groups.last_mut() {
            Some((_, last, members)) if is_near(context, id, *last, start) => {
                *last = (*last).max(end);
                members.push(place);
            }
            _ => groups.push((start, end, vec![place])),
        }
    }

    let mut clusters: Vec<Cluster> = groups
        .into_iter()
        .map(|(start, end, members)| {
            let first = lines.line_column(start).line;
            let line_start = lines.line_range(first).map_or(start, |(from, _)| from);
            let line_end = lines.line_range(lines.line_column(end).line).map_or(end, |(_, to)| to);
            let from = line_start.max(start.saturating_sub(MARGIN));
            let to = line_end.min(end + MARGIN).max(end);
            let window = Window::new(bytes, from, to, first, (from > line_start, to < line_end));
            let mut members: Vec<Member> = members
                .into_iter()
                .map(|at| Member { index: at.index, range: window.range(at.start, at.end), until: at.until })
                .collect();
            members.sort_by_key(|member| member.index);
            Cluster { window, members }
        })
        .collect();
    clusters.sort_by_key(|cluster| cluster.members.first().map(|member| member.index));
    clusters
}

fn is_near(context: &Context<'_>, id: EvidenceId, last: u64, start: u64) -> bool {
    start.saturating_sub(last) <= NEAR_BYTES
        && context.line_column(id, start).line.saturating_sub(context.line_column(id, last).line) <= NEAR_LINES
}

/// Where the drawing of a span ends: without trailing white space, and on the first line if it is too tall or
/// too long; then the line it really ends on.
fn drawn_end(context: &Context<'_>, span: Span) -> (u64, Option<u32>) {
    let bytes = context.bytes(span.evidence);
    let start = span.start.min(bytes.len() as u64);
    let mut end = span.end.clamp(start, bytes.len() as u64);
    while end > start + 1 && bytes.get(end as usize - 1).is_some_and(u8::is_ascii_whitespace) {
        end -= 1;
    }
    let first = context.line_column(span.evidence, start).line;
    let last = context.line_column(span.evidence, end).line;
    if last - first < TALL && end - start <= NEAR_BYTES {
        return (end, None);
    }
    let line_end = context.lines(span.evidence).line_range(first).map_or(end, |(_, to)| to);
    (end.min(line_end).min(start + NEAR_BYTES), (last > first).then_some(last))
}
