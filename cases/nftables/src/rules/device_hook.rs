//! NFT104 device-unknown-at-hook: a rule asks for a device the packet does not have yet.

use casebook_core::{EvidenceSet, Finding, Rule, Severity, rule};
use casebook_formats::nft::ir::{
    BaseChain, ChainId, Cmp, Expr, Family, Field, Hook, MetaKey, Op, OpKind, RuleRef, Test, Value,
};
use casebook_formats::nft::show;

use super::common::about_op;
use super::hooks::Bases;
use super::snapshots::current;
use crate::facts::NftFacts;

rule! {
    /// `oifname` in prerouting or input, `iifname` in output: the packet has no such device there.
    ///
    /// Before routing no output device is known, and a packet of this host has no input device. The name is then
    /// empty and the index 0, so `==` never matches and `!=` always does: `oifname != "eth0" drop` in prerouting drops
    /// everything. In postrouting a forwarded packet has kept its input device since Linux 5.7, so `iifname` there is
    /// no mistake on current kernels.
    ///
    /// Speaks on: fixtures/device-unknown. Silent on: fixtures/device-known.
    ///
    /// Mechanism: `nft_meta_store_ifname` stores an empty name without a device (net/netfilter/nft_meta.c).
    pub DEVICE_UNKNOWN = "NFT104" "device-unknown-at-hook" of "nftables", Warning, since "0.1.0",
    "a rule tests a device that packets do not have at this hook",
    check(NftFacts)
}

fn check(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for known in current(facts) {
        let ruleset = &known.ruleset;
        let led = Bases::new(ruleset);
        for (at, body) in ruleset.rules() {
            let owner = ruleset.table(at.table).family;
            if matches!(owner, Family::Bridge | Family::Netdev | Family::Arp) {
                continue;
            }
            for op in body.ops.iter().filter(|op| !op.implicit) {
                if let Some((key, test)) = device(op) {
                    findings.extend(judge(rule, known, set, (at, led.of(at.table, at.chain)), op, key, test));
                }
            }
        }
    }
    findings
}

fn device(op: &Op) -> Option<(MetaKey, &Test)> {
    match &op.kind {
        OpKind::Match(Expr::Load(Field::Meta(key)), test) => match key {
            MetaKey::Iif | MetaKey::Iifname | MetaKey::Oif | MetaKey::Oifname => Some((*key, test)),
            _ => None,
        },
        _ => None,
    }
}

fn judge(
    rule: &'static Rule,
    facts: &crate::facts::RulesetFacts,
    set: &EvidenceSet,
    (at, bases): (RuleRef, &[(ChainId, &BaseChain)]),
    op: &Op,
    key: MetaKey,
    test: &Test,
) -> Option<Finding> {
    let ruleset = &facts.ruleset;
    let output = matches!(key, MetaKey::Oif | MetaKey::Oifname);
    let lacks = |hook: Hook| match output {
        true => matches!(hook, Hook::Ingress | Hook::Prerouting | Hook::Input),
        false => hook == Hook::Output,
    };
    // A chain that is also run from a hook where the device is known has its use.
    if bases.is_empty() || !bases.iter().all(|(_, base)| lacks(base.hook)) {
        return None;
    }
    // What the kernel loads there: 0, or the empty name.
    let table = ruleset.table(at.table);
    let holds = match test {
        Test::Cmp(Cmp::Eq, value) => *value == Value::One(0),
        Test::Cmp(Cmp::Ne, value) => *value != Value::One(0),
        Test::Range { low, negate, .. } => (*low == 0) != *negate,
        Test::Lookup { set, negate } => table.sets[set.0 as usize].find(&[0]).is_some() != *negate,
        _ => return None,
    };
    let hooks: Vec<&str> = bases.iter().map(|(_, base)| base.hook.as_str()).collect();
    let text = show::op(table, &op.kind);
    let (word, effect) = match holds {
        false => ("never matches", "what follows in the rule never runs"),
        true => ("always matches", "the rule applies whatever the device is"),
    };
    let title = format!("`{text}` {word} at {}: {effect}", hooks.join(" and "));
    let why = match output {
        true => "The output device is chosen by routing, which comes after this hook; until then its name is empty.",
        false => "A packet this host sends was received by no device; the name of its input device is empty.",
    };
    let label = format!("{word}: there is no {} device here", if output { "output" } else { "input" });
    let mut builder = about_op(rule, title, facts, at, op, &label).because(why).because(match output {
        true => "It is known in forward, output and postrouting.",
        false => "It is known in prerouting, input and forward.",
    });
    if holds {
        builder = builder.severity(Severity::Error);
    }
    for (_, base) in bases {
        builder = builder.place(super::common::span_place(base.span, "the hook it is run from"));
    }
    let step = format!(
        "{} loads {} at {}: {word}",
        text,
        if holds { "a value that meets the test" } else { "the empty value" },
        hooks.join(", ")
    );
    Some(builder.step(step, Some(ruleset.rule(at).at.clone())).build(set))
}
