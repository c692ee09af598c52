//! NFT105 ct-before-conntrack: a state is asked for before there is one.

use casebook_core::{EvidenceSet, Finding, Rule, rule};
use casebook_formats::nft::conntrack::CONNTRACK;
use casebook_formats::nft::ir::{CtKey, Expr, Field, Hook, MetaKey, Op, OpKind};
use casebook_formats::nft::show;
use casebook_formats::nft::types::name_value;
use serde_json::json;

use super::common::{about_op, families, run, with_witness};
use super::hooks::Bases;
use super::snapshots::current;
use crate::facts::NftFacts;
use casebook_formats::nft::witness::draft_for;

rule! {
    /// `ct state` in a chain that runs before connection tracking.
    ///
    /// Connection tracking looks packets up at priority -200 of prerouting and output. Before that every packet is
    /// `invalid`, unless `notrack` came first: `ct state established accept` never matches, and
    /// `ct state invalid drop` drops everything. Only packets over `lo` come to prerouting with the connection that
    /// output gave them.
    ///
    /// Speaks on: fixtures/ct-before-conntrack. Silent on: fixtures/ct-after-conntrack.
    ///
    /// Mechanism: without an entry `nft_ct_get_eval` gives `NF_CT_STATE_INVALID_BIT` (net/netfilter/nft_ct.c);
    /// `NF_IP_PRI_CONNTRACK` is -200 (include/uapi/linux/netfilter_ipv4.h).
    pub EARLY_CT = "NFT105" "ct-before-conntrack" of "nftables", Error, since "0.1.0",
    "`ct state` is read before connection tracking has run: every packet is invalid there",
    check(NftFacts)
}

fn check(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for known in current(facts) {
        let ruleset = &known.ruleset;
        let led = Bases::new(ruleset);
        for (at, body) in ruleset.rules() {
            if !body.ops.iter().any(reads_state) {
                continue;
            }
            let bases = led.of(at.table, at.chain);
            let early = |hook, priority| matches!(hook, Hook::Prerouting | Hook::Output) && priority < CONNTRACK;
            if bases.is_empty() || !bases.iter().all(|(_, base)| early(base.hook, base.priority)) {
                continue;
            }
            for op in body.ops.iter().filter(|op| reads_state(op)) {
                let text = show::op(ruleset.table(at.table), &op.kind);
                let (_, base) = bases[0];
                let packet = draft_for(ruleset, at).and_then(|(mut draft, _)| {
                    draft = without_state(&draft);
                    // Over `lo` a packet has its connection from output.
                    let local = draft.get(Field::Meta(MetaKey::Iifname)) == Some(name_value("lo"))
                        || draft.get(Field::Meta(MetaKey::Iif)) == Some(1);
                    if local {
                        return None;
                    }
                    families(ruleset.table(at.table).family).iter().find_map(|family| draft.packet(*family, base.hook))
                });
                let Some(packet) = packet else { continue };
                let hit = run(ruleset, &packet).hits.contains(&at);
                let what = if hit { "matches packets of every state" } else { "matches no packet of any state" };
                let who = if base.hook == Hook::Output { "no packet" } else { "no packet from the network" };
                let title = format!("`{text}` {what}: at priority {} {who} has a connection yet", base.priority);
                let label = format!("every packet is `invalid` here, so this {what}");
                let builder = about_op(rule, title, known, at, op, &label)
                    .place(super::common::span_place(base.span, "runs before connection tracking at -200"))
                    .because("Connection tracking runs at priority -200; only `notrack` changes the state before it, to `untracked`.")
                    .because("In a chain at priority mangle (-150) the state is known.");
                findings.push(with_witness(builder, set, known, &packet, json!({})).build(set));
            }
        }
    }
    findings
}

fn reads_state(op: &Op) -> bool {
    let state = Field::Ct(CtKey::State, None);
    match &op.kind {
        OpKind::Match(expr, _) | OpKind::Vmap(expr, _) => match expr {
            // `ct state untracked` after `notrack` is what such a chain is for.
            Expr::Bits { base, and, .. } => **base == Expr::Load(state) && *and != 64,
            other => *other == Expr::Load(state),
        },
        _ => false,
    }
}

fn without_state(draft: &casebook_formats::nft::witness::Draft) -> casebook_formats::nft::witness::Draft {
    draft.without(Field::Ct(CtKey::State, None))
}
