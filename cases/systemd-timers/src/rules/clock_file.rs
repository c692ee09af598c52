//! TMR205 clock-file-ahead
//!
//! Speaks on: fixtures/future-stamp. Silent on: fixtures/nine-nights-262.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, FixClass, Rule, Severity, rule};
use serde_json::json;

use super::words::{at, commands, context, primary, version};
use crate::facts::Facts;
use crate::facts::stamps::Remembers;
use crate::model::timer::{Quirks, about};

rule! {
    /// A file that remembers the clock lies in the future, and sets a clock that is right ahead at every boot.
    ///
    /// The time service keeps the last time it knew in a file; at boot the clock is raised to it, for machines without an RTC. Written
    /// once while the clock was ahead, it makes every boot start there, whatever the RTC says, until the time service steps the
    /// clock back: each time the timers that have started by then count from the future.
    ///
    /// Mechanism: `clock_apply_epoch` (src/shared/clock-util.c; PID 1 reads timesyncd's file from 257 on, before that timesyncd does).
    ///
    /// Fix: remove the file, or give it the time of now, once the clock is right.
    pub CLOCK_FILE = "TMR205" "clock-file-ahead" of "systemd-timers", Error, since "0.1.0",
    "a file that remembers the clock lies in the future and sets the clock ahead at every boot",
    check(Facts), when |facts: &Facts| facts.stamps.iter().flat_map(|list| &list.stamps).any(|stamp| file(&stamp.of).is_some())
}

/// What is less than this ahead is the time between two readings, or a build of today.
const SLACK_US: u64 = 3_600_000_000;

fn file(of: &Remembers) -> Option<&'static str> {
    match of {
        Remembers::Timesync => Some("/var/lib/systemd/timesync/clock"),
        Remembers::Epoch => Some("/usr/lib/clock-epoch"),
        _ => None,
    }
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let setting = &facts.accounts.setting;
    let Some(now) = &setting.now else { return Vec::new() };
    let mut out = Vec::new();
    for stamp in facts.stamps.iter().flat_map(|list| &list.stamps) {
        let Some(name) = file(&stamp.of) else { continue };
        let Some(time) = setting.realtime(&stamp.modified.value).filter(|time| time.0 > now.value.0 + SLACK_US) else {
            continue;
        };
        let ahead = about(time.0 - now.value.0);
        let who = match stamp.of {
            Remembers::Timesync if !Quirks::of(setting.host.version).reads_timesync_clock => "systemd-timesyncd",
            _ => "PID 1",
        };
        // Before 257 it takes timesyncd to read its file, and whether that runs here is not known.
        let by_manager = who == "PID 1";
        let title = match by_manager {
            true => format!("every boot starts {ahead} in the future: {name} says {}", at(facts, time)),
            false => format!("every start of {who} sets the clock {ahead} ahead: {name} says {}", at(facts, time)),
        };
        let builder = FindingBuilder::new(
            rule,
            title,
            primary(evidence, stamp.modified.span, format!("{ahead} ahead of the clock")),
        )
        .severity(if by_manager { Severity::Error } else { Severity::Warning })
        .place(context(evidence, now.span, "the clock"))
        .because(format!(
            "{who} raises the clock to the time of this file at boot ({}); an RTC that is right does not help.",
            version(facts)
        ))
        .because("Timers that start before the time service steps the clock back count from the future.")
        .witness(
            json!({ "file": name, "time_us": time.0, "now_us": now.value.0 }),
            format!("{name}: {}", at(facts, time)),
        )
        .key(name)
        .step(format!("boot: the clock is raised from the RTC's time to {}", at(facts, time)), None)
        .fix(commands(
            "give it the time of now, once the clock is right",
            FixClass::Display,
            vec![format!("touch {name}")],
        ));
        out.push(builder.build(evidence));
    }
    out
}
