//! What several rules need: places, packets the model confirms, commands.

use casebook_core::{At, EvidenceSet, FindingBuilder, Place, Rule, Span};
use casebook_formats::nft::ir::{Expr, Family, Op, OpKind, RuleRef, Ruleset, Verdict};
use casebook_formats::nft::outcome::Outcome;
use casebook_formats::nft::packet::Packet;
use casebook_formats::nft::walk::Evaluator;
use casebook_formats::nft::{craft, packet_json, show};
use serde_json::json;

use crate::command::trace::{describe, summary};
use crate::facts::{Form, RulesetFacts};

/// The place of a rule; for JSON evidence, the rule's text stands for it.
pub(super) fn rule_place(ruleset: &Ruleset, rule: RuleRef, label: impl Into<String>) -> Place {
    let body = ruleset.rule(rule);
    let place = Place::context(body.at.clone(), label);
    match body.at {
        At::Record { .. } => place.shown_as(rule_line(ruleset, rule)),
        _ => place,
    }
}

/// A rule's text with chain and handle.
pub(super) fn rule_line(ruleset: &Ruleset, rule: RuleRef) -> String {
    let body = ruleset.rule(rule);
    let handle = body.handle.map(|handle| format!("  # handle {handle}")).unwrap_or_default();
    format!("{}: {}{handle}", ruleset.chain_name(rule.table, rule.chain), show::rule(ruleset, rule.table, body))
}

/// A place of an operation: its own text where the evidence is text, its rule where it is JSON.
pub(super) fn op_place(ruleset: &Ruleset, rule: RuleRef, op: &Op, label: impl Into<String>) -> Place {
    match ruleset.rule(rule).at {
        At::Record { .. } => rule_place(ruleset, rule, label),
        _ => Place::context(At::Text(op.loc.span), label),
    }
}

/// A place given by a span.
pub(super) fn span_place(span: Span, label: impl Into<String>) -> Place {
    Place::context(At::Text(span), label)
}

/// Adds the define an operation's value came from.
pub(super) fn with_define(builder: FindingBuilder, op: &Op) -> FindingBuilder {
    match op.loc.define {
        Some(span) => builder.place(span_place(span, "the value was defined here")),
        None => builder,
    }
}

/// A single-quoted word for a shell.
pub(super) fn quote(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// `casebook nft trace FILE --packet '…'`.
pub(super) fn trace_command(set: &EvidenceSet, facts: &RulesetFacts, packet: &Packet) -> String {
    let path = quote(set.path(facts.evidence));
    format!("casebook nft trace {path} --packet {}", quote(&craft::describe(packet)))
}

/// Adds a packet as witness, with the steps of the model that prove the finding.
pub(super) fn with_witness(
    builder: FindingBuilder,
    set: &EvidenceSet,
    facts: &RulesetFacts,
    packet: &Packet,
    more: serde_json::Value,
) -> FindingBuilder {
    let ruleset = &facts.ruleset;
    let (outcome, events) = Evaluator::new(ruleset).trace(packet);
    let mut witness = json!({"packet": packet_json::to_json(packet), "outcome": summary(ruleset, &outcome)});
    if let (Some(object), serde_json::Value::Object(more)) = (witness.as_object_mut(), more) {
        object.extend(more);
    }
    let text = format!("{}: {}", craft::describe(packet), summary(ruleset, &outcome));
    let mut builder = builder.witness(witness, text).replay(trace_command(set, facts, packet));
    for event in &events {
        if let Some((_, text, rule)) = describe(ruleset, event) {
            builder = builder.step(text, rule.map(|rule| ruleset.rule(rule).at.clone()));
        }
    }
    builder.step(format!("outcome: {}", summary(ruleset, &outcome)), None)
}

/// Runs a packet.
pub(super) fn run(ruleset: &Ruleset, packet: &Packet) -> Outcome {
    Evaluator::new(ruleset).run(packet)
}

/// True when an operation ends its rule whatever comes after.
pub(super) fn ends(op: &OpKind) -> bool {
    match op {
        OpKind::Verdict(verdict) => !matches!(verdict, Verdict::Continue | Verdict::Jump(_)),
        OpKind::Reject(_) | OpKind::Nat(_) => true,
        _ => false,
    }
}

/// True when every packet of the chain that gets to the rule is decided by it: it tests nothing.
pub(super) fn unconditional(ops: &[Op]) -> bool {
    ops.iter().all(|op| match &op.kind {
        OpKind::Counter(_) | OpKind::Log { .. } | OpKind::Notrack => true,
        // A value that is loaded or looked up can be absent, and then the rule breaks.
        OpKind::Assign(_, Expr::Const(_)) => true,
        OpKind::Nat(nat) => {
            let parts = [&nat.addr, &nat.addr_max, &nat.port, &nat.port_max];
            nat.family.is_none() && parts.iter().all(|part| part.as_ref().is_none_or(|it| matches!(it, Expr::Const(_))))
        }
        other => ends(other),
    })
}

/// The families of packets a table sees, for drawing witnesses.
pub(super) fn families(family: Family) -> &'static [Family] {
    match family {
        Family::Ip => &[Family::Ip],
        Family::Ip6 => &[Family::Ip6],
        _ => &[Family::Inet],
    }
}

/// True when the file is what a person edits, so that an edit is a fix.
pub(super) fn editable(facts: &RulesetFacts) -> bool {
    facts.form == Form::Source
}

/// Starts a finding about an operation of a rule.
pub(super) fn about_op(
    rule: &'static Rule,
    title: String,
    facts: &RulesetFacts,
    at: RuleRef,
    op: &Op,
    label: &str,
) -> FindingBuilder {
    let builder = FindingBuilder::new(rule, title, op_place(&facts.ruleset, at, op, label));
    let name = facts.ruleset.chain_name(at.table, at.chain);
    with_define(builder, op).key(name).key(show::op(facts.ruleset.table(at.table), &op.kind))
}
