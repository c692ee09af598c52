//! What a link is made of: files with their symbols, the order they stand in on the line, and the options that change what becomes of
//! them. All linkers see the same input; what they make of it differs.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};

use super::definitions::Definitions;
use super::names::{Name, Names};

/// A file of the link or a member of an archive, by its number in [`Program::files`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// A link, ready to be tried by any linker.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Names of symbols, sections, versions and sonames.
    pub names: Part<Names>,
    /// All files: those on the line, members of archives, shared objects that others need.
    pub files: Part<Vec<File>>,
    /// What stands on the line, in order, linker scripts already replaced by what they name.
    pub inputs: Vec<Input>,
    /// Options of the whole link.
    pub options: Options,
    /// Where a shared object that another one names by `DT_NEEDED` was found, the way ld.bfd looks for it (ldelf_after_open in ld/ldelf.c):
    /// who needs it, and the name. What is missing here was looked for and not found.
    pub closure: BTreeMap<(FileId, Name), FileId>,
    /// Arguments at which a group without files ends.
    pub empty_groups: Vec<u32>,
    /// Which files have which names, once somebody has asked.
    definitions: OnceLock<Arc<Definitions>>,
}

impl Program {
    /// Which files have which names. Files that are added or changed after the first call are not in it.
    pub fn definitions(&self) -> &Definitions {
        self.definitions.get_or_init(|| Arc::new(Definitions::of(self)))
    }
}

/// A part of a program that its copies share until one of them changes it: edits of a line are tried on the same files.
#[derive(Clone, Debug, Default)]
pub struct Part<T>(Arc<T>);

impl<T> Deref for Part<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone> DerefMut for Part<T> {
    fn deref_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}

impl<'a, T> IntoIterator for &'a Part<Vec<T>> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'a, T: Clone> IntoIterator for &'a mut Part<Vec<T>> {
    type Item = &'a mut T;
    type IntoIter = std::slice::IterMut<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        Arc::make_mut(&mut self.0).iter_mut()
    }
}

/// One file.
#[derive(Clone, Debug)]
pub struct File {
    /// Its name as linkers print it: `main.o`, `libz.a(deflate.o)`, `/usr/lib/libz.so`.
    pub name: String,
    /// What it is.
    pub content: Content,
    /// The archive it is a member of.
    pub archive: Option<FileId>,
}

/// What a file is.
#[derive(Clone, Debug)]
pub enum Content {
    /// A relocatable object.
    Object(Object),
    /// A shared object.
    Shared(Shared),
    /// An archive, thin or not.
    Archive(Archive),
    /// A file no linker can take as it is, or this model cannot: why.
    Unusable(Unusable),
}

/// Why a file is no input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It is on the line and not on the disk.
    Missing,
    /// It was made for another machine: its class and machine in words.
    Foreign(String),
    /// It is not of a format linkers read, or it is damaged.
    Damaged(String),
    /// It is code of a compiler's link-time optimiser; symbols are known to the plugin only.
    Bitcode(String),
}

/// ELF symbol binding (gABI, `ELF64_ST_BIND`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binding {
    /// `STB_LOCAL`
    Local,
    /// `STB_GLOBAL`
    Global,
    /// `STB_WEAK`
    Weak,
    /// `STB_GNU_UNIQUE`
    Unique,
}

/// ELF symbol type (gABI, `ELF64_ST_TYPE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SymbolType {
    /// `STT_NOTYPE`
    None,
    /// `STT_OBJECT`
    Object,
    /// `STT_FUNC`
    Function,
    /// `STT_SECTION`
    Section,
    /// `STT_FILE`
    File,
    /// `STT_COMMON`
    Common,
    /// `STT_TLS`
    Tls,
    /// `STT_GNU_IFUNC`
    IFunc,
    /// Another number.
    Other(u8),
}

/// ELF symbol visibility (gABI, `ELF64_ST_VISIBILITY`), ordered as linkers merge it: what hides more is smaller, apart from default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// `STV_DEFAULT`
    #[default]
    Default,
    /// `STV_INTERNAL`
    Internal,
    /// `STV_HIDDEN`
    Hidden,
    /// `STV_PROTECTED`
    Protected,
}

