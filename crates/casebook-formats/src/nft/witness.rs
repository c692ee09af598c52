//! Packets drawn from a rule's own match values.
//!
//! A draft collects one value for each field the rules ask for; contradictions end it. A packet made from a draft is
//! only a candidate: whoever asks for a witness runs it through the evaluator and keeps what the model confirms.

use crate::nft::ir::{
    ChainId, Cmp, CtKey, Data, Expr, Family, Field, Hook, MetaKey, Op, OpKind, RuleRef, Ruleset, Set, Table, Test,
    Value,
};
use crate::nft::packet::{CT_STATES, CtState, Packet, Path};
use crate::nft::types;
use crate::nft::types::{Type, value_name};
use crate::nft::{fields, packet_json, show};
use serde_json::{Map, Value as Json, json};

/// Values a packet must have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    fields: Vec<(Field, u128)>,
    /// True when a rule asks for something no packet can be made to have.
    pub contradiction: bool,
}

impl Draft {
    /// Adds what `ops` ask for, choosing for each test a value that meets it.
    pub fn require(&mut self, table: &Table, ops: &[Op]) -> &mut Self {
        for op in ops {
            match &op.kind {
                OpKind::Match(expr, test) => self.test(table, expr, test),
                OpKind::Vmap(key, map) => {
                    if let Some(elem) = table.sets[map.0 as usize].elems.first() {
                        let key_values: Vec<u128> = elem.key.iter().map(|(low, _)| *low).collect();
                        self.equal(key, &key_values);
                    }
                }
                _ => {}
            }
        }
        self
    }

    /// Adds the key of one element of a verdict map.
    pub fn require_key(&mut self, key: &Expr, values: &[u128]) -> &mut Self {
        self.equal(key, values);
        self
    }

    fn equal(&mut self, expr: &Expr, values: &[u128]) {
        match expr {
            Expr::Concat(parts) => parts.iter().zip(values).for_each(|(part, value)| self.equal(part, &[*value])),
            Expr::Load(field) => {
                if let Some(value) = values.first() {
                    self.set(*field, *value);
                }
            }
            Expr::Bits { base, and, xor } => {
                // Any value whose masked bits are right will do; the other bits stay 0.
                if let (Expr::Load(field), Some(value)) = (base.as_ref(), values.first()) {
                    self.set(*field, (value ^ xor) & and);
                }
            }
            _ => {}
        }
    }

    fn test(&mut self, table: &Table, expr: &Expr, test: &Test) {
        match test {
            Test::Cmp(Cmp::Eq, Value::One(value)) => self.equal(expr, &[*value]),
            Test::Cmp(Cmp::Eq, Value::Many(values)) => self.equal(expr, values),
            Test::Cmp(Cmp::Ne, Value::One(0)) if matches!(expr, Expr::Bits { .. }) => self.any_bit(expr),
            Test::Cmp(cmp, Value::One(value)) => {
                let Some(field) = field_of(expr) else { return };
                let value = match cmp {
                    Cmp::Lt => value.checked_sub(1),
                    Cmp::Gt => value.checked_add(1),
                    Cmp::Le | Cmp::Ge | Cmp::Eq => Some(*value),
                    Cmp::Ne => Some(other_than(field, *value)),
                };
                match value {
                    Some(value) => self.set(field, value),
                    None => self.contradiction = true,
                }
            }
            Test::Range { low, high, negate } => {
                let Some(field) = field_of(expr) else { return };
                // Inside a block the first address names the network; the next is a host.
                let inside = if high - low > 2 { low + 1 } else { *low };
                let outside = high.checked_add(1).or(low.checked_sub(1)).unwrap_or(0);
                self.set(field, if *negate { outside } else { inside });
            }
            Test::Lookup { set, negate: false } => {
                let set = &table.sets[set.0 as usize];
                match self.fitting(expr, set) {
                    Some(values) => self.equal(expr, &values),
                    None => self.contradiction |= set.elems.is_empty() && !set.dynamic && set.catchall.is_none(),
                }
            }
            _ => {}
        }
    }

