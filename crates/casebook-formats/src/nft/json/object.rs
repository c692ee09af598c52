//! Tables, chains, rules, sets and other objects.

use std::borrow::Cow;

use crate::json::{Kind, Member, Node};
use casebook_core::Span;

use super::Reader;
use crate::nft::ast::{
    ChainAst, CommandVerb, Expr, HookSpec, ObjectAst, Position, RuleAst, SetAst, Stmt, StmtKind, TableName, TimeoutAst,
    TypeSpec, Word,
};

/// Stateful objects and flowtables: what a rule can refer to by name.
const OBJECTS: &[&str] =
    &["counter", "quota", "limit", "ct helper", "ct expectation", "secmark", "synproxy", "flowtable", "tunnel"];

/// Flags of a table. Anything else there is freed memory that nft before 1.0.7 prints.
const TABLE_FLAGS: &[&str] = &["dormant", "owner", "persist"];

impl<'a> Reader<'a> {
    /// What a command is about. `explicit` tells a command from an object of a listing.
    pub(super) fn object(
        &mut self,
        verb: CommandVerb,
        explicit: bool,
        member: Member<'_, 'a>,
    ) -> Option<ObjectAst<'a>> {
        let node = member.value;
        let Some(key) = member.key.as_str() else {
            self.unmodelled_member(member, "a key that is no string");
            return None;
        };
        let object = match key.as_ref() {
            "ruleset" => Some(ObjectAst::Ruleset(self.word_of(node, "family"))),
            "table" => self.table(node),
            "chain" => self.chain(verb, node),
            "rule" => self.rule(verb, explicit, node),
            "set" | "map" | "meter" => self.set_object(key == "map", node),
            "element" => self.element(node),
            "ct timeout" => self.timeout(node),
            object if OBJECTS.contains(&object) => self.stateful(object.trim_start_matches("ct ").to_owned(), member),
            _ => {
                self.unmodelled_member(member, format!("unknown object \"{key}\""));
                return None;
            }
        };
        if object.is_none() {
            self.syntax_error(node, format!("{key} without its table or its name"));
        }
        object
    }

    fn table_name(&self, node: Node<'_, 'a>) -> Option<TableName<'a>> {
        Some(TableName { family: self.word_of(node, "family"), name: self.word_of(node, "table")? })
    }

    /// The name, or the handle that `delete` takes instead of it.
    fn name_or_handle(&self, node: Node<'_, 'a>) -> Option<Word<'a>> {
        self.word_of(node, "name").or_else(|| self.word_of(node, "handle"))
    }

    fn table(&mut self, node: Node<'_, 'a>) -> Option<ObjectAst<'a>> {
        self.known_keys(node, "table", &["family", "name", "handle", "flags", "comment"]);
        let name = TableName { family: self.word_of(node, "family"), name: self.name_or_handle(node)? };
        let flags = self.words_of(node, "flags");
        if flags.iter().any(|flag| !TABLE_FLAGS.contains(&flag.text.as_ref()))
            && let Some(value) = node.get("flags")
        {
            self.unmodelled(value, "unknown flag of a table; nft 1.0.6 prints garbage here for a dormant table");
        }
        Some(ObjectAst::Table(name, flags, handle(node)))
    }

    fn chain(&mut self, verb: CommandVerb, node: Node<'_, 'a>) -> Option<ObjectAst<'a>> {
        let known = ["family", "table", "name", "newname", "handle", "type", "hook", "prio", "dev", "policy", "flags"];
        self.known_keys(node, "chain", &[&known[..], &["comment"]].concat());
        let (table, name) = (self.table_name(node)?, self.name_or_handle(node)?);
        let mut chain = ChainAst { handle: handle(node), flags: self.words_of(node, "flags"), ..ChainAst::default() };
        if verb == CommandVerb::Rename {
            chain.flags = vec![self.word_of(node, "newname")?];
        }
        chain.policy = self.word_of(node, "policy").map(Expr::Word);
        chain.hook = self.hook(node);
        Some(ObjectAst::Chain(table, name, Box::new(chain)))
    }

    fn hook(&mut self, node: Node<'_, 'a>) -> Option<HookSpec<'a>> {
        let (kind, hook) = (self.word_of(node, "type"), self.word_of(node, "hook"));
        let priority = self.word_of(node, "prio");
        let (Some(kind), Some(hook), Some(priority)) = (kind.clone(), hook.clone(), priority.clone()) else {
            // nft ignores an incomplete hook (`json_parse_cmd_add_chain`) and makes a regular chain.
            for word in [kind, hook, priority].into_iter().flatten() {
                self.unmodelled_at(word.span, "nft ignores type, hook and prio unless all three are there");
            }
            return None;
        };
        let devices = match node.get("dev") {
            Some(devices) if devices.kind() == Kind::Array => devices.elements().map(|dev| self.expr(dev)).collect(),
            Some(device) => vec![self.expr(device)],
            None => Vec::new(),
        };
        if devices.is_empty() && matches!(hook.text.as_ref(), "ingress" | "egress") {
            self.unmodelled_at(hook.span, "the devices of the chain; nft 1.0.6 does not print them");
        }
        let ends = |word: &Word<'a>| word.span;
        let span = ends(&kind).to(ends(&hook)).to(ends(&priority));
        Some(HookSpec { kind, hook, devices, priority: Expr::Word(priority), offset: 0, span })
    }

    fn rule(&mut self, verb: CommandVerb, explicit: bool, node: Node<'_, 'a>) -> Option<ObjectAst<'a>> {
        self.known_keys(node, "rule", &["family", "table", "chain", "expr", "handle", "index", "comment"]);
        let (table, chain) = (self.table_name(node)?, self.word_of(node, "chain")?);
        // In a listing the handle names the rule; in a command it says where the rule goes, or which one goes.
        let number = |key: &str| Some((node.get(key)?.as_u64()?, self.span(node.get(key)?)));
        let position = match (number("handle"), number("index")) {
            (Some((handle, span)), _) if explicit => Some(Position::Handle(handle, span)),
            (_, Some((index, span))) => Some(Position::Index(index, span)),
            _ => None,
        };
        if matches!(verb, CommandVerb::Delete | CommandVerb::Destroy) {
            return Some(ObjectAst::Rule(table, chain, position, None));
        }
        let mut rule = RuleAst {
            stmts: Vec::new(),
            comment: self.word_of(node, "comment").map(|word| Word { quoted: true, ..word }),
            handle: if explicit { None } else { handle(node) },
            span: self.span(node),
            record: Some(self.record),
        };
        match node.get("expr") {
            Some(list) => rule.stmts = self.stmts(list),
            None => rule.stmts.push(unreadable("a rule that nft could not print", rule.span)),
        }
        if self.is_broken(node) {
            rule.stmts.push(unreadable("the rest of a rule that is cut off", rule.span));
        }
        Some(ObjectAst::Rule(table, chain, position, Some(Box::new(rule))))
    }

    fn set_object(&mut self, map: bool, node: Node<'_, 'a>) -> Option<ObjectAst<'a>> {
        let known = ["family", "table", "name", "handle", "type", "map", "policy", "flags", "elem", "timeout", "size"];
        self.known_keys(node, "set", &[&known[..], &["gc-interval", "auto-merge", "stmt", "comment"]].concat());
        let (table, name) = (self.table_name(node)?, self.name_or_handle(node)?);
        let flags = self.words_of(node, "flags");
        let set = SetAst {
            map: map || node.get("map").is_some(),
            key: node.get("type").and_then(|kind| self.type_spec(kind)),
            data: node.get("map").and_then(|kind| self.type_spec(kind)),
            timeout: node.get("timeout").is_some() || flags.iter().any(|flag| flag.text == "timeout"),
            flags,
            size: node.get("size").and_then(|size| size.as_u64()),
            auto_merge: node.get("auto-merge").and_then(|merge| merge.as_bool()).unwrap_or(false),
            stmts: node.get("stmt").map(|stmts| self.stmts(stmts)).unwrap_or_default(),
            elements: node.get("elem").map(|elements| self.set(elements)),
            handle: handle(node),
        };
        Some(ObjectAst::Set(table, name, Box::new(set)))
    }

    /// `"ipv4_addr"`, `["ipv4_addr", "inet_service"]`, `{"typeof": …}`; the data of a map in nft 1.0.6 is
    /// `"ipv4_addr . inet_service"` in one string.
    fn type_spec(&mut self, node: Node<'_, 'a>) -> Option<TypeSpec<'a>> {
        if let Some(expr) = node.get("typeof") {
            return Some(TypeSpec::Of(self.expr(expr)));
        }
        let words = match node.kind() {
            Kind::Array => node.elements().filter_map(|item| self.word(item)).collect::<Vec<_>>(),
            _ => self.word(node).map(split_type)?,
        };
        if words.is_empty() {
            self.unmodelled(node, "a type without words");
            return None;
        }
        Some(TypeSpec::Named(words))
    }

    fn element(&mut self, node: Node<'_, 'a>) -> Option<ObjectAst<'a>> {
        self.known_keys(node, "element", &["family", "table", "name", "elem"]);
        let (table, name) = (self.table_name(node)?, self.word_of(node, "name")?);
        let elements = self.set(node.get("elem")?);
        Some(ObjectAst::Element(table, name, elements))
    }

    /// `{"name": "slow", "protocol": "tcp", "l3proto": "ip", "policy": {"established": 7}}`; times in seconds.
    fn timeout(&mut self, node: Node<'_, 'a>) -> Option<ObjectAst<'a>> {
        let known = ["family", "table", "name", "handle", "protocol", "l3proto", "policy", "comment"];
        self.known_keys(node, "ct timeout", &known);
        let (table, name) = (self.table_name(node)?, self.name_or_handle(node)?);
        let mut timeout = TimeoutAst {
            protocol: self.word_of(node, "protocol"),
            l3proto: self.word_of(node, "l3proto"),
            policy: Vec::new(),
            handle: handle(node),
        };
        for member in node.get("policy").iter().flat_map(|policy| policy.members()) {
            let seconds = member.value.as_u64().and_then(|seconds| u32::try_from(seconds).ok());
            match (self.word(member.key), seconds) {
                (Some(state), Some(seconds)) => timeout.policy.push((state, seconds, self.member_span(member))),
                _ => self.unmodelled_member(member, "not a state and a time in seconds"),
            }
        }
        Some(ObjectAst::Timeout(table, name, Box::new(timeout)))
    }

    /// Objects that rules refer to; what they hold does not decide about packets as far as it is modelled.
    fn stateful(&mut self, kind: String, member: Member<'_, 'a>) -> Option<ObjectAst<'a>> {
        let (table, name) = (self.table_name(member.value)?, self.name_or_handle(member.value)?);
        let kind = Word { text: Cow::Owned(kind), span: self.span(member.key), quoted: false };
        Some(ObjectAst::Object(table, kind, name))
    }
}

fn handle(node: Node<'_, '_>) -> Option<u64> {
    node.get("handle").and_then(|handle| handle.as_u64())
}

fn unreadable(what: &str, span: Span) -> Stmt<'static> {
    Stmt { kind: StmtKind::Opaque { what: what.to_owned(), may_break: true, may_end: true }, span }
}

/// The words of `a . b`, each with the place of the whole string.
fn split_type(word: Word<'_>) -> Vec<Word<'_>> {
    let (span, quoted) = (word.span, word.quoted);
    let new = |text| Word { text, span, quoted };
    match word.text {
        Cow::Borrowed(text) => text.split(" . ").map(|part| new(Cow::Borrowed(part))).collect(),
        Cow::Owned(text) => text.split(" . ").map(|part| new(Cow::Owned(part.to_owned()))).collect(),
    }
}
