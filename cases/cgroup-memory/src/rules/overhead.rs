//! MEM108 limit-eaten-by-the-kernel
//!
//! Speaks on: fixtures/kernel-overhead. Silent on: fixtures/healthy.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Rule, rule};
use serde_json::json;

use super::standing::{groups, percent};
use super::words::{advice, bytes, context, primary, range};
use crate::facts::Facts;
use crate::facts::stat::Key;
use crate::facts::tree::Limit;

rule! {
    /// Half a limit or more goes to the kernel: stacks, page tables, per-CPU memory, slab, socket buffers.
    ///
    /// A group is charged for what the kernel keeps for it. Many threads, many mappings, many open files and sockets, or a limit of a few MiB:
    /// the process itself is small, and the group is full.
    ///
    /// Mechanism: kmem accounting, `__GFP_ACCOUNT` (Documentation/admin-guide/cgroup-v2.rst, "Memory Ownership" and memory.stat).
    ///
    /// Fix: a limit that has room for it.
    pub OVERHEAD = "MEM108" "limit-eaten-by-the-kernel" of "cgroup-memory", Warning, since "0.1.0",
    "half of a limit or more is memory of the kernel and socket buffers",
    check(Facts), when |facts: &Facts| facts.trees.iter().flat_map(|tree| &tree.groups).any(|group| group.max.is_some_and(|max| max.value != Limit::Max))
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for (_, group, account) in groups(facts) {
        let Some(max) = group.max else { continue };
        let Limit::Bytes(limit) = max.value else { continue };
        let kernel = account.charges.kernel + account.charges.sock;
        if percent(kernel.lo, limit) < 50 {
            continue;
        }
        let Some(place) =
            [Key::Kernel, Key::Slab, Key::SlabUnreclaimable, Key::Sock].iter().find_map(|key| group.stat.get(*key))
        else {
            continue;
        };
        let title = format!(
            "{} of the {} of {} is the kernel's own: {} %",
            range(kernel),
            bytes(limit),
            group.path,
            percent(kernel.lo, limit)
        );
        let mut builder =
            FindingBuilder::new(rule, title, primary(evidence, place.span, "charged to the group, and in no process"))
                .place(context(evidence, max.span, "the limit"))
                .because("Reclaim takes none of it; shrinkable slab (dentries, inodes) is not in it.")
                .witness(
                    json!({ "group": group.path, "kernel_bytes": [kernel.lo, kernel.hi], "limit_bytes": limit }),
                    format!("kernel {} of {limit} bytes", kernel.lo),
                )
                .step(format!("kernel and sockets without shrinkable slab: {} bytes", kernel.lo), None)
                .key(&group.path);
        let largest = [Key::KernelStack, Key::Pagetables, Key::Percpu, Key::Vmalloc, Key::SlabUnreclaimable, Key::Sock];
        let largest =
            largest.iter().filter_map(|key| Some((*key, group.stat.get(*key)?))).max_by_key(|(_, told)| told.value);
        if let Some((key, told)) = largest {
            builder = builder.place(context(evidence, told.span, format!("the largest part: {}", bytes(told.value)))).because(match key {
                Key::KernelStack => "The largest part is kernel_stack: 16 KiB for each thread.",
                Key::Pagetables => "The largest part is pagetables: much is mapped; a page table of 4 KiB maps 2 MiB, for each process.",
                Key::Percpu => "The largest part is percpu: it grows with the machine's processors, and with groups and mounts.",
                Key::Sock => "The largest part is sock: data that was sent and not read.",
                Key::Vmalloc => "The largest part is vmalloc: BPF maps, large tables.",
                _ => "The largest part is slab that does not shrink: descriptors, pipes, sockets, tasks.",
            });
        }
        builder = builder.fix(advice(format!(
            "give it a limit that leaves room beside {}, or keep fewer of what the largest part is made of",
            range(kernel)
        )));
        out.push(builder.build(evidence));
    }
    out
}
