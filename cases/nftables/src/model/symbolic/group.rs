//! Differing outcomes as few groups: a list of changes is read by people.

use std::collections::HashMap;

use super::compile::{Care, Shared, compile};
use super::diagram::{Node, Within};
use super::diff::{Kind, kind, same};
use super::leaf::Leaf;
use super::space::Class;
use super::touched::{Pair, settled};

/// Steps for finding out who decides, which is worth less than what is decided.
const DECIDERS: u64 = 60_000_000;

/// Number of the group of packets whose outcome is the same.
pub(super) const SAME: u32 = 0;

/// Outcomes that belong together.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// Numbers of the leaves before and after.
    pub(super) members: Vec<(u32, u32)>,
    /// Who decides was not computed.
    pub(super) anonymous: bool,
}

/// The functions of two rulesets, wanted where `care` says.
#[derive(Clone, Copy)]
pub(super) struct Both {
    pub(super) before: Node,
    pub(super) after: Node,
    pub(super) care: Care,
}

/// The number of the group for each packet, and the groups; the first stands for [`SAME`].
pub(super) fn grouped(
    shared: &mut Shared,
    pair: &Pair<'_>,
    classes: [Class; 2],
    (both, differ): (Both, Node),
    most: usize,
) -> Within<(Node, Vec<Group>)> {
    let before = shared.arena.limit(DECIDERS);
    let decided = decided(shared, pair, classes, differ, both.care);
    shared.arena.unlimit(before);
    let anonymous = decided.is_err();
    let (node, pairs) = match decided {
        Ok(found) => found,
        Err(_) => paired(shared, both)?,
    };
    let bare = |leaf: &Leaf| Leaf { decided: None, ..leaf.clone() };
    let one = |shared: &Shared, (a, b): (u32, u32)| {
        let (a, b) = (shared.leaves.get(a), shared.leaves.get(b));
        (kind(shared, a, b), bare(a), bare(b))
    };
    let mut groups: Vec<Group> = Vec::new();
    let mut of: Vec<u32> = Vec::new();
    for level in 0..3 {
        groups = vec![Group::default()];
        of = vec![SAME];
        let mut alike: HashMap<(Leaf, Leaf), u32> = HashMap::new();
        let mut ends: HashMap<(Kind, u8, u8), u32> = HashMap::new();
        for members in &pairs[1..] {
            let fresh = groups.len() as u32;
            let number = match level {
                0 => fresh,
                1 => {
                    let (_, a, b) = one(shared, *members);
                    *alike.entry((a, b)).or_insert(fresh)
                }
                _ => {
                    let (kind, a, b) = one(shared, *members);
                    *ends.entry((kind, a.end as u8, b.end as u8)).or_insert(fresh)
                }
            };
            if number == fresh {
                groups.push(Group { members: Vec::new(), anonymous });
            }
            groups[number as usize].members.push(*members);
            of.push(number);
        }
        if groups.len() - 1 <= most {
            break;
        }
    }
    let node = shared.arena.map(node, &mut |pair| of[pair as usize])?;
    Ok((node, groups))
}

/// Pairs of leaves that differ, by number; 0 stands for all that do not.
fn paired(shared: &mut Shared, both: Both) -> Within<(Node, Vec<(u32, u32)>)> {
    let mut pairs: Vec<(u32, u32)> = vec![(0, 0)];
    let mut known: HashMap<(u32, u32), u32> = HashMap::new();
    let Shared { arena, leaves, .. } = &mut *shared;
    let node = arena.pair(both.before, both.after, &mut |a, b| {
        if same(leaves.get(a), leaves.get(b)) {
            return SAME;
        }
        *known.entry((a, b)).or_insert_with(|| {
            pairs.push((a, b));
            pairs.len() as u32 - 1
        })
    })?;
    let node = match both.care {
        Care::Where(care) => shared.arena.choose(care, node, Node::leaf(SAME))?,
        _ => node,
    };
    Ok((node, pairs))
}

/// As [`paired`], with who decides, compiled for the packets around those that differ.
fn decided(
    shared: &mut Shared,
    pair: &Pair<'_>,
    [first, second]: [Class; 2],
    differ: Node,
    care: Care,
) -> Within<(Node, Vec<(u32, u32)>)> {
    let settled = settled(shared, &pair.uses);
    let around = shared.arena.project(differ, &|var| settled.contains(&var))?;
    let care = if around == Node::TRUE { care } else { Care::Where(around) };
    let before = compile(shared, pair.old, first, care)?;
    let after = compile(shared, pair.new, second, care)?;
    paired(shared, Both { before, after, care })
}
