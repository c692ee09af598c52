//! The reader: one pass, a stack of open containers, a state that says what may come next.

use std::borrow::Cow;

use super::{Document, JsonError, Kind, MAX_BYTES, MAX_DEPTH, MAX_ERRORS, Raw};

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// A value; in an array just opened also its end.
    Value { or_end: bool },
    /// A key; in an object just opened also its end.
    Key { or_end: bool },
    /// A comma or the end of the container.
    Next,
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Raw>,
    /// Indexes of the open containers.
    open: Vec<u32>,
    errors: Vec<JsonError>,
    stopped: bool,
}

pub(super) fn read(bytes: &[u8]) -> Document<'_> {
    let limited = &bytes[..bytes.len().min(MAX_BYTES)];
    // A guess that holds for what nft prints; too low a guess only costs a move.
    let nodes = Vec::with_capacity(limited.len() / 8);
    let mut reader = Reader { bytes: limited, at: 0, nodes, open: Vec::new(), errors: Vec::new(), stopped: false };
    // A byte order mark is allowed to be ignored (RFC 8259, section 8.1).
    reader.at = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    reader.run();
    let read = reader.at;
    let (nodes, mut errors) = (reader.nodes, reader.errors);
    if bytes.len() > limited.len() {
        errors.push(JsonError { at: limited.len(), message: Cow::Borrowed("the document is longer than 4 GiB") });
    }
    if let Err(error) = std::str::from_utf8(limited) {
        let places = limited.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count();
        let message = format!("invalid UTF-8, in {places} place{}", if places == 1 { "" } else { "s" });
        errors.push(JsonError { at: error.valid_up_to(), message: Cow::Owned(message) });
        errors.sort_by_key(|error| error.at);
    }
    Document { bytes, nodes, errors, read }
}

