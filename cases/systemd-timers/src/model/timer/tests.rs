//! The matrix of research: a daily timer and a clock that moves nine days, on three versions. Expected values were measured on
//! the real service manager in a virtual machine.

use std::sync::Arc;

use super::*;
use crate::model::calendar::{ZoneSource, parse};
use crate::model::time::{DAY_US, HOUR_US, MINUTE_US, Realtime, SECOND_US, Zone};
use crate::model::version::Version;

struct NoZones;

impl ZoneSource for NoZones {
    fn zone(&self, _: &str) -> Option<Arc<Zone>> {
        None
    }
}

fn host(version: Version) -> Host {
    Host { version, zone: Arc::new(Zone::utc()), machine_id: None, user: None }
}

fn daily(text: &str) -> Timer {
    let spec = parse(text, &Zone::utc(), 0, &NoZones).unwrap();
    Timer { triggers: vec![Trigger::Calendar(spec)], accuracy_us: 1, ..Timer::new("backup.timer") }
}

/// 2027-01-10 13:00 UTC.
const TRUE: u64 = 1_799_586_000_000_000;

fn boot(ahead_us: i64) -> Boot {
    Boot { realtime: Realtime(TRUE).shift(ahead_us), userspace_us: SECOND_US, timers_us: Window::at(5 * SECOND_US) }
}

fn run(timer: &Timer, job: Job, version: Version, ahead_us: i64, actions: Vec<(u64, Action)>, days: u64) -> Ledger {
    let scenario = Scenario { boot: boot(ahead_us), stamp: None, actions, end: days * DAY_US };
    let host = host(version);
    Engine::new(timer, job, &host, scenario.boot, scenario.stamp, Draw::All).run(&scenario)
}

const SHORT: Job = Job { starts: Starts::Runs, lasts: Lasts::For(Window { lo: 0, hi: SECOND_US }) };

#[test]
fn nine_nights_are_lost_to_a_base_in_the_future() {
    let timer = Timer { random_us: 45 * MINUTE_US, persistent: true, ..daily("02:30") };
    let back = vec![(5 * MINUTE_US, Action::Step(-9 * DAY_US as i64))];
    for version in [Version::V252, Version::V257] {
        let ledger = run(&timer, SHORT, version, 9 * DAY_US as i64, back.clone(), 12);
        let lost: Vec<_> = ledger.losses.iter().map(|loss| (loss.cause, loss.count)).collect();
        assert_eq!(lost, [(Cause::FutureBase, 9)], "{version}");
        assert_eq!(ledger.fires.len(), 3, "{version}: {:?}", ledger.fires);
    }
    let ledger = run(&timer, SHORT, Version::V262, 9 * DAY_US as i64, back, 12);
    assert_eq!((ledger.losses.len(), ledger.fires.len()), (0, 12));
}

#[test]
fn the_matrix_of_clock_steps() {
    let nine = 9 * DAY_US as i64;
    let lost = |ledger: &Ledger| {
        ledger.losses.iter().filter(|loss| loss.cause == Cause::FutureBase).map(|loss| loss.count).sum::<u32>()
    };
    for (version, stuck) in [(Version::V252, 9), (Version::V257, 9), (Version::V262, 0)] {
        for persistent in [false, true] {
            let timer = Timer { persistent, ..daily("02:00") };
            let step = |at| vec![(at, Action::Step(-nine))];
            // Never triggered since it was started.
            assert_eq!(lost(&run(&timer, SHORT, version, nine, step(HOUR_US), 12)), stuck, "{version}");
            // Triggered before, waiting.
            assert_eq!(lost(&run(&timer, SHORT, version, nine, step(14 * HOUR_US), 12)), 0, "{version}");
            // The service is running at the step.
            let long = Job::runs(2 * HOUR_US, 2 * HOUR_US);
            assert_eq!(lost(&run(&timer, long, version, nine, step(14 * HOUR_US), 12)), stuck, "{version}");
        }
        // Forward, never run, not persistent: at once.
        let ledger = run(&daily("02:00"), SHORT, version, 0, vec![(HOUR_US, Action::Step(nine))], 2);
        assert_eq!(ledger.fires[0].axis, Window::at(HOUR_US), "{version}");
        // Back by 211 s just after it ran: twice at the same time of the wall.
        let after = 13 * HOUR_US + 60 * SECOND_US;
        let ledger = run(&daily("02:00"), SHORT, version, 0, vec![(after, Action::Step(-211 * SECOND_US as i64))], 2);
        assert!(ledger.fires[1].again, "{version}: {:?}", ledger.fires);
        // Monotonic timers do not mind.
        let timer = Timer {
            triggers: vec![Trigger::Monotonic { base: Base::Boot, after_us: 2 * HOUR_US }],
            accuracy_us: 1,
            ..Timer::new("m.timer")
        };
        let ledger = run(&timer, SHORT, version, 0, vec![(HOUR_US, Action::Step(-nine))], 1);
        assert_eq!(ledger.fires.iter().map(|fire| fire.axis).collect::<Vec<_>>(), [Window::at(2 * HOUR_US)]);
    }
}

#[test]
fn a_clock_off_by_minutes_loses_nothing() {
    let timer = Timer { random_us: 45 * MINUTE_US, persistent: true, ..daily("02:30") };
    for version in [Version::V252, Version::V257, Version::V262] {
        let ledger = run(
            &timer,
            SHORT,
            version,
            211 * SECOND_US as i64,
            vec![(HOUR_US, Action::Step(-211 * SECOND_US as i64))],
            9,
        );
        assert_eq!((ledger.losses.len(), ledger.fires.len()), (0, 9), "{version}: {:?}", ledger.losses);
    }
}

