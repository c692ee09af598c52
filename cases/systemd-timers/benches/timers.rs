//! Speed of the calendar and of the simulation. Prints a line for each measurement; see README.md beside it.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program that measures"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use case_systemd_timers::model::calendar::{Spec, Walk, ZoneSource, parse};
use case_systemd_timers::model::time::{DAY_US, HOUR_US, MINUTE_US, Realtime, SECOND_US, Zone};
use case_systemd_timers::model::timer::{Action, Boot, Draw, Engine, Host, Job, Scenario, Timer, Trigger, Window};
use case_systemd_timers::model::version::Version;

struct Bundled(Arc<Zone>);

impl ZoneSource for Bundled {
    fn zone(&self, name: &str) -> Option<Arc<Zone>> {
        (name == "Europe/Berlin").then(|| self.0.clone())
    }
}

const BASE: Realtime = Realtime(1_795_651_200_000_000);

/// Runs it five times and gives the median, in seconds.
fn median(mut work: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..5)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[2]
}

fn elapses(spec: &Spec, manager: &Zone, count: u32) {
    let mut walk = Walk::new(spec, manager, BASE, Version::NEWEST);
    for _ in 0..count {
        black_box(walk.step().unwrap());
    }
}

fn main() {
    let berlin = Arc::new(Zone::bundled("Europe/Berlin").unwrap());
    let (utc, zones) = (Zone::utc(), Bundled(berlin.clone()));
    let read = |text: &str| parse(text, &utc, BASE.seconds(), &zones).unwrap();
    for (text, count) in [
        ("*:*:0/5", 1_000_000),
        ("*:*:0/5 Europe/Berlin", 1_000_000),
        ("Mon..Fri 02:30", 40_000),
        ("Mon..Fri 02:30 Europe/Berlin", 40_000),
        ("*-*~1 23:55", 1_600),
    ] {
        let spec = read(text);
        let seconds = median(|| elapses(&spec, &utc, count));
        println!("{:>12.0} elapses/s   {text}", f64::from(count) / seconds);
    }
    let specs: Vec<String> =
        (0..1000).map(|i| format!("Mon..Fri *-*-{} {:02}:{:02}", i % 28 + 1, i % 24, i % 60)).collect();
    let seconds = median(|| specs.iter().for_each(|text| elapses(&read(text), &utc, 1)));
    println!("{:>12.3} ms          1000 specifications read and answered", seconds * 1e3);
    let specs: Vec<String> = specs.iter().map(|text| format!("{text} Europe/Berlin")).collect();
    let seconds = median(|| specs.iter().for_each(|text| elapses(&read(text), &utc, 1)));
    println!("{:>12.3} ms          the same in a zone", seconds * 1e3);

    let host = Host { version: Version::V257, zone: berlin, machine_id: None, user: None };
    let boot = Boot { realtime: BASE, userspace_us: SECOND_US, timers_us: Window::at(5 * SECOND_US) };
    let job = Job::runs(0, SECOND_US);
    let minutely =
        Timer { triggers: vec![Trigger::Calendar(read("minutely"))], accuracy_us: 1, ..Timer::new("m.timer") };
    let scenario = Scenario { boot, stamp: None, actions: vec![], end: 3652 * DAY_US };
    let mut fires = 0;
    let seconds = median(|| {
        let ledger = Engine::new(&minutely, job, &host, boot, None, Draw::All).run(&scenario);
        fires = ledger.fires.len() as u64 + ledger.more_fires;
    });
    println!("{seconds:>12.3} s           ten years of a minutely timer, {fires} elapses, every seed");

    let timers: Vec<Timer> = (0..200)
        .map(|i| Timer {
            triggers: vec![Trigger::Calendar(read(&format!("*-*-* {:02}:{:02}", i % 24, i % 60)))],
            random_us: (i % 12) as u64 * HOUR_US / 2,
            persistent: i % 2 == 0,
            ..Timer::new(format!("t{i}.timer"))
        })
        .collect();
    let actions = (1..52).map(|week| (week * 7 * DAY_US, Action::Step(-(MINUTE_US as i64)))).collect();
    let year = Scenario { boot, stamp: None, actions, end: 365 * DAY_US };
    let seconds = median(|| {
        for timer in &timers {
            black_box(Engine::new(timer, job, &host, boot, None, Draw::All).run(&year));
        }
    });
    println!("{seconds:>12.3} s           a year of 200 daily timers and 51 steps of the clock, every seed");
}
