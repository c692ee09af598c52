//! NFT118 nat-priority: a nat chain's priority does not order it among other chains.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Rule, rule};
use casebook_formats::nft::ir::{BaseChain, Chain, ChainId, ChainKind, Family, Ruleset, TableId};
use casebook_formats::nft::plan::nat_priority;

use super::common::span_place;
use super::snapshots::current;
use crate::facts::{NftFacts, RulesetFacts};

rule! {
    /// A nat chain whose priority seems to put it before or after another chain, and does not.
    ///
    /// All nat chains of a hook hang on one dispatcher: at -100 in prerouting and output, at 100 in input and
    /// postrouting. The priority written in a nat chain only sorts it among nat chains. The rule speaks when another
    /// chain of the hook stands between the written priority and the real one, so that the order is not the one
    /// written.
    ///
    /// Speaks on: fixtures/nat-priority. Silent on: fixtures/nat-priority-dstnat.
    ///
    /// Mechanism: `nf_nat_register_fn` hangs nat chains on its own hook entries (net/netfilter/nf_nat_core.c).
    pub NAT_PRIORITY = "NFT118" "nat-priority" of "nftables", Warning, since "0.1.0",
    "a nat chain runs at the dispatcher's priority, on the other side of a chain than written",
    check(NftFacts)
}

fn check(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for known in current(facts) {
        let ruleset = &known.ruleset;
        for (table, _, chain) in ruleset.chains() {
            let Some(base) = chain.base.as_ref().filter(|base| base.kind == ChainKind::Nat) else { continue };
            if let Some(other) = crossed(ruleset, ruleset.table(table).family, base) {
                findings.push(finding(rule, known, set, (table, chain, base), other));
            }
        }
    }
    findings
}

/// A chain of the same hook that does something and stands between the written and the real priority.
fn crossed(ruleset: &Ruleset, family: Family, nat: &BaseChain) -> Option<(TableId, ChainId)> {
    let real = nat_priority(nat.hook);
    let overlaps = |other: Family| {
        let both = |one: Family, two: Family| one == two || one == Family::Inet || two == Family::Inet;
        both(family, other) && !matches!(other, Family::Bridge | Family::Arp | Family::Netdev)
    };
    let found = ruleset.chains().find(|(table, _, chain)| {
        let Some(base) = &chain.base else { return false };
        let same_hook = base.hook == nat.hook && base.kind != ChainKind::Nat;
        let flips = (nat.priority < base.priority && base.priority < real)
            || (real < base.priority && base.priority < nat.priority);
        same_hook && flips && overlaps(ruleset.table(*table).family) && !chain.rules.is_empty()
    });
    found.map(|(table, chain, _)| (table, chain))
}

fn finding(
    rule: &'static Rule,
    facts: &RulesetFacts,
    set: &EvidenceSet,
    (table, chain, base): (TableId, &Chain, &BaseChain),
    other: (TableId, ChainId),
) -> Finding {
    let ruleset = &facts.ruleset;
    let real = nat_priority(base.hook);
    let other_chain = ruleset.chain(other.0, other.1);
    let other_priority = other_chain.base.as_ref().map_or(0, |base| base.priority);
    let word = if real > other_priority { "after" } else { "before" };
    let name = format!("{} {}", ruleset.table(table).family.as_str(), ruleset.table(table).name);
    let title = format!(
        "nat chain {name} {} runs at {real}, not {}: {word} chain {}",
        chain.name,
        base.priority,
        ruleset.chain_name(other.0, other.1)
    );
    let mut builder = FindingBuilder::new(
        rule,
        title,
        span_place(base.span, format!("sorts it among nat chains only; it runs at {real}")),
    )
    .because(format!("All nat chains of {} are run by one dispatcher at priority {real}.", base.hook.as_str()))
    .because(format!(
        "The rules of {} see packets {}.",
        other_chain.name,
        if word == "after" { "before they are translated" } else { "that are translated already" }
    ))
    .step(
        format!(
            "{} at {}: nat dispatcher {real}, {} {other_priority}",
            chain.name,
            base.hook.as_str(),
            other_chain.name
        ),
        Some(chain.at.clone()),
    )
    .key(&chain.name);
    if let Some(base) = &other_chain.base {
        builder = builder.place(span_place(
            base.span,
            format!("really runs {} it", if word == "after" { "before" } else { "after" }),
        ));
    }
    builder.build(set)
}
