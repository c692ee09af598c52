//! `casebook checksum CAPTURE`: every checksum of a capture, and why those that do not hold do not.

use std::io::Write;

use casebook_core::{Arg, ArgKind, EvidenceId, EvidenceSet, OutputFormat, Verb, VerbError, VerbInput};
use casebook_formats::packet::Protocol;
use serde_json::{Value, json};

use crate::facts::{self, Capture, Facts, Limits, capture};
use crate::model::forensics::{Cause, Examined, Judged, judge};
use crate::rules::witness;
use crate::rules::words::{arrow, byte, line, plural};

/// The verb without a name of its own.
pub const VERIFY: Verb = Verb {
    name: "checksum",
    about: "Verify every checksum of a capture, and say why those that do not hold do not",
    long: "IPv4 headers, TCP, UDP, ICMP, ICMPv6, SCTP (CRC-32C), GRE, IGMP, VRRP and OSPF, also inside of GRE and IP in IP. Several \
           captures of one path are looked at together: one shows what the other lacks. A file called bench is ./bench here.\n\n\
           Exit codes: 0 no bad checksum, 1 there are some, 2 wrong usage, 3 it cannot be read.\n\nExamples:\n  \
           casebook checksum edge.pcap\n  casebook checksum client.pcap server.pcap\n  tcpdump -w - -c 1000 | casebook \
           checksum -\n  casebook checksum bench",
    args: &[
        Arg {
            name: "capture",
            kind: ArgKind::Evidence,
            value_name: "CAPTURE",
            help: "Captures: pcap or pcapng",
            required: true,
            many: true,
        },
        Arg {
            name: "most",
            kind: ArgKind::Value,
            value_name: "N",
            help: "Bad packets that are printed of each flow [default: 8]",
            required: false,
            many: false,
        },
    ],
    run: verify,
};

fn verify(input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let most = match input.value("most") {
        Some(text) => text.parse().map_err(|_| VerbError::usage(format!("--most is a number, not \"{text}\"")))?,
        None => 8,
    };
    let ids: &[EvidenceId] = input.files.get("capture").map_or(&[], Vec::as_slice);
    let mut facts = Facts::default();
    for item in ids.iter().filter_map(|id| input.evidence.get(*id)) {
        if !casebook_formats::capture::is_capture(item.as_bytes()) {
            return Err(VerbError::usage(format!("{} is no pcap or pcapng file", item.path)));
        }
        facts.captures.push(capture::read(item, Limits::default()));
    }
    facts::copies::find(input.evidence, &mut facts.captures);
    let judged = judge(&facts, input.evidence);
    match input.format {
        OutputFormat::Json => {
            let list: Vec<Value> = facts.captures.iter().map(|one| json_of(one, &judged, input.evidence)).collect();
            writeln!(out, "{}", json!({ "captures": list }))?;
        }
        OutputFormat::Text => {
            for (at, one) in facts.captures.iter().enumerate() {
                if at > 0 {
                    writeln!(out)?;
                }
                text(one, &judged, most, input, out)?;
            }
        }
    }
    let bad = facts.captures.iter().flat_map(|one| &one.totals).any(|counts| counts.bad > 0);
    Ok(u8::from(bad))
}

