//! clang's link command on Linux: `tools::gnutools::Linker::ConstructJob` (clang/lib/Driver/ToolChains/Gnu.cpp), `Linux::Linux`
//! (ToolChains/Linux.cpp), `addSanitizerRuntimes`, `AddRunTimeLibs`, `addOpenMPRuntime` (ToolChains/CommonArgs.cpp) of LLVM 19, and where
//! LLVM 14 differs.

use super::host::{At, Host};
use super::words::{Width, Words};
use super::{Language, Out};

const START: &str = "clang links start files; -nostartfiles leaves them out";
const LIBRARIES: &str = "clang links libgcc or compiler-rt, and libc; -nodefaultlibs leaves them out";
const FOLDERS: &str = "clang passes the folders of libraries it found";
const TARGET: &str = "clang passes what its target needs";
const CXX: &str = "clang++ links a C++ library and libm; -nodefaultlibs leaves them out";
const SANITIZER: &str = "-fsanitize= links its runtime library and what that needs";
const OPENMP: &str = "-fopenmp links an OpenMP runtime";
const PROFILE: &str = "profiling links its runtime library";
const PTHREAD: &str = "-pthread links libpthread";

/// Puts clang's line into `out`.
pub(super) fn arguments(out: &mut Out, words: &Words, language: Language, host: &Host<'_>) {
    let version = host.clang.unwrap_or(19);
    let folders = folders(words, host);
    let job = Job { words, host, version, cxx: language == Language::Cxx, folders };
    job.run(out);
}

struct Job<'a> {
    words: &'a Words,
    host: &'a Host<'a>,
    version: u16,
    cxx: bool,
    folders: Vec<String>,
}

/// Paths that exist, in the order of `Linux::Linux`.
fn folders(words: &Words, host: &Host<'_>) -> Vec<String> {
    let sysroot = words.sysroot.as_ref().map_or("", |sysroot| sysroot.value.trim_end_matches('/'));
    let (suffix, os, arch) = match words.width {
        Some(Width::W32) if host.arch == "x86_64" => ("/32", "lib32", "i386-linux-gnu".to_owned()),
        Some(Width::X32) if host.arch == "x86_64" => ("/x32", "libx32", "x86_64-linux-gnux32".to_owned()),
        _ => ("", "lib64", host.multiarch.clone().unwrap_or_else(|| format!("{}-linux-gnu", host.arch))),
    };
    let mut all = Vec::new();
    let gcc = installation(words, host, suffix);
    if let Some(folder) = &gcc {
        let above = format!("{folder}/../../..");
        let target = host.gcc.as_ref().map_or("", |gcc| gcc.target.as_str());
        all.push(format!("{folder}{suffix}"));
        all.push(format!("{folder}/../{os}"));
        all.push(format!("{above}/../{target}/lib/../{os}"));
        if above.starts_with(sysroot) {
            all.push(format!("{above}/../{os}"));
        }
    }
    all.push(format!("{sysroot}/lib/{arch}"));
    all.push(format!("{sysroot}/lib/../{os}"));
    all.push(format!("{sysroot}/usr/lib/{arch}"));
    all.push(format!("{sysroot}/usr/lib/../{os}"));
    if let Some(folder) = &gcc {
        let target = host.gcc.as_ref().map_or("", |gcc| gcc.target.as_str());
        all.push(format!("{folder}/../../../../{target}/lib"));
    }
    all.push(format!("{sysroot}/lib"));
    all.push(format!("{sysroot}/usr/lib"));
    all.retain(|path| matches!((host.look)(path), At::Folder | At::Unknown));
    all
}

/// GCC's folder, when it has what this width needs (`GCCInstallationDetector`). With a sysroot it is looked for there; LLVM 14 takes the one
/// beside clang when there is none.
fn installation(words: &Words, host: &Host<'_>, suffix: &str) -> Option<String> {
    let gcc = host.gcc.as_ref()?;
    let has = |folder: &str| (host.look)(&format!("{folder}{suffix}/crtbegin.o")) == At::File;
    if let Some(sysroot) = &words.sysroot {
        let root = sysroot.value.trim_end_matches('/');
        let (_, version) = gcc.folder.rsplit_once('/')?;
        let below = ["lib", "usr/lib"].map(|lib| format!("{root}/{lib}/gcc/{}/{version}", gcc.target));
        if let Some(found) = below.into_iter().find(|folder| has(folder)) {
            return Some(found);
        }
        if host.clang.unwrap_or(19) >= 15 {
            return None;
        }
    }
    (suffix.is_empty() || has(&gcc.folder)).then(|| gcc.folder.clone())
}

