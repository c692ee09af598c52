//! What packets lose by an inserted rule: outcomes with and without it, for packets drawn from the rules' own values.

use super::common::{families, run};
use super::insertion::Inserted;
use crate::model::ir::{ChainId, Data, OpKind, RuleRef, Ruleset, Verdict};
use crate::model::outcome::{Effect, End, Outcome};
use crate::model::packet::Packet;
use crate::model::witness::{Draft, draft_for};

/// Most drafts tried for one inserted rule.
const MOST_DRAFTS: usize = 512;

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
    /// The ruleset without the inserted rule.
    pub(super) stripped: Ruleset,
}

impl Loss {
    /// 0 for what other parts of the system depend on, 1 for what people read, 2 for counters.
    pub(super) fn rank(&self) -> u8 {
        rank(&self.effect)
    }

    /// True when the verdict is the same with and without the inserted rule.
    pub(super) fn same_verdict(&self) -> bool {
        self.with.end == self.without.end
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

/// The effects lost, each by the first packet that shows it; counters are not among them: a rule in front always
/// keeps some counter from counting.
pub(super) fn of(ruleset: &Ruleset, inserted: &Inserted) -> Vec<Loss> {
    let stripped = without(ruleset, inserted.rule);
    let mut losses: Vec<Loss> = Vec::new();
    for packet in candidates(ruleset, inserted) {
        let with = run(ruleset, &packet);
        if !with.hits.contains(&inserted.rule) {
            continue;
        }
        let before = run(&stripped, &packet);
        for (rule, effect) in &before.effects {
            let kept = with.effects.iter().any(|(_, known)| known == effect);
            let rule = restored(*rule, inserted.rule);
            let known = losses.iter().any(|loss| loss.rule == rule && loss.effect == *effect);
            if kept || known || rank(effect) > 1 {
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
                stripped: stripped.clone(),
            });
        }
    }
    losses
}

/// A packet the inserted rule accepts and that was not accepted without it.
pub(super) fn newly_accepted(ruleset: &Ruleset, inserted: &Inserted) -> Option<Packet> {
    let stripped = without(ruleset, inserted.rule);
    candidates(ruleset, inserted)
        .into_iter()
        .find(|packet| run(ruleset, packet).end == End::Accept && run(&stripped, packet).end == End::Drop)
}

/// The ruleset without one rule. Its other rules keep their order; those behind it move up.
pub(super) fn without(ruleset: &Ruleset, rule: RuleRef) -> Ruleset {
    let mut copy = ruleset.clone();
    copy.tables[rule.table.0 as usize].chains[rule.chain.0 as usize].rules.remove(rule.index as usize);
    copy
}

/// The ruleset with a rule moved to the position that is `index` now, behind what stands there.
pub(super) fn moved(ruleset: &Ruleset, rule: RuleRef, index: usize) -> Ruleset {
    let mut copy = ruleset.clone();
    let rules = &mut copy.tables[rule.table.0 as usize].chains[rule.chain.0 as usize].rules;
    let body = rules.remove(rule.index as usize);
    rules.insert(index.min(rules.len()), body);
    copy
}

/// A rule's reference in the ruleset that still has the inserted one.
fn restored(rule: RuleRef, inserted: RuleRef) -> RuleRef {
    let shifted = rule.table == inserted.table && rule.chain == inserted.chain && rule.index >= inserted.index;
    RuleRef { index: rule.index + u32::from(shifted), ..rule }
}

/// The rule of the inserted rule's chain, behind it, from which jumps lead to `target`.
fn leading(ruleset: &Ruleset, inserted: &Inserted, target: RuleRef) -> Option<RuleRef> {
    let table = ruleset.table(inserted.rule.table);
    let rules = &table.chains[inserted.rule.chain.0 as usize].rules;
    let leads = |from: usize| {
        let mut reach: Vec<ChainId> = jumps(ruleset, inserted, from);
        let mut at = 0;
        while at < reach.len() {
            for (next, _) in crate::model::nesting::targets(table, reach[at]) {
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

/// Packets that meet the inserted rule, and packets that meet it and a rule behind it.
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
