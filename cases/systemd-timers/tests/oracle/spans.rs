//! `systemd-analyze timespan` against the model: what a span of time is in microseconds, and how it is printed.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use case_systemd_timers::model::time::{format_span, parse_span};

use crate::generate::Random;

const UNITS: &[&str] = &[
    "", "s", "sec", "second", "seconds", "m", "min", "minute", "minutes", "ms", "msec", "us", "usec", "µs", "μs", "h",
    "hr", "hour", "hours", "d", "day", "days", "w", "week", "weeks", "M", "month", "months", "y", "year", "years", "S",
    "Min", "foo", "mm",
];

/// A span, valid or nearly so.
fn span(random: &mut Random) -> String {
    if random.once(40) {
        return random
            .pick::<&str>(&["infinity", " infinity ", "infinity 5s", "", " ", "-1s", "+5s", ".", "5.", "1..2s", "s"])
            .to_string();
    }
    let parts = 1 + random.below(3);
    let mut text = String::new();
    for _ in 0..parts {
        let digits = 1 + random.below(6) as u32;
        text.push_str(&random.below(10u64.pow(digits)).to_string());
        if random.once(3) {
            text.push('.');
            let digits = 1 + random.below(8) as u32;
            text.push_str(&random.below(10u64.pow(digits)).to_string());
        }
        if random.once(3) {
            text.push(' ');
        }
        text.push_str(random.pick::<&str>(UNITS));
        if random.once(2) {
            text.push_str(random.pick::<&str>(&[" ", "  ", "\t"]));
        }
    }
    text
}

/// Microseconds and the printed form, as systemd-analyze says them; `None` where it refuses the span.
fn ask(text: &str) -> Option<(u64, String)> {
    let output =
        Command::new("systemd-analyze").args(["timespan", "--", text]).env("LC_ALL", "C.UTF-8").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let value = |name: &str| {
        said.lines().find_map(|line| Some(line.split_once(": ").filter(|(key, _)| key.trim() == name)?.1.to_owned()))
    };
    let us = value("μs").or_else(|| value("us"))?;
    Some((us.parse().ok()?, value("Human")?))
}

#[test]
fn spans() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("skipped: spans: systemd-analyze is not installed");
        return;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    for seed in [20_261_125, now] {
        let mut random = Random(seed);
        let (mut compared, mut disagreed) = (0, 0);
        for _ in 0..400 {
            let text = span(&mut random);
            let ours = parse_span(&text, 1_000_000).ok().map(|us| (us, format_span(us)));
            let theirs = ask(&text);
            compared += 1;
            if ours != theirs {
                disagreed += 1;
                eprintln!("{text:?}: it {theirs:?}, we {ours:?}");
            }
        }
        eprintln!("spans: {compared} compared, {disagreed} disagreed (seed {seed})");
        assert_eq!(disagreed, 0);
    }
}
