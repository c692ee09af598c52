//! Objects, shared objects and archives: bytes to [`File`]s of the model.
//!
//! A file that linkers refuse is a file too: [`Content::Unusable`] says why. Damage that leaves the symbols whole is a
//! [`Fault`], and the facts around it are kept: who calls decides what a linker makes of it.

mod ahead;
mod archive;
mod object;
mod rename;
mod shared;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use casebook_core::Bytes;
use casebook_formats::ar;
use casebook_formats::elf::{Elf, Machine, Section, abi};
use casebook_formats::gap::Gaps;

use crate::model::input::{Content, File, FileId, Unusable};
use crate::model::names::{Name, Names};

pub use ahead::{Ahead, Beside, Planned};

/// Most symbols that are read of one table; more are a fault.
const MOST_SYMBOLS: usize = 1 << 22;
/// Most relocations that are read of one file.
const MOST_RELOCATIONS: usize = 1 << 23;

/// LLVM's bitcode begins so, as it is or in a wrapper (llvm/include/llvm/Bitcode/BitcodeReader.h, `isRawBitcode`,
/// `isBitcodeWrapper`).
const BITCODE: &[u8] = b"BC\xc0\xde";
const BITCODE_WRAPPED: &[u8] = &0x0b17_c0de_u32.to_le_bytes();

/// What a file is by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// ELF, for this machine.
    Elf(Machine),
    /// An archive with its members in it.
    Archive,
    /// An archive whose members are files of their own.
    ThinArchive,
    /// LLVM's bitcode.
    Bitcode,
    /// None of these: a linker script, or no input at all.
    Other,
}

/// What a file is by its first bytes.
pub fn kind_of(bytes: &[u8]) -> Kind {
    if let Some(machine) = Machine::of(bytes) {
        Kind::Elf(machine)
    } else if ar::is_archive(bytes) {
        if bytes.starts_with(b"!<thin>") { Kind::ThinArchive } else { Kind::Archive }
    } else if bytes.starts_with(BITCODE) || bytes.starts_with(BITCODE_WRAPPED) {
        Kind::Bitcode
    } else {
        Kind::Other
    }
}

/// The machine of an ELF file: class, byte order, number. Reads twenty bytes.
pub fn machine_of(bytes: &[u8]) -> Option<Machine> {
    Machine::of(bytes)
}

/// Where the bytes of a file are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// In the bytes that were given, from byte to byte.
    Here(Range<u64>),
    /// In a file of its own that a thin archive names: its path as the archive has it, and from byte to byte in it.
    Outside(String, Range<u64>),
}

/// A file that was added, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The file.
    pub file: FileId,
    /// Where its bytes are; `None` for one that is missing.
    pub held: Option<Held>,
    /// The machine it is for, if it is ELF.
    pub machine: Option<Machine>,
}

/// Damage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file that is damaged.
    pub file: FileId,
    /// Where, from byte to byte, in the bytes that hold the file ([`Held`]): the archive's for a member of one that is
    /// not thin.
    pub at: Range<u64>,
    /// What is wrong.
    pub why: String,
}

/// What [`add`] added.
#[derive(Clone, Debug)]
pub struct Added {
    /// The file itself; its members follow it in `parts`.
    pub file: FileId,
    /// All files that were added, in order.
    pub parts: Vec<Part>,
    /// Damage, as it was met: 256 at most of one file.
    pub faults: Vec<Fault>,
    /// Faults beyond those.
    pub unlisted: u64,
}

/// Gives the bytes of a file that a thin archive names, by the path as it is written there: relative to the folder of
/// the archive, or absolute.
pub type Outside<'a> = dyn FnMut(&str) -> Option<Bytes> + 'a;

/// Reads a file and adds it to `files`; an archive adds its members behind it.
pub fn add(names: &mut Names, files: &mut Vec<File>, name: &str, bytes: &[u8], outside: &mut Outside<'_>) -> Added {
    let mut adding = Adding { names, files, parts: Vec::new(), faults: Vec::new(), unlisted: 0 };
    let file = if ar::is_archive(bytes) {
        adding.archive(name, bytes, outside)
    } else {
        let here = Held::Here(0..bytes.len() as u64);
        adding.single(name.to_owned(), None, bytes, here)
    };
    Added { file, parts: adding.parts, faults: adding.faults, unlisted: adding.unlisted }
}

/// Files on their way into a program.
struct Adding<'a> {
    names: &'a mut Names,
    files: &'a mut Vec<File>,
    parts: Vec<Part>,
    faults: Vec<Fault>,
    unlisted: u64,
}

