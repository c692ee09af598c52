//! Tokens of a file and of the files it includes, and the defines in scope.

use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

use casebook_core::{EvidenceId, EvidenceSet, Span};

use super::lexer::{Tok, Token, tokens};
use crate::nft::ast::{Expr, SyntaxError, Word};

/// `MAX_INCLUDE_DEPTH` of nft (src/scanner.l).
pub const MAX_INCLUDE_DEPTH: usize = 16;

/// Most tokens read over all includes of one root: a file that includes itself twice doubles on every level.
const MAX_TOKENS: usize = 64_000_000;

/// Tokens all uses of variables may unfold to: defines that use each other twice double on every level.
const MAX_UNFOLDED: u64 = 1 << 22;

/// Defines that use each other, one in the next.
const MAX_DEFINE_DEPTH: u32 = 16;

/// Errors kept with a message each; those after it lengthen the last one.
const MAX_ERRORS: usize = 10_000;

/// Why a construct could not be read.
#[derive(Debug)]
pub(super) struct Fail {
    pub(super) message: String,
    pub(super) span: Span,
}

pub(super) type Parse<T> = Result<T, Fail>;

struct Frame<'a> {
    evidence: EvidenceId,
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
}

/// The value of a variable, and what using it costs.
struct Define<'a> {
    value: Rc<Expr<'a>>,
    /// Tokens it unfolds to.
    cost: u64,
    /// Defines below it.
    depth: u32,
}

/// Where the value of a define begins: what was read and unfolded until then.
pub(super) struct Mark {
    taken: u64,
    unfolded: u64,
    depth: u32,
}

