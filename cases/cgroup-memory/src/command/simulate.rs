//! `casebook memory simulate`: what other settings would do, on a workload, on a recording, or on what is charged now.

use std::io::Write;

use casebook_core::{Arg, ArgKind, OutputFormat, Verb, VerbError, VerbInput};
use casebook_formats::stamp::{Civil, RealtimeUs};
use serde_json::{Value, json};

use super::load::{EVIDENCE, GROUP, facts, is_named};
use crate::facts::recording::{Field, read as samples};
use crate::facts::series::swap;
use crate::facts::workload::{WORKLOAD, read, size};
use crate::model::account::{account, limits};
use crate::model::engine::{Outcome, Predicted, Refusal, State, Verdict, play, verdict};
use crate::model::replay::{Moment, Replay, Trial};
use crate::model::words::{bytes, range};
use crate::model::workload::{Setting, Workload};

/// The verb.
pub const SIMULATE: Verb = Verb {
    name: "simulate",
    about: "Say what another memory.max, memory.high or swap would do: who is killed, slowed down, swapped",
    long: "EVIDENCE is a workload (what processes allocate, step by step; the language is in `casebook explain cgroup-memory`), a \
           recording of `casebook memory record`, or a cgroup tree as it stands. The settings are tried on the group; a workload has \
           settings of its own, which they replace. What the model cannot tell it says.\n\n\
           Exit status: 0 nothing is killed, 1 something is killed, refused or throttled without end, 2 the input is wrong.\n\n\
           Examples:\n  casebook memory simulate night.mem --group app.service --max 3G\n  \
           casebook memory simulate /sys/fs/cgroup/system.slice/app.service --max 512M --high 400M\n  \
           casebook memory simulate workload.txt --swap 1G --format json",
    args: &[
        EVIDENCE,
        GROUP,
        value("max", "SIZE", "memory.max to try: 512M, 3G, max"),
        value("high", "SIZE", "memory.high to try"),
        value("swap", "SIZE", "Room in swap to try"),
    ],
    run,
};

const fn value(name: &'static str, value_name: &'static str, help: &'static str) -> Arg {
    Arg { name, kind: ArgKind::Value, value_name, help, required: false, many: false }
}

fn limit(input: &VerbInput<'_>, name: &str) -> Result<Option<Option<u64>>, VerbError> {
    match input.value(name) {
        None => Ok(None),
        Some("max") => Ok(Some(None)),
        Some(text) => size(text).map(|bytes| Some(Some(bytes))).ok_or_else(|| {
            VerbError::with_hint(format!("--{name} {text} is no size"), "sizes are 4096, 512M, 3G, or max")
        }),
    }
}

fn run(input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let trial = Trial {
        max: limit(input, "max")?,
        high: limit(input, "high")?,
        swap_bytes: limit(input, "swap")?.map(|bytes| bytes.unwrap_or(u64::MAX)),
    };
    let workload = input.evidence.iter().find(|item| item.kind == Some(WORKLOAD.name));
    if let Some(item) = workload {
        let mut unmodelled = Vec::new();
        let workload = read(item, &mut unmodelled);
        if let Some(first) = unmodelled.first() {
            let line = input.evidence.lines(item.id).line_column(first.span.start).line;
            return Err(VerbError::usage(format!("{}:{line}: {}", item.path, first.why)));
        }
        return steps(workload, &trial, input, out);
    }
    if input.evidence.iter().any(|item| crate::facts::recording::KINDS.iter().any(|kind| item.kind == Some(kind.name)))
    {
        return recording(&trial, input, out);
    }
    standing(&trial, input, out)
}

