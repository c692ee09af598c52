//! `ifile_list` of ld/ldgram.y, `readLinkerScript` of lld, `parse_linker_script` of mold.

use super::lex::{Cursor, Token, tokens};
use super::{Assign, Command, Entry, EntryKind, Range, Script, Text, version};

/// Stretches that are listed as not covered.
const MOST_GAPS: usize = 256;

/// Reads a script.
pub fn read(bytes: &[u8]) -> Script {
    let (tokens, faults) = tokens(bytes);
    let mut reader = Reader { cursor: Cursor { tokens: &tokens, at: 0 }, out: Script::default() };
    reader.out.unmodelled.extend(faults);
    while let Some(token) = reader.cursor.next() {
        reader.command(token);
    }
    reader.out
}

/// Commands that begin a script of inputs.
const FIRST: &[&str] = &[
    "INPUT",
    "GROUP",
    "OUTPUT_FORMAT",
    "OUTPUT_ARCH",
    "SEARCH_DIR",
    "ENTRY",
    "EXTERN",
    "INCLUDE",
    "STARTUP",
    "SECTIONS",
    "MEMORY",
    "PHDRS",
    "VERSION",
    "TARGET",
    "PROVIDE",
    "OUTPUT",
    "ASSERT",
    "REGION_ALIAS",
    "INSERT",
];

/// True when this looks like a linker script: its first word is a command, or an assignment.
pub fn is_script(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(64 << 10)];
    if head.contains(&0) {
        return false;
    }
    let (tokens, _) = tokens(head);
    match tokens.as_slice() {
        [first, ..] if FIRST.iter().any(|known| first.is(known)) => true,
        [first, second, ..] => is_symbol(first) && second.is("="),
        _ => false,
    }
}

