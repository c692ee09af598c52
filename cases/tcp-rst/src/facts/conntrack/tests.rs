use casebook_core::{EvidenceId, Sniff};
use proptest::prelude::*;

use super::*;

fn items(text: &str) -> Vec<Item> {
    read(EvidenceId(0), text.as_bytes()).collect()
}

fn one(text: &str) -> Record {
    match items(text).as_slice() {
        [Item::Record(record)] => *record,
        other => panic!("{other:?}"),
    }
}

fn slice(text: &str, span: Span) -> &str {
    &text[span.range()]
}

/// conntrack 1.4.7 on Linux 6.18, as printed.
#[test]
fn an_event_with_every_option_has_places() {
    let text = "[1795640199.861069]\t[DESTROY] ipv4     2 tcp      6 119 TIME_WAIT src=127.0.0.1 dst=127.0.0.2 sport=42194 \
                dport=8080 packets=5 bytes=269 src=127.0.0.2 dst=127.0.0.1 sport=8080 dport=42194 packets=3 bytes=164 \
                [ASSURED] mark=77 delta-time=4 [start=Wed Nov 25 20:56:39 2026] [stop=Wed Nov 25 20:56:39 2026] \
                id=2932967812 [USERSPACE] portid=10251 progname=conntrack";
    let record = one(text);
    assert_eq!((record.event, record.time_us), (Some(Event::Destroy), Some(1_795_640_199_861_069)));
    assert_eq!((record.protocol, record.timeout_s, record.tcp_state()), (6, Some(119), Some(State::TimeWait)));
    assert_eq!((record.original.sport, record.reply.dport), (42194, 42194));
    assert_eq!(record.reply.src.to_string(), "127.0.0.2");
    assert!(record.marks.has(Marks::ASSURED) && record.marks.has(Marks::USERSPACE));
    assert!(!record.marks.has(Marks::UNREPLIED));
    assert_eq!(
        record.counters.map(|counters| counters.map(|c| (c.packets, c.bytes))),
        [Some((5, 269)), Some((3, 164))]
    );
    assert_eq!((record.mark, record.id, record.delta_time_s), (Some(77), Some(2932967812), Some(4)));
    assert_eq!(record.unread_place, Place::default());
    for (place, expected) in [
        (record.event_place, "[DESTROY]"),
        (record.timeout_place, "119"),
        (record.state_place, "TIME_WAIT"),
        (record.original_place, "src=127.0.0.1 dst=127.0.0.2 sport=42194 dport=8080"),
        (record.reply_place, "src=127.0.0.2 dst=127.0.0.1 sport=8080 dport=42194"),
    ] {
        assert_eq!(slice(text, record.span(place)), expected);
    }
}

/// conntrack 1.4.7 prints `[%-.8ld.%-.6ld]` for entries and `[%-8ld.%-6ld]` elsewhere: both count microseconds.
#[test]
fn microseconds_are_read_with_and_without_leading_zeros() {
    for time in ["[100.000042]", "[100.42    ]"] {
        let text = format!(
            "{time}\t    [NEW] udp      17 30 src=1.2.3.4 dst=5.6.7.8 sport=1 dport=2 [UNREPLIED] src=5.6.7.8 dst=1.2.3.4 \
             sport=2 dport=1"
        );
        assert_eq!(one(&text).time_us, Some(100_000_042));
    }
}

