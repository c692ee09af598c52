//! What brings a stuck timer back: every remedy is tried in the model, on this version and in this state.

use super::stuck::{clocks, next_slot, state};
use super::{Standing, Stuck};
use crate::model::time::{DAY_US, Realtime, SECOND_US, format_stamp};
use crate::model::timer::{Action, Cause, Draw, Engine, Host, Job, Timer, Window};

/// A remedy.
#[derive(Clone, Debug, PartialEq)]
pub struct Repair {
    /// What it does, in words: `restart the timer twice`.
    pub title: String,
    /// The commands.
    pub commands: Vec<String>,
    /// What the model says of it.
    pub trial: Trial,
}

/// What came of trying a remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trial {
    /// No time of the calendar is lost from here on; the next run is in this window of CLOCK_REALTIME.
    Works(Window),
    /// The timer stays as it is: so many times are lost.
    Useless(u32),
}

/// Where now lies on the axis.
const AXIS: u64 = 40 * DAY_US;

/// Remedies for a stuck timer, in the order in which they are tried; those that do not help are there too.
pub fn repairs(timer: &Timer, job: Job, host: &Host, standing: &Standing, stuck: &Stuck) -> Vec<Repair> {
    let name = &timer.name;
    let restart = format!("systemctl restart {name}");
    let mut list = Vec::new();
    let mut attempt = |title: &str, commands: Vec<String>, actions: &[Action]| {
        let trial = attempt(timer, job, host, standing, stuck, actions);
        list.push(Repair { title: title.to_owned(), commands, trial });
    };
    attempt("reload units", vec!["systemctl daemon-reload".to_owned()], &[Action::Reload]);
    attempt("restart the timer", vec![restart.clone()], &[Action::Restart]);
    if timer.persistent
        && let Some(good) = last_good(timer, host, standing.now)
    {
        let touch = format!(
            "touch -d '{}' {}",
            format_stamp(good, crate::model::time::Zone::utc_ref()).get(4..).unwrap_or_default(),
            stamp_path(timer, host)
        );
        let actions = [Action::Touch(good), Action::Restart];
        attempt(
            "date the stamp file before the last time due, then restart the timer: it runs at once",
            vec![touch, restart.clone()],
            &actions,
        );
    }
    attempt(
        "restart the timer twice: the first restart still counts from the old activation",
        vec![restart.clone(), restart],
        &[Action::Restart, Action::Restart],
    );
    attempt(
        "set the clock to what it shows: every waiting timer computes anew",
        vec!["date -s \"@$(date +%s)\"".to_owned()],
        &[Action::Step(0)],
    );
    list
}

fn stamp_path(timer: &Timer, host: &Host) -> String {
    match host.user {
        None => format!("/var/lib/systemd/timers/stamp-{}", timer.name),
        Some(_) => format!("\"${{XDG_DATA_HOME:-$HOME/.local/share}}/systemd/timers/stamp-{}\"", timer.name),
    }
}

/// An instant before the last time of the calendar that has passed, so that this one is caught up.
fn last_good(timer: &Timer, host: &Host, now: Realtime) -> Option<Realtime> {
    // The period is not known; a month holds a time of most timers, and a year of nearly all.
    let before = [DAY_US, 7 * DAY_US, 31 * DAY_US, 366 * DAY_US].into_iter().find_map(|back| {
        let from = Realtime(now.0.checked_sub(back)?);
        next_slot(timer, host, from.0).filter(|slot| *slot < now).map(|_| from)
    })?;
    // The last one: the next after it lies ahead.
    let (mut base, mut slot) = (before, next_slot(timer, host, before.0)?);
    while let Some(next) = next_slot(timer, host, slot.0).filter(|next| *next <= now) {
        (base, slot) = (slot, next);
    }
    let _ = base;
    Some(Realtime((slot.0 - SECOND_US) / SECOND_US * SECOND_US))
}

fn attempt(timer: &Timer, job: Job, host: &Host, standing: &Standing, stuck: &Stuck, actions: &[Action]) -> Trial {
    let mut engine = Engine::resume(timer, job, host, clocks(standing, AXIS), vec![state(standing, stuck)], Draw::All);
    let mut at = AXIS;
    for action in actions {
        engine.advance(at);
        engine.act(at, action);
        at += SECOND_US;
    }
    let first = engine.windows().into_iter().reduce(Window::hull).map(|window| engine.clocks().realtime(window));
    // To the end of what it waited for, and no further than a year: then it is stuck whatever comes.
    let end = AXIS + (stuck.slot.0 - standing.now.0).min(366 * DAY_US);
    engine.advance(end);
    let lost: u32 =
        engine.finish(end).losses.iter().filter(|loss| loss.cause == Cause::FutureBase).map(|loss| loss.count).sum();
    match first {
        Some(window) if lost == 0 => Trial::Works(window),
        _ => Trial::Useless(lost.max(1)),
    }
}
