//! Which packets a change can touch: those that some rule asks for that is in one ruleset only.
//!
//! Every packet whose outcome differs meets a rule that differs. So it is enough to look where such a rule's tests hold,
//! as far as they read what no rule writes; all other rules are compiled for those packets alone, and most of a long
//! list asks for none of them.

use std::collections::{HashMap, HashSet};

use super::compile::{Care, Compiler, Shared};
use super::diagram::{Node, Within};
use super::layout::{nat_fields, target_field};
use super::space::{Class, Located, Piece, Run, Space};
use crate::model::ir::{Chain, Expr, Field, OpKind, Rule, RuleRef, Ruleset, Set, SetId, Table, Test};
use crate::model::show;

/// A chain by names.
type Name<'r> = (crate::model::ir::Family, &'r str, &'r str);

/// Where outcomes can differ.
pub(super) fn care(shared: &mut Shared, old: &Ruleset, new: &Ruleset) -> Within<Care> {
    if !same_bases(old, new) {
        return Ok(Care::Everywhere);
    }
    let written = written(shared.layout.class, &[old, new]);
    let mut all = Node::FALSE;
    for (ruleset, other) in [(old, new), (new, old)] {
        for at in only_in(ruleset, other) {
            let here = asks(shared, ruleset, at, &written)?;
            all = shared.arena.or(all, here)?;
        }
    }
    Ok(match all {
        Node::FALSE => Care::Nothing,
        Node::TRUE => Care::Everywhere,
        node => Care::Where(node),
    })
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
    let tracked = |ruleset| {
        use crate::model::packet::{ETH_IP, ETH_IP6};
        [ETH_IP, ETH_IP6].map(|protocol| crate::model::conntrack::is_active(ruleset, protocol))
    };
    bases(old) == bases(new) && tracked(old) == tracked(new) && old.host == new.host
}

fn chains(ruleset: &Ruleset) -> HashMap<Name<'_>, (RuleRef, &Table, &Chain)> {
    ruleset
        .chains()
        .map(|(table, id, chain)| {
            let owner = ruleset.table(table);
            let first = RuleRef { table, chain: id, index: 0 };
            ((owner.family, owner.name.as_str(), chain.name.as_str()), (first, owner, chain))
        })
        .collect()
}

/// Rules of `ruleset` that `other` does not have at the same place among those both have.
fn only_in(ruleset: &Ruleset, other: &Ruleset) -> Vec<RuleRef> {
    let theirs = chains(other);
    let mut out = Vec::new();
    for (name, (first, table, chain)) in chains(ruleset) {
        let at = |index: usize| RuleRef { index: index as u32, ..first };
        let Some((_, other_table, other_chain)) = theirs.get(&name) else {
            // A chain that is not there is met through a rule that is not there either.
            continue;
        };
        let changed = changed_sets(table, other_table);
        let own: Vec<String> = chain.rules.iter().map(|rule| text(ruleset, first, rule)).collect();
        let their_first = chains_first(other, &name);
        let their: Vec<String> = other_chain.rules.iter().map(|rule| text(other, their_first, rule)).collect();
        for index in unmatched(&own, &their) {
            out.push(at(index));
        }
        for (index, rule) in chain.rules.iter().enumerate() {
            if uses(rule, &changed, table) {
                out.push(at(index));
            }
        }
    }
    out
}

fn chains_first(ruleset: &Ruleset, name: &Name<'_>) -> RuleRef {
    let found = ruleset.find_chain(name.0, name.1, name.2);
    let (table, chain) = found.unwrap_or((crate::model::ir::TableId(0), crate::model::ir::ChainId(0)));
    RuleRef { table, chain, index: 0 }
}

/// A rule as text that says all it does; anonymous chains by their name, whose rules are compared on their own.
fn text(ruleset: &Ruleset, at: RuleRef, rule: &Rule) -> String {
    let mut text = show::rule(ruleset, at.table, rule);
    // What is shown without a value of its own: what nft adds, and how a translation is bound.
    for op in &rule.ops {
        if let OpKind::Nat(nat) = &op.kind {
            text.push_str(&format!("{nat:?}"));
        }
    }
    text
}

