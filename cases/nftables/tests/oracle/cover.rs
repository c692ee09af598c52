//! Rules that no packet reaches, against packets: none of those drawn from every corner of a ruleset's diagram finishes a
//! rule that is said to be dead, and without it the outcome is the same.

use case_nftables::facts;
use case_nftables::model::symbolic::compile::{Care, Shared, compile};
use case_nftables::model::symbolic::cover::{Dead, cover};
use case_nftables::model::symbolic::diagram::{Node, Var};
use case_nftables::model::symbolic::diff::{Budget, Found, classes, compare};
use case_nftables::model::symbolic::layout::Layout;
use case_nftables::model::symbolic::needless::needless;
use case_nftables::model::symbolic::packet::{packet, possible};
use case_nftables::model::symbolic::space::Class;
use casebook_core::{Bytes, EvidenceSet};
use casebook_formats::nft::conntrack::is_active;
use casebook_formats::nft::packet::{ETH_IP, ETH_IP6};
use casebook_formats::nft::release::Host;
use casebook_formats::nft::walk::Evaluator;

use super::symbolic::{Draw, corner, ruleset};

#[test]
fn no_packet_finishes_a_dead_rule() {
    let number =
        |name: &str, default: u64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (rulesets, seed) = (number("CASEBOOK_COVER_RULESETS", 20), number("CASEBOOK_SEED", 1));
    let (mut packets, mut dead_rules, mut rules, mut removed) = (0usize, 0usize, 0usize, 0usize);
    let mut wrong: Vec<String> = Vec::new();
    for number in 0..rulesets {
        let (text, ruleset) = ruleset(seed * 2_000_003 + number);
        let found = cover(&ruleset, 200_000_000, usize::MAX);
        assert!(!found.stopped, "{text}");
        rules += found.looked_at.len();
        dead_rules += found.dead.len();
        let mut evaluator = Evaluator::new(&ruleset);
        for class in classes(&ruleset, &ruleset) {
            let class = Class { tracked: is_active(&ruleset, if class.ip6 { ETH_IP6 } else { ETH_IP }), ..class };
            let mut shared = Shared::new(Layout::of(class, &[&ruleset]), 50_000_000, 5_000_000);
            let node = compile(&mut shared, &ruleset, class, Care::Everywhere).unwrap();
            let real = possible(&mut shared).unwrap();
            let nowhere = Node::leaf(u32::MAX >> 2);
            let node = shared.arena.choose(real, node, nowhere).unwrap();
            let mut draw = Draw(number ^ 0x5eed);
            for _ in 0..30 {
                let mut values: Vec<u128> = (0..shared.variables())
                    .map(|var| u128::from(draw.number()) & shared.arena.greatest(Var(var)))
                    .collect();
                corner(&shared, &mut draw, node, nowhere, &mut values);
                let packet = packet(&shared.layout, &values);
                let outcome = evaluator.run(&packet);
                packets += 1;
                for (rule, why) in &found.dead {
                    if outcome.hits.contains(rule) {
                        wrong.push(format!("{} is reached ({why:?}) by {packet:?}\n{text}", ruleset.rule_key(*rule)));
                    }
                }
            }
        }
        for (rule, why) in found.dead.iter().take(3) {
            let mut without = ruleset.clone();
            without.tables[rule.table.0 as usize].chains[rule.chain.0 as usize].rules.remove(rule.index as usize);
            // A rule can switch connection tracking on without ever being reached.
            if [ETH_IP, ETH_IP6].iter().any(|family| is_active(&ruleset, *family) != is_active(&without, *family)) {
                continue;
            }
            removed += 1;
            let budget = Budget { steps: 20_000_000, ..Budget::default() };
            for class in classes(&ruleset, &without) {
                if let Found::Changes(changes) = compare(&ruleset, &without, class, budget)
                    && let Some(change) = changes.first()
                {
                    wrong.push(format!("{} is missed ({why:?}): {change:?}\n{text}", ruleset.rule_key(*rule)));
                }
            }
        }
        let covered = |(rule, why): &(_, Dead)| match why {
            Dead::Covered(by) => by.iter().all(|other| other < rule) && !by.is_empty(),
            _ => true,
        };
        assert!(found.dead.iter().all(covered), "{text}");
    }
    eprintln!(
        "cover: {dead_rules} of {rules} rules dead over {rulesets} rulesets, {packets} packets run, {removed} rules removed, \
         {} disagreed (seed {seed})",
        wrong.len()
    );
    assert!(dead_rules > rulesets as usize / 4, "{dead_rules} dead rules are too few to show anything");
    assert!(wrong.is_empty(), "{}", wrong[0]);
}

/// Rulesets that packages of this distribution made: what is called dead or redundant in them changes nothing when it is
/// taken out, one rule at a time.
#[test]
fn real_rulesets_lose_nothing_without_their_dead_rules() {
    let rulesets = [
        ("firewalld", &include_bytes!("../../fixtures/firewalld/ruleset.json")[..]),
        ("ufw", &include_bytes!("../../fixtures/ufw/ruleset.json")[..]),
        ("docker", &include_bytes!("../../fixtures/docker-like/ruleset.json")[..]),
        ("podman", &include_bytes!("../../fixtures/netavark/ruleset.json")[..]),
        ("libvirt", &include_bytes!("../../fixtures/libvirt/ruleset.json")[..]),
    ];
    let mut claims = 0;
    for (name, bytes) in rulesets {
        let mut set = EvidenceSet::new();
        let id = set.add("ruleset.json", Some("nft-json"), Bytes::new(bytes.to_vec()));
        let ruleset = facts::ruleset(&set, set.get(id).unwrap(), Host::default()).ruleset;
        let found = cover(&ruleset, 200_000_000, usize::MAX);
        assert!(!found.stopped && found.looked_at.len() > 3, "{name}");
        let spare = needless(&ruleset, &found);
        assert_eq!(spare.undecided, 0, "{name}");
        for rule in found.dead.iter().map(|(rule, _)| rule).chain(&spare.rules) {
            let mut without = ruleset.clone();
            without.tables[rule.table.0 as usize].chains[rule.chain.0 as usize].rules.remove(rule.index as usize);
            claims += 1;
            for class in classes(&ruleset, &without) {
                match compare(&ruleset, &without, class, Budget::default()) {
                    Found::Changes(changes) if changes.is_empty() => {}
                    other => panic!("{name}: without {}: {other:?}", ruleset.rule_key(*rule)),
                }
            }
        }
    }
    eprintln!("real rulesets: {claims} rules dead or redundant, each removed and compared, 0 disagreed");
    assert!(claims > 10);
}
