//! Folders in which GCC looks for start files and which it passes as `-L`: `for_each_path`, `find_a_file` and `%D` of gcc/gcc.cc.

use super::host::{At, Host};
use super::words::{Width, Words};

/// A folder GCC was configured with, and how its multilib parts are put behind.
struct Prefix {
    path: String,
    /// Only with target and version behind it.
    machine: bool,
    /// The multilib folder of the system (`../lib64`) goes behind it, not GCC's own (`32`).
    system: bool,
}

/// The folders of one link, in the order GCC tries them.
pub(super) struct Folders {
    pub all: Vec<String>,
}

impl Folders {
    /// Of this host, for this command.
    pub fn new(words: &Words, host: &Host<'_>) -> Self {
        let Some(gcc) = &host.gcc else { return Self { all: Vec::new() } };
        let (_, version) = gcc.folder.rsplit_once('/').unwrap_or(("", ""));
        let root = gcc.folder.strip_suffix(&format!("{}/{version}", gcc.target)).unwrap_or(&gcc.folder);
        let sysroot = words.sysroot.as_ref().map_or("", |sysroot| sysroot.value.trim_end_matches('/'));
        let mut prefixes = Vec::new();
        for prefix in &words.prefixes {
            // A prefix that names a folder gets its slash (`add_prefix` by -B in driver_handle_option).
            let slash = !prefix.ends_with('/') && (host.look)(prefix) == At::Folder;
            let path = if slash { format!("{prefix}/") } else { prefix.clone() };
            prefixes.push(Prefix { path, machine: false, system: false });
        }
        prefixes.push(Prefix { path: root.to_owned(), machine: true, system: false });
        let tools = format!("{}/../../../../{}/lib/", gcc.folder, gcc.target);
        prefixes.push(Prefix { path: tools.clone(), machine: false, system: true });
        prefixes.push(Prefix { path: format!("{}/../../../", gcc.folder), machine: false, system: true });
        prefixes.push(Prefix { path: format!("{sysroot}/lib/"), machine: false, system: true });
        prefixes.push(Prefix { path: format!("{sysroot}/usr/lib/"), machine: false, system: true });
        let multi = Multi::new(words, host);
        Self { all: multi.walk(&prefixes, &format!("{}/{version}/", gcc.target)) }
    }

    /// Those that exist, without `/lib` and `/usr/lib`, which linkers know (`is_directory` with `linker` set).
    pub fn search(&self, host: &Host<'_>) -> Vec<String> {
        let exists = |folder: &&String| (host.look)(folder.trim_end_matches('/')) == At::Folder;
        let known = |folder: &&String| !matches!(folder.as_str(), "/lib/" | "/usr/lib/");
        self.all.iter().filter(known).filter(exists).map(|folder| folder.trim_end_matches('/').to_owned()).collect()
    }

    /// The path of a start file; its name alone when no folder has it.
    pub fn file(&self, name: &str, host: &Host<'_>) -> String {
        let paths = self.all.iter().map(|folder| format!("{folder}{name}"));
        paths.into_iter().find(|path| (host.look)(path) == At::File).unwrap_or_else(|| name.to_owned())
    }
}

/// The parts of paths that differ by `-m32` and the like.
struct Multi {
    /// GCC's own: `32/`; empty for the default.
    own: String,
    /// The system's: `../lib32/`.
    system: String,
    /// `i386-linux-gnu/`
    arch: Option<String>,
}

impl Multi {
    fn new(words: &Words, host: &Host<'_>) -> Self {
        let multiarch = |name: &str| host.multiarch.as_ref().map(|_| format!("{name}/"));
        match words.width {
            Some(Width::W32) if host.arch == "x86_64" => {
                let system = if host.multiarch.is_some() { "../lib32/" } else { "../lib/" };
                Self { own: "32/".to_owned(), system: system.to_owned(), arch: multiarch("i386-linux-gnu") }
            }
            Some(Width::X32) if host.arch == "x86_64" => {
                Self { own: "x32/".to_owned(), system: "../libx32/".to_owned(), arch: multiarch("x86_64-linux-gnux32") }
            }
            _ => Self {
                own: String::new(),
                system: format!("{}/", host.os_folder),
                arch: host.multiarch.as_ref().map(|name| format!("{name}/")),
            },
        }
    }

    fn walk(&self, prefixes: &[Prefix], machine: &str) -> Vec<String> {
        let mut out = Vec::new();
        for prefix in prefixes {
            let path = &prefix.path;
            out.push(format!("{path}{machine}{}", self.own));
            if !prefix.machine {
                if let Some(arch) = &self.arch {
                    // In a folder of several architectures GCC's version can be a level of its own.
                    out.push(format!("{path}{arch}"));
                }
                let multi = if prefix.system { &self.system } else { &self.own };
                out.push(format!("{path}{multi}"));
            }
        }
        // A second time, without what -m32 and the like put behind; what was tried already is not tried again.
        for prefix in prefixes {
            let path = &prefix.path;
            if !self.own.is_empty() {
                out.push(format!("{path}{machine}"));
            }
            if !prefix.machine && (prefix.system || !self.own.is_empty()) {
                out.push(path.clone());
            }
        }
        out
    }
}
