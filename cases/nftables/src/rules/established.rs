//! NFT119 no-established-accept: replies to this host's own connections are dropped.

use casebook_core::{Edit, EvidenceSet, Finding, FindingBuilder, Fix, FixClass, Rule, Span, rule};
use casebook_formats::nft::ir::{
    BaseChain, ChainId, ChainKind, CtKey, Expr, Family, Field, Hook, Op, OpKind, Policy, RuleRef, Ruleset, TableId,
    Verdict,
};
use casebook_formats::nft::load::Flight;
use casebook_formats::nft::outcome::{Decider, End};
use casebook_formats::nft::packet::{CtState, ETH_IP, Packet};
use casebook_formats::nft::walk::Evaluator;
use casebook_formats::nft::{craft, packet_json, packet_text};
use serde_json::json;

use super::common::{editable, rule_place, run, span_place, with_witness};
use super::snapshots::current;
use crate::facts::{NftFacts, RulesetFacts};
use casebook_formats::nft::witness::draft_for;

rule! {
    /// A chain that drops what it does not know and accepts no established connections.
    ///
    /// Replies arrive at ports nobody listed. With `policy drop` and no rule for established connections, every
    /// connection this host opens gets its answer dropped: name resolution, updates, NTP.
    ///
    /// The witness is such a reply, run through the whole ruleset; in a forward chain, the reply to a connection that
    /// one of its rules lets through. The rule is silent when the ruleset accepts by source port, which is how
    /// stateless rulesets let replies in, and when no packet can leave the host.
    ///
    /// Speaks on: fixtures/no-established. Silent on: fixtures/established-accepted.
    ///
    /// Fix: `ct state established,related accept` at the head of the chain.
    pub ESTABLISHED = "NFT119" "no-established-accept" of "nftables", Warning, since "0.1.0",
    "a drop policy, and replies to own connections are not accepted",
    check(NftFacts)
}

