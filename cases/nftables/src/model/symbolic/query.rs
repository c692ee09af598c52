//! What becomes of the packets of a filter: all of them at once, each part with a packet that was run through the
//! ruleset.

use std::collections::BTreeMap;

use casebook_formats::nft::conntrack::is_active;
use casebook_formats::nft::ir::Ruleset;
use casebook_formats::nft::outcome::{Decider, End, Outcome};
use casebook_formats::nft::packet::{ETH_IP, ETH_IP6, Packet};
use casebook_formats::nft::show;
use casebook_formats::nft::walk::Evaluator;

use super::compile::{Care, EXEMPT, Shared, compile};
use super::diagram::{Node, Within};
use super::diff::{Budget, classes, effects, end};
use super::layout::{Layout, Uses};
use super::leaf::{Leaf, Slice};
use super::packet::{packet, possible};
use super::region::{Regions, values};
use super::space::{Class, Run, Space};
use super::touched::{asks, written};
use crate::model::filter::Filter;

/// Packets of one class that meet the filter and have one outcome.
#[derive(Debug)]
pub struct Part {
    /// Class.
    pub class: Class,
    /// The end, in words.
    pub end: String,
    /// Who decides.
    pub by: Option<String>,
    /// What is done to all of them beside the verdict.
    pub always: Vec<String>,
    /// What is done to some of them.
    pub sometimes: Vec<String>,
    /// Which.
    pub places: Places,
}

/// A set of packets in words.
#[derive(Debug, Default)]
pub struct Places {
    /// Which packets.
    pub regions: Vec<String>,
    /// There are more regions.
    pub more: bool,
    /// One of the packets, for which the evaluator says the same; `None` when it could not be confirmed.
    pub witness: Option<Packet>,
    /// Some packets depend on nothing else, and the evaluator does not say the same of one: take it as undecided.
    pub unconfirmed: bool,
    /// What it depends on that no packet decides.
    pub depends: Vec<String>,
}

/// What is expected of all packets of a filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The end.
    pub end: Option<End>,
    /// Packet mark at the end.
    pub mark: Option<u32>,
    /// Mark of the connection at the end.
    pub ct_mark: Option<u32>,
    /// A part of the text of the rule or policy that decides.
    pub by: Option<String>,
}

/// How an expectation holds in a class.
#[derive(Debug)]
pub struct Checked {
    /// Class.
    pub class: Class,
    /// Some packet meets the filter.
    pub any: bool,
    /// Packets that do not have the outcome.
    pub failed: Option<Places>,
    /// Packets of which it is not known whether they have it.
    pub undecided: Option<Places>,
}

/// The answer for one class.
#[derive(Debug)]
pub enum Answer<T> {
    /// The whole answer.
    Known(T),
    /// The budget ran out before an answer.
    OverBudget,
    /// The filter asks what the model does not follow for this class.
    NotCovered(String),
}

/// The classes a filter is asked of.
pub fn classes_of(ruleset: &Ruleset, filter: &Filter) -> Vec<Class> {
    let seen = classes(ruleset, ruleset);
    // What sees fragments is the ruleset, not what the filter reads.
    let fits = |class: &Class| {
        !class.later || seen.iter().any(|own| (own.path, own.ip6, own.later) == (class.path, class.ip6, true))
    };
    let all = classes(ruleset, &filter.ruleset).into_iter();
    all.filter(|class| filter.paths.contains(&class.path)).filter(fits).collect()
}

/// The packets of a filter by end and by who decides.
pub fn query(ruleset: &Ruleset, filter: &Filter, class: Class, budget: Budget) -> Answer<Vec<Part>> {
    let mut shared = Shared::new(Layout::of(class, &[ruleset, &filter.ruleset]), budget.steps, budget.edges);
    answer((|| {
        let asked = match Asked::new(&mut shared, ruleset, filter, class)? {
            Ok(asked) => asked,
            Err(what) => return Ok(Err(what)),
        };
        asked.parts(&mut shared, ruleset, filter, class, budget.regions).map(Ok)
    })())
}

