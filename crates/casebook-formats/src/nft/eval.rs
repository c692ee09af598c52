//! Rules over a packet: `nft_do_chain` and the expressions it runs (net/netfilter/nf_tables_core.c).

use std::collections::HashSet;

use super::choices::Choices;
use super::guard::{Guarded, Program};
use super::ir::{
    ChainId, Cmp, Data, Expr, Field, MetaKey, OpKind, Rule, RuleRef, Ruleset, SetId, Table, TableId, Test, Value,
    Verdict,
};
use super::load::{Flight, Loaded};
use super::outcome::{Effect, End};
use super::watch::{Event, Watch};

/// `NFT_JUMP_STACK_SIZE`.
const JUMP_STACK: usize = 16;

/// Rules run for one packet before the evaluation is given up: only loops the kernel refuses get there.
const MAX_STEPS: u32 = 1 << 20;

/// Most parts of a concatenation (`NFT_REG32_COUNT` slots of 4 bytes).
const MAX_PARTS: usize = 16;

/// How a base chain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChainEnd {
    /// A rule accepted, or did what accepts.
    Accept(RuleRef),
    /// A rule ended the packet.
    Final(End, RuleRef),
    /// No rule decided.
    Policy,
    /// Too many steps: the ruleset has a loop no kernel would load.
    Loop,
}

/// What an operation did.
enum Flow {
    Next,
    Break,
    Verdict(Verdict),
    Accept,
    End(End),
}

/// A computed value.
enum Got {
    Break,
    Known(u128),
    Unknown(String),
}

/// Runs chains of one ruleset over one packet.
pub(super) struct Machine<'r, 'p, 'c, W> {
    pub(super) ruleset: &'r Ruleset,
    pub(super) flight: Flight<'p>,
    pub(super) choices: &'c mut Choices,
    pub(super) program: &'c mut Program<'r>,
    pub(super) watch: W,
    pub(super) effects: Vec<(RuleRef, Effect)>,
    pub(super) hits: Vec<RuleRef>,
    /// The same as `hits` once they are many.
    pub(super) hit_before: HashSet<RuleRef>,
    /// True inside a nat chain, where the first binding ends the list of chains.
    pub(super) bound: bool,
    pub(super) steps: u32,
    /// The operation that acts, for its place.
    pub(super) acting: Option<&'r OpKind>,
    /// A connection is picked up in its middle (`nf_conntrack_tcp_loose`).
    pub(super) loose: bool,
}

impl<'r, W: Watch> Machine<'r, '_, '_, W> {
    /// Runs a base chain to its end.
    pub(super) fn chain(&mut self, table_id: TableId, base: ChainId) -> ChainEnd {
        let ruleset = self.ruleset;
        let table = ruleset.table(table_id);
        let mut stack = [(ChainId(0), 0u32); JUMP_STACK];
        let mut depth = 0;
        let (mut chain, mut at) = (base, 0u32);
        loop {
            let rules = &table.chains[chain.0 as usize].rules;
            let guards = if W::SEES { None } else { self.program.enter(table_id, chain) };
            let mut next = None;
            loop {
                let mut passed = 0;
                if let Some(guards) = &guards {
                    let begin = at;
                    let found = guards.next(at as usize, &self.flight, &mut self.program.slots);
                    let (index, said) = found.unwrap_or((rules.len(), Guarded::Undecided));
                    at = index as u32;
                    self.steps += at - begin;
                    if let Guarded::Holds(tests) = said {
                        passed = tests;
                    }
                }
                let Some(rule) = rules.get(at as usize) else { break };
                let reference = RuleRef { table: table_id, chain, index: at };
                at += 1;
                self.steps += 1;
                if self.steps > MAX_STEPS {
                    return ChainEnd::Loop;
                }
                match self.rule(table, rule, reference, passed) {
                    Flow::Next | Flow::Break | Flow::Verdict(Verdict::Continue) => {}
                    Flow::Accept | Flow::Verdict(Verdict::Accept) => return ChainEnd::Accept(reference),
                    Flow::Verdict(Verdict::Drop) => return ChainEnd::Final(End::Drop, reference),
                    Flow::End(end) => return ChainEnd::Final(end, reference),
                    Flow::Verdict(Verdict::Return) => break,
                    Flow::Verdict(Verdict::Missing) => {
                        // nft refuses such a ruleset; nothing is known of what would run.
                        let accept = self.choices.choose(2, || "a chain that does not exist".into()) == 0;
                        return if accept {
                            ChainEnd::Accept(reference)
                        } else {
                            ChainEnd::Final(End::Drop, reference)
                        };
                    }
                    Flow::Verdict(Verdict::Jump(to)) => {
                        if depth == JUMP_STACK {
                            return ChainEnd::Loop;
                        }
                        stack[depth] = (chain, at);
                        depth += 1;
                        next = Some(to);
                        break;
                    }
                    Flow::Verdict(Verdict::Goto(to)) => {
                        next = Some(to);
                        break;
                    }
                }
            }
            if let Some(to) = next {
                self.watch.event(|| Event::Enter { table: table_id, chain: to, from: chain });
                (chain, at) = (to, 0);
                continue;
            }
            if depth == 0 {
                return ChainEnd::Policy;
            }
            depth -= 1;
            (chain, at) = stack[depth];
            self.watch.event(|| Event::Back { table: table_id, chain });
        }
    }

