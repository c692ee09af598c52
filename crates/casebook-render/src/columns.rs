//! Columns in code points, which SARIF and pull-request annotations count in, from byte offsets.
//!
//! Evidence may be one line of many megabytes with thousands of places in it, so counting from the start of
//! the line each time would be quadratic: the count so far is kept every few kilobytes.

/// Distance between kept counts, in bytes.
const STEP: usize = 4096;

/// Counts of code points before each multiple of [`STEP`].
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    before: Vec<u64>,
}

impl Columns {
    /// Reads all of `bytes` once.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mut before = Vec::with_capacity(bytes.len() / STEP + 1);
        let mut count = 0;
        for chunk in bytes.chunks(STEP) {
            before.push(count);
            count += starts(chunk);
        }
        before.push(count);
        Self { before }
    }

    /// Code points that begin in `start..end` of the same `bytes`.
    pub(crate) fn chars(&self, bytes: &[u8], start: u64, end: u64) -> u64 {
        self.upto(bytes, end).saturating_sub(self.upto(bytes, start))
    }

    fn upto(&self, bytes: &[u8], offset: u64) -> u64 {
        let offset = (offset as usize).min(bytes.len());
        let step = offset / STEP;
        let kept = self.before.get(step).copied().unwrap_or(0);
        kept + starts(&bytes[step * STEP..offset])
    }
}

/// Bytes that begin a code point: all but continuation bytes. A byte of invalid UTF-8 counts as one where a
/// reader that replaces it would show one, except for stray continuation bytes.
fn starts(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| (**byte as i8) >= -0x40).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_agree_with_counting_chars_across_steps() {
        let text = "aé日🦀\n".repeat(2000);
        let columns = Columns::new(text.as_bytes());
        for (offset, _) in text.char_indices().step_by(97) {
            let expected = text[..offset].chars().count() as u64;
            assert_eq!(columns.chars(text.as_bytes(), 0, offset as u64), expected, "offset {offset}");
        }
        assert_eq!(columns.chars(text.as_bytes(), 0, u64::MAX), text.chars().count() as u64);
    }
}