/// A name a symbol can have.
fn is_symbol(token: &Token<'_>) -> bool {
    let mut bytes = token.text.iter();
    let first = |byte: &u8| byte.is_ascii_alphabetic() || b"_.$\\".contains(byte);
    token.quoted
        || (bytes.next().is_some_and(first) && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_.$".contains(byte)))
}

struct Reader<'t, 'a> {
    cursor: Cursor<'t, 'a>,
    out: Script,
}

impl Reader<'_, '_> {
    fn gap(&mut self, span: Range, why: &'static str) {
        if self.out.unmodelled.len() < MOST_GAPS {
            self.out.unmodelled.push((span, why));
        }
    }

    fn command(&mut self, token: Token<'_>) {
        let start = token.span;
        match token.text {
            _ if token.quoted => self.assignment(token, false),
            b";" => {}
            b"INPUT" => self.inputs(start, false),
            b"GROUP" => self.inputs(start, true),
            b"OUTPUT_FORMAT" => {
                let names = self.names();
                self.out.commands.push(Command::OutputFormat(names));
            }
            b"OUTPUT_ARCH" => self.one(Command::OutputArch),
            b"SEARCH_DIR" => self.one(Command::SearchDir),
            b"ENTRY" => self.one(Command::Entry),
            b"STARTUP" => self.one(Command::Startup),
            b"EXTERN" => {
                let names = self.names();
                self.out.commands.push(Command::Extern(names));
            }
            b"INCLUDE" => match self.cursor.next() {
                Some(name) => self.out.commands.push(Command::Include(name.name())),
                None => self.gap(start, "INCLUDE without a name"),
            },
            b"OUTPUT" | b"TARGET" | b"MAP" | b"REGION_ALIAS" | b"NOCROSSREFS" | b"NOCROSSREFS_TO" | b"LD_FEATURE"
            | b"ASSERT" | b"HLL" | b"SYSLIB" => {
                if self.cursor.eat("(") {
                    self.cursor.skip_block("(", ")");
                }
                let span = self.cursor.since(start);
                self.gap(span, "a command of layout or output, passed over");
            }
            b"FORCE_COMMON_ALLOCATION" | b"FORCE_GROUP_ALLOCATION" | b"FLOAT" | b"NOFLOAT" => {}
            b"INHIBIT_COMMON_ALLOCATION" => self.gap(start, "common symbols stay undefined"),
            b"INSERT" => {
                // INSERT AFTER .text;
                self.cursor.next();
                self.cursor.next();
            }
            b"SECTIONS" | b"OVERWRITE_SECTIONS" => self.layout(start),
            b"MEMORY" | b"PHDRS" => {
                let closed = self.cursor.eat("{") && self.cursor.skip_block("{", "}");
                let span = self.cursor.since(start);
                if !closed {
                    self.gap(span, "a brace that is not closed");
                }
                self.out.commands.push(Command::Layout(span));
            }
            b"VERSION" => self.version(start),
            b"PROVIDE" | b"PROVIDE_HIDDEN" | b"HIDDEN" => self.provide(token, false),
            _ if self.is_assignment(&token) => self.assignment(token, false),
            _ => self.gap(start, "not a command of a linker script"),
        }
    }

    /// `(NAME)`
    fn one(&mut self, make: fn(Text) -> Command) {
        let start = self.cursor.before();
        match self.names().into_iter().next() {
            Some(name) => self.out.commands.push(make(name)),
            None => self.gap(start, "a command without its name"),
        }
    }

    /// `(A, B C)`
    fn names(&mut self) -> Vec<Text> {
        let mut out = Vec::new();
        let start = self.cursor.before();
        if !self.cursor.eat("(") {
            self.gap(start, "a command without its bracket");
            return out;
        }
        while let Some(token) = self.cursor.next() {
            if token.is(")") {
                return out;
            }
            if !token.is(",") {
                out.push(token.name());
            }
        }
        let span = self.cursor.since(start);
        self.gap(span, "a bracket that is not closed");
        out
    }

    fn inputs(&mut self, start: Range, group: bool) {
        let mut list = Vec::new();
        // Brackets that are open, and how many of them are AS_NEEDED.
        let (mut open, mut as_needed) = (0u32, 0u32);
        if !self.cursor.eat("(") {
            return self.gap(start, "a command without its bracket");
        }
        open += 1;
        while let Some(token) = self.cursor.next() {
            if token.is(")") {
                open -= 1;
                as_needed = as_needed.saturating_sub(1);
                if open == 0 {
                    break;
                }
            } else if token.is("AS_NEEDED") && self.cursor.eat("(") {
                open = open.saturating_add(1);
                as_needed = as_needed.saturating_add(1);
            } else if token.is("(") || token.is("{") || token.is("}") || token.is(";") {
                self.gap(token.span, "not a name of a file");
                if token.is("{") || token.is("}") {
                    break;
                }
            } else if !token.is(",") {
                list.push(entry(&token, as_needed > 0));
            }
        }
        let span = self.cursor.since(start);
        if open > 0 {
            self.gap(span, "a bracket that is not closed");
        }
        self.out.commands.push(Command::Inputs { group, list, span });
    }

    /// The body of SECTIONS and the like: passed over, its assignments kept.
    fn layout(&mut self, start: Range) {
        if !self.cursor.eat("{") {
            return self.gap(start, "a command without its brace");
        }
        let mut depth = 1u32;
        let mut first = true;
        while let Some(token) = self.cursor.next() {
            // An assignment begins a statement; inside of brackets are patterns and expressions.
            let begins = first;
            first = matches!(token.text, b";" | b"{" | b"}") && !token.quoted;
            match token.text {
                b"{" if !token.quoted => depth = depth.saturating_add(1),
                b"}" if !token.quoted => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                b"PROVIDE" | b"PROVIDE_HIDDEN" | b"HIDDEN" if !token.quoted => {
                    self.provide(token, true);
                    first = true;
                }
                b"ASSERT" if !token.quoted && self.cursor.eat("(") => {
                    self.cursor.skip_block("(", ")");
                    first = true;
                }
                b"(" if !token.quoted => {
                    self.cursor.skip_block("(", ")");
                    first = begins;
                }
                _ if (begins || token.text.last() == Some(&b'=')) && self.is_assignment(&token) => {
                    self.assignment(token, true);
                    first = true;
                }
                // Patterns such as `*(.text)` end without a semicolon; what comes behind them begins a statement again.
                _ => first = first || begins,
            }
        }
        let span = self.cursor.since(start);
        if depth > 0 {
            self.gap(span, "a brace that is not closed");
        }
        self.out.commands.push(Command::Layout(span));
    }

    fn version(&mut self, start: Range) {
        if !self.cursor.eat("{") {
            return self.gap(start, "a command without its brace");
        }
        let from = self.cursor.at;
        let closed = self.cursor.skip_block("{", "}");
        let to = self.cursor.at - usize::from(closed);
        let inner = &self.cursor.tokens[from.min(to)..to];
        if !closed {
            self.gap(start, "a brace that is not closed");
        }
        self.out.commands.push(Command::Version(version::nodes(inner)));
    }

    /// `PROVIDE(NAME = EXPRESSION)`
    fn provide(&mut self, word: Token<'_>, in_layout: bool) {
        if !self.cursor.eat("(") {
            return self.gap(word.span, "a command without its bracket");
        }
        let from = self.cursor.at;
        let closed = self.cursor.skip_block("(", ")");
        let to = self.cursor.at - usize::from(closed);
        let inner = &self.cursor.tokens[from.min(to)..to];
        let Some((name, value)) = target(inner) else {
            let span = self.cursor.since(word.span);
            return self.gap(span, "not an assignment");
        };
        self.out.commands.push(Command::Assign(Assign {
            name,
            provide: word.text.starts_with(b"PROVIDE"),
            hidden: word.text.ends_with(b"HIDDEN"),
            reads: reads(value),
            in_layout,
        }));
    }

    /// Is the token, already taken, the beginning of `NAME = …` or `NAME=…`?
    fn is_assignment(&self, token: &Token<'_>) -> bool {
        let next = self.cursor.peek();
        let operator = |token: Token<'_>| {
            !token.quoted
                && matches!(
                    token.text,
                    b"=" | b"+=" | b"-=" | b"*=" | b"/=" | b"<" | b">" | b"&" | b"|" | b"<<=" | b">>="
                )
        };
        (is_symbol(token) && next.is_some_and(operator)) || split_at_equals(token).is_some()
    }

    /// `NAME = EXPRESSION;`, its first token taken.
    fn assignment(&mut self, token: Token<'_>, in_layout: bool) {
        let from = self.cursor.at - 1;
        while let Some(next) = self.cursor.peek() {
            if next.is(";") || (next.is("}") && in_layout) {
                break;
            }
            self.cursor.next();
        }
        let inner = &self.cursor.tokens[from..self.cursor.at];
        self.cursor.eat(";");
        match target(inner) {
            // The location counter is no symbol.
            Some((name, _)) if name.text == "." => {}
            Some((name, value)) => {
                let reads = reads(value);
                self.out.commands.push(Command::Assign(Assign {
                    name,
                    provide: false,
                    hidden: false,
                    reads,
                    in_layout,
                }));
            }
            None => self.gap(token.span, "not a command of a linker script"),
        }
    }
}