    /// The first element that agrees with what is settled already.
    fn fitting(&self, expr: &Expr, set: &Set) -> Option<Vec<u128>> {
        let settled = |field: Field| self.fields.iter().find(|(known, _)| *known == field).map(|(_, value)| *value);
        let parts: Vec<Option<Field>> = match expr {
            Expr::Concat(parts) => parts.iter().map(field_of).collect(),
            single => vec![field_of(single)],
        };
        let holds = |key: &[(u128, u128)]| {
            key.iter()
                .zip(&parts)
                .all(|((low, high), field)| field.and_then(settled).is_none_or(|value| *low <= value && value <= *high))
        };
        let elem = set.elems.iter().find(|elem| holds(&elem.key))?;
        let pick = |((low, high), field): (&(u128, u128), &Option<Field>)| {
            field.and_then(settled).unwrap_or(if high - low > 2 { low + 1 } else { *low })
        };
        Some(elem.key.iter().zip(&parts).map(pick).collect())
    }

    fn any_bit(&mut self, expr: &Expr) {
        let Expr::Bits { base, and, .. } = expr else { return };
        let Some(field) = field_of(base) else { return };
        let bit = match field {
            // A first packet shows the most.
            Field::Ct(CtKey::State, _) if and & CtState::New.bit() != 0 => CtState::New.bit(),
            Field::Payload(_) if self.fields.iter().any(|(known, value)| *known == field && value & and != 0) => return,
            _ => 1 << and.trailing_zeros(),
        };
        self.set(field, bit);
    }

    fn set(&mut self, field: Field, value: u128) {
        match self.fields.iter().find(|(known, _)| *known == field) {
            Some((_, known)) => self.contradiction |= *known != value,
            None => self.fields.push((field, value)),
        }
    }

    /// Settles a field if nothing asks for it.
    pub fn default_to(&mut self, field: Field, value: u128) -> &mut Self {
        if !self.fields.iter().any(|(known, _)| *known == field) {
            self.fields.push((field, value));
        }
        self
    }

    /// Both drafts together. Where both ask for a value of the same field, this one's stands, and the evaluator
    /// decides whether the packet still meets the other.
    pub fn joined(&self, other: &Draft) -> Draft {
        let mut joined = self.clone();
        for (field, value) in &other.fields {
            joined.default_to(*field, *value);
        }
        joined
    }

    /// The draft without what it asks of one field.
    pub fn without(&self, field: Field) -> Draft {
        let fields = self.fields.iter().filter(|(known, _)| *known != field).copied().collect();
        Draft { fields, contradiction: self.contradiction }
    }

    /// The value settled for a field.
    pub fn get(&self, field: Field) -> Option<u128> {
        self.fields.iter().find(|(known, _)| *known == field).map(|(_, value)| *value)
    }

    /// A packet with these values, on its way through `hook` of `family`. `None` when the draft contradicts itself
    /// or asks for what a packet description cannot say.
    pub fn packet(&self, family: Family, hook: Hook) -> Option<Packet> {
        if self.contradiction {
            return None;
        }
        packet_json::parse(&self.json(family, hook)?.to_string()).ok().map(|(_, packet)| packet)
    }

    fn json(&self, family: Family, hook: Hook) -> Option<Json> {
        let meta = |key| self.get(Field::Meta(key));
        let names = |prefix: &str| {
            self.fields.iter().any(|(field, _)| matches!(field, Field::Payload(p) if p.name.starts_with(prefix)))
        };
        let six = family == Family::Ip6
            || names("ip6 ")
            || meta(MetaKey::Nfproto) == Some(10)
            || meta(MetaKey::Protocol) == Some(0x86dd)
            || (family != Family::Ip && meta(MetaKey::L4proto) == Some(58));
        if six && (names("ip ") || family == Family::Ip) {
            return None;
        }
        let transport = self.transport(six)?;
        let mut map: Map<String, Json> = Map::new();
        let l3 = if six { "ip6" } else { "ip" };
        let (saddr, daddr) = if six { ("2001:db8::5", "2001:db8::1") } else { ("192.0.2.5", "198.51.100.1") };
        map.insert(l3.into(), json!({"saddr": saddr, "daddr": daddr}));
        if let Some(name) = transport_name(transport) {
            let fields = match name {
                "tcp" => json!({"sport": 40000, "dport": 443, "flags": "syn"}),
                "udp" | "sctp" => json!({"sport": 40000, "dport": 443}),
                "icmp" => json!({"type": 8}),
                "icmpv6" => json!({"type": 128}),
                _ => json!({}),
            };
            map.insert(name.into(), fields);
        } else if let Some(Json::Object(fields)) = map.get_mut(l3) {
            fields.insert((if six { "nexthdr" } else { "protocol" }).into(), json!(transport));
        }
        for (field, value) in &self.fields {
            self.put(&mut map, *field, *value, transport, six)?;
        }
        let path = self.path(hook);
        map.insert("path".into(), path.as_str().into());
        let by_index = |value: u128| match value {
            1 => Some("lo".to_owned()),
            value if value > u128::from(u32::MAX) => Some(value_name(value)),
            _ => None,
        };
        let device = |key, other| meta(key).map(value_name).or(meta(other).and_then(by_index));
        let iif = device(MetaKey::Iifname, MetaKey::Iif).filter(|name| !name.is_empty());
        let oif = device(MetaKey::Oifname, MetaKey::Oif).filter(|name| !name.is_empty());
        if path != Path::Output {
            map.insert("iif".into(), iif.unwrap_or_else(|| "eth0".into()).into());
        }
        if matches!(path, Path::Forward | Path::Output) {
            map.insert("oif".into(), oif.unwrap_or_else(|| "eth1".into()).into());
        }
        Some(Json::Object(map))
    }

