//! Operations that change the packet, its connection or the world, over atoms. The mechanism is that of
//! `casebook_formats::nft` (effect.rs); what follows the operation is at hand and is changed to see what it wrote.

use casebook_formats::nft::ir::{
    Base, CtKey, Data, Expr, Family, Field, Hook, MetaKey, Nat, NatKind, OpKind, PayloadField, RuleRef, SetId, Table,
    Target,
};
use casebook_formats::nft::outcome::{Effect, End};
use casebook_formats::nft::{fields, show};

use super::compile::{Compiler, EXEMPT, Exits};
use super::diagram::{Node, Source, Within};
use super::layout::{nat_fields, target_field};
use super::leaf::Slice;
use super::space::{Located, Needs, Piece, Run, Space};
use super::value::{Read, fitted};

/// What is done with what a map gives.
type Then<'t, 'r, 's> = &'t mut dyn FnMut(&mut Compiler<'r, 's>, Option<&[u128]>) -> Within<Node>;

impl<'r, 's> Compiler<'r, 's> {
    /// An operation that is neither a match nor a verdict: `rest` follows it, `next` follows the rule when it breaks.
    pub(super) fn act(
        &mut self,
        table: &'r Table,
        op: &'r OpKind,
        (at, index): (RuleRef, usize),
        rest: Node,
        next: Node,
        exits: Exits,
    ) -> Within<Node> {
        // Most operations need no name for where they are.
        let place = match op {
            OpKind::Counter(_) | OpKind::Log { .. } | OpKind::Reject(_) | OpKind::Notrack => String::new(),
            OpKind::Assign(_, Expr::Const(_)) => String::new(),
            _ => {
                let label = self.label(at);
                format!("{}, operation {index}", self.shared.leaves.text(label))
            }
        };
        match op {
            OpKind::Assign(target, value) => self.assign(table, *target, value, &place, rest, next),
            OpKind::Nat(nat) => self.nat(table, nat, &place, rest, next, exits),
            OpKind::Tproxy(..) => {
                let found = self.question(format!("whether a socket takes the packet: {place}"))?;
                let taken = self.with(rest, Effect::Tproxy, None)?;
                self.shared.arena.choose(found, taken, next)
            }
            OpKind::Notrack => self.notrack(rest),
            OpKind::Reject(_) => self.ends(End::Reject, at),
            OpKind::Queue(text) => {
                let answer = self.question(format!("the answer of the program behind `{text}`: {place}"))?;
                let (accepted, dropped) = (self.accept(at, exits)?, self.ends(End::Drop, at)?);
                let both = self.shared.arena.choose(answer, accepted, dropped)?;
                self.with(both, Effect::Queue(text.clone()), None)
            }
            OpKind::Dup(to) => self.with(rest, Effect::Dup(to.clone()), None),
            OpKind::Fwd(_) | OpKind::Synproxy => self.ends(End::Stolen, at),
            OpKind::Flow(name) => self.with(rest, Effect::Attach(format!("flow add @{name}")), None),
            OpKind::Counter(name) => {
                let own = name.is_none().then(|| self.label(at));
                self.with(rest, Effect::Counter(name.clone()), own)
            }
            OpKind::Log { prefix, .. } => self.with(rest, Effect::Log(prefix.clone()), None),
            OpKind::SetUpdate { op, name, conditions, key, .. } => {
                let mut held = rest;
                if !conditions.is_empty() {
                    let met = self.question(format!("{} of set {name}: {place}", conditions.join(", ")))?;
                    held = self.shared.arena.choose(met, rest, next)?;
                }
                let done = self.with(held, Effect::Set(*op, name.clone()), None)?;
                let parts: &[Expr] = if let Expr::Concat(parts) = key { parts } else { std::slice::from_ref(key) };
                let valid = self.parts(parts)?.map_or(Node::TRUE, |(valid, _)| valid);
                self.shared.arena.choose(valid, done, next)
            }
            OpKind::Condition(_, text) => {
                let met = self.question(format!("{text}: {place}"))?;
                let both = self.shared.arena.choose(met, rest, next)?;
                let label = self.label(at);
                self.with(both, Effect::Limit(text.clone()), Some(label))
            }
            OpKind::CtObject(object) => self.with(rest, Effect::Attach(object.text.clone()), None),
            OpKind::Opaque(opaque) => {
                let mut out = rest;
                if opaque.may_end {
                    let accepted = self.question(format!("{} accepts: {place}", opaque.what))?;
                    let dropped = self.question(format!("{} drops: {place}", opaque.what))?;
                    let (to_accept, to_drop) = (self.accept(at, exits)?, self.ends(End::Drop, at)?);
                    out = self.shared.arena.choose(dropped, to_drop, out)?;
                    out = self.shared.arena.choose(accepted, to_accept, out)?;
                }
                if opaque.may_break {
                    let holds = self.question(format!("{}: {place}", opaque.what))?;
                    out = self.shared.arena.choose(holds, out, next)?;
                }
                if opaque.acts() {
                    out = self.with(out, Effect::Attach(opaque.what.clone()), None)?;
                }
                Ok(out)
            }
            OpKind::Match(..) | OpKind::Vmap(..) | OpKind::Verdict(_) => Ok(rest),
        }
    }

