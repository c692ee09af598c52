//! The symbol index of an archive (`ranlib`): which member defines what.

use crate::gap::Gaps;

/// Entries of BSD's form can share their names; together they are not longer than so many times the table of names.
const SHARED: usize = 64;

/// How an index is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexForm {
    /// `/`: a count, offsets, names, in the order of the offsets; the highest byte first (System V, GNU).
    Gnu,
    /// `/SYM64/`: the same with numbers of 64 bits.
    Gnu64,
    /// `__.SYMDEF`: pairs of a name's offset and a member's, then the names; in the byte order of the machine.
    Bsd,
    /// `__.SYMDEF_64`: the same with numbers of 64 bits.
    Bsd64,
}

impl IndexForm {
    /// The form by the name of the member.
    pub(super) fn of(name: &[u8], bsd: Option<&[u8]>) -> Option<Self> {
        if name == b"/               " {
            return Some(IndexForm::Gnu);
        }
        if name == b"/SYM64/         " {
            return Some(IndexForm::Gnu64);
        }
        let name = bsd.unwrap_or(name);
        if name.starts_with(b"__.SYMDEF_64") {
            Some(IndexForm::Bsd64)
        } else if name.starts_with(b"__.SYMDEF") {
            Some(IndexForm::Bsd)
        } else {
            None
        }
    }

    /// Bytes of a number.
    fn word(self) -> usize {
        match self {
            IndexForm::Gnu | IndexForm::Bsd => 4,
            IndexForm::Gnu64 | IndexForm::Bsd64 => 8,
        }
    }
}

/// The index of an archive.
#[derive(Clone, Copy, Debug)]
pub struct Index<'a> {
    /// How it is written.
    pub form: IndexForm,
    /// The index says it has so many entries; [`Index::iter`] gives fewer where names or offsets are missing.
    pub count: usize,
    numbers: &'a [u8],
    names: &'a [u8],
    big: bool,
}

impl<'a> Index<'a> {
    pub(super) fn read(form: IndexForm, data: &'a [u8], start: usize, gaps: &mut Gaps) -> Self {
        let read = match form {
            IndexForm::Gnu | IndexForm::Gnu64 => Self::gnu(form, data),
            IndexForm::Bsd | IndexForm::Bsd64 => Self::bsd(form, data, false).or_else(|| Self::bsd(form, data, true)),
        };
        let index = read.unwrap_or(Self { form, count: 0, numbers: &[], names: &[], big: true });
        let words = if matches!(form, IndexForm::Gnu | IndexForm::Gnu64) { 1 } else { 2 };
        let there = index.numbers.len() / (words * form.word());
        // Some tools write an index of no bytes where nothing is defined.
        if (read.is_none() && !data.is_empty()) || there < index.count {
            gaps.add(start, start + data.len(), "the symbol index is damaged");
        }
        index
    }

    fn gnu(form: IndexForm, data: &'a [u8]) -> Option<Self> {
        let word = form.word();
        let said = usize::try_from(number(data, 0, word, true)?).unwrap_or(usize::MAX);
        let rest = data.get(word..)?;
        let fits = said.min(rest.len() / word);
        let (numbers, names) = rest.split_at_checked(fits * word)?;
        Some(Self { form, count: said, numbers, names, big: true })
    }

    fn bsd(form: IndexForm, data: &'a [u8], big: bool) -> Option<Self> {
        let word = form.word();
        let size = usize::try_from(number(data, 0, word, big)?).ok()?;
        if size % (2 * word) != 0 {
            return None;
        }
        let rest = data.get(word..)?;
        let (numbers, rest) = rest.split_at_checked(size)?;
        // The size of the names follows, and bfd does not ask it: all that is left are names.
        let names = rest.get(word..)?;
        Some(Self { form, count: size / (2 * word), numbers, names, big })
    }

    /// Name and offset of the member's header, in the order of the index. It ends where a name is missing: fewer than
    /// [`Index::count`] are damage.
    pub fn iter(&self) -> IndexIter<'a> {
        IndexIter { index: *self, at: 0, name: 0, left: self.names.len().saturating_mul(SHARED) }
    }
}

/// The entries of an index.
pub struct IndexIter<'a> {
    index: Index<'a>,
    /// Next entry.
    at: usize,
    /// Where its name begins, where names follow each other.
    name: usize,
    /// Bytes of names that may still come.
    left: usize,
}

impl<'a> Iterator for IndexIter<'a> {
    type Item = (&'a [u8], u64);

    fn next(&mut self) -> Option<Self::Item> {
        let Index { form, numbers, names, big, .. } = self.index;
        let word = form.word();
        let (offset, start) = match form {
            IndexForm::Gnu | IndexForm::Gnu64 => (number(numbers, self.at.checked_mul(word)?, word, big)?, self.name),
            IndexForm::Bsd | IndexForm::Bsd64 => {
                let at = self.at.checked_mul(2 * word)?;
                let start = usize::try_from(number(numbers, at, word, big)?).ok()?;
                (number(numbers, at + word, word, big)?, start)
            }
        };
        let rest = names.get(start..)?;
        let window = &rest[..rest.len().min(crate::elf::LONGEST_NAME)];
        let end = memchr::memchr(0, window)?;
        self.left = self.left.checked_sub(end)?;
        self.name = start + end + 1;
        self.at += 1;
        Some((&window[..end], offset))
    }
}

fn number(bytes: &[u8], at: usize, word: usize, big: bool) -> Option<u64> {
    let bytes = bytes.get(at..)?;
    Some(match (word, big) {
        (4, true) => u32::from_be_bytes(*bytes.first_chunk()?).into(),
        (4, false) => u32::from_le_bytes(*bytes.first_chunk()?).into(),
        (_, true) => u64::from_be_bytes(*bytes.first_chunk()?),
        (_, false) => u64::from_le_bytes(*bytes.first_chunk()?),
    })
}