/// Indices of `own` that a longest common subsequence with `other` leaves out. Long stretches without a common end are
/// left out as a whole.
pub(super) fn unmatched(own: &[String], other: &[String]) -> Vec<usize> {
    const MOST: usize = 2000;
    let front = own.iter().zip(other).take_while(|(a, b)| a == b).count();
    let back = own[front..].iter().rev().zip(other[front..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&own[front..own.len() - back], &other[front..other.len() - back]);
    if a.is_empty() {
        return Vec::new();
    }
    if b.is_empty() || a.len() > MOST || b.len() > MOST {
        return (front..own.len() - back).collect();
    }
    // Lengths of common subsequences of what is left of each.
    let mut longest = vec![vec![0u32; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            longest[i][j] =
                if a[i] == b[j] { longest[i + 1][j + 1] + 1 } else { longest[i + 1][j].max(longest[i][j + 1]) };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut out = Vec::new();
    while i < a.len() {
        if j < b.len() && a[i] == b[j] {
            i += 1;
            j += 1;
        } else if j < b.len() && longest[i][j + 1] >= longest[i + 1][j] {
            j += 1;
        } else {
            out.push(front + i);
            i += 1;
        }
    }
    out
}

/// Named sets that differ.
fn changed_sets<'r>(table: &'r Table, other: &Table) -> HashSet<&'r str> {
    let theirs: HashMap<&str, &Set> =
        other.sets.iter().filter(|set| !set.anonymous).map(|set| (set.name.as_str(), set)).collect();
    let same = |a: &Set, b: &Set| {
        let elems = |set: &Set| {
            set.elems
                .iter()
                .map(|elem| format!("{:?}{:?}{}", elem.key, elem.data, elem.conditional))
                .collect::<Vec<_>>()
        };
        let unordered = |set: &Set| {
            let mut list = elems(set);
            if set.key.len() == 1 {
                list.sort_unstable();
            }
            list
        };
        (a.dynamic, &a.conditions, &a.catchall) == (b.dynamic, &b.conditions, &b.catchall)
            && unordered(a) == unordered(b)
    };
    let named = table.sets.iter().filter(|set| !set.anonymous);
    named
        .filter(|set| !theirs.get(set.name.as_str()).is_some_and(|other| same(set, other)))
        .map(|set| set.name.as_str())
        .collect()
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
    !changed.is_empty()
        && rule.ops.iter().any(|op| match &op.kind {
            OpKind::Match(expr, test) => of(expr, &is) || matches!(test, Test::Lookup { set, .. } if is(set)),
            OpKind::Vmap(key, set) => is(set) || of(key, &is),
            OpKind::Assign(_, value) => of(value, &is),
            OpKind::SetUpdate { key, set, .. } => of(key, &is) || set.as_ref().is_some_and(is),
            OpKind::Nat(nat) => [&nat.addr, &nat.port].into_iter().flatten().any(|expr| of(expr, &is)),
            _ => false,
        })
}

/// Bits that some rule writes.
pub(super) fn written(class: Class, rulesets: &[&Ruleset]) -> HashSet<Run> {
    let mut out = HashSet::new();
    let at = super::space::At { hook: crate::model::ir::Hook::Forward, looked_up: true };
    let mut add = |field: Field| {
        if let Located::Bits { pieces, .. } = class.locate(field, at) {
            out.extend(pieces.into_iter().filter_map(|piece| match piece {
                Piece::Run(run) => Some(run),
                Piece::Known(..) => None,
            }));
        }
    };
    for (_, rule) in rulesets.iter().flat_map(|ruleset| ruleset.rules()) {
        for op in &rule.ops {
            match &op.kind {
                OpKind::Assign(target, _) => target_field(*target).into_iter().for_each(&mut add),
                OpKind::Nat(nat) => nat_fields(nat.kind, class.ip6).map(Field::Payload).into_iter().for_each(&mut add),
                _ => {}
            }
        }
    }
    out
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
        Expr::Load(
            field @ (Field::Payload(_)
            | Field::Meta(crate::model::ir::MetaKey::L4proto | crate::model::ir::MetaKey::Nfproto)),
        ) => {
            let at = super::space::At { hook: crate::model::ir::Hook::Forward, looked_up: true };
            let Located::Bits { pieces, needs: None } = class.locate(*field, at) else { return false };
            let free = |run: &Run| {
                let header = matches!(run.space, Space::Network | Space::Transport | Space::L4proto);
                header
                    && !written
                        .iter()
                        .any(|other| other.space == run.space && other.first < run.end() && run.first < other.end())
            };
            pieces.iter().all(|piece| match piece {
                Piece::Run(run) => free(run),
                Piece::Known(..) => true,
            })
        }
        Expr::Bits { base, .. } => is_settled(class, base, written),
        Expr::Concat(parts) => parts.iter().all(|part| is_settled(class, part, written)),
        _ => false,
    }
}
