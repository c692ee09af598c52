//! MEM103 tmpfs-without-swap
//!
//! Speaks on: fixtures/at-the-limit. Silent on: fixtures/healthy.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Rule, rule};
use serde_json::json;

use super::standing::{groups, percent};
use super::words::{advice, bytes, context, primary};
use crate::facts::Facts;
use crate::facts::stat::Key;
use crate::facts::tree::Limit;
use crate::model::floor::Swap;

rule! {
    /// Much of a limit is tmpfs and shared memory, and there is no swap for it: it cannot be reclaimed, whatever it is called.
    ///
    /// Files in memory are counted as `file`, and dashboards call them cache. They are on the lists of anonymous memory: without swap, or with
    /// `memory.swap.max` 0, only deleting them frees them.
    ///
    /// Mechanism: `shmem_add_to_page_cache` (mm/shmem.c) charges them to who writes first; `get_scan_count` (mm/vmscan.c) leaves the anonymous
    /// lists alone when nothing can be swapped.
    ///
    /// Fix: a bound on the file system (`size=`), a disk instead, or swap.
    pub NO_SWAP = "MEM103" "tmpfs-without-swap" of "cgroup-memory", Note, since "0.1.0",
    "a large part of a limit is tmpfs and shared memory, with no swap for it",
    check(Facts), when |facts: &Facts| facts.trees.iter().flat_map(|tree| &tree.groups).any(|group| group.stat.get(Key::Shmem).is_some())
}

/// From this share of the limit on, in percent.
const LEAST: u64 = 25;

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for (tree, group, account) in groups(facts) {
        let (Some(shmem), Some(Limit::Bytes(limit))) = (group.stat.get(Key::Shmem), group.max.map(|max| max.value))
        else {
            continue;
        };
        if account.swap != Swap::NONE || percent(shmem.value, limit) < LEAST {
            continue;
        }
        let title = format!(
            "{} of {} is tmpfs and shared memory, {} % of its limit, and nothing can be swapped: reclaim cannot take it",
            bytes(shmem.value),
            group.path,
            percent(shmem.value, limit)
        );
        let mut builder = FindingBuilder::new(
            rule,
            title,
            primary(evidence, shmem.span, "counted as file, kept like anonymous memory"),
        )
        .because("Whoever wrote it first is charged, until it is deleted; that its processes end does not free it.")
        .witness(
            json!({ "group": group.path, "shmem_bytes": shmem.value, "limit_bytes": limit }),
            format!("shmem {} of {limit} bytes, room in swap 0", shmem.value),
        )
        .step(format!("shmem {} bytes, room in swap 0 bytes", shmem.value), Some(casebook_core::At::Text(shmem.span)))
        .key(&group.path);
        let off = tree.line(&group.path).filter_map(|level| level.swap_max).find(|max| max.value == Limit::Bytes(0));
        if let Some(off) = off {
            builder = builder.place(context(evidence, off.span, "no swap for the group"));
        } else if let Some(total) = facts.host.meminfo.swap_free.or(facts.host.meminfo.swap_total) {
            builder = builder.place(context(evidence, total.span, "no swap on the machine"));
        }
        builder = builder.fix(advice("bound it (size= of the mount; sizeLimit of an emptyDir with medium Memory), keep such files on a disk, or allow swap"));
        out.push(builder.build(evidence));
    }
    out
}
