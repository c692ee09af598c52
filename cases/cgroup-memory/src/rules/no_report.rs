//! MEM203 killed-and-not-reported
//!
//! Speaks on: fixtures/story. Silent on: fixtures/tmpfs.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, FixClass, Rule, rule};
use serde_json::json;

use super::standing::percent;
use super::words::{bytes, commands, context, count, primary, range, sum};
use crate::facts::Facts;
use crate::facts::kills::Incident;
use crate::facts::stat::Key;
use crate::facts::tree::{Events, Group, Limit, Tree};
use crate::model::account::{account, limits};
use crate::model::floor::{Part, Swap};
use crate::model::judge::{Judged, Why, judge};
use crate::model::range::Range;

rule! {
    /// A group counts kills, and no report of them is in the evidence: what its files say, and what they leave open.
    ///
    /// `memory.events` says that a process was killed, not what filled the group. Its other files are of now, or of whenever they were read: page
    /// cache fills a group again within seconds after a kill, so `memory.current` at the limit with much `file` proves nothing. What is sure
    /// is what could not be reclaimed, as far as the keys that are there tell.
    ///
    /// Mechanism: `oom` is counted at the group whose limit was hit, `oom_kill` at the victim's (mm/memcontrol.c, `memcg_memory_event`).
    ///
    /// Fix: none before the missing keys are there; they are named.
    pub NO_REPORT = "MEM203" "killed-and-not-reported" of "cgroup-memory", Error, since "0.1.0",
    "a group counts kills, and what filled it then is not in the evidence",
    check(Facts), when |facts: &Facts| !facts.kills.incidents.is_empty() || facts.trees.iter().flat_map(|tree| &tree.groups).any(|group| group.events.oom_kill.is_some())
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out: Vec<Finding> = cut(rule, facts, evidence).into_iter().collect();
    for (index, tree) in facts.trees.iter().enumerate() {
        for group in tree.groups.iter().filter(|group| group.path != "/") {
            let later = facts.trees.get(index + 1..).unwrap_or_default();
            if is_victim(tree, group)
                && !is_reported(facts, group)
                && !later.iter().any(|tree| tree.group(&group.path).is_some())
            {
                out.extend(finding(rule, facts, tree, group, evidence));
            }
        }
    }
    out
}

