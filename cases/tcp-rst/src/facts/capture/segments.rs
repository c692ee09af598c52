//! The segments of a few flows, in a second pass.

use casebook_core::{Bytes, EvidenceId};
use casebook_formats::packet::transport::{TcpOption, sack_blocks};
use casebook_formats::packet::{Packet, checksum};

use super::record::{Record, Taken};
use super::segment::{Seg, innermost, sum};
use super::table::Key;
use crate::facts::flow::{Flow, Segment, Side};

/// The segments of one flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segments {
    /// In the order of the capture; copies seen on another interface are left out.
    pub list: Vec<Segment>,
    /// Segments beyond the limit.
    pub left_out: u64,
}

/// Marks of wanted keys: many more than flows are asked for at once.
const MARKS: usize = 4096;

/// Reads the segments of `flows`, at most `most` of each. The answer is in the order of `flows`.
pub fn segments(evidence: EvidenceId, bytes: &Bytes, flows: &[&Flow], most: usize) -> Vec<Segments> {
    let mut wanted: Vec<Wanted> = flows.iter().map(|flow| Wanted::new(flow)).collect();
    let numbers = wanted.iter().map(|wanted| wanted.numbers);
    let (first, last) = numbers.fold((u64::MAX, 0), |(first, last), one| (first.min(one.0), last.max(one.1)));
    // Most packets are of other flows: a bit of their key's hash says so before every flow is asked.
    let mut marks = [false; MARKS];
    wanted.iter().for_each(|wanted| marks[wanted.key.hash() as usize % MARKS] = true);
    super::walk(bytes, |frame| {
        if !(first..=last).contains(&frame.number) {
            return;
        }
        let packet = Packet::of(&frame);
        let packet = innermost(&packet).unwrap_or(packet);
        let Some((mut seg, key, from_first)) = Seg::of(&frame, &packet, sum(None)) else { return };
        if !marks[key.hash() as usize % MARKS] {
            return;
        }
        for wanted in wanted.iter_mut().filter(|wanted| wanted.holds(frame.number) && wanted.key == key) {
            seg.sum = sum(checksum::verify(&packet, frame.flags).transport.as_ref());
            wanted.take(evidence, &seg, from_first, most);
        }
    });
    wanted.into_iter().map(|wanted| wanted.found).collect()
}

struct Wanted {
    key: Key,
    client_first: bool,
    numbers: (u64, u64),
    /// The flow once more, to leave out copies as the first pass did.
    record: Option<Record>,
    found: Segments,
}

impl Wanted {
    fn new(flow: &Flow) -> Self {
        use std::net::IpAddr::{V4, V6};
        let ports = (flow.client.port, flow.server.port);
        let (key, client_first) = match (flow.client.address, flow.server.address) {
            (V4(client), V4(server)) => Key::v4(client.into(), server.into(), ports, flow.vlan),
            (V6(client), V6(server)) => Key::v6(client.into(), server.into(), ports, flow.vlan),
            // No such flow comes of a capture; port 0 on both sides and no address matches nothing of it.
            _ => Key::v4(0, 0, (0, 0), [u16::MAX; 2]),
        };
        let numbers = (flow.first.number, flow.last.number);
        Self { key, client_first, numbers, record: None, found: Segments::default() }
    }

    fn holds(&self, number: u64) -> bool {
        (self.numbers.0..=self.numbers.1).contains(&number)
    }

    fn take(&mut self, evidence: EvidenceId, seg: &Seg<'_>, from_first: bool, most: usize) {
        let record = self.record.get_or_insert_with(|| Record::new(0, self.key, seg, from_first));
        if record.take(evidence, seg, from_first, false) == Taken::Copy {
            return;
        }
        if self.found.list.len() >= most {
            self.found.left_out += 1;
            return;
        }
        let side = if from_first == self.client_first { Side::Client } else { Side::Server };
        self.found.list.push(segment(evidence, seg, side));
    }
}

fn segment(evidence: EvidenceId, seg: &Seg<'_>, side: Side) -> Segment {
    let mut segment = Segment {
        packet: seg.packet(evidence),
        side,
        ttl: seg.ttl,
        ip_id: seg.has_ip_id.then_some(seg.ip_id),
        flags: seg.flags,
        seq: seg.seq,
        ack: seg.ack,
        window: seg.window,
        payload_bytes: seg.payload_bytes,
        timestamps: seg.timestamps,
        window_scale: None,
        sack_permitted: false,
        sack: Vec::new(),
        mss: None,
        sum: seg.sum,
    };
    for option in seg.tcp.options() {
        match option {
            TcpOption::WindowScale(scale) => segment.window_scale = Some(scale),
            TcpOption::SackPermitted => segment.sack_permitted = true,
            TcpOption::Sack(blocks) => segment.sack.extend(sack_blocks(blocks)),
            TcpOption::Mss(mss) => segment.mss = Some(mss),
            TcpOption::Timestamps(..) | TcpOption::Other(_) => {}
        }
    }
    segment
}
