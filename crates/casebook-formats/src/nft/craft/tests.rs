use proptest::prelude::*;

use super::super::packet::{CT_STATES, Headers, PATHS};
use super::super::packet_text::parse;
use super::*;

fn hex(text: &str) -> Vec<u8> {
    decode_hex(text).expect("hex")
}

fn bytes(text: &str) -> Vec<u8> {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).bytes
}

#[test]
fn packets_of_the_kernel_have_the_checksums_made_here() {
    // What Linux 6.18 wrote to a tun device: connect, sendto, and a router solicitation.
    for (sent, line) in [
        (
            "4500003c575640004006ce9d0a6300010a630002df2800163fff613800000000a002faf088570000\
             020405b40402080abb2e7447000000000103030a",
            "tcp 10.99.0.1:57128 > 10.99.0.2:22 syn ip frag-off 0x4000 ip id 22358 tcp sequence 1073701176 \
             tcp option 0x020405b40402080abb2e7447000000000103030a, path input",
        ),
        (
            "450000214dc840004011d83b0a6300010a630002aeb90035000df84a68656c6c6f",
            "udp 10.99.0.1:44729 > 10.99.0.2:53 ip frag-off 0x4000 ip id 19912 payload 0x68656c6c6f, path input",
        ),
        (
            "600bc61f000d1140fd990000000000000000000000000001fd990000000000000000000000000002a3c40035000d1cd268656c6c6f",
            "udp [fd99::1]:41924 > [fd99::2]:53 ip6 flowlabel 771615 payload 0x68656c6c6f, path input",
        ),
        (
            "4500001f39cb40004088ebc30a6300010a630002c4dc0007000b6152616263",
            "udplite 10.99.0.1:50396 > 10.99.0.2:7 ip frag-off 0x4000 ip id 14795 udplite csumcov 11 \
             payload 0x616263, path input",
        ),
        (
            "6000000000083afffe80000000000000102c54d778e179cdff0200000000000000000000000000028500258500000000",
            "icmpv6 fe80::102c:54d7:78e1:79cd > ff02::2 nd-router-solicit ip6 hoplimit 255, path input",
        ),
    ] {
        assert_eq!(describe(&Context::default().packet(hex(sent), false)), line);
        assert_eq!(bytes(line), hex(sent), "{line}");
    }
}

#[test]
fn checksums_are_those_of_published_packets() {
    // An IPv4 header of a DNS answer, whose checksum is b861.
    let header = hex("45000073000040004011 0000c0a80001c0a800c7".replace(' ', "").as_str());
    assert_eq!(sums::checksum(&header, 0), 0xb861);
    // The check value of CRC-32C (RFC 3720, B.4: 32 bytes of zeros is aa36918a, least significant byte first).
    assert_eq!(sums::crc32c(&[0; 32]), 0x8a91_36aa);
    assert_eq!(sums::crc32c(b"123456789"), 0xe306_9283);
}

#[test]
fn every_listed_field_is_a_field_of_the_model() {
    for (protocol, names) in FIELDS {
        for name in *names {
            let special = (*protocol, *name) == ("tcp", "mss");
            let known = field(protocol, name).is_some() || fields::exthdr_field(protocol, name).is_some();
            assert!(known || special, "{protocol} {name}");
        }
    }
}

#[test]
fn headers_stand_where_the_model_finds_them() {
    for (text, network, l4proto, transport) in [
        ("tcp 10.0.0.1 > 10.0.0.2:22", 0, Some(6), 20),
        ("tcp 10.0.0.1 > 10.0.0.2:22 ip option ra", 0, Some(6), 24),
        ("tcp 10.0.0.1 > 10.0.0.2:22 vlan id 7", 18, Some(6), 38),
        ("udp 10.0.0.1 > 10.0.0.2:53 path ingress", 14, Some(17), 34),
        ("udp [::1]:1 > [::2]:53 hbh dst", 0, Some(17), 56),
        ("udp [::1]:1 > [::2]:53 fragment first", 0, Some(17), 48),
        ("udp ::1 > ::2 fragment later", 0, Some(17), 0),
        ("ip 10.0.0.1 > 10.0.0.2 proto 47", 0, Some(47), 20),
    ] {
        let packet = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        // Validation also holds the lengths against the bytes.
        let headers = Headers::of(&packet, true);
        assert_eq!((headers.network, headers.l4proto, headers.transport), (network, l4proto, transport), "{text}");
    }
}

