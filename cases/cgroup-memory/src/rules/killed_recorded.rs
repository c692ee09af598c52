//! MEM206 killed-while-recorded
//!
//! Speaks on: fixtures/recorded-kill. Silent on: fixtures/steady.

use casebook_core::{At, EvidenceSet, Finding, FindingBuilder, FixClass, Place, Rule, rule};
use serde_json::json;

use super::figures::areas;
use super::incident::remedies;
use super::words::{bytes, commands, count, range, sum};
use crate::facts::Facts;
use crate::facts::series::{RecordedKill, Series};
use crate::model::judge::{Why, judge, limit_for};

rule! {
    /// A recording shows a kill, and what filled the group just before it.
    ///
    /// The counter `oom_kill` went up between two samples; the sample before has the charges. Growth faster than the samples is missed, so what
    /// is shown is the least that was there.
    ///
    /// Mechanism: `memory.events` (mm/memcontrol.c, `memcg_memory_event`): `oom` is counted where the limit is, `oom_kill` at the victim's group.
    ///
    /// Fix: by what fills the group, checked in the model over the recording: `casebook memory simulate`.
    pub KILLED_RECORDED = "MEM206" "killed-while-recorded" of "cgroup-memory", Error, since "0.1.0",
    "a recording shows a kill and what filled the group before it",
    check(Facts), when |facts: &Facts| !facts.recordings.is_empty()
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for series in facts.recordings.iter().flat_map(|recording| &recording.groups) {
        let Some(kill) = series.kills.last() else { continue };
        // Hierarchical counters go up in every group above, too: the lowest one speaks.
        let below = format!("{}/", series.path.trim_end_matches('/'));
        let lower = facts.recordings.iter().flat_map(|recording| &recording.groups);
        if lower
            .clone()
            .any(|other| other.path.starts_with(&below) && other.kills.iter().any(|one| one.at_us == kill.at_us))
        {
            continue;
        }
        out.push(finding(rule, facts, series, kill, evidence));
    }
    out
}

fn finding(
    rule: &'static Rule,
    facts: &Facts,
    series: &Series,
    kill: &RecordedKill,
    evidence: &EvidenceSet,
) -> Finding {
    let all: u64 = series.kills.iter().map(|kill| kill.kills).sum();
    let who = count(all, "process");
    let judged = kill.limit.map(|limit| judge(kill.before, kill.swap, limit, None));
    let title = match (&judged, kill.own_limit) {
        (Some(judged), Some(true) | None) => format!(
            "{who} of {} killed while it was recorded: just before, {} of its limit of {} could not be reclaimed",
            series.path,
            range(judged.floor.bytes),
            bytes(judged.limit)
        ),
        (_, Some(false)) => format!(
            "{who} of {} killed while it was recorded, by the limit of a group above it or by the machine",
            series.path
        ),
        (None, _) => format!("{who} of {} killed while it was recorded; it has no limit of its own", series.path),
    };
    let shown = format!("{}: current {}, oom_kill +{}", series.path, kill.before.current.unwrap_or(0), kill.kills);
    let place = Place::primary(
        At::Record { index: 0, pointer: series.path.clone(), span: kill.span },
        "the sample that shows it",
    )
    .shown_as(shown);
    let mut builder = FindingBuilder::new(rule, title, place).key(&series.path);
    match &judged {
        Some(judged) if kill.own_limit != Some(false) => {
            builder =
                builder.because(format!("What could not be reclaimed in the sample before: {}.", sum(&judged.floor)));
            builder = builder.because(match judged.why {
                Why::Reached => "That is as much as the limit.".to_owned(),
                _ => format!(
                    "The rest of the way to {} was made within one interval of the recording.",
                    bytes(judged.limit)
                ),
            });
            let floor = judged.floor.bytes;
            builder = builder
                .witness(json!({ "group": series.path, "limit_bytes": judged.limit, "floor_bytes": [floor.lo, floor.hi], "kills": all }), format!("floor {} of {} bytes", floor.lo, judged.limit))
                .step(format!("not to be reclaimed: {}", sum(&judged.floor)), None);
            builder = remedies(builder, facts, &series.path, judged);
            builder = builder.fix(commands(
                "try a setting over the whole recording before it is set",
                FixClass::Display,
                vec![format!(
                    "casebook memory simulate {} --group {} --max {}M",
                    evidence.path(kill.span.evidence),
                    series.path,
                    limit_for(floor) >> 20
                )],
            ));
        }
        _ => {
            builder = builder
                .witness(json!({ "group": series.path, "kills": all }), format!("oom_kill +{all}"))
                .missing("the groups above it in the recording, and the kernel's report: dmesg or journalctl -k");
        }
    }
    if let Some(figure) = areas(series) {
        builder = builder.figure(figure);
    }
    builder.build(evidence)
}
