//! Where kernels differ: one switch for each change of `nf_conntrack_proto_tcp.c` that changes what becomes of a packet.
//!
//! The releases are read from the sources of 4.4.121, 4.9.45, 4.14.74, 4.17, 4.18, 4.19.1, 5.0, 5.4.33, 5.10.13, 5.11,
//! 5.12.9, 5.14, 5.15.0, 5.15.24, 5.15.158, 5.17-rc5, 5.18, 5.19, 6.0-rc1, 6.0.1, 6.1-rc7, 6.1.192, 6.2.12, 6.4.6, 6.6.31,
//! 6.8.1, 6.12.117, 6.13.2, 6.18.13, 6.18.35, 6.19 and 7.1.3, and from the lists of stable updates in Debian's changelogs of
//! 6.1 and 6.12. Between a release known to lack a change and one known to have it the switch is unsettled, and so is an
//! answer that it decides. Kernels of distributions with changes of their own (RHEL) need [`Behaviour::with`].

use std::fmt;

/// A release number: `6.18.44`. What is left out counts as 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Release(pub u16, pub u16, pub u16);

impl Release {
    /// Reads `6.18.44-amd64`, `6.1.0-17`, `5.4`; `None` without a number at the front.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let mut parts = text[..end].split('.').map_while(|part| part.parse().ok());
        Some(Self(parts.next()?, parts.next().unwrap_or(0), parts.next().unwrap_or(0)))
    }
}

impl fmt::Display for Release {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// A change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Switch {
    /// A last window of 0, or none yet, shortens the timeout to `max_retrans`.
    ZeroWindowTimeout,
    /// An ACK in the reply direction ends a simultaneous open.
    SimultaneousOpen,
    /// Windows are compared as on the wire when retransmissions are counted.
    RawWindow,
    /// A RST closes an established connection only at the exact sequence number.
    ExactRst,
    /// An acknowledgement one beyond what was seen, first packet of its direction, answers a keepalive.
    KeepaliveReply,
    /// RSTs of connections that are closing, or reopened, are not checked.
    RstReuse,
    /// `nf_conntrack_tcp_ignore_invalid_rst`.
    IgnoreInvalidRst,
    /// A repeated SYN does not refresh.
    SynKeepsTimeout,
    /// A repeated SYN-ACK, or SYN of a simultaneous open, starts its direction anew.
    SynAckReinit,
    /// Only SYNs start a direction anew.
    SynOnlyReinit,
    /// Options of a SYN leave the direction liberal.
    KeepLiberal,
    /// A sender over its window by less than a window is believed in part.
    Overshoot,
    /// Segments under the lower bounds are let through without refresh, no longer invalid; an invalid FIN or RST can shorten
    /// the timeout.
    LowerBoundIgnored,
    /// The RST that answers a challenge ACK is accepted.
    ChallengeAck,
    /// Window scaling is decided by the SYN-ACK, not by a repeated SYN.
    ScaleByReply,
    /// A RST answers an ignored SYN only from the other side.
    RstOtherSide,
    /// A RST that does not close leaves the `unacknowledged` timeout, not that of CLOSE.
    RstUnacknowledged,
}

/// All changes, in order of release.
pub const SWITCHES: [Switch; 17] = {
    let mut out = [Switch::ZeroWindowTimeout; 17];
    let mut at = 0;
    while at < out.len() {
        out[at] = CHANGES[at].switch;
        at += 1;
    }
    out
};

/// A stable branch that got a change: the last release seen without it, the first one seen with it.
struct Branch(u16, u16, u16, u16);

/// Not seen.
const NONE: u16 = u16::MAX;

/// When a change came.
struct Change {
    switch: Switch,
    /// Last mainline release seen without it.
    absent: Release,
    /// First mainline release known to have it; `None` when no source at hand has it.
    since: Option<Release>,
    branches: &'static [Branch],
}

