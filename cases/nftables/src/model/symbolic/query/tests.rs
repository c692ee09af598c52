use casebook_formats::nft::release::Host;

use super::*;
use crate::model::filter;
use crate::model::symbolic::testing::ruleset;

fn chain(rules: &str) -> Ruleset {
    ruleset(&format!(
        "table inet t {{\n chain c {{\n type filter hook input priority 0; policy drop; {rules}\n }}\n }}\n"
    ))
}

/// End, decider and first region of each part, IPv4 to this host.
fn parts(ruleset: &Ruleset, text: &str) -> Vec<(String, String, String)> {
    let filter = filter::parse(text, Host::default(), false).unwrap();
    let mut out = Vec::new();
    for class in classes_of(ruleset, &filter).into_iter().filter(|class| !class.ip6) {
        match query(ruleset, &filter, class, Budget::default()) {
            Answer::Known(parts) => out.extend(parts.into_iter().map(|part| {
                assert!(!part.places.unconfirmed, "{part:?}");
                (part.end, part.by.unwrap_or_default(), part.places.regions.join("; "))
            })),
            other => panic!("{other:?}"),
        }
    }
    out
}

fn checked(ruleset: &Ruleset, text: &str, wanted: &Wanted) -> Checked {
    let filter = filter::parse(text, Host::default(), true).unwrap();
    let class = classes_of(ruleset, &filter).into_iter().find(|class| !class.ip6).unwrap();
    match check(ruleset, &filter, wanted, class, Budget::default()) {
        Answer::Known(checked) => checked,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_filter_is_cut_where_outcomes_differ() {
    let ruleset = chain("ip saddr 10.1.0.0/16 tcp dport 5432 accept;");
    let found = parts(&ruleset, "tcp 10.0.0.0/8 > any:5432 path input");
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].0, "accept");
    assert_eq!(found[0].1, "inet t c: ip saddr 10.1.0.0/16 tcp dport 5432 accept");
    assert_eq!(found[0].2, "ip saddr 10.1.0.0/16, tcp dport 5432");
    assert_eq!(found[1].0, "drop");
    assert_eq!(found[1].1, "policy of inet t c");
    assert_eq!(found[1].2, "ip saddr { 10.0.0.0/16, 10.2.0.0-10.255.255.255 }, tcp dport 5432");
}

#[test]
fn all_and_none_are_answers() {
    let ruleset = chain("tcp dport 22 accept;");
    assert_eq!(parts(&ruleset, "tcp any:22 > any path input").len(), 2);
    assert_eq!(parts(&ruleset, "tcp any > any:22 path input").len(), 1);
    assert!(parts(&ruleset, "tcp any > any:22 iif eth0 iif eth1 path input").is_empty());
    assert!(parts(&ruleset, "oif eth0 path input").is_empty(), "no output device is known at input");
}

#[test]
fn what_is_asked_is_the_packet_as_it_comes_in() {
    let ruleset = ruleset(
        "table ip t {\n chain n {\n type nat hook prerouting priority -100; tcp dport 80 redirect to :8080;\n }\n \
         chain c {\n type filter hook input priority 0; policy drop; tcp dport 8080 accept;\n }\n }\n",
    );
    let found = parts(&ruleset, "tcp any > any:80 ct new path input");
    assert!(found.iter().any(|(end, by, _)| end == "accept" && by.ends_with("tcp dport 8080 accept")), "{found:?}");
}

#[test]
fn an_expectation_holds_for_all_or_has_a_counterexample() {
    let ruleset = chain("ip saddr 10.9.0.5 ct mark set 0x51; tcp dport 9100 accept;");
    let accept = Wanted { end: Some(End::Accept), ..Wanted::default() };
    let marked = Wanted { ct_mark: Some(0x51), ..accept.clone() };
    let holds = checked(&ruleset, "tcp 10.9.0.5 > any:9100 ct new path input", &marked);
    assert!(holds.any && holds.failed.is_none() && holds.undecided.is_none(), "{holds:?}");
    let fails = checked(&ruleset, "tcp 10.9.0.0/24 > any:9100 ct new path input", &marked).failed.unwrap();
    assert_eq!(fails.regions.len(), 1);
    assert!(fails.witness.is_some());
    assert!(checked(&ruleset, "tcp any > any:9100 path input", &accept).failed.is_none());
    let by = Wanted { by: Some("dport 9100".into()), ..accept };
    assert!(checked(&ruleset, "tcp any > any:9100 path input", &by).failed.is_none());
    let by = Wanted { by: Some("dport 9101".into()), ..by };
    assert!(checked(&ruleset, "tcp any > any:9100 path input", &by).failed.is_some());
}