impl Job<'_> {
    fn is_static_pie(&self) -> bool {
        self.words.static_pie.is_some()
    }

    fn is_static(&self) -> bool {
        self.words.is_static.is_some() && !self.is_static_pie()
    }

    fn is_shared(&self) -> bool {
        self.words.shared.is_some()
    }

    fn relocatable(&self) -> bool {
        self.words.relocatable.is_some()
    }

    fn is_pie(&self) -> bool {
        if self.is_static_pie() || self.is_static() || self.relocatable() || self.is_shared() {
            return false;
        }
        match self.words.pie {
            Some((on, _)) => on,
            // CLANG_DEFAULT_PIE_ON_LINUX, on since LLVM 14 as distributions build it.
            None => true,
        }
    }

    /// A file of GCC or libc, by the folders clang looks in (`Driver::GetFilePath`).
    fn file(&self, name: &str) -> String {
        let prefixes = self.words.prefixes.iter().map(|prefix| {
            let folder = (self.host.look)(prefix) == At::Folder;
            if folder && !prefix.ends_with('/') { format!("{prefix}/{name}") } else { format!("{prefix}{name}") }
        });
        let folders = self.folders.iter().map(|folder| format!("{folder}/{name}"));
        let mut all = prefixes.chain(folders);
        all.find(|path| (self.host.look)(path) == At::File).unwrap_or_else(|| name.to_owned())
    }

    /// A runtime library of clang's own (`ToolChain::getCompilerRT`).
    fn runtime(&self, component: &str, shared: bool) -> String {
        let root = self.host.clang_resources.as_deref().unwrap_or("lib/clang");
        let arch = match self.words.width {
            Some(Width::W32) if self.host.arch == "x86_64" => "i386",
            Some(Width::X32) => "x32",
            _ => self.host.arch.as_str(),
        };
        let triple_arch = if arch == "i386" && self.version >= 15 { "i386" } else { arch };
        let end = if shared { "so" } else { "a" };
        let new = format!("{root}/lib/{triple_arch}-pc-linux-gnu/libclang_rt.{component}.{end}");
        let old = format!("{root}/lib/linux/libclang_rt.{component}-{arch}.{end}");
        let exists = |path: &str| (self.host.look)(path) == At::File;
        if exists(&new) || (!exists(&old) && self.version >= 15) { new } else { old }
    }

    fn run(&self, out: &mut Out) {
        let words = self.words;
        self.target(out);
        match words.outputs.last() {
            Some(output) => {
                out.word("-o", output.origin);
                out.word(output.value.clone(), output.origin);
            }
            None => out.all(&["-o", "a.out"], TARGET),
        }
        let start = !words.any(&["nostdlib", "nostartfiles"]) && !self.relocatable();
        if start {
            self.start_files(out);
        }
        self.search(out);
        if words.has("flto") {
            self.lto(out);
        }
        let needs = self.sanitizers(out);
        out.parts(words.parts.iter());
        self.profile(out);
        if self.cxx && !words.any(&["nostdlib", "nodefaultlibs"]) && !self.relocatable() {
            self.cxx_library(out);
        }
        if !words.has("nostdlib") && !self.relocatable() {
            if !words.has("nodefaultlibs") {
                self.libraries(out, needs);
            }
            if !words.has("nostartfiles") {
                self.end_files(out);
            }
        }
        for script in &words.scripts {
            out.word("-T", script.origin);
            out.word(script.value.clone(), script.origin);
        }
    }

    fn target(&self, out: &mut Out) {
        let words = self.words;
        if let Some(sysroot) = &words.sysroot {
            out.word(format!("--sysroot={}", sysroot.value), sysroot.origin);
        }
        let pie = |out: &mut Out| match words.pie {
            Some((true, origin)) => out.word("-pie", origin),
            _ => out.add("-pie", "this clang makes position-independent executables by itself; -no-pie turns it off"),
        };
        let early = self.version < 19;
        if early && self.is_pie() {
            pie(out);
        }
        if early && let Some(origin) = words.static_pie {
            for text in ["-static", "-pie", "--no-dynamic-linker", "-z", "text"] {
                out.word(text, origin);
            }
        }
        if early && let Some(origin) = words.flag("rdynamic") {
            out.word("-export-dynamic", origin);
        }
        if let Some(origin) = words.flag("s") {
            out.word("-s", origin);
        }
        out.add(format!("--hash-style={}", if early { "both" } else { "gnu" }), TARGET);
        out.all(&["--build-id", "--eh-frame-hdr", "-m", self.emulation()], TARGET);
        if let Some(origin) = words.shared {
            out.word("-shared", origin);
        }
        if early {
            if let Some(origin) = words.is_static.filter(|_| self.is_static()) {
                out.word("-static", origin);
            } else {
                // LLVM 14 says it twice.
                if let Some(origin) = words.flag("rdynamic") {
                    out.word("-export-dynamic", origin);
                }
                if !self.is_shared() && !self.is_static_pie() {
                    out.all(&["-dynamic-linker", self.loader()], TARGET);
                }
            }
            return;
        }
        if let Some(origin) = words.static_pie {
            for text in ["-static", "-pie", "--no-dynamic-linker", "-z", "text"] {
                out.word(text, origin);
            }
        } else if let Some(origin) = words.is_static {
            out.word("-static", origin);
        } else if !self.relocatable() {
            if let Some(origin) = words.flag("rdynamic") {
                out.word("-export-dynamic", origin);
            }
            if !self.is_shared() {
                if self.is_pie() {
                    pie(out);
                }
                out.all(&["-dynamic-linker", self.loader()], TARGET);
            }
        }
    }

    fn emulation(&self) -> &'static str {
        match (self.host.arch.as_str(), self.words.width) {
            ("x86_64", Some(Width::W32)) | ("i386" | "i686", _) => "elf_i386",
            ("x86_64", Some(Width::X32)) => "elf32_x86_64",
            ("aarch64", _) => "aarch64linux",
            ("riscv64", _) => "elf64lriscv",
            ("arm" | "armv7l", _) => "armelf_linux_eabi",
            ("powerpc64le", _) => "elf64lppc",
            ("s390x", _) => "elf64_s390",
            _ => "elf_x86_64",
        }
    }

    fn loader(&self) -> &'static str {
        match (self.host.arch.as_str(), self.words.width) {
            ("x86_64", Some(Width::W32)) | ("i386" | "i686", _) => "/lib/ld-linux.so.2",
            ("x86_64", Some(Width::X32)) => "/libx32/ld-linux-x32.so.2",
            ("aarch64", _) => "/lib/ld-linux-aarch64.so.1",
            ("riscv64", _) => "/lib/ld-linux-riscv64-lp64d.so.1",
            ("arm" | "armv7l", _) => "/lib/ld-linux-armhf.so.3",
            ("powerpc64le", _) => "/lib64/ld64.so.2",
            ("s390x", _) => "/lib/ld64.so.1",
            _ => "/lib64/ld-linux-x86-64.so.2",
        }
    }

    fn start_files(&self, out: &mut Out) {
        if !self.is_shared() {
            let name = match () {
                () if self.words.has("pg") => "gcrt1.o",
                () if self.is_pie() => "Scrt1.o",
                () if self.is_static_pie() => "rcrt1.o",
                () => "crt1.o",
            };
            out.add(self.file(name), START);
        }
        out.add(self.file("crti.o"), START);
        let name = match () {
            () if self.is_shared() => "crtbeginS.o",
            () if self.is_static() => "crtbeginT.o",
            () if self.is_pie() || self.is_static_pie() => "crtbeginS.o",
            () => "crtbegin.o",
        };
        out.add(self.file(name), START);
        // Changes the mode of the processor: since LLVM 19 not in shared objects (`isFastMathRuntimeAvailable`).
        let fast = self.words.fast_math || self.words.fastest;
        let file = self.file("crtfastmath.o");
        if fast && !(self.is_shared() && self.version >= 19) && file != "crtfastmath.o" {
            out.add(file, START);
        }
    }

    fn end_files(&self, out: &mut Out) {
        let name = match () {
            () if self.is_shared() || self.is_pie() || self.is_static_pie() => "crtendS.o",
            () => "crtend.o",
        };
        out.add(self.file(name), START);
        out.add(self.file("crtn.o"), START);
    }

    /// `-L` and `-u` of the command, in its order from LLVM 15 on, and folders of the driver's own.
    fn search(&self, out: &mut Out) {
        let words = self.words;
        let mut given: Vec<_> = words.search.iter().map(|passed| (passed, true)).collect();
        given.extend(words.undefined.iter().map(|passed| (passed, false)));
        if self.version >= 15 {
            given.sort_by_key(|(passed, _)| passed.place);
        }
        for (passed, is_folder) in given {
            if is_folder {
                out.word(format!("-L{}", passed.value), passed.origin);
            } else {
                out.word("-u", passed.origin);
                out.word(passed.value.clone(), passed.origin);
            }
        }
        for folder in &self.folders {
            out.add(format!("-L{folder}"), FOLDERS);
        }
    }

    fn lto(&self, out: &mut Out) {
        let linker = self.words.linker.as_ref().map_or("", |linker| linker.value.as_str());
        if !matches!(linker.rsplit('/').next(), Some("lld" | "ld.lld")) {
            out.all(&["-plugin", "LLVMgold.so"], "-flto passes LLVM's plugin to linkers other than lld");
        }
    }

    /// Runtime libraries of `-fsanitize=`; true when libraries of the system are needed behind them.
    fn sanitizers(&self, out: &mut Out) -> bool {
        let words = self.words;
        let on = |name: &str| words.sanitizes(name);
        if words.sanitizers.is_empty() || words.has("fno-sanitize-link-runtime") {
            return false;
        }
        for name in &words.sanitizers {
            const KNOWN: &[&str] = &["address", "thread", "undefined", "leak", "memory"];
            if !KNOWN.contains(&name.as_str()) {
                out.unknown.push(format!("what clang links for -fsanitize={name} is not known"));
            }
        }
        let shared_runtime = words.has("shared-libsan");
        let others = on("address") || on("thread") || on("memory");
        // The runtimes of the others hold that of undefined behaviour.
        let undefined = on("undefined") && !others && !on("leak");
        let leak = on("leak") && !on("address");
        if shared_runtime {
            for (name, wanted) in [("asan", on("address")), ("ubsan_standalone", undefined), ("tsan", on("thread"))] {
                if wanted {
                    out.add(self.runtime(name, true), SANITIZER);
                }
            }
            if on("address") && !self.is_shared() {
                self.whole(out, "asan-preinit");
            }
        }
        if on("address") {
            self.whole(out, "asan_static");
        }
        if self.is_shared() {
            return false;
        }
        let mut fixed = Vec::new();
        let mut add = |name: &'static str, cxx: Option<&'static str>| {
            fixed.push(name);
            if self.cxx {
                fixed.extend(cxx);
            }
        };
        if on("address") && !shared_runtime {
            add("asan", Some("asan_cxx"));
        }
        if leak {
            add("lsan", None);
        }
        if on("memory") {
            add("msan", Some("msan_cxx"));
        }
        if on("thread") && !shared_runtime {
            add("tsan", Some("tsan_cxx"));
        }
        if undefined && !shared_runtime {
            add("ubsan_standalone", Some("ubsan_standalone_cxx"));
        }
        let mut export = false;
        for name in &fixed {
            self.whole(out, name);
            let list = format!("{}.syms", self.runtime(name, false));
            if (self.host.look)(&list) == At::File {
                out.add(format!("--dynamic-list={list}"), SANITIZER);
            } else {
                export = true;
            }
        }
        if export {
            out.add("--export-dynamic", SANITIZER);
        }
        !fixed.is_empty()
    }

    fn whole(&self, out: &mut Out, name: &str) {
        out.add("--whole-archive", SANITIZER);
        out.add(self.runtime(name, false), SANITIZER);
        out.add("--no-whole-archive", SANITIZER);
    }

    fn profile(&self, out: &mut Out) {
        let generate = self.words.any(&["fprofile-generate", "fprofile-instr-generate"]);
        if generate {
            out.add("-u__llvm_profile_runtime", PROFILE);
        }
        if generate || self.words.any(&["coverage", "fprofile-arcs"]) {
            out.add(self.runtime("profile", false), PROFILE);
        }
    }

    fn cxx_library(&self, out: &mut Out) {
        let words = self.words;
        if !words.has("nostdlib++") {
            let fixed = words.has("static-libstdc++") && words.is_static.is_none();
            if fixed {
                out.add("-Bstatic", CXX);
            }
            out.add(if words.stdlib.as_deref() == Some("libc++") { "-lc++" } else { "-lstdc++" }, CXX);
            if fixed {
                out.add("-Bdynamic", CXX);
            }
        }
        out.add("-lm", CXX);
    }

    fn libraries(&self, out: &mut Out, needs: bool) {
        let words = self.words;
        let fixed = self.is_static() || self.is_static_pie();
        if fixed {
            out.add("--start-group", LIBRARIES);
        }
        if needs {
            out.all(&["--no-as-needed", "-lpthread", "-lrt", "-lm", "-ldl"], SANITIZER);
            if self.version >= 16 {
                out.add("-lresolv", SANITIZER);
            }
        }
        let mut pthread = words.any(&["pthread", "pthreads"]);
        if words.openmp.is_some() {
            self.openmp(out);
            pthread = true;
        }
        self.runtime_libraries(out);
        if pthread {
            out.add("-lpthread", PTHREAD);
        }
        if words.has("fsplit-stack") {
            out.add("--wrap=pthread_create", "-fsplit-stack wraps pthread_create");
        }
        if !words.has("nolibc") {
            out.add("-lc", LIBRARIES);
        }
        if fixed {
            out.add("--end-group", LIBRARIES);
        } else {
            self.runtime_libraries(out);
        }
    }

    fn openmp(&self, out: &mut Out) {
        let words = self.words;
        let fixed = words.has("static-openmp") && words.is_static.is_none();
        if fixed {
            out.add("-Bstatic", OPENMP);
        }
        let library = match words.openmp.as_deref() {
            Some("libgomp") => "-lgomp",
            Some("libiomp5") => "-liomp5",
            _ => "-lomp",
        };
        out.add(library, OPENMP);
        if fixed {
            out.add("-Bdynamic", OPENMP);
        }
        if library == "-lgomp" {
            out.add("-lrt", OPENMP);
        }
        // The folder beside clang's own; LLVM 14 puts it into the run path, too.
        if let Some(root) = self.host.clang_resources.as_deref().and_then(|path| path.split("/lib/clang").next()) {
            if self.version < 15 && library == "-lomp" {
                out.all(&["-rpath", &format!("{root}/lib")], OPENMP);
            }
            out.add(format!("-L{root}/lib"), OPENMP);
        }
    }

    /// `AddRunTimeLibs`
    fn runtime_libraries(&self, out: &mut Out) {
        if self.words.rtlib.as_deref() == Some("compiler-rt") {
            out.add(self.runtime("builtins", false), LIBRARIES);
            return self.unwinder(out);
        }
        let words = self.words;
        let fixed = words.has("static-libgcc") || words.is_static.is_some() || self.is_static_pie();
        let shared = !fixed && words.has("shared-libgcc");
        let first = fixed || (!shared && !self.cxx);
        if first {
            out.add("-lgcc", LIBRARIES);
        }
        self.unwinder(out);
        if !first {
            out.add("-lgcc", LIBRARIES);
        }
    }

    /// `AddUnwindLibrary`
    fn unwinder(&self, out: &mut Out) {
        let words = self.words;
        let fixed = words.has("static-libgcc") || words.is_static.is_some() || self.is_static_pie();
        let shared = !fixed && words.has("shared-libgcc");
        let name = words.unwindlib.as_deref();
        if name == Some("none") {
            return;
        }
        let llvm = name == Some("libunwind");
        let needed = !fixed && !shared && (llvm || !self.cxx);
        if needed {
            out.add("--as-needed", LIBRARIES);
        }
        let library = match (llvm, fixed, shared) {
            (false, true, _) => "-lgcc_eh",
            (false, false, _) => "-lgcc_s",
            (true, true, _) => "-l:libunwind.a",
            (true, _, true) => "-l:libunwind.so",
            (true, _, false) => "-lunwind",
        };
        out.add(library, LIBRARIES);
        if needed {
            out.add("--no-as-needed", LIBRARIES);
        }
    }
}
