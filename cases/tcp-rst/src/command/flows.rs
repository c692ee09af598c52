//! `casebook rst flows`: the connections of a capture, and who reset them.

use std::io::Write;

use casebook_core::{Arg, ArgKind, OutputFormat, Verb, VerbError, VerbInput};
use serde_json::{Value, json};

use crate::facts::capture::{self, Limits};
use crate::facts::flow::{Flow, Reset};
use crate::model::emitter::{judge, plural, word};
use crate::model::form::Form;
use crate::model::words::{end, peer, time_ns};

/// The verb.
pub const FLOWS: Verb = Verb {
    name: "flows",
    about: "List the TCP connections of a capture, their longest silence, and the verdict on their RSTs",
    long: "Connections with a RST are listed; --all lists every one. A connection is never cut by a silence, however long.\n\n\
           Examples:\n  casebook rst flows client.pcap\n  casebook rst flows big.pcapng.zst --all | head\n  \
           casebook rst flows client.pcap --format json",
    args: &[
        Arg {
            name: "capture",
            kind: ArgKind::Evidence,
            value_name: "CAPTURE",
            help: "A capture (pcap or pcapng, also compressed)",
            required: true,
            many: false,
        },
        Arg {
            name: "all",
            kind: ArgKind::Flag,
            value_name: "",
            help: "List connections without a RST too",
            required: false,
            many: false,
        },
    ],
    run,
};

fn run(input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let item = input.file("capture").and_then(|id| input.evidence.get(id));
    let item = item.ok_or_else(|| VerbError::usage("no capture was given"))?;
    let capture = capture::read(item.id, &item.bytes, Limits::default());
    let all = input.flag("all");
    let listed = capture.flows().filter(|flow| all || !flow.resets.is_empty());
    if input.format == OutputFormat::Json {
        write!(out, "{{\"packets\":{},\"flows\":[", capture.totals.packets)?;
        for (index, flow) in listed.enumerate() {
            write!(out, "{}{}", if index > 0 { "," } else { "" }, flow_json(&flow))?;
        }
        writeln!(out, "],\"total\":{},\"resets\":{}}}", capture.totals.flows, capture.totals.resets)?;
        return Ok(0);
    }
    for flow in listed {
        line(&flow, out)?;
    }
    let totals = &capture.totals;
    let count = |number: u64, word: &str| format!("{number} {}", plural(number, word));
    let (packets, flows, resets) = (totals.packets, totals.flows, totals.resets);
    writeln!(out, "{}, {}, {}", count(packets, "packet"), count(flows, "connection"), count(resets, "RST"))?;
    if let Some(note) = capture.coverage(item).note {
        writeln!(out, "{note}")?;
    }
    Ok(0)
}

fn line(flow: &Flow, out: &mut dyn Write) -> std::io::Result<()> {
    let segments = flow.client_state.segments + flow.server_state.segments;
    let survived = flow.longest_survived_ns.map_or_else(|| "-".to_owned(), time_ns);
    write!(
        out,
        "{:>6}  {} > {}  {segments} packets, longest silence survived {survived}",
        flow.index,
        peer(flow.client),
        peer(flow.server)
    )?;
    let Some(reset) = flow.resets.first() else { return writeln!(out) };
    let left: Vec<&str> = judge(flow, reset).left.iter().map(|emitter| word(*emitter)).collect();
    let quiet = reset.quiet_ns.map_or_else(String::new, |ns| format!(" after {} of silence", time_ns(ns)));
    writeln!(
        out,
        "\n        RST in packet {} to {}{quiet}: {}",
        reset.packet.number,
        peer(end(flow, reset.side.other())),
        left.join(" or ")
    )
}

fn flow_json(flow: &Flow) -> Value {
    json!({
        "index": flow.index,
        "client": peer(flow.client),
        "server": peer(flow.server),
        "first_packet": flow.first.number,
        "last_packet": flow.last.number,
        "segments": flow.client_state.segments + flow.server_state.segments,
        "rtt_server_ns": flow.rtt_server_ns,
        "longest_survived_ns": flow.longest_survived_ns,
        "resets": flow.resets.iter().map(|reset| reset_json(flow, reset)).collect::<Vec<_>>(),
    })
}

/// A RST and its verdict.
pub(super) fn reset_json(flow: &Flow, reset: &Reset) -> Value {
    let verdict = judge(flow, reset);
    json!({
        "packet": reset.packet.number,
        "carries": peer(end(flow, reset.side)),
        "to": peer(end(flow, reset.side.other())),
        "form": match verdict.form {
            Form::Stateless(_) => "stateless",
            Form::Stateful | Form::Alone => "stateful",
            Form::Unusual(_) => "unusual",
        },
        "ttl": reset.ttl,
        "quiet_ns": reset.quiet_ns,
        "left": verdict.left.iter().map(|emitter| word(*emitter)).collect::<Vec<_>>(),
        "because": verdict.clues.iter().map(|clue| clue.says.clone()).collect::<Vec<_>>(),
    })
}
