//! Expressions: left sides, right sides, values of `set` statements.

use casebook_core::Span;

use super::command::Parser;
use super::cursor::Parse;
use super::lexer::Tok;
use crate::nft::ast::{BinaryOp, Expr, Verdict, VerdictKind, Word};

/// What a bare word means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Left side of a relation: selectors.
    Left,
    /// Right side: symbols.
    Right,
    /// Value of a `set` statement or of nat: selectors where one fits, else symbols.
    Value,
}

/// Deepest nesting of parentheses and braces.
const MAX_DEPTH: usize = 64;

/// Most operators of one expression: `a | b | c` is a tree as deep as it is long.
const MAX_OPERATORS: usize = 64;

impl<'a> Parser<'a> {
    /// A right side: a set, a reference, a concatenation, a list. With `value / mask`, the mask too: it means
    /// `left & mask == value` (src/parser_bison.y `relational_expr`).
    pub(super) fn right_side(&mut self) -> Parse<(Expr<'a>, Option<Expr<'a>>)> {
        let first = self.concat(Mode::Right)?;
        let list = self.list_rest(first, Mode::Right)?;
        if !self.cur.eat(Tok::Slash) {
            return Ok((list, None));
        }
        let mask = self.concat(Mode::Right)?;
        let mask = self.list_rest(mask, Mode::Right)?;
        Ok((list, Some(mask)))
    }

    /// `a, b, c` after the first.
    pub(super) fn list_rest(&mut self, first: Expr<'a>, mode: Mode) -> Parse<Expr<'a>> {
        if self.cur.tok() != Tok::Comma {
            return Ok(first);
        }
        let mut span = first.span();
        let mut items = vec![first];
        while self.cur.eat(Tok::Comma) {
            self.cur.skip_newlines();
            items.push(self.concat(mode)?);
            span = span.to(self.cur.last());
        }
        Ok(Expr::List(items, span))
    }

    /// `a . b . c`, then `map …` when it is a key.
    pub(super) fn concat(&mut self, mode: Mode) -> Parse<Expr<'a>> {
        let first = self.range(mode)?;
        let whole = if self.cur.tok() == Tok::Dot {
            let mut span = first.span();
            let mut items = vec![first];
            while self.cur.eat(Tok::Dot) {
                self.cur.skip_newlines();
                items.push(self.range(mode)?);
                span = span.to(self.cur.last());
            }
            Expr::Concat(items, span)
        } else {
            first
        };
        if mode != Mode::Right && self.cur.at_word("map") {
            self.cur.bump();
            let map = self.set_or_reference()?;
            let span = whole.span().to(self.cur.last());
            return Ok(Expr::Map(Box::new(whole), Box::new(map), span));
        }
        Ok(whole)
    }

