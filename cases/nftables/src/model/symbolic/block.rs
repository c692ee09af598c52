//! Chains: runs of rules that end every packet they ask for, compiled at once, and all other rules one by one.

use casebook_formats::nft::ir::{
    ChainId, Cmp, CtKey, Expr, Field, MetaKey, OpKind, Rule, RuleRef, Table, TableId, Target, Test, Value, Verdict,
};
use casebook_formats::nft::show;

use super::compile::{Compiler, Exits};
use super::diagram::{Node, OverBudget, Var, Within};
use super::space::{Located, Piece};

/// Intervals a variable can lie in, disjoint and in order.
pub(super) type Hull = Vec<(u128, u128)>;

/// Outcomes kept: one with a mark that is cut into bits takes a kilobyte.
const MOST_LEAVES: usize = 1 << 18;

/// A rule that ends every packet its tests hold for: where they hold, and what follows.
type Ending = (Node, Node);

impl<'r> Compiler<'r, '_> {
    /// The rules of a chain, from the last to the first.
    pub(super) fn rules(&mut self, table_id: TableId, chain: ChainId, rules: &'r [Rule], exits: Exits) -> Within<Node> {
        let table = self.ruleset.table(table_id);
        let mut next = exits.back;
        let mut block: Vec<Ending> = Vec::new();
        for (index, rule) in rules.iter().enumerate().rev() {
            if self.shared.leaves.len() > MOST_LEAVES {
                return Err(OverBudget);
            }
            if self.is_far(rule)? {
                continue;
            }
            let at = RuleRef { table: table_id, chain, index: index as u32 };
            let (tests, holds) = self.lead(table, rule, at)?;
            let here = self.shared.arena.and(holds, self.care)?;
            if here == Node::FALSE {
                continue;
            }
            match self.ending(table, rule, at, tests, exits)? {
                Some(target) => block.push((here, target)),
                None => {
                    next = self.joined(&mut block, next)?;
                    let rest = self.rest(table, rule, at, tests, next, exits)?;
                    next = self.shared.arena.choose(here, rest, next)?;
                }
            }
        }
        self.joined(&mut block, next)
    }

    /// True when the plain tests at the beginning of a rule lie outside of where the function is wanted: a quick look
    /// that builds nothing.
    fn is_far(&mut self, rule: &'r Rule) -> Within<bool> {
        if self.care == Node::TRUE {
            return Ok(false);
        }
        for op in &rule.ops {
            let OpKind::Match(expr, test) = &op.kind else { break };
            let Expr::Load(field) = expr else { continue };
            let (low, high) = match test {
                Test::Cmp(Cmp::Eq, Value::One(value)) => (*value, *value),
                Test::Range { low, high, negate: false } => (*low, *high),
                _ => continue,
            };
            let Some(var) = self.only_var(*field) else { continue };
            let hull = self.hull(var)?;
            let at = hull.partition_point(|(_, end)| *end < low);
            if hull.get(at).is_none_or(|(begin, _)| *begin > high) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The variable of a header field that is one, whole.
    fn only_var(&mut self, field: Field) -> Option<Var> {
        if let Some(known) = self.vars.get(&field) {
            return *known;
        }
        let settled = matches!(field, Field::Payload(_) | Field::Meta(MetaKey::L4proto));
        let var = match self.class.locate(field, self.at) {
            Located::Bits { pieces, .. } if settled => match pieces.as_slice() {
                [Piece::Run(run)] => match self.shared.layout.atoms(*run).as_slice() {
                    [(count, var)] if *count == run.count => Some(*var),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        };
        self.vars.insert(field, var);
        var
    }

    /// What a variable can be where the function is wanted.
    fn hull(&mut self, var: Var) -> Within<std::rc::Rc<Hull>> {
        if let Some(known) = self.hulls.get(&var) {
            return Ok(known.clone());
        }
        let arena = &mut self.shared.arena;
        let only = arena.project(self.care, &|other| other == var)?;
        let mut hull = Hull::new();
        match arena.inner(only) {
            Some((_, edges)) => {
                let mut low = 0;
                for (high, child) in edges {
                    if *child == Node::TRUE {
                        hull.push((low, *high));
                    }
                    low = high.saturating_add(1);
                }
            }
            None if only == Node::TRUE => hull.push((0, arena.greatest(var))),
            None => {}
        }
        let hull = std::rc::Rc::new(hull);
        self.hulls.insert(var, hull.clone());
        Ok(hull)
    }

    /// The tests a rule begins with: how many, and where all of them hold.
    fn lead(&mut self, table: &'r Table, rule: &'r Rule, at: RuleRef) -> Within<(usize, Node)> {
        let (mut count, mut all) = (0, Vec::new());
        for op in &rule.ops {
            let OpKind::Match(expr, test) = &op.kind else { break };
            if self.is_early(expr) {
                break;
            }
            all.push(self.holds(table, expr, test, at)?);
            count += 1;
        }
        let mut node = Node::TRUE;
        for holds in all.into_iter().rev() {
            node = self.shared.arena.and(holds, node)?;
        }
        Ok((count, node))
    }

    /// Where a match holds; a question where it is not covered.
    fn holds(&mut self, table: &'r Table, expr: &'r Expr, test: &'r Test, at: RuleRef) -> Within<Node> {
        if let Some(holds) = self.test(table, expr, test)? {
            return Ok(holds);
        }
        let label = self.label(at);
        let what = format!("{} in {}", show::matching(table, expr, test), self.shared.leaves.text(label));
        self.question(what)
    }

    /// What follows a rule whose `tests` hold, when it ends the packet whatever else it does.
    fn ending(
        &mut self,
        table: &'r Table,
        rule: &'r Rule,
        at: RuleRef,
        tests: usize,
        exits: Exits,
    ) -> Within<Option<Node>> {
        let Some((last, effects)) = rule.ops[tests..].split_last() else { return Ok(None) };
        let ends = matches!(last.kind, OpKind::Verdict(Verdict::Accept | Verdict::Drop) | OpKind::Reject(_));
        let plain = |op: &OpKind| match op {
            OpKind::Counter(_) | OpKind::Log { .. } => true,
            OpKind::Assign(Target::Meta(MetaKey::Mark) | Target::Ct(CtKey::Mark), value) => {
                matches!(value, Expr::Const(_))
            }
            _ => false,
        };
        if !ends || !effects.iter().all(|op| plain(&op.kind)) {
            return Ok(None);
        }
        self.rest(table, rule, at, tests, exits.back, exits).map(Some)
    }

    /// What follows once the first `tests` operations of a rule have held.
    fn rest(
        &mut self,
        table: &'r Table,
        rule: &'r Rule,
        at: RuleRef,
        tests: usize,
        next: Node,
        exits: Exits,
    ) -> Within<Node> {
        let mut rest = next;
        for (index, op) in rule.ops.iter().enumerate().skip(tests).rev() {
            rest = match &op.kind {
                OpKind::Match(expr, test) => {
                    let holds = self.before_lookup(expr, |compiler| compiler.holds(table, expr, test, at))?;
                    self.shared.arena.choose(holds, rest, next)?
                }
                OpKind::Vmap(key, set) => {
                    self.before_lookup(key, |compiler| compiler.vmap(table, key, *set, at, next, exits))?
                }
                OpKind::Verdict(verdict) => self.verdict(*verdict, at, next, exits)?,
                other => self.act(table, other, (at, index), rest, next, exits)?,
            };
        }
        Ok(rest)
    }

    /// A run of rules that end packets, with what follows where none of them does. `block` is in reverse order.
    fn joined(&mut self, block: &mut Vec<Ending>, next: Node) -> Within<Node> {
        const FEW: usize = 3;
        if block.len() <= FEW {
            return block.drain(..).try_fold(next, |next, (here, target)| self.shared.arena.choose(here, target, next));
        }
        // Outside of where the function is wanted the first rule ends everything, so that nothing else is built there.
        let arena = &mut self.shared.arena;
        let outside = arena.not(self.care)?;
        let mut items = vec![(outside, mark_of(Node::FALSE))];
        items.extend(block.drain(..).rev().map(|(here, target)| (here, mark_of(target))));
        let mut targets: Vec<Node> = Vec::new();
        let first = arena.first_match(items, mark_of(next))?;
        let first = arena.map(first, &mut |mark| match inner_of(mark) {
            None => mark,
            Some(_) => {
                let node = Node::from_number(mark & !INNER);
                let place = targets.iter().position(|known| *known == node).unwrap_or(targets.len());
                if place == targets.len() {
                    targets.push(node);
                }
                INNER | place as u32
            }
        })?;
        // Where a rule leads on to other hooks, what comes there is put in place of its mark.
        let mut out = arena.map(first, &mut |mark| inner_of(mark).map_or(mark, |_| 0))?;
        for (place, target) in targets.into_iter().enumerate() {
            let here = arena.map(first, &mut |mark| u32::from(mark == INNER | place as u32))?;
            out = arena.choose(here, target, out)?;
        }
        Ok(out)
    }
}

/// Set in the mark of a node that is not a leaf.
const INNER: u32 = 1 << 30;

/// A number for what follows a rule: the leaf's own, or one that stands for the node.
fn mark_of(node: Node) -> u32 {
    node.as_leaf().unwrap_or_else(|| INNER | node.number())
}

fn inner_of(mark: u32) -> Option<u32> {
    (mark & INNER != 0).then_some(mark & !INNER)
}