    /// Runs a rule from operation `passed` on; those before are known to hold.
    #[inline]
    fn rule(&mut self, table: &'r Table, rule: &'r Rule, reference: RuleRef, passed: usize) -> Flow {
        for (index, op) in rule.ops.iter().enumerate().skip(passed) {
            let flow = self.op(table, &op.kind, reference);
            match flow {
                Flow::Next => {}
                Flow::Break => {
                    let flight = &self.flight;
                    let why = || super::show::why(flight, table, &op.kind);
                    self.watch.event(|| Event::Broke { rule: reference, op: index, why: why() });
                    return Flow::Break;
                }
                flow => {
                    self.hit(reference);
                    self.watch.act(|| Event::Verdict { rule: reference, op: index, verdict: flow.describe() });
                    return flow;
                }
            }
        }
        self.hit(reference);
        self.watch.event(|| Event::Done { rule: reference });
        Flow::Next
    }

    /// Remembers a finished rule, once. Few rules are compared one by one, many are looked up.
    fn hit(&mut self, rule: RuleRef) {
        const FEW: usize = 32;
        if self.hits.len() < FEW {
            if !self.hits.contains(&rule) {
                self.hits.push(rule);
            }
            return;
        }
        if self.hit_before.is_empty() {
            self.hit_before.extend(&self.hits);
        }
        if self.hit_before.insert(rule) {
            self.hits.push(rule);
        }
    }

    #[inline]
    fn op(&mut self, table: &'r Table, op: &'r OpKind, rule: RuleRef) -> Flow {
        match op {
            OpKind::Match(expr, test) => self.matches(table, expr, test),
            OpKind::Vmap(key, map) => self.vmap(table, key, *map),
            OpKind::Verdict(verdict) => Flow::Verdict(*verdict),
            OpKind::Counter(name) => {
                self.effects.push((rule, Effect::Counter(name.clone())));
                Flow::Next
            }
            other => self.act(table, other, rule),
        }
    }

    fn matches(&mut self, table: &'r Table, expr: &'r Expr, test: &'r Test) -> Flow {
        let wide = matches!(expr, Expr::Concat(_)) || matches!(test, Test::Cmp(_, Value::Many(_)));
        if wide {
            return self.matches_wide(table, expr, test);
        }
        if let (Expr::Load(Field::Meta(key @ (MetaKey::Iif | MetaKey::Oif))), test) = (expr, test)
            && !matches!(test, Test::Lookup { .. })
        {
            return self.matches_device(*key, test);
        }
        // A plain field is what most operations load.
        let got = match expr {
            Expr::Load(field) => match self.flight.load(*field) {
                Loaded::Known(value) => Got::Known(value),
                Loaded::Break => return Flow::Break,
                Loaded::Unknown => Got::Unknown(super::fields::name(*field)),
            },
            Expr::Unknown { what, draw: Some(draw), .. } if self.choices.draws => {
                return match self.drawn_test(table, draw, what, test) {
                    Ok(Some(true)) => Flow::Next,
                    Ok(Some(false)) | Err(()) => Flow::Break,
                    Ok(None) => self.maybe(|| what.clone()),
                };
            }
            other => self.value(table, other),
        };
        let value = match got {
            Got::Break => return Flow::Break,
            Got::Known(value) => value,
            Got::Unknown(what) => return self.maybe(|| what),
        };
        let holds = match test {
            Test::Cmp(cmp, Value::One(constant)) => compare(*cmp, value, *constant),
            Test::Cmp(_, Value::Many(_)) => false,
            Test::Range { low, high, negate } => (*low <= value && value <= *high) != *negate,
            Test::Lookup { set, negate } => match self.member(table, *set, &[value]) {
                Some(member) => member != *negate,
                None => return Flow::Break,
            },
            Test::Unknown => return self.maybe(|| "a value the host resolves".into()),
        };
        if holds { Flow::Next } else { Flow::Break }
    }