/// A workload, step by step.
fn steps(mut workload: Workload, trial: &Trial, input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let named = input.value("group");
    let tried = workload.groups.iter_mut().find(|group| match named {
        Some(named) => is_named(&group.path, named),
        None => group.settings.iter().any(|setting| matches!(setting, Setting::Max(Some(_)))),
    });
    let settings = [trial.max.map(Setting::Max), trial.high.map(Setting::High)];
    match tried {
        Some(group) => group.settings.extend(settings.into_iter().flatten()),
        None if named.is_some() || settings.iter().any(Option::is_some) => {
            return Err(VerbError::with_hint(
                "the workload has no such group",
                "name one with --group, as the workload writes it",
            ));
        }
        None => {}
    }
    if let Some(swap) = trial.swap_bytes {
        workload.swap_bytes = swap;
    }
    let predicted = play(&workload);
    let verdict = verdict(&predicted);
    let paths: Vec<String> = State::new(&workload).named().map(|(path, _)| path.to_owned()).collect();
    let words = |line: u32| -> String {
        let item = input.evidence.iter().find(|item| item.kind == Some(WORKLOAD.name));
        let text = item.and_then(|item| item.as_text().ok()).unwrap_or("");
        text.lines().nth(line as usize - 1).unwrap_or("").split('#').next().unwrap_or("").trim().to_owned()
    };
    match input.format {
        OutputFormat::Json => {
            let list: Vec<Value> = predicted.iter().map(|step| step_json(step, &paths, &words(step.line))).collect();
            writeln!(out, "{}", json!({ "verdict": verdict_name(&verdict), "steps": list }))?;
        }
        OutputFormat::Text => {
            for step in &predicted {
                writeln!(out, "{:>4}  {:<44} {}", step.line, words(step.line), outcome(&step.outcome))?;
                for group in &step.throttled {
                    writeln!(
                        out,
                        "      {group} is above memory.high with what cannot be reclaimed: its processes sleep"
                    )?;
                }
            }
            if let Some(last) = predicted.last() {
                writeln!(out)?;
                for (path, group) in paths.iter().zip(&last.groups) {
                    writeln!(
                        out,
                        "{path}: charged {}, of it not to be reclaimed {} (anonymous {}, tmpfs {}, kernel {})",
                        range(group.current),
                        range(group.floor),
                        range(group.anon),
                        range(group.shmem),
                        range(group.kernel)
                    )?;
                }
            }
            writeln!(out, "\n{}", said(&verdict))?;
        }
    }
    Ok(u8::from(!matches!(verdict, Verdict::Lives | Verdict::Unknown(_))))
}

fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done => "done".to_owned(),
        Outcome::Killed(kill) => {
            let who = kill.victims.as_ref().map_or_else(
                || "one of several is".to_owned(),
                |victims| format!("{} {}", victims.join(", "), if victims.len() == 1 { "is" } else { "are" }),
            );
            format!(
                "{who} killed: {} of the {} of {} cannot be reclaimed",
                range(kill.floor),
                bytes(kill.limit),
                kill.limit_of
            )
        }
        Outcome::Refused(Refusal::Full) => "refused: the file system in memory is full (ENOSPC)".to_owned(),
        Outcome::Refused(Refusal::NoVictim) => "refused: nothing can be killed (ENOMEM)".to_owned(),
        Outcome::Refused(Refusal::NoVictimFault) => {
            "hangs: nothing can be killed, and the page fault is tried again for ever".to_owned()
        }
        Outcome::Exceeded => "done, above the limit: nothing can be killed, and this kernel lets it".to_owned(),
        Outcome::Throttled => "throttled by memory.high: it does not end in ten seconds".to_owned(),
        Outcome::Slow => "not known: it depends on how fast the disk takes what is dirty".to_owned(),
        Outcome::Close(why) => format!("too close to tell: {why}"),
        Outcome::Unknown(why) => format!("not known: {why}"),
    }
}

fn verdict_name(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Lives => "lives",
        Verdict::Dies => "killed",
        Verdict::Refused => "refused",
        Verdict::Throttled => "throttled",
        Verdict::Unknown(_) => "unknown",
    }
}

fn said(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Lives => "nothing is killed".to_owned(),
        Verdict::Dies => "something is killed".to_owned(),
        Verdict::Refused => "nothing can be killed: allocations fail or hang".to_owned(),
        Verdict::Throttled => "nothing is killed, and memory.high slows it down without end".to_owned(),
        Verdict::Unknown(why) => format!("not known: {why}"),
    }
}

