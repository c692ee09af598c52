//! The diagram of a ruleset against the evaluator: random rulesets, packets from every corner of their diagrams.

use case_nftables::facts;
use case_nftables::model::symbolic::compile::{Care, Shared, compile};
use case_nftables::model::symbolic::diagram::Node;
use case_nftables::model::symbolic::layout::Layout;
use case_nftables::model::symbolic::leaf::{Leaf, Slice};
use case_nftables::model::symbolic::packet::{name_between, packet, possible};
use case_nftables::model::symbolic::space::{Class, Space};
use casebook_core::{Bytes, EvidenceSet};
use casebook_formats::nft::conntrack::is_active;
use casebook_formats::nft::ir::Ruleset;
use casebook_formats::nft::outcome::{Effect, End, Outcome};
use casebook_formats::nft::packet::{ETH_IP, ETH_IP6, Packet, Path};
use casebook_formats::nft::release::{Host, Release};
use casebook_formats::nft::walk::Evaluator;

/// Splitmix64.
pub struct Draw(pub u64);

impl Draw {
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.number() % end as u64) as usize
    }

    pub fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }

    fn wide(&mut self) -> u128 {
        u128::from(self.number()) << 64 | u128::from(self.number())
    }
}

const MATCHES: &[&str] = &[
    "tcp dport 22",
    "tcp dport { 22, 80-90, 443 }",
    "tcp dport != 80",
    "tcp sport 1024-65535",
    "udp dport 53",
    "th dport 53-80",
    "ip saddr 10.0.0.0/8",
    "ip saddr { 10.1.0.0/16, 192.0.2.7 }",
    "ip daddr != 172.16.0.1",
    "ip6 saddr fe80::/10",
    "ip protocol udp",
    "meta l4proto { tcp, udp }",
    "meta nfproto ipv4",
    "ip dscp af11",
    "ip ttl < 10",
    "icmp type echo-request",
    "icmpv6 type { nd-router-advert, echo-request }",
    "tcp flags & (syn | ack) == syn",
    "tcp flags syn,ack",
    "tcp flags != ack",
    "iifname \"eth*\"",
    "iifname { \"wan0\", \"lan0\" }",
    "iif lo",
    "oifname \"lan0\"",
    "meta mark 0x10",
    "meta mark & 0xff == 0x20",
    "meta mark and 0xf0 != 0",
    "meta mark 0x100-0x2ff",
    "ct state established,related",
    "ct state { new, invalid }",
    "ct state != new",
    "ct mark 0x1",
    "ct mark & 0x3 == 0x2",
    "meta pkttype { broadcast, multicast }",
    "ip saddr . tcp dport { 10.9.0.5 . 22, 10.0.0.0/8 . 80-90 }",
    "@th,16,16 0x16",
    "@nh,96,8 10",
    "tcp dport @ports",
    "ip frag-off & 0x1fff != 0",
    "ip frag-off & 0x2000 == 0x2000",
    "ip hdrlength > 5",
    "ip6 nexthdr tcp",
    "ip6 nexthdr { 0, 44, 58 }",
    "@th,0,24 0x123456",
    "@th,96,16 != 0",
    "ether saddr 02:00:00:00:00:01",
    "tcp option maxseg exists",
    "tcp option maxseg size < 1400",
    "meta priority 5",
];

const EFFECTS: &[&str] = &[
    "counter",
    "log prefix \"x\"",
    "meta mark set 0x10",
    "meta mark set meta mark & 0xffffff00 | 0x20",
    "meta mark set ct mark",
    "meta mark set ct mark & 0xff",
    "ct mark set meta mark",
    "ct mark set 0x1",
    "meta mark set tcp dport map { 22 : 0x1, 80 : 0x2 }",
    "meta pkttype set host",
    "ip dscp set cs1",
    "tcp dport set 22",
    "meta priority set 5",
];

const ENDS: &[&str] = &[
    "accept",
    "accept",
    "drop",
    "return",
    "jump one",
    "jump two",
    "goto two",
    "reject",
    "continue",
    "tcp dport vmap { 22 : accept, 80-90 : jump two, 443 : drop }",
    "ct state vmap { established : accept, invalid : drop }",
    "",
];

