//! MEM110 in-no-process
//!
//! Speaks on: fixtures/memfd. Silent on: fixtures/healthy.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, FixClass, Rule, rule};
use serde_json::json;

use super::standing::{groups, percent};
use super::words::{bytes, commands, context, count, primary};
use crate::facts::Facts;
use crate::facts::process::Process;
use crate::facts::stat::Key;
use crate::facts::tree::{Group, Tree};

rule! {
    /// Memory of a group is in no process's RSS: files in memory that are not mapped, or that were deleted and are still open.
    ///
    /// RSS is what is mapped. A file in a tmpfs, a memfd, a deleted file that somebody holds open is charged in full and shows in no process:
    /// `ps` and `top` add up to a fraction of the group.
    ///
    /// Mechanism: `shmem` of memory.stat counts pages, `RssShmem` of /proc/PID/status counts mappings (mm/memory.c, `mm_counter_file`).
    ///
    /// Fix: find who holds it.
    pub NOBODYS = "MEM110" "in-no-process" of "cgroup-memory", Warning, since "0.1.0",
    "tmpfs and shared memory of a group is mapped by none of its processes",
    check(Facts), when |facts: &Facts| facts.processes.iter().any(|process| process.rss_shmem.is_some())
}

/// Less is no matter: in bytes, and in percent of the group.
const LEAST: (u64, u64) = (8 << 20, 25);

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for (tree, group, _) in groups(facts) {
        let (Some(shmem), Some(processes)) = (group.stat.get(Key::Shmem), processes(facts, tree, group)) else {
            continue;
        };
        let mapped: u64 = processes.iter().filter_map(|process| process.rss_shmem).map(|rss| rss.value).sum();
        let hidden = shmem.value.saturating_sub(mapped);
        let whole = group.current.map_or(shmem.value, |current| current.value);
        if hidden < LEAST.0 || percent(hidden, whole) < LEAST.1 {
            continue;
        }
        let rss: u64 = processes.iter().filter_map(|process| process.rss).map(|rss| rss.value).sum();
        let title = format!(
            "{} of {} is in none of its {}: tmpfs files, memfds or deleted files that are open",
            bytes(hidden),
            group.path,
            count(processes.len() as u64, "process")
        );
        let mut builder = FindingBuilder::new(rule, title, primary(evidence, shmem.span, "charged to the group"));
        if let Some(largest) = processes.iter().max_by_key(|process| process.rss.map_or(0, |rss| rss.value))
            && let Some(rss) = largest.rss_shmem
        {
            let name = largest.name.as_ref().map_or("the largest process", |name| name.value.as_str());
            builder = builder.place(context(evidence, rss.span, format!("{name} has so much of it mapped")));
        }
        builder = builder
            .because(format!(
                "Its processes have {} resident together, {} of it shared memory; the group is charged with {}.",
                bytes(rss),
                bytes(mapped),
                bytes(whole)
            ))
            .witness(
                json!({ "group": group.path, "shmem_bytes": shmem.value, "mapped_bytes": mapped, "rss_bytes": rss }),
                format!("shmem {} - RssShmem {mapped} = {hidden} bytes", shmem.value),
            )
            .step(
                format!("shmem {} bytes, mapped by its processes {mapped} bytes", shmem.value),
                Some(casebook_core::At::Text(shmem.span)),
            )
            .key(&group.path)
            .fix(commands(
                "see who holds such files, and which file systems they are in",
                FixClass::Display,
                vec![
                    "ls -l /proc/[0-9]*/fd 2>/dev/null | grep -E '/memfd:|/dev/shm/|\\(deleted\\)'".to_owned(),
                    "df -h -t tmpfs; ipcs -m".to_owned(),
                ],
            ));
        out.push(builder.build(evidence));
    }
    out
}

/// The processes of a group and those below it, if all of them were read.
fn processes<'a>(facts: &'a Facts, tree: &Tree, group: &Group) -> Option<Vec<&'a Process>> {
    let below = tree.below(&group.path).flat_map(|child| &child.procs);
    let pids: Vec<u32> = group.procs.iter().chain(below).map(|pid| pid.value).collect();
    if pids.is_empty() {
        return None;
    }
    // `before/proc` goes with `before/sys/fs/cgroup`; a text says `/sys/fs/cgroup`, wherever it was saved.
    let reading = tree.root.strip_suffix("sys/fs/cgroup").filter(|front| !front.starts_with('/')).unwrap_or("");
    let of = |pid: u32| {
        let mut all = facts.processes.iter().filter(|process| process.pid == pid && process.rss_shmem.is_some());
        all.find(|process| reading.is_empty() || process.root.starts_with(reading))
    };
    pids.into_iter().map(of).collect()
}
