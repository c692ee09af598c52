//! YAML with the place of every key and value.
//!
//! The events come from `saphyr-parser`; here they become a tree with byte ranges. Aliases are copied in within a budget,
//! merge keys (`<<`) are resolved, equal keys are reported, and a document that breaks off gives what came before. A
//! document after a broken one is read again from its `---`.

use std::borrow::Cow;

mod build;
#[cfg(test)]
mod tests;

/// Collections nested deeper than this end the reading of their document.
pub const MAX_DEPTH: usize = 128;

/// Nodes of one text, copies of aliases counted.
pub const MAX_NODES: usize = 1 << 20;

/// After this many errors the reading ends.
pub const MAX_ERRORS: usize = 64;

/// Bytes of a text that are read.
pub const MAX_BYTES: usize = 64 << 20;

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Style {
    /// Without quotes; only these can be numbers, booleans and null.
    Plain,
    /// In quotes.
    Quoted,
    /// `|` or `>`; its place is its text, without the line of the sign.
    Block,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A scalar.
    Scalar {
        /// Its text after quotes, escapes and folding.
        text: String,
        /// How it is written.
        style: Style,
        /// Its tag as `!!str` or `!name`; empty without one.
        tag: String,
    },
    /// `[ … ]`, `- …`
    Sequence(Vec<Node>),
    /// `{ … }`, `key: …`
    Mapping(Vec<Pair>),
    /// An alias that could not be followed; there is an error for each.
    Broken,
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The key.
    pub key: Node,
    /// The value.
    pub value: Node,
    /// True when a merge key brought it.
    pub merged: bool,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Byte range of what is written; of a node that an alias stands for, where the anchor is.
    pub span: (usize, usize),
    /// Byte range of the alias, for a node that was copied in.
    pub alias: Option<(usize, usize)>,
}

/// Something wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YamlError {
    /// Byte range of what it is about.
    pub span: (usize, usize),
    /// What is wrong, lower case, one sentence.
    pub message: Cow<'static, str>,
}

/// The documents of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Documents {
    /// One node for each document that is not empty, in order.
    pub roots: Vec<Node>,
    /// What is wrong, by place as it was met.
    pub errors: Vec<YamlError>,
    /// Stretches that were not read.
    pub unread: Vec<(usize, usize)>,
}

/// Reads `bytes`. Never fails: see [`Documents::errors`] and [`Documents::unread`].
pub fn read(bytes: &[u8]) -> Documents {
    build::read(bytes)
}

impl Node {
    /// The text of a scalar.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The text of a plain scalar, which alone can be a number or a word with a meaning.
    fn plain(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, style: Style::Plain, tag } if tag != "!!str" && tag != "!" => Some(text),
            _ => None,
        }
    }

    /// True for `null`, `~` and nothing (YAML 1.2, core schema 10.3.2).
    pub fn is_null(&self) -> bool {
        matches!(self.plain(), Some("" | "~" | "null" | "Null" | "NULL"))
    }

    /// A boolean of the core schema.
    pub fn as_bool(&self) -> Option<bool> {
        match self.plain()? {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => None,
        }
    }

    /// A whole number that is not negative, in decimal, `0x` or `0o`.
    pub fn as_u64(&self) -> Option<u64> {
        let text = self.plain()?;
        let text = text.strip_prefix('+').unwrap_or(text);
        if !text.starts_with(|letter: char| letter.is_ascii_digit()) {
            return None;
        }
        if let Some(digits) = text.strip_prefix("0x") {
            return u64::from_str_radix(digits, 16).ok();
        }
        if let Some(digits) = text.strip_prefix("0o") {
            return u64::from_str_radix(digits, 8).ok();
        }
        text.parse().ok()
    }

    /// A whole number.
    pub fn as_i64(&self) -> Option<i64> {
        match self.plain()?.strip_prefix('-') {
            Some(digits) if digits.starts_with(|letter: char| letter.is_ascii_digit()) => self.plain()?.parse().ok(),
            Some(_) => None,
            None => self.as_u64().and_then(|value| value.try_into().ok()),
        }
    }

    /// Elements of a sequence; of anything else none.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::Sequence(items) => items,
            _ => &[],
        }
    }

    /// Pairs of a mapping; of anything else none.
    pub fn pairs(&self) -> &[Pair] {
        match &self.value {
            Value::Mapping(pairs) => pairs,
            _ => &[],
        }
    }

    /// The pair with this key. Of equal keys, which are reported, it is the last.
    pub fn pair(&self, key: &str) -> Option<&Pair> {
        let pairs = self.pairs();
        pairs.iter().rev().find(|pair| !pair.merged && pair.key.as_str() == Some(key)).or_else(|| {
            // Of merged ones the first holds (YAML "Merge Key": earlier mappings override later ones).
            pairs.iter().find(|pair| pair.merged && pair.key.as_str() == Some(key))
        })
    }

    /// The value with this key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.pair(key).map(|pair| &pair.value)
    }

    /// The value below these keys.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }
}
