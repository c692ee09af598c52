//! IR as text: rules in nft's words, values by their type, and why an operation broke.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::eval::compare;
use super::fields;
use super::ir::{
    Cmp, Data, Elem, Expr, Field, MetaKey, OpKind, Rule, Ruleset, Set, SetId, Table, TableId, Target, Test, Value,
    Verdict,
};
use super::load::{Flight, Loaded};
use super::names;
use super::outcome::Effect;
use super::types::{Type, value_name};

/// Elements of a set shown before `…`.
const MOST_ELEMS: usize = 8;

/// A value as nft writes it.
pub fn value(value: u128, ty: Type) -> String {
    match ty {
        Type::Ipv4 => Ipv4Addr::from(value as u32).to_string(),
        Type::Ipv6 => Ipv6Addr::from(value).to_string(),
        Type::Ether => {
            let bytes = value.to_be_bytes();
            bytes[10..].iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
        }
        Type::IfName if value == 0 => "\"\"".into(),
        Type::IfName => format!("\"{}\"", value_name(value)),
        Type::IfIndex if value == 1 => "\"lo\"".into(),
        Type::IfIndex if value > u128::from(u32::MAX) => format!("\"{}\"", value_name(value)),
        Type::Mark | Type::CtLabel => format!("{value:#x}"),
        Type::Proto => names::name_of(
            &[
                ("icmp", 1),
                ("igmp", 2),
                ("tcp", 6),
                ("udp", 17),
                ("dccp", 33),
                ("esp", 50),
                ("ah", 51),
                ("icmpv6", 58),
                ("sctp", 132),
                ("udplite", 136),
            ],
            value,
        )
        .map_or_else(|| value.to_string(), str::to_owned),
        Type::CtDir => (if value == 0 { "original" } else { "reply" }).into(),
        Type::Boolean => (if value == 1 { "exists" } else { "missing" }).into(),
        _ if ty.is_bitmask() => flags(value, ty),
        _ => match ty.names().and_then(|table| names::name_of(table, value)) {
            Some(name) => name.into(),
            None if value > 0xffff => format!("{value:#x}"),
            None => value.to_string(),
        },
    }
}

fn flags(bits: u128, ty: Type) -> String {
    let Some(table) = ty.names() else { return format!("{bits:#x}") };
    let mut rest = bits;
    let mut out = Vec::new();
    for (name, bit) in table {
        let bit = u128::from(*bit);
        if rest & bit == bit && bit != 0 {
            out.push(*name);
            rest &= !bit;
        }
    }
    if rest != 0 || out.is_empty() { format!("{bits:#x}") } else { out.join(",") }
}

fn interval(low: u128, high: u128, ty: Type) -> String {
    if low == high {
        return value(low, ty);
    }
    let width = u32::from(ty.bits());
    let size = high - low;
    if ty == Type::IfName {
        return format!("\"{}*\"", value_name(low));
    }
    let is_block = size.checked_add(1).is_some_and(u128::is_power_of_two) && low & size == 0;
    if matches!(ty, Type::Ipv4 | Type::Ipv6) && is_block {
        return format!("{}/{}", value(low, ty), width - (size + 1).trailing_zeros());
    }
    format!("{}-{}", value(low, ty), value(high, ty))
}

/// An element's key, and what it gives.
pub fn elem(table: &Table, set: &Set, elem: &Elem) -> String {
    let parts = elem.key.iter().zip(&set.key).map(|((low, high), ty)| interval(*low, *high, *ty));
    let key = parts.collect::<Vec<_>>().join(" . ");
    match &elem.data {
        Some(data) => format!("{key} : {}", self::data(table, set, data)),
        None => key,
    }
}

fn data(table: &Table, set: &Set, data: &Data) -> String {
    let ty = |at: usize| set.data.get(at).copied().unwrap_or(Type::Any);
    match data {
        Data::Verdict(verdict) => self::verdict(table, *verdict),
        Data::Values(values) => {
            values.iter().enumerate().map(|(at, v)| value(*v, ty(at))).collect::<Vec<_>>().join(" . ")
        }
        Data::Range(ranges) => {
            ranges.iter().enumerate().map(|(at, (l, h))| interval(*l, *h, ty(at))).collect::<Vec<_>>().join(" . ")
        }
        Data::Unknown => "(not known)".into(),
    }
}