    /// Exempts what has no connection, once: what has not been looked up yet, and what was found to belong to none
    /// (`nft_notrack_eval`).
    fn notrack(&mut self, rest: Node) -> Within<Node> {
        if self.at.looked_up {
            let state = Run { space: Space::CtState, first: 0, count: 32 };
            let none = self.is(state, &[(1, 1)])?;
            let after = self.write(rest, state, Some(vec![Slice::Known(32, 64)]), EXEMPT)?;
            let done = self.with(after, Effect::Notrack, None)?;
            return self.shared.arena.choose(none, done, rest);
        }
        let exempt = self.shared.question(EXEMPT.into())?;
        let before = self.shared.arena.within(exempt, &[(1, 1)])?;
        let after = self.shared.arena.substitute(rest, exempt, Source::Value(1))?;
        let done = self.with(after, Effect::Notrack, None)?;
        self.shared.arena.choose(before, rest, done)
    }

    fn assign(
        &mut self,
        table: &'r Table,
        target: Target,
        value: &'r Expr,
        place: &str,
        rest: Node,
        next: Node,
    ) -> Within<Node> {
        if let Expr::Map(key, set) = value {
            return self.each(table, key, *set, rest, next, &mut |compiler, values| {
                let known = values.map(|values| vec![Slice::Known(128, values[0])]);
                compiler.write_target(target, known, place, rest, next)
            });
        }
        match self.read(value)? {
            Read::Absent => Ok(next),
            Read::Unknown => {
                let written = self.write_target(target, None, place, rest, next)?;
                if !breaks(value) {
                    return Ok(written);
                }
                let there = self.question(format!("whether {} is there: {place}", show::expr(table, value)))?;
                self.shared.arena.choose(there, written, next)
            }
            Read::Slices { valid, slices, .. } => {
                let written = self.write_target(target, Some(slices), place, rest, next)?;
                self.shared.arena.choose(valid, written, next)
            }
        }
    }

