//! Hooks a chain is run from.

use casebook_formats::nft::ir::{BaseChain, ChainId, Ruleset, Table, TableId};
use casebook_formats::nft::nesting::targets;

/// For every chain the base chains that lead to it, itself included.
pub(super) struct Bases<'r>(Vec<Vec<Vec<(ChainId, &'r BaseChain)>>>);

impl<'r> Bases<'r> {
    /// Follows the jumps of each base chain once.
    pub(super) fn new(ruleset: &'r Ruleset) -> Self {
        Self(ruleset.tables.iter().map(of_table).collect())
    }

    /// Base chains that lead to a chain.
    pub(super) fn of(&self, table: TableId, chain: ChainId) -> &[(ChainId, &'r BaseChain)] {
        &self.0[table.0 as usize][chain.0 as usize]
    }
}

fn of_table(table: &Table) -> Vec<Vec<(ChainId, &BaseChain)>> {
    let mut out = vec![Vec::new(); table.chains.len()];
    for (at, known) in table.chains.iter().enumerate() {
        let Some(base) = &known.base else { continue };
        let root = ChainId(at as u32);
        let mut seen = vec![false; table.chains.len()];
        let mut queue = vec![root];
        while let Some(chain) = queue.pop() {
            if !std::mem::replace(&mut seen[chain.0 as usize], true) {
                out[chain.0 as usize].push((root, base));
                queue.extend(targets(table, chain).into_iter().map(|(to, _)| to));
            }
        }
    }
    out
}