/// Reports that break off before they say whose limit it was.
fn cut(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Option<Finding> {
    let all: Vec<&Incident> =
        facts.kills.incidents.iter().filter(|one| one.of_group != Some(false) && one.limit_of.is_none()).collect();
    let first = all.first()?;
    let who = match (first.victims.first(), &first.asked) {
        (Some(victim), _) => format!("{} ({}) was killed", victim.name, victim.pid),
        (None, Some((name, ..))) => format!("{name} got no memory"),
        (None, None) => "memory ran out".to_owned(),
    };
    let title = format!("{who}, and the kernel's report breaks off before it says whose limit it was");
    let more = if all.len() > 1 { format!(" ({} such reports)", all.len()) } else { String::new() };
    let builder = FindingBuilder::new(rule, title + &more, primary(evidence, first.span, "this report is not whole"))
        .key("cut")
        .missing("the rest of the report: dmesg, journalctl -k, /var/log/kern.log, the console; lines `Memory cgroup stats`, `oom-kill:`, `Killed process`");
    Some(builder.build(evidence))
}

fn killed(events: &Events) -> u64 {
    events.oom_kill.map_or(0, |kills| kills.value)
}

/// True for the group the killed processes were in: its own counter says so, or its children's do not account for it.
fn is_victim(tree: &Tree, group: &Group) -> bool {
    if group.events_local.oom_kill.is_some() {
        return killed(&group.events_local) > 0;
    }
    let children: u64 = tree.children(&group.path).map(|child| killed(&child.events)).sum();
    killed(&group.events) > children
}

/// A report speaks of this group, of one above it, or one below it.
fn is_reported(facts: &Facts, group: &Group) -> bool {
    facts.kills.incidents.iter().any(|incident| {
        let same = |path: &str| {
            path == group.path
                || path.starts_with(&format!("{}/", group.path))
                || group.path.starts_with(&format!("{path}/"))
        };
        let paths = [&incident.limit_of, &incident.victim_of];
        paths.iter().any(|path| path.as_ref().is_some_and(|path| same(&path.value)))
    })
}

fn finding(rule: &'static Rule, facts: &Facts, tree: &Tree, victim: &Group, evidence: &EvidenceSet) -> Option<Finding> {
    let events = if victim.events_local.oom_kill.is_some() { &victim.events_local } else { &victim.events };
    let kills = events.oom_kill?;
    // `oom` is counted where the limit is. Without it the limit is above.
    let own_limit = victim.max.is_some_and(|max| max.value != Limit::Max);
    let here = events.oom.map(|oom| oom.value > 0);
    let limit_of = limits(tree, &victim.path).into_iter().find(|(owner, _)| match (here, owner.path == victim.path) {
        (Some(true), same) => same || !own_limit,
        (Some(false), same) => !same,
        (None, _) => true,
    });
    let who = count(kills.value, "process");
    let was = if kills.value == 1 { "was" } else { "were" };
    let Some((owner, limit)) = limit_of else {
        let title =
            format!("{who} of {} {was} killed for memory, and which limit was hit is not in the evidence", victim.path);
        let mut builder = FindingBuilder::new(rule, title, primary(evidence, kills.span, "counted here"));
        if here == Some(false) {
            builder = builder.because("`oom` is 0 here: it was not this group's limit, but that of a group above it, or the machine's memory.");
        }
        let builder = builder
            .key(&victim.path)
            .missing(
                "the kernel's report: dmesg or journalctl -k, lines `Memory cgroup out of memory` or `Out of memory`",
            )
            .missing(format!("memory.max and memory.events of the groups above {}", victim.path));
        return Some(builder.build(evidence));
    };
    let account = account(tree, owner, &facts.host)?;
    // There was no room in swap then: with room, what is anonymous would have been swapped out.
    let judged = judge(account.keys, Swap::NONE, limit.value, None);
    let title = title(&who, was, victim, owner, &judged);
    let mut builder = FindingBuilder::new(rule, title, primary(evidence, kills.span, "counted here")).place(context(
        evidence,
        limit.span,
        format!("the limit of {}: {}", owner.path, bytes(limit.value)),
    ));
    if let Some(current) = owner.current {
        builder = builder.place(context(
            evidence,
            current.span,
            format!("{} % of the limit when this was read", percent(current.value, limit.value)),
        ));
    }
    if let Some(file) = owner.stat.get(Key::File) {
        builder = builder.place(context(
            evidence,
            file.span,
            "page cache, and tmpfs, shared memory and what is locked: this key does not tell them apart",
        ));
    }
    if here == Some(false) && owner.path != victim.path {
        builder = builder.because(format!(
            "`oom` is 0 at {}: the limit that was hit is that of {} above it.",
            victim.path, owner.path
        ));
    }
    builder = explain(builder, owner, &judged);
    builder = refute(builder, owner, &judged);
    let floor = judged.floor.bytes;
    builder = builder
        .witness(
            json!({ "group": victim.path, "limit_of": owner.path, "limit_bytes": limit.value, "floor_bytes": [floor.lo, floor.hi], "current_bytes": judged.keys.current }),
            format!("floor {} to {} of {} bytes", floor.lo, floor.hi, limit.value),
        )
        .step(format!("not to be reclaimed: {}", sum(&judged.floor)), None)
        .key(&victim.path);
    if let Why::Open(keys) = &judged.why {
        builder =
            builder.missing(format!("of memory.stat, read while the group is near its limit: {}", keys.join("; ")));
    }
    builder = builder
        .missing("the kernel's report of the kill: dmesg or journalctl -k has all of memory.stat at that instant, the process, and the limit")
        .fix(commands(
            "record the group, so that the next kill is explained",
            FixClass::Display,
            vec![format!("casebook memory record -o group.rec {}", if victim.path.starts_with('/') { &victim.path } else { "/PATH/OF/THE/GROUP" })],
        ));
    Some(builder.build(evidence))
}

fn title(who: &str, was: &str, victim: &Group, owner: &Group, judged: &Judged) -> String {
    let limit = bytes(judged.limit);
    let at = if owner.path == victim.path {
        format!("its limit of {limit}")
    } else {
        format!("the limit of {limit} of {} above it", owner.path)
    };
    let floor = judged.floor.bytes;
    match judged.why {
        Why::Reached => {
            format!("{who} of {} {was} killed at {at}: {} cannot be reclaimed now", victim.path, range(floor))
        }
        Why::Open(_) => format!(
            "{who} of {} {was} killed at {at}; of what filled it the evidence shows {} that cannot be reclaimed, and leaves {} open",
            victim.path,
            bytes(floor.lo),
            bytes(floor.hi.min(judged.limit).saturating_sub(floor.lo))
        ),
        _ => format!("{who} of {} {was} killed at {at}; what is there now does not explain it", victim.path),
    }
}

fn explain(mut builder: FindingBuilder, owner: &Group, judged: &Judged) -> FindingBuilder {
    let floor = judged.floor.bytes;
    let limit = judged.limit;
    builder = builder.because(format!(
        "What cannot be reclaimed without swap, from these figures: {}. (There was no room in swap when it was killed: it would have been used.)",
        sum(&judged.floor)
    ));
    if let Some(current) = judged.keys.current {
        let known: u64 =
            [judged.keys.anon, judged.keys.file, judged.keys.kernel.or(judged.keys.kernel_parts), judged.keys.sock]
                .iter()
                .flatten()
                .sum();
        builder = builder.because(format!(
            "The keys that are there add up to {known} of {current} bytes; {} is in keys that are not.",
            bytes(current.saturating_sub(known))
        ));
        if percent(current, limit) < 90 {
            builder = builder.because(format!(
                "{} stands at {} % of its limit now: these figures are of another time than the kill.",
                owner.path,
                percent(current, limit)
            ));
            return builder;
        }
    }
    // An OOM means that the floor was at the limit. What the other keys cannot have been, the file side was.
    if let (Why::Open(_), Some(file), Some(current)) = (&judged.why, judged.keys.file, judged.keys.current) {
        let others = current.saturating_sub(file);
        let needed = limit.saturating_sub(judged.slack).saturating_sub(others);
        if needed > 0 && judged.keys.shmem.is_none() {
            builder = builder.because(format!(
                "If the figures are of the instant of the kill, {} at least of the {} in `file` could not be reclaimed: tmpfs or shared memory, locked, or still to be written. If they were read later they say nothing of it: page cache fills what is free up to the limit, as it should.",
                bytes(needed),
                bytes(file)
            ));
        }
    } else if matches!(judged.why, Why::NotReached(_)) {
        builder = builder.because(format!(
            "{} could be reclaimed now; at the instant of the kill it could not, or was not there.",
            range(Range::exact(limit).less(floor))
        ));
    }
    builder
}

/// What the figures refute.
fn refute(mut builder: FindingBuilder, owner: &Group, judged: &Judged) -> FindingBuilder {
    let mut not = Vec::new();
    if judged.keys.file.is_some_and(|file| file > judged.limit / 10) {
        not.push("clean page cache, however much of it there was and however often it was read: reclaim takes it before anything is killed".to_owned());
    }
    if let Some(mapped) = judged.keys.file_mapped.filter(|_| judged.keys.file.is_some()) {
        not.push(format!("that files were mapped: {} were, and mapped pages are reclaimed too", bytes(mapped)));
    }
    if let Some(max) = owner.events.max.or(owner.events_local.max).filter(|max| max.value > 0) {
        not.push(format!("`max {}`: it counts rounds of reclaim at the limit, not their failure", max.value));
    }
    if !not.is_empty() {
        builder = builder.because(format!("It was not {}.", not.join("; nor ")));
    }
    let high = owner.events.high.or(owner.events_local.high);
    if high.is_some_and(|high| high.value == 0) {
        let dirty = judged.floor.part(Part::DirtyCache);
        builder = builder.because(match dirty.hi > judged.slack {
            true => "`high 0`: memory.high was not set, or never reached. It would have helped against page cache that was still to be written (it has it written earlier), and against nothing else: not against tmpfs, not against what is locked. file_dirty and file_writeback tell which.".to_owned(),
            false => "`high 0`: memory.high was not set, or never reached. It would not have helped: little was still to be written, and it makes nothing else reclaimable.".to_owned(),
        });
    }
    builder
}
