//! GCC's link command: `link_command_spec`, `LINK_SPEC`, `STARTFILE_SPEC`, `LIB_SPEC`, `ENDFILE_SPEC` as `gcc -dumpspecs` prints them for
//! GCC 12 on Debian (gcc/gcc.cc, gcc/config/gnu-user.h, gcc/config/i386/gnu-user64.h), and what gcc/cp/g++spec.cc and
//! gcc/fortran/gfortranspec.cc add.

use super::folders::Folders;
use super::host::Host;
use super::words::{Mode, Part, PartKind, Passed, Width, Words};
use super::{Language, Origin, Out, has_files};

const START: &str = "gcc links start files (STARTFILE_SPEC); -nostartfiles leaves them out";
const END: &str = "gcc links end files (ENDFILE_SPEC); -nostartfiles leaves them out";
const LIBRARIES: &str = "gcc links its library and libc (LIBGCC_SPEC, LIB_SPEC); -nodefaultlibs leaves them out";
const FOLDERS: &str = "gcc passes the folders of its libraries (%D)";
const TARGET: &str = "gcc passes what its target needs (LINK_SPEC)";
const CXX: &str = "g++ links libstdc++ and libm (g++spec.cc); -nodefaultlibs leaves them out";
const FORTRAN: &str = "gfortran links libgfortran and libm (gfortranspec.cc, libgfortran.spec)";
const AS_NEEDED: &str = "this distribution's gcc passes --as-needed by itself, unless -fsanitize= is given";
const PTHREAD: &str = "-pthread links libpthread (LIB_SPEC)";
const SANITIZER: &str = "-fsanitize= links its runtime library (LIBASAN_EARLY_SPEC and the like)";
const OPENMP: &str = "-fopenmp links libgomp (libgomp.spec)";
const COVERAGE: &str = "--coverage, -fprofile-arcs and -fprofile-generate link libgcov";
const PLUGIN: &str =
    "gcc passes its plugin for link-time optimisation; -fno-lto and -fno-use-linker-plugin leave it out";

/// What the language's own part of the driver changes.
struct Added {
    /// Files and libraries in order, those of the language at the end.
    parts: Vec<Part>,
    shared_libgcc: bool,
    /// libgfortran.spec is read: libc is linked with libquadmath and libm before it.
    fortran: bool,
}

/// Puts GCC's line into `out`.
pub(super) fn arguments(out: &mut Out, words: &Words, language: Language, host: &Host<'_>) {
    let folders = Folders::new(words, host);
    let spec = Spec { words, host, folders: &folders, added: language_parts(words, language) };
    spec.run(out);
}

struct Spec<'a> {
    words: &'a Words,
    host: &'a Host<'a>,
    folders: &'a Folders,
    added: Added,
}

