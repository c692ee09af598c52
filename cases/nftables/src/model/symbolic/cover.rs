//! Rules that no packet reaches: whole regions of packets are followed forward through the chains, and what earlier
//! rules end for certain is taken away.
//!
//! What comes to a rule is never underestimated: a condition that is not known may hold, a value that is written may be
//! anything, a called chain may come back wherever some path through it does. So a rule that is left without packets has
//! none, and a rule that is not named may still have none.

use std::collections::{HashMap, HashSet};

use casebook_formats::nft::conntrack::is_active;
use casebook_formats::nft::ir::{
    Base, ChainId, Data, Expr, Family, Field, Hook, Op, OpKind, PayloadField, RuleRef, Ruleset, TableId, Target,
    Verdict,
};
use casebook_formats::nft::packet::{ETH_IP, ETH_IP6, Path};
use casebook_formats::nft::plan;
use casebook_formats::nft::plan::Entry;

use super::compile::{Compiler, Shared};
use super::diagram::{Node, OverBudget, Var, Within};
use super::diff::classes;
use super::layout::{Layout, Uses, nat_fields, target_field};
use super::packet::possible;
use super::space::{At, Class, Located, Piece, Run, Space};

/// Why no packet reaches a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dead {
    /// Its own tests exclude each other.
    Contradiction,
    /// These earlier rules of its chain end all packets its tests hold for; none of them can be left out.
    Covered(Vec<RuleRef>),
    /// Its tests hold for no packet that comes to its chain.
    NoneComes,
    /// Rules before it, in its chain or on the way there, leave it nothing; which ones was not worked out.
    Earlier,
}

/// What was found in a ruleset.
#[derive(Debug, Default)]
pub struct Cover {
    /// Rules no packet reaches, in order.
    pub dead: Vec<(RuleRef, Dead)>,
    /// Rules looked at: those of chains that packets can come to.
    pub looked_at: HashSet<RuleRef>,
    /// The budget ran out: rules that are not named were not all looked at.
    pub stopped: bool,
}

/// Rules no packet reaches, within a budget of steps. Of the first `explained` of them it is said which rules cover them:
/// that costs more than finding them.
pub fn cover(ruleset: &Ruleset, steps: u64, explained: usize) -> Cover {
    let mut all = Seen::default();
    let uses = Uses::of(&[ruleset]);
    let list = classes(ruleset, ruleset);
    let share = steps / (list.len() as u64).max(1);
    let mut stopped = false;
    for class in &list {
        stopped |= follow(ruleset, &uses, *class, share, &mut all, &HashSet::new()).is_err();
    }
    if stopped {
        return Cover { stopped, ..Cover::default() };
    }
    let mut dead: Vec<RuleRef> = all.visited.difference(&all.reached).copied().collect();
    dead.sort_unstable();
    let explained: HashSet<RuleRef> =
        dead.iter().filter(|rule| all.holds.contains(rule)).take(explained).copied().collect();
    // A cover that is not found within the budget is not named.
    let mut found = true;
    if !explained.is_empty() {
        for class in &list {
            found &= follow(ruleset, &uses, *class, share, &mut all, &explained).is_ok();
        }
    }
    let why = |rule: &RuleRef| {
        if !all.holds.contains(rule) {
            return Dead::Contradiction;
        }
        match all.covers.get(rule) {
            Some(covers) if found && !covers.is_empty() && !all.unexplained.contains(rule) => {
                let mut list: Vec<RuleRef> = covers.iter().copied().collect();
                list.sort_unstable();
                Dead::Covered(list)
            }
            None if found && explained.contains(rule) && !all.unexplained.contains(rule) => Dead::NoneComes,
            _ => Dead::Earlier,
        }
    };
    let dead = dead.iter().map(|rule| (*rule, why(rule))).collect();
    Cover { dead, looked_at: all.visited, stopped }
}

/// What all classes together show.
#[derive(Debug, Default)]
struct Seen {
    /// Rules of chains that packets come to.
    visited: HashSet<RuleRef>,
    /// Rules whose tests hold for some packet, whoever comes.
    holds: HashSet<RuleRef>,
    /// Rules that some packet may finish, or that do something to one on the way.
    reached: HashSet<RuleRef>,
    /// Earlier rules that leave nothing to a rule.
    covers: HashMap<RuleRef, HashSet<RuleRef>>,
    /// Rules to which the cuts of earlier rules, as they are known, leave something: what takes it was written before.
    unexplained: HashSet<RuleRef>,
}

