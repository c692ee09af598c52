//! SUM108 sum-made-otherwise
//!
//! Speaks on: fixtures/swapped-field. Silent on: fixtures/healthy.

use casebook_core::{EvidenceSet, Finding, Rule, rule};

use super::made;
use crate::facts::Facts;

rule! {
    /// A checksum was made in another way than its protocol wants.
    ///
    /// The bytes of the field the other way round, the sum without its complement, a field nobody filled in, no pseudo header,
    /// Adler-32 where SCTP has CRC-32C since RFC 3309: nothing was damaged, the sender's program is wrong.
    ///
    /// Mechanism: RFC 1071 section 1, RFC 9293 section 3.1, RFC 9260 appendix A. Each way is computed and compared with the
    /// field.
    ///
    /// Fix: in the sender. Sums do not depend on byte order as long as words are loaded and the result is stored in the same one
    /// (RFC 1071, section 2 B).
    pub MADE_OTHERWISE = "SUM108" "sum-made-otherwise" of "simd-checksum", Error, since "0.1.0",
    "a checksum was made in another way than its protocol wants",
    check(Facts)
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    made::findings(rule, facts, evidence, false)
}
