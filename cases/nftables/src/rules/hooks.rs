//! Hooks a chain is run from.

use crate::model::ir::{BaseChain, ChainId, Ruleset, TableId};
use crate::model::nesting::targets;

/// Base chains that lead to a chain, itself included.
pub(super) fn bases(ruleset: &Ruleset, table: TableId, chain: ChainId) -> Vec<(ChainId, &BaseChain)> {
    let owner = ruleset.table(table);
    let mut found = Vec::new();
    for (at, known) in owner.chains.iter().enumerate() {
        let Some(base) = &known.base else { continue };
        let root = ChainId(at as u32);
        let mut reach = vec![root];
        let mut next = 0;
        while next < reach.len() {
            for (to, _) in targets(owner, reach[next]) {
                if !reach.contains(&to) {
                    reach.push(to);
                }
            }
            next += 1;
        }
        if reach.contains(&chain) {
            found.push((root, base));
        }
    }
    found
}
