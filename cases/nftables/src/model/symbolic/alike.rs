//! Rules and sets that do the same, in one ruleset or in two, wherever they are written.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use casebook_formats::nft::ir::{Data, Expr, Nat, OpKind, Rule, RuleRef, Ruleset, Set, SetId, Table, TableId, Test};
use casebook_formats::nft::show;

/// True when the two rules do the same. Named sets count as the same by name: [`changed_sets`] compares what they
/// hold.
pub(super) fn same_rule(a: (&Ruleset, TableId, &Rule), b: (&Ruleset, TableId, &Rule)) -> bool {
    let (left, right) = (a.0.table(a.1), b.0.table(b.1));
    a.2.ops.len() == b.2.ops.len()
        && a.2.ops.iter().zip(&b.2.ops).all(|(x, y)| same_op((left, &x.kind), (right, &y.kind)))
}

fn same_op(a: (&Table, &OpKind), b: (&Table, &OpKind)) -> bool {
    match (a.1, b.1) {
        (OpKind::Match(x, test), OpKind::Match(y, other)) => {
            same_expr((a.0, x), (b.0, y)) && same_test((a.0, test), (b.0, other))
        }
        (OpKind::Vmap(x, set), OpKind::Vmap(y, other)) => {
            same_expr((a.0, x), (b.0, y)) && same_set((a.0, *set), (b.0, *other))
        }
        (OpKind::Counter(x), OpKind::Counter(y)) => x == y,
        (OpKind::Nat(x), OpKind::Nat(y)) => {
            let exprs = |nat: &'_ Nat| [&nat.addr, &nat.addr_max, &nat.port, &nat.port_max].map(Option::clone);
            let same = |(x, y): (Option<Expr>, Option<Expr>)| match (x, y) {
                (None, None) => true,
                (Some(x), Some(y)) => same_expr((a.0, &x), (b.0, &y)),
                _ => false,
            };
            (x.kind, x.family, &x.text) == (y.kind, y.family, &y.text) && exprs(x).into_iter().zip(exprs(y)).all(same)
        }
        (OpKind::Assign(to, x), OpKind::Assign(other, y)) => to == other && same_expr((a.0, x), (b.0, y)),
        (
            OpKind::SetUpdate { op, name, key, conditions, .. },
            OpKind::SetUpdate { op: other_op, name: other, key: other_key, conditions: others, .. },
        ) => (op, name, conditions) == (other_op, other, others) && same_expr((a.0, key), (b.0, other_key)),
        (OpKind::Tproxy(x, port), OpKind::Tproxy(y, other)) => (x, port) == (y, other),
        (OpKind::Log { prefix, group }, OpKind::Log { prefix: other, group: to }) => (prefix, group) == (other, to),
        (OpKind::Opaque(x), OpKind::Opaque(y)) => x == y,
        // The text says all that the others do.
        (x, y) => std::mem::discriminant(x) == std::mem::discriminant(y) && show::op(a.0, x) == show::op(b.0, y),
    }
}

fn same_expr(a: (&Table, &Expr), b: (&Table, &Expr)) -> bool {
    match (a.1, b.1) {
        (Expr::Map(x, set), Expr::Map(y, other)) => {
            same_expr((a.0, x), (b.0, y)) && same_set((a.0, *set), (b.0, *other))
        }
        (Expr::Concat(xs), Expr::Concat(ys)) => {
            xs.len() == ys.len() && xs.iter().zip(ys).all(|(x, y)| same_expr((a.0, x), (b.0, y)))
        }
        (Expr::Bits { base: x, and, xor }, Expr::Bits { base: y, and: other_and, xor: other_xor }) => {
            (and, xor) == (other_and, other_xor) && same_expr((a.0, x), (b.0, y))
        }
        (Expr::Shift { base: x, left, by }, Expr::Shift { base: y, left: other, by: count }) => {
            (left, by) == (other, count) && same_expr((a.0, x), (b.0, y))
        }
        (x, y) => x == y,
    }
}

