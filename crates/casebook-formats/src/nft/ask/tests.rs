//! Rulesets of the failures that the case about resets tells of. What the kernel does with each was measured with
//! Linux 6.18 and nft 1.0.6, in network namespaces with one router, two servers and one client.

use casebook_core::{Bytes, EvidenceSet};

use super::*;
use crate::nft::packet_text;
use crate::nft::read::{self, RulesetFacts};
use crate::nft::release::Host;

struct Read {
    set: EvidenceSet,
    facts: RulesetFacts,
}

fn read(text: &str) -> Read {
    let mut set = EvidenceSet::new();
    let id = set.add("edge.nft", None, Bytes::new(text.as_bytes().to_vec()));
    let facts = read::ruleset(&set, set.get(id).unwrap(), Host::default());
    assert!(facts.ruleset.problems.is_empty(), "{:?}", facts.ruleset.problems);
    Read { set, facts }
}

impl Read {
    fn ask(&self, packet: &str, context: Context) -> Answer {
        what_happens(&self.facts.ruleset, &packet_text::parse(packet).unwrap(), &context)
    }

    fn text(&self, span: Span) -> String {
        self.set.text(span).unwrap()
    }
}

const LOOSE: Context = Context { conntrack: None, tcp_loose: true };
const STRICT: Context = Context { conntrack: None, tcp_loose: false };
const ACK: &str = "iif c0 tcp 10.0.1.2:58402 > 10.0.1.100:80 ack path input";

fn is(address: &str) -> Address {
    Address::Is(address.parse().unwrap())
}

/// An address and how often it is taken.
type Taken = (Option<Address>, Option<(u64, u64)>);

fn chances(shares: &[Share]) -> Vec<Taken> {
    let one =
        |share: &Share| (share.to.map(|(to, _)| to.address), share.chance.map(|chance| (chance.part, chance.whole)));
    shares.iter().map(one).collect()
}

const TWO_BACKENDS: &str = "table ip nat {
  chain pre {
    type nat hook prerouting priority -100;
    ip daddr 10.0.1.100 tcp dport 80 dnat to numgen inc mod 2 map { 0 : 10.0.2.2, 1 : 10.0.2.3 }
  }
}
";

const TWO_BACKENDS_JSON: &str = r#"{"nftables": [{"table": {"family": "ip", "name": "nat"}},
{"chain": {"family": "ip", "table": "nat", "name": "pre", "type": "nat", "hook": "prerouting", "prio": -100, "policy": "accept"}},
{"rule": {"family": "ip", "table": "nat", "chain": "pre", "handle": 9, "expr": [
{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": "10.0.1.100"}},
{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 80}},
{"dnat": {"addr": {"map": {"key": {"numgen": {"mode": "inc", "mod": 2, "offset": 0}}, "data": {"set": [[0, "10.0.2.2"], [1, "10.0.2.3"]]}}}}}]}}]}"#;

#[test]
fn a_forgotten_flow_is_given_to_either_backend() {
    for text in [TWO_BACKENDS, TWO_BACKENDS_JSON] {
        let read = read(text);
        assert!(read.facts.ruleset.unmodelled.is_empty());
        let answer = read.ask(ACK, LOOSE);
        assert_eq!(answer.verdict, Verdict::Accept);
        assert!(answer.depends.is_empty() && answer.whole);
        let both = [(Some(is("10.0.2.2")), Some((1, 2))), (Some(is("10.0.2.3")), Some((1, 2)))];
        assert_eq!(chances(&answer.destinations()), both);
        let (to, span) = answer.destinations()[0].to.unwrap();
        assert_eq!((to.kind, to.port, to.flags), (NatKind::Dnat, Port::Kept, NatFlags::default()));
        assert!(read.text(span).contains("dnat"), "{}", read.text(span));
        // A connection that is known keeps its translation: no nat chain is asked.
        let known = read.ask(&format!("{ACK} ct established"), LOOSE);
        assert_eq!(chances(&known.destinations()), [(None, Some((1, 1)))]);
    }
}

