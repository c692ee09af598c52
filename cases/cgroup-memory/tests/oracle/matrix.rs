//! Every run of the laboratory: killed or not, at which limit, whom, and the charges by kind after every step.

use std::collections::BTreeMap;

use case_cgroup_memory::facts::host::{patch, version};
use case_cgroup_memory::facts::workload;
use case_cgroup_memory::model::engine::{GroupCharges, Outcome, Refusal, State, Verdict, play, verdict};
use case_cgroup_memory::model::range::Range;
use casebook_core::{Bytes, Evidence, EvidenceId};
use casebook_formats::kernel_log::Form;
use casebook_formats::oom::{self, Counter, Event};
use serde_json::Value;

use crate::truth::{Run, runs};

#[derive(Default)]
struct Count {
    runs: usize,
    lived: usize,
    died: usize,
    unknown: usize,
    disagreed: usize,
    /// Runs that write to disk with little room beside the floor, and those of them in which something was killed.
    dirty: [usize; 2],
    /// Runs that did not get as far as the kill that is predicted: a step before it did not end.
    unreached: usize,
    victims: usize,
    charges: usize,
    /// Kills beyond those predicted whose report shows room below the limit.
    needless: usize,
}

#[test]
fn the_laboratory_did_what_the_model_says() {
    let Some(runs) = runs() else {
        println!("skipped: CASEBOOK_MEMORY_TRUTH names no output of the laboratory");
        return;
    };
    let mut count = Count::default();
    let mut why: BTreeMap<String, usize> = BTreeMap::new();
    for run in &runs {
        compare(run, &mut count, &mut why);
    }
    println!(
        "{} runs compared, {} disagreed; {} lived, {} died, {} unknown; {} victims, {} charges compared; {} further kills with room below the limit",
        count.runs,
        count.disagreed,
        count.lived,
        count.died,
        count.unknown,
        count.victims,
        count.charges,
        count.needless
    );
    println!(
        "{} of the runs that write to disk with little room are unknown to the model; in {} of them something was killed",
        count.dirty[0], count.dirty[1]
    );
    println!("{} runs were stuck before the kill that is predicted", count.unreached);
    for (why, times) in why {
        println!("  unknown {times}: {why}");
    }
    assert_eq!(count.disagreed, 0);
    assert!(count.unknown * 10 <= count.runs.max(10), "unknown in more than a tenth");
}