fn follow(
    ruleset: &Ruleset,
    uses: &Uses<'_>,
    class: Class,
    steps: u64,
    seen: &mut Seen,
    explained: &HashSet<RuleRef>,
) -> Within<()> {
    const EDGES: u64 = 24_000_000;
    let tracked = is_active(ruleset, if class.ip6 { ETH_IP6 } else { ETH_IP });
    let class = Class { tracked, ..class };
    let mut shared = Shared::new(Layout::for_uses(class, uses), steps, EDGES);
    let written = written(&shared, ruleset, None);
    let real = possible(&mut shared)?;
    // What a rule can have written by then is free; a packet always has one state.
    let free = |shared: &Shared, var: &Var| {
        shared.layout.run(*var).is_some_and(|run| matches!(run.space, Space::Iif | Space::Oif | Space::CtState))
    };
    let kept: HashSet<Var> =
        (0..shared.variables()).map(Var).filter(|var| !written.contains(var) && !free(&shared, var)).collect();
    let real = shared.arena.project(real, &|var| kept.contains(&var))?;
    let state = Run { space: Space::CtState, first: 0, count: 32 };
    let one = shared.lies(state, &[(1, 1), (2, 2), (4, 4), (8, 8), (64, 64)])?;
    let universe = shared.arena.and(real, one)?;
    let compiler = Compiler::new(&mut shared, ruleset, class);
    let mut walk = Walk { compiler, universe, passes: HashMap::new(), seen, explained };
    let family = if class.ip6 { Family::Ip6 } else { Family::Ip };
    for hook in class.path.hooks() {
        let plan = plan::entries(ruleset, *hook, family, None, tracked);
        let lookup = plan.entries.iter().position(|(_, entry)| *entry == Entry::Conntrack);
        for (index, (_, entry)) in plan.entries.iter().enumerate() {
            let chains: &[(TableId, ChainId)] = match entry {
                Entry::Chain(table, chain) => &[(*table, *chain)],
                Entry::Nat(chains) => chains,
                Entry::Defrag | Entry::Conntrack => &[],
            };
            let after = tracked && lookup.is_none_or(|lookup| index > lookup);
            // What comes back over `lo` still has its connection.
            let looped = tracked && !after && class.path == Path::Input;
            for looked_up in [after, true].into_iter().take(1 + usize::from(looped)) {
                for (table, chain) in chains {
                    walk.compiler.at = At { hook: *hook, looked_up };
                    walk.base(*table, *chain)?;
                }
            }
        }
    }
    Ok(())
}

/// The variables that rules write; of one chain and those it calls, or of all.
pub(super) fn written(shared: &Shared, ruleset: &Ruleset, of: Option<(TableId, &HashSet<ChainId>)>) -> HashSet<Var> {
    let mut out = HashSet::new();
    for (at, rule) in ruleset.rules() {
        if of.is_some_and(|(table, chains)| at.table != table || !chains.contains(&at.chain)) {
            continue;
        }
        rule.ops.iter().for_each(|op| out.extend(writes(shared, &op.kind)));
    }
    out
}

/// The variables an operation writes.
pub(super) fn writes(shared: &Shared, op: &OpKind) -> Vec<Var> {
    let class = shared.layout.class;
    let fields: Vec<Field> = match op {
        OpKind::Assign(target, _) => target_field(*target).into_iter().collect(),
        OpKind::Nat(nat) => nat_fields(nat.kind, class.ip6).map(Field::Payload).to_vec(),
        _ => Vec::new(),
    };
    let at = At { hook: Hook::Forward, looked_up: true };
    let mut runs: Vec<Run> = Vec::new();
    for field in fields {
        if let Located::Bits { pieces, .. } = class.locate(field, at) {
            runs.extend(pieces.into_iter().filter_map(|piece| match piece {
                Piece::Run(run) => Some(run),
                Piece::Known(..) => None,
            }));
        }
    }
    match op {
        OpKind::Notrack => runs.push(Run { space: Space::CtState, first: 0, count: 32 }),
        OpKind::Assign(Target::TcpOption(kind, ..), _) => {
            let all = shared.layout.runs().filter(|run| run.space == Space::Option(*kind));
            runs.extend(all);
        }
        _ => {}
    }
    let overlaps =
        |own: Run| runs.iter().any(|run| run.space == own.space && run.first < own.end() && own.first < run.end());
    shared.layout.runs().enumerate().filter(|(_, run)| overlaps(*run)).map(|(at, _)| Var(at as u16)).collect()
}

