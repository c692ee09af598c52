//! Who depends on a lost mark: rules that read it, rules that copy it, and the routing that looks at it.

use std::net::IpAddr;

use casebook_core::{At, EvidenceSet, Place};
use casebook_formats::nft::ir::{CtKey, Expr, Field, MetaKey, OpKind, RuleRef, Ruleset, Target};
use casebook_formats::nft::load::Flight;
use casebook_formats::nft::outcome::Effect;
use casebook_formats::nft::packet::ETH_IP6;

use super::common::{rule_line, rule_place};
use super::loss::Loss;
use crate::facts::routing::{Route, RoutingRule};
use crate::facts::{NftFacts, Routing, RulesetFacts};

/// One reader, in words, with its places.
pub(super) struct Reader {
    pub(super) text: String,
    pub(super) places: Vec<Place>,
}

/// Readers of the mark a loss is about; nothing for other effects.
pub(super) fn of(facts: &NftFacts, set: &EvidenceSet, after: &RulesetFacts, loss: &Loss) -> Vec<Reader> {
    let ruleset = &after.ruleset;
    let (value, ct) = match loss.effect {
        Effect::CtMark(Some(value)) => (value, true),
        Effect::Mark(Some(value)) => (value, false),
        _ => return Vec::new(),
    };
    let mut readers = Vec::new();
    let field = if ct { Field::Ct(CtKey::Mark, None) } else { Field::Meta(MetaKey::Mark) };
    let mut copied = !ct;
    for (rule, copies) in reading(ruleset, field) {
        if rule == loss.rule {
            continue;
        }
        copied |= copies;
        let what = if copies { "copies it to the packet mark" } else { "reads it" };
        readers.push(Reader {
            text: format!("`{}` {what}.", rule_line(ruleset, rule)),
            places: vec![rule_place(ruleset, rule, format!("{what}: finds none now"))],
        });
    }
    if copied && let Some(routing) = facts.routing_of(set, after.evidence) {
        readers.extend(routed(routing, loss, value, ct));
    }
    readers
}

/// Rules that load `field`, and whether each copies it to the packet mark.
pub(super) fn reading(ruleset: &Ruleset, field: Field) -> Vec<(RuleRef, bool)> {
    let mut out = Vec::new();
    for (at, rule) in ruleset.rules() {
        let mut copies = false;
        let reads = rule.ops.iter().any(|op| match &op.kind {
            OpKind::Match(expr, _) | OpKind::Vmap(expr, _) => loads(expr, field),
            OpKind::Assign(target, expr) => {
                let read = loads(expr, field);
                copies |= read && *target == Target::Meta(MetaKey::Mark);
                // `ct mark set ct mark | 1` changes the mark; only another target reads it.
                read && !writes(*target, field)
            }
            OpKind::SetUpdate { key, .. } => loads(key, field),
            _ => false,
        });
        if reads {
            out.push((at, copies));
        }
    }
    out
}

/// True when a target is the field itself.
pub(super) fn writes(target: Target, field: Field) -> bool {
    matches!((target, field), (Target::Meta(left), Field::Meta(right)) if left == right)
        || matches!((target, field), (Target::Ct(left), Field::Ct(right, _)) if left == right)
}

/// True when an expression loads a field.
pub(super) fn loads(expr: &Expr, field: Field) -> bool {
    match expr {
        Expr::Load(known) => *known == field,
        Expr::Bits { base, .. } | Expr::Shift { base, .. } => loads(base, field),
        Expr::Concat(parts) => parts.iter().any(|part| loads(part, field)),
        Expr::Map(key, _) => loads(key, field),
        Expr::Const(_) | Expr::Unknown { .. } => false,
    }
}

/// Where packets go with the mark and without: for a connection's mark, the replies to the witness.
fn routed(routing: &Routing, loss: &Loss, mark: u32, reply: bool) -> Option<Reader> {
    let to = address(loss, reply)?;
    let with = lookup(routing, to, mark);
    let without = lookup(routing, to, 0);
    let (Some((rule, with)), Some((_, without))) = (with, without) else { return None };
    if std::ptr::eq(with, without) || rule.fwmark.is_none() {
        return None;
    }
    let who = if reply { "replies to the witness" } else { "packets like the witness" };
    let text = format!(
        "With mark {mark:#x}, {who} match `{}` and leave {}; without it they leave {}.",
        rule_text(rule),
        route_text(with),
        route_text(without),
    );
    let mtu = match (with.mtu, without.mtu) {
        (Some(_), Some(_)) | (Some(_), None) | (None, Some(_)) => "",
        (None, None) => {
            " The path's MTU and filters beyond the first hop are not in this evidence: compare them for both."
        }
    };
    let place = |span: casebook_core::Span, record: u32, label: &str, shown: String| {
        Place::context(At::Record { index: u64::from(record), pointer: format!("/{record}"), span }, label)
            .shown_as(shown)
    };
    Some(Reader {
        text: format!("{text}{mtu}{}", probing(routing)),
        places: vec![
            place(rule.span, rule.record, "no longer matches", rule_text(rule)),
            place(with.span, with.record, "the path with the mark", route_text(with)),
            place(without.span, without.record, "the path they take now", route_text(without)),
        ],
    })
}