/// Whether all packets of a filter have an outcome.
pub fn check(ruleset: &Ruleset, filter: &Filter, wanted: &Wanted, class: Class, budget: Budget) -> Answer<Checked> {
    let mut shared = Shared::new(Layout::of(class, &[ruleset, &filter.ruleset]), budget.steps, budget.edges);
    answer((|| {
        let asked = match Asked::new(&mut shared, ruleset, filter, class)? {
            Ok(asked) => asked,
            Err(what) => return Ok(Err(what)),
        };
        asked.check(&mut shared, (ruleset, filter), wanted, class, budget.regions).map(Ok)
    })())
}

fn answer<T>(result: Within<Result<T, String>>) -> Answer<T> {
    match result {
        Ok(Ok(known)) => Answer::Known(known),
        Ok(Err(what)) => Answer::NotCovered(what),
        Err(_) => Answer::OverBudget,
    }
}

/// Where a filter holds; `Err` with what it asks that the model does not follow.
pub(super) fn packets_of(shared: &mut Shared, filter: &Filter, class: Class) -> Within<Result<Node, String>> {
    let before = shared.variables();
    let node = compile(shared, &filter.ruleset, tracked_by(&filter.ruleset, class), Care::Everywhere)?;
    let asks = (before..shared.variables()).filter_map(|var| shared.asks(super::diagram::Var(var)));
    if let Some(what) = asks.into_iter().find(|what| *what != EXEMPT) {
        return Ok(Err(what.to_owned()));
    }
    let Shared { arena, leaves, .. } = &mut *shared;
    arena.map(node, &mut |leaf| u32::from(leaves.get(leaf).end == End::Accept)).map(Ok)
}

/// What of a filter is true of its packets at every hook: what it says of fields that no rule writes.
fn care(shared: &mut Shared, ruleset: &Ruleset, filter: &Filter, class: Class) -> Within<Care> {
    let rules = filter.ruleset.rules();
    let Some((at, _)) = rules.into_iter().find(|(at, _)| filter.ruleset.chain(at.table, at.chain).base.is_some())
    else {
        return Ok(Care::Everywhere);
    };
    let written = written(class, &Uses::of(&[ruleset]));
    Ok(match asks(shared, &filter.ruleset, at, &written)? {
        Node::TRUE => Care::Everywhere,
        node => Care::Where(node),
    })
}

/// The class as a ruleset has it: connections are looked up only where it asks for them.
fn tracked_by(ruleset: &Ruleset, class: Class) -> Class {
    Class { tracked: is_active(ruleset, if class.ip6 { ETH_IP6 } else { ETH_IP }), ..class }
}

/// A question over one class.
struct Asked {
    /// The outcome of packets of the filter.
    outcome: Node,
    /// The filter.
    filter: Node,
    /// Values that are those of a packet.
    real: Node,
}

/// Number of the leaf of packets that are not asked about.
const OTHER: u32 = 0;

impl Asked {
    fn new(shared: &mut Shared, ruleset: &Ruleset, asked: &Filter, class: Class) -> Within<Result<Self, String>> {
        let filter = match packets_of(shared, asked, class)? {
            Ok(filter) => filter,
            Err(what) => return Ok(Err(what)),
        };
        let real = possible(shared)?;
        let outcome = if filter == Node::FALSE {
            filter
        } else {
            let care = care(shared, ruleset, asked, class)?;
            compile(shared, ruleset, tracked_by(ruleset, class), care)?
        };
        Ok(Ok(Self { outcome, filter, real }))
    }

    /// The outcomes that packets of the filter have.
    fn leaves(&self, shared: &mut Shared) -> Within<Vec<u32>> {
        if self.filter == Node::FALSE {
            return Ok(Vec::new());
        }
        let shifted = shared.arena.map(self.outcome, &mut |leaf| leaf + 1)?;
        let here = shared.arena.choose(self.filter, shifted, Node::leaf(OTHER))?;
        let inside = shared.arena.choose(self.real, here, Node::leaf(OTHER))?;
        let mut found = Vec::new();
        let _ = shared.arena.map(inside, &mut |leaf| {
            if leaf != OTHER && !found.contains(&(leaf - 1)) {
                found.push(leaf - 1);
            }
            leaf
        })?;
        Ok(found)
    }

