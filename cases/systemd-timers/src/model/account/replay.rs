//! The life of a timer, run through the simulation.

use super::settle::settle;
use super::{Boot, Life, What};
use crate::model::time::{Realtime, SECOND_US};
use crate::model::timer;
use crate::model::timer::{Action, Draw, Engine, Host, Job, Ledger, Observation, Starts, State, Timer, Window};

/// How much later than it elapsed a timer's service is seen to start.
const LATE_US: u64 = 5 * SECOND_US;

/// An elapse the model cannot do without and that nothing tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// When it must have been, by the clock as it showed then.
    pub realtime: Window,
}

/// What the replay gave.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Runs and losses.
    pub ledger: Ledger,
    /// Runs that no timer can have started, by their number in the life: somebody else did.
    pub by_hand: Vec<usize>,
    /// Elapses that are missing in the evidence.
    pub missing: Vec<Missing>,
    /// What the timer can be at the end.
    pub states: Vec<State>,
    /// The clocks at the end.
    pub clocks: timer::Clocks,
    /// The end, on the axis.
    pub end: u64,
    /// Where on the axis the clock was set, and by how many microseconds.
    pub steps: Vec<(u64, i64)>,
}

/// Everything as actions with their places on the axis; runs are numbered.
enum Step {
    Do(Action),
    Job(Job),
    Run(usize),
}

fn job_of(run: &super::Run, at_us: u64, usual: Job) -> Job {
    match (run.worked, run.ended_us) {
        (false, _) => Job { starts: Starts::Idle, ..usual },
        (true, Some(ended)) => Job::runs(ended.saturating_sub(at_us), ended.saturating_sub(at_us) + LATE_US),
        (true, None) => usual,
    }
}

fn start_of(boot: &Boot, from_us: u64) -> Window {
    let started = boot.happenings.iter().find(|one| one.what == What::Started).map(|one| one.at_us);
    // A timer that is started at boot is the first start of it; without one it is never.
    started.map_or(Window::at(u64::MAX / 4), |us| Window::new(us.saturating_sub(SECOND_US).max(from_us), us))
}

/// Places everything on one axis. Between two boots lies what their clocks say, where that can be. The clock is set between two
/// entries: right after the first, or right before the second.
fn steps(life: &Life, usual: Job, early: bool) -> (Vec<(u64, Step)>, u64) {
    let (mut out, mut number) = (Vec::new(), 0);
    let mut axis_of_boot = 0u64;
    let mut end = 0u64;
    for (index, boot) in life.boots.iter().enumerate() {
        if index > 0 {
            let before = &life.boots[index - 1];
            let off_us = boot.begin.since(before.realtime_at(before.last_us)).max(SECOND_US as i64) as u64;
            let boots = timer::Boot {
                realtime: boot.begin,
                userspace_us: boot.userspace_us,
                timers_us: start_of(boot, boot.userspace_us),
            };
            out.push((end + 1, Step::Do(Action::Reboot { down_us: off_us, boot: boots })));
            axis_of_boot = end + 1 + off_us;
        }
        let mut slept = 0;
        let mut first = true;
        for one in &boot.happenings {
            let at = axis_of_boot + one.at_us + slept;
            match &one.what {
                What::Set(by) => {
                    let at = if early && one.from_us < one.at_us { at - (one.at_us - one.from_us) + 1 } else { at };
                    out.push((at, Step::Do(Action::Step(*by))));
                }
                What::Slept(us) => {
                    out.push((at, Step::Do(Action::Suspend(*us))));
                    slept += us;
                }
                What::Reload => out.push((at, Step::Do(Action::Reload))),
                // The start at boot is part of the boot.
                What::Started if first => first = false,
                What::Started => out.push((at, Step::Do(Action::Start))),
                What::Stopped => out.push((at, Step::Do(Action::Stop))),
                What::Run(run) => {
                    out.push((at.saturating_sub(LATE_US), Step::Job(job_of(run, one.at_us, usual))));
                    out.push((at, Step::Run(number)));
                    number += 1;
                }
            }
        }
        end = axis_of_boot + boot.last_us + slept;
    }
    out.sort_by_key(|(at, _)| *at);
    (out, end)
}

/// Runs the life of a timer. `usual` is what the service does where nothing is told of a run. `None` when there is no boot.
///
/// When exactly the clock was set is not told. Both ends of the time in which it must have been are tried; the one the runs
/// contradict less is it. `kept` is false where nothing but its being active keeps the timer loaded: stopping it may forget what it
/// counts from.
pub fn replay(timer: &Timer, usual: Job, host: &Host, life: &Life, kept: bool) -> Option<Replay> {
    let early = follow(timer, usual, host, life, kept, true)?;
    let wrong = |replay: &Replay| replay.missing.len() + replay.by_hand.len();
    if wrong(&early) == 0 || !life.happenings().any(|(_, one)| one.from_us < one.at_us) {
        return Some(early);
    }
    let late = follow(timer, usual, host, life, kept, false)?;
    Some(if wrong(&late) < wrong(&early) { late } else { early })
}

fn follow(timer: &Timer, usual: Job, host: &Host, life: &Life, kept: bool, early: bool) -> Option<Replay> {
    let first = life.boots.first()?;
    let boot = timer::Boot {
        realtime: first.begin,
        userspace_us: first.userspace_us,
        timers_us: start_of(first, first.userspace_us),
    };
    let (steps, end) = steps(life, usual, early);
    // What the stamp file said at first is not known: it asks for a run to be caught up, or it does not.
    let caught_up = Realtime(first.begin.0.saturating_sub(1));
    let mut engine = Engine::new(timer, usual, host, boot, None, Draw::All);
    if timer.persistent {
        engine.or_stamp(caught_up);
    }
    if !kept {
        engine.or_forgotten();
    }
    let (mut by_hand, mut missing, mut awake) = (Vec::new(), Vec::new(), 0u64);
    let set = steps.iter().filter_map(|(at, step)| match step {
        Step::Do(Action::Step(by)) => Some((*at, *by)),
        _ => None,
    });
    let set: Vec<(u64, i64)> = set.collect();
    let actions: Vec<(u64, Option<Action>, Option<usize>)> = steps
        .into_iter()
        .map(|(at, step)| match step {
            Step::Do(action) => (at, Some(action), None),
            Step::Job(job) => (at, Some(Action::Job(job)), None),
            Step::Run(number) => (at, None, Some(number)),
        })
        .collect();
    for (at, action, run) in &actions {
        let at = (*at).max(awake);
        match run {
            Some(number) => match engine.observe(at, LATE_US) {
                Observation::Expected => awake = at,
                Observation::Unexpected(_) => {
                    by_hand.push(*number);
                    engine.act(at, &Action::RunJob);
                }
            },
            None => {
                if let Observation::Unexpected(windows) = engine.quiet_until(at.saturating_sub(LATE_US)) {
                    missing
                        .extend(windows.first().map(|window| Missing { realtime: engine.clocks().realtime(*window) }));
                }
                if let Some(act) = action {
                    engine.act(at, act);
                    if let Action::Suspend(us) = act {
                        awake = at + us;
                    }
                }
            }
        }
    }
    if let Observation::Unexpected(windows) = engine.quiet_until(end) {
        missing.extend(windows.first().map(|window| Missing { realtime: engine.clocks().realtime(*window) }));
    }
    let (states, clocks) = (engine.states().to_vec(), *engine.clocks());
    let mut ledger = engine.finish(end);
    ledger.losses = settle(timer, host, life, &ledger, &by_hand);
    Some(Replay { ledger, by_hand, missing, states, clocks, end, steps: set })
}