/// Follows packets of one class through the chains of one base chain.
pub(super) struct Walk<'r, 's, 'w> {
    pub(super) compiler: Compiler<'r, 's>,
    /// All packets of the class, as far as no rule can have changed it.
    universe: Node,
    /// Packets that may come back from a chain.
    passes: HashMap<(TableId, ChainId, At), Node>,
    seen: &'w mut Seen,
    explained: &'w HashSet<RuleRef>,
}

impl<'r> Walk<'r, '_, '_> {
    /// All chains that packets of a base chain come to, callers first.
    fn base(&mut self, table: TableId, base: ChainId) -> Within<()> {
        let order = order(self.compiler.ruleset, table, base).ok_or(OverBudget)?;
        let mut entries: HashMap<ChainId, Node> = HashMap::from([(base, self.universe)]);
        for chain in order {
            let Some(here) = entries.get(&chain).copied() else { continue };
            self.chain(table, chain, here, &mut Some(&mut entries))?;
        }
        Ok(())
    }

    /// The packets that may come back from a chain, by what no rule of it writes.
    pub(super) fn pass(&mut self, table: TableId, chain: ChainId) -> Within<Node> {
        let key = (table, chain, self.compiler.at);
        if let Some(known) = self.passes.get(&key) {
            return Ok(*known);
        }
        let back = self.chain(table, chain, self.universe, &mut None)?;
        let called: HashSet<ChainId> =
            order(self.compiler.ruleset, table, chain).ok_or(OverBudget)?.into_iter().collect();
        let written = written(self.compiler.shared, self.compiler.ruleset, Some((table, &called)));
        let back = self.forget(back, &written)?;
        self.passes.insert(key, back);
        Ok(back)
    }

    pub(super) fn forget(&mut self, node: Node, written: &HashSet<Var>) -> Within<Node> {
        if written.is_empty() {
            return Ok(node);
        }
        self.compiler.shared.arena.project(node, &|var| !written.contains(&var))
    }

