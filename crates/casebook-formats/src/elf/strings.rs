//! String tables: names that end with a zero byte.

/// Longest name that is read, in bytes. Names of C++ templates come to a hundred kilobytes.
pub const LONGEST_NAME: usize = 1 << 20;

/// Names that are read of one kind of table, in all. Names share their ends, so a table of names can give more bytes
/// than it has; a file that lies could give a megabyte for each of a million rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget(usize);

impl Budget {
    /// For a file of this size, in bytes: sixteen times as much.
    pub(super) fn of(size: usize) -> Self {
        Self(size.saturating_mul(16).saturating_add(LONGEST_NAME))
    }
}

/// A string table.
#[derive(Clone, Copy, Debug, Default)]
pub struct Strings<'a> {
    bytes: &'a [u8],
}

impl<'a> Strings<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The name at an offset; `None` when it begins behind the table, does not end inside of it, or is longer than
    /// [`LONGEST_NAME`]. Offset 0 is the empty name, in an empty table too (System V ABI, "String Table").
    #[inline]
    pub fn get(&self, offset: u32) -> Option<&'a [u8]> {
        let Some(rest) = usize::try_from(offset).ok().and_then(|offset| self.bytes.get(offset..)) else {
            return (offset == 0).then_some(&[]);
        };
        if rest.is_empty() {
            return (offset == 0).then_some(&[]);
        }
        let window = &rest[..rest.len().min(LONGEST_NAME)];
        memchr::memchr(0, window).map(|end| &window[..end])
    }

    /// The name at an offset, while there is budget. A name that cannot be read costs what was looked at.
    #[inline]
    pub(super) fn get_within(&self, offset: u32, budget: &mut Budget) -> Option<&'a [u8]> {
        if budget.0 == 0 {
            return None;
        }
        let name = self.get(offset);
        let cost = match name {
            Some(name) => name.len(),
            None => self.bytes.len().saturating_sub(offset as usize).min(LONGEST_NAME),
        };
        budget.0 = budget.0.saturating_sub(cost);
        name
    }
}