/// A rule: matches, effects, an end. What contradicts itself is refused by the lowering and left out.
pub fn rule(draw: &mut Draw, raw: bool) -> String {
    let mut words = Vec::new();
    for _ in 0..draw.below(3) {
        words.push(draw.pick(MATCHES));
        if draw.below(4) == 0 {
            words.push(draw.pick(EFFECTS));
        }
    }
    if draw.below(3) == 0 {
        words.push(draw.pick(EFFECTS));
    }
    if raw && draw.below(6) == 0 {
        words.push("notrack");
    }
    words.push(draw.pick(ENDS));
    words.retain(|word| !word.is_empty());
    if words.is_empty() { "counter".into() } else { words.join(" ") }
}

fn chain(draw: &mut Draw, name: &str, head: &str, most: usize) -> String {
    let raw = head.contains("priority -300");
    let count = draw.below(most + 1);
    let rules: String = (0..count)
        .map(|_| {
            let mut text = rule(draw, raw);
            // The called chains call nobody back.
            if name == "two" || (name == "one" && text.contains("one")) {
                text = text.replace("jump one", "counter").replace("jump two", "counter").replace("goto two", "drop");
            }
            format!("  {text}\n")
        })
        .collect();
    format!(" chain {name} {{\n{head}{rules} }}\n")
}

/// A ruleset; rules that do not load have been taken out.
pub fn ruleset(seed: u64) -> (String, Ruleset) {
    let mut draw = Draw(seed);
    let mut text = String::from(
        "table inet t {\n set ports {\n  type inet_service\n  flags interval\n  elements = { 22, 8000-8080 }\n }\n",
    );
    text += &chain(&mut draw, "two", "", 4);
    text += &chain(&mut draw, "one", "", 4);
    let policy = draw.pick(&["accept", "drop"]);
    for (name, hook, priority) in [
        ("raw", "prerouting", "-300"),
        ("pre", "prerouting", "-150"),
        ("out", "output", "0"),
        ("in", "input", "0"),
        ("fwd", "forward", "0"),
        ("late", "forward", "10"),
    ] {
        if draw.below(3) > 0 {
            let head = format!("  type filter hook {hook} priority {priority}; policy {policy};\n");
            text += &chain(&mut draw, name, &head, 6);
        }
    }
    if draw.below(3) == 0 {
        let act = draw.pick(&["dnat ip to 10.7.7.7", "dnat ip to 10.7.7.7:22", "redirect to :80", "accept"]);
        let head = "  type nat hook prerouting priority -100;\n";
        text +=
            &format!(" chain nat {{\n{head}  {} tcp dport 80 {act}\n }}\n", draw.pick(&["", "ip saddr 10.0.0.0/8"]));
    }
    text += "}\n";
    loop {
        let read = read(&text);
        let Some(problem) = read.problems.first() else { return (text, read) };
        let start = text[..problem.span.start as usize].rfind('\n').map_or(0, |at| at + 1);
        let end = text[start..].find('\n').map_or(text.len(), |at| start + at + 1);
        text.replace_range(start..end, "");
    }
}

pub fn read(text: &str) -> Ruleset {
    let mut set = EvidenceSet::new();
    let id = set.add("t.nft", Some("nft-text"), Bytes::new(text.as_bytes().to_vec()));
    facts::ruleset(&set, set.get(id).unwrap(), Host { nft: Release::parse("1.1.0"), kernel: None }).ruleset
}

/// Values from a corner of `node`, and whether something there is not known: down a random way, at the ends of intervals; anything where it does not look.
pub fn corner(shared: &Shared, draw: &mut Draw, mut node: Node, avoid: Node, values: &mut [u128]) -> bool {
    let mut asked = false;
    while let Some((var, edges)) = shared.arena.inner(node) {
        let open: Vec<usize> = (0..edges.len()).filter(|at| edges[*at].1 != avoid).collect();
        let at = open[draw.below(open.len())];
        let low = at.checked_sub(1).map_or(0, |before| edges[before].0 + 1);
        let high = edges[at].0;
        let value = match draw.below(3) {
            0 => low,
            1 => high,
            _ => low + if high - low == u128::MAX { draw.wide() } else { draw.wide() % (high - low + 1) },
        };
        let device = shared.layout.run(var).is_some_and(|run| matches!(run.space, Space::Iif | Space::Oif));
        values[usize::from(var.0)] = if device { name_between(low, high).unwrap_or(low) } else { value };
        // A variable of no bits stands for something the packet does not decide.
        asked |= shared.layout.run(var).is_none();
        node = edges[at].1;
    }
    asked
}

fn number(mark: &Option<Vec<Slice>>, own: u32, values: &[u128]) -> u32 {
    let Some(slices) = mark else { return own };
    let value = slices.iter().fold(0u128, |value, slice| match slice {
        Slice::Known(count, bits) => value << count | bits,
        Slice::Atom(count, var) => value << count | values[usize::from(var.0)],
    });
    value as u32
}