    fn parts(
        &self,
        shared: &mut Shared,
        ruleset: &Ruleset,
        filter: &Filter,
        class: Class,
        most: usize,
    ) -> Within<Vec<Part>> {
        type Key = (u8, String, Option<String>);
        let mut groups: BTreeMap<Key, Vec<u32>> = BTreeMap::new();
        for number in self.leaves(shared)? {
            let leaf = shared.leaves.get(number);
            let by = leaf.decided.map(|label| shared.leaves.text(label).to_owned());
            groups.entry((rank(leaf), end(leaf), by)).or_default().push(number);
        }
        let mut out = Vec::new();
        for ((_, end, by), leaves) in groups {
            let all = shared.arena.map(self.outcome, &mut |leaf| u32::from(leaves.contains(&leaf)))?;
            let here = shared.arena.and(self.filter, all)?;
            let first = shared.leaves.get(leaves[0]).clone();
            let confirm = |outcome: &Outcome| {
                outcome.end == first.end && by.as_deref().is_none_or(|by| is_by(ruleset, outcome, by))
            };
            let mut places = places(shared, here, self.real, most, ruleset, filter, &confirm)?;
            let lists: Vec<Vec<String>> = leaves
                .iter()
                .map(|number| {
                    let leaf = shared.leaves.get(*number);
                    places.depends.extend(leaf.why.clone());
                    effects(shared, leaf)
                })
                .collect();
            places.depends.sort_unstable();
            places.depends.dedup();
            if first.why.is_some() {
                // What is not known has no witness.
                (places.unconfirmed, places.witness) = (false, None);
            }
            let (always, sometimes) = common(&lists);
            out.push(Part { class, end, by, always, sometimes, places });
        }
        Ok(out)
    }

    fn check(
        &self,
        shared: &mut Shared,
        (ruleset, filter): (&Ruleset, &Filter),
        wanted: &Wanted,
        class: Class,
        most: usize,
    ) -> Within<Checked> {
        let leaves = self.leaves(shared)?;
        let (mut wrong, mut unknown) = (Node::FALSE, Node::FALSE);
        let mut why = Vec::new();
        for number in &leaves {
            let leaf = shared.leaves.get(*number).clone();
            let here = shared.arena.map(self.outcome, &mut |other| u32::from(other == *number))?;
            if let Some(what) = leaf.why {
                why.push(what);
                unknown = shared.arena.or(unknown, here)?;
                continue;
            }
            let right = meets(shared, &leaf, wanted)?;
            let bad = shared.arena.not(right)?;
            let bad = shared.arena.and(here, bad)?;
            wrong = shared.arena.or(wrong, bad)?;
        }
        let mut out = Checked { class, any: !leaves.is_empty(), failed: None, undecided: None };
        let wrong = shared.arena.and(self.filter, wrong)?;
        let inside = shared.arena.and(wrong, self.real)?;
        if inside != Node::FALSE {
            let confirm = |outcome: &Outcome| breaks(ruleset, outcome, wanted);
            let found = places(shared, wrong, self.real, most, ruleset, filter, &confirm)?;
            if found.witness.is_some() {
                out.failed = Some(found);
            } else {
                out.undecided = Some(found);
            }
        }
        let unknown = shared.arena.and(self.filter, unknown)?;
        let inside = shared.arena.and(unknown, self.real)?;
        if inside != Node::FALSE && out.undecided.is_none() {
            let mut found = places(shared, unknown, self.real, most, ruleset, filter, &|_| false)?;
            found.unconfirmed = false;
            found.depends.extend(why);
            found.depends.sort_unstable();
            found.depends.dedup();
            out.undecided = Some(found);
        }
        Ok(out)
    }
}

/// Accepted packets first, those of unknown outcome last.
fn rank(leaf: &Leaf) -> u8 {
    match (leaf.end, &leaf.why) {
        (_, Some(_)) | (End::Unknown, _) => 4,
        (End::Accept, _) => 0,
        (End::Drop, _) => 1,
        (End::Reject, _) => 2,
        (End::Stolen, _) => 3,
    }
}

/// Regions tried for a witness.
const TRIED: usize = 16;

