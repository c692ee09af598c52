//! Interval decision diagrams: functions of a packet's fields, each field tested once on every path, in one order.
//!
//! An inner node splits the values of one variable into intervals, each with its own child; a leaf is a number whose
//! meaning the caller keeps. Nodes are hash-consed: two nodes are the same function exactly when they are the same
//! node. No node has two neighbouring intervals with one child, and no node has a single interval.

use std::collections::HashMap;
use std::rc::Rc;

/// A variable: smaller ones are tested first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Var(pub u16);

/// A function: a leaf, or a test of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node(u32);

/// Steps a look-up in a table costs, which is rarely in the processor's cache.
const LOOKUP: usize = 6;

/// Leaves have the highest bit set.
const LEAF: u32 = 1 << 31;

/// Something was stopped because it took too many steps or nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverBudget;

/// A result, unless the budget ran out.
pub type Within<T> = Result<T, OverBudget>;

/// An interval's last value, and what holds in it.
type Edge = (u128, Node);

#[derive(Debug)]
struct Inner {
    var: Var,
    /// By upper end; the last one is the variable's greatest value.
    edges: Rc<[Edge]>,
}

/// What takes the place of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// A value.
    Value(u128),
    /// Another variable of the same width.
    Var(Var),
}

/// All nodes of one computation.
#[derive(Debug)]
pub struct Arena {
    inner: Vec<Inner>,
    unique: HashMap<(Var, Rc<[Edge]>), Node>,
    choices: HashMap<(Node, Node, Node), Node>,
    /// Lists that have been solved, see [`super::first`].
    pub(super) lists: HashMap<(u64, u64), Node>,
    /// Greatest value of each variable.
    greatest: Vec<u128>,
    steps_left: u64,
    edges_left: u64,
}

impl Node {
    /// False as a leaf.
    pub const FALSE: Node = Node(LEAF);
    /// True as a leaf.
    pub const TRUE: Node = Node(LEAF | 1);

    /// The leaf of a number.
    pub fn leaf(number: u32) -> Self {
        Node(LEAF | number)
    }

    /// The number of a leaf.
    pub fn as_leaf(self) -> Option<u32> {
        (self.0 & LEAF != 0).then_some(self.0 & !LEAF)
    }

    /// The number that stands for the node: equal nodes, equal numbers.
    pub(super) fn number(self) -> u32 {
        self.0
    }

    /// The node of a number [`Self::number`] gave.
    pub(super) fn from_number(number: u32) -> Self {
        Node(number)
    }

    /// The leaf of a truth value.
    pub fn of(truth: bool) -> Self {
        if truth { Node::TRUE } else { Node::FALSE }
    }
}

impl Arena {
    /// An arena over variables with these greatest values, which may make so many steps and keep so many intervals, or as
    /// much of other things.
    pub fn new(greatest: Vec<u128>, steps: u64, edges: u64) -> Self {
        Self {
            inner: Vec::new(),
            unique: HashMap::new(),
            choices: HashMap::new(),
            lists: HashMap::new(),
            greatest,
            steps_left: steps,
            edges_left: edges,
        }
    }

    /// Nodes kept, without leaves.
    pub fn len(&self) -> usize {
        self.inner.len()
    }

