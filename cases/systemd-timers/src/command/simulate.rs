//! `casebook timers simulate`: what the manager will do with timers, on a machine whose clock does this or that.

use std::io::Write;
use std::sync::Arc;

use casebook_core::{Arg, ArgKind, OutputFormat, Verb, VerbError, VerbInput};
use serde_json::{Value, json};

use super::clock::{Context, parse};
use super::place::{SYSTEMD, TZ, Zones, now, version, zone};
use super::units::{Loaded, load};
use crate::model::time::{DAY_US, MINUTE_US, Realtime, Zone, format_stamp, parse_span, parse_stamp};
use crate::model::timer::{Draw, Engine, Fire, Host, Job, Lasts, Ledger, Scenario, Starts, Window};

/// The verb.
pub const SIMULATE: Verb = Verb {
    name: "simulate",
    about: "Say when timers will run, and which runs will be lost, under a clock that steps, drifts, sleeps or reboots",
    long: "UNIT is a timer's file, a folder of unit files or a bundle; drop-ins and services beside it are used. The clock's life is \
           text, one event a line or between `;`:\n\n  \
           boot 2027-01-10 13:00 ahead 9d     the first boot, and how far the clock is ahead\n  \
           stamp 2027-01-09 02:31             time of the stamp file of Persistent=\n  \
           +5min step -9d                     five minutes later the clock is set back\n  \
           +2d reboot down 10min ahead 211s   also: suspend 8h, reload, restart, start, stop, set, touch TIME, clean,\n                                     \
           zone NAME, run, job 2h|forever|idle|refused\n  \
           drift 50ppm sync 1d                a clock that gains, set right once a day\n\n\
           By default the answer holds for every seed: a run is a window of time.\n\n\
           Exit status: 0 every time of the calendar has its run, 1 some have none, 2 the input is wrong.\n\n\
           Examples:\n  casebook timers simulate backup.timer --days 30\n  \
           casebook timers simulate /etc/systemd/system/backup.timer --clock 'boot ahead 9d; +8min step -9d' --systemd 257\n  \
           casebook timers simulate units/ --clock clock.txt --seed 7 --format json",
    args: &[
        Arg {
            name: "unit",
            kind: ArgKind::Evidence,
            value_name: "UNIT",
            help: "Timers, folders of units, bundles",
            required: true,
            many: true,
        },
        Arg {
            name: "days",
            kind: ArgKind::Value,
            value_name: "N",
            help: "How long [default: 14]",
            required: false,
            many: false,
        },
        Arg {
            name: "clock",
            kind: ArgKind::Value,
            value_name: "SCENARIO",
            help: "What happens to the machine [default: it stays up]",
            required: false,
            many: false,
        },
        Arg {
            name: "clock-file",
            kind: ArgKind::EvidenceOption,
            value_name: "FILE",
            help: "The same, from a file",
            required: false,
            many: false,
        },
        Arg {
            name: "from",
            kind: ArgKind::Value,
            value_name: "TIME",
            help: "The first boot, where the scenario does not say [default: now]",
            required: false,
            many: false,
        },
        Arg {
            name: "seed",
            kind: ArgKind::Value,
            value_name: "N",
            help: "One draw of the random delays",
            required: false,
            many: false,
        },
        Arg {
            name: "all-seeds",
            kind: ArgKind::Flag,
            value_name: "",
            help: "Every draw [default]",
            required: false,
            many: false,
        },
        Arg {
            name: "job-lasts",
            kind: ArgKind::Value,
            value_name: "TIME",
            help: "How long a run takes at most [default: 1min]",
            required: false,
            many: false,
        },
        TZ,
        SYSTEMD,
    ],
    run,
};

/// Runs shown in text; JSON has all that were kept.
const SHOWN: usize = 40;

fn run(input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let zones = Zones::new(input.local);
    let zone = zone(input, &zones)?;
    let days = match input.value("days") {
        None => 14,
        Some(text) => text
            .parse::<u64>()
            .ok()
            .filter(|days| (1..=36_525).contains(days))
            .ok_or_else(|| VerbError::usage(format!("--days: `{text}` is no number from 1 to 36525")))?,
    };
    let from = match input.value("from") {
        Some(text) => parse_stamp(text, &zone)
            .ok_or_else(|| VerbError::usage(format!("--from: `{text}` is no time, as 2027-01-31 12:00")))?,
        None => now(input).ok_or_else(|| VerbError::usage("--from is needed where there is no clock"))?,
    };
    let lasts_us = match input.value("job-lasts") {
        None => MINUTE_US,
        Some(text) => {
            parse_span(text, 1_000_000).map_err(|error| VerbError::usage(format!("--job-lasts: {}", error.why)))?
        }
    };
    let draw = match input.value("seed") {
        Some(_) if input.flag("all-seeds") => {
            return Err(VerbError::usage("--seed and --all-seeds exclude each other"));
        }
        None => Draw::All,
        Some(text) => {
            Draw::Seed(text.parse().map_err(|_| VerbError::usage(format!("--seed: `{text}` is no whole number")))?)
        }
    };
    let text = match (input.value("clock"), input.file("clock-file").and_then(|id| input.evidence.get(id))) {
        (Some(_), Some(_)) => return Err(VerbError::usage("--clock and --clock-file exclude each other")),
        (Some(text), None) => text.to_owned(),
        (None, Some(file)) => String::from_utf8_lossy(file.as_bytes()).into_owned(),
        (None, None) => String::new(),
    };
    let job = Job { starts: Starts::Runs, lasts: Lasts::For(Window::new(0, lasts_us)) };
    let host = Host { version: version(input)?, zone: Arc::clone(&zone), machine_id: None, user: None };
    let context = Context { zone: &zone, zones: &zones, now: from, end: days * DAY_US, job };
    let scenario = parse(&text, &context).map_err(|error| {
        VerbError::with_hint(format!("--clock: {error}"), "`casebook timers simulate --help` lists what can happen")
    })?;
    let loaded = load(input, job)?;
    let (mut code, mut all) = (0, Vec::new());
    for (index, one) in loaded.iter().enumerate() {
        let ledger = simulate(one, &host, &scenario, &draw);
        code |= u8::from(ledger.losses.iter().any(|loss| loss.count > 0));
        match input.format {
            OutputFormat::Json => all.push(ledger_json(one, &ledger, &zone)),
            OutputFormat::Text => {
                if index > 0 {
                    writeln!(out)?;
                }
                print(one, &ledger, &host, &draw, out)?;
            }
        }
    }
    if input.format == OutputFormat::Json {
        let seed = match draw {
            Draw::All => Value::Null,
            Draw::Seed(seed) => seed.into(),
        };
        writeln!(
            out,
            "{}",
            json!({ "systemd": host.version.to_string(), "zone": zone.name(), "seed": seed, "timers": all })
        )?;
    }
    Ok(code)
}

