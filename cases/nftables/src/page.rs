//! The page's model: a ruleset and a packet in, the steps and the outcome out, both JSON.

use casebook_core::{Bytes, EvidenceSet};
use casebook_formats::nft::outcome::Outcome;
use casebook_formats::nft::packet_text;
use casebook_formats::nft::release::Host;
use casebook_formats::nft::walk::Evaluator;
use serde_json::{Value, json};

use crate::command::trace::describe;
use crate::facts;

/// Answers `{"ruleset": "…", "packet": "…"}` with `{"steps": […], "verdict": …, "mark": …, "ct_mark": …}`, or with
/// `{"error": "…"}`.
pub fn view(request: &str) -> String {
    let answer = match serde_json::from_str::<Value>(request) {
        Ok(request) => answer(&request),
        Err(error) => json!({"error": format!("the request is not JSON: {error}")}),
    };
    answer.to_string()
}

fn answer(request: &Value) -> Value {
    let field = |name: &str| request.get(name).and_then(Value::as_str);
    let (Some(ruleset), Some(packet)) = (field("ruleset"), field("packet")) else {
        return json!({"error": "a request has `ruleset` and `packet`, both text"});
    };
    let packet = match packet_text::parse(packet) {
        Ok(packet) => packet,
        Err(error) => return json!({"error": error.message}),
    };
    let mut set = EvidenceSet::new();
    let id = set.add("page.nft", None, Bytes::new(ruleset.as_bytes().to_vec()));
    let Some(item) = set.get(id) else { return json!({"error": "no ruleset"}) };
    let facts = facts::ruleset(&set, item, Host::default());
    let mut evaluator = Evaluator::new(&facts.ruleset);
    let (outcome, events) = evaluator.trace(&packet);
    let steps: Vec<Value> = events
        .iter()
        .filter_map(|event| describe(&facts.ruleset, event))
        .map(|(depth, text, rule)| {
            let span = rule.and_then(|rule| facts.ruleset.rule(rule).at.span());
            json!({"depth": depth, "text": text, "start": span.map(|s| s.start), "end": span.map(|s| s.end)})
        })
        .collect();
    let Outcome { end, mark, ct_mark, .. } = outcome;
    let problems: Vec<&str> = facts.ruleset.problems.iter().map(|problem| problem.message.as_str()).collect();
    json!({"steps": steps, "verdict": end.as_str(), "mark": mark, "ct_mark": ct_mark, "problems": problems})
}
