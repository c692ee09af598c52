//! Options of the linkers, and what they mean for the link.
//!
//! Sources: ld/lexsup.c and ld/emultempl/elf.em of binutils 2.40, gold/options.h of the same, lld/ELF/Options.td of LLVM 19,
//! elf/cmdline.cc of mold 1.10, libwild/src/args of wild 0.10.

use super::takes::TAKES;
use crate::model::outcome::LinkerKind::{self, Bfd, Gold, Lld, Mold, Wild};

/// Does an option have a value, and where?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// None: `--as-needed`.
    Nothing,
    /// `--name value` or `--name=value`.
    Value,
    /// `--name value` only.
    Separate,
    /// `--name=value` only.
    Joined,
    /// `--name` or `--name=value`, never the next argument.
    Optional,
}

impl Takes {
    fn of(letter: u8) -> Option<Self> {
        Some(match letter {
            b'v' => Self::Value,
            b's' => Self::Separate,
            b'j' => Self::Joined,
            b'o' => Self::Optional,
            b'f' => Self::Nothing,
            _ => return None,
        })
    }
}

/// What an option means for the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing for who defines what.
    Nothing,
    /// It changes who defines what, and is not modelled: why.
    Unmodelled(&'static str),
    Output,
    Library,
    LibraryPath,
    Script,
    AsNeeded(bool),
    WholeArchive(bool),
    Static(bool),
    /// `-N`, `-n`: libraries are archives from here on, too.
    Magic,
    CopyNeeded(bool),
    PushState,
    PopState,
    StartGroup,
    EndGroup,
    StartLib,
    EndLib,
    JustSymbols,
    /// `-R`: symbols of a file, or `-rpath` for a folder.
    JustSymbolsOrRpath,
    Rpath,
    RpathLink,
    Sysroot,
    Shared,
    Pie(bool),
    Relocatable,
    NoStdlib,
    Soname,
    Emulation,
    DynamicLinker,
    Undefined,
    RequireDefined,
    IgnoreUnresolved,
    Entry,
    Defsym,
    Wrap,
    ExcludeLibs,
    VersionScript,
    DynamicList,
    ExportList,
    ExportSymbol,
    RetainSymbols,
    ExportDynamic(bool),
    Symbolic,
    SymbolicFunctions,
    NoSymbolic,
    AllowMultiple(bool),
    GcSections(bool),
    UnresolvedSymbols,
    NoUndefined,
    AllowShlibUndefined(bool),
    WarnUnresolved(bool),
    UndefinedVersion(bool),
    FortranCommon(bool),
    Plugin,
    Format,
    Z,
    /// `-C DIR` of mold.
    Directory,
}

/// An option with a long name, as one linker takes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub name: &'static str,
    pub takes: Takes,
    pub meaning: Meaning,
}

impl Known {
    /// True when it is never written with one dash, because that is `-o`: EXACTLY_TWO_DASHES of ld/lexsup.c, `add_dashes` of mold.
    pub fn two_dashes(&self) -> bool {
        matches!(self.name, "output" | "oformat" | "omagic")
    }
}

use Meaning as M;

