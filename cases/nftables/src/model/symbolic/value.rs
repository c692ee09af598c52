//! Expressions and tests over atoms.

use casebook_formats::nft::ir::{Cmp, CtKey, Expr, Field, MetaKey, Set, SetId, Table, Test, Value};
use casebook_formats::nft::types::name_value;

use super::compile::{Compiler, Shared};
use super::diagram::{Node, Var, Within};
use super::layout::ones;
use super::leaf::Slice;
use super::space::{HAS_LINK, Located, Needs, Piece, Run, Space, TRANSPORT_LEN, WHOLE};

/// One part of a key.
#[derive(Clone, Debug)]
pub(super) struct Part {
    slices: Vec<Slice>,
    /// Devices are compared by name.
    device: bool,
}

/// A value as the rules see it.
#[derive(Clone, Debug)]
pub(super) enum Read {
    /// The rule breaks for every packet.
    Absent,
    /// Slices, most significant first, where `valid` holds; elsewhere the rule breaks.
    Slices {
        /// Where it can be read.
        valid: Node,
        /// The value.
        slices: Vec<Slice>,
        /// Devices are compared by name.
        device: bool,
    },
    /// Not covered.
    Unknown,
}

impl Shared {
    /// True where a run of bits lies in one of these intervals; never where no rule reads it.
    pub fn lies(&mut self, run: Run, intervals: &[(u128, u128)]) -> Within<Node> {
        let slices: Vec<Slice> =
            self.layout.atoms(run).into_iter().map(|(count, var)| Slice::Atom(count, var)).collect();
        let mut out = Node::FALSE;
        if slices.is_empty() {
            return Ok(out);
        }
        for (low, high) in intervals {
            let here = self.between(&slices, *low, *high)?;
            out = self.arena.or(out, here)?;
        }
        Ok(out)
    }

    /// True where the value lies between two numbers, both included.
    pub fn between(&mut self, slices: &[Slice], low: u128, high: u128) -> Within<Node> {
        if low > high {
            return Ok(Node::FALSE);
        }
        let total: u16 = slices.iter().map(|slice| slice.count()).sum();
        let greatest = ones(total.min(128));
        if low > greatest {
            return Ok(Node::FALSE);
        }
        self.between_in(slices, total.min(128), low, high.min(greatest))
    }

    /// As [`Self::between`], for numbers that fit: the first slice decides, or leaves it to the others at its ends.
    fn between_in(&mut self, slices: &[Slice], total: u16, low: u128, high: u128) -> Within<Node> {
        if low == 0 && high == ones(total) {
            return Ok(Node::TRUE);
        }
        let Some((first, rest)) = slices.split_first() else { return Ok(Node::TRUE) };
        let count = first.count().min(total);
        let left = total - count;
        let part = |value: u128| (value.checked_shr(u32::from(left)).unwrap_or(0), value & ones_or_none(left));
        let ((low_first, low_rest), (high_first, high_rest)) = (part(low), part(high));
        if low_first == high_first {
            let here = self.slice_within(*first, low_first, low_first)?;
            let there = self.between_in(rest, left, low_rest, high_rest)?;
            return self.arena.and(here, there);
        }
        // Strictly between the ends, or at one of them with the rest beyond it.
        let mut out = match (low_first.checked_add(1), high_first.checked_sub(1)) {
            (Some(from), Some(to)) if from <= to => self.slice_within(*first, from, to)?,
            _ => Node::FALSE,
        };
        for (value, from, to) in [(low_first, low_rest, ones_or_none(left)), (high_first, 0, high_rest)] {
            let here = self.slice_within(*first, value, value)?;
            let there = self.between_in(rest, left, from, to)?;
            let both = self.arena.and(here, there)?;
            out = self.arena.or(out, both)?;
        }
        Ok(out)
    }

    fn slice_within(&mut self, slice: Slice, low: u128, high: u128) -> Within<Node> {
        match slice {
            Slice::Known(_, value) => Ok(Node::of(low <= value && value <= high)),
            Slice::Atom(_, var) => self.arena.within(var, &[(low, high)]),
        }
    }
}

