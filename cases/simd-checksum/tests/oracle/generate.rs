//! Packets with checksums, written byte by byte and without the code under test: sums are added word by word.

use casebook_formats::packet::Protocol;

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `most`.
    pub(crate) fn below(&mut self, most: usize) -> usize {
        (self.next() % most as u64) as usize
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

/// What was done to a packet after its sum was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Harm {
    None,
    /// One bit of what is covered, the field included.
    Flip {
        at: usize,
        mask: u8,
    },
    /// Several bytes of the payload.
    Many,
    /// The field is the folded sum of the pseudo header.
    Pseudo,
    /// The capture kept less.
    Cut,
}

/// A packet of a capture.
pub(crate) struct Made {
    pub(crate) protocol: Protocol,
    pub(crate) harm: Harm,
    /// What is covered, as it is in the packet.
    pub(crate) covered: Vec<u8>,
    frame: Vec<u8>,
    kept: usize,
}

fn fold(parts: &[&[u8]]) -> u16 {
    let bytes = parts.concat();
    let mut sum = 0_u32;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    !crc
}

/// A message, where its field is, from where on bytes mean nothing to a dissector, and its number.
struct Message {
    bytes: Vec<u8>,
    field: usize,
    free: usize,
    number: u8,
}

fn message(protocol: Protocol, random: &mut Random) -> Message {
    let length = 20 + random.below(400);
    let payload = random.bytes(length);
    let ports = [(20_000 + random.below(20_000)) as u16, (50_000 + random.below(10_000)) as u16];
    let mut bytes: Vec<u8> = ports.iter().flat_map(|port| port.to_be_bytes()).collect();
    let (field, number) = match protocol {
        Protocol::Tcp => {
            bytes.extend(random.bytes(8));
            bytes.extend([0x50, 0x10, 0x20, 0, 0, 0, 0, 0]);
            (16, 6)
        }
        Protocol::Udp => {
            bytes.extend((8 + payload.len() as u16).to_be_bytes());
            bytes.extend([0, 0]);
            (6, 17)
        }
        Protocol::Sctp => {
            bytes.extend(random.bytes(4));
            bytes.extend([0; 4]);
            // One chunk of data that fills the rest.
            let padded = payload.len().div_ceil(4) * 4;
            bytes.extend([0, 3]);
            bytes.extend((16 + padded as u16).to_be_bytes());
            bytes.extend(random.bytes(12));
            bytes.extend(&payload);
            bytes.resize(28 + padded, 0);
            return Message { bytes, field: 8, free: 28, number: 132 };
        }
        Protocol::Icmp => {
            bytes = vec![8, 0, 0, 0, 1, 2, 0, 1];
            (2, 1)
        }
        Protocol::Icmpv6 => {
            bytes = vec![128, 0, 0, 0, 1, 2, 0, 1];
            (2, 58)
        }
        Protocol::Gre => {
            // With a checksum, of a protocol nobody reads.
            bytes = vec![0x80, 0, 0x12, 0x34, 0, 0, 0, 0];
            (4, 47)
        }
        Protocol::Igmp => {
            let group = [0x16, 0, 0, 0, 239, 1, 2, 3];
            return Message { bytes: group.to_vec(), field: 2, free: 4, number: 2 };
        }
        _ => {
            let advertisement = [0x21, 7, 100, 1, 0, 1, 0, 0, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
            return Message { bytes: advertisement.to_vec(), field: 6, free: 8, number: 112 };
        }
    };
    let free = bytes.len();
    bytes.extend(payload);
    Message { bytes, field, free, number }
}

/// A packet of a random protocol and address family, two in five of them harmed.
pub(crate) fn packet(random: &mut Random) -> Made {
    const OVER_V4: [Protocol; 8] = [
        Protocol::Tcp,
        Protocol::Udp,
        Protocol::Icmp,
        Protocol::Sctp,
        Protocol::Gre,
        Protocol::Igmp,
        Protocol::Vrrp,
        Protocol::Ipv4,
    ];
    const OVER_V6: [Protocol; 4] = [Protocol::Tcp, Protocol::Udp, Protocol::Icmpv6, Protocol::Sctp];
    let v6 = random.below(3) == 0;
    let list: &[Protocol] = if v6 { &OVER_V6 } else { &OVER_V4 };
    let protocol = list[random.below(list.len())];
    let carried = if protocol == Protocol::Ipv4 { Protocol::Udp } else { protocol };
    let mut message = message(carried, random);
    let addresses: Vec<u8> = if v6 {
        let mut address = |last: u8| {
            let mut bytes = vec![0xfd, 0, 0, 0, 0, 0, 0, last];
            bytes.extend(random.bytes(8));
            bytes
        };
        [address(1), address(2)].concat()
    } else {
        [10, 1, random.next() as u8, random.next() as u8, 10, 2, random.next() as u8, random.next() as u8].to_vec()
    };
    let length = (message.bytes.len() as u32).to_be_bytes();
    let pseudo = [addresses.as_slice(), &length, &[0, message.number]].concat();
    let has_pseudo = matches!(carried, Protocol::Tcp | Protocol::Udp | Protocol::Icmpv6);
    let above: &[u8] = if has_pseudo { &pseudo } else { &[] };
    fill(&mut message, carried, above);
    let mut header = header(v6, &message, &addresses);
    let harm = harm(protocol, carried, &mut message, &mut header, &pseudo, has_pseudo, random);
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    frame.extend(if v6 { [0x86, 0xdd] } else { [0x08, 0x00] });
    frame.extend(&header);
    frame.extend(&message.bytes);
    let kept = if harm == Harm::Cut { frame.len() - 4 - random.below(8) } else { frame.len() };
    let covered = if protocol == Protocol::Ipv4 { header } else { message.bytes };
    Made { protocol, harm, covered, frame, kept }
}

fn fill(message: &mut Message, protocol: Protocol, above: &[u8]) {
    let field = message.field;
    if protocol == Protocol::Sctp {
        let crc = crc32c(&message.bytes).to_le_bytes();
        message.bytes[field..field + 4].copy_from_slice(&crc);
        return;
    }
    let sum = match !fold(&[above, &message.bytes]) {
        0 if protocol == Protocol::Udp => 0xffff,
        sum => sum,
    };
    message.bytes[field..field + 2].copy_from_slice(&sum.to_be_bytes());
}

fn header(v6: bool, message: &Message, addresses: &[u8]) -> Vec<u8> {
    let length = message.bytes.len() as u16;
    if v6 {
        let mut header = vec![0x60, 0, 0, 0];
        header.extend(length.to_be_bytes());
        header.extend([message.number, 64]);
        header.extend(addresses);
        return header;
    }
    let mut header = vec![0x45, 0];
    header.extend((20 + length).to_be_bytes());
    header.extend([0x12, 0x34, 0x40, 0, 255, message.number, 0, 0]);
    header.extend(addresses);
    let sum = (!fold(&[&header])).to_be_bytes();
    header[10..12].copy_from_slice(&sum);
    header
}

fn harm(
    protocol: Protocol,
    carried: Protocol,
    message: &mut Message,
    header: &mut [u8],
    pseudo: &[u8],
    has_pseudo: bool,
    random: &mut Random,
) -> Harm {
    let mask = 1 << random.below(8);
    if protocol == Protocol::Ipv4 {
        if random.below(2) == 0 {
            return Harm::None;
        }
        // Identification, the sum, the addresses: what does not decide how the rest is read.
        let places = [4, 5, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19];
        let at = places[random.below(places.len())];
        header[at] ^= mask;
        return Harm::Flip { at, mask };
    }
    let (free, field) = (message.free, message.field);
    match random.below(10) {
        0..=5 => Harm::None,
        6 | 7 => {
            let width = if carried == Protocol::Sctp { 4 } else { 2 };
            let at = match random.below(6) {
                0 => field + random.below(width),
                _ => free + random.below((message.bytes.len() - free).max(1)),
            };
            let at = at.min(message.bytes.len() - 1);
            message.bytes[at] ^= mask;
            Harm::Flip { at, mask }
        }
        8 if has_pseudo => {
            let sum = fold(&[pseudo]).to_be_bytes();
            message.bytes[field..field + 2].copy_from_slice(&sum);
            Harm::Pseudo
        }
        9 if matches!(carried, Protocol::Tcp | Protocol::Udp | Protocol::Icmp | Protocol::Icmpv6) => Harm::Cut,
        _ => {
            for _ in 0..3 + random.below(20) {
                let at = (free + random.below((message.bytes.len() - free).max(1))).min(message.bytes.len() - 1);
                message.bytes[at] = random.next() as u8;
            }
            Harm::Many
        }
    }
}

/// The packets as a pcap file of Ethernet, a millisecond apart.
pub(crate) fn pcap(packets: &[Made]) -> Vec<u8> {
    let mut out = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 262_144, 1] {
        out.extend(word.to_le_bytes());
    }
    for (number, packet) in packets.iter().enumerate() {
        let (seconds, rest) = (1_700_000_000 + number as u32 / 1000, number as u32 % 1000 * 1000);
        for word in [seconds, rest, packet.kept as u32, packet.frame.len() as u32] {
            out.extend(word.to_le_bytes());
        }
        out.extend(&packet.frame[..packet.kept]);
    }
    out
}