impl Reader<'_> {
    fn run(&mut self) {
        let mut expect = Expect::Value { or_end: false };
        loop {
            self.skip_space();
            let Some(&byte) = self.bytes.get(self.at) else {
                self.finish();
                return;
            };
            if self.open.is_empty() && !self.nodes.is_empty() {
                self.error(self.at, "text follows the value");
                return;
            }
            expect = match expect {
                Expect::Value { or_end } => self.value(byte, or_end),
                Expect::Key { or_end } => self.key(byte, or_end),
                Expect::Next => self.next(byte),
            };
            if self.stopped {
                self.close_all();
                return;
            }
        }
    }

    /// The end of the input.
    fn finish(&mut self) {
        if self.nodes.is_empty() {
            self.error(self.at, "there is no value");
        } else if let Some(open) = self.open.last() {
            let what = if self.nodes[*open as usize].kind == Kind::Object { "an object" } else { "an array" };
            self.error(self.at, format!("the document ends inside {what}"));
        }
        self.close_all();
    }

    fn close_all(&mut self) {
        // A key whose value was never reached gets an empty one: members are always two nodes.
        if self.after_key() {
            self.push(Kind::Broken, self.at, self.at, false);
        }
        while !self.open.is_empty() {
            self.close();
        }
    }

    fn after_key(&self) -> bool {
        self.nodes.last().is_some_and(|raw| raw.after == KEY_WITHOUT_VALUE)
    }

    fn value(&mut self, byte: u8, or_end: bool) -> Expect {
        match byte {
            b'{' => return self.open(Kind::Object),
            b'[' => return self.open(Kind::Array),
            b'"' => self.string(false),
            b']' if or_end => return self.end(byte),
            b'-' | b'0'..=b'9' => self.number(),
            b',' | b']' | b'}' | b':' => {
                self.error(self.at, "a value is missing");
                if byte == b':' || self.open.is_empty() {
                    self.at += 1;
                    return Expect::Value { or_end: false };
                }
                if self.after_key() {
                    self.push(Kind::Broken, self.at, self.at, false);
                }
                return Expect::Next;
            }
            _ => self.word(),
        }
        Expect::Next
    }

    fn key(&mut self, byte: u8, or_end: bool) -> Expect {
        match byte {
            b'"' => {
                self.string(true);
                self.skip_space();
                if self.bytes.get(self.at) == Some(&b':') {
                    self.at += 1;
                    return Expect::Value { or_end: false };
                }
                if self.at < self.bytes.len() {
                    self.error(self.at, "a colon is missing after the key");
                }
                Expect::Value { or_end: false }
            }
            b'}' if or_end => self.end(byte),
            b',' => {
                self.error(self.at, "a key is missing");
                self.at += 1;
                Expect::Key { or_end: true }
            }
            b'}' | b']' => {
                self.error(self.at, "a key is missing");
                self.end(byte)
            }
            b'{' | b'[' => {
                self.error(self.at, "a key is missing");
                self.push(Kind::String, self.at, self.at, true);
                Expect::Value { or_end: false }
            }
            b':' => {
                self.error(self.at, "a key is missing");
                self.push(Kind::String, self.at, self.at, true);
                self.at += 1;
                Expect::Value { or_end: false }
            }
            _ => {
                let start = self.at;
                self.skip_word();
                self.error(start, "a key must be a string in quotes");
                self.push(Kind::String, start, self.at, true);
                self.skip_space();
                if self.bytes.get(self.at) == Some(&b':') {
                    self.at += 1;
                }
                Expect::Value { or_end: false }
            }
        }
    }

    fn next(&mut self, byte: u8) -> Expect {
        let object = self.open.last().is_some_and(|open| self.nodes[*open as usize].kind == Kind::Object);
        match byte {
            b',' => {
                self.at += 1;
                if object { Expect::Key { or_end: false } } else { Expect::Value { or_end: false } }
            }
            b'}' | b']' => self.end(byte),
            b':' => {
                self.error(self.at, "a colon belongs after a key");
                self.at += 1;
                Expect::Next
            }
            _ => {
                self.error(self.at, "a comma is missing");
                if object { Expect::Key { or_end: false } } else { Expect::Value { or_end: false } }
            }
        }
    }

    fn open(&mut self, kind: Kind) -> Expect {
        if self.open.len() >= MAX_DEPTH {
            self.error(self.at, format!("nested deeper than {MAX_DEPTH}, reading stops here"));
            self.stopped = true;
            return Expect::Next;
        }
        let index = self.push(kind, self.at, self.at + 1, false);
        self.open.push(index);
        self.at += 1;
        if kind == Kind::Object { Expect::Key { or_end: true } } else { Expect::Value { or_end: true } }
    }

    /// A closing bracket. One of the wrong kind closes the nearest container it fits, and is skipped if none is open.
    fn end(&mut self, byte: u8) -> Expect {
        let kind = if byte == b'}' { Kind::Object } else { Kind::Array };
        match self.open.iter().rposition(|open| self.nodes[*open as usize].kind == kind) {
            Some(depth) => {
                if depth + 1 < self.open.len() {
                    self.error(self.at, "the bracket closes an outer container; an inner one is not closed");
                }
                while self.open.len() > depth + 1 {
                    self.close();
                }
                self.at += 1;
                self.close();
            }
            None => {
                self.error(self.at, "the bracket closes nothing");
                self.at += 1;
            }
        }
        Expect::Next
    }

    fn close(&mut self) {
        let (after, end) = (self.nodes.len() as u32, self.at as u32);
        if let Some(open) = self.open.pop() {
            let raw = &mut self.nodes[open as usize];
            raw.after = after;
            raw.end = end;
        }
    }

    /// Adds a node. `key` marks a key, which the value's node must follow.
    fn push(&mut self, kind: Kind, start: usize, end: usize, key: bool) -> u32 {
        let index = self.nodes.len() as u32;
        if let Some(last) = self.nodes.last_mut()
            && last.after == KEY_WITHOUT_VALUE
        {
            last.after = index;
        }
        let after = if key { KEY_WITHOUT_VALUE } else { index + 1 };
        self.nodes.push(Raw { start: start as u32, end: end as u32, after, kind, escaped: false });
        index
    }

    fn string(&mut self, key: bool) {
        let start = self.at;
        self.at += 1;
        let mut escaped = false;
        loop {
            let rest = &self.bytes[self.at..];
            let plain = rest.iter().position(|byte| *byte == b'"' || *byte == b'\\' || *byte < 0x20);
            self.at += plain.unwrap_or(rest.len());
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    break;
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape();
                }
                // A raw line end ends the string too: one missing quote must not swallow the rest of the file.
                Some(b'\n' | b'\r') | None => {
                    self.error(start, "the string is not closed");
                    break;
                }
                Some(_) => {
                    self.error(self.at, "a control character in a string");
                    self.at += 1;
                }
            }
            if self.stopped {
                break;
            }
        }
        let index = self.push(Kind::String, start, self.at, key);
        self.nodes[index as usize].escaped = escaped;
    }

    fn escape(&mut self) {
        let at = self.at;
        match self.bytes.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => match hex4(&self.bytes[at + 2..]) {
                Some(unit) => {
                    self.at += 6;
                    let low = self.bytes[self.at..].strip_prefix(b"\\u").and_then(hex4);
                    match (unit, low) {
                        (0xd800..0xdc00, Some(0xdc00..0xe000)) => self.at += 6,
                        (0xd800..0xe000, _) => self.error(at, "half of a surrogate pair"),
                        _ => {}
                    }
                }
                None => {
                    self.error(at, "\\u needs four hexadecimal digits");
                    self.at += 2;
                }
            },
            _ => {
                self.error(at, "an unknown escape in a string");
                self.at += 1;
            }
        }
    }

    fn number(&mut self) {
        let start = self.at;
        let body = &self.bytes[start..];
        let len = body.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
        self.at += len.unwrap_or(body.len());
        if is_number(&self.bytes[start..self.at]) {
            self.push(Kind::Number, start, self.at, false);
        } else {
            self.skip_word();
            self.error(start, "not a number");
            self.push(Kind::Broken, start, self.at, false);
        }
    }

    fn word(&mut self) {
        let start = self.at;
        self.skip_word();
        let kind = match &self.bytes[start..self.at] {
            b"null" => Kind::Null,
            b"true" | b"false" => Kind::Bool,
            _ => {
                self.error(start, "not a JSON value");
                Kind::Broken
            }
        };
        self.push(kind, start, self.at, false);
    }

    /// Up to the next byte that has a meaning of its own.
    fn skip_word(&mut self) {
        let rest = &self.bytes[self.at..];
        let ends =
            |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' | b'"' | b'[' | b']' | b'{' | b'}');
        self.at += rest.iter().position(ends).unwrap_or(rest.len());
    }

    fn skip_space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn error(&mut self, at: usize, message: impl Into<Cow<'static, str>>) {
        if self.stopped {
            return;
        }
        self.errors.push(JsonError { at, message: message.into() });
        if self.errors.len() >= MAX_ERRORS {
            self.errors.push(JsonError { at: self.at, message: Cow::Borrowed("too many errors, reading stops here") });
            self.stopped = true;
        }
    }
}

