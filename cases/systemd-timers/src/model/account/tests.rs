//! Lives as the laboratory tells them.

use std::sync::Arc;

use casebook_core::{EvidenceId, Span};

use super::*;
use crate::model::calendar::{ZoneSource, parse};
use crate::model::time::{DAY_US, HOUR_US, MINUTE_US, Realtime, SECOND_US, Zone};
use crate::model::timer::{Cause, Host, Job, Timer, Trigger};
use crate::model::version::Version;

struct NoZones;

impl ZoneSource for NoZones {
    fn zone(&self, _: &str) -> Option<Arc<Zone>> {
        None
    }
}

/// 2027-01-10 13:00 UTC.
const TRUE: u64 = 1_799_586_000_000_000;
const NINE: i64 = 9 * DAY_US as i64;

fn host(version: Version) -> Host {
    Host { version, zone: Arc::new(Zone::utc()), machine_id: None, user: None }
}

fn nightly(persistent: bool) -> Timer {
    let spec = parse("02:30", &Zone::utc(), 0, &NoZones).unwrap();
    Timer {
        triggers: vec![Trigger::Calendar(spec)],
        persistent,
        random_us: 45 * MINUTE_US,
        ..Timer::new("backup.timer")
    }
}

fn happening(at_us: u64, what: What) -> Happening {
    Happening { at_us, from_us: at_us, what, span: Span::new(EvidenceId(0), 0, 0) }
}

fn story(runs: &[u64]) -> Life {
    let mut happenings = vec![happening(2 * SECOND_US, What::Started), happening(8 * MINUTE_US, What::Set(-NINE))];
    let run = |at: &u64| {
        happening(*at, What::Run(Run { ended_us: Some(at + SECOND_US), worked: true, succeeded: Some(true) }))
    };
    happenings.extend(runs.iter().map(run));
    Life {
        boots: vec![Boot {
            begin: Realtime(TRUE).shift(NINE),
            userspace_us: SECOND_US,
            last_us: 12 * DAY_US,
            happenings,
        }],
    }
}

#[test]
fn the_nine_nights_are_explained_from_their_life() {
    let nights: Vec<u64> = [9, 10, 11].into_iter().map(|day| day * DAY_US + 13 * HOUR_US + 45 * MINUTE_US).collect();
    let replay = replay(&nightly(true), Job::runs(0, MINUTE_US), &host(Version::V257), &story(&nights), true).unwrap();
    let lost: Vec<_> = replay.ledger.losses.iter().map(|loss| (loss.cause, loss.count)).collect();
    assert_eq!(lost, [(Cause::FutureBase, 9)]);
    assert_eq!((replay.missing.len(), replay.by_hand.len()), (0, 0));
    // On 262 nothing would have been lost: the same life is missing nine runs.
    let other =
        super::replay(&nightly(true), Job::runs(0, MINUTE_US), &host(Version::V262), &story(&nights), true).unwrap();
    assert!(!other.missing.is_empty());
}

#[test]
fn a_run_by_hand_is_told_from_an_elapse() {
    let life = story(&[3 * DAY_US]);
    let replay = replay(&nightly(false), Job::runs(0, MINUTE_US), &host(Version::V257), &life, true).unwrap();
    assert_eq!(replay.by_hand, [0]);
}

#[test]
fn what_is_shown_of_a_stuck_timer_names_its_base_and_what_repairs_it() {
    let now = Realtime(TRUE + 4 * DAY_US);
    let entered = Realtime(TRUE + 9 * DAY_US + 2 * SECOND_US);
    let next = Realtime(TRUE + 9 * DAY_US + 14 * HOUR_US);
    for version in [Version::V252, Version::V257] {
        let (timer, host) = (nightly(true), host(version));
        let standing = Standing { now, last: None, entered: Some(entered), next, stamp: Some(entered) };
        let found = stuck(&timer, &host, &standing).unwrap();
        assert_eq!((found.from, found.lost), (CountsFrom::Activation, 5));
        let all = repairs(&timer, Job::runs(0, MINUTE_US), &host, &standing, &found);
        let works: Vec<bool> = all.iter().map(|repair| matches!(repair.trial, Trial::Works(_))).collect();
        // Reload, one restart, stamp and restart, two restarts, the clock set.
        assert_eq!(works, [false, false, true, true, false], "{version}");
        // It ran while the clock was ahead.
        let ran = Standing { last: Some(entered), ..standing };
        let found = stuck(&timer, &host, &ran).unwrap();
        assert_eq!(found.from, CountsFrom::LastRun);
        let all = repairs(&timer, Job::runs(0, MINUTE_US), &host, &ran, &found);
        let works: Vec<bool> = all.iter().map(|repair| matches!(repair.trial, Trial::Works(_))).collect();
        assert_eq!(works, [false, false, true, version == Version::V252, true], "{version}");
    }
}

#[test]
fn a_timer_that_waits_for_tonight_is_not_stuck() {
    let now = Realtime(TRUE);
    let standing = Standing {
        now,
        last: None,
        entered: Some(Realtime(TRUE - HOUR_US)),
        next: Realtime(TRUE + 14 * HOUR_US),
        stamp: None,
    };
    assert_eq!(stuck(&nightly(true), &host(Version::V257), &standing), None);
}