/// What differs between the diagram's answer and the evaluator's.
pub fn differs(shared: &Shared, leaf: &Leaf, outcome: &Outcome, packet: &Packet, values: &[u128]) -> Option<String> {
    if leaf.end != outcome.end {
        return Some(format!("end: diagram {:?}, evaluator {:?}", leaf.end, outcome.end));
    }
    if outcome.end == End::Accept {
        let mark = number(&leaf.mark, packet.mark, values);
        if outcome.mark != Some(mark) {
            return Some(format!("mark: diagram {mark:#x}, evaluator {:x?}", outcome.mark));
        }
        let ct_mark = number(&leaf.ct_mark, packet.ct.mark, values);
        let connected = matches!(outcome.ct_state.map(|state| state.bit()), Some(2 | 4 | 8));
        if connected && outcome.ct_mark != Some(ct_mark) {
            return Some(format!("ct mark: diagram {ct_mark:#x}, evaluator {:x?}", outcome.ct_mark));
        }
    }
    let kept = |effect: &Effect| !matches!(effect, Effect::Mark(_) | Effect::CtMark(_));
    let word = |effect: &Effect| match effect {
        Effect::Write(text) => text.split(" 0x").next().unwrap_or("").to_owned(),
        Effect::Nat(kind, _) => format!("{kind:?}"),
        other => other.describe(),
    };
    let ours: Vec<String> = shared.leaves.effects(leaf).into_iter().map(|done| word(&done.effect)).collect();
    let theirs: Vec<String> =
        outcome.effects.iter().filter(|(_, effect)| kept(effect)).map(|(_, effect)| word(effect)).collect();
    (ours != theirs).then(|| format!("effects: diagram {ours:?}, evaluator {theirs:?}"))
}

#[test]
fn diagrams_agree_with_the_evaluator() {
    let rulesets: u64 =
        std::env::var("CASEBOOK_SYMBOLIC_RULESETS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let seed: u64 = std::env::var("CASEBOOK_SYMBOLIC_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let (mut compared, mut undecided, mut wrong) = (0usize, 0usize, Vec::new());
    for number in 0..rulesets {
        let (text, ruleset) = ruleset(seed * 1_000_003 + number);
        let mut draw = Draw(number ^ 0xabcd);
        for (path, ip6, later) in [
            (Path::Input, false, false),
            (Path::Forward, false, false),
            (Path::Forward, true, false),
            (Path::Forward, false, true),
            (Path::Forward, true, true),
            (Path::Output, true, false),
        ] {
            let tracked = is_active(&ruleset, if ip6 { ETH_IP6 } else { ETH_IP });
            // Connection tracking holds them.
            if later && tracked && number % 8 > 0 {
                continue;
            }
            let class = Class { path, ip6, tracked, later };
            let mut shared = Shared::new(Layout::of(class, &[&ruleset]), 50_000_000, 5_000_000);
            let node = compile(&mut shared, &ruleset, class, Care::Everywhere).unwrap();
            let real = possible(&mut shared).unwrap();
            let nowhere = Node::leaf(u32::MAX >> 2);
            let where_possible = shared.arena.choose(real, node, nowhere).unwrap();
            let mut evaluator = Evaluator::new(&ruleset);
            for _ in 0..40 {
                let mut values: Vec<u128> = Vec::new();
                for var in 0..shared.variables() {
                    let greatest = shared.arena.greatest(case_nftables::model::symbolic::diagram::Var(var));
                    let value = draw.wide() & greatest;
                    values.push(if draw.below(2) == 0 { value } else { value & 0xff });
                }
                let asked = corner(&shared, &mut draw, where_possible, nowhere, &mut values);
                assert_eq!(shared.arena.value(real, &values), 1, "{class:?}");
                let packet = packet(&shared.layout, &values);
                let outcome = evaluator.run(&packet);
                let leaf = shared.leaves.get(shared.arena.value(node, &values)).clone();
                if asked || !outcome.depends.is_empty() || leaf.why.is_some() {
                    undecided += 1;
                    continue;
                }
                compared += 1;
                if let Some(what) = differs(&shared, &leaf, &outcome, &packet, &values) {
                    wrong.push(format!("seed {number} {class:?}: {what}\n{packet:?}\n{leaf:?}\n{text}"));
                }
            }
        }
    }
    eprintln!(
        "symbolic: {compared} packets compared over {rulesets} rulesets, {} disagreed, {undecided} undecided (seed {seed})",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong[0]);
}
