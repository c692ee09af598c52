//! Properties of the text front end and of the evaluator, over generated text.

use casebook_core::{Bytes, EvidenceSet, Span};
use casebook_formats::nft::outcome::End;
use casebook_formats::nft::packet::Packet;
use casebook_formats::nft::walk::Evaluator;
use casebook_formats::nft::{packet_text, text};
use proptest::prelude::*;
use proptest::sample::select;

use super::read;

const MATCHES: &[&str] = &[
    "tcp dport 22",
    "tcp dport { 22, 80-90 }",
    "ip saddr 10.0.0.0/8",
    "ip saddr != 10.9.0.5",
    "iifname \"eth*\"",
    "ct state established,related",
    "meta mark 0x10",
    "udp dport 53",
    "ip6 saddr fe80::/10",
    "tcp flags & (syn|ack) == syn",
    "ip saddr . tcp dport { 10.9.0.5 . 22 }",
    "limit rate 10/second",
    "iif \"eth0\"",
    "meta mark & 0x30 != 0x20",
    "ct mark 1",
    "meta length < 64",
    "meta l4proto != 6",
];
const ACTS: &[&str] = &[
    "accept",
    "drop",
    "return",
    "jump d",
    "goto d",
    "meta mark set 0x20",
    "ct mark set 1",
    "counter",
    "log prefix \"x\"",
];
const LINES: &[&str] = &[
    "iif eth0 tcp 10.9.0.5:40000 > 10.0.0.1:22 syn",
    "iif eth0 tcp 10.9.0.5:40000 > 10.0.0.1:85 ack ct established",
    "iif eth0 udp [fe80::1]:53 > [2001:db8::2]:53",
    "iif lo icmp 127.0.0.1 > 127.0.0.1",
];

fn packets() -> Vec<Packet> {
    LINES.iter().map(|line| packet_text::parse(line).unwrap()).collect()
}

fn rule() -> impl Strategy<Value = String> {
    (prop::collection::vec(select(MATCHES), 0..3), select(ACTS)).prop_filter_map(
        "one rule asks for one protocol",
        |(matches, act)| {
            let text = [matches.join(" "), act.to_owned()].join(" ");
            let protocols = ["tcp", "udp"].iter().filter(|name| text.contains(*name)).count();
            let families = ["ip saddr", "ip6"].iter().filter(|name| text.contains(*name)).count();
            (protocols < 2 && families < 2).then(|| text.trim().to_owned())
        },
    )
}

fn file(policy: &str, rules: &[String]) -> String {
    let rules = rules.iter().map(|rule| format!("  {rule}\n")).collect::<String>();
    format!(
        "table inet t {{\n chain d {{\n  tcp dport 22 drop\n  meta mark set 0x30\n }}\n chain c {{\n  type filter hook input \
         priority 0; policy {policy};\n{rules} }}\n}}\n"
    )
}

fn inside(set: &EvidenceSet, span: Span) -> bool {
    set.get(span.evidence).is_some_and(|item| item.slice(span).is_some())
}

/// Words and signs of the grammar, in any order, and now and then anything else.
fn soup() -> impl Strategy<Value = String> {
    let words = "table|inet|t|{|}|chain|c|\n|;|tcp|dport|22|,|accept|drop|ip|saddr|10.0.0.0/8|@s|$a|define|a|=|set|elements|\
                 type|filter|hook|input|priority|0|vmap|:|jump|(|)|&|\"x\"|include|#|-|.|add|rule|delete|map|\\|!|*|[|]|é";
    let word = prop_oneof![9 => select(words.split('|').collect::<Vec<_>>()).prop_map(str::to_owned), 1 => ".{0,6}"];
    prop::collection::vec(word, 0..60).prop_map(|words| words.join(" "))
}

