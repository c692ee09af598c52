//! A segment as connection tracking reads it.

use crate::facts::flow::{Flags, Segment, Side, Sum};

/// The TCP options that conntrack reads: `tcp_options` and `tcp_sack`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The header is longer than 20 bytes. `tcp_options` leaves the entry alone when it is not.
    pub present: bool,
    /// Window scale, at most 14 (`TCP_MAX_WSCALE`).
    pub window_scale: Option<u8>,
    /// SACK permitted.
    pub sack_permitted: bool,
    /// Right edges of the blocks of the first SACK option.
    sack: [u32; 4],
    blocks: u8,
}

impl Options {
    /// Reads the bytes between the header's 20 bytes and its end, as the kernel does: it stops at the first option that
    /// does not fit and at the first SACK option.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut out = Options { present: !bytes.is_empty(), ..Self::default() };
        let mut rest = bytes;
        let mut sack_read = false;
        while let Some((&kind, tail)) = rest.split_first() {
            match kind {
                0 => break,
                1 => {
                    rest = tail;
                    continue;
                }
                _ => {}
            }
            let Some(&size) = tail.first() else { break };
            let (size, value) = (usize::from(size), tail.get(1..usize::from(size).max(2) - 1));
            let Some(value) = value.filter(|_| size >= 2) else { break };
            match (kind, value) {
                (4, []) => out.sack_permitted = true,
                (3, [scale]) => out.window_scale = Some((*scale).min(14)),
                (5, blocks) if !sack_read && blocks.len() >= 8 && blocks.len() % 8 == 0 => {
                    sack_read = true;
                    for block in blocks.chunks_exact(8) {
                        out.push_sack(u32::from_be_bytes([block[4], block[5], block[6], block[7]]));
                    }
                }
                _ => {}
            }
            rest = &rest[size..];
        }
        out
    }

    fn push_sack(&mut self, right: u32) {
        if let Some(slot) = self.sack.get_mut(usize::from(self.blocks)) {
            *slot = right;
            self.blocks += 1;
        }
    }

    /// The right edges.
    pub fn sack_right(&self) -> &[u32] {
        &self.sack[..usize::from(self.blocks)]
    }
}

/// A segment at the hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Whose addresses it carries as source.
    pub from: Side,
    /// Flags.
    pub flags: Flags,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number, also without ACK.
    pub ack: u32,
    /// Window on the wire.
    pub window: u16,
    /// Bytes of payload by the IP length.
    pub payload_bytes: u32,
    /// Options.
    pub options: Options,
    /// The header is not there as a whole, or its data offset is below 5 or beyond the packet.
    pub truncated: bool,
    /// Checksum.
    pub sum: Sum,
    /// It came from outside (prerouting); packets this host sends are not checked for their sum.
    pub arrives: bool,
}

impl Packet {
    /// A segment of a capture. A capture without any option that this reader keeps counts as a header of 20 bytes.
    pub fn of_segment(segment: &Segment) -> Self {
        let mut options = Options {
            present: segment.timestamps.is_some()
                || segment.window_scale.is_some()
                || segment.sack_permitted
                || segment.mss.is_some()
                || !segment.sack.is_empty(),
            window_scale: segment.window_scale.map(|scale| scale.min(14)),
            sack_permitted: segment.sack_permitted,
            ..Options::default()
        };
        segment.sack.iter().for_each(|(_, right)| options.push_sack(*right));
        Packet {
            from: segment.side,
            flags: segment.flags,
            seq: segment.seq,
            ack: segment.ack,
            window: segment.window,
            payload_bytes: segment.payload_bytes,
            options,
            truncated: false,
            sum: segment.sum,
            arrives: true,
        }
    }

    /// `segment_seq_plus_len`: one past its last sequence number; SYN and FIN count.
    pub fn end(&self) -> u32 {
        self.seq
            .wrapping_add(self.payload_bytes)
            .wrapping_add(u32::from(self.flags.has(Flags::SYN)))
            .wrapping_add(u32::from(self.flags.has(Flags::FIN)))
    }
}

/// `before(a, b)` of `include/net/tcp.h`.
pub fn before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

/// `after(a, b)`.
pub fn after(a: u32, b: u32) -> bool {
    before(b, a)
}