impl Spec<'_> {
    fn is_static(&self) -> bool {
        self.words.is_static.is_some()
    }

    fn relocatable(&self) -> bool {
        self.words.relocatable.is_some()
    }

    /// `PIE_SPEC`: `!no-pie` of a GCC that makes them by default, else `pie`.
    fn pie(&self) -> bool {
        match self.words.mode {
            Some((Mode::Pie, _)) => true,
            Some((Mode::NoPie, _)) => false,
            _ => self.host.gcc.as_ref().is_none_or(|gcc| gcc.default_pie),
        }
    }

    fn run(&self, out: &mut Out) {
        let words = self.words;
        if let Some(plugin) = self.host.gcc.as_ref().and_then(|gcc| gcc.plugin.as_ref())
            && !words.any(&["fno-lto", "fno-use-linker-plugin"])
        {
            out.all(&["-plugin", plugin], PLUGIN);
        }
        for name in ["flto", "fno-lto"] {
            if let Some(origin) = words.flag(name) {
                out.word(format!("-{name}"), origin);
            }
        }
        self.target(out);
        if !self.is_static() && !words.is_shared() && !self.relocatable() && self.pie() {
            match words.mode {
                Some((Mode::Pie, origin)) => out.word("-pie", origin),
                _ => out.add("-pie", "this gcc makes position-independent executables by itself; -no-pie turns it off"),
            }
        }
        if let Some(linker) = &words.linker {
            out.word(format!("-fuse-ld={}", linker.value), linker.origin);
        }
        self.passed(out);
        let (no_libraries, no_start) = (words.has("nostdlib") || self.relocatable(), words.has("nostartfiles"));
        if !no_libraries && !no_start {
            self.start_files(out);
        }
        for folder in &words.search {
            out.word(format!("-L{}", folder.value), folder.origin);
        }
        for folder in self.folders.search(self.host) {
            out.add(format!("-L{folder}"), FOLDERS);
        }
        let defaults = !no_libraries && !words.has("nodefaultlibs");
        if defaults {
            self.early_sanitizers(out);
        }
        out.parts(self.added.parts.iter());
        self.features(out);
        if defaults {
            self.late_sanitizers(out);
            self.libraries(out);
        }
        if !no_libraries && !no_start {
            self.end_files(out);
        }
        for script in &words.scripts {
            out.word("-T", script.origin);
            out.word(script.value.clone(), script.origin);
        }
    }

    /// `LINK_SPEC`
    fn target(&self, out: &mut Out) {
        let words = self.words;
        let gcc = self.host.gcc.as_ref();
        if let Some(sysroot) = &words.sysroot {
            out.word(format!("--sysroot={}", sysroot.value), sysroot.origin);
        }
        if gcc.is_none_or(|gcc| gcc.build_id) && !self.relocatable() {
            out.add("--build-id", TARGET);
        }
        if !self.is_static() || words.is_static_pie() {
            out.add("--eh-frame-hdr", TARGET);
        }
        let target = target(self.host, words.width);
        out.all(&["-m", target.emulation], TARGET);
        if let Some(style) = gcc.and_then(|gcc| gcc.hash_style.as_ref()) {
            out.add(format!("--hash-style={style}"), TARGET);
        }
        match self.host.as_needed.or_else(|| super::passes_as_needed(self.host.vendor.as_deref(), 0)) {
            Some(true) if !words.sanitize_given => out.add("--as-needed", AS_NEEDED),
            Some(_) => {}
            None => {
                out.as_needed_unknown = true;
                out.unknown.push("whether this gcc passes --as-needed by itself is not known".to_owned());
            }
        }
        if let Some((Mode::Shared, origin)) = words.mode {
            out.word("-shared", origin);
            return;
        }
        if !self.is_static() && !words.is_static_pie() {
            if let Some(origin) = words.flag("rdynamic") {
                out.word("-export-dynamic", origin);
            }
            out.all(&["-dynamic-linker", target.loader], TARGET);
        }
        if let Some(origin) = words.is_static {
            out.word("-static", origin);
        }
        if let Some((Mode::StaticPie, origin)) = words.mode {
            for text in ["-static", "-pie", "--no-dynamic-linker", "-z", "text"] {
                out.word(text, origin);
            }
        }
    }

    /// What goes to the linker as it is, in the order of `link_command_spec`.
    fn passed(&self, out: &mut Out) {
        let words = self.words;
        // What is given twice is passed twice.
        let pairs = |out: &mut Out, option: &str, list: &[Passed]| {
            for passed in list {
                out.word(option, passed.origin);
                out.word(passed.value.clone(), passed.origin);
            }
        };
        let flags = |out: &mut Out, name: &str| {
            for (_, origin) in words.flags.iter().filter(|(known, _)| known == name) {
                out.word(format!("-{name}"), *origin);
            }
        };
        pairs(out, "-o", &words.outputs);
        pairs(out, "-e", &words.entries);
        flags(out, "N");
        flags(out, "n");
        flags(out, "r");
        flags(out, "s");
        flags(out, "t");
        pairs(out, "-u", &words.undefined);
        pairs(out, "-z", &words.keywords);
    }

    fn file(&self, out: &mut Out, name: &str, rule: &'static str) {
        out.add(self.folders.file(name, self.host), rule);
    }

    fn start_files(&self, out: &mut Out) {
        let words = self.words;
        let (fixed, static_pie, shared) = (self.is_static(), words.is_static_pie(), words.is_shared());
        if !shared {
            let profile = words.any(&["pg", "p", "profile"]);
            let name = match () {
                () if profile && static_pie => "grcrt1.o",
                () if profile => "gcrt1.o",
                () if fixed => "crt1.o",
                () if static_pie => "rcrt1.o",
                () if self.pie() => "Scrt1.o",
                () => "crt1.o",
            };
            self.file(out, name, START);
        }
        self.file(out, "crti.o", START);
        let begin = match () {
            () if fixed => "crtbeginT.o",
            () if shared || static_pie || self.pie() => "crtbeginS.o",
            () => "crtbegin.o",
        };
        self.file(out, begin, START);
        if words.any(&["fopenmp", "fopenacc"]) {
            self.file(out, "crtoffloadbegin.o", START);
        }
    }

    fn end_files(&self, out: &mut Out) {
        let words = self.words;
        if words.fastest || words.any(&["ffast-math", "funsafe-math-optimizations"]) {
            self.file(out, "crtfastmath.o", END);
        }
        for (flag, name) in [("mpc32", "crtprec32.o"), ("mpc64", "crtprec64.o"), ("mpc80", "crtprec80.o")] {
            if words.has(flag) {
                self.file(out, name, END);
            }
        }
        let end = match () {
            () if self.is_static() => "crtend.o",
            () if words.is_shared() || words.is_static_pie() || self.pie() => "crtendS.o",
            () => "crtend.o",
        };
        self.file(out, end, END);
        self.file(out, "crtn.o", END);
        if words.any(&["fopenmp", "fopenacc"]) {
            self.file(out, "crtoffloadend.o", END);
        }
    }

    /// The runtimes of others find leaks, too (`sanitize_spec_function`).
    fn sanitizes(&self, name: &str) -> bool {
        let on = |name| self.words.sanitizes(name);
        on(name) && !(name == "leak" && (on("address") || on("thread")))
    }

    /// `LIBASAN_EARLY_SPEC` and its like, before the files.
    fn early_sanitizers(&self, out: &mut Out) {
        for (name, library, preinit) in [
            ("address", "asan", Some("libasan_preinit.o")),
            ("hwaddress", "hwasan", None),
            ("thread", "tsan", Some("libtsan_preinit.o")),
            ("leak", "lsan", Some("liblsan_preinit.o")),
        ] {
            if !self.sanitizes(name) {
                continue;
            }
            if !self.words.is_shared()
                && let Some(preinit) = preinit
            {
                self.file(out, preinit, SANITIZER);
            }
            let flag = format!("-l{library}");
            if !self.words.has(&format!("static-lib{library}")) {
                out.all(&["--push-state", "--no-as-needed", &flag, "--pop-state"], SANITIZER);
            } else if !self.words.is_shared() {
                out.all(&["-Bstatic", "--whole-archive", &flag, "--no-whole-archive", "-Bdynamic"], SANITIZER);
            }
        }
    }

    /// `LIBUBSAN_SPEC` and what static runtimes need.
    fn late_sanitizers(&self, out: &mut Out) {
        let needs = |name: &str| match name {
            "asan" | "tsan" => &["-lrt", "-ldl", "-lrt", "-lpthread", "-lm"][..],
            _ => &["-ldl", "-lrt", "-lpthread", "-lm"][..],
        };
        for (name, library) in
            [("address", "asan"), ("hwaddress", "hwasan"), ("thread", "tsan"), ("undefined", "ubsan"), ("leak", "lsan")]
        {
            if !self.sanitizes(name) {
                continue;
            }
            let fixed = self.words.has(&format!("static-lib{library}"));
            if library == "ubsan" {
                if fixed {
                    out.all(&["-Bstatic", "-lubsan", "-Bdynamic"], SANITIZER);
                } else {
                    out.all(&["--push-state", "--no-as-needed", "-lubsan", "--pop-state"], SANITIZER);
                }
            }
            if fixed || self.is_static() {
                out.all(needs(library), SANITIZER);
            }
        }
    }

    /// Between the files and the default libraries.
    fn features(&self, out: &mut Out) {
        let words = self.words;
        if words.any(&["fopenmp", "fopenacc"]) {
            out.add("-lgomp", OPENMP);
            if self.is_static() {
                out.add("-ldl", OPENMP);
            }
        }
        if words.has("fgnu-tm") {
            out.add("-litm", "-fgnu-tm links libitm (libitm.spec)");
        }
        if words.has("fsplit-stack") {
            out.add("--wrap=pthread_create", "-fsplit-stack wraps pthread_create");
        }
        if words.any(&["fprofile-arcs", "fprofile-generate", "coverage"]) {
            out.add("-lgcov", COVERAGE);
        }
    }

    /// `LINK_GCC_C_SEQUENCE_SPEC`
    fn libraries(&self, out: &mut Out) {
        let fixed = self.is_static() || self.words.is_static_pie();
        if fixed {
            out.add("--start-group", LIBRARIES);
        }
        self.libgcc(out);
        if !self.words.has("nolibc") {
            self.libc(out);
        }
        if fixed {
            out.add("--end-group", LIBRARIES);
        } else {
            self.libgcc(out);
        }
    }

    /// `LIBGCC_SPEC` for a linker that knows `--as-needed` (`init_gcc_specs`).
    fn libgcc(&self, out: &mut Out) {
        let words = self.words;
        let fixed = self.is_static() || words.is_static_pie();
        if fixed || words.has("static-libgcc") {
            out.all(&["-lgcc", "-lgcc_eh"], LIBRARIES);
        } else if !(self.added.shared_libgcc || words.has("shared-libgcc")) {
            out.all(&["-lgcc", "--push-state", "--as-needed", "-lgcc_s", "--pop-state"], LIBRARIES);
        } else {
            out.add("-lgcc_s", LIBRARIES);
            if !words.is_shared() {
                out.add("-lgcc", LIBRARIES);
            }
        }
    }

    /// `LIB_SPEC`; libgfortran.spec puts libquadmath and libm before it.
    fn libc(&self, out: &mut Out) {
        if self.added.fortran {
            let fixed = self.words.has("static-libgfortran");
            if fixed {
                out.add("--as-needed", FORTRAN);
            }
            out.add("-lquadmath", FORTRAN);
            if fixed {
                out.add("--no-as-needed", FORTRAN);
            }
            out.add("-lm", FORTRAN);
            self.libgcc(out);
        }
        // -fopenmp and the like stand for -pthread (GOMP_SELF_SPECS, GTM_SELF_SPECS).
        if self.words.any(&["pthread", "fopenmp", "fopenacc", "fgnu-tm"]) {
            out.add("-lpthread", PTHREAD);
        }
        let profile = self.words.has("profile") && !self.words.is_shared();
        out.add(if profile { "-lc_p" } else { "-lc" }, LIBRARIES);
    }
}

