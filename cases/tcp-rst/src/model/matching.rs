//! One connection in two captures, and a RST that is in one of them only.
//!
//! Address translation changes addresses, ports, TTL and IP-ID; it leaves the sequence numbers. So the two initial sequence
//! numbers name a connection on both sides of any translator that does not end the connection itself.

use std::collections::HashMap;

use crate::facts::flow::{Flow, Reset};

/// A connection seen at two points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matched<'a> {
    /// In the first capture.
    pub here: &'a Flow,
    /// In the second.
    pub there: &'a Flow,
}

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

/// The connections that are in both captures, by their initial sequence numbers.
pub fn matched<'a>(here: &'a [Flow], there: &'a [Flow]) -> Vec<Matched<'a>> {
    let key = |flow: &Flow| Some((flow.client_state.isn?, flow.server_state.isn?));
    let mut known: HashMap<(u32, u32), Option<&Flow>> = HashMap::new();
    for flow in there {
        if let Some(key) = key(flow) {
            // Two with the same numbers tell nothing.
            known.entry(key).and_modify(|slot| *slot = None).or_insert(Some(flow));
        }
    }
    let find =
        |flow: &'a Flow| Some(Matched { here: flow, there: key(flow).and_then(|key| known.get(&key).copied())?? });
    here.iter().filter_map(find).collect()
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
        crate::facts::flow::Side::Client => &there.client_state,
        crate::facts::flow::Side::Server => &there.server_state,
    };
    let reached = reset.trigger.is_some_and(|trigger| {
        let end = trigger.seq.wrapping_add(trigger.payload_bytes);
        sent.seq_end.is_some_and(|seen| seen.wrapping_sub(end) < 1 << 31)
    });
    if reached { There::TriggerSeen } else { There::TriggerAbsent }
}
