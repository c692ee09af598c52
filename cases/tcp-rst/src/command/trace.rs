//! `casebook rst trace`: a connection packet by packet, with what connection tracking made of each, and the verdict on its RST.

use std::io::Write;

use casebook_core::{Arg, ArgKind, OutputFormat, Verb, VerbError, VerbInput};
use casebook_formats::sysctl;
use serde_json::{Value, json};

use crate::facts::capture::{self, Limits};
use crate::facts::conntrack::settings::settings;
use crate::facts::flow::{Flow, Segment};
use crate::model::conntrack::{Behaviour, Class, Host, Release};
use crate::model::emitter::judge;
use crate::model::replay::{Answer, Replay, Start, replay};
use crate::model::words::{end, flags, peer, time_ns};

/// Packets of one connection that are shown.
const PACKETS: usize = 1_000_000;

/// The verb.
pub const TRACE: Verb = Verb {
    name: "trace",
    about: "Follow one connection of a capture, with connection tracking's state and time left at each packet",
    long: "Each line is a packet: when, from whom, what, and what conntrack of a router that sees exactly these packets has of the \
           connection. With --why the steps of the kernel stand below each packet. The last lines are the verdict on the RST.\n\n\
           Examples:\n  casebook rst trace client.pcap --flow 0\n  \
           casebook rst trace router.pcap --flow 3 --sysctl sysctl.txt --why\n  \
           casebook rst flows client.pcap   # the numbers of the connections",
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
            name: "flow",
            kind: ArgKind::Value,
            value_name: "N",
            help: "Number of the connection, from 0 [default: the first with a RST]",
            required: false,
            many: false,
        },
        Arg {
            name: "sysctl",
            kind: ArgKind::EvidenceOption,
            value_name: "FILE",
            help: "Settings of the router (sysctl -a) [default: those of the kernel]",
            required: false,
            many: false,
        },
        Arg {
            name: "kernel",
            kind: ArgKind::Value,
            value_name: "RELEASE",
            help: "Release of the router's kernel, as 6.1 [default: kernel.osrelease of the settings, else 6.18]",
            required: false,
            many: false,
        },
        Arg {
            name: "why",
            kind: ArgKind::Flag,
            value_name: "",
            help: "Print the kernel's steps for each packet",
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
    let flow = match input.value("flow") {
        Some(text) => {
            let number: u64 = text.parse().map_err(|_| VerbError::usage(format!("--flow: `{text}` is no number")))?;
            capture.flow(number).ok_or_else(|| {
                let hint = format!("casebook rst flows {}", item.path);
                VerbError::with_hint(format!("{} has no connection {number}", item.path), hint)
            })?
        }
        None => capture.reset_flows().next().or_else(|| capture.flow(0)).ok_or_else(|| {
            VerbError::with_hint(
                format!("{} holds no TCP connection", item.path),
                "a capture of `tcpdump -w` is needed",
            )
        })?,
    };
    let host = host(input)?;
    let mut lists = capture::segments(item.id, &item.bytes, &[&flow], PACKETS);
    let segments = lists.pop().unwrap_or_default();
    let replay = replay(&host, Start::of(&segments.list), &segments.list);
    match input.format {
        OutputFormat::Json => {
            writeln!(out, "{}", as_json(&flow, &segments.list, &replay))?;
        }
        OutputFormat::Text => {
            print(&flow, &segments.list, &replay, input.flag("why"), out)?;
            if segments.left_out > 0 {
                writeln!(out, "{} more packets are not shown", segments.left_out)?;
            }
        }
    }
    Ok(0)
}

/// The router: its settings and its kernel.
fn host(input: &VerbInput<'_>) -> Result<Host, VerbError> {
    let item = input.file("sysctl").and_then(|id| input.evidence.get(id));
    let read = item.map(|item| (settings(item.id, &sysctl::read(item.as_bytes())), sysctl::read(item.as_bytes())));
    let said = read.as_ref().and_then(|(_, all)| Release::parse(all.get("kernel.osrelease")?.value));
    let release = match input.value("kernel") {
        Some(text) => Release::parse(text)
            .ok_or_else(|| VerbError::usage(format!("--kernel: `{text}` is no release, as 6.1 or 6.18.44 are")))?,
        None => said.unwrap_or(Release(6, 18, 0)),
    };
    let mut host = Host::new(Behaviour::of(release));
    if let Some((set, _)) = read {
        host.settings = set.settings;
    }
    Ok(host)
}

