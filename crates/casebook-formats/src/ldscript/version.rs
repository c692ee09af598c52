//! Version scripts and dynamic lists: `vers_nodes` and `dynamic_list_nodes` of ld/ldgram.y, `readVersionScriptCommand` of lld,
//! `read_version_script` of mold.

use super::lex::{Cursor, Token, tokens};
use super::{Language, Node, Pattern, Range, Text, Versions};

/// `extern` blocks in each other; nobody nests more than two.
const DEEPEST: usize = 64;

/// Stretches that are listed as not covered.
const MOST_GAPS: usize = 256;

/// Reads a version script as ld.bfd, gold and wild do.
pub fn read_version_script(bytes: &[u8]) -> Versions {
    read_with(bytes, Labels::Joined)
}

/// Reads a version script as lld and mold do: a label ends with its word, so that `local:*;` is a pattern of this name, which no symbol has,
/// and what follows stays global.
pub fn read_version_script_apart(bytes: &[u8]) -> Versions {
    read_with(bytes, Labels::Apart)
}

/// How `local:*` is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Labels {
    /// A label and a pattern.
    Joined,
    /// One name.
    Apart,
}

fn read_with(bytes: &[u8], labels: Labels) -> Versions {
    let (tokens, faults) = tokens(bytes);
    let mut out = nodes_with(&tokens, labels);
    out.unmodelled.splice(0..0, faults);
    out
}

/// Reads a dynamic list: its patterns are the `global` ones of anonymous nodes.
pub fn read_dynamic_list(bytes: &[u8]) -> Versions {
    read_version_script(bytes)
}

/// The nodes in these tokens.
pub(super) fn nodes(tokens: &[Token<'_>]) -> Versions {
    nodes_with(tokens, Labels::Joined)
}

fn nodes_with(tokens: &[Token<'_>], labels: Labels) -> Versions {
    let mut reader = Reader { cursor: Cursor { tokens, at: 0 }, out: Versions::default(), labels };
    while let Some(token) = reader.cursor.next() {
        if token.is(";") {
            continue;
        }
        let name = if token.is("{") {
            None
        } else if reader.cursor.eat("{") {
            Some(token.name())
        } else {
            reader.gap(token.span, "not a node of a version script");
            continue;
        };
        reader.node(name);
    }
    reader.out
}

struct Reader<'t, 'a> {
    cursor: Cursor<'t, 'a>,
    out: Versions,
    labels: Labels,
}

impl Reader<'_, '_> {
    fn gap(&mut self, span: Range, why: &'static str) {
        if self.out.unmodelled.len() < MOST_GAPS {
            self.out.unmodelled.push((span, why));
        }
    }

    /// A node, its brace taken.
    fn node(&mut self, name: Option<Text>) {
        let start = self.cursor.before();
        let mut node = Node { name, ..Node::default() };
        let mut global = true;
        // Languages around; the first is that of the node.
        let mut languages = vec![Language::C];
        let mut closed = false;
        while let Some(token) = self.cursor.next() {
            if token.is("}") {
                if languages.len() == 1 {
                    closed = true;
                    break;
                }
                languages.pop();
            } else if token.is(";") {
                continue;
            } else if let Some((label, rest)) = self.label(&token) {
                global = label;
                if let Some(rest) = rest {
                    let pattern =
                        Pattern { name: self.pattern(rest), language: languages.last().copied().unwrap_or_default() };
                    if global { node.global.push(pattern) } else { node.local.push(pattern) }
                }
            } else if token.is("extern") && self.is_extern() {
                self.open_extern(&mut languages);
            } else if token.is("{") {
                self.gap(token.span, "a brace where a name is expected");
                if languages.len() < DEEPEST {
                    languages.push(languages.last().copied().unwrap_or_default());
                }
            } else {
                let language = languages.last().copied().unwrap_or_default();
                let pattern = Pattern { name: self.pattern(token), language };
                if global { node.global.push(pattern) } else { node.local.push(pattern) }
            }
        }
        if !closed {
            self.gap(self.cursor.since(start), "a node that is not closed");
        }
        while let Some(token) = self.cursor.peek() {
            if token.is(";") || token.is("{") || token.is("}") {
                break;
            }
            node.parents.push(token.name());
            self.cursor.next();
        }
        self.out.nodes.push(node);
    }

    /// A pattern. Signatures of C++ without quotes are several tokens: `ns::f(int, char*)`; they go to the semicolon.
    fn pattern(&mut self, first: Token<'_>) -> Text {
        let mut name = first.name();
        if first.quoted {
            return name;
        }
        let mut last = first.span.1;
        while let Some(token) = self.cursor.peek() {
            if token.is(";") || token.is("}") || token.is("{") {
                break;
            }
            if token.span.0 > last {
                name.text.push(' ');
            }
            name.text.push_str(&String::from_utf8_lossy(token.text));
            last = token.span.1;
            name.span.1 = last;
            self.cursor.next();
        }
        name
    }

    /// `global:` or `local:`, also with blanks before the colon, and what of the token is behind it (`local:*`); true for `global`.
    fn label<'a>(&mut self, token: &Token<'a>) -> Option<(bool, Option<Token<'a>>)> {
        if token.quoted {
            return None;
        }
        for (word, value) in [("global", true), ("local", false)] {
            let Some(rest) = token.text.strip_prefix(word.as_bytes()) else { continue };
            if rest.is_empty() {
                return self.cursor.eat(":").then_some((value, None));
            }
            // `local::f` is a name of C++.
            if let Some(rest) = rest.strip_prefix(b":").filter(|rest| !rest.starts_with(b":")) {
                if self.labels == Labels::Apart && !rest.is_empty() {
                    return None;
                }
                let span = (token.span.1 - rest.len(), token.span.1);
                let rest = Token { text: rest, span, quoted: false };
                return Some((value, (!rest.text.is_empty()).then_some(rest)));
            }
        }
        None
    }

    fn is_extern(&self) -> bool {
        self.cursor.peek().is_some_and(|token| token.quoted)
    }

    fn open_extern(&mut self, languages: &mut Vec<Language>) {
        let Some(language) = self.cursor.next() else { return };
        let span = language.span;
        let language = match language.text {
            b"C" => Language::C,
            b"C++" => Language::Cxx,
            _ => {
                self.gap(span, "a language linkers do not know in version scripts");
                Language::Other
            }
        };
        if !self.cursor.eat("{") {
            return self.gap(span, "extern without its brace");
        }
        if languages.len() >= DEEPEST {
            return self.gap(span, "extern in more than 64 others");
        }
        languages.push(language);
    }
}
