//! MEM106 limit-never-reached
//!
//! Speaks on: fixtures/limit-above. Silent on: fixtures/healthy.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Rule, rule};
use serde_json::json;

use super::words::{advice, bytes, context, primary};
use crate::facts::Facts;
use crate::facts::tree::Limit;
use crate::model::account::limits;

rule! {
    /// A group has a limit that it cannot reach: one above it is tighter.
    ///
    /// A charge has to fit below every limit on the way up. Dashboards show the group's own; the OOM comes at the other, and may come because of
    /// a neighbour.
    ///
    /// Mechanism: `page_counter_try_charge` (mm/page_counter.c). systemd shows the tightest as `EffectiveMemoryMax` (since 256).
    ///
    /// Fix: reckon with the tighter one.
    pub UNREACHABLE = "MEM106" "limit-never-reached" of "cgroup-memory", Note, since "0.1.0",
    "a group above has a tighter limit than the group's own",
    check(Facts), when |facts: &Facts| facts.trees.iter().flat_map(|tree| &tree.groups).any(|group| group.max.is_some_and(|max| max.value != Limit::Max))
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for (index, tree) in facts.trees.iter().enumerate() {
        for group in &tree.groups {
            let Some(own) = group.max else { continue };
            let Limit::Bytes(own_bytes) = own.value else { continue };
            let later = facts.trees.get(index + 1..).unwrap_or_default();
            if later.iter().any(|tree| tree.group(&group.path).is_some()) {
                continue;
            }
            let Some((above, limit)) =
                limits(tree, &group.path).into_iter().next().filter(|(_, limit)| limit.value < own_bytes)
            else {
                continue;
            };
            let title = format!(
                "{} may have {}, but {} above it may have {} in all",
                group.path,
                bytes(own_bytes),
                above.path,
                bytes(limit.value)
            );
            let builder = FindingBuilder::new(rule, title, primary(evidence, own.span, "never reached"))
                .place(context(evidence, limit.span, format!("the limit of {}", above.path)))
                .because("A charge has to fit below every limit on the way up; the tighter one is met first, and the processes of all groups below it can be killed for it.")
                .witness(json!({ "group": group.path, "limit_bytes": own_bytes, "above": above.path, "above_bytes": limit.value }), format!("{} < {own_bytes} bytes", limit.value))
                .step(format!("charging {} fails first at {}", group.path, above.path), Some(casebook_core::At::Text(limit.span)))
                .key(&group.path)
                .fix(advice(format!("reckon with {} for all of {} together, or change one of the two", bytes(limit.value), above.path)));
            out.push(builder.build(evidence));
        }
    }
    out
}
