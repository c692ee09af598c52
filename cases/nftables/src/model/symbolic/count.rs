//! How many combinations of values a set of packets holds: exact, whatever the size.
//!
//! Counted are different combinations of the values of some variables among the packets of a set, so the set is first
//! projected onto those variables. Nothing is drawn, and a free field that is not counted multiplies nothing.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use super::compile::Shared;
use super::diagram::{Arena, Node, Var, Within};

/// A whole number of any size, least significant part first, without leading zeros.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Big(Vec<u32>);

/// How many combinations there are, and of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// The number.
    pub number: Big,
    /// The fields whose values are combined, in words.
    pub of: Vec<String>,
}

impl Big {
    /// The number of values from `low` to `high`.
    fn between(low: u128, high: u128) -> Self {
        let mut out = Self::from(high - low);
        out.add(&Self::from(1));
        out
    }

    /// Adds a number.
    pub fn add(&mut self, other: &Self) {
        let mut carry = 0u64;
        for at in 0..self.0.len().max(other.0.len()) {
            let part = |list: &[u32]| u64::from(list.get(at).copied().unwrap_or(0));
            let sum = part(&self.0) + part(&other.0) + carry;
            match self.0.get_mut(at) {
                Some(slot) => *slot = sum as u32,
                None => self.0.push(sum as u32),
            }
            carry = sum >> 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    /// The product.
    #[must_use]
    pub fn times(&self, other: &Self) -> Self {
        let mut out = vec![0u32; self.0.len() + other.0.len()];
        for (i, a) in self.0.iter().enumerate() {
            let mut carry = 0u64;
            for (j, b) in other.0.iter().enumerate() {
                let sum = u64::from(out[i + j]) + u64::from(*a) * u64::from(*b) + carry;
                out[i + j] = sum as u32;
                carry = sum >> 32;
            }
            out[i + other.0.len()] = carry as u32;
        }
        while out.last() == Some(&0) {
            out.pop();
        }
        Self(out)
    }

    /// `n` when the number is 2 to the power of n.
    pub fn exponent(&self) -> Option<usize> {
        let (last, rest) = self.0.split_last()?;
        let single = last.is_power_of_two() && rest.iter().all(|part| *part == 0);
        single.then(|| rest.len() * 32 + last.trailing_zeros() as usize)
    }

    /// For people: grouped digits, `2^n`, or the first digits and the magnitude, rounded down.
    pub fn words(&self) -> String {
        const WRITTEN_OUT: usize = 15;
        let digits = self.to_string();
        if digits.len() <= WRITTEN_OUT {
            let head = digits.len() % 3;
            let mut parts: Vec<&str> = (head..digits.len()).step_by(3).map(|at| &digits[at..at + 3]).collect();
            if head > 0 {
                parts.insert(0, &digits[..head]);
            }
            return parts.join(" ");
        }
        match self.exponent() {
            Some(exponent) => format!("2^{exponent}"),
            None => format!("over {}.{} × 10^{}", &digits[..1], &digits[1..3], digits.len() - 1),
        }
    }
}

impl From<u128> for Big {
    fn from(mut value: u128) -> Self {
        let mut out = Vec::new();
        while value > 0 {
            out.push(value as u32);
            value >>= 32;
        }
        Self(out)
    }
}

impl fmt::Display for Big {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const STEP: u64 = 1_000_000_000;
        let (mut left, mut groups) = (self.0.clone(), Vec::new());
        while !left.is_empty() {
            let mut rest = 0u64;
            for part in left.iter_mut().rev() {
                let value = rest << 32 | u64::from(*part);
                *part = (value / STEP) as u32;
                rest = value % STEP;
            }
            while left.last() == Some(&0) {
                left.pop();
            }
            groups.push(rest);
        }
        let Some(first) = groups.pop() else { return f.write_str("0") };
        write!(f, "{first}")?;
        groups.iter().rev().try_for_each(|group| write!(f, "{group:09}"))
    }
}

/// Variables that `node` looks at.
pub fn support(arena: &Arena, node: Node) -> BTreeSet<Var> {
    let (mut seen, mut open, mut out) = (BTreeSet::new(), vec![node], BTreeSet::new());
    while let Some(node) = open.pop() {
        let Some((var, edges)) = arena.inner(node) else { continue };
        if seen.insert(node) {
            out.insert(var);
            open.extend(edges.iter().map(|(_, child)| *child));
        }
    }
    out
}

/// True where some values of all variables but `keep` make `node` true.
fn projected(arena: &mut Arena, node: Node, keep: &BTreeSet<Var>, known: &mut HashMap<Node, Node>) -> Within<Node> {
    let Some((var, edges)) = arena.inner(node) else { return Ok(node) };
    if let Some(done) = known.get(&node) {
        return Ok(*done);
    }
    let mut edges = edges.to_vec();
    for (_, child) in &mut edges {
        *child = projected(arena, *child, keep, known)?;
    }
    let done = if keep.contains(&var) {
        arena.node(var, edges)?
    } else {
        let mut any = Node::FALSE;
        for (_, child) in edges {
            any = arena.or(any, child)?;
        }
        any
    };
    known.insert(node, done);
    Ok(done)
}

/// How many combinations of values of `keep` are found among those for which `node`, a truth value, is true.
pub fn combinations(arena: &mut Arena, node: Node, keep: &BTreeSet<Var>) -> Within<Big> {
    let node = projected(arena, node, keep, &mut HashMap::new())?;
    let order: Vec<Var> = keep.iter().copied().collect();
    let mut counter = Counter { arena, order, known: HashMap::new() };
    Ok(counter.count(node, 0))
}

struct Counter<'a> {
    arena: &'a Arena,
    order: Vec<Var>,
    known: HashMap<Node, Big>,
}