impl Visibility {
    /// The visibility of a symbol that is seen with both: the more constraining (gABI, chapter 4).
    pub fn merge(self, other: Visibility) -> Visibility {
        match (self, other) {
            (Visibility::Default, other) => other,
            (this, Visibility::Default) => this,
            (this, other) => {
                if (this as u8) < (other as u8) {
                    this
                } else {
                    other
                }
            }
        }
    }
}

/// Where a symbol of an object is defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Definition {
    /// `SHN_UNDEF`
    Undefined,
    /// `SHN_COMMON`, with its size in bytes and alignment.
    Common {
        /// Bytes.
        size: u64,
        /// Alignment in bytes.
        align: u64,
    },
    /// `SHN_ABS`
    Absolute,
    /// In this section of the object.
    Section(u32),
}

/// The version part of a symbol name: `@V` or `@@V`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    /// The version's name.
    pub name: Name,
    /// True for `@@`, the default of those who name no version.
    pub default: bool,
}

/// A symbol of a relocatable object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Its name, without a version.
    pub name: Name,
    /// The version a `.symver` directive gave it.
    pub version: Option<Version>,
    /// Binding.
    pub binding: Binding,
    /// Type.
    pub kind: SymbolType,
    /// Visibility.
    pub visibility: Visibility,
    /// Where it is defined.
    pub definition: Definition,
    /// `st_value`.
    pub value: u64,
    /// `st_size`, in bytes.
    pub size: u64,
}

impl Symbol {
    /// True when the object asks for it.
    pub fn is_undefined(&self) -> bool {
        self.definition == Definition::Undefined
    }
}

/// A section of a relocatable object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its name.
    pub name: Name,
    /// `sh_type`
    pub kind: u32,
    /// `sh_flags`
    pub flags: u64,
    /// `sh_size`, in bytes.
    pub size: u64,
    /// `sh_link`, for `SHF_LINK_ORDER`.
    pub link: u32,
    /// The group it is in, an index of [`Object::groups`].
    pub group: Option<u32>,
}

/// A section group (gABI, `SHT_GROUP`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Name of its signature symbol.
    pub signature: Name,
    /// `GRP_COMDAT`: of groups with one signature the first is kept.
    pub comdat: bool,
    /// Indices of its sections.
    pub sections: Vec<u32>,
}

/// How relocations use a symbol: a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Uses(u8);

impl Uses {
    /// Called, through the procedure linkage table if need be (`R_X86_64_PLT32`).
    pub const CALL: Uses = Uses(1);
    /// Its address is read from the global offset table (`R_X86_64_GOTPCREL`).
    pub const GOT: Uses = Uses(2);
    /// As a thread-local variable (`R_X86_64_GOTTPOFF`).
    pub const TLS: Uses = Uses(4);
    /// Its address itself is written (`R_X86_64_64`, `R_X86_64_PC32`).
    pub const ADDRESS: Uses = Uses(8);
    /// By a relocation this program does not know.
    pub const UNKNOWN: Uses = Uses(16);

    /// True when all of `other` are in it.
    pub fn contains(self, other: Uses) -> bool {
        self.0 & other.0 == other.0
    }

    /// These and those.
    #[must_use]
    pub fn and(self, other: Uses) -> Uses {
        Uses(self.0 | other.0)
    }
}

/// The relocations of a section against a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Index of the section that is relocated.
    pub section: u32,
    /// Index of the symbol, in [`Object::symbols`].
    pub symbol: u32,
    /// Offset in the section of the first of them.
    pub offset: u64,
    /// What they are, all of them.
    pub uses: Uses,
}

/// A relocatable object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    /// The symbol table, in its order, the empty first symbol included.
    pub symbols: Vec<Symbol>,
    /// Index of the first symbol that is not local.
    pub first_global: u32,
    /// Sections, in their order, the empty first section included.
    pub sections: Vec<Section>,
    /// Section groups.
    pub groups: Vec<Group>,
    /// Which section refers to which symbol; each pair once, in the order of the file.
    pub references: Vec<Reference>,
    /// True when it holds, beside or instead of machine code, the code of a compiler's link-time optimiser (`.gnu.lto_`, `.llvm.lto`).
    pub lto: Lto,
}

/// What of an object is for a link-time optimiser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lto {
    /// Nothing.
    #[default]
    None,
    /// Intermediate code beside machine code (`-ffat-lto-objects`): it links without a plugin.
    Fat,
    /// Intermediate code alone (`__gnu_lto_slim`): without a plugin it defines nothing.
    Slim,
}

