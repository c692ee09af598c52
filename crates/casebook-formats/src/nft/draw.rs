//! Numbers the kernel draws, where all their answers are asked for: `numgen`, `jhash`, `symhash`.
//!
//! A number is not tried one by one. Those that come to the same, the numbers of one element of a map, or those for
//! which a test holds, are one answer, with how many of them there are.

use super::eval::{Machine, compare};
use super::ir::{Data, Draw, Expr, Set, SetId, Table, Test, Value};
use super::watch::Watch;

/// Numbers that are tried one by one, where they are written or computed with.
const FEW: u32 = 64;

impl<'r, W: Watch> Machine<'r, '_, '_, W> {
    /// Whether a test of a number that is drawn holds; `None` when the test is not known, `Err` breaks the rule.
    pub(super) fn drawn_test(
        &mut self,
        table: &'r Table,
        draw: &'r Draw,
        what: &str,
        test: &'r Test,
    ) -> Result<Option<bool>, ()> {
        self.hashed(table, draw)?;
        let Some(holds) = count(table, draw, test) else { return Ok(None) };
        let fails = draw.modulus - holds;
        if holds == 0 || fails == 0 {
            return Ok(Some(fails == 0));
        }
        Ok(Some(self.choices.draw(&[holds, fails], draw, what) == 0))
    }

    /// What a map gives for a number that is drawn: `Some(None)` is a miss. `None` when the key is no such number, or
    /// the map is not decided by what is written; `Err` breaks the rule.
    pub(super) fn drawn_data(
        &mut self,
        table: &'r Table,
        key: &'r Expr,
        id: SetId,
    ) -> Result<Option<Option<&'r Data>>, ()> {
        let Expr::Unknown { what, draw: Some(draw), .. } = key else { return Ok(None) };
        let set = &table.sets[id.0 as usize];
        if !self.choices.draws || !is_plain(set) {
            return Ok(None);
        }
        self.hashed(table, draw)?;
        let mut answers: Vec<(u32, Option<&'r Data>)> = Vec::new();
        let mut add = |weight: u32, data: Option<&'r Data>| {
            if weight == 0 {
                return;
            }
            match answers.iter_mut().find(|(_, known)| *known == data) {
                Some((sum, _)) => *sum += weight,
                None => answers.push((weight, data)),
            }
        };
        let mut rest = draw.modulus;
        for elem in &set.elems {
            let weight = between(draw, elem.key[0]).min(rest);
            rest -= weight;
            add(weight, elem.data.as_ref());
        }
        add(rest, set.catchall.as_ref().and_then(Option::as_ref));
        let [(_, only)] = answers.as_slice() else {
            let weights: Vec<u32> = answers.iter().map(|(weight, _)| *weight).collect();
            let answer = self.choices.draw(&weights, draw, what);
            return Ok(Some(answers.get(answer as usize).and_then(|(_, data)| *data)));
        };
        Ok(Some(*only))
    }

    /// A number that is drawn, when there are few; `None` when there are many, `Err` breaks the rule.
    pub(super) fn drawn_value(&mut self, table: &'r Table, draw: &'r Draw, what: &str) -> Result<Option<u128>, ()> {
        self.hashed(table, draw)?;
        if draw.modulus > FEW {
            return Ok(None);
        }
        let answer = match draw.modulus {
            1 => 0,
            many => self.choices.draw(&vec![1; many as usize], draw, what),
        };
        Ok(Some(u128::from(draw.offset) + u128::from(answer)))
    }

    /// Loads what `jhash` hashes, for the breaks.
    fn hashed(&mut self, table: &'r Table, draw: &'r Draw) -> Result<(), ()> {
        match &draw.key {
            Some(key) if self.breaks(table, key) => Err(()),
            _ => Ok(()),
        }
    }
}

/// True for a set of single keys whose elements are all there, always.
fn is_plain(set: &Set) -> bool {
    set.key.len() == 1
        && !set.dynamic
        && set.conditions.is_empty()
        && set.elems.iter().all(|elem| !elem.conditional && elem.key.len() == 1)
}

/// Numbers of the draw from `low` to `high`.
fn between(draw: &Draw, (low, high): (u128, u128)) -> u32 {
    let (first, last) = (u128::from(draw.offset), u128::from(draw.offset) + u128::from(draw.modulus - 1));
    let (low, high) = (low.max(first), high.min(last));
    // Never more than the modulus.
    if low > high { 0 } else { (high - low + 1) as u32 }
}

/// Numbers of the draw for which a test holds.
fn count(table: &Table, draw: &Draw, test: &Test) -> Option<u32> {
    let (first, last) = (u128::from(draw.offset), u128::from(draw.offset) + u128::from(draw.modulus - 1));
    let of = |count: u32, negate: bool| if negate { draw.modulus - count } else { count };
    Some(match test {
        // At most one number is equal to the constant: those below it, it, and those above it are tested once each.
        Test::Cmp(cmp, Value::One(constant)) => {
            let below = constant.checked_sub(1).map_or(0, |high| between(draw, (first, high)));
            let equal = between(draw, (*constant, *constant));
            let above = constant.checked_add(1).map_or(0, |low| between(draw, (low, last)));
            let holds = |left, right, weight| if compare(*cmp, left, right) { weight } else { 0 };
            holds(0, 1, below) + holds(1, 1, equal) + holds(1, 0, above)
        }
        Test::Range { low, high, negate } => of(between(draw, (*low, *high)), *negate),
        Test::Lookup { set, negate } => {
            let set = &table.sets[set.0 as usize];
            if !is_plain(set) {
                return None;
            }
            let inside = match set.catchall {
                Some(_) => draw.modulus,
                None => set.elems.iter().map(|elem| between(draw, elem.key[0])).fold(0, u32::saturating_add),
            };
            of(inside.min(draw.modulus), *negate)
        }
        Test::Cmp(_, Value::Many(_)) | Test::Unknown => return None,
    })
}
