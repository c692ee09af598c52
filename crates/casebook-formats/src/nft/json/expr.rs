//! Expressions: values, selectors, sets, maps, bitwise operators, verdicts.

use std::borrow::Cow;

use crate::json::{Kind, Member, Node};

use super::{MAX_NESTING, Reader};
use crate::nft::ast::{
    BinaryOp, Direction, DrawAst, DrawKind, Elem, Expr, Selector, SelectorKind, Verdict, VerdictKind, Word,
};

/// Operands of one operator that are read. The labels of a connection, the widest flags there are, have 128 bits.
const MAX_OPERANDS: usize = 128;

impl<'a> Reader<'a> {
    /// Any expression. What is not understood is opaque.
    pub(super) fn expr(&mut self, node: Node<'_, 'a>) -> Expr<'a> {
        if self.nesting >= MAX_NESTING {
            self.unmodelled(node, format!("nested over {MAX_NESTING} deep"));
            return self.opaque(node, "nested too deep");
        }
        self.nesting += 1;
        let expr = match node.kind() {
            Kind::String | Kind::Number | Kind::Bool => self.immediate(node),
            Kind::Array => Expr::List(self.exprs(node), self.span(node)),
            Kind::Object => self.object_expr(node),
            Kind::Null => self.opaque(node, "null is no value"),
            Kind::Broken => self.opaque(node, "broken value"),
        };
        self.nesting -= 1;
        expr
    }

    fn exprs(&mut self, node: Node<'_, 'a>) -> Vec<Expr<'a>> {
        node.elements().map(|item| self.expr(item)).collect()
    }

    /// The expression of member `key`; opaque when there is none.
    pub(super) fn expr_of(&mut self, node: Node<'_, 'a>, key: &str) -> Expr<'a> {
        match node.get(key) {
            Some(value) => self.expr(value),
            None => self.opaque(node, format!("\"{key}\" is missing")),
        }
    }

    /// The expression of member `key`, if there is one.
    pub(super) fn optional_expr(&mut self, node: Node<'_, 'a>, key: &str) -> Option<Expr<'a>> {
        node.get(key).map(|value| self.expr(value))
    }

    /// A string, number or boolean (`json_parse_immediate`).
    fn immediate(&self, node: Node<'_, 'a>) -> Expr<'a> {
        let span = self.span(node);
        let (text, quoted) = match node.as_str() {
            Some(text) if text.starts_with('@') => {
                let name = match text {
                    Cow::Borrowed(text) => Cow::Borrowed(&text[1..]),
                    Cow::Owned(text) => Cow::Owned(text[1..].to_owned()),
                };
                return Expr::SetRef(Word { text: name, span, quoted: false });
            }
            Some(text) => {
                let quoted = text != "*";
                (text, quoted)
            }
            None => match (node.as_bool(), node.as_number()) {
                // The names nft's text has for the two booleans.
                (Some(true), _) => (Cow::Borrowed("exists"), false),
                (Some(false), _) => (Cow::Borrowed("missing"), false),
                (None, number) => (Cow::Borrowed(number.unwrap_or_default()), false),
            },
        };
        Expr::Word(Word { text, span, quoted })
    }

    fn object_expr(&mut self, node: Node<'_, 'a>) -> Expr<'a> {
        let mut members = node.members();
        let Some(member) = members.next() else {
            return self.opaque(node, "empty object");
        };
        if members.next().is_some() {
            return self.opaque(node, "object with several keys, which nft refuses");
        }
        let (value, span) = (member.value, self.span(node));
        if let Some(verdict) = self.verdict(node, member) {
            return Expr::Verdict(verdict);
        }
        let Some(key) = member.key.as_str() else {
            return self.opaque(node, "object without a key");
        };
        match key.as_ref() {
            "concat" => Expr::Concat(self.exprs(value), span),
            "set" => self.set(value),
            "elem" => self.expr_of(value, "val"),
            "map" => {
                self.known_keys(value, "map", &["key", "data"]);
                let (key, data) = (self.expr_of(value, "key"), self.expr_of(value, "data"));
                Expr::Map(Box::new(key), Box::new(data), span)
            }
            "prefix" => {
                self.known_keys(value, "prefix", &["addr", "len"]);
                let addr = self.expr_of(value, "addr");
                match value.get("len").and_then(|len| len.as_u64()).and_then(|len| u32::try_from(len).ok()) {
                    Some(len) => Expr::Prefix(Box::new(addr), len, span),
                    None => self.opaque(node, "prefix without a length"),
                }
            }
            "range" => {
                let mut ends = value.elements();
                match (ends.next(), ends.next(), ends.next()) {
                    (Some(low), Some(high), None) => Expr::Range(Box::new(self.expr(low)), Box::new(self.expr(high))),
                    _ => self.opaque(node, "range without two ends"),
                }
            }
            "&" => self.binary(node, BinaryOp::And, value),
            "|" => self.binary(node, BinaryOp::Or, value),
            "^" => self.binary(node, BinaryOp::Xor, value),
            "<<" => self.binary(node, BinaryOp::Shl, value),
            ">>" => self.binary(node, BinaryOp::Shr, value),
            "numgen" | "jhash" | "symhash" => match self.draw(&key, value) {
                Some(draw) => Expr::Draw(Box::new(draw), span),
                None => self.opaque(node, key),
            },
            _ => match self.selector(node) {
                Some(selector) => Expr::Field(selector),
                None => self.opaque(node, format!("unknown expression \"{key}\"")),
            },
        }
    }

    /// `{"mode": "inc", "mod": 2, "offset": 0}`, `{"mod": 2, "seed": 1, "offset": 0, "expr": …}`.
    fn draw(&mut self, what: &str, value: Node<'_, 'a>) -> Option<DrawAst<'a>> {
        let number = |key| match value.get(key) {
            Some(node) => node.as_u64().and_then(|number| u32::try_from(number).ok()),
            None => Some(0),
        };
        let (modulus, offset) = (number("mod")?, number("offset")?);
        let (mut how, mut key) = (DrawKind::Symhash, None);
        match what {
            "numgen" => {
                self.known_keys(value, what, &["mode", "mod", "offset"]);
                how = match value.get("mode")?.as_str()?.as_ref() {
                    "inc" => DrawKind::Inc,
                    "random" => DrawKind::Random,
                    _ => return None,
                };
            }
            "jhash" => {
                self.known_keys(value, what, &["mod", "offset", "seed", "expr"]);
                how = DrawKind::Jhash;
                key = Some(self.expr_of(value, "expr"));
            }
            _ => self.known_keys(value, what, &["mod", "offset"]),
        }
        Some(DrawAst { how, key, modulus, offset })
    }

    /// `{"&": [a, b, …]}`; more than two operands associate to the left (`json_parse_binop_expr`).
    fn binary(&mut self, node: Node<'_, 'a>, op: BinaryOp, operands: Node<'_, 'a>) -> Expr<'a> {
        let count = operands.elements().take(MAX_OPERANDS + 1).count();
        if !(2..=MAX_OPERANDS).contains(&count) {
            return self.opaque(node, format!("operator with {count} operands"));
        }
        let span = self.span(node);
        let all = self.exprs(operands);
        all.into_iter()
            .reduce(|left, right| Expr::Binary(op, Box::new(left), Box::new(right), span))
            .unwrap_or_else(|| self.opaque(node, "operator without operands"))
    }

    /// A set literal: an array of elements, one bare element, or a reference.
    pub(super) fn set(&mut self, node: Node<'_, 'a>) -> Expr<'a> {
        if node.kind() != Kind::Array {
            let key = self.expr(node);
            if matches!(key, Expr::SetRef(_)) {
                return key;
            }
            let span = self.span(node);
            return Expr::Set(vec![Elem { key, data: None, timeout: false, stmts: Vec::new(), span }], span);
        }
        let mut elems = node.elements().map(|item| self.elem(item)).collect::<Vec<_>>();
        if self.is_broken(node) {
            let key = self.opaque(node, "elements cut off");
            elems.push(Elem { key, data: None, timeout: false, stmts: Vec::new(), span: self.span(node) });
        }
        Expr::Set(elems, self.span(node))
    }

    /// One element. An array of two is a key and its data (`json_parse_set_expr`), never a list.
    fn elem(&mut self, node: Node<'_, 'a>) -> Elem<'a> {
        let mut parts = node.elements();
        if let (Some(key), Some(data), None) = (parts.next(), parts.next(), parts.next()) {
            let mut elem = self.elem_key(key);
            // Statements of an element stand at its key or at its data, by version of nft.
            let data = self.elem_key(data);
            elem.timeout |= data.timeout;
            elem.stmts.extend(data.stmts);
            elem.data = Some(data.key);
            elem.span = self.span(node);
            return elem;
        }
        self.elem_key(node)
    }

    /// A key with what hangs on it: `{"elem": {"val": …, "timeout": 5, "counter": {…}}}`.
    pub(super) fn elem_key(&mut self, node: Node<'_, 'a>) -> Elem<'a> {
        let span = self.span(node);
        let Some(body) = node.get("elem").filter(|body| body.kind() == Kind::Object) else {
            return Elem { key: self.expr(node), data: None, timeout: false, stmts: Vec::new(), span };
        };
        let mut elem = Elem { key: self.expr_of(body, "val"), data: None, timeout: false, stmts: Vec::new(), span };
        for member in body.members() {
            match member.key.as_str().as_deref() {
                Some("val" | "comment") => {}
                Some("timeout" | "expires") => elem.timeout = true,
                Some("stmt") => elem.stmts.extend(self.stmts(member.value)),
                _ => {
                    let stmt = self.named_stmt(node, member);
                    elem.stmts.push(stmt);
                }
            }
        }
        elem
    }

    /// The verdict `member` of `node` stands for, if it is one.
    pub(super) fn verdict(&mut self, node: Node<'_, 'a>, member: Member<'_, 'a>) -> Option<Verdict<'a>> {
        let key = member.key;
        let kind = if key.is("accept") {
            VerdictKind::Accept
        } else if key.is("drop") {
            VerdictKind::Drop
        } else if key.is("continue") {
            VerdictKind::Continue
        } else if key.is("return") {
            VerdictKind::Return
        } else if key.is("jump") {
            VerdictKind::Jump(self.word_of(member.value, "target")?)
        } else if key.is("goto") {
            VerdictKind::Goto(self.word_of(member.value, "target")?)
        } else {
            return None;
        };
        Some(Verdict { kind, span: self.span(node) })
    }

    /// What `node` loads from the packet, if it is a selector.
    pub(super) fn selector(&mut self, node: Node<'_, 'a>) -> Option<Selector<'a>> {
        let member = node.members().next()?;
        let value = member.value;
        let kind = match member.key.as_str()?.as_ref() {
            "payload" => self.payload(value)?,
            "meta" => {
                self.known_keys(value, "meta", &["key"]);
                SelectorKind::Meta(value.get("key")?.as_str()?)
            }
            "ct" => self.ct(value)?,
            "exthdr" => {
                self.known_keys(value, "exthdr", &["name", "field", "offset"]);
                let field = value.get("field").and_then(|field| field.as_str());
                let field = match (field, value.get("offset").and_then(|offset| offset.as_u64())) {
                    (Some(field), Some(index)) if !field.contains('[') => Some(Cow::Owned(format!("{field}[{index}]"))),
                    (field, _) => field,
                };
                SelectorKind::Exthdr(value.get("name")?.as_str()?, field)
            }
            "tcp option" => self.tcp_option(value)?,
            "ip option" => SelectorKind::Other(named("ip option", value)?),
            "sctp chunk" => SelectorKind::Other(named("sctp chunk", value)?),
            "dccp option" => {
                self.known_keys(value, "dccp option", &["type"]);
                SelectorKind::Other(Cow::Owned(format!("dccp option {}", value.get("type")?.as_u64()?)))
            }
            "rt" => {
                self.known_keys(value, "rt", &["key", "family"]);
                let key = value.get("key")?.as_str()?;
                let family = value.get("family").and_then(|family| family.as_str());
                SelectorKind::Other(Cow::Owned(match family {
                    Some(family) => format!("rt {family} {key}"),
                    None => format!("rt {key}"),
                }))
            }
            "fib" => {
                self.known_keys(value, "fib", &["result", "flags"]);
                let flags = self.words_of(value, "flags");
                let flags = flags.iter().map(|flag| flag.text.as_ref()).collect::<Vec<_>>().join(" . ");
                SelectorKind::Other(Cow::Owned(format!("fib {flags} {}", value.get("result")?.as_str()?)))
            }
            "socket" => {
                self.known_keys(value, "socket", &["key"]);
                SelectorKind::Other(Cow::Owned(format!("socket {}", value.get("key")?.as_str()?)))
            }
            "tunnel" => SelectorKind::Other(Cow::Owned(format!("tunnel {}", value.get("key")?.as_str()?))),
            "osf" => SelectorKind::Other(Cow::Borrowed("osf")),
            "ipsec" => SelectorKind::Other(Cow::Borrowed("ipsec")),
            _ => return None,
        };
        Some(Selector { kind, span: self.span(node) })
    }

    fn payload(&mut self, value: Node<'_, 'a>) -> Option<SelectorKind<'a>> {
        self.known_keys(value, "payload", &["protocol", "field", "tunnel", "base", "offset", "len"]);
        if let Some(base) = value.get("base") {
            let number = |key| value.get(key).and_then(|node| node.as_u64()).and_then(|bits| u32::try_from(bits).ok());
            return Some(SelectorKind::Raw(base.as_str()?, number("offset")?, number("len")?));
        }
        let (protocol, field) = (value.get("protocol")?.as_str()?, value.get("field")?.as_str()?);
        Some(match value.get("tunnel").and_then(|tunnel| tunnel.as_str()) {
            Some(tunnel) => SelectorKind::Other(Cow::Owned(format!("{tunnel} {protocol} {field}"))),
            None => SelectorKind::Payload(protocol, field),
        })
    }

    /// `{"key": "ip saddr", "dir": "original"}`; before nft 0.9.1 the family is a member of its own.
    fn ct(&mut self, value: Node<'_, 'a>) -> Option<SelectorKind<'a>> {
        self.known_keys(value, "ct", &["key", "dir", "family"]);
        let key = value.get("key")?.as_str()?;
        let key = match value.get("family").and_then(|family| family.as_str()) {
            Some(family) if !key.contains(' ') => Cow::Owned(format!("{family} {key}")),
            _ => key,
        };
        let direction = match value.get("dir") {
            None => None,
            Some(dir) if dir.is("original") => Some(Direction::Original),
            Some(dir) if dir.is("reply") => Some(Direction::Reply),
            Some(_) => return None,
        };
        Some(SelectorKind::Ct(key, direction))
    }

    fn tcp_option(&mut self, value: Node<'_, 'a>) -> Option<SelectorKind<'a>> {
        self.known_keys(value, "tcp option", &["name", "field", "base", "offset", "len"]);
        if let Some(base) = value.get("base") {
            let (base, offset, len) = (base.as_u64()?, value.get("offset")?.as_u64()?, value.get("len")?.as_u64()?);
            return Some(SelectorKind::TcpOption(Cow::Owned(format!("@{base},{offset},{len}")), Some("raw".into())));
        }
        let field = value.get("field").and_then(|field| field.as_str());
        Some(SelectorKind::TcpOption(value.get("name")?.as_str()?, field))
    }
}

/// `ip option lsrr`, `sctp chunk init num-outbound-streams`.
fn named<'a>(what: &str, value: Node<'_, 'a>) -> Option<Cow<'a, str>> {
    let name = value.get("name")?.as_str()?;
    Some(Cow::Owned(match value.get("field").and_then(|field| field.as_str()) {
        Some(field) => format!("{what} {name} {field}"),
        None => format!("{what} {name}"),
    }))
}