fn text(
    capture: &Capture,
    judged: &[Judged<'_>],
    most: usize,
    input: &VerbInput<'_>,
    out: &mut dyn Write,
) -> Result<(), VerbError> {
    writeln!(out, "{}: {} packet{}", capture.path, capture.packets, plural(capture.packets))?;
    let head = ["packets", "good", "offloaded", "bad", "unverifiable", "absent"];
    writeln!(
        out,
        "{:<8}{:>12}{:>12}{:>12}{:>8}{:>14}{:>10}",
        "", head[0], head[1], head[2], head[3], head[4], head[5]
    )?;
    for protocol in Protocol::ALL {
        let counts = capture.counts(protocol);
        if counts.all() == 0 {
            continue;
        }
        writeln!(
            out,
            "{:<8}{:>12}{:>12}{:>12}{:>8}{:>14}{:>10}",
            protocol.name(),
            counts.all(),
            counts.good,
            counts.offloaded(),
            counts.bad,
            counts.unverifiable(),
            counts.without(),
        )?;
    }
    for one in judged.iter().filter(|one| one.capture.id() == capture.id()) {
        for examined in one.packets.iter().take(most) {
            let number = examined.kept.site.packet.number;
            writeln!(out, "\n#{number} {}", line(examined.kept, examined.specimen.as_ref()))?;
            writeln!(out, "   {}", why(examined))?;
        }
        let left = one.packets.len().saturating_sub(most);
        let beyond = one.differences.bad - one.differences.kept as u64;
        if left > 0 {
            writeln!(out, "\n{left} more of {} were looked into; --most prints them", arrow(&one.way))?;
        }
        if beyond > 0 {
            writeln!(out, "\n{beyond} more of {} are counted only", arrow(&one.way))?;
        }
    }
    let coverage = input.evidence.get(capture.id()).map(|item| capture.coverage(item));
    for stretch in coverage.iter().flat_map(|line| &line.unmodelled) {
        writeln!(out, "\nnot read: bytes {} to {}: {}", stretch.span.start, stretch.span.end, stretch.why)?;
    }
    if let Some(note) = coverage.and_then(|line| line.note) {
        writeln!(out, "\nnote: {note}")?;
    }
    Ok(())
}

/// A cause in a line.
fn why(examined: &Examined<'_>) -> String {
    let place =
        |at: usize| examined.specimen.as_ref().map_or_else(|| format!("byte {at}"), |specimen| byte(specimen, at));
    match &examined.cause {
        Cause::Changed { changes, copy } => {
            let first = changes[0];
            let more = match changes.len() - 1 {
                0 => String::new(),
                more => format!(" and {more} more byte{}", plural(more as u64)),
            };
            let number = copy.1.packet.number;
            let at = place(first.at);
            format!(
                "changed: {at} was 0x{:02x} and is 0x{:02x}{more}; packet {number} has it unharmed",
                first.was, first.is
            )
        }
        Cause::CrcBit(bit) => format!("one bit flipped: 0x{:02x} in {}, by the CRC", bit.mask, place(bit.at)),
        Cause::Bit { flip, .. } => format!(
            "one bit flipped: bit {} of a word turned {}; {} of {} words could be it",
            flip.bit,
            if flip.now_set { "on" } else { "off" },
            flip.candidates,
            flip.words
        ),
        Cause::Made(mistake) => format!("made otherwise: {}", witness::name(*mistake)),
        Cause::Translated(found) => {
            format!("rewritten without its sum: it was {} (packet {})", arrow(&found.old), found.shown_by.1.number)
        }
        Cause::TranslatedOffload(found) => format!(
            "rewritten while its sum was left to the card: it was {} (packet {})",
            arrow(&found.old),
            found.shown_by.1.number
        ),
        Cause::Rewritten => {
            "rewritten without its sum: every packet of the direction differs by the same number".to_owned()
        }
        Cause::Lowered { hops } => format!("TTL lowered by {hops} without the header's sum"),
        Cause::Damaged => "more than one bit changed".to_owned(),
    }
}

fn json_of(capture: &Capture, judged: &[Judged<'_>], evidence: &EvidenceSet) -> Value {
    let protocols: Vec<Value> = Protocol::ALL
        .into_iter()
        .filter(|protocol| capture.counts(*protocol).all() > 0)
        .map(|protocol| {
            let counts = capture.counts(protocol);
            json!({
                "protocol": protocol.name(),
                "packets": counts.all(),
                "good": counts.good,
                "offloaded": counts.offloaded(),
                "bad": counts.bad,
                "unverifiable": counts.unverifiable(),
                "absent": counts.absent,
                "illegal_zero": counts.illegal_zero,
            })
        })
        .collect();
    let bad: Vec<Value> = judged
        .iter()
        .filter(|one| one.capture.id() == capture.id())
        .flat_map(|one| one.packets.iter().map(|one| witness::packet(one, evidence)))
        .collect();
    let all: u64 = capture.totals.iter().map(|counts| counts.bad).sum();
    json!({
        "capture": capture.path,
        "packets": capture.packets,
        "protocols": protocols,
        "bad": bad,
        "bad_counted_only": all - capture.bad.len() as u64,
    })
}
