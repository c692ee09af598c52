//! What the readers of text have in common: lines with places, values with places.

use casebook_core::{Evidence, EvidenceId, Sniff, Span, Unmodelled};

/// A value and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Told<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

impl<T> Told<T> {
    /// A value with its place.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// A line of text, without its end.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// The text.
    pub text: &'a str,
    evidence: EvidenceId,
    start: usize,
}

impl<'a> Line<'a> {
    /// The line's own place.
    pub fn span(&self) -> Span {
        Span::new(self.evidence, self.start, self.start + self.text.len())
    }

    /// The place of a part of the line; it must be a slice of it.
    pub fn part(&self, part: &str) -> Span {
        let from = (part.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        if from > self.text.len() || from + part.len() > self.text.len() {
            return self.span();
        }
        Span::new(self.evidence, self.start + from, self.start + from + part.len())
    }

    /// A part of the line as a line of its own.
    pub fn within(&self, part: &'a str) -> Line<'a> {
        Line { text: part, evidence: self.evidence, start: self.part(part).start as usize }
    }

    /// A part of the line, as a value.
    pub fn told(&self, part: &str) -> Told<String> {
        Told::new(part.to_owned(), self.part(part))
    }

    /// True when nothing but blanks is in it.
    pub fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// The line as something that is not covered.
    pub fn unmodelled(&self, why: &'static str) -> Unmodelled {
        Unmodelled::new(self.span(), why)
    }

    /// `KEY<separator>VALUE`, both without blanks around them.
    pub fn pair(&self, separator: char) -> Option<(&'a str, &'a str)> {
        let (key, value) = self.text.split_once(separator)?;
        let key = key.trim();
        (!key.is_empty()).then(|| (key, value.trim()))
    }
}

/// Bytes of a text that are read; the rest is said to be unread. Outputs of tools are far smaller.
pub const MOST_BYTES: usize = 64 << 20;

/// Stretches of one piece of evidence that are listed as not covered.
pub const MOST_GAPS: usize = 1000;

/// The lines of evidence; lines that are no UTF-8 go to `unmodelled`.
pub fn lines<'a>(item: &'a Evidence, unmodelled: &mut Vec<Unmodelled>) -> Vec<Line<'a>> {
    let bytes = item.as_bytes();
    let (read, rest) = bytes.split_at(bytes.len().min(MOST_BYTES));
    if !rest.is_empty() {
        let why = format!("{MOST_BYTES} bytes of such a text are read");
        unmodelled.push(Unmodelled::new(Span::new(item.id, read.len(), bytes.len()), why));
    }
    let mut out = Vec::new();
    let mut start = 0;
    for line in read.split(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\r").unwrap_or(line);
        match std::str::from_utf8(text) {
            Ok(text) => out.push(Line { text, evidence: item.id, start }),
            Err(_) if unmodelled.len() < MOST_GAPS => {
                unmodelled.push(Unmodelled::new(Span::new(item.id, start, start + text.len()), "not UTF-8"));
            }
            Err(_) => {}
        }
        start += line.len() + 1;
    }
    // What ends with a newline has no line behind it.
    if out.last().is_some_and(|line| line.text.is_empty()) {
        out.pop();
    }
    out
}

/// Lines of the head of a file, as far as it is text; a last line that is cut off is left out.
pub fn head_lines<'a>(sniff: &Sniff<'a>) -> Vec<&'a str> {
    let text = crate::sniff::head(sniff);
    let mut out: Vec<&str> = text.lines().collect();
    if !sniff.whole && out.len() > 1 {
        out.pop();
    }
    out
}