/// A verdict, with the chain's name.
pub fn verdict(table: &Table, verdict: Verdict) -> String {
    let name = |chain: super::ir::ChainId| table.chains.get(chain.0 as usize).map_or("?", |chain| chain.name.as_str());
    match verdict {
        Verdict::Accept => "accept".into(),
        Verdict::Drop => "drop".into(),
        Verdict::Continue => "continue".into(),
        Verdict::Return => "return".into(),
        Verdict::Jump(chain) => format!("jump {}", name(chain)),
        Verdict::Goto(chain) => format!("goto {}", name(chain)),
        Verdict::Missing => "jump to a chain that does not exist".into(),
    }
}

/// A set: its name, or its elements when it is anonymous.
pub fn set(table: &Table, id: SetId) -> String {
    let set = &table.sets[id.0 as usize];
    if !set.anonymous {
        return format!("@{}", set.name);
    }
    let mut parts: Vec<String> = set.elems.iter().take(MOST_ELEMS).map(|item| elem(table, set, item)).collect();
    if set.elems.len() > MOST_ELEMS {
        parts.push("…".into());
    }
    if let Some(default) = &set.catchall {
        let gives = default.as_ref().map(|given| format!(" : {}", data(table, set, given))).unwrap_or_default();
        parts.push(format!("*{gives}"));
    }
    format!("{{ {} }}", parts.join(", "))
}

/// An expression.
pub fn expr(table: &Table, expression: &Expr) -> String {
    match expression {
        Expr::Load(field) => fields::name(*field),
        Expr::Const(constant) => {
            if *constant > 9 {
                format!("{constant:#x}")
            } else {
                constant.to_string()
            }
        }
        Expr::Bits { base, and, xor } => bits(table, base, *and, *xor),
        Expr::Shift { base, left, by } => format!("{} {} {by}", expr(table, base), if *left { "<<" } else { ">>" }),
        Expr::Concat(parts) => parts.iter().map(|part| expr(table, part)).collect::<Vec<_>>().join(" . "),
        Expr::Map(key, id) => format!("{} map {}", expr(table, key), set(table, *id)),
        Expr::Unknown { what, .. } => what.clone(),
    }
}

fn bits(table: &Table, base: &Expr, and: u128, xor: u128) -> String {
    let ty = type_of(base);
    let base = expr(table, base);
    let show = |bits: u128| if ty.is_bitmask() { flags(bits, ty) } else { format!("{bits:#x}") };
    match (and, xor) {
        (and, 0) => format!("{base} & {}", show(and)),
        (and, xor) if and == ty.max() & !xor => format!("{base} | {}", show(xor)),
        (and, xor) if and == ty.max() => format!("{base} ^ {}", show(xor)),
        (and, xor) => format!("({base} & {}) ^ {}", show(and), show(xor)),
    }
}

fn type_of(expression: &Expr) -> Type {
    match expression {
        Expr::Load(field) => fields::type_of(*field),
        Expr::Bits { base, .. } | Expr::Shift { base, .. } => type_of(base),
        _ => Type::Any,
    }
}

fn cmp(cmp: Cmp) -> &'static str {
    match cmp {
        Cmp::Eq => "",
        Cmp::Ne => "!= ",
        Cmp::Lt => "< ",
        Cmp::Le => "<= ",
        Cmp::Gt => "> ",
        Cmp::Ge => ">= ",
    }
}

