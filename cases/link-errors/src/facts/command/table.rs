//! Options of the linkers: which take a value, and what they mean for the link.
//!
//! Sources: ld/lexsup.c and ld/emultempl/elf.em of binutils 2.40, gold/options.h of the same, lld/ELF/Options.td of LLVM 19,
//! elf/cmdline.cc of mold 1.10, libwild/src/args of wild 0.10. An option is one here when all linkers that know it take it alike.

use crate::model::outcome::LinkerKind::{self, Bfd, Gold, Lld, Mold, Wild};

/// Does an option have a value, and where?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// None: `--as-needed`.
    Nothing,
    /// `--name value` or `--name=value`.
    Value,
    /// `--name` or `--name=value`, never the next argument.
    Optional,
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

/// An option with a long name.
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
use Takes::{Nothing, Optional, Value};

const fn known(name: &'static str, takes: Takes, meaning: Meaning) -> Known {
    Known { name, takes, meaning }
}

/// Long options that decide something.
pub(super) const LONG: &[Known] = &[
    known("output", Value, M::Output),
    known("library", Value, M::Library),
    known("library-path", Value, M::LibraryPath),
    known("script", Value, M::Script),
    known("default-script", Value, M::Nothing),
    known("dT", Value, M::Nothing),
    known("mri-script", Value, M::Unmodelled("a script in MRI's language")),
    known("as-needed", Nothing, M::AsNeeded(true)),
    known("no-as-needed", Nothing, M::AsNeeded(false)),
    known("whole-archive", Nothing, M::WholeArchive(true)),
    known("no-whole-archive", Nothing, M::WholeArchive(false)),
    known("Bstatic", Nothing, M::Static(true)),
    known("dn", Nothing, M::Static(true)),
    known("non_shared", Nothing, M::Static(true)),
    known("static", Nothing, M::Static(true)),
    known("Bdynamic", Nothing, M::Static(false)),
    known("dy", Nothing, M::Static(false)),
    known("call_shared", Nothing, M::Static(false)),
    known("omagic", Nothing, M::Magic),
    known("nmagic", Nothing, M::Magic),
    known("copy-dt-needed-entries", Nothing, M::CopyNeeded(true)),
    known("add-needed", Nothing, M::CopyNeeded(true)),
    known("no-copy-dt-needed-entries", Nothing, M::CopyNeeded(false)),
    known("no-add-needed", Nothing, M::CopyNeeded(false)),
    known("push-state", Nothing, M::PushState),
    known("pop-state", Nothing, M::PopState),
    known("start-group", Nothing, M::StartGroup),
    known("end-group", Nothing, M::EndGroup),
    known("start-lib", Nothing, M::StartLib),
    known("end-lib", Nothing, M::EndLib),
    known("just-symbols", Value, M::JustSymbols),
    known("rpath", Value, M::Rpath),
    known("rpath-link", Value, M::RpathLink),
    known("sysroot", Value, M::Sysroot),
    known("shared", Nothing, M::Shared),
    known("Bshareable", Nothing, M::Shared),
    known("pie", Nothing, M::Pie(true)),
    known("pic-executable", Nothing, M::Pie(true)),
    known("no-pie", Nothing, M::Pie(false)),
    known("no-pic-executable", Nothing, M::Pie(false)),
    known("relocatable", Nothing, M::Relocatable),
    known("Ur", Nothing, M::Relocatable),
    known("nostdlib", Nothing, M::NoStdlib),
    known("soname", Value, M::Soname),
    known("dynamic-linker", Value, M::DynamicLinker),
    known("undefined", Value, M::Undefined),
    known("require-defined", Value, M::RequireDefined),
    known("ignore-unresolved-symbol", Value, M::IgnoreUnresolved),
    known("entry", Value, M::Entry),
    known("defsym", Value, M::Defsym),
    known("wrap", Value, M::Wrap),
    known("exclude-libs", Value, M::ExcludeLibs),
    known("version-script", Value, M::VersionScript),
    known("dynamic-list", Value, M::DynamicList),
    known("export-dynamic-symbol-list", Value, M::ExportList),
    known("export-dynamic-symbol", Value, M::ExportSymbol),
    known("retain-symbols-file", Value, M::RetainSymbols),
    known("export-dynamic", Nothing, M::ExportDynamic(true)),
    known("no-export-dynamic", Nothing, M::ExportDynamic(false)),
    known("Bsymbolic", Nothing, M::Symbolic),
    known("Bsymbolic-functions", Nothing, M::SymbolicFunctions),
    known("Bsymbolic-non-weak", Nothing, M::Unmodelled("some symbols are bound here only")),
    known("Bsymbolic-non-weak-functions", Nothing, M::Unmodelled("some symbols are bound here only")),
    known("Bno-symbolic", Nothing, M::NoSymbolic),
    known("allow-multiple-definition", Nothing, M::AllowMultiple(true)),
    known("no-allow-multiple-definition", Nothing, M::AllowMultiple(false)),
    known("gc-sections", Nothing, M::GcSections(true)),
    known("no-gc-sections", Nothing, M::GcSections(false)),
    known("unresolved-symbols", Value, M::UnresolvedSymbols),
    known("no-undefined", Nothing, M::NoUndefined),
    known("allow-shlib-undefined", Nothing, M::AllowShlibUndefined(true)),
    known("no-allow-shlib-undefined", Nothing, M::AllowShlibUndefined(false)),
    known("warn-unresolved-symbols", Nothing, M::WarnUnresolved(true)),
    known("error-unresolved-symbols", Nothing, M::WarnUnresolved(false)),
    known("undefined-version", Nothing, M::UndefinedVersion(true)),
    known("no-undefined-version", Nothing, M::UndefinedVersion(false)),
    known("fortran-common", Nothing, M::FortranCommon(true)),
    known("no-fortran-common", Nothing, M::FortranCommon(false)),
    known("plugin", Value, M::Plugin),
    known("format", Value, M::Format),
    known("directory", Value, M::Directory),
    known("undefined-glob", Value, M::Unmodelled("symbols of a pattern are asked for")),
    known("remap-inputs", Value, M::Unmodelled("files are replaced by others")),
    known("remap-inputs-file", Value, M::Unmodelled("files are replaced by others")),
    known("architecture", Value, M::Nothing),
    known("auxiliary", Value, M::Nothing),
    known("filter", Value, M::Nothing),
    known("gpsize", Value, M::Nothing),
    known("no-define-common", Nothing, M::Unmodelled("common symbols stay undefined")),
    known("define-common", Nothing, M::Nothing),
    known("noinhibit-exec", Nothing, M::Unmodelled("errors of symbols do not stop the link")),
    known("noinhibit_exec", Nothing, M::Unmodelled("errors of symbols do not stop the link")),
    known("assert", Value, M::Nothing),
    known("icf", Value, M::Nothing),
    known("version-exports-section", Value, M::Unmodelled("what is exported stands in the objects")),
    known("dynamic-list-data", Nothing, M::Unmodelled("data symbols are in the dynamic list")),
    known("dynamic-list-cpp-new", Nothing, M::Unmodelled("operators of C++ are in the dynamic list")),
    known("dynamic-list-cpp-typeinfo", Nothing, M::Unmodelled("type information of C++ is in the dynamic list")),
    known("default-symver", Nothing, M::Unmodelled("symbols get the name of the output as version")),
    known("default-imported-symver", Nothing, M::Unmodelled("imported symbols get a version")),
    known("in-implib", Value, M::Nothing),
    known("trace-symbol", Value, M::Nothing),
    known("disable-multiple-abs-defs", Nothing, M::Nothing),
];

