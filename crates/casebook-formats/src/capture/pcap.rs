//! Classic pcap files (pcap-savefile(5)): both byte orders, microseconds and nanoseconds, the modified form with an
//! interface index, the old order of the two lengths, the frame check sequence in the link type word.

use super::{Frame, FrameFlags, Frames, LinkType, Order, Reader, most};

pub(super) const FILE_HEADER: usize = 24;

/// How a pcap file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    order: Order,
    nanoseconds: bool,
    modified: bool,
}

/// The form of a file that begins with these bytes.
pub(super) fn magic(bytes: &[u8]) -> Option<Form> {
    let first: [u8; 4] = *bytes.first_chunk()?;
    [Order::Little, Order::Big].into_iter().find_map(|order| match order.u32(first) {
        0xa1b2_c3d4 => Some(Form { order, nanoseconds: false, modified: false }),
        0xa1b2_3c4d => Some(Form { order, nanoseconds: true, modified: false }),
        // Alexey Kuznetsov's patches: an interface index, a protocol and a packet type in each record.
        0xa1b2_cd34 => Some(Form { order, nanoseconds: false, modified: true }),
        _ => None,
    })
}

/// Which of the two lengths of a record comes first (wiretap/libpcap.c, `lengths_swapped`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Swapped {
    No,
    Maybe,
    Yes,
}

/// The header of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct File {
    form: Form,
    swapped: Swapped,
    snap: u32,
    most: u32,
    link: LinkType,
    fcs_bytes: u8,
    /// Seconds of the last record, to tell a plausible one.
    last_s: Option<u32>,
}

impl File {
    pub(super) fn read(bytes: &[u8], form: Form) -> Option<Self> {
        let header: &[u8; FILE_HEADER] = bytes.first_chunk()?;
        let order = form.order;
        let (major, minor) = (order.half(header, 4)?, order.half(header, 6)?);
        let (snap, link) = (order.word(header, 16)?, order.word(header, 20)?);
        let swapped = match (major, minor) {
            (2, 0..=2) | (543, _) => Swapped::Yes,
            (2, 3) => Swapped::Maybe,
            _ => Swapped::No,
        };
        // Bit 26 says that bits 28 to 31 hold the length of the frame check sequence in 16-bit words.
        let fcs_bytes = if link & 0x0400_0000 != 0 { (link >> 28) as u8 * 2 } else { 0 };
        let most = most(snap);
        Some(Self { form, swapped, snap, most, link: LinkType(link as u16), fcs_bytes, last_s: None })
    }

    fn record_header(&self) -> usize {
        if self.form.modified { 24 } else { 16 }
    }

    #[inline]
    fn head(&self, bytes: &[u8], at: usize) -> Option<Head> {
        let head: &[u8; 16] = bytes.get(at..)?.first_chunk()?;
        let order = self.form.order;
        let word = |i: usize| order.u32([head[i], head[i + 1], head[i + 2], head[i + 3]]);
        let (mut kept, mut original) = (word(8), word(12));
        if self.swapped == Swapped::Yes || self.swapped == Swapped::Maybe && kept > original {
            std::mem::swap(&mut kept, &mut original);
        }
        Some(Head { seconds: word(0), fraction: word(4), kept, original })
    }

    /// True when a record can begin at `at`: used only after one that cannot be right.
    fn plausible(&self, bytes: &[u8], at: usize) -> Option<Head> {
        let head = self.head(bytes, at)?;
        let fraction = if self.form.nanoseconds { 1_000_000_000 } else { 1_000_000 };
        let near = self.last_s.is_none_or(|last| last.abs_diff(head.seconds) <= 7 * 86_400);
        let fits = at + self.record_header() + head.kept as usize <= bytes.len();
        let lengths = head.kept > 0 && head.kept <= head.original && head.original <= self.most;
        (near && fits && lengths && head.fraction < fraction).then_some(head)
    }

    /// The next place from `from` on where two records follow each other, or one ends the file.
    fn resume(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let size = self.record_header();
        (from..bytes.len().saturating_sub(size)).find(|at| {
            self.plausible(bytes, *at).is_some_and(|head| {
                let next = at + size + head.kept as usize;
                next == bytes.len() || self.plausible(bytes, next).is_some()
            })
        })
    }
}

struct Head {
    seconds: u32,
    fraction: u32,
    kept: u32,
    original: u32,
}

impl<'a> Frames<'a> {
    #[inline]
    pub(super) fn next_record(&mut self) -> Option<Frame<'a>> {
        let bytes = self.bytes;
        loop {
            let Reader::Pcap(file) = &mut self.reader else { return None };
            let start = self.at;
            if start >= bytes.len() {
                return None;
            }
            let data_start = start + file.record_header();
            let Some(head) = file.head(bytes, start).filter(|_| data_start <= bytes.len()) else {
                self.stop(start, "the file ends inside the header of a record");
                return None;
            };
            let doubtful = head.kept > file.snap || head.kept > head.original;
            let end = data_start + head.kept as usize;
            if head.kept > file.most || (doubtful && !follows(file, bytes, end)) {
                let resume = file.resume(bytes, start + 1);
                let why = format!("a record says it has {} bytes", head.kept);
                match resume {
                    Some(at) => {
                        self.problems.add(start, at, format!("{why}; reading goes on at byte {at}"));
                        self.at = at;
                        continue;
                    }
                    None => {
                        self.stop(start, format!("{why}; no record follows"));
                        return None;
                    }
                }
            }
            let Some(data) = bytes.get(data_start..end) else {
                let there = bytes.len() - data_start;
                self.stop(start, format!("the file ends after {there} of the {} bytes of a record", head.kept));
                return None;
            };
            if doubtful {
                // Snap length 0 means no limit.
                if head.kept > file.snap && file.snap != 0 {
                    self.problems.snap(start, end, head.kept, file.snap);
                }
                if head.kept > head.original {
                    self.problems.lengths(start, end, head.kept, head.original);
                }
            }
            let Reader::Pcap(file) = &mut self.reader else { return None };
            file.last_s = Some(head.seconds);
            let scale = if file.form.nanoseconds { 1 } else { 1000 };
            let time_ns = i64::from(head.seconds) * 1_000_000_000 + i64::from(head.fraction) * scale;
            let interface = if file.form.modified { file.form.order.word(bytes, start + 16).unwrap_or(0) } else { 0 };
            self.number += 1;
            self.at = end;
            return Some(Frame {
                number: self.number,
                time_ns: Some(time_ns),
                interface,
                link: file.link,
                data,
                original_bytes: head.original,
                start,
                end,
                data_start,
                fcs_bytes: file.fcs_bytes,
                flags: FrameFlags::default(),
            });
        }
    }
}

/// True when a record that breaks a limit of the file is still followed as it says.
fn follows(file: &File, bytes: &[u8], end: usize) -> bool {
    end >= bytes.len() || bytes.len() - end < file.record_header() || file.plausible(bytes, end).is_some()
}
