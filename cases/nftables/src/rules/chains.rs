//! NFT111 jump-to-empty-chain, NFT112 unreferenced-chain: chains that do nothing.

use casebook_core::{At, EvidenceSet, Finding, FindingBuilder, Place, Rule, rule};
use casebook_formats::nft::ir::{ChainId, Data, OpKind, RuleRef, Ruleset, TableId, Verdict};
use casebook_formats::nft::nesting;
use casebook_formats::nft::show;

use super::common::{rule_place, span_place};
use super::snapshots::current;
use crate::facts::NftFacts;

rule! {
    /// A jump to a chain without rules.
    ///
    /// The packet comes straight back. Often the chain is filled by a program that has not run yet, or was filled
    /// under another name; that is why this is a note, one for each table.
    ///
    /// Speaks on: fixtures/empty-chain. Silent on: fixtures/empty-chain-filled.
    pub EMPTY_CHAIN = "NFT111" "jump-to-empty-chain" of "nftables", Note, since "0.1.0",
    "a rule jumps to a chain without rules",
    check_empty(NftFacts)
}

rule! {
    /// A chain with rules that nothing leads to.
    ///
    /// It has no hook, and no rule or map of its table jumps to it from a chain that is run: its rules never see a
    /// packet. One note for each table.
    ///
    /// Speaks on: fixtures/unreferenced-chain. Silent on: fixtures/unreferenced-chain-jumped-to.
    pub UNREFERENCED = "NFT112" "unreferenced-chain" of "nftables", Note, since "0.1.0",
    "a chain has rules and nothing leads to it",
    check_unreferenced(NftFacts)
}

/// Most places of one kind drawn, and names in a title; the title counts the rest.
const MOST: usize = 4;

fn check_empty(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for known in current(facts) {
        let ruleset = &known.ruleset;
        for at in 0..ruleset.tables.len() {
            let table = TableId(at as u32);
            let found = jumps_to_empty(ruleset, table);
            if !found.is_empty() {
                findings.push(empty(rule, set, ruleset, table, &found));
            }
        }
    }
    findings
}

/// Empty chains, each with the first rule that jumps to it.
fn jumps_to_empty(ruleset: &Ruleset, table: TableId) -> Vec<(RuleRef, ChainId)> {
    let mut found: Vec<(RuleRef, ChainId)> = Vec::new();
    for (at, body) in ruleset.rules().filter(|(at, _)| at.table == table) {
        for op in &body.ops {
            let OpKind::Verdict(Verdict::Jump(to) | Verdict::Goto(to)) = op.kind else { continue };
            if ruleset.chain(table, to).rules.is_empty() && !found.iter().any(|(_, known)| *known == to) {
                found.push((at, to));
            }
        }
    }
    found
}

fn empty(
    rule: &'static Rule,
    set: &EvidenceSet,
    ruleset: &Ruleset,
    table: TableId,
    found: &[(RuleRef, ChainId)],
) -> Finding {
    let owner = ruleset.table(table);
    let name = |chain: ChainId| format!("`{}`", ruleset.chain(table, chain).name);
    let (first, _) = found[0];
    let title = match found {
        [(at, to)] => format!(
            "`{}` jumps to chain {}, which has no rules",
            show::rule(ruleset, table, ruleset.rule(*at)),
            name(*to)
        ),
        many => format!(
            "rules of table {} {} jump to {} chains without rules: {}",
            owner.family.as_str(),
            owner.name,
            many.len(),
            listed(many.iter().map(|(_, to)| name(*to)).collect()),
        ),
    };
    let mut builder = FindingBuilder::new(rule, title, rule_place(ruleset, first, "comes straight back"));
    for (at, _) in found.iter().skip(1).take(MOST - 1) {
        builder = builder.place(rule_place(ruleset, *at, "comes straight back"));
    }
    builder = builder
        .place(chain_place(ruleset, table, found[0].1, "no rules"))
        .because("A packet that enters an empty chain leaves it at once; after `jump` it goes on with the next rule.");
    for (_, to) in found {
        let chain = ruleset.chain(table, *to);
        builder = builder.step(format!("chain {} has 0 rules", chain.name), Some(chain.at.clone()));
    }
    builder.key(&owner.name).build(set)
}

