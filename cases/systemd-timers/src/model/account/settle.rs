//! What of the ledger stands once it is known how the clock went on.
//!
//! The ledger is written as the clock shows each moment. A clock that is set later was wrong before: times it was set past have
//! not gone by, and those it came to too early come again. CLOCK_MONOTONIC tells how long each boot was; counted back from where
//! the clock stood at the end of the boot, it tells which times of the calendar went by in truth, and which had a run.

use std::collections::BTreeMap;

use super::{Boot, Life, What};
use crate::model::calendar::Walk;
use crate::model::time::{Realtime, SECOND_US};
use crate::model::timer::{Cause, Host, Ledger, Loss, Timer};

/// A run this much before its time, by a clock that was slewed in between, is the run of that time.
const SLEWED_US: u64 = 5 * SECOND_US;

/// Lost times that are looked at one by one.
const MOST: usize = 200_000;

/// Where a time of the calendar lies in a life.
enum Place {
    /// Before the first boot, after the end, or in a boot of which the start of the timer is not told.
    Outside,
    /// Between two boots.
    Off,
    /// In a boot, before the timer was started.
    NotStarted,
    /// In a boot.
    Up,
}

impl Boot {
    /// CLOCK_REALTIME at a moment of this boot, had the clock been right all along: every setting counts, also later ones.
    fn corrected(&self, at_us: u64) -> u64 {
        let moved = self.happenings.iter().map(|one| match one.what {
            What::Set(by) => by,
            What::Slept(us) if one.at_us <= at_us => us as i64,
            _ => 0,
        });
        (self.begin.0 + at_us).saturating_add_signed(moved.sum())
    }

    fn started_us(&self) -> Option<u64> {
        self.happenings.iter().find(|one| one.what == What::Started).map(|one| one.at_us)
    }
}

fn place(boots: &[(u64, Option<u64>, u64)], at: u64) -> Place {
    let mut before = None;
    for (begin, started, end) in boots {
        if at < *begin {
            return if before.is_some() { Place::Off } else { Place::Outside };
        }
        if at <= *end {
            return match started {
                None => Place::Outside,
                Some(started) if at < *started => Place::NotStarted,
                Some(_) => Place::Up,
            };
        }
        before = Some(*end);
    }
    Place::Outside
}

/// Times of the calendar that had a run, by the clock that was right in the end.
fn served(life: &Life, ledger: &Ledger, by_hand: &[usize]) -> Vec<u64> {
    let runs: Vec<(u64, u64)> = life
        .runs()
        .map(|(boot, one, _)| (life.boots[boot].realtime_at(one.at_us).0, life.boots[boot].corrected(one.at_us)))
        .collect();
    let mut out: Vec<u64> = by_hand.iter().filter_map(|number| Some(runs.get(*number)?.1)).collect();
    let mut shown = runs;
    shown.sort_unstable();
    for fire in &ledger.fires {
        let Some(slot) = fire.slot else { continue };
        let from = shown.partition_point(|(at, _)| at + SLEWED_US < fire.realtime.lo);
        let near = shown[from..].iter().take_while(|(at, _)| *at <= fire.realtime.hi + SLEWED_US);
        // A run at a time that is shown twice is one of two.
        out.extend(near.map(|(at, corrected)| slot.0.saturating_add_signed(*corrected as i64 - *at as i64)));
    }
    out.sort_unstable();
    out
}

/// The losses that stand.
pub(super) fn settle(timer: &Timer, host: &Host, life: &Life, ledger: &Ledger, by_hand: &[usize]) -> Vec<Loss> {
    let mut walks: Vec<Walk<'_>> =
        timer.specs().map(|spec| Walk::new(spec, &*host.zone, Realtime(0), host.version)).collect();
    let mut next = |after: u64| walks.iter_mut().filter_map(|walk| walk.after(Realtime(after)).ok()).min();
    let served = served(life, ledger, by_hand);
    let boots: Vec<(u64, Option<u64>, u64)> = life
        .boots
        .iter()
        .map(|boot| {
            let started = boot.started_us().map(|us| boot.corrected(us));
            (boot.corrected(0), started, boot.corrected(boot.last_us))
        })
        .collect();
    let mut lost: BTreeMap<u64, Loss> = BTreeMap::new();
    for loss in &ledger.losses {
        let mut slot = Some(loss.first);
        while let Some(at) = slot.filter(|slot| *slot <= loss.last && lost.len() < MOST) {
            slot = next(at.0);
            let from = served.partition_point(|run| *run + SLEWED_US < at.0);
            if served.get(from).is_some_and(|run| slot.is_none_or(|slot| *run + SLEWED_US < slot.0)) {
                continue;
            }
            let cause = match (place(&boots, at.0), loss.cause) {
                (Place::Outside, _) | (Place::Up, Cause::Off) => continue,
                (Place::Off, Cause::Off | Cause::Skipped | Cause::Inactive) => Cause::Off,
                (Place::NotStarted, Cause::Off | Cause::Skipped) => Cause::Inactive,
                (_, cause) => cause,
            };
            let one = Loss { cause, first: at, last: at, count: 1, ..*loss };
            lost.entry(at.0)
                .and_modify(|known| {
                    if one.cause < known.cause {
                        *known = one
                    }
                })
                .or_insert(one);
        }
    }
    let mut out: Vec<Loss> = Vec::new();
    for one in lost.into_values() {
        match out.last_mut() {
            Some(before)
                if before.cause == one.cause && before.axis == one.axis && next(before.last.0) == Some(one.first) =>
            {
                (before.last, before.count) = (one.last, before.count.saturating_add(1));
            }
            _ => out.push(one),
        }
    }
    out
}
