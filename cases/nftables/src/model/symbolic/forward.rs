//! One rule, forward: which of the packets that come to it finish it, which it ends, and which come to the next.

use std::collections::{HashMap, HashSet};

use casebook_formats::nft::ir::{ChainId, Data, Expr, Op, OpKind, SetId, TableId, Target, Verdict};

use super::cover::{Walk, order, writes, written};
use super::diagram::{Node, Within};

/// What one rule makes of the packets that come to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Packets all its tests may hold for.
    pub(super) done: Node,
    /// It may do something to packets that a later test of it keeps from being done with it.
    pub(super) acts: bool,
    /// What its tests ask for, as far as they stand before a write.
    pub(super) asks: Node,
    /// Packets that go no further in the chain, for certain.
    pub(super) cut: Node,
    /// Packets that may leave the chain for its caller.
    pub(super) back: Node,
    /// Packets that may come to the next rule with fields that were written.
    pub(super) again: Node,
}

/// Packets on their way through a rule.
struct Way {
    /// Those all tests so far may hold for.
    here: Node,
    /// All tests so far are known to hold for them, and none of their fields was written.
    sure: bool,
    /// Where they are ended if the rule ends them now: before the first write, while no test came after it.
    ends: Option<Node>,
}

impl<'r> Walk<'r, '_, '_> {
    /// Follows the packets `left` through the operations of a rule; `entries` takes what called chains get.
    pub(super) fn rule(
        &mut self,
        table: TableId,
        ops: &'r [Op],
        left: Node,
        entries: &mut Option<&mut HashMap<ChainId, Node>>,
    ) -> Within<Step> {
        let owner = self.compiler.ruleset.table(table);
        let mut step =
            Step { done: left, acts: false, asks: Node::TRUE, cut: Node::FALSE, back: Node::FALSE, again: Node::FALSE };
        let mut way = Way { here: left, sure: true, ends: None };
        for op in ops {
            step.acts |= !matches!(op.kind, OpKind::Match(..) | OpKind::Vmap(..) | OpKind::Verdict(_))
                && way.here != Node::FALSE;
            match &op.kind {
                OpKind::Match(expr, test) => {
                    let early = self.compiler.is_early(expr);
                    let holds = if early { None } else { self.compiler.test(owner, expr, test)? };
                    let arena = &mut self.compiler.shared.arena;
                    match holds {
                        Some(holds) => {
                            way.here = arena.and(way.here, holds)?;
                            if way.ends.is_none() {
                                step.asks = arena.and(step.asks, holds)?;
                            }
                        }
                        None => way.sure = false,
                    }
                    // What a test after a write ends, is not known by the fields as they were.
                    way.sure &= way.ends.is_none();
                }
                OpKind::Assign(target, value) => {
                    let mark = matches!(target, Target::Meta(_) | Target::Ct(_));
                    way.sure &= mark && matches!(value, Expr::Const(_));
                    self.write(&op.kind, &mut way, &mut step)?;
                }
                OpKind::Notrack => self.write(&op.kind, &mut way, &mut step)?,
                OpKind::Nat(_) => {
                    way.sure = false;
                    self.write(&op.kind, &mut way, &mut step)?;
                }
                OpKind::Counter(_) | OpKind::Log { .. } | OpKind::Dup(_) | OpKind::CtObject(_) | OpKind::Flow(_) => {}
                OpKind::Condition(..) | OpKind::Opaque(_) | OpKind::Tproxy(..) | OpKind::SetUpdate { .. } => {
                    way.sure = false;
                }
                OpKind::Queue(_) | OpKind::Fwd(_) | OpKind::Synproxy | OpKind::Reject(_) => {
                    self.verdict(table, Verdict::Drop, &way, &mut step, entries)?;
                }
                OpKind::Verdict(verdict) => self.verdict(table, *verdict, &way, &mut step, entries)?,
                OpKind::Vmap(key, set) => {
                    step.done = self.vmap(table, key, *set, &way, &mut step, entries)?;
                    return Ok(step);
                }
            }
            if way.here == Node::FALSE {
                break;
            }
        }
        step.done = way.here;
        Ok(step)
    }

