//! `systemd-analyze calendar` against the model, over generated specifications, bases and zones.
//!
//!   CASEBOOK_CALENDAR_SPECS=N   specifications to compare (default 20 000), ten elapses each
//!   CASEBOOK_SEED=N             the second seed (default: of now)
//!   CASEBOOK_SYSTEMD_ROOTS=A:B  folders with other systems, whose systemd-analyze is asked too (needs root for chroot)

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use case_systemd_timers::model::calendar::{Never, Walk, ZoneSource, parse};
use case_systemd_timers::model::time::{Realtime, Zone, parse_stamp};
use case_systemd_timers::model::version::Version;

use crate::generate::{Random, ZONES, base, specification};

/// Elapses compared of each specification.
const ELAPSES: usize = 10;
/// Specifications asked in one call.
const BATCH: usize = 100;

/// A system with systemd-analyze and a zone database.
struct System {
    root: Option<PathBuf>,
    version: Version,
    zones: Mutex<HashMap<String, Option<Arc<Zone>>>>,
}

impl ZoneSource for System {
    fn zone(&self, name: &str) -> Option<Arc<Zone>> {
        let root = self.root.as_deref().unwrap_or(Path::new("/"));
        let load =
            || Zone::tzif(name, &std::fs::read(root.join("usr/share/zoneinfo").join(name)).ok()?).ok().map(Arc::new);
        self.zones.lock().unwrap().entry(name.to_owned()).or_insert_with(load).clone()
    }
}

impl System {
    fn command(root: Option<&Path>) -> Command {
        match root {
            None => Command::new("systemd-analyze"),
            Some(root) => {
                let mut command = Command::new("chroot");
                command.arg(root).arg("systemd-analyze");
                command
            }
        }
    }

    fn find(root: Option<PathBuf>) -> Option<System> {
        let output =
            Self::command(root.as_deref()).arg("--version").output().ok().filter(|output| output.status.success())?;
        let version = Version::parse(String::from_utf8(output.stdout).ok()?.lines().next()?)?;
        Some(System { root, version, zones: Mutex::default() })
    }

    /// What it says of each specification: its normal form and its elapses, in seconds; `None` where it refuses it.
    fn ask(&self, zone: &Zone, base: Realtime, specs: &[String]) -> Vec<Option<Answer>> {
        let mut command = Self::command(self.root.as_deref());
        command.arg("calendar").arg(format!("--iterations={ELAPSES}"));
        command.arg(format!("--base-time=@{}.{:06}", base.0 / 1_000_000, base.0 % 1_000_000)).arg("--").args(specs);
        let output =
            command.env("TZ", format!(":{}", zone.name())).env("LC_ALL", "C").stderr(Stdio::piped()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        // A block for each specification, with an empty line between two; one that is refused has no lines.
        let mut lines = text.lines();
        specs.iter().map(|_| Answer::read(&mut lines, zone)).collect()
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    normal: String,
    elapses: Vec<i64>,
}

impl Answer {
    fn read<'t>(lines: &mut impl Iterator<Item = &'t str>, zone: &Zone) -> Option<Answer> {
        let utc = Zone::utc();
        let (mut normal, mut elapses) = (None, Vec::new());
        for line in lines.by_ref() {
            let Some((name, value)) = line.split_once(": ") else {
                if line.is_empty() {
                    break;
                }
                continue;
            };
            match name.trim() {
                "Normalized form" => normal = Some(value.to_owned()),
                "(in UTC)" => *elapses.last_mut().unwrap() = parse_stamp(value, &utc).unwrap().seconds(),
                "From now" | "Original form" => {}
                _ if value == "never" => {}
                // In a zone that is not UTC now the line `(in UTC)` follows and takes its place.
                _ => {
                    let (words, zone_name) = value.rsplit_once(' ').unwrap();
                    let zone = if zone_name == "UTC" { &utc } else { zone };
                    elapses.push(parse_stamp(words, zone).unwrap().seconds());
                }
            }
        }
        normal.map(|normal| Answer { normal, elapses })
    }

    fn predict(system: &System, zone: &Zone, base: Realtime, text: &str) -> Option<Answer> {
        let spec = parse(text, zone, now_s(), system).ok()?;
        let mut walk = Walk::new(&spec, zone, base, system.version);
        let mut elapses = Vec::new();
        while elapses.len() < ELAPSES {
            match walk.step() {
                Ok(at) => elapses.push(at.seconds()),
                Err(Never::Past) => break,
                // It prints what it found when it is done, and here it never is.
                Err(Never::Stuck | Never::Range) => return None,
            }
        }
        Some(Answer { normal: spec.to_string(), elapses })
    }
}

/// Seconds since 1970. The names of a zone are those of now.
fn now_s() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

fn compare(system: &System, seed: u64, count: usize) -> (usize, usize) {
    let mut random = Random(seed);
    let (mut compared, mut disagreed) = (0, 0);
    while compared < count {
        let name = *random.pick(ZONES);
        let Some(zone) = system.zone(name) else { continue };
        let base = base(&mut random, &zone);
        let names = zone.names(now_s());
        let specs: Vec<String> = (0..BATCH).map(|_| specification(&mut random, names, base)).collect();
        // What localtime(3) was asked last decides which names of the zone are taken, so such a specification is asked alone.
        let (alone, together): (Vec<String>, Vec<String>) =
            specs.into_iter().partition(|spec| names.iter().any(|name| spec.ends_with(name)));
        let mut answers = system.ask(&zone, base, &together);
        answers.extend(alone.iter().flat_map(|spec| system.ask(&zone, base, std::slice::from_ref(spec))));
        let specs: Vec<String> = together.into_iter().chain(alone).collect();
        for (text, answer) in specs.iter().zip(answers) {
            compared += 1;
            let predicted = Answer::predict(system, &zone, base, text);
            if predicted != answer {
                disagreed += 1;
                if disagreed <= 20 {
                    eprintln!(
                        "{} TZ={name} base {}: {text:?}\n  it: {answer:?}\n  we: {predicted:?}",
                        system.version, base.0
                    );
                }
            }
        }
    }
    (compared, disagreed)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn calendar() {
    let roots = std::env::var("CASEBOOK_SYSTEMD_ROOTS").unwrap_or_default();
    let roots = roots.split(':').filter(|root| !root.is_empty()).map(|root| Some(PathBuf::from(root)));
    let systems: Vec<System> = std::iter::once(None).chain(roots).filter_map(System::find).collect();
    if systems.is_empty() {
        eprintln!("skipped: calendar: systemd-analyze is not installed");
        return;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let count = number("CASEBOOK_CALENDAR_SPECS").unwrap_or(20_000) as usize;
    for system in &systems {
        for seed in [20_261_125, number("CASEBOOK_SEED").unwrap_or(now)] {
            let (compared, disagreed) = compare(system, seed, count / 2);
            eprintln!("calendar, systemd {}: {compared} compared, {disagreed} disagreed (seed {seed})", system.version);
            assert_eq!(disagreed, 0);
        }
    }
}