/// Lines of conntrack 1.4.7 and of /proc/net/nf_conntrack on Linux 6.18, and of older ones.
#[test]
fn every_kind_of_line_is_read_whole() {
    for (text, protocol, timeout, ports) in [
        (
            "ipv4     2 tcp      6 431999 ESTABLISHED src=127.0.0.1 dst=127.0.0.1 sport=42194 dport=8080 packets=3 bytes=165 \
             src=127.0.0.1 dst=127.0.0.1 sport=8080 dport=42194 packets=2 bytes=112 [ASSURED] mark=0 zone=0 delta-time=0 use=2",
            6,
            Some(431_999),
            (42194, 8080),
        ),
        (
            "ipv4     2 tcp      6 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1 \
             [OFFLOAD] mark=0 secctx=system_u:object_r:unlabeled_t:s0 use=3",
            6,
            None,
            (1, 2),
        ),
        (
            "ipv6     10 tcp      6 src=::1 dst=fd00::2 sport=1 dport=2 src=fd00::2 dst=::1 sport=2 dport=1 [HW_OFFLOAD] use=1",
            6,
            None,
            (1, 2),
        ),
        (
            " [UPDATE] tcp      6 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1",
            6,
            None,
            (1, 2),
        ),
        (
            "ipv4     2 gre      47 29 timeout=0, stream_timeout=0 src=1.2.3.4 dst=5.6.7.8 srckey=0xa dstkey=0x14 [UNREPLIED] \
             src=5.6.7.8 dst=1.2.3.4 srckey=0x14 dstkey=0xa mark=0 use=2",
            47,
            Some(29),
            (10, 20),
        ),
        (
            "icmp     1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=77 src=10.0.0.2 dst=10.0.0.1 type=0 code=0 id=77 mark=0 \
             use=1 id=5",
            1,
            Some(29),
            (77, 8 << 8),
        ),
        (
            "unknown  253 29 src=1.2.3.4 dst=5.6.7.8 [UNREPLIED] src=5.6.7.8 dst=1.2.3.4 mark=0 use=1",
            253,
            Some(29),
            (0, 0),
        ),
        (
            "sctp     132 60 COOKIE_WAIT src=1.2.3.4 dst=5.6.7.8 sport=1 dport=2 [UNREPLIED] src=5.6.7.8 dst=1.2.3.4 sport=2 \
             dport=1 mark=0 use=1",
            132,
            Some(60),
            (1, 2),
        ),
        (
            "tcp      6 100 SYN_SENT2 src=1.2.3.5 dst=5.6.7.8 sport=1 dport=2 zone-orig=5 [UNREPLIED] src=5.6.7.8 dst=1.2.3.5 \
             sport=2 dport=1 zone-reply=6 mark=0 helper=ftp use=1 labels=a,b",
            6,
            Some(100),
            (1, 2),
        ),
    ] {
        let record = one(text);
        assert_eq!((record.protocol, record.timeout_s), (protocol, timeout), "{text}");
        assert_eq!((record.original.sport, record.original.dport), ports, "{text}");
        assert_eq!(record.unread_place, Place::default(), "{text}");
    }
    let icmp = one(
        "icmp     1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=77 src=10.0.0.2 dst=10.0.0.1 type=0 code=0 id=77 mark=0 id=5",
    );
    assert_eq!((icmp.reply.sport, icmp.reply.dport, icmp.id), (77, 0, Some(5)));
}

#[test]
fn zones_and_helpers_are_read() {
    let text = "tcp      6 100 NONE src=1.2.3.5 dst=5.6.7.8 sport=1 dport=2 zone-orig=5 src=5.6.7.8 dst=1.2.3.5 sport=2 dport=1 \
                zone-reply=6 helper=ftp zone=9";
    let record = one(text);
    assert_eq!(record.zones, Zones { both: 9, original: 5, reply: 6 });
    assert_eq!(slice(text, record.span(record.helper_place)), "helper=ftp");
    assert_eq!(record.tcp_state(), Some(State::None));
}

#[test]
fn other_lines_are_told_apart() {
    let text = "conntrack v1.4.7 (conntrack-tools): 2 flow entries have been shown.\n\
                cpu=0   \tfound=0 invalid=3 insert=1 insert_failed=2 drop=4 early_drop=5 error=0 search_restart=0\n\
                WARNING: We have hit ENOBUFS! We are losing events.\n\
                Nov 25 03:14:22 lb kernel: nf_conntrack: nf_conntrack: table full, dropping packet\n\
                tcp      6 431999 ESTABLISHED src=127.0.0.1 dst=127.0.0.1 sport=4219\n\
                hello\n\n\r\n";
    let items = items(text);
    assert!(matches!(items[0], Item::Message(_)));
    assert!(matches!(items[1], Item::Stats(Stats { invalid: 3, insert_failed: 2, drop: 4, early_drop: 5, .. })));
    assert!(matches!(items[2], Item::Lost(_)));
    assert!(matches!(items[3], Item::TableFull(_)));
    assert!(matches!(&items[4], Item::Unread(gap) if gap.why.contains("cut")));
    assert!(matches!(&items[5], Item::Unread(gap) if slice(text, gap.span) == "hello"));
    assert_eq!(items.len(), 6);
}

#[test]
fn a_word_nobody_knows_is_kept_with_its_place() {
    let text =
        "udp      17 29 src=1.2.3.4 dst=5.6.7.8 sport=1 dport=2 src=5.6.7.8 dst=1.2.3.4 sport=2 dport=1 novel=3 use=1";
    let record = one(text);
    assert_eq!(slice(text, record.span(record.unread_place)), "novel=3");
}

