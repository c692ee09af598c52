//! What packets lose by an inserted rule: outcomes with and without it, for packets drawn from the rules' own values.

use casebook_formats::nft::ir::{ChainId, Data, OpKind, RuleRef, Ruleset, Verdict};
use casebook_formats::nft::nesting;
use casebook_formats::nft::outcome::{Effect, End, Outcome};
use casebook_formats::nft::packet::Packet;
use casebook_formats::nft::walk::Evaluator;

use super::common::families;
use super::insertion::Inserted;
use casebook_formats::nft::witness::{Draft, draft_for};

/// Most drafts tried for one inserted rule.
const MOST_DRAFTS: usize = 512;

/// Most effects, and most accepting rules, that are tried together.
const MOST_OPEN: usize = 24;

/// Most inserted rules examined in one ruleset, the youngest: programs that build a chain from its end insert all.
pub(super) const MOST_INSERTED: usize = 64;

/// A ruleset without some of its rules.
#[derive(Clone, Debug)]
pub(super) struct Stripped {
    /// What is left.
    pub(super) ruleset: Ruleset,
    /// What was taken out, in the whole ruleset's terms.
    removed: Vec<RuleRef>,
}

impl Stripped {
    /// Takes rules out. The others keep their order; those behind move up.
    pub(super) fn new(ruleset: &Ruleset, mut removed: Vec<RuleRef>) -> Self {
        removed.sort_unstable();
        removed.dedup();
        let mut ruleset = ruleset.clone();
        for rule in removed.iter().rev() {
            ruleset.tables[rule.table.0 as usize].chains[rule.chain.0 as usize].rules.remove(rule.index as usize);
        }
        Self { ruleset, removed }
    }

    /// What a rule of the stripped ruleset is called in the whole one.
    pub(super) fn whole(&self, mut rule: RuleRef) -> RuleRef {
        for removed in &self.removed {
            if removed.table == rule.table && removed.chain == rule.chain && removed.index <= rule.index {
                rule.index += 1;
            }
        }
        rule
    }

    /// True for a rule that was taken out.
    pub(super) fn lacks(&self, rule: RuleRef) -> bool {
        self.removed.contains(&rule)
    }

    /// What a rule of the whole ruleset is called in the stripped one.
    fn left(&self, rule: RuleRef) -> RuleRef {
        let before = |removed: &&RuleRef| {
            removed.table == rule.table && removed.chain == rule.chain && removed.index < rule.index
        };
        RuleRef { index: rule.index - self.removed.iter().filter(before).count() as u32, ..rule }
    }

    /// With `rule` put back, behind the rule `behind`; both in the whole ruleset's terms.
    pub(super) fn with(&self, whole: &Ruleset, rule: RuleRef, behind: RuleRef) -> Ruleset {
        let mut ruleset = self.ruleset.clone();
        let rules = &mut ruleset.tables[rule.table.0 as usize].chains[rule.chain.0 as usize].rules;
        let at = self.left(behind).index as usize + 1;
        rules.insert(at.min(rules.len()), whole.rule(rule).clone());
        ruleset
    }
}

/// An effect a packet no longer has.
#[derive(Clone, Debug)]
pub(super) struct Loss {
    /// The rule that had the effect, in the ruleset with the inserted rule.
    pub(super) rule: RuleRef,
    /// The effect.
    pub(super) effect: Effect,
    /// The rule of the inserted rule's own chain that leads to it, when the effect is in another chain.
    pub(super) jump: Option<RuleRef>,
    /// A packet that lost it.
    pub(super) packet: Packet,
    /// Its outcome with the inserted rule.
    pub(super) with: Outcome,
    /// Its outcome without.
    pub(super) without: Outcome,
}

/// What one inserted rule took away.
#[derive(Clone, Debug)]
pub(super) struct Taken<'i> {
    /// The rule.
    pub(super) inserted: &'i Inserted,
    /// The effects, each by the first packet that shows it.
    pub(super) losses: Vec<Loss>,
    /// A packet the rule accepts and that was not accepted without it.
    pub(super) newly_accepted: Option<Packet>,
    /// The ruleset without it.
    pub(super) stripped: Stripped,
}

impl Loss {
    /// 0 for what other parts of the system depend on, 1 for what people read, 2 for counters.
    pub(super) fn rank(&self) -> u8 {
        rank(&self.effect)
    }

