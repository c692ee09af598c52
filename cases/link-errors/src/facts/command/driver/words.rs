//! Words of a driver's command: which are inputs, which go to the linker as they are, which the driver reads itself.
//!
//! Sources: gcc/common.opt and gcc/gcc.cc (`driver_handle_option`) of GCC 12, clang/include/clang/Driver/Options.td of LLVM 19.

use super::super::{LinkLine, Origin};

/// A part of the command that goes to the linker in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub text: String,
    pub origin: Origin,
    pub kind: PartKind,
    /// Indices of the first and the last word it is written with.
    pub words: (usize, usize),
}

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PartKind {
    /// A file to link.
    File,
    /// A file to compile first.
    Source,
    /// `-lNAME`
    Library,
    /// A part of `-Wl,…`, or the value of `-Xlinker`.
    Linker,
    /// `-z`, `-e`, `-r`: clang passes them in their place, GCC in a place of their own.
    Clang,
}

/// An option with a value that the linker gets in a place of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Passed {
    pub value: String,
    pub origin: Origin,
    /// Index of its word.
    pub place: usize,
}

/// Which of `-pie`, `-no-pie`, `-shared`, `-static-pie` counts: the last (`Negative` in gcc/common.opt).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Pie,
    NoPie,
    Shared,
    StaticPie,
}

/// All that a driver's command says.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    /// Inputs and what goes between them, in order.
    pub parts: Vec<Part>,
    pub mode: Option<(Mode, Origin)>,
    /// `-shared`, the last one; clang does not let others cancel it.
    pub shared: Option<Origin>,
    /// `-static-pie`
    pub static_pie: Option<Origin>,
    /// The last of `-pie` (true) and `-no-pie` (false).
    pub pie: Option<(bool, Origin)>,
    pub is_static: Option<Origin>,
    pub relocatable: Option<Origin>,
    /// Flags by name, with the word that gave them: `pthread`, `nostdlib`, `rdynamic`.
    pub flags: Vec<(String, Origin)>,
    /// `-L`
    pub search: Vec<Passed>,
    /// `-T`
    pub scripts: Vec<Passed>,
    /// `-u`
    pub undefined: Vec<Passed>,
    /// `-z`
    pub keywords: Vec<Passed>,
    /// `-e`
    pub entries: Vec<Passed>,
    /// `-o`
    pub outputs: Vec<Passed>,
    /// `-B`
    pub prefixes: Vec<String>,
    /// `-fuse-ld=`
    pub linker: Option<Passed>,
    pub sysroot: Option<Passed>,
    /// What `-fsanitize=` and `-fno-sanitize=` leave on.
    pub sanitizers: Vec<String>,
    /// `-fsanitize=` was given at all.
    pub sanitize_given: bool,
    /// The width of `-m32`, `-m64`, `-mx32`.
    pub width: Option<Width>,
    /// `--target=`, `-target`
    pub target: Option<String>,
    /// `-stdlib=`
    pub stdlib: Option<String>,
    /// `-rtlib=`
    pub rtlib: Option<String>,
    /// `-unwindlib=`
    pub unwindlib: Option<String>,
    /// The runtime of `-fopenmp`, empty for the default.
    pub openmp: Option<String>,
    /// `-ffast-math` and its like are on.
    pub fast_math: bool,
    /// The last of `-O…` is `-Ofast`.
    pub fastest: bool,
    /// How many words the command has, the program among them.
    pub count: usize,
    /// Words that no table knows.
    pub unknown: Vec<u32>,
}

/// `-m32`, `-m64`, `-mx32`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// `-m32`
    W32,
    /// `-m64`
    W64,
    /// `-mx32`
    X32,
}

impl Words {
    /// The word that gave a flag, the last of them.
    pub fn flag(&self, name: &str) -> Option<Origin> {
        self.flags.iter().rev().find(|(known, _)| known == name).map(|(_, origin)| *origin)
    }

    pub fn has(&self, name: &str) -> bool {
        self.flag(name).is_some()
    }

    pub fn any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.has(name))
    }

    pub fn sanitizes(&self, name: &str) -> bool {
        self.sanitizers.iter().any(|known| known == name)
    }

    pub fn is_shared(&self) -> bool {
        matches!(self.mode, Some((Mode::Shared, _)))
    }

    pub fn is_static_pie(&self) -> bool {
        matches!(self.mode, Some((Mode::StaticPie, _)))
    }
}