fn same_test(a: (&Table, &Test), b: (&Table, &Test)) -> bool {
    match (a.1, b.1) {
        (Test::Lookup { set, negate }, Test::Lookup { set: other, negate: negated }) => {
            negate == negated && same_set((a.0, *set), (b.0, *other))
        }
        (x, y) => x == y,
    }
}

fn same_set(a: (&Table, SetId), b: (&Table, SetId)) -> bool {
    let (x, y) = (&a.0.sets[a.1.0 as usize], &b.0.sets[b.1.0 as usize]);
    match (x.anonymous, y.anonymous) {
        (false, false) => x.name == y.name,
        (true, true) => holds_same((a.0, x), (b.0, y)),
        _ => false,
    }
}

/// True when both sets hold the same elements and behave alike. The order counts in concatenations, where the first
/// element that fits is found.
fn holds_same(a: (&Table, &Set), b: (&Table, &Set)) -> bool {
    let (x, y) = (a.1, b.1);
    let data = |table: &Table, data: &Option<Data>| match data {
        Some(Data::Verdict(given)) => show::verdict(table, *given),
        other => format!("{other:?}"),
    };
    let elems = |table: &Table, set: &Set| {
        let mut list: Vec<_> = set
            .elems
            .iter()
            .map(|elem| (elem.key.clone(), elem.data.as_ref().map(|_| data(table, &elem.data)), elem.conditional))
            .collect();
        if set.key.len() == 1 {
            list.sort_unstable();
        }
        list
    };
    let catchall = |table: &Table, set: &Set| set.catchall.as_ref().map(|given| data(table, given));
    (x.map, x.dynamic, &x.conditions, x.elems.len()) == (y.map, y.dynamic, &y.conditions, y.elems.len())
        && catchall(a.0, x) == catchall(b.0, y)
        && elems(a.0, x) == elems(b.0, y)
}

/// Names of named sets that the other table does not have, or not with the same elements.
pub(super) fn changed_sets<'r>(table: &'r Table, other: &Table) -> HashSet<&'r str> {
    let named = |table: &'_ Table| table.sets.iter().filter(|set| !set.anonymous).count();
    if named(table) == 0 {
        return HashSet::new();
    }
    let theirs: HashMap<&str, &Set> =
        other.sets.iter().filter(|set| !set.anonymous).map(|set| (set.name.as_str(), set)).collect();
    let same = |set: &Set| theirs.get(set.name.as_str()).is_some_and(|known| holds_same((table, set), (other, known)));
    table.sets.iter().filter(|set| !set.anonymous && !same(set)).map(|set| set.name.as_str()).collect()
}

/// A number for each rule of a chain; rules that do the same have the same.
pub(super) fn marks(ruleset: &Ruleset, chain: RuleRef) -> Vec<u64> {
    let table = ruleset.table(chain.table);
    let rules = &table.chains[chain.chain.0 as usize].rules;
    rules.iter().map(|rule| mark(table, rule)).collect()
}

fn mark(table: &Table, rule: &Rule) -> u64 {
    let mut hasher = DefaultHasher::new();
    for op in &rule.ops {
        match &op.kind {
            OpKind::Match(expr, Test::Cmp(cmp, value)) if !has_map(expr) => (1, expr, cmp, value).hash(&mut hasher),
            OpKind::Match(expr, Test::Range { low, high, negate }) if !has_map(expr) => {
                (2, expr, low, high, negate).hash(&mut hasher);
            }
            OpKind::Counter(name) => (3, name).hash(&mut hasher),
            other => show::op(table, other).hash(&mut hasher),
        }
    }
    hasher.finish()
}

/// True for an expression that looks into a map.
fn has_map(expr: &Expr) -> bool {
    match expr {
        Expr::Map(..) => true,
        Expr::Bits { base, .. } | Expr::Shift { base, .. } => has_map(base),
        Expr::Concat(parts) => parts.iter().any(has_map),
        Expr::Load(_) | Expr::Const(_) | Expr::Unknown { .. } => false,
    }
}
