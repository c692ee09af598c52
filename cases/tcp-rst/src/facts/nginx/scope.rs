//! Settings of a block with what it inherits: `http`, `server`, `location` (or `stream`, `server`).

use std::collections::{HashMap, HashSet};

use casebook_core::{Span, Unmodelled};

use super::names;
use super::time::{Unit, length};
use super::tokens::{Directive, Word};
use crate::facts::endpoint;
use crate::facts::timer::{Ending, Leg, Limit, Measures, Micros, Refresh, Timer};

/// Modules that pass requests on; each has its own `…_pass` and `…_read_timeout`.
pub const PASSES: &[&str] = &["proxy", "fastcgi", "grpc", "uwsgi", "scgi", "memcached"];

/// Blocks that are read by their own readers.
const BLOCKS: &[&str] = &[
    "http",
    "stream",
    "server",
    "location",
    "upstream",
    "if",
    "limit_except",
    "events",
    "types",
    "map",
    "geo",
    "split_clients",
    "charset_map",
];

/// What a directive takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Time(Unit),
    /// `keepalive_timeout`: a time, and one for the header, which is advice to the client only.
    TimeAndHeader,
    Word,
}

/// A setting and where it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its arguments.
    pub args: Vec<Word>,
    /// Its value, for times.
    pub limit: Limit,
    /// The directive.
    pub head: Span,
    /// The block it stands in.
    pub level: String,
}

/// Settings of a block.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    settings: HashMap<String, Setting>,
    level: String,
    /// The file is a part of a configuration whose outer block was not seen, so that "not set" says nothing.
    pub part: bool,
}

/// What all blocks share.
#[derive(Debug)]
pub struct Notes {
    harmless: HashSet<&'static str>,
    /// What the reader does not cover.
    pub unmodelled: Vec<Unmodelled>,
}

impl Notes {
    /// With what the tokens told already.
    pub fn new(unmodelled: Vec<Unmodelled>) -> Self {
        Self { harmless: names::harmless(), unmodelled }
    }

    /// Adds a stretch.
    pub fn gap(&mut self, span: Span, why: impl Into<String>) {
        self.unmodelled.push(Unmodelled::new(span, why));
    }
}

/// What a directive of time takes; `None` for one that sets no time.
fn takes(name: &str) -> Option<Takes> {
    let passed = PASSES.iter().find_map(|pass| name.strip_prefix(pass)?.strip_prefix('_'));
    let millis = Takes::Time(Unit::Millis);
    Some(match (name, passed) {
        ("keepalive_timeout", _) => Takes::TimeAndHeader,
        (
            "client_body_timeout"
            | "client_header_timeout"
            | "send_timeout"
            | "keepalive_time"
            | "lingering_time"
            | "lingering_timeout"
            | "resolver_timeout"
            | "proxy_timeout"
            | "preread_timeout"
            | "proxy_protocol_timeout"
            | "ssl_handshake_timeout",
            _,
        ) => millis,
        (_, Some("connect_timeout" | "read_timeout" | "send_timeout" | "next_upstream_timeout")) => millis,
        (
            "lingering_close"
            | "reset_timedout_connection"
            | "keepalive_requests"
            | "keepalive"
            | "proxy_http_version"
            | "proxy_half_close",
            _,
        ) => Takes::Word,
        (_, Some("socket_keepalive" | "pass")) => Takes::Word,
        _ => return None,
    })
}

impl Scope {
    /// The outermost scope of a configuration.
    pub fn root(part: bool) -> Self {
        Self { settings: HashMap::new(), level: String::new(), part }
    }

    /// The scope of a block inside this one. `…_pass` is not inherited.
    pub fn child(&self, block: &[Directive], level: String, notes: &mut Notes) -> Self {
        let mut scope = Self { settings: self.settings.clone(), level, part: self.part };
        scope.settings.retain(|name, _| !name.ends_with("_pass"));
        let mut here: HashSet<&str> = HashSet::new();
        for directive in block {
            let name = directive.name();
            let head = directive.head();
            let Some(takes) = takes(name) else {
                scope.other(directive, notes);
                continue;
            };
            // That of an upstream sets no header.
            let upstream = scope.level.starts_with("upstream") && takes == Takes::TimeAndHeader;
            let limit = value(directive, if upstream { Takes::Time(Unit::Millis) } else { takes }, notes);
            if !here.insert(name) {
                notes.gap(head, "nginx refuses a directive that is set twice in one block");
            }
            let setting = Setting { args: directive.args().to_vec(), limit, head, level: scope.level.clone() };
            scope.settings.insert(name.to_owned(), setting);
        }
        scope
    }

