//! NFT102 accept-overridden: accepted by one chain, dropped by the next.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Rule, rule};
use casebook_formats::nft::ir::{ChainId, ChainKind, Hook, OpKind, RuleRef, Ruleset, TableId, Verdict};
use casebook_formats::nft::outcome::{Decider, End, Outcome};
use casebook_formats::nft::packet::Packet;
use casebook_formats::nft::show;
use serde_json::json;

use super::common::{families, rule_place, run, span_place, unconditional, with_witness};
use super::hooks::Bases;
use super::snapshots::current;
use crate::facts::{NftFacts, RulesetFacts};
use casebook_formats::nft::witness::draft_for;

rule! {
    /// A packet one base chain accepts is dropped by another base chain of the same hook.
    ///
    /// `accept` ends its own base chain. The next base chain of the hook, of any table, still runs, and its drop is
    /// final. The same holds the other way round: once a chain has dropped a packet, no later accept brings it back.
    ///
    /// The rule speaks once for each pair of chains, with a packet drawn from an accepting rule.
    ///
    /// Speaks on: fixtures/accept-overridden. Silent on: fixtures/accept-in-both.
    ///
    /// Mechanism: `nf_hook_slow` goes on to the next entry after `NF_ACCEPT` and stops at `NF_DROP`
    /// (net/netfilter/core.c).
    pub OVERRIDDEN = "NFT102" "accept-overridden" of "nftables", Warning, since "0.1.0",
    "a packet accepted by one base chain is dropped by another",
    check(NftFacts)
}

/// Rules tried for each chain: the answer is about the pair of chains, and the first rule shows it.
const MOST_RULES: usize = 64;

/// Rules tried for each ruleset.
const MOST_TRIED: usize = 512;

fn check(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for known in current(facts) {
        let ruleset = &known.ruleset;
        let led = Bases::new(ruleset);
        let hooks: Vec<Hook> =
            ruleset.chains().filter_map(|(_, _, chain)| chain.base.as_ref()).map(|it| it.hook).collect();
        let several = hooks.iter().enumerate().any(|(at, hook)| hooks[..at].contains(hook));
        if !several {
            continue;
        }
        let mut tried = 0;
        let mut seen: Vec<((TableId, ChainId), (TableId, ChainId))> = Vec::new();
        for (at, body) in ruleset.rules() {
            let accepts = body.ops.iter().any(|op| matches!(op.kind, OpKind::Verdict(Verdict::Accept)));
            if !accepts || unconditional(&body.ops) || at.index as usize >= MOST_RULES {
                continue;
            }
            tried += 1;
            if tried > MOST_TRIED {
                break;
            }
            let Some((packet, own)) = witness(ruleset, at) else { continue };
            // `accept` in a nat chain says that nothing is translated.
            let Some(base) = ruleset.chain(at.table, own).base.as_ref().filter(|base| base.kind != ChainKind::Nat)
            else {
                continue;
            };
            let outcome = run(ruleset, &packet);
            // A later hook has questions of its own; only a chain of the same hook overrides.
            let same_hook =
                |(table, chain): (TableId, ChainId)| led.of(table, chain).iter().any(|(_, it)| it.hook == base.hook);
            let Some(other) = dropper(&outcome)
                .filter(|other| outcome.hits.contains(&at) && *other != (at.table, own) && same_hook(*other))
            else {
                continue;
            };
            let pair = ((at.table, own), other);
            if !seen.contains(&pair) {
                seen.push(pair);
                findings.push(finding(rule, known, set, at, other, &packet, &outcome));
            }
        }
    }
    findings
}

fn witness(ruleset: &Ruleset, at: RuleRef) -> Option<(Packet, ChainId)> {
    let (draft, way) = draft_for(ruleset, at)?;
    let own = way.base;
    let hook = ruleset.chain(at.table, own).base.as_ref()?.hook;
    let packet = families(ruleset.table(at.table).family).iter().find_map(|family| draft.packet(*family, hook))?;
    Some((packet, own))
}

/// The base chain that dropped the packet.
fn dropper(outcome: &Outcome) -> Option<(TableId, ChainId)> {
    if !matches!(outcome.end, End::Drop | End::Reject) {
        return None;
    }
    match outcome.decided? {
        Decider::Policy(table, chain) => Some((table, chain)),
        // A rule of a chain that is jumped to stands for its base chain; the table tells most of it.
        Decider::Rule(rule) => Some((rule.table, rule.chain)),
    }
}

fn finding(
    rule: &'static Rule,
    facts: &RulesetFacts,
    set: &EvidenceSet,
    at: RuleRef,
    other: (TableId, ChainId),
    packet: &Packet,
    outcome: &Outcome,
) -> Finding {
    let ruleset = &facts.ruleset;
    let text = show::rule(ruleset, at.table, ruleset.rule(at));
    let title = format!("`{text}` accepts, and chain {} drops the same packet", ruleset.chain_name(other.0, other.1));
    let mut builder =
        FindingBuilder::new(rule, title, rule_place(ruleset, at, "accepts the packet, for this chain only"));
    builder = match outcome.decided {
        Some(Decider::Rule(by)) => builder.place(rule_place(ruleset, by, "drops it")),
        _ => match ruleset.chain(other.0, other.1).base.as_ref() {
            Some(base) => builder.place(span_place(base.span, "this chain's policy drops it")),
            None => builder,
        },
    };
    builder = builder
        .because(
            "`accept` ends one base chain; every other base chain of the hook still runs, and a drop there is final.",
        )
        .because(format!(
            "To let these packets through, chain {} has to accept them too.",
            ruleset.chain_name(other.0, other.1)
        ))
        .key(ruleset.chain_name(other.0, other.1));
    with_witness(builder, set, facts, packet, json!({})).build(set)
}
