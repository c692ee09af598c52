//! The tests at the beginning of rules, in the form that costs least to run again.
//!
//! Most rules end at their first or second test, and most tests of a chain read the same few fields. The tests a
//! rule begins with are pure, so a chain that is run often keeps them apart: the field as a slot that is loaded once
//! and kept until something writes, the test beside it. They give the same answers as [`super::eval`]; where an
//! answer is not known they leave the rule to it.

use std::collections::HashMap;
use std::rc::Rc;

use super::eval::{compare, shift};
use super::ir::{ChainId, Cmp, Expr, Field, MetaKey, OpKind, Ruleset, Set, Table, TableId, Test, Value};
use super::load::{Flight, Loaded};
use super::sets::Index;

/// Runs of a chain before its tests are set apart: what is run once is not worth it.
const WARM: u8 = 4;

/// Number of a slot.
type Slot = u16;

/// A test on one slot.
#[derive(Debug)]
struct Guard<'r> {
    slot: Slot,
    is: Is<'r>,
}

/// What the value in a slot is held against.
#[derive(Debug)]
enum Is<'r> {
    Equal(u128),
    Unequal(u128),
    Order(Cmp, u128),
    /// Between two ends, both included; or, when the last is true, not.
    Range(u128, u128, bool),
    /// In one of these intervals, disjoint and in order; or, when the last is true, in none.
    Member(&'r [(u128, u128, u32)], bool),
}

/// The tests that the rules of one chain begin with.
#[derive(Debug)]
pub(super) struct Guards<'r> {
    tests: Vec<Guard<'r>>,
    /// Where the tests of each rule end.
    ends: Vec<u32>,
}

/// A chain: how often it was run, and its tests once it is warm.
#[derive(Debug, Default)]
enum State<'r> {
    #[default]
    Unseen,
    Seen(u8),
    Warm(Rc<Guards<'r>>),
}

/// What a slot held when it was last loaded.
#[derive(Clone, Copy, Debug)]
struct Kept {
    /// [`Slots::epoch`] of the load.
    epoch: u64,
    loaded: Loaded,
}

/// Values loaded from the packet, kept until something is written.
#[derive(Debug, Default)]
pub(super) struct Slots<'r> {
    of: HashMap<&'r Expr, Slot>,
    exprs: Vec<&'r Expr>,
    kept: Vec<Kept>,
    /// Counts the packets, hooks and writes: what was loaded in another epoch is loaded again.
    epoch: u64,
}

/// What the tests say of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guarded {
    /// One of them breaks it.
    Broke,
    /// This many operations hold; the rule goes on after them.
    Holds(usize),
    /// Something is not known: the rule is run as a whole.
    Undecided,
}

/// The chains of a ruleset, as far as they have been run.
#[derive(Debug)]
pub(super) struct Program<'r> {
    ruleset: &'r Ruleset,
    chains: Vec<Vec<State<'r>>>,
    pub(super) slots: Slots<'r>,
}

impl<'r> Program<'r> {
    pub(super) fn new(ruleset: &'r Ruleset) -> Self {
        let unseen = |table: &Table| table.chains.iter().map(|_| State::Unseen).collect();
        Self { ruleset, chains: ruleset.tables.iter().map(unseen).collect(), slots: Slots::default() }
    }

    /// The tests of a chain that is about to run, once it has been run a few times.
    pub(super) fn enter(&mut self, table: TableId, chain: ChainId) -> Option<Rc<Guards<'r>>> {
        let state = &mut self.chains[table.0 as usize][chain.0 as usize];
        match state {
            State::Unseen => *state = State::Seen(1),
            State::Seen(times) if *times < WARM => *times += 1,
            State::Seen(_) => {
                *state = State::Warm(Rc::new(guards(self.ruleset.table(table), chain, &mut self.slots)));
            }
            State::Warm(_) => {}
        }
        match state {
            State::Warm(guards) => Some(guards.clone()),
            _ => None,
        }
    }
}

fn guards<'r>(table: &'r Table, chain: ChainId, slots: &mut Slots<'r>) -> Guards<'r> {
    let rules = &table.chains[chain.0 as usize].rules;
    let mut all = Guards { tests: Vec::new(), ends: Vec::with_capacity(rules.len()) };
    for rule in rules {
        let begin = all.tests.len();
        all.tests.extend(rule.ops.iter().map_while(|op| guard(table, &op.kind, slots)));
        // All have to hold, in whatever order. What nft puts in by itself is rarely what breaks a rule, and its
        // fields are always known, so that what is left undecided is the same.
        all.tests[begin..].sort_by_key(|test| is_protocol(slots.exprs[usize::from(test.slot)]));
        all.ends.push(all.tests.len() as u32);
    }
    all
}

/// The test of an operation, when it is one of a single value against what is written in the ruleset.
fn guard<'r>(table: &'r Table, op: &'r OpKind, slots: &mut Slots<'r>) -> Option<Guard<'r>> {
    let OpKind::Match(expr, test) = op else { return None };
    if !is_pure(expr) {
        return None;
    }
    let is = match test {
        Test::Cmp(Cmp::Eq, Value::One(constant)) => Is::Equal(*constant),
        Test::Cmp(Cmp::Ne, Value::One(constant)) => Is::Unequal(*constant),
        Test::Cmp(cmp, Value::One(constant)) => Is::Order(*cmp, *constant),
        Test::Range { low, high, negate } => Is::Range(*low, *high, *negate),
        Test::Lookup { set, negate } => Is::Member(decided(&table.sets[set.0 as usize])?, *negate),
        Test::Cmp(_, Value::Many(_)) | Test::Unknown => return None,
    };
    Some(Guard { slot: slots.of(expr)?, is })
}

