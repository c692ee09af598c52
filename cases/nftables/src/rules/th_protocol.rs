//! NFT106 th-without-protocol: ports of packets that have none.

use casebook_core::{EvidenceSet, Finding, Rule, rule};
use casebook_formats::nft::ir::{Base, Expr, Family, Field, Hook, MetaKey, Op, OpKind, RuleRef, Test, Value};
use casebook_formats::nft::packet::Packet;
use casebook_formats::nft::{packet_json, show};
use serde_json::json;

use super::common::{about_op, run, with_witness};
use super::snapshots::current;
use crate::facts::{NftFacts, RulesetFacts};
use casebook_formats::nft::witness::way_to;

rule! {
    /// `th dport` without a check of the transport protocol.
    ///
    /// `th` reads the bytes where a port would be, of any protocol: the checksum of ICMP, the payload of GRE. nft adds
    /// no check, so `th dport 53 accept` accepts whatever has those bytes.
    ///
    /// Speaks on: fixtures/th-without-protocol. Silent on: fixtures/th-with-protocol.
    ///
    /// Mechanism: `th` has no dependency (src/proto.c `proto_th`); the load is of bytes 2 and 3 of the transport
    /// header (net/netfilter/nft_payload.c).
    ///
    /// Fix: `meta l4proto { tcp, udp } th dport 53`.
    pub TH_PROTOCOL = "NFT106" "th-without-protocol" of "nftables", Warning, since "0.1.0",
    "`th` is read of packets of any protocol, where nothing asks for one with ports",
    check(NftFacts)
}

fn check(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for known in current(facts) {
        let ruleset = &known.ruleset;
        for (at, body) in ruleset.rules() {
            let Some(index) = body.ops.iter().position(is_th) else { continue };
            if body.ops[..index].iter().any(asks_for_protocol) {
                continue;
            }
            if let Some(packet) = portless(known, at, &body.ops[index]) {
                let op = &body.ops[index];
                let text = show::op(ruleset.table(at.table), &op.kind);
                let title = format!("`{text}` matches packets that have no ports");
                let builder = about_op(rule, title, known, at, op, "reads these bytes of any protocol")
                    .because("`th` brings no check of the protocol; the witness is GRE, and its first bytes look like the port.")
                    .because("`meta l4proto { tcp, udp }` before it says which packets have ports.");
                findings.push(with_witness(builder, set, known, &packet, json!({})).build(set));
            }
        }
    }
    findings
}

fn is_th(op: &Op) -> bool {
    let th = |expr: &Expr| matches!(expr, Expr::Load(Field::Payload(p)) if p.base == Base::Transport && p.name.starts_with("th "));
    match &op.kind {
        OpKind::Match(expr, _) | OpKind::Vmap(expr, _) => match expr {
            Expr::Concat(parts) => parts.iter().any(th),
            other => th(other),
        },
        _ => false,
    }
}

fn asks_for_protocol(op: &Op) -> bool {
    let asks = |expr: &Expr| match expr {
        Expr::Load(Field::Meta(MetaKey::L4proto)) => true,
        Expr::Load(Field::Payload(p)) => matches!(p.name, "ip protocol" | "ip6 nexthdr"),
        _ => false,
    };
    match &op.kind {
        OpKind::Match(Expr::Concat(parts), _) => parts.iter().any(asks),
        OpKind::Match(expr, _) => asks(expr),
        _ => false,
    }
}

/// A GRE packet whose bytes meet the test, when the rule really runs to its end for it.
fn portless(facts: &RulesetFacts, at: RuleRef, op: &Op) -> Option<Packet> {
    let ruleset = &facts.ruleset;
    let table = ruleset.table(at.table);
    if matches!(table.family, Family::Ip6 | Family::Arp | Family::Bridge | Family::Netdev) {
        return None;
    }
    let OpKind::Match(Expr::Load(Field::Payload(field)), test) = &op.kind else { return None };
    let value = match test {
        Test::Cmp(_, Value::One(value)) => *value,
        Test::Range { low, .. } => *low,
        Test::Lookup { set, .. } => table.sets[set.0 as usize].elems.first()?.key.first()?.0,
        _ => return None,
    };
    let base = way_to(ruleset, at)?.base;
    let hook = table.chains[base.0 as usize].base.as_ref()?.hook;
    let mut payload = [0u8; 8];
    let at_byte = usize::from(field.offset / 8);
    payload.get_mut(at_byte..at_byte + 2)?.copy_from_slice(&(value as u16).to_be_bytes());
    let mut bytes = vec![0x45, 0, 0, 28, 0, 1, 0, 0, 64, 47, 0, 0, 192, 0, 2, 5, 198, 51, 100, 1];
    bytes.extend(payload);
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let path = match hook {
        Hook::Forward => json!({"raw": hex, "iif": "eth0", "oif": "eth1", "path": "forward"}),
        Hook::Output | Hook::Postrouting => {
            json!({"raw": hex, "oif": "eth1", "path": "output"})
        }
        _ => json!({"raw": hex, "iif": "eth0", "path": "input"}),
    };
    let (_, packet) = packet_json::parse(&path.to_string()).ok()?;
    run(ruleset, &packet).hits.contains(&at).then_some(packet)
}
