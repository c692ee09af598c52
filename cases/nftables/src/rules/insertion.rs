//! Which rules were put ahead of others: by handles, by an older snapshot, by the file they were loaded from.

use std::collections::{HashMap, HashSet};

use casebook_core::{EvidenceSet, Place};

use super::common::rule_place;
use super::loss::Loss;
use crate::facts::{Form, NftFacts, RulesetFacts};
use crate::model::ir::{Chain, ChainId, RuleRef, Ruleset, TableId};
use crate::model::show;

/// A rule that was put ahead of older ones.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Inserted {
    /// The rule, in the ruleset that has it.
    pub(super) rule: RuleRef,
    /// Older rules of its chain that now follow it.
    pub(super) behind: Vec<RuleRef>,
    /// How it is known, a full sentence.
    pub(super) evidence: String,
}

/// Every inserted rule of every snapshot, each once: the newest snapshot that has it speaks.
pub(super) fn all<'f>(facts: &'f NftFacts, set: &EvidenceSet) -> Vec<(&'f RulesetFacts, Inserted)> {
    let snapshots: Vec<&RulesetFacts> = facts.rulesets.iter().filter(|known| known.form != Form::Source).collect();
    let mut out: Vec<(&RulesetFacts, Inserted)> = Vec::new();
    for after in &snapshots {
        // A newer or equal snapshot of the same host says it all again.
        let newer = snapshots.iter().any(|other| match age(after, other) {
            Age::Older => true,
            Age::Same => rank(other) < rank(after),
            Age::Other => false,
        });
        if newer {
            continue;
        }
        let older =
            snapshots.iter().copied().filter(|other| age(other, after) == Age::Older).min_by_key(|other| rank(other));
        let source = facts
            .rulesets
            .iter()
            .find(|known| known.form == Form::Source && shares_chain(&known.ruleset, &after.ruleset));
        for (table, chain, body) in after.ruleset.chains() {
            for index in ahead(body, &after.ruleset, older, source, table) {
                out.push((*after, inserted(after, table, chain, body, index, older, source, set)));
            }
        }
    }
    out
}

#[allow(clippy::too_many_arguments, reason = "one call, all of it needed to word the evidence")]
fn inserted(
    after: &RulesetFacts,
    table: TableId,
    chain: ChainId,
    body: &Chain,
    index: usize,
    older: Option<&RulesetFacts>,
    source: Option<&RulesetFacts>,
    set: &EvidenceSet,
) -> Inserted {
    let rule = RuleRef { table, chain, index: index as u32 };
    let own = body.rules[index].handle.unwrap_or(0);
    let behind: Vec<RuleRef> = (index + 1..body.rules.len())
        .filter(|at| body.rules[*at].handle.is_none_or(|handle| handle < own) || source.is_some())
        .map(|at| RuleRef { table, chain, index: at as u32 })
        .collect();
    let handles: Vec<String> =
        behind.iter().filter_map(|known| after.ruleset.rule(*known).handle).map(|handle| handle.to_string()).collect();
    let how = if index == 0 {
        "`nft insert rule` did that, `add` cannot"
    } else {
        "it was inserted, or added at a handle or index"
    };
    let by_handle = body.rules[index + 1..].iter().any(|later| later.handle.is_some_and(|handle| handle < own));
    let mut evidence = if by_handle {
        format!(
            "Handles are given in order of creation: {own} was created after {} and stands before them; {how}.",
            handles.join(", ")
        )
    } else {
        "The file the ruleset was loaded from does not hold this rule, and rules it does hold follow it.".to_owned()
    };
    if let Some(older) = older {
        evidence.push_str(&format!(" The older snapshot {} does not have it.", set.path(older.evidence)));
    }
    Inserted { rule, behind, evidence }
}

/// Indices of rules that stand ahead of older ones.
fn ahead(
    chain: &Chain,
    ruleset: &Ruleset,
    older: Option<&RulesetFacts>,
    source: Option<&RulesetFacts>,
    table: TableId,
) -> Vec<usize> {
    let handles: Vec<Option<u64>> = chain.rules.iter().map(|rule| rule.handle).collect();
    let mut found = out_of_order(&handles);
    let owner = ruleset.table(table);
    let same_chain = |facts: &RulesetFacts| facts.ruleset.find_chain(owner.family, &owner.name, &chain.name);
    if let Some(older) = older {
        // What the older snapshot already had was not inserted since.
        let known: Vec<Option<u64>> = same_chain(older)
            .map(|(t, c)| older.ruleset.chain(t, c).rules.iter().map(|rule| rule.handle).collect())
            .unwrap_or_default();
        found.retain(|at| !known.contains(&handles[*at]));
    }
    if found.is_empty()
        && older.is_none()
        && let Some(source) = source
        && let Some((t, c)) = same_chain(source)
    {
        let text = |ruleset: &Ruleset, t: TableId, rule: &crate::model::ir::Rule| show::rule(ruleset, t, rule);
        let mut rest: HashMap<String, usize> = HashMap::new();
        for rule in &source.ruleset.chain(t, c).rules {
            *rest.entry(text(&source.ruleset, t, rule)).or_default() += 1;
        }
        let mut unknown = Vec::new();
        let mut last_known = None;
        for (at, rule) in chain.rules.iter().enumerate() {
            match rest.get_mut(&text(ruleset, table, rule)) {
                Some(count) if *count > 0 => {
                    *count -= 1;
                    last_known = Some(at);
                }
                _ => unknown.push(at),
            }
        }
        // A chain of another origin shares nothing with the file; that is no insertion.
        let shared = chain.rules.len() - unknown.len();
        if shared * 2 >= chain.rules.len() {
            found = unknown.into_iter().filter(|at| last_known.is_some_and(|last| *at < last)).collect();
        }
    }
    found
}

