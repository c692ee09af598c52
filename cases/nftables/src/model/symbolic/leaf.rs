//! Outcomes as leaves: how a packet ends, what is left of its marks, and what was done to it on the way.

use std::collections::HashMap;
use std::hash::Hash;

use casebook_formats::nft::outcome::{Effect, End};

use super::diagram::{Source, Var};

/// A stretch of a value: bits of the packet as it came in, or a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slice {
    /// So many bits of this value.
    Known(u16, u128),
    /// So many bits: a variable.
    Atom(u16, Var),
}

/// Number of an effect list in [`Leaves`]; 0 is empty.
type ListId = u32;

/// Who decided: a rule or a policy, by its number in [`Leaves`].
pub type Label = u32;

/// A whole outcome.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Leaf {
    /// The end.
    pub end: End,
    /// Who decided; the last base chain of the main hook for an accepted packet.
    pub decided: Option<Label>,
    /// Packet mark at the end; `None` as it came in.
    pub mark: Option<Vec<Slice>>,
    /// Mark of the connection at the end; `None` as it was.
    pub ct_mark: Option<Vec<Slice>>,
    /// Other effects, in order.
    pub(super) effects: ListId,
    /// Why the outcome is not known, when it is not.
    pub why: Option<String>,
}

/// An effect, and for one that belongs to its rule alone (a counter, a limit) which rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Done {
    /// What.
    pub effect: Effect,
    /// Whose.
    pub of: Option<Label>,
}

/// All outcomes of a computation, each with a number.
#[derive(Debug, Default)]
pub struct Leaves {
    leaves: Interned<Leaf>,
    dones: Interned<Done>,
    lists: Interned<(u32, ListId)>,
    labels: Interned<String>,
}

#[derive(Debug)]
struct Interned<T> {
    known: HashMap<T, u32>,
    list: Vec<T>,
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self { known: HashMap::new(), list: Vec::new() }
    }
}

impl<T: Clone + Eq + Hash> Interned<T> {
    fn number(&mut self, item: T) -> u32 {
        if let Some(number) = self.known.get(&item) {
            return *number;
        }
        let number = self.list.len() as u32;
        self.list.push(item.clone());
        self.known.insert(item, number);
        number
    }
}

impl Leaves {
    /// Number of outcomes and lists of effects.
    pub fn len(&self) -> usize {
        self.leaves.list.len() + self.lists.list.len()
    }

    /// True before the first outcome.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The leaf of an end without effects.
    pub fn end(&mut self, end: End, decided: Option<Label>) -> u32 {
        self.number(Leaf { end, decided, mark: None, ct_mark: None, effects: 0, why: None })
    }

    /// The leaf of an outcome that is not known.
    pub fn unknown(&mut self, why: &str) -> u32 {
        let why = Some(why.to_owned());
        self.number(Leaf { end: End::Unknown, decided: None, mark: None, ct_mark: None, effects: 0, why })
    }

    /// The number of an outcome.
    pub fn number(&mut self, leaf: Leaf) -> u32 {
        self.leaves.number(leaf)
    }

    /// The outcome of a number.
    pub fn get(&self, number: u32) -> &Leaf {
        &self.leaves.list[number as usize]
    }

    /// The number of a rule or policy, by a text that is the same in both rulesets.
    pub fn label(&mut self, text: String) -> Label {
        self.labels.number(text)
    }

    /// The text of a label.
    pub fn text(&self, label: Label) -> &str {
        &self.labels.list[label as usize]
    }

    /// The outcome with one more effect, before all others.
    pub fn with(&mut self, number: u32, done: &Done) -> u32 {
        let done = self.dones.number(done.clone());
        let mut leaf = self.get(number).clone();
        leaf.effects = self.lists.number((done, leaf.effects)) + 1;
        self.number(leaf)
    }

    /// The effects of an outcome, in order.
    pub fn effects(&self, leaf: &Leaf) -> Vec<&Done> {
        let mut out = Vec::new();
        let mut at = leaf.effects;
        while let Some(index) = at.checked_sub(1) {
            let (done, rest) = self.lists.list[index as usize];
            out.push(&self.dones.list[done as usize]);
            at = rest;
        }
        out
    }

    /// The outcome with who decided it, when nobody has.
    pub fn decided_by(&mut self, number: u32, label: Label) -> u32 {
        if self.get(number).decided.is_some() {
            return number;
        }
        let mut leaf = self.get(number).clone();
        leaf.decided = Some(label);
        self.number(leaf)
    }

    /// The outcome with a mark that is written before everything the outcome holds.
    pub fn written(&mut self, number: u32, connection: bool, value: &[Slice]) -> u32 {
        let mut leaf = self.get(number).clone();
        let mark = if connection { &mut leaf.ct_mark } else { &mut leaf.mark };
        if mark.is_some() {
            return number;
        }
        *mark = Some(joined(value.to_vec()));
        self.number(leaf)
    }

    /// The outcome with `source` read instead of `var` in the marks.
    pub fn substituted(&mut self, number: u32, var: Var, source: Source) -> u32 {
        let leaf = self.get(number);
        let reads = |mark: &Option<Vec<Slice>>| {
            mark.iter().flatten().any(|slice| matches!(slice, Slice::Atom(_, known) if *known == var))
        };
        if !reads(&leaf.mark) && !reads(&leaf.ct_mark) {
            return number;
        }
        let mut leaf = leaf.clone();
        for mark in [&mut leaf.mark, &mut leaf.ct_mark].into_iter().flatten() {
            for slice in mark.iter_mut() {
                if let Slice::Atom(count, known) = *slice
                    && known == var
                {
                    *slice = match source {
                        Source::Value(value) => Slice::Known(count, value),
                        Source::Var(other) => Slice::Atom(count, other),
                    };
                }
            }
            *mark = joined(std::mem::take(mark));
        }
        self.number(leaf)
    }
}

/// Neighbouring constants as one, so that equal values are equal.
fn joined(slices: Vec<Slice>) -> Vec<Slice> {
    let mut out: Vec<Slice> = Vec::with_capacity(slices.len());
    for slice in slices {
        match (out.last_mut(), slice) {
            (Some(Slice::Known(count, value)), Slice::Known(more, low)) => {
                *value = value.checked_shl(u32::from(more)).unwrap_or(0) | low;
                *count += more;
            }
            _ => out.push(slice),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_write_of_a_mark_is_what_is_left() {
        let mut leaves = Leaves::default();
        let end = leaves.end(End::Accept, None);
        let late = leaves.written(end, false, &[Slice::Atom(32, Var(3))]);
        let early = leaves.written(late, false, &[Slice::Known(32, 1)]);
        assert_eq!(late, early);
        let fixed = leaves.substituted(late, Var(3), Source::Value(7));
        assert_eq!(leaves.get(fixed).mark, Some(vec![Slice::Known(32, 7)]));
    }

    #[test]
    fn effects_are_in_the_order_they_happen() {
        let mut leaves = Leaves::default();
        let end = leaves.end(End::Accept, None);
        let done = |prefix: &str| Done { effect: Effect::Log(Some(prefix.into())), of: None };
        let second = leaves.with(end, &done("b"));
        let first = leaves.with(second, &done("a"));
        let list = leaves.effects(leaves.get(first));
        assert_eq!(list, [&done("a"), &done("b")]);
        let again = leaves.with(second, &done("a"));
        assert_eq!(first, again);
    }
}
