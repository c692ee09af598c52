//! JSON with the place of every key and value.
//!
//! Why not `serde_json`: it keeps no places, keeps the last of two equal keys only, and gives nothing at all for a
//! document that breaks off. Here a document always gives a tree; what is wrong with it is a list of places. The reader
//! does not recurse, so input nested without end meets a limit and not the end of the stack.
//!
//! Nodes lie in one array in the order they were written: a container's children follow it, and every node says where
//! the node after its whole subtree is. A member of an object is two nodes, the key and the value.

use std::borrow::Cow;

mod read;

/// Containers nested deeper than this end the reading, with an error at the place.
pub const MAX_DEPTH: usize = 512;

/// After this many errors the reading ends: what follows is no JSON.
pub const MAX_ERRORS: usize = 64;

/// Bytes of a document that are read. Places are kept in 32 bits.
pub const MAX_BYTES: usize = u32::MAX as usize - 1;

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `null`
    Null,
    /// `true`, `false`
    Bool,
    /// A number; its text is kept.
    Number,
    /// A string, or the key of a member.
    String,
    /// `[ … ]`
    Array,
    /// `{ … }`
    Object,
    /// Something that is no JSON value, or an empty place where a value is missing. There is an error for each.
    Broken,
}

/// Something wrong with the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// Byte offset.
    pub at: usize,
    /// What is wrong, lower case, one sentence.
    pub message: Cow<'static, str>,
}

#[derive(Clone, Copy, Debug)]
struct Raw {
    start: u32,
    end: u32,
    /// Index of the node after the subtree.
    after: u32,
    kind: Kind,
    /// For strings: true when it has escapes.
    escaped: bool,
}

/// A document that was read as far as it goes.
#[derive(Clone, Debug)]
pub struct Document<'a> {
    bytes: &'a [u8],
    nodes: Vec<Raw>,
    errors: Vec<JsonError>,
    read: usize,
}

impl<'a> Document<'a> {
    /// Reads `bytes`. Never fails: see [`Document::errors`].
    pub fn parse(bytes: &'a [u8]) -> Self {
        read::read(bytes)
    }

    /// The outermost value; `None` when there is none at all.
    pub fn root(&self) -> Option<Node<'_, 'a>> {
        (!self.nodes.is_empty()).then_some(Node { document: self, index: 0 })
    }

    /// What is wrong with the document, by place. Empty for valid JSON.
    pub fn errors(&self) -> &[JsonError] {
        &self.errors
    }

    /// The bytes the document was read from.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How many bytes were read; less than there are when a limit was hit or text follows the value.
    pub fn read_bytes(&self) -> usize {
        self.read
    }

    /// JSON pointer (RFC 6901) to the innermost value or key that holds the byte at `offset`.
    pub fn pointer_at(&self, offset: usize) -> String {
        let mut pointer = String::new();
        let mut node = self.root();
        while let Some(at) = node {
            node = match at.kind() {
                Kind::Object => at.members().find(|member| member.holds(offset)).map(|member| {
                    push_token(&mut pointer, &member.key.as_str().unwrap_or_default());
                    member.value
                }),
                Kind::Array => at.elements().enumerate().find(|(_, item)| item.holds(offset)).map(|(index, item)| {
                    push_token(&mut pointer, &index.to_string());
                    item
                }),
                _ => None,
            };
        }
        pointer
    }

    /// The value a JSON pointer names.
    pub fn resolve(&self, pointer: &str) -> Option<Node<'_, 'a>> {
        let mut node = self.root()?;
        if pointer.is_empty() {
            return Some(node);
        }
        for token in pointer.strip_prefix('/')?.split('/') {
            node = match node.kind() {
                Kind::Array => node.elements().nth(token.parse().ok()?)?,
                _ => node.get(&token.replace("~1", "/").replace("~0", "~"))?,
            };
        }
        Some(node)
    }

    fn raw(&self, index: u32) -> Raw {
        // Nodes are only made by the reader of this document, so the index is inside.
        self.nodes[index as usize]
    }
}

fn push_token(pointer: &mut String, token: &str) {
    pointer.push('/');
    for char in token.chars() {
        match char {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            _ => pointer.push(char),
        }
    }
}

/// A value or key of a document.
#[derive(Clone, Copy)]
pub struct Node<'d, 'a> {
    document: &'d Document<'a>,
    index: u32,
}

/// A member of an object.
#[derive(Clone, Copy, Debug)]
pub struct Member<'d, 'a> {
    /// Its key, a string.
    pub key: Node<'d, 'a>,
    /// Its value; an empty [`Kind::Broken`] when the document has none.
    pub value: Node<'d, 'a>,
}

impl Member<'_, '_> {
    /// From the start of the key to the end of the value.
    pub fn span(&self) -> (usize, usize) {
        (self.key.span().0, self.value.span().1)
    }

    fn holds(&self, offset: usize) -> bool {
        let (start, end) = self.span();
        (start..end).contains(&offset)
    }
}

impl<'d, 'a> Node<'d, 'a> {
    fn raw(self) -> Raw {
        self.document.raw(self.index)
    }

