//! Statements that send a packet elsewhere: nat, tproxy, queue, dup, fwd, synproxy.

use casebook_core::Span;

use super::command::Parser;
use super::cursor::Parse;
use super::expr::Mode;
use super::lexer::Tok;
use crate::nft::ast::{Expr, NatAst, NatKind, StmtKind};

impl<'a> Parser<'a> {
    /// `dnat [ip|ip6] [prefix|interval|addr . port] to ADDR[:PORT] [flags]`, `masquerade [to :PORT]`,
    /// `redirect [to [:]PORT]`.
    pub(super) fn nat(&mut self, kind: NatKind) -> Parse<StmtKind<'a>> {
        self.cur.bump();
        let mut flags = Vec::new();
        // `snat ip saddr map …` has no family: `ip` begins the expression.
        let is_family = matches!(self.cur.text_at(1), "to" | "prefix" | "interval" | "addr");
        let family = match self.cur.text() {
            "ip" | "ip6" if is_family => Some(self.cur.word("a family")?),
            _ => None,
        };
        let mut with_port = false;
        loop {
            match self.cur.text() {
                word @ ("prefix" | "interval") => {
                    flags.push(word.to_owned());
                    self.cur.bump();
                }
                "addr" => {
                    self.cur.bump();
                    self.cur.expect(Tok::Dot, "`.`")?;
                    if !self.cur.eat_word("port") {
                        return self.cur.fail("expected `port`");
                    }
                    with_port = true;
                }
                _ => break,
            }
        }
        let (mut addr, mut port) = (None, None);
        let has_to = self.cur.eat_word("to");
        let bare = has_to || (matches!(kind, NatKind::Snat | NatKind::Dnat) && !self.at_nat_end());
        if bare || self.cur.tok() == Tok::Colon {
            if self.cur.tok() != Tok::Colon {
                addr = Some(self.concat(Mode::Value)?);
            }
            if self.cur.eat(Tok::Colon) {
                port = Some(self.concat(Mode::Value)?);
            }
        }
        if matches!(kind, NatKind::Redirect | NatKind::Masquerade) && port.is_none() {
            port = addr.take();
        }
        if with_port {
            flags.push("addr . port".to_owned());
        }
        while let word @ ("random" | "fully-random" | "persistent" | "netmap") = self.cur.text() {
            flags.push(word.to_owned());
            self.cur.bump();
            self.cur.eat(Tok::Comma);
        }
        Ok(StmtKind::Nat(Box::new(NatAst { kind, family, addr, port, flags })))
    }

    fn at_nat_end(&self) -> bool {
        matches!(self.cur.tok(), Tok::Newline | Tok::Semi | Tok::Eof | Tok::Close | Tok::Colon)
            || matches!(self.cur.text(), "random" | "fully-random" | "persistent" | "comment")
    }

    /// `tproxy [ip|ip6] to [ADDR][:PORT]`.
    pub(super) fn tproxy(&mut self) -> Parse<StmtKind<'a>> {
        self.cur.bump();
        let _ = self.cur.eat_word("ip") || self.cur.eat_word("ip6");
        if !self.cur.eat_word("to") {
            return self.cur.fail("expected `to`");
        }
        let addr = if self.cur.tok() == Tok::Colon { None } else { Some(self.concat(Mode::Value)?) };
        let port = if self.cur.eat(Tok::Colon) { Some(self.concat(Mode::Value)?) } else { None };
        Ok(StmtKind::Tproxy(addr, port))
    }

    /// `queue [num A[-B]] [bypass,fanout]`, `queue flags bypass to 0-3`.
    pub(super) fn queue(&mut self, start: Span) -> Parse<StmtKind<'a>> {
        self.cur.bump();
        loop {
            match self.cur.text() {
                "flags" | "bypass" | "fanout" => {
                    self.cur.bump();
                    self.cur.eat(Tok::Comma);
                }
                "num" | "to" => {
                    self.cur.bump();
                    self.concat(Mode::Value)?;
                }
                _ => return Ok(StmtKind::Queue(self.text_from(start))),
            }
        }
    }

    /// `dup to ADDR [device DEV]`.
    pub(super) fn dup(&mut self) -> Parse<StmtKind<'a>> {
        self.cur.bump();
        let (addr, device) = self.target_device()?;
        Ok(StmtKind::Dup(addr, device))
    }

    /// `fwd [ip|ip6] to [ADDR device] DEV`.
    pub(super) fn fwd(&mut self) -> Parse<StmtKind<'a>> {
        self.cur.bump();
        let _ = self.cur.eat_word("ip") || self.cur.eat_word("ip6");
        let (addr, device) = self.target_device()?;
        Ok(StmtKind::Fwd(addr, device))
    }

    fn target_device(&mut self) -> Parse<(Option<Expr<'a>>, Option<Expr<'a>>)> {
        if !self.cur.eat_word("to") {
            return self.cur.fail("expected `to`");
        }
        let addr = self.concat(Mode::Value)?;
        let device = if self.cur.eat_word("device") { Some(self.concat(Mode::Value)?) } else { None };
        Ok((Some(addr), device))
    }

    /// `synproxy [mss N] [wscale N] [timestamp] [sack-perm]`, `synproxy name "x"`.
    pub(super) fn synproxy(&mut self) -> Parse<StmtKind<'a>> {
        self.cur.bump();
        loop {
            match self.cur.text() {
                "mss" | "wscale" => {
                    self.cur.bump();
                    self.number("a number")?;
                }
                "timestamp" | "sack-perm" => {
                    self.cur.bump();
                }
                "name" => {
                    self.cur.bump();
                    self.object_reference()?;
                }
                _ => return Ok(StmtKind::Synproxy),
            }
        }
    }
}