/// What LINK_SPEC says for a target.
struct Target {
    emulation: &'static str,
    loader: &'static str,
}

fn target(host: &Host<'_>, width: Option<Width>) -> Target {
    let of = |emulation, loader| Target { emulation, loader };
    match (host.arch.as_str(), width) {
        ("x86_64", Some(Width::W32)) | ("i386" | "i486" | "i586" | "i686", _) => of("elf_i386", "/lib/ld-linux.so.2"),
        ("x86_64", Some(Width::X32)) => of("elf32_x86_64", "/libx32/ld-linux-x32.so.2"),
        ("aarch64", _) => of("aarch64linux", "/lib/ld-linux-aarch64.so.1"),
        ("riscv64", _) => of("elf64lriscv", "/lib/ld-linux-riscv64-lp64d.so.1"),
        ("arm" | "armv7l", _) => of("armelf_linux_eabi", "/lib/ld-linux-armhf.so.3"),
        ("powerpc64le", _) => of("elf64lppc", "/lib64/ld64.so.2"),
        ("s390x", _) => of("elf64_s390", "/lib/ld64.so.1"),
        _ => of("elf_x86_64", "/lib64/ld-linux-x86-64.so.2"),
    }
}

fn rule(text: &str, rule: &'static str) -> Part {
    Part { text: text.to_owned(), origin: Origin::Rule(rule), kind: PartKind::Library, words: (0, 0) }
}

