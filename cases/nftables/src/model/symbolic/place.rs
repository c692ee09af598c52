//! Where a new rule can stand in a chain, and what follows from each place.
//!
//! The chain with the rule at a position is a ruleset of its own. All of them are compiled over the same variables, for
//! the packets the rule asks for, so that two positions have the same effect exactly where their diagrams are the same.
//! A rule that asks for other packets does not tell the positions before and behind it apart, and where only verdicts
//! lie between two positions of one effect, all positions between have it (a packet that reached the later one was ended
//! by none of them); so a long chain needs few of them compiled.

use std::collections::{BTreeMap, BTreeSet};

use casebook_formats::nft::conntrack::is_active;
use casebook_formats::nft::ir::{ChainId, Loc, Op, OpKind, Rule, RuleRef, Ruleset, TableId, Target, Verdict};
use casebook_formats::nft::outcome::{Effect, End};
use casebook_formats::nft::packet::{ETH_IP, ETH_IP6};

use super::compile::{Care, Shared, compile};
use super::diagram::{Node, Within};
use super::diff::{Budget, classes, effects, end};
use super::layout::{Layout, Uses};
use super::leaf::Leaf;
use super::packet::possible;
use super::region::Regions;
use super::space::Class;
use super::touched::{asks, written};

/// A rule and the chain it is to stand in.
#[derive(Debug)]
pub struct Asked {
    /// The ruleset without the rule.
    pub ruleset: Ruleset,
    /// Table of the chain.
    pub table: TableId,
    /// The chain.
    pub chain: ChainId,
    /// The rule.
    pub rule: Rule,
}

/// Positions with one effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// First position: the index the rule has there.
    pub first: usize,
    /// Last position.
    pub last: usize,
    /// Some packet reaches the rule there.
    pub reached: bool,
    /// Packets that are decided before it, by whom, which end as the rule would have them.
    pub before: Vec<Decided>,
    /// Packets that are decided before it otherwise, or without the effect the rule has.
    pub lost: Vec<Decided>,
    /// Packets that reach the rule and end neither as before nor as the rule says.
    pub collateral: Vec<String>,
    /// Marks, translations and other effects that packets would have had and keep from having.
    pub bypassed: Vec<String>,
    /// Logs, counters and limits that packets keep from meeting, though they end as before.
    pub unseen: Vec<String>,
}

/// Packets decided by one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The end.
    pub end: String,
    /// Who.
    pub by: Option<String>,
    /// Some of the regions.
    pub regions: Vec<String>,
}

/// All positions of a chain.
#[derive(Debug)]
pub struct Positions {
    /// In order; together all positions.
    pub list: Vec<Position>,
    /// The best of them.
    pub best: usize,
}

/// The budget ran out before an answer.
#[derive(Debug)]
pub struct Stopped;

/// Positions compiled, at the most.
const MOST: usize = 400;
/// Regions named of packets that are decided before the rule.
const SHOWN: usize = 3;
/// Regions looked at for them.
const LOOKED_AT: usize = 16;
/// Name of the log that tells which packets reach a rule.
const MARKER: &str = "\u{1}reached";

impl Asked {
    /// The ruleset with the rule at a position.
    pub fn at(&self, position: usize) -> Ruleset {
        let mut out = self.ruleset.clone();
        self.rules(&mut out).insert(position, self.rule.clone());
        out
    }

    /// Rules of the chain, without the new one.
    pub fn count(&self) -> usize {
        self.ruleset.chain(self.table, self.chain).rules.len()
    }

    fn rules<'r>(&self, ruleset: &'r mut Ruleset) -> &'r mut Vec<Rule> {
        &mut ruleset.tables[self.table.0 as usize].chains[self.chain.0 as usize].rules
    }

    /// The rule at a position.
    pub fn place(&self, position: usize) -> RuleRef {
        RuleRef { table: self.table, chain: self.chain, index: position as u32 }
    }

    /// True when the rule ends every packet that reaches it.
    fn is_terminal(&self) -> bool {
        let ends = |op: &Op| match &op.kind {
            OpKind::Verdict(verdict) => matches!(verdict, Verdict::Accept | Verdict::Drop),
            OpKind::Reject(_) | OpKind::Nat(_) | OpKind::Queue(_) | OpKind::Synproxy | OpKind::Fwd(_) => true,
            _ => false,
        };
        self.rule.ops.last().is_some_and(ends)
    }

    /// True when the rule does something that others depend on.
    fn acts(&self) -> bool {
        self.rule.ops.iter().any(|op| match &op.kind {
            OpKind::Assign(target, _) => *target != Target::Other,
            OpKind::Nat(_) | OpKind::SetUpdate { .. } | OpKind::Notrack | OpKind::Dup(_) | OpKind::Tproxy(..) => true,
            OpKind::Flow(_) | OpKind::CtObject(_) | OpKind::Vmap(..) => true,
            OpKind::Verdict(Verdict::Jump(_) | Verdict::Goto(_)) => true,
            _ => false,
        })
    }
}