/// Long options that decide something.
const MEANINGS: &[(&str, Meaning)] = &[
    ("output", M::Output),
    ("library", M::Library),
    ("library-path", M::LibraryPath),
    ("script", M::Script),
    ("mri-script", M::Unmodelled("a script in MRI's language")),
    ("as-needed", M::AsNeeded(true)),
    ("no-as-needed", M::AsNeeded(false)),
    ("whole-archive", M::WholeArchive(true)),
    ("no-whole-archive", M::WholeArchive(false)),
    ("Bstatic", M::Static(true)),
    ("dn", M::Static(true)),
    ("non_shared", M::Static(true)),
    ("static", M::Static(true)),
    ("Bdynamic", M::Static(false)),
    ("dy", M::Static(false)),
    ("call_shared", M::Static(false)),
    ("omagic", M::Magic),
    ("nmagic", M::Magic),
    ("copy-dt-needed-entries", M::CopyNeeded(true)),
    ("add-needed", M::CopyNeeded(true)),
    ("no-copy-dt-needed-entries", M::CopyNeeded(false)),
    ("no-add-needed", M::CopyNeeded(false)),
    ("push-state", M::PushState),
    ("pop-state", M::PopState),
    ("start-group", M::StartGroup),
    ("end-group", M::EndGroup),
    ("start-lib", M::StartLib),
    ("end-lib", M::EndLib),
    ("just-symbols", M::JustSymbols),
    ("rpath", M::Rpath),
    ("rpath-link", M::RpathLink),
    ("sysroot", M::Sysroot),
    ("shared", M::Shared),
    ("Bshareable", M::Shared),
    ("pie", M::Pie(true)),
    ("pic-executable", M::Pie(true)),
    ("no-pie", M::Pie(false)),
    ("no-pic-executable", M::Pie(false)),
    ("relocatable", M::Relocatable),
    ("Ur", M::Relocatable),
    ("nostdlib", M::NoStdlib),
    ("soname", M::Soname),
    ("dynamic-linker", M::DynamicLinker),
    ("undefined", M::Undefined),
    ("require-defined", M::RequireDefined),
    ("ignore-unresolved-symbol", M::IgnoreUnresolved),
    ("entry", M::Entry),
    ("defsym", M::Defsym),
    ("wrap", M::Wrap),
    ("exclude-libs", M::ExcludeLibs),
    ("version-script", M::VersionScript),
    ("dynamic-list", M::DynamicList),
    ("export-dynamic-symbol-list", M::ExportList),
    ("export-dynamic-symbol", M::ExportSymbol),
    ("retain-symbols-file", M::RetainSymbols),
    ("export-dynamic", M::ExportDynamic(true)),
    ("no-export-dynamic", M::ExportDynamic(false)),
    ("Bsymbolic", M::Symbolic),
    ("Bsymbolic-functions", M::SymbolicFunctions),
    ("Bsymbolic-non-weak", M::Unmodelled("some symbols are bound here only")),
    ("Bsymbolic-non-weak-functions", M::Unmodelled("some symbols are bound here only")),
    ("Bno-symbolic", M::NoSymbolic),
    ("allow-multiple-definition", M::AllowMultiple(true)),
    ("no-allow-multiple-definition", M::AllowMultiple(false)),
    ("gc-sections", M::GcSections(true)),
    ("no-gc-sections", M::GcSections(false)),
    ("unresolved-symbols", M::UnresolvedSymbols),
    ("no-undefined", M::NoUndefined),
    ("allow-shlib-undefined", M::AllowShlibUndefined(true)),
    ("no-allow-shlib-undefined", M::AllowShlibUndefined(false)),
    ("warn-unresolved-symbols", M::WarnUnresolved(true)),
    ("error-unresolved-symbols", M::WarnUnresolved(false)),
    ("undefined-version", M::UndefinedVersion(true)),
    ("no-undefined-version", M::UndefinedVersion(false)),
    ("fortran-common", M::FortranCommon(true)),
    ("no-fortran-common", M::FortranCommon(false)),
    ("plugin", M::Plugin),
    ("format", M::Format),
    ("directory", M::Directory),
    ("undefined-glob", M::Unmodelled("symbols of a pattern are asked for")),
    ("remap-inputs", M::Unmodelled("files are replaced by others")),
    ("remap-inputs-file", M::Unmodelled("files are replaced by others")),
    ("no-define-common", M::Unmodelled("common symbols stay undefined")),
    ("noinhibit-exec", M::Unmodelled("errors of symbols do not stop the link")),
    ("noinhibit_exec", M::Unmodelled("errors of symbols do not stop the link")),
    ("version-exports-section", M::Unmodelled("what is exported stands in the objects")),
    ("dynamic-list-data", M::Unmodelled("data symbols are in the dynamic list")),
    ("dynamic-list-cpp-new", M::Unmodelled("operators of C++ are in the dynamic list")),
    ("dynamic-list-cpp-typeinfo", M::Unmodelled("type information of C++ is in the dynamic list")),
    ("default-symver", M::Unmodelled("symbols get the name of the output as version")),
    ("default-imported-symver", M::Unmodelled("imported symbols get a version")),
];