    /// What was written may be anything from here on, for the rest of the rule and for the next.
    fn write(&mut self, op: &OpKind, way: &mut Way, step: &mut Step) -> Within<()> {
        way.ends.get_or_insert(way.here);
        let written: HashSet<_> = writes(self.compiler.shared, op).into_iter().collect();
        way.here = self.forget(way.here, &written)?;
        step.again = self.compiler.shared.arena.or(step.again, way.here)?;
        Ok(())
    }

    fn verdict(
        &mut self,
        table: TableId,
        verdict: Verdict,
        way: &Way,
        step: &mut Step,
        entries: &mut Option<&mut HashMap<ChainId, Node>>,
    ) -> Within<()> {
        let here = way.here;
        match verdict {
            Verdict::Continue | Verdict::Missing => return Ok(()),
            Verdict::Accept | Verdict::Drop => {}
            Verdict::Return => step.back = self.compiler.shared.arena.or(step.back, here)?,
            Verdict::Jump(to) | Verdict::Goto(to) => {
                if let Some(entries) = entries {
                    let known = entries.get(&to).copied().unwrap_or(Node::FALSE);
                    entries.insert(to, self.compiler.shared.arena.or(known, here)?);
                }
                let passes = self.pass(table, to)?;
                let mut back = self.compiler.shared.arena.and(here, passes)?;
                if back != Node::FALSE {
                    let called: HashSet<ChainId> = order(self.compiler.ruleset, table, to)
                        .ok_or(super::diagram::OverBudget)?
                        .into_iter()
                        .collect();
                    let written = written(self.compiler.shared, self.compiler.ruleset, Some((table, &called)));
                    back = self.forget(back, &written)?;
                }
                let place = if matches!(verdict, Verdict::Jump(_)) { &mut step.again } else { &mut step.back };
                *place = self.compiler.shared.arena.or(*place, back)?;
            }
        }
        if way.sure {
            let ended = way.ends.unwrap_or(here);
            step.cut = self.compiler.shared.arena.or(step.cut, ended)?;
        }
        Ok(())
    }

    /// A verdict map: the packets it has a verdict for.
    fn vmap(
        &mut self,
        table: TableId,
        key: &'r Expr,
        id: SetId,
        way: &Way,
        step: &mut Step,
        entries: &mut Option<&mut HashMap<ChainId, Node>>,
    ) -> Within<Node> {
        let set = &self.compiler.ruleset.table(table).sets[id.0 as usize];
        let parts: &[Expr] = if let Expr::Concat(parts) = key { parts } else { std::slice::from_ref(key) };
        let plain = !set.dynamic && set.conditions.is_empty() && set.elems.iter().all(|elem| !elem.conditional);
        let read = if plain && !parts.iter().any(|part| self.compiler.is_early(part)) {
            self.compiler.parts(parts)?
        } else {
            None
        };
        let read = read.filter(|(valid, values)| *valid == Node::FALSE || values.len() == set.key.len());
        let Some((valid, values)) = read else {
            let way = Way { here: way.here, sure: false, ends: way.ends };
            let data = set.elems.iter().filter_map(|elem| elem.data.as_ref());
            for data in data.chain(set.catchall.iter().flatten()) {
                if let Data::Verdict(verdict) = data {
                    self.verdict(table, *verdict, &way, step, entries)?;
                }
            }
            return Ok(way.here);
        };
        let mut left = self.compiler.shared.arena.and(way.here, valid)?;
        let all = left;
        for elem in &set.elems {
            if left == Node::FALSE {
                break;
            }
            let holds = self.compiler.is_element(&values, &elem.key)?;
            let here = self.compiler.shared.arena.and(left, holds)?;
            if let Some(Data::Verdict(verdict)) = &elem.data
                && here != Node::FALSE
            {
                let way = Way { here, sure: way.sure && way.ends.is_none(), ends: None };
                self.verdict(table, *verdict, &way, step, entries)?;
            }
            let other = self.compiler.shared.arena.not(holds)?;
            left = self.compiler.shared.arena.and(left, other)?;
        }
        if let Some(Some(Data::Verdict(verdict))) = &set.catchall {
            let way = Way { here: left, sure: way.sure && way.ends.is_none(), ends: None };
            self.verdict(table, *verdict, &way, step, entries)?;
            return Ok(all);
        }
        let missed = self.compiler.shared.arena.not(left)?;
        self.compiler.shared.arena.and(all, missed)
    }
}