    /// `{ … }`, `@name` or a variable that holds one.
    pub(super) fn set_or_reference(&mut self) -> Parse<Expr<'a>> {
        match self.cur.tok() {
            Tok::Open => self.set_literal(),
            Tok::At => self.set_reference(),
            Tok::Dollar => self.cur.variable(),
            _ => self.cur.fail("expected `{` or `@name`"),
        }
    }

    pub(super) fn set_reference(&mut self) -> Parse<Expr<'a>> {
        self.cur.expect(Tok::At, "`@`")?;
        Ok(Expr::SetRef(self.cur.word("the name of a set")?))
    }

    /// `a-b`, `a/len`, or a plain operand.
    #[inline]
    fn range(&mut self, mode: Mode) -> Parse<Expr<'a>> {
        let low = self.binary(0, mode)?;
        if self.cur.tok() == Tok::Dash {
            self.cur.bump();
            let high = self.binary(0, mode)?;
            return Ok(Expr::Range(Box::new(low), Box::new(high)));
        }
        // A mask of flags (`syn / syn,ack`) begins with a word, a prefix length is a number.
        let is_prefix = self.cur.tok() == Tok::Slash && matches!(self.cur.peek_at(1).tok, Tok::Number | Tok::Dollar);
        if is_prefix && !matches!(low, Expr::Field(_)) {
            self.cur.bump();
            let word = self.cur.word("a prefix length")?;
            let span = low.span().to(word.span);
            let Ok(len) = word.text.parse::<u32>() else {
                return Err(super::cursor::Fail { message: format!("`{}` is not a prefix length", word.text), span });
            };
            return Ok(Expr::Prefix(Box::new(low), len, span));
        }
        Ok(low)
    }

    /// Bitwise operators: shifts bind tightest, then `&`, `^`, `|` (src/parser_bison.y).
    fn binary(&mut self, min: u8, mode: Mode) -> Parse<Expr<'a>> {
        let mut left = self.primary(mode)?;
        while let Some((op, power)) = self.binary_operator() {
            if power < min {
                break;
            }
            self.operators += 1;
            if self.operators > MAX_OPERATORS {
                return self.cur.fail(format!("over {MAX_OPERATORS} operators in one expression"));
            }
            self.cur.bump();
            let right = self.binary(power + 1, if mode == Mode::Left { Mode::Value } else { mode })?;
            let span = left.span().to(right.span());
            left = Expr::Binary(op, Box::new(left), Box::new(right), span);
        }
        Ok(left)
    }

    #[inline]
    fn binary_operator(&self) -> Option<(BinaryOp, u8)> {
        match self.cur.tok() {
            Tok::Pipe => Some((BinaryOp::Or, 1)),
            Tok::Caret => Some((BinaryOp::Xor, 2)),
            Tok::Amp => Some((BinaryOp::And, 3)),
            Tok::Shl => Some((BinaryOp::Shl, 4)),
            Tok::Shr => Some((BinaryOp::Shr, 4)),
            Tok::Word => match self.cur.text() {
                "or" => Some((BinaryOp::Or, 1)),
                "xor" => Some((BinaryOp::Xor, 2)),
                "and" => Some((BinaryOp::And, 3)),
                "lshift" => Some((BinaryOp::Shl, 4)),
                "rshift" => Some((BinaryOp::Shr, 4)),
                _ => None,
            },
            _ => None,
        }
    }

    #[inline]
    fn primary(&mut self, mode: Mode) -> Parse<Expr<'a>> {
        if self.depth >= MAX_DEPTH {
            return self.cur.fail(format!("nested over {MAX_DEPTH} deep"));
        }
        self.depth += 1;
        let result = self.primary_inner(mode);
        self.depth -= 1;
        result
    }

    fn primary_inner(&mut self, mode: Mode) -> Parse<Expr<'a>> {
        match self.cur.tok() {
            _ if mode != Mode::Right && self.at_selector() => self.selector(),
            Tok::ParenOpen => {
                self.cur.bump();
                let inner = self.concat(mode)?;
                let inner = self.list_rest(inner, mode)?;
                self.cur.expect(Tok::ParenClose, "`)`")?;
                Ok(inner)
            }
            Tok::Dollar => self.cur.variable(),
            Tok::Open => self.set_literal(),
            Tok::At => self.set_reference(),
            Tok::BracketOpen => {
                // `[2001:db8::1]:80`: brackets keep the address from its port.
                self.cur.bump();
                let inner = self.concat(mode)?;
                self.cur.expect(Tok::BracketClose, "`]`")?;
                Ok(inner)
            }
            Tok::Star => {
                let span = self.cur.span();
                self.cur.bump();
                Ok(Expr::Word(Word { text: "*".into(), span, quoted: false }))
            }
            Tok::Dash if self.cur.peek_at(1).tok == Tok::Number => {
                let start = self.cur.span();
                self.cur.bump();
                self.cur.bump();
                let span = start.to(self.cur.last());
                Ok(Expr::Word(Word { text: self.cur.slice(span).into(), span, quoted: false }))
            }
            Tok::Word | Tok::Number | Tok::Addr | Tok::Str => Ok(Expr::Word(self.cur.word("a value")?)),
            _ => self.cur.fail(if mode == Mode::Left { "expected a statement" } else { "expected a value" }),
        }
    }

    /// A verdict, if the next word is one.
    pub(super) fn verdict(&mut self) -> Parse<Option<Verdict<'a>>> {
        if self.cur.tok() != Tok::Word {
            return Ok(None);
        }
        let start = self.cur.span();
        let kind = match self.cur.text() {
            "accept" => VerdictKind::Accept,
            "drop" => VerdictKind::Drop,
            "continue" => VerdictKind::Continue,
            "return" => VerdictKind::Return,
            word @ ("jump" | "goto") => {
                self.cur.bump();
                let kind = if self.cur.tok() == Tok::Open {
                    VerdictKind::Inline(word == "goto", self.inline_chain()?)
                } else if word == "jump" {
                    VerdictKind::Jump(self.cur.word("the name of a chain")?)
                } else {
                    VerdictKind::Goto(self.cur.word("the name of a chain")?)
                };
                return Ok(Some(Verdict { kind, span: start.to(self.cur.last()) }));
            }
            _ => return Ok(None),
        };
        self.cur.bump();
        Ok(Some(Verdict { kind, span: start }))
    }

    pub(super) fn number(&mut self, what: &str) -> Parse<u64> {
        let word = self.cur.word(what)?;
        parse_number(&word.text).ok_or_else(|| super::cursor::Fail {
            message: format!("expected {what}, found `{}`", word.text),
            span: word.span,
        })
    }

    /// The text from `start` to the last token taken.
    pub(super) fn text_from(&self, start: Span) -> String {
        self.cur.slice(start.to(self.cur.last())).split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// Decimal or `0x` number.
pub(super) fn parse_number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}