/// One class of packets, with the base compiled.
struct Frame {
    shared: Shared,
    class: Class,
    care: Node,
    real: Node,
    /// Outcomes without the rule.
    base: Node,
    /// Packets that meet the rule at the front of the chain, with the outcome they have then.
    front: Node,
}

/// Number of the leaf of packets the rule does not ask for.
const OTHER: u32 = 0;

/// What follows from each position.
pub fn positions(asked: &Asked, budget: Budget) -> Result<Positions, Stopped> {
    let mut marked = asked.rule.clone();
    mark(&mut marked, MARKER);
    let mut with = asked.at(0);
    asked.rules(&mut with)[0] = marked.clone();
    let mut search = Search { asked, marked, with, at: 0, frames: Vec::new(), known: BTreeMap::new() };
    search.frames(budget).map_err(|_| Stopped)?;
    let overlaps = search.overlaps().map_err(|_| Stopped)?;
    // Positions that a rule it meets tells apart.
    let mut starts = vec![0];
    starts.extend(overlaps.iter().enumerate().filter(|(_, meets)| **meets).map(|(index, _)| index + 1));
    let mut cuts = vec![0];
    search.split(&starts, (0, starts.len() - 1), &mut cuts)?;
    cuts.sort_unstable();
    cuts.dedup();
    let mut list = Vec::with_capacity(cuts.len());
    for (index, cut) in cuts.iter().enumerate() {
        let first = starts[*cut];
        let last = cuts.get(index + 1).map_or(asked.count(), |next| starts[*next] - 1);
        list.push(search.judge(first, last).map_err(|_| Stopped)?);
    }
    let best = best(&list);
    Ok(Positions { list, best })
}

/// The last position where the rule gets all it is meant to get and nobody else is touched; without one, the one that
/// loses least, the rule's own packets first.
fn best(list: &[Position]) -> usize {
    let cost = |position: &Position| {
        (position.lost.len(), position.collateral.len(), position.bypassed.len(), position.unseen.len())
    };
    (0..list.len()).rev().min_by_key(|index| cost(&list[*index])).unwrap_or(0)
}

/// Puts a log behind the matches a rule begins with.
fn mark(rule: &mut Rule, name: &str) {
    let at = rule.ops.iter().position(|op| !matches!(op.kind, OpKind::Match(..))).unwrap_or(rule.ops.len());
    let span = casebook_core::Span::new(casebook_core::EvidenceId(0), 0, 0);
    let kind = OpKind::Log { prefix: Some(name.to_owned()), group: None };
    rule.ops.insert(at, Op { kind, loc: Loc { span, define: None }, implicit: false });
}

fn is_marker(effect: &Effect) -> bool {
    matches!(effect, Effect::Log(Some(name)) if name == MARKER)
}

struct Search<'a> {
    asked: &'a Asked,
    marked: Rule,
    /// The ruleset with the marked rule.
    with: Ruleset,
    /// Where it stands there.
    at: usize,
    frames: Vec<Frame>,
    /// Diagrams of positions, one for each class.
    known: BTreeMap<usize, Vec<Node>>,
}