impl Object {
    /// Symbols other files can see, with their index.
    pub fn globals(&self) -> impl Iterator<Item = (u32, &Symbol)> {
        self.symbols.iter().enumerate().skip(self.first_global as usize).map(|(index, symbol)| (index as u32, symbol))
    }
}

/// A symbol of a shared object's `.dynsym`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DynamicSymbol {
    /// Its name.
    pub name: Name,
    /// The version it is defined as (`.gnu.version_d`; default where not hidden) or asked for (`.gnu.version_r`).
    pub version: Option<Version>,
    /// True when it is defined with the base version or in an object that has versions, unversioned (`VER_NDX_GLOBAL`).
    pub base_version: bool,
    /// True when its version number is local (`VER_NDX_LOCAL`).
    pub version_local: bool,
    /// Binding.
    pub binding: Binding,
    /// Type.
    pub kind: SymbolType,
    /// Visibility.
    pub visibility: Visibility,
    /// True when it is defined here.
    pub defined: bool,
    /// True when its section is executable.
    pub in_code: bool,
    /// True when its section is allocated and has no bytes in the file (`.bss`): it can have been a common symbol.
    pub in_bss: bool,
    /// `SHN_ABS`: a version's own symbol is such a one.
    pub absolute: bool,
    /// `st_value`.
    pub value: u64,
    /// `st_size`, in bytes.
    pub size: u64,
}

/// A shared object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shared {
    /// `DT_SONAME`
    pub soname: Option<Name>,
    /// `DT_NEEDED`, in order.
    pub needed: Vec<Name>,
    /// `DT_RUNPATH`, or `DT_RPATH` where there is none, as written.
    pub runpath: Option<Name>,
    /// `DF_1_PIE`: it is a program, which ld.bfd refuses (ldelf_after_open in ld/ldelf.c of 2.40) and the others take for a shared
    /// object.
    pub pie: bool,
    /// The first version it defines after its base version: the one with number 2 in `.gnu.version_d`.
    pub first_version: Option<Name>,
    /// `.dynsym`, in its order, without the empty first symbol.
    pub symbols: Vec<DynamicSymbol>,
    /// Functions and variables of `.symtab` that are local to it, where it was not stripped: hidden, kept by a version script, or static.
    pub local: Vec<Name>,
}

/// An archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archive {
    /// Members, in order.
    pub members: Vec<FileId>,
    /// The archive's symbol table, in its order: a name and the index in `members` of who defines it. `None` when it has none.
    pub index: Option<Vec<(Name, u32)>>,
    /// True for a thin archive, whose members are files of their own.
    pub thin: bool,
}

/// One file on the line, with the options that are on where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// The file.
    pub file: FileId,
    /// Number of the argument it comes from; several inputs of one linker script have the same.
    pub argument: u32,
    /// Number of the group it is in, as written; groups of scripts count.
    pub group: Option<u32>,
    /// `--as-needed` is on.
    pub as_needed: bool,
    /// `--whole-archive` is on.
    pub whole_archive: bool,
    /// `--copy-dt-needed-entries` is on.
    pub copy_needed: bool,
    /// It was given as `-lNAME`, or by a script that was.
    pub by_library: bool,
    /// `--just-symbols`: addresses only.
    pub just_symbols: bool,
    /// What linkers write into `DT_NEEDED` for a shared object without `DT_SONAME`: its base name where it was given as `-lNAME`, otherwise
    /// the path as given.
    pub written: Option<Name>,
}

impl Input {
    /// A file with no option on.
    pub fn plain(file: FileId, argument: u32) -> Self {
        Self {
            file,
            argument,
            group: None,
            as_needed: false,
            whole_archive: false,
            copy_needed: false,
            by_library: false,
            just_symbols: false,
            written: None,
        }
    }
}

/// What is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// An executable at a fixed address.
    #[default]
    Executable,
    /// A position-independent executable.
    Pie,
    /// A shared object.
    Shared,
    /// An executable that is linked statically.
    Static,
    /// A position-independent executable that is linked statically.
    StaticPie,
    /// `-r`: another relocatable object.
    Relocatable,
}

