//! Statements of rules, sets and elements.

use crate::json::{Kind, Member, Node};

use super::{MAX_NESTING, Reader};
use crate::nft::ast::{Expr, NatAst, NatKind, RelOp, Selector, SelectorKind, SetOp, SetUpdateAst, Stmt, StmtKind};

impl<'a> Reader<'a> {
    /// The statements of an array, or of a single object.
    pub(super) fn stmts(&mut self, node: Node<'_, 'a>) -> Vec<Stmt<'a>> {
        if node.kind() == Kind::Array {
            node.elements().map(|item| self.stmt(item)).collect()
        } else {
            vec![self.stmt(node)]
        }
    }

    /// One statement. What is not understood is opaque and can do anything.
    pub(super) fn stmt(&mut self, node: Node<'_, 'a>) -> Stmt<'a> {
        let mut members = node.members();
        match (members.next(), members.next()) {
            (Some(member), None) => self.named_stmt(node, member),
            (Some(_), Some(_)) => self.unknown(node, "statement with several keys, which nft refuses"),
            _ => match node.as_str() {
                Some(text) => Stmt { kind: printed(&text), span: self.span(node) },
                None => self.unknown(node, "not a statement"),
            },
        }
    }

    fn unknown(&self, node: Node<'_, 'a>, what: impl Into<String>) -> Stmt<'a> {
        Stmt { kind: anything(what), span: self.span(node) }
    }

    /// The statement that `member` of `node` is.
    pub(super) fn named_stmt(&mut self, node: Node<'_, 'a>, member: Member<'_, 'a>) -> Stmt<'a> {
        if self.nesting >= MAX_NESTING {
            self.unmodelled(node, format!("nested over {MAX_NESTING} deep"));
            return self.unknown(node, "nested too deep");
        }
        self.nesting += 1;
        let kind = self.stmt_kind(node, member);
        self.nesting -= 1;
        let kind = kind.unwrap_or_else(|| anything(format!("incomplete {}", member.key.as_str().unwrap_or_default())));
        Stmt { kind, span: self.span(node) }
    }

    /// `None` when something the statement needs is missing.
    fn stmt_kind(&mut self, node: Node<'_, 'a>, member: Member<'_, 'a>) -> Option<StmtKind<'a>> {
        let value = member.value;
        if let Some(verdict) = self.verdict(node, member) {
            return Some(StmtKind::Verdict(verdict));
        }
        let key = member.key.as_str()?;
        Some(match key.as_ref() {
            "match" => {
                self.known_keys(value, "match", &["left", "op", "right"]);
                let op = self.rel_op(value)?;
                let (mut left, right) = (self.expr(value.get("left")?), self.expr(value.get("right")?));
                if value.get("right")?.kind() == Kind::Bool {
                    ask_existence(&mut left);
                }
                StmtKind::Match(left, op, right)
            }
            "vmap" => {
                self.known_keys(value, "vmap", &["key", "data"]);
                StmtKind::Vmap(self.expr(value.get("key")?), self.expr(value.get("data")?))
            }
            "mangle" => {
                self.known_keys(value, "mangle", &["key", "value"]);
                let data = self.expr(value.get("value")?);
                match self.selector(value.get("key")?)? {
                    Selector { kind: SelectorKind::Ct(key, None), .. } if key == "helper" => {
                        StmtKind::CtObject(key, data)
                    }
                    selector => StmtKind::Assign(selector, data),
                }
            }
            "counter" => self.counter(value),
            "limit" => self.limit(value)?,
            "quota" => self.quota(value)?,
            "ct count" => {
                self.known_keys(value, "ct count", &["val", "inv"]);
                StmtKind::CtCount(is_true(value, "inv"), Some(value.get("val")?.as_u64()?))
            }
            "last" => StmtKind::Opaque { what: "last".into(), may_break: false, may_end: false },
            "log" => self.log(value),
            "reject" => self.reject(value),
            "snat" => self.nat(NatKind::Snat, value),
            "dnat" => self.nat(NatKind::Dnat, value),
            "masquerade" => self.nat(NatKind::Masquerade, value),
            "redirect" => self.nat(NatKind::Redirect, value),
            "tproxy" => {
                self.known_keys(value, "tproxy", &["family", "addr", "port"]);
                StmtKind::Tproxy(self.optional_expr(value, "addr"), self.optional_expr(value, "port"))
            }
            "dup" => {
                self.known_keys(value, "dup", &["addr", "dev"]);
                StmtKind::Dup(self.optional_expr(value, "addr"), self.optional_expr(value, "dev"))
            }
            "fwd" => self.fwd(value),
            "notrack" => StmtKind::Notrack,
            "queue" => self.queue(value),
            "synproxy" if value.get("map").is_some() => anything("synproxy by map"),
            "synproxy" => {
                self.known_keys(value, "synproxy", &["mss", "wscale", "flags"]);
                StmtKind::Synproxy
            }
            "flow" => {
                self.known_keys(value, "flow", &["op", "flowtable"]);
                StmtKind::Flow(self.reference(value.get("flowtable")?)?)
            }
            "set" => self.set_update(value, "set")?,
            "map" => self.set_update(value, "map")?,
            "meter" => {
                self.known_keys(value, "meter", &["name", "key", "stmt", "size"]);
                let elem = self.elem_key(value.get("key")?);
                let mut stmts = elem.stmts;
                stmts.extend(self.stmts(value.get("stmt")?));
                StmtKind::Meter(self.word_of(value, "name"), elem.key, stmts)
            }
            "ct helper" | "ct timeout" | "ct expectation" => {
                let object = key.trim_start_matches("ct ").to_owned();
                StmtKind::CtObject(object.into(), self.expr(value))
            }
            "secmark" => {
                let kind = SelectorKind::Meta("secmark".into());
                StmtKind::Assign(Selector { kind, span: self.span(member.key) }, self.expr(value))
            }
            // Sets the tunnel a later device sends with; the packet's way through the rules stays.
            "tunnel" => {
                let may_break = value.get("map").is_some();
                StmtKind::Opaque { what: "tunnel".into(), may_break, may_end: false }
            }
            "reset" => {
                let Some(SelectorKind::TcpOption(name, _)) = self.selector(value).map(|selector| selector.kind) else {
                    return None;
                };
                StmtKind::Opaque { what: format!("reset tcp option {name}"), may_break: false, may_end: false }
            }
            "xt" => xt(value),
            _ => anything(format!("unknown statement \"{key}\"")),
        })
    }

    /// `in` is what nft prints for a match written without an operator on flags: any of the bits.
    fn rel_op(&mut self, value: Node<'_, 'a>) -> Option<RelOp> {
        Some(match value.get("op")?.as_str()?.as_ref() {
            "in" => RelOp::Implicit,
            "==" => RelOp::Eq,
            "!=" => RelOp::Ne,
            "<" => RelOp::Lt,
            "<=" => RelOp::Le,
            ">" => RelOp::Gt,
            ">=" => RelOp::Ge,
            "!" => RelOp::Not,
            _ => return None,
        })
    }

    /// `null`, `{"packets": 0, "bytes": 0}`, or the name of an object, or a map that gives one.
    fn counter(&mut self, value: Node<'_, 'a>) -> StmtKind<'a> {
        if let Some(name) = self.word(value) {
            return StmtKind::Counter(Some(name));
        }
        if value.get("map").is_some() {
            return by_map("counter");
        }
        self.known_keys(value, "counter", &["packets", "bytes"]);
        StmtKind::Counter(None)
    }

    /// The text nft has for it: `limit rate over 10 mbytes/second burst 9000 kbytes`.
    fn limit(&mut self, value: Node<'_, 'a>) -> Option<StmtKind<'a>> {
        if let Some(name) = self.word(value) {
            return Some(StmtKind::Limit(format!("limit name {}", name.text)));
        }
        if value.get("map").is_some() {
            return Some(by_map("limit"));
        }
        self.known_keys(value, "limit", &["rate", "per", "burst", "inv", "rate_unit", "burst_unit"]);
        let over = if is_true(value, "inv") { "over " } else { "" };
        let unit = unit(value, "rate_unit", "packets");
        let mut text = format!("limit rate {over}{}", value.get("rate")?.as_number()?);
        if unit != "packets" {
            text.push_str(&format!(" {unit}"));
        }
        text.push_str(&format!("/{}", value.get("per")?.as_str()?));
        if let Some(burst) = value.get("burst").and_then(|burst| burst.as_u64()).filter(|burst| *burst > 0) {
            let packets = if unit == "packets" { "packets" } else { "bytes" };
            text.push_str(&format!(" burst {burst} {}", self::unit(value, "burst_unit", packets)));
        }
        Some(StmtKind::Limit(text))
    }

    /// `quota over 25 mbytes used 3 kbytes`.
    fn quota(&mut self, value: Node<'_, 'a>) -> Option<StmtKind<'a>> {
        if let Some(name) = self.word(value) {
            return Some(StmtKind::Quota(format!("quota name {}", name.text)));
        }
        if value.get("map").is_some() {
            return Some(by_map("quota"));
        }
        self.known_keys(value, "quota", &["val", "val_unit", "used", "used_unit", "inv"]);
        let over = if is_true(value, "inv") { "over " } else { "" };
        let mut text = format!("quota {over}{} {}", value.get("val")?.as_number()?, unit(value, "val_unit", "bytes"));
        if let Some(used) = value.get("used").and_then(|used| used.as_number()) {
            text.push_str(&format!(" used {used} {}", unit(value, "used_unit", "bytes")));
        }
        Some(StmtKind::Quota(text))
    }

    fn log(&mut self, value: Node<'_, 'a>) -> StmtKind<'a> {
        self.known_keys(value, "log", &["prefix", "group", "snaplen", "queue-threshold", "level", "flags"]);
        let group = value.get("group").and_then(|group| group.as_u64()).and_then(|group| u32::try_from(group).ok());
        let mut prefix = self.word_of(value, "prefix");
        if let Some(prefix) = &mut prefix {
            prefix.quoted = true;
        }
        StmtKind::Log { prefix, group }
    }

    fn reject(&mut self, value: Node<'_, 'a>) -> StmtKind<'a> {
        self.known_keys(value, "reject", &["type", "expr"]);
        let kind = value.get("type").and_then(|kind| kind.as_str());
        let code = self.word_of(value, "expr");
        StmtKind::Reject(kind.map(|kind| match code {
            Some(code) => format!("reject with {kind} {}", code.text),
            None => format!("reject with {kind}"),
        }))
    }

    fn nat(&mut self, kind: NatKind, value: Node<'_, 'a>) -> StmtKind<'a> {
        self.known_keys(value, "nat", &["family", "addr", "port", "flags", "type_flags"]);
        let mut flags = self.words_of(value, "type_flags");
        flags.extend(self.words_of(value, "flags"));
        let flags = flags.into_iter().map(|flag| match flag.text.as_ref() {
            // The word text has for it.
            "concat" => "addr . port".to_owned(),
            _ => flag.text.into_owned(),
        });
        StmtKind::Nat(Box::new(NatAst {
            kind,
            family: self.word_of(value, "family"),
            addr: self.optional_expr(value, "addr"),
            port: self.optional_expr(value, "port"),
            flags: flags.collect(),
        }))
    }

    /// `fwd to DEV`, `fwd ip to ADDR device DEV`: the device comes second only when there is an address.
    fn fwd(&mut self, value: Node<'_, 'a>) -> StmtKind<'a> {
        self.known_keys(value, "fwd", &["dev", "family", "addr"]);
        let device = self.optional_expr(value, "dev");
        match self.optional_expr(value, "addr") {
            Some(addr) => StmtKind::Fwd(Some(addr), device),
            None => StmtKind::Fwd(device, None),
        }
    }

    fn queue(&mut self, value: Node<'_, 'a>) -> StmtKind<'a> {
        self.known_keys(value, "queue", &["num", "flags"]);
        let mut text = String::from("queue");
        let flags = self.words_of(value, "flags");
        if !flags.is_empty() {
            let flags = flags.iter().map(|flag| flag.text.as_ref()).collect::<Vec<_>>().join(",");
            text.push_str(&format!(" flags {flags}"));
        }
        match self.optional_expr(value, "num") {
            Some(Expr::Word(number)) => text.push_str(&format!(" to {}", number.text)),
            Some(Expr::Range(low, high)) => {
                if let (Expr::Word(low), Expr::Word(high)) = (*low, *high) {
                    text.push_str(&format!(" to {}-{}", low.text, high.text));
                }
            }
            Some(_) => text.push_str(" to an expression"),
            None => {}
        }
        StmtKind::Queue(text)
    }

    /// `{"op": "add", "set": "@s", "elem": …}`; maps have `"map": "@m"` and `"data"`.
    fn set_update(&mut self, value: Node<'_, 'a>, set: &str) -> Option<StmtKind<'a>> {
        self.known_keys(value, set, &["op", "elem", set, "data", "stmt"]);
        let op = match value.get("op")?.as_str()?.as_ref() {
            "add" => SetOp::Add,
            "update" => SetOp::Update,
            "delete" => SetOp::Delete,
            _ => return None,
        };
        let set = self.reference(value.get(set)?)?;
        let elem = self.elem_key(value.get("elem")?);
        let mut stmts = elem.stmts;
        if let Some(more) = value.get("stmt") {
            stmts.extend(self.stmts(more));
        }
        let data = self.optional_expr(value, "data");
        Some(StmtKind::SetUpdate(Box::new(SetUpdateAst { op, set, key: elem.key, data, stmts })))
    }

    /// `"@name"`.
    fn reference(&mut self, node: Node<'_, 'a>) -> Option<crate::nft::ast::Word<'a>> {
        match self.expr(node) {
            Expr::SetRef(word) => Some(word),
            _ => None,
        }
    }
}

