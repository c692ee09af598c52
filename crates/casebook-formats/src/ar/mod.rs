//! Archives (`ar`): GNU's, BSD's, thin ones, with a symbol index of 32 or 64 bits or without (bfd/archive.c and
//! bfd/archive64.c of binutils, llvm/lib/Object/Archive.cpp).
//!
//! Members are walked one by one and borrowed; an archive in an archive is a member like others. The walk ends where a
//! header is damaged: there is no way to know where the next one begins, and no linker goes on either.

mod index;
#[cfg(test)]
mod tests;

pub use index::{Index, IndexForm, IndexIter};

use crate::gap::Gaps;

const MAGIC: &[u8; 8] = b"!<arch>\n";
const THIN: &[u8; 8] = b"!<thin>\n";
/// Name, date, owner, group, mode, size, and two bytes that end it.
const HEADER: usize = 60;
/// Longest name of a member that is read, in bytes.
pub const LONGEST_NAME: usize = 1 << 12;

/// True when the bytes begin as an archive does, thin or not.
pub fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC) || bytes.starts_with(THIN)
}

/// An archive, its index and its table of long names found.
#[derive(Clone, Debug)]
pub struct Archive<'a> {
    bytes: &'a [u8],
    thin: bool,
    index: Option<Index<'a>>,
    /// Long names (`//`).
    names: &'a [u8],
    /// Where members begin.
    first: usize,
}

/// A member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// Its name; in a thin archive its path, from the folder of the archive on where it is relative.
    pub name: &'a [u8],
    /// Where its header begins, which is what the index calls it by.
    pub at: usize,
    /// Its size as the header tells, in bytes, without a name that stands in front of it.
    pub size: u64,
    /// What it holds.
    pub contents: Contents<'a>,
}

/// What a member holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents<'a> {
    /// These bytes of the archive, as far as the archive goes.
    Inside {
        /// Where they begin in the archive.
        start: usize,
        /// They themselves.
        bytes: &'a [u8],
    },
    /// A file of its own.
    Outside,
    /// A member of another archive, which is a file of its own: where its header begins there.
    Nested(u64),
}

impl<'a> Archive<'a> {
    /// Finds the index and the long names. `None` when it does not begin as an archive.
    pub fn read(bytes: &'a [u8], gaps: &mut Gaps) -> Option<Self> {
        if !is_archive(bytes) {
            gaps.add(0, bytes.len().min(MAGIC.len()), "it does not begin as an archive");
            return None;
        }
        let mut archive = Self { bytes, thin: bytes.starts_with(THIN), index: None, names: &[], first: MAGIC.len() };
        while let Some(raw) = Raw::at(bytes, archive.first) {
            let data = raw.data(bytes);
            let bsd = raw.bsd_name(data);
            if let Some(form) = IndexForm::of(raw.name, bsd) {
                let skipped = bsd.map_or(0, <[u8]>::len);
                // Microsoft's tools write a second index, in another order; the first is the one linkers here read.
                if archive.index.is_none() {
                    let start = raw.start() + skipped;
                    archive.index = Some(Index::read(form, data.get(skipped..).unwrap_or_default(), start, gaps));
                }
            } else if is_name_table(raw.name) {
                archive.names = data;
            } else {
                break;
            }
            match raw.next(bytes, false) {
                Some(next) => archive.first = next,
                None => {
                    gaps.add(raw.at, bytes.len(), "the archive ends inside of its index or its table of names");
                    archive.first = bytes.len();
                }
            }
        }
        Some(archive)
    }

    /// Bytes of the archive.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// True when its members are files of their own.
    pub fn is_thin(&self) -> bool {
        self.thin
    }

    /// The symbol index, if there is one.
    pub fn index(&self) -> Option<&Index<'a>> {
        self.index.as_ref()
    }

    /// The members, in order.
    pub fn members(&self) -> Members<'a, '_> {
        Members { archive: self, at: self.first }
    }

    /// The member whose header begins at an offset, as the index names it.
    pub fn member_at(&self, offset: u64, gaps: &mut Gaps) -> Option<Member<'a>> {
        let raw = Raw::at(self.bytes, usize::try_from(offset).ok()?).filter(|raw| !raw.is_special())?;
        Some(self.member(&raw, gaps))
    }

    fn member(&self, raw: &Raw<'a>, gaps: &mut Gaps) -> Member<'a> {
        let data = if self.thin { &[][..] } else { raw.data(self.bytes) };
        let mut member = Member {
            name: &[],
            at: raw.at,
            size: raw.size,
            contents: if self.thin { Contents::Outside } else { Contents::Inside { start: raw.start(), bytes: data } },
        };
        if let Some(name) = raw.bsd_name(data) {
            member.name = trim(name, 0);
            member.size = raw.size.saturating_sub(name.len() as u64);
            if !self.thin {
                let bytes = data.get(name.len()..).unwrap_or_default();
                member.contents = Contents::Inside { start: raw.start() + name.len(), bytes };
            }
            return member;
        }
        match raw.long_name() {
            Some((offset, origin)) => {
                match long_name(self.names, offset) {
                    Some(name) => member.name = name,
                    None => gaps.add(raw.at, raw.at + 16, "the name of a member is not in the table of long names"),
                }
                if let Some(origin) = origin.filter(|origin| self.thin && *origin > 0) {
                    member.contents = Contents::Nested(origin);
                }
            }
            None => member.name = short_name(raw.name),
        }
        member
    }
}

