//! Why a packet became what it became: the kernel's decisions, in order.

use super::table::{Index, State};
use crate::facts::timer::Micros;

/// Why an entry got its timeout (the end of `nf_conntrack_tcp_packet`, first match).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeoutReason {
    /// `max_retrans` identical segments in a row.
    Retransmissions,
    /// A RST that does not close.
    Rst,
    /// Data not yet acknowledged.
    Unacknowledged,
    /// The last window that was kept is 0; none is kept until an ACK is in the window (`last_win`).
    ZeroWindow,
    /// The state's own.
    State,
    /// Picked up in the middle and nobody answered yet: at most `unacknowledged`.
    NoReply,
    /// A policy of nft, at the first packet: its SYN_SENT timeout.
    Policy,
    /// An invalid FIN or RST answered an invalid FIN or RST (`nf_tcp_handle_invalid`).
    InvalidClose,
}

impl TimeoutReason {
    /// The setting its value is from, without `net.netfilter.nf_conntrack_`; `None` for a policy.
    pub fn key(self, state: State) -> Option<String> {
        match self {
            TimeoutReason::Retransmissions | TimeoutReason::ZeroWindow => Some("tcp_timeout_max_retrans".to_owned()),
            TimeoutReason::Rst
            | TimeoutReason::Unacknowledged
            | TimeoutReason::NoReply
            | TimeoutReason::InvalidClose => Some("tcp_timeout_unacknowledged".to_owned()),
            TimeoutReason::State => Some(format!("tcp_timeout_{}", state.name().to_lowercase())),
            TimeoutReason::Policy => None,
        }
    }

    /// For messages.
    pub const fn text(self) -> &'static str {
        match self {
            TimeoutReason::Retransmissions => "max_retrans identical segments in a row",
            TimeoutReason::Rst => "a RST that does not close",
            TimeoutReason::Unacknowledged => "data is not acknowledged",
            TimeoutReason::ZeroWindow => "the last window is 0, or none was kept yet",
            TimeoutReason::State => "the timeout of the state",
            TimeoutReason::NoReply => "picked up in the middle, no reply seen",
            TimeoutReason::Policy => "a timeout policy at the first packet",
            TimeoutReason::InvalidClose => "an invalid FIN or RST after one of the other side",
        }
    }
}

/// One decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `____nf_conntrack_find`: the entry had expired this long ago, so there is none.
    Expired(Micros),
    /// `tcp_error`: the header is cut or its length lies.
    Truncated,
    /// `tcp_error`: bad checksum.
    BadChecksum,
    /// `tcp_error`: flags that no stack sends.
    FlagCombination,
    /// `tcp_new`: no connection begins with this.
    InvalidNew(Index),
    /// `tcp_new`: `nf_conntrack_tcp_loose` is 0.
    NotPickedUp,
    /// `tcp_new`: an entry by SYN.
    New,
    /// `tcp_new`: an entry in the middle of a connection.
    PickedUp,
    /// The state table: old state, segment, in the reply direction, new state.
    Moved(State, Index, bool, State),
    /// The state table: ignored.
    Ignored(State, Index, bool),
    /// The state table: invalid.
    InvalidState(State, Index, bool),
    /// A SYN on a closed connection: the entry is deleted, the SYN makes a new one (`-NF_REPEAT`).
    Reopened,
    /// A SYN-ACK answers a SYN that was ignored: the entry follows them.
    BackInSync,
    /// A challenge ACK in LAST_ACK, believed by nobody.
    ChallengeAck,
    /// A RST before the highest acknowledgement of the other side.
    InvalidRst {
        /// Its sequence number.
        seq: u32,
        /// That acknowledgement.
        max_ack: u32,
    },
    /// A RST in the window but not at the exact sequence number: the state stays.
    InexactRst {
        /// Its sequence number.
        seq: u32,
        /// The exact one.
        max_ack: u32,
    },
    /// I: begins beyond what the receiver allows.
    SeqAbove {
        /// Sequence number.
        seq: u32,
        /// First sequence number beyond the window.
        bound: u32,
    },
    /// Beyond the window by less than a window: let through, its end is kept.
    Overshoot(u32),
    /// III: acknowledges what was not seen.
    AckAbove {
        /// Acknowledgement or right edge of SACK.
        ack: u32,
        /// Highest possible one.
        bound: u32,
    },
    /// II: ends before the window.
    SeqBelow {
        /// One past its last sequence number.
        end: u32,
        /// It must be after this.
        bound: u32,
    },
    /// IV: acknowledges too little.
    AckBelow {
        /// Acknowledgement or right edge of SACK.
        ack: u32,
        /// It must be after this.
        bound: u32,
    },
    /// A failed window check does not count: `be_liberal`, or the connection was picked up in the middle.
    Liberal,
    /// Refreshed.
    Timeout(Micros, TimeoutReason),
    /// A repeated SYN in SYN_SENT refreshes nothing.
    SynRepeated,
    /// A RST before any reply: the entry is deleted (`nf_ct_kill_acct`).
    KilledByRst,
    /// The entry is assured from here on.
    Assured,
}

