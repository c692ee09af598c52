use casebook_core::{EvidenceId, Span};

use super::*;
use crate::facts::flow::{Side, Sum};
use crate::model::conntrack::{Behaviour, Release};

const S: u8 = Flags::SYN;
const A: u8 = Flags::ACK;

/// A segment at a time in milliseconds.
fn segment(number: u64, at_ms: i64, side: Side, flags: u8, numbers: (u32, u32, u32)) -> Segment {
    let (seq, ack, payload_bytes) = numbers;
    Segment {
        packet: PacketRef { number, span: Span::new(EvidenceId(0), 0, 0), time_ns: Some(at_ms * 1_000_000) },
        side,
        ttl: 64,
        ip_id: None,
        flags: Flags(flags),
        seq,
        ack,
        window: 1000,
        payload_bytes,
        timestamps: None,
        window_scale: None,
        sack_permitted: false,
        sack: Vec::new(),
        mss: Some(1460),
        sum: Sum::Good,
    }
}

/// Handshake, a byte each way, and the client's next byte at `late_ms`.
fn conversation(late_ms: i64) -> Vec<Segment> {
    use Side::{Client, Server};
    vec![
        segment(1, 0, Client, S, (100, 0, 0)),
        segment(2, 1, Server, S | A, (500, 101, 0)),
        segment(3, 2, Client, A, (101, 501, 0)),
        segment(4, 3, Client, A, (101, 501, 1)),
        segment(5, 4, Server, A, (501, 102, 1)),
        segment(6, 5, Client, A, (102, 502, 0)),
        segment(7, late_ms, Client, A, (102, 502, 1)),
    ]
}

/// The laboratory's settings: 4 s established, on the kernel the model was compared with.
fn host(loose: bool) -> Host {
    let mut host = Host::new(Behaviour::of(Release(6, 18, 44)));
    host.settings.timeouts.set(State::Established, Micros::seconds(4));
    host.settings.loose = loose;
    host
}

#[test]
fn the_packet_that_finds_the_entry_gone_is_named() {
    for (loose, then, class) in [(true, Then::PickedUp, Class::New), (false, Then::Invalid, Class::Invalid)] {
        let replay = replay(&host(loose), Start::Empty, &conversation(7005));
        let [expiry] = replay.expiries.as_slice() else { panic!("{replay:?}") };
        assert_eq!((expiry.at, expiry.refreshed_at, expiry.state), (6, 5, State::Established));
        assert_eq!((expiry.timeout, expiry.gone_for), (Micros::seconds(4), Micros::seconds(3)));
        assert_eq!((expiry.reason, expiry.then), (TimeoutReason::State, then));
        let last = replay.packets[6].1.known().unwrap();
        assert_eq!((last.before, last.class), (None, class));
    }
}

#[test]
fn time_left_is_said_for_each_packet() {
    let replay = replay(&host(true), Start::Empty, &conversation(3000));
    assert!(replay.expiries.is_empty() && replay.invalid.is_empty());
    let last = replay.packets[6].1.known().unwrap();
    assert_eq!(last.before, Some((State::Established, Micros::millis(4005 - 3000))));
    assert_eq!(last.after, Some(State::Established));
}

/// A capture without the handshake: nothing is known until a quiet time longer than every timeout.
#[test]
fn a_capture_from_the_middle_is_open_until_it_is_pinned() {
    let middle = &conversation(7005)[3..];
    let short = replay(&host(true), Start::of(middle), middle);
    assert!(short.packets.iter().all(|(_, answer)| *answer == Answer::Open(Open::Before)));
    let mut later = middle.to_vec();
    later.push(segment(8, 7005 + 300_000, Side::Client, A, (103, 502, 1)));
    later.push(segment(9, 7006 + 300_000, Side::Server, A, (502, 104, 0)));
    let pinned = replay(&host(true), Start::of(&later), &later);
    let new = pinned.packets[4].1.known().unwrap();
    assert_eq!((new.class, new.handled, new.after), (Class::New, Handled::Created, Some(State::Established)));
    assert_eq!(pinned.packets[5].1.known().unwrap().class, Class::Reply);
}

#[test]
fn a_handshake_pins_with_an_assumption() {
    let mut segments = vec![segment(1, 0, Side::Server, A, (9, 9, 9))];
    segments.extend(conversation(3000));
    let replay = replay(&host(true), Start::of(&segments), &segments);
    assert_eq!(replay.packets[1].1, Answer::Open(Open::Before));
    let answered = replay.packets[2].1.known().unwrap();
    assert_eq!((answered.after, answered.assumes), (Some(State::SynRecv), Some(Assumption::Handshake)));
}

/// A RST of an established connection at an inexact number: what it leaves depends on the kernel, and of 7.2 that is open.
#[test]
fn an_unsettled_kernel_is_open_only_where_it_matters() {
    let mut segments = conversation(1000);
    segments.push(segment(8, 1100, Side::Server, A, (502, 103, 0)));
    segments.push(segment(9, 1200, Side::Server, Flags::RST, (600, 0, 0)));
    segments.push(segment(10, 1300, Side::Client, A, (103, 502, 0)));
    let mut host = host(true);
    host.settings.timeouts.set(State::Established, Micros::seconds(432_000));
    host.behaviour = Behaviour::of(Release(7, 2, 0));
    let replay = replay(&host, Start::Empty, &segments);
    assert!(replay.packets[..8].iter().all(|(_, answer)| answer.known().is_some()));
    assert_eq!(replay.packets[8].1, Answer::Open(Open::Kernel(Switch::RstUnacknowledged)));
    // The time that was left differs in the next one too; after it both kernels agree again.
    assert!(replay.packets[9].1.known().is_none());
    segments.push(segment(11, 1400, Side::Client, A, (103, 502, 0)));
    assert!(super::replay(&host, Start::Empty, &segments).packets[10].1.known().is_some());
}

#[test]
fn a_capture_without_times_is_open() {
    let mut segments = conversation(1000);
    segments[2].packet.time_ns = None;
    let replay = replay(&host(true), Start::Empty, &segments);
    assert!(replay.packets[1].1.known().is_some());
    assert!(replay.packets[2..].iter().all(|(_, answer)| *answer == Answer::Open(Open::Time)));
}

#[test]
fn clocks_that_go_back_and_huge_times_do_no_harm() {
    let mut segments = conversation(1000);
    segments[3].packet.time_ns = Some(i64::MIN);
    segments[5].packet.time_ns = Some(i64::MAX);
    segments[6].packet.time_ns = Some(0);
    assert_eq!(replay(&host(true), Start::Empty, &segments).packets.len(), 7);
}
