//! Which conditions of a list are ever the first to hold.

use std::collections::HashSet;

use super::diagram::{Arena, Node, Within};
use super::first::{Key, Sweep, fold};

/// A condition with its number in the list.
type Item = (u32, Node);

impl Arena {
    /// Marks the conditions that are somewhere the first to hold. Those marked before are not looked for, and still
    /// keep others from being first.
    pub(super) fn firsts(&mut self, conditions: &[Node], found: &mut [bool]) -> Within<()> {
        let mut list: Vec<Item> = Vec::with_capacity(conditions.len());
        for (index, condition) in conditions.iter().enumerate() {
            if *condition != Node::FALSE {
                list.push((index as u32, *condition));
            }
            if *condition == Node::TRUE {
                break;
            }
        }
        self.firsts_of(&list, found, &mut HashSet::new())
    }

    /// No condition of the list is false; only the last can be true.
    fn firsts_of(&mut self, list: &[Item], found: &mut [bool], seen: &mut HashSet<Key>) -> Within<()> {
        let Some((first, _)) = list.first() else { return Ok(()) };
        found[*first as usize] = true;
        let wanted = list.iter().rposition(|(index, _)| !found[*index as usize]);
        let Some(last) = wanted else { return Ok(()) };
        let list = &list[..=last];
        if !seen.insert(key(list)) {
            return Ok(());
        }
        let top = list.iter().filter_map(|(_, condition)| self.inner(*condition)).map(|(var, _)| var).min();
        let Some(var) = top else { return Ok(()) };
        let mut sweep = Sweep::new(self, list.iter().map(|(_, condition)| *condition), var);
        let greatest = self.greatest(var);
        let mut here: Vec<Item> = Vec::new();
        while sweep.next(greatest).is_some() {
            here.clear();
            let mut open = false;
            for (at, condition) in sweep.active() {
                let index = list[*at as usize].0;
                here.push((index, *condition));
                open |= !found[index as usize];
                if *condition == Node::TRUE {
                    break;
                }
            }
            self.spend(here.len() + 1)?;
            if open {
                let list = std::mem::take(&mut here);
                self.firsts_of(&list, found, seen)?;
                here = list;
            }
        }
        Ok(())
    }
}

fn key(list: &[Item]) -> Key {
    fold(
        list.iter().map(|(index, condition)| u64::from(condition.number()) << 32 | u64::from(*index)),
        list.len() as u64,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::symbolic::diagram::Var;

    #[test]
    fn agrees_with_every_value() {
        let mut seed = 11u64;
        let mut next = || {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) as u128
        };
        for _ in 0..300 {
            let mut arena = Arena::new(vec![7; 3], 1 << 22, 1 << 22);
            let mut list = Vec::new();
            for _ in 0..14 {
                let mut condition = Node::TRUE;
                for var in 0..3 {
                    if next() % 3 > 0 {
                        let low = next() % 8;
                        let high = low + next() % (8 - low);
                        let side = arena.within(Var(var), &[(low, high)]).unwrap();
                        condition = arena.and(condition, side).unwrap();
                    }
                }
                list.push(condition);
            }
            let mut expected = vec![false; list.len()];
            for value in 0..512u128 {
                let values = [value & 7, value >> 3 & 7, value >> 6 & 7];
                if let Some(first) = list.iter().position(|node| arena.value(*node, &values) == 1) {
                    expected[first] = true;
                }
            }
            let mut found = vec![false; list.len()];
            arena.firsts(&list, &mut found).unwrap();
            assert_eq!(found, expected);
        }
    }
}