    /// Position, in the chain of the inserted rule, of what leads to the effect.
    pub(super) fn at_index(&self, inserted: RuleRef) -> Option<u32> {
        match self.jump {
            Some(jump) if jump.chain == inserted.chain => Some(jump.index),
            None if self.rule.chain == inserted.chain => Some(self.rule.index),
            _ => None,
        }
    }

    /// True when an outcome has the effect.
    pub(super) fn kept_in(&self, outcome: &Outcome) -> bool {
        outcome.effects.iter().any(|(_, effect)| *effect == self.effect)
    }
}

fn rank(effect: &Effect) -> u8 {
    match effect {
        Effect::Mark(_) | Effect::CtMark(_) | Effect::Nat(..) | Effect::Tproxy | Effect::Notrack | Effect::Write(_) => {
            0
        }
        Effect::Queue(_) | Effect::Attach(_) => 0,
        Effect::Log(_) | Effect::Limit(_) | Effect::Set(..) | Effect::Dup(_) => 1,
        Effect::Counter(_) => 2,
    }
}

/// What each inserted rule took away.
///
/// A rule is compared with the ruleset without it, without the rules inserted after it, and without the older ones
/// that take effects away themselves: two rules that hide the same effect are both found. Rules of a chain that is
/// built from its end are left out: their order is their program's.
pub(super) fn of_all<'i>(ruleset: &Ruleset, inserted: &'i [Inserted]) -> Vec<Taken<'i>> {
    let mut taken: Vec<Taken<'i>> = Vec::new();
    let single: Vec<&Inserted> = inserted.iter().filter(|one| !one.built).collect();
    for one in single[single.len().saturating_sub(MOST_INSERTED)..].iter().copied() {
        let younger = inserted.iter().filter(|other| other.created.is_none() || other.created > one.created);
        let mut removed: Vec<RuleRef> = younger.map(|other| other.rule).filter(|other| *other != one.rule).collect();
        let then = Stripped::new(ruleset, removed.clone());
        removed.extend(taken.iter().filter(|known| !known.losses.is_empty()).map(|known| known.inserted.rule));
        removed.push(one.rule);
        taken.push(of(ruleset, one, &then, Stripped::new(ruleset, removed)));
    }
    taken
}

/// Counters are not among the effects: a rule in front always keeps some counter from counting.
///
/// `then` is the ruleset as it was when the rule had been inserted: a younger rule may meet its packets first now.
fn of<'i>(ruleset: &Ruleset, inserted: &'i Inserted, then: &Stripped, stripped: Stripped) -> Taken<'i> {
    let mut losses: Vec<Loss> = Vec::new();
    let mut newly_accepted = None;
    let own = then.left(inserted.rule);
    let (mut whole, mut less) = (Evaluator::new(ruleset), Evaluator::new(&stripped.ruleset));
    let mut first = Evaluator::new(&then.ruleset);
    for packet in candidates(ruleset, inserted) {
        let at_first = first.run(&packet);
        if !at_first.hits.contains(&own) {
            continue;
        }
        let with = whole.run(&packet);
        let before = less.run(&packet);
        if newly_accepted.is_none() && with.end == End::Accept && before.end == End::Drop {
            newly_accepted = Some(packet.clone());
        }
        for (rule, effect) in &before.effects {
            let has = |outcome: &Outcome| outcome.effects.iter().any(|(_, known)| known == effect);
            let kept = has(&with) || has(&at_first);
            let rule = stripped.whole(*rule);
            let known = losses.iter().any(|loss| loss.rule == rule && loss.effect == *effect);
            if kept || known || !matters(effect, before.end, with.end) {
                continue;
            }
            let jump = (rule.chain != inserted.rule.chain).then(|| leading(ruleset, inserted, rule)).flatten();
            losses.push(Loss {
                rule,
                effect: effect.clone(),
                jump,
                packet: packet.clone(),
                with: with.clone(),
                without: before.clone(),
            });
        }
    }
    Taken { inserted, losses, newly_accepted, stripped }
}

/// True when a packet that keeps its verdict, or whose verdict depended on the effect, loses something by it. Where
/// the rule turns drop into accept or accept into drop, that is what it is for: the log line of a denial goes with
/// the denial, and a packet that is dropped needs no mark.
fn matters(effect: &Effect, without: End, with: End) -> bool {
    let denied = |end: End| matches!(end, End::Drop | End::Reject);
    match (denied(without), denied(with)) {
        (true, true) => rank(effect) == 1,
        (false, false) => rank(effect) <= 1,
        _ => false,
    }
}