    /// What a map gives for each key; elements whose values are not known give `None`. A miss breaks the rule.
    fn each(
        &mut self,
        table: &'r Table,
        key: &Expr,
        id: SetId,
        rest: Node,
        next: Node,
        then: Then<'_, 'r, 's>,
    ) -> Within<Node> {
        let set = &table.sets[id.0 as usize];
        let parts: &[Expr] = if let Expr::Concat(parts) = key { parts } else { std::slice::from_ref(key) };
        let decided = !set.dynamic && set.conditions.is_empty() && set.elems.iter().all(|elem| !elem.conditional);
        let read = if decided { self.parts(parts)? } else { None };
        let Some((valid, values)) = read else {
            let _ = rest;
            return Ok(Node::leaf(self.shared.leaves.unknown(&format!("what {} gives", show::set(table, id)))));
        };
        if valid == Node::FALSE || values.len() != set.key.len() {
            return Ok(next);
        }
        let of = |data: Option<&'r Data>| match data {
            Some(Data::Values(values)) => Some(&**values),
            _ => None,
        };
        let mut out = match &set.catchall {
            Some(data) => then(self, of(data.as_ref()))?,
            None => next,
        };
        for elem in set.elems.iter().rev() {
            let here = self.is_element(&values, &elem.key)?;
            let to = then(self, of(elem.data.as_ref()))?;
            out = self.shared.arena.choose(here, to, out)?;
        }
        self.shared.arena.choose(valid, out, next)
    }

    fn write_target(
        &mut self,
        target: Target,
        value: Option<Vec<Slice>>,
        place: &str,
        rest: Node,
        next: Node,
    ) -> Within<Node> {
        let Some(field) = target_field(target) else {
            return match target {
                Target::Ct(key) => self.with(rest, Effect::Write(format!("ct {}", fields::ct_name(key))), None),
                Target::TcpOption(kind, offset, bits) => {
                    let name = fields::name(Field::TcpOption(kind, offset, bits));
                    if self.class.later {
                        return Ok(next);
                    }
                    let tcp = self.is(Run { space: Space::L4proto, first: 0, count: 8 }, &[(6, 6)])?;
                    let header = self.met(Needs { bytes: 20, ..Needs::default() })?;
                    let tcp = self.shared.arena.and(header, tcp)?;
                    let there = self.is(Run { space: Space::HasOption(kind), first: 0, count: 1 }, &[(1, 1)])?;
                    let run = Run { space: Space::Option(kind), first: offset, count: bits };
                    let written = self.write(rest, run, None, place)?;
                    let done = self.with(written, Effect::Write(name), None)?;
                    let some = self.shared.arena.choose(there, done, rest)?;
                    self.shared.arena.choose(tcp, some, next)
                }
                _ => Ok(rest),
            };
        };
        // A write of a transport header looks at the fragment offset, however it is read.
        if self.class.later && matches!(target, Target::Payload(field) if field.base == Base::Transport) {
            return Ok(next);
        }
        let (located, mut needs) = match (field, self.class.locate(field, self.at)) {
            // Without a connection nothing is set, and the rule goes on.
            (Field::Ct(..), Located::Absent) => return Ok(rest),
            (_, Located::Absent) => return Ok(next),
            (_, Located::Unknown) => (None, Needs::default()),
            (_, Located::Bits { pieces, needs }) => (Some(pieces), needs),
        };
        let name = fields::name(field);
        let Some(pieces) = located else {
            return self.with(rest, Effect::Write(name), None);
        };
        let count = pieces.iter().map(|piece| width(*piece)).sum();
        let value = value.and_then(|value| fitted(value, count));
        let text = match value.as_deref() {
            Some([Slice::Known(_, value)]) => format!("{name} {value:#x}"),
            _ => name,
        };
        let mut out = rest;
        let mut left: u16 = count;
        for piece in &pieces {
            left -= width(*piece);
            let Piece::Run(run) = piece else { continue };
            let part = value.as_ref().and_then(|value| super::value::stretch(value, left, run.count));
            out = self.write(out, *run, part, place)?;
        }
        let out = match field {
            Field::Meta(MetaKey::Mark) | Field::Ct(CtKey::Mark, _) => {
                let connection = field != Field::Meta(MetaKey::Mark);
                let value = match value {
                    Some(value) => value,
                    None => {
                        let var = self.shared.named(format!("{place}, as a whole"), u128::from(u32::MAX))?;
                        vec![Slice::Atom(32, var)]
                    }
                };
                let shared = &mut *self.shared;
                shared.arena.map(out, &mut |leaf| shared.leaves.written(leaf, connection, &value))?
            }
            _ => self.with(out, Effect::Write(text), None)?,
        };
        if let Field::Payload(payload) = field {
            needs.bytes = needs.bytes.max(checksum_end(payload));
            let there = self.met(needs)?;
            let out = if self.moves(payload) { self.elsewhere(out)? } else { out };
            return self.shared.arena.choose(there, out, next);
        }
        match field {
            Field::Ct(..) => {
                let there = self.has_connection()?;
                self.shared.arena.choose(there, out, rest)
            }
            _ => Ok(out),
        }
    }

    /// True for a write that gives the packet to another connection: of an address or port, before the lookup.
    fn moves(&self, field: PayloadField) -> bool {
        let addresses = if self.class.ip6 { 64..320 } else { 96..160 };
        let overlaps =
            |range: &std::ops::Range<u16>| field.offset < range.end && range.start < field.offset + field.bits;
        let tuple = match field.base {
            Base::Network => overlaps(&addresses),
            Base::Transport => overlaps(&(0..32)),
            _ => false,
        };
        tuple && self.class.tracked && !self.at.looked_up
    }

    /// What is known of a packet's connection says nothing once it belongs to another.
    fn elsewhere(&mut self, out: Node) -> Within<Node> {
        let known = self.is(Run { space: Space::CtState, first: 0, count: 32 }, &[(2, 2), (4, 4)])?;
        let why = "which connection a packet belongs to whose address or port a rule has changed";
        let unknown = Node::leaf(self.shared.leaves.unknown(why));
        self.shared.arena.choose(known, unknown, out)
    }

    /// `nft_nat_eval`, `nft_masq_eval`, `nft_redir_eval`.
    fn nat(
        &mut self,
        table: &'r Table,
        nat: &'r Nat,
        place: &str,
        rest: Node,
        next: Node,
        exits: Exits,
    ) -> Within<Node> {
        let six = Family::Ip6;
        let other = nat.family.is_some_and(|family| (family == six) != self.class.ip6);
        let ranged = |low: &Option<Expr>, high: &Option<Expr>| high.is_some() && low != high;
        let own = matches!(nat.kind, NatKind::Masquerade | NatKind::Redirect);
        let port = match &nat.port {
            None => None,
            Some(_) if ranged(&nat.port, &nat.port_max) => Some(None),
            Some(Expr::Const(value)) => Some(Some(*value)),
            Some(Expr::Map(key, set)) => {
                return self.each(table, key, *set, rest, next, &mut |compiler, values| {
                    let port = Some(values.map(|values| values[0]));
                    let addr = if own { Some(None) } else { compiler.constant(&nat.addr) };
                    if other { Ok(rest) } else { compiler.bind(nat, addr, port, place, exits) }
                });
            }
            Some(_) => Some(None),
        };
        let addr = match &nat.addr {
            _ if own => self.own_address(nat.kind),
            None => None,
            Some(_) if ranged(&nat.addr, &nat.addr_max) => Some(None),
            Some(Expr::Map(key, set)) => {
                return self.each(table, key, *set, rest, next, &mut |compiler, values| {
                    let addr = Some(values.and_then(|values| values.first().copied()));
                    let port = values.and_then(|values| values.get(1).copied()).map(Some).or(port);
                    if other { Ok(rest) } else { compiler.bind(nat, addr, port, place, exits) }
                });
            }
            known => self.constant(known),
        };
        if other { Ok(rest) } else { self.bind(nat, addr, port, place, exits) }
    }

    fn constant(&self, expr: &Option<Expr>) -> Option<Option<u128>> {
        expr.as_ref().map(|expr| if let Expr::Const(value) = expr { Some(*value) } else { None })
    }

    /// On the output hook `redirect` goes to the loopback address; elsewhere to one of the device.
    fn own_address(&self, kind: NatKind) -> Option<Option<u128>> {
        Some((kind == NatKind::Redirect && self.at.hook == Hook::Output).then_some(if self.class.ip6 {
            1
        } else {
            u128::from(u32::from(std::net::Ipv4Addr::LOCALHOST))
        }))
    }

    fn bind(
        &mut self,
        nat: &Nat,
        addr: Option<Option<u128>>,
        port: Option<Option<u128>>,
        place: &str,
        exits: Exits,
    ) -> Within<Node> {
        let [address, ports] = nat_fields(nat.kind, self.class.ip6);
        let mut out = exits.bound;
        if let Some(port) = port {
            let written =
                self.write(out, bits_of(ports, Space::Transport), known(16, port), &format!("port of {place}"))?;
            let l4proto = Run { space: Space::L4proto, first: 0, count: 8 };
            let ported = self.is(l4proto, &[(6, 6), (17, 17), (33, 33), (132, 132), (136, 136)])?;
            out = self.shared.arena.choose(ported, written, out)?;
        }
        if let Some(addr) = addr {
            let run = bits_of(address, Space::Network);
            out = self.write(out, run, known(address.bits, addr), &format!("address of {place}"))?;
        }
        let part = |value: Option<Option<u128>>| match value {
            None => String::new(),
            Some(None) => " ?".to_owned(),
            Some(Some(value)) => format!(" {value:#x}"),
        };
        let text = format!("{}{}{}", nat.text, part(addr), part(port));
        self.with(out, Effect::Nat(nat.kind, text), None)
    }
}

/// Bytes of the transport header up to the checksum that a write mends: without them it breaks
/// (`nft_payload_csum_inet`).
fn checksum_end(field: PayloadField) -> u16 {
    match field.name.split(' ').next() {
        Some("tcp") => 18,
        Some("udp" | "udplite") => 8,
        Some("icmp" | "icmpv6" | "igmp") => 4,
        _ => 0,
    }
}

/// True for a value whose loading can break the rule.
fn breaks(value: &Expr) -> bool {
    match value {
        Expr::Unknown { may_break, .. } => *may_break,
        Expr::Load(Field::Ct(..)) => true,
        Expr::Bits { base, .. } | Expr::Shift { base, .. } => breaks(base),
        _ => false,
    }
}

fn known(count: u16, value: Option<u128>) -> Option<Vec<Slice>> {
    value.map(|value| vec![Slice::Known(count, value)])
}

fn bits_of(field: PayloadField, space: Space) -> Run {
    debug_assert!(matches!(field.base, Base::Network | Base::Transport));
    Run { space, first: field.offset, count: field.bits }
}

fn width(piece: Piece) -> u16 {
    match piece {
        Piece::Run(run) => run.count,
        Piece::Known(count, _) => count,
    }
}
