//! Text to tokens, as nft's scanner does (src/scanner.l), without its start conditions: a word is a word and
//! the parser decides whether it is a keyword where it stands.

use casebook_core::{EvidenceId, Span};

/// Kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tok {
    /// Letters, digits and `_ - . /`, beginning with a letter, `_` or `.`; with a trailing or inner `*`.
    Word,
    /// Begins with a digit: `80`, `0x1f`, `10.0.0.1`, `1h30m`.
    Number,
    /// IPv6 or Ethernet address.
    Addr,
    /// `"…"`.
    Str,
    /// `$`
    Dollar,
    /// `@`
    At,
    /// `{`
    Open,
    /// `}`
    Close,
    /// `(`
    ParenOpen,
    /// `)`
    ParenClose,
    /// `[`
    BracketOpen,
    /// `]`
    BracketClose,
    /// `,`
    Comma,
    /// `.`
    Dot,
    /// `:`
    Colon,
    /// `;`
    Semi,
    /// End of a line, with the handle a `# handle N` comment on it gave.
    Newline,
    /// `-`
    Dash,
    /// `/`
    Slash,
    /// `*`
    Star,
    /// `+`
    Plus,
    /// `=`
    Assign,
    /// `==`
    EqEq,
    /// `!=`
    NotEq,
    /// `!`
    Bang,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `<<`
    Shl,
    /// `>>`
    Shr,
    /// `&`
    Amp,
    /// `|`
    Pipe,
    /// `^`
    Caret,
    /// A byte no token begins with.
    Bad,
    /// End of the file.
    Eof,
}

/// A token: kind and byte range.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    /// Kind.
    pub tok: Tok,
    /// First byte.
    pub start: u32,
    /// One past the last.
    pub end: u32,
    /// For [`Tok::Newline`]: handle + 1 of a `# handle N` comment, 0 without one.
    handle: u32,
}

impl Token {
    /// The span in `evidence`.
    pub fn span(&self, evidence: EvidenceId) -> Span {
        Span::new(evidence, self.start as usize, self.end as usize)
    }

    /// Handle named in the comment before a newline.
    pub fn handle(&self) -> Option<u64> {
        self.handle.checked_sub(1).map(u64::from)
    }
}

/// Longest token kept as one; a longer run of word characters is cut (nft's own buffer is 16 KiB).
const MAX_WORD: usize = 1 << 20;

/// All tokens of `text`, ending with one `Eof`. Text past 4 GiB is not read; collectors cut far earlier.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer { bytes: text.as_bytes(), text, at: 0, out: Vec::with_capacity(text.len() / 5 + 8) };
    lexer.run();
    lexer.out
}

struct Lexer<'a> {
    bytes: &'a [u8],
    text: &'a str,
    at: usize,
    out: Vec<Token>,
}