/// The family or the transport protocol: what a dependency tests.
fn is_protocol(expr: &Expr) -> bool {
    matches!(expr, Expr::Load(Field::Meta(MetaKey::Nfproto | MetaKey::L4proto)))
}

/// Only fields, masked or shifted: nothing that asks a question or looks into a map.
fn is_pure(expr: &Expr) -> bool {
    match expr {
        // A device has a number beside its name, and rules may use either.
        Expr::Load(Field::Meta(MetaKey::Iif | MetaKey::Oif)) => false,
        Expr::Load(_) => true,
        Expr::Bits { base, .. } | Expr::Shift { base, .. } => is_pure(base),
        Expr::Const(_) | Expr::Concat(_) | Expr::Map(..) | Expr::Unknown { .. } => false,
    }
}

/// The intervals of a set of single values whose members are decided by what is written.
fn decided(set: &Set) -> Option<&[(u128, u128, u32)]> {
    let plain = !set.dynamic
        && set.conditions.is_empty()
        && set.catchall.is_none()
        && set.elems.iter().all(|elem| !elem.conditional);
    match &set.index {
        Index::Intervals(list) if plain => Some(list),
        _ => None,
    }
}

/// True when one of the intervals, disjoint and in order, holds `value`.
fn holds(list: &[(u128, u128, u32)], value: u128) -> bool {
    const FEW: usize = 8;
    if list.len() <= FEW {
        // Without a way out in the middle, which would be guessed wrong each time.
        return list.iter().fold(false, |found, (low, high, _)| found | (*low <= value && value <= *high));
    }
    let after = list.partition_point(|(low, ..)| *low <= value);
    after.checked_sub(1).is_some_and(|at| value <= list[at].1)
}

impl<'r> Slots<'r> {
    /// Forgets what was loaded.
    pub(super) fn forget(&mut self) {
        self.epoch += 1;
    }

    /// The slot of an expression; `None` when there are too many.
    fn of(&mut self, expr: &'r Expr) -> Option<Slot> {
        if let Some(slot) = self.of.get(expr) {
            return Some(*slot);
        }
        let slot = Slot::try_from(self.exprs.len()).ok()?;
        self.of.insert(expr, slot);
        self.exprs.push(expr);
        // Epochs begin at 1: a packet forgets before its first hook.
        self.kept.push(Kept { epoch: 0, loaded: Loaded::Unknown });
        Some(slot)
    }

    #[inline]
    fn load(&mut self, flight: &Flight<'_>, slot: Slot) -> Loaded {
        let kept = self.kept[usize::from(slot)];
        if kept.epoch == self.epoch { kept.loaded } else { self.reload(flight, slot) }
    }

    #[inline(never)]
    fn reload(&mut self, flight: &Flight<'_>, slot: Slot) -> Loaded {
        let loaded = pure(flight, self.exprs[usize::from(slot)]);
        self.kept[usize::from(slot)] = Kept { epoch: self.epoch, loaded };
        loaded
    }
}

/// The value of an expression of fields, masks and shifts.
fn pure(flight: &Flight<'_>, expr: &Expr) -> Loaded {
    let base = match expr {
        Expr::Load(field) => return flight.load(*field),
        Expr::Bits { base, .. } | Expr::Shift { base, .. } => base,
        Expr::Const(_) | Expr::Concat(_) | Expr::Map(..) | Expr::Unknown { .. } => return Loaded::Unknown,
    };
    match (pure(flight, base), expr) {
        (Loaded::Known(value), Expr::Bits { and, xor, .. }) => Loaded::Known((value & and) ^ xor),
        (Loaded::Known(value), Expr::Shift { left, by, .. }) => Loaded::Known(shift(value, *left, *by)),
        (other, _) => other,
    }
}

impl Guards<'_> {
    /// Runs the tests the rule at `index` begins with.
    #[inline]
    fn run(&self, index: usize, flight: &Flight<'_>, slots: &mut Slots<'_>) -> Guarded {
        let begin = index.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        let tests = &self.tests[begin..self.ends[index] as usize];
        for test in tests {
            let value = match slots.load(flight, test.slot) {
                Loaded::Known(value) => value,
                Loaded::Break => return Guarded::Broke,
                Loaded::Unknown => return Guarded::Undecided,
            };
            let met = match &test.is {
                Is::Equal(constant) => value == *constant,
                Is::Unequal(constant) => value != *constant,
                Is::Order(cmp, constant) => compare(*cmp, value, *constant),
                Is::Range(low, high, negate) => (*low <= value && value <= *high) != *negate,
                Is::Member(list, negate) => holds(list, value) != *negate,
            };
            if !met {
                return Guarded::Broke;
            }
        }
        Guarded::Holds(tests.len())
    }

    /// The first rule from `index` on that its tests do not break, with what they say.
    pub(super) fn next(&self, from: usize, flight: &Flight<'_>, slots: &mut Slots<'_>) -> Option<(usize, Guarded)> {
        let said = (from..self.ends.len()).map(|index| (index, self.run(index, flight, slots)));
        said.into_iter().find(|(_, said)| *said != Guarded::Broke)
    }
}
