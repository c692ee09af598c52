//! What linkers said, where there is nothing else: findings from their messages alone.

use casebook_core::{EvidenceSet, Finding, Rule};

use crate::facts::Facts;

macro_rules! nothing_yet {
    ($($name:ident),+) => {
        $(pub(super) fn $name(_: &'static Rule, _: &Facts, _: &EvidenceSet) -> Vec<Finding> {
            Vec::new()
        })+
    };
}

nothing_yet!(library, transitive, nowhere, header, twice, unusable, tls, hidden, script);
