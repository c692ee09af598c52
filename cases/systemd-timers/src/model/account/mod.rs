//! What happened to a timer, as evidence tells it, held against the model: which runs were lost and why, what comes next, what
//! repairs it.

mod life;
mod repair;
mod replay;
mod settle;
mod stuck;
#[cfg(test)]
mod tests;

pub use life::{Boot, Happening, Life, Run, What};
pub use repair::{Repair, Trial, repairs};
pub use replay::{Missing, Replay, replay};
pub use stuck::{CountsFrom, Standing, Stuck, next_elapse, stuck};