fn check(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for known in current(facts) {
        let ruleset = &known.ruleset;
        for (table, chain, body) in ruleset.chains() {
            let Some(base) = &body.base else { continue };
            let sees = matches!(base.hook, Hook::Input | Hook::Forward) && base.kind == ChainKind::Filter;
            let own = matches!(ruleset.table(table).family, Family::Ip | Family::Inet);
            if !sees || !own || base.policy != Policy::Drop || body.rules.is_empty() || by_source_port(ruleset, table) {
                continue;
            }
            let dropped = |packet: &Packet| {
                let outcome = run(ruleset, packet);
                outcome.end == End::Drop && outcome.decided == Some(Decider::Policy(table, chain))
            };
            let packet = match base.hook {
                Hook::Forward => opened(ruleset, table, chain).into_iter().find(dropped),
                // A host that may not send gets no replies.
                _ if request().is_some_and(|packet| run(ruleset, &packet).end != End::Accept) => None,
                _ => [reply(6), reply(17)].into_iter().flatten().find(dropped),
            };
            let Some(packet) = packet else { continue };
            findings.push(finding(rule, known, set, table, chain, base, &packet));
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

/// Replies to connections that this forward chain lets through, drawn from its accepting rules.
fn opened(ruleset: &Ruleset, table: TableId, chain: ChainId) -> Vec<Packet> {
    let accepts = |op: &Op| matches!(op.kind, OpKind::Verdict(Verdict::Accept));
    let mut replies = Vec::new();
    let mut tried = 0;
    for (at, body) in ruleset.rules().filter(|(at, _)| at.table == table) {
        if !body.ops.iter().any(accepts) || tried >= MOST_TRIED {
            continue;
        }
        tried += 1;
        let Some((draft, way)) = draft_for(ruleset, at).filter(|(_, way)| way.base == chain) else { continue };
        let state = Field::Ct(CtKey::State, None);
        // What only replies can have is no beginning.
        if draft.get(state).is_some_and(|bit| bit != CtState::New.bit()) {
            continue;
        }
        let hook = ruleset.chain(table, way.base).base.as_ref().map_or(Hook::Forward, |base| base.hook);
        let Some(first) = draft.packet(Family::Ip, hook) else { continue };
        let outcome = run(ruleset, &first);
        if outcome.end == End::Accept && outcome.hits.contains(&at) {
            replies.extend(turned(&first));
        }
    }
    replies
}

/// Accepting rules tried for one chain.
const MOST_TRIED: usize = 64;

/// The reply to a packet: addresses, ports and devices changed over.
fn turned(packet: &Packet) -> Option<Packet> {
    let mut json = packet_json::to_json(packet);
    let object = json.as_object_mut()?;
    let (iif, oif) = (object.get("iif").cloned()?, object.get("oif").cloned()?);
    object.insert("iif".into(), oif);
    object.insert("oif".into(), iif);
    object.remove("mark");
    object.insert("ct".into(), json!({"state": "established", "direction": "reply"}));
    let flight = Flight::new(packet);
    let (network, transport) = (flight.headers.network, flight.headers.transport);
    let bytes: Vec<u8> = flight.bytes.to_vec();
    let mut turned = bytes.clone();
    let (at, size) = if flight.headers.protocol == ETH_IP { (network + 12, 4) } else { (network + 8, 16) };
    let change = |turned: &mut Vec<u8>, at: usize, size: usize| {
        let pair = bytes.get(at..at + 2 * size)?;
        turned[at..at + size].copy_from_slice(&pair[size..]);
        turned[at + size..at + 2 * size].copy_from_slice(&pair[..size]);
        Some(())
    };
    change(&mut turned, at, size)?;
    match flight.headers.l4proto {
        Some(6) => {
            change(&mut turned, transport, 2)?;
            // SYN and ACK.
            *turned.get_mut(transport + 13)? = 0x12;
        }
        Some(17) => change(&mut turned, transport, 2)?,
        _ => return None,
    }
    object.retain(|key, _| ["iif", "oif", "ct", "path", "link"].contains(&key.as_str()));
    object.insert("raw".into(), turned.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into());
    let (_, packet) = packet_json::parse(&json.to_string()).ok()?;
    // The checksums are those of the request; made anew, they are right.
    let text = craft::describe(&packet);
    let words: Vec<&str> = text.split(' ').collect();
    let wrong = |at: usize| {
        let starts = |at: usize| words.get(at..at + 2).is_some_and(|two| two[1] == "checksum");
        starts(at) || (at > 0 && starts(at - 1)) || (at > 1 && starts(at - 2))
    };
    let kept: Vec<&str> = (0..words.len()).filter(|at| !wrong(*at)).map(|at| words[at]).collect();
    packet_text::parse(&kept.join(" ")).ok().or(Some(packet))
}

fn reply(protocol: u8) -> Option<Packet> {
    let (sport, name) = if protocol == 6 { (443, "tcp") } else { (53, "udp") };
    let mut packet = json!({
        "ip": {"saddr": "198.51.100.1", "daddr": "192.0.2.5"},
        "iif": "eth0",
        "ct": {"state": "established", "direction": "reply"},
        "path": "input",
    });
    packet[name] = json!({"sport": sport, "dport": 50512});
    if protocol == 6 {
        packet[name]["flags"] = json!("syn,ack");
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
    let who = match base.hook {
        Hook::Forward => "connections it lets through",
        _ => "this host's own connections",
    };
    let title = format!("chain {name} drops the replies to {who}");
    let first = RuleRef { table, chain, index: 0 };
    let builder = FindingBuilder::new(rule, title, span_place(base.span, "its policy drops what no rule accepts"))
        .place(rule_place(ruleset, first, "`ct state established,related accept` belongs before this"))
        .because("Replies come to ports no rule lists; only their connection tells that they were asked for.")
        .key(&name);
    let builder = match Evaluator::new(ruleset).tracks(ETH_IP) {
        true => builder,
        false => builder.because(
            "No rule here asks for a connection, so the kernel does not track any; the first rule that does turns it on.",
        ),
    };
    let builder = builder.fix(accept(facts, set, first));
    with_witness(builder, set, facts, packet, json!({})).build(set)
}

/// `ct state established,related accept` ahead of the chain's first rule. It skips what stands behind it, so whoever
/// applies it has to look whether a mark or a log line of established packets is among that.
fn accept(facts: &RulesetFacts, set: &EvidenceSet, first: RuleRef) -> Fix {
    const RULE: &str = "ct state established,related accept";
    let ruleset = &facts.ruleset;
    let mut fix =
        Fix { title: "accept replies first".into(), class: FixClass::Unsafe, edits: Vec::new(), commands: Vec::new() };
    let span = ruleset.rule(first).at.span();
    match span.filter(|_| editable(facts)).and_then(|span| Some((span, indent(set, span)?))) {
        Some((span, indent)) => {
            let at = Span { end: span.start, ..span };
            fix.edits.push(Edit { span: at, text: format!("{RULE}\n{indent}") });
        }
        None => {
            let name = ruleset.chain_name(first.table, first.chain);
            fix.commands.push(format!("nft insert rule {name} {RULE}"));
        }
    }
    fix
}

/// What stands before a rule on its line, when it is blank.
fn indent(set: &EvidenceSet, span: Span) -> Option<String> {
    let text = set.text(Span { start: 0, end: span.start, ..span })?;
    let line = text.rsplit('\n').next()?;
    line.trim().is_empty().then(|| line.to_owned())
}
