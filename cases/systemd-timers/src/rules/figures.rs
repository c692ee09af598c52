//! Drawings: nights by hours, with what ran and what was lost.

use casebook_core::{Bar, Figure, Grid, Lane, Timeline, Tone};

use super::words::at;
use crate::facts::Facts;
use crate::facts::accounts::Account;
use crate::model::account::{What, next_elapse};
use crate::model::time::{Realtime, Tm};
use crate::model::timer::about;

/// Days drawn.
const DAYS: i64 = 60;

/// The days a timer's life tells of by hours of the machine's zone: runs, and times of the calendar that were lost.
pub(super) fn nights(facts: &Facts, account: &Account) -> Option<Figure> {
    let replay = account.replay.as_ref()?;
    let zone = &facts.accounts.setting.host.zone;
    let cell = |at: Realtime| {
        let at_s = at.seconds();
        let wall = at_s + zone.offset_s(at_s);
        (wall.div_euclid(86_400), (wall.rem_euclid(86_400) / 3600) as usize)
    };
    let mut marks: Vec<(i64, usize, Tone, String)> = Vec::new();
    for (boot, one) in account.life.happenings() {
        if let What::Run(run) = one.what {
            let when = account.life.boots[boot].realtime_at(one.at_us);
            let (day, hour) = cell(when);
            let tone = if run.worked && run.succeeded != Some(false) { Tone::Plain } else { Tone::Notable };
            marks.push((day, hour, tone, format!("ran {}", at(facts, when))));
        }
    }
    for loss in &replay.ledger.losses {
        let mut slot = loss.first;
        for _ in 0..DAYS * 24 {
            let (day, hour) = cell(slot);
            marks.push((day, hour, Tone::Culprit, format!("lost {}: {}", at(facts, slot), loss.why())));
            match next_elapse(&account.unit.timer, &facts.accounts.setting.host, slot) {
                Some(next) if next <= loss.last => slot = next,
                _ => break,
            }
        }
    }
    let (first, last) = (marks.iter().map(|(day, ..)| *day).min()?, marks.iter().map(|(day, ..)| *day).max()?);
    // A boot with a wrong clock would stretch the drawing over years: the days at the end are drawn.
    let first = first.max(last - DAYS + 1);
    let name = |day: i64| {
        let [year, month, day, ..] = Tm::of_wall(day * 86_400).fields();
        format!("{year:04}-{month:02}-{day:02}")
    };
    let cells = marks
        .into_iter()
        .filter(|(day, ..)| *day >= first)
        .map(|(day, hour, tone, text)| ((day - first) as usize, hour, tone, text));
    Some(Figure::Grid(Grid {
        title: format!("{}: runs and lost times, days by hours ({})", account.name, zone.name()),
        columns: (0..24).map(|hour| hour.to_string()).collect(),
        rows: (first..=last).map(name).collect(),
        cells: cells.collect(),
    }))
}

/// Marks drawn at most in one lane.
const MARKS: usize = 200;

/// The life of a timer on one axis: how far the clock was off, when it ran, what was lost. The axis is the machine's own time; the clock
/// of the end is taken for the right one.
pub(super) fn life(facts: &Facts, account: &Account) -> Option<Figure> {
    let replay = account.replay.as_ref()?;
    let axis = |realtime: u64| realtime.saturating_add_signed(-replay.clocks.offset_us) as i64;
    // Backwards from the end: before a step the clock was off by what the step took away.
    let (mut off, mut until, mut bars) = (0i64, replay.end, Vec::new());
    for (at, by) in replay.steps.iter().rev().take(MARKS) {
        if off != 0 {
            bars.push(clock_bar(*at, until, off));
        }
        (off, until) = (off - by, *at);
    }
    if off != 0 {
        bars.push(clock_bar(0, until, off));
    }
    bars.reverse();
    let fires = replay.ledger.fires.iter().take(MARKS);
    let runs =
        fires.map(|fire| (fire.axis.lo as i64, Tone::Plain, format!("ran {}", at(facts, Realtime(fire.realtime.lo)))));
    let lost = replay.ledger.losses.iter().take(MARKS).map(|loss| Bar {
        from_us: axis(loss.first.0),
        to_us: axis(loss.last.0),
        tone: Tone::Culprit,
        label: format!("{} lost: {}", loss.count, loss.why()),
    });
    let lane = |name: &str, bars: Vec<Bar>, marks| Lane { name: name.to_owned(), bars, marks };
    let lanes = vec![
        lane("clock", bars, Vec::new()),
        lane("runs", Vec::new(), runs.collect()),
        lane("lost", lost.collect(), Vec::new()),
    ];
    Some(Figure::Timeline(Timeline { title: format!("{}: the clock, the runs, what was lost", account.name), lanes }))
}

fn clock_bar(from: u64, to: u64, off: i64) -> Bar {
    let way = if off > 0 { "ahead" } else { "behind" };
    Bar {
        from_us: from as i64,
        to_us: to as i64,
        tone: Tone::Notable,
        label: format!("the clock is {} {way} of what it showed at the end", about(off.unsigned_abs())),
    }
}
