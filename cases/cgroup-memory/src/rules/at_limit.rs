//! MEM101 floor-at-the-limit
//!
//! Speaks on: fixtures/at-the-limit. Silent on: fixtures/clean-cache.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Rule, Severity, rule};
use serde_json::json;

use super::incident::raise_command;
use super::standing::{groups, percent};
use super::words::{bytes, commands, context, primary, range, sum};
use crate::facts::Facts;
use crate::model::account::limits;
use crate::model::judge::limit_for;
use casebook_core::FixClass;

rule! {
    /// What cannot be reclaimed from a group is close to its limit, or to one above: the next allocations kill.
    ///
    /// `memory.current` at the limit is no sign of danger: page cache fills what is free. The floor is: anonymous memory and tmpfs without
    /// swap, locked pages, the kernel's own, socket buffers. What is left between the floor and the limit is all there is.
    ///
    /// Mechanism: `try_charge_memcg` (mm/memcontrol.c).
    ///
    /// Fix: a limit above the floor, or a lower floor.
    pub AT_LIMIT = "MEM101" "floor-at-the-limit" of "cgroup-memory", Warning, since "0.1.0",
    "what cannot be reclaimed is close to the limit",
    check(Facts), when |facts: &Facts| facts.trees.iter().flat_map(|tree| &tree.groups).any(|group| group.max.is_some())
}

/// From this share of the limit on, in percent, there is something to say.
const CLOSE: u64 = 95;

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for (tree, group, account) in groups(facts) {
        let Some((_, limit)) = limits(tree, &group.path).into_iter().find(|(owner, _)| owner.path == group.path) else {
            continue;
        };
        let floor = account.floor.bytes;
        if percent(floor.lo, limit.value) < CLOSE || floor.lo == 0 {
            continue;
        }
        let left = limit.value.saturating_sub(floor.lo);
        let title = format!(
            "{} is {} below an OOM: {} of its limit of {} cannot be reclaimed",
            group.path,
            bytes(left),
            range(floor),
            bytes(limit.value)
        );
        let place = group.current.map_or(limit.span, |current| current.span);
        let mut builder = FindingBuilder::new(rule, title, primary(evidence, place, "charged now"))
            .severity(if left < 1 << 20 { Severity::Error } else { Severity::Warning })
            .place(context(evidence, limit.span, format!("the limit: {}", bytes(limit.value))))
            .because(format!("What cannot be reclaimed: {}.", sum(&account.floor)))
            .because("Page cache and shrinkable slab are not in it: they are taken before anything is killed.")
            .witness(
                json!({ "group": group.path, "limit_bytes": limit.value, "floor_bytes": [floor.lo, floor.hi] }),
                format!("floor {} of {} bytes", floor.lo, limit.value),
            )
            .step(format!("not to be reclaimed: {}", sum(&account.floor)), None)
            .step(format!("the limit leaves {left} bytes"), Some(casebook_core::At::Text(limit.span)))
            .key(&group.path);
        if let Some(oom) = group.events.oom.filter(|oom| oom.value > 0) {
            builder = builder.place(context(evidence, oom.span, "it has happened before"));
        }
        let raise = limit_for(floor);
        builder = builder.fix(commands(
            format!("give it {} at least: a quarter above the floor of now (checked in the model)", bytes(raise)),
            FixClass::Display,
            vec![raise_command(&group.path, raise)],
        ));
        out.push(builder.build(evidence));
    }
    out
}