/// The rule of the inserted rule's chain, behind it, from which jumps lead to `target`.
fn leading(ruleset: &Ruleset, inserted: &Inserted, target: RuleRef) -> Option<RuleRef> {
    let table = ruleset.table(inserted.rule.table);
    let rules = &table.chains[inserted.rule.chain.0 as usize].rules;
    let leads = |from: usize| {
        let mut reach: Vec<ChainId> = jumps(ruleset, inserted, from);
        let mut at = 0;
        while at < reach.len() {
            for (next, _) in nesting::targets(table, reach[at]) {
                if !reach.contains(&next) {
                    reach.push(next);
                }
            }
            at += 1;
        }
        reach.contains(&target.chain)
    };
    let first = inserted.rule.index as usize + 1;
    (first..rules.len()).find(|index| leads(*index)).map(|index| RuleRef { index: index as u32, ..inserted.rule })
}

fn jumps(ruleset: &Ruleset, inserted: &Inserted, index: usize) -> Vec<ChainId> {
    let table = ruleset.table(inserted.rule.table);
    let mut out = Vec::new();
    for op in &table.chains[inserted.rule.chain.0 as usize].rules[index].ops {
        match &op.kind {
            OpKind::Verdict(Verdict::Jump(to) | Verdict::Goto(to)) => out.push(*to),
            OpKind::Vmap(_, set) => {
                for elem in &table.sets[set.0 as usize].elems {
                    if let Some(Data::Verdict(Verdict::Jump(to) | Verdict::Goto(to))) = elem.data {
                        out.push(to);
                    }
                }
            }
            _ => {}
        }
    }
    out
}

/// Packets that meet the inserted rule, and packets that meet it and another rule of its table.
fn candidates(ruleset: &Ruleset, inserted: &Inserted) -> Vec<Packet> {
    let Some((own, way)) = draft_for(ruleset, inserted.rule) else { return Vec::new() };
    let table = ruleset.table(inserted.rule.table);
    let Some(base) = &table.chains[way.base.0 as usize].base else { return Vec::new() };
    let mut drafts: Vec<Draft> = Vec::new();
    // Rules with effects first: they are what is looked for.
    let mut others: Vec<RuleRef> =
        ruleset.rules().map(|(at, _)| at).filter(|at| at.table == inserted.rule.table).collect();
    others.sort_by_key(|at| !has_effect(ruleset, *at));
    for other in others.into_iter().filter(|at| *at != inserted.rule).take(MOST_DRAFTS) {
        if let Some((theirs, _)) = draft_for(ruleset, other) {
            drafts.push(own.joined(&theirs));
            // The other way round: of a network the rule names, the very address another rule asks for.
            drafts.push(theirs.joined(&own));
        }
    }
    // A packet keeps its verdict only when a rule behind the effect still lets it through: three rules together.
    let is_open = |at: &RuleRef| {
        ruleset.rule(*at).ops.iter().any(|op| matches!(op.kind, OpKind::Verdict(Verdict::Accept)))
            && *at != inserted.rule
    };
    let in_table = |at: &RuleRef| at.table == inserted.rule.table;
    let open: Vec<RuleRef> =
        ruleset.rules().map(|(at, _)| at).filter(in_table).filter(is_open).take(MOST_OPEN).collect();
    let open: Vec<Draft> = open.iter().filter_map(|at| Some(draft_for(ruleset, *at)?.0)).collect();
    let effects = ruleset.rules().map(|(at, _)| at).filter(in_table).filter(|at| has_effect(ruleset, *at));
    for effect in effects.take(MOST_OPEN) {
        if let Some((theirs, _)) = draft_for(ruleset, effect) {
            let both = theirs.joined(&own);
            drafts.extend(open.iter().map(|third| both.joined(third)));
        }
    }
    drafts.push(own);
    let mut packets: Vec<Packet> = Vec::new();
    for draft in drafts {
        for family in families(table.family) {
            if let Some(packet) = draft.packet(*family, base.hook)
                && !packets.contains(&packet)
            {
                packets.push(packet);
            }
        }
    }
    packets
}

fn has_effect(ruleset: &Ruleset, rule: RuleRef) -> bool {
    ruleset.rule(rule).ops.iter().any(|op| {
        matches!(
            op.kind,
            OpKind::Assign(..)
                | OpKind::Nat(_)
                | OpKind::Log { .. }
                | OpKind::Notrack
                | OpKind::SetUpdate { .. }
                | OpKind::Tproxy(..)
                | OpKind::Condition(..)
                | OpKind::Queue(_)
                | OpKind::CtObject(_)
                | OpKind::Flow(_)
        )
    })
}
