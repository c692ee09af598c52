//! A timer that is watched: of all courses, those are left that what was seen agrees with.

use super::engine::{Engine, Fires, Own};
use super::{Cause, State, Window};

/// What an observed elapse is to the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// A course of the model elapses there.
    Expected,
    /// No course does: these are the windows in which one can, on the axis.
    Unexpected(Vec<Window>),
}

impl Engine<'_> {
    /// What is going to be observed are runs of the service, not elapses of the timer.
    pub fn observes_runs(&mut self) {
        self.runs_only = true;
    }

    /// Says that the timer was seen to elapse at an instant, give or take `slack_us`, and not between the last one and this: only
    /// the courses that agree are left. Where none does all are left.
    pub fn observe(&mut self, at: u64, slack_us: u64) -> Observation {
        // A change of the clock makes it elapse while that is followed.
        let by_change = |state: &State| state.by_change.is_some_and(|elapsed| elapsed.abs_diff(at) <= slack_us);
        if self.states.iter().any(by_change) {
            self.states.retain(by_change);
            self.states.iter_mut().for_each(|state| state.by_change = None);
            return Observation::Expected;
        }
        self.quiet_until(at.saturating_sub(slack_us));
        let before = self.states.clone();
        let seen = Window::new(at.saturating_sub(slack_us), at + slack_us);
        let mut out = Vec::new();
        for state in std::mem::take(&mut self.states) {
            // Within the slack a service may still have to end before the timer can elapse. What was seen a moment too
            // early was not: no timer elapses before its time.
            let mut open = vec![state];
            while let Some(state) = open.pop() {
                match self.pending(&state) {
                    Some((Own::Fire, window)) if window.meet(seen).is_some() => {
                        self.fire(state, Window::at(at.max(window.lo)), &mut out)
                    }
                    Some((Own::JobEnd, window)) if window.lo <= seen.hi => {
                        self.job_end(state, Window::new(window.lo, window.hi.min(seen.hi)), &mut open)
                    }
                    Some((Own::Start, window)) if window.lo <= seen.hi => {
                        self.start(state, Window::new(window.lo, window.hi.min(seen.hi)), Cause::Off, &mut open);
                    }
                    _ => {}
                }
            }
        }
        if out.is_empty() {
            self.states = before;
            return Observation::Unexpected(self.windows());
        }
        self.states = State::merge(out);
        Observation::Expected
    }

    /// Says that the timer was not seen to elapse before an instant: courses in which it must have are given up, unless all are.
    pub fn quiet_until(&mut self, to: u64) -> Observation {
        let before = self.states.clone();
        self.fires = Fires::GiveUp;
        self.advance(to);
        self.fires = Fires::Happen;
        if self.states.is_empty() {
            self.states = before;
            let windows = self.windows();
            self.advance(to);
            return Observation::Unexpected(windows);
        }
        Observation::Expected
    }
}