impl Lexer<'_> {
    fn push(&mut self, tok: Tok, start: usize, end: usize) {
        self.out.push(Token { tok, start: start as u32, end: end as u32, handle: 0 });
        self.at = end;
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn run(&mut self) {
        let limit = self.bytes.len().min(u32::MAX as usize - 1);
        while self.at < limit {
            let start = self.at;
            let byte = self.bytes[start];
            let one = |tok| (tok, 1);
            let (tok, len) = match byte {
                b' ' | b'\t' | b'\r' => {
                    self.at += 1;
                    continue;
                }
                b'\n' => one(Tok::Newline),
                b'#' => {
                    self.comment();
                    continue;
                }
                b'\\' if self.continuation() => continue,
                b'"' => {
                    self.quoted();
                    continue;
                }
                b'{' => one(Tok::Open),
                b'}' => one(Tok::Close),
                b'(' => one(Tok::ParenOpen),
                b')' => one(Tok::ParenClose),
                b'[' => one(Tok::BracketOpen),
                b']' => one(Tok::BracketClose),
                b',' => one(Tok::Comma),
                b';' => one(Tok::Semi),
                b'$' => one(Tok::Dollar),
                b'@' => one(Tok::At),
                b'-' => one(Tok::Dash),
                b'/' => one(Tok::Slash),
                b'*' => one(Tok::Star),
                b'+' => one(Tok::Plus),
                b'&' => one(Tok::Amp),
                b'|' => one(Tok::Pipe),
                b'^' => one(Tok::Caret),
                b'=' if self.peek(1) == b'=' => (Tok::EqEq, 2),
                b'=' => one(Tok::Assign),
                b'!' if self.peek(1) == b'=' => (Tok::NotEq, 2),
                b'!' => one(Tok::Bang),
                b'<' if self.peek(1) == b'<' => (Tok::Shl, 2),
                b'<' if self.peek(1) == b'=' => (Tok::Le, 2),
                b'<' => one(Tok::Lt),
                b'>' if self.peek(1) == b'>' => (Tok::Shr, 2),
                b'>' if self.peek(1) == b'=' => (Tok::Ge, 2),
                b'>' => one(Tok::Gt),
                b':' if self.peek(1) != b':' => one(Tok::Colon),
                b'.' if !is(self.peek(1), WORD) => one(Tok::Dot),
                _ => {
                    self.word();
                    continue;
                }
            };
            self.push(tok, start, start + len);
        }
        let end = limit;
        self.push(Tok::Eof, end, end);
    }

    /// `\` before a line end joins the lines.
    fn continuation(&mut self) -> bool {
        let rest = &self.bytes[self.at + 1..];
        let skip = match rest {
            [b'\n', ..] => 2,
            [b'\r', b'\n', ..] => 3,
            _ => return false,
        };
        self.at += skip;
        true
    }

    /// A comment runs to the end of the line. `# handle 7` at its end is how `nft -a` writes handles.
    fn comment(&mut self) {
        let start = self.at;
        let end = self.bytes[start..].iter().position(|byte| *byte == b'\n').map_or(self.bytes.len(), |n| start + n);
        let handle = self.text.get(start..end).and_then(|comment| {
            let (_, number) = comment.rsplit_once("# handle ")?;
            number.trim().parse::<u32>().ok()
        });
        if self.bytes.get(end) == Some(&b'\n') {
            self.push(Tok::Newline, end, end + 1);
            if let (Some(handle), Some(token)) = (handle, self.out.last_mut()) {
                token.handle = handle.saturating_add(1);
            }
        } else {
            self.at = end;
        }
    }

    /// A quoted string ends on its line's quote; nft has no escapes in strings.
    fn quoted(&mut self) {
        let start = self.at;
        let rest = &self.bytes[start + 1..];
        match rest.iter().take(MAX_WORD).position(|byte| *byte == b'"' || *byte == b'\n') {
            Some(n) if rest[n] == b'"' => self.push(Tok::Str, start, start + n + 2),
            Some(n) => self.push(Tok::Bad, start, start + 1 + n),
            None => self.push(Tok::Bad, start, (start + 1 + MAX_WORD).min(self.bytes.len())),
        }
    }

    /// Words, numbers and addresses. The longest match wins, as in flex.
    fn word(&mut self) {
        let start = self.at;
        let first = self.bytes[start];
        if let Some(len) = address(self.text, start) {
            return self.push(Tok::Addr, start, start + len);
        }
        if first.is_ascii_digit() {
            let mut end = start + run_of(&self.bytes[start..], NUMBER);
            // `10.` is a number and a dot: concatenations are written `22 . 80`, sometimes without spaces.
            while end > start + 1 && self.bytes[end - 1] == b'.' {
                end -= 1;
            }
            return self.push(Tok::Number, start, end);
        }
        if first.is_ascii_alphabetic() || first == b'_' || first == b'.' {
            let mut end = start + run_of(&self.bytes[start..], WORD);
            while end < self.bytes.len() && end - start < MAX_WORD {
                match self.bytes[end] {
                    byte if is(byte, WORD) || byte == b'*' => end += 1,
                    b'\\' if self.bytes.get(end + 1) == Some(&b'*') => end += 2,
                    _ => break,
                }
            }
            return self.push(Tok::Word, start, end);
        }
        if first == b':' {
            return self.push(Tok::Colon, start, start + 1);
        }
        // A quoted string that was cut at its limit may have ended inside a character.
        let len = self.text.get(start..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
        self.push(Tok::Bad, start, start + len);
    }
}

/// Classes of bytes: a look-up instead of comparisons, for every byte of the text passes here.
const WORD: u8 = 1;
const NUMBER: u8 = 2;
const HEX: u8 = 4;

const CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.' {
            table[at] = WORD | NUMBER;
        }
        if byte == b'-' || byte == b'/' {
            table[at] = WORD;
        }
        if byte.is_ascii_hexdigit() {
            table[at] |= HEX;
        }
        at += 1;
    }
    table
};

