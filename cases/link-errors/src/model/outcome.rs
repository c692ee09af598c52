//! What a linker made of a link: the verdict, and the reason for each part of it.

use super::input::FileId;
use super::names::Name;

/// A linker and its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Linker {
    /// Which.
    pub kind: LinkerKind,
    /// Its version: (2, 40) for binutils, (19, 1) for lld, (1, 10) for mold.
    pub version: (u16, u16),
}

/// Which linker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LinkerKind {
    /// GNU ld.
    Bfd,
    /// GNU gold.
    Gold,
    /// LLVM's lld.
    Lld,
    /// mold.
    Mold,
    /// wild.
    Wild,
}

impl LinkerKind {
    /// `ld.bfd`, `gold`, `lld`, `mold`, `wild`
    pub fn as_str(self) -> &'static str {
        match self {
            LinkerKind::Bfd => "ld.bfd",
            LinkerKind::Gold => "gold",
            LinkerKind::Lld => "lld",
            LinkerKind::Mold => "mold",
            LinkerKind::Wild => "wild",
        }
    }
}

impl std::fmt::Display for Linker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (major, minor) = self.version;
        match self.kind {
            LinkerKind::Lld => write!(f, "lld {major}"),
            LinkerKind::Gold => write!(f, "gold (binutils {major}.{minor})"),
            kind => write!(f, "{} {major}.{minor}", kind.as_str()),
        }
    }
}

/// Does it link?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It links.
    Links,
    /// It does not.
    Fails,
    /// The model does not cover something that decides it; [`Outcome::unknown`] says what.
    Unknown,
}

impl Verdict {
    /// What decides: a thing the model does not cover goes before all else.
    pub fn of(failed: bool, unknown: &[Unknown]) -> Self {
        match (failed, unknown.is_empty()) {
            (_, false) => Self::Unknown,
            (true, true) => Self::Fails,
            (false, true) => Self::Links,
        }
    }
}

/// A place in an object that needs a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// The object or shared object.
    pub file: FileId,
    /// Index of the section, and the offset in it; `None` in a shared object, for the entry point and for options.
    pub at: Option<(u32, u64)>,
}

/// A symbol nobody defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undefined {
    /// Its name, with `@VERSION` where one was asked for.
    pub name: Name,
    /// Version that was asked for.
    pub version: Option<Name>,
    /// Who needs it, in the order of the link; empty when an option does.
    pub sites: Vec<Site>,
    /// Why it is not enough that some file has it.
    pub why: UndefinedWhy,
}

/// What kind of undefined symbol it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UndefinedWhy {
    /// No file that is part of the link defines it.
    Nowhere,
    /// A shared object defines it, and the reference is hidden, internal or protected: it must be defined here.
    HiddenReference,
    /// It is defined in a section group that was discarded for another with the same signature.
    Discarded,
    /// An option (`--require-defined`, `--defsym`) names it.
    Option,
}

/// A symbol two objects define.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// Its name.
    pub name: Name,
    /// Who defines it and is kept where duplicates are allowed.
    pub first: FileId,
    /// Who defines it too.
    pub second: FileId,
}

/// "DSO missing from command line": a shared object of ld.bfd's closure that defines what an object needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DsoMissing {
    /// The symbol.
    pub name: Name,
    /// The shared object that has it.
    pub shared: FileId,
}

/// Why something came into the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// This file refers to this symbol.
    Reference {
        /// Who refers.
        file: FileId,
        /// To what.
        name: Name,
    },
    /// An option names the symbol: `-u`, `-e`, `--require-defined`, `--defsym`.
    Option(Name),
    /// It stands on the line and is always taken: an object, a shared object where `--as-needed` is off.
    Line,
    /// `--whole-archive`
    Whole,
    /// A common symbol of this file, for which the member has a definition.
    Common {
        /// Who has the common symbol.
        file: FileId,
        /// Which.
        name: Name,
    },
}

/// A member that was taken from an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extraction {
    /// The member.
    pub member: FileId,
    /// Why.
    pub because: Because,
}

/// A shared object in `DT_NEEDED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needed {
    /// The name that is written.
    pub soname: Name,
    /// The file.
    pub file: FileId,
    /// Why.
    pub because: Because,
    /// False when nothing of the output refers to it any more.
    pub used: bool,
}

/// Something the linker refuses beside undefined and duplicate symbols.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A file cannot be read or is not for this machine.
    File(FileId),
    /// An archive without a symbol table.
    NoIndex(FileId),
    /// A symbol is thread-local here and not there.
    TlsMismatch(Name, FileId, FileId),
    /// A hidden, internal or protected symbol that a shared object refers to, which can not see it.
    HiddenInObject(Name, FileId, FileId),
    /// A version that is not defined.
    VersionUndefined(Name),
    /// Something else, in words.
    Other(String),
}

/// Something the model does not cover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// What, in words.
    pub what: String,
    /// The file it is about.
    pub file: Option<FileId>,
}

/// One step of the link, as the model took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A file is read.
    Open(FileId),
    /// An archive is looked through; the number says for which time in its group.
    Search(FileId, u32),
    /// A member is taken.
    Extract(FileId, Because),
    /// An archive or member is passed: nobody needs what it has.
    Skip(FileId),
    /// A shared object stays.
    Keep(FileId, Because),
    /// A shared object goes, and what it brought with it.
    Drop(FileId),
    /// A file needs a symbol for the first time.
    Refer(FileId, Name),
    /// A file defines a symbol.
    Define(FileId, Name),
    /// The definition of the first file gives way to that of the second.
    Override(FileId, FileId, Name),
    /// A shared object another needs is read to look for symbols.
    Closure(FileId, FileId),
}

/// What a linker makes of a link.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Which linker.
    pub linker: Linker,
    /// Does it link?
    pub verdict: Verdict,
    /// Undefined symbols that are reported.
    pub undefined: Vec<Undefined>,
    /// Symbols defined twice that are reported.
    pub duplicates: Vec<Duplicate>,
    /// Symbols of shared objects that are not on the line.
    pub dso_missing: Vec<DsoMissing>,
    /// Other reasons to refuse.
    pub refusals: Vec<Refusal>,
    /// Members that were taken, in order.
    pub extracted: Vec<Extraction>,
    /// `DT_NEEDED`, in order.
    pub needed: Vec<Needed>,
    /// Shared objects on the line that are not needed.
    pub dropped: Vec<FileId>,
    /// Who defines each symbol in the end, in order of name: an object or a shared object.
    pub definitions: Vec<(Name, FileId)>,
    /// What is not covered, and could decide.
    pub unknown: Vec<Unknown>,
    /// The steps.
    pub trace: Vec<Event>,
}
