//! Captures: pcap and pcapng, as frames with their places in the file.
//!
//! [`frames`] walks a capture of any size with a few hundred bytes of memory and never fails: what does not fit the
//! format is a [`Problem`] with its place, and the walk goes on where the next record can be told for certain, or
//! stops there. Numbers are those of tshark as long as it reads the file too.

mod pcap;
mod pcapng;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use casebook_core::{Kind, Sniff};

/// Captures, as every case that reads packets takes them.
pub static KIND: Kind = Kind {
    name: "capture",
    what: "packets: pcap or pcapng, of tcpdump, tshark, dumpcap",
    sniff: |sniff: &Sniff<'_>| is_capture(sniff.head),
    refers: None,
    comment: None,
};

/// True when the bytes begin as a pcap or pcapng file does.
pub fn is_capture(head: &[u8]) -> bool {
    pcap::magic(head).is_some() || pcapng::section_order(head).is_some()
}

/// What comes first in a frame: a `LINKTYPE_` number of <https://www.tcpdump.org/linktypes.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: address family in the byte order of the machine that captured.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// PPP, with or without the address and control bytes.
    pub const PPP: Self = Self(9);
    /// IPv4 or IPv6, `DLT_RAW` of some systems written unchanged.
    pub const RAW_12: Self = Self(12);
    /// The same of OpenBSD.
    pub const RAW_14: Self = Self(14);
    /// PPP in HDLC framing.
    pub const PPP_HDLC: Self = Self(50);
    /// PPPoE session header and PPP.
    pub const PPP_ETHER: Self = Self(51);
    /// IPv4 or IPv6 by the version nibble.
    pub const RAW: Self = Self(101);
    /// Cisco HDLC.
    pub const C_HDLC: Self = Self(104);
    /// OpenBSD loopback: address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux cooked, of `-i any`.
    pub const LINUX_SLL: Self = Self(113);
    /// IPv4.
    pub const IPV4: Self = Self(228);
    /// IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux cooked version 2, with the index of the interface.
    pub const LINUX_SLL2: Self = Self(276);
}

/// `epb_flags` of pcapng; 0 where the file has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FrameFlags(pub u32);

impl FrameFlags {
    /// Bits 0 and 1: 1 is inbound, 2 outbound.
    pub fn direction(self) -> u8 {
        (self.0 & 3) as u8
    }

    /// Bit 9: the checksum was left to the network card (`TP_STATUS_CSUMNOTREADY` of Linux).
    pub fn checksum_not_ready(self) -> bool {
        self.0 & 1 << 9 != 0
    }

    /// Bit 10: the card has verified the checksum (`TP_STATUS_CSUM_VALID`).
    pub fn checksum_valid(self) -> bool {
        self.0 & 1 << 10 != 0
    }

    /// Bit 11: a TCP super-segment that the card was to cut (`TP_STATUS_GSO_TCP`).
    pub fn segmentation_offload(self) -> bool {
        self.0 & 1 << 11 != 0
    }
}

/// One packet of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Number as tshark counts, from 1.
    pub number: u64,
    /// Nanoseconds since 1970; `None` where the file gives no time (simple packet blocks) or one outside of the years
    /// 1678 to 2262.
    pub time_ns: Option<i64>,
    /// The interface: counted from 0 over all sections of a pcapng file; the index in a modified pcap; else 0.
    pub interface: u32,
    /// What its bytes begin with.
    pub link: LinkType,
    /// The bytes that were kept.
    pub data: &'a [u8],
    /// Bytes it had on the wire, by the record.
    pub original_bytes: u32,
    /// First byte of its record in the file.
    pub start: usize,
    /// One past the last byte of its record.
    pub end: usize,
    /// Where `data` begins in the file.
    pub data_start: usize,
    /// Bytes of frame check sequence at the end of the packet, where the file says so.
    pub fcs_bytes: u8,
    /// Flags of pcapng.
    pub flags: FrameFlags,
}

impl<'a> Frame<'a> {
    /// The kept bytes and the length on the wire, both without the frame check sequence.
    pub fn without_fcs(&self) -> (&'a [u8], u32) {
        let original = self.original_bytes.saturating_sub(u32::from(self.fcs_bytes));
        (&self.data[..self.data.len().min(original as usize)], original)
    }
}

/// A stretch of a capture that is not as the format wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// What is wrong, in a few words.
    pub why: Cow<'static, str>,
}

/// Problems that are kept; more are counted.
const MOST_PROBLEMS: usize = 64;