fn step_json(step: &Predicted, paths: &[String], words: &str) -> Value {
    let both = |amount: crate::model::range::Range| json!([amount.lo, amount.hi]);
    let groups: serde_json::Map<String, Value> = paths
        .iter()
        .zip(&step.groups)
        .map(|(path, group)| {
            let value = json!({
                "current": both(group.current), "anon": both(group.anon), "shmem": both(group.shmem), "cache": both(group.cache),
                "kernel": both(group.kernel), "floor": both(group.floor),
            });
            (path.clone(), value)
        })
        .collect();
    let (killed, limit_of) = match &step.outcome {
        Outcome::Killed(kill) => (json!(kill.victims), json!(kill.limit_of)),
        _ => (Value::Null, Value::Null),
    };
    json!({ "line": step.line, "step": words, "outcome": outcome(&step.outcome), "killed": killed, "limit_of": limit_of, "groups": groups, "throttled": step.throttled })
}

/// A recording, sample by sample.
fn recording(trial: &Trial, input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let named = input.value("group");
    let mut replays: std::collections::BTreeMap<String, (Replay, Option<u64>)> = std::collections::BTreeMap::new();
    for item in input.evidence.iter() {
        samples(item, &mut |sample| {
            for group in sample.groups().filter(|group| named.is_none_or(|named| is_named(group.path, named))) {
                let max = group.fields.limit(Field::Max).flatten();
                // Without a name the groups that have a limit are tried.
                if named.is_none() && max.is_none() {
                    continue;
                }
                let moment = Moment {
                    at_us: sample.at.realtime_us,
                    keys: group.fields.keys(),
                    swap: swap(group.fields, sample.machine()),
                    max,
                    high: group.fields.limit(Field::High).flatten(),
                };
                let entry = replays.entry(group.path.to_owned()).or_default();
                entry.0.step(trial, &moment);
                entry.1 = max;
            }
        });
    }
    if replays.is_empty() {
        return Err(VerbError::with_hint(
            "the recording has no such group, or none with a limit",
            "name one with --group",
        ));
    }
    let tried = |path: &str, replay: &Replay| -> Value {
        json!({
            "group": path, "samples": replay.samples, "peak_floor_bytes": replay.peak.map(|(peak, _)| peak), "peak_floor_at_us": replay.peak.map(|(_, at)| at),
            "peak_current_bytes": replay.peak_current, "killed_at_us": replay.killed.map(|(at, ..)| at), "open_at_us": replay.open.map(|(at, _)| at),
            "throttled_samples": replay.throttled.0, "longest_sleep_us": replay.throttled.1, "reclaimed_samples": replay.reclaimed.0,
            "reclaimed_bytes": replay.reclaimed.1, "swapped_bytes": replay.swapped,
        })
    };
    match input.format {
        OutputFormat::Json => {
            let list: Vec<Value> = replays.iter().map(|(path, (replay, _))| tried(path, replay)).collect();
            writeln!(out, "{}", json!({ "groups": list }))?;
        }
        OutputFormat::Text => {
            for (path, (replay, _)) in &replays {
                writeln!(out, "{path}: {}", told(replay))?;
            }
        }
    }
    Ok(u8::from(replays.values().any(|(replay, _)| replay.killed.is_some())))
}

