//! Matches of adjacent fields that nft joins into one load (src/rule.c `stmt_reduce`, src/payload.c
//! `payload_can_merge`).
//!
//! Most joins change nothing and are left alone here. Three change what a rule does (nft 1.0.6, read off
//! `nft --debug=netlink`): two `!=` become one, which holds when either differs; `tcp flags` without an operator becomes
//! exact when `tcp window` follows; and a match is moved to where its neighbour stands, past effects in between. Each
//! such join is recorded with the operations as they read.

use super::Lower;
use crate::nft::ir::{Base, Cmp, Expr, Field, Join, JoinChange, Op, OpKind, PayloadField, Test, Value};

/// A match that can be joined: its operation, field, comparison and value.
#[derive(Clone, Copy)]
struct Part {
    op: usize,
    field: PayloadField,
    cmp: Cmp,
    value: u128,
    flags: bool,
}

impl Lower<'_, '_> {
    /// Joins what nft would join, where that matters.
    pub(super) fn merge(&mut self) {
        let host = self.out.host;
        let mut joins: Vec<Vec<Part>> = Vec::new();
        let mut run: Vec<Part> = Vec::new();
        for (at, op) in self.ops.iter().enumerate() {
            if matches!(op.kind, OpKind::Match(..)) {
                run.extend(self.part(at, op));
            } else if run.len() > 1 || !host.joins_past_statements() {
                // A single match waits for a neighbour even across other statements: `stmt_reduce` goes on.
                joins.extend(neighbours(std::mem::take(&mut run)));
            }
        }
        joins.extend(neighbours(run));
        joins.retain(|parts| parts[0].cmp != Cmp::Ne || host.joins_negations());
        let read = if joins.is_empty() { Vec::new() } else { self.ops.clone() };
        let mut gone: Vec<usize> = Vec::new();
        for parts in joins {
            let (first, last) = match (parts.iter().map(|p| p.op).min(), parts.iter().map(|p| p.op).max()) {
                (Some(first), Some(last)) => (first, last),
                _ => continue,
            };
            let effects = read[first..last].iter().any(|op| !matches!(op.kind, OpKind::Match(..)));
            let found = [
                (JoinChange::Negation, parts[0].cmp == Cmp::Ne),
                (JoinChange::ExactFlags, parts.iter().any(|part| part.flags)),
                (JoinChange::PastEffect, effects),
            ];
            let changes: Vec<JoinChange> = found.iter().filter(|(_, holds)| *holds).map(|(what, _)| *what).collect();
            if changes.is_empty() {
                continue;
            }
            // The joined match stands where the field that comes first in the header stood; where one of them names the
            // next protocol, that one stays.
            let stays = parts.iter().find(|part| names_protocol(part.field)).unwrap_or(&parts[0]).op;
            let loads = parts.iter().map(|part| Expr::Load(Field::Payload(part.field))).collect();
            let values = parts.iter().map(|part| part.value).collect();
            self.ops[stays].kind = OpKind::Match(Expr::Concat(loads), Test::Cmp(parts[0].cmp, Value::Many(values)));
            let fields = parts.iter().map(|part| part.op).collect();
            self.out.joins.push(Join { read: read.clone(), parts: fields, stays, changes });
            gone.extend(parts.iter().map(|part| part.op).filter(|op| *op != stays));
        }
        gone.sort_unstable();
        for at in gone.into_iter().rev() {
            self.ops.remove(at);
        }
    }

    fn part(&self, at: usize, op: &Op) -> Option<Part> {
        let (field, cmp, value, flags) = match &op.kind {
            OpKind::Match(
                Expr::Load(Field::Payload(field)),
                Test::Cmp(cmp @ (Cmp::Eq | Cmp::Ne), Value::One(value)),
            ) => (*field, *cmp, *value, false),
            OpKind::Match(Expr::Bits { base, and, xor: 0 }, Test::Cmp(Cmp::Ne, Value::One(0)))
                if self.flag_lists.contains(&op.loc.span) =>
            {
                let Expr::Load(Field::Payload(field)) = **base else { return None };
                (field, Cmp::Eq, *and, true)
            }
            _ => return None,
        };
        let whole = field.offset.is_multiple_of(8) && field.bits.is_multiple_of(8);
        (whole && field.base != Base::Link).then_some(Part { op: at, field, cmp, value, flags })
    }
}

/// Groups of two or more adjacent fields of at most 4 bytes together, compared the same way.
fn neighbours(mut run: Vec<Part>) -> Vec<Vec<Part>> {
    run.sort_by_key(|part| part.field.offset);
    let mut groups: Vec<Vec<Part>> = Vec::new();
    for part in run {
        if let Some(group) = groups.last_mut() {
            let bits: u16 = group.iter().map(|part| part.field.bits).sum();
            let (head, cmp) = (group[0].field, group[0].cmp);
            let adjacent = head.base == part.field.base && head.offset + bits == part.field.offset;
            if adjacent && cmp == part.cmp && bits + part.field.bits <= 32 {
                group.push(part);
                continue;
            }
        }
        groups.push(vec![part]);
    }
    groups.retain(|group| group.len() > 1);
    groups
}

fn names_protocol(field: PayloadField) -> bool {
    matches!(field.name, "ip protocol" | "ip6 nexthdr" | "ether type" | "vlan type")
}