impl<'r> Compiler<'r, '_> {
    /// Reads an expression of one value.
    pub(super) fn read(&mut self, expr: &Expr) -> Within<Read> {
        match expr {
            Expr::Load(field) => self.load(*field),
            Expr::Const(value) => {
                Ok(Read::Slices { valid: Node::TRUE, slices: vec![Slice::Known(128, *value)], device: false })
            }
            Expr::Bits { base, and, xor } => match self.read(base)? {
                Read::Slices { valid, slices, .. } => Ok(match masked(&slices, *and, *xor) {
                    Some(slices) => Read::Slices { valid, slices, device: false },
                    None => Read::Unknown,
                }),
                other => Ok(other),
            },
            Expr::Shift { .. } | Expr::Concat(_) | Expr::Map(..) | Expr::Unknown { .. } => Ok(Read::Unknown),
        }
    }

    fn load(&mut self, field: Field) -> Within<Read> {
        if field == Field::Ct(CtKey::State, None) && !self.at.looked_up && self.class.tracked {
            let slices = vec![Slice::Known(32, self.early)];
            return Ok(Read::Slices { valid: Node::TRUE, slices, device: false });
        }
        let (pieces, needs) = match self.class.locate(field, self.at) {
            Located::Absent => return Ok(Read::Absent),
            Located::Unknown => return Ok(Read::Unknown),
            Located::Bits { pieces, needs } => (pieces, needs),
        };
        let mut slices = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Known(count, value) => slices.push(Slice::Known(count, value)),
                Piece::Run(run) => {
                    let atoms = self.shared.layout.atoms(run);
                    if atoms.iter().map(|(count, _)| count).sum::<u16>() != run.count {
                        return Ok(Read::Unknown);
                    }
                    slices.extend(atoms.into_iter().map(|(count, var)| Slice::Atom(count, var)));
                }
            }
        }
        let valid = self.met(needs)?;
        let device = matches!(field, Field::Meta(MetaKey::Iif | MetaKey::Oif));
        Ok(Read::Slices { valid, slices, device })
    }

    /// Where what a field needs is there.
    pub(super) fn met(&mut self, needs: Needs) -> Within<Node> {
        let mut all = Node::TRUE;
        if needs.connection {
            all = self.has_connection()?;
        }
        let mut sides = Vec::new();
        if let Some(kind) = needs.option {
            sides.push((Run { space: Space::HasOption(kind), first: 0, count: 1 }, 1, 1));
        }
        if needs.link {
            sides.push((HAS_LINK, 1, 1));
        }
        if needs.bytes > 0 {
            sides.push((TRANSPORT_LEN, u128::from(needs.bytes), WHOLE));
        }
        for (run, low, high) in sides {
            let side = self.is(run, &[(low, high)])?;
            all = self.shared.arena.and(side, all)?;
        }
        Ok(all)
    }

    /// True for packets of a connection: not invalid, not exempt.
    pub(super) fn has_connection(&mut self) -> Within<Node> {
        self.is(Run { space: Space::CtState, first: 0, count: 32 }, &[(2, 2), (4, 4), (8, 8)])
    }

    /// True where a run of bits lies in one of these intervals.
    pub(super) fn is(&mut self, run: Run, intervals: &[(u128, u128)]) -> Within<Node> {
        self.shared.lies(run, intervals)
    }

    /// Where a match holds; where it does not, the rule breaks. `None` when it is not covered.
    pub(super) fn test(&mut self, table: &'r Table, expr: &Expr, test: &Test) -> Within<Option<Node>> {
        let wide = matches!(expr, Expr::Concat(_));
        let parts: &[Expr] = if let Expr::Concat(parts) = expr { parts } else { std::slice::from_ref(expr) };
        let Some((valid, values)) = self.parts(parts)? else { return Ok(None) };
        if valid == Node::FALSE {
            return Ok(Some(Node::FALSE));
        }
        let holds = match test {
            Test::Cmp(cmp @ (Cmp::Eq | Cmp::Ne), Value::Many(wanted)) if wanted.len() == values.len() => {
                let key: Vec<(u128, u128)> = wanted.iter().map(|value| (*value, *value)).collect();
                let equal = self.inside(&values, &key)?;
                if *cmp == Cmp::Eq { equal } else { self.shared.arena.not(equal)? }
            }
            Test::Cmp(cmp, Value::One(value)) if !wide => match self.compare(&values[0], *cmp, *value)? {
                Some(node) => node,
                None => return Ok(None),
            },
            Test::Range { low, high, negate } if !wide && !values[0].device => {
                let inside = self.shared.between(&values[0].slices, *low, *high)?;
                if *negate { self.shared.arena.not(inside)? } else { inside }
            }
            Test::Lookup { set, negate } => match self.member(table, *set, &values)? {
                Some(member) if *negate => self.shared.arena.not(member)?,
                Some(member) => member,
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        self.shared.arena.and(valid, holds).map(Some)
    }

    /// The parts of a key: where all can be read, and their slices; `None` when one is not covered.
    pub(super) fn parts(&mut self, parts: &[Expr]) -> Within<Option<(Node, Vec<Part>)>> {
        let mut all = Node::TRUE;
        let mut values = Vec::with_capacity(parts.len());
        let mut unknown = false;
        for part in parts {
            match self.read(part)? {
                Read::Absent => return Ok(Some((Node::FALSE, Vec::new()))),
                Read::Unknown => unknown = true,
                Read::Slices { valid, slices, device } => {
                    all = self.shared.arena.and(all, valid)?;
                    values.push(Part { slices, device });
                }
            }
        }
        Ok((!unknown).then_some((all, values)))
    }

    fn compare(&mut self, Part { slices, device }: &Part, cmp: Cmp, value: u128) -> Within<Option<Node>> {
        let value = match (device, value) {
            (false, value) | (true, value @ 0) => value,
            (true, 1) => name_value("lo"),
            (true, name) if name > u128::from(u32::MAX) && matches!(cmp, Cmp::Eq | Cmp::Ne) => name,
            (true, _) => return Ok(None),
        };
        let top = u128::MAX;
        let node = match cmp {
            Cmp::Eq => self.shared.between(slices, value, value)?,
            Cmp::Ne => {
                let equal = self.shared.between(slices, value, value)?;
                self.shared.arena.not(equal)?
            }
            Cmp::Lt if value == 0 => Node::FALSE,
            Cmp::Lt => self.shared.between(slices, 0, value - 1)?,
            Cmp::Le => self.shared.between(slices, 0, value)?,
            Cmp::Gt if value == top => Node::FALSE,
            Cmp::Gt => self.shared.between(slices, value + 1, top)?,
            Cmp::Ge => self.shared.between(slices, value, top)?,
        };
        Ok(Some(node))
    }

    /// True where every part lies in its interval.
    fn inside(&mut self, values: &[Part], key: &[(u128, u128)]) -> Within<Node> {
        let mut all = Node::TRUE;
        for (Part { slices, device }, (low, high)) in values.iter().zip(key).rev() {
            let by_name = |value: u128| if *device && value == 1 { name_value("lo") } else { value };
            let node = self.shared.between(slices, by_name(*low), by_name(*high))?;
            all = self.shared.arena.and(node, all)?;
        }
        Ok(all)
    }

    /// Where a key is in a set; `None` when what is written does not decide it.
    fn member(&mut self, table: &'r Table, id: SetId, values: &[Part]) -> Within<Option<Node>> {
        let set = &table.sets[id.0 as usize];
        let decided = !set.dynamic && set.conditions.is_empty() && set.elems.iter().all(|elem| !elem.conditional);
        if !decided || values.len() != set.key.len() {
            return Ok(None);
        }
        if set.catchall.is_some() {
            return Ok(Some(Node::TRUE));
        }
        self.any_of(set, values).map(Some)
    }

    /// Where some element holds the key.
    fn any_of(&mut self, set: &Set, values: &[Part]) -> Within<Node> {
        if let ([Part { slices, device: false }], Some(list)) = (values, set.intervals())
            && let [Slice::Atom(_, var)] = slices.as_slice()
        {
            let intervals: Vec<(u128, u128)> = list.iter().map(|(low, high, _)| (*low, *high)).collect();
            return self.shared.arena.within(*var, &intervals);
        }
        let mut nodes = Vec::with_capacity(set.elems.len());
        for elem in &set.elems {
            nodes.push(self.inside(values, &elem.key)?);
        }
        self.any(&nodes)
    }

    /// Or of many, two halves at a time.
    fn any(&mut self, nodes: &[Node]) -> Within<Node> {
        match nodes {
            [] => Ok(Node::FALSE),
            [only] => Ok(*only),
            _ => {
                let (left, right) = nodes.split_at(nodes.len() / 2);
                let (left, right) = (self.any(left)?, self.any(right)?);
                self.shared.arena.or(left, right)
            }
        }
    }

    /// Where a key is that of one element.
    pub(super) fn is_element(&mut self, values: &[Part], key: &[(u128, u128)]) -> Within<Node> {
        self.inside(values, key)
    }

    /// A condition nothing decides: the same variable wherever the same question is asked.
    pub(super) fn question(&mut self, what: String) -> Within<Node> {
        let var = self.shared.question(what)?;
        self.shared.arena.within(var, &[(1, 1)])
    }
}

impl Slice {
    /// Number of bits.
    pub fn count(self) -> u16 {
        match self {
            Slice::Known(count, _) | Slice::Atom(count, _) => count,
        }
    }
}

/// All ones in so many bits, 0 without any.
fn ones_or_none(count: u16) -> u128 {
    if count == 0 { 0 } else { ones(count) }
}

/// `(value & and) ^ xor`; `None` when a mask cuts through an atom or flips one.
pub(super) fn masked(slices: &[Slice], and: u128, xor: u128) -> Option<Vec<Slice>> {
    let mut left: u16 = slices.iter().map(|slice| slice.count()).sum();
    let mut out = Vec::with_capacity(slices.len());
    for slice in slices {
        let count = slice.count();
        left -= count;
        let part = |mask: u128| mask.checked_shr(u32::from(left)).unwrap_or(0) & ones(count);
        let (keep, flip) = (part(and), part(xor));
        out.push(match slice {
            Slice::Known(_, value) => Slice::Known(count, (value & keep) ^ flip),
            Slice::Atom(..) if keep == 0 => Slice::Known(count, flip),
            Slice::Atom(_, var) if keep == ones(count) && flip == 0 => Slice::Atom(count, *var),
            Slice::Atom(..) => return None,
        });
    }
    Some(out)
}

/// A value in so many bits, its low ones.
pub(super) fn fitted(mut slices: Vec<Slice>, count: u16) -> Option<Vec<Slice>> {
    let total: u16 = slices.iter().map(|slice| slice.count()).sum();
    if total < count {
        slices.insert(0, Slice::Known(count - total, 0));
        return Some(slices);
    }
    let mut extra = total - count;
    let mut out = Vec::with_capacity(slices.len());
    for slice in slices {
        let width = slice.count();
        if extra >= width {
            extra -= width;
            continue;
        }
        out.push(match slice {
            Slice::Known(_, value) => Slice::Known(width - extra, value & ones(width - extra)),
            atom if extra == 0 => atom,
            Slice::Atom(..) => return None,
        });
        extra = 0;
    }
    Some(out)
}

/// The same value cut into the widths of these atoms; `None` when an atom of it would be cut.
pub(super) fn aligned(slices: &[Slice], atoms: &[(u16, Var)]) -> Option<Vec<Slice>> {
    let mut out = Vec::with_capacity(atoms.len());
    let mut rest: Vec<Slice> = slices.iter().rev().copied().collect();
    for (count, _) in atoms {
        let slice = rest.pop()?;
        let width = slice.count();
        out.push(match slice {
            _ if width == *count => slice,
            Slice::Known(_, value) if width > *count => {
                rest.push(Slice::Known(width - count, value & ones(width - count)));
                Slice::Known(*count, value.checked_shr(u32::from(width - count)).unwrap_or(0) & ones(*count))
            }
            _ => return None,
        });
    }
    Some(out)
}

/// So many bits of a value, those after which `after` bits follow; `None` when an atom would be cut.
pub(super) fn stretch(slices: &[Slice], after: u16, count: u16) -> Option<Vec<Slice>> {
    let mut end: u16 = slices.iter().map(|slice| slice.count()).sum();
    let mut out = Vec::new();
    for slice in slices {
        let width = slice.count();
        let (high, low) = (end, end - width);
        end = low;
        if low >= after + count || high <= after {
            continue;
        }
        let (cut_high, cut_low) = (high.saturating_sub(after + count), after.saturating_sub(low));
        let left = width - cut_high - cut_low;
        out.push(match slice {
            Slice::Known(_, value) => {
                Slice::Known(left, value.checked_shr(u32::from(cut_low)).unwrap_or(0) & ones(left))
            }
            Slice::Atom(..) if left == width => *slice,
            Slice::Atom(..) => return None,
        });
    }
    Some(out)
}
