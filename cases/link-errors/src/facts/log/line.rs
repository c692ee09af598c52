//! A line of a log: its text without colours, and what stands before the message: clocks, steps, the gutters of other tools.

use std::borrow::Cow;

use casebook_core::{EvidenceId, Span};
use casebook_formats::text::Told;

/// Bytes of a line that are read. Lines of compilers and linkers are far shorter; commands may be longer, and are not read here.
pub const MOST_LINE: usize = 64 << 10;

/// One line, cleaned of escape sequences and curly quotes.
pub(super) struct Line<'a> {
    /// The text that is read.
    pub text: Cow<'a, str>,
    /// For a text that is not as in the log: where each of its bytes came from.
    origin: Option<Vec<(u32, u32)>>,
    evidence: EvidenceId,
    start: usize,
    /// Where the message begins, behind what other tools put before it.
    pub content: usize,
    /// True when there is more of it than is read.
    pub cut: bool,
}

impl<'a> Line<'a> {
    /// The line `bytes`, which stands at `start` of the evidence, without its end.
    pub fn new(evidence: EvidenceId, start: usize, bytes: &'a [u8]) -> Self {
        let cut = bytes.len() > MOST_LINE;
        let bytes = if cut { &bytes[..MOST_LINE] } else { bytes };
        let (text, origin) = match clean(bytes) {
            Some((text, origin)) => (Cow::Owned(text), Some(origin)),
            // Plain text; should it not be, it is empty rather than wrong.
            None => (Cow::Borrowed(std::str::from_utf8(bytes).unwrap_or_default()), None),
        };
        let content = prefix(&text);
        Self { text, origin, evidence, start, content, cut }
    }

    /// Where a range of the text stands in the evidence.
    pub fn span(&self, from: usize, to: usize) -> Span {
        let (from, to) = match &self.origin {
            None => (from, to),
            Some(origin) if origin.is_empty() => (0, 0),
            Some(origin) => {
                let last = origin.len() - 1;
                let from_at = origin.get(from).map_or(origin[last].1, |at| at.0);
                let to_at = if to > from { origin[(to - 1).min(last)].1 } else { from_at };
                (from_at as usize, to_at as usize)
            }
        };
        Span::new(self.evidence, self.start + from, self.start + to)
    }

    /// Offset in the text of a part of it.
    pub fn offset(&self, part: &str) -> usize {
        let from = (part.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        if from > self.text.len() { 0 } else { from }
    }

    /// Where a part of the text stands; it must be a slice of it.
    pub fn part(&self, part: &str) -> Span {
        let from = self.offset(part);
        self.span(from, (from + part.len()).min(self.text.len()))
    }

    /// A part of the text as a value.
    pub fn told(&self, part: &str) -> Told<String> {
        Told::new(part.to_owned(), self.part(part))
    }

    /// The message: what is behind the prefix, without blanks at its end.
    pub fn message(&self) -> &str {
        self.text[self.content..].trim_end()
    }

    /// The place of the message.
    pub fn message_span(&self) -> Span {
        self.part(self.message())
    }
}

/// Characters that are read as others.
const CHANGED: [char; 6] = ['‘', '’', '“', '”', '\u{a0}', '\u{202f}'];

/// The text of a line without escape sequences, with plain quotes, and where each byte came from; `None` when it is that already.
fn clean(bytes: &[u8]) -> Option<(String, Vec<(u32, u32)>)> {
    let plain = !bytes.contains(&0x1b)
        && (bytes.is_ascii() || std::str::from_utf8(bytes).is_ok_and(|text| !text.contains(CHANGED)));
    if plain {
        return None;
    }
    let (mut text, mut origin) = (String::with_capacity(bytes.len()), Vec::with_capacity(bytes.len()));
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == 0x1b {
            at += escape(&bytes[at..]);
            continue;
        }
        let (char, width) = first_char(&bytes[at..]);
        let char = match char {
            '‘' => '`',
            '’' => '\'',
            '“' | '”' => '"',
            // French puts one before a colon and inside of quotes.
            '\u{a0}' | '\u{202f}' => ' ',
            other => other,
        };
        text.push(char);
        origin.resize(text.len(), (at as u32, (at + width) as u32));
        at += width;
    }
    Some((text, origin))
}

