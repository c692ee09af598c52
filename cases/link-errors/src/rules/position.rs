//! LNK304 relocation-impossible
//!
//! Speaks on: fixtures/not-pic. Silent on: fixtures/pic.

use casebook_core::{EvidenceSet, Finding, Rule, rule};

use crate::facts::Facts;
use crate::facts::log::Kind;

rule! {
    /// A relocation of an object cannot be made in this kind of output: code with fixed addresses in a shared object or PIE, or a target out of reach.
    ///
    /// Mechanism: `elf_x86_64_relocate_section` (bfd/elf64-x86-64.c), `Relocations.cpp` of lld.
    ///
    /// Fix: compile with -fPIC or -fPIE, or link with -no-pie; for targets out of reach, a larger code model.
    pub POSITION = "LNK304" "relocation-impossible" of "link-errors", Error, since "0.1.0",
    "an object has a relocation that this kind of output cannot have",
    check(Facts), when |facts: &Facts| !facts.told.is_empty()
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = super::told::relocation(rule, facts, evidence);
    for finding in &mut out {
        let Some((attempt, message)) = super::said_of(facts, finding) else { continue };
        if message.kind != Kind::RelocationRange {
            finding.fixes.extend(super::file_fixes::fixed_address(attempt));
        }
    }
    out
}
