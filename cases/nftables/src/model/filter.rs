//! The packet language with sets instead of single values: which packets are asked about.
//!
//! A filter is read as matches of nft and becomes a ruleset of its own, whose chains accept exactly the packets it
//! means. So it is compiled, and run, by the same model as the ruleset that is asked about. It says how a packet comes
//! in, before any rule has changed it.

use std::net::IpAddr;
use std::ops::Range;

use casebook_core::{Bytes, EvidenceSet};
use casebook_formats::nft::craft::{FIELDS, TRANSPORTS, nearest};
use casebook_formats::nft::ir::{Expr, OpKind, Ruleset, Test};
use casebook_formats::nft::names;
use casebook_formats::nft::packet::{CT_STATES, CtState, Path};
use casebook_formats::nft::release::Host;

use crate::facts;

mod endpoint;
#[cfg(test)]
mod tests;
mod tokens;

use endpoint::{Endpoint, endpoint};
use tokens::{Token, tokens};

/// Packets asked about.
#[derive(Debug)]
pub struct Filter {
    /// A ruleset that accepts them and drops all others.
    pub ruleset: Ruleset,
    /// Ways through the host they take.
    pub paths: Vec<Path>,
    /// The filter as matches of nft.
    pub matches: String,
}

/// Why a text is no filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// What is wrong, lower case, one sentence.
    pub message: String,
    /// The word it is about.
    pub at: Range<usize>,
    /// What to write instead.
    pub hint: Option<String>,
}

impl FilterError {
    fn new(message: impl Into<String>, at: &Range<usize>) -> Self {
        Self { message: message.into(), at: at.clone(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The ways a filter can name.
const WAYS: [(Path, &str); 3] = [(Path::Input, "input"), (Path::Forward, "forward"), (Path::Output, "output")];

/// `meta` keys that stand alone, as in the packet language.
const META: &[&str] = &[
    "mark", "priority", "pkttype", "skuid", "skgid", "l4proto", "nfproto", "iiftype", "iifgroup", "oiftype", "oifgroup",
];

const DEVICES: &[&str] = &["iif", "iifname", "oif", "oifname"];
const FLAGS: &[&str] = &["fin", "syn", "rst", "psh", "ack", "urg"];
const PORTED: &[&str] = &["tcp", "udp", "udplite", "sctp", "dccp"];

/// Reads a filter, as a release of nft reads the matches in it. `marks` has the marks of packets told apart even if
/// the filter does not ask for them.
pub fn parse(text: &str, host: Host, marks: bool) -> Result<Filter, FilterError> {
    let tokens = tokens(text)?;
    let mut reader = Reader::new(&tokens, text.trim_end().len());
    reader.read()?;
    let Reader { matches, paths, .. } = reader;
    let matches = matches.join(" ");
    let ruleset = lower(&matches, host, marks).map_err(|message| FilterError::new(message, &(0..text.len())))?;
    let paths = if paths.is_empty() { WAYS.map(|(path, _)| path).to_vec() } else { paths };
    Ok(Filter { ruleset, paths, matches })
}

fn lower(matches: &str, host: Host, marks: bool) -> Result<Ruleset, String> {
    let read = if marks { "  chain marks { meta mark 0 ct mark 0; }\n" } else { "" };
    let chains: String = WAYS
        .iter()
        .map(|(_, hook)| {
            format!(
                "  chain {hook} {{\n    type filter hook {hook} priority 0; policy drop;\n    {matches} accept\n  }}\n"
            )
        })
        .collect();
    let mut set = EvidenceSet::new();
    let text = format!("table inet filter {{\n{read}{chains}}}\n");
    let id = set.add("filter", Some("nft-text"), Bytes::new(text.into_bytes()));
    let Some(item) = set.get(id) else { return Err("the filter cannot be read".into()) };
    let mut ruleset = facts::ruleset(&set, item, host).ruleset;
    if let Some(problem) = ruleset.problems.first() {
        return Err(format!("nft does not take `{matches}`: {}", problem.message));
    }
    // A filter means what it reads: where nft would join matches to something else, they stay apart.
    let apart: Vec<_> = ruleset.joins().into_iter().map(|(at, join)| (at, join.read.clone())).collect();
    for (at, ops) in apart {
        ruleset.tables[at.table.0 as usize].chains[at.chain.0 as usize].rules[at.index as usize].ops = ops;
    }
    for (_, rule) in ruleset.rules() {
        let Some((_, tests)) = rule.ops.split_last() else { continue };
        for op in tests {
            match &op.kind {
                OpKind::Match(expr, test) if !is_unknown(expr) && *test != Test::Unknown => {}
                OpKind::Match(..) | OpKind::Opaque(_) => {
                    return Err(format!("a part of `{matches}` is not covered by the model"));
                }
                _ => return Err(format!("a filter only says which packets, and `{matches}` does something to them")),
            }
        }
    }
    Ok(ruleset)
}

fn is_unknown(expr: &Expr) -> bool {
    match expr {
        Expr::Unknown { .. } => true,
        Expr::Bits { base, .. } | Expr::Shift { base, .. } => is_unknown(base),
        Expr::Concat(parts) => parts.iter().any(is_unknown),
        Expr::Map(key, _) => is_unknown(key),
        Expr::Load(_) | Expr::Const(_) => false,
    }
}

struct Reader<'t> {
    tokens: &'t [Token<'t>],
    next: usize,
    end: usize,
    matches: Vec<String>,
    paths: Vec<Path>,
    /// Protocols the words name anywhere.
    transport: Option<&'static str>,
    network: Option<&'static str>,
    arrow: bool,
    arrows: bool,
    source: bool,
    destination: bool,
}

impl<'t> Reader<'t> {
    fn new(tokens: &'t [Token<'t>], end: usize) -> Self {
        let named = |token: &Token<'_>| TRANSPORTS.iter().map(|(name, _)| *name).find(|name| *name == token.text);
        let network = |token: &Token<'_>| match token.text {
            "ip" | "icmp" => Some("ip"),
            "ip6" | "icmpv6" => Some("ip6"),
            text => endpoint(text).ok().flatten().and_then(|endpoint| endpoint.family),
        };
        Self {
            tokens,
            next: 0,
            end,
            matches: Vec::new(),
            paths: Vec::new(),
            transport: tokens.iter().find_map(named),
            network: tokens.iter().find_map(network),
            arrow: false,
            arrows: tokens.iter().any(|token| token.text == ">"),
            source: false,
            destination: false,
        }
    }

