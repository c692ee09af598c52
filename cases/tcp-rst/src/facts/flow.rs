//! Connections of a capture as the verdict needs them: what each side was seen to do, and the moment of each RST.
//!
//! A flow holds no packets: its size does not grow with the traffic, so a capture of any size fits. Packets of the few
//! flows somebody asks about are read a second time ([`Segment`]).

use std::net::IpAddr;

use casebook_core::Span;

/// Nanoseconds since the epoch of the capture; `None` where the capture gives no time (pcapng simple packets).
pub type TimeNs = Option<i64>;

/// One packet of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketRef {
    /// Number as tshark counts, from 1.
    pub number: u64,
    /// The record's bytes in the (decompressed) file.
    pub span: Span,
    /// When.
    pub time_ns: TimeNs,
}

/// An address and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Peer {
    /// Address.
    pub address: IpAddr,
    /// Port.
    pub port: u16,
}

/// A side of a connection. The client sent the SYN; without one in the capture it is the side with the higher port, and
/// [`Flow::handshake`] says that it is a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Sent the SYN.
    Client,
    /// Answered it.
    Server,
}

impl Side {
    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }
}

/// TCP flags, as in the header's low byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u8);

impl Flags {
    /// FIN.
    pub const FIN: u8 = 0x01;
    /// SYN.
    pub const SYN: u8 = 0x02;
    /// RST.
    pub const RST: u8 = 0x04;
    /// PSH.
    pub const PSH: u8 = 0x08;
    /// ACK.
    pub const ACK: u8 = 0x10;
    /// URG.
    pub const URG: u8 = 0x20;

    /// True when every flag of `mask` is set.
    pub fn has(self, mask: u8) -> bool {
        self.0 & mask == mask
    }
}

/// Whether a checksum holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sum {
    /// It holds.
    Good,
    /// Left to the network card: the field is the folded sum of the pseudo header.
    Offloaded,
    /// It does not hold.
    Bad,
    /// It cannot be verified: cut by the snap length, a fragment.
    Unverifiable,
}

/// The state of one side, updated by every segment it sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SideState {
    /// Segments and bytes of payload it sent (retransmissions count again).
    pub segments: u64,
    /// Bytes of payload.
    pub payload_bytes: u64,
    /// TTL (hop limit) of its SYN or SYN-ACK.
    pub ttl_handshake: Option<u8>,
    /// Smallest and largest TTL of its segments that are no RST.
    pub ttl_range: Option<(u8, u8)>,
    /// IP-ID of its last segment that is no RST (IPv4).
    pub ip_id_last: Option<u16>,
    /// IP-ID of the one before.
    pub ip_id_before: Option<u16>,
    /// True while every IP-ID it sent was 0.
    pub ip_id_all_zero: bool,
    /// TSval of its last segment, and when it was seen.
    pub ts_last: Option<(u32, TimeNs)>,
    /// True when its SYN or SYN-ACK carried a timestamp option.
    pub ts_offered: bool,
    /// Window scale it offered.
    pub window_scale: Option<u8>,
    /// SACK permitted in its SYN or SYN-ACK.
    pub sack_permitted: bool,
    /// Its initial sequence number.
    pub isn: Option<u32>,
    /// One past the highest sequence number it sent, SYN and FIN counted.
    pub seq_end: Option<u32>,
    /// Its highest acknowledgement.
    pub ack_last: Option<u32>,
    /// Its last window as on the wire, unscaled.
    pub window_last: u16,
    /// When it sent its last segment, and its last segment with payload.
    pub last_ns: TimeNs,
    /// When it last sent payload.
    pub last_payload_ns: TimeNs,
    /// When it sent its first FIN.
    pub fin_ns: TimeNs,
    /// True when a FIN was seen (also without time).
    pub fin_seen: bool,
    /// Segments that begin before `seq_end` and bring payload again, since the other side's last segment.
    pub retransmissions_unanswered: u32,
    /// Keepalive probes (no or one byte at `seq_end - 1`) since the other side's last segment.
    pub probes_unanswered: u32,
    /// Bad checksums among its segments.
    pub bad_sums: u64,
    /// Offloaded checksums among its segments.
    pub offloaded_sums: u64,
}

/// The last segment of a side, kept to find what a RST answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastSegment {
    /// The packet.
    pub packet: PacketRef,
    /// Flags.
    pub flags: Flags,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number; means nothing without ACK.
    pub ack: u32,
    /// Bytes of payload.
    pub payload_bytes: u32,
    /// IP-ID (IPv4).
    pub ip_id: Option<u16>,
    /// Checksum.
    pub sum: Sum,
}

