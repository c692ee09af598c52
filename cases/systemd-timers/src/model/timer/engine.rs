//! The simulation: every course the timer can take, from event to event.

use std::sync::Arc;

use super::ledger::{Because, Fire, Ledger};
use super::random::wakes;
use super::waiting::Entry;
use super::{
    Action, Base, Boot, Cause, Clocks, Draw, Host, Job, JobState, Lasts, Quirks, Scenario, Starts, State, Sub, Timer,
    Trigger, Window,
};
use crate::model::calendar::Walk;
use crate::model::time::{Realtime, Zone};

/// Elapses that are kept; more are counted.
const FIRES: usize = 1 << 20;

/// A timer on a machine.
pub struct Engine<'a> {
    pub(super) timer: &'a Timer,
    pub(super) host: &'a Host,
    pub(super) quirks: Quirks,
    pub(super) walks: Vec<Walk<'a>>,
    pub(super) clocks: Clocks,
    pub(super) draw: Draw,
    /// The boot's own place in a minute, in microseconds; `None` for all of them.
    place_us: Option<u64>,
    job: Job,
    pub(super) states: Vec<State>,
    pub(super) ledger: Ledger,
    pub(super) fires: Fires,
    /// Runs are observed, not elapses: one that finds its service active leaves no trace.
    pub(super) runs_only: bool,
}

/// What becomes of an elapse while courses are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fires {
    /// It happens.
    Happen,
    /// Elapses are observed, and none was: the course is given up.
    GiveUp,
    /// It is late: it happens after what comes next.
    Late,
}

/// What happens to a state by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Own {
    Start,
    JobEnd,
    Fire,
}