/// Options whose value is the next word and that are nothing to the linker.
const SEPARATE: &[&str] = &[
    "-A",
    "-D",
    "-F",
    "-I",
    "-MF",
    "-MJ",
    "-MQ",
    "-MT",
    "-U",
    "-Xanalyzer",
    "-Xassembler",
    "-Xclang",
    "-Xpreprocessor",
    "-arch",
    "-aux-info",
    "-cxx-isystem",
    "-dumpbase",
    "-dumpbase-ext",
    "-dumpdir",
    "-framework",
    "-idirafter",
    "-imacros",
    "-imultilib",
    "-include",
    "-include-pch",
    "-iprefix",
    "-iquote",
    "-isysroot",
    "-isystem",
    "-iwithprefix",
    "-iwithprefixbefore",
    "-ivfsoverlay",
    "-mllvm",
    "-specs",
    "-wrapper",
    "--param",
    "-J",
    "-gcc-toolchain",
    "--include",
    "--config",
    "-ftrapv-handler",
    "-mthread-model",
    "-fmodule-file",
    "-serialize-diagnostics",
    "--serialize-diagnostics",
];

/// Flags of the driver that this model looks at, without value.
const FLAGS: &[&str] = &[
    "coverage",
    "fopenacc",
    "fopenmp",
    "fgnu-tm",
    "flto",
    "fno-lto",
    "fno-openmp",
    "fno-use-linker-plugin",
    "fprofile-arcs",
    "fprofile-generate",
    "fprofile-instr-generate",
    "fsplit-stack",
    "fuse-linker-plugin",
    "ffast-math",
    "funsafe-math-optimizations",
    "mpc32",
    "mpc64",
    "mpc80",
    "n",
    "N",
    "nodefaultlibs",
    "nolibc",
    "nostartfiles",
    "nostdlib",
    "nostdlib++",
    "p",
    "pg",
    "profile",
    "pthread",
    "pthreads",
    "rdynamic",
    "s",
    "shared-libgcc",
    "shared-libsan",
    "static-libasan",
    "static-libgcc",
    "static-libgfortran",
    "static-libhwasan",
    "static-liblsan",
    "static-libsan",
    "static-libstdc++",
    "static-libtsan",
    "static-libubsan",
    "static-openmp",
    "symbolic",
    "t",
    "Z",
    "Ofast",
    "static-libquadmath",
    "fvtable-verify=std",
    "fvtable-verify=preinit",
    "fno-fast-math",
    "fno-unsafe-math-optimizations",
    "fno-profile-arcs",
    "fno-profile-generate",
    "fno-profile-instr-generate",
    "fno-split-stack",
    "fno-gnu-tm",
    "mno-pc",
    "noprofilelib",
    "nogpulib",
    "fno-gnu-unique",
    "nostartfiles",
];

/// True when the driver compiles a file of this name before it links (`default_compilers` of gcc/gcc.cc, `lookupTypeForExtension` of clang).
fn is_source(name: &str) -> bool {
    const ENDS: &[&str] = &[
        "c", "i", "ii", "m", "mi", "mm", "M", "mii", "cc", "cp", "cxx", "cpp", "CPP", "c++", "C", "f", "for", "ftn",
        "F", "FOR", "fpp", "FPP", "FTN", "f90", "f95", "f03", "f08", "F90", "F95", "F03", "F08", "go", "d", "ads",
        "adb", "s", "S", "sx", "ll", "cu",
    ];
    name.rsplit_once('.').is_some_and(|(_, end)| ENDS.contains(&end))
}

/// Reads the words behind the program.
pub(super) fn read(line: &LinkLine) -> Words {
    let mut reader =
        Reader { line, at: 1, first: 1, language: false, out: Words { count: line.words.len(), ..Words::default() } };
    while reader.at < line.words.len() {
        reader.word();
    }
    reader.out
}

struct Reader<'a> {
    line: &'a LinkLine,
    at: usize,
    /// The word that is being read began here.
    first: usize,
    /// `-x` says what files are, whatever their names.
    language: bool,
    out: Words,
}

