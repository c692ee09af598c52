//! A path from a client to a server, and what each hop does to a connection that falls silent.
//!
//! A proxy ends one connection and begins another, so it cuts the path into legs. On a leg, every hop that keeps state has a
//! timer; what starts it anew differs (any segment, payload, a message), and so does the end: at once with FIN or RST, or in
//! silence, in which case the next packet decides, by its direction and by what the hop's rules do with it.

mod forgotten;
mod predict;
mod state;
#[cfg(test)]
mod tests;

pub use forgotten::{Fate, Outcome, forgotten};
pub use predict::{Death, Ends, Moment, Prediction, Traffic, predict, show};

pub use state::{InState, STATES, State};

use casebook_core::Span;

use crate::facts::flow::Side;
use crate::facts::timer::{Limit, Micros, Proxy, Timer};
use crate::model::devices::Device;

/// A value of a configuration and the places that set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set<T> {
    /// The value.
    pub value: T,
    /// Where; empty for a default.
    pub places: Vec<Span>,
}

impl<T> Set<T> {
    /// A default of the mechanism.
    pub fn default_of(value: T) -> Self {
        Self { value, places: Vec::new() }
    }

    /// A value set at one place.
    pub fn at(value: T, span: Span) -> Self {
        Self { value, places: vec![span] }
    }
}

/// TCP keepalive of one end of a leg (Linux `tcp_keepalive_timer`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// Silence before the first probe.
    pub time: Micros,
    /// Time between probes.
    pub interval: Micros,
    /// Probes without an answer before the end.
    pub probes: u32,
}

impl Keepalive {
    /// Linux without any setting: 7200 s, 75 s, 9 (`net/ipv4/tcp_ipv4.c`, `tcp_sk_init`).
    pub const LINUX: Self = Self { time: Micros::seconds(7_200), interval: Micros::seconds(75), probes: 9 };
}

/// Whether one end of a connection sends keepalive probes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probing {
    /// Its program asks for them (`SO_KEEPALIVE`).
    On(Set<Keepalive>),
    /// It does not.
    Off,
    /// Nobody said. Off is the default of every socket.
    Unknown(Set<Keepalive>),
}

/// What a ruleset does with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Treatment {
    /// It lets it through.
    Accept,
    /// It drops it.
    Drop,
    /// It answers with a RST (`reject with tcp reset`).
    Reset,
    /// It answers with an ICMP error.
    Unreachable,
    /// The model cannot tell.
    Unknown,
}

/// How a new connection is given to a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Choice {
    /// There is one, or it is always the same one for a client (a hash of its address).
    Same,
    /// One of several, at random or in turn.
    Anew {
        /// How many there are.
        backends: u32,
        /// Chance, in millionths, that it is the one the connection had: the sum of the squares of their shares.
        same_ppm: u32,
    },
    /// The model cannot tell.
    Unknown,
}

impl Choice {
    /// Any of so many, with equal chance.
    pub fn among(backends: u32) -> Self {
        Self::Anew { backends, same_ppm: 1_000_000 / backends.max(1) }
    }
}

/// What a hop rewrites.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Translation {
    /// Nothing: it forwards.
    None,
    /// The server's address (DNAT).
    Server {
        /// How the backend is chosen.
        choice: Choice,
        /// Whether the address clients connect to is the hop's own; `None` when the evidence does not say, and it is taken to be,
        /// because packets for it arrive there.
        own_address: Option<bool>,
    },
    /// The client's address (SNAT, masquerade).
    Client {
        /// True when a new entry gets a new port (`random`, `fully-random`).
        new_port: bool,
    },
    /// Something that translates and is not modelled: a target of iptables.
    Unknown,
    /// IPVS in its masquerading mode.
    Ipvs {
        /// How the backend is chosen.
        choice: Choice,
        /// `net.ipv4.vs.sloppy_tcp`: a packet without SYN is scheduled too.
        sloppy: bool,
    },
}

/// A hop that tracks connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracker {
    /// Time without a packet after which an established connection is forgotten.
    pub established: Set<Limit>,
    /// Name of that timer in a report: `nf_conntrack_tcp_timeout_established`.
    pub timer: String,
    /// Timers that rule instead when the connection is in another state; empty where only one is known.
    pub others: Vec<InState>,
    /// A packet of a connection it does not know begins a new entry (`nf_conntrack_tcp_loose`).
    pub loose: Set<bool>,
    /// What it rewrites.
    pub translation: Set<Translation>,
    /// What its rules do with a packet of the client that is invalid to conntrack, and with one that begins a new entry.
    pub client_invalid: Set<Treatment>,
    /// A new entry by a packet without SYN.
    pub client_new: Set<Treatment>,
    /// The same for packets of the server.
    pub server_invalid: Set<Treatment>,
    /// A new entry.
    pub server_new: Set<Treatment>,
}

impl Tracker {
    /// The timer that rules a connection in `state`, and its name.
    pub fn timer_in(&self, state: State) -> (&Set<Limit>, &str) {
        // Where the timer of repetitions is no shorter, that of unacknowledged data is asked next, as the kernel does.
        let of = |wanted: State| self.others.iter().find(|other| other.state == wanted);
        let repeated = || (state == State::Repeating).then(|| of(State::Unacknowledged)).flatten();
        match of(state).or_else(repeated) {
            Some(other) => (&other.limit, other.timer),
            None => (&self.established, &self.timer),
        }
    }
}

/// What stands on a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// conntrack, NAT, IPVS.
    Tracker(Tracker),
    /// A proxy, which ends the connection and begins another.
    Proxy(Proxy, Option<Keepalive>),
    /// A device of which only a timer is declared.
    Timer(Timer),
    /// A device known by its manual; its timer can be set to another value.
    Device(&'static Device, Set<Limit>),
}

/// A hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Its name in a report.
    pub name: String,
    /// What it is.
    pub kind: Kind,
}

/// A path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// Its name in a report: the address and port clients connect to.
    pub name: String,
    /// From the client to the server.
    pub hops: Vec<Hop>,
    /// Keepalive of the client.
    pub client: Probing,
    /// Keepalive of the server.
    pub server: Probing,
}

/// Somebody on the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// The client.
    Client,
    /// The server.
    Server,
    /// A backend that never had the connection.
    OtherBackend,
    /// The hop of this index.
    Hop(usize),
}

impl Who {
    /// The end on `side`.
    pub fn end(side: Side) -> Self {
        match side {
            Side::Client => Who::Client,
            Side::Server => Who::Server,
        }
    }
}
