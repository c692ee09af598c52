//! Words of a command as a POSIX shell splits them (POSIX.1-2017, Shell Command Language, 2.2 Quoting and 2.3 Token Recognition).
//!
//! Nothing is expanded: what a shell would replace (`$x`, `` `x` ``, `*`, `~`) stays in the word, and its place is reported.

use casebook_core::{EvidenceId, Span, Unmodelled};

/// A word, or what stands between words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A word, without its quotes.
    Word(ShellWord),
    /// An operator that ends a command: `;`, `&`, `|`, `&&`, `||`, `(`, `)`, the end of a line.
    Operator(Operator, Span),
    /// A redirection with its target: `2>&1`, `> log.txt`.
    Redirection(Span),
}

/// A word of a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShellWord {
    /// Its text, quotes removed. Bytes that are no UTF-8 are replaced.
    pub text: String,
    /// Where it stands, quotes included.
    pub span: Span,
    /// How many bytes at its beginning are a quote that belongs to the whole word: 1 for `"a b"`, 0 for `ab`; `None` when text and
    /// evidence do not agree byte by byte inside of it (`a\ b`, `x"y"`).
    pub quote: Option<u8>,
}

/// What ends a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `;` or the end of a line.
    End,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `|`
    Pipe,
    /// `&`
    Background,
    /// `(` or `)`
    Paren,
}

/// The tokens of one text that begins at `start` of its evidence.
pub fn split(text: &[u8], evidence: EvidenceId, start: usize, unmodelled: &mut Vec<Unmodelled>) -> Vec<Token> {
    let mut splitter = Splitter { text, evidence, start, at: 0, unmodelled, out: Vec::new() };
    splitter.run();
    splitter.out
}

struct Splitter<'a> {
    text: &'a [u8],
    evidence: EvidenceId,
    start: usize,
    at: usize,
    unmodelled: &'a mut Vec<Unmodelled>,
    out: Vec<Token>,
}

/// Gaps of one command that are kept.
const MOST_GAPS: usize = 64;

