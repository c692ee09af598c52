//! `journalctl -o json`: an object for each entry, all values strings, or `null`, an array of bytes, an array of values
//! (docs/JOURNAL_EXPORT_FORMATS.md, "Journal JSON Format"). Blanks may stand anywhere (`json-pretty`), and a record separator
//! (`json-seq`), `data:` (`json-sse`) or the brackets and commas of a list (`jq -s`) between entries.
//!
//! Why not [`crate::json`]: it builds a tree of each document. Here nothing is kept but the fields that are wanted.

use memchr::{memchr, memchr2};

use super::entry::{Entry, Field, Value};
use crate::gap::Gaps;

pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Why an object could not be read to its end.
enum Stop {
    /// The file ends.
    End,
    /// Something is not as JSON or journald wants it.
    Wrong(&'static str),
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn fill(&mut self, entry: &mut Entry<'a>, gaps: &mut Gaps) -> bool {
        loop {
            if !self.find_object(gaps) {
                return false;
            }
            let start = self.at;
            entry.start = start;
            match self.object(entry) {
                Ok(()) => {
                    entry.end = self.at;
                    return true;
                }
                Err(Stop::End) => {
                    gaps.add(start, self.bytes.len(), "the file ends inside an entry");
                    self.at = self.bytes.len();
                    return false;
                }
                Err(Stop::Wrong(why)) => {
                    self.at = self.next_object(start + 1);
                    gaps.add(start, self.at, why);
                    let number = entry.number;
                    entry.clear(number);
                }
            }
        }
    }

    /// The next brace that begins an object: inside of one, journald writes none behind an end of line or a separator.
    fn next_object(&self, from: usize) -> usize {
        let before = |at: usize| self.bytes[..at].ends_with(b"data: ");
        memchr::memchr_iter(b'{', &self.bytes[from..])
            .map(|found| from + found)
            .find(|at| matches!(self.bytes[at - 1], b'\n' | 0x1e) || before(*at))
            .unwrap_or(self.bytes.len())
    }

    /// Goes to the next `{`; false at the end of the file.
    fn find_object(&mut self, gaps: &mut Gaps) -> bool {
        let start = self.at;
        let mut odd = None;
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b'{' => break,
                b' ' | b'\t' | b'\r' | b'\n' | 0x1e | b',' | b'[' | b']' => self.at += 1,
                _ if self.bytes[self.at..].starts_with(b"data:") => self.at += 5,
                _ => {
                    odd = odd.or(Some(self.at.max(start)));
                    let rest = &self.bytes[self.at..];
                    self.at += memchr2(b'\n', b'{', rest).unwrap_or(rest.len());
                }
            }
        }
        if let Some(odd) = odd {
            gaps.add(odd, self.at, "no entry");
        }
        self.at < self.bytes.len()
    }

    fn blanks(&mut self) -> Result<u8, Stop> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.at += 1,
                Some(byte) => return Ok(*byte),
                None => return Err(Stop::End),
            }
        }
    }

    fn object(&mut self, entry: &mut Entry<'a>) -> Result<(), Stop> {
        self.at += 1;
        if self.blanks()? == b'}' {
            self.at += 1;
            return Ok(());
        }
        loop {
            if self.blanks()? != b'"' {
                return Err(Stop::Wrong("a key is missing"));
            }
            self.at += 1;
            let name_start = self.at;
            let length = memchr(b'"', &self.bytes[name_start..]).ok_or(Stop::End)?;
            self.at = name_start + length + 1;
            if self.blanks()? != b':' {
                return Err(Stop::Wrong("a colon is missing"));
            }
            self.at += 1;
            let name = &self.bytes[name_start..name_start + length];
            self.value(entry, name)?;
            match self.blanks()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(Stop::Wrong("a comma is missing")),
            }
        }
    }

    fn value(&mut self, entry: &mut Entry<'a>, name: &[u8]) -> Result<(), Stop> {
        match self.blanks()? {
            b'"' => {
                let (start, end, escaped) = self.string()?;
                match Field::of(name) {
                    Some(field) if escaped => {
                        let mut value = Value::plain(start, end);
                        value.decoded = (!value.omitted).then(|| unescape(&self.bytes[start..end]));
                        entry.set(field, value);
                    }
                    Some(field) => entry.set(field, Value::plain(start, end)),
                    None => {
                        entry.take_meta(name, start, end);
                    }
                }
                Ok(())
            }
            b'[' => {
                let start = self.at;
                let value = self.array(Field::of(name).is_some(), start)?;
                if let (Some(field), Some(value)) = (Field::of(name), value) {
                    entry.set(field, value);
                }
                Ok(())
            }
            b'n' => {
                let start = self.at;
                self.literal(b"null")?;
                if let Some(field) = Field::of(name) {
                    entry.set(field, Value { start, end: self.at, decoded: None, omitted: true });
                }
                Ok(())
            }
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'0'..=b'9' | b'-' => {
                let start = self.at;
                let rest = &self.bytes[start..];
                let digits = rest.iter().take_while(|byte| byte.is_ascii_digit() || b"-+.eE".contains(byte)).count();
                self.at += digits;
                entry.take(name, start, self.at);
                Ok(())
            }
            _ => Err(Stop::Wrong("a value that journald does not write")),
        }
    }

    fn literal(&mut self, text: &[u8]) -> Result<(), Stop> {
        let rest = &self.bytes[self.at..];
        if rest.starts_with(text) {
            self.at += text.len();
            return Ok(());
        }
        Err(if rest.len() < text.len() { Stop::End } else { Stop::Wrong("a value that is none") })
    }

    /// Range of the string at the cursor, without quotes, and whether it has escapes.
    #[inline]
    fn string(&mut self) -> Result<(usize, usize, bool), Stop> {
        let start = self.at + 1;
        let (mut at, mut escaped) = (start, false);
        loop {
            let rest = self.bytes.get(at..).ok_or(Stop::End)?;
            let found = memchr2(b'"', b'\\', rest).ok_or(Stop::End)?;
            at += found;
            if self.bytes[at] == b'"' {
                self.at = at + 1;
                return Ok((start, at, escaped));
            }
            escaped = true;
            at += 2;
        }
    }

    /// An array: bytes, or several values of one field, of which the first is taken.
    fn array(&mut self, wanted: bool, start: usize) -> Result<Option<Value>, Stop> {
        self.at += 1;
        let mut bytes = Vec::new();
        let mut first: Option<Value> = None;
        let mut omitted = false;
        loop {
            match self.blanks()? {
                b']' => {
                    self.at += 1;
                    break;
                }
                b',' => self.at += 1,
                b'0'..=b'9' => {
                    let digits = self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                    let number = super::entry::decimal(&self.bytes[self.at..self.at + digits]);
                    let byte = number.and_then(|number| u8::try_from(number).ok());
                    let byte = byte.ok_or(Stop::Wrong("a number that is no byte"))?;
                    self.at += digits;
                    omitted |= bytes.len() >= super::MAX_VALUE;
                    if wanted && !omitted {
                        bytes.push(byte);
                    }
                }
                b'"' => {
                    let (start, end, escaped) = self.string()?;
                    if wanted && first.is_none() {
                        let mut value = Value::plain(start, end);
                        value.decoded = (escaped && !value.omitted).then(|| unescape(&self.bytes[start..end]));
                        first = Some(value);
                    }
                }
                b'n' => {
                    let start = self.at;
                    self.literal(b"null")?;
                    first = first.or(Some(Value { start, end: self.at, decoded: None, omitted: true }));
                }
                b'[' => {
                    let start = self.at;
                    let inner = self.bytes_inside(wanted && first.is_none(), start)?;
                    first = first.or(inner);
                }
                _ => return Err(Stop::Wrong("a value that journald does not write")),
            }
        }
        if first.is_some() {
            return Ok(first);
        }
        Ok(wanted.then(|| Value { start, end: self.at, decoded: (!omitted).then_some(bytes), omitted }))
    }

    /// An array of bytes inside of one of values; deeper ones are none.
    fn bytes_inside(&mut self, wanted: bool, start: usize) -> Result<Option<Value>, Stop> {
        let close = memchr(b']', &self.bytes[start..]).ok_or(Stop::End)?;
        let end = start + close + 1;
        let inside = &self.bytes[start + 1..end - 1];
        self.at = end;
        if !wanted || inside.len() > super::MAX_VALUE {
            return Ok(wanted.then_some(Value { start, end, decoded: None, omitted: true }));
        }
        let bytes = inside
            .split(|byte| *byte == b',')
            .map(|number| super::entry::decimal(number.trim_ascii()).and_then(|number| u8::try_from(number).ok()));
        let bytes: Option<Vec<u8>> = bytes.collect();
        let bytes = bytes.ok_or(Stop::Wrong("a value that journald does not write"))?;
        Ok(Some(Value { start, end, decoded: Some(bytes), omitted: false }))
    }
}

