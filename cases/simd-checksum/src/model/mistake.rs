//! Checksums that were made in another way than the protocol wants: nothing happened to the packet.

use casebook_checksum::{Sum, ones};
use casebook_formats::packet::Protocol;

use super::crc;
use super::sums;
use crate::facts::specimen::{Pseudo, Specimen};

/// How a sum was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mistake {
    /// The field has its two bytes, or four, the other way round.
    Swapped,
    /// The field has the sum, not its complement.
    NotComplemented,
    /// The field is 0: nobody filled it in.
    Empty,
    /// The pseudo header is left out.
    NoPseudoHeader,
    /// Bytes behind the packet are in the sum: padding of the frame, or its check sequence.
    Trailer {
        /// How many.
        bytes: usize,
    },
    /// The last, odd byte counts as the lower half of its word.
    OddByteLow,
    /// The last, odd byte is not in the sum.
    OddByteMissing,
    /// Only the header is in the sum.
    HeaderOnly,
    /// The pseudo header has the length of the payload.
    PayloadLength,
    /// The pseudo header has the length of the whole IPv4 packet, header of 20 bytes included.
    PacketLength,
    /// The pseudo header has the length in the other byte order.
    SwappedLength,
    /// SCTP with Adler-32, as before RFC 3309.
    Adler32,
}

/// Hypotheses that [`mistake`] tries besides those about a trailer; one packet in 65536 agrees with one by chance.
pub const TRIED: usize = 10;

impl Mistake {
    /// True when a wrong number of bytes was summed.
    pub fn is_length(self) -> bool {
        use Mistake::{HeaderOnly, OddByteLow, OddByteMissing, PacketLength, PayloadLength, SwappedLength, Trailer};
        matches!(
            self,
            HeaderOnly | OddByteLow | OddByteMissing | PacketLength | PayloadLength | SwappedLength | Trailer { .. }
        )
    }
}

/// The first way to make a sum that gives what the field says.
pub fn mistake(specimen: &Specimen<'_>) -> Option<Mistake> {
    if specimen.protocol == Protocol::Sctp {
        return sctp(specimen);
    }
    let stored = specimen.stored as u16;
    let is = |sum: Sum| ones::same(sum.checksum(), stored);
    let message = sums::message(specimen, specimen.covered);
    let above = specimen.pseudo.as_ref().map_or(Sum::EMPTY, sums::pseudo);
    let whole = above.then(message);
    if stored == 0 {
        return Some(Mistake::Empty);
    }
    if stored.swap_bytes() != stored && ones::same(whole.checksum(), stored.swap_bytes()) {
        return Some(Mistake::Swapped);
    }
    if ones::same(whole.fold(), stored) {
        return Some(Mistake::NotComplemented);
    }
    if let Some(pseudo) = &specimen.pseudo {
        if is(message) {
            return Some(Mistake::NoPseudoHeader);
        }
        if let Some(mistake) = length(specimen, pseudo, message).find_map(|(sum, mistake)| is(sum).then_some(mistake)) {
            return Some(mistake);
        }
    }
    if let [body @ .., last] = specimen.covered
        && specimen.covered.len() % 2 == 1
        && *last != 0
    {
        let body = above.then(sums::message(specimen, body));
        if is(body.word(u16::from(*last))) {
            return Some(Mistake::OddByteLow);
        }
        if is(body) {
            return Some(Mistake::OddByteMissing);
        }
    }
    if specimen.payload < specimen.covered.len()
        && specimen.field < specimen.payload
        && is(above.then(sums::message(specimen, &specimen.covered[..specimen.payload])))
    {
        return Some(Mistake::HeaderOnly);
    }
    // The longest padding is that of a frame of 60 bytes, then a check sequence.
    (1..=specimen.trailer.len().min(50)).find_map(|bytes| {
        let trailer = &specimen.trailer[..bytes];
        if trailer.last() == Some(&0) && bytes < specimen.trailer.len() {
            // Zeros add nothing: the next one that is not, or the end, says it.
            return None;
        }
        let longer =
            specimen.pseudo.map(|pseudo| Pseudo { length_bytes: pseudo.length_bytes + bytes as u32, ..pseudo });
        let longer = longer.as_ref().map_or(Sum::EMPTY, sums::pseudo);
        let hit = is(whole.bytes(trailer)) || is(longer.then(message).bytes(trailer));
        hit.then_some(Mistake::Trailer { bytes })
    })
}

/// Sums under a pseudo header with another length.
fn length(specimen: &Specimen<'_>, pseudo: &Pseudo, message: Sum) -> impl Iterator<Item = (Sum, Mistake)> {
    let length = pseudo.length_bytes;
    let payload = (specimen.covered.len() - specimen.payload) as u32;
    let swapped = u32::from((length as u16).swap_bytes());
    let others =
        [(payload, Mistake::PayloadLength), (length + 20, Mistake::PacketLength), (swapped, Mistake::SwappedLength)];
    let pseudo = *pseudo;
    others
        .into_iter()
        .filter(move |(other, _)| *other != length)
        .map(move |(length_bytes, mistake)| (sums::pseudo(&Pseudo { length_bytes, ..pseudo }).then(message), mistake))
}

fn sctp(specimen: &Specimen<'_>) -> Option<Mistake> {
    if specimen.stored.swap_bytes() == specimen.computed {
        return Some(Mistake::Swapped);
    }
    // Adler-32 is written in network order; the field was read the other way.
    (specimen.stored.swap_bytes() == crc::adler32(specimen.covered)).then_some(Mistake::Adler32)
}
