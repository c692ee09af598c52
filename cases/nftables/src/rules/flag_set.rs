//! NFT107 flags-in-set, NFT120 flags-not-equal-list: sets of flags that compare whole values.

use casebook_core::{Edit, EvidenceSet, Finding, Fix, FixClass, Rule, rule};
use casebook_formats::nft::ir::{Cmp, CtKey, Expr, Field, Op, OpKind, RuleRef, Ruleset, Set, Test, Value};
use casebook_formats::nft::packet::CT_STATES;
use casebook_formats::nft::types::Type;
use casebook_formats::nft::{fields, show};
use serde_json::json;

use super::common::{about_op, editable, families, run, with_witness};
use super::snapshots::current;
use crate::facts::NftFacts;
use casebook_formats::nft::witness::{draft_for, way_to};

rule! {
    /// `tcp flags { syn, ack }` is not `tcp flags syn,ack`.
    ///
    /// Braces make a set of whole values: exactly SYN, or exactly ACK. A packet with both matches neither. Without
    /// braces the list is a mask: any of the bits. `nft -o` merges two rules of the second kind into one of the first.
    ///
    /// Speaks on: fixtures/flags-in-set. Silent on: fixtures/flags-as-mask.
    ///
    /// Mechanism: a set is a lookup of the whole byte, a list is `(flags & mask) != 0`
    /// (src/netlink_linearize.c `netlink_gen_flagcmp`).
    pub FLAG_SET = "NFT107" "flags-in-set" of "nftables", Warning, since "0.1.0",
    "a set of single flags matches no packet that has two of them",
    check_set(NftFacts)
}

rule! {
    /// `ct state != established,related` is true of every packet.
    ///
    /// Without braces the list is one value with both bits; `!=` compares the whole state with it, and a packet has
    /// one state at a time, so it always differs. With braces the set is searched, as meant.
    ///
    /// Speaks on: fixtures/state-not-equal-list. Silent on: fixtures/state-not-equal-set.
    ///
    /// Mechanism: nft lowers `!=` of a list to one comparison (`cmp neq` of the combined bits; read it with
    /// `nft --debug=netlink -c`), and `ct state` loads a single bit (net/netfilter/nft_ct.c).
    ///
    /// Fix: `ct state != { established, related }`.
    pub NOT_EQUAL_LIST = "NFT120" "flags-not-equal-list" of "nftables", Error, since "0.1.0",
    "`ct state !=` with a list is always true: no packet has two states",
    check_list(NftFacts)
}

fn check_set(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for known in current(facts) {
        let ruleset = &known.ruleset;
        for (at, body) in ruleset.rules() {
            for op in &body.ops {
                let Some(bits) = single_flags(ruleset, at, op) else { continue };
                let OpKind::Match(Expr::Load(field), _) = &op.kind else { continue };
                let packet = draft_for(ruleset, at).and_then(|(draft, way)| {
                    let mut draft = draft.without(*field);
                    draft.default_to(*field, bits);
                    let hook = ruleset.chain(at.table, way.base).base.as_ref()?.hook;
                    families(ruleset.table(at.table).family).iter().find_map(|family| draft.packet(*family, hook))
                });
                let Some(packet) = packet.filter(|packet| !run(ruleset, packet).hits.contains(&at)) else { continue };
                let both = show::value(bits, Type::TcpFlag);
                let title =
                    format!("`{}` does not match a packet with {both}", show::op(ruleset.table(at.table), &op.kind));
                let builder = about_op(rule, title, known, at, op, "compares the whole flags byte with each element")
                    .because("Braces make a set of exact values. Without them the list is a mask: any of these bits.");
                findings.push(with_witness(builder, set, known, &packet, json!({})).build(set));
            }
        }
    }
    findings
}

/// The bits of a set of two or more single flags.
fn single_flags(ruleset: &Ruleset, at: RuleRef, op: &Op) -> Option<u128> {
    let OpKind::Match(Expr::Load(Field::Payload(field)), Test::Lookup { set, negate: false }) = &op.kind else {
        return None;
    };
    if field.name != "tcp flags" {
        return None;
    }
    let set: &Set = &ruleset.table(at.table).sets[set.0 as usize];
    let single = |value: u128| value.count_ones() == 1;
    let all = set.elems.iter().all(|elem| elem.key[0].0 == elem.key[0].1 && single(elem.key[0].0));
    (set.anonymous && set.elems.len() > 1 && all).then(|| set.elems.iter().fold(0, |bits, elem| bits | elem.key[0].0))
}

fn check_list(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for known in current(facts) {
        let ruleset = &known.ruleset;
        for (at, body) in ruleset.rules() {
            for op in &body.ops {
                let OpKind::Match(Expr::Load(Field::Ct(CtKey::State, _)), Test::Cmp(Cmp::Ne, Value::One(bits))) =
                    &op.kind
                else {
                    continue;
                };
                if bits.count_ones() < 2 {
                    continue;
                }
                // A packet of a state the list names, which the rule seems to leave alone.
                let named = CT_STATES.iter().find(|(_, _, bit)| bits & bit != 0 && *bit != 1 && *bit != 64);
                let Some((_, name, bit)) = named else { continue };
                let packet = way_to(ruleset, at).and_then(|way| {
                    let mut draft = draft_for(ruleset, at)?.0.without(Field::Ct(CtKey::State, None));
                    draft.default_to(Field::Ct(CtKey::State, None), *bit);
                    let hook = ruleset.chain(at.table, way.base).base.as_ref()?.hook;
                    // Of TCP, a segment of an open connection.
                    let mut acked = draft.clone();
                    if let Some((_, flags, _)) = fields::payload("tcp", "flags") {
                        acked.default_to(Field::Payload(flags), 0x10);
                    }
                    [acked, draft].iter().find_map(|draft| {
                        families(ruleset.table(at.table).family).iter().find_map(|family| draft.packet(*family, hook))
                    })
                });
                let Some(packet) = packet else { continue };
                let text = show::op(ruleset.table(at.table), &op.kind);
                let title = format!("`{text}` is true of every packet, also of {name} ones");
                let mut builder = about_op(rule, title, known, at, op, "one value with several bits, which no packet's state equals")
                    .because("A packet has one state at a time; a list without braces is one value with all its bits, and `!=` compares the whole.");
                builder = with_witness(builder, set, known, &packet, json!({}));
                if let Some(fix) = braces(known, set, op, *bits) {
                    builder = builder.fix(fix);
                }
                findings.push(builder.build(set));
            }
        }
    }
    findings
}

fn braces(facts: &crate::facts::RulesetFacts, set: &EvidenceSet, op: &Op, bits: u128) -> Option<Fix> {
    let names: Vec<&str> = CT_STATES.iter().filter(|(_, _, bit)| bits & bit != 0).map(|(_, name, _)| *name).collect();
    let text = format!("ct state != {{ {} }}", names.join(", "));
    let span = op.loc.span;
    let plain = editable(facts) && op.loc.define.is_none() && set.text(span).is_some_and(|old| old.contains("!="));
    let edits = if plain { vec![Edit { span, text: text.clone() }] } else { Vec::new() };
    let class = if edits.is_empty() { FixClass::Display } else { FixClass::Safe };
    Some(Fix { title: format!("search a set: `{text}`"), class, edits, commands: Vec::new() })
}
