//! One connection in two captures, and a RST that is in one of them only.
//!
//! Address translation changes addresses, ports, TTL and IP-ID; it leaves the sequence numbers. So the two initial sequence
//! numbers name a connection on both sides of any translator that does not end the connection itself.

use std::collections::HashMap;

use crate::facts::flow::{Flow, Reset, Side};

/// What the second capture says of a RST of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum There {
    /// It is there too.
    Seen,
    /// It is not, and neither is the packet it answers: that packet did not get so far.
    TriggerAbsent,
    /// It is not, but the packet it answers is.
    TriggerSeen,
    /// It is not, and the second capture ended before.
    Ended,
}

/// The connections of one capture by their initial sequence numbers.
#[derive(Clone, Debug, Default)]
pub struct Numbers(HashMap<(u32, u32), Option<usize>>);

impl Numbers {
    /// Of these flows.
    pub fn of(flows: &[Flow]) -> Self {
        let mut known: HashMap<(u32, u32), Option<usize>> = HashMap::new();
        for (index, flow) in flows.iter().enumerate() {
            if let Some(key) = key(flow) {
                // Two with the same numbers tell nothing.
                known.entry(key).and_modify(|slot| *slot = None).or_insert(Some(index));
            }
        }
        Self(known)
    }

    /// Index of the connection that has the numbers of `flow`.
    pub fn find(&self, flow: &Flow) -> Option<usize> {
        self.0.get(&key(flow)?).copied().flatten()
    }
}

fn key(flow: &Flow) -> Option<(u32, u32)> {
    Some((flow.client_state.isn?, flow.server_state.isn?))
}

/// True when the packets of `side` have passed fewer routers at `there` than at `here`.
pub fn nearer(here: &Flow, there: &Flow, side: Side) -> bool {
    let ttl = |flow: &Flow| {
        let state = match side {
            Side::Client => &flow.client_state,
            Side::Server => &flow.server_state,
        };
        state.ttl_handshake.or(state.ttl_range.map(|(_, high)| high))
    };
    matches!((ttl(here), ttl(there)), (Some(here), Some(there)) if there > here)
}

/// What `there`, the same connection in another capture, says of `reset`. `last_ns` is when that capture ended, on the clock of
/// the first one as far as it is known.
pub fn compare(reset: &Reset, there: &Flow, last_ns: Option<i64>) -> There {
    if there.resets.iter().any(|other| other.side == reset.side && other.seq == reset.seq) {
        return There::Seen;
    }
    if last_ns.zip(reset.packet.time_ns).is_some_and(|(last, reset)| last < reset) {
        return There::Ended;
    }
    let sent = match reset.side.other() {
        Side::Client => &there.client_state,
        Side::Server => &there.server_state,
    };
    let reached = reset.trigger.is_some_and(|trigger| {
        let end = trigger.seq.wrapping_add(trigger.payload_bytes);
        sent.seq_end.is_some_and(|seen| seen.wrapping_sub(end) < 1 << 31)
    });
    if reached { There::TriggerSeen } else { There::TriggerAbsent }
}