    fn other(&mut self, directive: &Directive, notes: &mut Notes) {
        let name = directive.name();
        if name == "proxy_set_header" {
            let upgrade = directive.args().first().is_some_and(|word| word.text.eq_ignore_ascii_case("upgrade"));
            let key = if upgrade { "proxy_set_header Upgrade" } else { "proxy_set_header" };
            // Headers of an outer block are inherited only when this one sets none.
            if self.settings.get("proxy_set_header").is_none_or(|known| known.level != self.level) {
                self.settings.remove("proxy_set_header Upgrade");
            }
            for key in [key, "proxy_set_header"] {
                let setting = Setting {
                    args: directive.args().to_vec(),
                    limit: Limit::Unknown,
                    head: directive.head(),
                    level: self.level.clone(),
                };
                self.settings.insert(key.to_owned(), setting);
            }
            return;
        }
        if !BLOCKS.contains(&name) && !notes.harmless.contains(name) {
            let why = format!("no directive the reader knows: `{}`", endpoint::shown(name));
            notes.gap(directive.head(), why);
        }
    }

    /// A setting.
    pub fn get(&self, name: &str) -> Option<&Setting> {
        self.settings.get(name)
    }

    /// `on` or `off`; `None` where it is not known.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.settings.get(name).map(|setting| setting.args.first().map_or("", |word| word.text.as_str())) {
            Some(word) if word.eq_ignore_ascii_case("on") => Some(true),
            Some(word) if word.eq_ignore_ascii_case("off") => Some(false),
            Some(_) => None,
            None if self.part => None,
            None => Some(false),
        }
    }

    /// A timer of this block: set here, inherited, or nginx's default.
    pub fn timer(&self, name: &str, default_s: u64, shape: Shape) -> Timer {
        let Shape { measures, refresh, leg, ending } = shape;
        let (limit, span, origin) = match self.settings.get(name) {
            Some(setting) if setting.level == self.level => (setting.limit, Some(setting.head), String::new()),
            Some(setting) => (setting.limit, Some(setting.head), format!("inherited from `{}`", setting.level)),
            None if self.part => {
                (Limit::Unknown, None, "not set here, and the block around is not among the evidence".to_owned())
            }
            None => {
                let limit = Limit::After(Micros::seconds(default_s));
                (
                    limit,
                    None,
                    format!("default of nginx: `{name} {default_s}s` (nginx.org, documentation of the module)"),
                )
            }
        };
        Timer { name: name.to_owned(), limit, measures, refresh, leg, ending, span, origin }
    }
}

/// What a timer does, apart from its value.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// What it measures.
    pub measures: Measures,
    /// What starts it anew.
    pub refresh: Refresh,
    /// Which side.
    pub leg: Leg,
    /// How it ends a connection.
    pub ending: Ending,
}

impl Shape {
    /// Shorter to write.
    pub const fn new(measures: Measures, refresh: Refresh, leg: Leg, ending: Ending) -> Self {
        Self { measures, refresh, leg, ending }
    }
}

fn value(directive: &Directive, takes: Takes, notes: &mut Notes) -> Limit {
    let args = directive.args();
    let (unit, most) = match takes {
        Takes::Time(unit) => (unit, 1),
        Takes::TimeAndHeader => (Unit::Millis, 2),
        Takes::Word => return Limit::Unknown,
    };
    let head = directive.head();
    if args.is_empty() || args.len() > most || directive.block.is_some() {
        notes.gap(head, "nginx refuses this number of arguments");
        return Limit::Unknown;
    }
    if args.iter().any(Word::varies) {
        notes.gap(head, "the value is a variable");
        return Limit::Unknown;
    }
    if args.get(1).is_some_and(|header| length(&header.text, Unit::Seconds).is_none()) {
        notes.gap(head, "nginx refuses the time of the header");
    }
    match length(&args[0].text, unit) {
        Some(micros) => Limit::After(micros),
        None => {
            notes.gap(head, "nginx refuses this time: units are y M w d h m s ms, from large to small, once each");
            Limit::Unknown
        }
    }
}