    fn at(self, index: u32) -> Self {
        Node { document: self.document, index }
    }

    fn holds(self, offset: usize) -> bool {
        let (start, end) = self.span();
        (start..end).contains(&offset)
    }

    /// What it is.
    pub fn kind(self) -> Kind {
        self.raw().kind
    }

    /// Byte range, with the quotes of a string and the brackets of a container.
    pub fn span(self) -> (usize, usize) {
        let raw = self.raw();
        (raw.start as usize, raw.end as usize)
    }

    /// The bytes as written.
    pub fn source(self) -> &'a [u8] {
        let (start, end) = self.span();
        self.document.bytes.get(start..end).unwrap_or_default()
    }

    /// The string, borrowed unless it has escapes or invalid UTF-8 (which becomes U+FFFD).
    pub fn as_str(self) -> Option<Cow<'a, str>> {
        let inner = self.inner()?;
        Some(match (self.raw().escaped, String::from_utf8_lossy(inner)) {
            (true, text) => Cow::Owned(read::unescape(&text)),
            (false, text) => text,
        })
    }

    /// True for the string `text`, without building it.
    pub fn is(self, text: &str) -> bool {
        match self.inner() {
            Some(inner) if !self.raw().escaped => inner == text.as_bytes(),
            Some(_) => self.as_str().is_some_and(|string| string == text),
            None => false,
        }
    }

    /// The bytes between the quotes; an unterminated string has no closing one.
    fn inner(self) -> Option<&'a [u8]> {
        if self.kind() != Kind::String {
            return None;
        }
        let source = self.source();
        let body = source.strip_prefix(b"\"").unwrap_or(source);
        let closed = body.strip_suffix(b"\"").filter(|body| !self.raw().escaped || !ends_in_escape(body));
        Some(closed.unwrap_or(body))
    }

    /// The text of a number, as written.
    pub fn as_number(self) -> Option<&'a str> {
        (self.kind() == Kind::Number).then(|| std::str::from_utf8(self.source()).ok()).flatten()
    }

    /// The number, when it is an integer that fits.
    pub fn as_u64(self) -> Option<u64> {
        self.as_number()?.parse().ok()
    }

    /// The number, when it is an integer that fits.
    pub fn as_i64(self) -> Option<i64> {
        self.as_number()?.parse().ok()
    }

    /// The number, rounded to a double.
    pub fn as_f64(self) -> Option<f64> {
        self.as_number()?.parse().ok()
    }

    /// `true` or `false`.
    pub fn as_bool(self) -> Option<bool> {
        (self.kind() == Kind::Bool).then(|| self.source() == b"true")
    }

    /// True for `null`.
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// Members of an object in order, equal keys and all; nothing for other kinds.
    pub fn members(self) -> impl Iterator<Item = Member<'d, 'a>> {
        let (mut next, end) = self.children(Kind::Object);
        std::iter::from_fn(move || {
            let key = (next < end).then_some(next)?;
            let value = key + 1;
            next = self.at(value).raw().after;
            Some(Member { key: self.at(key), value: self.at(value) })
        })
    }

    /// Elements of an array in order; nothing for other kinds.
    pub fn elements(self) -> impl Iterator<Item = Node<'d, 'a>> {
        let (mut next, end) = self.children(Kind::Array);
        std::iter::from_fn(move || {
            let index = (next < end).then_some(next)?;
            next = self.at(index).raw().after;
            Some(self.at(index))
        })
    }

    fn children(self, kind: Kind) -> (u32, u32) {
        let raw = self.raw();
        if raw.kind == kind { (self.index + 1, raw.after) } else { (0, 0) }
    }

    /// The value of `key`: the last one, as most readers (jansson, which nft uses, among them) take it.
    pub fn get(self, key: &str) -> Option<Node<'d, 'a>> {
        self.members().filter(|member| member.key.is(key)).last().map(|member| member.value)
    }

    /// JSON pointer (RFC 6901) to this node; for a key, to its value.
    pub fn pointer(self) -> String {
        let mut pointer = String::new();
        let Some(mut node) = self.document.root() else { return pointer };
        let inside = |from: u32, value: Node<'_, '_>| (from..value.raw().after).contains(&self.index);
        while node.index != self.index {
            let step = match node.kind() {
                Kind::Object => node.members().find(|member| inside(member.key.index, member.value)).map(|member| {
                    push_token(&mut pointer, &member.key.as_str().unwrap_or_default());
                    (member.value, member.key.index == self.index)
                }),
                _ => node.elements().enumerate().find(|(_, item)| inside(item.index, *item)).map(|(index, item)| {
                    push_token(&mut pointer, &index.to_string());
                    (item, false)
                }),
            };
            match step {
                Some((value, false)) => node = value,
                _ => break,
            }
        }
        pointer
    }
}

impl std::fmt::Debug for Node<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}{:?} {}", self.kind(), self.span(), String::from_utf8_lossy(self.source()))
    }
}

/// True when `body` ends in an odd number of backslashes: the quote after it belongs to an escape.
fn ends_in_escape(body: &[u8]) -> bool {
    body.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

#[cfg(test)]
mod tests;