fn compare(run: &Run, count: &mut Count, why: &mut BTreeMap<String, usize>) {
    let item = Evidence {
        id: EvidenceId(0),
        path: "workload.txt".into(),
        kind: None,
        bytes: Bytes::new(run.workload.clone().into_bytes()),
        referred: false,
    };
    let mut unmodelled = Vec::new();
    let mut workload = workload::read(&item, &mut unmodelled);
    workload.memory_bytes = run.truth["mem_total_bytes"].as_u64();
    workload.cpus = run.truth["cpus"].as_u64().unwrap_or(1);
    workload.swap_bytes = run.truth["swap_bytes"].as_u64().unwrap_or(0);
    if run.truth["slow_disk"] == true {
        workload.disk_bytes_per_s = Some(2 << 20);
    }
    if run.truth["steps"][0]["outcome"] != "done" {
        println!("{}: not compared: it could not be set up", run.name);
        return;
    }
    workload.release = run.truth["debian"]
        .as_str()
        .or(run.truth["kernel"].as_str())
        .and_then(|release| version(release).map(|(major, minor)| (major, minor, patch(release))));
    if !unmodelled.is_empty() {
        println!("{}: {unmodelled:?}", run.name);
        count.disagreed += 1;
        return;
    }
    count.runs += 1;
    let steps = play(&workload);
    let mut wrong = Vec::new();
    let oom = run.truth["oom"].as_bool().unwrap_or(false);
    // A step that did not end within the laboratory's patience: what is predicted behind it was not tried.
    let stuck =
        truth_steps(&run.truth).find(|step| step["outcome"] == "timeout").and_then(|step| step["line"].as_u64());
    let kill = steps.iter().find(|step| matches!(step.outcome, Outcome::Killed(_))).map(|step| u64::from(step.line));
    let unreached = stuck.zip(kill).is_some_and(|(stuck, kill)| stuck < kill);
    match verdict(&steps) {
        Verdict::Dies if unreached && !oom => count.unreached += 1,
        Verdict::Unknown(reason) => {
            // Known not to be known: a set of its own, made to find it out.
            if run.name.contains("/dirty-") {
                count.dirty[0] += 1;
                count.dirty[1] += usize::from(oom);
            } else {
                count.unknown += 1;
            }
            if std::env::var_os("CASEBOOK_SHOW_UNKNOWN").is_some() {
                println!("{}: unknown: {reason}", run.name);
            }
            let reason: String = reason.chars().filter(|one| !one.is_ascii_digit()).collect();
            *why.entry(reason).or_default() += 1;
        }
        Verdict::Lives | Verdict::Refused | Verdict::Throttled if oom => {
            wrong.push("predicted to live, was killed".to_owned())
        }
        Verdict::Dies if !oom => wrong.push("predicted to be killed, lived".to_owned()),
        Verdict::Refused if !refused(&run.truth) => wrong.push("predicted to be refused, was not".to_owned()),
        Verdict::Throttled if !ended(&run.truth, "timeout") => {
            wrong.push("predicted to be throttled, was not".to_owned())
        }
        Verdict::Lives | Verdict::Refused | Verdict::Throttled => count.lived += 1,
        Verdict::Dies => count.died += 1,
    }
    let paths: Vec<String> = State::new(&workload).named().map(|(path, _)| path.to_owned()).collect();
    let truth = run.truth["steps"].as_array().cloned().unwrap_or_default();
    for predicted in &steps {
        let Some(step) = truth.iter().find(|step| step["line"].as_u64() == Some(u64::from(predicted.line))) else {
            continue;
        };
        let text = step["text"].as_str().unwrap_or("");
        let outcome = step["outcome"].as_str().unwrap_or("");
        // What follows is not predicted, or was not played.
        let stuck = matches!(predicted.outcome, Outcome::Refused(refusal) if refusal != Refusal::Full);
        if stuck
            || matches!(predicted.outcome, Outcome::Close(_) | Outcome::Slow | Outcome::Unknown(_) | Outcome::Throttled)
        {
            break;
        }
        if matches!(outcome, "timeout" | "skipped") {
            break;
        }
        let killed: Vec<&str> = step["killed"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        match &predicted.outcome {
            Outcome::Done if !killed.is_empty() => wrong.push(format!("{text}: predicted done, killed {killed:?}")),
            Outcome::Killed(kill) => {
                if let Some(victims) = &kill.victims {
                    let mut names = victims.clone();
                    let mut real: Vec<String> = killed.iter().map(|name| (*name).to_owned()).collect();
                    names.sort();
                    real.sort();
                    count.victims += names.len();
                    let more: Vec<&String> = real.iter().filter(|name| !names.contains(name)).collect();
                    let needless = needless(run);
                    if kill.or_more && !more.is_empty() && names.iter().all(|name| real.contains(name)) {
                        break;
                    }
                    if !more.is_empty()
                        && names.iter().all(|name| real.contains(name))
                        && more.iter().all(|name| needless.contains(name))
                    {
                        // The kernel looked again before the first victim's memory was back.
                        count.needless += more.len();
                        break;
                    }
                    if names != real {
                        wrong.push(format!("{text}: predicted {names:?}, killed {real:?} ({outcome})"));
                    }
                }
                let of = |one: &Value| one["oom_memcg"].as_str() == Some(kill.limit_of.as_str());
                let kills = run.truth["kills"].as_array().cloned().unwrap_or_default();
                if kill.limit_of.starts_with('/') && !kills.is_empty() && !kills.iter().any(of) {
                    wrong.push(format!(
                        "{text}: predicted the limit of {}, was {:?}",
                        kill.limit_of, kills[0]["oom_memcg"]
                    ));
                }
            }
            _ => {}
        }
        if !wrong.is_empty() || matches!(&predicted.outcome, Outcome::Killed(kill) if kill.victims.is_none()) {
            break;
        }
        let slack = 640 * 1024 * workload.cpus;
        for (path, group) in paths.iter().zip(&predicted.groups) {
            let real = &step["groups"][path];
            if real.is_null() {
                continue;
            }
            for (key, range) in kinds(group) {
                let Some(value) = real_of(real, key) else { continue };
                count.charges += 1;
                if value.saturating_add(slack) < range.lo || value > range.hi.saturating_add(slack) {
                    wrong.push(format!("{text}: {path} {key} predicted {} to {}, was {value}", range.lo, range.hi));
                }
            }
        }
        if !wrong.is_empty() {
            break;
        }
    }
    if !wrong.is_empty() {
        count.disagreed += 1;
        println!("{} ({}):", run.name, run.folder.display());
        wrong.iter().take(4).for_each(|line| println!("  {line}"));
    }
}

/// Names of those who were killed while their report shows room below the limit: by the counter, or by what is charged, which is ahead
/// of the counter when pages are on their way back.
fn needless(run: &Run) -> Vec<String> {
    let Ok(bytes) = std::fs::read(run.folder.join("evidence/kmsg.txt")) else { return Vec::new() };
    let mut out = Vec::new();
    oom::walk(&Bytes::new(bytes), Form::Kmsg, |event| {
        if let Event::Report(report) = event
            && let (Some(memory), Some((_, name, _))) = (report.counter(Counter::Memory), report.victim())
            && {
                let keys = ["anon", "file", "kernel", "sock"].map(|key| report.stat(key).map_or(0, |stat| stat.value));
                memory.usage.min(keys.iter().sum()) + (1 << 20) < memory.limit
            }
        {
            out.push(name.to_owned());
        }
    });
    out
}

fn truth_steps(truth: &Value) -> impl Iterator<Item = &Value> {
    truth["steps"].as_array().into_iter().flatten()
}

/// True when a step ended in this way.
fn ended(truth: &Value, outcome: &str) -> bool {
    truth_steps(truth).any(|step| step["outcome"] == outcome)
}

/// An allocation that fails, or a fault that is tried for ever.
fn refused(truth: &Value) -> bool {
    ended(truth, "timeout") || ended(truth, "errno ENOMEM")
}

fn kinds(group: &GroupCharges) -> [(&'static str, Range); 5] {
    let cache = group.cache + group.shmem;
    [
        ("anon", group.anon),
        ("shmem", group.shmem),
        ("file", cache),
        ("kernel", group.kernel),
        ("current", group.current),
    ]
}

fn real_of(group: &Value, key: &str) -> Option<u64> {
    if key == "current" {
        return group["current"].as_u64();
    }
    let stat = &group["stat"];
    match key {
        "kernel" => Some(stat["kernel"].as_u64()? + stat["sock"].as_u64().unwrap_or(0)),
        _ => stat[key].as_u64(),
    }
}
