//! What the readers of text have in common: lines with places, values with places.

use casebook_core::{Evidence, EvidenceId, Span, Unmodelled};
use casebook_formats::json::Document;
use casebook_formats::stamp::{self, Moment, SpanUs};

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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

/// A value that a tool prints, or its word for none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reading<T> {
    /// There is none: `n/a`, `-`, empty, 0 for a time.
    Unset,
    /// The value.
    Is(T),
    /// Something that is not known, as it is written.
    Unknown(String),
}

impl<T> Reading<T> {
    /// The value, if there is one that is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Reading::Is(value) => Some(value),
            Reading::Unset | Reading::Unknown(_) => None,
        }
    }

    /// True when the tool says that there is none.
    pub fn is_unset(&self) -> bool {
        matches!(self, Reading::Unset)
    }

    fn of(text: &str, value: Option<T>) -> Self {
        match value {
            _ if matches!(text, "" | "n/a" | "-" | "[not set]" | "(null)") => Reading::Unset,
            Some(value) => Reading::Is(value),
            None => Reading::Unknown(text.to_owned()),
        }
    }
}

/// A point in time as a tool prints it. 0 is none (src/basic/time-util.h, `timestamp_is_set`).
pub fn moment(text: &str) -> Reading<Moment> {
    match stamp::moment(text) {
        Some(Moment::Utc { at, .. }) if at.0 == 0 => Reading::Unset,
        moment => Reading::of(text.trim(), moment),
    }
}

/// A length of time as systemd prints it; `infinity` is [`SpanUs::INFINITY`].
pub fn time_span(text: &str) -> Reading<SpanUs> {
    Reading::of(text.trim(), stamp::time_span(text))
}

/// `yes` and `no`, and the other words of systemd for them (src/basic/parse-util.c, `parse_boolean`).
pub fn boolean(text: &str) -> Reading<bool> {
    let lower = text.trim().to_ascii_lowercase();
    let value = match lower.as_str() {
        "yes" | "y" | "true" | "t" | "on" | "1" | "active" => Some(true),
        "no" | "n" | "false" | "f" | "off" | "0" | "inactive" => Some(false),
        _ => None,
    };
    Reading::of(text.trim(), value)
}

/// A line of text, without its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    pub(crate) text: &'a str,
    evidence: EvidenceId,
    start: usize,
}

impl<'a> Line<'a> {
    /// The line's own place.
    pub(crate) fn span(&self) -> Span {
        Span::new(self.evidence, self.start, self.start + self.text.len())
    }

    /// The place of a part of the line; it must be a slice of it.
    pub(crate) fn part(&self, part: &str) -> Span {
        let from = (part.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        if from > self.text.len() || from + part.len() > self.text.len() {
            return self.span();
        }
        Span::new(self.evidence, self.start + from, self.start + from + part.len())
    }

    /// A part of the line, as a value.
    pub(crate) fn told(&self, part: &str) -> Told<String> {
        Told::new(part.to_owned(), self.part(part))
    }

    pub(crate) fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    pub(crate) fn unmodelled(&self, why: &'static str) -> Unmodelled {
        Unmodelled::new(self.span(), why)
    }

    /// `KEY<separator>VALUE`, both without blanks around them.
    pub(crate) fn pair(&self, separator: char) -> Option<(&'a str, &'a str)> {
        let (key, value) = self.text.split_once(separator)?;
        let key = key.trim();
        (!key.is_empty()).then(|| (key, value.trim()))
    }
}

/// Bytes of a text that are read; the rest is said to be unread. Outputs of tools are far smaller.
pub(crate) const MOST_BYTES: usize = 64 << 20;

/// Stretches of one piece of evidence that are listed as not covered.
pub(crate) const MOST_GAPS: usize = 1000;

/// The lines of evidence; lines that are no UTF-8 go to `unmodelled`.
pub(crate) fn lines<'a>(item: &'a Evidence, unmodelled: &mut Vec<Unmodelled>) -> Vec<Line<'a>> {
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

/// Evidence as JSON; where it is none goes to `unmodelled`.
pub(crate) fn json<'a>(item: &'a Evidence, unmodelled: &mut Vec<Unmodelled>) -> Document<'a> {
    let document = Document::parse(item.as_bytes());
    unmodelled.extend(document.errors().iter().map(|error| {
        let at = error.at.min(item.as_bytes().len());
        Unmodelled::new(Span::new(item.id, at, at), error.message.clone())
    }));
    document
}

/// Lines of the head of a file, as far as it is text; a last line that is cut off is left out.
pub(crate) fn head_lines<'a>(sniff: &casebook_core::Sniff<'a>) -> Vec<&'a str> {
    let text = casebook_formats::sniff::head(sniff);
    let mut out: Vec<&str> = text.lines().collect();
    if !sniff.whole && out.len() > 1 {
        out.pop();
    }
    out
}
