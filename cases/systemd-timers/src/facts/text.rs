//! What the readers of text have in common: how systemd writes times, lengths of time, and yes and no.

use casebook_core::{Evidence, Span, Unmodelled};
use casebook_formats::json::Document;
use casebook_formats::stamp::{self, Moment, SpanUs};
pub(crate) use casebook_formats::text::{Line, MOST_GAPS, head_lines, lines};

pub use casebook_formats::text::Told;

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

/// Evidence as JSON; where it is none goes to `unmodelled`.
pub(crate) fn json<'a>(item: &'a Evidence, unmodelled: &mut Vec<Unmodelled>) -> Document<'a> {
    let document = Document::parse(item.as_bytes());
    unmodelled.extend(document.errors().iter().map(|error| {
        let at = error.at.min(item.as_bytes().len());
        Unmodelled::new(Span::new(item.id, at, at), error.message.clone())
    }));
    document
}
