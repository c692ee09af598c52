//! Search in sets and maps.
//!
//! A single key is found by binary search over disjoint intervals; a concatenation of exact values by hash; a
//! concatenation with ranges in insertion order, because the kernel's pipapo gives the first inserted match
//! (net/netfilter/nft_set_pipapo.c).

use std::collections::HashMap;

use super::ir::{Elem, Set};

/// Search structure of a set.
#[derive(Clone, Debug, Default)]
pub(crate) enum Index {
    /// Not made yet, or a concatenation with ranges: elements are tried in order.
    #[default]
    Linear,
    /// Disjoint intervals by low end, with the element's index.
    Intervals(Vec<(u128, u128, u32)>),
    /// Exact concatenations.
    Exact(HashMap<Box<[u128]>, u32>),
}

impl Set {
    /// The disjoint intervals of a set with one key, by low end: low, high, index of the element. `None` when it is
    /// searched in another way.
    pub fn intervals(&self) -> Option<&[(u128, u128, u32)]> {
        match &self.index {
            Index::Intervals(list) => Some(list),
            _ => None,
        }
    }

    /// Makes the search structure; called once the elements are all there.
    pub(crate) fn reindex(&mut self) {
        self.index = match self.key.len() {
            1 => Index::Intervals(intervals(&self.elems)),
            _ if self.elems.iter().all(is_exact) => {
                let key = |elem: &Elem| elem.key.iter().map(|(low, _)| *low).collect();
                Index::Exact(self.elems.iter().enumerate().rev().map(|(at, elem)| (key(elem), at as u32)).collect())
            }
            _ => Index::Linear,
        };
    }

    /// The element that holds `key`, without the catch-all.
    pub fn find(&self, key: &[u128]) -> Option<&Elem> {
        match &self.index {
            Index::Intervals(list) => {
                let value = *key.first()?;
                let at = list.partition_point(|(low, _, _)| *low <= value).checked_sub(1)?;
                let (_, high, elem) = list[at];
                (value <= high).then(|| &self.elems[elem as usize])
            }
            Index::Exact(map) => map.get(key).map(|at| &self.elems[*at as usize]),
            Index::Linear => self.elems.iter().find(|elem| holds(elem, key)),
        }
    }
}

fn is_exact(elem: &Elem) -> bool {
    elem.key.iter().all(|(low, high)| low == high)
}

fn holds(elem: &Elem, key: &[u128]) -> bool {
    elem.key.len() == key.len() && elem.key.iter().zip(key).all(|((low, high), value)| low <= value && value <= high)
}

/// Intervals sorted by low end and cut so that they are disjoint: where elements overlap (anonymous sets and
/// `auto-merge`, where only membership counts), the earlier interval keeps its values.
fn intervals(elems: &[Elem]) -> Vec<(u128, u128, u32)> {
    let mut list: Vec<(u128, u128, u32)> = elems
        .iter()
        .enumerate()
        .filter_map(|(at, elem)| elem.key.first().map(|(low, high)| (*low, *high, at as u32)))
        .collect();
    list.sort_unstable();
    let mut out: Vec<(u128, u128, u32)> = Vec::with_capacity(list.len());
    for (low, high, at) in list {
        match out.last() {
            Some((_, last, _)) if high <= *last => {}
            Some((_, last, _)) if low <= *last => out.push((last + 1, high, at)),
            _ => out.push((low, high, at)),
        }
    }
    out
}

/// Pairs of elements that overlap, as (earlier, later) indices in order of declaration; at most 64 pairs.
pub(crate) fn overlaps(set: &Set) -> Vec<(usize, usize)> {
    const MOST: usize = 64;
    let mut pairs = Vec::new();
    if set.key.len() == 1 {
        let mut order: Vec<usize> = (0..set.elems.len()).collect();
        order.sort_by_key(|at| set.elems[*at].key[0]);
        let mut widest: Option<usize> = None;
        for at in order {
            let (low, high) = set.elems[at].key[0];
            if let Some(before) = widest
                && low <= set.elems[before].key[0].1
            {
                pairs.push((before.min(at), before.max(at)));
                if pairs.len() >= MOST {
                    break;
                }
            }
            if widest.is_none_or(|before| high > set.elems[before].key[0].1) {
                widest = Some(at);
            }
        }
    }
    pairs.sort_unstable();
    pairs
}
