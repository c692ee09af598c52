//! How packets, times and parties read in a report.

use casebook_core::{At, Figure, Message, Place, Sequence, Tone};

use crate::facts::flow::{Flags, Flow, LastSegment, PacketRef, Peer, Reset, Segment, Side};
use crate::model::emitter::plural;

/// `10.0.1.2:40000`, with brackets for IPv6.
pub fn peer(peer: Peer) -> String {
    match peer.address {
        std::net::IpAddr::V4(address) => format!("{address}:{}", peer.port),
        std::net::IpAddr::V6(address) => format!("[{address}]:{}", peer.port),
    }
}

/// The peer on a side of a flow.
pub fn end(flow: &Flow, side: Side) -> Peer {
    match side {
        Side::Client => flow.client,
        Side::Server => flow.server,
    }
}

/// `SYN ACK`, or `none`.
pub fn flags(flags: Flags) -> String {
    let names = [
        (Flags::SYN, "SYN"),
        (Flags::FIN, "FIN"),
        (Flags::RST, "RST"),
        (Flags::PSH, "PSH"),
        (Flags::ACK, "ACK"),
        (Flags::URG, "URG"),
    ];
    let set: Vec<&str> = names.into_iter().filter(|(mask, _)| flags.has(*mask)).map(|(_, name)| name).collect();
    if set.is_empty() { "no flags".to_owned() } else { set.join(" ") }
}

/// `7.003 s`, `65.1 ms`, `120 µs`.
pub fn time_ns(ns: i64) -> String {
    let value = ns as f64;
    match ns.unsigned_abs() {
        0..=999_999 => format!("{:.0} µs", value / 1e3),
        1_000_000..=999_999_999 => format!("{:.1} ms", value / 1e6),
        1_000_000_000..=99_999_999_999 => format!("{:.3} s", value / 1e9),
        _ => format!("{:.1} s", value / 1e9),
    }
}

/// The line that stands for the RST.
pub fn reset_line(flow: &Flow, reset: &Reset) -> String {
    let (from, to) = (end(flow, reset.side), end(flow, reset.side.other()));
    let mut line = format!("{} > {} {} seq {}", peer(from), peer(to), flags(reset.flags), reset.seq);
    if reset.flags.has(Flags::ACK) {
        line.push_str(&format!(" ack {}", reset.ack));
    }
    line.push_str(&format!(" ttl {}", reset.ttl));
    if let Some(id) = reset.ip_id {
        line.push_str(&format!(" id {id}"));
    }
    line.push_str(&format!(" win {}", reset.window));
    line.push_str(if reset.timestamps.is_some() { ", timestamps" } else { ", no timestamps" });
    line
}

/// The line that stands for the last segment of a side.
pub fn last_line(flow: &Flow, side: Side, segment: &LastSegment) -> String {
    let (from, to) = (end(flow, side), end(flow, side.other()));
    let mut line = format!("{} > {} {} seq {}", peer(from), peer(to), flags(segment.flags), segment.seq);
    if segment.flags.has(Flags::ACK) {
        line.push_str(&format!(" ack {}", segment.ack));
    }
    if segment.payload_bytes > 0 {
        line.push_str(&format!(" {} {}", segment.payload_bytes, plural(segment.payload_bytes, "byte")));
    }
    line
}

/// A packet as a place.
pub fn at(packet: PacketRef) -> At {
    At::Packet { number: packet.number, span: packet.span }
}

/// The RST as the primary place.
pub fn reset_place(flow: &Flow, reset: &Reset, label: impl Into<String>) -> Place {
    Place::primary(at(reset.packet), label).shown_as(reset_line(flow, reset))
}

/// The packet a RST answers, as a place.
pub fn trigger_place(flow: &Flow, reset: &Reset, label: impl Into<String>) -> Option<Place> {
    let trigger = reset.trigger?;
    let line = last_line(flow, reset.side.other(), &trigger);
    Some(Place::context(at(trigger.packet), label).shown_as(line))
}

/// The packets of a connection as a drawing; `culprit` is the number of the packet a finding is about.
pub fn sequence(flow: &Flow, segments: &[Segment], culprit: u64) -> Figure {
    let messages = segments.iter().map(|segment| {
        let (from, to) = match segment.side {
            Side::Client => (0, 1),
            Side::Server => (1, 0),
        };
        let mut text = format!("#{} {}", segment.packet.number, flags(segment.flags));
        if segment.payload_bytes > 0 {
            text.push_str(&format!(", {} {}", segment.payload_bytes, plural(segment.payload_bytes, "byte")));
        }
        if segment.flags.has(Flags::RST) {
            text.push_str(&format!(", ttl {}", segment.ttl));
        }
        let tone = if segment.packet.number == culprit {
            Tone::Culprit
        } else if segment.flags.0 & (Flags::RST | Flags::FIN) != 0 {
            Tone::Notable
        } else {
            Tone::Plain
        };
        Message { at_us: segment.packet.time_ns.unwrap_or(0) / 1_000, from, to, text, tone }
    });
    Figure::Sequence(Sequence {
        title: format!("The connection of {} to {}", peer(flow.client), peer(flow.server)),
        actors: vec![peer(flow.client), peer(flow.server)],
        messages: messages.collect(),
    })
}
