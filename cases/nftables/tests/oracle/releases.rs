//! What differs between releases of nft and of the kernel, as their sources and change logs say.

use case_nftables::facts;
use casebook_core::{Bytes, EvidenceSet};
use casebook_formats::nft::outcome::End;
use casebook_formats::nft::packet_text;
use casebook_formats::nft::release::{Host, Release};
use casebook_formats::nft::walk::Evaluator;

fn host(nft: &str, kernel: &str) -> Host {
    Host { nft: Release::parse(nft), kernel: Release::parse(kernel) }
}

fn end(rule: &str, packet: &str, host: Host) -> End {
    let text =
        format!("table ip t {{\n chain c {{\n  type filter hook input priority 0; policy drop;\n  {rule}\n }}\n}}\n");
    let mut set = EvidenceSet::new();
    let id = set.add("t.nft", Some("nft-text"), Bytes::new(text.into_bytes()));
    let facts = facts::ruleset(&set, set.get(id).unwrap(), host);
    assert!(facts.ruleset.problems.is_empty(), "{:?}", facts.ruleset.problems);
    Evaluator::new(&facts.ruleset).run(&packet_text::parse(packet).unwrap()).end
}

#[test]
fn two_negations_are_joined_before_1_1_0() {
    let (rule, packet) = ("tcp sport != 22 tcp dport != 23 accept", "iif eth0 tcp 10.0.0.1:5 > 10.0.0.2:23 syn");
    assert_eq!(end(rule, packet, host("1.0.9", "")), End::Accept);
    assert_eq!(end(rule, packet, host("1.1.0", "")), End::Drop);
}

#[test]
fn a_single_flag_in_braces_is_exact_from_1_0_9_on() {
    let (rule, packet) = ("tcp flags { syn } accept", "iif eth0 tcp 10.0.0.1:5 > 10.0.0.2:23 syn,ack");
    assert_eq!(end(rule, packet, host("1.0.6", "")), End::Accept);
    assert_eq!(end(rule, packet, host("1.0.9", "")), End::Drop);
    assert_eq!(
        end("ct state { new } accept", "iif eth0 tcp 10.0.0.1:5 > 10.0.0.2:23 syn", host("1.0.9", "")),
        End::Accept
    );
}

#[test]
fn dccp_is_tracked_until_linux_6_16() {
    let (rule, packet) = ("ct state new accept", "iif eth0 dccp 10.0.0.1:5 > 10.0.0.2:23");
    assert_eq!(end(rule, packet, host("", "6.15")), End::Unknown);
    assert_eq!(end(rule, packet, host("", "6.16")), End::Accept);
}

#[test]
fn destroy_is_refused_by_releases_known_to_lack_it() {
    let refused = |host| {
        let mut set = EvidenceSet::new();
        let id = set.add("t.nft", Some("nft-text"), Bytes::new(b"destroy table ip t\ntable ip t {\n}\n".to_vec()));
        !facts::ruleset(&set, set.get(id).unwrap(), host).ruleset.problems.is_empty()
    };
    assert!(refused(host("1.0.6", "")));
    assert!(!refused(host("1.0.7", "")));
    assert!(!refused(Host::default()));
}

#[test]
fn a_handle_in_a_json_add_places_the_rule_after_1_1_6() {
    let rule = |verb: &str, handle: &str, act: &str| {
        format!(
            r#"{{"{verb}": {{"rule": {{"family": "ip", "table": "t", "chain": "c"{handle}, "expr": [{{"{act}": null}}]}}}}}}"#
        )
    };
    let order = |host| {
        let listed = |handle, act| {
            format!(
                r#"{{"rule": {{"family": "ip", "table": "t", "chain": "c", "handle": {handle}, "expr": [{{"{act}": null}}]}}}}"#
            )
        };
        let text = format!(
            r#"{{"nftables": [{{"table": {{"family": "ip", "name": "t"}}}}, {{"chain": {{"family": "ip", "table": "t", "name": "c"}}}}, {}, {}, {}]}}"#,
            listed(2, "drop"),
            listed(3, "drop"),
            rule("add", r#", "handle": 2"#, "accept"),
        );
        let mut set = EvidenceSet::new();
        let id = set.add("t.json", Some("nft-json"), Bytes::new(text.into_bytes()));
        let facts = facts::ruleset(&set, set.get(id).unwrap(), host);
        let rules = &facts.ruleset.tables[0].chains[0].rules;
        rules.iter().map(|rule| rule.handle).collect::<Vec<_>>()
    };
    assert_eq!(order(host("1.0.6", "")), [Some(2), Some(3), None]);
    assert_eq!(order(host("1.1.7", "")), [Some(2), None, Some(3)]);
}