/// Positions outside of the longest run of rising handles: the fewest rules that can have been put out of order.
fn out_of_order(handles: &[Option<u64>]) -> Vec<usize> {
    let known: Vec<(usize, u64)> =
        handles.iter().enumerate().filter_map(|(at, handle)| Some((at, (*handle)?))).collect();
    // Patience sorting: `tails[k]` ends the best run of length k + 1.
    let mut tails: Vec<usize> = Vec::new();
    let mut previous: Vec<Option<usize>> = vec![None; known.len()];
    for (at, (_, handle)) in known.iter().enumerate() {
        let place = tails.partition_point(|tail| known[*tail].1 < *handle);
        previous[at] = place.checked_sub(1).map(|before| tails[before]);
        if place == tails.len() { tails.push(at) } else { tails[place] = at }
    }
    let mut in_run = vec![false; known.len()];
    let mut at = tails.last().copied();
    while let Some(index) = at {
        in_run[index] = true;
        at = previous[index];
    }
    // Only rules that stand ahead of an older one; one that stands behind a younger run was overtaken.
    let ahead = |at: usize| known[at + 1..].iter().any(|(_, later)| *later < known[at].1);
    (0..known.len()).filter(|at| !in_run[*at] && ahead(*at)).map(|at| known[at].0).collect()
}

/// How one snapshot stands to another of the same host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    /// It shows an earlier state.
    Older,
    /// It shows the same state (JSON and text of one moment).
    Same,
    /// It shows a later state, or another host.
    Other,
}

/// Compares by handles: a table's counter only grows, so the state with the higher last handle is the later one. A
/// state that only lost rules has the same last handle and fewer rules.
fn age(old: &RulesetFacts, new: &RulesetFacts) -> Age {
    let handles = |facts: &RulesetFacts| -> HashSet<(String, u64)> {
        let ruleset = &facts.ruleset;
        let named = |(at, rule): (RuleRef, &crate::model::ir::Rule)| {
            Some((ruleset.chain_name(at.table, at.chain), rule.handle?))
        };
        ruleset.rules().filter_map(named).collect()
    };
    let (old_rules, new_rules) = (handles(old), handles(new));
    let shared = old_rules.intersection(&new_rules).count();
    if old_rules.is_empty() || shared * 2 < old_rules.len() {
        return Age::Other;
    }
    let highest = |rules: &HashSet<(String, u64)>| rules.iter().map(|(_, handle)| *handle).max().unwrap_or(0);
    match (highest(&old_rules).cmp(&highest(&new_rules)), old_rules.len().cmp(&new_rules.len())) {
        (std::cmp::Ordering::Less, _) | (std::cmp::Ordering::Equal, std::cmp::Ordering::Greater) => Age::Older,
        (std::cmp::Ordering::Equal, std::cmp::Ordering::Equal) if shared == new_rules.len() => Age::Same,
        _ => Age::Other,
    }
}

/// Of two records of one moment, JSON is preferred, then the one read first.
fn rank(facts: &RulesetFacts) -> (bool, u32) {
    (facts.form != Form::Json, facts.evidence.0)
}

fn shares_chain(left: &Ruleset, right: &Ruleset) -> bool {
    left.chains().any(|(table, _, chain)| {
        let owner = left.table(table);
        right.find_chain(owner.family, &owner.name, &chain.name).is_some()
    })
}

/// The lost effect's rule and its jump where the source file wrote them.
pub(super) fn in_source(facts: &NftFacts, after: &RulesetFacts, ruleset: &Ruleset, loss: &Loss) -> Vec<Place> {
    let mut places = Vec::new();
    for source in facts.rulesets.iter().filter(|known| known.form == Form::Source && !std::ptr::eq(*known, after)) {
        for (rule, label) in [(loss.jump, "the jump in the source"), (Some(loss.rule), "the effect in the source")] {
            let Some(rule) = rule else { continue };
            let owner = ruleset.table(rule.table);
            let name = &ruleset.chain(rule.table, rule.chain).name;
            let wanted = show::rule(ruleset, rule.table, ruleset.rule(rule));
            let Some((t, c)) = source.ruleset.find_chain(owner.family, &owner.name, name) else { continue };
            let rules = source.ruleset.chain(t, c).rules.iter();
            let found = rules.enumerate().find(|(_, known)| show::rule(&source.ruleset, t, known) == wanted);
            if let Some((index, _)) = found {
                places.push(rule_place(&source.ruleset, RuleRef { table: t, chain: c, index: index as u32 }, label));
            }
        }
        if !places.is_empty() {
            break;
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::out_of_order;

    #[test]
    fn the_fewest_rules_out_of_order_are_the_inserted_ones() {
        let handles = |list: &[u64]| list.iter().map(|handle| Some(*handle)).collect::<Vec<_>>();
        assert_eq!(out_of_order(&handles(&[12, 5, 6, 7, 9, 10])), [0]);
        assert_eq!(out_of_order(&handles(&[5, 6, 12, 7, 9])), [2]);
        assert_eq!(out_of_order(&handles(&[5, 6, 7])), Vec::<usize>::new());
        assert_eq!(out_of_order(&handles(&[14, 13, 5, 6])), [0, 1]);
    }
}
