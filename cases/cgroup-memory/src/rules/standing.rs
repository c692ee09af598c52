//! What the rules on trees have in common.

use crate::facts::Facts;
use crate::facts::tree::{Group, Tree};
use crate::model::account::{Account, account};

/// Every group of every tree that has an account. Of two trees that show the same group (before and after) the last speaks.
pub(super) fn groups(facts: &Facts) -> Vec<(&Tree, &Group, Account)> {
    let mut out: Vec<(&Tree, &Group, Account)> = Vec::new();
    for (index, tree) in facts.trees.iter().enumerate() {
        for group in tree.groups.iter().filter(|group| group.path != "/") {
            let later = facts.trees.get(index + 1..).unwrap_or_default();
            if group.path != crate::facts::tree::forms::UNNAMED
                && later.iter().any(|tree| tree.group(&group.path).is_some())
            {
                continue;
            }
            if let Some(account) = account(tree, group, &facts.host) {
                out.push((tree, group, account));
            }
        }
    }
    out
}

/// A share in percent.
pub(super) fn percent(value: u64, of: u64) -> u64 {
    (u128::from(value) * 100 / u128::from(of.max(1))) as u64
}