    fn transport(&self, six: bool) -> Option<u8> {
        let of_name = |name: &str| match name.split(' ').next() {
            Some("tcp") => Some(6),
            Some("udp") => Some(17),
            Some("icmp") => Some(1),
            Some("icmpv6") => Some(58),
            Some("sctp") => Some(132),
            _ => None,
        };
        let mut found: Option<u8> = None;
        for (field, value) in &self.fields {
            let wanted = match field {
                Field::Meta(MetaKey::L4proto) => u8::try_from(*value).ok(),
                Field::Payload(p) if matches!(p.name, "ip protocol" | "ip6 nexthdr") => u8::try_from(*value).ok(),
                Field::Payload(p) => of_name(p.name),
                _ => None,
            };
            match (found, wanted) {
                (Some(known), Some(wanted)) if known != wanted => return None,
                (None, wanted) => found = wanted,
                _ => {}
            }
        }
        let _ = six;
        Some(found.unwrap_or(6))
    }

    fn put(&self, map: &mut Map<String, Json>, field: Field, value: u128, transport: u8, six: bool) -> Option<()> {
        match field {
            Field::Payload(payload) if payload.name.is_empty() => {}
            Field::Payload(payload) => {
                let (protocol, name) = payload.name.split_once(' ')?;
                if matches!(payload.name, "ip protocol" | "ip6 nexthdr") && transport_name(transport).is_some() {
                    return Some(());
                }
                let protocol = if protocol == "th" { transport_name(transport)? } else { protocol };
                let ty = fields::type_of(field);
                let shown = match ty {
                    Type::Ipv4 | Type::Ipv6 | Type::Ether | Type::TcpFlag => show::value(value, ty).into(),
                    _ => json!(u64::try_from(value).ok()?),
                };
                let entry = map.entry(protocol.to_owned()).or_insert_with(|| json!({}));
                entry.as_object_mut()?.insert(name.to_owned(), shown);
            }
            Field::Meta(MetaKey::Mark) => {
                map.insert("mark".into(), json!(u32::try_from(value).ok()?));
            }
            Field::Meta(MetaKey::Pkttype) => {
                map.insert("pkttype".into(), json!(u32::try_from(value).ok()?));
            }
            Field::Meta(MetaKey::Skuid) => {
                map.insert("skuid".into(), json!(u32::try_from(value).ok()?));
            }
            Field::Ct(key, _) => {
                let entry = map.entry("ct".to_owned()).or_insert_with(|| json!({}));
                let entry = entry.as_object_mut()?;
                match key {
                    CtKey::State => {
                        let (_, name, _) = CT_STATES.iter().find(|(.., bit)| value & bit != 0)?;
                        entry.insert("state".into(), (*name).into());
                    }
                    CtKey::Mark => {
                        entry.insert("mark".into(), json!(u32::try_from(value).ok()?));
                    }
                    CtKey::Direction => {
                        entry.insert("direction".into(), (if value == 0 { "original" } else { "reply" }).into());
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        let _ = six;
        Some(())
    }

    fn path(&self, hook: Hook) -> Path {
        match hook {
            Hook::Forward => Path::Forward,
            Hook::Output => Path::Output,
            Hook::Postrouting => {
                let has_input = self.get(Field::Meta(MetaKey::Iifname)).is_some_and(|name| name != 0);
                if has_input { Path::Forward } else { Path::Output }
            }
            Hook::Prerouting if self.get(Field::Meta(MetaKey::Oifname)).is_some() => Path::Forward,
            _ => Path::Input,
        }
    }
}

fn transport_name(number: u8) -> Option<&'static str> {
    Some(match number {
        1 => "icmp",
        6 => "tcp",
        17 => "udp",
        58 => "icmpv6",
        132 => "sctp",
        _ => return None,
    })
}

fn field_of(expr: &Expr) -> Option<Field> {
    match expr {
        Expr::Load(field) => Some(*field),
        Expr::Bits { base, .. } => field_of(base),
        _ => None,
    }
}

/// A plausible value that is not `value`.
fn other_than(field: Field, value: u128) -> u128 {
    match field {
        Field::Ct(CtKey::State, _) if value & CtState::New.bit() == 0 => CtState::New.bit(),
        Field::Ct(CtKey::State, _) => CtState::Established.bit(),
        Field::Meta(MetaKey::Iifname | MetaKey::Oifname) => types::name_value("other0"),
        Field::Payload(payload) if payload.bits == 8 && value == 0xff => 0,
        _ => value + 1,
    }
}

/// The way from a base chain to a rule: for each jump, the rule that jumps and, for a verdict map, the key that
/// leads there. The first way found, shortest first; `None` when no base chain leads to the rule.
pub fn way_to(ruleset: &Ruleset, target: RuleRef) -> Option<Way> {
    let table = ruleset.table(target.table);
    let mut queue: std::collections::VecDeque<(ChainId, Vec<Jump>)> = table
        .chains
        .iter()
        .enumerate()
        .filter(|(_, chain)| chain.base.is_some())
        .map(|(at, _)| (ChainId(at as u32), Vec::new()))
        .collect();
    let mut seen = vec![false; table.chains.len()];
    while let Some((chain, jumps)) = queue.pop_front() {
        if std::mem::replace(&mut seen[chain.0 as usize], true) {
            continue;
        }
        if chain == target.chain {
            let base = jumps.first().map_or(chain, |jump: &Jump| jump.rule.chain);
            return Some(Way { base, jumps });
        }
        for (index, rule) in table.chains[chain.0 as usize].rules.iter().enumerate() {
            let reference = RuleRef { table: target.table, chain, index: index as u32 };
            for op in &rule.ops {
                for (to, key) in leads(table, &op.kind) {
                    let mut longer = jumps.clone();
                    longer.push(Jump { rule: reference, key });
                    queue.push_back((to, longer));
                }
            }
        }
    }
    None
}

/// One jump on the way to a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Jump {
    /// The rule that jumps.
    pub rule: RuleRef,
    /// For a verdict map, the key and its values.
    pub key: Option<(Expr, Vec<u128>)>,
}

/// A base chain and the jumps from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// The base chain.
    pub base: ChainId,
    /// The jumps, in order.
    pub jumps: Vec<Jump>,
}

type Lead = (ChainId, Option<(Expr, Vec<u128>)>);

fn leads(table: &Table, op: &OpKind) -> Vec<Lead> {
    use crate::nft::ir::Verdict::{Goto, Jump};
    match op {
        OpKind::Verdict(Jump(to) | Goto(to)) => vec![(*to, None)],
        OpKind::Vmap(key, set) => {
            let elems = table.sets[set.0 as usize].elems.iter();
            elems
                .filter_map(|elem| match elem.data {
                    Some(Data::Verdict(Jump(to) | Goto(to))) => {
                        Some((to, Some((key.clone(), elem.key.iter().map(|(low, _)| *low).collect()))))
                    }
                    _ => None,
                })
                .collect()
        }
        _ => Vec::new(),
    }
}

/// A draft that meets a rule and the jumps that lead to it.
pub fn draft_for(ruleset: &Ruleset, target: RuleRef) -> Option<(Draft, Way)> {
    let way = way_to(ruleset, target)?;
    let table = ruleset.table(target.table);
    let mut draft = Draft::default();
    for jump in &way.jumps {
        let ops = &ruleset.rule(jump.rule).ops;
        match &jump.key {
            Some((key, values)) => {
                let before: Vec<Op> = ops.iter().filter(|op| !matches!(op.kind, OpKind::Vmap(..))).cloned().collect();
                draft.require(table, &before).require_key(key, values);
            }
            None => {
                draft.require(table, ops);
            }
        }
    }
    draft.require(table, &ruleset.rule(target).ops);
    Some((draft, way))
}
