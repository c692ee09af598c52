//! `casebook nft trace`: one packet, step by step.

use std::io::Write;

use casebook_core::{OutputFormat, VerbError, VerbInput};
use casebook_formats::nft::ir::{RuleRef, Ruleset, TableId};
use casebook_formats::nft::load::Ct;
use casebook_formats::nft::outcome::{Decider, Effect, Outcome};
use casebook_formats::nft::packet::Packet;
use casebook_formats::nft::walk::Evaluator;
use casebook_formats::nft::watch::Event;
use casebook_formats::nft::{craft, packet_json, packet_pcap, packet_text, show};
use serde_json::{Value, json};

use super::eval::{Names, to_json};

pub(super) const LONG: &str = packet_text::HELP;

pub(super) fn run(input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let (_, facts) = super::ruleset(input)?;
    let packet = packet(input)?;
    let mut evaluator = Evaluator::new(&facts.ruleset);
    let (outcome, events) = evaluator.trace(&packet);
    let steps = Steps { input, ruleset: &facts.ruleset };
    if input.format == OutputFormat::Json {
        let lines: Vec<Value> = events
            .iter()
            .filter_map(|event| steps.line(event))
            .map(|(_, text, at)| json!({"text": text, "at": at}))
            .collect();
        let mut names = Names::new(&facts.ruleset);
        let value = json!({
            "packet": packet_json::to_json(&packet),
            "steps": lines,
            "outcome": to_json(&facts.ruleset, &mut names, Value::Null, &outcome),
        });
        serde_json::to_writer_pretty(&mut *out, &value).map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(0);
    }
    writeln!(out, "packet  {}", craft::describe(&packet))?;
    for event in &events {
        if let Some((depth, text, at)) = steps.line(event) {
            let place = at.map(|at| format!("  [{at}]")).unwrap_or_default();
            writeln!(out, "{:indent$}{text}{place}", "", indent = depth * 2)?;
        }
    }
    writeln!(out, "outcome {}", summary(&facts.ruleset, &outcome))?;
    for what in &outcome.depends {
        writeln!(out, "        depends on {what}; the steps above take it as met")?;
    }
    Ok(0)
}

fn packet(input: &VerbInput<'_>) -> Result<Packet, VerbError> {
    let words = input.value("packet");
    let pcap = input.file("pcap").and_then(|id| input.evidence.get(id));
    match (words, pcap) {
        (Some(text), None) if text.trim_start().starts_with('{') => {
            packet_json::parse(text).map(|(_, packet)| packet).map_err(|error| wrong(text, error))
        }
        (Some(text), None) => packet_text::parse(text).map_err(|error| wrong(text, error)),
        (words, Some(item)) => {
            let number = match input.value("number") {
                None => 1,
                Some(text) => text.parse().map_err(|_| VerbError::usage(format!("`{text}` is not a packet number")))?,
            };
            let record = packet_pcap::record(item.as_bytes(), number).map_err(|error| {
                let message = format!("{}: {}", item.path, error.message);
                VerbError::Usage { message, hint: error.hint }
            })?;
            // What a capture does not hold (devices, path, marks) is said in words beside it.
            let about = words.unwrap_or("");
            packet_text::parse_about(about, record.bytes.to_vec(), record.link).map_err(|error| wrong(about, error))
        }
        (None, None) => Err(VerbError::with_hint(
            "no packet was given",
            "--packet 'tcp 10.9.0.5:40000 > 172.16.0.1:9100 syn', or --pcap FILE --number N",
        )),
    }
}

fn wrong(text: &str, error: packet_text::PacketError) -> VerbError {
    let mark = text.get(error.at.clone()).filter(|word| !word.is_empty());
    let place = mark.map(|word| format!(" at `{word}`")).unwrap_or_default();
    VerbError::Usage { message: format!("the packet cannot be read{place}: {}", error.message), hint: error.hint }
}

