use casebook_core::{Bytes, EvidenceSet};
use casebook_formats::nft::ir::Family;
use casebook_formats::nft::release::Host;

use super::*;
use crate::facts;
use crate::model::symbolic::testing::Numbers;

/// The rule, to stand in chain `c` of these rules; `more` are other chains.
fn asked(rules: &str, more: &str, rule: &str) -> Asked {
    let text = format!(
        "table inet t {{\n{more}\n chain c {{\n type filter hook input priority 0; policy drop;\n{rules}\n }}\n}}\n"
    );
    let mut set = EvidenceSet::new();
    let id = set.add("t.nft", Some("nft-text"), Bytes::new(text.into_bytes()));
    let mut ruleset = facts::ruleset_and(&set, set.get(id).unwrap(), Host::default(), "inet t c", rule).unwrap();
    assert!(ruleset.problems.is_empty(), "{:?}", ruleset.problems);
    let (table, chain) = ruleset.find_chain(Family::Inet, "t", "c").unwrap();
    let rule = ruleset.tables[0].chains[chain.0 as usize].rules.pop().unwrap();
    Asked { ruleset, table, chain, rule }
}

fn list(asked: &Asked) -> Positions {
    positions(asked, Budget::default()).unwrap()
}

fn ranges(positions: &Positions) -> Vec<(usize, usize)> {
    positions.list.iter().map(|position| (position.first, position.last)).collect()
}

#[test]
fn the_story_goes_behind_the_jump_that_marks() {
    let asked = asked(
        "ct state established,related accept\niifname \"lo\" accept\njump mark\ntcp dport { 22, 80 } accept",
        "chain mark {\n ip saddr 10.9.0.5 ct mark set 0x51\n }",
        "tcp dport 9100 accept",
    );
    let found = list(&asked);
    assert_eq!(ranges(&found), [(0, 0), (1, 1), (2, 2), (3, 4)], "port 22 or 80 tells no positions apart");
    assert_eq!(found.best, 3);
    assert_eq!(found.list[0].bypassed, ["ct mark 0x51"]);
    assert!(found.list[0].before.is_empty() && found.list[0].lost.is_empty());
    assert!(found.list[3].bypassed.is_empty());
    let before: Vec<_> = found.list[3].before.iter().map(|decided| decided.by.clone().unwrap()).collect();
    assert_eq!(before, ["inet t c: ct state established,related accept", "inet t c: iifname \"lo\" accept"]);
}

#[test]
fn a_drop_goes_before_what_would_accept_its_packets() {
    let asked = asked("ct state established accept\ntcp dport 22 accept", "", "ip saddr 192.0.2.7 drop");
    let found = list(&asked);
    assert_eq!(found.best, 0);
    assert!(found.list[0].lost.is_empty());
    assert_eq!(found.list[1].lost.len(), 1);
    assert_eq!(found.list[1].lost[0].end, "accept");
    assert_eq!(found.list[1].lost[0].by.as_deref(), Some("inet t c: ct state established accept"));
}

#[test]
fn rules_that_ask_for_other_packets_tell_no_positions_apart() {
    let rules: String = (0..300).map(|port| format!("tcp dport {} accept\n", 1000 + port)).collect();
    let found = list(&asked(&rules, "", "udp dport 53 accept"));
    assert_eq!(ranges(&found), [(0, 300)]);
}

#[test]
fn positions_between_verdicts_are_found_by_halves() {
    let rules: String = (0..20).map(|n| format!("ip saddr 10.0.{n}.0/24 accept\n")).collect();
    let found = list(&asked(&rules, "", "tcp dport 22 accept"));
    assert_eq!(found.list.len(), 21, "each rule takes packets of its own");
    assert_eq!(found.best, 20);
    let found = list(&asked(&rules.replace("accept", "counter"), "", "tcp dport 22 accept"));
    assert_eq!(found.best, 20);
    assert_eq!(found.list[0].unseen.len(), 0, "packets the policy dropped are not expected to be counted still");
}

#[test]
fn what_only_counts_matters_where_the_end_stays() {
    let asked = asked("tcp dport 22 counter\ntcp dport 22 accept", "", "tcp dport 22 accept");
    let found = list(&asked);
    assert_eq!(found.list[0].unseen, ["counter of rule `inet t c: tcp dport 22 counter`"]);
    assert!(found.list[0].bypassed.is_empty());
    let last = &found.list[found.best];
    assert!(!last.reached, "the rule is not needed: another accepts all its packets");
}

#[test]
fn a_rule_that_takes_all_packets_of_another_kills_it() {
    let asked =
        asked("ip saddr 10.9.0.0/24 tcp dport 9100 counter accept\ntcp dport 22 accept", "", "tcp dport 9100 accept");
    let killed = killed(&asked, 0, Budget::default()).unwrap();
    assert_eq!(killed.iter().map(|rule| rule.index).collect::<Vec<_>>(), [0]);
    assert!(super::killed(&asked, 2, Budget::default()).unwrap().is_empty());
}

#[test]
fn a_rule_met_by_packets_of_the_other_family_is_not_killed() {
    let asked = asked("tcp dport 9100 counter", "", "ip saddr 0.0.0.0/0 tcp dport 9100 accept");
    assert!(killed(&asked, 0, Budget::default()).unwrap().is_empty());
}

#[test]
fn a_later_chain_can_make_another_end_of_an_accept() {
    // The rule writes a mark that the chain behind it asks for.
    let asked = asked(
        "tcp dport 22 accept",
        "chain late {\n type filter hook input priority 10; policy accept;\n meta mark 0x1 drop\n }",
        "tcp dport 22 meta mark set 0x1",
    );
    let found = list(&asked);
    assert_eq!(found.list[0].collateral, ["accept becomes drop"]);
    assert!(!found.list[1].reached && !found.list[1].lost.is_empty(), "behind the accept it gets nothing");
}

/// Positions said to have one effect have it: `diff` finds nothing between them.
#[test]
fn positions_of_one_kind_are_the_same_to_every_packet() {
    use crate::model::symbolic::diff::{Found, compare};
    let mut numbers = Numbers(9100);
    let mut joined = 0;
    for _ in 0..60 {
        let rules: Vec<String> = (0..6).map(|_| numbers.rule()).collect();
        let inner = numbers.rule().replace("jump other", "drop");
        let other = format!("chain other {{\n{inner}\ntcp dport 22 counter\n }}");
        let rule = numbers.rule();
        let asked = asked(&rules.join("\n"), &other, &rule);
        let found = list(&asked);
        assert_eq!(found.list[0].first, 0);
        assert_eq!(found.list.last().unwrap().last, 6);
        for position in &found.list {
            for next in position.first + 1..=position.last {
                joined += 1;
                let (old, new) = (asked.at(position.first), asked.at(next));
                for class in classes(&old, &new) {
                    match compare(&old, &new, class, Budget::default()) {
                        Found::Changes(changes) => assert!(changes.is_empty(), "{rule} in {rules:?}: {changes:?}"),
                        Found::OverBudget => panic!("{rule} in {rules:?}"),
                    }
                }
            }
        }
    }
    assert!(joined > 50, "{joined} pairs were compared");
}
