//! Statements of a rule.

use casebook_core::Span;

use super::command::Parser;
use super::cursor::Parse;
use super::expr::Mode;
use super::lexer::Tok;
use crate::nft::ast::{
    BinaryOp, Expr, NatKind, RelOp, RuleAst, Selector, SelectorKind, SetOp, SetUpdateAst, Stmt, StmtKind, Word,
};

impl<'a> Parser<'a> {
    /// A rule: statements up to the separator.
    pub(super) fn rule(&mut self) -> Parse<RuleAst<'a>> {
        let start = self.cur.span();
        let mut rule = RuleAst { stmts: Vec::new(), comment: None, handle: None, span: start, record: None };
        while !matches!(self.cur.tok(), Tok::Newline | Tok::Semi | Tok::Eof | Tok::Close) {
            if rule.comment.is_some() {
                return self.cur.fail("expected the end of the rule after its comment");
            }
            let stmt = self.stmt()?;
            match stmt.kind {
                StmtKind::Comment(word) => rule.comment = Some(word),
                _ => rule.stmts.push(stmt),
            }
            rule.span = start.to(self.cur.last());
        }
        if rule.stmts.is_empty() {
            return self.cur.fail("expected a statement");
        }
        rule.stmts.shrink_to_fit();
        rule.handle = self.cur.peek().handle();
        Ok(rule)
    }

    /// One statement.
    pub(super) fn stmt(&mut self) -> Parse<Stmt<'a>> {
        self.operators = 0;
        let start = self.cur.span();
        let kind = self.stmt_kind(start)?;
        Ok(Stmt { kind, span: start.to(self.cur.last()) })
    }

    fn stmt_kind(&mut self, start: Span) -> Parse<StmtKind<'a>> {
        if let Some(verdict) = self.verdict()? {
            return Ok(StmtKind::Verdict(verdict));
        }
        if self.cur.tok() != Tok::Word {
            return self.expression_statement();
        }
        let next = self.cur.text_at(1);
        match self.cur.text() {
            "counter" => self.counter(),
            "limit" => self.limit(start),
            "quota" => self.quota(start),
            "last" => {
                self.cur.bump();
                if self.cur.eat_word("used") {
                    self.cur.word("a time")?;
                }
                Ok(StmtKind::Opaque { what: "last".into(), may_break: false, may_end: false })
            }
            "log" => self.log(),
            "reject" => self.reject(start),
            "snat" => self.nat(NatKind::Snat),
            "dnat" => self.nat(NatKind::Dnat),
            "masquerade" => self.nat(NatKind::Masquerade),
            "redirect" => self.nat(NatKind::Redirect),
            "tproxy" => self.tproxy(),
            "notrack" => {
                self.cur.bump();
                Ok(StmtKind::Notrack)
            }
            "queue" => self.queue(start),
            "dup" => self.dup(),
            "fwd" => self.fwd(),
            "synproxy" => self.synproxy(),
            "flow" => {
                self.cur.bump();
                if !self.cur.eat_word("add") && !self.cur.eat_word("offload") {
                    return self.cur.fail("expected `add`");
                }
                self.cur.expect(Tok::At, "`@`")?;
                Ok(StmtKind::Flow(self.cur.word("the name of a flowtable")?))
            }
            "add" | "update" | "delete" if self.cur.peek_at(1).tok == Tok::At => self.set_update(),
            "set" | "map" if matches!(next, "add" | "update" | "delete") => self.old_set_update(),
            "meter" => self.meter(),
            "xt" => self.xt(),
            "comment" => {
                self.cur.bump();
                Ok(StmtKind::Comment(self.cur.word("a comment")?))
            }
            "ct" if next == "count" => self.ct_count(),
            "ct" if matches!(next, "helper" | "timeout" | "expectation") && self.cur.text_at(2) == "set" => {
                self.cur.bump();
                let key = self.take_name("a ct object")?;
                self.cur.bump();
                Ok(StmtKind::CtObject(key, self.concat(Mode::Value)?))
            }
            "reset" if next == "tcp" => {
                self.cur.bump();
                let Expr::Field(selector) = self.selector()? else {
                    return self.cur.fail("expected `tcp option`");
                };
                let what = format!("reset {}", self.cur.slice(selector.span));
                Ok(StmtKind::Opaque { what, may_break: false, may_end: false })
            }
            _ => self.expression_statement(),
        }
    }

    /// `left [op] right`, `key vmap map`, `field set value`.
    fn expression_statement(&mut self) -> Parse<StmtKind<'a>> {
        let left = if self.cur.tok() == Tok::Open { self.set_literal()? } else { self.concat(Mode::Left)? };
        if self.cur.eat_word("vmap") {
            let map = self.set_or_reference()?;
            return Ok(StmtKind::Vmap(left, map));
        }
        if self.cur.at_word("set") {
            let Expr::Field(selector) = left else {
                return self.cur.fail("only a field can be set");
            };
            self.cur.bump();
            if is_priority(&selector)
                && let Some(handle) = self.tc_handle()
            {
                return Ok(StmtKind::Assign(selector, handle));
            }
            let value = self.concat(Mode::Value)?;
            let value = self.list_rest(value, Mode::Value)?;
            return Ok(StmtKind::Assign(selector, value));
        }
        let op = match self.cur.tok() {
            Tok::EqEq => RelOp::Eq,
            Tok::NotEq => RelOp::Ne,
            Tok::Lt => RelOp::Lt,
            Tok::Le => RelOp::Le,
            Tok::Gt => RelOp::Gt,
            Tok::Ge => RelOp::Ge,
            Tok::Bang => RelOp::Not,
            Tok::Word => match self.cur.text() {
                "eq" => RelOp::Eq,
                "ne" => RelOp::Ne,
                "lt" => RelOp::Lt,
                "le" => RelOp::Le,
                "gt" => RelOp::Gt,
                "ge" => RelOp::Ge,
                _ => RelOp::Implicit,
            },
            _ => RelOp::Implicit,
        };
        if op != RelOp::Implicit {
            self.cur.bump();
        }
        if matches!(&left, Expr::Field(selector) if is_priority(selector))
            && let Some(handle) = self.tc_handle()
        {
            return Ok(StmtKind::Match(left, op, handle));
        }
        let (right, mask) = self.right_side()?;
        let Some(mask) = mask else {
            return Ok(StmtKind::Match(left, op, right));
        };
        let span = left.span();
        let masked = Expr::Binary(BinaryOp::And, Box::new(left), Box::new(mask), span);
        let op = if op == RelOp::Implicit { RelOp::Eq } else { op };
        Ok(StmtKind::Match(masked, op, right))
    }

    /// `1:2`, the class of `meta priority` (`tchandle` in src/scanner.l): one token there, three here.
    fn tc_handle(&mut self) -> Option<Expr<'a>> {
        let number = |tok| matches!(tok, Tok::Number | Tok::Word);
        let (first, colon, second) = (self.cur.peek(), self.cur.peek_at(1), self.cur.peek_at(2));
        if !number(first.tok) || colon.tok != Tok::Colon || colon.start != first.end {
            return None;
        }
        let start = self.cur.span();
        self.cur.bump();
        self.cur.bump();
        if number(second.tok) && second.start == colon.end {
            self.cur.bump();
        }
        let span = start.to(self.cur.last());
        Some(Expr::Word(Word { text: self.cur.slice(span).into(), span, quoted: false }))
    }

    fn counter(&mut self) -> Parse<StmtKind<'a>> {
        self.cur.bump();
        if self.cur.eat_word("name") {
            if self.at_selector() {
                self.concat(Mode::Left)?;
                return Ok(StmtKind::Opaque { what: "counter by map".into(), may_break: true, may_end: false });
            }
            return Ok(StmtKind::Counter(Some(self.cur.word("the name of a counter")?)));
        }
        while self.cur.at_word("packets") || self.cur.at_word("bytes") {
            self.cur.bump();
            self.number("a number")?;
        }
        Ok(StmtKind::Counter(None))
    }

    fn limit(&mut self, start: Span) -> Parse<StmtKind<'a>> {
        self.cur.bump();
        if self.cur.eat_word("name") {
            self.object_reference()?;
            return Ok(StmtKind::Limit(self.text_from(start)));
        }
        if !self.cur.eat_word("rate") {
            return self.cur.fail("expected `rate`");
        }
        let _ = self.cur.eat_word("over") || self.cur.eat_word("until");
        self.rate()?;
        if self.cur.eat_word("burst") {
            self.cur.word("a number")?;
            self.byte_unit();
        }
        Ok(StmtKind::Limit(self.text_from(start)))
    }

    /// `10/second`, `10 mbytes/second`, `10mbytes / second`.
    fn rate(&mut self) -> Parse<()> {
        self.cur.word("a rate")?;
        // `mbytes/second` is one word for the scanner.
        if let Some((_, unit)) = self.cur.text().split_once('/')
            && self.cur.tok() == Tok::Word
        {
            if !RATES.contains(&unit) {
                return self.cur.fail("expected `second`, `minute`, `hour`, `day` or `week`");
            }
            self.cur.bump();
            return Ok(());
        }
        self.byte_unit();
        self.cur.expect(Tok::Slash, "`/`")?;
        if !RATES.contains(&self.cur.text()) {
            return self.cur.fail("expected `second`, `minute`, `hour`, `day` or `week`");
        }
        self.cur.bump();
        Ok(())
    }

    fn byte_unit(&mut self) {
        if matches!(self.cur.text(), "packets" | "bytes" | "kbytes" | "mbytes" | "gbytes" | "string") {
            self.cur.bump();
        }
    }

    /// A named object, or a map that gives its name.
    pub(super) fn object_reference(&mut self) -> Parse<()> {
        if self.at_selector() { self.concat(Mode::Left).map(|_| ()) } else { self.cur.word("a name").map(|_| ()) }
    }

    fn quota(&mut self, start: Span) -> Parse<StmtKind<'a>> {
        self.cur.bump();
        if self.cur.eat_word("name") {
            self.object_reference()?;
            return Ok(StmtKind::Quota(self.text_from(start)));
        }
        let _ = self.cur.eat_word("over") || self.cur.eat_word("until");
        self.cur.word("a number of bytes")?;
        self.byte_unit();
        if self.cur.eat_word("used") {
            self.cur.word("a number of bytes")?;
            self.byte_unit();
        }
        Ok(StmtKind::Quota(self.text_from(start)))
    }

    fn ct_count(&mut self) -> Parse<StmtKind<'a>> {
        self.cur.bump();
        self.cur.bump();
        let over = self.cur.eat_word("over");
        Ok(StmtKind::CtCount(over, Some(self.number("a count")?)))
    }

    fn log(&mut self) -> Parse<StmtKind<'a>> {
        self.cur.bump();
        let (mut prefix, mut group) = (None, None);
        loop {
            match self.cur.text() {
                "prefix" => {
                    self.cur.bump();
                    prefix = Some(self.cur.word("a prefix")?);
                }
                "group" => {
                    self.cur.bump();
                    group = Some(self.number("a group")? as u32);
                }
                "snaplen" | "queue-threshold" => {
                    self.cur.bump();
                    self.number("a number")?;
                }
                "level" => {
                    self.cur.bump();
                    self.cur.word("a level")?;
                }
                "flags" => {
                    self.cur.bump();
                    let what = self.cur.word("a log flag")?;
                    if matches!(what.text.as_ref(), "tcp" | "ip") {
                        self.word_list()?;
                    }
                }
                _ => return Ok(StmtKind::Log { prefix, group }),
            }
        }
    }

    fn reject(&mut self, start: Span) -> Parse<StmtKind<'a>> {
        self.cur.bump();
        if !self.cur.eat_word("with") {
            return Ok(StmtKind::Reject(None));
        }
        let what = self.cur.word("`icmp`, `icmpv6`, `icmpx` or `tcp reset`")?;
        if what.text == "tcp" {
            if !self.cur.eat_word("reset") {
                return self.cur.fail("expected `reset`");
            }
        } else {
            self.cur.eat_word("type");
            self.cur.eat_word("code");
            self.cur.word("an ICMP code")?;
        }
        Ok(StmtKind::Reject(Some(self.text_from(start))))
    }

    /// `add @s { key … }`.
    fn set_update(&mut self) -> Parse<StmtKind<'a>> {
        let op = self.set_op()?;
        self.cur.expect(Tok::At, "`@`")?;
        let set = self.cur.word("the name of a set")?;
        let elem = self.update_element()?;
        let update = SetUpdateAst { op, set, key: elem.key, data: elem.data, stmts: elem.stmts };
        Ok(StmtKind::SetUpdate(Box::new(update)))
    }

    /// `set add ip saddr @s`, the form of nft before 0.9.
    fn old_set_update(&mut self) -> Parse<StmtKind<'a>> {
        self.cur.bump();
        let op = self.set_op()?;
        let key = self.concat(Mode::Left)?;
        let data = if self.cur.eat(Tok::Colon) { Some(self.concat(Mode::Value)?) } else { None };
        let mut stmts = Vec::new();
        while self.cur.tok() == Tok::Word {
            if self.cur.eat_word("timeout") {
                self.cur.word("a time")?;
            } else {
                stmts.push(self.stmt()?);
            }
        }
        self.cur.expect(Tok::At, "`@`")?;
        let set = self.cur.word("the name of a set")?;
        Ok(StmtKind::SetUpdate(Box::new(SetUpdateAst { op, set, key, data, stmts })))
    }

    fn set_op(&mut self) -> Parse<SetOp> {
        let op = match self.cur.text() {
            "add" => SetOp::Add,
            "update" => SetOp::Update,
            "delete" => SetOp::Delete,
            _ => return self.cur.fail("expected `add`, `update` or `delete`"),
        };
        self.cur.bump();
        Ok(op)
    }

    fn meter(&mut self) -> Parse<StmtKind<'a>> {
        self.cur.bump();
        let name = self.cur.word("the name of a meter")?;
        if self.cur.eat_word("size") {
            self.number("a size")?;
        }
        let elem = self.update_element()?;
        Ok(StmtKind::Meter(Some(name), elem.key, elem.stmts))
    }

    /// `xt match comment "…"`, `xt target MASQUERADE`: rules of the iptables layer that nft cannot show.
    fn xt(&mut self) -> Parse<StmtKind<'a>> {
        self.cur.bump();
        let kind = self.cur.word("`match` or `target`")?;
        let name = self.cur.word("a name")?;
        let target = kind.text == "target";
        let ends = target && name.text.chars().any(|letter| letter.is_ascii_uppercase());
        let harmless = name.text == "comment";
        Ok(StmtKind::Opaque {
            what: format!("xt {} {}", kind.text, name.text),
            may_break: !harmless,
            may_end: ends && name.text != "LOG",
        })
    }
}

/// Units of time of a rate.
const RATES: &[&str] = &["second", "minute", "hour", "day", "week"];

fn is_priority(selector: &Selector<'_>) -> bool {
    matches!(&selector.kind, SelectorKind::Meta(key) if key == "priority")
}
