//! NFT103 absent-field-not-equal: `!=` says less than it seems to.

use casebook_core::{EvidenceSet, Finding, Rule, rule};
use casebook_formats::nft::ir::{Cmp, Expr, Family, Field, Hook, MetaKey, Op, OpKind, RuleRef, Test, Value, Verdict};
use casebook_formats::nft::load::Flight;
use casebook_formats::nft::outcome::End;
use casebook_formats::nft::packet::{ETH_IP, ETH_IP6, Packet};
use casebook_formats::nft::show;
use serde_json::json;

use super::common::{about_op, editable, families, run, with_witness};
use super::snapshots::current;
use crate::facts::{NftFacts, RulesetFacts};
use casebook_formats::nft::witness::{Draft, way_to};

rule! {
    /// `!=` on a field that some packets do not have.
    ///
    /// `tcp dport != 22 drop` seems to drop everything but SSH. A packet without the field breaks the rule, for `!=`
    /// as for `==`: UDP, ICMP and, for `ip saddr != …`, all of IPv6 pass it by. The rule speaks when such a packet is
    /// really accepted in the end. It is silent when the rule asks for the protocol itself
    /// (`meta l4proto tcp tcp dport != 22`), which says what is meant, and about fields other than addresses and ports:
    /// `tcp flags != syn` is about TCP alone.
    ///
    /// Speaks on: fixtures/absent-field. Silent on: fixtures/absent-field-with-protocol.
    ///
    /// Mechanism: an expression that cannot load its field sets `NFT_BREAK` (net/netfilter/nft_payload.c), and nft
    /// puts the check of the protocol before the field (src/payload.c).
    pub ABSENT_FIELD = "NFT103" "absent-field-not-equal" of "nftables", Warning, since "0.1.0",
    "`!=` does not match packets that lack the field, so a restriction lets them through",
    check(NftFacts)
}

fn check(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for known in current(facts) {
        for (at, body) in known.ruleset.rules() {
            if restricts(&body.ops)
                && let Some((index, field)) = negated(&body.ops)
                && let Some(packet) = passes(known, at, field)
            {
                findings.push(finding(rule, known, set, at, index, field, &packet));
            }
        }
    }
    findings
}

/// True for a rule that ends in drop or reject.
fn restricts(ops: &[Op]) -> bool {
    ops.iter().any(|op| matches!(op.kind, OpKind::Verdict(Verdict::Drop) | OpKind::Reject(_)))
}

/// The rule's only comparison, when it is a negated one whose field needs a protocol nobody asked for in words.
fn negated(ops: &[Op]) -> Option<(usize, Field)> {
    let mut found = None;
    for (index, op) in ops.iter().enumerate() {
        let OpKind::Match(expr, test) = &op.kind else { continue };
        if op.implicit {
            continue;
        }
        let not = match test {
            Test::Cmp(Cmp::Ne, Value::One(0)) if matches!(expr, Expr::Bits { .. }) => false,
            Test::Cmp(Cmp::Ne, _) => true,
            Test::Range { negate, .. } | Test::Lookup { negate, .. } => *negate,
            _ => false,
        };
        match expr {
            // `tcp flags != syn` or `icmp type != 8` is about that protocol alone; an address or a port seems not to be.
            Expr::Load(field @ Field::Payload(payload)) if not && who(payload.name) && has_dependency(ops, index) => {
                found = Some((index, *field));
            }
            // Asking for the protocol in words says what is meant.
            Expr::Load(Field::Meta(MetaKey::L4proto | MetaKey::Nfproto | MetaKey::Protocol)) => return None,
            Expr::Load(Field::Payload(field)) if matches!(field.name, "ip protocol" | "ip6 nexthdr") => return None,
            Expr::Load(Field::Payload(_)) => return None,
            _ => {}
        }
    }
    found
}

/// True for a field that says who talks to whom.
fn who(name: &str) -> bool {
    ["saddr", "daddr", "sport", "dport"].iter().any(|word| name.ends_with(word))
}

fn has_dependency(ops: &[Op], index: usize) -> bool {
    ops[..index].iter().any(|op| op.implicit)
}

/// A packet without the field that comes to the rule and is accepted in the end.
fn passes(facts: &RulesetFacts, at: RuleRef, field: Field) -> Option<Packet> {
    let ruleset = &facts.ruleset;
    let table = ruleset.table(at.table);
    let way = way_to(ruleset, at)?;
    let hook = table.chains[way.base.0 as usize].base.as_ref()?.hook;
    let own: Vec<&Op> = ruleset.rule(at).ops.iter().filter(|op| !op.implicit && !about(&op.kind, field)).collect();
    for (l4, six) in [(17, false), (6, true), (1, false), (6, false)] {
        let mut draft = Draft::default();
        for jump in &way.jumps {
            draft.require(table, &ruleset.rule(jump.rule).ops);
        }
        own.iter().for_each(|op| {
            draft.require(table, std::slice::from_ref(op));
        });
        draft.default_to(Field::Meta(MetaKey::L4proto), l4);
        if six {
            draft.default_to(Field::Meta(MetaKey::Nfproto), 10);
        }
        for family in families(table.family) {
            let family = if *family == Family::Inet && !six { Family::Inet } else { *family };
            if let Some(packet) = draft.packet(family, if hook == Hook::Ingress { Hook::Input } else { hook }) {
                let outcome = run(ruleset, &packet);
                if outcome.end == End::Accept && !outcome.hits.contains(&at) && lacks(&packet, field) {
                    return Some(packet);
                }
            }
        }
    }
    None
}

fn about(op: &OpKind, field: Field) -> bool {
    matches!(op, OpKind::Match(Expr::Load(known), _) if *known == field)
}

/// True when the packet is of another protocol than the field's.
fn lacks(packet: &Packet, field: Field) -> bool {
    let flight = Flight::new(packet);
    let Field::Payload(payload) = field else { return false };
    let protocol = payload.name.split(' ').next().unwrap_or("");
    let l4 = flight.headers.l4proto.map(u128::from);
    match protocol {
        "ip" => flight.headers.protocol != ETH_IP,
        "ip6" => flight.headers.protocol != ETH_IP6,
        "tcp" => l4 != Some(6),
        "udp" => l4 != Some(17),
        "icmp" => l4 != Some(1),
        "icmpv6" => l4 != Some(58),
        _ => false,
    }
}

fn finding(
    rule: &'static Rule,
    facts: &RulesetFacts,
    set: &EvidenceSet,
    at: RuleRef,
    index: usize,
    field: Field,
    packet: &Packet,
) -> Finding {
    let ruleset = &facts.ruleset;
    let body = ruleset.rule(at);
    let text = show::rule(ruleset, at.table, body);
    let op = &body.ops[index];
    let protocol = match field {
        Field::Payload(payload) => payload.name.split(' ').next().unwrap_or("the protocol"),
        _ => "the field",
    };
    let title = format!("`{text}` does not drop packets that are not {protocol}: they pass it and are accepted");
    let label = format!("packets without {protocol} have no such field: the rule breaks, for `!=` too");
    let builder = about_op(rule, title, facts, at, op, &label)
        .because(format!(
            "nft puts a check for {protocol} before the comparison; a packet that fails it goes on to the next rule."
        ))
        .because(match editable(facts) {
            true => format!(
                "If only {protocol} is meant, write the protocol; if everything else is to be dropped, use a policy."
            ),
            false => "If everything else is to be dropped, that is what a drop policy does.".to_owned(),
        });
    with_witness(builder, set, facts, packet, json!({})).build(set)
}