#[test]
fn without_loose_the_packet_of_a_forgotten_flow_is_invalid_and_not_translated() {
    let read = read(TWO_BACKENDS);
    let answer = read.ask(ACK, STRICT);
    assert_eq!(answer.ways[0].ct_state, Some(CtState::Invalid));
    assert_eq!(chances(&answer.destinations()), [(None, Some((1, 1)))]);
    // A SYN begins a connection, loose or not; a RST never does.
    let syn = read.ask(&ACK.replace("ack", "syn"), STRICT);
    assert_eq!(syn.destinations().len(), 2);
    let reset = read.ask(&ACK.replace("ack", "rst"), LOOSE);
    assert_eq!(reset.ways[0].ct_state, Some(CtState::Invalid));
    assert_eq!(chances(&reset.destinations()), [(None, Some((1, 1)))]);
}

#[test]
fn what_switches_conntrack_on_has_a_place() {
    let read_nat = read(TWO_BACKENDS);
    let span = tracked_by(&read_nat.facts.ruleset, Family::Ip).unwrap();
    assert!(read_nat.text(span).starts_with("dnat to numgen"));
    assert_eq!(tracked_by(&read_nat.facts.ruleset, Family::Ip6), None);
    let plain = read("table inet f {\n chain i {\n type filter hook input priority 0;\n tcp dport 22 accept\n }\n}\n");
    assert_eq!(tracked_by(&plain.facts.ruleset, Family::Ip), None);
    // Nobody looks the packet up, unless the host says so.
    assert_eq!(plain.ask(ACK, LOOSE).ways[0].ct_state, Some(CtState::Invalid));
    let tracked = Context { conntrack: Some(true), tcp_loose: true };
    assert_eq!(plain.ask(ACK, tracked).ways[0].ct_state, Some(CtState::New));
}

const FORWARD_ACK: &str = "iif c0 oif br0 tcp 10.0.1.2:58402 > 10.0.2.2:80 ack";

#[test]
fn an_invalid_packet_is_dropped_by_the_rule_that_says_so() {
    let read = read(
        "table inet f {
  chain fwd {
    type filter hook forward priority 0; policy accept;
    ct state invalid drop
    ct state established,related accept
  }
}
",
    );
    let dropped = read.ask(FORWARD_ACK, STRICT);
    assert_eq!(dropped.verdict, Verdict::Drop);
    let by = dropped.decided.unwrap();
    assert_eq!(read.text(by.span), "drop");
    assert!(matches!(by.by, Decider::Rule(rule) if rule.index == 0));
    // Picked up, it is new: the policy lets it pass.
    let passed = read.ask(FORWARD_ACK, LOOSE);
    assert_eq!(passed.verdict, Verdict::Accept);
    assert!(matches!(passed.decided.unwrap().by, Decider::Policy(..)));
    assert!(read.text(passed.decided.unwrap().span).starts_with("type filter hook forward"));
    assert_eq!(read.ask(&format!("{FORWARD_ACK} ct invalid"), LOOSE).verdict, Verdict::Drop);
    assert!(matches!(read.ask(&format!("{FORWARD_ACK} ct established"), LOOSE).decided.unwrap().by,
        Decider::Rule(rule) if rule.index == 1));
}

#[test]
fn a_reject_says_what_it_answers() {
    let read = read(
        "table inet f {
  chain fwd {
    type filter hook forward priority 0; policy accept;
    ct state new,invalid tcp flags & (syn|rst) == 0 reject with tcp reset
    udp dport 53 reject
    udp dport 54 reject with icmpx admin-prohibited
  }
}
",
    );
    let reset = read.ask(FORWARD_ACK, LOOSE);
    assert_eq!(reset.verdict, Verdict::Reject(Refusal::TcpReset));
    assert_eq!(read.text(reset.decided.unwrap().span), "reject with tcp reset");
    assert_eq!(read.ask(&FORWARD_ACK.replace("ack", "rst"), LOOSE).verdict, Verdict::Accept);
    let udp = |port: u16| read.ask(&format!("iif c0 oif br0 udp 10.0.1.2:1 > 10.0.2.2:{port}"), LOOSE).verdict;
    assert_eq!(udp(53), Verdict::Reject(Refusal::Icmp("icmpx port-unreachable".into())));
    assert_eq!(udp(54), Verdict::Reject(Refusal::Icmp("icmpx admin-prohibited".into())));
    let json = super::tests::read(
        r#"{"nftables": [{"table": {"family": "ip", "name": "f"}},
      {"chain": {"family": "ip", "table": "f", "name": "c", "type": "filter", "hook": "forward", "prio": 0, "policy": "accept"}},
      {"rule": {"family": "ip", "table": "f", "chain": "c", "expr": [{"reject": {"type": "tcp reset"}}]}}]}"#,
    );
    assert_eq!(json.ask(FORWARD_ACK, LOOSE).verdict, Verdict::Reject(Refusal::TcpReset));
}