    /// Follows packets through a chain; those that may come back from it.
    fn chain(
        &mut self,
        table_id: TableId,
        chain: ChainId,
        comes: Node,
        entries: &mut Option<&mut HashMap<ChainId, Node>>,
    ) -> Within<Node> {
        let rules = &self.compiler.ruleset.chain(table_id, chain).rules;
        let marking = entries.is_some();
        let mut left = comes;
        let mut back = Node::FALSE;
        // Rules that end all packets they ask for, in a row: where their tests hold.
        let mut row: Vec<(RuleRef, Node)> = Vec::new();
        let mut cuts: Vec<(RuleRef, Node)> = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            let at = RuleRef { table: table_id, chain, index: index as u32 };
            let plain = self.plain(table_id, &rule.ops)?;
            if marking {
                self.seen.visited.insert(at);
                self.note_holds(table_id, at, &rule.ops, plain)?;
            }
            if let Some(holds) = plain {
                row.push((at, holds));
                continue;
            }
            left = self.row(&mut row, (comes, left), marking, &mut cuts, true)?;
            let step = self.rule(table_id, &rule.ops, left, entries)?;
            if marking && (step.done != Node::FALSE || step.acts) && self.explained.is_empty() {
                self.seen.reached.insert(at);
            } else if marking && self.explained.contains(&at) {
                self.explain(at, step.asks, comes, &cuts)?;
            }
            back = self.compiler.shared.arena.or(back, step.back)?;
            let arena = &mut self.compiler.shared.arena;
            let stays = arena.not(step.cut)?;
            left = arena.and(left, stays)?;
            left = arena.or(left, step.again)?;
            if step.cut != Node::FALSE {
                cuts.push((at, step.cut));
            }
        }
        // What is left at the end of a base chain goes to its policy.
        let wanted = self.compiler.ruleset.chain(table_id, chain).base.is_none();
        left = self.row(&mut row, (comes, left), marking, &mut cuts, wanted)?;
        self.compiler.shared.arena.or(back, left)
    }

    /// Takes away what a row of rules ends. `wanted` is false when what is left is asked by nobody.
    fn row(
        &mut self,
        row: &mut Vec<(RuleRef, Node)>,
        (comes, left): (Node, Node),
        marking: bool,
        cuts: &mut Vec<(RuleRef, Node)>,
        wanted: bool,
    ) -> Within<Node> {
        if row.is_empty() {
            return Ok(left);
        }
        let outside = self.compiler.shared.arena.not(left)?;
        if marking && self.explained.is_empty() {
            let conditions: Vec<Node> = std::iter::once(outside).chain(row.iter().map(|(_, holds)| *holds)).collect();
            let mut found: Vec<bool> =
                std::iter::once(true).chain(row.iter().map(|(at, _)| self.seen.reached.contains(at))).collect();
            self.compiler.shared.arena.firsts(&conditions, &mut found)?;
            let reached = row.iter().zip(&found[1..]).filter(|(_, found)| **found);
            self.seen.reached.extend(reached.map(|((at, _), _)| *at));
        } else if marking {
            let asked: Vec<(RuleRef, Node)> =
                row.iter().copied().filter(|(at, _)| self.explained.contains(at)).collect();
            for (at, holds) in asked {
                let before: Vec<(RuleRef, Node)> =
                    cuts.iter().copied().chain(row.iter().copied().take_while(|(known, _)| *known != at)).collect();
                self.explain(at, holds, comes, &before)?;
            }
        }
        let mut rest = left;
        if wanted {
            let items = std::iter::once((outside, 1)).chain(row.iter().map(|(_, holds)| (*holds, 1))).collect();
            let ended = self.compiler.shared.arena.first_match(items, 0)?;
            rest = self.compiler.shared.arena.not(ended)?;
        }
        cuts.append(row);
        Ok(rest)
    }

    /// Where the tests of a rule hold that ends every packet they hold for, and tests nothing that is not known.
    fn plain(&mut self, table: TableId, ops: &'r [Op]) -> Within<Option<Node>> {
        let Some((last, before)) = ops.split_last() else { return Ok(None) };
        if !matches!(last.kind, OpKind::Verdict(Verdict::Accept | Verdict::Drop) | OpKind::Reject(_)) {
            return Ok(None);
        }
        let mut all = Vec::new();
        // What is counted or logged before a later test fails has been done.
        let acts = |op: &Op| !matches!(op.kind, OpKind::Match(..));
        if before.iter().skip_while(|op| !acts(op)).any(|op| !acts(op)) {
            return Ok(None);
        }
        for op in before {
            match &op.kind {
                OpKind::Match(expr, test) if !self.compiler.is_early(expr) => {
                    match self.compiler.test(self.compiler.ruleset.table(table), expr, test)? {
                        Some(holds) => all.push(holds),
                        None => return Ok(None),
                    }
                }
                OpKind::Counter(_) | OpKind::Log { .. } => {}
                _ => return Ok(None),
            }
        }
        let mut node = Node::TRUE;
        for holds in all.into_iter().rev() {
            node = self.compiler.shared.arena.and(holds, node)?;
        }
        Ok(Some(node))
    }

    /// Notes that the tests of a rule hold for some packet. What stands behind a write is not looked at, and neither are
    /// fields whose value depends on what the kernel does with fragments.
    fn note_holds(&mut self, table: TableId, at: RuleRef, ops: &'r [Op], plain: Option<Node>) -> Within<()> {
        if self.seen.holds.contains(&at) {
            return Ok(());
        }
        let mut all = self.universe;
        match plain {
            Some(holds) if !ops.iter().any(|op| reads_fragment(&op.kind)) => {
                all = self.compiler.shared.arena.and(holds, all)?;
            }
            _ => {
                for op in ops {
                    match &op.kind {
                        OpKind::Match(expr, test) if !reads_fragment(&op.kind) && !self.compiler.is_early(expr) => {
                            let table = self.compiler.ruleset.table(table);
                            if let Some(holds) = self.compiler.test(table, expr, test)? {
                                all = self.compiler.shared.arena.and(holds, all)?;
                            }
                        }
                        OpKind::Assign(..) | OpKind::Nat(_) | OpKind::Notrack => break,
                        _ => {}
                    }
                }
            }
        }
        if all != Node::FALSE {
            self.seen.holds.insert(at);
        }
        Ok(())
    }

    /// Names earlier rules that together leave nothing of what a rule asks for, and none of which can be left out.
    fn explain(&mut self, at: RuleRef, asks: Node, comes: Node, cuts: &[(RuleRef, Node)]) -> Within<()> {
        let arena = &mut self.compiler.shared.arena;
        let wanted = arena.and(comes, asks)?;
        let mut left = wanted;
        let mut needed: Vec<(RuleRef, Node)> = Vec::new();
        for (rule, cut) in cuts.iter().rev() {
            if wanted == Node::FALSE || !arena.meets(wanted, *cut)? {
                continue;
            }
            let taken = arena.and(left, *cut)?;
            if taken != Node::FALSE {
                let stays = arena.not(*cut)?;
                left = arena.and(left, stays)?;
                needed.push((*rule, *cut));
            }
            if left == Node::FALSE {
                break;
            }
        }
        if left != Node::FALSE {
            self.seen.unexplained.insert(at);
            return Ok(());
        }
        if wanted == Node::FALSE {
            return Ok(());
        }
        let mut place = 0;
        while place < needed.len() {
            let mut left = wanted;
            for (other, (_, cut)) in needed.iter().enumerate() {
                if other != place {
                    let stays = arena.not(*cut)?;
                    left = arena.and(left, stays)?;
                }
            }
            if left == Node::FALSE {
                needed.remove(place);
            } else {
                place += 1;
            }
        }
        self.seen.covers.entry(at).or_default().extend(needed.into_iter().map(|(rule, _)| rule));
        Ok(())
    }
}

