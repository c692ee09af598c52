//! Captures by the byte: many connections at once, some UDP, sums that are right but for a few, RSTs of each form.
//! Deterministic: the same options give the same bytes.

use std::io::{self, Write};

/// What to write.
#[derive(Clone, Debug)]
pub struct Options {
    /// Stop at about this size.
    pub bytes: u64,
    /// Connections at the same time.
    pub concurrent: usize,
    /// Segments of a connection between handshake and end, at most; the mean is half of it.
    pub segments: u64,
    /// `mixed` (acknowledgements, requests, full segments), `small` (up to 300 bytes), or a number of bytes.
    pub payload: String,
    /// `ethernet`, `vlan`, `sll2`, `raw`.
    pub link: String,
    /// pcapng instead of pcap.
    pub pcapng: bool,
    /// One in this many packets is IPv6; 0 for none.
    pub v6: u64,
    /// Seed.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bytes: 1_000_000_000,
            concurrent: 20_000,
            segments: 200,
            payload: "mixed".to_owned(),
            link: "ethernet".to_owned(),
            pcapng: false,
            v6: 10,
            seed: 1,
        }
    }
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    pub bytes: u64,
    pub packets: u64,
    pub tcp: u64,
    pub udp: u64,
    pub flows: u64,
    pub resets: u64,
    pub flipped: u64,
    pub pseudo: u64,
}

/// xorshift64*.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn draw(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.draw()) * u128::from(n.max(1))) >> 64) as u64
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Step {
    Syn,
    SynAck,
    Ack,
    Data(u64),
    FinServer,
    LastAck,
}

#[derive(Clone, Copy)]
struct Slot {
    v6: bool,
    client: u32,
    server: u32,
    port: u16,
    step: Step,
    seq: [u32; 2],
    id: [u16; 2],
    born_ms: u32,
}

struct Segment {
    from_client: bool,
    flags: u8,
    seq: u32,
    ack: u32,
    payload: usize,
    stateless: bool,
    syn: bool,
}

pub fn write(out: impl Write, options: &Options) -> io::Result<Written> {
    let mut writer = Writer {
        out: io::BufWriter::with_capacity(1 << 20, out),
        options,
        random: Random::new(options.seed),
        written: Written::default(),
        now_us: 1_700_000_000_000_000,
        noise: Vec::new(),
        packet: Vec::new(),
    };
    writer.noise = (0..65_536).map(|_| writer.random.draw() as u8).collect();
    writer.head()?;
    let mut slots: Vec<Slot> = (0..options.concurrent.max(1)).map(|_| writer.open()).collect();
    while writer.written.bytes < options.bytes {
        writer.now_us += 1 + writer.random.below(40);
        if writer.random.below(10) == 0 {
            writer.datagram()?;
        } else {
            let at = writer.random.below(slots.len() as u64) as usize;
            let mut slot = slots[at];
            let done = writer.step(&mut slot)?;
            slots[at] = if done { writer.open() } else { slot };
        }
    }
    writer.out.flush()?;
    Ok(writer.written)
}

struct Writer<'o, W: Write> {
    out: io::BufWriter<W>,
    options: &'o Options,
    random: Random,
    written: Written,
    now_us: u64,
    noise: Vec<u8>,
    packet: Vec<u8>,
}

