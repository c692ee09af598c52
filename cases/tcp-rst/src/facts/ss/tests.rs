use casebook_core::{Bytes, EvidenceSet};
use proptest::prelude::*;

use super::*;

fn read(text: &str) -> (EvidenceSet, Listing) {
    let mut set = EvidenceSet::new();
    let id = set.add("ss.txt", Some(SS.name), Bytes::new(text.as_bytes().to_vec()));
    let listing = set.get(id).map(parse).unwrap_or_default();
    (set, listing)
}

/// Printed by ss of iproute2 6.1.0 on Linux 6.18, and, for the retransmitting one, as the laboratory saw it.
const TINOE: &str = "State Recv-Q Send-Q Local Address:Port  Peer Address:Port Process     \n\
ESTAB 0      0          127.0.0.1:39976    127.0.0.1:19981 timer:(keepalive,119min,0) ino:1298928 sk:d2 cgroup:/ <->\n\
\t ts sack bbr wscale:10,7 rto:204 rtt:0.033/0.018 mss:32768 pmtu:65535 cwnd:11 bytes_sent:3 bytes_acked:4 segs_out:3 \
bbr:(bw:21845328120bps,mrtt:0.012,pacing_gain:2.88672,cwnd_gain:2.88672) send 87381333333bps lastsnd:864 lastrcv:43200864 \
lastack:864 delivered:2 app_limited minrtt:0.012   \n\
ESTAB 3      17     [fe80::1]%eth0:19981    [fe80::2]:39976 users:((\"a b\",pid=7,fd=5),(\"c\",pid=8,fd=5)) \
timer:(on,2.940ms,4) uid:33 ino:5 sk:1001 <->\n\
\t sack cubic wscale:7,7 rto:3264 backoff:4 rtt:0.3/0.2 unacked:1 retrans:1/4 lastsnd:320 lastrcv:9000 lastack:9000\n\
LISTEN 0 128 127.0.0.1%lo:19983 0.0.0.0:*\n";

#[test]
fn a_socket_has_two_lines_and_all_its_places() {
    let (set, listing) = read(TINOE);
    assert_eq!(listing.unmodelled, []);
    let [first, second, third] = listing.sockets.as_slice() else { panic!() };
    assert_eq!((first.state.as_deref(), first.inode, first.cookie), (Some("ESTAB"), Some(1_298_928), Some(0xd2)));
    let timer = first.timer.unwrap();
    assert_eq!((timer.kind, timer.remaining.at_least), (TimerKind::Keepalive, Micros::seconds(7140)));
    assert_eq!(set.text(timer.span).unwrap(), "timer:(keepalive,119min,0)");
    let info = first.info.as_ref().unwrap();
    assert_eq!(set.text(info.last_received.unwrap().span).unwrap(), "lastrcv:43200864");
    assert_eq!((info.rtt.unwrap().value, info.rtt_variation), (Micros(33), Some(Micros(18))));
    assert_eq!((info.window_scale, info.timestamps, info.sack), (Some((10, 7)), true, true));
    assert_eq!(first.idle(), Some(Micros::millis(864)));
    assert_eq!((third.local.device.as_deref(), third.peer.port), (Some("lo"), None));
    assert_eq!((second.local.host.as_str(), second.local.device.as_deref()), ("fe80::1", Some("eth0")));
}

/// net.md: `timer:(on,2.940ms,4)` with rto 3264 ms: 2.94 seconds, not milliseconds.
#[test]
fn a_retransmitting_socket_says_so() {
    let (_, listing) = read(TINOE);
    let socket = &listing.sockets[1];
    let timer = socket.timer.unwrap();
    assert_eq!((timer.kind, timer.retransmissions), (TimerKind::On, 4));
    assert_eq!(timer.remaining.at_least, Micros::millis(2940));
    let info = socket.info.as_ref().unwrap();
    assert_eq!((info.unacked.unwrap().value, info.retransmitting.unwrap().value, info.retransmitted), (1, 1, Some(4)));
    assert_eq!((socket.send_queue, socket.uid, socket.users.len()), (17, Some(33), 2));
    assert_eq!((socket.users[0].name.as_str(), socket.users[0].pid), ("a b", 7));
    assert_eq!(listing.keepalive(socket), Keepalive::Unknown);
    assert!(matches!(listing.keepalive(&listing.sockets[0]), Keepalive::On(_)));
}

#[test]
fn without_headers_state_or_on_one_line_it_is_the_same() {
    let text = "0 0 127.0.0.1:1 127.0.0.1:2 ino:5 sk:1 <-> ts sack cubic rto:200 lastsnd:5 lastrcv:6 lastack:7\n\
                tcp ESTAB 0 0 127.0.0.1:3 127.0.0.1:4 timer:(keepalive,45sec,2)\n\
                udp UNCONN 0 0 0.0.0.0:53 0.0.0.0:*\n";
    let (_, listing) = read(text);
    assert_eq!((listing.sockets.len(), listing.others, listing.unmodelled.len()), (2, 1, 0));
    assert_eq!(listing.sockets[0].idle(), Some(Micros::millis(5)));
    assert_eq!(listing.keepalive(&listing.sockets[0]), Keepalive::Off);
    assert_eq!(listing.sockets[1].timer.unwrap().retransmissions, 2);
}

#[test]
fn lines_of_something_else_are_reported() {
    let (set, listing) = read("RTNETLINK answers: Invalid argument\nESTAB 0 0 127.0.0.1:1\n\tinfo\n");
    let said: Vec<String> = listing.unmodelled.iter().filter_map(|gap| set.text(gap.span)).collect();
    assert_eq!(said, ["RTNETLINK answers: Invalid argument", "ESTAB 0 0 127.0.0.1:1", "info"]);
}

#[test]
fn other_listings_are_not_taken() {
    let is = |text: &str| sniff(&Sniff { path: "x", head: text.as_bytes(), whole: true });
    assert!(is(TINOE));
    assert!(is("ESTAB 0 0 127.0.0.1:1 127.0.0.1:2\n"));
    assert!(is("Netid State Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n"));
    assert!(!is("Proto Recv-Q Send-Q Local Address           Foreign Address         State\n"));
    assert!(!is("ESTABLISHED connections: 4\n"));
    assert!(!is("tcp      6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.2\n"));
}

proptest! {
    #[test]
    fn any_bytes_give_places_inside(bytes in prop::collection::vec(prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        prop::sample::select(vec!["ESTAB", " 0", " 1:2", " [::1]%a:3", "\n", "\t", " timer:(", "on,", "2.940ms", ",4)", " users:((\"",
            "\",pid=1,fd=2))", " rtt:0.1/2", " lastrcv:", "99999999999999999999", " retrans:1/2", " wscale:1,2", "tcp "])
            .prop_map(|text| text.as_bytes().to_vec()),
    ], 0..40)) {
        let bytes = bytes.concat();
        let mut set = EvidenceSet::new();
        let id = set.add("x", None, Bytes::new(bytes.clone()));
        let listing = parse(set.get(id).unwrap());
        sniff(&Sniff { path: "x", head: &bytes, whole: true });
        for socket in &listing.sockets {
            for span in [socket.span, socket.line, socket.local.span, socket.peer.span] {
                crate::facts::testing::span(&set, span);
            }
            socket.timer.iter().for_each(|timer| crate::facts::testing::span(&set, timer.span));
        }
        listing.unmodelled.iter().for_each(|gap| crate::facts::testing::span(&set, gap.span));
    }
}
