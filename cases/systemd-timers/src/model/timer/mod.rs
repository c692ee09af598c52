//! The service manager's timers: what a timer unit says, and a simulation of what the manager does with it (src/core/timer.c).
//!
//! Time runs on one axis: microseconds of the machine's own oscillator since the scenario began, through suspends and reboots. The
//! clocks of systemd are views of it ([`Clocks`]). What is random is a window of values, so one run of the simulation holds for
//! every seed; with a seed the windows are points.

mod clocks;
mod config;
mod engine;
mod ledger;
mod observe;
mod quirks;
mod random;
mod scenario;
mod state;
#[cfg(test)]
mod tests;
mod waiting;
mod window;
mod words;

pub use clocks::Clocks;
pub use config::{Base, Host, Job, Lasts, Starts, Timer, Trigger};
pub use engine::Engine;
pub use ledger::{Because, Cause, Fire, Ledger, Loss};
pub use observe::Observation;
pub use quirks::Quirks;
pub use random::{Draw, fixed_hash};
pub use scenario::{Action, Boot, Scenario};
pub use state::{JobState, Stamp, State, Sub};
pub use window::Window;
pub use words::about;