/// The regions of `here`, as far as packets are there, and a packet for which the evaluator `confirms`.
fn places(
    shared: &mut Shared,
    here: Node,
    real: Node,
    most: usize,
    ruleset: &Ruleset,
    filter: &Filter,
    confirms: &dyn Fn(&Outcome) -> bool,
) -> Within<Places> {
    let regions = Regions::of(shared, here, most);
    let mut out = Places { more: regions.more, ..Places::default() };
    let mut tried = 0;
    for region in &regions.boxes {
        let inside = region.within(shared, real)?;
        if inside == Node::FALSE {
            continue;
        }
        out.regions.push(region.text(shared));
        let asks = region.questions(shared);
        out.depends.extend(asks.iter().map(|what| (*what).to_owned()));
        if out.witness.is_none() && asks.is_empty() && tried < TRIED {
            tried += 1;
            out.unconfirmed = true;
            let packet = packet(&shared.layout, &values(shared, inside));
            let outcome = Evaluator::new(ruleset).run(&packet);
            let meant = Evaluator::new(&filter.ruleset).run(&packet).end == End::Accept;
            if meant && confirms(&outcome) {
                out.witness = Some(packet);
                out.unconfirmed = false;
            }
        }
    }
    out.depends.sort_unstable();
    out.depends.dedup();
    Ok(out)
}

/// Where an outcome is the wanted one: its marks can be those the packet came with.
fn meets(shared: &mut Shared, leaf: &Leaf, wanted: &Wanted) -> Within<Node> {
    let by = leaf.decided.map(|label| shared.leaves.text(label));
    let named = wanted.by.as_deref().is_none_or(|part| by.is_some_and(|by| by.contains(part)));
    if wanted.end.is_some_and(|end| end != leaf.end) || !named {
        return Ok(Node::FALSE);
    }
    let mut all = Node::TRUE;
    for (mark, space, value) in [(&leaf.mark, Space::Mark, wanted.mark), (&leaf.ct_mark, Space::CtMark, wanted.ct_mark)]
    {
        let Some(value) = value.map(u128::from) else { continue };
        let slices = match mark {
            Some(slices) => slices.clone(),
            None => {
                let atoms = shared.layout.atoms(Run { space, first: 0, count: 32 });
                atoms.into_iter().map(|(count, var)| Slice::Atom(count, var)).collect()
            }
        };
        let is = shared.between(&slices, value, value)?;
        all = shared.arena.and(all, is)?;
    }
    Ok(all)
}

/// True when what the evaluator found is not the wanted outcome, whatever it could not decide.
fn breaks(ruleset: &Ruleset, outcome: &Outcome, wanted: &Wanted) -> bool {
    let differs = |wanted: Option<u32>, found: Option<u32>| matches!((wanted, found), (Some(a), Some(b)) if a != b);
    let named = |part: &str| decider(ruleset, outcome).is_none_or(|text| text.contains(part));
    wanted.end.is_some_and(|end| outcome.end != End::Unknown && outcome.end != end)
        || differs(wanted.mark, outcome.mark)
        || differs(wanted.ct_mark, outcome.ct_mark)
        || !wanted.by.as_deref().is_none_or(named)
}

/// True when the evaluator names the same rule or policy.
fn is_by(ruleset: &Ruleset, outcome: &Outcome, by: &str) -> bool {
    // A rule whose text the chain has more than once is numbered behind it.
    decider(ruleset, outcome)
        .is_some_and(|text| by.strip_prefix(&text).is_some_and(|rest| rest.is_empty() || rest.starts_with(" (no. ")))
}

/// Who decided, as leaves say it.
pub fn decider(ruleset: &Ruleset, outcome: &Outcome) -> Option<String> {
    Some(match outcome.decided? {
        Decider::Rule(rule) => {
            let chain = ruleset.chain_name(rule.table, rule.chain);
            format!("{chain}: {}", show::rule(ruleset, rule.table, ruleset.rule(rule)))
        }
        Decider::Policy(table, chain) => format!("policy of {}", ruleset.chain_name(table, chain)),
    })
}

/// What all lists have, and what only some have.
fn common(lists: &[Vec<String>]) -> (Vec<String>, Vec<String>) {
    let (mut always, mut sometimes): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for item in lists.iter().flatten() {
        let out = if lists.iter().all(|list| list.contains(item)) { &mut always } else { &mut sometimes };
        if !out.contains(item) {
            out.push(item.clone());
        }
    }
    (always, sometimes)
}

#[cfg(test)]
#[path = "query/tests.rs"]
mod tests;
