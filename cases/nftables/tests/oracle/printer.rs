//! Our operations as the lines [`super::bytecode`] makes of nft's.

use casebook_formats::nft::fields::{ct_name, meta_name};
use casebook_formats::nft::ir::{
    Base, ChainId, Cmp, Condition, CtKey, Direction, Expr, Family, Field, MetaKey, NatKind, OpKind, Rule, SetId, Table,
    Target, Test, Value, Verdict,
};
use casebook_formats::nft::show;

use super::bytecode::{compare, range};

/// A load: its name, its bytes, and where the field's lowest bit stands in them.
struct Load {
    source: String,
    len: usize,
    shift: u32,
    /// Bits of the field, at their place.
    mask: u128,
}

fn load(field: Field) -> Load {
    let bits_at = |offset: u16, bits: u16| {
        let (first, last) = (offset / 8, (offset + bits).div_ceil(8));
        let len = usize::from(last - first);
        let shift = u32::from(last * 8 - offset - bits);
        (first, len, shift, full(bits) << shift)
    };
    let whole = |source: String, len: usize| Load { source, len, shift: 0, mask: full(len as u16 * 8) };
    match field {
        Field::Payload(place) => {
            let (first, len, shift, mask) = bits_at(place.offset, place.bits);
            let base = match place.base {
                Base::Link => "link",
                Base::Network => "network",
                Base::Transport => "transport",
                Base::Inner => "inner",
            };
            Load { source: format!("payload {base} {first}"), len, shift, mask }
        }
        Field::Meta(key) => {
            let name = if key == MetaKey::Length { "len" } else { meta_name(key) };
            let len = match key {
                MetaKey::L4proto | MetaKey::Nfproto | MetaKey::Pkttype => 1,
                MetaKey::Protocol | MetaKey::Iiftype | MetaKey::Oiftype => 2,
                MetaKey::Iifname | MetaKey::Oifname => 16,
                _ => 4,
            };
            whole(format!("meta {name}"), len)
        }
        Field::Ct(key, direction) => {
            let way = match direction {
                Some(Direction::Original) => "original ",
                Some(Direction::Reply) => "reply ",
                None => "",
            };
            let (name, len) = match key {
                CtKey::L3proto => ("l3protocol", 1),
                CtKey::Direction => ("direction", 1),
                CtKey::Protocol => ("protocol", 1),
                CtKey::Zone => ("zone", 2),
                CtKey::Label => ("label", 16),
                CtKey::Saddr(Some(Family::Ip6)) => ("src_ip6", 16),
                CtKey::Daddr(Some(Family::Ip6)) => ("dst_ip6", 16),
                CtKey::Saddr(_) => ("src_ip", 4),
                CtKey::Daddr(_) => ("dst_ip", 4),
                CtKey::ProtoSrc => ("proto_src", 2),
                CtKey::ProtoDst => ("proto_dst", 2),
                other => (ct_name(other), 4),
            };
            whole(format!("ct {way}{name}"), len)
        }
        Field::TcpOption(kind, _, 0) => whole(format!("exthdr tcpopt {kind} 0 present"), 1),
        Field::Exthdr(kind, _, 0) => whole(format!("exthdr ipv6 {kind} 0 present"), 1),
        Field::TcpOption(kind, offset, bits) => {
            let (first, len, shift, mask) = bits_at(offset, bits);
            Load { source: format!("exthdr tcpopt {kind} {first}"), len, shift, mask }
        }
        Field::Exthdr(kind, offset, bits) => {
            let (first, len, shift, mask) = bits_at(offset, bits);
            Load { source: format!("exthdr ipv6 {kind} {first}"), len, shift, mask }
        }
    }
}

fn full(bits: u16) -> u128 {
    if bits >= 128 { u128::MAX } else { (1 << bits) - 1 }
}

/// A load with what is masked and flipped of it.
fn masked(expr: &Expr) -> Option<(Load, u128, u128)> {
    match expr {
        Expr::Load(field) => {
            let load = load(*field);
            let mask = load.mask;
            Some((load, mask, 0))
        }
        Expr::Bits { base, and, xor } => {
            let (load, mask, flipped) = masked(base)?;
            let (and, xor) = (and << load.shift, xor << load.shift);
            Some((load, mask & and, (flipped & and) ^ xor))
        }
        _ => None,
    }
}

