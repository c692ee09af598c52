//! The sum of a packet as its sender made it, and with other bytes in the place of some.

use casebook_checksum::{Sum, ones};

use crate::facts::specimen::{Pseudo, Specimen};

/// The pseudo header (RFC 9293 section 3.1, RFC 8200 section 8.1).
pub fn pseudo(pseudo: &Pseudo) -> Sum {
    pseudo.words().into_iter().fold(Sum::EMPTY, Sum::word)
}

/// The sum of a message without its field, and without what the protocol leaves out.
pub fn message(specimen: &Specimen<'_>, covered: &[u8]) -> Sum {
    let (from, to) = specimen.left_out;
    let field = specimen.field;
    let head = Sum::of(&covered[..field.min(covered.len())]).word(0);
    let rest = covered.get(field + 2..).unwrap_or_default();
    if to == 0 || covered.len() < to {
        return head.bytes(rest);
    }
    head.bytes(&rest[..from - field - 2]).bytes(&rest[to - field - 2..])
}

/// What the field of a message has to say.
pub fn checksum(specimen: &Specimen<'_>, covered: &[u8]) -> u16 {
    let above = specimen.pseudo.as_ref().map_or(Sum::EMPTY, pseudo);
    above.then(message(specimen, covered)).checksum()
}

/// A byte that is not what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where it is in what is covered.
    pub at: usize,
    /// What was sent.
    pub was: u8,
    /// What arrived.
    pub is: u8,
}

/// The bytes of the payload in which `bad` differs from `copy`, when putting the copy's in makes its checksum hold.
///
/// Of TCP the payloads are laid over each other by sequence number, so a retransmission may be longer or begin elsewhere. Of
/// others both are of one length.
pub fn repaired(bad: &Specimen<'_>, copy: &Specimen<'_>) -> Option<Vec<Change>> {
    let (own, other) = (bad.data(), copy.data());
    let (skip, from) = match (bad.seq, copy.seq) {
        (Some(seq), Some(copied)) => {
            let ahead = copied.wrapping_sub(seq) as i32;
            (usize::try_from(ahead).unwrap_or(0), usize::try_from(-i64::from(ahead)).unwrap_or(0))
        }
        _ if bad.covered.len() == copy.covered.len() => (0, 0),
        _ => return None,
    };
    let (own, other) = (own.get(skip..)?, other.get(from..)?);
    let changes: Vec<Change> = own
        .iter()
        .zip(other)
        .enumerate()
        .filter(|(_, (is, was))| is != was)
        .map(|(at, (is, was))| Change { at: bad.payload + skip + at, was: *was, is: *is })
        .collect();
    // A packet that is mostly different is another packet.
    if changes.is_empty() || changes.len() * 4 > own.len().min(other.len()).max(16) {
        return None;
    }
    let mut mended = bad.covered.to_vec();
    changes.iter().for_each(|change| mended[change.at] = change.was);
    ones::same(checksum(bad, &mended), bad.stored as u16).then_some(changes)
}
