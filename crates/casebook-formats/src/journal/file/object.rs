//! Objects: a type, flags, a size, a payload; each begins at a multiple of eight.

pub(super) const DATA: u8 = 1;
pub(super) const ENTRY: u8 = 3;
pub(super) const ENTRY_ARRAY: u8 = 6;
/// The last type (`OBJECT_TAG`).
const LAST: u8 = 7;
/// Type, flags, six reserved bytes, size.
pub(super) const OBJECT_HEADER: usize = 16;

/// An object, by its place in the file. It is inside of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::journal) struct Object {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: u8,
    pub(super) flags: u8,
}

impl Object {
    #[inline]
    pub(super) fn at(bytes: &[u8], start: usize) -> Option<Self> {
        let header: &[u8; OBJECT_HEADER] = bytes.get(start..)?.first_chunk()?;
        let size = usize::try_from(word(header, 8)?).ok()?;
        let end = start.checked_add(size)?;
        let kind = header[0];
        let whole = size >= OBJECT_HEADER && end <= bytes.len() && start.is_multiple_of(8);
        (whole && (1..=LAST).contains(&kind)).then_some(Self { start, end, kind, flags: header[1] })
    }

    #[inline]
    pub(super) fn at_offset(bytes: &[u8], offset: u64) -> Option<Self> {
        Self::at(bytes, usize::try_from(offset).ok().filter(|offset| *offset != 0)?)
    }

    /// Where the next object begins.
    pub(super) fn next(self) -> usize {
        self.end.next_multiple_of(8)
    }
}

/// The next place behind `from` where two objects follow each other, or one ends the file.
pub(super) fn resume(bytes: &[u8], from: usize) -> Option<usize> {
    let first = from.next_multiple_of(8);
    let from = if first == from { from.checked_add(8)? } else { first };
    let mut at = from;
    loop {
        // Zeros hold no object: skip them fast.
        let rest = bytes.get(at..)?;
        let zeros = rest.iter().take_while(|byte| **byte == 0).count();
        if zeros == rest.len() {
            return None;
        }
        at += zeros / 8 * 8;
        if let Some(object) = Object::at(bytes, at).filter(|_| reserved_is_zero(bytes, at)) {
            let next = object.next();
            let follows = Object::at(bytes, next).is_some() && reserved_is_zero(bytes, next);
            if follows || bytes.get(next..).is_none_or(|rest| rest.iter().take(OBJECT_HEADER).all(|byte| *byte == 0)) {
                return Some(at);
            }
        }
        at += 8;
    }
}

fn reserved_is_zero(bytes: &[u8], at: usize) -> bool {
    bytes.get(at + 2..at + 8).is_some_and(|reserved| reserved.iter().all(|byte| *byte == 0))
}

#[inline]
pub(in crate::journal) fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[inline]
pub(super) fn word_32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