#[test]
fn a_field_that_is_set_stays_wrong() {
    let packet =
        bytes("udp 10.0.0.1 > 10.0.0.2:53 payload 8 udp length 3 ip length 20 udp checksum 0 ip checksum 0x1234");
    assert_eq!(packet.len(), 36);
    assert_eq!((&packet[2..4], &packet[24..26], &packet[26..28]), (&[0, 20][..], &[0, 3][..], &[0, 0][..]));
    assert_eq!(packet[10..12], [0x12, 0x34]);
}

#[test]
fn fragments_have_the_offsets_and_headers_of_their_part() {
    let first = bytes("tcp 10.0.0.1 > 10.0.0.2:22 fragment first");
    assert_eq!((first[6..8].to_vec(), first.len()), (vec![0x20, 0], 44));
    let later = bytes("tcp 10.0.0.1 > 10.0.0.2 fragment later payload 16");
    assert_eq!((later[6..8].to_vec(), later.len()), (vec![0, 185], 36));
    let error = parse("tcp 10.0.0.1 > 10.0.0.2:22 fragment later").expect_err("no header");
    assert!(error.message.contains("later fragment has no transport header"), "{}", error.message);
}

#[test]
fn describe_says_what_a_reader_would() {
    for line in [
        "tcp 10.9.0.5:40000 > 172.16.0.1:9100 syn, iif pin0, ct new, path input",
        "udp [2001:db8::1]:40000 > [2001:db8::2]:53, oif eth0, path output",
        "icmp 10.0.0.1 > 10.0.0.2 echo-request, path input",
        "icmpv6 fe80::1 > ff02::1 nd-neighbor-solicit ip6 hoplimit 255, path input",
        "ip 10.0.0.1 > 10.0.0.2 proto 47 payload 0x00000800, path input",
        "arp 10.0.0.1 > 10.0.0.2 reply, path arp-input",
        "tcp 10.0.0.1:1 > 10.0.0.2:22 ack ip ttl 1 tcp window 0 ip option 0x94040000 mss 1460, path forward",
        "sctp 10.0.0.1:1 > 10.0.0.2:22, path input",
        "udp 10.0.0.1 > 10.0.0.2 fragment later, path input",
        "udp [::1]:1 > [::2]:2 hbh frag more-fragments 1 frag id 9, path input",
        "tcp 1.2.3.4:1 > 1.2.3.5:2 syn,ack ether saddr 02:00:00:00:00:07 ether daddr ff:ff:ff:ff:ff:ff vlan id 5, path input",
    ] {
        let packet = parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(describe(&packet), line);
    }
}

#[test]
fn bytes_no_field_gives_are_described_as_raw() {
    let packet = parse("raw 45ff link none iif eth0").expect("raw");
    assert_eq!(describe(&packet), "raw 45ff, iif eth0, path input");
}

fn device() -> impl Strategy<Value = Option<Device>> {
    let known = ("[a-z][a-z0-9.-]{0,8}", any::<Option<u32>>(), any::<Option<u16>>(), any::<Option<u32>>());
    proptest::option::of(known.prop_map(|(name, index, kind, group)| Device { name, index, kind, group }))
}

prop_compose! {
    pub(crate) fn connection()(
        state in proptest::option::of(0..CT_STATES.len()),
        direction in any::<Option<bool>>(),
        status in any::<Option<u32>>(),
        mark in any::<u32>(),
        zone in any::<u16>(),
        label in any::<u128>(),
    ) -> Connection {
        use super::super::ir::Direction;
        Connection {
            state: state.map(|at| CT_STATES[at].0),
            direction: direction.map(|reply| if reply { Direction::Reply } else { Direction::Original }),
            status, mark, zone, label,
        }
    }
}

