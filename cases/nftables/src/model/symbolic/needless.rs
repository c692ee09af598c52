//! Rules that packets reach and that change nothing.

use std::collections::HashSet;

use casebook_formats::nft::ir::{Hook, OpKind, Rule, RuleRef, Ruleset, Verdict};
use casebook_formats::nft::outcome::Outcome;
use casebook_formats::nft::packet::Packet;
use casebook_formats::nft::walk::Evaluator;

use super::cover::Cover;
use super::diff::{Budget, Found, classes};
use super::touched::Pair;
use casebook_formats::nft::witness::draft_for;

/// What was found among the rules that packets reach.
#[derive(Debug, Default)]
pub struct Needless {
    /// Rules without which every packet has the same outcome, effects included; each by itself, not all at once.
    pub rules: Vec<RuleRef>,
    /// Rules for which the budget ran out.
    pub undecided: usize,
}

/// Leaves out one rule after another. Most are settled by a packet drawn from the rule's own match values that ends
/// otherwise without it; the rest are compared over all packets.
pub fn needless(ruleset: &Ruleset, cover: &Cover) -> Needless {
    let dead: HashSet<RuleRef> = cover.dead.iter().map(|(at, _)| *at).collect();
    let mut out = Needless::default();
    let mut without = ruleset.clone();
    let mut whole = Evaluator::new(ruleset);
    // A jump to a chain that does nothing is a place kept free; what the model does not know is not judged.
    let judged = |rule: &Rule| {
        let plain = |op: &OpKind| match op {
            OpKind::Verdict(verdict) => matches!(verdict, Verdict::Accept | Verdict::Drop),
            OpKind::Opaque(_) | OpKind::Condition(..) | OpKind::Vmap(..) => false,
            _ => true,
        };
        let does = |op: &OpKind| !matches!(op, OpKind::Match(..));
        rule.ops.iter().all(|op| plain(&op.kind)) && rule.ops.iter().any(|op| does(&op.kind))
    };
    for (at, _) in
        ruleset.rules().filter(|(at, rule)| cover.looked_at.contains(at) && !dead.contains(at) && judged(rule))
    {
        let samples: Vec<Packet> = samples(ruleset, at);
        let rules = &mut without.tables[at.table.0 as usize].chains[at.chain.0 as usize].rules;
        let rule = rules.remove(at.index as usize);
        let mut rest = Evaluator::new(&without);
        let matters = samples.iter().any(|packet| {
            let (with, without) = (whole.run(packet), rest.run(packet));
            let effects =
                |outcome: &Outcome| outcome.effects.iter().map(|(_, effect)| effect.clone()).collect::<Vec<_>>();
            (with.end, with.mark, with.ct_mark) != (without.end, without.mark, without.ct_mark)
                || effects(&with) != effects(&without)
        });
        if !matters {
            match same(ruleset, &without, at) {
                Some(true) => out.rules.push(at),
                Some(false) => {}
                None => out.undecided += 1,
            }
        }
        without.tables[at.table.0 as usize].chains[at.chain.0 as usize].rules.insert(at.index as usize, rule);
    }
    out
}

/// Whether every packet has the same outcome without the rule; `None` when the budget ran out.
fn same(ruleset: &Ruleset, without: &Ruleset, at: RuleRef) -> Option<bool> {
    let budget = Budget { steps: 20_000_000, edges: 4_000_000, regions: 1, groups: 1 };
    let pair = Pair::of_rule((ruleset, Some(at)), (without, None));
    for class in classes(ruleset, without) {
        match pair.compare(class, budget) {
            Found::Changes(changes) if changes.is_empty() => {}
            Found::Changes(_) => return Some(false),
            Found::OverBudget => return None,
        }
    }
    Some(true)
}

/// Packets the rule's own tests hold for.
fn samples(ruleset: &Ruleset, at: RuleRef) -> Vec<Packet> {
    use casebook_formats::nft::ir::Family;
    let Some((draft, way)) = draft_for(ruleset, at) else { return Vec::new() };
    let hook: Option<Hook> = ruleset.chain(at.table, way.base).base.as_ref().map(|base| base.hook);
    let families: &[Family] = match ruleset.table(at.table).family {
        Family::Ip => &[Family::Ip],
        Family::Ip6 => &[Family::Ip6],
        _ => &[Family::Inet, Family::Ip, Family::Ip6],
    };
    let Some(hook) = hook else { return Vec::new() };
    families.iter().filter_map(|family| draft.packet(*family, hook)).collect()
}