#[test]
fn a_masquerade_keeps_its_flags() {
    let flags = |text: &str| {
        let read = read(&format!(
            "table ip nat {{\n chain post {{\n type nat hook postrouting priority 100;\n {text}\n }}\n}}\n"
        ));
        let answer = read.ask(FORWARD_ACK, LOOSE);
        let share = answer.sources()[0];
        let (to, span) = share.to.unwrap();
        assert_eq!(read.text(span), text.trim());
        assert_eq!(share.chance, Some(Chance::ALWAYS));
        (to.address, to.port, to.flags)
    };
    let none = NatFlags::default();
    assert_eq!(flags("masquerade"), (Address::OfDevice, Port::Kept, none));
    let fully = NatFlags { fully_random: true, ..none };
    assert_eq!(flags("masquerade fully-random"), (Address::OfDevice, Port::Kept, fully));
    let both = NatFlags { random: true, persistent: true, ..none };
    let range = Address::Range("10.9.0.1".parse().unwrap(), "10.9.0.4".parse().unwrap());
    assert_eq!(flags("snat to 10.9.0.1-10.9.0.4 random,persistent"), (range, Port::Kept, both));
    let six = read(
        "table ip6 nat {\n chain post {\n type nat hook postrouting priority 100;\n\
                    meta l4proto tcp snat to [2001:db8::1]:1024-2047\n }\n}\n",
    );
    let answer = six.ask("iif c0 oif br0 tcp [2001:db8::7]:1 > [2001:db8::9]:80 syn", LOOSE);
    let (to, _) = answer.sources()[0].to.unwrap();
    assert_eq!((to.address, to.port), (is("2001:db8::1"), Port::Range(1024, 2047)));
}

#[test]
fn a_ct_timeout_object_can_be_read_where_it_is_set() {
    let read = read(
        "table ip f {
  ct timeout slow {
    protocol tcp; l3proto ip
    policy = { established: 7s, close : 5, syn_sent : 1m30s }
  }
  ct timeout dns {
    protocol udp
    policy = { replied : 12 }
  }
  chain fwd {
    type filter hook forward priority 0;
    tcp dport 80 ct timeout set \"slow\"
    tcp dport 21 ct helper set \"ftp\"
  }
}
",
    );
    let answer = read.ask(FORWARD_ACK, LOOSE);
    let all = answer.met();
    let [(met, true)] = all.as_slice() else { panic!("more than one statement") };
    assert_eq!(
        (read.text(met.span).as_str(), &met.what),
        ("ct timeout set \"slow\"", &What::Timeout(Some("slow".into())))
    );
    let object = timeout(&read.facts.ruleset, met.rule.table, "slow").unwrap();
    assert_eq!(object.protocol.as_deref(), Some("tcp"));
    let established = object.of("established").unwrap();
    assert_eq!((established.seconds, read.text(established.span).as_str()), (7, "established: 7s"));
    let seconds = |state| object.of(state).map(|known| known.seconds);
    assert_eq!((seconds("close"), seconds("syn_sent"), seconds("time_wait")), (Some(5), Some(90), None));
    assert!(read.text(object.span).starts_with("ct timeout slow {"));
    assert_eq!(timeout(&read.facts.ruleset, met.rule.table, "dns").unwrap().of("replied").unwrap().seconds, 12);
    assert_eq!(timeout(&read.facts.ruleset, met.rule.table, "other"), None);
    assert!(read.text(tracked_by(&read.facts.ruleset, Family::Ip).unwrap()).starts_with("ct timeout set"));
}

