//! MEM102 throttled-for-ever
//!
//! Speaks on: fixtures/throttled. Silent on: fixtures/clean-cache.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, FixClass, Rule, rule};
use serde_json::json;

use super::standing::groups;
use super::words::{bytes, commands, context, count, folder, primary, range, sum};
use crate::facts::Facts;
use crate::facts::tree::Limit;
use crate::model::engine::throttle::delay_us;
use crate::model::judge::limit_for;

rule! {
    /// What cannot be reclaimed is above `memory.high`: every process of the group sleeps whenever it allocates, without end.
    ///
    /// `memory.high` never kills. It reclaims, and when that is not enough it makes who allocates sleep up to two seconds for each 64 pages.
    /// Above it with page cache that is what it is for. Above it with memory that reclaim cannot take nothing ever gets better: the service
    /// seems to hang, with little CPU, and no log says why.
    ///
    /// Mechanism: `calculate_high_delay`, `mem_cgroup_handle_over_high` (mm/memcontrol.c); `memory.events` counts `high`, `memory.pressure`
    /// shows the sleep.
    ///
    /// Fix: `memory.high` above the floor, or unset.
    pub THROTTLED = "MEM102" "throttled-for-ever" of "cgroup-memory", Error, since "0.1.0",
    "what cannot be reclaimed is above memory.high, so its processes sleep at every allocation",
    check(Facts), when |facts: &Facts| facts.trees.iter().flat_map(|tree| &tree.groups).any(|group| group.high.is_some())
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for (_, group, account) in groups(facts) {
        let Some(high) = group.high else { continue };
        let Limit::Bytes(limit) = high.value else { continue };
        let floor = account.floor.bytes;
        let delay = delay_us(limit, floor.lo);
        if delay == 0 {
            continue;
        }
        let seconds = format!("{}.{:02} s", delay / 1_000_000, delay % 1_000_000 / 10_000);
        let title = format!(
            "processes of {} sleep {seconds} for every 64 pages they allocate: {} cannot be reclaimed, and memory.high is {}",
            group.path,
            range(floor),
            bytes(limit)
        );
        let mut builder = FindingBuilder::new(rule, title, primary(evidence, high.span, "throttled above this"))
            .because(format!("What cannot be reclaimed: {}.", sum(&account.floor)))
            .because(format!(
                "{} is {} above memory.high; the kernel makes whoever allocates sleep by the square of that (calculate_high_delay), and reclaim has nothing to take.",
                range(floor),
                bytes(floor.lo - limit)
            ))
            .witness(
                json!({ "group": group.path, "high_bytes": limit, "floor_bytes": [floor.lo, floor.hi], "delay_us": delay }),
                format!("floor {} above high {limit}: {delay} us a batch", floor.lo),
            )
            .step(format!("not to be reclaimed: {}", sum(&account.floor)), None)
            .step(format!("({} - {limit}) / {limit}, squared, times 64 s: {delay} us", floor.lo), Some(casebook_core::At::Text(high.span)))
            .key(&group.path);
        if let Some(current) = group.current {
            builder = builder.place(context(evidence, current.span, "charged now"));
        }
        if let Some(events) = group.events.high.filter(|high| high.value > 0) {
            builder = builder.place(context(
                evidence,
                events.span,
                format!("it was throttled {}", count(events.value, "time")),
            ));
        }
        if let Some(full) = group.pressure.full.filter(|full| full.value.avg10_bp > 0) {
            builder = builder.place(context(
                evidence,
                full.span,
                format!("nothing of it ran for {} % of the last ten seconds", full.value.avg10_bp / 100),
            ));
        }
        let raise = limit_for(floor);
        builder = builder.fix(commands(
            format!(
                "raise memory.high to {}, above what cannot be reclaimed (checked in the model), or remove it",
                bytes(raise)
            ),
            FixClass::Display,
            vec![high_command(&group.path, raise)],
        ));
        out.push(builder.build(evidence));
    }
    out
}

/// How `memory.high` of a group is set.
pub(super) fn high_command(path: &str, limit: u64) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    match [".service", ".scope", ".slice"].iter().any(|suffix| name.ends_with(suffix)) {
        true => format!("systemctl set-property {name} MemoryHigh={}M", limit >> 20),
        false => format!("echo {limit} > {}/memory.high", folder(path)),
    }
}
