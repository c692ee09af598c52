//! MEM104 left-by-the-removed
//!
//! Speaks on: fixtures/limit-above. Silent on: fixtures/healthy.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, FixClass, Rule, Severity, rule};
use serde_json::json;

use super::standing::{groups, percent};
use super::words::{bytes, commands, context, count, primary};
use crate::facts::Facts;
use crate::facts::stat::Key;
use crate::facts::tree::Limit;
use crate::model::account::beyond_children;

rule! {
    /// Files in memory of a group that was removed stay charged to the group above it, where no group shows them.
    ///
    /// A group can be removed while pages are charged to it. They are handed to the group above, and stay until they are freed: page cache
    /// when somebody needs the room, tmpfs and shared memory only when the file is deleted. A unit that writes to a tmpfs and is started
    /// again leaves its files behind each time, and the slice fills.
    ///
    /// Mechanism: `mem_cgroup_css_offline`, `memcg_reparent_objcgs` (mm/memcontrol.c); `nr_dying_descendants` of cgroup.stat counts groups
    /// that cannot go for it.
    ///
    /// Fix: delete the files.
    pub LEFT_BEHIND = "MEM104" "left-by-the-removed" of "cgroup-memory", Warning, since "0.1.0",
    "tmpfs and shared memory of groups that were removed is charged to the group above",
    check(Facts), when |facts: &Facts| facts.trees.iter().flat_map(|tree| &tree.groups).any(|group| group.dying.is_some())
}

/// Less is no matter, in bytes.
const LEAST: u64 = 4 << 20;

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for (tree, group, _) in groups(facts) {
        let Some(left) = beyond_children(tree, group, Key::Shmem).filter(|left| *left >= LEAST) else { continue };
        // Processes of its own can hold it too: only a group without tells.
        let (true, Some(shmem)) = (group.procs.is_empty(), group.stat.get(Key::Shmem)) else { continue };
        let limit = match group.max.map(|max| max.value) {
            Some(Limit::Bytes(limit)) => Some(limit),
            _ => None,
        };
        let share = limit.map(|limit| percent(left, limit));
        // Without a limit it is the machine's memory, which this does not fill.
        if share.is_none_or(|share| share < 5) {
            continue;
        }
        let title = format!(
            "{} of tmpfs and shared memory of {} belongs to groups that are gone: {} % of its limit",
            bytes(left),
            group.path,
            share.unwrap_or(0)
        );
        let mut builder = FindingBuilder::new(rule, title, primary(evidence, shmem.span, format!("{} more than the groups below it have together", bytes(left))))
            .severity(if share.is_some_and(|share| share >= 50) { Severity::Error } else { Severity::Warning })
            .because(format!("{} has no process of its own, and the groups below it are charged with {} of it together.", group.path, bytes(shmem.value - left)))
            .because("Files in memory stay until they are deleted, whoever wrote them; what is charged for them stays where it was.")
            .witness(json!({ "group": group.path, "left_bytes": left, "limit_bytes": limit }), format!("shmem {} - {} of the groups below = {left} bytes", shmem.value, shmem.value - left))
            .step(format!("shmem of {}: {} bytes; of the groups below it together: {} bytes", group.path, shmem.value, shmem.value - left), Some(casebook_core::At::Text(shmem.span)))
            .key(&group.path);
        if let Some(dying) = group.dying.filter(|dying| dying.value > 0) {
            builder = builder.place(context(
                evidence,
                dying.span,
                format!("{} removed, and still charged", count(dying.value, "group")),
            ));
        }
        builder = builder.fix(commands(
            "find the files and delete them; let the unit that writes them clean up (PrivateTmp=yes, RuntimeDirectory=, ExecStopPost=)",
            FixClass::Display,
            vec!["df -h -t tmpfs; ipcs -m; find /dev/shm /tmp /run -xdev -type f -size +1M -printf '%s %t %p\\n'".to_owned()],
        ));
        out.push(builder.build(evidence));
    }
    out
}
