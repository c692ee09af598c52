//! `config_parse` and `parse_line` of src/shared/conf-parser.c (the same in 252 and 257).

use std::borrow::Cow;

use super::lines::{Line, lines};
use super::{Assignment, LONGEST_LINE, Problem, ProblemKind, Section, UnitFile};

/// `WHITESPACE` of src/basic/string-util.h.
const BLANKS: &[u8] = b" \t\n\r";
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Reads a file.
pub fn read(bytes: &[u8]) -> UnitFile<'_> {
    let mut reader = Reader { bytes, out: UnitFile::default(), bom_seen: false };
    let mut joined: Option<Joined> = None;
    let mut number = 0;
    for line in lines(bytes) {
        number += 1;
        if line.end - line.start > LONGEST_LINE {
            reader.problem(line.start, bytes.len(), number, ProblemKind::TooLong);
            return reader.out;
        }
        let text = &bytes[line.start..line.end];
        let first = text.iter().find(|byte| !BLANKS.contains(byte));
        if matches!(first, Some(b'#' | b';')) {
            continue;
        }
        let start = reader.skip_bom(line);
        let open = match &mut joined {
            Some(joined) => {
                if joined.text.len() + line.end - start > LONGEST_LINE {
                    reader.problem(start, bytes.len(), number, ProblemKind::TooLong);
                    return reader.out;
                }
                joined.push(bytes, start, line.end);
                ends_escaped(&joined.text)
            }
            None => ends_escaped(&bytes[start..line.end]),
        };
        if open {
            let joined = joined.get_or_insert_with(|| Joined::new(bytes, start, line.end));
            if let Some(last) = joined.text.last_mut() {
                *last = b' ';
            }
            continue;
        }
        let whole = match joined.take() {
            Some(joined) => Logical::Joined(joined),
            None => Logical::Plain(start, line.end),
        };
        if !reader.logical(&whole, number) {
            return reader.out;
        }
    }
    if let Some(joined) = joined {
        reader.logical(&Logical::Joined(joined), number + 1);
    }
    reader.out
}

