//! MEM204 killed-by-oomd
//!
//! Speaks on: fixtures/oomd. Silent on: fixtures/tmpfs.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, FixClass, Rule, Span, rule};
use casebook_formats::oom::systemd::{Message, OomdWhy};
use serde_json::json;

use super::words::{bytes, commands, context, primary};
use crate::facts::Facts;

rule! {
    /// systemd-oomd killed a group: for pressure or for swap, not for a limit.
    ///
    /// It watches how long processes wait for memory (`memory.pressure`, full) below a slice, or how full swap is, and kills the worst group
    /// below it before the kernel's OOM killer would run. No limit need have been reached, and `memory.events` counts no `oom`.
    ///
    /// Mechanism: `monitor_memory_pressure_contexts_handler`, `oomd_kill_by_pgscan_rate`, `oomd_kill_by_swap_usage` (systemd, src/oom).
    ///
    /// Fix: what makes the pressure; or `ManagedOOMMemoryPressure=` and its limit for what has to live.
    pub OOMD = "MEM204" "killed-by-oomd" of "cgroup-memory", Error, since "0.1.0",
    "systemd-oomd killed a group for memory pressure or for swap",
    check(Facts), when |facts: &Facts| !facts.kills.messages.is_empty()
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out: Vec<Finding> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for message in &facts.kills.messages {
        let Message::Oomd(kill) = &message.what else { continue };
        let group = kill.group.value.as_str();
        // One finding a group: it is told when it is marked, and when it is killed.
        if seen.contains(&group) {
            continue;
        }
        seen.push(group);
        let again = facts
            .kills
            .messages
            .iter()
            .filter(|other| matches!(&other.what, Message::Oomd(other) if other.killed && other.group.value == group))
            .count();
        let at = |place: (usize, usize)| Span::new(message.span.evidence, place.0, place.1);
        let percent = |hundredths: u32| format!("{}.{:02} %", hundredths / 100, hundredths % 100);
        let (why, place, label) = match &kill.why {
            OomdWhy::Pressure { of, now, limit, .. } => (
                format!(
                    "its processes, with those below {}, waited for memory {} of the time, more than {}",
                    of.value,
                    percent(*now),
                    percent(*limit)
                ),
                Some(at(of.at)),
                format!("the group whose pressure was too high: {}", of.value),
            ),
            OomdWhy::Swap { swap_used, swap_total, limit, .. } => (
                match (swap_used, swap_total) {
                    (Some(used), Some(total)) => format!("swap was full: {} of {}", bytes(*used), bytes(*total)),
                    _ => format!("swap was fuller than {}", limit.map_or_else(|| "its limit".to_owned(), percent)),
                },
                None,
                String::new(),
            ),
            OomdWhy::Other(text) => (text.clone(), None, String::new()),
        };
        let title = format!("{group} was killed by systemd-oomd, not by a limit: {why}");
        let mut builder = FindingBuilder::new(rule, title, primary(evidence, message.span, "the kill"))
            .because("The kernel's OOM killer did not run: memory.events of the group counts no oom, and its limit need not have been reached.")
            .witness(json!({ "group": group }), why)
            .key(group);
        if let Some(place) = place {
            builder = builder.place(context(evidence, place, label));
        }
        if again > 1 {
            builder = builder.because(format!("It was killed {again} times in this log."));
        }
        builder = builder.fix(commands(
            "see what waits, and where: the pressure of the groups, and what oomd would kill next",
            FixClass::Display,
            vec![
                "oomctl".to_owned(),
                "grep -r full /sys/fs/cgroup/*/memory.pressure /sys/fs/cgroup/*/*/memory.pressure".to_owned(),
            ],
        ));
        let name = group.rsplit('/').next().unwrap_or(group);
        builder = builder.fix(commands(
            format!("or take {name} out of it, if it has to live: ManagedOOMPreference=avoid, or ManagedOOMMemoryPressure=auto on the slice"),
            FixClass::Display,
            vec![format!("systemctl edit {name}   # [Service] ManagedOOMPreference=avoid")],
        ));
        out.push(builder.build(evidence));
    }
    out
}