impl Output {
    /// True for all that must have its symbols when it is linked.
    pub fn is_executable(self) -> bool {
        !matches!(self, Output::Shared | Output::Relocatable)
    }
}

/// What becomes of symbols nobody defines, where the line says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unresolved {
    /// `report-all`, `-z defs`, `--no-undefined`
    Report,
    /// `ignore-all`, `-z undefs`
    Ignore,
    /// `ignore-in-object-files`
    IgnoreInObjects,
    /// `ignore-in-shared-libs`
    IgnoreInShared,
}

/// Options of the whole link; `None` where the line is silent and the linker's default holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What is made.
    pub output: Output,
    /// `--unresolved-symbols`, by the last that was given.
    pub unresolved: Option<Unresolved>,
    /// `-z defs` and `--no-undefined` (true) or `-z undefs` (false): objects only.
    pub defs: Option<bool>,
    /// `--allow-shlib-undefined` (true) or `--no-allow-shlib-undefined` (false).
    pub allow_shlib_undefined: Option<bool>,
    /// `--warn-unresolved-symbols`: reported, and no error.
    pub warn_unresolved: bool,
    /// `--allow-multiple-definition`, `-z muldefs`.
    pub allow_multiple: bool,
    /// `--gc-sections`; `None` is the linker's default.
    pub gc_sections: Option<bool>,
    /// `--wrap`, in order.
    pub wrap: Vec<Wrap>,
    /// `-u`, `--undefined`, in order.
    pub undefined: Vec<Name>,
    /// `--require-defined`, in order.
    pub require_defined: Vec<Name>,
    /// `--defsym`, in order.
    pub defsym: Vec<Defsym>,
    /// `-e`; `None` is `_start`.
    pub entry: Option<Name>,
    /// `--exclude-libs`: base names of archives, or all.
    pub exclude_libs: ExcludeLibs,
    /// What a version script or dynamic list gives.
    pub versions: Option<VersionScript>,
    /// `--undefined-version` (true) or `--no-undefined-version` (false).
    pub undefined_version: Option<bool>,
    /// `--fortran-common` (true) or `--no-fortran-common` (false), of lld.
    pub fortran_common: Option<bool>,
    /// `--copy-dt-needed-entries` is the last that was said of it; [`Input::copy_needed`] is what holds where a file stands.
    pub copy_needed: bool,
    /// `-E`, `--export-dynamic`.
    pub export_dynamic: bool,
    /// `-Bsymbolic`
    pub symbolic: bool,
    /// `--dynamic-linker` names a program interpreter, which makes wild take a PIE for a dynamic one.
    pub interpreter: bool,
    /// True when a plugin for link-time optimisation is loaded, or built in and used.
    pub lto_plugin: bool,
    /// Symbols that a linker script defines (`PROVIDE` ones apart): `__bss_start` of the default script is the linker's own affair.
    pub script_defines: Vec<Name>,
}

/// `--wrap=NAME`: who asks for `NAME` gets `__wrap_NAME`, and who asks for `__real_NAME` gets `NAME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrap {
    /// `NAME`
    pub name: Name,
    /// `__wrap_NAME`
    pub wrapped: Name,
    /// `__real_NAME`
    pub real: Name,
}

/// `--defsym NAME=EXPRESSION`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defsym {
    /// The name that is defined.
    pub name: Name,
    /// Symbols the expression reads.
    pub reads: Vec<Name>,
    /// Number of its argument: files with smaller numbers stand before it.
    pub argument: u32,
}

/// `--exclude-libs`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ExcludeLibs {
    /// Not given.
    #[default]
    None,
    /// `ALL`
    All,
    /// Base names.
    Named(Vec<String>),
}

/// The parts of a version script that decide who sees a symbol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionScript {
    /// Nodes, in order; one without a name stands alone.
    pub nodes: Vec<VersionNode>,
}

/// One node of a version script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionNode {
    /// Its name; `None` for the anonymous node.
    pub name: Option<String>,
    /// Patterns of `global:`.
    pub global: Vec<Pattern>,
    /// Patterns of `local:`.
    pub local: Vec<Pattern>,
}

/// A pattern of a version script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The glob, or the name where it was quoted.
    pub text: String,
    /// It was quoted: no character of it is special.
    pub literal: bool,
    /// It stands in `extern "C++"` and is held against demangled names.
    pub cxx: bool,
}
