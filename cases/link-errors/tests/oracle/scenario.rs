//! A link in plain data: files and what is in them, the line, the options. `program` lowers it to what the model takes, `write`
//! to files, `shrink` makes it smaller, `show` prints it.

use case_link_errors::model::input::{Binding, ExcludeLibs, Output, SymbolType, Unresolved, VersionScript, Visibility};
use case_link_errors::model::outcome::LinkerKind;

/// A link.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scenario {
    pub objects: Vec<Unit>,
    pub archives: Vec<Library>,
    pub shared: Vec<Dso>,
    pub line: Vec<Item>,
    pub output: Output,
    pub options: Vec<Opt>,
}

/// A relocatable object, alone or a member.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unit {
    /// `main.o`
    pub name: String,
    /// Its sections with contents. The first is `.text`.
    pub sections: Vec<Part>,
    /// Signatures of its section groups.
    pub groups: Vec<Group>,
    /// What it defines and refers to, in the order of its symbol table; local ones go first.
    pub symbols: Vec<Sym>,
}

/// A section group.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub signature: String,
    pub comdat: bool,
}

/// A section with contents.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// `.text.f0`
    pub name: String,
    pub kind: PartKind,
    /// Index in [`Unit::groups`].
    pub group: Option<usize>,
}

/// What a section holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PartKind {
    Code,
    Data,
    Tls,
    /// Not in memory at all, as `.comment` or debug information are.
    Unallocated,
}

/// A symbol of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Sym {
    pub name: String,
    /// `@V` (false) or `@@V` (true).
    pub version: Option<(String, bool)>,
    pub binding: Binding,
    pub kind: SymbolType,
    pub visibility: Visibility,
    pub place: Place,
    /// Sections whose relocations name it; none for a symbol that is only in the symbol table.
    pub from: Vec<usize>,
}

/// Where a symbol of an object is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    Undefined,
    Common { size: u64, align: u64 },
    Absolute,
    In(usize),
}

/// An archive.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Library {
    /// `libx0.a`
    pub name: String,
    pub members: Vec<Unit>,
    pub thin: bool,
    /// Without a symbol table.
    pub bare: bool,
}

/// A shared object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dso {
    /// `libs0.so`
    pub name: String,
    pub soname: Option<String>,
    pub needed: Vec<String>,
    pub symbols: Vec<DsoSym>,
    /// `DT_RUNPATH` of `$ORIGIN`.
    pub runpath: bool,
    /// Not on the disk (and not on the line): only others name it.
    pub absent: bool,
}

/// A symbol of a shared object.
#[derive(Clone, Debug, PartialEq)]
pub struct DsoSym {
    pub name: String,
    /// The version it is defined as (true: its default) or asks for.
    pub version: Option<(String, bool)>,
    pub weak: bool,
    pub defined: bool,
    pub kind: SymbolType,
    pub visibility: Visibility,
    pub place: DsoPlace,
}

/// What a shared object has a symbol in; nothing for one it wants, and thread-local ones have their own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DsoPlace {
    Code,
    Data,
    /// Memory without bytes in the file: it can have been a common symbol.
    Bss,
    /// As the symbols are that carry a version's name.
    Absolute,
}

/// What stands on the line.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    Object(usize),
    Archive(usize),
    Shared(usize),
    /// A name of a file that is not there.
    Missing(String),
    GroupStart,
    GroupEnd,
    AsNeeded(bool),
    Whole(bool),
    CopyNeeded(bool),
    PushState,
    PopState,
}

/// An option of the whole link.
#[derive(Clone, Debug, PartialEq)]
pub enum Opt {
    /// `-z defs` or `-z undefs`
    Defs(bool),
    AllowShlibUndefined(bool),
    Unresolved(Unresolved),
    WarnUnresolved,
    AllowMultiple,
    Gc(bool),
    Wrap(String),
    /// The name, the symbol that is its value, and whether it stands behind the files.
    Defsym(String, Option<String>, bool),
    Undefined(String),
    Require(String),
    Entry(String),
    ExcludeLibs(ExcludeLibs),
    Versions(VersionScript),
    UndefinedVersion(bool),
    FortranCommon(bool),
    ExportDynamic,
    Symbolic,
    /// `-rpath-link .`: ld.bfd finds what shared objects need in the scenario's folder.
    RpathLink,
}

impl Sym {
    pub fn is_defined(&self) -> bool {
        self.place != Place::Undefined
    }
}

impl Scenario {
    /// The scenario without what this linker's command line does not know; both the real linker and the model get this one.
    pub fn for_linker(&self, kind: LinkerKind) -> Scenario {
        let mut scenario = self.clone();
        let gnu = matches!(kind, LinkerKind::Bfd | LinkerKind::Gold);
        scenario.line.retain(|item| match item {
            Item::CopyNeeded(_) => gnu,
            _ => true,
        });
        scenario.options.retain(|option| match option {
            Opt::FortranCommon(_) => kind == LinkerKind::Lld,
            Opt::Defs(false) => kind != LinkerKind::Gold,
            Opt::Require(_) => matches!(kind, LinkerKind::Bfd | LinkerKind::Mold),
            _ => true,
        });
        scenario
    }

    /// True when `-rpath-link` is given.
    pub fn finds_closure(&self) -> bool {
        self.options.contains(&Opt::RpathLink)
    }
}
