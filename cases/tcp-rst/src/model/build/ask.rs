//! Packets of one connection sent through a ruleset.

use std::net::IpAddr;

use casebook_core::Span;
use casebook_formats::nft::ask::{Answer, Context, Refusal, Verdict, what_happens};
use casebook_formats::nft::ir::Ruleset;
use casebook_formats::nft::packet_text;

use crate::model::path::{Set, Treatment};

/// The ends of a connection as a packet of the client has them before translation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    pub client: IpAddr,
    pub client_port: u16,
    pub server: IpAddr,
    pub server_port: u16,
    /// Device towards the client.
    pub near: Option<String>,
    /// Device towards the server.
    pub far: Option<String>,
}

/// Flags of a packet that is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// A SYN.
    Syn,
    /// A packet in the middle.
    Ack,
    /// A packet in the middle of a connection that its entry knows.
    Known,
}

/// The way a packet takes through the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Forward,
    Input,
    Output,
}

/// What `ruleset` does with a packet from the client (`reply` false) or from the server, of a connection no entry knows.
/// `None` when the ends cannot be written as a packet.
pub(super) fn ask(ruleset: &Ruleset, ends: &Ends, reply: bool, what: Asked, way: Way, loose: bool) -> Option<Answer> {
    let flags = match what {
        Asked::Syn => "syn",
        Asked::Ack => "ack",
        Asked::Known => "ack ct established",
    };
    let (from, to) = if reply {
        ((ends.server, ends.server_port), (ends.client, ends.client_port))
    } else {
        ((ends.client, ends.client_port), (ends.server, ends.server_port))
    };
    let (iif, oif) = if reply { (&ends.far, &ends.near) } else { (&ends.near, &ends.far) };
    let mut text = String::new();
    if let (Some(name), Way::Forward | Way::Input) = (iif, way) {
        text.push_str(&format!("iif {name} "));
    }
    if let (Some(name), Way::Forward | Way::Output) = (oif, way) {
        text.push_str(&format!("oif {name} "));
    }
    text.push_str(&format!("tcp {} > {} {flags} path ", end(from), end(to)));
    text.push_str(match way {
        Way::Forward => "forward",
        Way::Input => "input",
        Way::Output => "output",
    });
    let packet = packet_text::parse(&text).ok()?;
    Some(what_happens(ruleset, &packet, &Context { conntrack: Some(true), tcp_loose: loose }))
}

fn end((address, port): (IpAddr, u16)) -> String {
    match address {
        IpAddr::V4(address) => format!("{address}:{port}"),
        IpAddr::V6(address) => format!("[{address}]:{port}"),
    }
}

/// The treatment an answer says.
pub(super) fn treatment(answer: Option<&Answer>) -> Set<Treatment> {
    let Some(answer) = answer else { return Set::default_of(Treatment::Unknown) };
    let value = match &answer.verdict {
        Verdict::Accept => Treatment::Accept,
        Verdict::Drop => Treatment::Drop,
        Verdict::Reject(Refusal::TcpReset) => Treatment::Reset,
        Verdict::Reject(Refusal::Icmp(_)) => Treatment::Unreachable,
        Verdict::Stolen | Verdict::Unknown => Treatment::Unknown,
    };
    let places: Vec<Span> = answer.decided.map(|decided| decided.span).into_iter().collect();
    // That a packet passes needs no line; that it does not is the line to show.
    if value == Treatment::Accept { Set::default_of(value) } else { Set { value, places } }
}

/// True when the packet passes.
pub(super) fn passes(answer: &Answer) -> bool {
    answer.verdict == Verdict::Accept
}