/// As nft 1.0.6 lists the object.
#[test]
fn json_has_the_same_ct_timeout_object() {
    let read = read(
        r#"{"nftables": [{"table": {"family": "ip", "name": "f", "handle": 1}},
      {"ct timeout": {"family": "ip", "name": "slow", "table": "f", "handle": 5, "protocol": "tcp", "l3proto": "ip", "policy": {"syn_sent": 90, "established": 7, "close": 5}}},
      {"chain": {"family": "ip", "table": "f", "name": "c", "type": "filter", "hook": "forward", "prio": 0, "policy": "accept"}},
      {"rule": {"family": "ip", "table": "f", "chain": "c", "expr": [{"ct timeout": "slow"}]}}]}"#,
    );
    let met = read.ask(FORWARD_ACK, LOOSE).met();
    assert_eq!(met[0].0.what, What::Timeout(Some("slow".into())));
    let object = timeout(&read.facts.ruleset, TableId(0), "slow").unwrap();
    assert_eq!((object.handle, object.policy.len()), (Some(5), 3));
    let established = object.of("established").unwrap();
    assert_eq!((established.seconds, read.text(established.span).as_str()), (7, "\"established\": 7"));
}

/// nft 1.0.6: "invalid state for this protocol".
#[test]
fn a_state_of_another_protocol_is_refused_with_its_place() {
    let mut set = EvidenceSet::new();
    let text = "table ip f {\n ct timeout x {\n protocol udp\n policy = { established : 7 }\n }\n}\n";
    let id = set.add("edge.nft", None, Bytes::new(text.as_bytes().to_vec()));
    let facts = read::ruleset(&set, set.get(id).unwrap(), Host::default());
    assert_eq!(facts.ruleset.problems.len(), 1);
    assert_eq!(set.text(facts.ruleset.problems[0].span).unwrap(), "established");
}

#[test]
fn notrack_and_offload_are_met_with_their_places() {
    let read = read(
        "table inet f {
  flowtable ft {
    hook ingress priority 0; devices = { c0 }
  }
  chain pre {
    type filter hook prerouting priority -300;
    ip saddr 10.9.9.9 notrack
  }
  chain fwd {
    type filter hook forward priority 0;
    ct state established flow add @ft
  }
}
",
    );
    let exempt = read.ask(&FORWARD_ACK.replace("10.0.1.2", "10.9.9.9"), LOOSE);
    assert_eq!(exempt.met().len(), 1);
    let (met, always) = &exempt.met()[0];
    assert_eq!((read.text(met.span).as_str(), &met.what, *always), ("notrack", &What::Notrack, true));
    assert_eq!(exempt.ways[0].ct_state, Some(CtState::Untracked));
    let offloaded = read.ask(&format!("{FORWARD_ACK} ct established"), LOOSE);
    let (met, _) = &offloaded.met()[0];
    assert_eq!((read.text(met.span).as_str(), &met.what), ("flow add @ft", &What::Offload("ft".into())));
    assert!(read.ask(FORWARD_ACK, LOOSE).met().is_empty());
}

fn pre(rules: &str) -> Read {
    read(&format!(
        "table ip nat {{\n chain a {{\n dnat to 10.0.2.2\n }}\n chain b {{\n dnat to 10.0.2.3\n }}\n\
                   chain pre {{\n type nat hook prerouting priority -100;\n{rules}\n }}\n}}\n"
    ))
}

