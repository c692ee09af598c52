//! NFT109 reload-duplicates: a file that adds its rules again every time it is loaded.

use casebook_core::{Edit, EvidenceSet, Finding, FindingBuilder, Fix, FixClass, Rule, Span, rule};

use super::common::span_place;
use crate::facts::{Form, NftFacts, RulesetFacts};

rule! {
    /// A file without a flush: loading it a second time adds every rule again.
    ///
    /// A block is a list of additions, not a description of a state. Reloading keeps the old rules and appends the
    /// new ones behind them: a changed rule comes after the old version of itself and is never reached.
    ///
    /// Speaks on: fixtures/reload-duplicates. Silent on: fixtures/reload-flushes.
    ///
    /// Mechanism: `nf_tables_newrule` without `NLM_F_REPLACE` appends (net/netfilter/nf_tables_api.c). The model runs
    /// the file's commands twice and counts.
    ///
    /// Fix: declare and flush each table first, or `flush ruleset` where the file is the only one. The flush runs in
    /// the same transaction, so no packet meets an empty ruleset.
    pub RELOAD = "NFT109" "reload-duplicates" of "nftables", Note, since "0.1.0",
    "loading the file twice holds every rule twice",
    check(NftFacts)
}

fn check(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    let sources = facts.rulesets.iter().filter(|known| known.form == Form::Source && known.reload_duplicates > 0);
    sources.map(|known| finding(rule, known, set)).collect()
}

fn finding(rule: &'static Rule, facts: &RulesetFacts, set: &EvidenceSet) -> Finding {
    let count = facts.reload_duplicates;
    let plural = if count == 1 { "" } else { "s" };
    let title = format!("loading this file a second time adds its {count} rule{plural} again");
    let first = facts.ruleset.tables.first().map_or(Span::new(facts.evidence, 0, 0), |table| table.span);
    // The whole block would be drawn; its first line says where it is.
    let line_end = set.text(first).and_then(|text| text.find('\n')).unwrap_or(first.len() as usize);
    let head = Span { end: first.start + line_end as u64, ..first };
    let mut builder = FindingBuilder::new(rule, title, span_place(head, "nothing flushes this table first"))
        .because("A block adds to what is there; the old rules stay in front and go on deciding.")
        .step(format!("the commands run once leave their rules; run twice they leave {count} more"), None);
    if let Some(fix) = fix(facts, set) {
        builder = builder.fix(fix);
    }
    builder.build(set)
}

/// Declare and flush each table at the head of the file.
fn fix(facts: &RulesetFacts, set: &EvidenceSet) -> Option<Fix> {
    let text = set.get(facts.evidence)?.as_text().ok()?;
    let mut lines = String::new();
    for table in &facts.ruleset.tables {
        let name = format!("{} {}", table.family.as_str(), table.name);
        lines.push_str(&format!("table {name}\nflush table {name}\n"));
    }
    // After a `#!` line, or at the start.
    let at = if text.starts_with("#!") { text.find('\n').map_or(text.len(), |end| end + 1) } else { 0 };
    let edit = Edit { span: Span::new(facts.evidence, at, at), text: lines.clone() };
    let patched = format!("{}{lines}{}", &text[..at], &text[at..]);
    let mut copy = EvidenceSet::new();
    let id = copy.add("patched", Some("nft-text"), casebook_core::Bytes::new(patched.into_bytes()));
    let checked = crate::facts::ruleset(&copy, copy.get(id)?, facts.ruleset.host);
    let holds = checked.reload_duplicates == 0 && facts.included.is_empty();
    let class = if holds { FixClass::Safe } else { FixClass::Unsafe };
    Some(Fix {
        title: "empty the tables in the same transaction".into(),
        class,
        edits: vec![edit],
        commands: Vec::new(),
    })
}
