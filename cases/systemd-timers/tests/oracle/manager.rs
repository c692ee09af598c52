//! The real service manager against the model: what the laboratory saw of every timer, scenario by scenario.
//!
//!   CASEBOOK_TIMER_TRUTH=DIR   a folder the laboratory wrote (lab/run.sh -o DIR)

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use case_systemd_timers::facts::typed::{Line, Reading, boolean, timer};
use case_systemd_timers::model::calendar::ZoneSource;
use case_systemd_timers::model::time::{Realtime, Zone};
use case_systemd_timers::model::timer::{
    Action, Boot, Draw, Engine, Host, Job, Lasts, Observation, Starts, State, Sub, Timer, Window,
};
use case_systemd_timers::model::version::Version;
use casebook_core::{EvidenceId, Span};
use serde_json::Value;

struct Bundled;

impl ZoneSource for Bundled {
    fn zone(&self, name: &str) -> Option<Arc<Zone>> {
        Zone::bundled(name).map(Arc::new)
    }
}

/// Between the elapse of a timer and the instant systemd notes for it: a busy machine is late, and never early.
const LATE_US: u64 = 1_500_000;
/// Instants that systemd notes at two moments of one event.
const CLOSE_US: u64 = 300_000;

/// What was compared and what differed.
#[derive(Default)]
struct Tally {
    scenarios: usize,
    timers: usize,
    elapses: usize,
    properties: usize,
    differences: Vec<String>,
    unknown: Vec<String>,
}

fn micros(clocks: &Value, name: &str) -> i64 {
    clocks[name].as_i64().unwrap() / 1000
}

/// The laboratory's record of one scenario.
struct Truth {
    name: String,
    value: Value,
    version: Version,
    zone: Arc<Zone>,
}

impl Truth {
    fn read(path: &Path) -> Option<Truth> {
        let value: Value = serde_json::from_slice(&std::fs::read(path.join("truth.json")).ok()?).ok()?;
        let version = Version::parse(value["systemd"].as_str()?)?;
        let zone = match value["zone"].as_str()? {
            "UTC" => Zone::utc(),
            name => Zone::bundled(name)?,
        };
        Some(Truth { name: format!("{version} {}", value["scenario"].as_str()?), value, version, zone: Arc::new(zone) })
    }

    fn boots(&self) -> &[Value] {
        self.value["boots"].as_array().unwrap()
    }

    fn list(&self, name: &str) -> impl Iterator<Item = &Value> {
        self.value[name].as_array().map_or(&[][..], Vec::as_slice).iter()
    }

    /// The start of a boot's kernel on the axis: CLOCK_BOOTTIME counts from there.
    fn start_us(&self, boot: &Value) -> i64 {
        let first = &self.boots()[0];
        (boot["true_ns"].as_i64().unwrap() - first["true_ns"].as_i64().unwrap()) / 1000
    }

    fn axis(&self, boot: &Value, clocks: &Value) -> u64 {
        (self.start_us(boot) + micros(clocks, "boottime_ns")) as u64
    }

    fn boot_of(&self, record: &Value) -> &Value {
        &self.boots()[record["boot"].as_u64().unwrap() as usize]
    }

    fn snapshots(&self, boot: &Value) -> impl Iterator<Item = &Value> {
        self.list("snapshots").filter(|snapshot| snapshot["boot"] == boot["boot"] && snapshot["units"].is_object())
    }

    /// Drop-ins of a unit, in the order in which they are read.
    fn drop_ins(&self, name: &str) -> Vec<&str> {
        let files = self.value["recipe"]["files"].as_object().unwrap();
        let folder = format!("/{name}.d/");
        let mut found: Vec<(&str, &str)> =
            files.iter().filter_map(|(path, text)| Some((path.split_once(&folder)?.1, text.as_str()?))).collect();
        found.sort_unstable();
        found.into_iter().map(|(_, text)| text).collect()
    }

    fn file(&self, name: &str) -> Option<&str> {
        self.value["recipe"]["files"][format!("/etc/systemd/system/{name}")].as_str()
    }
}

