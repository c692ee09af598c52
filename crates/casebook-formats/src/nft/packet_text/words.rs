//! A line of text as words with their places.

use std::ops::Range;

use super::PacketError;

/// A word of the packet language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word<'a> {
    /// Its text, without quotes and separating commas.
    pub text: &'a str,
    /// Bytes it takes in the text.
    pub at: Range<usize>,
    /// True when it stood in quotes.
    pub quoted: bool,
}

impl Word<'_> {
    /// An error at this word.
    pub(super) fn error(&self, message: String) -> PacketError {
        PacketError { message, at: self.at.clone(), hint: None }
    }
}

impl PacketError {
    /// Adds what to write instead.
    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Splits at spaces, `>` and `->`; commas around a word are separators, commas inside it are its own.
pub(super) fn words(text: &str) -> Result<Vec<Word<'_>>, PacketError> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        if first.is_whitespace() || first == ',' {
            at += first.len_utf8();
        } else if first == '"' {
            let Some(length) = rest[1..].find('"') else {
                let message = "the quote is not closed".to_owned();
                return Err(PacketError { message, at: at..text.len(), hint: None });
            };
            words.push(Word { text: &rest[1..=length], at: at..at + length + 2, quoted: true });
            at += length + 2;
        } else if rest.starts_with('>') || rest.starts_with("->") {
            let length = if first == '>' { 1 } else { 2 };
            words.push(Word { text: ">", at: at..at + length, quoted: false });
            at += length;
        } else {
            let stop = |c: char| c.is_whitespace() || c == '>' || c == '"';
            let end = rest.find(stop).unwrap_or(rest.len());
            let arrow = rest[end..].starts_with('>') && rest[..end].ends_with('-');
            let end = if arrow { end - 1 } else { end };
            let word = rest[..end].trim_end_matches(',');
            words.push(Word { text: word, at: at..at + word.len(), quoted: false });
            at += end;
        }
    }
    Ok(words)
}
