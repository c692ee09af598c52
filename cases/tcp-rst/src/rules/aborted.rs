//! RST103 reset-by-socket

use casebook_core::{At, EvidenceSet, Finding, Place, Rule};

use super::resets::{Cause, Group, collect, findings};
use crate::facts::Facts;
use crate::facts::flow::Peer;
use crate::facts::ss::{Address, Socket};
use crate::model::emitter::Emitter;
use crate::model::incident::look;
use crate::model::words::{end, peer};

casebook_core::rule! {
    /// A RST was sent by the socket of the end it carries: the program ended the connection, or somebody ended it for it.
    ///
    /// It knows the connection's sequence numbers, window and clock. The path did nothing; look at the program. A RST of this form
    /// with nothing else of its side in the capture is insufficient: a firewall that has followed the connection knows its numbers.
    ///
    /// Mechanism: `tcp_send_active_reset` (net/ipv4/tcp_output.c), called by `tcp_close` with `SO_LINGER` 0 or with data the
    /// program had not read, by `tcp_disconnect` and by `tcp_abort` (`ss -K`).
    ///
    /// Fix: read everything before closing; close without `SO_LINGER` 0.
    pub RESET_BY_SOCKET = "RST103" "reset-by-socket" of "tcp-rst", Error, since "0.1.0",
    "the end's own socket reset the connection: its program closed it hard",
    check(Facts), when Facts::has_captures
}

/// RSTs of a server within this time are one event, in nanoseconds.
const TOGETHER_NS: i64 = 300_000_000;

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    findings(facts, evidence, Cause::Aborted, |group| {
        let speaker = peer(group.speaker());
        let unread = unread(group);
        let how = match unread {
            Some((socket, _)) => format!("its program closed it with {} bytes it had not read", socket.recv_queue),
            None => "its program closed it hard".to_owned(),
        };
        let receiver = peer(group.receiver());
        let alone = group.verdict.left != [Emitter::Socket];
        let title = match group.count {
            _ if alone => format!("a RST to {receiver} carries {speaker}, and nothing here tells who sent it"),
            1 => format!("{speaker} reset the connection to {receiver} itself: {how}"),
            count => format!("{speaker} reset {count} connections itself, the first to {receiver}: {how}"),
        };
        let mut builder = group.finding(rule, evidence, title);
        if let Some((socket, path)) = unread {
            let label = format!("{} bytes wait in its receive queue", socket.recv_queue);
            builder = builder.place(Place::context(At::Text(socket.line), label)).because(format!(
                "{path} shows {} bytes that had arrived and that the program had not read; closing is then enough for a RST \
                 (`tcp_close`).",
                socket.recv_queue
            ));
        }
        if alone {
            return builder.because(format!("Who can have sent it: {}.", group.left())).missing(
                "A capture that holds the connection from its beginning: its other packets tell the TTL, the IP-ID and the \
                 clock that a RST of the same socket continues.",
            );
        }
        let builder = builder.because(
            "A socket does so when its program closes it with SO_LINGER 0, closes it or dies with data it has not read, or when \
             somebody removes it with `ss -K`. A proxy that ends the connection counts as the end.",
        );
        let together = group.span_ns().filter(|ns| group.count > 2 && *ns < TOGETHER_NS);
        let builder = match together {
            Some(_) => builder.because(
                "RSTs so close together have one cause: a process that dies (kill, crash, restart) ends all of its connections.",
            ),
            None => builder,
        };
        let builder = match group.reset.trigger.filter(|trigger| trigger.payload_bytes > 0) {
            Some(trigger) => builder.because(format!(
                "The other side's last packet brought {} bytes; if the program did not read them, closing is enough for a RST.",
                trigger.payload_bytes
            )),
            None => builder,
        };
        builder.fix(collect(
            "see which call ends it, on that host",
            &[
                "strace -f -e trace=close,shutdown,setsockopt,read,recvfrom -p PID",
                "perf trace -e tcp:tcp_send_reset   # Linux 6.10 and later name the reason",
            ],
        ))
    })
}

/// The socket that sent it, in a listing among the evidence in which data waits unread.
fn unread<'a>(group: &Group<'a>) -> Option<(&'a Socket, &'a str)> {
    let seen: Vec<(Peer, Peer)> = group
        .incident
        .sightings()
        .filter_map(|at| look(&group.facts.captures, at))
        .map(|(_, flow, reset)| (end(flow, reset.side), end(flow, reset.side.other())))
        .collect();
    let is =
        |address: &Address, peer: Peer| address.host.parse() == Ok(peer.address) && address.port == Some(peer.port);
    group.facts.sockets.iter().find_map(|(id, listing)| {
        let socket = listing.sockets.iter().find(|socket| {
            socket.recv_queue > 0 && seen.iter().any(|(own, other)| is(&socket.local, *own) && is(&socket.peer, *other))
        })?;
        Some((socket, group.facts.path(*id)))
    })
}