impl Splitter<'_> {
    fn run(&mut self) {
        while let Some(byte) = self.peek(0) {
            match byte {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\\' if self.peek(1) == Some(b'\n') => self.at += 2,
                b'\\' if self.peek(1) == Some(b'\r') && self.peek(2) == Some(b'\n') => self.at += 3,
                b'\n' => self.operator(Operator::End, 1),
                b'#' => self.comment(),
                b';' => self.operator(Operator::End, 1),
                b'&' if self.peek(1) == Some(b'&') => self.operator(Operator::And, 2),
                b'&' if self.peek(1) == Some(b'>') => self.redirection(self.at),
                b'&' => self.operator(Operator::Background, 1),
                b'|' if self.peek(1) == Some(b'|') => self.operator(Operator::Or, 2),
                b'|' => self.operator(Operator::Pipe, 1),
                b'(' | b')' => self.operator(Operator::Paren, 1),
                b'<' | b'>' => self.redirection(self.at),
                _ => self.word(),
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    fn span(&self, from: usize, to: usize) -> Span {
        Span::new(self.evidence, self.start + from, self.start + to)
    }

    fn gap(&mut self, from: usize, to: usize, why: &str) {
        if self.unmodelled.len() < MOST_GAPS {
            let span = self.span(from, to);
            self.unmodelled.push(Unmodelled::new(span, why));
        }
    }

    fn operator(&mut self, operator: Operator, length: usize) {
        let span = self.span(self.at, self.at + length);
        self.at += length;
        self.out.push(Token::Operator(operator, span));
    }

    fn comment(&mut self) {
        while self.peek(0).is_some_and(|byte| byte != b'\n') {
            self.at += 1;
        }
    }

    /// A redirection; `from` is where its descriptor begins.
    fn redirection(&mut self, from: usize) {
        while matches!(self.peek(0), Some(b'<' | b'>' | b'&' | b'|')) {
            self.at += 1;
        }
        while matches!(self.peek(0), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        let mut reported = Vec::new();
        std::mem::swap(&mut reported, self.unmodelled);
        if self.peek(0).is_some_and(|byte| !is_break(byte)) {
            self.read_word();
        }
        // Where output goes changes nothing of the link.
        std::mem::swap(&mut reported, self.unmodelled);
        let span = self.span(from, self.at);
        self.out.push(Token::Redirection(span));
    }

    fn word(&mut self) {
        let from = self.at;
        let (bytes, quote) = self.read_word();
        let digits = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
        if digits && quote == Some(0) && matches!(self.peek(0), Some(b'<' | b'>')) {
            self.redirection(from);
            return;
        }
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                self.gap(from, self.at, "not UTF-8");
                String::from_utf8_lossy(error.as_bytes()).into_owned()
            }
        };
        let span = self.span(from, self.at);
        self.out.push(Token::Word(ShellWord { text, span, quote }));
    }

    /// Reads to the end of a word; true when it is without quotes, escapes and the like.
    fn read_word(&mut self) -> (Vec<u8>, Option<u8>) {
        let from = self.at;
        let mut out = Vec::new();
        // Stretches that were quoted, to know whether one pair of quotes holds all of it.
        let (mut quoted, mut escaped) = (0u32, false);
        let mut closed = 0;
        while let Some(byte) = self.peek(0) {
            match byte {
                byte if is_break(byte) => break,
                b'\'' => {
                    quoted += 1;
                    self.single(&mut out);
                    closed = self.at;
                }
                b'"' => {
                    quoted += 1;
                    escaped |= self.double(&mut out);
                    closed = self.at;
                }
                b'\\' => {
                    escaped = true;
                    self.escape(&mut out);
                }
                b'$' if self.peek(1).is_some_and(|next| next.is_ascii_alphanumeric() || b"_({".contains(&next)) => {
                    self.expansion(&mut out);
                }
                b'`' => self.command(&mut out),
                b'*' | b'?' => {
                    let at = self.at;
                    self.gap(at, at + 1, "a pattern that the shell replaces by names of files");
                    self.take(&mut out);
                }
                b'~' if self.at == from => {
                    let at = self.at;
                    self.gap(at, at + 1, "a home folder that the shell fills in");
                    self.take(&mut out);
                }
                _ => self.take(&mut out),
            }
        }
        let whole = quoted == 1 && closed == self.at && matches!(self.text.get(from), Some(b'\'' | b'"'));
        let quote = match (quoted, escaped) {
            (0, false) => Some(0),
            (1, false) if whole && out.len() + 2 == self.at - from => Some(1),
            _ => None,
        };
        (out, quote)
    }

    /// `` `command` ``, kept as it stands to its end on this line.
    fn command(&mut self, out: &mut Vec<u8>) {
        let from = self.at;
        let rest = self.text.get(from + 1..).unwrap_or_default();
        let line = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let length = rest[..line].iter().position(|byte| *byte == b'`').map_or(1, |end| end + 2);
        out.extend(&self.text[from..from + length]);
        self.at += length;
        self.gap(from, from + length, "a command's output is put here by the shell");
    }

    fn take(&mut self, out: &mut Vec<u8>) {
        out.extend(self.peek(0));
        self.at += 1;
    }

    fn single(&mut self, out: &mut Vec<u8>) {
        let open = self.at;
        self.at += 1;
        loop {
            match self.peek(0) {
                None => return self.gap(open, self.text.len(), "a quote that is not closed"),
                Some(b'\'') => break,
                Some(_) => self.take(out),
            }
        }
        self.at += 1;
    }

    /// Returns true when an escape was in it.
    fn double(&mut self, out: &mut Vec<u8>) -> bool {
        let open = self.at;
        let mut escaped = false;
        self.at += 1;
        loop {
            match self.peek(0) {
                None => {
                    self.gap(open, self.text.len(), "a quote that is not closed");
                    return escaped;
                }
                Some(b'"') => break,
                Some(b'\\') if self.peek(1) == Some(b'\n') => {
                    escaped = true;
                    self.at += 2;
                }
                Some(b'\\') if self.peek(1).is_some_and(|next| b"$`\"\\".contains(&next)) => {
                    escaped = true;
                    self.at += 1;
                    self.take(out);
                }
                Some(b'$') if self.peek(1).is_some_and(|next| next.is_ascii_alphabetic() || b"_({".contains(&next)) => {
                    self.expansion(out);
                }
                Some(_) => self.take(out),
            }
        }
        self.at += 1;
        escaped
    }

    fn escape(&mut self, out: &mut Vec<u8>) {
        self.at += 1;
        match self.peek(0) {
            Some(b'\n') => self.at += 1,
            Some(_) => self.take(out),
            None => {}
        }
    }

    /// `$x`, `${x}`, `$(x)`: kept as it stands.
    fn expansion(&mut self, out: &mut Vec<u8>) {
        let from = self.at;
        self.take(out);
        let close = match self.peek(0) {
            Some(b'{') => Some(b'}'),
            Some(b'(') => Some(b')'),
            _ => None,
        };
        let named = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        match close {
            None => {
                while self.peek(0).is_some_and(named) {
                    self.take(out);
                }
            }
            Some(close) => {
                let rest = self.text.get(self.at..).unwrap_or_default();
                let line = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                if let Some(end) = rest[..line].iter().position(|byte| *byte == close) {
                    out.extend(&rest[..=end]);
                    self.at += end + 1;
                } else {
                    self.take(out);
                }
            }
        }
        let to = self.at;
        self.gap(from, to, "a value the shell puts here is not known");
    }
}

fn is_break(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let tokens = split(text.as_bytes(), EvidenceId(0), 0, &mut Vec::new());
        let word = |token: Token| match token {
            Token::Word(word) => word.text,
            Token::Operator(operator, _) => format!("<{operator:?}>"),
            Token::Redirection(_) => "<Redirection>".to_owned(),
        };
        tokens.into_iter().map(word).collect()
    }

    #[test]
    fn quotes_are_removed_as_posix_says() {
        assert_eq!(words(r#"a 'b c' "d e" f\ g "h\"i" '$x' "a\b""#), ["a", "b c", "d e", "f g", "h\"i", "$x", "a\\b"]);
    }

    #[test]
    fn operators_and_redirections_are_no_words() {
        let expected = [":", "<And>", "cc", "a.o", "<Redirection>", "<Redirection>", "<And>", ":"];
        assert_eq!(words(": && cc a.o 2>&1 > log && :"), expected);
        assert_eq!(words("cc a\\\n b;c"), ["cc", "a", "b", "<End>", "c"]);
    }

    #[test]
    fn what_a_shell_would_replace_is_reported_and_kept() {
        let mut gaps = Vec::new();
        let text = br#"cc $LIBS "${A}/x" '$n' lib*.a $ORIGIN/.."#;
        let tokens = split(text, EvidenceId(0), 0, &mut gaps);
        let at: Vec<&[u8]> = gaps.iter().map(|gap| &text[gap.span.range()]).collect();
        assert_eq!(at, [&b"$LIBS"[..], b"${A}", b"*", b"$ORIGIN"]);
        assert!(matches!(&tokens[1], Token::Word(word) if word.text == "$LIBS"));
    }

    #[test]
    fn a_word_knows_whether_its_text_and_place_agree() {
        let tokens = split(br#"ab "cd" e\f x"y""#, EvidenceId(0), 0, &mut Vec::new());
        let quotes: Vec<Option<u8>> = tokens
            .iter()
            .filter_map(|token| if let Token::Word(word) = token { Some(word.quote) } else { None })
            .collect();
        assert_eq!(quotes, [Some(0), Some(1), None, None]);
    }
}