impl Search<'_> {
    /// A frame for each class in which the rule asks for some packet.
    fn frames(&mut self, budget: Budget) -> Within<()> {
        for class in classes(&self.asked.ruleset, &self.with) {
            let mut shared = Shared::new(Layout::of(class, &[&self.with]), budget.steps, budget.edges);
            let written = written(class, &Uses::of(&[&self.with]));
            let own = asks(&mut shared, &self.with, self.asked.place(0), &written)?;
            let real = possible(&mut shared)?;
            if shared.arena.and(own, real)? == Node::FALSE {
                continue;
            }
            let mut frame = Frame { shared, class, care: own, real, base: Node::FALSE, front: Node::FALSE };
            frame.base = frame.compile(&self.asked.ruleset, own)?;
            frame.front = frame.compile(&self.with, own)?;
            self.frames.push(frame);
        }
        let front = self.frames.iter().map(|frame| frame.front).collect();
        self.known.insert(0, front);
        Ok(())
    }

    /// For each rule of the chain, whether some packet the new rule asks for can meet it.
    fn overlaps(&mut self) -> Within<Vec<bool>> {
        let mut out = vec![false; self.asked.count()];
        for frame in &mut self.frames {
            let written = written(frame.class, &Uses::of(&[&self.with]));
            for (index, meets) in out.iter_mut().enumerate().filter(|(_, meets)| !**meets) {
                let own = asks(&mut frame.shared, &self.asked.ruleset, self.asked.place(index), &written)?;
                let both = frame.shared.arena.and(own, frame.care)?;
                *meets = frame.shared.arena.and(both, frame.real)? != Node::FALSE;
            }
        }
        Ok(out)
    }

    /// The diagrams of a position.
    fn diagrams(&mut self, position: usize) -> Within<Vec<Node>> {
        if let Some(known) = self.known.get(&position) {
            return Ok(known.clone());
        }
        let rules = self.asked.rules(&mut self.with);
        rules.remove(self.at);
        rules.insert(position, self.marked.clone());
        self.at = position;
        let mut nodes = Vec::with_capacity(self.frames.len());
        for frame in &mut self.frames {
            nodes.push(frame.compile(&self.with, frame.care)?);
        }
        self.known.insert(position, nodes.clone());
        Ok(nodes)
    }

    /// True when two positions have the same effect on every packet there can be.
    fn are_same(&mut self, low: usize, high: usize) -> Within<bool> {
        let (low, high) = (self.diagrams(low)?, self.diagrams(high)?);
        for ((frame, low), high) in self.frames.iter_mut().zip(low).zip(high) {
            let other = Node::leaf(OTHER);
            let low = frame.shared.arena.choose(frame.real, low, other)?;
            if low != frame.shared.arena.choose(frame.real, high, other)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Finds where the effect changes among `starts[low..=high]`; `cuts` gets the indices after each change.
    fn split(&mut self, starts: &[usize], (low, high): (usize, usize), cuts: &mut Vec<usize>) -> Result<(), Stopped> {
        if low == high {
            return Ok(());
        }
        if self.known.len() >= MOST {
            return Err(Stopped);
        }
        let same = self.are_same(starts[low], starts[high]).map_err(|_| Stopped)?;
        let chain = self.asked.ruleset.chain(self.asked.table, self.asked.chain);
        if same && chain.rules[starts[low]..starts[high]].iter().all(only_decides) {
            return Ok(());
        }
        if high == low + 1 {
            if !same {
                cuts.push(high);
            }
            return Ok(());
        }
        let middle = low + (high - low) / 2;
        self.split(starts, (low, middle), cuts)?;
        self.split(starts, (middle, high), cuts)
    }

    /// What follows from a position.
    fn judge(&mut self, first: usize, last: usize) -> Within<Position> {
        let nodes = self.diagrams(first)?;
        let (terminal, acts) = (self.asked.is_terminal(), self.asked.acts());
        let mut out = Position {
            first,
            last,
            reached: false,
            before: Vec::new(),
            lost: Vec::new(),
            collateral: Vec::new(),
            bypassed: Vec::new(),
            unseen: Vec::new(),
        };
        for (frame, here) in self.frames.iter_mut().zip(nodes) {
            frame.judge(here, terminal, acts, &mut out)?;
        }
        Ok(out)
    }
}

/// True for a rule that can end packets and does nothing else to them.
fn only_decides(rule: &Rule) -> bool {
    rule.ops.iter().all(|op| match &op.kind {
        OpKind::Match(..) | OpKind::Reject(_) => true,
        OpKind::Verdict(verdict) => !matches!(verdict, Verdict::Jump(_) | Verdict::Goto(_)),
        _ => false,
    })
}

impl Frame {
    /// The outcomes under a ruleset of the packets the rule asks for; leaves are numbered from 1.
    fn compile(&mut self, ruleset: &Ruleset, care: Node) -> Within<Node> {
        let tracked = is_active(ruleset, if self.class.ip6 { ETH_IP6 } else { ETH_IP });
        let wanted = if care == Node::TRUE { Care::Everywhere } else { Care::Where(care) };
        let node = compile(&mut self.shared, ruleset, Class { tracked, ..self.class }, wanted)?;
        let shifted = self.shared.arena.map(node, &mut |leaf| leaf + 1)?;
        self.shared.arena.choose(care, shifted, Node::leaf(OTHER))
    }

    fn reaches(&self, number: u32) -> bool {
        let leaf = self.shared.leaves.get(number - 1);
        self.shared.leaves.effects(leaf).iter().any(|done| is_marker(&done.effect))
    }

    /// Effects in words, without the marker.
    fn done(&self, leaf: &Leaf) -> Vec<String> {
        let marker = Effect::Log(Some(MARKER.into())).describe();
        effects(&self.shared, leaf).into_iter().filter(|text| *text != marker).collect()
    }

    fn judge(&mut self, here: Node, terminal: bool, acts: bool, out: &mut Position) -> Within<()> {
        // Outcomes without the rule, with it in front, and with it here, of packets that meet it in front.
        let (base, front) = (self.base, self.front);
        let mut triples: Vec<(u32, u32, u32)> = Vec::new();
        let mut pairs: Vec<(u32, u32)> = Vec::new();
        let both = self.shared.arena.pair(base, front, &mut |a, b| number(&mut pairs, (a, b)))?;
        let all = self.shared.arena.pair(both, here, &mut |ab, c| {
            let (a, b) = pairs[ab as usize];
            number(&mut triples, (a, b, c))
        })?;
        let none = number(&mut triples, (OTHER, OTHER, OTHER));
        let inside = self.shared.arena.choose(self.real, all, Node::leaf(none))?;
        let mut found = Vec::new();
        let _ = self.shared.arena.map(inside, &mut |leaf| {
            if !found.contains(&leaf) {
                found.push(leaf);
            }
            leaf
        })?;
        let mut decided: BTreeMap<(bool, String, Option<String>), Vec<u32>> = BTreeMap::new();
        for leaf in found {
            let (a, b, c) = triples[leaf as usize];
            if b == OTHER || !self.reaches(b) {
                continue;
            }
            let (was, meant, is) = (self.leaf(a), self.leaf(b), self.leaf(c));
            if !self.reaches(c) {
                let kept = terminal && is.end == meant.end && is.why == meant.why && !acts;
                let by = is.decided.map(|label| self.shared.leaves.text(label).to_owned());
                decided.entry((kept, end(&is), by)).or_default().push(leaf);
                continue;
            }
            out.reached = true;
            let wanted = if terminal { meant.end } else { was.end };
            if is.end != wanted {
                add(&mut out.collateral, format!("{} becomes {}", end(&was), end(&is)));
            }
            let stays = is.end == was.end;
            if !stays && is.end != End::Accept {
                // Of a packet that is now dropped nothing else is expected.
                continue;
            }
            let has = self.done(&is);
            for text in self.done(&was) {
                if has.contains(&text) {
                    continue;
                }
                if !is_watched(&text) {
                    add(&mut out.bypassed, text);
                } else if stays {
                    add(&mut out.unseen, text);
                }
            }
        }
        for ((kept, end, by), leaves) in decided {
            let node = self.shared.arena.map(all, &mut |leaf| u32::from(leaves.contains(&leaf)))?;
            let mut regions = Vec::new();
            for region in Regions::of(&self.shared, node, LOOKED_AT).boxes {
                if regions.len() < SHOWN && region.within(&mut self.shared, self.real)? != Node::FALSE {
                    regions.push(region.text(&self.shared));
                }
            }
            let list = if kept { &mut out.before } else { &mut out.lost };
            match list.iter_mut().find(|known| known.end == end && known.by == by) {
                Some(known) => regions.into_iter().for_each(|region| add(&mut known.regions, region)),
                None => list.push(Decided { end, by, regions }),
            }
        }
        Ok(())
    }

    fn leaf(&self, number: u32) -> Leaf {
        self.shared.leaves.get(number - 1).clone()
    }
}

/// True for what only watches packets.
fn is_watched(text: &str) -> bool {
    ["counter", "log", "limit", "quota", "ct count"].iter().any(|word| text.starts_with(word))
}

fn add(list: &mut Vec<String>, text: String) {
    if !list.contains(&text) {
        list.push(text);
    }
}

/// Number of an item in a list.
fn number<T: PartialEq>(list: &mut Vec<T>, item: T) -> u32 {
    let at = list.iter().position(|known| *known == item).unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    });
    at as u32
}