fn simulate(one: &Loaded, host: &Host, scenario: &Scenario, draw: &Draw) -> Ledger {
    let timer = &one.unit.timer;
    Engine::new(timer, one.job, host, scenario.boot, scenario.stamp, draw.clone()).run(scenario)
}

/// Elapses of one time of the calendar over all courses, as one window each.
fn grouped(ledger: &Ledger) -> Vec<Fire> {
    let mut out: Vec<Fire> = Vec::new();
    for fire in &ledger.fires {
        match out
            .iter_mut()
            .rev()
            .take(8)
            .find(|known| known.slot.is_some() && known.slot == fire.slot && known.again == fire.again)
        {
            Some(known) => {
                (known.axis, known.realtime) = (known.axis.hull(fire.axis), known.realtime.hull(fire.realtime))
            }
            None => out.push(*fire),
        }
    }
    out
}

/// A window in a zone: one time, or two with dots between.
fn window_text(window: Window, zone: &Zone) -> String {
    // Fractions of a second say nothing here.
    let show = |us: u64| format_stamp(Realtime(us / 1_000_000 * 1_000_000), zone);
    let (lo, hi) = (show(window.lo), show(window.hi));
    if lo == hi { lo } else { format!("{lo} .. {hi}") }
}

fn print(one: &Loaded, ledger: &Ledger, host: &Host, draw: &Draw, out: &mut dyn Write) -> std::io::Result<()> {
    let seed = match draw {
        Draw::All => "every seed".to_owned(),
        Draw::Seed(seed) => format!("seed {seed}"),
    };
    writeln!(out, "{} on systemd {}, {}, {seed}", one.unit.timer.name, host.version, host.zone.name())?;
    for note in &one.notes {
        writeln!(out, "  note  {note}")?;
    }
    let fires = grouped(ledger);
    for fire in fires.iter().take(SHOWN) {
        let slot = match fire.slot {
            Some(slot) if !fire.realtime.holds(slot.0) => format!("   for {}", format_stamp(slot, &host.zone)),
            _ => String::new(),
        };
        let again = if fire.again { "   a second time" } else { "" };
        writeln!(out, "  run   {}{slot}{again}", window_text(fire.realtime, &host.zone))?;
    }
    let more = (fires.len().saturating_sub(SHOWN)) as u64 + ledger.more_fires;
    if more > 0 {
        writeln!(out, "        and {more} more (--format json has them)")?;
    }
    for loss in &ledger.losses {
        let (first, last) = (format_stamp(loss.first, &host.zone), format_stamp(loss.last, &host.zone));
        let times = if loss.count == 1 { first } else { format!("{} times, {first} to {last}", loss.count) };
        writeln!(out, "  lost  {times}: {}", loss.why())?;
    }
    let lost: u64 = ledger.losses.iter().map(|loss| u64::from(loss.count)).sum();
    writeln!(
        out,
        "  {} run{}, {lost} time{} of the calendar lost",
        fires.len() as u64 + ledger.more_fires,
        plural(fires.len()),
        plural(lost as usize)
    )
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn ledger_json(one: &Loaded, ledger: &Ledger, zone: &Zone) -> Value {
    let fires = grouped(ledger).into_iter().map(|fire| {
        json!({
            "from_us": fire.realtime.lo, "to_us": fire.realtime.hi, "local": window_text(fire.realtime, zone),
            "slot_us": fire.slot.map(|slot| slot.0), "again": fire.again,
        })
    });
    let losses = ledger.losses.iter().map(|loss| {
        json!({
            "cause": loss.cause.name(), "why": loss.why(), "count": loss.count, "first_us": loss.first.0, "last_us": loss.last.0,
            "ahead_us": loss.ahead_us,
        })
    });
    json!({
        "timer": one.unit.timer.name, "runs": fires.collect::<Vec<_>>(), "more_runs": ledger.more_fires,
        "lost": losses.collect::<Vec<_>>(), "notes": one.notes,
    })
}