    /// A device compared with one written by name, or by a number that only a packet with an index decides.
    fn matches_device(&mut self, key: MetaKey, test: &'r Test) -> Flow {
        let name = match self.flight.load(Field::Meta(key)) {
            Loaded::Known(name) => name,
            _ => return Flow::Break,
        };
        let device = if key == MetaKey::Iif { &self.flight.packet.iif } else { &self.flight.packet.oif };
        let index = match device.as_ref().filter(|_| name != 0) {
            Some(device) => device.index.map(u128::from),
            None => Some(0),
        };
        let holds = match test {
            Test::Cmp(cmp @ (Cmp::Eq | Cmp::Ne), Value::One(other)) if *other < 2 || *other > u128::from(u32::MAX) => {
                Some((name == *other) == (*cmp == Cmp::Eq))
            }
            Test::Cmp(cmp, Value::One(other)) => index.map(|index| compare(*cmp, index, *other)),
            Test::Range { low, high, negate } => index.map(|index| (*low <= index && index <= *high) != *negate),
            _ => None,
        };
        match holds {
            Some(true) => Flow::Next,
            Some(false) => Flow::Break,
            None => self.maybe(|| super::fields::name(Field::Meta(key))),
        }
    }

    fn matches_wide(&mut self, table: &'r Table, expr: &'r Expr, test: &'r Test) -> Flow {
        let mut key = [0; MAX_PARTS];
        let count = match self.key(table, expr, &mut key) {
            Ok(count) => count,
            Err(flow) => return flow,
        };
        let key = &key[..count];
        let holds = match test {
            Test::Cmp(cmp, Value::Many(parts)) => (**parts == *key) == (*cmp == Cmp::Eq),
            Test::Lookup { set, negate } => match self.member(table, *set, key) {
                Some(member) => member != *negate,
                None => return Flow::Break,
            },
            _ => return self.maybe(|| "a comparison of several values".into()),
        };
        if holds { Flow::Next } else { Flow::Break }
    }

    /// Fills `key` with the parts of an expression; `Err` when one breaks or is not known.
    fn key(&mut self, table: &'r Table, expr: &'r Expr, key: &mut [u128; MAX_PARTS]) -> Result<usize, Flow> {
        let parts = match expr {
            Expr::Concat(parts) => parts.as_slice(),
            single => std::slice::from_ref(single),
        };
        let mut unknown = None;
        for (slot, part) in key.iter_mut().zip(parts) {
            match self.value(table, part) {
                Got::Break => return Err(Flow::Break),
                Got::Known(value) => *slot = value,
                Got::Unknown(what) => unknown = Some(what),
            }
        }
        match unknown {
            Some(what) => Err(self.maybe(|| what)),
            None => Ok(parts.len().min(MAX_PARTS)),
        }
    }

    /// An undecided condition: one answer goes on, the other breaks.
    fn maybe(&mut self, what: impl FnOnce() -> String) -> Flow {
        if self.choices.choose(2, what) == 0 { Flow::Next } else { Flow::Break }
    }

