//! NFT116 mark-never-read, NFT117 mark-never-set: marks with only one end.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Rule, rule};
use casebook_formats::nft::ir::{CtKey, Expr, Field, MetaKey, Op, OpKind, RuleRef, Ruleset, Target, Test, Value};
use casebook_formats::nft::show;

use super::common::op_place;
use super::readers::{loads, reading};
use super::snapshots::current;
use crate::facts::{NftFacts, RulesetFacts};

rule! {
    /// A mark is set and nothing in the evidence reads it.
    ///
    /// Marks are read by later rules, by policy routing (`ip rule fwmark`), by traffic control and by programs. With
    /// `ip -j rule` among the evidence the rule can say that routing does not read it; without, it says what is
    /// missing.
    ///
    /// Speaks on: fixtures/mark-never-read. Silent on: fixtures/mark-read-by-routing.
    pub NEVER_READ = "NFT116" "mark-never-read" of "nftables", Note, since "0.1.0",
    "a mark is set and nothing reads it",
    check_read(NftFacts)
}

rule! {
    /// A rule asks for a mark that no rule sets.
    ///
    /// The comparison holds only for packets that something else marks: another ruleset, traffic control, a socket
    /// with `SO_MARK`, a tunnel. If a rule of this ruleset was meant to set it, that rule is gone or was never loaded.
    ///
    /// Speaks on: fixtures/mark-never-set. Silent on: fixtures/mark-set.
    pub NEVER_SET = "NFT117" "mark-never-set" of "nftables", Note, since "0.1.0",
    "a rule asks for a mark that no rule sets",
    check_set(NftFacts)
}

const KINDS: [(Field, Target, &str); 2] = [
    (Field::Meta(MetaKey::Mark), Target::Meta(MetaKey::Mark), "packet mark"),
    (Field::Ct(CtKey::Mark, None), Target::Ct(CtKey::Mark), "connection mark"),
];

/// Rules that write to `target`, with the operation.
fn setting(ruleset: &Ruleset, target: Target) -> Vec<(RuleRef, &Op)> {
    let ops = ruleset.rules().flat_map(|(at, rule)| rule.ops.iter().map(move |op| (at, op)));
    ops.filter(|(_, op)| matches!(&op.kind, OpKind::Assign(known, _) if *known == target)).collect()
}

fn check_read(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for known in current(facts) {
        for (field, target, name) in KINDS {
            let setters = setting(&known.ruleset, target);
            let Some((at, op)) = setters.first() else { continue };
            if !reading(&known.ruleset, field).is_empty() {
                continue;
            }
            if field == Field::Meta(MetaKey::Mark) && routing_reads(facts, known, set, &setters) {
                continue;
            }
            findings.push(unread(rule, facts, known, set, *at, op, field, name));
        }
    }
    findings
}

fn routing_reads(facts: &NftFacts, known: &RulesetFacts, set: &EvidenceSet, setters: &[(RuleRef, &Op)]) -> bool {
    let Some(routing) = facts.routing_of(set, known.evidence) else { return false };
    let values: Vec<Option<u32>> = setters
        .iter()
        .map(|(_, op)| match &op.kind {
            OpKind::Assign(_, Expr::Const(value)) => Some(*value as u32),
            _ => None,
        })
        .collect();
    let marked = routing.rules.iter().filter_map(|rule| rule.fwmark);
    marked
        .into_iter()
        .any(|(want, mask)| values.iter().any(|value| value.is_none_or(|value| value & mask == want & mask)))
}

#[allow(clippy::too_many_arguments, reason = "all of it is said in the finding")]
fn unread(
    rule: &'static Rule,
    facts: &NftFacts,
    known: &RulesetFacts,
    set: &EvidenceSet,
    at: RuleRef,
    op: &Op,
    field: Field,
    name: &str,
) -> Finding {
    let ruleset = &known.ruleset;
    let text = show::op(ruleset.table(at.table), &op.kind);
    let title = format!("`{text}` sets a {name} that no rule reads");
    let mut builder = FindingBuilder::new(rule, title, op_place(ruleset, at, op, "set here, read nowhere"));
    builder = builder.step(format!("no rule of this ruleset loads the {name}"), Some(ruleset.rule(at).at.clone()));
    let routing = facts.routing_of(set, known.evidence).filter(|routing| !routing.rules.is_empty());
    if let Some(what) = unread_statement(ruleset) {
        builder = builder.missing(format!("what `{what}` does, which Casebook does not model: it may read the {name}"));
    }
    match (field, routing) {
        (Field::Meta(_), None) => builder = builder.missing("`ip -j rule`: policy routing may read it"),
        (Field::Meta(_), Some(_)) => {
            builder = builder.because(
                "No `ip rule` has a `fwmark` that this value matches. Traffic control and programs can still read it.",
            );
        }
        _ => {
            builder = builder.because("A connection's mark is read by rules and by `conntrack`; no rule here copies it to packets, where routing could see it.");
        }
    }
    builder.key(name).build(set)
}

/// A statement without a model, which can read or write a mark.
fn unread_statement(ruleset: &Ruleset) -> Option<&str> {
    let ops = ruleset.rules().flat_map(|(_, rule)| &rule.ops);
    ops.into_iter().find_map(|op| match &op.kind {
        OpKind::Opaque(opaque) => Some(opaque.what.as_str()),
        _ => None,
    })
}

fn check_set(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for known in current(facts) {
        let ruleset = &known.ruleset;
        for (field, target, name) in KINDS {
            if !setting(ruleset, target).is_empty() {
                continue;
            }
            let ops = ruleset.rules().flat_map(|(at, rule)| rule.ops.iter().map(move |op| (at, op)));
            let asked = ops.into_iter().find(|(_, op)| match &op.kind {
                // A mark of 0 is what an unmarked packet has.
                OpKind::Match(expr, test) => loads(expr, field) && !matches!(test, Test::Cmp(_, Value::One(0))),
                OpKind::Vmap(expr, _) => loads(expr, field),
                _ => false,
            });
            let Some((at, op)) = asked else { continue };
            let text = show::op(ruleset.table(at.table), &op.kind);
            let title = format!("`{text}` asks for a {name} that no rule sets");
            let builder =
                FindingBuilder::new(rule, title, op_place(ruleset, at, op, "no rule of this ruleset sets it"))
                    .step(format!("no rule of this ruleset sets the {name}"), Some(ruleset.rule(at).at.clone()))
                    .key(name);
            let builder = match unread_statement(ruleset) {
                Some(what) => builder.missing(format!("what `{what}` does, which Casebook does not model: it may set the {name}")),
                None => builder.because(match field {
                    Field::Meta(_) => "The test holds only for packets marked elsewhere: by `tc`, by a program with SO_MARK, by a tunnel, by BPF.",
                    _ => "The test holds only for connections marked elsewhere: by `tc`, or by `conntrack -U --mark`.",
                }),
            };
            findings.push(builder.build(set));
        }
    }
    findings
}
