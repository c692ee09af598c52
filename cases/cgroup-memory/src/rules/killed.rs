//! MEM201 killed-at-its-limit
//!
//! Speaks on: fixtures/tmpfs. Silent on: fixtures/clean-cache.

use casebook_core::{EvidenceSet, Finding, Rule, rule};

use super::incident::{account, begin, culprit, end, is_above, judged, remedies, series, were};
use super::words::{bytes, range};
use crate::facts::Facts;
use crate::model::judge::Why;

rule! {
    /// A process was killed because its group reached its limit with memory that reclaim cannot take.
    ///
    /// The kernel's report has the group's charges at that instant. The floor is what no reclaim could have taken: anonymous memory and
    /// tmpfs without swap for them, locked pages, memory of the kernel, socket buffers. Where the floor is as high as the limit, that is
    /// the cause, and the largest part of it the culprit. Page cache is not: what is clean is taken first, however often it is used.
    ///
    /// Mechanism: `try_charge_memcg` (mm/memcontrol.c) reclaims and tries again up to sixteen times; then `out_of_memory` picks the
    /// process with the most points below the limit (`oom_badness`, mm/oom_kill.c).
    ///
    /// Fix: by what fills the group; a limit that the floor fits below, checked in the model.
    pub KILLED = "MEM201" "killed-at-its-limit" of "cgroup-memory", Error, since "0.1.0",
    "a group reached its limit with memory that cannot be reclaimed, and a process of it was killed",
    check(Facts), when |facts: &Facts| facts.kills.incidents.iter().any(|one| one.of_group == Some(true))
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for series in series(facts).iter().filter(|series| !is_above(series.best())) {
        let incident = series.best();
        let judged = judged(incident);
        let who = if incident.no_victim {
            "an allocation failed".to_owned()
        } else {
            format!("{} killed", were(&incident.victims))
        };
        let limit = incident.limit.as_ref().map_or_else(String::new, |limit| format!(" of {}", bytes(limit.value)));
        let what = judged.as_ref().and_then(|judged| Some((judged, culprit(judged)?)));
        let title = match what {
            Some((judged, (part, amount))) if matches!(judged.why, Why::Reached) => format!(
                "{who}: {} reached its limit{limit} with {} that cannot be reclaimed, {} of it {}",
                series.limit_of,
                range(judged.floor.bytes),
                range(amount),
                part.words()
            ),
            Some((judged, _)) if judged.why == Why::Writeback => {
                format!(
                    "{who}: {} reached its limit{limit} with page cache that was not written back in time",
                    series.limit_of
                )
            }
            _ => format!("{who}: {} reached its limit{limit}", series.limit_of),
        };
        let mut builder = account(begin(rule, title, incident, evidence), facts, series, evidence);
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
                builder = builder.missing(format!(
                    "the whole report of the kernel (dmesg, journalctl -k), or memory.stat of {} while it is near its limit",
                    series.limit_of
                ));
            }
        }
        out.push(end(builder, series, evidence));
    }
    out
}