/// True for a field of which it depends on fragments what it holds when rules see it.
fn reads_fragment(op: &OpKind) -> bool {
    fn of(expr: &Expr) -> bool {
        match expr {
            Expr::Load(Field::Payload(PayloadField { base: Base::Network, offset, bits, .. })) => {
                *offset < 64 && 48 < offset + bits
            }
            Expr::Load(Field::Exthdr(..)) => true,
            Expr::Bits { base, .. } | Expr::Shift { base, .. } => of(base),
            Expr::Map(key, _) => of(key),
            Expr::Concat(parts) => parts.iter().any(of),
            Expr::Load(_) | Expr::Const(_) | Expr::Unknown { .. } => false,
        }
    }
    matches!(op, OpKind::Match(expr, _) if of(expr))
}

/// A chain and all it calls, callers first; `None` when they call each other in a loop.
pub(super) fn order(ruleset: &Ruleset, table: TableId, base: ChainId) -> Option<Vec<ChainId>> {
    let mut state: HashMap<ChainId, bool> = HashMap::new();
    let mut out = Vec::new();
    let mut stack = vec![(base, calls(ruleset, table, base), 0usize)];
    state.insert(base, false);
    while let Some((chain, called, at)) = stack.last_mut() {
        match called.get(*at).copied() {
            Some(next) => {
                *at += 1;
                match state.get(&next) {
                    Some(false) => return None,
                    Some(true) => {}
                    None => {
                        state.insert(next, false);
                        stack.push((next, calls(ruleset, table, next), 0));
                    }
                }
            }
            None => {
                state.insert(*chain, true);
                out.push(*chain);
                stack.pop();
            }
        }
    }
    out.reverse();
    Some(out)
}

fn calls(ruleset: &Ruleset, table: TableId, chain: ChainId) -> Vec<ChainId> {
    let owner = ruleset.table(table);
    let mut out = Vec::new();
    let mut add = |verdict: &Verdict| {
        if let Verdict::Jump(to) | Verdict::Goto(to) = verdict {
            out.push(*to);
        }
    };
    for op in ruleset.chain(table, chain).rules.iter().flat_map(|rule| &rule.ops) {
        match &op.kind {
            OpKind::Verdict(verdict) => add(verdict),
            OpKind::Vmap(_, set) => {
                let set = &owner.sets[set.0 as usize];
                let data = set.elems.iter().filter_map(|elem| elem.data.as_ref());
                for data in data.chain(set.catchall.iter().flatten()) {
                    if let Data::Verdict(verdict) = data {
                        add(verdict);
                    }
                }
            }
            _ => {}
        }
    }
    out.sort_unstable();
    out.dedup();
    out
}
