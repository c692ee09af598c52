//! Lists of conditions in which the first that holds decides, as one diagram, built from the first variable down.
//!
//! Joining one rule after another builds a diagram for every suffix of the list, and throws most of it away. Here the
//! list is cut along its first variable instead: within an interval only the conditions that hold somewhere in it are
//! left, and everything behind one that holds everywhere is out of reach. What is built is part of the result, so the
//! work follows the size of the answer.

use super::diagram::{Arena, Node, Var, Within};

/// A condition and what is decided where it is the first that holds.
pub(super) type Item = (Node, u32);

/// Two independent 64-bit sums of a list: lists are the same when both are.
pub(super) type Key = (u64, u64);

impl Arena {
    /// The leaf of the first condition that holds, `default` where none does. Items are in order.
    pub(super) fn first_match(&mut self, items: Vec<Item>, default: u32) -> Within<Node> {
        match settled(items, default) {
            Settled::Leaf(target) => Ok(Node::leaf(target)),
            Settled::List(items, default) => self.solve(&items, default),
        }
    }

    /// `items` is settled and not empty.
    fn solve(&mut self, items: &[Item], default: u32) -> Within<Node> {
        if let [(condition, target)] = items {
            return self.choose(*condition, Node::leaf(*target), Node::leaf(default));
        }
        let key = key(items, default);
        if let Some(node) = self.lists.get(&key) {
            return Ok(*node);
        }
        let node = self.cut(items, default)?;
        self.keep(2)?;
        self.lists.insert(key, node);
        Ok(node)
    }

    fn cut(&mut self, items: &[Item], default: u32) -> Within<Node> {
        let Some(var) = items.iter().filter_map(|(condition, _)| self.inner(*condition)).map(|(var, _)| var).min()
        else {
            return Ok(Node::leaf(default));
        };
        let mut sweep = Sweep::new(self, items.iter().map(|(condition, _)| *condition), var);
        let greatest = self.greatest(var);
        let mut edges = Vec::new();
        let mut list: Vec<Item> = Vec::new();
        // The item behind which nothing counts, and what came of the last interval.
        let mut last: Option<(u32, Node)> = None;
        while let Some((end, first)) = sweep.next(greatest) {
            if let Some((decider, child)) = last
                && first > decider
            {
                edges.push((end, child));
                continue;
            }
            list.clear();
            let (mut decided, mut decider) = (default, u32::MAX);
            for (at, condition) in &sweep.active {
                let target = items[*at as usize].1;
                if *condition == Node::TRUE {
                    (decided, decider) = (target, *at);
                    break;
                }
                list.push((*condition, target));
            }
            trim(&mut list, decided);
            self.spend(list.len() + 1)?;
            let child = match list.as_slice() {
                [] => Node::leaf(decided),
                _ => {
                    let items = std::mem::take(&mut list);
                    let child = self.solve(&items, decided)?;
                    list = items;
                    child
                }
            };
            last = Some((decider, child));
            edges.push((end, child));
        }
        self.node(var, edges)
    }
}

/// A list without what cannot decide.
enum Settled {
    Leaf(u32),
    List(Vec<Item>, u32),
}

/// Without conditions that never hold, those behind one that always does, and those at the end that say the default.
fn settled(items: Vec<Item>, default: u32) -> Settled {
    let (mut out, mut default) = (Vec::with_capacity(items.len()), default);
    for (condition, target) in items {
        if condition == Node::TRUE {
            default = target;
            break;
        }
        if condition != Node::FALSE {
            out.push((condition, target));
        }
    }
    trim(&mut out, default);
    if out.is_empty() { Settled::Leaf(default) } else { Settled::List(out, default) }
}

fn trim(items: &mut Vec<Item>, default: u32) {
    while items.last().is_some_and(|(_, target)| *target == default) {
        items.pop();
    }
}

/// The sums of a list and its default.
fn key(items: &[Item], default: u32) -> Key {
    let words = items.iter().map(|(condition, target)| u64::from(condition.number()) << 32 | u64::from(*target));
    fold(words, u64::from(default) << 32 | items.len() as u64)
}

