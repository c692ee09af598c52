//! A connection's entry: `struct ip_ct_tcp` and what of `struct nf_conn` matters for time.

use super::settings::{Policy, Timeouts};
use super::table::{Index, State};
use crate::facts::flow::Side;
use crate::facts::timer::Micros;

/// Flags of a direction (`IP_CT_TCP_FLAG_*`, `include/uapi/linux/netfilter/nf_conntrack_tcp.h`).
pub mod flag {
    /// It offered a window scale.
    pub const WINDOW_SCALE: u8 = 0x01;
    /// It permits SACK.
    pub const SACK_PERM: u8 = 0x02;
    /// It sent the first FIN.
    pub const CLOSE_INIT: u8 = 0x04;
    /// Its windows do not count.
    pub const BE_LIBERAL: u8 = 0x08;
    /// It sent data that was not acknowledged.
    pub const DATA_UNACKNOWLEDGED: u8 = 0x10;
    /// Its highest acknowledgement is known.
    pub const MAXACK_SET: u8 = 0x20;
    /// A challenge ACK can come (`last_flags`).
    pub const EXP_CHALLENGE_ACK: u8 = 0x40;
    /// Both sides opened (`last_flags`).
    pub const SIMULTANEOUS_OPEN: u8 = 0x80;
}

/// `struct ip_ct_tcp_state`: what one direction was seen to send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Highest sequence number sent, plus one.
    pub end: u32,
    /// The sequence number it must not reach.
    pub max_end: u32,
    /// Largest window it advertised, scaled; 0 while nothing was seen.
    pub max_window: u32,
    /// Highest acknowledgement it sent.
    pub max_ack: u32,
    /// Its window scale.
    pub scale: u8,
    /// Flags.
    pub flags: u8,
}

impl Seen {
    /// True when one of `flags` is set.
    pub fn is(&self, flags: u8) -> bool {
        self.flags & flags != 0
    }
}

/// The last segment that counted, or the last one that was ignored (`last_*` of `struct ip_ct_tcp`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Last {
    /// True when it came in the reply direction.
    pub reply: bool,
    /// What it was.
    pub index: Index,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement.
    pub ack: u32,
    /// One past its last sequence number.
    pub end: u32,
    /// Window.
    pub window: u16,
    /// Window scale of an ignored SYN.
    pub scale: u8,
    /// Flags of an ignored SYN.
    pub flags: u8,
}

/// An entry of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who sent the packet that made it: the original direction.
    pub original: Side,
    /// State.
    pub state: State,
    /// Both directions, the original one first.
    pub seen: [Seen; 2],
    /// The last segment.
    pub last: Last,
    /// Identical segments in a row (`u8`, as in the kernel).
    pub retrans: u8,
    /// `IPS_SEEN_REPLY`; without it `[UNREPLIED]`.
    pub seen_reply: bool,
    /// `IPS_ASSURED`.
    pub assured: bool,
    /// `IPS_FIXED_TIMEOUT`: nothing refreshes it.
    pub fixed_timeout: bool,
    /// Its policy.
    pub policy: Option<Policy>,
    /// When it expires, in microseconds of the caller's clock.
    pub expires_us: u64,
}

impl Entry {
    /// An entry nothing has been put into (`init_conntrack`, and the `memset` of `tcp_new`).
    pub fn blank(original: Side, policy: Option<Policy>) -> Self {
        Self {
            original,
            state: State::None,
            seen: [Seen::default(); 2],
            last: Last { reply: false, index: Index::None, seq: 0, ack: 0, end: 0, window: 0, scale: 0, flags: 0 },
            retrans: 0,
            seen_reply: false,
            assured: false,
            fixed_timeout: false,
            policy,
            expires_us: 0,
        }
    }

    /// `nf_ct_is_expired`.
    pub fn is_expired(&self, now_us: u64) -> bool {
        self.expires_us <= now_us
    }

    /// `nf_ct_expires`.
    pub fn remaining(&self, now_us: u64) -> Micros {
        Micros(self.expires_us.saturating_sub(now_us))
    }

    /// The timeouts that rule it.
    pub fn timeouts<'a>(&'a self, sysctls: &'a Timeouts) -> &'a Timeouts {
        self.policy.as_ref().map_or(sysctls, |policy| &policy.timeouts)
    }
}
