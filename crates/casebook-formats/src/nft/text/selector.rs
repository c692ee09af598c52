//! Selectors: which words begin one, and how far it goes.

use std::borrow::Cow;

use super::command::Parser;
use super::cursor::Parse;
use super::lexer::Tok;
use crate::nft::ast::{Direction, DrawAst, DrawKind, Expr, Selector, SelectorKind};

/// Keys of `meta` that need no `meta` before them (parser_bison.y `meta_key_unqualified`).
const UNQUALIFIED: &[&str] = &[
    "mark",
    "iif",
    "iifname",
    "iiftype",
    "oif",
    "oifname",
    "oiftype",
    "skuid",
    "skgid",
    "nftrace",
    "rtclassid",
    "ibriport",
    "ibrname",
    "obriport",
    "obrname",
    "pkttype",
    "cpu",
    "iifgroup",
    "oifgroup",
    "cgroup",
    "ipsec",
    "time",
    "day",
    "hour",
];

/// Protocols with payload fields.
const PROTOCOLS: &[&str] = &[
    "ether", "vlan", "arp", "ip", "icmp", "igmp", "ip6", "icmpv6", "ah", "esp", "comp", "udp", "udplite", "tcp",
    "dccp", "sctp", "th", "vxlan", "gre", "gretap", "geneve",
];

/// IPv6 extension headers.
const EXTHDRS: &[&str] = &["rt", "rt0", "rt2", "rt4", "srh", "hbh", "dst", "mh", "frag"];

/// Names of TCP options (parser_bison.y `tcp_hdr_option_type`).
const TCP_OPTIONS: &[&str] = &[
    "echo",
    "eol",
    "fastopen",
    "maxseg",
    "md5sig",
    "mptcp",
    "mss",
    "nop",
    "noop",
    "sack-permitted",
    "sack-perm",
    "sack",
    "sack0",
    "sack1",
    "sack2",
    "sack3",
    "timestamp",
    "window",
];

impl<'a> Parser<'a> {
    /// True when a selector begins at the next token.
    pub(super) fn at_selector(&self) -> bool {
        match self.cur.tok() {
            Tok::At => {
                matches!(self.cur.text_at(1).split('.').next(), Some("nh" | "th" | "ll" | "ih"))
                    && self.cur.peek_at(2).tok == Tok::Comma
            }
            Tok::Word => self.word_begins_selector(self.cur.text()),
            _ => false,
        }
    }

    fn word_begins_selector(&self, word: &str) -> bool {
        let next_is_word = self.cur.peek_at(1).tok == Tok::Word;
        match word {
            "meta" | "ct" | "fib" | "socket" | "numgen" | "jhash" | "symhash" | "exthdr" | "tunnel" => next_is_word,
            "rt" => next_is_word,
            "osf" => true,
            "ipsec" => next_is_word,
            word if PROTOCOLS.contains(&word) || EXTHDRS.contains(&word) => next_is_word,
            word => UNQUALIFIED.contains(&word),
        }
    }

