//! nginx's configuration to a tree of directives, cut into words as `ngx_conf_read_token` (src/core/ngx_conf_file.c) does.

use casebook_core::{EvidenceId, Span, Unmodelled};

/// Blocks in blocks; what lies deeper is unmodelled.
const MAX_DEPTH: usize = 64;

/// A word after quotes and escapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The text.
    pub text: String,
    /// Where, quotes included.
    pub span: Span,
}

impl Word {
    /// True when the word holds a variable (`$name`, and `${name}` of templates).
    pub fn varies(&self) -> bool {
        self.text.contains('$')
    }
}

/// A directive, with its block if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// Name and arguments; there is one at least.
    pub words: Vec<Word>,
    /// What stands between its braces.
    pub block: Option<Vec<Directive>>,
    /// From the name to the semicolon or the closing brace.
    pub span: Span,
}

impl Directive {
    /// Its name.
    pub fn name(&self) -> &str {
        self.words.first().map_or("", |word| word.text.as_str())
    }

    /// Its arguments.
    pub fn args(&self) -> &[Word] {
        self.words.get(1..).unwrap_or_default()
    }

    /// Name and arguments without the block, for a place that is a line.
    pub fn head(&self) -> Span {
        self.words.iter().fold(self.words.first().map_or(self.span, |word| word.span), |span, word| span.to(word.span))
    }
}

enum End {
    Semicolon,
    Open,
    Close,
    File,
}

struct Lexer<'a> {
    id: EvidenceId,
    bytes: &'a [u8],
    at: usize,
    gaps: Vec<Unmodelled>,
}

/// Directives of one file, and the places nginx would refuse.
pub fn parse(id: EvidenceId, bytes: &[u8]) -> (Vec<Directive>, Vec<Unmodelled>) {
    let mut lexer = Lexer { id, bytes, at: 0, gaps: Vec::new() };
    let mut stack: Vec<(Directive, Vec<Directive>)> = Vec::new();
    let mut list: Vec<Directive> = Vec::new();
    loop {
        let begin = lexer.at;
        let (words, end) = lexer.statement();
        let start = words.first().map_or(begin as u64, |word| word.span.start);
        let span = Span { evidence: id, start, end: lexer.at as u64 };
        match end {
            End::Semicolon if words.is_empty() => lexer.gap(lexer.at.saturating_sub(1), "unexpected `;`"),
            End::Semicolon => list.push(Directive { words, block: None, span }),
            End::Open if words.is_empty() => {
                lexer.gap(lexer.at.saturating_sub(1), "a block without a name");
                lexer.skip_block();
            }
            End::Open => {
                let name = words[0].text.as_str();
                if name.ends_with("_by_lua_block") || stack.len() >= MAX_DEPTH {
                    let why = if stack.len() >= MAX_DEPTH { "blocks nested too deep" } else { "code in Lua" };
                    lexer.skip_block();
                    let span = Span { end: lexer.at as u64, ..span };
                    lexer.gaps.push(Unmodelled::new(span, why));
                } else {
                    stack.push((Directive { words, block: None, span }, std::mem::take(&mut list)));
                }
            }
            End::Close => {
                if !words.is_empty() {
                    let span = words.iter().fold(words[0].span, |span, word| span.to(word.span));
                    lexer.gaps.push(Unmodelled::new(span, "a directive without `;`"));
                }
                match stack.pop() {
                    Some((mut directive, outer)) => {
                        directive.block = Some(std::mem::replace(&mut list, outer));
                        directive.span.end = lexer.at as u64;
                        list.push(directive);
                    }
                    None => lexer.gap(lexer.at.saturating_sub(1), "unexpected `}`"),
                }
            }
            End::File => {
                if !words.is_empty() {
                    lexer.gaps.push(Unmodelled::new(span, "the file ends in a directive"));
                }
                break;
            }
        }
    }
    while let Some((mut directive, outer)) = stack.pop() {
        lexer.gaps.push(Unmodelled::new(directive.head(), "a block that is not closed"));
        directive.block = Some(std::mem::replace(&mut list, outer));
        directive.span.end = bytes.len() as u64;
        list.push(directive);
    }
    (list, lexer.gaps)
}