#[test]
fn kinds_are_told_by_content() {
    let kinds = [&kind::CONNTRACK_EVENTS, &kind::CONNTRACK_LIST, &kind::CONNTRACK_STATS];
    let tuple = "src=1.2.3.4 dst=5.6.7.8 sport=1 dport=2 src=5.6.7.8 dst=1.2.3.4 sport=2 dport=1";
    for (text, expected) in [
        (format!("    [NEW] tcp      6 120 SYN_SENT {tuple}\n"), [true, false, false]),
        (format!("tcp      6 120 SYN_SENT {tuple} use=1\n"), [false, true, false]),
        (format!("ipv4     2 tcp      6 120 SYN_SENT {tuple} use=1\ntcp  6 1"), [false, true, false]),
        ("cpu=0 found=0 invalid=0\n".to_owned(), [false, false, true]),
        ("some text\n".to_owned(), [false; 3]),
        (String::new(), [false; 3]),
    ] {
        let sniff = Sniff { path: "x", head: text.as_bytes(), whole: true };
        assert_eq!(kinds.map(|kind| (kind.sniff)(&sniff)), expected, "{text}");
    }
}

/// Documentation/networking/nf_conntrack-sysctl.rst.
#[test]
fn sysctls_become_settings() {
    let text = b"net.netfilter.nf_conntrack_tcp_timeout_established = 20\nnet.netfilter.nf_conntrack_tcp_loose = 0\n\
                 net.netfilter.nf_conntrack_tcp_timeout_established = 21\nnet.netfilter.nf_conntrack_tcp_max_retrans = many\n\
                 net.netfilter.nf_conntrack_tcp_timeout_unacknowledged = 9\nnet.netfilter.nf_conntrack_buckets = 1\n\
                 net.netfilter.nf_conntrack_max = 4\nnet.ipv4.ip_forward = 1\n";
    let set = settings::settings(EvidenceId(0), &casebook_formats::sysctl::read(text));
    assert_eq!(set.settings.timeouts.of(State::Established).as_seconds(), 21.0);
    assert_eq!(set.settings.timeouts.of(State::Close).as_seconds(), 10.0);
    assert_eq!(set.settings.timeouts.unacknowledged.as_seconds(), 9.0);
    assert!(!set.settings.loose && set.settings.max_retrans == 3 && set.max == Some(4));
    assert_eq!(set.unmodelled.len(), 1);
    let line = set.line("tcp_timeout_established").unwrap();
    assert_eq!(&text[line.range()], b"net.netfilter.nf_conntrack_tcp_timeout_established = 21");
}

fn places(record: &Record) -> [Place; 7] {
    [
        record.event_place,
        record.timeout_place,
        record.state_place,
        record.original_place,
        record.reply_place,
        record.helper_place,
        record.unread_place,
    ]
}

/// Words of conntrack in any order, cut anywhere.
fn line() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("[1.5]\t"),
        Just("[NEW]"),
        Just("[UPDATE]"),
        Just("[DESTROY]"),
        Just("ipv4     2"),
        Just("tcp      6"),
        Just("icmp 1"),
        Just("120"),
        Just("ESTABLISHED"),
        Just("src=1.2.3.4"),
        Just("dst=::1"),
        Just("sport=70000"),
        Just("dport=2"),
        Just("type=8"),
        Just("code=0"),
        Just("id=7"),
        Just("[ASSURED]"),
        Just("[start=Wed Nov"),
        Just("packets=1"),
        Just("bytes=99999999999999999999"),
        Just("mark=0"),
        Just("srckey=0xz"),
        Just("=="),
        Just("\u{e9}"),
    ];
    prop::collection::vec(word, 0..24).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn every_place_is_inside_its_line(text in prop::collection::vec(line(), 0..4), cut in 0usize..200) {
        let text = text.join("\n").into_bytes();
        let text = &text[..text.len().saturating_sub(cut)];
        let mut end = 0;
        for item in read(EvidenceId(0), text) {
            let span = match &item {
                Item::Record(record) => {
                    for place in places(record) {
                        let span = record.span(place);
                        prop_assert!(span.start >= record.line.start && span.end <= record.line.end);
                    }
                    record.line
                }
                Item::Stats(stats) => stats.line,
                Item::Lost(span) | Item::TableFull(span) | Item::Message(span) => *span,
                Item::Unread(gap) => gap.span,
            };
            prop_assert!(span.start >= end && span.end as usize <= text.len() && !span.is_empty());
            end = span.end;
        }
    }

    #[test]
    fn lines_end_where_a_search_ends_them(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(11)], 0..40)) {
        let expected = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
        prop_assert_eq!(token::line_end(&bytes), expected);
    }
}