const CHANGES: [Change; 17] = [
    change(Switch::ZeroWindowTimeout, Release(4, 14, 0), Some(Release(4, 17, 0)), &[Branch(4, 14, 74, NONE)]),
    change(Switch::SimultaneousOpen, Release(4, 14, 0), Some(Release(4, 17, 0)), &[Branch(4, 14, 74, NONE)]),
    // Debian lists it in 5.2.9.
    change(Switch::RawWindow, Release(5, 2, 0), Some(Release(5, 3, 0)), &[Branch(5, 2, 8, 9), Branch(4, 19, 1, NONE)]),
    // Upstream commit be0502a3f2e9.
    change(Switch::ExactRst, Release(5, 0, 0), Some(Release(5, 4, 0)), &[Branch(4, 19, 1, NONE)]),
    // Debian lists it in 5.9.2.
    change(
        Switch::KeepaliveReply,
        Release(5, 9, 0),
        Some(Release(5, 10, 0)),
        &[Branch(5, 9, 1, 2), Branch(5, 4, 33, NONE)],
    ),
    change(
        Switch::RstReuse,
        Release(5, 12, 0),
        Some(Release(5, 14, 0)),
        &[Branch(5, 12, 9, NONE), Branch(5, 10, 13, NONE)],
    ),
    change(Switch::IgnoreInvalidRst, Release(5, 12, 0), Some(Release(5, 14, 0)), &[Branch(5, 12, 9, NONE)]),
    change(
        Switch::SynKeepsTimeout,
        Release(5, 12, 0),
        Some(Release(5, 14, 0)),
        &[Branch(5, 12, 9, NONE), Branch(5, 10, 13, NONE)],
    ),
    change(Switch::SynAckReinit, Release(5, 15, 0), Some(Release(5, 17, 0)), &[Branch(5, 15, 158, NONE)]),
    // Debian lists it in 5.17.6.
    change(
        Switch::SynOnlyReinit,
        Release(5, 17, 0),
        Some(Release(5, 18, 0)),
        &[Branch(5, 17, 5, 6), Branch(5, 15, 158, NONE)],
    ),
    change(Switch::KeepLiberal, Release(5, 17, 0), Some(Release(5, 18, 0)), &[Branch(5, 15, 24, 158)]),
    // Debian lists it in 5.19.9.
    change(
        Switch::Overshoot,
        Release(5, 19, 0),
        Some(Release(6, 0, 0)),
        &[Branch(5, 19, 8, 9), Branch(5, 15, 24, 158)],
    ),
    change(Switch::LowerBoundIgnored, Release(6, 0, 1), Some(Release(6, 1, 0)), &[Branch(5, 15, 158, NONE)]),
    // Debian lists it in 6.1.9.
    change(
        Switch::ChallengeAck,
        Release(6, 1, 0),
        Some(Release(6, 2, 0)),
        &[Branch(6, 1, 8, 9), Branch(5, 15, 158, NONE)],
    ),
    // Debian lists it in 6.1.77.
    change(
        Switch::ScaleByReply,
        Release(6, 4, 6),
        Some(Release(6, 8, 0)),
        &[Branch(6, 1, 76, 77), Branch(6, 6, 0, 31), Branch(5, 15, 158, NONE)],
    ),
    // Debian lists it in 6.1.176 and 6.12.93.
    change(
        Switch::RstOtherSide,
        Release(6, 19, 0),
        Some(Release(7, 1, 3)),
        &[Branch(6, 1, 175, 176), Branch(6, 12, 92, 93), Branch(6, 18, 13, 35)],
    ),
    // Debian lists it in 6.12.117; 6.18.44 was seen running without it.
    change(
        Switch::RstUnacknowledged,
        Release(7, 1, 3),
        None,
        &[Branch(6, 1, 192, NONE), Branch(6, 12, 116, 117), Branch(6, 18, 44, NONE)],
    ),
];

const fn change(switch: Switch, absent: Release, since: Option<Release>, branches: &'static [Branch]) -> Change {
    Change { switch, absent, since, branches }
}

/// What a kernel does: each switch on, off, or unsettled.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Behaviour {
    on: u32,
    unsettled: u32,
}

impl fmt::Debug for Behaviour {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = |switch| match (self.is_on(switch), self.is_unsettled(switch)) {
            (_, true) => "unsettled",
            (true, _) => "on",
            (false, _) => "off",
        };
        out.debug_map().entries(CHANGES.iter().map(|change| (change.switch, state(change.switch)))).finish()
    }
}

/// The oldest release whose source was compared.
pub const OLDEST: Release = Release(4, 4, 0);

