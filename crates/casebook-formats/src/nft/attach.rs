//! Where statements may stand, which the kernel checks when a ruleset is loaded: for every chain, from each base
//! chain it can be reached from (net/netfilter/nf_tables_api.c `nft_chain_validate`, the `validate` of expressions).

use std::collections::HashSet;

use super::ir::{ChainId, ChainKind, Hook, NatKind, OpKind, Problem, ProblemKind, Ruleset, Table};
use super::nesting::targets;

/// Adds a problem for every statement the kernel refuses at a hook it is reached from.
pub(super) fn check(ruleset: &mut Ruleset) {
    let mut problems = Vec::new();
    for table in &ruleset.tables {
        // Chains with statements of this kind are few; most rulesets have none to look for.
        let picky = |op: &OpKind| allowed(op, ChainKind::Filter, Hook::Egress).is_err();
        let ops = table.chains.iter().flat_map(|chain| &chain.rules).flat_map(|rule| &rule.ops);
        if !ops.into_iter().any(|op| picky(&op.kind)) {
            continue;
        }
        // What a chain may hold depends on type and hook only: one walk for each pair there is.
        let mut pairs: Vec<(ChainKind, Hook, Vec<ChainId>)> = Vec::new();
        for (at, chain) in table.chains.iter().enumerate() {
            let Some(base) = &chain.base else { continue };
            let id = ChainId(at as u32);
            match pairs.iter_mut().find(|(kind, hook, _)| (*kind, *hook) == (base.kind, base.hook)) {
                Some((_, _, list)) => list.push(id),
                None => pairs.push((base.kind, base.hook, vec![id])),
            }
        }
        let mut told = HashSet::new();
        for (kind, hook, roots) in pairs {
            walk(table, kind, hook, roots, &mut told, &mut problems);
        }
    }
    ruleset.problems.append(&mut problems);
}

fn walk(
    table: &Table,
    kind: ChainKind,
    hook: Hook,
    mut open: Vec<ChainId>,
    told: &mut HashSet<casebook_core::Span>,
    problems: &mut Vec<Problem>,
) {
    let mut seen: HashSet<ChainId> = open.iter().copied().collect();
    while let Some(chain) = open.pop() {
        for op in table.chains[chain.0 as usize].rules.iter().flat_map(|rule| &rule.ops) {
            if let Err(why) = allowed(&op.kind, kind, hook)
                && told.insert(op.loc.span)
            {
                let message = format!("{why}; it is reached from {}", hook.as_str());
                problems.push(Problem { message, span: op.loc.span, also: None, kind: ProblemKind::Syntax });
            }
        }
        open.extend(targets(table, chain).into_iter().map(|(to, _)| to).filter(|to| seen.insert(*to)));
    }
}

/// Whether a statement may stand in a chain of this type at this hook; why not.
fn allowed(op: &OpKind, chain: ChainKind, hook: Hook) -> Result<(), &'static str> {
    use Hook::{Forward, Input, Output, Postrouting, Prerouting};
    let (fits, why) = match op {
        OpKind::Nat(_) if chain != ChainKind::Nat => (false, "address translation needs a chain of type nat"),
        OpKind::Nat(nat) => match nat.kind {
            NatKind::Snat => (matches!(hook, Postrouting | Input), "`snat` works in postrouting and input only"),
            NatKind::Masquerade => (hook == Postrouting, "`masquerade` works in postrouting only"),
            NatKind::Dnat => (matches!(hook, Prerouting | Output), "`dnat` works in prerouting and output only"),
            NatKind::Redirect => {
                (matches!(hook, Prerouting | Output), "`redirect` works in prerouting and output only")
            }
        },
        OpKind::Tproxy(..) => (hook == Prerouting, "`tproxy` works in prerouting only"),
        OpKind::Reject(_) => {
            let fits = matches!(hook, Prerouting | Input | Forward | Output | Hook::Ingress);
            (fits, "`reject` does not work in postrouting and egress")
        }
        _ => return Ok(()),
    };
    if fits { Ok(()) } else { Err(why) }
}