impl Reader<'_> {
    fn origin(&self, word: usize, start: usize, end: usize) -> Origin {
        Origin::Word { first: self.first as u32, word: word as u32, start: start as u32, end: end as u32 }
    }

    /// The value of an option: the rest of the word, or the next word.
    fn value(&mut self, index: usize, skip: usize) -> Option<Passed> {
        let text = &self.line.words[index].text;
        if text.len() > skip {
            let origin = self.origin(index, 0, text.len());
            return Some(Passed { value: text[skip..].to_owned(), origin, place: index });
        }
        let next = self.line.words.get(self.at)?;
        let passed =
            Passed { value: next.text.clone(), origin: self.origin(self.at, 0, next.text.len()), place: index };
        self.at += 1;
        Some(passed)
    }

    fn word(&mut self) {
        let index = self.at;
        let text = self.line.words[index].text.as_str();
        self.at += 1;
        self.first = index;
        let whole = self.origin(index, 0, text.len());
        if !text.starts_with('-') || text == "-" {
            let source = self.language || is_source(text);
            return self.part(text.to_owned(), whole, if source { PartKind::Source } else { PartKind::File });
        }
        if let Some(list) = text.strip_prefix("-Wl,") {
            return self.list(list, index);
        }
        match text {
            "-Xlinker" | "--for-linker" => {
                if let Some(next) = self.value(index, text.len()) {
                    self.part(next.value, next.origin, PartKind::Linker);
                }
            }
            "-shared" | "--shared" => {
                self.out.mode = Some((Mode::Shared, whole));
                self.out.shared = Some(whole);
            }
            "-pie" | "--pie" => {
                self.out.mode = Some((Mode::Pie, whole));
                self.out.pie = Some((true, whole));
            }
            "-no-pie" | "--no-pie" | "-nopie" => {
                self.out.mode = Some((Mode::NoPie, whole));
                self.out.pie = Some((false, whole));
            }
            "-static-pie" | "--static-pie" => {
                self.out.mode = Some((Mode::StaticPie, whole));
                self.out.static_pie = Some(whole);
            }
            "-static" | "--static" => self.out.is_static = Some(whole),
            "-r" => {
                self.out.relocatable = Some(whole);
                self.out.flags.push(("r".to_owned(), whole));
                self.part("-r".to_owned(), whole, PartKind::Clang);
            }
            "-m32" => self.out.width = Some(Width::W32),
            "-m64" => self.out.width = Some(Width::W64),
            "-mx32" => self.out.width = Some(Width::X32),
            "-export-dynamic" => self.out.flags.push(("rdynamic".to_owned(), whole)),
            "-target" | "--target" => self.out.target = self.value(index, text.len()).map(|passed| passed.value),
            "--sysroot" => self.out.sysroot = self.value(index, text.len()),
            "-x" => {
                let language = self.value(index, 2);
                self.language = language.is_some_and(|language| language.value != "none");
            }
            _ => self.option(text, index, whole),
        }
    }

    fn option(&mut self, text: &str, index: usize, whole: Origin) {
        if let Some(value) = text.strip_prefix("-fuse-ld=").or_else(|| text.strip_prefix("--ld-path=")) {
            self.out.linker = Some(Passed { value: value.to_owned(), origin: whole, place: index });
        } else if let Some(value) = text.strip_prefix("--sysroot=") {
            self.out.sysroot = Some(Passed { value: value.to_owned(), origin: whole, place: index });
        } else if let Some(value) = text.strip_prefix("--target=") {
            self.out.target = Some(value.to_owned());
        } else if let Some(value) = text.strip_prefix("-stdlib=") {
            self.out.stdlib = Some(value.to_owned());
        } else if let Some(value) = text.strip_prefix("-rtlib=").or_else(|| text.strip_prefix("--rtlib=")) {
            self.out.rtlib = Some(value.to_owned());
        } else if let Some(value) = text.strip_prefix("-unwindlib=").or_else(|| text.strip_prefix("--unwindlib=")) {
            self.out.unwindlib = Some(value.to_owned());
        } else if let Some(value) = text.strip_prefix("-fsanitize=") {
            self.out.sanitize_given = true;
            for name in value.split(',') {
                self.out.sanitizers.push(name.to_owned());
            }
        } else if let Some(value) = text.strip_prefix("-fno-sanitize=") {
            let off: Vec<&str> = value.split(',').collect();
            self.out.sanitizers.retain(|name| !off.contains(&name.as_str()) && !off.contains(&"all"));
        } else if text == "-fno-openmp" {
            self.out.openmp = None;
            self.out.flags.retain(|(name, _)| name != "fopenmp");
        } else if let Some(runtime) =
            text.strip_prefix("-fopenmp").filter(|rest| rest.is_empty() || rest.starts_with('='))
        {
            self.out.openmp = Some(runtime.trim_start_matches('=').to_owned());
            self.out.flags.push(("fopenmp".to_owned(), whole));
        } else if text.starts_with("-O") {
            self.out.fastest = text == "-Ofast";
        } else if matches!(text, "-ffast-math" | "-funsafe-math-optimizations") {
            self.out.fast_math = true;
            self.out.flags.push((text[1..].to_owned(), whole));
        } else if matches!(text, "-fno-fast-math" | "-fno-unsafe-math-optimizations") {
            self.out.fast_math = false;
            let off = text.replacen("-fno-", "f", 1);
            self.out.flags.retain(|(name, _)| *name != off);
        } else if matches!(text, "--coverage" | "-coverage") {
            self.out.flags.push(("coverage".to_owned(), whole));
        } else if text == "-fno-lto" {
            self.out.flags.retain(|(name, _)| name != "flto");
            self.out.flags.push(("fno-lto".to_owned(), whole));
        } else if text == "-flto" {
            self.out.flags.retain(|(name, _)| name != "fno-lto");
            self.out.flags.push(("flto".to_owned(), whole));
        } else if ["-flto=", "-fprofile-generate=", "-fprofile-instr-generate="]
            .iter()
            .any(|known| text.starts_with(known))
        {
            let name = text[1..].split('=').next().unwrap_or_default();
            self.out.flags.push((name.to_owned(), whole));
        } else if let Some(name) = text.strip_prefix('-').filter(|name| FLAGS.contains(name)) {
            self.out.flags.push((name.to_owned(), whole));
        } else if SEPARATE.contains(&text) {
            self.value(index, text.len());
        } else if let Some(value) = text.strip_prefix("--entry=") {
            self.out.entries.push(Passed { value: value.to_owned(), origin: whole, place: index });
        } else {
            self.joined(text, index);
        }
    }

    /// Options of one letter with a value.
    fn joined(&mut self, text: &str, index: usize) {
        let letter = text.as_bytes().get(1).copied().unwrap_or_default();
        match letter {
            b'l' => {
                let Some(passed) = self.value(index, 2) else { return };
                self.part(format!("-l{}", passed.value), passed.origin, PartKind::Library);
            }
            b'L' => {
                let passed = self.value(index, 2);
                self.out.search.extend(passed);
            }
            b'B' => {
                let passed = self.value(index, 2);
                self.out.prefixes.extend(passed.map(|passed| passed.value));
            }
            b'T' => {
                let passed = self.value(index, 2);
                self.out.scripts.extend(passed);
            }
            b'u' => {
                let passed = self.value(index, 2);
                self.out.undefined.extend(passed);
            }
            b'z' => {
                let Some(passed) = self.value(index, 2) else { return };
                self.part("-z".to_owned(), passed.origin, PartKind::Clang);
                self.part(passed.value.clone(), passed.origin, PartKind::Clang);
                self.out.keywords.push(passed);
            }
            b'e' => {
                let Some(passed) = self.value(index, 2) else { return };
                self.part("-e".to_owned(), passed.origin, PartKind::Clang);
                self.part(passed.value.clone(), passed.origin, PartKind::Clang);
                self.out.entries.push(passed);
            }
            b'o' => {
                let passed = self.value(index, 2);
                self.out.outputs.extend(passed);
            }
            // The compiler's own: warnings, machine, debugging, language, include folders and definitions.
            b'W' | b'f' | b'm' | b'g' | b'D' | b'I' | b'U' | b'd' | b'i' | b'w' | b'v' | b'#' | b'Q' | b'M' | b'x' => {}
            _ if text.starts_with("-std") || text.starts_with("--std") || text.starts_with("-pipe") => {}
            _ if text.starts_with("-save-temps") || text.starts_with("--param=") || text.starts_with("-ansi") => {}
            _ if text.starts_with("-pedantic") || text.starts_with("-specs=") || text.starts_with("-no-canonical") => {}
            _ => self.out.unknown.push(index as u32),
        }
    }

    /// `-Wl,a,b`: each part is an argument of the linker.
    fn list(&mut self, list: &str, index: usize) {
        let mut start = "-Wl,".len();
        for part in list.split(',') {
            let origin = self.origin(index, start, start + part.len());
            start += part.len() + 1;
            self.part(part.to_owned(), origin, PartKind::Linker);
        }
    }

    fn part(&mut self, text: String, origin: Origin, kind: PartKind) {
        self.out.parts.push(Part { text, origin, kind, words: (self.first, self.at - 1) });
    }
}