impl Behaviour {
    /// What `release` does. Of a release before [`OLDEST`] nothing is settled.
    pub fn of(release: Release) -> Self {
        let mut out = Self { on: 0, unsettled: 0 };
        for change in &CHANGES {
            let bit = 1 << change.switch as u32;
            match (release >= OLDEST).then(|| had(change, release)).flatten() {
                Some(true) => out.on |= bit,
                Some(false) => {}
                None => out.unsettled |= bit,
            }
        }
        out
    }

    /// The same with a switch set, for a kernel with changes of its own.
    pub fn with(mut self, switch: Switch, on: bool) -> Self {
        let bit = 1 << switch as u32;
        self.unsettled &= !bit;
        self.on = if on { self.on | bit } else { self.on & !bit };
        self
    }

    /// True when the kernel has the change for certain.
    pub fn is_on(self, switch: Switch) -> bool {
        self.on & (1 << switch as u32) != 0
    }

    /// True when it cannot be said from the release.
    pub fn is_unsettled(self, switch: Switch) -> bool {
        self.unsettled & (1 << switch as u32) != 0
    }

    /// The switches that are unsettled.
    pub fn unsettled(self) -> impl Iterator<Item = Switch> {
        CHANGES.iter().map(|change| change.switch).filter(move |switch| self.is_unsettled(*switch))
    }
}

/// Whether `release` has the change; `None` when that is unsettled.
fn had(change: &Change, release: Release) -> Option<bool> {
    if let Some(Branch(.., absent, present)) =
        change.branches.iter().find(|branch| (branch.0, branch.1) == (release.0, release.1))
    {
        return match release.2 {
            patch if patch >= *present && *present != NONE => Some(true),
            patch if patch <= *absent => Some(false),
            _ => None,
        };
    }
    if change.since.is_some_and(|since| release >= since) {
        return Some(true);
    }
    // A stable update later than the releases compared can have brought it.
    (release <= change.absent && (release.2 == 0 || release == change.absent)).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(release: &str, switch: Switch) -> Option<bool> {
        let behaviour = Behaviour::of(Release::parse(release).unwrap());
        (!behaviour.is_unsettled(switch)).then(|| behaviour.is_on(switch))
    }

    /// Each expectation is a source that was read; see the head of the module.
    #[test]
    fn releases_have_what_their_source_has() {
        for (release, switch, expected) in [
            ("4.14.74", Switch::ZeroWindowTimeout, Some(false)),
            ("4.16", Switch::ZeroWindowTimeout, None),
            ("4.17", Switch::ZeroWindowTimeout, Some(true)),
            ("5.0", Switch::ExactRst, Some(false)),
            ("5.2", Switch::ExactRst, None),
            ("5.4.33", Switch::ExactRst, Some(true)),
            ("5.2.8", Switch::RawWindow, Some(false)),
            ("5.2.9", Switch::RawWindow, Some(true)),
            ("5.15.24", Switch::Overshoot, Some(false)),
            ("5.15.100", Switch::Overshoot, None),
            ("5.15.158", Switch::Overshoot, Some(true)),
            ("6.0.1", Switch::LowerBoundIgnored, Some(false)),
            ("6.1.0", Switch::LowerBoundIgnored, Some(true)),
            ("6.1.8", Switch::ChallengeAck, Some(false)),
            ("6.1.192", Switch::ChallengeAck, Some(true)),
            ("6.2.12", Switch::ScaleByReply, None),
            ("6.8.1", Switch::ScaleByReply, Some(true)),
            ("6.19.0", Switch::RstOtherSide, Some(false)),
            ("7.1.3", Switch::RstOtherSide, Some(true)),
            ("6.12.116", Switch::RstUnacknowledged, Some(false)),
            ("6.12.117", Switch::RstUnacknowledged, Some(true)),
            ("7.1.3", Switch::RstUnacknowledged, Some(false)),
            ("7.2", Switch::RstUnacknowledged, None),
        ] {
            assert_eq!(state(release, switch), expected, "{release} {switch:?}");
        }
    }

    #[test]
    fn each_change_has_its_bit_and_a_user_can_settle_it() {
        for (at, change) in CHANGES.iter().enumerate() {
            assert_eq!(change.switch as usize, at);
        }
        let old = Behaviour::of(Release(2, 6, 32));
        assert_eq!(old.unsettled().count(), CHANGES.len());
        assert!(old.with(Switch::ExactRst, true).is_on(Switch::ExactRst));
        assert!(!old.with(Switch::ExactRst, false).is_unsettled(Switch::ExactRst));
    }
}
