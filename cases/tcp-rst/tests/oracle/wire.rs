//! Segments as bytes: IPv4 and TCP with good sums, unless a bad one is wanted.

use case_tcp_rst::facts::flow::{Flags, Side, Sum};
use case_tcp_rst::model::conntrack::{Options, Packet};

/// A connection's addresses and ports, the client's first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tuple(pub [u8; 12]);

impl Tuple {
    /// The `number`th tuple of a run.
    pub fn new(number: u32) -> Self {
        let [_, a, b, c] = number.to_be_bytes();
        Self([10, a, b, c, 10, 128, c, 7, 0x9c, c | 1, 0x1f, 0x90])
    }

    /// The same seen from the other side.
    pub fn reversed(self) -> Self {
        let t = self.0;
        Self([t[4], t[5], t[6], t[7], t[0], t[1], t[2], t[3], t[10], t[11], t[8], t[9]])
    }
}

/// A segment to be sent, and what the model is told of it.
#[derive(Clone)]
pub struct Shot {
    pub packet: Packet,
    pub raw: Vec<u8>,
    /// Timeout that the entry is given before, in seconds; 0 for none.
    pub timeout: u32,
    /// Microseconds to wait before.
    pub sleep_us: u32,
}

/// What is wrong with a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    Sum,
    /// The header says it is longer than the packet.
    Offset,
    /// The header says it is shorter than 20 bytes.
    Short,
}

/// Fields of a segment.
#[derive(Clone)]
pub struct Fields {
    pub from: Side,
    pub flags: u8,
    pub seq: u32,
    pub ack: u32,
    pub window: u16,
    pub payload: u32,
    pub options: Vec<u8>,
    pub fault: Fault,
}

fn sum(bytes: &[u8], mut total: u32) -> u32 {
    for pair in bytes.chunks(2) {
        total += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
    }
    total
}

fn fold(mut total: u32) -> u16 {
    while total >> 16 != 0 {
        total = (total & 0xffff) + (total >> 16);
    }
    !(total as u16)
}

impl Fields {
    /// The packet on the wire and for the model.
    pub fn shot(&self, tuple: Tuple) -> Shot {
        let t = if self.from == Side::Client { tuple.0 } else { tuple.reversed().0 };
        let mut options = self.options.clone();
        options.truncate(40);
        while !options.len().is_multiple_of(4) {
            options.push(0);
        }
        let header = 20 + options.len();
        let total = 20 + header + self.payload as usize;
        let offset = match self.fault {
            Fault::Short => 4,
            Fault::Offset => 15,
            _ => header / 4,
        };
        let mut tcp = vec![0u8; header + self.payload as usize];
        tcp[0..4].copy_from_slice(&t[8..12]);
        tcp[4..8].copy_from_slice(&self.seq.to_be_bytes());
        tcp[8..12].copy_from_slice(&self.ack.to_be_bytes());
        tcp[12] = (offset as u8) << 4;
        tcp[13] = self.flags;
        tcp[14..16].copy_from_slice(&self.window.to_be_bytes());
        tcp[20..header].copy_from_slice(&options);
        let pseudo = sum(&t[0..8], 6 + tcp.len() as u32);
        let check = fold(sum(&tcp, pseudo)) ^ if self.fault == Fault::Sum { 0x0100 } else { 0 };
        tcp[16..18].copy_from_slice(&check.to_be_bytes());
        let mut raw = vec![0x45, 0, (total >> 8) as u8, total as u8, 0, 1, 0x40, 0, 64, 6, 0, 0];
        raw.extend_from_slice(&t[0..8]);
        let check = fold(sum(&raw, 0));
        raw[10..12].copy_from_slice(&check.to_be_bytes());
        raw.extend_from_slice(&tcp);
        let truncated = match self.fault {
            Fault::Short => true,
            Fault::Offset => tcp.len() < 60,
            _ => false,
        };
        let packet = Packet {
            from: self.from,
            flags: Flags(self.flags),
            seq: self.seq,
            ack: self.ack,
            window: self.window,
            payload_bytes: self.payload,
            options: Options::parse(&options),
            truncated,
            sum: if self.fault == Fault::Sum { Sum::Bad } else { Sum::Good },
            arrives: true,
        };
        Shot { packet, raw, timeout: 0, sleep_us: 0 }
    }
}
