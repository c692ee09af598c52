//! Captures as the rules want them: connections that were reset with their packets, and what the others tell of silence.

use std::collections::{BTreeMap, BTreeSet};

use casebook_core::{Coverage, Evidence, EvidenceId};

use super::capture::{self, Capture, Limits};
use super::flow::{Flow, Peer, Segment, TimeNs};
use crate::model::leak::{self, strays};
use crate::model::matching::Numbers;
use crate::model::series::Pair;

/// Connections that are held whole when there are no more; of a larger capture only those with a RST, and their neighbours,
/// are.
const WHOLE: usize = 20_000;
/// Connections whose packets are read a second time.
const DETAILED: usize = 64;
/// Packets kept of each.
const PACKETS: usize = 20_000;

/// What one capture holds.
#[derive(Debug)]
pub struct CaptureFacts {
    /// The capture.
    pub evidence: EvidenceId,
    /// Its path, for messages.
    pub path: String,
    /// Connections, by first packet: all, or of a large capture those with a RST and those that share an end with one.
    pub flows: Vec<Flow>,
    /// Where in `flows` a connection is that another capture shows too.
    pub numbers: Numbers,
    /// The packets of connections that were reset, of as many as are kept, by [`Flow::index`].
    pub segments: BTreeMap<u64, Vec<Segment>>,
    /// Connections that are packets of another one under another address, by [`Flow::index`].
    pub strays: BTreeMap<u64, StrayFacts>,
    /// The longest silence a connection of a pair came through, in nanoseconds.
    pub survived: BTreeMap<Pair, i64>,
    /// Time of its last packet.
    pub last_ns: TimeNs,
}

/// A connection that is packets of another one under another address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StrayFacts {
    /// What it shows.
    pub kind: leak::Kind,
    /// The connection it belongs to, by [`Flow::index`].
    pub known: u64,
    /// The address of that connection that was not used.
    pub right: Peer,
    /// The address that was used instead.
    pub wrong: Peer,
}

impl CaptureFacts {
    /// The connection with this number, if it is held.
    pub fn flow(&self, index: u64) -> Option<&Flow> {
        let at = self.flows.binary_search_by_key(&index, |flow| flow.index).ok()?;
        self.flows.get(at)
    }
}

/// Reads a capture, and says what of it was not covered.
pub fn read(item: &Evidence) -> (CaptureFacts, Coverage) {
    let capture = capture::read(item.id, &item.bytes, Limits::default());
    let flows = flows(&capture);
    let reset = flows.iter().filter(|flow| !flow.resets.is_empty());
    let others = flows.iter().filter(|flow| flow.resets.is_empty() && is_wanted(flow));
    let wanted: Vec<&Flow> = reset.chain(others).take(DETAILED).collect();
    let lists = if wanted.is_empty() { Vec::new() } else { capture::segments(item.id, &item.bytes, &wanted, PACKETS) };
    let segments = wanted.iter().zip(lists).map(|(flow, found)| (flow.index, found.list)).collect();
    let strays = strays(&flows)
        .iter()
        .map(|one| {
            let facts = StrayFacts { kind: one.kind, known: one.known.index, right: one.right, wrong: one.wrong };
            (one.stray.index, facts)
        })
        .collect();
    let pairs: BTreeSet<Pair> = flows.iter().filter(|flow| !flow.resets.is_empty()).map(Pair::of).collect();
    let mut survived: BTreeMap<Pair, i64> = BTreeMap::new();
    let mut last_ns = None;
    for summary in capture.summaries() {
        last_ns = last_ns.max(summary.last_ns);
        let pair = Pair { client: summary.client.address, server: summary.server };
        if let Some(quiet) = summary.longest_survived_ns.filter(|_| pairs.contains(&pair)) {
            let slot = survived.entry(pair).or_insert(quiet);
            *slot = quiet.max(*slot);
        }
    }
    let coverage = capture.coverage(item);
    let numbers = Numbers::of(&flows);
    let path = item.path.clone();
    let facts = CaptureFacts { evidence: item.id, path, flows, numbers, segments, strays, survived, last_ns };
    (facts, coverage)
}

/// Repetitions without an answer from which on a connection counts as one that ended so.
pub const UNANSWERED: u32 = 3;

/// True for a connection without a RST whose packets somebody will want to see.
fn is_wanted(flow: &Flow) -> bool {
    // A segment with a bad checksum changes no state, so repetitions of one are told by their sums alone.
    let unanswered = |state: &super::flow::SideState| {
        state.retransmissions_unanswered >= UNANSWERED || state.bad_sums >= u64::from(UNANSWERED)
    };
    unanswered(&flow.client_state) || unanswered(&flow.server_state) || flow.used_after_fin().is_some()
}

fn flows(capture: &Capture) -> Vec<Flow> {
    if capture.kept() <= WHOLE {
        return capture.flows().collect();
    }
    let mut flows: Vec<Flow> = capture.reset_flows().collect();
    // A packet under a wrong address is another connection of the same client port, which need not have a RST itself.
    let ends: BTreeSet<_> = flows.iter().flat_map(|flow| [flow.client, flow.server]).collect();
    let known: BTreeSet<u64> = flows.iter().map(|flow| flow.index).collect();
    let beside = capture.summaries().filter(|one| !known.contains(&one.index) && ends.contains(&one.client));
    let beside: Vec<u64> = beside.map(|one| one.index).take(WHOLE).collect();
    flows.extend(beside.into_iter().filter_map(|index| capture.flow(index)));
    flows.sort_by_key(|flow| flow.index);
    flows
}
