//! How many checksums came to which verdict.

use casebook_formats::packet::checksum::{Offload, Verdict, Why};

/// Checksums by verdict, the usual one first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Counts {
    /// They hold.
    pub good: u64,
    /// Left to the network card: the field is the folded sum of the pseudo header with the length.
    pub pseudo: u64,
    /// The same with a length of 0.
    pub pseudo_no_length: u64,
    /// Left to the network card by the capture's own word.
    pub flagged: u64,
    /// An IPv4 header with a field of 0 where the sum is not.
    pub zero: u64,
    /// They do not hold.
    pub bad: u64,
    /// The packet carries none.
    pub absent: u64,
    /// UDP over IPv6 without one.
    pub illegal_zero: u64,
    /// The capture kept too little.
    pub cut: u64,
    /// Other fragments hold the rest.
    pub fragment: u64,
    /// A length field says more than there was.
    pub length: u64,
    /// A routing header hides the final destination.
    pub route: u64,
}

impl Counts {
    /// Counts one.
    #[inline]
    pub fn add(&mut self, verdict: &Verdict) {
        let counter = match verdict {
            Verdict::Good => &mut self.good,
            Verdict::Offloaded(Offload::Pseudo) => &mut self.pseudo,
            Verdict::Offloaded(Offload::PseudoNoLength) => &mut self.pseudo_no_length,
            Verdict::Offloaded(Offload::Flagged) => &mut self.flagged,
            Verdict::Offloaded(Offload::Zero) => &mut self.zero,
            Verdict::Bad { .. } => &mut self.bad,
            Verdict::Absent => &mut self.absent,
            Verdict::IllegalZero => &mut self.illegal_zero,
            Verdict::Unverifiable(Why::Cut) => &mut self.cut,
            Verdict::Unverifiable(Why::Fragment) => &mut self.fragment,
            Verdict::Unverifiable(Why::Length) => &mut self.length,
            Verdict::Unverifiable(Why::Route) => &mut self.route,
        };
        *counter += 1;
    }

    /// Adds other counts.
    pub fn join(&mut self, other: &Counts) {
        let Counts { good, pseudo, pseudo_no_length, flagged, zero, bad, .. } = other;
        let Counts { absent, illegal_zero, cut, fragment, length, route, .. } = other;
        self.good += good;
        self.pseudo += pseudo;
        self.pseudo_no_length += pseudo_no_length;
        self.flagged += flagged;
        self.zero += zero;
        self.bad += bad;
        self.absent += absent;
        self.illegal_zero += illegal_zero;
        self.cut += cut;
        self.fragment += fragment;
        self.length += length;
        self.route += route;
    }

    /// Left to the network card, however it is told.
    pub fn offloaded(&self) -> u64 {
        self.pseudo + self.pseudo_no_length + self.flagged + self.zero
    }

    /// Not to be verified, whatever the reason.
    pub fn unverifiable(&self) -> u64 {
        self.cut + self.fragment + self.length + self.route
    }

    /// Packets that carry none, rightly or not.
    pub fn without(&self) -> u64 {
        self.absent + self.illegal_zero
    }

    /// All.
    pub fn all(&self) -> u64 {
        self.good + self.offloaded() + self.bad + self.without() + self.unverifiable()
    }

    /// True when every one holds or is rightly absent.
    pub fn is_plain(&self) -> bool {
        self.good + self.absent == self.all()
    }
}