/// `after` of a key until its value is there.
const KEY_WITHOUT_VALUE: u32 = u32::MAX;

fn hex4(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.get(..4).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// The number grammar of RFC 8259, section 6.
fn is_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut rest = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest[0] == b'0') {
        return false;
    }
    rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = &fraction[count..];
    }
    if let Some(exponent) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) {
        let exponent = exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-")).unwrap_or(exponent);
        let count = digits(exponent);
        if count == 0 {
            return false;
        }
        rest = &exponent[count..];
    }
    rest.is_empty()
}

/// The text an escaped string stands for; broken escapes stay as written, lone surrogates become U+FFFD.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = &rest.as_bytes()[at..];
        let (char, len) = match escape.get(1) {
            Some(byte @ (b'"' | b'\\' | b'/')) => (*byte as char, 2),
            Some(b'b') => ('\u{8}', 2),
            Some(b'f') => ('\u{c}', 2),
            Some(b'n') => ('\n', 2),
            Some(b'r') => ('\r', 2),
            Some(b't') => ('\t', 2),
            Some(b'u') => unicode(escape),
            _ => ('\\', 1),
        };
        out.push(char);
        rest = &rest[at + len..];
    }
    out.push_str(rest);
    out
}

fn unicode(escape: &[u8]) -> (char, usize) {
    let Some(unit) = hex4(&escape[2..]) else { return ('\\', 1) };
    match (unit, escape[6..].strip_prefix(b"\\u").and_then(hex4)) {
        (0xd800..0xdc00, Some(low @ 0xdc00..0xe000)) => {
            (char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)).unwrap_or('\u{fffd}'), 12)
        }
        _ => (char::from_u32(unit).unwrap_or('\u{fffd}'), 6),
    }
}
