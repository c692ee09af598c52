//! SUM104 wrong-length-summed
//!
//! Speaks on: fixtures/padding-summed. Silent on: fixtures/healthy.

use casebook_core::{EvidenceSet, Finding, Rule, rule};

use super::made;
use crate::facts::Facts;

rule! {
    /// A checksum covers too many bytes or too few.
    ///
    /// The usual one: a packet of under 46 bytes is filled up to the least length of an Ethernet frame, and the one who makes
    /// the sum takes the length of the frame. Only short packets are wrong then, and only where the padding is not zero. Others:
    /// the frame check sequence in the sum, an odd last byte put into the wrong half or left out, the wrong length in the
    /// pseudo header.
    ///
    /// Mechanism: RFC 1071 section 4.1, RFC 9293 section 3.1. Each way is computed and compared with the field.
    ///
    /// Fix: sum what the length field of IP says, from the transport header on.
    pub WRONG_LENGTH = "SUM104" "wrong-length-summed" of "simd-checksum", Error, since "0.1.0",
    "a checksum covers too many bytes or too few",
    check(Facts)
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    made::findings(rule, facts, evidence, true)
}
