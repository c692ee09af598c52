//! Which rules were put ahead of others: by handles, by an older snapshot, by the file they were loaded from.

use std::collections::HashMap;

use casebook_core::{EvidenceSet, Place};
use casebook_formats::nft::ir::{Chain, ChainId, Rule, RuleRef, Ruleset, TableId};
use casebook_formats::nft::show;

use super::common::rule_place;
use super::loss::Loss;
use super::snapshots;
use crate::facts::{Form, NftFacts, RulesetFacts};

/// A rule that was put ahead of older ones.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Inserted {
    /// The rule, in the ruleset that has it.
    pub(super) rule: RuleRef,
    /// Older rules of its chain that now follow it.
    pub(super) behind: Vec<RuleRef>,
    /// How it is known, a full sentence.
    pub(super) evidence: String,
    /// Its handle, where handles tell the order of creation; `None` where they were given anew since.
    pub(super) created: Option<u64>,
    /// Most of its chain is out of order: a program builds it from its end, as `iptables -I` does.
    pub(super) built: bool,
}

/// Rules out of order, at the least, in a chain that is called built from its end.
const BUILT: usize = 4;

/// Every newest snapshot with the rules that were inserted into it, in order of creation.
pub(super) fn all<'f>(facts: &'f NftFacts, set: &EvidenceSet) -> Vec<(&'f RulesetFacts, Vec<Inserted>)> {
    let mut out = Vec::new();
    for (after, older) in snapshots::newest(facts) {
        let source = facts
            .rulesets
            .iter()
            .find(|known| known.form == Form::Source && shares_chain(&known.ruleset, &after.ruleset));
        let mut found = Vec::new();
        for (table, chain, body) in after.ruleset.chains() {
            let at = At { after, table, chain, body };
            found.extend(at.by_handle(older, set).unwrap_or_else(|| at.by_meaning(older.or(source), set)));
        }
        found.sort_by_key(|inserted| inserted.created);
        if !found.is_empty() {
            out.push((after, found));
        }
    }
    out
}

/// Handles named in a sentence; the rest is counted.
const MOST_SHOWN: usize = 8;

/// One chain of a snapshot.
struct At<'f> {
    after: &'f RulesetFacts,
    table: TableId,
    chain: ChainId,
    body: &'f Chain,
}

impl At<'_> {
    fn rule(&self, index: usize) -> RuleRef {
        RuleRef { table: self.table, chain: self.chain, index: index as u32 }
    }

    /// The same chain in another record.
    fn other<'o>(&self, other: &'o RulesetFacts) -> Option<(TableId, &'o Chain)> {
        let owner = self.after.ruleset.table(self.table);
        let (table, chain) = other.ruleset.find_chain(owner.family, &owner.name, &self.body.name)?;
        Some((table, other.ruleset.chain(table, chain)))
    }

    /// Rules whose handles are out of order; `None` when no handle is.
    fn by_handle(&self, older: Option<&RulesetFacts>, set: &EvidenceSet) -> Option<Vec<Inserted>> {
        let handles: Vec<Option<u64>> = self.body.rules.iter().map(|rule| rule.handle).collect();
        let mut found = out_of_order(&handles);
        if found.is_empty() {
            return None;
        }
        if let Some((_, known)) = older.and_then(|older| self.other(older)) {
            // What the older snapshot already had was not inserted since.
            found.retain(|at| !known.rules.iter().any(|rule| rule.handle == handles[*at]));
        }
        let built = older.is_none() && found.len() >= BUILT && found.len() * 2 > self.body.rules.len();
        let inserted = |index| Some(Inserted { built, ..self.out_of_order(index, older, set)? });
        Some(found.into_iter().filter_map(inserted).collect())
    }

    fn out_of_order(&self, index: usize, older: Option<&RulesetFacts>, set: &EvidenceSet) -> Option<Inserted> {
        let own = self.body.rules[index].handle?;
        let is_older = |at: &usize| self.body.rules[*at].handle.is_some_and(|handle| handle < own);
        let behind: Vec<usize> = (index + 1..self.body.rules.len()).filter(is_older).collect();
        let shown: Vec<String> =
            behind.iter().filter_map(|at| self.body.rules[*at].handle).map(|handle| handle.to_string()).collect();
        let more = match shown.len().saturating_sub(MOST_SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let how = if index == 0 {
            "`nft insert rule` did that, `add` cannot"
        } else {
            "it was inserted, or added at a handle or index"
        };
        let mut evidence = format!(
            "Handles are given in order of creation: {own} was created after {}{more} and stands before {}; {how}.",
            shown[..shown.len().min(MOST_SHOWN)].join(", "),
            if shown.len() == 1 { "it" } else { "them" },
        );
        if let Some(older) = older {
            evidence.push_str(&format!(" The older snapshot {} does not have it.", set.path(older.evidence)));
        }
        let behind = behind.into_iter().map(|at| self.rule(at)).collect();
        Some(Inserted { rule: self.rule(index), behind, evidence, created: Some(own), built: false })
    }

    /// Rules another record of this chain does not hold, ahead of rules it does hold.
    fn by_meaning(&self, reference: Option<&RulesetFacts>, set: &EvidenceSet) -> Vec<Inserted> {
        let Some((reference, (table, known))) = reference.and_then(|other| Some((other, self.other(other)?))) else {
            return Vec::new();
        };
        let mut rest: HashMap<String, usize> = HashMap::new();
        for rule in &known.rules {
            *rest.entry(show::rule(&reference.ruleset, table, rule)).or_default() += 1;
        }
        let own = |rule: &Rule| show::rule(&self.after.ruleset, self.table, rule);
        let mut take = |rule: &Rule| match rest.get_mut(&own(rule)) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        };
        let held: Vec<bool> = self.body.rules.iter().map(&mut take).collect();
        let shared = held.iter().filter(|held| **held).count();
        // A chain of another origin shares nothing with the file; that is no insertion.
        if shared * 2 < held.len() {
            return Vec::new();
        }
        let inserted = |index: usize| {
            let behind: Vec<RuleRef> = (index + 1..held.len()).filter(|at| held[*at]).map(|at| self.rule(at)).collect();
            let count = behind.len();
            let evidence = format!(
                "{} holds {shared} of the {} rules of this chain and not this one, which stands before {count} of them. The handles rise in order: the rules have been loaded anew since it was put there.",
                set.path(reference.evidence),
                held.len(),
            );
            Inserted { rule: self.rule(index), behind, evidence, created: None, built: false }
        };
        (0..held.len()).filter(|at| !held[*at]).map(inserted).filter(|found| !found.behind.is_empty()).collect()
    }
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
