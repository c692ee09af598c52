//! Which records show the same host at the same moment, and which show it earlier.

use std::collections::{BTreeMap, BTreeSet};

use casebook_formats::nft::ir::{Family, Rule, RuleRef};

use crate::facts::{Form, NftFacts, RulesetFacts};

/// What the lints look at: source files, and of each host's snapshots the newest, each state once.
pub(super) fn current(facts: &NftFacts) -> Vec<&RulesetFacts> {
    let views = views(facts);
    let newest = |known: &RulesetFacts| views.iter().any(|view| view.is(known) && !view.superseded(&views));
    facts.rulesets.iter().filter(|known| known.form == Form::Source || newest(known)).collect()
}

/// Snapshots that no other record replaces, each with the latest record of the state before it.
pub(super) fn newest(facts: &NftFacts) -> Vec<(&RulesetFacts, Option<&RulesetFacts>)> {
    let views = views(facts);
    let standing = views.iter().filter(|view| !view.superseded(&views));
    standing.map(|view| (view.facts, view.before(&views))).collect()
}

/// A snapshot with the handles of its rules.
struct View<'f> {
    facts: &'f RulesetFacts,
    /// Table, chain and handle of every rule.
    rules: BTreeSet<(Table<'f>, &'f str, u64)>,
    /// The highest handle of each table.
    last: BTreeMap<Table<'f>, u64>,
}

type Table<'f> = (&'static str, &'f str);

fn views(facts: &NftFacts) -> Vec<View<'_>> {
    facts.rulesets.iter().filter(|known| known.form != Form::Source).map(View::new).collect()
}

impl<'f> View<'f> {
    fn new(facts: &'f RulesetFacts) -> Self {
        let ruleset = &facts.ruleset;
        let named = |(at, rule): (RuleRef, &Rule)| {
            let table = ruleset.table(at.table);
            let family: Family = table.family;
            let chain = ruleset.chain(at.table, at.chain).name.as_str();
            Some(((family.as_str(), table.name.as_str()), chain, rule.handle?))
        };
        let rules: BTreeSet<(Table<'f>, &'f str, u64)> = ruleset.rules().filter_map(named).collect();
        let mut last: BTreeMap<Table<'f>, u64> = BTreeMap::new();
        for (table, _, handle) in &rules {
            let known = last.entry(*table).or_default();
            *known = (*known).max(*handle);
        }
        Self { facts, rules, last }
    }

    fn is(&self, facts: &RulesetFacts) -> bool {
        std::ptr::eq(self.facts, facts)
    }

    fn superseded(&self, views: &[Self]) -> bool {
        views.iter().filter(|other| !other.is(self.facts)).any(|other| match self.age(other) {
            Age::Older => true,
            Age::Same => other.rank() < self.rank(),
            Age::Other => false,
        })
    }

    /// The latest of the records that are older.
    fn before(&self, views: &[Self]) -> Option<&'f RulesetFacts> {
        let earlier: Vec<&Self> = views.iter().filter(|other| other.age(self) == Age::Older).collect();
        let last = |known: &&&Self| !earlier.iter().any(|other| known.age(other) == Age::Older);
        earlier.iter().filter(last).min_by_key(|known| known.rank()).map(|known| known.facts)
    }

    /// How this state stands to another. A table's counter only grows, so the state with the higher last handle is
    /// the later one. A state that only lost rules has the same last handle and fewer rules.
    fn age(&self, new: &Self) -> Age {
        let shared = self.rules.intersection(&new.rules).count();
        if self.rules.is_empty() || shared * 2 < self.rules.len() {
            return Age::Other;
        }
        let tables: BTreeSet<&Table<'f>> = self.last.keys().chain(new.last.keys()).collect();
        let grown = tables.iter().any(|table| self.last.get(*table) < new.last.get(*table));
        let shrunk = tables.iter().any(|table| self.last.get(*table) > new.last.get(*table));
        match (grown, shrunk) {
            (true, false) => Age::Older,
            (false, false) if self.rules.len() > new.rules.len() => Age::Older,
            (false, false) if self.rules.len() == new.rules.len() && shared == new.rules.len() => Age::Same,
            _ => Age::Other,
        }
    }

    /// Of two records of one moment, the one read more fully, then text, which has lines to point at, then the first.
    fn rank(&self) -> (usize, bool, u32) {
        (self.facts.ruleset.unmodelled.len(), self.facts.form != Form::Listing, self.facts.evidence.0)
    }
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
