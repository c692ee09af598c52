//! `casebook nft query`: which packets of a filter have which outcome.

use std::io::Write;

use casebook_core::{OutputFormat, VerbError, VerbInput};
use casebook_formats::nft::ir::Ruleset;
use serde_json::json;

use super::asked::{ENDS, Status, few, places_json, print_places, read, unanswered, verify};
use super::diff::{name, notes};
use crate::model::filter::Filter;
use crate::model::symbolic::diff::Budget;
use crate::model::symbolic::query::{Answer, Part, Wanted, classes_of, query};

pub(super) const LONG: &str = "\
Says of all packets of FILTER what becomes of them: by end and by the rule or policy that decides, the exact regions, and
a witness in each that was run through the ruleset. What depends on a rate limit or another thing no packet decides is
said with it.

A FILTER says which packets, in the words of `nft trace` with sets instead of single values; what it does not say is
free. Words come in any order, and matches of nft are understood as well. It is about packets as they come in, before any
translation.

  tcp 10.0.0.0/8 > any:5432      source and destination: address, network, A-B, {A, B} or any, with :PORT, :80-90 or
                                 :{22, 80}; an IPv6 address with ports in brackets
  tcp, udp, icmp echo-request    protocol, ICMP type
  syn   syn,ack                  exactly these TCP flags
  iif eth0, oif \"eth*\"           devices
  ct new   ct new,established    state of the connection; ct mark 0x51, mark 0x51, skuid 1000
  path input                     input, forward, output or a list of them; all three when not given
  ip saddr 10.0.0.0/8 tcp dport { 22, 80 } tcp flags & syn == syn
                                 matches of nft

Packets have whole headers: no fragments, IP options or extension headers; bridge, arp and netdev chains are left out.

With --expect, exit status 0 says that every packet has that end, 1 that one has not (it is printed), 2 that it is not
known, that no packet meets the filter, or that something could not be read. Without it, 0 is a whole answer and 2 is not.

Examples:
  casebook nft query edge.nft 'tcp 10.0.0.0/8 > any:5432, path input'
  casebook nft query edge.nft 'udp any > any:53, iif wan0' --expect drop
  casebook nft query HEAD~1:edge.nft 'ip saddr 192.0.2.0/24 tcp dport 22' --format json";

pub(super) fn run(input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let (_, facts) = super::ruleset(input)?;
    let text = input.value("filter").ok_or_else(|| VerbError::usage("no filter was given"))?;
    let ruleset = &facts.ruleset;
    let filter = read(text, ruleset, false)?;
    match input.value("expect") {
        Some(end) => expect(input, ruleset, &filter, end, out),
        None => show(input, ruleset, &filter, out),
    }
}

fn expect(
    input: &VerbInput<'_>,
    ruleset: &Ruleset,
    filter: &Filter,
    end: &str,
    out: &mut dyn Write,
) -> Result<u8, VerbError> {
    let Some((_, wanted)) = ENDS.into_iter().find(|(name, _)| *name == end) else {
        let message = format!("--expect {end} is not an end of packets");
        return Err(VerbError::with_hint(message, "write accept, drop or reject"));
    };
    let verdict = verify(ruleset, filter, &Wanted { end: Some(wanted), ..Wanted::default() });
    if input.format == OutputFormat::Json {
        let mut value = verdict.json(ruleset);
        value["filter"] = filter.matches.as_str().into();
        value["expect"] = end.into();
        serde_json::to_writer_pretty(&mut *out, &value).map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(verdict.status.code());
    }
    match verdict.status {
        Status::Holds => writeln!(out, "holds: every packet ends with {end}")?,
        Status::Fails => writeln!(out, "does not hold: some packets do not end with {end}")?,
        Status::Undecided => writeln!(out, "undecided: whether every packet ends with {end}")?,
    }
    verdict.print(ruleset, out)?;
    Ok(verdict.status.code())
}

fn show(input: &VerbInput<'_>, ruleset: &Ruleset, filter: &Filter, out: &mut dyn Write) -> Result<u8, VerbError> {
    let (mut parts, mut stopped): (Vec<Part>, Vec<_>) = (Vec::new(), Vec::new());
    for class in classes_of(ruleset, filter) {
        match query(ruleset, filter, class, Budget::default()) {
            Answer::Known(found) => parts.extend(found),
            other => stopped.push((class, unanswered(&other))),
        }
    }
    // The same end by the same rule is one outcome, whatever the class.
    let mut groups: Vec<Vec<&Part>> = Vec::new();
    for part in &parts {
        match groups.iter_mut().find(|group| group[0].end == part.end && group[0].by == part.by) {
            Some(group) => group.push(part),
            None => groups.push(vec![part]),
        }
    }
    let notes = notes(ruleset, ruleset);
    let unconfirmed = parts.iter().any(|part| part.places.unconfirmed);
    let code = if stopped.is_empty() && !unconfirmed { 0 } else { 2 };
    let answer = match (groups.len(), stopped.is_empty()) {
        (0, true) => "none",
        (1, true) => "all",
        _ => "parts",
    };
    if input.format == OutputFormat::Json {
        let value = json!({
            "filter": filter.matches,
            "answer": answer,
            "parts": parts.iter().map(|part| {
                let mut value = places_json(part.class, &part.places);
                value["end"] = part.end.as_str().into();
                value["by"] = json!(part.by);
                value["always"] = json!(part.always);
                value["sometimes"] = json!(part.sometimes);
                value
            }).collect::<Vec<_>>(),
            "unanswered": stopped.iter().map(|(class, why)| json!({"packets": name(*class), "why": why})).collect::<Vec<_>>(),
            "notes": notes,
        });
        serde_json::to_writer_pretty(&mut *out, &value).map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(code);
    }
    match answer {
        "none" => writeln!(out, "none: no packet meets the filter")?,
        "all" => writeln!(out, "all: one outcome")?,
        _ => writeln!(out, "{} outcomes", groups.len())?,
    }
    for group in &groups {
        writeln!(out)?;
        let by = group[0].by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
        writeln!(out, "{}{by}", group[0].end)?;
        for part in group {
            writeln!(out, "  {}", name(part.class))?;
            print_places(&part.places, out)?;
            if !part.always.is_empty() {
                writeln!(out, "    also      {}", few(&part.always))?;
            }
            if !part.sometimes.is_empty() {
                writeln!(out, "    for some  {}", few(&part.sometimes))?;
            }
        }
    }
    for (class, why) in &stopped {
        writeln!(out, "not known: {}: {why}", name(*class))?;
    }
    for note in &notes {
        writeln!(out, "note: {note}")?;
    }
    Ok(code)
}