impl<W: Write> Writer<'_, W> {
    fn link_type(&self) -> u16 {
        match self.options.link.as_str() {
            "sll2" => 276,
            "raw" => 101,
            _ => 1,
        }
    }

    fn head(&mut self) -> io::Result<()> {
        let link = self.link_type();
        let mut head = Vec::new();
        if self.options.pcapng {
            for word in [0x0a0d_0d0a_u32, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28] {
                head.extend(word.to_le_bytes());
            }
            for word in [1_u32, 20, u32::from(link), 262_144, 20] {
                head.extend(word.to_le_bytes());
            }
        } else {
            for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 262_144, u32::from(link)] {
                head.extend(word.to_le_bytes());
            }
        }
        self.put(&head)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written.bytes += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    fn open(&mut self) -> Slot {
        let random = &mut self.random;
        Slot {
            v6: self.options.v6 > 0 && random.below(self.options.v6) == 0,
            client: 0x0a00_0000 | random.below(1 << 20) as u32,
            server: 0xac10_0000 | random.below(64) as u32,
            port: 1024 + random.below(64_000) as u16,
            step: Step::Syn,
            seq: [random.draw() as u32, random.draw() as u32],
            id: [random.draw() as u16, random.draw() as u16],
            born_ms: random.draw() as u32,
        }
    }

    fn payload(&mut self) -> usize {
        match self.options.payload.as_str() {
            "mixed" => match self.random.below(10) {
                0..=3 => 0,
                4..=5 => 1 + self.random.below(200) as usize,
                _ => 1448,
            },
            "small" => self.random.below(301) as usize,
            number => number.parse().unwrap_or(100).min(60_000),
        }
    }

    /// One segment of a connection; true when the connection has ended.
    fn step(&mut self, slot: &mut Slot) -> io::Result<bool> {
        let seq = slot.seq;
        let segment = |from_client: bool, flags, payload| Segment {
            from_client,
            flags,
            seq: seq[usize::from(!from_client)],
            ack: seq[usize::from(from_client)],
            payload,
            stateless: false,
            syn: flags & 2 != 0,
        };
        let (send, next) = match slot.step {
            Step::Syn => {
                self.written.flows += 1;
                (Segment { ack: 0, ..segment(true, 0x02, 0) }, Some(Step::SynAck))
            }
            // One in a hundred is refused.
            Step::SynAck if self.random.below(100) == 0 => {
                let refuse = Segment { seq: 0, stateless: true, ..segment(false, 0x14, 0) };
                (refuse, None)
            }
            Step::SynAck => (segment(false, 0x12, 0), Some(Step::Ack)),
            Step::Ack => (segment(true, 0x10, 0), Some(Step::Data(self.random.below(self.options.segments)))),
            Step::Data(0) => match self.random.below(20) {
                // Stateless, stateful with and without data before, and no end at all.
                0 => (Segment { ack: 0, stateless: true, ..segment(false, 0x04, 0) }, None),
                1 => (segment(false, 0x14, 0), None),
                2 => (segment(true, 0x14, 0), None),
                3 => (segment(true, 0x10, 0), None),
                _ => (segment(true, 0x11, 0), Some(Step::FinServer)),
            },
            Step::Data(left) => {
                let from_client = self.random.below(3) == 0;
                let payload = self.payload();
                let flags = if payload > 0 { 0x18 } else { 0x10 };
                (segment(from_client, flags, payload), Some(Step::Data(left - 1)))
            }
            Step::FinServer => (segment(false, 0x11, 0), Some(Step::LastAck)),
            Step::LastAck => (segment(true, 0x10, 0), None),
        };
        self.tcp(slot, &send)?;
        let sender = usize::from(!send.from_client);
        let control = u32::from(send.flags & 0x02 != 0) + u32::from(send.flags & 0x01 != 0);
        slot.seq[sender] = slot.seq[sender].wrapping_add(send.payload as u32 + control);
        slot.id[sender] = slot.id[sender].wrapping_add(1);
        if let Some(next) = next {
            slot.step = next;
        }
        Ok(next.is_none())
    }

    fn tcp(&mut self, slot: &Slot, segment: &Segment) -> io::Result<()> {
        let (ttl, id) = match (segment.from_client, segment.stateless) {
            (true, _) => (64, slot.id[0]),
            (false, true) => (64, 0),
            (false, false) => (57, slot.id[1]),
        };
        let ports = if segment.from_client { (slot.port, 443) } else { (443, slot.port) };
        let mut head = [0_u8; 40];
        head[0..2].copy_from_slice(&ports.0.to_be_bytes());
        head[2..4].copy_from_slice(&ports.1.to_be_bytes());
        head[4..8].copy_from_slice(&segment.seq.to_be_bytes());
        let ack = if segment.flags & 0x10 != 0 { segment.ack } else { 0 };
        head[8..12].copy_from_slice(&ack.to_be_bytes());
        head[13] = segment.flags;
        let window: u16 = if segment.flags & 0x04 != 0 { 0 } else { 502 };
        head[14..16].copy_from_slice(&window.to_be_bytes());
        let value = (slot.born_ms.wrapping_add((self.now_us / 1000) as u32)).to_be_bytes();
        let length = if segment.stateless {
            20
        } else if segment.syn {
            head[20..26].copy_from_slice(&[2, 4, 0x05, 0xb4, 4, 2]);
            head[26..28].copy_from_slice(&[8, 10]);
            head[28..32].copy_from_slice(&value);
            head[36..40].copy_from_slice(&[1, 3, 3, 7]);
            40
        } else {
            head[20..24].copy_from_slice(&[1, 1, 8, 10]);
            head[24..28].copy_from_slice(&value);
            32
        };
        head[12] = (length as u8 / 4) << 4;
        let addresses = if segment.from_client { (slot.client, slot.server) } else { (slot.server, slot.client) };
        self.written.tcp += 1;
        self.written.resets += u64::from(segment.flags & 0x04 != 0);
        self.packet(slot.v6, addresses, 6, (ttl, id), &head[..length], 16, segment.payload)
    }

    fn datagram(&mut self) -> io::Result<()> {
        let payload = self.payload().min(1400);
        let mut head = [0_u8; 8];
        head[0..2].copy_from_slice(&(1024 + self.random.below(60_000) as u16).to_be_bytes());
        head[2..4].copy_from_slice(&53_u16.to_be_bytes());
        head[4..6].copy_from_slice(&(8 + payload as u16).to_be_bytes());
        let addresses = (0x0a00_0000 | self.random.below(1 << 20) as u32, 0xac10_0035);
        let id = self.random.draw() as u16;
        self.written.udp += 1;
        self.packet(false, addresses, 17, (64, id), &head, 6, payload)
    }

    #[allow(clippy::too_many_arguments, reason = "one call site for each protocol")]
    fn packet(
        &mut self,
        v6: bool,
        (source, destination): (u32, u32),
        protocol: u8,
        (ttl, id): (u8, u16),
        head: &[u8],
        field: usize,
        payload: usize,
    ) -> io::Result<()> {
        let mut packet = std::mem::take(&mut self.packet);
        packet.clear();
        let ethertype: u16 = if v6 { 0x86dd } else { 0x0800 };
        match self.options.link.as_str() {
            "raw" => {}
            "sll2" => {
                packet.extend(ethertype.to_be_bytes());
                packet.extend([0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0]);
            }
            link => {
                packet.extend([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]);
                if link == "vlan" {
                    packet.extend([0x81, 0x00, 0x00, 0x07]);
                }
                packet.extend(ethertype.to_be_bytes());
            }
        }
        let at = packet.len();
        let length = head.len() + payload;
        let mut pseudo = u32::from(protocol) + length as u32;
        if v6 {
            packet.extend([0x60, 0, 0, 0]);
            packet.extend((length as u16).to_be_bytes());
            packet.extend([protocol, ttl]);
            for address in [source, destination] {
                packet.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0]);
                packet.extend(address.to_be_bytes());
            }
            pseudo += words(&packet[at + 8..at + 40]);
        } else {
            packet.extend([0x45, 0]);
            packet.extend((20 + length as u16).to_be_bytes());
            packet.extend(id.to_be_bytes());
            packet.extend([0x40, 0, ttl, protocol, 0, 0]);
            packet.extend(source.to_be_bytes());
            packet.extend(destination.to_be_bytes());
            let sum = !fold(words(&packet[at..at + 20]));
            packet[at + 10..at + 12].copy_from_slice(&sum.to_be_bytes());
            pseudo += words(&packet[at + 12..at + 20]);
        }
        let start = packet.len();
        packet.extend(head);
        let from = self.random.below((self.noise.len() - payload) as u64) as usize;
        packet.extend(&self.noise[from..from + payload]);
        let sum = match self.random.below(1000) {
            0 => {
                self.written.pseudo += 1;
                fold(pseudo)
            }
            _ => match !fold(pseudo + words(&packet[start..])) {
                0 if protocol == 17 => 0xffff,
                sum => sum,
            },
        };
        packet[start + field..start + field + 2].copy_from_slice(&sum.to_be_bytes());
        if payload > 0 && self.random.below(5000) == 0 {
            self.written.flipped += 1;
            let bit = self.random.below(payload as u64 * 8);
            packet[start + head.len() + (bit / 8) as usize] ^= 1 << (bit % 8);
        }
        let result = self.record(&packet);
        self.packet = packet;
        result
    }

    fn record(&mut self, packet: &[u8]) -> io::Result<()> {
        self.written.packets += 1;
        let length = packet.len() as u32;
        let mut head = Vec::with_capacity(32);
        if self.options.pcapng {
            let total = 32 + length.next_multiple_of(4);
            let (high, low) = ((self.now_us >> 32) as u32, self.now_us as u32);
            for word in [6, total, 0, high, low, length, length] {
                head.extend(word.to_le_bytes());
            }
            self.put(&head)?;
            self.put(packet)?;
            let padding = [0; 4];
            self.put(&padding[..(length.next_multiple_of(4) - length) as usize])?;
            self.put(&total.to_le_bytes())
        } else {
            let (seconds, micros) = ((self.now_us / 1_000_000) as u32, (self.now_us % 1_000_000) as u32);
            for word in [seconds, micros, length, length] {
                head.extend(word.to_le_bytes());
            }
            self.put(&head)?;
            self.put(packet)
        }
    }
}

/// Sum of big-endian words; packets here are far under the 128 KiB that 32 bits hold.
pub fn words(bytes: &[u8]) -> u32 {
    bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |byte| u32::from(*byte))).sum()
}

pub fn fold(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}
