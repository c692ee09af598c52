use casebook_core::{Bytes, EvidenceSet};

use crate::nft::ast::{CommandVerb, ObjectAst, Parsed, StmtKind};

fn with<R>(text: &str, check: impl FnOnce(&Parsed<'_>, &EvidenceSet) -> R) -> R {
    let mut set = EvidenceSet::new();
    let id = set.add("t.nft", Some("nft-text"), Bytes::new(text.as_bytes().to_vec()));
    let (parsed, _) = super::parse(&set, id);
    check(&parsed, &set)
}

fn errors(text: &str) -> Vec<String> {
    with(text, |parsed, _| parsed.errors.iter().map(|error| error.message.clone()).collect())
}

#[test]
fn a_missing_separator_before_a_brace_is_refused_as_nft_does() {
    assert_eq!(errors("table ip t {\n chain c { counter }\n}\n").len(), 1);
    assert_eq!(errors("table ip t { chain c { counter; } }\n").len(), 1);
    assert!(errors("table ip t { chain c { counter; }; }\n").is_empty());
}

#[test]
fn one_bad_statement_does_not_lose_the_file() {
    let text = "table ip t {\n chain c {\n  tcp dport 22 accept\n  tcp dport =!= 3\n  drop\n }\n}\n";
    with(text, |parsed, _| {
        assert_eq!(parsed.errors.len(), 1);
        let ObjectAst::Chain(_, _, chain) = &parsed.commands[1].object else { panic!("a chain") };
        assert_eq!(chain.rules.len(), 2);
    });
}

#[test]
fn defines_keep_both_places_and_end_with_their_block() {
    let text = "define p = 22\ntable ip t {\n define q = 80\n chain c {\n  tcp dport { $p, $q } accept\n }\n}\nadd rule ip t c tcp dport $q accept\n";
    assert_eq!(errors(text), ["unknown variable `q`"]);
}

#[test]
fn commands_keep_their_order_and_position() {
    let text = "add table ip t\ninsert rule ip t c handle 4 tcp dport 9100 accept\nip t c counter\ndelete rule ip t c handle 9\n";
    with(text, |parsed, _| {
        assert!(parsed.errors.is_empty(), "{:?}", parsed.errors);
        let verbs: Vec<_> = parsed.commands.iter().map(|command| command.verb).collect();
        use CommandVerb::{Add, Delete, Insert};
        assert_eq!(verbs, [Add, Insert, Add, Delete]);
    });
}

#[test]
fn statements_of_every_shape_parse() {
    let rules = [
        "ct state established,related accept",
        "ct state vmap { established : accept, related : accept, invalid : drop }",
        "tcp flags & (fin|syn|rst|ack) == syn accept",
        "tcp flags syn / syn,ack accept",
        "meta mark set ct mark and 0xff or 0x10",
        "ip saddr . tcp dport { 10.0.0.1 . 22, 10.0.0.0/8 . 80-90 } accept",
        "ip saddr . tcp dport vmap @m",
        "dnat ip addr . port to ip saddr . tcp dport map @x",
        "dnat to 10.0.0.1:80",
        "dnat to [2001:db8::1]:80",
        "dnat ip6 to tcp dport map { 80 : 2001:db8::1 }",
        "masquerade to :1024-2048 random",
        "redirect to :8080",
        "limit rate over 10 mbytes/second burst 5 mbytes drop",
        "limit rate 10/minute burst 5 packets accept",
        "log prefix \"in: \" level debug flags all",
        "reject with icmpx type admin-prohibited",
        "reject with tcp reset",
        "add @s { ip saddr timeout 5s limit rate over 3/minute } drop",
        "meter m { ip saddr . tcp dport ct count over 3 } reject",
        "queue num 1-3 bypass,fanout",
        "@nh,96,32 0x0a000001 accept",
        "tcp option maxseg size set rt mtu",
        "tcp option sack-permitted exists accept",
        "fib saddr . iif oif missing drop",
        "numgen inc mod 2 vmap { 0 : jump a, 1 : jump b }",
        "ct original ip saddr 10.0.0.1 counter packets 0 bytes 0",
        "ct helper set \"ftp\"",
        "iifname { \"eth*\", lo } jump { tcp dport 22 accept; drop; }",
        "ip6 nexthdr icmpv6 icmpv6 type { nd-neighbor-solicit, echo-request } accept comment \"why\"",
        "socket transparent 1 meta mark set 1",
        "xt match \"addrtype\" counter packets 1 bytes 2 jump DOCKER",
        "exthdr frag exists drop",
        "meta day { \"Saturday\", Sunday } drop",
        "ether saddr aa:bb:cc:dd:ee:ff vlan id 5 accept",
    ];
    for rule in rules {
        let text = format!("add rule inet t c {rule}\n");
        with(&text, |parsed, _| {
            assert!(parsed.errors.is_empty(), "{rule}: {:?}", parsed.errors);
            let ObjectAst::Rule(_, _, _, Some(rule)) = &parsed.commands[0].object else { panic!("a rule") };
            assert!(!rule.stmts.iter().any(|stmt| matches!(stmt.kind, StmtKind::Comment(_))));
        });
    }
}