    /// True without any inner node.
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }

    /// A new variable, tested after all others.
    pub fn add_var(&mut self, greatest: u128) -> Within<Var> {
        let var = Var(u16::try_from(self.greatest.len()).map_err(|_| OverBudget)?);
        self.greatest.push(greatest);
        Ok(var)
    }

    /// Number of variables.
    pub fn variables(&self) -> u16 {
        // Never more: [`Self::add_var`] counts in as many bits.
        self.greatest.len() as u16
    }

    /// Greatest value of a variable.
    pub fn greatest(&self, var: Var) -> u128 {
        self.greatest[usize::from(var.0)]
    }

    /// The variable and intervals of an inner node.
    pub fn inner(&self, node: Node) -> Option<(Var, &[Edge])> {
        match node.as_leaf() {
            Some(_) => None,
            None => self.inner.get(node.0 as usize).map(|inner| (inner.var, &*inner.edges)),
        }
    }

    /// Allows at most so many more steps until [`Self::unlimit`] is given what this returns.
    pub(super) fn limit(&mut self, steps: u64) -> u64 {
        let kept = self.steps_left.saturating_sub(steps);
        self.steps_left -= kept;
        kept
    }

    /// Takes a limit away.
    pub(super) fn unlimit(&mut self, kept: u64) {
        self.steps_left += kept;
    }

    /// Counts what is kept: an interval, of 32 bytes, is the unit.
    pub(super) fn keep(&mut self, edges: usize) -> Within<()> {
        self.edges_left = self.edges_left.checked_sub(edges as u64).ok_or(OverBudget)?;
        Ok(())
    }

    /// Counts one more of so many results that are remembered for the time of one operation.
    fn remembers(&mut self, results: usize) -> Within<()> {
        self.spend(LOOKUP)?;
        if results as u64 > self.edges_left { Err(OverBudget) } else { Ok(()) }
    }

    /// Steps that are left.
    pub(super) fn steps_left(&self) -> u64 {
        self.steps_left
    }

    /// Counts steps.
    pub(super) fn spend(&mut self, steps: usize) -> Within<()> {
        match self.steps_left.checked_sub(steps as u64) {
            Some(left) => {
                self.steps_left = left;
                Ok(())
            }
            None => Err(OverBudget),
        }
    }

    /// A node that tests `var`; neighbours with one child are joined.
    pub fn node(&mut self, var: Var, edges: Vec<Edge>) -> Within<Node> {
        let mut joined: Vec<Edge> = Vec::with_capacity(edges.len());
        for (high, child) in edges {
            match joined.last_mut() {
                Some(last) if last.1 == child => last.0 = high,
                _ => joined.push((high, child)),
            }
        }
        self.spend(joined.len())?;
        if let [(_, only)] = joined.as_slice() {
            return Ok(*only);
        }
        let key = (var, Rc::<[Edge]>::from(joined));
        if let Some(node) = self.unique.get(&key) {
            return Ok(*node);
        }
        self.keep(key.1.len() + 3)?;
        // Two bits are kept free: one says that a node is a leaf, one is [`super::block`]'s.
        let number = u32::try_from(self.inner.len()).ok().filter(|number| number >> 30 == 0).ok_or(OverBudget)?;
        let node = Node(number);
        self.inner.push(Inner { var, edges: key.1.clone() });
        self.unique.insert(key, node);
        Ok(node)
    }

    /// True where `var` lies in one of these intervals, disjoint and in order.
    pub fn within(&mut self, var: Var, intervals: &[(u128, u128)]) -> Within<Node> {
        let greatest = self.greatest(var);
        let mut edges = Vec::with_capacity(intervals.len() * 2 + 1);
        let mut next = Some(0u128);
        for (low, high) in intervals {
            let (Some(from), high) = (next, (*high).min(greatest)) else { break };
            if *low > greatest {
                break;
            }
            if *low > from {
                edges.push((low - 1, Node::FALSE));
            }
            edges.push((high, Node::TRUE));
            next = high.checked_add(1).filter(|next| *next <= greatest);
        }
        if next.is_some() {
            edges.push((greatest, Node::FALSE));
        }
        self.node(var, edges)
    }

    fn top(&self, nodes: &[Node]) -> Option<Var> {
        nodes.iter().filter_map(|node| self.inner(*node)).map(|(var, _)| var).min()
    }

    /// The intervals of a node in `var`; one for all values when it does not test it first.
    fn edges(&self, node: Node, var: Var) -> Rc<[Edge]> {
        match node.as_leaf() {
            None if self.inner[node.0 as usize].var == var => self.inner[node.0 as usize].edges.clone(),
            _ => Rc::from([(self.greatest(var), node)]),
        }
    }

    /// `then` where `condition` is true, else `other`.
    pub fn choose(&mut self, condition: Node, then: Node, other: Node) -> Within<Node> {
        if condition == Node::TRUE || then == other {
            return Ok(then);
        }
        if condition == Node::FALSE {
            return Ok(other);
        }
        if then == Node::TRUE && other == Node::FALSE {
            return Ok(condition);
        }
        let key = (condition, then, other);
        if let Some(known) = self.choices.get(&key) {
            return Ok(*known);
        }
        let Some(var) = self.top(&[condition, then, other]) else { return Ok(other) };
        let (a, b, c) = (self.edges(condition, var), self.edges(then, var), self.edges(other, var));
        let (mut i, mut j, mut k) = (0, 0, 0);
        let mut edges = Vec::with_capacity(a.len().max(b.len()).max(c.len()));
        while i < a.len() && j < b.len() && k < c.len() {
            let high = a[i].0.min(b[j].0).min(c[k].0);
            let child = self.choose(a[i].1, b[j].1, c[k].1)?;
            edges.push((high, child));
            i += usize::from(a[i].0 == high);
            j += usize::from(b[j].0 == high);
            k += usize::from(c[k].0 == high);
        }
        self.spend(edges.len() + LOOKUP)?;
        let node = self.node(var, edges)?;
        self.keep(2)?;
        self.choices.insert(key, node);
        Ok(node)
    }

    /// Both.
    pub fn and(&mut self, a: Node, b: Node) -> Within<Node> {
        self.choose(a, b, Node::FALSE)
    }

    /// Either.
    pub fn or(&mut self, a: Node, b: Node) -> Within<Node> {
        self.choose(a, Node::TRUE, b)
    }

    /// True when both hold somewhere. Nothing is kept, for most conditions of rules are apart at their first variable.
    pub(super) fn meets(&mut self, a: Node, b: Node) -> Within<bool> {
        if a == Node::FALSE || b == Node::FALSE {
            return Ok(false);
        }
        let Some(var) = self.top(&[a, b]) else { return Ok(true) };
        let (left, right) = (self.edges(a, var), self.edges(b, var));
        let (mut i, mut j) = (0, 0);
        while i < left.len() && j < right.len() {
            self.spend(1)?;
            if self.meets(left[i].1, right[j].1)? {
                return Ok(true);
            }
            let high = left[i].0.min(right[j].0);
            i += usize::from(left[i].0 == high);
            j += usize::from(right[j].0 == high);
        }
        Ok(false)
    }

    /// The opposite.
    pub fn not(&mut self, a: Node) -> Within<Node> {
        self.choose(a, Node::FALSE, Node::TRUE)
    }

    /// Where a condition holds for some value of the variables that `keep` does not keep.
    pub(super) fn project(&mut self, node: Node, keep: &dyn Fn(Var) -> bool) -> Within<Node> {
        self.project_in(node, keep, &mut HashMap::new())
    }

    fn project_in(&mut self, node: Node, keep: &dyn Fn(Var) -> bool, known: &mut HashMap<Node, Node>) -> Within<Node> {
        let Some((var, _)) = self.inner(node) else { return Ok(node) };
        if let Some(done) = known.get(&node) {
            return Ok(*done);
        }
        let old = self.edges(node, var);
        let done = if keep(var) {
            let mut edges = Vec::with_capacity(old.len());
            for (high, child) in old.iter() {
                edges.push((*high, self.project_in(*child, keep, known)?));
            }
            self.node(var, edges)?
        } else {
            let mut all = Node::FALSE;
            for (_, child) in old.iter() {
                let child = self.project_in(*child, keep, known)?;
                all = self.or(all, child)?;
            }
            all
        };
        known.insert(node, done);
        self.remembers(known.len())?;
        Ok(done)
    }

    /// Two functions at once: the leaves of both become one.
    pub fn pair(&mut self, a: Node, b: Node, join: &mut dyn FnMut(u32, u32) -> u32) -> Within<Node> {
        self.pair_in(a, b, join, &mut HashMap::new())
    }

    fn pair_in(
        &mut self,
        a: Node,
        b: Node,
        join: &mut dyn FnMut(u32, u32) -> u32,
        known: &mut HashMap<(Node, Node), Node>,
    ) -> Within<Node> {
        if let (Some(a), Some(b)) = (a.as_leaf(), b.as_leaf()) {
            return Ok(Node::leaf(join(a, b)));
        }
        if let Some(node) = known.get(&(a, b)) {
            return Ok(*node);
        }
        let Some(var) = self.top(&[a, b]) else { return Ok(a) };
        let (left, right) = (self.edges(a, var), self.edges(b, var));
        let (mut i, mut j) = (0, 0);
        let mut edges = Vec::with_capacity(left.len().max(right.len()));
        while i < left.len() && j < right.len() {
            let high = left[i].0.min(right[j].0);
            edges.push((high, self.pair_in(left[i].1, right[j].1, join, known)?));
            i += usize::from(left[i].0 == high);
            j += usize::from(right[j].0 == high);
        }
        self.spend(edges.len())?;
        let node = self.node(var, edges)?;
        known.insert((a, b), node);
        self.remembers(known.len())?;
        Ok(node)
    }

    /// The function with its leaves changed.
    pub fn map(&mut self, node: Node, change: &mut dyn FnMut(u32) -> u32) -> Within<Node> {
        self.map_in(node, change, &mut HashMap::new())
    }

    fn map_in(
        &mut self,
        node: Node,
        change: &mut dyn FnMut(u32) -> u32,
        known: &mut HashMap<Node, Node>,
    ) -> Within<Node> {
        if let Some(number) = node.as_leaf() {
            return Ok(Node::leaf(change(number)));
        }
        if let Some(done) = known.get(&node) {
            return Ok(*done);
        }
        let Inner { var, edges } = &self.inner[node.0 as usize];
        let (var, old) = (*var, edges.clone());
        let mut edges = Vec::with_capacity(old.len());
        for (high, child) in old.iter() {
            edges.push((*high, self.map_in(*child, change, known)?));
        }
        let done = self.node(var, edges)?;
        known.insert(node, done);
        self.remembers(known.len())?;
        Ok(done)
    }

    /// The function with `source` read instead of `var`.
    pub fn substitute(&mut self, node: Node, var: Var, source: Source) -> Within<Node> {
        if source == Source::Var(var) {
            return Ok(node);
        }
        self.substitute_in(node, var, source, &mut HashMap::new())
    }

    fn substitute_in(&mut self, node: Node, var: Var, source: Source, known: &mut HashMap<Node, Node>) -> Within<Node> {
        let Some((top, _)) = self.inner(node) else { return Ok(node) };
        // Variables are in order, so below a later one `var` is not tested.
        if top > var {
            return Ok(node);
        }
        if let Some(done) = known.get(&node) {
            return Ok(*done);
        }
        let old = self.edges(node, top);
        let done = if top == var {
            match source {
                Source::Value(value) => {
                    let at = old.partition_point(|(high, _)| *high < value);
                    old.get(at).map_or(node, |(_, child)| *child)
                }
                Source::Var(other) => self.switch(other, &old)?,
            }
        } else {
            let mut edges = Vec::with_capacity(old.len());
            for (high, child) in old.iter() {
                edges.push((*high, self.substitute_in(*child, var, source, known)?));
            }
            match source {
                // The children may test the other variable now, which may come before this one, or be this one.
                Source::Var(other) if other <= top => self.switch(top, &edges)?,
                _ => self.node(top, edges)?,
            }
        };
        known.insert(node, done);
        self.remembers(known.len())?;
        Ok(done)
    }

    /// The child of the interval `var` lies in, wherever in the order `var` stands.
    fn switch(&mut self, var: Var, edges: &[Edge]) -> Within<Node> {
        let mut low = 0;
        let mut out = edges.last().map_or(Node::FALSE, |(_, child)| *child);
        for (high, child) in edges {
            let inside = self.within(var, &[(low, *high)])?;
            out = self.choose(inside, *child, out)?;
            low = high.saturating_add(1);
        }
        Ok(out)
    }

    /// The leaf for these values, one for each variable.
    pub fn value(&self, mut node: Node, values: &[u128]) -> u32 {
        loop {
            match self.inner(node) {
                None => return node.as_leaf().unwrap_or(0),
                Some((var, edges)) => {
                    let value = values[usize::from(var.0)];
                    let at = edges.partition_point(|(high, _)| *high < value).min(edges.len() - 1);
                    node = edges[at].1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three variables of two bits, and every value of them.
    fn arena() -> (Arena, Vec<[u128; 3]>) {
        let all = (0..64u128).map(|n| [n & 3, n >> 2 & 3, n >> 4 & 3]).collect();
        (Arena::new(vec![3; 3], 1 << 20, 1 << 20), all)
    }

    fn some(arena: &mut Arena, seed: &mut u64) -> Node {
        let mut out = Node::FALSE;
        for _ in 0..6 {
            let mut next = || {
                *seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (*seed >> 33) as u128
            };
            let (var, low, leaf) = (Var((next() % 3) as u16), next() % 4, next() % 5);
            let high = low + next() % (4 - low);
            let test = arena.within(var, &[(low, high)]).unwrap();
            out = arena.choose(test, Node::leaf(leaf as u32), out).unwrap();
        }
        out
    }

    fn is_ordered(arena: &Arena, node: Node, above: Option<Var>) -> bool {
        let Some((var, edges)) = arena.inner(node) else { return true };
        above.is_none_or(|above| above < var) && edges.iter().all(|(_, child)| is_ordered(arena, *child, Some(var)))
    }

    #[test]
    fn operations_agree_with_every_value() {
        let (mut arena, all) = arena();
        let mut seed = 7;
        for _ in 0..200 {
            let (a, b) = (some(&mut arena, &mut seed), some(&mut arena, &mut seed));
            let condition = arena.map(a, &mut |leaf| u32::from(leaf > 2)).unwrap();
            let chosen = arena.choose(condition, a, b).unwrap();
            let paired = arena.pair(a, b, &mut |a, b| a * 8 + b).unwrap();
            let fixed = arena.substitute(a, Var(1), Source::Value(2)).unwrap();
            let up = arena.substitute(a, Var(2), Source::Var(Var(0))).unwrap();
            let down = arena.substitute(a, Var(0), Source::Var(Var(2))).unwrap();
            for node in [a, b, chosen, paired, fixed, up, down] {
                assert!(is_ordered(&arena, node, None));
            }
            for v in &all {
                let (x, y) = (arena.value(a, v), arena.value(b, v));
                assert_eq!(arena.value(chosen, v), if x > 2 { x } else { y });
                assert_eq!(arena.value(paired, v), x * 8 + y);
                assert_eq!(arena.value(fixed, v), arena.value(a, &[v[0], 2, v[2]]));
                assert_eq!(arena.value(up, v), arena.value(a, &[v[0], v[1], v[0]]));
                assert_eq!(arena.value(down, v), arena.value(a, &[v[2], v[1], v[2]]));
            }
        }
    }

    #[test]
    fn equal_functions_are_one_node() {
        let (mut arena, _) = arena();
        let low = arena.within(Var(1), &[(0, 1)]).unwrap();
        let high = arena.within(Var(1), &[(2, 3)]).unwrap();
        assert_eq!(arena.not(low).unwrap(), high);
        assert_eq!(arena.or(low, high).unwrap(), Node::TRUE);
        assert_eq!(arena.within(Var(1), &[(0, 3)]).unwrap(), Node::TRUE);
    }

    #[test]
    fn a_budget_stops_the_work() {
        let mut arena = Arena::new(vec![255; 4], 40, 1 << 20);
        let work = (0..64).try_for_each(|n| arena.within(Var(n % 4), &[(n.into(), n.into())]).map(|_| ()));
        assert_eq!(work, Err(OverBudget));
    }
}