#[test]
fn restarting_twice_and_what_else_repairs() {
    let nine = 9 * DAY_US as i64;
    let (never, running) = (HOUR_US, 14 * HOUR_US);
    let repair = |version, persistent, at: u64, actions: &[Action]| {
        let timer = Timer { persistent, ..daily("02:00") };
        let job = if at == running { Job::runs(2 * HOUR_US, 2 * HOUR_US) } else { SHORT };
        let mut all = vec![(at, Action::Step(-nine))];
        all.extend(
            actions
                .iter()
                .enumerate()
                .map(|(index, action)| (at + 3 * HOUR_US + index as u64 * SECOND_US, action.clone())),
        );
        let ledger = run(&timer, job, version, nine, all, 12);
        ledger.losses.iter().filter(|loss| loss.cause == Cause::FutureBase).map(|loss| loss.count).sum::<u32>() <= 1
    };
    let twice = [Action::Restart, Action::Restart];
    let (v252, v257) = (Version::V252, Version::V257);
    for version in [v252, v257] {
        for persistent in [false, true] {
            for kind in [never, running] {
                assert!(!repair(version, persistent, kind, &[Action::Reload]), "reload, {version}");
                assert!(!repair(version, persistent, kind, &twice[..1]), "one restart, {version}");
            }
            assert!(repair(version, persistent, never, &twice), "two restarts, {version}");
            assert_eq!(
                repair(version, persistent, running, &twice),
                version == v252,
                "two restarts of one that ran, {version}"
            );
            // Setting the clock to what it shows.
            assert!(repair(version, persistent, running, &[Action::Step(0)]), "clock set, {version}");
            assert!(!repair(version, persistent, never, &[Action::Step(0)]), "clock set, {version}");
        }
        let touched = [Action::Touch(Realtime(TRUE - 2 * DAY_US)), Action::Restart];
        assert!(repair(version, true, never, &touched), "stamp, {version}");
        assert!(repair(version, true, running, &touched), "stamp, {version}");
    }
}

#[test]
fn a_service_that_never_ends_is_started_once() {
    let job = Job { starts: Starts::Runs, lasts: Lasts::Forever };
    assert_eq!(run(&daily("02:00"), job, Version::V257, 0, vec![], 5).fires.len(), 1);
}

#[test]
fn elapses_during_a_run_are_one() {
    let ledger = run(&daily("*:0/10"), Job::runs(25 * MINUTE_US, 25 * MINUTE_US), Version::V257, 0, vec![], 1);
    assert!(ledger.losses.iter().all(|loss| loss.cause == Cause::StillRunning));
    // Back to back, one after the other.
    assert_eq!(ledger.fires[1].axis.lo - ledger.fires[0].axis.lo, 25 * MINUTE_US);
}

#[test]
fn unit_active_alone_never_starts() {
    let timer = Timer {
        triggers: vec![Trigger::Monotonic { base: Base::UnitActive, after_us: HOUR_US }],
        ..Timer::new("m.timer")
    };
    assert!(run(&timer, SHORT, Version::V257, 0, vec![], 5).fires.is_empty());
}

#[test]
fn a_delay_longer_than_its_period_skips() {
    let timer = Timer { random_us: 3 * DAY_US, ..daily("02:00") };
    let scenario = Scenario { boot: boot(0), stamp: None, actions: vec![], end: 60 * DAY_US };
    let host = host(Version::V257);
    let ledger = Engine::new(&timer, SHORT, &host, scenario.boot, None, Draw::Seed(3)).run(&scenario);
    assert!(ledger.fires.len() < 50);
    assert!(ledger.losses.iter().all(|loss| loss.cause == Cause::Delay) && !ledger.losses.is_empty());
}

#[test]
fn nightly_reboots_draw_a_delay_again() {
    // Issue 21166: six hours of delay, and a reboot an hour into it.
    let timer = Timer { random_us: 12 * HOUR_US, persistent: true, ..daily("02:00") };
    let mut actions = Vec::new();
    for night in 0..5 {
        let boot = Boot { realtime: Realtime(TRUE + (night * 24 + 14) * HOUR_US + MINUTE_US), ..boot(0) };
        actions.push(((night * 24 + 14) * HOUR_US, Action::Reboot { down_us: MINUTE_US, boot }));
    }
    let ledger = run(&timer, SHORT, Version::V257, 0, actions, 6);
    assert!(ledger.fires.iter().all(|fire| fire.slot.is_some()));
    assert!(ledger.fires[0].axis.hi > ledger.fires[0].axis.lo);
}

#[test]
fn every_seed_is_inside_of_all_seeds() {
    let timer = Timer { random_us: 6 * HOUR_US, persistent: true, accuracy_us: MINUTE_US, ..daily("*-*-* 00/8:00") };
    let actions = vec![
        (20 * HOUR_US, Action::Reload),
        (47 * HOUR_US, Action::Step(-3 * HOUR_US as i64)),
        (60 * HOUR_US, Action::Suspend(9 * HOUR_US)),
    ];
    let scenario = Scenario { boot: boot(0), stamp: None, actions, end: 6 * DAY_US };
    let host = host(Version::V257);
    let all = Engine::new(&timer, SHORT, &host, scenario.boot, None, Draw::All).run(&scenario);
    for seed in 0..200 {
        let one = Engine::new(&timer, SHORT, &host, scenario.boot, None, Draw::Seed(seed)).run(&scenario);
        for fire in &one.fires {
            let inside = all
                .fires
                .iter()
                .any(|of| of.axis.lo <= fire.axis.lo && fire.axis.hi <= of.axis.hi && of.slot == fire.slot);
            assert!(inside, "seed {seed}: {fire:?}");
        }
    }
}
