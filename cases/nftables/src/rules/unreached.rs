//! NFT108 rule-after-terminal: rules behind one that decides every packet.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Rule, rule};
use casebook_formats::nft::ir::{self, RuleRef};
use casebook_formats::nft::show;

use super::common::{ends, rule_place, unconditional};
use super::snapshots::current;
use crate::facts::NftFacts;

rule! {
    /// A rule behind one that tests nothing and ends the chain.
    ///
    /// After `drop`, `accept`, `reject`, `return` or `goto` without a condition no later rule of the chain is ever
    /// run. A rule that was added to a chain whose last rule drops the rest does nothing.
    ///
    /// Speaks on: fixtures/rule-after-drop. Silent on: fixtures/rule-before-drop.
    ///
    /// Mechanism: `nft_do_chain` leaves the loop at the first verdict other than continue and break
    /// (net/netfilter/nf_tables_core.c).
    pub UNREACHED = "NFT108" "rule-after-terminal" of "nftables", Warning, since "0.1.0",
    "a rule stands behind one that ends the chain for every packet",
    check(NftFacts)
}

fn check(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for known in current(facts) {
        let ruleset = &known.ruleset;
        for (table, chain, body) in ruleset.chains() {
            let decides = |rule: &ir::Rule| unconditional(&rule.ops) && rule.ops.iter().any(|op| ends(&op.kind));
            let Some(ender) = body.rules.iter().position(decides) else { continue };
            let dead = body.rules.len() - ender - 1;
            if dead == 0 {
                continue;
            }
            let at = |index: usize| RuleRef { table, chain, index: index as u32 };
            let text = show::rule(ruleset, table, &body.rules[ender]);
            let first = show::rule(ruleset, table, &body.rules[ender + 1]);
            let more = if dead > 1 { format!(" and {} more", dead - 1) } else { String::new() };
            let title = format!("`{first}`{more} can never run: `{text}` before it decides every packet");
            let builder = FindingBuilder::new(rule, title, rule_place(ruleset, at(ender + 1), "never reached"))
                .place(rule_place(ruleset, at(ender), "ends the chain for every packet"))
                .because(
                    "A rule without a condition that gives a final verdict leaves nothing for the rules behind it.",
                )
                .step(
                    format!("rule {ender} of {} tests nothing and ends the chain", ruleset.chain_name(table, chain)),
                    Some(body.rules[ender].at.clone()),
                )
                .key(ruleset.chain_name(table, chain));
            findings.push(builder.build(set));
        }
    }
    findings
}
