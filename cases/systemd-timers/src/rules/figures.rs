//! Drawings: nights by hours, with what ran and what was lost.

use casebook_core::{Figure, Grid, Tone};

use super::words::at;
use crate::facts::Facts;
use crate::facts::accounts::Account;
use crate::model::account::{What, next_elapse};
use crate::model::time::{Realtime, Tm};

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