impl Lexer<'_> {
    fn gap(&mut self, at: usize, why: &str) {
        self.gaps.push(Unmodelled::new(Span::new(self.id, at, (at + 1).min(self.bytes.len())), why));
    }

    /// Words up to `;`, `{` or `}`.
    fn statement(&mut self) -> (Vec<Word>, End) {
        let mut words = Vec::new();
        loop {
            let Some(byte) = self.bytes.get(self.at).copied() else { return (words, End::File) };
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => self.at += 1,
                b'#' => {
                    while self.bytes.get(self.at).is_some_and(|byte| *byte != b'\n') {
                        self.at += 1;
                    }
                }
                b';' => {
                    self.at += 1;
                    return (words, End::Semicolon);
                }
                b'{' => {
                    self.at += 1;
                    return (words, End::Open);
                }
                b'}' => {
                    self.at += 1;
                    return (words, End::Close);
                }
                b'"' | b'\'' => words.push(self.quoted(byte)),
                _ => words.push(self.plain()),
            }
        }
    }

    fn word(&self, start: usize, end: usize, outer: (usize, usize)) -> Word {
        let raw = self.bytes.get(start..end).unwrap_or_default();
        let mut out = Vec::with_capacity(raw.len());
        let mut at = 0;
        while let Some(byte) = raw.get(at).copied() {
            let replaced = match (byte, raw.get(at + 1)) {
                (b'\\', Some(next @ (b'"' | b'\'' | b'\\'))) => Some(*next),
                (b'\\', Some(b't')) => Some(b'\t'),
                (b'\\', Some(b'r')) => Some(b'\r'),
                (b'\\', Some(b'n')) => Some(b'\n'),
                _ => None,
            };
            out.push(replaced.unwrap_or(byte));
            at += 1 + usize::from(replaced.is_some());
        }
        Word { text: String::from_utf8_lossy(&out).into_owned(), span: Span::new(self.id, outer.0, outer.1) }
    }

    fn quoted(&mut self, quote: u8) -> Word {
        let begin = self.at;
        self.at += 1;
        loop {
            match self.bytes.get(self.at) {
                None => {
                    self.at = self.bytes.len();
                    self.gap(begin, "a quote is not closed");
                    return self.word(begin + 1, self.at, (begin, self.at));
                }
                Some(b'\\') => self.at = (self.at + 2).min(self.bytes.len()),
                Some(byte) if *byte == quote => break,
                Some(_) => self.at += 1,
            }
        }
        let word = self.word(begin + 1, self.at, (begin, self.at + 1));
        self.at += 1;
        // A space, `;`, `{` or `)` follows; `)` begins no word of its own.
        match self.bytes.get(self.at) {
            Some(b')') => self.at += 1,
            Some(b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{') | None => {}
            Some(_) => self.gap(self.at, "nothing can follow a closing quote"),
        }
        word
    }

    fn plain(&mut self) -> Word {
        let begin = self.at;
        let mut variable = false;
        while let Some(byte) = self.bytes.get(self.at).copied() {
            match byte {
                b'{' if variable => {}
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' if self.at > begin => break,
                b'\\' => {
                    variable = false;
                    self.at = (self.at + 2).min(self.bytes.len());
                    continue;
                }
                b'$' => variable = true,
                _ => variable = false,
            }
            self.at += 1;
        }
        self.word(begin, self.at, (begin, self.at))
    }

    /// To the brace that closes the block just opened; quotes and comments of Lua can hold braces.
    fn skip_block(&mut self) {
        let mut depth = 1usize;
        while let Some(byte) = self.bytes.get(self.at).copied() {
            self.at += 1;
            match byte {
                b'{' => depth += 1,
                b'}' if depth == 1 => return,
                b'}' => depth -= 1,
                b'"' | b'\'' => {
                    while let Some(inner) = self.bytes.get(self.at).copied() {
                        self.at = (self.at + 1 + usize::from(inner == b'\\')).min(self.bytes.len());
                        if inner == byte || inner == b'\n' {
                            break;
                        }
                    }
                }
                b'-' if self.bytes.get(self.at) == Some(&b'-') => {
                    while self.bytes.get(self.at).is_some_and(|byte| *byte != b'\n') {
                        self.at += 1;
                    }
                }
                _ => {}
            }
        }
    }
}
