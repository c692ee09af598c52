use super::*;

fn matches(text: &str) -> String {
    parse(text, Host::default(), false).map(|filter| filter.matches).unwrap_or_else(|error| format!("{error:?}"))
}

fn refused(text: &str) -> (String, String) {
    match parse(text, Host::default(), false) {
        Ok(filter) => panic!("{text} is read as {}", filter.matches),
        Err(error) => (error.message, error.hint.unwrap_or_default()),
    }
}

#[test]
fn a_side_is_a_network_a_range_a_list_or_any() {
    assert_eq!(matches("tcp 10.0.0.0/8 > any:5432 path input"), "meta l4proto tcp ip saddr 10.0.0.0/8 tcp dport 5432");
    assert_eq!(matches("udp any > 192.0.2.7:53"), "meta l4proto udp ip daddr 192.0.2.7 udp dport 53");
    assert_eq!(matches("tcp :1024-65535 > {10.0.0.1, 10.0.0.9}:{22, https}"), {
        "meta l4proto tcp tcp sport 1024-65535 ip daddr { 10.0.0.1, 10.0.0.9 } tcp dport { 22, https }"
    });
    assert_eq!(
        matches("udp [2001:db8::/32] > [2001:db8::1]:53"),
        "meta l4proto udp ip6 saddr 2001:db8::/32 ip6 daddr 2001:db8::1 udp dport 53"
    );
    assert_eq!(matches("10.0.0.1-10.0.0.9 > any"), "ip saddr 10.0.0.1-10.0.0.9");
}

#[test]
fn what_is_around_a_packet_can_be_said() {
    assert_eq!(matches("iif eth0, oif 'eth*'".replace('\'', "").as_str()), "iifname \"eth0\" oifname \"eth*\"");
    assert_eq!(matches("ct new,established mark 0x51"), "ct state { new, established } meta mark 0x51");
    assert_eq!(matches("tcp syn,ack"), "meta l4proto tcp tcp flags == syn|ack");
    assert_eq!(matches("icmp echo-request"), "meta l4proto icmp icmp type echo-request");
    let paths = parse("path input,forward", Host::default(), false).unwrap().paths;
    assert_eq!(paths, [Path::Input, Path::Forward]);
}

#[test]
fn matches_of_nft_stay_as_they_are() {
    for text in [
        "ip saddr 10.0.0.0/8 tcp dport 5432",
        "tcp flags & (syn|ack) == syn",
        "tcp dport != { 22, 80-90 }",
        "ip saddr . tcp dport { 10.0.0.1 . 22 }",
        "meta mark & 0xff == 0x51",
        "tcp dport > 1024",
    ] {
        assert_eq!(matches(text), text);
    }
}

#[test]
fn two_not_equal_of_neighbours_stay_two() {
    // nft 1.0.6 would load one match that holds when either differs.
    let filter = parse("udp sport != 53 udp dport != 53", Host::default(), false).unwrap();
    let tests = filter.ruleset.rules().next().unwrap().1.ops.len();
    assert_eq!(tests, 4, "protocol, two ports, verdict");
}

#[test]
fn what_cannot_be_read_is_said_with_what_to_write() {
    assert_eq!(
        refused("tcp 10.0.0.300 > any"),
        (
            "`10.0.0.300` is not an address".into(),
            "write an address, a network such as 10.0.0.0/8, A-B, {A, B} or any".into()
        )
    );
    assert_eq!(refused("any > any:53").1, "write `tcp` or `udp` first, or `th dport` for both");
    assert_eq!(refused("icmp any > any:53").0, "icmp has no ports");
    assert_eq!(refused("tcp dprot 22").1, "did you mean `dport`?");
    assert_eq!(refused("path sideways").1, "write `path input`, `path forward` or `path output`");
    assert_eq!(refused("ct neww").1, "did you mean `ct new`?");
    assert_eq!(refused("tcp 10.0.0.1 10.0.0.2 >").1, "write `>` between source and destination");
    assert_eq!(refused("tcp > any:90-80").0, "the range 90-80 ends before it begins");
    assert_eq!(refused("{10.0.0.1, 2001:db8::1} > any").0, "`{10.0.0.1, 2001:db8::1}` mixes IPv4 and IPv6");
    assert_eq!(refused("tcp any:22").1, "write `any:22 > any` or `any > any:22`");
    assert_eq!(refused("tcp dport").0, "expected a value after `dport`");
    assert_eq!(refused("tcp dport { 22").0, "`}` is missing");
    assert_eq!(refused("tcp dport 22; drop").0, "`;` has no meaning in a filter");
    assert!(refused("tcp dport nonsense").0.starts_with("nft does not take `tcp dport nonsense`: "));
}

#[test]
fn no_text_makes_it_panic() {
    let words =
        ["tcp", "{", "}", ">", "10.0.0.0/8", ":", ":80", "[", "ct", "iif", "\"", "é", "any:", "path", "ip", "."];
    for first in words {
        for second in words {
            for third in words {
                let _ = parse(&format!("{first} {second}{third}"), Host::default(), true);
            }
        }
    }
}
