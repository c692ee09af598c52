//! NFT111 jump-to-empty-chain, NFT112 unreferenced-chain: chains that do nothing.

use casebook_core::{At, EvidenceSet, Finding, FindingBuilder, Place, Rule, rule};

use super::common::{rule_place, span_place};
use crate::facts::NftFacts;
use crate::model::ir::{ChainId, Data, OpKind, RuleRef, Ruleset, TableId, Verdict};
use crate::model::show;

rule! {
    /// A jump to a chain without rules.
    ///
    /// The packet comes straight back. Often the chain is filled by a program that has not run yet, or was filled
    /// under another name; that is why this is a note.
    pub EMPTY_CHAIN = "NFT111" "jump-to-empty-chain" of "nftables", Note, since "0.1.0",
    "a rule jumps to a chain without rules",
    check_empty(NftFacts)
}

rule! {
    /// A chain with rules that nothing leads to.
    ///
    /// It has no hook, and no rule or map of its table jumps to it from a chain that is run: its rules never see a
    /// packet.
    pub UNREFERENCED = "NFT112" "unreferenced-chain" of "nftables", Note, since "0.1.0",
    "a chain has rules and nothing leads to it",
    check_unreferenced(NftFacts)
}

fn check_empty(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for known in &facts.rulesets {
        let ruleset = &known.ruleset;
        let mut seen: Vec<(TableId, ChainId)> = Vec::new();
        for (at, body) in ruleset.rules() {
            for op in &body.ops {
                let OpKind::Verdict(Verdict::Jump(to) | Verdict::Goto(to)) = op.kind else { continue };
                let empty = ruleset.chain(at.table, to).rules.is_empty();
                if !empty || seen.contains(&(at.table, to)) {
                    continue;
                }
                seen.push((at.table, to));
                let name = &ruleset.chain(at.table, to).name;
                let text = show::rule(ruleset, at.table, body);
                let title = format!("`{text}` jumps to chain `{name}`, which has no rules");
                let builder = FindingBuilder::new(rule, title, rule_place(ruleset, at, "comes straight back"))
                    .place(chain_place(ruleset, at.table, to, "no rules"))
                    .because("A packet that enters an empty chain returns at once and goes on with the next rule.")
                    .step(format!("chain {name} has 0 rules"), Some(ruleset.chain(at.table, to).at.clone()));
                findings.push(builder.key(name).build(set));
            }
        }
    }
    findings
}

fn check_unreferenced(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for known in &facts.rulesets {
        let ruleset = &known.ruleset;
        for (table_at, table) in ruleset.tables.iter().enumerate() {
            let table_id = TableId(table_at as u32);
            let reached = reached(ruleset, table_id);
            for (at, chain) in table.chains.iter().enumerate() {
                if reached[at] || chain.rules.is_empty() {
                    continue;
                }
                let count = chain.rules.len();
                let plural = if count == 1 { "rule sees" } else { "rules see" };
                let title = format!("nothing leads to chain `{}`: its {count} {plural} no packet", chain.name);
                let id = ChainId(at as u32);
                let first = RuleRef { table: table_id, chain: id, index: 0 };
                let builder = FindingBuilder::new(
                    rule,
                    title,
                    chain_place(ruleset, table_id, id, "no hook, and no jump from a chain that is run"),
                )
                .place(rule_place(ruleset, first, "never run"))
                .because("A chain without a hook is run only by `jump` or `goto` from a chain that a hook runs.")
                .step(format!("no base chain of table {} leads to {}", table.name, chain.name), Some(chain.at.clone()))
                .key(&chain.name);
                findings.push(builder.build(set));
            }
        }
    }
    findings
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
        for (to, _) in crate::model::nesting::targets(owner, chain) {
            if !std::mem::replace(&mut reached[to.0 as usize], true) {
                queue.push(to);
            }
        }
    }
    reached
}