fn listed(mut names: Vec<String>) -> String {
    let more = names.len().saturating_sub(MOST);
    names.truncate(MOST);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    names.join(", ") + &more
}

fn check_unreferenced(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for known in current(facts) {
        for (at, table) in known.ruleset.tables.iter().enumerate() {
            let id = TableId(at as u32);
            let reached = reached(&known.ruleset, id);
            let alone = (0..table.chains.len()).filter(|at| !reached[*at] && !table.chains[*at].rules.is_empty());
            let alone: Vec<ChainId> = alone.map(|at| ChainId(at as u32)).collect();
            if !alone.is_empty() {
                findings.push(unreferenced(rule, set, &known.ruleset, id, &alone));
            }
        }
    }
    findings
}

fn unreferenced(
    rule: &'static Rule,
    set: &EvidenceSet,
    ruleset: &Ruleset,
    table: TableId,
    alone: &[ChainId],
) -> Finding {
    let owner = ruleset.table(table);
    let rules = |chain: &ChainId| ruleset.chain(table, *chain).rules.len();
    let count: usize = alone.iter().map(rules).sum();
    let title = match alone {
        [one] => format!(
            "nothing leads to chain `{}`: its {count} {} no packet",
            ruleset.chain(table, *one).name,
            if count == 1 { "rule sees" } else { "rules see" }
        ),
        many => format!(
            "nothing leads to {} chains of table {} {}: {}",
            many.len(),
            owner.family.as_str(),
            owner.name,
            listed(many.iter().map(|chain| format!("`{}`", ruleset.chain(table, *chain).name)).collect()),
        ),
    };
    let label = "no hook, and no jump from a chain that is run";
    let mut builder = FindingBuilder::new(rule, title, chain_place(ruleset, table, alone[0], label));
    for chain in alone.iter().skip(1).take(MOST - 1) {
        builder = builder.place(chain_place(ruleset, table, *chain, label));
    }
    let first = RuleRef { table, chain: alone[0], index: 0 };
    builder = builder
        .place(rule_place(ruleset, first, "never run"))
        .because("A chain without a hook is run only by `jump` or `goto` from a chain that a hook runs.");
    for chain in alone {
        let body = ruleset.chain(table, *chain);
        let text = format!("no base chain of table {} leads to {}", owner.name, body.name);
        builder = builder.step(text, Some(body.at.clone()));
    }
    builder.key(&owner.name).build(set)
}

/// A chain's first line, or its name where the evidence is JSON.
fn chain_place(ruleset: &Ruleset, table: TableId, chain: ChainId, label: &str) -> Place {
    let body = ruleset.chain(table, chain);
    match &body.at {
        At::Text(span) => {
            // A whole block would be drawn; its beginning names it.
            let head = casebook_core::Span {
                end: span.end.min(span.start + "chain ".len() as u64 + body.name.len() as u64),
                ..*span
            };
            span_place(head, label)
        }
        other => Place::context(other.clone(), label).shown_as(format!("chain {}", ruleset.chain_name(table, chain))),
    }
}

/// Which chains of a table some base chain leads to.
fn reached(ruleset: &Ruleset, table: TableId) -> Vec<bool> {
    let owner = ruleset.table(table);
    let mut reached: Vec<bool> = owner.chains.iter().map(|chain| chain.base.is_some()).collect();
    let mut queue: Vec<ChainId> = (0..reached.len()).filter(|at| reached[*at]).map(|at| ChainId(at as u32)).collect();
    // Maps can be filled later: a chain a named map names is led to even when no rule uses the map yet.
    for set in owner.sets.iter().filter(|set| !set.anonymous) {
        for elem in &set.elems {
            if let Some(Data::Verdict(Verdict::Jump(to) | Verdict::Goto(to))) = elem.data
                && !std::mem::replace(&mut reached[to.0 as usize], true)
            {
                queue.push(to);
            }
        }
    }
    while let Some(chain) = queue.pop() {
        for (to, _) in nesting::targets(owner, chain) {
            if !std::mem::replace(&mut reached[to.0 as usize], true) {
                queue.push(to);
            }
        }
    }
    reached
}
