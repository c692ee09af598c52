//! What the host is set to: sysctls, policies, the kernel.

use super::release::Behaviour;
use super::table::State;
use crate::facts::timer::Micros;

/// A timeout for each state, and the two that take its place (`nf_tcp_net.timeouts`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    by_state: [Micros; 10],
    /// `nf_conntrack_tcp_timeout_max_retrans`.
    pub max_retrans: Micros,
    /// `nf_conntrack_tcp_timeout_unacknowledged`.
    pub unacknowledged: Micros,
}

impl Default for Timeouts {
    /// `tcp_timeouts`.
    fn default() -> Self {
        let seconds = [120, 120, 60, 432_000, 120, 60, 30, 120, 10, 120];
        Self {
            by_state: seconds.map(Micros::seconds),
            max_retrans: Micros::seconds(300),
            unacknowledged: Micros::seconds(300),
        }
    }
}

impl Timeouts {
    /// The timeout of a state. Of NONE it is that of SYN_SENT.
    pub fn of(&self, state: State) -> Micros {
        self.by_state[state as usize]
    }

    /// Sets it. SYN_SENT2 has no sysctl: only a policy changes it.
    pub fn set(&mut self, state: State, timeout: Micros) {
        self.by_state[state as usize] = timeout;
        if state == State::SynSent {
            self.by_state[State::None as usize] = timeout;
        }
    }

    /// The largest of all.
    pub fn largest(&self) -> Micros {
        self.by_state.into_iter().fold(self.max_retrans.max(self.unacknowledged), Micros::max)
    }

    /// The smallest of all.
    pub fn smallest(&self) -> Micros {
        self.by_state.into_iter().fold(self.max_retrans.min(self.unacknowledged), Micros::min)
    }
}

/// `net.netfilter.nf_conntrack_*` of one network namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Timeouts.
    pub timeouts: Timeouts,
    /// `nf_conntrack_tcp_loose`: connections are picked up in the middle.
    pub loose: bool,
    /// `nf_conntrack_tcp_be_liberal`: windows do not count.
    pub be_liberal: bool,
    /// `nf_conntrack_tcp_ignore_invalid_rst`.
    pub ignore_invalid_rst: bool,
    /// `nf_conntrack_tcp_max_retrans`.
    pub max_retrans: u8,
    /// `nf_conntrack_checksum`.
    pub checksum: bool,
}

impl Default for Settings {
    /// `nf_conntrack_tcp_init_net`, `nf_conntrack_init_net`.
    fn default() -> Self {
        Self {
            timeouts: Timeouts::default(),
            loose: true,
            be_liberal: false,
            ignore_invalid_rst: false,
            max_retrans: 3,
            checksum: true,
        }
    }
}

/// How a timeout policy came to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyFrom {
    /// `nft … ct timeout set`: it attaches after the first packet went through conntrack, and sets the entry to the policy's
    /// SYN_SENT timeout whatever its state (`nft_ct_timeout_obj_eval`: `values[0]`).
    Nft,
    /// `iptables -j CT --timeout`: a template, which rules from the first packet on (`init_conntrack`).
    Template,
}

/// A timeout policy; it beats the sysctls (`nf_ct_timeout_lookup`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its timeouts; what it does not name has the sysctl's value of the moment it was made (`tcp_timeout_nlattr_to_obj`).
    pub timeouts: Timeouts,
    /// How it came.
    pub from: PolicyFrom,
}

/// A host that tracks connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its kernel.
    pub behaviour: Behaviour,
    /// Its sysctls.
    pub settings: Settings,
    /// The policy new connections of this tuple get.
    pub policy: Option<Policy>,
}

impl Host {
    /// Defaults of a kernel.
    pub fn new(behaviour: Behaviour) -> Self {
        Self { behaviour, settings: Settings::default(), policy: None }
    }
}
