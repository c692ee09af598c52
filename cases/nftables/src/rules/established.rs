//! NFT119 no-established-accept: replies to this host's own connections are dropped.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Rule, rule};
use serde_json::json;

use super::common::{rule_place, run, span_place, with_witness};
use crate::facts::{NftFacts, RulesetFacts};
use crate::model::ir::{
    BaseChain, ChainId, ChainKind, Expr, Family, Field, Hook, OpKind, Policy, RuleRef, Ruleset, TableId,
};
use crate::model::outcome::{Decider, End};
use crate::model::packet::Packet;
use crate::model::packet_json;

rule! {
    /// A chain that drops what it does not know and accepts no established connections.
    ///
    /// Replies arrive at ports nobody listed. With `policy drop` and no rule for established connections, every
    /// connection this host opens gets its answer dropped: name resolution, updates, NTP.
    ///
    /// The witness is such a reply, run through the whole ruleset. The rule is silent when the ruleset accepts by
    /// source port, which is how stateless rulesets let replies in, and when no packet can leave the host.
    pub ESTABLISHED = "NFT119" "no-established-accept" of "nftables", Warning, since "0.1.0",
    "a drop policy, and replies to own connections are not accepted",
    check(NftFacts)
}

fn check(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for known in &facts.rulesets {
        let ruleset = &known.ruleset;
        for (table, chain, body) in ruleset.chains() {
            let Some(base) = &body.base else { continue };
            let sees = matches!(base.hook, Hook::Input | Hook::Forward) && base.kind == ChainKind::Filter;
            let own = matches!(ruleset.table(table).family, Family::Ip | Family::Inet);
            if !sees || !own || base.policy != Policy::Drop || body.rules.is_empty() || by_source_port(ruleset, table) {
                continue;
            }
            let replies = [reply(base.hook, 6), reply(base.hook, 17)];
            let dropped = replies.iter().flatten().find(|packet| {
                let outcome = run(ruleset, packet);
                outcome.end == End::Drop && outcome.decided == Some(Decider::Policy(table, chain))
            });
            let Some(packet) = dropped else { continue };
            // A host that may not send gets no replies.
            if base.hook == Hook::Input && request().is_some_and(|packet| run(ruleset, &packet).end != End::Accept) {
                continue;
            }
            findings.push(finding(rule, known, set, table, chain, base, packet));
        }
    }
    findings
}

fn by_source_port(ruleset: &Ruleset, table: TableId) -> bool {
    let source = |expr: &Expr| matches!(expr, Expr::Load(Field::Payload(p)) if p.name.ends_with(" sport"));
    let rules = ruleset.table(table).chains.iter().flat_map(|chain| &chain.rules);
    rules.flat_map(|rule| &rule.ops).any(|op| match &op.kind {
        OpKind::Match(Expr::Concat(parts), _) | OpKind::Vmap(Expr::Concat(parts), _) => parts.iter().any(source),
        OpKind::Match(expr, _) | OpKind::Vmap(expr, _) => source(expr),
        _ => false,
    })
}

fn reply(hook: Hook, protocol: u8) -> Option<Packet> {
    let (sport, name) = if protocol == 6 { (443, "tcp") } else { (53, "udp") };
    let mut packet = json!({
        "ip": {"saddr": "198.51.100.1", "daddr": "192.0.2.5"},
        "iif": "eth0",
        "ct": {"state": "established", "direction": "reply"},
        "path": if hook == Hook::Forward { "forward" } else { "input" },
    });
    packet[name] = json!({"sport": sport, "dport": 50512});
    if protocol == 6 {
        packet[name]["flags"] = json!("syn,ack");
    }
    if hook == Hook::Forward {
        packet["oif"] = json!("eth1");
    }
    packet_json::parse(&packet.to_string()).ok().map(|(_, packet)| packet)
}

fn request() -> Option<Packet> {
    let packet = json!({
        "ip": {"saddr": "192.0.2.5", "daddr": "198.51.100.1"}, "tcp": {"sport": 50512, "dport": 443, "flags": "syn"},
        "oif": "eth0", "ct": {"state": "new"}, "path": "output",
    });
    packet_json::parse(&packet.to_string()).ok().map(|(_, packet)| packet)
}

fn finding(
    rule: &'static Rule,
    facts: &RulesetFacts,
    set: &EvidenceSet,
    table: TableId,
    chain: ChainId,
    base: &BaseChain,
    packet: &Packet,
) -> Finding {
    let ruleset = &facts.ruleset;
    let name = ruleset.chain_name(table, chain);
    let who = if base.hook == Hook::Forward { "connections through this host" } else { "this host's own connections" };
    let title = format!("chain {name} drops the replies to {who}");
    let first = RuleRef { table, chain, index: 0 };
    let builder = FindingBuilder::new(rule, title, span_place(base.span, "its policy drops what no rule accepts"))
        .place(rule_place(ruleset, first, "`ct state established,related accept` belongs before this"))
        .because("Replies come to ports no rule lists; only their connection tells that they were asked for.")
        .key(&name);
    with_witness(builder, set, facts, packet, json!({})).build(set)
}
