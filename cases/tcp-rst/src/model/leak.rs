//! Packets of one connection under two pairs of addresses in one capture, told by the sequence numbers alone.
//!
//! A connection between C and V is known. Packets between C and X, with the same ports, continue its numbers. If they are
//! *from* X, a translator let a packet of the server pass with the server's own address; if they are *to* X, it sent a packet
//! of the client to another server. Whoever gets such a packet knows no such connection and answers with a RST. No other
//! mechanism continues the numbers of a connection under another address.

use std::collections::HashMap;

use crate::facts::flow::{Flow, Handshake, Peer, Reset, Side, SideState};

/// How far the numbers of one connection can lie apart, and still be told from chance: the packet's own number can be out of
/// the window (that is why it was not translated), what it acknowledges cannot.
const SEQ_NEAR: u32 = 1 << 26;
/// The same for what it acknowledges.
const ACK_NEAR: u32 = 1 << 22;

/// What a stray packet shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A packet of this side came with an address that should have been translated.
    Untranslated(Side),
    /// A packet of the client was sent to a server that is not the connection's.
    Diverted,
    /// A packet of the client came from another port of the same translator.
    Renumbered,
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
        // The nearest numbers win; where a capture shows the connection twice, before and after translation, the later one.
        let found = known.copied().filter_map(|known| pair(known, stray));
        let best = found.min_by_key(|(apart, found)| {
            (*apart, found.known.interface != stray.interface, std::cmp::Reverse(found.known.index))
        });
        best.map(|(_, found)| found)
    })
    .collect()
}

/// The connection `stray` belongs to, if it is `known`, and how far the numbers lie apart.
fn pair<'a>(known: &'a Flow, stray: &'a Flow) -> Option<(u64, Stray<'a>)> {
    let reset = stray.resets.first()?;
    // Without a handshake the sides of the stray are a guess, so both ways are tried.
    let ways = [
        (stray.client, stray.server, &stray.client_state, &stray.server_state),
        (stray.server, stray.client, &stray.server_state, &stray.client_state),
    ];
    ways.into_iter().find_map(|(client, server, client_state, server_state)| {
        let by_server = || apart(&known.server_state, &known.client_state, server_state);
        let by_client = || apart(&known.client_state, &known.server_state, client_state);
        let (distance, kind) = if client == known.client && server != known.server && server.port == known.server.port {
            match by_server() {
                Some(distance) => (distance, Kind::Untranslated(Side::Server)),
                None => (by_client()?, Kind::Diverted),
            }
        } else if server == known.server && client != known.client {
            let same_host = client.address == known.client.address;
            (by_client()?, if same_host { Kind::Renumbered } else { Kind::Untranslated(Side::Client) })
        } else {
            return None;
        };
        let (right, wrong) = match kind {
            Kind::Untranslated(Side::Client) | Kind::Renumbered => (known.client, client),
            Kind::Untranslated(Side::Server) | Kind::Diverted => (known.server, server),
        };
        Some((distance, Stray { known, stray, reset, kind, right, wrong }))
    })
}

/// How far the numbers of `stray` lie from those of a side of a connection, where they can be of it.
fn apart(side: &SideState, other: &SideState, stray: &SideState) -> Option<u64> {
    let seq = distance(side.seq_end?, stray.seq_end?);
    let ack = distance(other.seq_end?, stray.ack_last?);
    (seq <= SEQ_NEAR && ack <= ACK_NEAR).then_some(u64::from(seq) + u64::from(ack))
}

fn distance(a: u32, b: u32) -> u32 {
    a.wrapping_sub(b).min(b.wrapping_sub(a))
}
