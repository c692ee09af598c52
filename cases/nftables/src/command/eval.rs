//! `casebook nft eval`: outcomes in bulk.

use std::collections::HashMap;
use std::io::Write;
use std::mem::ManuallyDrop;

use casebook_core::{VerbError, VerbInput};
use casebook_formats::nft::ir::{RuleRef, Ruleset};
use casebook_formats::nft::outcome::{Decider, Effect, Outcome};
use casebook_formats::nft::packet_json;
use casebook_formats::nft::walk::Evaluator;
use serde_json::{Map, Value, json};

pub(super) const LONG: &str = "\
Every line of FILE is a packet; every line printed is its outcome, in the same order. The objects are described in
the case's post (`casebook explain nftables`).

Examples:
  casebook nft eval edge.nft --packets packets.jsonl
  echo '{\"id\":1,\"ip\":{\"saddr\":\"10.9.0.5\",\"daddr\":\"172.16.0.1\"},\"tcp\":{\"dport\":9100}}' > p.jsonl
  casebook nft eval before.json --packets p.jsonl";

pub(super) fn run(input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let (_, facts) = super::ruleset(input)?;
    // The process ends with the command: taking a large ruleset apart rule by rule would only delay it.
    let facts = ManuallyDrop::new(facts);
    let item = input.file("packets").and_then(|id| input.evidence.get(id));
    let item = item.ok_or_else(|| VerbError::usage("no packets were given"))?;
    let mut evaluator = Evaluator::new(&facts.ruleset);
    let mut names = Names::new(&facts.ruleset);
    let text = item.as_text().unwrap_or_else(|valid| valid);
    let mut wrong = 0usize;
    let mut line_out = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        line_out.clear();
        match packet_json::parse(line) {
            Ok((id, packet)) => {
                let outcome = evaluator.run(&packet);
                let value = to_json(&facts.ruleset, &mut names, id, &outcome);
                serde_json::to_writer(&mut line_out, &value).map_err(std::io::Error::from)?;
            }
            Err(error) => {
                wrong += 1;
                let value = json!({"id": null, "line": number + 1, "error": error.message});
                serde_json::to_writer(&mut line_out, &value).map_err(std::io::Error::from)?;
            }
        }
        line_out.push(b'\n');
        out.write_all(&line_out)?;
    }
    Ok(if wrong > 0 { 2 } else { 0 })
}

/// Keys of rules, each made once.
pub(crate) struct Names<'r> {
    ruleset: &'r Ruleset,
    known: HashMap<RuleRef, String>,
}

impl<'r> Names<'r> {
    pub(crate) fn new(ruleset: &'r Ruleset) -> Self {
        Self { ruleset, known: HashMap::new() }
    }

    fn key(&mut self, rule: RuleRef) -> &str {
        self.known.entry(rule).or_insert_with(|| self.ruleset.rule_key(rule))
    }
}

/// An outcome as the post documents it.
pub(crate) fn to_json(ruleset: &Ruleset, names: &mut Names<'_>, id: Value, outcome: &Outcome) -> Value {
    let mut map = Map::new();
    map.insert("id".into(), id);
    map.insert("verdict".into(), outcome.end.as_str().into());
    match outcome.decided {
        Some(Decider::Rule(rule)) => {
            let table = ruleset.table(rule.table);
            let place = json!({
                "table": format!("{} {}", table.family.as_str(), table.name),
                "chain": ruleset.chain(rule.table, rule.chain).name,
                "index": rule.index,
                "handle": ruleset.rule(rule).handle,
            });
            map.insert("rule".into(), place);
        }
        Some(Decider::Policy(table, chain)) => {
            map.insert("rule".into(), Value::Null);
            map.insert("policy".into(), ruleset.chain_name(table, chain).into());
        }
        None => {
            map.insert("rule".into(), Value::Null);
        }
    }
    map.insert("mark".into(), json!(outcome.mark));
    let state = outcome.ct_state.map(|state| state.as_str());
    map.insert("ct".into(), json!({"state": state, "mark": outcome.ct_mark, "zone": outcome.ct_zone}));
    let nat = |effect: &Effect| matches!(effect, Effect::Nat(..));
    let nats: Vec<String> = outcome.effects.iter().filter(|(_, e)| nat(e)).map(|(_, e)| e.describe()).collect();
    if !nats.is_empty() {
        map.insert("nat".into(), json!(nats));
    }
    let quiet = |effect: &Effect| matches!(effect, Effect::Nat(..) | Effect::Counter(None));
    let effects: Vec<String> = outcome.effects.iter().filter(|(_, e)| !quiet(e)).map(|(_, e)| e.describe()).collect();
    if !effects.is_empty() {
        map.insert("effects".into(), json!(effects));
    }
    map.insert("hits".into(), outcome.hits.iter().map(|rule| Value::from(names.key(*rule))).collect::<Vec<_>>().into());
    if !outcome.depends.is_empty() {
        map.insert("depends".into(), json!(outcome.depends));
    }
    Value::Object(map)
}
