//! RSTs as the laboratory captured them; the numbers are from its rows.

use std::net::{IpAddr, Ipv4Addr};

use casebook_core::{EvidenceId, Span};

use super::*;
use crate::facts::flow::{Flags, Handshake, LastSegment, PacketRef, Peer, Sum};

fn packet(number: u64, time_ns: i64) -> PacketRef {
    PacketRef { number, span: Span::new(EvidenceId(0), 0, 0), time_ns: Some(time_ns) }
}

fn peer(last: u8, port: u16) -> Peer {
    Peer { address: IpAddr::V4(Ipv4Addr::new(10, 0, 1, last)), port }
}

/// The server answered with TTL 63 and counting IP-IDs; both sides use timestamps. The client wrote after 7 s of silence.
fn reset() -> Reset {
    let server = SideState {
        segments: 3,
        ttl_handshake: Some(63),
        ttl_range: Some((63, 63)),
        ip_id_last: Some(4_100),
        ts_last: Some((5_000, Some(1_000_000))),
        ts_offered: true,
        seq_end: Some(2),
        ..SideState::default()
    };
    let client = SideState {
        ttl_handshake: Some(64),
        ts_last: Some((9_000, Some(7_000_000_000))),
        ts_offered: true,
        ..SideState::default()
    };
    Reset {
        packet: packet(9, 7_000_130_000),
        interface: 0,
        side: Side::Server,
        flags: Flags(Flags::RST),
        seq: 2,
        ack: 0,
        window: 0,
        ttl: 63,
        ip_id: Some(0),
        dont_fragment: true,
        timestamps: None,
        header_bytes: 20,
        payload_bytes: 0,
        sum: Sum::Good,
        trigger: Some(LastSegment {
            packet: packet(8, 7_000_000_000),
            flags: Flags(Flags::ACK | Flags::PSH),
            seq: 2,
            ack: 2,
            payload_bytes: 1,
            ip_id: Some(0xba75),
            sum: Sum::Good,
        }),
        own_last: None,
        quiet_ns: Some(7_000_000_000),
        before_quiet_ns: Some(0),
        sender: server,
        receiver: client,
        earlier: 0,
    }
}

fn flow(rtt_ns: Option<i64>) -> Flow {
    Flow {
        index: 0,
        client: peer(2, 40_000),
        server: peer(100, 80),
        vlan: [0, 0],
        interface: 0,
        handshake: Handshake::Full,
        first: packet(1, 0),
        last: packet(9, 7_000_130_000),
        rtt_server_ns: rtt_ns,
        rtt_client_ns: None,
        longest_survived_ns: None,
        client_state: SideState::default(),
        server_state: SideState::default(),
        resets: Vec::new(),
        reset_count: 1,
    }
}

fn left(reset: &Reset) -> Vec<Emitter> {
    judge(&flow(Some(200_000)), reset).left
}

#[test]
fn a_wrong_backend_and_a_restarted_server_look_alike_to_one_capture() {
    assert_eq!(left(&reset()), [Emitter::LostSocket, Emitter::OtherBackend]);
}

#[test]
fn the_router_is_nearer() {
    let reset = Reset { ttl: 64, ..reset() };
    assert_eq!(left(&reset), [Emitter::Nearer]);
}

#[test]
fn a_server_that_closed_hard_made_it_with_its_socket() {
    // SO_LINGER 0: `63 0xdce1 0x0014 11 101 64 0 726167017`.
    let reset = Reset {
        flags: Flags(Flags::RST | Flags::ACK),
        ack: 101,
        window: 64,
        ip_id: Some(4_101),
        timestamps: Some((5_900, 9_000)),
        ..reset()
    };
    let verdict = judge(&flow(None), &reset);
    assert_eq!(verdict.left, [Emitter::Socket]);
    assert_eq!(verdict.gave_up, Some(GaveUp::Aborted));
}

#[test]
fn after_a_fin_it_is_the_kernel_of_a_program_that_closed() {
    let mut reset = reset();
    reset.sender.fin_seen = true;
    assert_eq!(left(&reset), [Emitter::ClosedSocket]);
}

