//! NFT101 inserted-before-effect, NFT100 inserted-ahead: which rule was put in front, and what that took away.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Fix, FixClass, Rule, Severity, rule};
use serde_json::json;

use super::common::{rule_line, rule_place, run, with_witness};
use super::insertion::{self, Inserted};
use super::loss::{self, Loss};
use super::readers;
use crate::command::trace::summary;
use crate::facts::{NftFacts, RulesetFacts};
use crate::model::ir::Ruleset;
use crate::model::{craft, show};

rule! {
    /// A rule stands ahead of rules that are older than it.
    ///
    /// The kernel numbers the rules of a table in the order they are created, so a rule with a higher handle than the
    /// rules behind it was inserted, not added. At the head of a chain only `nft insert rule` does that. By itself
    /// this is a note: what it took away, if anything, is NFT101.
    ///
    /// Mechanism: `nf_tables_alloc_handle` counts up for the whole table (net/netfilter/nf_tables_api.c).
    /// `replace` keeps the handle; a reload from a file numbers everything anew, in order.
    pub INSERTED_AHEAD = "NFT100" "inserted-ahead" of "nftables", Note, since "0.1.0",
    "a rule was put ahead of rules that are older than it",
    check_ahead(NftFacts)
}

rule! {
    /// A rule placed ahead of rules with effects (marks, NAT, logs, limits) ends the evaluation of packets that used
    /// to reach them. The verdict stays the same; what later depends on the effect breaks.
    ///
    /// The rule is found by its handle, by a second snapshot, or by the file the ruleset was loaded from. Packets are
    /// drawn from its match values and those of the rules behind it; each is run through the ruleset with and
    /// without the rule, and the outcomes are compared: verdict, marks, translations, logs, limits.
    ///
    /// Mechanism: `nft_do_chain` stops at the first terminal verdict of a base chain
    /// (net/netfilter/nf_tables_core.c).
    ///
    /// Fix: delete the rule and add it again behind the last effect it hides. The model runs every witness through
    /// the repaired ruleset before the commands are printed.
    pub INSERTED_BEFORE_EFFECT = "NFT101" "inserted-before-effect" of "nftables", Error, since "0.1.0",
    "an inserted rule keeps packets from an effect that something else depends on",
    check_effect(NftFacts)
}

fn check_ahead(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (after, inserted) in insertion::all(facts, set) {
        let ruleset = &after.ruleset;
        if !loss::of(ruleset, &inserted).is_empty() {
            continue;
        }
        let handle = ruleset.rule(inserted.rule).handle.unwrap_or(0);
        let title = format!(
            "rule {handle} was put ahead of {} older rule{} of chain {}; no packet drawn from them loses an effect",
            inserted.behind.len(),
            if inserted.behind.len() == 1 { "" } else { "s" },
            ruleset.chain_name(inserted.rule.table, inserted.rule.chain),
        );
        let mut builder =
            FindingBuilder::new(rule, title, rule_place(ruleset, inserted.rule, "younger than what follows"));
        if let Some(first) = inserted.behind.first() {
            builder = builder.place(rule_place(ruleset, *first, "was there before"));
        }
        builder = builder.because(inserted.evidence.clone()).key(rule_line(ruleset, inserted.rule));
        findings.push(builder.step(inserted.evidence.clone(), Some(ruleset.rule(inserted.rule).at.clone())).build(set));
    }
    findings
}

fn check_effect(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (after, inserted) in insertion::all(facts, set) {
        let losses = loss::of(&after.ruleset, &inserted);
        if let Some(worst) = losses.iter().min_by_key(|loss| loss.rank()) {
            findings.push(finding(rule, facts, set, after, &inserted, &losses, worst));
        }
    }
    findings
}