/// Long options that decide nothing of symbols: with a value, with one behind `=` only, without one.
const VALUED: &[&str] = &[
    "Map",
    "Tbss",
    "Tdata",
    "Tldata-segment",
    "Trodata-segment",
    "Ttext",
    "Ttext-segment",
    "audit",
    "call-graph-ordering-file",
    "chroot",
    "compress-debug-sections",
    "compress-sections",
    "ctf-share-types",
    "debug",
    "debug-file",
    "depaudit",
    "dependency-file",
    "dynamic-section-order",
    "error-handling-script",
    "error-limit",
    "filler",
    "fini",
    "hash-bucket-empty-fraction",
    "hash-size",
    "hash-style",
    "icf-iterations",
    "image-base",
    "init",
    "keep-unique",
    "load-pass-plugin",
    "lto-cs-profile-file",
    "lto-known-safe-vtables",
    "max-cache-size",
    "mips-got-size",
    "mllvm",
    "oformat",
    "opt-remarks-filename",
    "opt-remarks-format",
    "opt-remarks-hotness-threshold",
    "opt-remarks-passes",
    "optimize-bb-jumps-size",
    "orphan-handling",
    "out-implib",
    "pack-dyn-relocs",
    "package-metadata",
    "physical-image-base",
    "plugin-opt",
    "print-symbol-order",
    "print-symbol-counts",
    "repro-file",
    "reproduce",
    "rsp-quoting",
    "section-align",
    "section-order",
    "section-ordering-file",
    "section-start",
    "shuffle-sections",
    "sort-section",
    "spare-dynamic-tags",
    "split-stack-adjust-size",
    "stub-group-size",
    "symbol-ordering-file",
    "target2",
    "task-link",
    "thinlto-cache-policy",
    "thread-count",
    "thread-count-final",
    "thread-count-initial",
    "thread-count-middle",
    "time-trace-granularity",
    "unique-section",
    "warn-backrefs-exclude",
    "write-layout",
    "write-trace",
];