/// Fields that say which headers there are; at another value the bytes are of another packet.
const STRUCTURE: &[&str] = &["version", "hdrlength", "type", "protocol", "nexthdr"];

/// Packets the fields can give, with any field at any value, those of [`STRUCTURE`] only when asked for.
fn crafted(structure: bool) -> impl Strategy<Value = (Vec<u8>, bool)> {
    let rows: Vec<(&str, &str)> = FIELDS
        .iter()
        .flat_map(|(protocol, names)| names.iter().map(|name| (*protocol, *name)))
        .filter(|(_, name)| structure || !STRUCTURE.contains(name))
        .collect();
    let header = prop_oneof![Just(6u8), Just(17), Just(1), Just(58), Just(132), Just(2), Just(47), Just(50)];
    let set = proptest::collection::vec((0..rows.len(), any::<u128>()), 0..6);
    (header, any::<[u128; 2]>(), any::<bool>(), set, proptest::collection::vec(any::<u8>(), 0..12)).prop_map(
        move |(transport, addresses, six, set, payload)| {
            let six = (six || transport == 58) && transport != 1;
            let network = if six { "ip6" } else { "ip" };
            let mut spec = Spec { transport: Some(transport), payload: Some(payload), ..Spec::default() };
            for (name, address) in ["saddr", "daddr"].into_iter().zip(addresses) {
                let (row, ty) = field(network, name).expect("a field");
                spec.claim(network).expect("the only one");
                spec.settings.push((row, ty, address & ty.max()));
            }
            if has_ports(transport) {
                spec.set(&transport_name(transport), "dport", "22").expect("a port");
            }
            for (at, value) in set {
                let (protocol, name) = rows[at];
                let one_of = [network, "ether", "vlan"].contains(&protocol) || protocol == transport_name(transport);
                let Some((row, ty)) = field(protocol, name).filter(|_| one_of) else { continue };
                if spec.value(row.name).is_none() {
                    spec.settings.push((row, ty, value & ty.max()));
                }
            }
            let built = spec.build(Path::Input).or_else(|_| {
                // A frag-off that makes it a later fragment leaves the transport fields without a header.
                spec.settings.retain(|(field, ..)| field.name != "ip frag-off");
                spec.build(Path::Input)
            });
            built.expect("a packet")
        },
    )
}

prop_compose! {
    /// Any packet: crafted, or any bytes.
    pub(crate) fn packet()(
        (bytes, link) in prop_oneof![
            crafted(true),
            (proptest::collection::vec(any::<u8>(), 1..90), any::<bool>()),
        ],
        path in 0..PATHS.len(),
        iif in device(),
        oif in device(),
        mark in any::<u32>(),
        priority in any::<u32>(),
        pkttype in 0u8..8,
        skuid in any::<Option<u32>>(),
        skgid in any::<Option<u32>>(),
        ct in connection(),
    ) -> Packet {
        Packet { bytes, link, path: PATHS[path].0, iif, oif, mark, priority, pkttype, skuid, skgid, ct }
    }
}

proptest! {
    #[test]
    fn what_is_described_reads_back(packet in packet()) {
        let text = describe(&packet);
        prop_assert_eq!(parse(&text).map_err(|error| format!("{text}: {error}")), Ok(packet));
    }

    #[test]
    fn crafted_packets_are_described_by_fields((bytes, link) in crafted(false)) {
        let text = describe(&Context::default().packet(bytes, link));
        prop_assert!(!text.starts_with("raw "), "{}", text);
    }

    #[test]
    fn bits_that_are_written_are_read(at in 0usize..60, bits in 1u16..=128, value in any::<u128>(), fill in any::<u8>()) {
        let mut bytes = [fill; 24];
        let value = value & (u128::MAX >> (128 - bits));
        prop_assert!(put_bits(&mut bytes, at, bits, value));
        prop_assert_eq!(get_bits(&bytes, at, bits), Some(value));
        let outside = (0..192).filter(|bit| !(at..at + usize::from(bits)).contains(bit));
        for bit in outside {
            prop_assert_eq!(get_bits(&bytes, bit, 1), get_bits(&[fill], bit % 8, 1));
        }
    }
}
