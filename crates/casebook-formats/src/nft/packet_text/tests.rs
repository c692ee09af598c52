use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Packet {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error} at {:?}", error.at))
}

/// The word an error points at, its message and hint.
fn fails(text: &str) -> (String, String, String) {
    let error = parse(text).expect_err(text);
    (text[error.at].to_owned(), error.message, error.hint.unwrap_or_default())
}

#[test]
fn every_example_of_the_help_is_a_packet() {
    let examples: Vec<&str> =
        HELP.lines().skip_while(|line| !line.is_empty()).skip(1).take_while(|line| !line.is_empty()).collect();
    assert!(examples.len() >= 8);
    for example in examples {
        read(example);
    }
}

#[test]
fn one_packet_has_many_spellings() {
    let packet = read("tcp 10.9.0.5:40000 > 172.16.0.1:22 syn");
    for text in [
        "tcp 10.9.0.5 > 172.16.0.1:ssh",
        "tcp 10.9.0.5>172.16.0.1:22",
        "tcp 10.9.0.5:40000->172.16.0.1:22",
        "syn, 10.9.0.5 > 172.16.0.1:22, tcp",
        "10.9.0.5 > 172.16.0.1 dport 22 tcp flags syn",
        "ip saddr 10.9.0.5 ip daddr 172.16.0.1 tcp sport 40000 tcp dport 22 tcp flags syn",
        "meta l4proto tcp ip saddr 10.9.0.5 daddr 172.16.0.1 th dport 22",
        "ip saddr == 10.9.0.5 ip daddr 172.16.0.1 ip protocol tcp tcp dport 22 path input",
        "tcp 10.9.0.5 > 172.16.0.1:22 flags syn at input",
        "tcp 10.9.0.5 > 172.16.0.1:22 ttl 64",
    ] {
        assert_eq!(read(text), packet, "{text}");
    }
    assert_eq!(read("tcp 1.1.1.1 > 2.2.2.2:1 flags syn|ack"), read("tcp 1.1.1.1 > 2.2.2.2:1 syn, ack"));
    assert_ne!(read("tcp 1.1.1.1 > 2.2.2.2:1 flags 0"), read("tcp 1.1.1.1 > 2.2.2.2:1"));
}

#[test]
fn the_path_follows_from_the_devices() {
    let base = "udp 10.0.0.1 > 10.0.0.2:53";
    for (rest, path) in [
        ("", Path::Input),
        ("iif a", Path::Input),
        ("oif a", Path::Output),
        ("iif a oif b", Path::Forward),
        ("iif a oif b path input", Path::Input),
    ] {
        assert_eq!(read(&format!("{base} {rest}")).path, path);
    }
    assert_eq!(read("arp 10.0.0.1 > 10.0.0.2").path, Path::ArpInput);
    assert_eq!(read("arp 10.0.0.1 > 10.0.0.2 path output").path, Path::ArpOutput);
}

#[test]
fn link_headers_stand_where_they_are_asked_for() {
    let base = "udp 10.0.0.1 > 10.0.0.2:53";
    assert!(!read(base).link);
    assert!(read(&format!("{base} path bridge-input")).link);
    assert!(read(&format!("{base} ether saddr 02:00:00:00:00:09")).link);
    assert!(!read(&format!("{base} path ingress link none")).link);
    let broadcast = read(&format!("{base} ether daddr ff:ff:ff:ff:ff:ff"));
    assert_eq!(broadcast.pkttype, 1);
}

#[test]
fn what_is_around_a_packet_is_read() {
    let packet = read(
        "tcp 1.1.1.1 > 2.2.2.2:1 iifname \"eth0\" iifindex 2 iiftype ether meta mark 0x51 priority 1:2 skuid root \
         ct established ct mark 7 ct status seen-reply,assured ct direction reply ct zone 3 pkttype broadcast",
    );
    let iif = packet.iif.expect("a device");
    assert_eq!((iif.name.as_str(), iif.index, iif.kind), ("eth0", Some(2), Some(1)));
    assert_eq!((packet.mark, packet.priority, packet.skuid, packet.pkttype), (0x51, 0x10002, Some(0), 1));
    assert_eq!((packet.ct.state, packet.ct.mark), (Some(CtState::Established), 7));
    assert_eq!((packet.ct.status, packet.ct.zone), (Some(6), 3));
    assert_eq!(packet.ct.direction, Some(Direction::Reply));
    // The device's keys may come before its name.
    assert_eq!(read("tcp 1.1.1.1 > 2.2.2.2:1 iiftype 1 iif tcp").iif.and_then(|device| device.kind), Some(1));
}

