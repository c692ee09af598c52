//! Where two outcomes leave a packet the same although they write its marks differently.

use casebook_formats::nft::outcome::End;

use super::compile::Shared;
use super::diagram::{Node, Within};
use super::diff::same;
use super::leaf::{Leaf, Slice};
use super::space::{Run, Space};

/// Where two outcomes that differ in marks alone leave the packet the same: it came with the value that one writes.
pub(super) fn alike(shared: &mut Shared, a: u32, b: u32) -> Within<Option<Node>> {
    let (a, b) = (shared.leaves.get(a).clone(), shared.leaves.get(b).clone());
    if !same(&a, &Leaf { mark: a.mark.clone(), ct_mark: a.ct_mark.clone(), ..b.clone() }) {
        return Ok(None);
    }
    let mut all = Node::TRUE;
    if a.end == End::Accept {
        all = equal(shared, Space::Mark, &a.mark, &b.mark)?;
    }
    let connection = equal(shared, Space::CtMark, &a.ct_mark, &b.ct_mark)?;
    shared.arena.and(all, connection).map(Some)
}

/// Where two values of a mark are equal.
fn equal(shared: &mut Shared, space: Space, a: &Option<Vec<Slice>>, b: &Option<Vec<Slice>>) -> Within<Node> {
    if a == b {
        return Ok(Node::TRUE);
    }
    let own: Vec<Slice> = shared
        .layout
        .atoms(Run { space, first: 0, count: 32 })
        .into_iter()
        .map(|(count, var)| Slice::Atom(count, var))
        .collect();
    let bits = |mark: &Option<Vec<Slice>>| mark.clone().unwrap_or_else(|| own.clone());
    let (mut a, mut b) = (bits(a), bits(b));
    let mut all = Node::TRUE;
    while let (Some(left), Some(right)) = (a.pop(), b.pop()) {
        let count = width(left).min(width(right));
        let (Some((left, rest)), Some((right, other))) = (low(left, count), low(right, count)) else {
            // Two variables that are cut at different bits: taken as different.
            return Ok(Node::FALSE);
        };
        a.extend(rest);
        b.extend(other);
        let here = match (left, right) {
            (a, b) if a == b => Node::TRUE,
            (Slice::Known(_, value), Slice::Atom(_, var)) | (Slice::Atom(_, var), Slice::Known(_, value)) => {
                shared.arena.within(var, &[(value, value)])?
            }
            // Of two variables with many values this would be a diagram of as many nodes: taken as different.
            (Slice::Atom(count, one), Slice::Atom(_, other)) if count <= 8 => {
                let mut any = Node::FALSE;
                for value in 0..1u128 << count {
                    let (one, other) =
                        (shared.arena.within(one, &[(value, value)])?, shared.arena.within(other, &[(value, value)])?);
                    let both = shared.arena.and(one, other)?;
                    any = shared.arena.or(any, both)?;
                }
                any
            }
            _ => Node::FALSE,
        };
        all = shared.arena.and(all, here)?;
    }
    Ok(if a.is_empty() && b.is_empty() { all } else { Node::FALSE })
}

fn width(slice: Slice) -> u16 {
    match slice {
        Slice::Known(count, _) | Slice::Atom(count, _) => count,
    }
}

/// The low bits of a stretch, and what is left of it; a variable cannot be cut.
fn low(slice: Slice, count: u16) -> Option<(Slice, Option<Slice>)> {
    match slice {
        _ if width(slice) == count => Some((slice, None)),
        Slice::Known(all, value) => {
            let mask = super::layout::ones(count);
            Some((Slice::Known(count, value & mask), Some(Slice::Known(all - count, value >> count))))
        }
        Slice::Atom(..) => None,
    }
}