    /// True when `key` is in the set; `None` when an element's own statement broke the rule.
    fn member(&mut self, table: &'r Table, id: SetId, key: &[u128]) -> Option<bool> {
        let set = &table.sets[id.0 as usize];
        let found = match set.find(key) {
            Some(elem) if elem.conditional => {
                self.choices.choose(2, || format!("an element of set {} that expires or is limited", set.name)) == 0
            }
            Some(_) => true,
            None if set.catchall.is_some() => true,
            None if set.dynamic => self.choices.choose(2, || format!("what set {} holds now", set.name)) == 0,
            None => false,
        };
        if found && !set.conditions.is_empty() {
            let broke = self.choices.choose(2, || format!("{} of set {}", set.conditions.join(", "), set.name)) == 1;
            if broke {
                return None;
            }
        }
        Some(found)
    }

    /// What a map gives for `key`: an element's data, the catch-all's, or nothing.
    fn mapped(&mut self, table: &'r Table, id: SetId, key: &[u128]) -> Option<&'r Data> {
        let set = &table.sets[id.0 as usize];
        match set.find(key) {
            Some(elem) if elem.conditional => {
                let there = self.choices.choose(2, || format!("an element of map {} that expires", set.name)) == 0;
                if there { elem.data.as_ref() } else { None }
            }
            Some(elem) => elem.data.as_ref(),
            None => match &set.catchall {
                Some(data) => data.as_ref(),
                None if set.dynamic => {
                    self.choices.choose(2, || format!("what map {} holds now", set.name));
                    None
                }
                None => None,
            },
        }
    }

    fn vmap(&mut self, table: &'r Table, key: &'r Expr, id: SetId) -> Flow {
        let set = &table.sets[id.0 as usize];
        let mut parts = [0; MAX_PARTS];
        let drawn = match self.drawn_data(table, key, id) {
            Ok(drawn) => drawn,
            Err(()) => return Flow::Break,
        };
        let data = if let Some(data) = drawn {
            data
        } else if let Expr::Unknown { what, .. } = key {
            // Any element's verdict, or none.
            let count = set.elems.len().min(15) as u32;
            let answer = self.choices.choose(count + 1, || what.clone());
            match set.elems.get(answer as usize) {
                Some(elem) if answer < count => elem.data.as_ref(),
                _ => set.catchall.as_ref().and_then(Option::as_ref),
            }
        } else {
            match self.key(table, key, &mut parts) {
                Ok(count) => self.mapped(table, id, &parts[..count]),
                Err(flow) => return flow,
            }
        };
        match data {
            Some(Data::Verdict(verdict)) => Flow::Verdict(*verdict),
            Some(_) => self.maybe(|| "a verdict that is not known".into()),
            None => Flow::Break,
        }
    }

    /// What a map gives, when that is one value. Apart from [`Self::value`], which is called for nearly every
    /// operation and needs no room for a key.
    #[inline(never)]
    fn map(&mut self, table: &'r Table, key: &'r Expr, set: SetId) -> Got {
        match self.drawn_data(table, key, set) {
            Ok(Some(Some(Data::Values(values)))) if values.len() == 1 => return Got::Known(values[0]),
            Ok(Some(Some(_))) => return Got::Unknown("what a map gives".into()),
            Ok(Some(None)) | Err(()) => return Got::Break,
            Ok(None) => {}
        }
        let mut parts = [0; MAX_PARTS];
        match self.key(table, key, &mut parts) {
            Ok(count) => match self.mapped(table, set, &parts[..count]) {
                Some(Data::Values(values)) if values.len() == 1 => Got::Known(values[0]),
                Some(_) => Got::Unknown("what a map gives".into()),
                None => Got::Break,
            },
            Err(Flow::Break) => Got::Break,
            Err(_) => Got::Unknown("what a map gives".into()),
        }
    }

    /// True when loading an expression breaks the rule.
    pub(super) fn breaks(&mut self, table: &'r Table, expr: &'r Expr) -> bool {
        match expr {
            Expr::Concat(parts) => parts.iter().any(|part| matches!(self.value(table, part), Got::Break)),
            single => matches!(self.value(table, single), Got::Break),
        }
    }

    /// Computes an expression of one value.
    fn value(&mut self, table: &'r Table, expr: &'r Expr) -> Got {
        match expr {
            Expr::Load(field) => match self.flight.load(*field) {
                Loaded::Break => Got::Break,
                Loaded::Known(value) => Got::Known(value),
                Loaded::Unknown => Got::Unknown(super::fields::name(*field)),
            },
            Expr::Const(value) => Got::Known(*value),
            Expr::Bits { base, and, xor } => match self.value(table, base) {
                Got::Known(value) => Got::Known((value & and) ^ xor),
                other => other,
            },
            Expr::Shift { base, left, by } => match self.value(table, base) {
                Got::Known(value) => Got::Known(shift(value, *left, *by)),
                other => other,
            },
            Expr::Map(key, set) => self.map(table, key, *set),
            Expr::Concat(_) => Got::Unknown("several values".into()),
            Expr::Unknown { what, draw: Some(draw), .. } if self.choices.draws => {
                match self.drawn_value(table, draw, what) {
                    Ok(Some(value)) => Got::Known(value),
                    Ok(None) => Got::Unknown(what.clone()),
                    Err(()) => Got::Break,
                }
            }
            Expr::Unknown { what, may_break, .. } => {
                if *may_break && self.choices.choose(2, || what.clone()) == 1 {
                    Got::Break
                } else {
                    Got::Unknown(what.clone())
                }
            }
        }
    }

    /// The value of an expression that is written: `Err` breaks, `None` is not known.
    pub(super) fn written(&mut self, table: &'r Table, expr: &'r Expr) -> Result<Option<u128>, ()> {
        match self.value(table, expr) {
            Got::Break => Err(()),
            Got::Known(value) => Ok(Some(value)),
            Got::Unknown(_) => Ok(None),
        }
    }

    /// The parts a map gives for nat (`addr . port`), or one value.
    pub(super) fn written_parts(&mut self, table: &'r Table, expr: &'r Expr) -> Result<Option<Vec<u128>>, ()> {
        if let Expr::Map(key, set) = expr {
            match self.drawn_data(table, key, *set) {
                Ok(Some(Some(Data::Values(values)))) => return Ok(Some(values.to_vec())),
                Ok(Some(Some(_))) => return Ok(None),
                Ok(Some(None)) | Err(()) => return Err(()),
                Ok(None) => {}
            }
            let mut parts = [0; MAX_PARTS];
            return match self.key(table, key, &mut parts) {
                Ok(count) => match self.mapped(table, *set, &parts[..count]) {
                    Some(Data::Values(values)) => Ok(Some(values.to_vec())),
                    Some(_) => Ok(None),
                    None => Err(()),
                },
                Err(Flow::Break) => Err(()),
                Err(_) => Ok(None),
            };
        }
        self.written(table, expr).map(|value| value.map(|value| vec![value]))
    }

    fn act(&mut self, table: &'r Table, op: &'r OpKind, rule: RuleRef) -> Flow {
        self.program.slots.forget();
        self.acting = Some(op);
        match self.effect(table, op, rule) {
            Acted::Next => Flow::Next,
            Acted::Break => Flow::Break,
            Acted::Accept => Flow::Accept,
            Acted::End(end) => Flow::End(end),
            Acted::Maybe(what) => self.maybe(|| what),
        }
    }
}

/// What an effect did to the rule.
pub(super) enum Acted {
    /// Goes on.
    Next,
    /// Breaks the rule.
    Break,
    /// Accepts.
    Accept,
    /// Ends the packet.
    End(End),
    /// Undecided whether it breaks.
    Maybe(String),
}

impl Flow {
    fn describe(&self) -> Verdict {
        match self {
            Flow::Verdict(verdict) => *verdict,
            Flow::Accept => Verdict::Accept,
            Flow::End(_) => Verdict::Drop,
            Flow::Next | Flow::Break => Verdict::Continue,
        }
    }
}

/// Shifts a number; the result keeps 32 bits, as registers do.
pub(super) fn shift(value: u128, left: bool, by: u32) -> u128 {
    if left { value.checked_shl(by).unwrap_or(0) & 0xffff_ffff } else { value.checked_shr(by).unwrap_or(0) }
}

/// Compares numbers.
pub(super) fn compare(cmp: Cmp, left: u128, right: u128) -> bool {
    match cmp {
        Cmp::Eq => left == right,
        Cmp::Ne => left != right,
        Cmp::Lt => left < right,
        Cmp::Le => left <= right,
        Cmp::Gt => left > right,
        Cmp::Ge => left >= right,
    }
}
