//! Bytes to facts with spans. It cannot fail: what it does not know becomes unmodelled.

pub mod capture;
pub mod duration;
pub mod flow;
pub mod path_file;
pub mod timer;

use std::collections::{BTreeMap, BTreeSet};

use casebook_core::{Coverage, EvidenceId, Input, Read};

use flow::{Flow, Segment, TimeNs};
use path_file::PathFile;

/// What one capture holds.
#[derive(Clone, Debug)]
pub struct CaptureFacts {
    /// The capture.
    pub evidence: EvidenceId,
    /// Its path, for messages.
    pub path: String,
    /// Its connections, by first packet.
    pub flows: Vec<Flow>,
    /// The packets of connections that were reset, as many as are kept, by [`Flow::index`].
    pub segments: BTreeMap<u64, Vec<Segment>>,
    /// Connections that are packets of another one under a wrong address, by [`Flow::index`].
    pub strays: BTreeSet<u64>,
    /// Time of its last packet.
    pub last_ns: TimeNs,
}

impl CaptureFacts {
    /// True when `flow` is packets of another connection under a wrong address.
    pub fn stray(&self, flow: &Flow) -> bool {
        self.strays.contains(&flow.index)
    }
}

/// The facts of the case.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Captures, in order of evidence.
    pub captures: Vec<CaptureFacts>,
    /// Declared paths.
    pub paths: Vec<(EvidenceId, PathFile)>,
}

/// Reads every file of the case's kinds.
pub fn read(input: &Input<'_>) -> Read {
    let (mut facts, mut coverage) = (Facts::default(), Vec::new());
    for item in input.of_kind(&path_file::PATH) {
        let (file, unmodelled) = path_file::read(item);
        facts.paths.push((item.id, file));
        coverage.push(Coverage::read(item, unmodelled));
    }
    Read::new(facts, coverage)
}
