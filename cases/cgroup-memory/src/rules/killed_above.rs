//! MEM202 killed-by-a-limit-above
//!
//! Speaks on: fixtures/limit-above. Silent on: fixtures/tmpfs.

use casebook_core::{EvidenceSet, Finding, Rule, rule};

use super::incident::{account, begin, culprit, end, is_above, judged, remedies, series, were};
use super::words::{bytes, context, range};
use crate::facts::Facts;
use crate::facts::stat::Key;
use crate::facts::tree::Limit;
use crate::model::account::beyond_children;
use crate::model::judge::Why;

rule! {
    /// A process was killed by the limit of a group above its own, which may have had room to spare.
    ///
    /// A page is charged to its group and to all above it; the first that has no room is the one that is reclaimed from, and where the
    /// victim is looked for. What fills it can be another group's, or nobody's: page cache and tmpfs of groups that were removed stay
    /// charged to the group above them. The limit of the victim's own group says nothing then.
    ///
    /// Mechanism: `page_counter_try_charge` (mm/page_counter.c) names the counter that failed; the report's `oom_memcg` is it, and
    /// `task_memcg` the victim's. `memory.events` counts `oom` at the first and `oom_kill` at the second.
    ///
    /// Fix: what fills the group above, or its limit; not the victim's.
    pub KILLED_ABOVE = "MEM202" "killed-by-a-limit-above" of "cgroup-memory", Error, since "0.1.0",
    "a group above reached its limit, and a process of a group below was killed",
    check(Facts), when |facts: &Facts| facts.kills.incidents.iter().any(|one| one.victim_of.is_some())
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for series in series(facts).iter().filter(|series| is_above(series.best())) {
        let incident = series.best();
        let judged = judged(incident);
        let victim_of = incident.victim_of.as_ref().map_or("", |told| told.value.as_str());
        let limit = incident.limit.as_ref().map_or_else(String::new, |limit| format!(" of {}", bytes(limit.value)));
        let filled = match judged.as_ref().and_then(|judged| Some((judged, culprit(judged)?))) {
            Some((judged, (part, amount))) if judged.why == Why::Reached => format!(
                ", where {} cannot be reclaimed, {} of it {}",
                range(judged.floor.bytes),
                range(amount),
                part.words()
            ),
            _ => String::new(),
        };
        let title = format!(
            "{} killed, of {victim_of}, by the limit{limit} of {} above it{filled}",
            were(&incident.victims),
            series.limit_of
        );
        let mut builder = begin(rule, title, incident, evidence);
        if let Some(told) = &incident.victim_of {
            builder = builder.place(context(evidence, told.span, format!("the victim's group is {}", told.value)));
        }
        builder = own_limit(builder, facts, victim_of, evidence);
        builder = account(builder, facts, series, evidence);
        for tree in &facts.trees {
            let Some(group) = tree.group(series.limit_of) else { continue };
            if let Some(left) = beyond_children(tree, group, Key::Shmem).filter(|left| *left > 1 << 20) {
                builder = builder.because(format!(
                    "{} of its tmpfs and shared memory is charged to no group below it that is still there: it was left by one that was removed, and stays until the files are deleted.",
                    bytes(left)
                ));
                break;
            }
        }
        match judged {
            Some(judged) => {
                builder = remedies(builder, facts, series.limit_of, &judged);
                if let Why::Open(missing) = &judged.why {
                    builder = builder.missing(format!(
                        "memory.stat of {} at the limit: {}",
                        series.limit_of,
                        missing.join(", ")
                    ));
                }
            }
            None => {
                builder = builder.missing(format!("memory.stat of {}, and of the groups below it", series.limit_of))
            }
        }
        out.push(end(builder, series, evidence));
    }
    out
}

/// What the victim's own group had left.
fn own_limit(
    mut builder: casebook_core::FindingBuilder,
    facts: &Facts,
    path: &str,
    evidence: &EvidenceSet,
) -> casebook_core::FindingBuilder {
    let group = facts.trees.iter().rev().find_map(|tree| tree.group(path));
    let Some(max) = group.and_then(|group| group.max) else { return builder };
    let said = match max.value {
        Limit::Max => format!("{path} has no limit of its own"),
        Limit::Bytes(own) => match group.and_then(|group| group.peak) {
            Some(peak) => format!("{path} may have {} and never had more than {}", bytes(own), bytes(peak.value)),
            None => format!("{path} may have {}", bytes(own)),
        },
    };
    builder = builder.place(context(evidence, max.span, "not this limit"));
    builder.because(format!("{said}: that limit was not the one."))
}