fn is_true(value: Node<'_, '_>, key: &str) -> bool {
    value.get(key).and_then(|node| node.as_bool()).unwrap_or(false)
}

fn unit<'a>(value: Node<'_, 'a>, key: &str, default: &'static str) -> std::borrow::Cow<'a, str> {
    value.get(key).and_then(|unit| unit.as_str()).unwrap_or(default.into())
}

/// nft prints `tcp option 6 exists` as the first byte of option 6, compared with a boolean.
fn ask_existence(left: &mut Expr<'_>) {
    if let Expr::Field(Selector { kind: SelectorKind::TcpOption(name, field), .. }) = left
        && let Some(number) = name.strip_prefix('@').and_then(|raw| raw.strip_suffix(",0,8"))
    {
        (*name, *field) = (number.to_owned().into(), None);
    }
}

fn anything(what: impl Into<String>) -> StmtKind<'static> {
    StmtKind::Opaque { what: what.into(), may_break: true, may_end: true }
}

/// An object chosen by a map: the rule breaks where the map has no entry.
fn by_map(what: &str) -> StmtKind<'static> {
    StmtKind::Opaque { what: format!("{what} by map"), may_break: true, may_end: false }
}

/// A statement nft has no JSON for and prints in its own syntax.
fn printed(text: &str) -> StmtKind<'static> {
    let word = text.split_whitespace().next().unwrap_or_default();
    let is_update = matches!(word, "add" | "update" | "delete");
    StmtKind::Opaque { what: text.to_owned(), may_break: word != "last", may_end: !is_update && word != "last" }
}

/// Rules of the iptables layer, of which nft shows only the name.
fn xt(value: Node<'_, '_>) -> StmtKind<'static> {
    let text = |key| value.get(key).and_then(|node| node.as_str());
    let (Some(kind), Some(name)) = (text("type"), text("name")) else {
        return anything("xt");
    };
    let ends = kind == "target" && name.chars().any(|letter| letter.is_ascii_uppercase()) && name != "LOG";
    StmtKind::Opaque { what: format!("xt {kind} {name}"), may_break: name != "comment", may_end: ends }
}