#[test]
fn a_copied_ip_id_names_a_forger() {
    let reset = Reset { ip_id: Some(0xba75), ttl: 58, ..reset() };
    assert!(left(&reset).contains(&Emitter::Injector));
    assert!(!left(&reset).contains(&Emitter::LostSocket));
}

#[test]
fn an_answer_faster_than_the_server_can_be_came_from_nearer() {
    let mut reset = reset();
    reset.sender.ttl_range = None;
    reset.sender.ttl_handshake = None;
    assert_eq!(judge(&flow(Some(40_000_000)), &reset).left, [Emitter::Nearer]);
    // 130 µs against 200 µs proves nothing: below a millisecond the host's own scheduling is as large.
    assert!(judge(&flow(Some(200_000)), &reset).left.contains(&Emitter::OtherBackend));
}

#[test]
fn a_refused_syn_is_no_mystery() {
    let mut reset = reset();
    reset.flags = Flags(Flags::RST | Flags::ACK);
    reset.seq = 0;
    reset.ack = 3;
    if let Some(trigger) = &mut reset.trigger {
        (trigger.flags, trigger.payload_bytes) = (Flags(Flags::SYN), 0);
    }
    assert!(judge(&flow(None), &reset).refused);
}

#[test]
fn probes_without_an_answer_say_why_a_socket_gave_up() {
    let mut reset = Reset { flags: Flags(Flags::RST | Flags::ACK), ack: 2, window: 64, ..reset() };
    reset.timestamps = Some((5_900, 9_000));
    reset.sender.probes_unanswered = 3;
    assert_eq!(judge(&flow(None), &reset).gave_up, Some(GaveUp::Keepalive { probes: 3 }));
}

/// Laboratory, `masq-port-taken`: the SYN of a newcomer is answered with a challenge ACK of the connection the server still holds.
#[test]
fn a_syn_that_meets_an_older_connection_is_reset_by_the_socket_that_sent_it() {
    let mut reset = Reset { side: Side::Client, seq: 77, ttl: 64, ..reset() };
    reset.sender = SideState { ttl_handshake: Some(64), ttl_range: Some((64, 64)), ..reset.sender };
    let segment = |flags, seq, ack| LastSegment {
        packet: packet(8, 7_000_000_000),
        flags: Flags(flags),
        seq,
        ack,
        payload_bytes: 0,
        ip_id: Some(0xba75),
        sum: Sum::Good,
    };
    reset.own_last = Some(segment(Flags::SYN, 5_000, 0));
    reset.trigger = Some(segment(Flags::ACK, 900, 77));
    let verdict = judge(&flow(None), &reset);
    assert_eq!(verdict.form, Form::Stateless(Answer::OlderConnection));
    assert_eq!(verdict.left, [Emitter::Socket]);
    // An answer to the SYN itself is none of that.
    reset.own_last = Some(segment(Flags::SYN, 76, 0));
    assert_ne!(judge(&flow(None), &reset).form, Form::Stateless(Answer::OlderConnection));
}

/// Public capture `tcp_rst_data.pcap` of tcpdump's tests: one RST ACK with a window, and nothing else of the connection.
#[test]
fn a_lone_rst_with_numbers_of_its_own_can_be_of_a_socket_or_of_a_device() {
    let mut alone = reset();
    alone.flags = Flags(Flags::RST | Flags::ACK);
    (alone.window, alone.trigger) = (5_785, None);
    (alone.sender, alone.receiver) = (SideState::default(), SideState::default());
    assert_eq!(left(&alone), [Emitter::Socket, Emitter::Nearer]);
}

/// A firewall that follows connections sends the connection's numbers and its own TTL.
#[test]
fn numbers_of_a_socket_from_nearer_are_those_of_a_device() {
    let mut followed = reset();
    followed.flags = Flags(Flags::RST | Flags::ACK);
    (followed.window, followed.ttl) = (64, 64);
    followed.sender.ts_last = None;
    followed.sender.ip_id_last = None;
    assert_eq!(left(&followed), [Emitter::Nearer]);
}

#[test]
fn syn_beside_rst_is_made_by_no_stack() {
    let mut odd = reset();
    odd.flags = Flags(Flags::RST | Flags::SYN);
    assert!(matches!(judge(&flow(None), &odd).form, Form::Unusual(_)));
    assert!(left(&odd).contains(&Emitter::Injector));
}