/// True when the last byte is a `\` that no other one takes away.
fn ends_escaped(text: &[u8]) -> bool {
    text.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// Lines that continue each other.
struct Joined {
    text: Vec<u8>,
    /// Where in the text each line begins, and where in the file.
    pieces: Vec<(usize, usize)>,
}

impl Joined {
    fn new(bytes: &[u8], start: usize, end: usize) -> Self {
        Self { text: bytes[start..end].to_vec(), pieces: vec![(0, start)] }
    }

    fn push(&mut self, bytes: &[u8], start: usize, end: usize) {
        self.pieces.push((self.text.len(), start));
        self.text.extend(&bytes[start..end]);
    }
}

enum Logical {
    Plain(usize, usize),
    Joined(Joined),
}

impl Logical {
    fn text<'a>(&'a self, bytes: &'a [u8]) -> &'a [u8] {
        match self {
            Logical::Plain(start, end) => &bytes[*start..*end],
            Logical::Joined(joined) => &joined.text,
        }
    }

    /// Where in the file the byte `at` of the text stands.
    fn place(&self, at: usize) -> usize {
        match self {
            Logical::Plain(start, _) => start + at,
            Logical::Joined(joined) => {
                let index = joined.pieces.partition_point(|(begin, _)| *begin <= at).saturating_sub(1);
                joined.pieces.get(index).map_or(0, |(begin, start)| start + at - begin)
            }
        }
    }

    /// Where in the file a stretch of the text stands.
    fn span(&self, start: usize, end: usize) -> (usize, usize) {
        if start >= end {
            let place = self.place(start);
            return (place, place);
        }
        (self.place(start), self.place(end - 1) + 1)
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    out: UnitFile<'a>,
    bom_seen: bool,
}

impl<'a> Reader<'a> {
    fn problem(&mut self, start: usize, end: usize, line: u32, kind: ProblemKind) {
        self.out.problems.push(Problem { span: (start, end.max(start)), line, kind });
    }

    /// The first line that is no comment can begin with a byte order mark; systemd looks at every line until it saw one.
    fn skip_bom(&mut self, line: Line) -> usize {
        if !self.bom_seen && self.bytes[line.start..line.end].starts_with(BOM) {
            self.bom_seen = true;
            return line.start + BOM.len();
        }
        line.start
    }

    /// Takes a line; false when nothing after it is read.
    fn logical(&mut self, whole: &Logical, line: u32) -> bool {
        let bytes = self.bytes;
        let text = whole.text(bytes);
        let (from, to) = stripped(text, 0, text.len());
        if from == to {
            return true;
        }
        let (start, end) = whole.span(from, to);
        let Some(content) = valid_utf8(&text[from..to]) else {
            self.problem(start, bytes.len(), line, ProblemKind::NotUtf8);
            return false;
        };
        if content.starts_with('[') {
            return self.header(whole, (from, to), (start, end), line);
        }
        if self.out.sections.is_empty() {
            self.problem(start, end, line, ProblemKind::OutsideSection);
            return true;
        }
        let Some(equals) = content.find('=') else {
            self.problem(start, end, line, ProblemKind::MissingEquals);
            return true;
        };
        if equals == 0 {
            self.problem(start, end, line, ProblemKind::MissingKey);
            return true;
        }
        let key = stripped(text, from, from + equals);
        let value = stripped(text, from + equals + 1, to);
        let (key_span, value_span) = (whole.span(key.0, key.1), whole.span(value.0, value.1));
        let assignment = Assignment {
            section: self.out.sections.len() - 1,
            key: self.piece(whole, key),
            value: self.piece(whole, value),
            key_span,
            value_span,
            span: (start, end),
            line,
        };
        self.out.assignments.push(assignment);
        true
    }

    /// A stretch of a line: of the file where it is in one piece.
    fn piece(&self, whole: &Logical, (start, end): (usize, usize)) -> Cow<'a, str> {
        match whole {
            Logical::Plain(begin, _) => String::from_utf8_lossy(&self.bytes[begin + start..begin + end]),
            Logical::Joined(joined) => Cow::Owned(String::from_utf8_lossy(&joined.text[start..end]).into_owned()),
        }
    }

    fn header(&mut self, whole: &Logical, text: (usize, usize), span: (usize, usize), line: u32) -> bool {
        let (start, end) = span;
        let content = &whole.text(self.bytes)[text.0..text.1];
        if content.last() != Some(&b']') {
            self.problem(start, self.bytes.len(), line, ProblemKind::BadHeader);
            return false;
        }
        // A header that is continued has its name in two places; systemd takes it, nobody writes it.
        let name = match whole {
            Logical::Plain(..) => std::str::from_utf8(&self.bytes[start + 1..(end - 1).max(start + 1)]).unwrap_or(""),
            Logical::Joined(_) => "",
        };
        let continued = matches!(whole, Logical::Joined(_));
        if continued || !name.bytes().all(is_safe) {
            self.problem(start, self.bytes.len(), line, ProblemKind::BadName);
            return false;
        }
        self.out.sections.push(Section { name, span, line });
        true
    }
}

/// `string_is_safe`: no control characters, quotes or backslashes.
fn is_safe(byte: u8) -> bool {
    byte >= b' ' && !b"\"'\\\x7f".contains(&byte)
}

/// A stretch without the blanks around it.
fn stripped(text: &[u8], start: usize, end: usize) -> (usize, usize) {
    let part = &text[start..end];
    let Some(first) = part.iter().position(|byte| !BLANKS.contains(byte)) else { return (start, start) };
    let last = part.iter().rposition(|byte| !BLANKS.contains(byte)).unwrap_or(first);
    (start + first, start + last + 1)
}

/// `utf8_is_valid` (src/basic/utf8.c): code points that are no characters are not valid.
fn valid_utf8(text: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(text).ok()?;
    let none = |letter: char| (0xfdd0..=0xfdef).contains(&(letter as u32)) || letter as u32 & 0xfffe == 0xfffe;
    (!text.chars().any(none)).then_some(text)
}
