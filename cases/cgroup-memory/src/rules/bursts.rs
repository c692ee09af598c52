//! MEM105 bursts-at-the-limit
//!
//! Speaks on: fixtures/clean-cache. Silent on: fixtures/healthy.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, FixClass, Rule, rule};
use serde_json::json;

use super::standing::{groups, percent};
use super::throttled::high_command;
use super::words::{bytes, commands, context, count, primary, range};
use crate::facts::Facts;
use crate::facts::tree::Limit;
use crate::model::floor::Part;

rule! {
    /// A group is at its limit again and again because page cache fills it. That is no danger, and it costs time.
    ///
    /// `memory.events` counts in `max` how often a charge had to reclaim first. With page cache that can be taken it goes up by thousands and
    /// nothing is ever killed for it; but each time whoever allocates waits for it, and writes to disk when the cache is dirty.
    /// `memory.high` below the limit lets the kernel reclaim earlier, and beside the work.
    ///
    /// Mechanism: `try_charge_memcg` counts MEMCG_MAX before it reclaims (mm/memcontrol.c).
    ///
    /// Fix: none is needed; `memory.high` smooths it.
    pub BURSTS = "MEM105" "bursts-at-the-limit" of "cgroup-memory", Note, since "0.1.0",
    "page cache fills a group up to its limit: reclaim runs there, and nothing is in danger",
    check(Facts), when |facts: &Facts| facts.trees.iter().flat_map(|tree| &tree.groups).any(|group| group.events.max.is_some())
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for (_, group, account) in groups(facts) {
        let events = if group.events_local.is_empty() { &group.events } else { &group.events_local };
        let (Some(max), Some(Limit::Bytes(limit))) =
            (events.max.filter(|max| max.value > 0), group.max.map(|max| max.value))
        else {
            continue;
        };
        let unset = group.high.is_some_and(|high| high.value == Limit::Max);
        let (floor, cache) =
            (account.floor.bytes, account.floor.part(Part::CleanCache) + account.floor.part(Part::DirtyCache));
        // Far from its floor, and filled by cache: anything else is another rule's.
        if !unset
            || events.oom.is_some_and(|oom| oom.value > 0)
            || percent(floor.hi, limit) >= 90
            || percent(cache.lo, limit) < 10
        {
            continue;
        }
        let title = format!(
            "{} met its limit {} because page cache fills it; {} of {} cannot be reclaimed, so no OOM comes of it",
            group.path,
            count(max.value, "time"),
            range(floor),
            bytes(limit)
        );
        let high = limit / 10 * 9;
        let mut builder = FindingBuilder::new(rule, title, primary(evidence, max.span, "rounds of reclaim, no measure of danger"))
            .because(format!("{} is page cache that reclaim takes before anything is killed, mapped or not, used or not.", range(cache)))
            .witness(
                json!({ "group": group.path, "max": max.value, "floor_bytes": [floor.lo, floor.hi], "cache_bytes": [cache.lo, cache.hi], "limit_bytes": limit }),
                format!("floor {}, cache {}, limit {limit} bytes", floor.hi, cache.lo),
            )
            .step(format!("limit {limit} - floor {} = {} bytes for page cache", floor.hi, limit.saturating_sub(floor.hi)), None)
            .key(&group.path);
        if let Some(set) = group.high {
            builder = builder.place(context(evidence, set.span, "memory.high is not set"));
        }
        builder = builder.fix(commands(
            format!("to have it reclaimed before the limit, beside the work: memory.high {}; it throttles only who grows beyond it with what cannot be reclaimed", bytes(high)),
            FixClass::Display,
            vec![high_command(&group.path, high)],
        ));
        out.push(builder.build(evidence));
    }
    out
}