/// An operation in nft's words; `None` for a dependency nft would not show.
pub fn op(table: &Table, kind: &OpKind) -> String {
    match kind {
        OpKind::Match(left, test) => matching(table, left, test),
        OpKind::Vmap(key, map) => format!("{} vmap {}", expr(table, key), set(table, *map)),
        OpKind::Verdict(given) => verdict(table, *given),
        OpKind::Assign(target, written) => {
            let name = match target {
                Target::Meta(key) => format!("meta {}", fields::meta_name(*key)),
                Target::Ct(key) => format!("ct {}", fields::ct_name(*key)),
                Target::Payload(field) => fields::name(Field::Payload(*field)),
                Target::TcpOption(kind, offset, bits) => fields::name(Field::TcpOption(*kind, *offset, *bits)),
                Target::Other => "(a key the model does not read)".into(),
            };
            let shown = match (written, target) {
                (Expr::Const(constant), Target::Meta(key)) => value(*constant, fields::type_of(Field::Meta(*key))),
                (Expr::Const(constant), Target::Ct(key)) => value(*constant, fields::type_of(Field::Ct(*key, None))),
                (Expr::Const(constant), Target::Payload(field)) => {
                    value(*constant, fields::type_of(Field::Payload(*field)))
                }
                _ => expr(table, written),
            };
            format!("{name} set {shown}")
        }
        OpKind::Nat(nat) => nat_text(table, nat),
        OpKind::Tproxy(..) => "tproxy".into(),
        OpKind::Notrack => "notrack".into(),
        OpKind::Reject(with) => with.clone().unwrap_or_else(|| "reject".into()),
        OpKind::Queue(text) => text.clone(),
        OpKind::Dup(to) => format!("dup to {to}"),
        OpKind::Fwd(to) => format!("fwd to {to}"),
        OpKind::Synproxy => "synproxy".into(),
        OpKind::Flow(name) => format!("flow add @{name}"),
        OpKind::Counter(None) => "counter".into(),
        OpKind::Counter(Some(name)) => format!("counter name \"{name}\""),
        OpKind::Log { prefix, .. } => Effect::Log(prefix.clone()).describe(),
        OpKind::SetUpdate { op, name, key, .. } => {
            let verb = match op {
                super::ir::SetOp::Add => "add",
                super::ir::SetOp::Update => "update",
                super::ir::SetOp::Delete => "delete",
            };
            format!("{verb} @{name} {{ {} }}", expr(table, key))
        }
        OpKind::Condition(_, text) => text.clone(),
        OpKind::CtObject(object) => object.text.clone(),
        OpKind::Opaque(opaque) => opaque.what.clone(),
    }
}

fn nat_text(table: &Table, nat: &super::ir::Nat) -> String {
    let mut text = nat.text.clone();
    let ty = |expression: &Expr, own| if matches!(expression, Expr::Const(_)) { own } else { Type::Any };
    let show = |expression: &Expr, own| match (expression, ty(expression, own)) {
        (Expr::Const(constant), ty) => value(*constant, ty),
        (other, _) => expr(table, other),
    };
    let six = nat.text.ends_with("ip6") || (nat.family.is_none() && table.family == super::ir::Family::Ip6);
    let address = if six { Type::Ipv6 } else { Type::Ipv4 };
    if let Some(addr) = &nat.addr {
        text.push_str(&format!(" to {}", show(addr, address)));
    }
    if let Some(port) = &nat.port {
        text.push_str(if nat.addr.is_some() { ":" } else { " to :" });
        text.push_str(&show(port, Type::Service));
    }
    text
}

/// A match: `tcp dport 22`.
pub fn matching(table: &Table, left: &Expr, test: &Test) -> String {
    let ty = type_of(left);
    match (left, test) {
        // `f & m != 0` is how `flags m` is lowered; `f & m == 0` is `! m`.
        (Expr::Bits { base, and, xor: 0 }, Test::Cmp(Cmp::Ne, Value::One(0))) if ty.is_bitmask() => {
            format!("{} {}", expr(table, base), flags(*and, ty))
        }
        (Expr::Bits { base, and, xor: 0 }, Test::Cmp(Cmp::Eq, Value::One(0))) if ty.is_bitmask() => {
            format!("{} ! {}", expr(table, base), flags(*and, ty))
        }
        (_, Test::Cmp(operator, Value::One(constant))) => {
            let eq = if ty.is_bitmask() && *operator == Cmp::Eq { "== " } else { cmp(*operator) };
            format!("{} {eq}{}", expr(table, left), value(*constant, ty))
        }
        (Expr::Concat(parts), Test::Cmp(operator, Value::Many(values))) => {
            let values = values.iter().zip(parts).map(|(v, part)| value(*v, type_of(part))).collect::<Vec<_>>();
            format!("{} {}{}", expr(table, left), cmp(*operator), values.join(" . "))
        }
        (_, Test::Cmp(operator, Value::Many(_))) => format!("{} {}(several values)", expr(table, left), cmp(*operator)),
        (_, Test::Range { low, high, negate }) => {
            format!("{} {}{}", expr(table, left), if *negate { "!= " } else { "" }, interval(*low, *high, ty))
        }
        (_, Test::Lookup { set: id, negate }) => {
            format!("{} {}{}", expr(table, left), if *negate { "!= " } else { "" }, set(table, *id))
        }
        (_, Test::Unknown) => format!("{} (a value not known here)", expr(table, left)),
    }
}