/// A read position over the stack of included files.
pub(super) struct Cursor<'a> {
    set: &'a EvidenceSet,
    frames: Vec<Frame<'a>>,
    scopes: Vec<HashMap<Cow<'a, str>, Define<'a>>>,
    seen_tokens: usize,
    /// Tokens taken, and tokens that used variables stand for.
    taken: u64,
    unfolded: u64,
    /// Deepest variable used since the last [`Self::begin_define`].
    deepest: u32,
    /// End of the last token taken, for spans of whole constructs.
    last: Span,
    pub(super) errors: Vec<SyntaxError>,
    pub(super) included: Vec<EvidenceId>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(set: &'a EvidenceSet, root: EvidenceId) -> Self {
        let mut cursor = Self {
            set,
            frames: Vec::new(),
            scopes: vec![HashMap::new()],
            seen_tokens: 0,
            taken: 0,
            unfolded: 0,
            deepest: 0,
            last: Span::new(root, 0, 0),
            errors: Vec::new(),
            included: Vec::new(),
        };
        cursor.open(root);
        cursor
    }

    fn open(&mut self, evidence: EvidenceId) {
        let Some(item) = self.set.get(evidence) else { return };
        let text = match item.as_text() {
            Ok(text) => text,
            Err(valid) => {
                let span = Span::new(evidence, valid.len(), item.as_bytes().len());
                let message = "not UTF-8 from here on".to_owned();
                self.errors.push(SyntaxError { message, span: Span { end: span.start + 1, ..span }, skipped: span });
                valid
            }
        };
        let list = tokens(text);
        self.seen_tokens += list.len();
        self.frames.push(Frame { evidence, text, tokens: list, at: 0 });
    }

    fn frame(&self) -> &Frame<'a> {
        // The root frame is never popped.
        &self.frames[self.frames.len() - 1]
    }

    pub(super) fn evidence(&self) -> EvidenceId {
        self.frame().evidence
    }

    /// The next token; the end of an included file reads as the end of a line.
    pub(super) fn peek(&self) -> Token {
        self.peek_at(0)
    }

    #[inline]
    pub(super) fn peek_at(&self, ahead: usize) -> Token {
        let frame = self.frame();
        let last = frame.tokens.len() - 1;
        let mut token = frame.tokens[(frame.at + ahead).min(last)];
        if token.tok == Tok::Eof && self.frames.len() > 1 {
            token.tok = Tok::Newline;
        }
        token
    }

    pub(super) fn tok(&self) -> Tok {
        self.peek().tok
    }

    pub(super) fn span(&self) -> Span {
        self.peek().span(self.evidence())
    }

    pub(super) fn last(&self) -> Span {
        self.last
    }

    pub(super) fn bump(&mut self) -> Token {
        let token = self.peek();
        self.taken += 1;
        self.last = token.span(self.evidence());
        let depth = self.frames.len();
        let frame = &mut self.frames[depth - 1];
        if frame.at + 1 < frame.tokens.len() {
            frame.at += 1;
        } else if depth > 1 {
            self.frames.pop();
        }
        token
    }

    /// Text of the next token.
    pub(super) fn text(&self) -> &'a str {
        self.text_at(0)
    }

    #[inline]
    pub(super) fn text_at(&self, ahead: usize) -> &'a str {
        let token = self.peek_at(ahead);
        self.frame().text.get(token.start as usize..token.end as usize).unwrap_or("")
    }

    /// Text of any span read so far.
    pub(super) fn slice(&self, span: Span) -> &'a str {
        let bytes = self.set.get(span.evidence).and_then(|item| item.slice(span)).unwrap_or(&[]);
        std::str::from_utf8(bytes).unwrap_or("")
    }

    /// True when the next token is the bare word `word`.
    pub(super) fn at_word(&self, word: &str) -> bool {
        self.tok() == Tok::Word && self.text() == word
    }

    /// Takes the word if it is next.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        if found {
            self.bump();
        }
        found
    }

    pub(super) fn eat(&mut self, tok: Tok) -> bool {
        let found = self.tok() == tok;
        if found {
            self.bump();
        }
        found
    }

    pub(super) fn expect(&mut self, tok: Tok, what: &str) -> Parse<Span> {
        if self.tok() == tok { Ok(self.bump().span(self.last.evidence)) } else { self.fail(format!("expected {what}")) }
    }

    pub(super) fn fail<T>(&self, message: impl Into<String>) -> Parse<T> {
        let found = match self.tok() {
            Tok::Newline => "end of line".to_owned(),
            Tok::Eof => "end of file".to_owned(),
            _ => format!("`{}`", self.text().chars().take(40).collect::<String>()),
        };
        Err(Fail { message: format!("{}, found {found}", message.into()), span: self.span() })
    }

    /// A word, number, address or quoted string as a word.
    pub(super) fn word(&mut self, what: &str) -> Parse<Word<'a>> {
        let text = self.text();
        let (text, quoted) = match self.tok() {
            Tok::Word | Tok::Number | Tok::Addr => (text, false),
            Tok::Str => (text.get(1..text.len() - 1).unwrap_or(""), true),
            Tok::Dollar => return self.variable_word(what),
            _ => return self.fail(format!("expected {what}")),
        };
        let span = self.span();
        self.bump();
        Ok(Word { text: Cow::Borrowed(text), span, quoted })
    }

    /// `$name` where a single word is wanted.
    fn variable_word(&mut self, what: &str) -> Parse<Word<'a>> {
        let start = self.span();
        let value = self.variable()?;
        match value.resolve().0 {
            Expr::Word(word) => Ok(word.clone()),
            _ => Err(Fail { message: format!("expected {what}, the variable holds something else"), span: start }),
        }
    }

    /// `$name`, resolved.
    pub(super) fn variable(&mut self) -> Parse<Expr<'a>> {
        let start = self.expect(Tok::Dollar, "`$`")?;
        let text = self.text();
        if self.tok() != Tok::Word {
            return self.fail("expected a variable name after `$`");
        }
        let span = start.to(self.span());
        self.bump();
        let Some(define) = self.scopes.iter().rev().find_map(|scope| scope.get(text)) else {
            return Err(Fail { message: format!("unknown variable `{text}`"), span });
        };
        if self.unfolded.saturating_add(define.cost) > MAX_UNFOLDED {
            let message =
                format!("the variables of this file unfold to over {MAX_UNFOLDED} words; `{text}` is not read");
            return Err(Fail { message, span });
        }
        let (value, depth) = (define.value.clone(), define.depth);
        self.unfolded += define.cost;
        self.deepest = self.deepest.max(depth);
        Ok(Expr::Var(Word { text: Cow::Borrowed(text), span, quoted: false }, value))
    }

    /// Opens the scope of a block: defines in it end with it (src/parser_bison.y `open_scope`).
    pub(super) fn open_scope(&mut self) {
        self.scopes.push(HashMap::new());
    }

    pub(super) fn close_scope(&mut self) {
        if self.scopes.len() > 1 {
            self.scopes.pop();
        }
    }

    /// The value of a define begins here.
    pub(super) fn begin_define(&mut self) -> Mark {
        Mark { taken: self.taken, unfolded: self.unfolded, depth: std::mem::take(&mut self.deepest) }
    }

    /// `define`: an error when the scope has it already; `redefine` replaces.
    pub(super) fn define(&mut self, name: Word<'a>, value: Expr<'a>, mark: &Mark, replace: bool) -> Parse<()> {
        let cost = (self.taken - mark.taken) + (self.unfolded - mark.unfolded);
        let depth = self.deepest + 1;
        self.deepest = self.deepest.max(mark.depth);
        if depth > MAX_DEFINE_DEPTH {
            let message = format!("defines use each other over {MAX_DEFINE_DEPTH} deep; `{}` is not read", name.text);
            return Err(Fail { message, span: name.span });
        }
        let depth_of_scope = self.scopes.len();
        let scope = &mut self.scopes[depth_of_scope - 1];
        if !replace && scope.contains_key(&name.text) {
            return Err(Fail { message: format!("`{}` is already defined here", name.text), span: name.span });
        }
        scope.insert(name.text, Define { value: Rc::new(value), cost, depth });
        Ok(())
    }

    /// `undefine`: nft says nothing about a variable that does not exist.
    pub(super) fn undefine(&mut self, name: &Word<'a>) {
        let _ = self.scopes.iter_mut().rev().any(|scope| scope.remove(&name.text).is_some());
    }

    /// Opens an included file, or every file of a glob; `name` was written at `span`.
    pub(super) fn include(&mut self, name: &str, span: Span) -> Parse<()> {
        let from = self.evidence();
        let set = self.set;
        let glob = name.contains(['*', '?', '[']);
        let files = match set.resolve(from, name) {
            Some(files) => files,
            None if glob => &[],
            None => {
                let message = format!("the included file \"{name}\" was not found; its rules are missing here");
                return Err(Fail { message, span });
            }
        };
        if self.frames.len() >= MAX_INCLUDE_DEPTH {
            let cycle = self.frames.iter().any(|frame| files.contains(&frame.evidence));
            let why = if cycle { "the files include each other" } else { "nft stops there too" };
            let message = format!("include is nested {MAX_INCLUDE_DEPTH} deep, {why}");
            return Err(Fail { message, span });
        }
        if self.seen_tokens > MAX_TOKENS {
            return Err(Fail {
                message: format!("includes add up to over {MAX_TOKENS} tokens; not read further"),
                span,
            });
        }
        // The frames are read last to first, so the first file goes on top.
        for file in files.iter().rev() {
            if self.frames.iter().any(|frame| frame.evidence == *file) {
                let message = format!("\"{name}\" includes itself; nft would stop at depth {MAX_INCLUDE_DEPTH}");
                return Err(Fail { message, span });
            }
            self.open(*file);
            self.included.push(*file);
        }
        Ok(())
    }

    /// Skips to the next separator outside of braces opened on the way, or to the `}` that closes the block.
    pub(super) fn skip_statement(&mut self) {
        let mut depth = 0usize;
        loop {
            match self.tok() {
                Tok::Eof => return,
                Tok::Newline | Tok::Semi if depth == 0 => return,
                Tok::Close if depth == 0 => return,
                Tok::Open => depth += 1,
                Tok::Close => depth -= 1,
                _ => {}
            }
            self.bump();
        }
    }

    /// Skips a `{ … }` block whose `{` is next.
    pub(super) fn skip_block(&mut self) {
        let mut depth = 0usize;
        loop {
            match self.tok() {
                Tok::Eof => return,
                Tok::Open => depth += 1,
                Tok::Close => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.bump();
            if depth == 0 {
                return;
            }
        }
    }

    pub(super) fn skip_newlines(&mut self) {
        while self.tok() == Tok::Newline {
            self.bump();
        }
    }

    /// Records an error; what was skipped runs from `from` to the last token taken.
    pub(super) fn report(&mut self, fail: Fail, from: Span) {
        let skipped = if from.evidence == self.last.evidence { from.to(self.last) } else { from };
        let skipped = skipped.to(fail.span);
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(SyntaxError { message: fail.message, span: fail.span, skipped });
        } else if let Some(last) = self.errors.last_mut() {
            last.message = format!("over {MAX_ERRORS} errors; those from here on are not told apart");
            last.skipped = last.skipped.to(skipped);
        }
    }
}