fn describe(table: &Table, expr: &Expr) -> String {
    match expr {
        Expr::Const(value) => format!("{value:#x}"),
        Expr::Concat(parts) => parts.iter().map(|part| describe(table, part)).collect::<Vec<_>>().join(" . "),
        Expr::Map(key, set) => format!("map {} in {}", describe(table, key), name(table, *set)),
        _ => match masked(expr) {
            None => show::expr(table, expr),
            Some((load, and, xor)) => {
                let source = match load.source.strip_prefix("payload ") {
                    Some(place) => format!("{place} {}b", load.len),
                    None => load.source.clone(),
                };
                let plain = and == full(load.len as u16 * 8) && xor == 0;
                if plain { source } else { format!("{source} & {and:#x} ^ {xor:#x}") }
            }
        },
    }
}

fn name(table: &Table, set: SetId) -> &str {
    let set = &table.sets[set.0 as usize];
    if set.anonymous { "literal" } else { &set.name }
}

fn matches(table: &Table, expr: &Expr, test: &Test, out: &mut Vec<String>) {
    if let Test::Lookup { set, negate } = test {
        let not = if *negate { "not " } else { "" };
        return out.push(format!("{not}{} in {}", describe(table, expr), name(table, *set)));
    }
    let Some((load, and, xor)) = masked(expr) else {
        return out.push(format!("? {}", show::expr(table, expr)));
    };
    if load.source.ends_with("ifname") {
        let text = |value: u128| -> String {
            value.to_be_bytes().iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte)).collect()
        };
        return match test {
            Test::Cmp(cmp, Value::One(value)) => out.push(format!("{} {} {}", load.source, word(*cmp), text(*value))),
            Test::Range { low, negate, .. } => {
                let cmp = if *negate { "neq" } else { "eq" };
                out.push(format!("{} {cmp} {}*", load.source, text(*low)));
            }
            other => out.push(format!("? {other:?}")),
        };
    }
    match test {
        Test::Cmp(cmp, Value::One(value)) => {
            compare(out, &load.source, word(*cmp), and, xor, load.len, value << load.shift);
        }
        Test::Range { low, high, negate } => range(out, &load.source, load.len, *low, *high, *negate),
        other => out.push(format!("? {other:?}")),
    }
}

fn word(cmp: Cmp) -> &'static str {
    match cmp {
        Cmp::Eq => "eq",
        Cmp::Ne => "neq",
        Cmp::Lt => "lt",
        Cmp::Le => "lte",
        Cmp::Gt => "gt",
        Cmp::Ge => "gte",
    }
}

/// The lines of a rule.
pub fn rule(table: &Table, rule: &Rule) -> Vec<String> {
    let mut out = Vec::new();
    for op in &rule.ops {
        match &op.kind {
            OpKind::Match(expr, test) => matches(table, expr, test, &mut out),
            OpKind::Vmap(key, map) => out.push(format!("vmap {} in {}", describe(table, key), name(table, *map))),
            OpKind::Verdict(verdict) => {
                let chain = |id: ChainId| table.chains[id.0 as usize].name.as_str();
                out.push(match verdict {
                    Verdict::Jump(to) => format!("jump {}", chain(*to)),
                    Verdict::Goto(to) => format!("goto {}", chain(*to)),
                    other => show::verdict(table, *other),
                });
            }
            OpKind::Assign(Target::Meta(key), value) => {
                out.push(format!("set meta {} = {}", meta_name(*key), describe(table, value)));
            }
            OpKind::Assign(Target::Ct(key), value) => {
                out.push(format!("set ct {} = {}", ct_name(*key), describe(table, value)));
            }
            OpKind::Nat(nat) => out.push(match nat.kind {
                NatKind::Snat => "nat snat".into(),
                NatKind::Dnat => "nat dnat".into(),
                NatKind::Masquerade => "nat masq".into(),
                NatKind::Redirect => "nat redir".into(),
            }),
            OpKind::Counter(_) => out.push("counter".into()),
            OpKind::Log { .. } => out.push("log".into()),
            OpKind::Reject(_) => out.push("reject".into()),
            OpKind::Notrack => out.push("notrack".into()),
            OpKind::Condition(Condition::Limit, _) => out.push("limit".into()),
            OpKind::Condition(Condition::Quota, _) => out.push("quota".into()),
            other => out.push(format!("? {}", show::op(table, other))),
        }
    }
    out
}
