//! Rules for tests, made the same every time.

use casebook_core::{Bytes, EvidenceSet};
use casebook_formats::nft::ir::Ruleset;
use casebook_formats::nft::release::Host;

use crate::facts;

/// A ruleset that loads.
pub(super) fn ruleset(text: &str) -> Ruleset {
    let mut set = EvidenceSet::new();
    let id = set.add("t.nft", Some("nft-text"), Bytes::new(text.as_bytes().to_vec()));
    let read = facts::ruleset(&set, set.get(id).unwrap(), Host::default()).ruleset;
    assert!(read.problems.is_empty(), "{:?}", read.problems);
    read
}

/// Numbers that look random and are the same every time.
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    /// A number below `most`.
    pub(super) fn below(&mut self, most: u64) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % most) as usize
    }

    /// One of these.
    pub(super) fn one<'t>(&mut self, list: &[&'t str]) -> &'t str {
        list[self.below(list.len() as u64)]
    }

    /// A rule.
    pub(super) fn rule(&mut self) -> String {
        let first = ["", "ip saddr 10.0.0.0/8 ", "ip saddr != 10.0.0.0/8 ", "iifname \"lo\" ", "ct state established "];
        let second = ["", "tcp dport 22 ", "tcp dport 20-30 ", "udp dport 53 ", "meta mark 0x1 ", "ct mark 0x2 "];
        let end = [
            "accept",
            "drop",
            "counter",
            "meta mark set 0x1",
            "meta mark set 0x0",
            "ct mark set 0x2",
            "jump other",
            "return",
            "log prefix \"x\" accept",
            "limit rate 5/second accept",
        ];
        format!("{}{}{}", self.one(&first), self.one(&second), self.one(&end))
    }
}
