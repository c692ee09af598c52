//! MEM111 grows-to-its-limit
//!
//! Speaks on: fixtures/growing. Silent on: fixtures/steady.

use casebook_core::{At, EvidenceSet, Finding, FindingBuilder, FixClass, Place, Rule, Severity, rule};
use serde_json::json;

use super::figures::areas;
use super::incident::raise_command;
use super::words::{advice, bytes, commands};
use crate::facts::Facts;
use crate::model::slope::seconds_to;
use crate::model::words::time;

rule! {
    /// What cannot be reclaimed grows steadily: it reaches the limit at a time that can be told.
    ///
    /// `memory.current` says little, it stands at the limit as soon as page cache fills it. The floor of each sample of the recording is
    /// followed instead; where a line explains it, the time to the limit is what is left divided by its slope.
    ///
    /// Mechanism: `try_charge_memcg` (mm/memcontrol.c).
    ///
    /// Fix: what grows; more room only moves the time.
    pub GROWING = "MEM111" "grows-to-its-limit" of "cgroup-memory", Warning, since "0.1.0",
    "what cannot be reclaimed grows steadily towards the limit",
    check(Facts), when |facts: &Facts| !facts.recordings.is_empty()
}

/// Further away than this it is not worth a word, in seconds.
const FAR_S: u64 = 14 * 86_400;

/// Growth over less than this, in seconds, is a start.
const SHORT_S: u64 = 20;

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for series in facts.recordings.iter().flat_map(|recording| &recording.groups) {
        let (Some(last), Some((per_second, over_s))) = (series.points.last(), series.slope()) else { continue };
        if last.limit == u64::MAX {
            continue;
        }
        let Some(left_s) = seconds_to(last.floor, last.limit, per_second).filter(|left| *left < FAR_S) else {
            continue;
        };
        // A slope that was seen for an hour tells nothing of next week.
        if over_s < SHORT_S || left_s > over_s.saturating_mul(20) {
            continue;
        }
        let title = format!(
            "{} reaches its limit of {} in {}: what cannot be reclaimed is {} and grows by {} a minute",
            series.path,
            bytes(last.limit),
            time(left_s),
            bytes(last.floor),
            bytes((per_second * 60.0) as u64)
        );
        let place = Place::primary(
            At::Record { index: 0, pointer: series.path.clone(), span: series.last },
            "the last samples",
        )
        .shown_as(format!("{}: current {}, floor {}, limit {}", series.path, last.current, last.floor, last.limit));
        let first = series.points.get(series.points.len() / 2);
        let grown = part(first, last);
        let mut builder = FindingBuilder::new(rule, title, place)
            .severity(if left_s < 3600 { Severity::Error } else { Severity::Warning })
            .because(format!(
                "Over the last {} of the recording a line explains nine tenths of how it grew, or more.",
                time(over_s)
            ));
        if let Some((name, by)) = grown {
            builder = builder.because(format!("Most of it is {name}: {} more in that time.", bytes(by)));
        }
        builder = builder
            .witness(
                json!({ "group": series.path, "floor_bytes": last.floor, "limit_bytes": last.limit, "bytes_per_second": per_second.round(), "seconds_left": left_s }),
                format!("({} - {}) bytes / {:.0} bytes a second = {left_s} s", last.limit, last.floor, per_second),
            )
            .step(format!("{:.0} bytes a second over {over_s} s", per_second), None)
            .key(&series.path)
            .fix(advice("find what grows (the largest part above, by process: casebook memory explain); a restart or more room only moves the time"))
            .fix(commands(
                format!("until then, twice the room doubles the time: {}", bytes(last.limit.saturating_mul(2))),
                FixClass::Display,
                vec![raise_command(&series.path, last.limit.saturating_mul(2))],
            ));
        if let Some(figure) = areas(series) {
            builder = builder.figure(figure);
        }
        out.push(builder.build(evidence));
    }
    out
}

/// The part that grew most.
fn part(
    first: Option<&crate::facts::series::Point>,
    last: &crate::facts::series::Point,
) -> Option<(&'static str, u64)> {
    const NAMES: [&str; 4] =
        ["anonymous memory", "tmpfs and shared memory", "page cache", "memory of the kernel and sockets"];
    let first = first?;
    // Page cache is not of the floor.
    let grown = [0usize, 1, 3].map(|part| (NAMES[part], last.parts[part].saturating_sub(first.parts[part])));
    grown.into_iter().max_by_key(|(_, by)| *by).filter(|(_, by)| *by > 0)
}