/// What g++ and gfortran put on their own command (`lang_specific_driver`).
fn language_parts(words: &Words, language: Language) -> Added {
    let parts = words.parts.iter().filter(|part| part.kind != PartKind::Clang).cloned().collect();
    let plain = Added { parts, shared_libgcc: false, fortran: false };
    let none = words.any(&["nostdlib", "nodefaultlibs", "r"]) || !has_files(words);
    match language {
        Language::C => plain,
        Language::Cxx => cxx(words, plain, none),
        Language::Fortran => fortran(words, plain, none),
    }
}

/// gcc/cp/g++spec.cc: the first -lm and -lc of the command go behind libstdc++.
fn cxx(words: &Words, mut added: Added, none: bool) -> Added {
    added.shared_libgcc = !none && words.is_static.is_none() && !words.is_static_pie() && !words.has("static-libgcc");
    if none {
        return added;
    }
    let mut take = |name: &str| {
        let found = added.parts.iter().position(|part| part.kind == PartKind::Library && part.text == name)?;
        Some(added.parts.remove(found))
    };
    let (math, libc) = (take("-lm"), take("-lc"));
    let fixed = words.has("static-libstdc++") && words.is_static.is_none();
    if fixed {
        added.parts.push(rule("-Bstatic", CXX));
    }
    added.parts.push(rule("-lstdc++", CXX));
    if fixed {
        added.parts.push(rule("-Bdynamic", CXX));
    }
    added.parts.push(math.unwrap_or_else(|| rule("-lm", CXX)));
    added.parts.extend(libc);
    added
}