/// The first character, and how many bytes it takes; a byte that is no UTF-8 becomes U+FFFD.
fn first_char(bytes: &[u8]) -> (char, usize) {
    let head = &bytes[..bytes.len().min(4)];
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default(),
    };
    valid.chars().next().map_or((char::REPLACEMENT_CHARACTER, 1), |char| (char, char.len_utf8()))
}

/// Length of an escape sequence (ECMA-48): a control sequence, an operating system command, or two bytes.
fn escape(bytes: &[u8]) -> usize {
    let rest = |from: usize, ends: fn(u8) -> bool| {
        bytes.iter().skip(from).position(|byte| ends(*byte)).map_or(bytes.len(), |end| from + end + 1)
    };
    match bytes.get(1) {
        Some(b'[') => rest(2, |byte| (0x40..=0x7e).contains(&byte)),
        // It ends with BEL, or with ESC and a backslash, whose second byte is an escape sequence of its own here.
        Some(b']') => rest(2, |byte| byte == 0x07 || byte == b'\\'),
        Some(b'(' | b')') => 3.min(bytes.len()),
        Some(_) => 2,
        None => 1,
    }
}

/// Length of what other tools put before a message.
fn prefix(text: &str) -> usize {
    let mut at = 0;
    // Each may come once or twice; text that is all prefixes is not worth more.
    for _ in 0..8 {
        let rest = &text[at..];
        let trimmed = rest.trim_start_matches([' ', '\t']);
        let blank = rest.len() - trimmed.len();
        let taken = one_prefix(trimmed);
        at += blank;
        if taken == 0 {
            break;
        }
        at += taken;
    }
    at
}

/// Length of one prefix at the beginning of `text`, 0 when there is none.
fn one_prefix(text: &str) -> usize {
    const WORDS: [&str; 10] = [
        // rustc's notes
        "= note: ",
        "= help: ",
        "| ",
        // GitHub Actions, Azure Pipelines
        "##[error]",
        "##[warning]",
        "::error::",
        "::warning::",
        // Maven, log4j
        "ERROR ",
        "INFO ",
        "WARN ",
    ];
    if let Some(word) = WORDS.iter().find(|word| text.starts_with(**word)) {
        return word.len();
    }
    if text == "|" {
        return 1;
    }
    [bracket, buildkit, stamp, columns, compose, syslog]
        .iter()
        .map(|form| form(text))
        .find(|taken| *taken > 0)
        .unwrap_or(0)
}

/// `[12/40] `, `[ 50%] `, `[2024-05-01T10:00:00Z] `, `[zlib-sys 1.1.8] `
fn bracket(text: &str) -> usize {
    let Some(inner) = text.strip_prefix('[') else { return 0 };
    match inner.find(']') {
        Some(end) if end <= 80 && !inner[..end].contains('[') && !inner.starts_with('-') => {
            let after = end + 2;
            if text[after..].starts_with(' ') { after + 1 } else { 0 }
        }
        _ => 0,
    }
}

