//! TMR101 over-limit
//!
//! Speaks on: fixtures/speaks. Silent on: fixtures/silent.

use casebook_core::{At, EvidenceSet, Finding, FindingBuilder, Place, Rule, rule};

use crate::facts::Facts;
use crate::model::refused;

rule! {
    /// The load is over the limit, so it is refused.
    pub OVER_LIMIT = "TMR101" "over-limit" of "systemd-timers", Error, since "0.1.0",
    "a load over the limit is refused",
    check(Facts)
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &facts.files {
        let (Some(limit), Some(load)) = (file.limit, file.load) else { continue };
        if !refused(limit.value, load.value) {
            continue;
        }
        let title = format!("the load of {} is refused: the limit is {}", load.value, limit.value);
        let place = Place::primary(At::Text(load.span), "the load");
        let finding = FindingBuilder::new(rule, title, place)
            .place(Place::context(At::Text(limit.span), "the limit"))
            .because("A load over the limit is refused.")
            .step(format!("load {} > limit {}", load.value, limit.value), Some(At::Text(load.span)));
        findings.push(finding.build(evidence));
    }
    findings
}
