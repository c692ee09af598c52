//! The state a connection is silent in, as far as it changes which timer of a tracker rules.

use super::Set;
use crate::facts::timer::Limit;

/// What a connection is in the middle of when it falls silent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum State {
    /// Everything was acknowledged, nobody has closed.
    #[default]
    Established,
    /// One side has closed its direction, and that was acknowledged (CLOSE_WAIT in `tcp_conntracks`, whichever side it was).
    HalfClosed,
    /// Data of one side has no acknowledgement (`IP_CT_TCP_FLAG_DATA_UNACKNOWLEDGED`).
    Unacknowledged,
    /// The same segment was repeated `nf_conntrack_tcp_max_retrans` times.
    Repeating,
}

/// All states, with their names for a command line.
pub const STATES: [(State, &str); 4] = [
    (State::Established, "established"),
    (State::HalfClosed, "half-closed"),
    (State::Unacknowledged, "unacknowledged"),
    (State::Repeating, "repeating"),
];

impl State {
    /// By its name on the command line.
    pub fn parse(name: &str) -> Option<Self> {
        STATES.into_iter().find(|(_, known)| *known == name).map(|(state, _)| state)
    }

    /// In words: `with …`.
    pub fn text(self) -> &'static str {
        match self {
            State::Established => "with everything acknowledged",
            State::HalfClosed => "with one direction closed",
            State::Unacknowledged => "with data that nobody acknowledged",
            State::Repeating => "while one side repeats a packet",
        }
    }
}

/// A timer of a tracker for one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InState {
    /// The state.
    pub state: State,
    /// Its name: `nf_conntrack_tcp_timeout_close_wait`.
    pub timer: &'static str,
    /// What it allows.
    pub limit: Set<Limit>,
}