fn print(flow: &Flow, segments: &[Segment], replay: &Replay, why: bool, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "{} to {}", peer(flow.client), peer(flow.server))?;
    let first = segments.first().and_then(|segment| segment.packet.time_ns);
    for (index, segment) in segments.iter().enumerate() {
        let at = segment
            .packet
            .time_ns
            .zip(first)
            .map_or_else(|| "?".to_owned(), |(now, first)| format!("{:.6}", (now - first) as f64 / 1e9));
        let mut what = format!(
            "{} > {} {}",
            peer(end(flow, segment.side)),
            peer(end(flow, segment.side.other())),
            flags(segment.flags)
        );
        if segment.payload_bytes > 0 {
            what.push_str(&format!(" {} bytes", segment.payload_bytes));
        }
        what.push_str(&format!(" ttl {}", segment.ttl));
        let answer = replay.packets.get(index).map(|(_, answer)| answer);
        writeln!(out, "{:>6} {at:>14}  {what:<70}  {}", segment.packet.number, tracked(answer))?;
        if let Some(expiry) = replay.expiries.iter().find(|expiry| expiry.at == index) {
            writeln!(
                out,
                "{:>23}the entry ({}, {}) had been gone for {:.3} s when this packet came",
                "",
                expiry.state.name(),
                crate::model::path::show(expiry.timeout),
                expiry.gone_for.as_seconds()
            )?;
        }
        if why && let Some(judged) = answer.and_then(Answer::known) {
            for step in &judged.steps {
                writeln!(out, "{:>23}{}", "", step.text())?;
            }
        }
    }
    for reset in flow.resets.iter().take(1) {
        let verdict = judge(flow, reset);
        writeln!(
            out,
            "\nthe RST in packet {}, after {} of silence:",
            reset.packet.number,
            reset.quiet_ns.map_or_else(|| "an unknown time".to_owned(), time_ns)
        )?;
        for clue in &verdict.clues {
            writeln!(out, "  {}", clue.says)?;
        }
        let left: Vec<&str> = verdict.left.iter().map(|emitter| crate::model::emitter::word(*emitter)).collect();
        writeln!(out, "  left: {}", left.join(", "))?;
    }
    Ok(())
}

/// What conntrack has of the connection after a packet.
fn tracked(answer: Option<&Answer>) -> String {
    match answer {
        Some(Answer::Known(judged)) => {
            let class = class(judged.class);
            match (judged.after, judged.timeout) {
                (Some(state), Some((timeout, _))) => {
                    format!("{class}, {} for {}", state.name(), crate::model::path::show(timeout))
                }
                (Some(state), None) => format!("{class}, {}", state.name()),
                (None, _) => format!("{class}, no entry"),
            }
        }
        Some(Answer::Open(open)) => format!("unknown ({open:?})").to_lowercase(),
        None => String::new(),
    }
}

fn class(class: Class) -> &'static str {
    match class {
        Class::New => "new",
        Class::Established => "established",
        Class::Reply => "established (reply)",
        Class::Invalid => "invalid",
    }
}

fn as_json(flow: &Flow, segments: &[Segment], replay: &Replay) -> Value {
    let packets = segments.iter().zip(&replay.packets).map(|(segment, (_, answer))| {
        let tracked = match answer {
            Answer::Known(judged) => json!({
                "class": class(judged.class),
                "before": judged.before.map(|(state, left)| json!({ "state": state.name(), "left_us": left.0 })),
                "after": judged.after.map(|state| state.name()),
                "timeout_us": judged.timeout.map(|(timeout, _)| timeout.0),
                "steps": judged.steps.iter().map(|step| step.text()).collect::<Vec<_>>(),
            }),
            Answer::Open(open) => json!({ "unknown": format!("{open:?}") }),
        };
        json!({
            "packet": segment.packet.number,
            "time_ns": segment.packet.time_ns,
            "from": peer(end(flow, segment.side)),
            "flags": flags(segment.flags),
            "seq": segment.seq,
            "ack": segment.ack,
            "payload_bytes": segment.payload_bytes,
            "ttl": segment.ttl,
            "conntrack": tracked,
        })
    });
    let expiries = replay.expiries.iter().map(|expiry| {
        json!({
            "packet": segments.get(expiry.at).map(|segment| segment.packet.number),
            "state": expiry.state.name(),
            "timeout_us": expiry.timeout.0,
            "gone_for_us": expiry.gone_for.0,
        })
    });
    json!({
        "client": peer(flow.client),
        "server": peer(flow.server),
        "packets": packets.collect::<Vec<_>>(),
        "expiries": expiries.collect::<Vec<_>>(),
        "resets": flow.resets.iter().map(|reset| super::flows::reset_json(flow, reset)).collect::<Vec<_>>(),
    })
}
