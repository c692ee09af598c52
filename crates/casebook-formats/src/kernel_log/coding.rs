//! Where a byte of a text stands in the file, when the file holds the text with escapes.

use super::Place;

/// How a text is written in the file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Map<'r> {
    /// As it is, from this byte on.
    Plain(usize),
    /// With escapes: `raw` begins at byte `start` of the file.
    Escaped { raw: &'r [u8], start: usize, escapes: Escapes },
    /// In a way that has no places of its own.
    Whole(Place),
}

/// A way to write bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escapes {
    /// A string of JSON.
    Json,
    /// An array of numbers (docs/JOURNAL_EXPORT_FORMATS.md).
    Numbers,
    /// `\x0a` (kernel/printk/printk.c, `append_char` in `msg_print_ext_body`).
    Kmsg,
}

impl<'r> Map<'r> {
    pub(super) fn place(&self, from: usize, to: usize) -> Place {
        match *self {
            Map::Plain(start) => (start + from, start + to),
            Map::Whole(place) => place,
            Map::Escaped { raw, start, escapes } => {
                let mut walk = Walk { raw, at: 0, text: 0, escapes };
                let begin = walk.begin_of(from);
                let end = if to > from { walk.end_of(to) } else { begin };
                (start + begin, start + end)
            }
        }
    }

    /// The map of what follows after `text` bytes of the text.
    pub(super) fn after(&self, text: usize) -> Map<'r> {
        match *self {
            Map::Plain(start) => Map::Plain(start + text),
            Map::Whole(place) => Map::Whole(place),
            Map::Escaped { raw, start, escapes } => {
                let at = Walk { raw, at: 0, text: 0, escapes }.begin_of(text);
                Map::Escaped { raw: raw.get(at..).unwrap_or(&[]), start: start + at, escapes }
            }
        }
    }
}

/// Walks written bytes and text side by side.
struct Walk<'r> {
    raw: &'r [u8],
    at: usize,
    text: usize,
    escapes: Escapes,
}

impl Walk<'_> {
    /// Where byte `text` of the text begins.
    fn begin_of(&mut self, text: usize) -> usize {
        while self.text < text && self.at < self.raw.len() {
            self.step();
        }
        if self.escapes == Escapes::Numbers {
            let digit = |byte: &u8| byte.is_ascii_digit();
            self.at += self.raw[self.at..].iter().position(digit).unwrap_or(0);
        }
        self.at
    }

    /// Where byte `text - 1` of the text ends.
    fn end_of(&mut self, text: usize) -> usize {
        while self.text < text && self.at < self.raw.len() {
            self.step();
        }
        self.at
    }

    /// One unit: a plain byte, or an escape with all the bytes it stands for.
    fn step(&mut self) {
        let rest = &self.raw[self.at..];
        let (written, bytes) = match self.escapes {
            Escapes::Json => json(rest),
            Escapes::Kmsg => match rest {
                [b'\\', b'x', _, _, ..] => (4, 1),
                _ => (1, 1),
            },
            Escapes::Numbers => {
                let digit = |byte: &u8| byte.is_ascii_digit();
                let before = rest.iter().position(digit).unwrap_or(rest.len());
                let digits = rest[before..].iter().take_while(|byte| digit(byte)).count();
                ((before + digits).max(1), 1)
            }
        };
        self.at = (self.at + written).min(self.raw.len());
        self.text += bytes;
    }
}

/// Bytes of a unit of a JSON string, and of what it stands for; as [`crate::journal`] reads it.
fn json(rest: &[u8]) -> (usize, usize) {
    let unit = |at: usize| {
        let digits = std::str::from_utf8(rest.get(at..at + 4)?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    match rest {
        [b'\\', b'u', ..] => match unit(2) {
            None => (2, 2),
            Some(first) if (0xd800..0xdc00).contains(&first) && rest.get(6..8) == Some(b"\\u") => match unit(8) {
                Some(second) if (0xdc00..0xe000).contains(&second) => (12, 4),
                _ => (6, 3),
            },
            Some(first) => (6, char::from_u32(first).map_or(3, char::len_utf8)),
        },
        [b'\\', b'n' | b't' | b'r' | b'b' | b'f' | b'"' | b'\\' | b'/', ..] => (2, 1),
        [b'\\', _, ..] => (2, 2),
        _ => (1, 1),
    }
}

/// Takes the escapes of `/dev/kmsg` out of a text.
pub(super) fn unescape_kmsg(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((byte, after)) = rest.split_first() {
        let escaped = match rest {
            [b'\\', b'x', high, low, ..] => {
                hexadecimal(*high).zip(hexadecimal(*low)).map(|(high, low)| high << 4 | low)
            }
            _ => None,
        };
        match escaped {
            Some(escaped) => {
                out.push(escaped);
                rest = &rest[4..];
            }
            // What is no escape counts as `Walk` counts it.
            None if rest.len() > 3 && rest.starts_with(b"\\x") => {
                out.push(b'?');
                rest = &rest[4..];
            }
            None => {
                out.push(*byte);
                rest = after;
            }
        }
    }
    out
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}
