//! Records of a recording: a mark, a tag, a length, a checksum, content. After damage the next whole record is found by its mark.

use flate2::Crc;

/// The first line of a file.
pub(super) const MAGIC: &[u8] = b"casebook.memory-recording/1\n";
/// What each record begins with.
const MARK: &[u8] = b"\xc5MR";
/// Tag of a header: JSON.
pub(super) const HEADER: u8 = b'H';
/// Tag of a block: deflate (RFC 1951) of [`super::block`].
pub(super) const BLOCK: u8 = b'B';
/// Tag of the end of a run: JSON.
pub(super) const END: u8 = b'E';
/// Bytes before the content.
const HEAD: usize = 12;
/// Content at most.
const MAX: usize = 8 << 20;

/// Appends a record.
pub(super) fn put(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.extend_from_slice(MARK);
    out.push(tag);
    out.extend_from_slice(&(content.len() as u32).to_le_bytes());
    out.extend_from_slice(&checksum(tag, content).to_le_bytes());
    out.extend_from_slice(content);
}

fn checksum(tag: u8, content: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(&[tag]);
    crc.update(content);
    crc.sum()
}

/// A record and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What comes next.
pub(super) enum Next<'a> {
    Record(Record<'a>),
    /// A stretch that is no record.
    Damaged {
        start: usize,
        end: usize,
        why: &'static str,
    },
}

/// Records one after the other.
pub(super) struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Bytes of which the checksum may still be wrong: a file made of marks must not be summed over and over.
    budget: usize,
}

impl<'a> Records<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let at = if bytes.starts_with(MAGIC) { MAGIC.len() } else { 0 };
        Self { bytes, at, budget: bytes.len().saturating_mul(2).saturating_add(1 << 20) }
    }

    fn record(&mut self, start: usize) -> Option<Record<'a>> {
        let head = self.bytes.get(start..start.checked_add(HEAD)?)?;
        let tag = *head.strip_prefix(MARK)?.first()?;
        let number = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
        let length = usize::try_from(number(4)?).ok().filter(|length| *length <= MAX)?;
        let (from, end) = (start + HEAD, (start + HEAD).checked_add(length)?);
        let content = self.bytes.get(from..end)?;
        if self.budget < length || !matches!(tag, HEADER | BLOCK | END) {
            return None;
        }
        if checksum(tag, content) == number(8)? {
            Some(Record { tag, content, start, end })
        } else {
            self.budget -= length;
            None
        }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Next<'a>;

    fn next(&mut self) -> Option<Next<'a>> {
        let start = self.at;
        if start >= self.bytes.len() {
            return None;
        }
        if let Some(record) = self.record(start) {
            self.at = record.end;
            return Some(Next::Record(record));
        }
        let mut from = start + 1;
        loop {
            let rest = self.bytes.get(from..).unwrap_or_default();
            match rest.iter().position(|byte| *byte == MARK[0]) {
                Some(skip) if self.record(from + skip).is_some() => {
                    self.at = from + skip;
                    return Some(Next::Damaged { start, end: self.at, why: "damaged; no record of a recording" });
                }
                Some(skip) => from += skip + 1,
                None => {
                    self.at = self.bytes.len();
                    let whole = self.bytes.get(start..).unwrap_or_default();
                    let torn = whole.starts_with(MARK) || MARK.starts_with(whole);
                    let why = if torn { "the last record breaks off" } else { "damaged; no record of a recording" };
                    return Some(Next::Damaged { start, end: self.at, why });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(bytes: &[u8]) -> Vec<(bool, usize, usize)> {
        let next = |next: Next<'_>| match next {
            Next::Record(record) => (true, record.start, record.end),
            Next::Damaged { start, end, .. } => (false, start, end),
        };
        Records::new(bytes).map(next).collect()
    }

    #[test]
    fn after_damage_the_next_whole_record_is_found() {
        let mut bytes = MAGIC.to_vec();
        put(&mut bytes, HEADER, b"{}");
        put(&mut bytes, BLOCK, b"one");
        let second = bytes.len();
        put(&mut bytes, BLOCK, b"two");
        let (first, all) = (MAGIC.len() + 14, bytes.len());
        assert_eq!(shape(&bytes), [(true, 28, first), (true, first, second), (true, second, all)]);
        bytes[second - 1] ^= 1;
        assert_eq!(shape(&bytes), [(true, 28, first), (false, first, second), (true, second, all)]);
        assert_eq!(shape(&bytes[..all - 1]), [(true, 28, first), (false, first, all - 1)]);
    }

    #[test]
    fn a_file_of_marks_ends_soon() {
        let mut bytes = MARK.repeat(100_000);
        bytes.extend_from_slice(b"B");
        assert_eq!(shape(&bytes).len(), 1);
    }
}
