//! Set literals, elements, and the body of `set` and `map` declarations.

use super::command::Parser;
use super::cursor::Parse;
use super::expr::Mode;
use super::lexer::Tok;
use crate::nft::ast::{Elem, Expr, SetAst, TypeSpec, Word};

impl<'a> Parser<'a> {
    /// `{ a, b : c, … }`.
    pub(super) fn set_literal(&mut self) -> Parse<Expr<'a>> {
        let start = self.cur.expect(Tok::Open, "`{`")?;
        let mut elems = Vec::new();
        loop {
            self.cur.skip_newlines();
            // A comma may stand before the brace, but something before the comma.
            if self.cur.tok() == Tok::Close && !elems.is_empty() {
                break;
            }
            // Elements stand beside each other: only what is around them makes them deeper.
            let around = self.operators;
            elems.push(self.elem(Mode::Right)?);
            self.operators = around;
            self.cur.skip_newlines();
            if !self.cur.eat(Tok::Comma) {
                break;
            }
        }
        self.cur.expect(Tok::Close, "`,` or `}`")?;
        elems.shrink_to_fit();
        Ok(Expr::Set(elems, start.to(self.cur.last())))
    }

    /// One element: key, options and statements, and data after `:`.
    fn elem(&mut self, mode: Mode) -> Parse<Elem<'a>> {
        let key = self.concat(mode)?;
        let mut elem = Elem { span: key.span(), key, data: None, timeout: false, stmts: Vec::new() };
        self.elem_options(&mut elem)?;
        if self.cur.eat(Tok::Colon) {
            self.cur.skip_newlines();
            elem.data = Some(match self.verdict()? {
                Some(verdict) => Expr::Verdict(verdict),
                None => self.concat(if mode == Mode::Left { Mode::Value } else { Mode::Right })?,
            });
            self.elem_options(&mut elem)?;
        }
        elem.span = elem.span.to(self.cur.last());
        Ok(elem)
    }

    fn elem_options(&mut self, elem: &mut Elem<'a>) -> Parse<()> {
        loop {
            if self.cur.tok() != Tok::Word {
                return Ok(());
            }
            match self.cur.text() {
                "timeout" | "expires" => {
                    self.cur.bump();
                    self.cur.word("a time")?;
                    elem.timeout = true;
                }
                "comment" => {
                    self.cur.bump();
                    self.cur.word("a comment")?;
                }
                "counter" | "limit" | "quota" | "ct" | "last" => elem.stmts.push(self.stmt()?),
                _ => return Ok(()),
            }
        }
    }

    /// `{ key [stmts] [: data] }` of `add @s { … }` and of meters, where the key is loaded from the packet.
    pub(super) fn update_element(&mut self) -> Parse<Elem<'a>> {
        self.cur.expect(Tok::Open, "`{`")?;
        self.cur.skip_newlines();
        let elem = self.elem(Mode::Left)?;
        self.cur.skip_newlines();
        self.cur.expect(Tok::Close, "`}`")?;
        Ok(elem)
    }

    /// The body of a set or map, after its `{`.
    pub(super) fn set_block(&mut self, set: &mut SetAst<'a>) -> Parse<()> {
        let open = self.cur.expect(Tok::Open, "`{`")?;
        set.handle = self.cur.peek().handle();
        self.block_items(open, |parser| parser.set_item(set))
    }

    fn set_item(&mut self, set: &mut SetAst<'a>) -> Parse<()> {
        self.operators = 0;
        match self.cur.text() {
            "type" => {
                self.cur.bump();
                set.key = Some(TypeSpec::Named(self.type_words()?));
                if self.cur.eat(Tok::Colon) {
                    set.data = Some(TypeSpec::Named(self.type_words()?));
                }
            }
            "typeof" => {
                self.cur.bump();
                set.key = Some(TypeSpec::Of(self.concat(Mode::Left)?));
                if self.cur.eat(Tok::Colon) {
                    let is_verdict = self.cur.at_word("verdict");
                    set.data = Some(if is_verdict {
                        TypeSpec::Named(self.type_words()?)
                    } else {
                        self.cur.eat_word("interval");
                        TypeSpec::Of(self.concat(Mode::Left)?)
                    });
                }
            }
            "flags" => {
                self.cur.bump();
                set.flags = self.word_list()?;
                set.timeout |= set.flags.iter().any(|flag| flag.text == "timeout");
            }
            "timeout" => {
                self.cur.bump();
                self.cur.word("a time")?;
                set.timeout = true;
            }
            "gc-interval" => {
                self.cur.bump();
                self.cur.word("a time")?;
            }
            "size" => {
                self.cur.bump();
                set.size = Some(self.number("a size")?);
            }
            "policy" | "comment" => {
                self.cur.bump();
                self.cur.word("a word")?;
            }
            "auto-merge" => {
                self.cur.bump();
                set.auto_merge = true;
            }
            "elements" => {
                self.cur.bump();
                self.cur.expect(Tok::Assign, "`=`")?;
                set.elements = Some(self.set_or_reference()?);
            }
            "counter" | "limit" | "quota" | "ct" | "last" => {
                while matches!(self.cur.text(), "counter" | "limit" | "quota" | "ct" | "last") {
                    set.stmts.push(self.stmt()?);
                }
            }
            "include" => return self.include(),
            "define" | "redefine" | "undefine" => return self.define_statement(),
            _ => return self.cur.fail("expected `type`, `typeof`, `flags`, `elements` or another property of a set"),
        }
        Ok(())
    }

    /// `ipv4_addr . inet_service`; `interval ipv4_addr` in a map's data.
    fn type_words(&mut self) -> Parse<Vec<Word<'a>>> {
        self.cur.eat_word("interval");
        let mut words = vec![self.cur.word("a type")?];
        while self.cur.eat(Tok::Dot) {
            words.push(self.cur.word("a type")?);
        }
        Ok(words)
    }

    pub(super) fn word_list(&mut self) -> Parse<Vec<Word<'a>>> {
        let mut words = vec![self.cur.word("a flag")?];
        while self.cur.eat(Tok::Comma) {
            self.cur.skip_newlines();
            words.push(self.cur.word("a flag")?);
        }
        Ok(words)
    }

    /// A separator must end every statement of a block, also the last before `}` (nft refuses `counter }`).
    pub(super) fn separator(&mut self) -> Parse<()> {
        if std::mem::take(&mut self.separated) {
            return Ok(());
        }
        match self.cur.tok() {
            Tok::Newline | Tok::Semi => Ok(()),
            Tok::Eof => Ok(()),
            Tok::Close => self.cur.fail("expected `;` or a new line before `}`"),
            _ => self.cur.fail("expected `;` or a new line"),
        }
    }
}