/// Whether TCP would find out by itself that a path takes smaller segments (Documentation/networking/ip-sysctl.rst).
fn probing(routing: &Routing) -> &'static str {
    match routing.settings.get("net.ipv4.tcp_mtu_probing").map(String::as_str) {
        Some("0") => " net.ipv4.tcp_mtu_probing is 0: where ICMP is lost, TCP does not find a smaller MTU by itself.",
        _ => "",
    }
}

/// Where replies to the witness go, or the witness itself.
pub(super) fn address(loss: &Loss, reply: bool) -> Option<IpAddr> {
    let flight = Flight::new(&loss.packet);
    let tuple = flight.take_tuple()?;
    let value = if reply { tuple.saddr } else { tuple.daddr };
    Some(if flight.headers.protocol == ETH_IP6 { IpAddr::V6(value.into()) } else { IpAddr::V4((value as u32).into()) })
}

/// The device of the route to an address, for packets with a mark.
pub(super) fn device(routing: &Routing, to: IpAddr, mark: u32) -> Option<&str> {
    let (_, route) = lookup(routing, to, mark)?;
    route.hops.first()?.dev.as_deref()
}

/// `fib_rules_lookup` and a longest-prefix match in the table it names, for rules the model covers. A rule with a
/// selector that is not modelled ends the lookup: nothing is claimed.
fn lookup(routing: &Routing, to: IpAddr, mark: u32) -> Option<(&RoutingRule, &Route)> {
    let mut rules: Vec<&RoutingRule> = routing.rules.iter().collect();
    rules.sort_by_key(|rule| rule.priority);
    for rule in rules {
        if !rule.unmodelled.is_empty() {
            return None;
        }
        let marked = rule.fwmark.is_none_or(|(value, mask)| mark & mask == value & mask);
        let from_all = rule.src.is_none();
        let to_it = rule.dst.is_none_or(|prefix| prefix.contains(to));
        let by_device = rule.iif.is_some() || rule.oif.is_some();
        if by_device || !from_all || rule.not {
            // Decided by things the witness does not settle: only a rule with a mark of its own is looked at.
            if rule.fwmark.is_none() { continue } else { return None }
        }
        if !(marked && to_it) {
            continue;
        }
        let Some(table) = &rule.table else { return None };
        if let Some(route) = best(routing, table, to) {
            return Some((rule, route));
        }
    }
    None
}

fn best<'r>(routing: &'r Routing, table: &str, to: IpAddr) -> Option<&'r Route> {
    let same_family = |route: &&Route| match (&route.dst, route.hops.first().and_then(|hop| hop.gateway)) {
        (Some(prefix), _) => prefix.contains(to),
        (None, Some(gateway)) => gateway.is_ipv4() == to.is_ipv4(),
        (None, None) => true,
    };
    let of_table = routing.routes.iter().filter(|route| route.table == table).filter(same_family);
    of_table.max_by_key(|route| (route.dst.map_or(0, |dst| dst.len), std::cmp::Reverse(route.metric.unwrap_or(0))))
}

fn rule_text(rule: &RoutingRule) -> String {
    let mark = rule.fwmark.map(|(value, mask)| match mask {
        u32::MAX => format!(" fwmark {value:#x}"),
        mask => format!(" fwmark {value:#x}/{mask:#x}"),
    });
    let table = rule.table.as_ref().map(|table| format!(" lookup {table}"));
    format!("ip rule {}:{}{}", rule.priority, mark.unwrap_or_default(), table.unwrap_or_default())
}

fn route_text(route: &Route) -> String {
    let hop = route.hops.first();
    let via = hop.and_then(|hop| hop.gateway).map(|gateway| format!(" via {gateway}")).unwrap_or_default();
    let dev = hop.and_then(|hop| hop.dev.as_ref()).map(|dev| format!(" dev {dev}")).unwrap_or_default();
    let mtu = route.mtu.map(|mtu| format!(" mtu {mtu}")).unwrap_or_default();
    format!("by table {}{via}{dev}{mtu}", route.table)
}