/// A valid file with a stretch cut out and something put in its place.
fn broken() -> impl Strategy<Value = String> {
    (prop::collection::vec(rule(), 0..6), any::<prop::sample::Index>(), 0usize..20, soup()).prop_map(
        |(rules, at, cut, put)| {
            let mut text = file("accept", &rules);
            let from = at.index(text.len());
            let to = (from + cut).min(text.len());
            text.replace_range(from..to, &put);
            text
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_gives_facts_with_places(text in prop_oneof![soup(), broken(), ".{0,200}"]) {
        let (set, facts) = read(&text);
        let ruleset = &facts.ruleset;
        prop_assert!(ruleset.problems.iter().all(|problem| inside(&set, problem.span)));
        prop_assert!(ruleset.unmodelled.iter().all(|gap| inside(&set, gap.span)));
        for (_, rule) in ruleset.rules() {
            prop_assert!(rule.at.span().is_some_and(|span| inside(&set, span)));
            prop_assert!(rule.ops.iter().all(|op| inside(&set, op.loc.span)));
        }
    }

    /// A rule of a valid file that is not read any more after the file was broken lies in what an error skipped.
    #[test]
    fn nothing_is_dropped_in_silence(rules in prop::collection::vec(rule(), 1..8), at in any::<prop::sample::Index>()) {
        let at = at.index(rules.len());
        let mut lines = rules.clone();
        lines[at] = format!("{} nosuchword =!=", lines[at]);
        let text = file("accept", &lines);
        let mut set = EvidenceSet::new();
        let id = set.add("t.nft", Some("nft-text"), Bytes::new(text.clone().into_bytes()));
        let (parsed, _) = text::parse(&set, id);
        let start = text.find(&lines[at]).unwrap() as u64;
        prop_assert!(parsed.errors.iter().any(|error| error.skipped.start <= start && start < error.skipped.end));
        let (_, facts) = read(&text);
        let read: usize = facts.ruleset.tables[0].chains.iter().map(|chain| chain.rules.len()).sum();
        prop_assert_eq!(read, rules.len() - 1 + 2);
    }

    #[test]
    fn a_counter_changes_no_verdict(rules in prop::collection::vec(rule(), 0..8), at in any::<prop::sample::Index>()) {
        let mut more = rules.clone();
        more.insert(at.index(rules.len() + 1), "counter".into());
        let (_, plain) = read(&file("accept", &rules));
        let (_, counted) = read(&file("accept", &more));
        for packet in packets() {
            let before = Evaluator::new(&plain.ruleset).run(&packet);
            let after = Evaluator::new(&counted.ruleset).run(&packet);
            prop_assert_eq!((before.end, before.mark, before.ct_mark), (after.end, after.mark, after.ct_mark));
        }
    }

    #[test]
    fn the_same_packet_meets_the_same_end(rules in prop::collection::vec(rule(), 0..8), policy in select(vec!["accept", "drop"])) {
        let (_, facts) = read(&file(policy, &rules));
        prop_assert!(facts.ruleset.problems.is_empty(), "{:?}", facts.ruleset.problems);
        let mut evaluator = Evaluator::new(&facts.ruleset);
        // Chains that are run often are run another way; rounds enough for all of them.
        for packet in packets().iter().cycle().take(24) {
            let first = evaluator.run(packet);
            prop_assert_eq!(&first, &evaluator.trace(packet).0);
            prop_assert_eq!(&first, &Evaluator::new(&facts.ruleset).run(packet));
        }
    }

    #[test]
    fn nothing_runs_after_an_unconditional_drop(rules in prop::collection::vec(rule(), 0..6), after in rule()) {
        let mut dropped = rules.clone();
        dropped.push("drop".into());
        let mut longer = dropped.clone();
        longer.push(after);
        let (_, short) = read(&file("accept", &dropped));
        let (_, long) = read(&file("accept", &longer));
        for packet in packets() {
            let (short, long) = (Evaluator::new(&short.ruleset).run(&packet), Evaluator::new(&long.ruleset).run(&packet));
            prop_assert_eq!((short.end, short.mark, short.hits), (long.end, long.mark, long.hits));
        }
    }
}

#[test]
fn an_empty_chain_follows_its_policy() {
    for (policy, end) in [("accept", End::Accept), ("drop", End::Drop)] {
        let (_, facts) = read(&file(policy, &[]));
        for packet in packets() {
            assert_eq!(Evaluator::new(&facts.ruleset).run(&packet).end, end);
        }
    }
}

#[test]
fn elements_are_added_and_deleted_in_the_order_of_the_file() {
    let commands = |list: &[&str]| list.iter().map(|line| format!("{line}\n")).collect::<String>();
    let (add, delete) = ("add element inet t s { 22 }", "delete element inet t s { 22 }");
    for (list, end) in [(vec![add, delete], End::Drop), (vec![add, delete, add], End::Accept)] {
        let text = format!(
            "table inet t {{\n set s {{\n  type inet_service\n }}\n chain c {{\n  type filter hook input priority 0; policy drop;\n  \
             tcp dport @s accept\n }}\n}}\n{}",
            commands(&list)
        );
        let (_, facts) = read(&text);
        assert!(facts.ruleset.problems.is_empty(), "{:?}", facts.ruleset.problems);
        assert_eq!(Evaluator::new(&facts.ruleset).run(&packets()[0]).end, end, "{text}");
    }
}