/// Rules that ask only for packets the new rule asks for, that some packet met without it and none meets with it at a
/// position: the rule takes all of theirs. `None` when it was not decided within the budget.
pub fn killed(asked: &Asked, position: usize, budget: Budget) -> Option<Vec<RuleRef>> {
    let placed = asked.at(position);
    let mut rules = BTreeSet::new();
    for class in classes(&asked.ruleset, &placed) {
        rules.extend(taken(asked, &placed, position, class, budget).ok()?);
    }
    if rules.len() > MARKED {
        return None;
    }
    let (mut before, mut after) = (BTreeSet::new(), BTreeSet::new());
    for class in classes(&asked.ruleset, &placed) {
        before.extend(met(&asked.ruleset, &rules, &|at| at, class, budget).ok()?);
        let moved = |at: RuleRef| {
            let behind = (at.table, at.chain) == (asked.table, asked.chain) && at.index as usize >= position;
            RuleRef { index: at.index + u32::from(behind), ..at }
        };
        after.extend(met(&placed, &rules, &moved, class, budget).ok()?);
    }
    Some(before.difference(&after).copied().collect())
}

/// Rules looked at, at the most.
const MARKED: usize = 128;

/// Rules that ask for packets the new one asks for and no others.
fn taken(asked: &Asked, placed: &Ruleset, position: usize, class: Class, budget: Budget) -> Within<Vec<RuleRef>> {
    let mut shared = Shared::new(Layout::of(class, &[placed]), budget.steps, budget.edges);
    let written = written(class, &Uses::of(&[placed]));
    let real = possible(&mut shared)?;
    let own = asks(&mut shared, placed, asked.place(position), &written)?;
    let own = shared.arena.and(own, real)?;
    let mut out = Vec::new();
    if own == Node::FALSE {
        return Ok(out);
    }
    for (at, _) in asked.ruleset.rules() {
        let theirs = asks(&mut shared, &asked.ruleset, at, &written)?;
        let theirs = shared.arena.and(theirs, real)?;
        if theirs != Node::FALSE && shared.arena.and(theirs, own)? == theirs {
            out.push(at);
        }
    }
    Ok(out)
}