/// Two sums of words, in order.
pub(super) fn fold(words: impl Iterator<Item = u64>, start: u64) -> Key {
    // Multipliers of wyhash; each step folds a product of 128 bits.
    const A: u64 = 0xa076_1d64_78bd_642f;
    const B: u64 = 0xe703_7ed1_a0b4_28db;
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        (product as u64) ^ (product >> 64) as u64
    };
    let start = start ^ A;
    words.fold((fold(start, B), fold(start.rotate_left(17) ^ B, A)), |(left, right), word| {
        (fold(left ^ word ^ A, B), fold(right.rotate_left(9) ^ word ^ B, A | 1))
    })
}

/// The conditions that are left in each interval of a variable, from the lowest value up.
pub(super) struct Sweep {
    /// Where something changes, in order: the value and the number of the change.
    order: Vec<(u128, u32)>,
    /// What changes: an item, and what is left of its condition from there on.
    changes: Vec<(u32, Node)>,
    at: usize,
    /// First value of the next interval; `None` at the end.
    begin: Option<u128>,
    /// Index of an item, and its condition here; by index, none of them false.
    active: Vec<(u32, Node)>,
}

impl Sweep {
    pub(super) fn new(arena: &Arena, conditions: impl Iterator<Item = Node>, var: Var) -> Self {
        let (mut order, mut changes, mut active) = (Vec::new(), Vec::new(), Vec::new());
        for (index, condition) in conditions.enumerate() {
            match arena.inner(condition) {
                Some((top, edges)) if top == var => {
                    let mut from = 0;
                    for (high, child) in edges {
                        // An item that is not there at first need not be said to be absent.
                        if from > 0 || *child != Node::FALSE {
                            order.push((from, changes.len() as u32));
                            changes.push((index as u32, *child));
                        }
                        from = high.saturating_add(1);
                    }
                }
                _ => active.push((index as u32, condition)),
            }
        }
        sort(&mut order, arena.greatest(var));
        Self { order, changes, at: 0, begin: Some(0), active }
    }

    /// Index of each item that holds somewhere in this interval, and its condition there, in order.
    pub(super) fn active(&self) -> &[(u32, Node)] {
        &self.active
    }

    /// Goes on to the next interval; its last value and the first item that changes, or `None` at the end.
    pub(super) fn next(&mut self, greatest: u128) -> Option<(u128, u32)> {
        let begin = self.begin?;
        let mut first = u32::MAX;
        while let Some((from, change)) = self.order.get(self.at).copied()
            && from == begin
        {
            self.at += 1;
            let (index, child) = self.changes[change as usize];
            first = first.min(index);
            match (self.active.binary_search_by_key(&index, |(index, _)| *index), child) {
                (Ok(place), Node::FALSE) => {
                    self.active.remove(place);
                }
                (Ok(place), child) => self.active[place].1 = child,
                (Err(_), Node::FALSE) => {}
                (Err(place), child) => self.active.insert(place, (index, child)),
            }
        }
        self.begin = self.order.get(self.at).map(|(from, _)| *from);
        Some((self.begin.map_or(greatest, |from| from - 1), first))
    }
}

/// Sorts by value. Most values have 32 bits, and numbers of one word sort several times faster.
fn sort(order: &mut Vec<(u128, u32)>, greatest: u128) {
    if greatest > u128::from(u32::MAX) {
        order.sort_unstable();
        return;
    }
    let mut words: Vec<u64> = order.iter().map(|(from, change)| (*from as u64) << 32 | u64::from(*change)).collect();
    words.sort_unstable();
    order.clear();
    order.extend(words.into_iter().map(|word| (u128::from(word >> 32), word as u32)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_joining_one_after_the_other() {
        let mut seed = 3u64;
        let mut next = || {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) as u128
        };
        for _ in 0..300 {
            let mut arena = Arena::new(vec![15; 3], 1 << 22, 1 << 22);
            let mut items = Vec::new();
            for _ in 0..12 {
                let mut condition = Node::TRUE;
                for var in 0..3 {
                    if next() % 3 > 0 {
                        let low = next() % 16;
                        let high = low + next() % (16 - low);
                        let side = arena.within(Var(var), &[(low, high)]).unwrap();
                        condition = arena.and(condition, side).unwrap();
                    }
                }
                items.push((condition, (next() % 4) as u32));
            }
            let mut joined = Node::leaf(9);
            for (condition, target) in items.iter().rev() {
                joined = arena.choose(*condition, Node::leaf(*target), joined).unwrap();
            }
            assert_eq!(arena.first_match(items, 9).unwrap(), joined);
        }
    }
}