fn finding(
    rule: &'static Rule,
    facts: &NftFacts,
    set: &EvidenceSet,
    after: &RulesetFacts,
    inserted: &Inserted,
    losses: &[Loss],
    worst: &Loss,
) -> Finding {
    let ruleset = &after.ruleset;
    let text = show::rule(ruleset, inserted.rule.table, ruleset.rule(inserted.rule));
    let lost = worst.effect.describe();
    let title = format!(
        "the inserted rule `{text}` ends packets before {}; they lose {lost}",
        place_name(ruleset, inserted, worst)
    );
    let mut builder =
        FindingBuilder::new(rule, title, rule_place(ruleset, inserted.rule, "this rule was put in front"));
    builder = builder.severity(match worst.rank() {
        0 => Severity::Error,
        _ => Severity::Warning,
    });
    if let Some(jump) = worst.jump {
        builder = builder.place(rule_place(ruleset, jump, "no longer reached by these packets"));
    }
    builder = builder.place(rule_place(ruleset, worst.rule, format!("effect lost: {lost}")));
    for place in insertion::in_source(facts, after, ruleset, worst) {
        builder = builder.place(place);
    }
    builder = builder.because(inserted.evidence.clone());
    builder = builder.because(match worst.same_verdict() {
        true => format!(
            "The verdict stays {}, so a comparison of verdicts shows nothing: without the rule the packet is decided by {}, with it by the inserted rule.",
            worst.with.end.as_str(),
            decider(ruleset, worst),
        ),
        false => format!(
            "The verdict changes from {} to {} as well.",
            worst.without.end.as_str(),
            worst.with.end.as_str()
        ),
    });
    let others: Vec<String> = losses
        .iter()
        .filter(|loss| loss.rule != worst.rule)
        .map(|loss| format!("{} ({})", loss.effect.describe(), rule_line(ruleset, loss.rule)))
        .collect();
    if !others.is_empty() {
        builder = builder.because(format!("Also lost, for other packets: {}.", others.join("; ")));
    }
    if let Some(newly) = loss::newly_accepted(ruleset, inserted) {
        builder =
            builder.because(format!("Newly accepted, which may be what was wanted: {}.", craft::describe(&newly)));
    }
    for reader in readers::of(facts, set, after, worst) {
        builder = builder.because(reader.text);
        for place in reader.places {
            builder = builder.place(place);
        }
    }
    let before = json!({
        "without_the_rule": summary(&worst.stripped, &worst.without),
        "lost": lost,
    });
    builder = with_witness(builder, set, after, &worst.packet, before);
    builder = builder.step(format!("without the inserted rule: {}", summary(&worst.stripped, &worst.without)), None);
    if let Some(fix) = repair(ruleset, inserted, losses, &text) {
        builder = builder.fix(fix);
    }
    builder.key(rule_line(ruleset, inserted.rule)).key(lost).build(set)
}

fn place_name(ruleset: &Ruleset, inserted: &Inserted, loss: &Loss) -> String {
    if loss.rule.chain == inserted.rule.chain {
        format!("rule `{}`", show::rule(ruleset, loss.rule.table, ruleset.rule(loss.rule)))
    } else {
        format!("chain `{}`", ruleset.chain(loss.rule.table, loss.rule.chain).name)
    }
}

fn decider(ruleset: &Ruleset, loss: &Loss) -> String {
    use crate::model::outcome::Decider;
    match loss.without.decided {
        Some(Decider::Rule(rule)) => format!("`{}`", show::rule(&loss.stripped, rule.table, loss.stripped.rule(rule))),
        Some(Decider::Policy(table, chain)) => format!("the policy of {}", ruleset.chain_name(table, chain)),
        None => "something this evidence does not hold".to_owned(),
    }
}

/// Delete and add again, behind the last effect that is lost: at the first place where every witness keeps its
/// effects and every packet the rule was meant for keeps its verdict.
fn repair(ruleset: &Ruleset, inserted: &Inserted, losses: &[Loss], text: &str) -> Option<Fix> {
    let chain = ruleset.chain(inserted.rule.table, inserted.rule.chain);
    let handle = ruleset.rule(inserted.rule).handle?;
    let table = ruleset.table(inserted.rule.table);
    let name = format!("{} {} {}", table.family.as_str(), table.name, chain.name);
    let last = losses.iter().filter_map(|loss| loss.at_index(inserted.rule)).max()?;
    let wanted = loss::newly_accepted(ruleset, inserted);
    for index in last as usize..chain.rules.len() {
        let moved = loss::moved(ruleset, inserted.rule, index);
        let keeps = losses.iter().all(|loss| {
            let outcome = run(&moved, &loss.packet);
            outcome.end == loss.without.end && loss.kept_in(&outcome)
        });
        let lets_in = wanted.as_ref().is_none_or(|packet| run(&moved, packet).end == run(ruleset, packet).end);
        if keeps && lets_in {
            let after = chain.rules[index].handle?;
            let at_end = index + 1 == chain.rules.len();
            let position = if at_end { String::new() } else { format!(" handle {after}") };
            let title = if at_end {
                "put the rule at the end of the chain, behind the effect".to_owned()
            } else {
                format!("put the rule behind handle {after}, the last it kept packets from")
            };
            return Some(Fix {
                title,
                class: FixClass::Safe,
                edits: Vec::new(),
                commands: vec![
                    format!("nft delete rule {name} handle {handle}"),
                    format!("nft add rule {name}{position} {text}"),
                ],
            });
        }
    }
    None
}