#[test]
fn errors_point_at_the_word_and_name_the_nearest() {
    for (text, word, hint) in [
        ("tpc 10.0.0.1 > 10.0.0.2:22", "tpc", "did you mean `tcp`?"),
        ("tcp 10.0.0.1 > 10.0.0.2:shs", "10.0.0.2:shs", "did you mean `ssh`?"),
        ("tcp 10.0.0.1 > 10.0.0.2 dprot 22", "dprot", "did you mean `dport`?"),
        ("tcp 10.0.0.1 > 10.0.0.2:22 path inptu", "inptu", "did you mean `input`?"),
        ("tcp 10.0.0.1 > 10.0.0.2:22 ct estabished", "estabished", "did you mean `ct established`?"),
        ("tcp 10.0.0.1 > 10.0.0.2:22 ct state nwe", "nwe", "did you mean `new`?"),
        ("tcp ::1 > [::2]:22 ttl 3", "ttl", "did you mean `hoplimit`?"),
        ("icmp 10.0.0.1 > 10.0.0.2 echo-requst", "echo-requst", "did you mean `echo-request`?"),
        ("tcp 10.0.0.1 10.0.0.2:22", "10.0.0.2:22", "write `>` between source and destination"),
        ("tcp 10.0.0.1 > 10.0.0.2:22 dport { 1, 2 }", "{", "a packet has one value of each field"),
    ] {
        let (at, message, said) = fails(text);
        assert_eq!((at.as_str(), said.as_str()), (word, hint), "{text}: {message}");
    }
}

#[test]
fn what_is_missing_or_contradicts_is_said() {
    for (text, part) in [
        ("", "no addresses"),
        ("tcp 10.0.0.1 > 10.0.0.2", "destination port is missing"),
        ("tcp > 10.0.0.2:22", "source address is missing"),
        ("ip 10.0.0.1 > 10.0.0.2", "transport protocol is missing"),
        ("icmp ::1 > ::2", "icmp is of IPv4"),
        ("ip ttl 3 tcp ::1 > [::2]:22", "already `ip`"),
        ("tcp udp 10.0.0.1 > 10.0.0.2:22", "already `tcp`"),
        ("tcp 10.0.0.1 > 10.0.0.2:22 dport 23", "given twice"),
        ("tcp 10.0.0.1/8 > 10.0.0.2:22", "not the network"),
        ("tcp 10.0.0.1 > 10.0.0.2:70000", "over the 16 bits"),
        ("tcp 10.0.0.1 > 10.0.0.2:22 ttl 256", "over the 8 bits"),
        ("tcp 10.0.0.1 > 10.0.0.2:22 ttl", "expected a value after `ttl`"),
        ("tcp 10.0.0.1 > 10.0.0.2:22 iifindex 2", "without a name"),
        ("tcp 10.0.0.1 > 10.0.0.2:22 iif eth*", "one interface"),
        ("raw 4500 ip ttl 1", "`raw` gives all bytes"),
        ("raw 45zz", "hexadecimal digits"),
        ("tcp 10.0.0.1 > 10.0.0.2:22 iif \"eth0", "not closed"),
        ("ip 10.0.0.1 > 10.0.0.2 proto 300", "over the 8 bits"),
    ] {
        let error = parse(text).expect_err(text);
        assert!(error.message.contains(part), "{text}: {}", error.message);
    }
}

#[test]
fn captured_bytes_take_what_is_around_them_from_words() {
    let bytes = read("tcp 10.0.0.1 > 10.0.0.2:22").bytes;
    let packet = parse_about("iif eth0 oif eth1 ct new", bytes.clone(), false).expect("words");
    assert_eq!((packet.path, packet.bytes), (Path::Forward, bytes.clone()));
    let error = parse_about("ip ttl 3", bytes, false).expect_err("a field");
    assert!(error.message.contains("bytes are given"), "{}", error.message);
}

/// Texts near the language: its own words in any order, and odd ones.
fn near() -> impl Strategy<Value = String> {
    let mut words: Vec<&str> = KEYWORDS.to_vec();
    words.extend(FIELDS.iter().flat_map(|(name, fields)| std::iter::once(*name).chain(fields.iter().copied())));
    words.extend([
        ">",
        "10.0.0.1",
        "10.0.0.2:22",
        "[::1]:5",
        "::2",
        "22",
        "0x51",
        "new",
        "syn,ack",
        "first",
        "later",
        "{",
        "\"",
        "é",
        ",",
        "==",
        "size",
        "0x",
        "0x0102030405060700",
        "99999999999999999999999999999999999999999999",
        "ip",
    ]);
    proptest::collection::vec(0..words.len(), 0..14)
        .prop_map(move |picks| picks.into_iter().map(|at| words[at]).collect::<Vec<_>>().join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_is_a_packet_or_an_error_with_a_place(text in prop_oneof![near(), any::<String>(), "[ -~é]{0,60}"]) {
        if let Err(error) = parse(&text) {
            prop_assert!(text.get(error.at.clone()).is_some(), "{:?} of {text:?}", error.at);
            prop_assert!(!error.message.is_empty());
        }
    }
}
