//! MEM207 killed-with-room
//!
//! Speaks on: fixtures/killed-with-room. Silent on: fixtures/tmpfs.

use casebook_core::{EvidenceSet, Finding, Rule, rule};
use serde_json::json;

use super::incident::{begin, has_room, held, names, series, were};
use super::words::{advice, bytes, context, count};
use crate::facts::Facts;
use crate::facts::kills::Incident;

rule! {
    /// A process was killed although its own report shows room below the limit: memory of the one before came back while the kernel
    /// looked for another.
    ///
    /// A victim's memory is not free the moment it is killed. Until it is, charges fail; when its address space is marked as done
    /// (`MMF_OOM_SKIP`) before all of its pages are given back, the kernel picks a second victim for the same shortage. The report of the second
    /// is written later than the decision, and shows the room. It is a race: more processors, larger victims, and newer kernels make it likelier.
    ///
    /// Mechanism: `oom_evaluate_task`, `oom_reaper`, `exit_mmap` (mm/oom_kill.c, mm/mmap.c); `mem_cgroup_out_of_memory` looks at the margin once, before
    /// it starts (mm/memcontrol.c).
    ///
    /// Fix: the first kill's cause; this one had none of its own.
    pub NEEDLESS = "MEM207" "killed-with-room" of "cgroup-memory", Warning, since "0.1.0",
    "a process was killed while its group had room: the memory of the victim before it was on its way back",
    check(Facts), when |facts: &Facts| facts.kills.incidents.iter().any(|one| one.usage.is_some())
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for series in series(facts) {
        let room: Vec<&Incident> =
            series.incidents.iter().copied().filter(|one| has_room(one) && !one.victims.is_empty()).collect();
        let Some(one) = room.first() else { continue };
        let (Some(usage), Some(limit)) = (&one.usage, &one.limit) else { continue };
        let before = series.incidents.iter().take_while(|other| !std::ptr::eq(**other, *one)).last();
        let held = held(one).unwrap_or(usage.value);
        let left = limit.value.saturating_sub(held);
        let title = format!(
            "{} killed with {} of room: {} held {} of {} by then{}",
            were(&one.victims),
            bytes(left),
            series.limit_of,
            bytes(held),
            bytes(limit.value),
            if room.len() > 1 { format!(" ({} such kills in this log)", room.len()) } else { String::new() }
        );
        let mut builder = begin(rule, title, one, evidence)
            .place(context(
                evidence,
                usage.span,
                match held < usage.value {
                    true => format!("the counter; the statistics add up to {}", bytes(held)),
                    false => format!("{} below the limit", bytes(left)),
                },
            ))
            .witness(
                json!({ "limit_of": series.limit_of, "held_bytes": held, "limit_bytes": limit.value }),
                format!("{} - {held} = {left} bytes", limit.value),
            )
            .step(
                format!("{held} of {} bytes charged when the report was written", limit.value),
                Some(casebook_core::At::Text(usage.span)),
            )
            .key(series.limit_of);
        match before {
            Some(before) => {
                let apart = match (before.time.monotonic, one.time.monotonic) {
                    (Some(first), Some(second)) if second.0 >= first.0 => {
                        format!(", {} ms before", (second.0 - first.0) / 1000)
                    }
                    _ => String::new(),
                };
                let freed = before
                    .victims
                    .first()
                    .and_then(|victim| victim.rss_bytes())
                    .map_or_else(String::new, |rss| format!(" with {} resident", bytes(rss)));
                builder = builder
                    .place(context(evidence, before.span, format!("the kill before: {}", names(&before.victims))))
                    .because(format!("{} killed for the same limit{apart}{freed}: that memory came back while this victim was picked.", were(&before.victims)));
            }
            None => {
                builder = builder.because("No kill before it is in the evidence: the room came back between the decision and the report, from a process that ended or was killed.");
            }
        }
        if one.victims.len() > 1 {
            builder = builder.because(format!("{} went with it.", count(one.victims.len() as u64 - 1, "process")));
        }
        builder = builder.fix(advice("look at the first kill at this limit: what filled the group then is the cause; memory.oom.group=1 makes the outcome the same each time, if the processes are of no use without each other"));
        out.push(builder.build(evidence));
    }
    out
}