impl<'a> Engine<'a> {
    /// The timer on a machine that starts at 0 of the axis.
    pub fn new(
        timer: &'a Timer,
        job: Job,
        host: &'a Host,
        boot: Boot,
        stamp: Option<Realtime>,
        draw: Draw,
    ) -> Engine<'a> {
        let mut engine = Engine {
            timer,
            host,
            quirks: Quirks::of(host.version),
            walks: Vec::new(),
            clocks: Clocks { boot: 0, suspended_us: 0, offset_us: 0, userspace_us: 0 },
            place_us: match draw {
                Draw::All => None,
                Draw::Seed(seed) => Some(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 60_000_000),
            },
            draw,
            job,
            states: Vec::new(),
            ledger: Ledger::default(),
            fires: Fires::Happen,
            runs_only: false,
        };
        engine.set_zone(Arc::clone(&host.zone));
        let state = State::booted(stamp.map(|stamp| Window::at(stamp.0)), None, boot.realtime.0);
        engine.boot(0, boot, vec![state]);
        engine
    }

    /// The timer in a state that is known, on a machine whose clocks are these.
    pub fn resume(
        timer: &'a Timer,
        job: Job,
        host: &'a Host,
        clocks: Clocks,
        states: Vec<State>,
        draw: Draw,
    ) -> Engine<'a> {
        let boot = Boot { realtime: Realtime(0), userspace_us: 0, timers_us: Window::at(0) };
        let mut engine = Engine::new(timer, job, host, boot, None, draw);
        (engine.clocks, engine.states) = (clocks, states);
        engine
    }

    /// The stamp file can also say this.
    pub fn or_stamp(&mut self, stamp: Realtime) {
        let others = self.states.iter().map(|state| State { stamp: Some(Window::at(stamp.0)), ..state.clone() });
        let others: Vec<State> = others.collect();
        self.states.extend(others);
    }

    /// The timer can also be one that stopping forgets, because nothing keeps it loaded.
    pub fn or_forgotten(&mut self) {
        let others: Vec<State> = self.states.iter().map(|state| State { kept: false, ..state.clone() }).collect();
        self.states.extend(others);
    }

    /// Runs a scenario to its end and gives what came of it.
    pub fn run(mut self, scenario: &Scenario) -> Ledger {
        for (at, action) in &scenario.actions {
            self.advance(*at);
            self.act(*at, action);
        }
        self.advance(scenario.end);
        self.finish(scenario.end)
    }

    /// What came of it, with everything up to `end` accounted for.
    pub fn finish(mut self, end: u64) -> Ledger {
        let until = self.clocks.realtime_at(end).0;
        for index in 0..self.states.len() {
            let mut state = self.states[index].clone();
            self.account(&mut state, until, end);
        }
        self.ledger.losses.dedup();
        self.ledger
    }

    /// The states the timer can be in.
    pub fn states(&self) -> &[State] {
        &self.states
    }

    /// The clocks as they are.
    pub fn clocks(&self) -> &Clocks {
        &self.clocks
    }

    /// When the next elapse can be, on the axis: one window for each state that waits.
    pub fn windows(&self) -> Vec<Window> {
        self.states.iter().filter_map(|state| self.fire_window(state)).collect()
    }

    fn set_zone(&mut self, zone: Arc<Zone>) {
        let version = self.host.version;
        self.walks = self.timer.specs().map(|spec| Walk::new(spec, Arc::clone(&zone), Realtime(0), version)).collect();
    }

    /// The machine starts at `at` of the axis.
    fn boot(&mut self, at: u64, boot: Boot, states: Vec<State>) {
        let offset_us = boot.realtime.0 as i64 - at as i64;
        self.clocks = Clocks { boot: at, suspended_us: 0, offset_us, userspace_us: boot.userspace_us };
        let starts = boot.timers_us.shift(at as i64);
        let fresh = states.into_iter().map(|state| State {
            served: state.served,
            early: state.early,
            late: state.late,
            settled: state.settled.min(boot.realtime.0),
            kept: state.kept,
            ..State::booted(state.stamp, Some(starts), state.settled)
        });
        self.states = State::merge(fresh.collect());
    }

    /// Follows all courses up to, and not including, an instant of the axis.
    pub fn advance(&mut self, to: u64) {
        let mut open = std::mem::take(&mut self.states);
        let mut done = Vec::with_capacity(open.len());
        let mut rounds = 0u32;
        while let Some(state) = open.pop() {
            self.follow(state, to, &mut open, &mut done);
            rounds += 1;
            // Courses that meet again are one.
            if open.len() > 8 || rounds.is_multiple_of(64) && open.len() > 1 {
                open = State::merge(open);
            }
        }
        self.states = State::merge(done);
    }

    /// One event of one course, or its end.
    fn follow(&mut self, state: State, to: u64, open: &mut Vec<State>, done: &mut Vec<State>) {
        let Some((own, window)) = self.pending(&state).filter(|(_, window)| window.lo < to) else {
            done.push(state);
            return;
        };
        if window.hi >= to {
            let mut later = state.clone();
            match own {
                Own::Start => later.starts = Some(Window::new(to, window.hi)),
                Own::JobEnd => later.job = JobState::Until(Window::new(to, window.hi)),
                Own::Fire => later.not_before = to,
            }
            done.push(later);
        }
        let now = Window::new(window.lo, window.hi.min(to - 1));
        match own {
            Own::Start => self.start(state, now, Cause::Off, open),
            Own::JobEnd => self.job_end(state, now, open),
            Own::Fire => match self.fires {
                Fires::Happen => self.fire(state, now, open),
                Fires::GiveUp if self.runs_only && state.job != JobState::Inactive => self.fire(state, now, open),
                Fires::GiveUp => {}
                Fires::Late => done.push(State { not_before: to, ..state }),
            },
        }
    }

    /// What a state does next by itself, and when. Where a service ends and a timer elapses in overlapping windows the earlier
    /// beginning goes first.
    pub(super) fn pending(&self, state: &State) -> Option<(Own, Window)> {
        let end = match state.job {
            JobState::Until(window) => Some((Own::JobEnd, window)),
            _ => None,
        };
        let start = state.starts.map(|window| (Own::Start, window));
        let fire = self.fire_window(state).map(|window| (Own::Fire, window));
        [start, end, fire].into_iter().flatten().min_by_key(|(_, window)| (window.lo, window.hi))
    }

    /// When a waiting timer elapses, on the axis.
    fn fire_window(&self, state: &State) -> Option<Window> {
        if state.sub != Sub::Waiting {
            return None;
        }
        let realtime = state.next_realtime.map(|next| self.clocks.of_realtime(next));
        let monotonic = state.next_monotonic.map(|(next, _)| match self.timer.wake_system {
            true => self.clocks.of_boottime(next),
            false => self.clocks.of_monotonic(next),
        });
        let next = match (realtime, monotonic) {
            (Some(one), Some(other)) => one.earlier(other),
            (one, other) => one.or(other)?,
        };
        let slept = wakes(next, self.timer.accuracy_us, self.place_us);
        Some(Window::new(slept.lo.max(state.not_before), slept.hi.max(state.not_before)))
    }

    /// `timer_start`.
    pub(super) fn start(&mut self, mut state: State, now: Window, why: Cause, out: &mut Vec<State>) {
        state.starts = None;
        if !matches!(state.sub, Sub::Dead | Sub::Failed) || self.job.starts == Starts::Refused {
            out.push(state);
            return;
        }
        state.active_from = None;
        // The machine went down while a delay lasted.
        let why = if why == Cause::Off && state.late == Cause::Redrawn { Cause::Redrawn } else { why };
        if self.quirks.start_forgets_last {
            state.last = None;
        }
        for (index, trigger) in self.timer.triggers.iter().enumerate() {
            if matches!(trigger, Trigger::Monotonic { base: Base::Active, .. }) {
                state.disabled &= !(1 << index.min(63));
            }
        }
        let clock = self.clocks.realtime(now);
        let mut courses = vec![state];
        if self.timer.persistent {
            let mut state = courses.remove(0);
            match state.stamp {
                // It has never run: a stamp file is made, and says now.
                None => {
                    state.stamp = Some(clock);
                    courses.push(state);
                }
                Some(stamp) => {
                    // A stamp in the future is not used.
                    if stamp.hi >= clock.lo {
                        courses.push(state.clone());
                    }
                    if stamp.lo < clock.hi || stamp.lo < clock.lo {
                        let monotonic = state.last.map_or(Window::at(0), |last| last.monotonic);
                        state.last = Some(super::Stamp { realtime: stamp, monotonic });
                        courses.push(state);
                    }
                }
            }
        }
        let entered = self.stamp(now);
        for state in courses {
            let mut next = Vec::new();
            self.enter_waiting(state, Entry { now, active: false, time_change: false, why }, &mut next);
            out.extend(next.into_iter().map(|state| State { entered: Some(entered), ..state }));
        }
    }

    /// `timer_enter_running`, and what becomes of the start job.
    pub(super) fn fire(&mut self, mut state: State, now: Window, out: &mut Vec<State>) {
        let because = state.because();
        state.by_change = None;
        let fires = self.ledger.fires.len();
        self.elapse(&mut state, now, because);
        if state.job != JobState::Inactive
            && let Some(slot) = state.slot.filter(|_| because == Because::Calendar)
        {
            // There is no run for it.
            self.ledger.fires.truncate(fires);
            state.settled = state.settled.min(slot.0 - 1);
            self.lose(&mut state, slot.0, Cause::StillRunning, now.lo);
        }
        self.trigger(state, now, out);
    }

    fn trigger(&mut self, mut state: State, now: Window, out: &mut Vec<State>) {
        if self.job.starts == Starts::Refused {
            state.sub = Sub::Failed;
            out.push(state);
            return;
        }
        let stamp = self.stamp(now);
        state.last = Some(stamp);
        if self.timer.persistent {
            state.stamp = Some(stamp.realtime);
        }
        (state.sub, state.next_realtime, state.next_monotonic) = (Sub::Running, None, None);
        if state.job == JobState::Inactive {
            match (self.job.starts, self.job.lasts) {
                (Starts::Runs, Lasts::For(lasts)) => {
                    state.job_exit = Some(stamp.monotonic);
                    let lasts = self.draw.of(lasts);
                    state.job = JobState::Until(now.plus(lasts));
                }
                (Starts::Runs, Lasts::Forever) => {
                    state.job_exit = Some(stamp.monotonic);
                    state.job = JobState::Forever;
                }
                _ => {
                    let entry = Entry { now, active: true, time_change: false, why: Cause::StillRunning };
                    self.enter_waiting(state, entry, out);
                    return;
                }
            }
        }
        out.push(state);
    }

    /// The service becomes inactive (`timer_trigger_notify`).
    pub(super) fn job_end(&mut self, mut state: State, now: Window, out: &mut Vec<State>) {
        state.job = JobState::Inactive;
        state.job_enter = Some(self.stamp(now));
        self.notify(state, now, out);
    }

    fn notify(&mut self, mut state: State, now: Window, out: &mut Vec<State>) {
        for (index, trigger) in self.timer.triggers.iter().enumerate() {
            if matches!(trigger, Trigger::Monotonic { base: Base::UnitActive | Base::UnitInactive, .. }) {
                state.disabled &= !(1 << index.min(63));
            }
        }
        let returns = state.sub == Sub::Running && state.job == JobState::Inactive;
        if returns || matches!(state.sub, Sub::Waiting | Sub::Elapsed) {
            let why = if returns { Cause::StillRunning } else { Cause::Redrawn };
            self.enter_waiting(state, Entry { now, active: true, time_change: false, why }, out);
        } else {
            out.push(state);
        }
    }

    /// Something happens at an instant. Courses that have not come to it do so first; what should have elapsed by then is late.
    pub fn act(&mut self, at: u64, action: &Action) {
        self.fires = Fires::Late;
        self.advance(at);
        self.fires = Fires::Happen;
        let now = Window::at(at);
        let until = self.clocks.realtime_at(at).0;
        let mut states = std::mem::take(&mut self.states);
        for state in &mut states {
            let settles = matches!(
                action,
                Action::Step(_) | Action::Suspend(_) | Action::Reboot { .. } | Action::Stop | Action::Restart
            );
            if settles {
                self.account(state, until, at);
            }
        }
        let mut out = Vec::with_capacity(states.len());
        match action {
            Action::Step(us) => {
                self.clocks.offset_us += us;
                let clock = self.clocks.realtime_at(at).0;
                let why = if *us > 0 { Cause::Skipped } else { Cause::Redrawn };
                self.time_change(states, now, clock, why, &mut out);
            }
            Action::Suspend(us) => {
                // What wakes the machine is followed before the rest goes on sleeping.
                self.clocks.suspended_us += us;
                let wake = at + us;
                for state in &mut states {
                    state.not_before = state.not_before.max(if self.timer.wake_system { at } else { wake });
                    if let JobState::Until(window) = state.job {
                        state.job = JobState::Until(window.shift(*us as i64));
                    }
                }
                self.states = states;
                self.advance(wake);
                for state in &mut self.states {
                    // What woke the machine happened while this is followed.
                    let elapsed = state.last.map(|last| self.clocks.of_realtime(last.realtime).lo);
                    state.by_change = elapsed.filter(|elapsed| self.timer.wake_system && *elapsed >= at);
                }
                let (states, clock) = (std::mem::take(&mut self.states), self.clocks.realtime_at(wake).0);
                // The kernel cancels the timer descriptors that watch for a set clock (`timerfd_resume`, fs/timerfd.c).
                self.time_change(states, Window::at(wake), clock, Cause::Asleep, &mut out);
            }
            Action::Reboot { down_us, boot } => {
                for state in &mut states {
                    let open = state.sub == Sub::Waiting && state.slot.is_some_and(|slot| slot.0 <= until);
                    state.late = if open { Cause::Redrawn } else { Cause::Off };
                }
                self.boot(at + down_us, *boot, states);
                return;
            }
            Action::Reload => {
                for mut state in states {
                    state.disabled = 0;
                    if self.quirks.reload_restarts_active {
                        state.active_from = Some(self.clocks.monotonic(now));
                    }
                    if state.sub == Sub::Waiting {
                        self.enter_waiting(
                            state,
                            Entry { now, active: false, time_change: false, why: Cause::Redrawn },
                            &mut out,
                        );
                    } else {
                        out.push(state);
                    }
                }
            }
            Action::Start => states.into_iter().for_each(|state| self.start(state, now, Cause::Inactive, &mut out)),
            Action::Stop => {
                for mut state in states {
                    // The delay after a time that has come is cut short. A stamp of the run before brings that time back.
                    let waits = state.sub == Sub::Waiting && state.slot.is_some_and(|slot| slot.0 <= until);
                    if waits && !self.timer.persistent {
                        self.lose(&mut state, until, Cause::Redrawn, at);
                    }
                    out.push(self.stop(state));
                }
            }
            Action::Restart => {
                for state in states {
                    let stopped = self.stop(State { kept: true, ..state });
                    self.start(stopped, now, Cause::Redrawn, &mut out);
                }
            }
            Action::Touch(stamp) => {
                out = states.into_iter().map(|state| State { stamp: Some(Window::at(stamp.0)), ..state }).collect();
            }
            Action::Clean => out = states.into_iter().map(|state| State { stamp: None, ..state }).collect(),
            Action::Zone(zone) => {
                self.set_zone(Arc::clone(zone));
                for mut state in states {
                    if state.sub != Sub::Waiting {
                        out.push(state);
                    } else if self.timer.on_timezone_change {
                        self.elapse(&mut state, now, Because::TimezoneChange);
                        state.by_change = Some(now.lo);
                        self.trigger(state, now, &mut out);
                    } else {
                        self.enter_waiting(
                            state,
                            Entry { now, active: true, time_change: false, why: Cause::Redrawn },
                            &mut out,
                        );
                    }
                }
            }
            Action::Job(job) => (self.job, out) = (*job, states),
            Action::RunJob => {
                for mut state in states {
                    if state.job == JobState::Inactive && self.job.starts == Starts::Runs {
                        state.job_exit = Some(self.clocks.monotonic(now));
                        state.job = match self.job.lasts {
                            Lasts::For(lasts) => JobState::Until(now.plus(self.draw.of(lasts))),
                            Lasts::Forever => JobState::Forever,
                        };
                        self.notify(state, now, &mut out);
                    } else {
                        out.push(state);
                    }
                }
            }
        }
        self.states = State::merge(out);
    }

    /// `timer_stop`. A unit nothing refers to is forgotten.
    fn stop(&mut self, mut state: State) -> State {
        (state.sub, state.next_realtime, state.next_monotonic, state.slot, state.starts) =
            (Sub::Dead, None, None, None, None);
        if !state.kept {
            (state.last, state.entered, state.disabled) = (None, None, 0);
        }
        state
    }

    /// The clock was set, or the machine woke (`timer_time_change`).
    fn time_change(&mut self, states: Vec<State>, now: Window, clock: u64, why: Cause, out: &mut Vec<State>) {
        for mut state in states {
            state.settled = state.settled.min(clock);
            if state.sub != Sub::Waiting {
                out.push(state);
                continue;
            }
            if let Some(last) = state.last.as_mut() {
                last.realtime = last.realtime.earlier(Window::at(clock));
            }
            if self.timer.on_clock_change {
                self.elapse(&mut state, now, Because::ClockChange);
                state.by_change = Some(now.lo);
                self.trigger(state, now, out);
            } else {
                self.enter_waiting(state, Entry { now, active: true, time_change: true, why }, out);
            }
        }
    }

    /// An elapse is written down.
    fn elapse(&mut self, state: &mut State, now: Window, because: Because) {
        let realtime = self.clocks.realtime(now);
        let slot = state.slot.filter(|_| because == Because::Calendar && state.next_realtime.is_some());
        let mut again = false;
        if let Some(slot) = slot {
            again = state.served.is_some_and(|served| slot <= served);
            // From one time of the calendar to the next nothing can be lost.
            if state.base > state.settled {
                self.lose(state, slot.0 - 1, state.early, now.lo);
            }
            state.settled = state.settled.max(slot.0);
            if self.timer.random_us > 0 || state.late != Cause::Delay {
                self.lose(state, realtime.lo, state.late, now.lo);
            }
            state.served = Some(slot);
        }
        if self.ledger.fires.len() < FIRES {
            self.ledger.fires.push(Fire { axis: now, realtime, slot, again, because });
        } else {
            self.ledger.more_fires += 1;
        }
    }
}