/// A string of JSON without its escapes. What is no escape stays as it is written.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| memchr(b'\\', rest)) {
        out.extend(&text[at..at + found]);
        at += found + 1;
        let Some(letter) = text.get(at) else {
            out.push(b'\\');
            return out;
        };
        at += 1;
        match letter {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'u' => match unicode(text, &mut at) {
                Some(character) => out.extend(character.encode_utf8(&mut [0; 4]).as_bytes()),
                None => out.extend(b"\\u"),
            },
            b'"' | b'\\' | b'/' => out.push(*letter),
            other => out.extend([b'\\', *other]),
        }
    }
    out.extend(text.get(at..).unwrap_or(&[]));
    out
}

/// The character of `\uXXXX`, whose digits begin at `at`, or of a pair of surrogates.
fn unicode(text: &[u8], at: &mut usize) -> Option<char> {
    let unit = |at: usize| {
        let digits = std::str::from_utf8(text.get(at..at + 4)?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    let first = unit(*at)?;
    if (0xd800..0xdc00).contains(&first) && text.get(*at + 4..*at + 6) == Some(b"\\u") {
        let second = unit(*at + 6).filter(|second| (0xdc00..0xe000).contains(second))?;
        *at += 10;
        return char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00));
    }
    *at += 4;
    Some(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
}
