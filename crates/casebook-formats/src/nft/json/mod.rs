//! `nft -j` JSON: listings of a ruleset and lists of commands (libnftables-json(5)), to the same tree as the text.
//!
//! Reading never fails as a whole. What is not understood stays in the tree as an opaque statement or expression, or
//! is listed as unmodelled; what is broken is an error with its place, and a rule or set it lies in is marked.
//!
//! What nft prints is not always what was loaded (1.0.6, kernel 6.18). It leaves out `flags dynamic`, `auto-merge`,
//! `addr . port`, `typeof` and devices of a chain, and prints freed memory for the flag of a table (`tables_flags` in
//! src/json.c). Statements it has no JSON for are strings in nft syntax, and a rule it cannot decode has no `expr`.

mod expr;
mod object;
mod stmt;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::json::{Document, Kind, Member, Node};
use casebook_core::{EvidenceId, Span, Unmodelled};

use super::ast::{Command, CommandVerb, Expr, Parsed, SyntaxError, Word};

/// Expressions and statements nested deeper than this become opaque. nft itself gives up far earlier.
pub const MAX_NESTING: u32 = 64;

/// Unmodelled stretches that are listed; the rest are counted in a last one.
pub const MAX_UNMODELLED: usize = 1000;

/// Verbs of commands, and of those that change nothing a packet meets.
const VERBS: &[(&str, Option<CommandVerb>)] = &[
    ("add", Some(CommandVerb::Add)),
    ("replace", Some(CommandVerb::Replace)),
    ("create", Some(CommandVerb::Create)),
    ("insert", Some(CommandVerb::Insert)),
    ("delete", Some(CommandVerb::Delete)),
    ("destroy", Some(CommandVerb::Destroy)),
    ("flush", Some(CommandVerb::Flush)),
    ("rename", Some(CommandVerb::Rename)),
    ("list", None),
    ("reset", None),
];

/// Reads a document of `nft -j`.
pub fn parse(evidence: EvidenceId, bytes: &[u8]) -> Parsed<'_> {
    let document = Document::parse(bytes);
    let mut reader = Reader {
        evidence,
        out: Parsed::default(),
        nesting: 0,
        record: 0,
        broken: document.errors().iter().map(|error| error.at).collect(),
        not_listed: 0,
    };
    reader.errors(&document);
    if let Some(root) = document.root() {
        reader.root(root);
    }
    reader.finish(bytes.len())
}

/// State of reading one document. `'a` is the evidence; strings without escapes are borrowed from it.
struct Reader<'a> {
    evidence: EvidenceId,
    out: Parsed<'a>,
    nesting: u32,
    /// Index in the array of the object being read.
    record: u32,
    /// Places of errors of the document, in order.
    broken: Vec<usize>,
    not_listed: usize,
}

impl<'a> Reader<'a> {
    fn errors(&mut self, document: &Document<'a>) {
        let len = document.bytes().len();
        for (index, error) in document.errors().iter().enumerate() {
            let span = Span::new(self.evidence, error.at, (error.at + 1).min(len));
            let is_last = index + 1 == document.errors().len();
            let skipped = if is_last && document.read_bytes() < len {
                Span::new(self.evidence, document.read_bytes(), len)
            } else {
                span
            };
            self.out.errors.push(SyntaxError { message: error.message.to_string(), span, skipped });
        }
    }

    fn root(&mut self, root: Node<'_, 'a>) {
        let list = match root.kind() {
            Kind::Object => root.get("nftables"),
            Kind::Array => Some(root),
            _ => None,
        };
        let Some(list) = list.filter(|list| list.kind() == Kind::Array) else {
            self.syntax_error(root, "expected {\"nftables\": [ … ]}");
            return;
        };
        if root.kind() == Kind::Object {
            self.known_keys(root, "the document", &["nftables"]);
        } else {
            self.out.errors.push(SyntaxError {
                message: "expected {\"nftables\": [ … ]}, found the list alone".into(),
                span: Span::new(self.evidence, root.span().0, root.span().0 + 1),
                skipped: Span::new(self.evidence, root.span().0, root.span().0),
            });
        }
        for (index, item) in list.elements().enumerate() {
            self.record = index as u32;
            self.item(item);
        }
    }