/// `#12 3.456 `, `#12 ` of BuildKit
fn buildkit(text: &str) -> usize {
    let Some(rest) = text.strip_prefix('#') else { return 0 };
    let number = digits(rest);
    if number == 0 || !rest[number..].starts_with(' ') {
        return 0;
    }
    let after = &rest[number + 1..];
    let seconds = digits(after);
    let fraction = if seconds > 0 && after[seconds..].starts_with('.') { digits(&after[seconds + 1..]) } else { 0 };
    let clock = if fraction > 0 { seconds + 1 + fraction } else { 0 };
    let clock = if clock > 0 && after[clock..].starts_with(' ') { clock + 1 } else { 0 };
    1 + number + 1 + clock
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// Length of `pattern` at the beginning of `text`: `0` is a digit, all else is itself.
fn shape(text: &str, pattern: &str) -> bool {
    text.len() >= pattern.len()
        && pattern
            .bytes()
            .zip(text.bytes())
            .all(|(want, is)| if want == b'0' { is.is_ascii_digit() } else { want == is })
}

/// `2024-05-01T10:00:00.1234567Z `, `2024-05-01 10:00:00,123 +0200 `, `10:00:00 `
fn stamp(text: &str) -> usize {
    let date = if shape(text, "0000-00-00") { 11 } else { 0 };
    let clock = match text.get(date..) {
        Some(rest) if shape(rest, "00:00:00") => date + 8,
        _ => return 0,
    };
    if date > 0 && !matches!(text.as_bytes()[10], b'T' | b' ') {
        return 0;
    }
    let rest = &text[clock..];
    let fraction = if rest.starts_with(['.', ',']) { 1 + digits(&rest[1..]) } else { 0 };
    let rest = &rest[fraction..];
    let zone = if rest.starts_with('Z') {
        1
    } else if shape(rest, "+00:00") || shape(rest, "-00:00") {
        6
    } else if shape(rest, "+0000") || shape(rest, "-0000") {
        5
    } else if shape(rest, " +0000") || shape(rest, " -0000") {
        6
    } else {
        0
    };
    let end = clock + fraction + zone;
    let gap = text[end..].bytes().take_while(|byte| *byte == b' ').count();
    // A clock inside of a word is none, nor is the end of the line.
    if gap == 0 { 0 } else { end + 1 }
}

/// `JOB<tab>STEP<tab>2024-05-01T10:00:00.1234567Z ` of `gh run view --log`
fn columns(text: &str) -> usize {
    let mut tabs = text.match_indices('\t').map(|(at, _)| at + 1);
    match (tabs.next(), tabs.next()) {
        // The first line of a file of the log begins with a byte order mark.
        (Some(_), Some(third)) => {
            let mark = if text[third..].starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
            match stamp(&text[third + mark..]) {
                0 => 0,
                taken => third + mark + taken,
            }
        }
        _ => 0,
    }
}

/// `builder-1  | ` of docker compose
fn compose(text: &str) -> usize {
    let word =
        text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')).count();
    let blanks = text[word..].bytes().take_while(|byte| *byte == b' ').count();
    let bar = word + blanks;
    if word > 0 && blanks > 0 && text[bar..].starts_with("| ") { bar + 2 } else { 0 }
}

/// `Nov 26 03:20:50 host builder[123]: `
fn syslog(text: &str) -> usize {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = MONTHS.iter().any(|month| text.starts_with(*month));
    let day = text.get(3..6).is_some_and(|day| shape(day, " 00") || (day.starts_with("  ") && shape(&day[2..], "0")));
    if !month || !day || !text.get(6..).is_some_and(|rest| shape(rest, " 00:00:00 ")) {
        return 0;
    }
    let rest = &text[16..];
    match rest.find(": ") {
        Some(end) if rest[..end].matches(' ').count() <= 1 && rest[..end].ends_with(']') => 16 + end + 2,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        Line::new(EvidenceId(0), 0, text.as_bytes()).message().to_owned()
    }

    #[test]
    fn what_other_tools_put_before_a_message_is_passed() {
        for before in [
            "",
            "  = note: ",
            "          ",
            "[12/40] ",
            "[ 50%] ",
            "[native-sys 0.1.0] ",
            "2024-05-01T10:00:00.1234567Z ",
            "2024-05-01 10:00:00,123 +0200 ",
            "[2024-05-01T10:00:00Z] ",
            "10:00:00 [ 97%] ",
            "#12 3.456 ",
            "build\tLink the program\t2024-05-01T10:00:00.1234567Z ",
            "build\tLink\t\u{feff}2024-05-01T10:00:00.1Z ",
            "builder-1  | ",
            "Nov 26 03:20:50 host builder[123]: ",
            "2024-05-01T10:00:00Z ##[error]",
        ] {
            assert_eq!(message(&format!("{before}/usr/bin/ld: x")), "/usr/bin/ld: x", "{before}");
        }
    }

    #[test]
    fn colours_go_and_places_stay() {
        let bytes = "\u{1b}[1mld.lld: \u{1b}[0m\u{1b}[31merror: \u{1b}[0mundefined symbol: ‘f’".as_bytes();
        let line = Line::new(EvidenceId(0), 100, bytes);
        assert_eq!(line.message(), "ld.lld: error: undefined symbol: `f'");
        let at = line.text.find("error").unwrap();
        let span = line.span(at, at + 5);
        assert_eq!(&bytes[span.start as usize - 100..span.end as usize - 100], b"error");
        let quoted = line.text.find('`').unwrap();
        let span = line.span(quoted, quoted + 3);
        assert_eq!(&bytes[span.start as usize - 100..span.end as usize - 100], "‘f’".as_bytes());
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(message("a\u{1b}"), "a");
        let line = Line::new(EvidenceId(0), 0, b"ld: \xffx: bad");
        assert_eq!(line.message(), "ld: \u{fffd}x: bad");
        assert_eq!(line.part(&line.text[4..8]), Span::new(EvidenceId(0), 4, 6));
    }
}