const WITH_EQUALS: &[&str] = &[
    "android-memtag-mode",
    "build-id",
    "call-graph-profile-sort",
    "color-diagnostics",
    "demangle",
    "eh-frame-hdr",
    "fix-cortex-a53-843419",
    "flto",
    "flto-partition",
    "fuse-ld",
    "incremental",
    "lto",
    "lto-O",
    "lto-CGO",
    "lto-aa-pipeline",
    "lto-basic-block-sections",
    "lto-newpm-passes",
    "lto-obj-path",
    "lto-partitions",
    "lto-sample-profile",
    "map-whole-files",
    "no-map-whole-files",
    "power10-stubs",
    "print-archive-stats",
    "print-map",
    "save-temps",
    "sort-common",
    "split-by-file",
    "split-by-reloc",
    "thinlto-cache-dir",
    "thinlto-index-only",
    "thinlto-jobs",
    "thinlto-object-suffix-replace",
    "thinlto-prefix-replace",
    "thinlto-single-module",
    "threads",
    "time-trace",
    "unique",
    "verbose",
    "why-extract",
    "why-live",
];

const FLAGS: &[&str] = &[
    "Bgroup",
    "EB",
    "EL",
    "Qy",
    "accept-unknown-input-arch",
    "allow-incompatible-libs",
    "android-memtag-heap",
    "android-memtag-stack",
    "apply-dynamic-relocs",
    "be8",
    "check-dynamic-relocations",
    "check-sections",
    "cmse-implib",
    "cref",
    "ctf-variables",
    "dc",
    "debug-names",
    "demangle",
    "dependent-libraries",
    "detect-odr-violations",
    "disable-new-dtags",
    "disable-verify",
    "discard-all",
    "discard-locals",
    "discard-none",
    "dll-verbose",
    "dp",
    "eh-frame-hdr",
    "embedded-relocs",
    "emit-relocs",
    "emit-stub-syms",
    "enable-new-dtags",
    "enable-non-contiguous-regions",
    "enable-non-contiguous-regions-warnings",
    "execute-only",
    "fatal-warnings",
    "fat-lto-objects",
    "fix-cortex-a53-835769",
    "fix-cortex-a8",
    "force-exe-suffix",
    "force-group-allocation",
    "fork",
    "gc-keep-exported",
    "gdb-index",
    "gnu-unique",
    "help",
    "icf=all",
    "icf=none",
    "icf=safe",
    "ignore-address-equality",
    "ignore-data-address-equality",
    "ignore-function-address-equality",
    "keep-memory",
    "long-plt",
    "lto-debug-pass-manager",
    "lto-emit-asm",
    "lto-emit-llvm",
    "lto-whole-program-visibility",
    "merge-exidx-entries",
    "mmap-output-file",
    "opt-remarks-with-hotness",
    "optimize-bb-jumps",
    "perf",
    "pcrel-optimize",
    "pic-veneer",
    "prefetch",
    "print-dependencies",
    "print-gc-sections",
    "print-icf-sections",
    "print-map-discarded",
    "print-memory-usage",
    "print-output-format",
    "print-sysroot",
    "qmagic",
    "quick-exit",
    "reduce-memory-overheads",
    "relax",
    "relax-gp",
    "repro",
    "reverse-sections",
    "rosegment",
    "secure-plt",
    "sort_common",
    "stats",
    "strip-all",
    "strip-debug",
    "strip-debug-gdb",
    "strip-debug-non-line",
    "strip-discarded",
    "strip-lto-sections",
    "target-help",
    "target1-abs",
    "target1-rel",
    "text-reorder",
    "thinlto-emit-imports-files",
    "thinlto-emit-index-files",
    "tls-optimize",
    "toc-optimize",
    "trace",
    "traditional-format",
    "use-android-relr-tags",
    "version",
    "warn-alternate-em",
    "warn-backrefs",
    "warn-common",
    "warn-constructors",
    "warn-execstack",
    "warn-ifunc-textrel",
    "warn-mismatch",
    "warn-multiple-gp",
    "warn-once",
    "warn-rwx-segments",
    "warn-search-mismatch",
    "warn-section-align",
    "warn-shared-textrel",
    "warn-symbol-ordering",
    "warn-textrel",
    "warnings",
    "weak-unresolved-symbols",
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

/// All long options with what they are.
pub(super) fn long(name: &str) -> Option<Known> {
    if let Some(found) = LONG.iter().find(|known| known.name == name) {
        return Some(*found);
    }
    if let Some(name) = VALUED.iter().find(|known| **known == name) {
        return Some(known(name, Value, M::Nothing));
    }
    if let Some(name) = WITH_EQUALS.iter().find(|known| **known == name) {
        return Some(known(name, Optional, M::Nothing));
    }
    // `--no-relax` is the opposite of `--relax`, for all of these.
    let plain = name.strip_prefix("no-").unwrap_or(name);
    FLAGS.iter().find(|known| **known == plain).map(|name| known(name, Nothing, M::Nothing))
}

/// Options that begin with `name`, for getopt's abbreviations.
pub(super) fn abbreviated(name: &str) -> Vec<Known> {
    let plain = LONG.iter().map(|known| known.name);
    let all = plain.chain(VALUED.iter().copied()).chain(WITH_EQUALS.iter().copied()).chain(FLAGS.iter().copied());
    all.filter(|known| known.starts_with(name)).filter_map(long).collect()
}

/// A short option.
pub(super) fn short(letter: u8) -> Option<(bool, Meaning)> {
    SHORT.iter().find(|(known, ..)| *known == letter).map(|(_, valued, meaning)| (*valued, *meaning))
}

/// Options that some linkers refuse: they end with an error that names the option.
const REFUSED: &[(&str, &[LinkerKind])] = &[
    ("copy-dt-needed-entries", &[Lld, Mold]),
    ("add-needed", &[Lld, Mold]),
    ("require-defined", &[Gold, Lld]),
    ("ignore-unresolved-symbol", &[Gold, Lld, Mold, Wild]),
    ("start-lib", &[Bfd]),
    ("end-lib", &[Bfd]),
    ("fortran-common", &[Bfd, Gold, Mold]),
    ("no-fortran-common", &[Bfd, Gold, Mold]),
    ("icf", &[Bfd]),
    ("threads", &[Bfd]),
    ("no-threads", &[Bfd]),
    ("undefined-glob", &[Bfd, Gold, Mold]),
    ("error-limit", &[Bfd, Gold, Mold]),
];

/// True when this linker ends with an error because it does not know the option.
pub(super) fn is_refused(name: &str, linker: LinkerKind) -> bool {
    REFUSED.iter().any(|(known, linkers)| *known == name && linkers.contains(&linker))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_option_stands_once() {
        let mut names: Vec<&str> = LONG.iter().map(|known| known.name).collect();
        names.extend(VALUED);
        names.extend(FLAGS);
        let before = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), before);
    }

    #[test]
    fn options_that_begin_with_o_have_two_dashes() {
        assert!(long("output").is_some_and(|known| known.two_dashes()));
        assert!(long("as-needed").is_some_and(|known| !known.two_dashes()));
    }
}
