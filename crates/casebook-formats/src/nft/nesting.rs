//! Loops and depth of jumps, which the kernel checks when a ruleset is loaded.

use std::collections::HashSet;

use super::ir::{ChainId, Data, OpKind, Problem, ProblemKind, Ruleset, Table, Verdict};

/// `NFT_JUMP_STACK_SIZE` is 16; the load-time check refuses the sixteenth nested jump
/// (net/netfilter/nf_tables_api.c `nf_tables_check_loops`, `nft_chain_validate`).
pub const MAX_JUMPS: usize = 15;

/// Chains a chain can go to, in order, without repeats; verdict maps count.
pub fn targets(table: &Table, chain: ChainId) -> Vec<(ChainId, casebook_core::Span)> {
    let mut out: Vec<(ChainId, casebook_core::Span)> = Vec::new();
    let mut seen: HashSet<ChainId> = HashSet::new();
    let mut add = |verdict: Verdict, span| {
        if let Verdict::Jump(to) | Verdict::Goto(to) = verdict
            && seen.insert(to)
        {
            out.push((to, span));
        }
    };
    for op in table.chains[chain.0 as usize].rules.iter().flat_map(|rule| &rule.ops) {
        match &op.kind {
            OpKind::Verdict(verdict) => add(*verdict, op.loc.span),
            OpKind::Vmap(_, set) => {
                let set = &table.sets[set.0 as usize];
                let data = set.elems.iter().filter_map(|elem| elem.data.as_ref());
                for data in data.chain(set.catchall.iter().flatten()) {
                    if let Data::Verdict(verdict) = data {
                        add(*verdict, op.loc.span);
                    }
                }
            }
            _ => {}
        }
    }
    out
}

/// Adds a problem for every loop and over-deep path reachable from a base chain. Loops among chains nobody
/// refers to load fine, and are left alone here.
pub(super) fn check(ruleset: &mut Ruleset) {
    let mut problems = Vec::new();
    for table in &ruleset.tables {
        // Longest path below each chain, `None` while on the path: computed once per chain.
        let mut depth: Vec<Option<Option<usize>>> = vec![None; table.chains.len()];
        for (at, chain) in table.chains.iter().enumerate() {
            if chain.base.is_none() {
                continue;
            }
            walk(table, ChainId(at as u32), &mut depth, &mut problems);
            if let Some(Some(jumps)) = depth[at]
                && jumps > MAX_JUMPS
                && let Some(span) = chain.at.span()
            {
                problems.push(Problem {
                    message: format!(
                        "jumps from chain `{}` nest {jumps} deep; the kernel allows {MAX_JUMPS}",
                        chain.name
                    ),
                    span,
                    also: None,
                    kind: ProblemKind::Nesting,
                });
            }
        }
    }
    ruleset.problems.append(&mut problems);
}

/// Depth-first with an explicit stack: rulesets can be deeper than a thread's stack.
fn walk(table: &Table, root: ChainId, depth: &mut [Option<Option<usize>>], problems: &mut Vec<Problem>) {
    if depth[root.0 as usize].is_some() {
        return;
    }
    let mut stack = vec![(root, targets(table, root), 0usize, 0usize)];
    depth[root.0 as usize] = Some(None);
    while let Some((chain, next, at, deepest)) = stack.last_mut() {
        if let Some((target, span)) = next.get(*at).copied() {
            *at += 1;
            match depth[target.0 as usize] {
                Some(Some(below)) => *deepest = (*deepest).max(below + 1),
                Some(None) => problems.push(Problem {
                    message: format!(
                        "chain `{}` comes back to chain `{}`: a loop",
                        table.chains[chain.0 as usize].name, table.chains[target.0 as usize].name
                    ),
                    span,
                    also: None,
                    kind: ProblemKind::Nesting,
                }),
                None => {
                    depth[target.0 as usize] = Some(None);
                    stack.push((target, targets(table, target), 0, 0));
                }
            }
            continue;
        }
        let (chain, deepest) = (*chain, *deepest);
        depth[chain.0 as usize] = Some(Some(deepest));
        stack.pop();
        if let Some((_, _, _, above)) = stack.last_mut() {
            *above = (*above).max(deepest + 1);
        }
    }
}