/// A RST and everything known at its moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reset {
    /// The packet.
    pub packet: PacketRef,
    /// The side whose address it carries as source. That is not yet who sent it.
    pub side: Side,
    /// Interface of the capture that saw it. The TTLs of `sender` are of the same interface and direction.
    pub interface: u32,
    /// Flags.
    pub flags: Flags,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// Window on the wire.
    pub window: u16,
    /// TTL or hop limit.
    pub ttl: u8,
    /// IP-ID (IPv4).
    pub ip_id: Option<u16>,
    /// Don't-fragment (IPv4).
    pub dont_fragment: bool,
    /// TSval and TSecr, if the option is there.
    pub timestamps: Option<(u32, u32)>,
    /// Length of the TCP header in bytes.
    pub header_bytes: u8,
    /// Bytes of payload (a reason text of some stacks).
    pub payload_bytes: u32,
    /// Checksum.
    pub sum: Sum,
    /// Last segment of the other side before it, what it may answer.
    pub trigger: Option<LastSegment>,
    /// Last segment before it of the side it carries as source.
    pub own_last: Option<LastSegment>,
    /// Time between the trigger and the segment (of either side) before the trigger: how long the flow was quiet.
    pub quiet_ns: TimeNs,
    /// When the last segment before the trigger was seen.
    pub before_quiet_ns: TimeNs,
    /// The side it carries as source, before it.
    pub sender: SideState,
    /// The other side, before it.
    pub receiver: SideState,
    /// Number of RSTs of this flow before it.
    pub earlier: u32,
}

/// How a flow began in the capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Handshake {
    /// SYN and SYN-ACK were seen.
    Full,
    /// Only a SYN.
    SynOnly,
    /// None: the capture, or the flow's entry, began in the middle; sides are told by the higher port.
    Absent,
}

/// A connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Its number in this capture, from 0, by first packet.
    pub index: u64,
    /// Client.
    pub client: Peer,
    /// Server.
    pub server: Peer,
    /// VLAN ids, outermost first, 0 for none.
    pub vlan: [u16; 2],
    /// Interface of the first packet.
    pub interface: u32,
    /// How it began.
    pub handshake: Handshake,
    /// First packet.
    pub first: PacketRef,
    /// Last packet.
    pub last: PacketRef,
    /// Smallest time from a SYN, or data, of the client to the acknowledgement of the server, as this capture point saw it.
    pub rtt_server_ns: Option<i64>,
    /// The same from the server's segment to the client's acknowledgement.
    pub rtt_client_ns: Option<i64>,
    /// The longest quiet time (no segment of either side) the flow came through: the next segment was answered.
    pub longest_survived_ns: Option<i64>,
    /// The client's side.
    pub client_state: SideState,
    /// The server's side.
    pub server_state: SideState,
    /// Its RSTs; beyond eight only the count grows.
    pub resets: Vec<Reset>,
    /// Number of RSTs.
    pub reset_count: u32,
}

/// How long a connection has to be quiet, in nanoseconds, before a FIN and before a packet after it, so that the two have nothing
/// to do with each other.
const APART_NS: i64 = 500_000_000;

impl Flow {
    /// For a connection that the server closed in a silence, that the client used again later, and that nobody reset: the time of
    /// the FIN, of the last payload before it, and of the client's last payload.
    pub fn used_after_fin(&self) -> Option<(i64, i64, i64)> {
        let (server, client) = (&self.server_state, &self.client_state);
        let (fin, used) = (server.fin_ns?, client.last_payload_ns?);
        // The client's last payload before the FIN is not kept; the server answered it.
        let before = server.last_payload_ns.filter(|ns| *ns <= fin)?;
        let apart = fin - before >= APART_NS && used - fin >= APART_NS;
        (self.reset_count == 0 && apart).then_some((fin, before, used))
    }
}

/// One segment of a flow that was asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The packet.
    pub packet: PacketRef,
    /// Who it says it is from.
    pub side: Side,
    /// TTL or hop limit.
    pub ttl: u8,
    /// IP-ID (IPv4).
    pub ip_id: Option<u16>,
    /// Flags.
    pub flags: Flags,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// Window on the wire.
    pub window: u16,
    /// Bytes of payload by the IP length, also where the capture cut them.
    pub payload_bytes: u32,
    /// TSval and TSecr.
    pub timestamps: Option<(u32, u32)>,
    /// Window scale (SYN, SYN-ACK).
    pub window_scale: Option<u8>,
    /// SACK permitted (SYN, SYN-ACK).
    pub sack_permitted: bool,
    /// SACK blocks, left and right edge.
    pub sack: Vec<(u32, u32)>,
    /// Maximum segment size (SYN, SYN-ACK).
    pub mss: Option<u16>,
    /// Checksum.
    pub sum: Sum,
}