#[inline]
fn is(byte: u8, class: u8) -> bool {
    CLASS[usize::from(byte)] & class != 0
}

/// Bytes from the start that are of a class, at most [`MAX_WORD`].
#[inline]
fn run_of(bytes: &[u8], class: u8) -> usize {
    bytes.iter().take(MAX_WORD).take_while(|byte| is(**byte, class)).count()
}

/// Length of an IPv6 or Ethernet address at `start`, when there is one.
fn address(text: &str, start: usize) -> Option<usize> {
    let bytes = &text.as_bytes()[start..];
    // Most words are none: the first group of an address ends at a colon.
    let mut len = bytes.iter().take(5).take_while(|byte| is(**byte, HEX)).count();
    if bytes.get(len) != Some(&b':') {
        return None;
    }
    let mut colons = 0;
    while len < bytes.len() && len < 48 {
        match bytes[len] {
            b':' => colons += 1,
            byte if is(byte, HEX) => {}
            b'.' if colons >= 2 && bytes.get(len + 1).is_some_and(u8::is_ascii_digit) => {}
            _ => break,
        }
        len += 1;
    }
    if colons < 2 {
        return None;
    }
    // A word goes on where the address would end (`a::b-c`): then it is not an address.
    loop {
        let candidate = text.get(start..start + len)?;
        if is_mac(candidate) || candidate.parse::<std::net::Ipv6Addr>().is_ok() {
            return Some(len);
        }
        // `::1: accept`: the last colon belongs to the map.
        if !candidate.ends_with(':') {
            return None;
        }
        len -= 1;
    }
}

fn is_mac(text: &str) -> bool {
    let mut groups = 0;
    for group in text.split(':') {
        if group.is_empty() || group.len() > 2 || !group.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return false;
        }
        groups += 1;
    }
    groups == 6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(Tok, &str)> {
        tokens(text).iter().map(|t| (t.tok, &text[t.start as usize..t.end as usize])).collect()
    }

    #[test]
    fn addresses_win_over_words_and_numbers() {
        assert_eq!(kinds("fe80::1/64")[0], (Tok::Addr, "fe80::1"));
        assert_eq!(kinds("aa:bb:cc:dd:ee:ff")[0], (Tok::Addr, "aa:bb:cc:dd:ee:ff"));
        assert_eq!(kinds("::1: accept")[..2], [(Tok::Addr, "::1"), (Tok::Colon, ":")]);
        assert_eq!(kinds("22:accept")[..3], [(Tok::Number, "22"), (Tok::Colon, ":"), (Tok::Word, "accept")]);
        assert_eq!(kinds("10.0.0.1:80")[..3], [(Tok::Number, "10.0.0.1"), (Tok::Colon, ":"), (Tok::Number, "80")]);
    }

    #[test]
    fn words_hold_dashes_slashes_and_wildcards() {
        assert_eq!(kinds("mark-scraper-traffic")[0], (Tok::Word, "mark-scraper-traffic"));
        assert_eq!(kinds("eth*")[0], (Tok::Word, "eth*"));
        assert_eq!(kinds("1000-2000")[1], (Tok::Dash, "-"));
    }

    #[test]
    fn comments_end_lines_and_carry_handles() {
        let list = tokens("accept # handle 5\ndrop # why\n");
        let handles: Vec<_> = list.iter().filter(|t| t.tok == Tok::Newline).map(Token::handle).collect();
        assert_eq!(handles, [Some(5), None]);
    }

    #[test]
    fn a_backslash_joins_lines() {
        assert!(!kinds("tcp \\\n dport 22").iter().any(|(tok, _)| *tok == Tok::Newline));
    }
}
