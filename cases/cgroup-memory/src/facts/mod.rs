//! Bytes to facts with spans. It cannot fail: what it does not know becomes unmodelled.

pub mod host;
pub mod kills;
pub mod kinds;
pub mod process;
pub mod recording;
pub mod series;
pub mod stat;
pub mod tree;
pub mod workload;

use casebook_core::{Input, Read};

use host::Host;
use kills::Kills;
use process::Process;
use series::Recorded;
use tree::Tree;

/// The facts of the case, each list in order of evidence.
#[derive(Debug, Default)]
pub struct Facts {
    /// Groups, by the root they were read below.
    pub trees: Vec<Tree>,
    /// Processes.
    pub processes: Vec<Process>,
    /// The machine.
    pub host: Host,
    /// Kills that logs tell of.
    pub kills: Kills,
    /// Recordings.
    pub recordings: Vec<Recorded>,
}

/// Reads every file of the case's kinds.
pub fn read(input: &Input<'_>) -> Read {
    let mut coverage = Vec::new();
    let facts = Facts {
        trees: tree::read(input, &mut coverage),
        processes: process::read(input, &mut coverage),
        host: host::read(input, &mut coverage),
        kills: kills::read(input, &mut coverage),
        recordings: series::read(input, &mut coverage),
    };
    coverage.sort_by_key(|line| line.evidence);
    Read::new(facts, coverage)
}