/// gcc/fortran/gfortranspec.cc: an -lm of the command gets libgfortran before it, and -lgfortran gets -lm behind it, even with -nostdlib.
fn fortran(words: &Words, added: Added, none: bool) -> Added {
    let fixed = words.has("static-libgfortran") && words.is_static.is_none();
    let library = |parts: &mut Vec<Part>| {
        if fixed {
            parts.push(rule("-Bstatic", FORTRAN));
        }
        parts.push(rule("-lgfortran", FORTRAN));
        if fixed {
            parts.push(rule("-Bdynamic", FORTRAN));
        }
    };
    let mut parts = Vec::new();
    // Whether -lgfortran was the word before, and whether -lm came behind it.
    let (mut seen, mut math) = (false, false);
    // The word behind the last part.
    let mut next = 1;
    for part in added.parts {
        let is_library = part.kind == PartKind::Library;
        let other = part.words.0 > next || !(is_library && matches!(part.text.as_str(), "-lm" | "-lgfortran"));
        if other {
            if seen && !math {
                parts.push(rule("-lm", FORTRAN));
            }
            (seen, math) = (false, false);
        }
        next = part.words.1 + 1;
        match part.text.as_str() {
            "-lm" if is_library && seen => math = true,
            "-lm" if is_library => library(&mut parts),
            "-lgfortran" if is_library => {
                (seen, math) = (true, false);
                if fixed {
                    library(&mut parts);
                    continue;
                }
            }
            _ => {}
        }
        parts.push(part);
    }
    if next < words.count {
        if seen && !math {
            parts.push(rule("-lm", FORTRAN));
        }
        (seen, math) = (false, false);
    }
    if !none && !seen {
        library(&mut parts);
    }
    if !none && !math {
        parts.push(rule("-lm", FORTRAN));
    }
    let fixed = words.is_static.is_some() || words.is_static_pie() || words.has("static-libgcc");
    Added { parts, shared_libgcc: !none && !fixed, fortran: !none }
}