/// The outcome in one line.
pub(crate) fn summary(ruleset: &Ruleset, outcome: &Outcome) -> String {
    let by = match outcome.decided {
        Some(Decider::Rule(rule)) => {
            let handle = ruleset.rule(rule).handle.map(|handle| format!(", handle {handle}")).unwrap_or_default();
            format!(" by rule {} of {}{handle}", rule.index, ruleset.chain_name(rule.table, rule.chain))
        }
        Some(Decider::Policy(table, chain)) => format!(" by the policy of {}", ruleset.chain_name(table, chain)),
        None => String::new(),
    };
    let mark = |mark: Option<u32>| {
        mark.map_or_else(
            || "unknown".to_owned(),
            |mark| match mark {
                0 => "none".to_owned(),
                mark => format!("{mark:#x}"),
            },
        )
    };
    let state = outcome.ct_state.map_or("unknown", |state| state.as_str());
    let nats: Vec<String> = outcome
        .effects
        .iter()
        .filter(|(_, effect)| matches!(effect, Effect::Nat(..)))
        .map(|(_, e)| e.describe())
        .collect();
    let nat = if nats.is_empty() { String::new() } else { format!("; {}", nats.join(", ")) };
    let (meta, ct) = (mark(outcome.mark), mark(outcome.ct_mark));
    format!("{}{by}; mark {meta}, ct state {state}, ct mark {ct}{nat}", outcome.end.as_str())
}

/// Turns events into lines.
pub(crate) struct Steps<'a> {
    pub(crate) input: &'a VerbInput<'a>,
    pub(crate) ruleset: &'a Ruleset,
}

impl Steps<'_> {
    fn line(&self, event: &Event) -> Option<(usize, String, Option<String>)> {
        let (depth, text, rule) = describe(self.ruleset, event)?;
        let at = rule.map(|rule| super::position(self.input, &self.ruleset.rule(rule).at));
        Some((depth, text, at))
    }
}

/// An event as depth, text and the rule it is about.
pub(crate) fn describe(ruleset: &Ruleset, event: &Event) -> Option<(usize, String, Option<RuleRef>)> {
    let chain = |table: TableId, chain| ruleset.chain_name(table, chain);
    let short = |table: TableId, chain| ruleset.chain(table, chain).name.clone();
    let rule = |rule: RuleRef| show::rule(ruleset, rule.table, ruleset.rule(rule));
    Some(match event {
        Event::Hook(hook) => (0, format!("hook {}", hook.as_str()), None),
        Event::Conntrack(ct) => {
            let what = match ct {
                Ct::None => "no connection: ct state invalid".to_owned(),
                Ct::Untracked => "not tracked: ct state untracked".to_owned(),
                Ct::Entry(entry) => {
                    let state = entry.state.map_or("unknown", |state| state.as_str());
                    let mark = entry.mark.filter(|mark| *mark != 0);
                    format!("ct state {state}{}", mark.map(|mark| format!(", ct mark {mark:#x}")).unwrap_or_default())
                }
                Ct::Unknown => "the model does not know this protocol's tracker".to_owned(),
            };
            (1, format!("connection tracking: {what}"), None)
        }
        Event::Base { table, chain: id, priority, nat } => {
            let how = if *nat { "nat dispatcher, priority" } else { "priority" };
            (1, format!("chain {} ({how} {priority})", chain(*table, *id)), None)
        }
        Event::Enter { table, chain: to, from } => {
            (2, format!("into chain {} from {}", short(*table, *to), short(*table, *from)), None)
        }
        Event::Back { table, chain: id } => (2, format!("back in chain {}", short(*table, *id)), None),
        Event::Broke { rule: id, why, .. } => (2, format!("{}  -- {}: {why}", id.index, rule(*id)), Some(*id)),
        Event::Effect { effect: Effect::Counter(None), .. } | Event::Nat { .. } => return None,
        Event::Effect { rule: id, effect, .. } => (3, format!("{}: {}", id.index, effect.describe()), Some(*id)),
        Event::Verdict { rule: id, verdict, .. } => {
            let given = show::verdict(ruleset.table(id.table), *verdict);
            let text = rule(*id);
            let text = if text.ends_with(&given) { text } else { format!("{text}: {given}") };
            (2, format!("{}  => {text}", id.index), Some(*id))
        }
        Event::Done { rule: id } => (2, format!("{}  ok {}", id.index, rule(*id)), Some(*id)),
        Event::Policy { table, chain: id, accept } => {
            (2, format!("policy of {}: {}", short(*table, *id), if *accept { "accept" } else { "drop" }), None)
        }
        Event::Note(text) => (1, text.clone(), None),
    })
}