/// Short options: the letter, whether it takes a value (joined or the next argument), and what it means.
pub(super) const SHORT: &[(u8, bool, Meaning)] = &[
    (b'a', true, M::Unmodelled("-a of HP-UX")),
    (b'A', true, M::Nothing),
    (b'b', true, M::Format),
    (b'c', true, M::Unmodelled("a script in MRI's language")),
    (b'd', false, M::Nothing),
    (b'e', true, M::Entry),
    (b'E', false, M::ExportDynamic(true)),
    (b'f', true, M::Nothing),
    (b'F', true, M::Nothing),
    (b'g', false, M::Nothing),
    (b'G', true, M::Nothing),
    (b'h', true, M::Soname),
    (b'I', true, M::DynamicLinker),
    (b'l', true, M::Library),
    (b'L', true, M::LibraryPath),
    (b'm', true, M::Emulation),
    (b'M', false, M::Nothing),
    (b'n', false, M::Magic),
    (b'N', false, M::Magic),
    (b'o', true, M::Output),
    (b'O', true, M::Nothing),
    (b'p', false, M::Nothing),
    (b'P', true, M::Nothing),
    (b'q', false, M::Nothing),
    (b'r', false, M::Relocatable),
    (b'i', false, M::Relocatable),
    (b'R', true, M::JustSymbolsOrRpath),
    (b's', false, M::Nothing),
    (b'S', false, M::Nothing),
    (b't', false, M::Nothing),
    (b'T', true, M::Script),
    (b'u', true, M::Undefined),
    (b'v', false, M::Nothing),
    (b'V', false, M::Nothing),
    (b'w', false, M::Nothing),
    (b'x', false, M::Nothing),
    (b'X', false, M::Nothing),
    (b'y', true, M::Nothing),
    (b'Y', true, M::Unmodelled("the default folders are replaced")),
    (b'z', true, M::Z),
    (b'C', true, M::Directory),
    (b'(', false, M::StartGroup),
    (b')', false, M::EndGroup),
];

/// The place of a linker's letter in [`TAKES`].
fn column(linker: LinkerKind) -> usize {
    match linker {
        Bfd => 0,
        Gold => 1,
        Lld => 2,
        Mold => 3,
        Wild => 4,
    }
}

/// A long option as this linker takes it; where the linker is not known, or does not know the option, as the first that knows it does.
pub(super) fn long(name: &str, linker: Option<LinkerKind>) -> Option<Known> {
    let at = TAKES.binary_search_by_key(&name, |(known, _)| known).ok()?;
    let (name, letters) = TAKES[at];
    let own = Takes::of(letters[linker.map_or(0, column)]);
    let takes = own.or_else(|| letters.iter().find_map(|letter| Takes::of(*letter)))?;
    let meaning = MEANINGS.iter().find(|(known, _)| *known == name).map_or(M::Nothing, |(_, meaning)| *meaning);
    Some(Known { name, takes, meaning })
}

/// Options of ld.bfd that begin with `name`, for getopt's abbreviations.
pub(super) fn abbreviated(name: &str) -> Vec<Known> {
    let start = TAKES.partition_point(|(known, _)| *known < name);
    let all = TAKES[start..].iter().take_while(|(known, _)| known.starts_with(name));
    all.filter(|(_, letters)| letters[0] != b'-').filter_map(|(known, _)| long(known, Some(Bfd))).collect()
}

/// A short option.
pub(super) fn short(letter: u8) -> Option<(bool, Meaning)> {
    SHORT.iter().find(|(known, ..)| *known == letter).map(|(_, valued, meaning)| (*valued, *meaning))
}

/// Does this linker end with an error because it does not know the option? True of the versions [`TAKES`] was measured with.
pub fn refuses(linker: LinkerKind, name: &str) -> bool {
    let found = TAKES.binary_search_by_key(&name, |(known, _)| known);
    found.is_ok_and(|at| TAKES[at].1[column(linker)] == b'-')
}

/// A long option of a linker, for who holds the table against the linker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownOption {
    /// Its name, without dashes.
    pub name: &'static str,
    /// It is known when it stands alone, without `=value`.
    pub known: bool,
    /// It takes the next argument as its value.
    pub valued: bool,
}

/// All long options of the table, as this linker takes them.
pub fn known_options(linker: LinkerKind) -> impl Iterator<Item = KnownOption> {
    TAKES.iter().map(move |(name, letters)| {
        let takes = Takes::of(letters[column(linker)]);
        let known = takes.is_some_and(|takes| takes != Takes::Joined);
        KnownOption { name, known, valued: matches!(takes, Some(Takes::Value | Takes::Separate)) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(TAKES.is_sorted_by(|left, right| left.0 < right.0));
    }

    #[test]
    fn all_that_means_something_is_an_option() {
        for (name, _) in MEANINGS {
            assert!(long(name, None).is_some(), "{name}");
        }
    }

    #[test]
    fn linkers_differ_in_what_takes_a_value() {
        assert_eq!(long("threads", Some(Lld)).map(|known| known.takes), Some(Takes::Value));
        assert_eq!(long("threads", Some(Mold)).map(|known| known.takes), Some(Takes::Optional));
        assert!(refuses(Bfd, "threads") && refuses(Lld, "copy-dt-needed-entries"));
    }
}
