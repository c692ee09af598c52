//! Which packets a change can touch: those that some rule asks for that is in one ruleset only.
//!
//! Every packet whose outcome differs meets a rule that differs. So it is enough to look where such a rule's tests hold,
//! as far as they read what no rule writes; all other rules are compiled for those packets alone, and most of a long
//! list asks for none of them.

use std::collections::{HashMap, HashSet};

use casebook_formats::nft::conntrack::is_active;
use casebook_formats::nft::ir::{
    Chain, ChainId, Expr, Family, Field, Hook, MetaKey, OpKind, Rule, RuleRef, Ruleset, SetId, Table, TableId, Test,
};
use casebook_formats::nft::packet::{ETH_IP, ETH_IP6};

use super::alike::{changed_sets, marks, same_rule};
use super::compile::{Care, Compiler, Shared};
use super::diagram::{Node, Var, Within};
use super::layout::Uses;
use super::space::{At, Class, Located, Piece, Run, Space};

/// A chain by names.
type Name<'r> = (Family, &'r str, &'r str);

/// Two rulesets and where they differ; the same for all classes of packets.
#[derive(Debug)]
pub struct Pair<'r> {
    /// The first ruleset.
    pub old: &'r Ruleset,
    /// The second.
    pub new: &'r Ruleset,
    /// What both read and write.
    pub(super) uses: Uses<'r>,
    /// Connection tracking runs, for IPv4 and IPv6, in the first and in the second.
    pub(super) tracked: [[bool; 2]; 2],
    /// Rules that only the first has, and only the second; `None` when the base chains differ.
    changed: Option<[Vec<RuleRef>; 2]>,
}

impl<'r> Pair<'r> {
    /// Compares the rules.
    pub fn new(old: &'r Ruleset, new: &'r Ruleset) -> Self {
        let tracked = [old, new].map(|ruleset| [ETH_IP, ETH_IP6].map(|protocol| is_active(ruleset, protocol)));
        let same = same_bases(old, new) && tracked[0] == tracked[1] && old.host == new.host;
        let changed = same.then(|| [only_in(old, new), only_in(new, old)]);
        Self { old, new, uses: Uses::of(&[old, new]), tracked, changed }
    }

