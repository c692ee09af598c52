//! A packet that left a translator with the address it came with, told by the capture alone.
//!
//! The receiver has a connection with V. A packet of the same connection comes from X, or goes to X: same ports, sequence
//! numbers that continue those of V. The receiver knows nothing of X and answers with a RST. No other mechanism continues the
//! sequence numbers of a connection under another address.

use crate::facts::flow::{Flow, Reset, Side};

/// How far apart sequence numbers of one connection can lie: the largest window (RFC 7323, 2.3).
const WINDOW: u32 = 1 << 30;

/// A leak: flow `stray` is the other address's part of flow `known`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leak<'a> {
    /// The connection as it should be.
    pub known: &'a Flow,
    /// The packets under the wrong address.
    pub stray: &'a Flow,
    /// The RST they got.
    pub reset: &'a Reset,
    /// The side of `known` whose address was not translated.
    pub side: Side,
}

/// The leaks among the flows of one capture.
pub fn leaks(flows: &[Flow]) -> Vec<Leak<'_>> {
    let strays = flows.iter().filter(|flow| flow.handshake == crate::facts::flow::Handshake::Absent);
    let mut out = Vec::new();
    for stray in strays.filter(|flow| !flow.resets.is_empty()) {
        for known in flows {
            if known.index == stray.index || known.first.number > stray.first.number {
                continue;
            }
            out.extend(pair(known, stray));
        }
    }
    out
}

fn pair<'a>(known: &'a Flow, stray: &'a Flow) -> Option<Leak<'a>> {
    // Without a handshake the sides of the stray are a guess, so both ways are tried.
    let ways = [(stray.client, stray.server, false), (stray.server, stray.client, true)];
    for (client, server, swapped) in ways {
        let (side, continues) = if client == known.client && server != known.server && server.port == known.server.port
        {
            let stray_side = if swapped { &stray.client_state } else { &stray.server_state };
            (Side::Server, near(known.server_state.seq_end, stray_side.seq_end))
        } else if server == known.server && client != known.client && client.port == known.client.port {
            let stray_side = if swapped { &stray.server_state } else { &stray.client_state };
            (Side::Client, near(known.client_state.seq_end, stray_side.seq_end))
        } else {
            continue;
        };
        if continues && let Some(reset) = stray.resets.first() {
            return Some(Leak { known, stray, reset, side });
        }
    }
    None
}

fn near(known: Option<u32>, stray: Option<u32>) -> bool {
    match (known, stray) {
        (Some(known), Some(stray)) => stray.wrapping_sub(known).wrapping_add(WINDOW) <= 2 * WINDOW,
        _ => false,
    }
}