    fn peek(&self) -> &'t str {
        self.tokens.get(self.next).map_or("", |token| token.text)
    }

    fn read(&mut self) -> Result<(), FilterError> {
        while let Some(token) = self.tokens.get(self.next) {
            self.next += 1;
            self.word(token)?;
        }
        Ok(())
    }

    fn value(&mut self, after: &Token<'t>) -> Result<&'t Token<'t>, FilterError> {
        self.next += 1;
        let missing = || FilterError::new(format!("expected a value after `{}`", after.text), &after.at);
        self.tokens.get(self.next - 1).ok_or_else(missing)
    }

    fn add(&mut self, text: String) {
        if !self.matches.contains(&text) {
            self.matches.push(text);
        }
    }

    fn word(&mut self, token: &'t Token<'t>) -> Result<(), FilterError> {
        match token.text {
            ">" => {
                self.arrow = true;
                Ok(())
            }
            "and" => Ok(()),
            "path" | "at" => self.path(token),
            "ct" => self.ct(token),
            "meta" => {
                let key = self.value(token)?;
                self.test(key, format!("meta {}", key.text))
            }
            "proto" => self.test(token, "meta l4proto".into()),
            word if DEVICES.contains(&word) => self.device(token),
            word if META.contains(&word) => self.test(token, format!("meta {word}")),
            word if fields_of(word).is_some() => self.protocol(token),
            _ => self.bare(token),
        }
    }

    fn path(&mut self, token: &Token<'t>) -> Result<(), FilterError> {
        let value = self.value(token)?;
        let names = value.text.trim_matches(['{', '}']);
        for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let Some((path, _)) = WAYS.iter().find(|(_, known)| *known == name) else {
                let error = FilterError::new(format!("`{name}` is not a path a filter can name"), &value.at);
                return Err(error.hint("write `path input`, `path forward` or `path output`"));
            };
            if !self.paths.contains(path) {
                self.paths.push(*path);
            }
        }
        Ok(())
    }

    fn ct(&mut self, token: &Token<'t>) -> Result<(), FilterError> {
        let key = self.value(token)?;
        let states: Vec<&str> = key.text.trim_matches(['{', '}']).split([',', '|']).map(str::trim).collect();
        if states.iter().all(|state| CtState::parse(state).is_some()) {
            self.add(format!("ct state {{ {} }}", states.join(", ")));
            return Ok(());
        }
        const KEYS: &[&str] = &["state", "mark", "zone", "label", "direction", "status", "original", "reply"];
        if !KEYS.contains(&key.text) {
            let names = CT_STATES.iter().map(|(_, name, _)| *name).chain(KEYS.iter().copied());
            let near = nearest(key.text, names).map(|near| format!("did you mean `ct {near}`?"));
            let error = FilterError::new(format!("`ct {}` says nothing about packets", key.text), &key.at);
            return Err(error.hint(near.unwrap_or_else(|| format!("known are a state, {}", KEYS.join(", ")))));
        }
        let mut selector = format!("ct {}", key.text);
        if matches!(key.text, "original" | "reply") {
            selector = format!("{selector} {}", self.value(key)?.text);
        }
        self.test(key, selector)
    }

    fn device(&mut self, token: &Token<'t>) -> Result<(), FilterError> {
        let name = if token.text.starts_with('i') { "iifname" } else { "oifname" };
        let mut value = self.value(token)?;
        let mut operator = "";
        if matches!(value.text, "!=" | "==") {
            operator = if value.text == "!=" { "!= " } else { "" };
            value = self.value(token)?;
        }
        let text = value.text.trim_matches('"');
        let text = if text.starts_with(['{', '@']) { text.to_owned() } else { format!("\"{text}\"") };
        self.add(format!("{name} {operator}{text}"));
        Ok(())
    }

    /// A protocol: alone, or with a field and what it is compared with.
    fn protocol(&mut self, token: &'t Token<'t>) -> Result<(), FilterError> {
        let fields = fields_of(token.text).unwrap_or(&[]);
        let next = self.peek();
        if fields.contains(&next) || (token.text == "tcp" && next == "option") {
            let field = self.value(token)?;
            let mut selector = format!("{} {}", token.text, field.text);
            if next == "option" {
                let kind = self.value(field)?;
                selector = format!("{selector} {}", kind.text);
                if !matches!(self.peek(), "exists" | "missing") {
                    selector = format!("{selector} {}", self.value(kind)?.text);
                }
            }
            return self.test(field, selector);
        }
        match token.text {
            "ip" => self.add("meta nfproto ipv4".into()),
            "ip6" => self.add("meta nfproto ipv6".into()),
            name if TRANSPORTS.iter().any(|(known, _)| *known == name) => {
                self.add(format!("meta l4proto {}", if name == "icmpv6" { "ipv6-icmp" } else { name }));
            }
            name => {
                let error = FilterError::new(format!("`{name}` alone does not say which packets"), &token.at);
                return Err(error.hint(match nearest(next, fields.iter().copied()) {
                    Some(near) => format!("did you mean `{name} {near}`?"),
                    None => format!("write a field behind it: {}", fields.join(", ")),
                }));
            }
        }
        Ok(())
    }

    /// What follows a field: an operator, a value, and more of them where it is masked or one of several fields.
    fn test(&mut self, after: &Token<'t>, selector: String) -> Result<(), FilterError> {
        const BEFORE: &[&str] = &["==", "!=", "<", ">", "<=", ">=", "eq", "ne", "lt", "gt", "le", "ge", "in", "&", "!"];
        const BETWEEN: &[&str] = &["==", "!=", "&", "|", "^", "<<", ">>", "."];
        let mut text = selector;
        while self.peek() == "." {
            // Another field of a concatenation.
            let dot = self.value(after)?;
            let (first, second) = (self.value(dot)?, self.value(dot)?);
            text = format!("{text} . {} {}", first.text, second.text);
        }
        if BEFORE.contains(&self.peek()) {
            text = format!("{text} {}", self.value(after)?.text);
        }
        text = format!("{text} {}", self.value(after)?.text);
        while BETWEEN.contains(&self.peek()) {
            let operator = self.value(after)?;
            text = format!("{text} {} {}", operator.text, self.value(operator)?.text);
        }
        self.add(text);
        Ok(())
    }

    fn bare(&mut self, token: &'t Token<'t>) -> Result<(), FilterError> {
        let owners = [self.transport, self.network];
        let owner =
            owners.into_iter().flatten().find(|name| fields_of(name).is_some_and(|list| list.contains(&token.text)));
        if let Some(owner) = owner {
            return self.test(token, format!("{owner} {}", token.text));
        }
        let flags: Vec<&str> = token.text.split([',', '|']).collect();
        if self.transport.is_none_or(|name| name == "tcp") && flags.iter().all(|flag| FLAGS.contains(flag)) {
            self.add("meta l4proto tcp".into());
            self.add(format!("tcp flags == {}", flags.join("|")));
            return Ok(());
        }
        let types = match self.transport {
            Some("icmp") => Some(names::ICMP_TYPE),
            Some("icmpv6") => Some(names::ICMPV6_TYPE),
            _ => None,
        };
        if let (Some(types), Some(transport)) = (types, self.transport)
            && names::lookup(types, token.text).is_some()
        {
            self.add(format!("{transport} type {}", token.text));
            return Ok(());
        }
        match endpoint(token.text) {
            Ok(Some(endpoint)) => self.endpoint(token, &endpoint),
            Ok(None) => Err(self.unknown(token)),
            Err((message, hint)) => Err(FilterError { message, at: token.at.clone(), hint }),
        }
    }

    fn endpoint(&mut self, token: &Token<'t>, endpoint: &Endpoint) -> Result<(), FilterError> {
        if !self.arrows {
            let text = token.text;
            let error = FilterError::new(format!("`{text}` is neither source nor destination"), &token.at);
            return Err(error.hint(format!("write `{text} > any` or `any > {text}`")));
        }
        let done = if self.arrow { &mut self.destination } else { &mut self.source };
        if std::mem::replace(done, true) {
            let side = if self.arrow { "destination" } else { "source" };
            let error = FilterError::new(format!("a second {side}"), &token.at);
            return Err(match self.arrow {
                true => error.hint("write several as {A, B}"),
                false => error.hint("write `>` between source and destination"),
            });
        }
        let (address, port) = if self.arrow { ("daddr", "dport") } else { ("saddr", "sport") };
        if let (Some(family), Some(text)) = (endpoint.family, &endpoint.address) {
            self.add(format!("{family} {address} {text}"));
        }
        let Some(ports) = &endpoint.ports else { return Ok(()) };
        match self.transport {
            Some(name) if PORTED.contains(&name) => self.add(format!("{name} {port} {ports}")),
            Some(name) => return Err(FilterError::new(format!("{name} has no ports"), &token.at)),
            None => {
                let error = FilterError::new("a port needs a protocol", &token.at);
                return Err(error.hint("write `tcp` or `udp` first, or `th dport` for both"));
            }
        }
        Ok(())
    }

    fn unknown(&self, token: &Token<'_>) -> FilterError {
        let fields = FIELDS.iter().filter(|(name, _)| Some(*name) == self.transport || Some(*name) == self.network);
        let words = ["path", "ct", "meta", "any", "proto"];
        let known = fields
            .flat_map(|(_, fields)| fields.iter().copied())
            .chain(FIELDS.iter().map(|(name, _)| *name))
            .chain(words)
            .chain(DEVICES.iter().copied())
            .chain(META.iter().copied())
            .chain(FLAGS.iter().copied());
        let error = FilterError::new(
            format!("expected a protocol, address, device or match of nft, not `{}`", token.text),
            &(token.at.start..token.at.end.min(self.end)),
        );
        error.hint(match nearest(token.text, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write it as `tcp 10.0.0.0/8 > any:5432, path input`".into(),
        })
    }
}

/// Fields of a header, by the name of its protocol.
fn fields_of(protocol: &str) -> Option<&'static [&'static str]> {
    FIELDS.iter().find(|(name, _)| *name == protocol).map(|(_, fields)| *fields)
}

/// The family of an address.
fn family(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "ip" } else { "ip6" }
}
