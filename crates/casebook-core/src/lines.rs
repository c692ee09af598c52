//! Byte offsets to lines and columns.

use crate::evidence::Bytes;

/// One-based line and column; the column counts bytes, as compilers' machine formats do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineColumn {
    /// Line, from 1.
    pub line: u32,
    /// Column in bytes, from 1.
    pub column: u32,
}

/// Offsets of line starts of one text.
#[derive(Clone, Debug)]
pub struct LineIndex {
    starts: Vec<u64>,
    len: u64,
}

impl LineIndex {
    /// Index of `bytes`. Lines end at `\n`.
    pub fn new(bytes: &[u8]) -> Self {
        let mut starts = vec![0];
        starts.extend(bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at as u64 + 1));
        Self { starts, len: bytes.len() as u64 }
    }

    /// Index of evidence that may be large: what was looked through is let go of.
    pub fn of(bytes: &Bytes) -> Self {
        const STEP: usize = 4 << 20;
        let all = bytes.as_slice();
        let mut starts = vec![0];
        for (number, part) in all.chunks(STEP).enumerate() {
            let from = number * STEP;
            let ends = part.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
            starts.extend(ends.map(|(at, _)| (from + at) as u64 + 1));
            // Small evidence stays where it is.
            if all.len() > STEP {
                bytes.release(from..from + part.len());
            }
        }
        Self { starts, len: all.len() as u64 }
    }

    /// Line and column of a byte offset; offsets past the end give the end.
    pub fn line_column(&self, offset: u64) -> LineColumn {
        let offset = offset.min(self.len);
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        LineColumn { line: line as u32, column: (offset - self.starts[line - 1]) as u32 + 1 }
    }

    /// Byte range of a one-based line, without its newline; `None` past the last line.
    pub fn line_range(&self, line: u32) -> Option<(u64, u64)> {
        let index = line.checked_sub(1)? as usize;
        let start = *self.starts.get(index)?;
        let end = self.starts.get(index + 1).map_or(self.len, |next| next - 1);
        Some((start, end))
    }

    /// Number of lines.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// An index always has one line at least.
    pub fn is_empty(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_map_to_lines_and_byte_columns() {
        let index = LineIndex::new(b"ab\n\ncd");
        assert_eq!(index.line_column(0), LineColumn { line: 1, column: 1 });
        assert_eq!(index.line_column(2), LineColumn { line: 1, column: 3 });
        assert_eq!(index.line_column(3), LineColumn { line: 2, column: 1 });
        assert_eq!(index.line_column(99), LineColumn { line: 3, column: 3 });
        assert_eq!(index.line_range(3), Some((4, 6)));
        assert_eq!(index.line_range(4), None);
        let same = LineIndex::of(&Bytes::new(b"ab\n\ncd".to_vec()));
        assert_eq!((same.starts, same.len), (index.starts, index.len));
    }
}
