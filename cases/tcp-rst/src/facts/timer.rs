//! What configuration says of time: one shape for every proxy, so that the model does not know products.

use casebook_core::{Span, Unmodelled};

/// A length of time in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Micros(pub u64);

impl Micros {
    /// From whole seconds; too large a value saturates.
    pub const fn seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// From milliseconds; too large a value saturates.
    pub const fn millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// In seconds.
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

/// What a timer allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// It never runs out: off, infinite, or not set where unset means so.
    Never,
    /// It runs out after this long.
    After(Micros),
    /// The configuration does not say (an environment variable, a template).
    Unknown,
}

/// What a timer measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Measures {
    /// Time since the last event that refreshes it.
    Idle,
    /// Time since the connection began, whatever happens on it.
    Lifetime,
    /// Like a lifetime, but the connection ends only with the next message after it (nginx `keepalive_time`).
    LifetimeAtMessage,
    /// Time for one step: connect, a request's header, an answer.
    Step,
    /// Time after one side has closed.
    HalfClosed,
    /// Interval of TCP keepalive probes, or of the first of them.
    Keepalive,
}

/// What starts an idle timer anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refresh {
    /// Any segment, an empty keepalive probe too (conntrack).
    Segment,
    /// Bytes of payload in either direction (a proxy that copies).
    Payload,
    /// A message of the protocol inside: a request, a response.
    Message,
    /// Nothing.
    Nothing,
}

/// Which side of a device a timer watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leg {
    /// Towards the client.
    Client,
    /// Towards the server.
    Server,
    /// The connection as a whole.
    Both,
}

/// How the device ends a connection whose timer has run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// It forgets it and says nothing; whoever speaks next finds out.
    Silent,
    /// It closes with FIN on both legs, at once.
    Fin,
    /// It closes with FIN, and what is written later gets a RST from its kernel.
    FinThenRst,
    /// It closes the way from the side it watches to the other side with FIN, and leaves the other way open.
    FinOneWay,
    /// It sends RST to both ends, at once.
    Rst,
    /// It answers (408, 504) and closes.
    AnswerAndFin,
}

/// A timer of a configuration, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    /// The directive as the product calls it: `timeout client`, `proxy_timeout`.
    pub name: String,
    /// What it allows.
    pub limit: Limit,
    /// What it measures.
    pub measures: Measures,
    /// What starts it anew.
    pub refresh: Refresh,
    /// Which side it watches.
    pub leg: Leg,
    /// How it ends a connection.
    pub ending: Ending,
    /// The line that sets it; `None` for a built-in default.
    pub span: Option<Span>,
    /// Where the value comes from when not from `span` itself: the `defaults` section, the `http` block, the default
    /// of the product with the page of its manual.
    pub origin: String,
}

/// A host and port as written; either can be absent or unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Address or name as written; empty or `*` for any.
    pub host: String,
    /// Port.
    pub port: Option<u16>,
    /// Where.
    pub span: Span,
}

/// What a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layer {
    /// It copies bytes.
    Tcp,
    /// It speaks HTTP.
    Http,
    /// The configuration does not say.
    Unknown,
}

/// One way through a proxy: where it listens, where it connects to, which timers rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// `haproxy`, `nginx`, `envoy`.
    pub product: &'static str,
    /// Name of the section, server or listener.
    pub name: String,
    /// What it speaks.
    pub layer: Layer,
    /// Where it listens.
    pub listens: Vec<Endpoint>,
    /// Where it connects to.
    pub servers: Vec<Endpoint>,
    /// Every timer that rules, defaults of the product included.
    pub timers: Vec<Timer>,
    /// SO_KEEPALIVE towards the client; `None` when the configuration cannot tell.
    pub keepalive_client: Option<bool>,
    /// SO_KEEPALIVE towards the server.
    pub keepalive_server: Option<bool>,
    /// The section.
    pub span: Span,
}

/// A number of things after which a connection ends: unanswered keepalive probes, requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// Name of the [`Proxy`] it belongs to.
    pub proxy: String,
    /// The directive.
    pub name: String,
    /// Which side.
    pub leg: Leg,
    /// The number.
    pub count: u32,
    /// Where.
    pub span: Span,
}

/// What the configuration of a proxy states.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyFacts {
    /// One for each way through it.
    pub proxies: Vec<Proxy>,
    /// The ways again as they are for a connection that was upgraded (101 Switching Protocols, CONNECT), where other
    /// timers rule it than a connection of messages.
    pub upgraded: Vec<Proxy>,
    /// Timers of the whole process: how long old connections live after a reload.
    pub process: Vec<Timer>,
    /// Counts that end connections, where set.
    pub counts: Vec<Count>,
    /// What the reader does not cover.
    pub unmodelled: Vec<Unmodelled>,
}
