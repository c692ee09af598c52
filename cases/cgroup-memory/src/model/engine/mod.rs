//! What a workload does to its groups: charges by kind, and who is killed where.
//!
//! The decision does not need the order in which reclaim takes pages. An allocation that cannot be charged makes the kernel reclaim from
//! the group over its limit, and it is an OOM when what is left there cannot be reclaimed (`try_charge_memcg`, mm/memcontrol.c). So the
//! state holds what every group has been made to hold; page cache after a reclaim is only known up to a bound; the floor is exact but for
//! what the kernel itself needs, which is a range.

mod apply;
mod charge;
mod kill;
mod objects;
mod state;
#[cfg(test)]
mod tests;
pub mod throttle;

use super::range::Range;
use super::workload::Workload;

pub use state::State;

/// What becomes of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// Processes are killed, by the limit of this group.
    Killed(Kill),
    /// It is not done, and nobody is killed.
    Refused(Refusal),
    /// It is done although it does not fit: old kernels let a group exceed its limit when nothing can be killed.
    Exceeded,
    /// It goes on so slowly above `memory.high` that it does not end within the patience.
    Throttled,
    /// Too close to a limit to tell; what follows holds if it is done.
    Close(String),
    /// The disk decides: it is done, or somebody is killed, or it does not end.
    Slow,
    /// The model cannot tell, nor what follows.
    Unknown(String),
}

/// Why a step is not done although nobody is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing can be killed, and a page fault is tried again for ever (`pagefault_out_of_memory`, mm/oom_kill.c).
    NoVictimFault,
    /// Nothing can be killed, and the call fails with ENOMEM.
    NoVictim,
    /// The file system in memory is full: ENOSPC.
    Full,
}

/// What becomes of a whole workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is killed.
    Lives,
    /// Something is killed.
    Dies,
    /// Nothing is killed because nothing can be: an allocation fails, or is tried for ever.
    Refused,
    /// Nothing is killed within the patience: `memory.high` slows it down before it reaches a limit.
    Throttled,
    /// The model cannot tell.
    Unknown(String),
}

/// Kills at one limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kill {
    /// Path of the group whose limit was hit.
    pub limit_of: String,
    /// Names of the processes killed; `None` where the choice is too close to tell.
    pub victims: Option<Vec<String>>,
    /// More may follow: a limit that is lowered kills until the counter is below it, and does not wait for memory to come back
    /// (`memory_max_write`, mm/memcontrol.c).
    pub or_more: bool,
    /// The floor there at that moment.
    pub floor: Range,
    /// The limit.
    pub limit: u64,
}

/// What a group is charged with, those below it included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupCharges {
    /// Anonymous memory.
    pub anon: Range,
    /// tmpfs and shared memory.
    pub shmem: Range,
    /// Page cache of files.
    pub cache: Range,
    /// Of all that: locked.
    pub locked: Range,
    /// Kernel memory and sockets.
    pub kernel: Range,
    /// All of it.
    pub current: Range,
    /// What cannot be reclaimed.
    pub floor: Range,
}

/// One step and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Predicted {
    /// Its line in the text.
    pub line: u32,
    /// What becomes of it.
    pub outcome: Outcome,
    /// Every group after it, in order of the workload.
    pub groups: Vec<GroupCharges>,
    /// Groups that are over `memory.high` with what cannot be reclaimed: throttled for as long as that lasts.
    pub throttled: Vec<String>,
}

const SLOW: &str = "whether the disk takes what is dirty fast enough for so little room";

/// What becomes of all steps together. A step too close to tell, and one behind it that surely ends in an OOM, are an OOM: it comes at
/// the one or at the other.
pub fn verdict(steps: &[Predicted]) -> Verdict {
    let (mut open, mut slow) = (None, false);
    for step in steps {
        match &step.outcome {
            Outcome::Slow => {
                slow = true;
                open = open.or(Some(SLOW.to_owned()));
            }
            // What comes behind a step that may not end may not come.
            Outcome::Killed(_) if slow => return Verdict::Unknown(SLOW.to_owned()),
            Outcome::Done | Outcome::Exceeded | Outcome::Refused(Refusal::Full) => {}
            Outcome::Killed(_) => return Verdict::Dies,
            Outcome::Refused(_) => return open.map_or(Verdict::Refused, Verdict::Unknown),
            Outcome::Throttled => return open.map_or(Verdict::Throttled, Verdict::Unknown),
            Outcome::Close(why) | Outcome::Unknown(why) => open = open.or(Some(why.clone())),
        }
    }
    open.map_or(Verdict::Lives, Verdict::Unknown)
}

/// Plays a workload. After a step whose outcome is unknown nothing more is predicted.
pub fn play(workload: &Workload) -> Vec<Predicted> {
    let mut state = State::new(workload);
    let mut out = Vec::new();
    for (line, step) in &workload.steps {
        let outcome = state.apply(step);
        let stop = match &outcome {
            Outcome::Unknown(_) | Outcome::Throttled => true,
            Outcome::Killed(kill) => kill.victims.is_none(),
            Outcome::Refused(refusal) => *refusal != Refusal::Full,
            Outcome::Done | Outcome::Exceeded | Outcome::Close(_) | Outcome::Slow => false,
        };
        out.push(Predicted { line: *line, outcome, groups: state.charges(), throttled: state.throttled() });
        if stop {
            break;
        }
    }
    out
}