/// Which of these rules some packet of a class meets; `moved` gives their places in this ruleset.
fn met(
    ruleset: &Ruleset,
    rules: &BTreeSet<RuleRef>,
    moved: &dyn Fn(RuleRef) -> RuleRef,
    class: Class,
    budget: Budget,
) -> Within<BTreeSet<RuleRef>> {
    let mut shared = Shared::new(Layout::of(class, &[ruleset]), budget.steps, budget.edges);
    let written = written(class, &Uses::of(&[ruleset]));
    let real = possible(&mut shared)?;
    let mut all = Node::FALSE;
    let mut marked = ruleset.clone();
    let name = |at: &RuleRef| format!("\u{1}{}/{}/{}", at.table.0, at.chain.0, at.index);
    for at in rules {
        let place = moved(*at);
        let theirs = asks(&mut shared, ruleset, place, &written)?;
        all = shared.arena.or(all, theirs)?;
        let chain = &mut marked.tables[place.table.0 as usize].chains[place.chain.0 as usize];
        mark(&mut chain.rules[place.index as usize], &name(at));
    }
    let mut frame = Frame { shared, class, care: all, real, base: Node::FALSE, front: Node::FALSE };
    let node = frame.compile(&marked, all)?;
    let node = frame.shared.arena.choose(real, node, Node::leaf(OTHER))?;
    let mut logs = BTreeSet::new();
    let Shared { arena, leaves, .. } = &mut frame.shared;
    let _ = arena.map(node, &mut |leaf| {
        if let Some(number) = leaf.checked_sub(1) {
            for done in leaves.effects(leaves.get(number)) {
                if let Effect::Log(Some(name)) = &done.effect {
                    logs.insert(name.clone());
                }
            }
        }
        leaf
    })?;
    Ok(rules.iter().filter(|at| logs.contains(&name(at))).copied().collect())
}

#[cfg(test)]
#[path = "place/tests.rs"]
mod tests;