#[test]
fn a_rate_limit_leaves_an_expectation_undecided() {
    let ruleset = chain("tcp dport 22 limit rate 5/second accept;");
    let accept = Wanted { end: Some(End::Accept), ..Wanted::default() };
    let found = checked(&ruleset, "tcp any > any:22 path input", &accept);
    assert!(found.failed.is_none());
    assert!(found.undecided.unwrap().depends.iter().any(|what| what.contains("limit rate 5/second")));
    // What holds whatever the limit says is not undecided.
    let ruleset = chain("tcp dport 22 limit rate 5/second accept; tcp dport 22 accept;");
    let found = checked(&ruleset, "tcp any > any:22 path input", &accept);
    assert!(found.failed.is_none() && found.undecided.is_none());
}

#[test]
fn a_rate_limit_that_decides_nothing_does_not_make_an_end_unknown() {
    let ruleset = chain("tcp dport 22 limit rate 5/second log; tcp dport 22 accept;");
    let found = parts(&ruleset, "tcp any > any:22 path input");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].2, "tcp dport 22");
}

#[test]
fn what_routing_has_changed_is_not_asked_of_forwarded_packets() {
    let ruleset = chain("accept;");
    let filter = filter::parse("ip ttl 1 path forward", Host::default(), false).unwrap();
    let class = classes_of(&ruleset, &filter)[0];
    assert!(matches!(query(&ruleset, &filter, class, Budget::default()), Answer::NotCovered(_)));
}

/// The evaluator says of a packet of each part what the part says, also where rules write what others ask for.
#[test]
fn every_part_is_confirmed_or_says_what_it_depends_on() {
    let filters = [
        "tcp 10.0.0.0/8 > any:20-30",
        "tcp any > any:22 ct new",
        "udp any > any:53, iif != lo",
        "meta mark 0x1",
        "ct mark 0x2 ip",
        "tcp flags & (syn|ack) == syn",
        "any > any",
    ];
    let mut numbers = crate::model::symbolic::testing::Numbers(5432);
    let mut seen = 0;
    for _ in 0..40 {
        let list: Vec<String> = (0..5).map(|_| numbers.rule()).collect();
        let inner = numbers.rule().replace("jump other", "drop");
        let early = [
            "meta mark set 0x1",
            "tcp dport 22 redirect to :25",
            "ip daddr 192.0.2.0/24 dnat ip to 10.0.0.1:53",
            "accept",
        ];
        let early = numbers.one(&early);
        let kind = if early.contains("nat") || early.contains("redirect") { "nat" } else { "filter" };
        let ruleset = ruleset(&format!(
            "table inet t {{\nchain other {{\n{inner}\n}}\nchain early {{\ntype {kind} hook prerouting priority -100;\n\
             {}\n}}\nchain c {{\ntype filter hook input priority 0; policy drop;\n{}\n}}\n}}\n",
            if kind == "nat" { format!("meta l4proto tcp {early}") } else { early.to_owned() },
            list.join("\n"),
        ));
        let filter = filter::parse(&format!("{} path input", numbers.one(&filters)), Host::default(), false).unwrap();
        for class in classes_of(&ruleset, &filter) {
            match query(&ruleset, &filter, class, Budget::default()) {
                Answer::Known(parts) => {
                    for part in parts {
                        seen += 1;
                        let known = !part.places.unconfirmed
                            && (part.places.witness.is_some() || !part.places.depends.is_empty());
                        assert!(known, "{} of {list:?} after {early}: {part:?}", filter.matches);
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(seen > 150, "{seen} parts were looked at");
}