impl Counter<'_> {
    /// Combinations of the variables from place `from` on.
    fn count(&mut self, node: Node, from: usize) -> Big {
        if node == Node::FALSE {
            return Big::default();
        }
        let arena = self.arena;
        let (at, mut out) = match arena.inner(node) {
            None => (self.order.len(), Big::from(1)),
            Some((var, edges)) => {
                let at = self.order.partition_point(|known| *known < var);
                (at, self.known.get(&node).cloned().unwrap_or_else(|| self.below(node, edges, at)))
            }
        };
        for var in &self.order[from..at] {
            out = out.times(&Big::between(0, arena.greatest(*var)));
        }
        out
    }

    fn below(&mut self, node: Node, edges: &[(u128, Node)], at: usize) -> Big {
        let (mut out, mut low) = (Big::default(), 0);
        for (high, child) in edges {
            let below = self.count(*child, at + 1);
            out.add(&below.times(&Big::between(low, *high)));
            low = high.saturating_add(1);
        }
        self.known.insert(node, out.clone());
        out
    }
}

/// How many combinations of the values of `vars`, which have these names, are among the packets of `members`.
pub(super) fn count(shared: &mut Shared, members: Node, vars: &BTreeSet<Var>, of: Vec<String>) -> Within<Count> {
    Ok(Count { number: combinations(&mut shared.arena, members, vars)?, of })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn big_numbers_are_written_in_full() {
        let mut big = Big::between(0, u128::MAX);
        assert_eq!(big.to_string(), "340282366920938463463374607431768211456");
        assert_eq!(big.words(), "2^128");
        big.add(&Big::from(1));
        assert_eq!(big.words(), "over 3.40 × 10^38");
        assert_eq!(Big::from(1 << 64).times(&Big::from(1 << 64)), Big::between(0, u128::MAX));
        assert_eq!(Big::from(16_777_216).words(), "16 777 216");
        assert_eq!(Big::default().to_string(), "0");
    }

    #[test]
    fn combinations_are_counted_once_and_only_of_what_is_kept() {
        // Two bits each; (a, b) in {(0,0), (0,1), (1,0)} where c is 0, and (3, any) where c is not 0.
        let mut arena = Arena::new(vec![3; 3], 1 << 16, 1 << 16);
        let mut all = Node::FALSE;
        for (a, b, c) in [((0, 0), (0, 1), (0, 0)), ((1, 1), (0, 0), (0, 0)), ((3, 3), (0, 3), (1, 3))] {
            let mut one = Node::TRUE;
            for (var, side) in [(0, a), (1, b), (2, c)] {
                let side = arena.within(Var(var), &[side]).unwrap();
                one = arena.and(one, side).unwrap();
            }
            all = arena.or(all, one).unwrap();
        }
        let of = |arena: &mut Arena, vars: &[u16]| {
            combinations(arena, all, &vars.iter().map(|var| Var(*var)).collect()).unwrap().to_string()
        };
        assert_eq!(of(&mut arena, &[0, 1, 2]), "15");
        assert_eq!(of(&mut arena, &[0, 1]), "7");
        assert_eq!(of(&mut arena, &[0]), "3");
        assert_eq!(of(&mut arena, &[2]), "4");
        assert_eq!(of(&mut arena, &[]), "1");
    }
}