impl Step {
    /// One sentence with the kernel's function.
    pub fn text(&self) -> String {
        let way = |reply: &bool| if *reply { "reply" } else { "original" };
        match self {
            Step::Expired(ago) => {
                format!("____nf_conntrack_find: the entry had expired {:.3} s before", ago.as_seconds())
            }
            Step::Truncated => "tcp_error: the TCP header is cut or its length is wrong".to_owned(),
            Step::BadChecksum => "tcp_error: the checksum is bad".to_owned(),
            Step::FlagCombination => "tcp_error: the flags are no valid combination".to_owned(),
            Step::InvalidNew(index) => format!("tcp_new: no connection begins with a {}", index.name()),
            Step::NotPickedUp => "tcp_new: nf_conntrack_tcp_loose is 0, nothing is picked up in the middle".to_owned(),
            Step::New => "tcp_new: a new entry".to_owned(),
            Step::PickedUp => "tcp_new: a new entry in the middle of a connection, windows do not count".to_owned(),
            Step::Moved(from, index, reply, to) if from == to => {
                format!("tcp_conntracks: {} in {} direction, stays {}", index.name(), way(reply), to.name())
            }
            Step::Moved(from, index, reply, to) => {
                format!(
                    "tcp_conntracks: {} in {} direction, {} to {}",
                    index.name(),
                    way(reply),
                    from.name(),
                    to.name()
                )
            }
            Step::Ignored(state, index, reply) => {
                format!("tcp_conntracks: {} in {} direction is ignored in {}", index.name(), way(reply), state.name())
            }
            Step::InvalidState(state, index, reply) => {
                format!("tcp_conntracks: {} in {} direction is invalid in {}", index.name(), way(reply), state.name())
            }
            Step::Reopened => "nf_conntrack_tcp_packet: SYN on a closed connection deletes the entry".to_owned(),
            Step::BackInSync => "nf_conntrack_tcp_packet: the SYN-ACK answers an ignored SYN".to_owned(),
            Step::ChallengeAck => "nf_conntrack_tcp_packet: challenge ACK, not believed".to_owned(),
            Step::InvalidRst { seq, max_ack } => {
                format!("nf_conntrack_tcp_packet: RST at {seq} is before the acknowledged {max_ack}")
            }
            Step::InexactRst { seq, max_ack } => {
                format!("nf_conntrack_tcp_packet: RST at {seq} is not exactly at {max_ack}, the state stays")
            }
            Step::SeqAbove { seq, bound } => format!("tcp_in_window: SEQ {seq} is over the upper bound {bound}"),
            Step::Overshoot(bytes) => format!("tcp_in_window: {bytes} bytes more than the window allows"),
            Step::AckAbove { ack, bound } => format!("tcp_in_window: ACK {ack} is over the upper bound {bound}"),
            Step::SeqBelow { end, bound } => format!("tcp_in_window: SEQ end {end} is under the lower bound {bound}"),
            Step::AckBelow { ack, bound } => format!("tcp_in_window: ACK {ack} is under the lower bound {bound}"),
            Step::Liberal => "tcp_in_window: liberal, the window does not count".to_owned(),
            Step::Timeout(timeout, reason) => {
                format!("nf_ct_refresh_acct: {:.3} s, {}", timeout.as_seconds(), reason.text())
            }
            Step::SynRepeated => "nf_conntrack_tcp_packet: a repeated SYN does not refresh".to_owned(),
            Step::KilledByRst => "nf_ct_kill_acct: RST before any reply deletes the entry".to_owned(),
            Step::Assured => "nf_conntrack_tcp_packet: assured".to_owned(),
        }
    }
}