fn told(replay: &Replay) -> String {
    let time = |at_us: u64| {
        let at = Civil::of(RealtimeUs(at_us));
        format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC",
            at.year.unwrap_or(0),
            at.month,
            at.day,
            at.hour,
            at.minute,
            at.second
        )
    };
    let mut out = match (replay.killed, replay.open) {
        (Some((at, floor, max)), _) => {
            format!("killed at {}: {} cannot be reclaimed, the limit is {}", time(at), bytes(floor), bytes(max))
        }
        (None, Some((at, max))) => format!(
            "not known: at {} what cannot be reclaimed may be more than {}; keys are missing",
            time(at),
            bytes(max)
        ),
        (None, None) => "lives".to_owned(),
    };
    if let Some((peak, at)) = replay.peak {
        out.push_str(&format!(
            "; at most {} could not be reclaimed ({}), {} was charged",
            bytes(peak),
            time(at),
            bytes(replay.peak_current)
        ));
    }
    if replay.throttled.0 > 0 {
        out.push_str(&format!(
            "; throttled in {} of {} samples, up to {} ms for 64 pages",
            replay.throttled.0,
            replay.samples,
            replay.throttled.1 / 1000
        ));
    }
    if replay.reclaimed.0 > 0 {
        out.push_str(&format!(
            "; up to {} of page cache given up, in {} samples",
            bytes(replay.reclaimed.1),
            replay.reclaimed.0
        ));
    }
    if replay.swapped > 0 {
        out.push_str(&format!("; up to {} in swap", bytes(replay.swapped)));
    }
    out
}

/// What is charged now.
fn standing(trial: &Trial, input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let facts = facts(input)?;
    let named = input.value("group");
    let mut found = Vec::new();
    for tree in &facts.trees {
        for group in tree.groups.iter().filter(|group| named.is_none_or(|named| is_named(&group.path, named))) {
            let own = limits(tree, &group.path).into_iter().find(|(owner, _)| owner.path == group.path);
            if let Some(account) =
                account(tree, group, &facts.host).filter(|_| named.is_some() || own.is_some() || tree.groups.len() == 1)
            {
                let mut replay = Replay::default();
                let moment = Moment {
                    at_us: 0,
                    keys: account.keys,
                    swap: account.swap,
                    max: own.map(|(_, limit)| limit.value),
                    high: group.high.and_then(|high| high.value.bytes()),
                };
                replay.step(trial, &moment);
                found.push((group.path.clone(), replay));
            }
        }
    }
    if found.is_empty() {
        return Err(VerbError::with_hint(
            "no such group, or none with a limit, was found",
            "give a workload, a recording or a cgroup tree, and name a group with --group",
        ));
    }
    match input.format {
        OutputFormat::Json => {
            let list: Vec<Value> = found
                .iter()
                .map(|(path, replay)| json!({ "group": path, "floor_bytes": replay.peak.map(|(peak, _)| peak), "killed": replay.killed.is_some(), "unknown": replay.killed.is_none() && replay.open.is_some(), "sleep_us": replay.throttled.1, "reclaimed_bytes": replay.reclaimed.1, "swapped_bytes": replay.swapped }))
                .collect();
            writeln!(out, "{}", json!({ "groups": list }))?;
        }
        OutputFormat::Text => {
            for (path, replay) in &found {
                let peak = replay.peak.map_or(0, |(peak, _)| peak);
                let verdict = match (replay.killed, replay.open) {
                    (Some((_, _, max)), _) => {
                        format!("an OOM: {} cannot be reclaimed, the limit is {}", bytes(peak), bytes(max))
                    }
                    (None, Some((_, max))) => {
                        format!("not known: keys are missing that would tell whether {} holds it", bytes(max))
                    }
                    (None, None) => format!("lives: {} cannot be reclaimed", bytes(peak)),
                };
                let slow = if replay.throttled.1 > 0 {
                    format!("; throttled {} ms for 64 pages, without end", replay.throttled.1 / 1000)
                } else {
                    String::new()
                };
                let cache = if replay.reclaimed.1 > 0 {
                    format!("; {} of page cache given up", bytes(replay.reclaimed.1))
                } else {
                    String::new()
                };
                let swapped =
                    if replay.swapped > 0 { format!("; {} in swap", bytes(replay.swapped)) } else { String::new() };
                writeln!(out, "{path}: {verdict}{slow}{cache}{swapped}")?;
            }
        }
    }
    Ok(u8::from(found.iter().any(|(_, replay)| replay.killed.is_some())))
}