/// Linux 6.18, 400 connections over `lo` for each ruleset, in this order: 262 and 138; all; 200 and 200; 140, 60 and 200
/// that stay; 128 and 272; 113 and 287; 96, 143 and 161 that stay.
#[test]
fn weights_are_those_of_the_map() {
    let shares = |rules: &str| chances(&pre(rules).ask(ACK, LOOSE).destinations());
    let (two, three) = (Some(is("10.0.2.2")), Some(is("10.0.2.3")));
    let map = |draw: &str| shares(&format!("dnat to {draw} map {{ 0-6 : 10.0.2.2, 7-9 : 10.0.2.3 }}"));
    assert_eq!(map("numgen random mod 10"), [(two, Some((7, 10))), (three, Some((3, 10)))]);
    assert_eq!(map("numgen random mod 7"), [(two, Some((1, 1)))]);
    assert_eq!(map("numgen inc mod 2 offset 6"), [(two, Some((1, 2))), (three, Some((1, 2)))]);
    // A miss breaks the rule: the packet stays as it is.
    assert_eq!(map("numgen inc mod 20"), [(two, Some((7, 20))), (three, Some((3, 20))), (None, Some((1, 2)))]);
    // As kube-proxy writes it.
    let vmap = "numgen random mod 3 vmap { 0 : goto a, 1 : goto b, 2 : goto b }";
    assert_eq!(shares(vmap), [(two, Some((1, 3))), (three, Some((2, 3)))]);
    let canary = "numgen random mod 100 < 30 goto a\ngoto b";
    assert_eq!(shares(canary), [(two, Some((3, 10))), (three, Some((7, 10)))]);
    // Every other packet, of those that the first rule leaves.
    let chain = "numgen random mod 4 0 goto a\nnumgen random mod 2 != 1 goto b";
    assert_eq!(shares(chain), [(two, Some((1, 4))), (three, Some((3, 8))), (None, Some((3, 8)))]);
}

#[test]
fn what_the_ruleset_does_not_decide_has_no_chance() {
    let shares = |rules: &str| chances(&pre(rules).ask(ACK, LOOSE).destinations());
    let (two, three) = (Some(is("10.0.2.2")), Some(is("10.0.2.3")));
    // A hash stays with its backend: both are possible, for one flow it is always the same.
    let hashed = "meta l4proto tcp dnat to jhash ip saddr . tcp sport mod 2 map { 0 : 10.0.2.2, 1 : 10.0.2.3 }";
    assert_eq!(shares(hashed), [(two, None), (three, None)]);
    assert_eq!(shares(&hashed.replace("jhash ip saddr . tcp sport", "symhash")), [(two, None), (three, None)]);
    let answer = pre(hashed).ask(ACK, LOOSE);
    assert!(answer.ways.iter().all(|way| way.assumed.iter().all(|a| is_sticky(a.drawn.unwrap().how))));
    // Two counters on one way are not independent of each other.
    let counters = "numgen inc mod 2 0 goto a\nnumgen inc mod 2 0 goto b";
    assert_eq!(shares(counters), [(two, None), (three, None), (None, None)]);
    // A limit decides where packets go: no chance. One that decides nothing takes none away.
    assert_eq!(shares("limit rate 5/second goto a\ngoto b"), [(two, None), (three, None)]);
    let log = "limit rate 5/second log\nnumgen inc mod 2 vmap { 0 : goto a, 1 : goto b }";
    assert_eq!(shares(log), [(two, Some((1, 2))), (three, Some((1, 2)))]);
    let answer = pre(log).ask(ACK, LOOSE);
    assert_eq!(answer.depends, ["limit rate 5/second"]);
    assert_eq!((answer.verdict.clone(), answer.ways.len()), (Verdict::Accept, 4));
    // The limit only decides whether it is logged.
    let met: Vec<bool> = answer
        .met()
        .iter()
        .filter(|(m, _)| matches!(m.what, What::Other(Effect::Log(_))))
        .map(|(_, always)| *always)
        .collect();
    assert_eq!(met, [false]);
}

#[test]
fn more_ways_than_are_followed_are_said() {
    let limits = "limit rate 5/second log\n".repeat(11);
    let answer = pre(&format!("{limits}goto a")).ask(ACK, LOOSE);
    assert!(!answer.whole);
    assert_eq!((answer.verdict.clone(), answer.decided), (Verdict::Unknown, None));
    assert_eq!(chances(&answer.destinations()), [(Some(is("10.0.2.2")), None)]);
    // A map of many backends is no more ways than backends.
    let backends: Vec<String> = (0..500).map(|n| format!("{n} : 10.1.{}.{}", n / 250, n % 250)).collect();
    let many = pre(&format!("dnat to numgen random mod 500 map {{ {} }}", backends.join(", "))).ask(ACK, LOOSE);
    assert!(many.whole);
    assert!(many.destinations().iter().all(|share| share.chance == Some(Chance { part: 1, whole: 500 })));
}
