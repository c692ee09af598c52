//! Looks for the unharmed copy of each bad packet: a retransmission, or the same packet in a capture of another place.
//!
//! A copy counts only when putting its bytes into the bad packet makes the checksum hold, so a packet that merely looks alike
//! is not taken for one. Captures are walked once more, and only when something in them is bad.

use std::collections::HashMap;

use casebook_core::{EvidenceId, EvidenceSet};
use casebook_formats::capture::{Frame, frames};
use casebook_formats::packet::checksum::{self, Verdict};
use casebook_formats::packet::{Packet, Protocol, Transport};

use super::capture::{self, Capture};
use super::specimen::{Site, Specimen};
use crate::model::sums;

/// Messages longer than this are not compared.
const LONGEST: usize = 64 * 1024;

/// What a copy has in common with a packet whatever a translator did to its addresses.
type Key = (Protocol, u16, u16);

/// A bad packet that is looked for.
struct Wanted<'a> {
    capture: usize,
    index: usize,
    specimen: Specimen<'a>,
}

/// Fills in [`super::specimen::Kept::copy`].
pub fn find(evidence: &EvidenceSet, captures: &mut [Capture]) {
    let mut wanted: HashMap<Key, Vec<Wanted<'_>>> = HashMap::new();
    for (number, capture) in captures.iter().enumerate() {
        for (index, kept) in capture.bad.iter().enumerate() {
            let way = kept.way;
            // A CRC finds the bit by itself; a header has no copy, its TTL changes.
            if matches!(way.protocol, Protocol::Sctp | Protocol::Ipv4) {
                continue;
            }
            let Some(specimen) = kept.specimen(evidence, capture.id()) else { continue };
            if specimen.data().is_empty() || specimen.covered.len() > LONGEST {
                continue;
            }
            let key = (way.protocol, way.source_port, way.destination_port);
            wanted.entry(key).or_default().push(Wanted { capture: number, index, specimen });
        }
    }
    if wanted.is_empty() {
        return;
    }
    let mut found: Vec<(usize, usize, EvidenceId, Site)> = Vec::new();
    for capture in captures.iter() {
        let Some(item) = evidence.get(capture.id()) else { continue };
        let mut released = 0;
        for frame in frames(item.as_bytes()) {
            look(&frame, item.id, &mut wanted, &mut found);
            if frame.end - released >= capture::RELEASE_EVERY {
                item.bytes.release(released..frame.end);
                released = frame.end;
            }
        }
        item.bytes.release(released..item.as_bytes().len());
    }
    for (capture, index, evidence, site) in found {
        captures[capture].bad[index].copy = Some((evidence, site));
    }
}

fn look(
    frame: &Frame<'_>,
    evidence: EvidenceId,
    wanted: &mut HashMap<Key, Vec<Wanted<'_>>>,
    found: &mut Vec<(usize, usize, EvidenceId, Site)>,
) {
    let mut packet = Packet::of(frame);
    for depth in 0..=4 {
        // Most packets have other ports: those are passed by before anything is summed.
        if let Some(protocol) = carried(&packet)
            && let Some(way) = capture::way(&packet, protocol)
            && let Some(list) = wanted.get_mut(&(protocol, way.source_port, way.destination_port))
            && let Some(check) = checksum::verify(&packet, frame.flags).transport
            && matches!(check.verdict, Verdict::Good | Verdict::Offloaded(_))
            && let Some(copy) = Specimen::of(frame, &packet, protocol)
        {
            list.retain(|one| {
                let is = sums::repaired(&one.specimen, &copy).is_some();
                if is {
                    found.push((one.capture, one.index, evidence, Site::of(frame, depth)));
                }
                !is
            });
        }
        match packet.inner() {
            Some(inner) => packet = inner,
            None => return,
        }
    }
}

fn carried(packet: &Packet<'_>) -> Option<Protocol> {
    match packet.transport {
        Transport::Tcp(_) => Some(Protocol::Tcp),
        Transport::Udp(_) => Some(Protocol::Udp),
        Transport::Message { protocol, .. } => Some(protocol),
        _ => None,
    }
}
