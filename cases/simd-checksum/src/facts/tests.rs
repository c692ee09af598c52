//! Captures that lie, are cut, or are full, and what is kept of them.

use casebook_core::{Bytes, EvidenceId, EvidenceSet};
use casebook_formats::packet::Protocol;
use proptest::prelude::*;

use super::{Capture, Facts, KIND, Limits, capture, copies};
use crate::model::forensics::{Cause, judge};
use crate::model::mistake::Mistake;
use crate::rules::RULES;

/// A pcap file of IPv4 frames without link header (`LINKTYPE_IPV4`).
fn pcap(packets: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 262_144, 228].iter().for_each(|word| out.extend(word.to_le_bytes()));
    for packet in packets {
        let length = packet.len() as u32;
        [1, 0, length, length].iter().for_each(|word: &u32| out.extend(word.to_le_bytes()));
        out.extend(packet);
    }
    out
}

fn sum(bytes: &[u8]) -> u16 {
    casebook_checksum::Sum::of(bytes).fold()
}

/// A UDP datagram over IPv4; `field` gets the pseudo header and the datagram without its sum, and gives what is stored.
fn datagram(ports: (u16, u16), payload: &[u8], field: impl Fn(&[u8], &[u8]) -> u16) -> Vec<u8> {
    let length = 8 + payload.len() as u16;
    let mut header = vec![0x45, 0, 0, 0, 0, 9, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    header[2..4].copy_from_slice(&(20 + length).to_be_bytes());
    let own = (!sum(&header)).to_be_bytes();
    header[10..12].copy_from_slice(&own);
    let mut message = [ports.0, ports.1, length, 0].map(u16::to_be_bytes).concat();
    message.extend(payload);
    let pseudo = [&header[12..20], &[0, 17], &length.to_be_bytes()].concat();
    let field = field(&pseudo, &message).to_be_bytes();
    message[6..8].copy_from_slice(&field);
    [header, message].concat()
}

fn good(pseudo: &[u8], message: &[u8]) -> u16 {
    !sum(&[pseudo, message].concat())
}

fn read(bytes: Vec<u8>, limits: Limits) -> (Facts, EvidenceSet) {
    let mut evidence = EvidenceSet::new();
    let id: EvidenceId = evidence.add("a.pcap", Some(KIND.name), Bytes::new(bytes));
    let mut captures: Vec<Capture> = evidence.get(id).map(|item| capture::read(item, limits)).into_iter().collect();
    copies::find(&evidence, &mut captures);
    (Facts { captures, ..Facts::default() }, evidence)
}

fn causes(packets: &[Vec<u8>]) -> Vec<Cause> {
    let (facts, evidence) = read(pcap(packets), Limits::default());
    judge(&facts, &evidence).iter().flat_map(|judged| judged.packets.iter().map(|one| one.cause.clone())).collect()
}

/// Three datagrams of a sender, of odd and even length, whose sums are made in one way.
fn made(field: fn(&[u8], &[u8]) -> u16) -> Vec<Cause> {
    let payloads: [&[u8]; 3] = [b"the first of three", b"the second one is odd", b"and a third"];
    causes(&payloads.map(|payload| datagram((4000, 5000), payload, field)))
}

#[test]
fn sums_made_in_another_way_are_named() {
    use Mistake::{NoPseudoHeader, NotComplemented, PacketLength, PayloadLength, Swapped, SwappedLength};
    let of = |mistake: Mistake| vec![Cause::Made(mistake); 3];
    assert_eq!(made(|pseudo, message| good(pseudo, message).swap_bytes()), of(Swapped));
    assert_eq!(made(|pseudo, message| !good(pseudo, message)), of(NotComplemented));
    assert_eq!(made(|_, message| !sum(message)), of(NoPseudoHeader));
    fn other(pseudo: &[u8], message: &[u8], length: u16) -> u16 {
        good(&[&pseudo[..10], &length.to_be_bytes()].concat(), message)
    }
    assert_eq!(made(|pseudo, message| other(pseudo, message, message.len() as u16 - 8)), of(PayloadLength));
    assert_eq!(made(|pseudo, message| other(pseudo, message, message.len() as u16 + 20)), of(PacketLength));
    assert_eq!(made(|pseudo, message| other(pseudo, message, (message.len() as u16).swap_bytes())), of(SwappedLength));
    // A field of 0 says of UDP over IPv4 that there is none.
    assert_eq!(made(|_, _| 0), []);
}

#[test]
fn an_odd_last_byte_in_the_wrong_half_is_named_where_there_is_one() {
    let low = |pseudo: &[u8], message: &[u8]| {
        let mut message = message.to_vec();
        if message.len() % 2 == 1 {
            message.insert(message.len() - 1, 0);
        }
        good(pseudo, &message)
    };
    let packets = [b"even".as_slice(), b"odd", b"again odd"].map(|payload| datagram((4000, 5000), payload, low));
    assert_eq!(causes(&packets), vec![Cause::Made(Mistake::OddByteLow); 2]);
}

#[test]
fn one_packet_of_a_flow_with_one_bit_is_a_flipped_bit_though_a_length_would_explain_it() {
    // The length of the payload in the pseudo header gives a difference of 8, which is bit 3 as well.
    let mut bad = datagram((4000, 5000), b"abcdefgh", good);
    bad[29] ^= 0x08;
    let found = causes(&[bad]);
    let [Cause::Bit { flip, or }] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((flip.bit, *or), (3, if flip.now_set { Some(Mistake::PayloadLength) } else { None }));
}

#[test]
fn a_copy_that_repairs_the_sum_shows_the_byte() {
    let whole = datagram((4000, 5000), b"a datagram that is sent twice", good);
    let mut bad = whole.clone();
    bad[35] ^= 0x20;
    bad[40] ^= 0x01;
    let found = causes(&[bad, datagram((4000, 5000), b"another one of this length...", good), whole]);
    let [Cause::Changed { changes, copy }] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((changes.iter().map(|change| change.at).collect::<Vec<_>>(), copy.1.packet.number), (vec![15, 20], 3));
}

#[test]
fn listings_that_contradict_each_other_say_nothing() {
    let says = |folder: &str, on| super::Verifies {
        on,
        span: casebook_core::Span::new(EvidenceId(1), 0, 1),
        path: format!("{folder}/sysctl.txt"),
    };
    let capture = Capture { path: "edge/a.pcap".to_owned(), ..Capture::default() };
    let of = |verifies: Vec<super::Verifies>| {
        let facts = Facts { verifies, ..Facts::default() };
        facts.verifies(&capture).and_then(|one| one.on)
    };
    assert_eq!(of(vec![says("other", Some(true))]), Some(true));
    assert_eq!(of(vec![says("other", Some(true)), says("third", Some(false))]), None);
    assert_eq!(of(vec![says("other", Some(true)), says("edge", Some(false))]), Some(false));
    assert_eq!(of(vec![says("edge", None)]), None);
}

/// A forwarder that rewrites what was left to the card: the field keeps the old end, uncomplemented.
#[test]
fn an_end_rewritten_under_an_offloaded_sum_is_named() {
    let pseudo_only = |pseudo: &[u8], _: &[u8]| sum(pseudo);
    let mut packets: Vec<Vec<u8>> = vec![datagram((4000, 5000), b"before", pseudo_only)];
    for payload in [b"one".as_slice(), b"two", b"and three"] {
        let mut packet = datagram((4000, 5000), payload, pseudo_only);
        packet[15] = 77;
        packet[10..12].fill(0);
        let own = (!sum(&packet[..20])).to_be_bytes();
        packet[10..12].copy_from_slice(&own);
        packets.push(packet);
    }
    for cause in causes(&packets) {
        let Cause::TranslatedOffload(found) = cause else { panic!("{cause:?}") };
        assert_eq!(found.old.source.to_string(), "10.0.0.1");
    }
}

#[test]
fn a_full_table_folds_what_is_plain_and_keeps_what_is_not() {
    let mut packets: Vec<Vec<u8>> = (0..40).map(|port| datagram((4000 + port, 5000), b"plain", good)).collect();
    packets.insert(3, datagram((9, 5000), b"harmed", |pseudo, message| good(pseudo, message) ^ 0x0110));
    let (facts, evidence) = read(pcap(&packets), Limits { directions: 8, bad: 4, bad_of_one: 4 });
    let capture = &facts.captures[0];
    assert_eq!((capture.counts(Protocol::Udp).good, capture.counts(Protocol::Udp).bad), (40, 1));
    assert!(capture.directions.folded_directions >= 30, "{}", capture.directions.folded_directions);
    assert!(capture.directions.list().iter().any(|direction| direction.counts.bad == 1));
    let item = evidence.get(EvidenceId(0)).unwrap();
    assert!(capture.coverage(item).note.unwrap().contains("folded into the totals"));
}

#[test]
fn bad_packets_beyond_the_limit_are_counted_and_said() {
    let wrong = |pseudo: &[u8], message: &[u8]| good(pseudo, message) ^ 0x0110;
    let packets: Vec<Vec<u8>> =
        (0..30).map(|port| datagram((4000 + port % 6, 5000), &[port as u8; 9], wrong)).collect();
    let (facts, evidence) = read(pcap(&packets), Limits { directions: 100, bad: 4, bad_of_one: 3 });
    let capture = &facts.captures[0];
    assert_eq!((capture.counts(Protocol::Udp).bad, capture.bad.len(), capture.differences.len()), (30, 4, 4));
    let note = capture.coverage(evidence.get(EvidenceId(0)).unwrap()).note.unwrap();
    assert!(note.contains("bad packets that are counted and were not looked into: 26"), "{note}");
}

proptest! {
    /// Whatever the bytes: nothing panics, and every place is inside the evidence.
    #[test]
    fn any_bytes_are_read_and_judged(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..24),
        cut in any::<prop::sample::Index>(),
        count in 1_usize..6,
    ) {
        let packets: Vec<Vec<u8>> = (0..count).map(|n| datagram((4000, 5000), &vec![n as u8; n * 7 + 3], good)).collect();
        let mut bytes = pcap(&packets);
        for (at, byte) in changes {
            // The magic number stays: without it nothing is a capture.
            let at = 4 + at.index(bytes.len() - 4);
            bytes[at] = byte;
        }
        bytes.truncate(24 + cut.index(bytes.len() - 23));
        let length = bytes.len() as u64;
        let (facts, evidence) = read(bytes, Limits { directions: 4, bad: 4, bad_of_one: 2 });
        for rule in RULES {
            for finding in (rule.run)(rule, &facts, &evidence) {
                for span in finding.places.iter().filter_map(|place| place.at.span()) {
                    prop_assert!(span.start <= span.end && span.end <= length, "{:?}", finding.title);
                }
            }
        }
    }
}
