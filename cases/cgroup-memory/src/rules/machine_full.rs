//! MEM205 machine-out-of-memory
//!
//! Speaks on: fixtures/global. Silent on: fixtures/tmpfs.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, FixClass, Rule, rule};
use serde_json::json;

use super::incident::were;
use super::words::{bytes, commands, context, count, primary};
use crate::facts::Facts;
use crate::facts::kills::Incident;

rule! {
    /// The machine itself had no memory left: no group's limit was hit.
    ///
    /// The kernel looks among all processes then. The groups' own limits together are more than there is, or what filled the machine is in no
    /// limited group.
    ///
    /// Mechanism: `out_of_memory` with `CONSTRAINT_NONE` (mm/oom_kill.c); the report says `global_oom`.
    ///
    /// Fix: limits that add up to less than there is.
    pub MACHINE_FULL = "MEM205" "machine-out-of-memory" of "cgroup-memory", Error, since "0.1.0",
    "the machine had no memory left, and a process was killed",
    check(Facts), when |facts: &Facts| !facts.kills.incidents.is_empty()
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let all: Vec<&Incident> = facts.kills.incidents.iter().filter(|one| one.of_group == Some(false)).collect();
    let Some(last) = all.iter().rev().find(|one| one.complete).or(all.last()) else { return Vec::new() };
    let who = if last.victims.is_empty() {
        "nobody could be killed".to_owned()
    } else {
        format!("{} killed", were(&last.victims))
    };
    let again = if all.len() > 1 { format!(" ({} times in this log)", all.len()) } else { String::new() };
    let title = format!("{who}: the machine had no memory left{again}, and no group's limit was hit");
    let mut builder = FindingBuilder::new(rule, title, primary(evidence, last.span, "who asked for memory"));
    if let Some(victim) = last.victims.first() {
        builder = builder.place(context(evidence, victim.span, format!("{} is killed", victim.name)));
        if let Some(rss) = victim.rss_bytes() {
            builder = builder.because(format!("It had {} resident.", bytes(rss)));
        }
    }
    if let Some(group) = &last.victim_of {
        builder = builder.place(context(evidence, group.span, format!("it was of {}", group.value)));
    }
    if let Some((choice, best)) = &last.choice {
        builder = builder.because(format!(
            "Of {} {} ({}) has the most points by the table: {} pages resident, in swap and in page tables.",
            count(last.tasks as u64, "process"),
            best.name,
            best.pid,
            choice.points
        ));
    }
    if last.tasks > 0 {
        builder = builder.because(format!("All processes of the table together had {} resident; the rest of the machine's memory was tmpfs, page cache that could not go, or the kernel's.", bytes(last.tasks_rss)));
    }
    let builder = builder
        .witness(json!({ "kills": all.len(), "victims": last.victims.iter().map(|victim| victim.pid).collect::<Vec<_>>() }), who)
        .key("machine")
        .fix(commands(
            "see what is not in a process: Shmem, SUnreclaim, KernelStack, PageTables of the report's Mem-Info, and of /proc/meminfo now",
            FixClass::Display,
            vec!["grep -E 'MemAvailable|Shmem|SUnreclaim|KernelStack|PageTables|Swap' /proc/meminfo".to_owned(), "systemd-cgtop -m -n 1 --depth=3".to_owned()],
        ));
    vec![builder.build(evidence)]
}
