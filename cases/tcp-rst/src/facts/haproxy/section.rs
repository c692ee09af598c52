//! Sections of haproxy's configuration: what `defaults`, `frontend`, `backend` and `listen` set, with inheritance.

use std::collections::BTreeMap;

use casebook_core::Span;

use crate::facts::timer::{Endpoint, Limit};

/// What a section is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `global`.
    Global,
    /// `defaults`.
    Defaults,
    /// `frontend`.
    Frontend,
    /// `backend`.
    Backend,
    /// `listen`: both in one.
    Listen,
    /// Any other: connections of clients do not pass through it.
    Other,
}

impl Role {
    /// The section a first word begins; the names are those `haproxy 2.6` to `3.2` register.
    pub fn of(word: &str) -> Option<Self> {
        Some(match word {
            "global" => Role::Global,
            "defaults" => Role::Defaults,
            "frontend" => Role::Frontend,
            "backend" => Role::Backend,
            "listen" => Role::Listen,
            "peers" | "resolvers" | "mailers" | "userlist" | "program" | "http-errors" | "ring" | "log-forward"
            | "cache" | "fcgi-app" | "crt-store" | "traces" | "log-profile" | "acme" => Role::Other,
            _ => return None,
        })
    }

    /// True for sections that carry connections.
    pub fn carries(self) -> bool {
        matches!(self, Role::Frontend | Role::Backend | Role::Listen)
    }
}

/// A timeout as set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// The value.
    pub limit: Limit,
    /// The line.
    pub span: Span,
    /// Name of the `defaults` section it comes from, and what else is to be said of the value.
    pub origin: String,
}

/// An option as set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    /// `None` where it depends on a condition.
    pub on: Option<bool>,
    /// The line.
    pub span: Span,
}

/// A backend a frontend sends connections to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// Its name; `None` where it is computed for each request.
    pub name: Option<String>,
    /// True for `default_backend`, of which the last holds.
    pub default: bool,
    /// The line.
    pub span: Span,
}

/// What a section states, after inheritance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// What it is.
    pub role: Role,
    /// Its name; empty for `global` and plain `defaults`.
    pub name: String,
    /// From its first word to its last.
    pub span: Span,
    /// `tcp`, `http`; `None` when a condition or variable decides. Not set is `tcp`.
    pub mode: Option<String>,
    /// Timeouts by name without `timeout `.
    pub timeouts: BTreeMap<String, Set>,
    /// Options by name without `option `.
    pub options: BTreeMap<String, Flag>,
    /// `clitcpka-cnt`, `srvtcpka-cnt`.
    pub counts: BTreeMap<String, (u32, Span)>,
    /// Where it listens.
    pub binds: Vec<Endpoint>,
    /// Its servers.
    pub servers: Vec<Endpoint>,
    /// Backends it names.
    pub uses: Vec<Use>,
}

impl Section {
    /// An empty section.
    pub fn new(role: Role, name: &str, span: Span) -> Self {
        Self {
            role,
            name: name.to_owned(),
            span,
            mode: Some("tcp".to_owned()),
            timeouts: BTreeMap::new(),
            options: BTreeMap::new(),
            counts: BTreeMap::new(),
            binds: Vec::new(),
            servers: Vec::new(),
            uses: Vec::new(),
        }
    }

    /// Takes over what a `defaults` section set. It holds no `bind` and no `server`, but can name a default backend.
    pub fn inherit(&mut self, from: &Section) {
        let label = match from.name.as_str() {
            "" => "the `defaults` section before it".to_owned(),
            name => format!("`defaults {name}`"),
        };
        self.mode.clone_from(&from.mode);
        self.options.clone_from(&from.options);
        self.counts.clone_from(&from.counts);
        self.uses.clone_from(&from.uses);
        self.timeouts = from
            .timeouts
            .iter()
            .map(|(name, set)| {
                let origin = if set.origin.is_empty() { label.clone() } else { format!("{label}; {}", set.origin) };
                (name.clone(), Set { origin, ..set.clone() })
            })
            .collect();
    }

    /// True or false for an option; not set is off; `None` where a condition decides.
    pub fn option(&self, name: &str) -> Option<bool> {
        self.options.get(name).map_or(Some(false), |flag| flag.on)
    }
}