    /// Two rulesets that are known to differ in where one rule stands, or in whether it is there.
    pub fn of_rule(
        (old, before): (&'r Ruleset, Option<RuleRef>),
        (new, after): (&'r Ruleset, Option<RuleRef>),
    ) -> Self {
        let tracked = [old, new].map(|ruleset| [ETH_IP, ETH_IP6].map(|protocol| is_active(ruleset, protocol)));
        let changed = (tracked[0] == tracked[1]).then(|| [before, after].map(|rule| rule.into_iter().collect()));
        Self { old, new, uses: Uses::of(&[old, new]), tracked, changed }
    }

    /// Where outcomes can differ.
    pub(super) fn care(&self, shared: &mut Shared) -> Within<Care> {
        let Some(changed) = &self.changed else { return Ok(Care::Everywhere) };
        let written = written(shared.layout.class, &self.uses);
        let mut all = Node::FALSE;
        for (ruleset, rules) in [self.old, self.new].into_iter().zip(changed) {
            for at in rules {
                let here = asks(shared, ruleset, *at, &written)?;
                all = shared.arena.or(all, here)?;
                if all == Node::TRUE {
                    return Ok(Care::Everywhere);
                }
            }
        }
        Ok(if all == Node::FALSE { Care::Nothing } else { Care::Where(all) })
    }

    /// True when no rule, set or chain differs.
    pub(super) fn is_same(&self) -> bool {
        self.changed.as_ref().is_some_and(|[old, new]| old.is_empty() && new.is_empty())
    }
}

/// The same base chains with the same hooks, priorities, policies and order.
fn same_bases(old: &Ruleset, new: &Ruleset) -> bool {
    let bases = |ruleset: &Ruleset| {
        let mut list: Vec<_> = ruleset
            .chains()
            .filter_map(|(table, id, chain)| {
                let base = chain.base.as_ref()?;
                let order = chain.registered;
                let what = (base.kind, base.hook, base.priority, base.policy, base.devices.clone());
                Some((order, ruleset.chain_name(table, id), what, ruleset.table(table).dormant))
            })
            .collect();
        list.sort_by_key(|(order, ..)| *order);
        list.into_iter().map(|(_, name, what, dormant)| (name, what, dormant)).collect::<Vec<_>>()
    };
    bases(old) == bases(new)
}

fn chains(ruleset: &Ruleset) -> HashMap<Name<'_>, (TableId, ChainId, &Chain)> {
    ruleset
        .chains()
        .map(|(table, id, chain)| {
            let owner = ruleset.table(table);
            ((owner.family, owner.name.as_str(), chain.name.as_str()), (table, id, chain))
        })
        .collect()
}

/// Rules of `ruleset` that `other` does not have at the same place among those both have.
fn only_in(ruleset: &Ruleset, other: &Ruleset) -> Vec<RuleRef> {
    let theirs = chains(other);
    let mut out = Vec::new();
    let mut sets: HashMap<TableId, HashSet<&str>> = HashMap::new();
    for (table_id, id, chain) in ruleset.chains() {
        let table = ruleset.table(table_id);
        let name = (table.family, table.name.as_str(), chain.name.as_str());
        // A chain that is not there is met through a rule that is not there either.
        let Some((other_table, other_id, other_chain)) = theirs.get(&name).copied() else { continue };
        let at = |index: usize| RuleRef { table: table_id, chain: id, index: index as u32 };
        let same = |mine: usize, their: usize| {
            let their = (other, other_table, &other_chain.rules[their]);
            same_rule((ruleset, table_id, &chain.rules[mine]), their)
        };
        let marks = || {
            let their = RuleRef { table: other_table, chain: other_id, index: 0 };
            [marks(ruleset, at(0)), marks(other, their)]
        };
        out.extend(unmatched(chain.rules.len(), other_chain.rules.len(), &same, &marks).into_iter().map(at));
        let changed = sets.entry(table_id).or_insert_with(|| changed_sets(table, other.table(other_table)));
        if !changed.is_empty() {
            let using = chain.rules.iter().enumerate().filter(|(_, rule)| uses(rule, changed, table));
            out.extend(using.map(|(index, _)| at(index)));
        }
    }
    out
}

/// Indices of the first list, of `own` rules, that a common subsequence with the second, of `other` rules, leaves out:
/// the longest, or in long stretches the longest among rules that are there once (`marks` tells them apart).
pub(super) fn unmatched(
    own: usize,
    other: usize,
    same: &dyn Fn(usize, usize) -> bool,
    marks: &dyn Fn() -> [Vec<u64>; 2],
) -> Vec<usize> {
    const MOST: usize = 2000;
    let least = own.min(other);
    let front = (0..least).take_while(|at| same(*at, *at)).count();
    let back = (0..least - front).take_while(|at| same(own - 1 - at, other - 1 - at)).count();
    let (a, b) = (own - back - front, other - back - front);
    if a == 0 {
        return Vec::new();
    }
    if b == 0 {
        return (front..own - back).collect();
    }
    if a > MOST || b > MOST {
        let [mine, theirs] = marks();
        let kept = once_in_order(&mine[front..own - back], &theirs[front..other - back]);
        let kept: HashSet<usize> = kept
            .into_iter()
            .map(|(i, j)| (front + i, front + j))
            .filter(|(i, j)| same(*i, *j))
            .map(|(i, _)| i)
            .collect();
        return (front..own - back).filter(|index| !kept.contains(index)).collect();
    }
    // Lengths of common subsequences of what is left of each.
    let mut longest = vec![vec![0u32; b + 1]; a + 1];
    for i in (0..a).rev() {
        for j in (0..b).rev() {
            longest[i][j] = if same(front + i, front + j) {
                longest[i + 1][j + 1] + 1
            } else {
                longest[i + 1][j].max(longest[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut out = Vec::new();
    while i < a {
        if j < b && longest[i][j] == longest[i + 1][j + 1] + 1 && same(front + i, front + j) {
            i += 1;
            j += 1;
        } else if j < b && longest[i][j + 1] >= longest[i + 1][j] {
            j += 1;
        } else {
            out.push(front + i);
            i += 1;
        }
    }
    out
}

/// The longest sequence of pairs, in order in both lists, of values that each list has once (patience sorting).
fn once_in_order(own: &[u64], other: &[u64]) -> Vec<(usize, usize)> {
    let once = |list: &[u64]| {
        let mut places: HashMap<u64, Option<usize>> = HashMap::new();
        for (at, value) in list.iter().enumerate() {
            places.entry(*value).and_modify(|place| *place = None).or_insert(Some(at));
        }
        places
    };
    let (mine, theirs) = (once(own), once(other));
    let place = |places: &HashMap<u64, Option<usize>>, value: &u64| places.get(value).copied().flatten();
    let pairs: Vec<(usize, usize)> = own
        .iter()
        .enumerate()
        .filter(|(_, value)| place(&mine, value).is_some())
        .filter_map(|(at, value)| Some((at, place(&theirs, value)?)))
        .collect();
    // For each length the pair an increasing sequence of that length ends with, and for each pair the one before it.
    let (mut ends, mut before): (Vec<usize>, Vec<Option<usize>>) = (Vec::new(), Vec::with_capacity(pairs.len()));
    for (index, (_, to)) in pairs.iter().enumerate() {
        let length = ends.partition_point(|end| pairs[*end].1 < *to);
        before.push(length.checked_sub(1).map(|shorter| ends[shorter]));
        if length == ends.len() { ends.push(index) } else { ends[length] = index }
    }
    let mut out = Vec::new();
    let mut at = ends.last().copied();
    while let Some(index) = at {
        out.push(pairs[index]);
        at = before[index];
    }
    out.reverse();
    out
}

fn uses(rule: &Rule, changed: &HashSet<&str>, table: &Table) -> bool {
    let is = |id: &SetId| changed.contains(table.sets[id.0 as usize].name.as_str());
    fn of(expr: &Expr, is: &dyn Fn(&SetId) -> bool) -> bool {
        match expr {
            Expr::Map(key, set) => is(set) || of(key, is),
            Expr::Bits { base, .. } | Expr::Shift { base, .. } => of(base, is),
            Expr::Concat(parts) => parts.iter().any(|part| of(part, is)),
            Expr::Load(_) | Expr::Const(_) | Expr::Unknown { .. } => false,
        }
    }
    rule.ops.iter().any(|op| match &op.kind {
        OpKind::Match(expr, test) => of(expr, &is) || matches!(test, Test::Lookup { set, .. } if is(set)),
        OpKind::Vmap(key, set) => is(set) || of(key, &is),
        OpKind::Assign(_, value) => of(value, &is),
        OpKind::SetUpdate { key, set, .. } => of(key, &is) || set.as_ref().is_some_and(is),
        OpKind::Nat(nat) => [&nat.addr, &nat.port].into_iter().flatten().any(|expr| of(expr, &is)),
        _ => false,
    })
}

/// Bits that some rule writes.
pub(super) fn written(class: Class, uses: &Uses<'_>) -> HashSet<Run> {
    let at = At { hook: Hook::Forward, looked_up: true };
    let bits = uses.written(class.ip6).flat_map(|field| match class.locate(field, at) {
        Located::Bits { pieces, .. } => pieces,
        _ => Vec::new(),
    });
    bits.filter_map(|piece| match piece {
        Piece::Run(run) => Some(run),
        Piece::Known(..) => None,
    })
    .collect()
}

/// Where the tests a rule begins with hold, as far as they read header fields that no rule writes.
pub(super) fn asks(shared: &mut Shared, ruleset: &Ruleset, at: RuleRef, written: &HashSet<Run>) -> Within<Node> {
    let class = shared.layout.class;
    let mut compiler = Compiler::new(shared, ruleset, class);
    let table = ruleset.table(at.table);
    let mut all = Node::TRUE;
    for op in &ruleset.rule(at).ops {
        let (expr, test) = match &op.kind {
            OpKind::Match(expr, test) => (expr, test),
            // What follows an effect is only asked of packets that have had it.
            _ => break,
        };
        if !is_settled(class, expr, written) {
            continue;
        }
        if let Some(holds) = compiler.test(table, expr, test)? {
            all = compiler.shared.arena.and(all, holds)?;
        }
    }
    Ok(all)
}

/// True for header fields that are the same at every hook.
fn is_settled(class: Class, expr: &Expr, written: &HashSet<Run>) -> bool {
    match expr {
        Expr::Load(field @ (Field::Payload(_) | Field::Meta(MetaKey::L4proto | MetaKey::Nfproto))) => {
            let at = At { hook: Hook::Forward, looked_up: true };
            let Located::Bits { pieces, needs } = class.locate(*field, at) else { return false };
            if needs.connection || needs.option.is_some() {
                return false;
            }
            pieces.iter().all(|piece| match piece {
                Piece::Run(run) => is_free(run, written),
                Piece::Known(..) => true,
            })
        }
        Expr::Bits { base, .. } => is_settled(class, base, written),
        Expr::Concat(parts) => parts.iter().all(|part| is_settled(class, part, written)),
        _ => false,
    }
}

/// Variables of headers that no rule writes: they are the same at every hook.
pub(super) fn settled(shared: &Shared, uses: &Uses<'_>) -> HashSet<Var> {
    let written = written(shared.layout.class, uses);
    let vars = shared.layout.runs().enumerate().filter(|(_, run)| is_free(run, &written));
    vars.map(|(at, _)| Var(at as u16)).collect()
}

/// True for bits of a header that no rule writes.
fn is_free(run: &Run, written: &HashSet<Run>) -> bool {
    matches!(run.space, Space::TransportLen | Space::HasLink | Space::Network | Space::Transport | Space::L4proto)
        && !written.iter().any(|other| other.space == run.space && other.first < run.end() && run.first < other.end())
}