impl Adding<'_> {
    /// A file, or a member, that is no archive.
    fn single(&mut self, name: String, archive: Option<FileId>, bytes: &[u8], held: Held) -> FileId {
        let mut gaps = Gaps::default();
        let content = content(bytes, self.names, &mut gaps);
        let start = match &held {
            Held::Here(range) | Held::Outside(_, range) => range.start,
        };
        let file = self.push(File { name, content, archive }, Some(held), machine_of(bytes));
        self.faults_of(file, start, &gaps);
        file
    }

    fn push(&mut self, file: File, held: Option<Held>, machine: Option<Machine>) -> FileId {
        let id = FileId(self.files.len() as u32);
        self.files.push(file);
        self.parts.push(Part { file: id, held, machine });
        id
    }

    fn faults_of(&mut self, file: FileId, start: u64, gaps: &Gaps) {
        self.unlisted = self.unlisted.saturating_add(gaps.unlisted());
        self.faults.extend(gaps.list().iter().map(|gap| Fault {
            file,
            at: start.saturating_add(gap.start as u64)..start.saturating_add(gap.end as u64),
            why: gap.why.clone().into_owned(),
        }));
    }
}

/// What is in a file that is no archive.
fn content(bytes: &[u8], names: &mut Names, gaps: &mut Gaps) -> Content {
    let elf = match kind_of(bytes) {
        _ if bytes.starts_with(&abi::ELFMAG) => Elf::read(bytes, gaps),
        Kind::Bitcode => return Content::Unusable(Unusable::Bitcode("LLVM bitcode".into())),
        Kind::Archive | Kind::ThinArchive => return damaged("an archive inside of an archive"),
        Kind::Other if bytes.is_empty() => return damaged("an empty file"),
        Kind::Elf(_) | Kind::Other => return damaged("no ELF file, archive or bitcode"),
    };
    let Some(elf) = elf else {
        return damaged(
            gaps.list().first().map_or_else(|| "an ELF header that is damaged".into(), |gap| gap.why.clone()),
        );
    };
    let mut known = Interner { names, left: bytes.len().saturating_mul(4).saturating_add(1 << 20), hit: false };
    let content = match elf.header().kind {
        // bfd/elfcode.h, elf_object_p: a relocatable object needs a table of sections; lld and mold read nothing
        // without one.
        abi::ET_REL | abi::ET_DYN if elf.sections().is_empty() => {
            damaged("an ELF file without section headers; the file may be cut off")
        }
        abi::ET_REL => object::read(&elf, &mut known, gaps),
        abi::ET_DYN => shared::read(&elf, &mut known, gaps),
        abi::ET_EXEC => damaged("an executable, which is no input of a link"),
        abi::ET_CORE => damaged("a core dump, which is no input of a link"),
        _ => damaged("an ELF file that is neither an object nor a shared object"),
    };
    if known.hit {
        gaps.add(0, 0, "names lie over each other, more of them than the file has room for; the rest is left empty");
    }
    content
}

fn damaged(why: impl Into<String>) -> Content {
    Content::Unusable(Unusable::Damaged(why.into()))
}

/// Names of one file. A hostile file can name parts of one long stretch a million times, and each is kept; an honest one
/// has names that share their ends, and four times its size is far more than they come to.
struct Interner<'a> {
    names: &'a mut Names,
    left: usize,
    hit: bool,
}

impl Interner<'_> {
    #[inline]
    fn name(&mut self, name: &[u8]) -> Name {
        match self.left.checked_sub(name.len()) {
            Some(left) => {
                self.left = left;
                self.names.intern(name)
            }
            None => {
                self.hit = true;
                self.names.intern(b"")
            }
        }
    }
}

/// True when the file holds all that the section says it has.
fn is_whole(elf: &Elf<'_>, section: &Section<'_>) -> bool {
    section.has_no_bytes() || elf.data(section).len() as u64 == section.size
}

/// Why a table that linkers cannot do without is not there as it should be.
fn missing(elf: &Elf<'_>, kind: abi::SectionType, what: &str) -> Option<Cow<'static, str>> {
    let table = elf.sections().iter().find(|section| section.kind == kind)?;
    if !is_whole(elf, table) {
        return Some(format!("its {what} ends behind the end of the file").into());
    }
    match elf.section(table.link) {
        Some(strings) if strings.kind == abi::SHT_STRTAB && is_whole(elf, strings) => None,
        _ => Some(format!("the names of its {what} are missing").into()),
    }
}
