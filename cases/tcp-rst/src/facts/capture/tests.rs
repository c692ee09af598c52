//! Flows of captures made packet by packet. What is expected follows from the packets and the words of `facts::flow`.

use casebook_core::{Bytes, EvidenceId};
use proptest::prelude::*;

use super::*;
use crate::facts::flow::{Handshake, Side, Sum};

const MS: i64 = 1_000_000;
const HOUR: i64 = 3_600_000 * MS;

/// One segment to be written.
#[derive(Clone, Copy, Debug)]
struct S {
    at_ns: i64,
    client: bool,
    flags: u8,
    seq: u32,
    ack: u32,
    payload: usize,
    ttl: u8,
    id: u16,
    /// Index of the interface and packet type, in a cooked capture.
    view: (u32, u8),
    port: u16,
    ts: Option<u32>,
}

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const RST: u8 = 0x04;
const FIN: u8 = 0x01;

fn s(at_ns: i64, client: bool, flags: u8, seq: u32, ack: u32, payload: usize) -> S {
    let ttl = if client { 64 } else { 57 };
    S { at_ns, client, flags, seq, ack, payload, ttl, id: 7, view: (1, 0), port: 40_000, ts: None }
}

fn sum(parts: &[&[u8]]) -> u16 {
    let bytes = parts.concat();
    let mut sum: u32 = bytes.chunks(2).map(|p| u32::from(p[0]) << 8 | p.get(1).map_or(0, |b| u32::from(*b))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

fn capture(segments: &[S]) -> Bytes {
    // Nanoseconds, Linux cooked version 2.
    let mut file: Vec<u8> =
        [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 65_535, 276].into_iter().flat_map(u32::to_le_bytes).collect();
    for s in segments {
        let (from, to) = if s.client { ([10, 0, 0, 1], [192, 0, 2, 1]) } else { ([192, 0, 2, 1], [10, 0, 0, 1]) };
        let ports = if s.client { (s.port, 443_u16) } else { (443, s.port) };
        let mut tcp = [ports.0.to_be_bytes(), ports.1.to_be_bytes()].concat();
        tcp.extend(s.seq.to_be_bytes());
        tcp.extend(s.ack.to_be_bytes());
        tcp.extend([0x50, s.flags, 1, 0, 0, 0, 0, 0]);
        if let Some(ts) = s.ts {
            tcp[12] = 0x80;
            tcp.extend([1, 1, 8, 10]);
            tcp.extend(ts.to_be_bytes());
            tcp.extend([0; 4]);
        }
        tcp.resize(tcp.len() + s.payload, b'x');
        let field = !sum(&[&from, &to, &[0, 6], &(tcp.len() as u16).to_be_bytes(), &tcp]);
        tcp[16..18].copy_from_slice(&field.to_be_bytes());
        let mut ip = vec![0x45, 0];
        ip.extend((20 + tcp.len() as u16).to_be_bytes());
        ip.extend(s.id.to_be_bytes());
        ip.extend([0x40, 0, s.ttl, 6, 0, 0]);
        ip.extend([from, to].concat());
        let mut frame = vec![8, 0, 0, 0];
        frame.extend(s.view.0.to_be_bytes());
        frame.extend([0, 1, s.view.1, 6, 0, 0, 0, 0, 0, 0, 0, 0]);
        frame.extend([ip, tcp].concat());
        let length = frame.len() as u32;
        let (seconds, ns) = ((s.at_ns / 1_000_000_000) as u32, (s.at_ns % 1_000_000_000) as u32);
        file.extend([seconds, ns, length, length].into_iter().flat_map(u32::to_le_bytes));
        file.extend(frame);
    }
    Bytes::new(file)
}

fn of(segments: &[S]) -> Capture {
    read(EvidenceId(0), &capture(segments), Limits::default())
}

fn only(segments: &[S]) -> Flow {
    let flows: Vec<Flow> = of(segments).flows().collect();
    assert_eq!(flows.len(), 1, "{flows:#?}");
    flows.into_iter().next().unwrap()
}

/// Handshake, a request and its answer.
fn opened() -> Vec<S> {
    vec![
        s(0, true, SYN, 99, 0, 0),
        s(20 * MS, false, SYN | ACK, 499, 100, 0),
        s(21 * MS, true, ACK, 100, 500, 0),
        s(22 * MS, true, ACK | 8, 100, 500, 10),
        s(40 * MS, false, ACK | 8, 500, 110, 30),
        s(41 * MS, true, ACK, 110, 530, 0),
    ]
}

#[test]
fn a_quiet_half_day_is_inside_of_one_flow_and_before_its_reset() {
    let mut all = opened();
    all.push(s(12 * HOUR, true, ACK | 8, 110, 530, 5));
    all.push(S { ttl: 63, id: 0, ..s(12 * HOUR + MS, false, RST, 530, 0, 0) });
    let flow = only(&all);
    assert_eq!((flow.handshake, flow.client.port, flow.server.port), (Handshake::Full, 40_000, 443));
    assert_eq!((flow.first.number, flow.last.number, flow.reset_count), (1, 8, 1));
    assert_eq!((flow.rtt_server_ns, flow.rtt_client_ns), (Some(18 * MS), Some(MS)));
    let reset = &flow.resets[0];
    assert_eq!((reset.side, reset.ttl, reset.ip_id, reset.window), (Side::Server, 63, Some(0), 256));
    assert_eq!((reset.quiet_ns, reset.before_quiet_ns), (Some(12 * HOUR - 41 * MS), Some(41 * MS)));
    assert_eq!(reset.trigger.map(|trigger| (trigger.packet.number, trigger.payload_bytes)), Some((7, 5)));
    assert_eq!(reset.own_last.map(|last| (last.packet.number, last.ack)), Some((5, 110)));
    assert_eq!((reset.sender.ttl_handshake, reset.sender.ttl_range), (Some(57), Some((57, 57))));
    assert_eq!((reset.sender.seq_end, reset.receiver.seq_end), (Some(530), Some(115)));
    assert_eq!((reset.sender.segments, reset.receiver.segments, reset.sum), (2, 5, Sum::Good));
    assert_eq!(flow.server_state.segments, 3, "the RST is one of them");
    // The 12 hours were not survived: nobody but the RST answered.
    assert_eq!(flow.longest_survived_ns, Some(20 * MS));
    let capture = of(&all);
    let summary = capture.summaries().next().unwrap();
    assert_eq!((summary.end, summary.before_quiet_ns), (End::Rst, Some(41 * MS)));
}

#[test]
fn a_quiet_time_that_was_answered_is_survived() {
    let mut all = opened();
    all.push(s(HOUR, true, ACK | 8, 110, 530, 5));
    all.push(s(HOUR + MS, false, ACK, 530, 115, 0));
    assert_eq!(only(&all).longest_survived_ns, Some(HOUR - 41 * MS));
    all.pop();
    assert_eq!(only(&all).longest_survived_ns, Some(20 * MS), "not answered");
}

#[test]
fn a_syn_that_is_repeated_without_an_answer_is_counted() {
    let again: Vec<S> = (0..4).map(|at| s(at * 1_000 * MS, true, SYN, 100, 0, 0)).collect();
    let flow = only(&again);
    assert_eq!((flow.client_state.retransmissions_unanswered, flow.server_state.segments), (3, 0));
}

#[test]
fn retransmissions_and_probes_are_counted_until_an_answer() {
    let mut all = opened();
    all.push(s(HOUR, true, ACK, 109, 530, 0));
    all.push(s(HOUR + MS, true, ACK, 109, 530, 1));
    let flow = only(&all);
    assert_eq!((flow.client_state.probes_unanswered, flow.client_state.retransmissions_unanswered), (2, 0));
    all.push(s(HOUR + 2 * MS, true, ACK, 100, 530, 10));
    all.push(s(HOUR + 3 * MS, true, ACK, 100, 530, 10));
    assert_eq!(only(&all).client_state.retransmissions_unanswered, 2);
    all.push(s(HOUR + 4 * MS, false, ACK, 530, 110, 0));
    let flow = only(&all);
    assert_eq!((flow.client_state.probes_unanswered, flow.client_state.retransmissions_unanswered), (0, 0));
    assert_eq!(flow.client_state.seq_end, Some(110));
}

#[test]
fn a_round_trip_is_not_taken_of_a_retransmitted_segment() {
    let mut all = opened();
    all.truncate(3);
    all[1].at_ns = 30 * MS;
    all[2].at_ns = 40 * MS;
    all.push(s(50 * MS, true, ACK, 100, 500, 10));
    all.push(s(60 * MS, true, ACK, 100, 500, 10));
    all.push(s(61 * MS, false, ACK, 500, 110, 0));
    assert_eq!(only(&all).rtt_server_ns, Some(30 * MS));
}

#[test]
fn a_syn_after_a_close_or_with_another_number_is_another_flow() {
    let close = |all: &mut Vec<S>| {
        all.push(s(50 * MS, true, FIN | ACK, 110, 530, 0));
        all.push(s(51 * MS, false, FIN | ACK, 530, 111, 0));
        all.push(s(52 * MS, true, ACK, 111, 531, 0));
    };
    let mut all = opened();
    close(&mut all);
    let flow = only(&all);
    assert!(flow.client_state.fin_seen && flow.server_state.fin_seen);
    assert_eq!(flow.client_state.fin_ns, Some(50 * MS));
    all.push(s(60 * MS, true, SYN, 7_777, 0, 0));
    let flows: Vec<Flow> = of(&all).flows().collect();
    assert_eq!((flows.len(), flows[1].first.number, flows[1].handshake), (2, 10, Handshake::SynOnly));
    // A retransmitted SYN is none.
    all.push(s(1_060 * MS, true, SYN, 7_777, 0, 0));
    assert_eq!(of(&all).flows().count(), 2);
    // A new initial sequence number is, without a close too.
    all.push(s(1_070 * MS, true, SYN, 8_888, 0, 0));
    assert_eq!(of(&all).flows().count(), 3);
}

#[test]
fn a_flow_without_handshake_guesses_by_the_higher_port() {
    let flow = only(&[s(0, false, ACK, 5, 6, 3), s(MS, true, ACK, 6, 8, 0)]);
    assert_eq!((flow.handshake, flow.client.port), (Handshake::Absent, 40_000));
    // A SYN-ACK tells the sides, whatever the ports.
    let answer = S { port: 80, ..s(0, false, SYN | ACK, 5, 6, 0) };
    assert_eq!(only(&[answer]).client.port, 80);
}

#[test]
fn a_packet_seen_on_two_interfaces_counts_once() {
    // A router: in on one interface, out on the other with one hop less, and back.
    let mut all = Vec::new();
    for segment in opened() {
        let (inside, outside) = if segment.client { ((1, 0), (2, 4)) } else { ((2, 0), (1, 4)) };
        all.push(S { view: inside, ..segment });
        all.push(S { view: outside, ttl: segment.ttl - 1, at_ns: segment.at_ns + 1000, ..segment });
    }
    let capture = of(&all);
    assert_eq!((capture.totals.copies, capture.totals.segments), (6, 12));
    let flow = capture.flow(0).unwrap();
    assert_eq!((flow.client_state.segments, flow.server_state.segments), (4, 2));
    assert_eq!((flow.client_state.ttl_range, flow.server_state.ttl_range), (Some((64, 64)), Some((57, 57))));
    assert_eq!(flow.client_state.retransmissions_unanswered, 0);

    // The router itself sends a RST towards the client: no copy of it comes in, and its TTL is held against what the
    // same interface sent for the server before.
    all.push(S { view: (1, 4), ttl: 64, id: 0, ..s(50 * MS, false, RST, 530, 0, 0) });
    let flow = of(&all).flow(0).unwrap();
    let reset = &flow.resets[0];
    assert_eq!((reset.ttl, reset.sender.ttl_range, reset.sender.ttl_handshake), (64, Some((56, 56)), Some(56)));

    // One that is forwarded is counted once.
    all.pop();
    all.push(S { view: (2, 0), ..s(50 * MS, false, RST, 530, 0, 0) });
    all.push(S { view: (1, 4), ttl: 56, ..s(50 * MS + 9, false, RST, 530, 0, 0) });
    let capture = of(&all);
    assert_eq!((capture.totals.resets, capture.totals.copies), (1, 7));
}

#[test]
fn a_retransmission_on_the_same_interface_is_no_copy() {
    let mut all = opened();
    all.push(S { at_ns: 23 * MS, ..all[3] });
    let capture = of(&all);
    assert_eq!(capture.totals.copies, 0);
    assert_eq!(capture.flow(0).unwrap().client_state.retransmissions_unanswered, 1);
}

#[test]
fn timestamps_of_the_last_segment_are_kept() {
    let mut all = opened();
    all.push(S { ts: Some(123), ..s(50 * MS, false, ACK, 530, 110, 0) });
    assert_eq!(only(&all).server_state.ts_last, Some((123, Some(50 * MS))));
}

#[test]
fn more_flows_than_fit_are_folded_and_said() {
    let mut all = Vec::new();
    for port in 0..200_u16 {
        all.push(S { port: 1000 + port, ..s(i64::from(port) * MS, true, SYN, 1, 0, 0) });
        if port < 50 {
            all.push(S { port: 1000 + port, ..s(i64::from(port) * MS, false, RST | ACK, 0, 2, 0) });
        }
    }
    let limits = Limits { flows: 64, flows_with_resets: 10, summaries: 20 };
    let capture = read(EvidenceId(0), &capture(&all), limits);
    let totals = capture.totals;
    assert_eq!((totals.flows, totals.resets, totals.folded_resets), (200, 50, 40));
    assert_eq!(capture.reset_flows().count(), 10, "those with a RST stay");
    assert_eq!(totals.folded_ended, 40, "what has ended goes before what has not");
    assert_eq!(capture.kept() as u64 + totals.folded_ended + totals.folded_open, 200);
    assert!(capture.kept() <= 64 && capture.folded.len() == 20);
    let last = capture.flows().last().unwrap();
    assert_eq!(last.client.port, 1199);
    assert!(capture.note().unwrap().contains("idle flows that gave their place"));
}

#[test]
fn many_resets_are_counted_beyond_eight() {
    let mut all = opened();
    for at in 0..20 {
        all.push(s((50 + at) * MS, false, RST, 530 + at as u32, 0, 0));
    }
    let flow = only(&all);
    assert_eq!((flow.resets.len(), flow.reset_count, flow.resets[7].earlier), (8, 20, 7));
}

#[test]
fn segments_of_a_flow_are_read_again() {
    let mut all = opened();
    all.push(S { port: 41_000, ..s(42 * MS, true, SYN, 1, 0, 0) });
    all.push(S { view: (9, 4), ..all[5] });
    let bytes = capture(&all);
    let read = read(EvidenceId(0), &bytes, Limits::default());
    let flows: Vec<Flow> = read.flows().collect();
    let found = segments(EvidenceId(0), &bytes, &[&flows[1], &flows[0]], 100);
    assert_eq!((found[0].list.len(), found[1].list.len(), found[1].left_out), (1, 6, 0));
    assert_eq!((found[1].list[4].side, found[1].list[4].payload_bytes), (Side::Server, 30));
    let cut = segments(EvidenceId(0), &bytes, &[&flows[0]], 4);
    assert_eq!((cut[0].list.len(), cut[0].left_out), (4, 2));
}

fn draw() -> impl Strategy<Value = S> {
    let times = prop_oneof![0..100 * MS, 0..20 * HOUR, 0..4_000_000_000_000_000_000_i64];
    (times, any::<bool>(), any::<u8>(), 0..2_000_u32, 0..2_000_u32, 0..20_usize, 0..3_u32, 0..3_u16).prop_map(
        |(at, client, flags, seq, ack, payload, view, port)| S {
            view: (view, 0),
            port: 1000 + port,
            // Near the wrap of the sequence space.
            ..s(at, client, flags, seq.wrapping_sub(1000), ack.wrapping_sub(1000), payload)
        },
    )
}

proptest! {
    #[test]
    fn any_segments_are_taken_and_every_place_is_inside(all in proptest::collection::vec(draw(), 0..60)) {
        let bytes = capture(&all);
        let read = read(EvidenceId(0), &bytes, Limits::default());
        let size = bytes.as_slice().len() as u64;
        let counted: u64 = read.flows().map(|flow| flow.client_state.segments + flow.server_state.segments).sum();
        prop_assert_eq!(counted + read.totals.copies, all.len() as u64);
        let resets: u64 = read.flows().map(|flow| u64::from(flow.reset_count)).sum();
        prop_assert_eq!(resets, read.totals.resets);
        let flows: Vec<Flow> = read.flows().collect();
        for flow in &flows {
            let places = [flow.first, flow.last].into_iter().chain(flow.resets.iter().map(|reset| reset.packet));
            for place in places {
                prop_assert!(place.span.start < place.span.end && place.span.end <= size);
                prop_assert!(flow.first.number <= place.number && place.number <= flow.last.number);
            }
        }
        let asked: Vec<&Flow> = flows.iter().collect();
        let found = segments(EvidenceId(0), &bytes, &asked, usize::MAX);
        for (flow, found) in flows.iter().zip(&found) {
            prop_assert!(found.list.iter().all(|segment| segment.packet.number >= flow.first.number));
        }
    }

    #[test]
    fn a_cut_and_damaged_capture_is_read(
        all in proptest::collection::vec(draw(), 1..10),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut file = capture(&all).as_slice().to_vec();
        for (at, byte) in damage {
            let at = at.index(file.len());
            file[at] = byte;
        }
        file.truncate(cut.index(file.len() + 1));
        let size = file.len() as u64;
        let read = read(EvidenceId(0), &Bytes::new(file), Limits::default());
        prop_assert!(read.unmodelled.iter().all(|part| part.span.end <= size));
        prop_assert!(read.flows().count() as u64 == read.totals.flows);
    }
}
