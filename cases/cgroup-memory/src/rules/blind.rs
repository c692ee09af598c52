//! MEM109 dashboard-does-not-show-it
//!
//! Speaks on: fixtures/at-the-limit. Silent on: fixtures/clean-cache.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Rule, rule};
use serde_json::json;

use super::standing::{groups, percent};
use super::words::{advice, bytes, context, primary, range};
use crate::facts::Facts;
use crate::facts::stat::Key;
use crate::facts::tree::{Group, Limit};
use crate::model::account::{Account, working_set};

rule! {
    /// The figures on the usual dashboards are far from what decides: what cannot be reclaimed.
    ///
    /// `container_memory_rss` is `anon`: it leaves out tmpfs, the kernel, sockets. The working set is `memory.current` less
    /// `inactive_file`: it has page cache in it that is merely in use. RSS of processes counts what is mapped, shared pages in each. None of
    /// them says how far a group is from an OOM.
    ///
    /// Mechanism: cAdvisor's `setMemoryStats`; kubelet evicts by the working set (kubernetes#43916).
    ///
    /// Fix: watch anon + shmem + unevictable + kernel - slab_reclaimable + sock against the limit.
    pub BLIND = "MEM109" "dashboard-does-not-show-it" of "cgroup-memory", Note, since "0.1.0",
    "RSS or working set of a group is far from what cannot be reclaimed",
    check(Facts), when |facts: &Facts| facts.trees.iter().flat_map(|tree| &tree.groups).any(|group| group.max.is_some_and(|max| max.value != Limit::Max))
}

/// How far off, in percent of the limit, a figure misleads.
const OFF: u64 = 30;

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for (_, group, account) in groups(facts) {
        let Some(Limit::Bytes(limit)) = group.max.map(|max| max.value) else { continue };
        let floor = account.floor.bytes;
        let Some((place, words)) = off(group, &account, limit) else { continue };
        let title =
            format!("{words}; {} of {} cannot be reclaimed, of a limit of {}", range(floor), group.path, bytes(limit));
        let mut builder = FindingBuilder::new(rule, title, primary(evidence, place, "the figure that is shown"))
            .because(format!("What decides is what reclaim cannot take: {} % of the limit.", percent(floor.lo, limit)))
            .witness(json!({ "group": group.path, "floor_bytes": [floor.lo, floor.hi], "limit_bytes": limit, "anon_bytes": account.keys.anon, "working_set_bytes": working_set(group) }), format!("floor {} of {limit} bytes", floor.lo))
            .step(format!("floor {} bytes; {words}", floor.lo), None)
            .key(&group.path);
        if let Some(shmem) = group.stat.get(Key::Shmem).filter(|shmem| percent(shmem.value, limit) >= 10) {
            builder = builder.place(context(evidence, shmem.span, format!("{} of it is here", bytes(shmem.value))));
        }
        builder = builder.fix(advice("alarm on anon + shmem + unevictable + kernel - slab_reclaimable + sock of memory.stat against the limit (`casebook memory explain` shows it)"));
        out.push(builder.build(evidence));
    }
    out
}

fn off(group: &Group, account: &Account, limit: u64) -> Option<(casebook_core::Span, String)> {
    let floor = account.floor.bytes;
    let anon = group.stat.get(Key::Anon)?;
    // Low figures matter where the group is nearly full, high ones where it only seems so.
    if percent(floor.lo, limit) >= 70 && percent(floor.lo.saturating_sub(anon.value), limit) >= OFF {
        return Some((
            anon.span,
            format!("dashboards that show RSS show {} ({} %)", bytes(anon.value), percent(anon.value, limit)),
        ));
    }
    let set = working_set(group)?;
    let place = group.stat.get(Key::ActiveFile)?.span;
    (percent(set, limit) >= 80 && percent(set.saturating_sub(floor.hi), limit) >= OFF).then(|| {
        (place, format!("the working set is {} ({} %) because of page cache in use", bytes(set), percent(set, limit)))
    })
}
