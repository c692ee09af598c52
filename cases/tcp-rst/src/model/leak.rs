//! Packets of one connection under two pairs of addresses in one capture, told by the sequence numbers alone.
//!
//! A connection between C and V is known. Packets between C and X, with the same ports, continue its numbers. If they are
//! *from* X, a translator let a packet of the server pass with the server's own address; if they are *to* X, it sent a packet
//! of the client to another server. Whoever gets such a packet knows no such connection and answers with a RST. No other
//! mechanism continues the numbers of a connection under another address.

use std::collections::HashMap;

use crate::facts::flow::{Flow, Handshake, Peer, Reset, Side};

/// How far apart sequence numbers of one connection can lie: the largest window (RFC 7323, 2.3).
const WINDOW: u32 = 1 << 30;

/// What a stray packet shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A packet of this side came with an address that should have been translated.
    Untranslated(Side),
    /// A packet of the client was sent to a server that is not the connection's.
    Diverted,
}

/// `stray` is packets of `known` under another address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stray<'a> {
    /// The connection as it should be.
    pub known: &'a Flow,
    /// The packets under the other address.
    pub stray: &'a Flow,
    /// The RST they got.
    pub reset: &'a Reset,
    /// What it shows.
    pub kind: Kind,
    /// The address of the connection that was not used.
    pub right: Peer,
    /// The address that was used instead.
    pub wrong: Peer,
}

/// The strays among the flows of one capture that were answered with a RST.
pub fn strays(flows: &[Flow]) -> Vec<Stray<'_>> {
    let mut by_end: HashMap<Peer, Vec<&Flow>> = HashMap::new();
    for flow in flows {
        by_end.entry(flow.client).or_default().push(flow);
        by_end.entry(flow.server).or_default().push(flow);
    }
    let late = flows.iter().filter(|flow| flow.handshake == Handshake::Absent && !flow.resets.is_empty());
    late.filter_map(|stray| {
        let beside = [stray.client, stray.server].into_iter().filter_map(|end| by_end.get(&end)).flatten();
        let known = beside.filter(|known| known.index != stray.index && known.first.number < stray.first.number);
        known.copied().find_map(|known| pair(known, stray))
    })
    .collect()
}

fn pair<'a>(known: &'a Flow, stray: &'a Flow) -> Option<Stray<'a>> {
    let reset = stray.resets.first()?;
    // Without a handshake the sides of the stray are a guess, so both ways are tried.
    let ways = [
        (stray.client, stray.server, &stray.client_state, &stray.server_state),
        (stray.server, stray.client, &stray.server_state, &stray.client_state),
    ];
    for (client, server, client_state, server_state) in ways {
        let kind = if client == known.client && server != known.server && server.port == known.server.port {
            if near(known.server_state.seq_end, server_state.seq_end) {
                Kind::Untranslated(Side::Server)
            } else if near(known.client_state.seq_end, client_state.seq_end) {
                Kind::Diverted
            } else {
                continue;
            }
        } else if server == known.server
            && client != known.client
            && near(known.client_state.seq_end, client_state.seq_end)
        {
            Kind::Untranslated(Side::Client)
        } else {
            continue;
        };
        let (right, wrong) = match kind {
            Kind::Untranslated(Side::Client) => (known.client, client),
            Kind::Untranslated(Side::Server) | Kind::Diverted => (known.server, server),
        };
        return Some(Stray { known, stray, reset, kind, right, wrong });
    }
    None
}

fn near(known: Option<u32>, stray: Option<u32>) -> bool {
    match (known, stray) {
        (Some(known), Some(stray)) => stray.wrapping_sub(known).wrapping_add(WINDOW) <= 2 * WINDOW,
        _ => false,
    }
}