#[test]
fn a_step_of_which_only_the_second_run_tells_lies_before_it() {
    // It ran at 02:30, the clock went back by 211 s a minute later, and the next entry is the second run at 02:30.
    let first = 13 * HOUR_US + 30 * MINUTE_US;
    let run =
        |at: u64| happening(at, What::Run(Run { ended_us: Some(at + SECOND_US), worked: true, succeeded: Some(true) }));
    let second = first + 211 * SECOND_US;
    let step = Happening { from_us: first + SECOND_US, ..happening(second, What::Set(-211 * SECOND_US as i64)) };
    let happenings = vec![happening(2 * SECOND_US, What::Started), run(first), step, run(second)];
    let life =
        Life { boots: vec![Boot { begin: Realtime(TRUE), userspace_us: SECOND_US, last_us: DAY_US, happenings }] };
    let timer = Timer { random_us: 0, ..nightly(false) };
    let replay = replay(&timer, Job::runs(0, MINUTE_US), &host(Version::V257), &life, true).unwrap();
    assert_eq!((replay.by_hand.len(), replay.missing.len()), (0, 0));
    assert_eq!(replay.ledger.fires.iter().filter(|fire| fire.again).count(), 1);
}

/// A life of boots: (what the clock shows first, how long, what happens).
fn lived(boots: Vec<(Realtime, u64, Vec<Happening>)>) -> Life {
    let boots = boots.into_iter().map(|(begin, last_us, mut happenings)| {
        happenings.insert(0, happening(2 * SECOND_US, What::Started));
        Boot { begin, userspace_us: SECOND_US, last_us, happenings }
    });
    Life { boots: boots.collect() }
}

fn ran(at_us: u64) -> Happening {
    happening(at_us, What::Run(Run { ended_us: Some(at_us + SECOND_US), worked: true, succeeded: Some(true) }))
}

fn exact() -> Timer {
    Timer { random_us: 0, accuracy_us: 1, ..nightly(false) }
}

fn losses(timer: &Timer, life: &Life, kept: bool) -> Vec<(Cause, u32)> {
    let replay = replay(timer, Job::runs(0, MINUTE_US), &host(Version::V257), life, kept).unwrap();
    assert_eq!((replay.missing.len(), replay.by_hand.len()), (0, 0), "{:?}", replay.missing);
    replay.ledger.losses.iter().map(|loss| (loss.cause, loss.count)).collect()
}

#[test]
fn a_clock_that_begins_in_the_past_loses_nothing() {
    // Laboratory, forward-never-triggered: nine days slow, set right after eight minutes; what was passed over runs at once.
    let set = 8 * MINUTE_US;
    let life = lived(vec![(
        Realtime(TRUE).shift(-NINE),
        13 * HOUR_US,
        vec![happening(set, What::Set(NINE)), ran(set + SECOND_US)],
    )]);
    assert_eq!(losses(&exact(), &life, true), []);
}

#[test]
fn a_boot_with_a_clock_ahead_was_not_off_for_so_long() {
    // Laboratory, rtc-fast-at-second-boot: down for a minute, the RTC nine days fast, set right after ten minutes.
    let life = lived(vec![
        (Realtime(TRUE), 20 * HOUR_US, vec![ran(13 * HOUR_US + 30 * MINUTE_US)]),
        (
            Realtime(TRUE + 20 * HOUR_US + MINUTE_US).shift(NINE),
            HOUR_US,
            vec![happening(10 * MINUTE_US, What::Set(-NINE))],
        ),
    ]);
    assert_eq!(losses(&exact(), &life, true), []);
}

#[test]
fn a_timer_that_nothing_keeps_loaded_forgets_its_base_when_it_is_stopped() {
    // Laboratory, stop-and-start: started while nine days fast, stopped, the clock set right, started.
    let minutes = |number: u64| number * MINUTE_US;
    let life = lived(vec![(
        Realtime(TRUE).shift(NINE),
        20 * HOUR_US,
        vec![
            happening(minutes(2), What::Stopped),
            happening(minutes(3), What::Set(-NINE)),
            happening(minutes(4), What::Started),
            ran(13 * HOUR_US + minutes(30)),
        ],
    )]);
    assert_eq!(losses(&exact(), &life, false), []);
}

#[test]
fn a_restarted_timer_that_still_waits_is_brought_back_by_the_second_restart() {
    // Laboratory, repair-touch-k1 on 257: one restart wrote the new activation down and counted from the old one.
    let now = Realtime(TRUE);
    let next = Realtime(TRUE + 9 * DAY_US + 13 * HOUR_US + 30 * MINUTE_US);
    let (timer, host) = (exact(), host(Version::V257));
    let standing = Standing { now, last: None, entered: Some(Realtime(TRUE - HOUR_US)), next, stamp: None };
    let found = stuck(&timer, &host, &standing).unwrap();
    assert_eq!(found.from, CountsFrom::Hidden);
    let all = repairs(&timer, Job::runs(0, MINUTE_US), &host, &standing, &found);
    let restart = all.iter().find(|repair| repair.title == "restart the timer").unwrap();
    assert!(matches!(restart.trial, Trial::Works(_)), "{:?}", restart.trial);
}

#[test]
fn a_time_that_comes_while_somebody_elses_run_lasts_has_none_of_its_own() {
    // Laboratory, started-by-hand: the service is started by hand and takes past the time of the calendar; nothing is logged then.
    let hand = 13 * HOUR_US + 20 * MINUTE_US;
    let long = Run { ended_us: Some(hand + 15 * MINUTE_US), worked: true, succeeded: Some(true) };
    let life = lived(vec![(Realtime(TRUE), 20 * HOUR_US, vec![happening(hand, What::Run(long))])]);
    let replay = replay(&exact(), Job::runs(0, MINUTE_US), &host(Version::V257), &life, true).unwrap();
    assert_eq!((replay.missing.len(), replay.by_hand.len()), (0, 1), "{:?}", replay.missing);
    let lost: Vec<_> = replay.ledger.losses.iter().map(|loss| (loss.cause, loss.count)).collect();
    assert_eq!(lost, [(Cause::StillRunning, 1)]);
}