    /// One entry of the array: an object of a listing, which nft takes as `add`, or a command.
    fn item(&mut self, item: Node<'_, 'a>) {
        let Some(first) = item.members().next() else {
            self.unmodelled(item, "not a command and not an object of a ruleset");
            return;
        };
        if first.key.is("metainfo") {
            self.out.version = first.value.get("version").and_then(|version| version.as_str()).map(Cow::into_owned);
            return;
        }
        // nft looks for its verbs in this order and takes the first it finds (`json_parse_cmd`).
        let verb = VERBS.iter().find_map(|(name, verb)| Some((member(item, name)?, *verb)));
        let taken = match verb {
            Some((_, None)) => return,
            Some((command, Some(verb))) => {
                match command.value.members().next() {
                    Some(object) => self.command(item, verb, true, object),
                    None => self.unmodelled(command.value, "a command without an object"),
                }
                command
            }
            None => {
                self.command(item, CommandVerb::Add, false, first);
                first
            }
        };
        for other in item.members().filter(|other| other.key.span() != taken.key.span()) {
            self.unmodelled_member(other, "nft reads only one command of an entry");
        }
    }

    fn command(&mut self, item: Node<'_, 'a>, verb: CommandVerb, explicit: bool, object: Member<'_, 'a>) {
        if let Some(object) = self.object(verb, explicit, object) {
            self.out.commands.push(Command { verb, object, span: self.span(item) });
        }
    }

    fn finish(mut self, len: usize) -> Parsed<'a> {
        if self.not_listed > 0 {
            let why = format!("{} more unmodelled places are not listed", self.not_listed);
            self.out.unmodelled.push(Unmodelled::new(Span::new(self.evidence, len, len), why));
        }
        self.out
    }

    fn span(&self, node: Node<'_, 'a>) -> Span {
        let (start, end) = node.span();
        Span::new(self.evidence, start, end)
    }

    fn member_span(&self, member: Member<'_, 'a>) -> Span {
        let (start, end) = member.span();
        Span::new(self.evidence, start, end)
    }

    /// True when the document is broken inside `node`, so that part of it may be missing.
    fn is_broken(&self, node: Node<'_, 'a>) -> bool {
        let (start, end) = node.span();
        let first = self.broken.partition_point(|at| *at < start);
        self.broken.get(first).is_some_and(|at| *at <= end)
    }

    fn syntax_error(&mut self, node: Node<'_, 'a>, message: impl Into<String>) {
        let span = self.span(node);
        self.out.errors.push(SyntaxError { message: message.into(), span, skipped: span });
    }

    fn unmodelled(&mut self, node: Node<'_, 'a>, why: impl Into<String>) {
        self.unmodelled_at(self.span(node), why);
    }

    fn unmodelled_member(&mut self, member: Member<'_, 'a>, why: impl Into<String>) {
        self.unmodelled_at(self.member_span(member), why);
    }

    fn unmodelled_at(&mut self, span: Span, why: impl Into<String>) {
        if self.out.unmodelled.len() < MAX_UNMODELLED {
            self.out.unmodelled.push(Unmodelled::new(span, why));
        } else {
            self.not_listed += 1;
        }
    }

    /// Reports members of `node` that are not among `known`.
    fn known_keys(&mut self, node: Node<'_, 'a>, what: &str, known: &[&str]) {
        for member in node.members() {
            if !known.iter().any(|key| member.key.is(key)) {
                let key = member.key.as_str().unwrap_or_default();
                self.unmodelled_member(member, format!("unknown key \"{key}\" of {what}"));
            }
        }
    }

    /// A string or number as a word of nft's grammar: a name, a family, a flag.
    fn word(&self, node: Node<'_, 'a>) -> Option<Word<'a>> {
        let text = node.as_str().or_else(|| node.as_number().map(Cow::Borrowed))?;
        Some(Word { text, span: self.span(node), quoted: false })
    }

    /// The word of member `key`.
    fn word_of(&self, node: Node<'_, 'a>, key: &str) -> Option<Word<'a>> {
        self.word(node.get(key)?)
    }

    /// Words of a string, or of an array of strings.
    fn words_of(&mut self, node: Node<'_, 'a>, key: &str) -> Vec<Word<'a>> {
        let Some(value) = node.get(key) else { return Vec::new() };
        if let Some(word) = self.word(value) {
            return vec![word];
        }
        let mut words = Vec::new();
        for item in value.elements() {
            match self.word(item) {
                Some(word) => words.push(word),
                None => self.unmodelled(item, format!("not a word, in \"{key}\"")),
            }
        }
        if value.kind() != Kind::Array {
            self.unmodelled(value, format!("not a word and not a list of words, in \"{key}\""));
        }
        words
    }

    fn opaque(&self, node: Node<'_, 'a>, what: impl Into<String>) -> Expr<'a> {
        Expr::Opaque { what: what.into(), span: self.span(node), may_break: true }
    }
}

/// The last member of an object with this key.
fn member<'d, 'a>(node: Node<'d, 'a>, key: &str) -> Option<Member<'d, 'a>> {
    node.members().filter(|member| member.key.is(key)).last()
}