    /// A selector; [`Self::at_selector`] is true.
    pub(super) fn selector(&mut self) -> Parse<Expr<'a>> {
        let start = self.cur.span();
        if self.cur.tok() == Tok::At {
            return self.raw_payload();
        }
        let word = self.cur.text();
        self.cur.bump();
        let kind = match word {
            "meta" => {
                let key = self.take_name("a meta key")?;
                SelectorKind::Meta(key)
            }
            "ct" => return self.ct_selector(start),
            "fib" => {
                let mut text = self.take_name("`saddr`, `daddr`, `mark`, `iif` or `oif`")?.into_owned();
                while self.cur.eat(Tok::Dot) {
                    text.push_str(" . ");
                    text.push_str(&self.take_name("`saddr`, `daddr`, `mark`, `iif` or `oif`")?);
                }
                text.push(' ');
                text.push_str(&self.take_name("`type`, `oif` or `oifname`")?);
                SelectorKind::Other(Cow::Owned(format!("fib {text}")))
            }
            "socket" | "tunnel" => {
                let key = self.take_name("a key")?;
                if word == "socket" && key == "cgroupv2" && self.cur.eat_word("level") {
                    self.cur.bump();
                }
                SelectorKind::Other(Cow::Owned(format!("{word} {key}")))
            }
            "osf" => {
                if self.cur.eat_word("ttl") {
                    self.cur.bump();
                }
                self.cur.bump();
                SelectorKind::Other(Cow::Borrowed("osf"))
            }
            "numgen" | "jhash" | "symhash" => {
                let draw = self.draw(word)?;
                return Ok(Expr::Draw(Box::new(draw), start.to(self.cur.last())));
            }
            "ipsec" => {
                while self.cur.tok() == Tok::Word || self.cur.tok() == Tok::Number {
                    let text = self.cur.text();
                    self.cur.bump();
                    if matches!(text, "reqid" | "spi" | "saddr" | "daddr") {
                        break;
                    }
                }
                SelectorKind::Other(Cow::Borrowed("ipsec"))
            }
            "exthdr" => SelectorKind::Exthdr(self.take_name("an extension header")?, None),
            "tcp" if self.cur.at_word("option") => return self.tcp_option(start),
            "rt" if matches!(self.cur.text(), "classid" | "nexthop" | "mtu" | "ipsec" | "ip" | "ip6") => {
                let mut key = self.take_name("a key")?.into_owned();
                if matches!(key.as_str(), "ip" | "ip6") {
                    key.push(' ');
                    key.push_str(&self.take_name("`nexthop`")?);
                }
                SelectorKind::Other(Cow::Owned(format!("rt {key}")))
            }
            "ip" if self.cur.at_word("option") => {
                self.cur.bump();
                let name = self.take_name("an IP option")?;
                let field = self.optional_field(&["type", "length", "ptr", "value", "addr"]);
                SelectorKind::Other(Cow::Owned(format!("ip option {name}{}", field.map_or("", |_| " field"))))
            }
            "sctp" if self.cur.at_word("chunk") => {
                self.cur.bump();
                let name = self.take_name("a chunk type")?;
                if !matches!(self.cur.text(), "exists" | "missing") {
                    self.take_name("a chunk field")?;
                }
                SelectorKind::Other(Cow::Owned(format!("sctp chunk {name}")))
            }
            "vxlan" | "gre" | "gretap" | "geneve" => {
                let mut text = word.to_owned();
                while self.cur.tok() == Tok::Word && text.split(' ').count() < 3 {
                    let part = self.take_name("a field")?;
                    let inner = PROTOCOLS.contains(&part.as_ref());
                    text = format!("{text} {part}");
                    if !inner {
                        break;
                    }
                }
                SelectorKind::Other(Cow::Owned(text))
            }
            word if EXTHDRS.contains(&word) => {
                SelectorKind::Exthdr(Cow::Borrowed(word), Some(self.take_name("a header field")?))
            }
            "arp" if matches!(self.cur.text(), "saddr" | "daddr") && matches!(self.cur.text_at(1), "ip" | "ether") => {
                let field = format!("{} {}", self.cur.text(), self.cur.text_at(1));
                self.cur.bump();
                self.cur.bump();
                SelectorKind::Payload(Cow::Borrowed(word), Cow::Owned(field))
            }
            word if PROTOCOLS.contains(&word) => {
                SelectorKind::Payload(Cow::Borrowed(word), self.take_name("a header field")?)
            }
            word => SelectorKind::Meta(Cow::Borrowed(word)),
        };
        Ok(Expr::Field(Selector { kind, span: start.to(self.cur.last()) }))
    }

    /// `@nh,96,32`.
    fn raw_payload(&mut self) -> Parse<Expr<'a>> {
        let start = self.cur.expect(Tok::At, "`@`")?;
        let base = self.take_name("`ll`, `nh`, `th` or `ih`")?;
        self.cur.expect(Tok::Comma, "`,`")?;
        let offset = self.number("an offset in bits")?;
        self.cur.expect(Tok::Comma, "`,`")?;
        let len = self.number("a length in bits")?;
        let kind = SelectorKind::Raw(base, offset as u32, len as u32);
        Ok(Expr::Field(Selector { kind, span: start.to(self.cur.last()) }))
    }

    /// `ct [original|reply] key`; `ct original ip saddr` keeps both words of its key.
    fn ct_selector(&mut self, start: casebook_core::Span) -> Parse<Expr<'a>> {
        let direction = match self.cur.text() {
            "original" => Some(Direction::Original),
            "reply" => Some(Direction::Reply),
            _ => None,
        };
        if direction.is_some() {
            self.cur.bump();
        }
        let mut key = self.take_name("a ct key")?;
        if matches!(key.as_ref(), "ip" | "ip6") && matches!(self.cur.text(), "saddr" | "daddr") {
            key = Cow::Owned(format!("{key} {}", self.take_name("`saddr` or `daddr`")?));
        }
        Ok(Expr::Field(Selector { kind: SelectorKind::Ct(key, direction), span: start.to(self.cur.last()) }))
    }

    /// `tcp option NAME [FIELD]`, `tcp option @kind,offset,len`.
    fn tcp_option(&mut self, start: casebook_core::Span) -> Parse<Expr<'a>> {
        self.cur.bump();
        if self.cur.eat(Tok::At) {
            let text_from = self.cur.span();
            for part in 0..3 {
                if part > 0 {
                    self.cur.expect(Tok::Comma, "`,`")?;
                }
                self.number("a number")?;
            }
            let text = self.cur.slice(text_from.to(self.cur.last()));
            let kind = SelectorKind::TcpOption(Cow::Owned(format!("@{text}")), Some(Cow::Borrowed("raw")));
            return Ok(Expr::Field(Selector { kind, span: start.to(self.cur.last()) }));
        }
        let name = self.cur.text();
        if !TCP_OPTIONS.contains(&name) && self.cur.tok() != Tok::Number {
            return self.cur.fail("expected a TCP option");
        }
        self.cur.bump();
        let fields = &["kind", "length", "size", "count", "left", "right", "tsval", "tsecr", "subtype"];
        let field = self.optional_field(fields);
        let kind = SelectorKind::TcpOption(Cow::Borrowed(name), field);
        Ok(Expr::Field(Selector { kind, span: start.to(self.cur.last()) }))
    }

    fn optional_field(&mut self, known: &[&str]) -> Option<Cow<'a, str>> {
        let text = self.cur.text();
        (self.cur.tok() == Tok::Word && known.contains(&text)).then(|| {
            self.cur.bump();
            Cow::Borrowed(text)
        })
    }

    /// `numgen inc mod 2 offset 1`, `jhash ip saddr . tcp dport mod 2 seed 1`, `symhash mod 2`.
    fn draw(&mut self, word: &str) -> Parse<DrawAst<'a>> {
        let (mut how, mut key) = (DrawKind::Symhash, None);
        if word == "numgen" {
            how = match self.take_name("`inc` or `random`")?.as_ref() {
                "inc" => DrawKind::Inc,
                "random" => DrawKind::Random,
                _ => return self.cur.fail("expected `inc` or `random`"),
            };
        }
        if word == "jhash" {
            how = DrawKind::Jhash;
            key = Some(self.concat(super::expr::Mode::Left)?);
        }
        if !self.cur.eat_word("mod") {
            return self.cur.fail("expected `mod`");
        }
        let modulus = self.draw_number("a modulus")?;
        let mut offset = 0;
        loop {
            if self.cur.eat_word("offset") {
                offset = self.draw_number("an offset")?;
            } else if self.cur.eat_word("seed") {
                self.number("a seed")?;
            } else {
                return Ok(DrawAst { how, key, modulus, offset });
            }
        }
    }

    fn draw_number(&mut self, what: &str) -> Parse<u32> {
        let number = self.number(what)?;
        u32::try_from(number).or_else(|_| self.cur.fail(format!("{number} is too large for {what}")))
    }

    pub(super) fn take_name(&mut self, what: &str) -> Parse<Cow<'a, str>> {
        if self.cur.tok() != Tok::Word {
            return self.cur.fail(format!("expected {what}"));
        }
        let text = self.cur.text();
        self.cur.bump();
        Ok(Cow::Borrowed(text))
    }
}