/// Largest record that is believed where the file's own limit is smaller: what libpcap and tshark take
/// (`MAXIMUM_SNAPLEN`, `WTAP_MAX_PACKET_SIZE_STANDARD`).
const LARGEST_RECORD: u32 = 262_144;
/// Largest record that is believed at all (`WTAP_MAX_PACKET_SIZE_DBUS`).
const LARGEST_OF_ALL: u32 = 128 << 20;

/// The most bytes a record may have under a snap length that the file states.
fn most(snap_length: u32) -> u32 {
    snap_length.clamp(LARGEST_RECORD, LARGEST_OF_ALL)
}

#[derive(Debug, Default)]
struct Problems {
    list: Vec<Problem>,
    unlisted: u64,
    snap: bool,
    lengths: bool,
}

impl Problems {
    #[cold]
    fn add(&mut self, start: usize, end: usize, why: impl Into<Cow<'static, str>>) {
        if self.list.len() < MOST_PROBLEMS {
            self.list.push(Problem { start, end: end.max(start), why: why.into() });
        } else {
            self.unlisted += 1;
        }
    }

    /// Said once for a file: it can be true of every record.
    #[cold]
    fn snap(&mut self, start: usize, end: usize, kept: u32, snap: u32) {
        if !std::mem::replace(&mut self.snap, true) {
            self.add(start, end, format!("{kept} bytes are kept, more than the snap length {snap}; said once"));
        }
    }

    /// Said once for a file.
    #[cold]
    fn lengths(&mut self, start: usize, end: usize, kept: u32, original: u32) {
        if !std::mem::replace(&mut self.lengths, true) {
            self.add(start, end, format!("{kept} bytes are kept of a packet of {original}; said once"));
        }
    }
}

#[derive(Debug)]
enum Reader {
    Pcap(pcap::File),
    Pcapng(pcapng::Section),
    Nothing,
}

/// The frames of a capture, in the order of the file.
#[derive(Debug)]
pub struct Frames<'a> {
    bytes: &'a [u8],
    at: usize,
    number: u64,
    reader: Reader,
    problems: Problems,
}

/// The frames of a capture. Bytes that are no capture give none, and a problem.
pub fn frames(bytes: &[u8]) -> Frames<'_> {
    let mut frames = Frames { bytes, at: 0, number: 0, reader: Reader::Nothing, problems: Problems::default() };
    if pcapng::section_order(bytes).is_some() {
        frames.reader = Reader::Pcapng(pcapng::Section::default());
    } else if let Some(form) = pcap::magic(bytes) {
        match pcap::File::read(bytes, form) {
            Some(file) => {
                frames.at = pcap::FILE_HEADER;
                frames.reader = Reader::Pcap(file);
            }
            None => frames.problems.add(0, bytes.len(), "the file ends inside its header"),
        }
    } else {
        frames.problems.add(0, bytes.len().min(4), "neither pcap nor pcapng");
    }
    frames
}

impl Frames<'_> {
    /// What did not fit so far, the first sixty-four.
    pub fn problems(&self) -> &[Problem] {
        &self.problems.list
    }

    /// How many problems there were beyond those.
    pub fn problems_unlisted(&self) -> u64 {
        self.problems.unlisted
    }

    /// Bytes of the file that were walked.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Number of the last frame.
    pub fn number(&self) -> u64 {
        self.number
    }

    fn stop(&mut self, start: usize, why: impl Into<Cow<'static, str>>) {
        self.problems.add(start, self.bytes.len(), why);
        self.at = self.bytes.len();
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    #[inline]
    fn next(&mut self) -> Option<Frame<'a>> {
        match self.reader {
            Reader::Pcap(_) => self.next_record(),
            Reader::Pcapng(_) => self.next_block(),
            Reader::Nothing => None,
        }
    }
}

/// Byte order of a file or section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Order {
    #[default]
    Little,
    Big,
}

impl Order {
    #[inline]
    fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Order::Little => u32::from_le_bytes(bytes),
            Order::Big => u32::from_be_bytes(bytes),
        }
    }

    #[inline]
    fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Order::Little => u16::from_le_bytes(bytes),
            Order::Big => u16::from_be_bytes(bytes),
        }
    }

    /// The 32-bit word at `at`, if it is inside.
    #[inline]
    fn word(self, bytes: &[u8], at: usize) -> Option<u32> {
        Some(self.u32(*bytes.get(at..)?.first_chunk()?))
    }

    /// The 16-bit word at `at`, if it is inside.
    #[inline]
    fn half(self, bytes: &[u8], at: usize) -> Option<u16> {
        Some(self.u16(*bytes.get(at..)?.first_chunk()?))
    }
}