/// The members of an archive.
pub struct Members<'a, 'b> {
    archive: &'b Archive<'a>,
    at: usize,
}

impl<'a> Members<'a, '_> {
    /// The next one.
    pub fn next(&mut self, gaps: &mut Gaps) -> Option<Member<'a>> {
        let bytes = self.archive.bytes;
        loop {
            let raw = match Raw::at(bytes, self.at) {
                Some(raw) => raw,
                None => {
                    if self.at < bytes.len() {
                        gaps.add(self.at, bytes.len(), "no header of a member; what follows is not read");
                    }
                    self.at = bytes.len();
                    return None;
                }
            };
            let outside = self.archive.thin && !raw.is_special();
            match raw.next(bytes, outside) {
                Some(next) => self.at = next,
                None => {
                    gaps.add(raw.at, bytes.len(), "the archive ends inside of a member");
                    self.at = bytes.len();
                }
            }
            if !raw.is_special() {
                return Some(self.archive.member(&raw, gaps));
            }
        }
    }
}

/// A header that is whole.
#[derive(Clone, Copy)]
struct Raw<'a> {
    at: usize,
    name: &'a [u8],
    size: u64,
}

impl<'a> Raw<'a> {
    fn at(bytes: &'a [u8], at: usize) -> Option<Self> {
        let header: &[u8; HEADER] = bytes.get(at..)?.first_chunk()?;
        if header[58..] != *b"`\n" {
            return None;
        }
        Some(Self { at, name: &header[..16], size: decimal(&header[48..58])? })
    }

    /// Where its data begins.
    fn start(&self) -> usize {
        self.at + HEADER
    }

    fn data(&self, bytes: &'a [u8]) -> &'a [u8] {
        let rest = bytes.get(self.start()..).unwrap_or_default();
        let size = usize::try_from(self.size).unwrap_or(usize::MAX).min(rest.len());
        rest.get(..size).unwrap_or_default()
    }

    /// Where the next header begins; headers stand at even offsets. `None` when the archive ends before.
    fn next(&self, bytes: &[u8], outside: bool) -> Option<usize> {
        if outside {
            return Some(self.start());
        }
        let end = self.start().checked_add(usize::try_from(self.size).ok()?).filter(|end| *end <= bytes.len())?;
        Some((end + end % 2).min(bytes.len()))
    }

    /// A name of BSD 4.4, `#1/N`: the first N bytes of the data.
    fn bsd_name(&self, data: &'a [u8]) -> Option<&'a [u8]> {
        let length = decimal(self.name.strip_prefix(b"#1/")?)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(data.len()).min(LONGEST_NAME);
        data.get(..length)
    }

    /// Offset of a long name, and where the header is in the archive of that name: `/123`, `/123:456`.
    fn long_name(&self) -> Option<(u64, Option<u64>)> {
        let digits = self.name.strip_prefix(b"/")?;
        let offset = decimal(digits)?;
        let origin = digits.iter().position(|byte| *byte == b':').and_then(|colon| decimal(&digits[colon + 1..]));
        Some((offset, origin))
    }

    /// True for an index, a table of names, and what Microsoft's tools add (`/<ECSYMBOLS>/`).
    fn is_special(&self) -> bool {
        self.name.starts_with(b"/ ")
            || self.name.starts_with(b"/SYM64/")
            || self.name.starts_with(b"/<")
            || self.name.starts_with(b"__.SYMDEF")
            || is_name_table(self.name)
    }
}

/// SVR4's table of long names, and that of `ar` before it.
fn is_name_table(name: &[u8]) -> bool {
    name == b"//              " || name == b"ARFILENAMES/    "
}

/// A number as `sscanf` reads it: blanks, digits, whatever.
fn decimal(text: &[u8]) -> Option<u64> {
    let text = text.trim_ascii_start();
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return None;
    }
    text[..digits].iter().try_fold(0u64, |value, digit| value.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
}

/// A name in a header ends with a slash; without one with a blank. A zero byte ends it before either.
fn short_name(name: &[u8]) -> &[u8] {
    let end = [0, b'/', b' '].into_iter().find_map(|end| memchr::memchr(end, name)).unwrap_or(name.len());
    &name[..end]
}

/// A long name ends with its line, and the slash before that is no part of it.
fn long_name(names: &[u8], offset: u64) -> Option<&[u8]> {
    let rest = names.get(usize::try_from(offset).ok()?..)?;
    let window = &rest[..rest.len().min(LONGEST_NAME)];
    let end = memchr::memchr2(b'\n', 0, window)?;
    let name = &window[..end];
    Some(name.strip_suffix(b"/").unwrap_or(name)).filter(|name| !name.is_empty())
}

fn trim(name: &[u8], end: u8) -> &[u8] {
    let length = name.iter().rposition(|byte| *byte != end).map_or(0, |last| last + 1);
    &name[..length]
}