/// What an input's name stands for.
fn entry(token: &Token<'_>, as_needed: bool) -> Entry {
    let mut name = token.name();
    let mut kind = EntryKind::File;
    for (prefix, found) in [("-l", EntryKind::Library), ("=", EntryKind::Sysroot), ("$SYSROOT", EntryKind::Sysroot)] {
        // A quoted "-lfoo" is a name of a file for ld.bfd (NAME, not LNAME).
        if found == EntryKind::Library && token.quoted {
            continue;
        }
        if let Some(rest) = name.text.strip_prefix(prefix).filter(|rest| !rest.is_empty()) {
            name.text = rest.to_owned();
            kind = found;
            break;
        }
    }
    Entry { name, kind, as_needed }
}

/// The name before `=` of a token that holds both.
fn split_at_equals<'a>(token: &Token<'a>) -> Option<(Token<'a>, Token<'a>)> {
    if token.quoted {
        return None;
    }
    let at = token.text.iter().position(|byte| *byte == b'=')?;
    let name = Token { text: &token.text[..at], span: (token.span.0, token.span.0 + at), quoted: false };
    let rest = Token { text: &token.text[at + 1..], span: (token.span.0 + at + 1, token.span.1), quoted: false };
    (at > 0 && is_symbol(&name)).then_some((name, rest))
}