/// A rule in nft's words, without the dependencies nft adds.
pub fn rule(ruleset: &Ruleset, table: TableId, rule: &Rule) -> String {
    let table = ruleset.table(table);
    let shown = rule.ops.iter().filter(|item| !item.implicit).map(|item| op(table, &item.kind));
    let mut text = shown.collect::<Vec<_>>().join(" ");
    if let Some(comment) = &rule.comment {
        text.push_str(&format!(" comment \"{comment}\""));
    }
    text
}

/// Why an operation broke the rule: what the packet has, or that it has nothing there.
pub(super) fn why(flight: &Flight<'_>, table: &Table, kind: &OpKind) -> String {
    match kind {
        OpKind::Match(left, test) => match loaded(flight, left) {
            Some((field, Loaded::Break)) => absent(flight, field),
            Some((field, Loaded::Known(found))) => {
                let ty = fields::type_of(field);
                let name = fields::name(field);
                match test {
                    Test::Lookup { set: id, negate: false } => {
                        format!("{name} is {}, not in {}", value(found, ty), set(table, *id))
                    }
                    Test::Lookup { set: id, negate: true } => {
                        format!("{name} is {}, which is in {}", value(found, ty), set(table, *id))
                    }
                    Test::Cmp(operator, Value::One(constant))
                        if !compare(*operator, found, *constant) && !matches!(left, Expr::Bits { .. }) =>
                    {
                        format!("{name} is {}", value(found, ty))
                    }
                    _ => format!("{name} is {}", value(found, ty)),
                }
            }
            _ => format!("{} does not hold", op(table, kind)),
        },
        OpKind::Vmap(key, map) => match loaded(flight, key) {
            Some((field, Loaded::Break)) => absent(flight, field),
            Some((field, Loaded::Known(found))) => {
                format!(
                    "{} is {}, not in {}",
                    fields::name(field),
                    value(found, fields::type_of(field)),
                    set(table, *map)
                )
            }
            _ => format!("nothing in {}", set(table, *map)),
        },
        other => format!("{} broke", op(table, other)),
    }
}

/// The first field of an expression that is absent, or its only field with its value.
fn loaded(flight: &Flight<'_>, expression: &Expr) -> Option<(Field, Loaded)> {
    match expression {
        Expr::Load(field) => Some((*field, flight.load(*field))),
        Expr::Bits { base, .. } | Expr::Shift { base, .. } => loaded(flight, base),
        Expr::Concat(parts) => {
            parts.iter().filter_map(|part| loaded(flight, part)).find(|(_, got)| *got == Loaded::Break)
        }
        _ => None,
    }
}

fn absent(flight: &Flight<'_>, field: Field) -> String {
    let name = fields::name(field);
    let why = match field {
        Field::Meta(MetaKey::Iiftype | MetaKey::Iifgroup) => "there is no input device",
        Field::Meta(MetaKey::Oiftype | MetaKey::Oifgroup) => "there is no output device",
        Field::Meta(MetaKey::Skuid | MetaKey::Skgid) => "a forwarded packet has no socket",
        Field::Meta(_) => "the packet has none",
        Field::Ct(..) => "the packet has no connection",
        Field::Payload(payload) if payload.base == super::ir::Base::Link => "there is no link header",
        Field::Payload(_) if flight.headers.fragment != 0 => "it is a later fragment",
        Field::Payload(_) => "the header ends before it",
        Field::TcpOption(..) => "the option is not there",
        Field::Exthdr(..) => "the extension header is not there",
    };
    format!("no {name}: {why}")
}