fn assignments<'a>(file: &'a casebook_formats::unit::UnitFile<'a>) -> Vec<Line<'a>> {
    let line = |item: &'a casebook_formats::unit::Assignment<'a>| Line {
        section: file.section(item),
        key: &item.key,
        value: Cow::Borrowed(item.value.as_ref()),
        span: Span::new(EvidenceId(0), item.value_span.0, item.value_span.1),
    };
    file.assignments.iter().map(line).collect()
}

fn last<'a>(lines: &'a [Line<'_>], section: &str, key: &str) -> Option<&'a str> {
    lines.iter().rev().find(|line| line.section == section && line.key == key).map(|line| line.value.as_ref())
}

/// What the service does, by its unit file.
fn job(truth: &Truth, service: &str) -> Job {
    let text = truth.file(service).unwrap_or_default();
    let file = casebook_formats::unit::read(text.as_bytes());
    let lines = assignments(&file);
    let forever = last(&lines, "Service", "RemainAfterExit").and_then(boolean) == Some(true);
    let condition = lines
        .iter()
        .any(|line| line.section == "Unit" && line.key.starts_with("Condition") && !line.key.contains("Result"));
    match (forever, condition) {
        (true, _) => Job { starts: Starts::Runs, lasts: Lasts::Forever },
        (_, true) => Job { starts: Starts::Idle, ..Job::runs(0, 0) },
        _ => Job::runs(0, 1_000_000),
    }
}

/// One event of the record, on the axis.
enum Event<'a> {
    Act(Action),
    Boots(&'a Value),
    Elapsed,
    Seen(&'a Value),
    Lasts(Job),
}

/// Everything that happened to one timer, in order; `Err` names what the model has no word for.
fn events<'a>(truth: &'a Truth, name: &str, service: &str) -> Result<Vec<(u64, Event<'a>)>, String> {
    let mut out: Vec<(u64, u8, Event<'a>)> = Vec::new();
    if truth.file(service).is_some_and(|text| text.contains("StartLimit")) {
        return Err("an elapse that runs nothing leaves no trace between two readings".to_owned());
    }
    for pair in truth.boots().windows(2) {
        // The last thing known of the boot before is when the machine goes down.
        let of_boot = |record: &&Value| record["boot"] == pair[0]["boot"];
        let snapshots = truth.list("snapshots").filter(of_boot).map(|one| &one["clocks"]);
        let actions = truth
            .list("actions")
            .filter(of_boot)
            .map(|one| if one["after"].is_object() { &one["after"] } else { &one["before"] });
        let last = snapshots
            .chain(actions)
            .filter(|clocks| clocks.is_object())
            .map(|clocks| truth.axis(&pair[0], clocks))
            .max();
        let start = truth.start_us(&pair[1]) as u64;
        out.push((last.map_or(start, |last| (last + 1).min(start)), 5, Event::Boots(&pair[1])));
    }
    for action in truth.list("actions") {
        let boot = truth.boot_of(action);
        let (before, after) = (&action["before"], &action["after"]);
        let at = truth.axis(boot, before);
        let did = action["do"].as_str().unwrap();
        let args: Vec<&str> =
            action["args"].as_array().map_or(vec![], |args| args.iter().filter_map(Value::as_str).collect());
        let act = match did {
            "step" | "set" | "correct" => {
                let ahead = |clocks: &Value| micros(clocks, "realtime_ns") - micros(clocks, "boottime_ns");
                Action::Step(ahead(after) - ahead(before))
            }
            "suspend" => {
                let slept = |clocks: &Value| micros(clocks, "boottime_ns") - micros(clocks, "monotonic_ns");
                Action::Suspend((slept(after) - slept(before)) as u64)
            }
            "zone" => Action::Zone(Arc::new(Zone::bundled(action["name"].as_str().unwrap()).ok_or("zone")?)),
            "touch" if action["path"].as_str().unwrap().ends_with(&format!("stamp-{name}")) => {
                let seconds = action["seconds"].as_f64().unwrap();
                Action::Touch(Realtime(micros(before, "realtime_ns") as u64).shift((seconds * 1e6) as i64))
            }
            "remove" if action["path"].as_str().unwrap().ends_with(&format!("stamp-{name}")) => Action::Clean,
            "systemctl" => match args.split_first() {
                Some((&("daemon-reload" | "daemon-reexec"), _)) => Action::Reload,
                Some((&"restart", units)) if units.contains(&name) => Action::Restart,
                Some((&"start", units)) if units.contains(&name) => Action::Start,
                Some((&"stop", units)) if units.contains(&name) => Action::Stop,
                Some((&"clean", units)) if units.contains(&name) => Action::Clean,
                Some((&"start", units)) if units.contains(&service) => Action::RunJob,
                Some((&("show" | "status" | "list-timers" | "is-active"), _)) => continue,
                Some((_, units)) if !units.contains(&name) && !units.contains(&service) => continue,
                _ => return Err(format!("systemctl {}", args.join(" "))),
            },
            "write" if action["path"].as_str().is_some_and(|path| path.contains(name.trim_end_matches(".timer"))) => {
                return Err("a unit file that changes".into());
            }
            _ => continue,
        };
        // The effect lies between the two readings of the clock; units are read again at the end of it.
        let at = if matches!(act, Action::Reload) { truth.axis(boot, after) } else { at };
        out.push((at, 3, Event::Act(act)));
    }
    for boot in truth.boots() {
        let mut seen: Vec<u64> = Vec::new();
        let mut elapsed = |monotonic: u64, out: &mut Vec<_>, suspended: i64| {
            if monotonic > 0 && !seen.iter().any(|known| known.abs_diff(monotonic) < 1000) {
                seen.push(monotonic);
                out.push(((truth.start_us(boot) + monotonic as i64 + suspended) as u64, 2, Event::Elapsed));
            }
        };
        for run in truth.list("runs").filter(|run| run["boot"] == boot["boot"] && run["unit"] == *service) {
            let suspended = micros(&run["start"], "boottime_ns") - micros(&run["start"], "monotonic_ns");
            if run["trigger"]["TRIGGER_UNIT"] == *name {
                let monotonic = run["trigger"]["TRIGGER_TIMER_MONOTONIC_USEC"].as_str().and_then(|us| us.parse().ok());
                elapsed(monotonic.unwrap_or(0), &mut out, suspended);
            }
            // How long this run lasts is known before it begins.
            let start = truth.axis(boot, &run["start"]);
            // Another timer's run, or one by hand.
            if run["trigger"]["TRIGGER_UNIT"] != *name {
                out.push((start, 2, Event::Act(Action::RunJob)));
            }
            let told = match run["end"].is_object() {
                true => Some(micros(&run["end"], "boottime_ns") - micros(&run["start"], "boottime_ns")),
                false => run["seconds"].as_i64().filter(|seconds| *seconds > 0).map(|seconds| seconds * 1_000_000),
            };
            let usual = job(truth, service);
            let lasts = match told {
                Some(us) if usual.lasts != Lasts::Forever => Job::runs(us as u64, us as u64 + 1_500_000),
                _ => usual,
            };
            out.push((start.saturating_sub(LATE_US), 1, Event::Lasts(lasts)));
        }
        for snapshot in truth.snapshots(boot) {
            let clocks = &snapshot["clocks"];
            let unit = &snapshot["units"][name];
            let suspended = micros(clocks, "boottime_ns") - micros(clocks, "monotonic_ns");
            elapsed(unit["LastTriggerUSecMonotonic"].as_u64().unwrap_or(0), &mut out, suspended);
            if unit.is_object() && snapshot["why"] != "boot" {
                // The clocks were read before the properties.
                let of_service = &snapshot["units"][service];
                let stamps = [
                    &unit["LastTriggerUSecMonotonic"],
                    &of_service["InactiveEnterTimestampMonotonic"],
                    &of_service["InactiveExitTimestampMonotonic"],
                ];
                let latest = stamps.into_iter().filter_map(Value::as_u64).max().unwrap_or(0);
                let latest = (truth.start_us(boot) + latest as i64 + suspended) as u64;
                out.push((truth.axis(boot, clocks).max(latest + 1), 4, Event::Seen(snapshot)));
            }
        }
    }
    out.sort_by_key(|(at, order, _)| (*at, *order));
    Ok(out.into_iter().map(|(at, _, event)| (at, event)).collect())
}

fn boot(truth: &Truth, value: &Value, name: &str) -> Boot {
    let clocks = &value["clocks"];
    let realtime = micros(clocks, "realtime_ns") - micros(clocks, "boottime_ns");
    let first = truth.snapshots(value).next();
    let userspace = first.and_then(|first| first["manager"]["UserspaceTimestampMonotonic"].as_u64()).unwrap_or(100_000);
    let entered =
        first.and_then(|first| first["units"][name]["InactiveExitTimestampMonotonic"].as_u64()).filter(|us| *us > 0);
    let started = entered.unwrap_or(u64::MAX / 4);
    Boot {
        realtime: Realtime(realtime as u64),
        userspace_us: userspace,
        timers_us: Window::new(started.saturating_sub(5_000), started + 5_000),
    }
}

/// Why a state of the model is not the one systemd shows.
fn unlike(state: &State, unit: &Value) -> Option<String> {
    let sub = match state.sub {
        Sub::Dead => "dead",
        Sub::Waiting => "waiting",
        Sub::Running => "running",
        Sub::Elapsed => "elapsed",
        Sub::Failed => "failed",
    };
    // Properties are read one after the other: a timer that elapses meanwhile waits for nothing in them.
    let all = u64::MAX;
    if unit["SubState"] == "waiting" && unit["NextElapseUSecRealtime"] == all && unit["NextElapseUSecMonotonic"] == all
    {
        return None;
    }
    if unit["SubState"] != sub {
        return Some(format!("{sub}, not {}", unit["SubState"]));
    }
    let near =
        |window: Window, us: u64| Window::new(window.lo.saturating_sub(CLOSE_US), window.hi + CLOSE_US).holds(us);
    let never = |us: u64| us == 0 || us == u64::MAX;
    let next = unit["NextElapseUSecRealtime"].as_u64().unwrap_or(0);
    match state.next_realtime {
        Some(window) if !near(window, next) => return Some(format!("next {window:?}, not {next}")),
        None if !never(next) => return Some(format!("no next, not {next}")),
        _ => {}
    }
    let next = unit["NextElapseUSecMonotonic"].as_u64().unwrap_or(0);
    match state.next_monotonic {
        Some((window, _)) if unit["WakeSystem"] != true && !near(window, next) => {
            Some(format!("next monotonic {window:?}, not {next}"))
        }
        None if !never(next) => Some(format!("no next monotonic, not {next}")),
        _ => None,
    }
}

fn compare(truth: &Truth, name: &str, tally: &mut Tally) {
    let Some(text) = truth.file(name) else { return };
    let file = casebook_formats::unit::read(text.as_bytes());
    let drop_ins = truth.drop_ins(name);
    let drop_ins: Vec<_> = drop_ins.iter().map(|text| casebook_formats::unit::read(text.as_bytes())).collect();
    let lines: Vec<Line<'_>> = std::iter::once(&file).chain(&drop_ins).flat_map(assignments).collect();
    let first_boot = &truth.boots()[0];
    let reading = Reading {
        zone: &truth.zone,
        zones: &Bundled,
        at_s: micros(&first_boot["clocks"], "realtime_ns") / 1_000_000,
        version: truth.version,
        accuracy_us: 60_000_000,
    };
    let unit = timer(name, &lines, &reading);
    let (config, service): (&Timer, String) = (&unit.timer, unit.starts());
    let what = format!("{} {name}", truth.name);
    let events = match events(truth, name, &service) {
        Ok(events) if !unit.is_refused() => events,
        Ok(_) => return,
        Err(why) => return tally.unknown.push(format!("{what}: {why}")),
    };
    let id = truth.value["machine_id"].as_str().and_then(|id| Some(u128::from_str_radix(id, 16).ok()?.to_be_bytes()));
    let host = Host { version: truth.version, zone: truth.zone.clone(), machine_id: id, user: None };
    let stamp = truth.value["recipe"]["stamps"][name].as_f64().map(|s| Realtime((s * 1e6) as u64));
    let actions: Vec<Action> = events
        .iter()
        .filter_map(|(_, event)| if let Event::Act(action) = event { Some(action.clone()) } else { None })
        .collect();
    let reboots: Vec<Action> = events
        .iter()
        .filter_map(|(at, event)| if let Event::Boots(value) = event { Some((*at, *value)) } else { None })
        .map(|(at, value)| Action::Reboot {
            down_us: truth.start_us(value) as u64 - at,
            boot: boot(truth, value, name),
        })
        .collect();
    let jobs: Vec<Action> = events
        .iter()
        .filter_map(|(_, event)| if let Event::Lasts(job) = event { Some(Action::Job(*job)) } else { None })
        .collect();
    let (mut actions, mut reboots, mut jobs) = (actions.iter(), reboots.iter(), jobs.iter());
    let mut engine = Engine::new(config, job(truth, &service), &host, boot(truth, first_boot, name), stamp, Draw::All);
    tally.timers += 1;
    let mut awake = 0;
    for (at, event) in &events {
        let at = (*at).max(awake);
        match event {
            Event::Elapsed => {
                tally.elapses += 1;
                if let Observation::Unexpected(windows) = engine.observe(at, LATE_US) {
                    tally.differences.push(format!("{what}: elapsed at {at}, expected in {windows:?}"));
                    return;
                }
                awake = at;
            }
            _ => {
                if let Observation::Unexpected(windows) = engine.quiet_until(at.saturating_sub(LATE_US)) {
                    tally.differences.push(format!("{what}: no elapse before {at}, expected in {windows:?}"));
                    return;
                }
                match event {
                    Event::Act(action) => {
                        engine.act(at, actions.next().unwrap());
                        if let Action::Suspend(us) = action {
                            awake = at + us;
                        }
                    }
                    Event::Boots(_) => engine.act(at, reboots.next().unwrap()),
                    Event::Lasts(_) => engine.act(at, jobs.next().unwrap()),
                    Event::Seen(snapshot) => {
                        tally.properties += 1;
                        engine.quiet_until(at);
                        let unit = &snapshot["units"][name];
                        let unlike: Vec<String> =
                            engine.states().iter().filter_map(|state| unlike(state, unit)).collect();
                        if unlike.len() == engine.states().len() {
                            tally.differences.push(format!(
                                "{what}: {} at {at}: {}",
                                snapshot["why"],
                                unlike.join("; ")
                            ));
                            return;
                        }
                    }
                    Event::Elapsed => {}
                }
            }
        }
    }
}

#[test]
fn manager() {
    let Ok(folder) = std::env::var("CASEBOOK_TIMER_TRUTH") else {
        eprintln!("skipped: manager: CASEBOOK_TIMER_TRUTH names no folder the laboratory wrote");
        return;
    };
    let mut tally = Tally::default();
    let mut open = vec![PathBuf::from(folder)];
    let mut stuck: Vec<Truth> = Vec::new();
    while let Some(path) = open.pop() {
        if let Some(truth) = Truth::read(&path) {
            tally.scenarios += 1;
            for name in truth.value["recipe"]["enable"].as_array().unwrap() {
                compare(&truth, name.as_str().unwrap(), &mut tally);
            }
            if truth.value["scenario"] == "nine-nights" {
                stuck.push(truth);
            }
        } else if let Ok(entries) = std::fs::read_dir(&path) {
            let mut folders: Vec<PathBuf> =
                entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect();
            folders.sort_by(|a, b| b.cmp(a));
            open.extend(folders);
        }
    }
    // The same records, said to be of a version that treats a base in the future otherwise, must not agree.
    let mut noticed = 0;
    for truth in &mut stuck {
        let other = if truth.version < Version::V262 { Version::V262 } else { Version::V257 };
        truth.version = other;
        let mut wrong = Tally::default();
        compare(truth, "backup.timer", &mut wrong);
        noticed += usize::from(!wrong.differences.is_empty());
    }
    eprintln!("manager: {} records under another version, {noticed} noticed", stuck.len());
    assert_eq!(noticed, stuck.len());
    tally.differences.iter().for_each(|line| eprintln!("{line}"));
    tally.unknown.iter().for_each(|line| eprintln!("not compared: {line}"));
    eprintln!(
        "manager: {} scenarios, {} timers, {} elapses and {} readings of properties compared, {} disagreed, {} not compared",
        tally.scenarios,
        tally.timers,
        tally.elapses,
        tally.properties,
        tally.differences.len(),
        tally.unknown.len()
    );
    assert!(tally.scenarios > 0, "no scenario was found");
    assert!(tally.differences.is_empty());
}
