//! Tokens of linker scripts: quoted names, names, single characters. Comments are `/* */` and `#` to the end of a line.

use super::{Range, Text};

/// A token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    /// Its bytes, without quotes.
    pub text: &'a [u8],
    /// Where it stands, quotes included.
    pub span: Range,
    /// It was quoted.
    pub quoted: bool,
}

impl Token<'_> {
    pub fn is(&self, text: &str) -> bool {
        !self.quoted && self.text == text.as_bytes()
    }

    pub fn name(&self) -> Text {
        Text { text: String::from_utf8_lossy(self.text).into_owned(), span: self.span, quoted: self.quoted }
    }
}

/// What was wrong with the text itself.
pub(super) type Fault = (Range, &'static str);

/// Bytes of a script that are read. Real ones have some kilobytes; export lists can have megabytes.
pub(super) const MOST_BYTES: usize = 64 << 20;

/// Splits a script. `names_end_at_equals` is for places where `a=b` is an assignment and not a name of a file.
pub(super) fn tokens(bytes: &[u8]) -> (Vec<Token<'_>>, Vec<Fault>) {
    let mut out = Vec::new();
    let mut faults = Vec::new();
    let read = &bytes[..bytes.len().min(MOST_BYTES)];
    if read.len() < bytes.len() {
        faults.push(((read.len(), bytes.len()), "64 MiB of a script are read"));
    }
    let mut at = 0;
    while at < read.len() {
        let rest = &read[at..];
        let byte = rest[0];
        if byte.is_ascii_whitespace() || byte == 0x0b {
            at += 1;
        } else if rest.starts_with(b"/*") {
            at = match memchr::memmem::find(&rest[2..], b"*/") {
                Some(end) => at + end + 4,
                None => {
                    faults.push(((at, read.len()), "a comment that is not closed"));
                    read.len()
                }
            };
        } else if byte == b'#' {
            at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        } else if byte == b'"' {
            match memchr::memchr(b'"', &rest[1..]) {
                Some(end) => {
                    out.push(Token { text: &rest[1..=end], span: (at, at + end + 2), quoted: true });
                    at += end + 2;
                }
                None => {
                    faults.push(((at, read.len()), "a quote that is not closed"));
                    at = read.len();
                }
            }
        } else {
            let length = rest.iter().take_while(|byte| is_name(**byte)).count().max(1);
            out.push(Token { text: &rest[..length], span: (at, at + length), quoted: false });
            at += length;
        }
    }
    (out, faults)
}

/// Bytes of an unquoted word (`ScriptLexer::tokenize`, mold's `tokenize`); bytes above ASCII are of names, too.
pub(super) fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.$/\\~=+[]*?-!^:".contains(&byte) || byte >= 0x80
}

/// A place in a list of tokens.
pub(super) struct Cursor<'t, 'a> {
    pub tokens: &'t [Token<'a>],
    pub at: usize,
}

impl<'a> Cursor<'_, 'a> {
    pub fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.at).copied()
    }

    pub fn next(&mut self) -> Option<Token<'a>> {
        let token = self.peek()?;
        self.at += 1;
        Some(token)
    }

    /// Takes the token if it is this one.
    pub fn eat(&mut self, text: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.is(text));
        self.at += usize::from(found);
        found
    }

    /// Where the token before stands, or the beginning.
    pub fn before(&self) -> Range {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or((0, 0), |token| token.span)
    }

    /// From `start` to the token before.
    pub fn since(&self, start: Range) -> Range {
        (start.0, self.before().1.max(start.1))
    }

    /// Passes over what is between a bracket, already taken, and the one that closes it.
    pub fn skip_block(&mut self, open: &str, close: &str) -> bool {
        let mut depth = 1u32;
        while let Some(token) = self.next() {
            if token.is(open) {
                depth = depth.saturating_add(1);
            } else if token.is(close) {
                depth -= 1;
                if depth == 0 {
                    return true;
                }
            }
        }
        false
    }
}