/// The symbol an assignment sets, and the tokens of its value.
fn target<'a>(tokens: &[Token<'a>]) -> Option<(Text, Vec<Token<'a>>)> {
    let first = tokens.first()?;
    if let Some((name, rest)) = split_at_equals(first) {
        let value = std::iter::once(rest).filter(|rest| !rest.text.is_empty()).chain(tokens[1..].iter().copied());
        return Some((name.name(), value.collect()));
    }
    let mut operator = tokens.iter().skip(1);
    // `a <<= b` is three tokens here: `<`, `<`, `=`.
    let at = operator.position(|token| !token.quoted && token.text.contains(&b'='))? + 1;
    if at > 3 || !is_symbol(first) {
        return None;
    }
    let joined = &tokens[at];
    let equals = joined.text.iter().position(|byte| *byte == b'=')?;
    let rest =
        Token { text: &joined.text[equals + 1..], span: (joined.span.0 + equals + 1, joined.span.1), quoted: false };
    let value = std::iter::once(rest).filter(|rest| !rest.text.is_empty()).chain(tokens[at + 1..].iter().copied());
    Some((first.name(), value.collect()))
}

/// Words of expressions that are no symbols (ld/ldlex.l, EXPRESSION).
const FUNCTIONS: &[&str] = &[
    "ABSOLUTE",
    "ADDR",
    "ALIGN",
    "ALIGNOF",
    "ASSERT",
    "BLOCK",
    "CONSTANT",
    "COMMONPAGESIZE",
    "DATA_SEGMENT_ALIGN",
    "DATA_SEGMENT_END",
    "DATA_SEGMENT_RELRO_END",
    "DEFINED",
    "LENGTH",
    "LOADADDR",
    "LOG2CEIL",
    "MAX",
    "MAXPAGESIZE",
    "MIN",
    "NEXT",
    "ORIGIN",
    "SEGMENT_START",
    "SIZEOF",
    "SIZEOF_HEADERS",
];

/// Functions whose argument is no symbol.
const OF_SECTIONS: &[&str] =
    &["ADDR", "ALIGNOF", "LENGTH", "LOADADDR", "ORIGIN", "SIZEOF", "CONSTANT", "DEFINED", "SEGMENT_START"];

/// Symbols an expression reads.
fn reads(tokens: Vec<Token<'_>>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut of_section = false;
    for token in tokens {
        if token.quoted {
            push(&mut out, token.text);
            continue;
        }
        if token.is("(") {
            continue;
        }
        let word = std::str::from_utf8(token.text).unwrap_or("");
        if of_section {
            of_section = false;
            continue;
        }
        if OF_SECTIONS.contains(&word) {
            of_section = true;
            continue;
        }
        if FUNCTIONS.contains(&word) {
            continue;
        }
        for part in token.text.split(|byte| b"!~*/+-<>?^:=&|%".contains(byte)) {
            let is_name = part.first().is_some_and(|byte| byte.is_ascii_alphabetic() || b"_.$".contains(byte));
            if is_name && part != b"." && !(part[0] == b'$' && part[1..].iter().all(u8::is_ascii_hexdigit)) {
                push(&mut out, part);
            }
        }
    }
    out
}

/// Symbols of one expression that are kept.
const MOST_READS: usize = 1000;

fn push(out: &mut Vec<String>, name: &[u8]) {
    let name = String::from_utf8_lossy(name).into_owned();
    if out.len() < MOST_READS && !out.contains(&name) {
        out.push(name);
    }
}
