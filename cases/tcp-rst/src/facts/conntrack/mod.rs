//! Text of conntrack: `conntrack -L`, `conntrack -E`, `/proc/net/nf_conntrack`, `conntrack -S`.
//!
//! One line is one [`Item`]; [`read`] gives them one after the other and keeps nothing, so that a log of any size is read in
//! constant memory. Formats: libnetfilter_conntrack `src/conntrack/snprintf_default.c`, conntrack-tools `src/conntrack.c`,
//! Linux `net/netfilter/nf_conntrack_standalone.c` (`ct_seq_show`).

pub mod kind;
pub mod settings;

mod line;
#[cfg(test)]
mod tests;
mod token;

use std::net::IpAddr;

use casebook_core::{EvidenceId, Span, Unmodelled};

use crate::model::conntrack::State;

/// What a line says.
// A record is by far the most common item: a box for each line of a log would cost more than it saves.
#[allow(clippy::large_enum_variant, reason = "nearly every item is a record, and none is stored")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// An entry, or what happened to one.
    Record(Record),
    /// A line of `conntrack -S`.
    Stats(Stats),
    /// `conntrack -E` lost events (ENOBUFS): what did not happen in the log may have happened.
    Lost(Span),
    /// `nf_conntrack: table full, dropping packet` of the kernel's log.
    TableFull(Span),
    /// What the program says of itself.
    Message(Span),
    /// A line this reader does not know.
    Unread(Unmodelled),
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// `[NEW]`.
    New,
    /// `[UPDATE]`.
    Update,
    /// `[DESTROY]`.
    Destroy,
}

/// Addresses and ports of one direction.
///
/// Of ICMP `sport` is the id and `dport` type and code; of GRE they are the keys; of other protocols they are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tuple {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Source port.
    pub sport: u16,
    /// Destination port.
    pub dport: u16,
}

/// State of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtoState {
    /// Of TCP.
    Tcp(State),
    /// A word of another protocol (SCTP, DCCP), at [`Record::state_place`].
    Other,
}

/// A byte range inside a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// First byte, from the start of the line.
    pub start: u16,
    /// Length in bytes; 0 when the line does not say it.
    pub len: u16,
}

/// Marks of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks(pub u8);

impl Marks {
    /// `[ASSURED]`.
    pub const ASSURED: u8 = 1;
    /// `[UNREPLIED]`.
    pub const UNREPLIED: u8 = 2;
    /// `[OFFLOAD]`: a flowtable forwards it, the entry's state and timeout stand still.
    pub const OFFLOAD: u8 = 4;
    /// `[HW_OFFLOAD]`.
    pub const HW_OFFLOAD: u8 = 8;
    /// `[USERSPACE]`: a program made the change, no packet.
    pub const USERSPACE: u8 = 16;

    /// True when one of `mask` is there.
    pub fn has(self, mask: u8) -> bool {
        self.0 & mask != 0
    }
}

/// Packets and bytes of a direction (`nf_conntrack_acct`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Zones (`zone=`, `zone-orig=`, `zone-reply=`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Zones {
    /// Both directions.
    pub both: u16,
    /// Original direction only.
    pub original: u16,
    /// Reply direction only.
    pub reply: u16,
}

/// One entry as a line shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The line, without its end.
    pub line: Span,
    /// What happened; `None` in a listing.
    pub event: Option<Event>,
    /// Time of the event, microseconds since 1970 (`-o timestamp`).
    pub time_us: Option<u64>,
    /// Protocol number.
    pub protocol: u8,
    /// Seconds left; absent of destroyed and offloaded entries.
    pub timeout_s: Option<u32>,
    /// State.
    pub state: Option<ProtoState>,
    /// Original direction.
    pub original: Tuple,
    /// Reply direction.
    pub reply: Tuple,
    /// Marks.
    pub marks: Marks,
    /// Counters of both directions.
    pub counters: [Option<Counters>; 2],
    /// Mark.
    pub mark: Option<u32>,
    /// Zones.
    pub zones: Zones,
    /// Id; a hash that repeats for a tuple that comes back.
    pub id: Option<u32>,
    /// Age in seconds (`nf_conntrack_timestamp`).
    pub delta_time_s: Option<u64>,
    /// Where the event stands.
    pub event_place: Place,
    /// Where the timeout stands.
    pub timeout_place: Place,
    /// Where the state stands.
    pub state_place: Place,
    /// Where the original tuple stands.
    pub original_place: Place,
    /// Where the reply tuple stands.
    pub reply_place: Place,
    /// Where the helper stands (`helper=ftp`).
    pub helper_place: Place,
    /// The first word of the line that this reader does not know.
    pub unread_place: Place,
}

impl Record {
    /// The span of a place of this line.
    pub fn span(&self, place: Place) -> Span {
        let start = self.line.start + u64::from(place.start);
        Span { evidence: self.line.evidence, start, end: start + u64::from(place.len) }
    }

    /// The state, if it is TCP's.
    pub fn tcp_state(&self) -> Option<State> {
        match self.state {
            Some(ProtoState::Tcp(state)) => Some(state),
            _ => None,
        }
    }
}

/// One processor of `conntrack -S`; what the line does not say is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// The line.
    pub line: Span,
    /// Packets that were invalid.
    pub invalid: u64,
    /// Entries that could not be made (a clash).
    pub insert_failed: u64,
    /// Packets dropped because there was no room.
    pub drop: u64,
    /// Entries thrown out to make room.
    pub early_drop: u64,
}

/// Reads line after line.
pub fn read(evidence: EvidenceId, bytes: &[u8]) -> Items<'_> {
    Items { evidence, bytes, at: 0 }
}

/// The items of a text, in order.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    evidence: EvidenceId,
    bytes: &'a [u8],
    at: usize,
}

impl Iterator for Items<'_> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        while self.at < self.bytes.len() {
            let rest = &self.bytes[self.at..];
            let end = token::line_end(rest);
            let (start, mut line) = (self.at, &rest[..end]);
            self.at += end + 1;
            if let Some(cut) = line.strip_suffix(b"\r") {
                line = cut;
            }
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            return Some(line::read(Span::new(self.evidence, start, start + line.len()), line));
        }
        None
    }
}
