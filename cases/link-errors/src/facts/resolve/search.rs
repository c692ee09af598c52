//! Which file `-l` stands for: `ldfile_open_file_search` of ld/ldfile.c and `ldelf_open_dynamic_archive` of ld/ldelf.c, `Input_file::find_file`
//! and `Read_symbols::do_read_symbols` of gold, `searchLibrary` of lld/ELF/DriverUtils.cpp, `find_library` of mold, `Input::path` of wild.
//!
//! All look into all folders of `-L`, also those given behind `-l`. ld.bfd and gold know folders of their own.

use casebook_formats::elf::Machine;
use casebook_formats::ldscript::{self, Command, EntryKind};

use super::super::command::LinkLine;
use super::machine::{Peek, of_format, peek};
use super::paths::parent;
use super::{Resolver, Skipped, Way};
use crate::model::outcome::LinkerKind;

/// A folder of the search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Folder {
    /// Its path, sysroot put in.
    pub path: String,
    /// `-L`; ld.bfd does not look there for what shared objects need.
    pub by_line: bool,
}

/// The folders of a line, in order.
pub(super) fn folders(line: &LinkLine, linker: LinkerKind) -> Vec<Folder> {
    let mut out: Vec<Folder> = Vec::new();
    for given in &line.search {
        let path = below_sysroot(&given.value, line).unwrap_or_else(|| given.value.clone());
        out.push(Folder { path, by_line: true });
    }
    // A script of -T takes the place of the one that has SEARCH_DIR in it.
    let own_script = line.items.iter().any(|item| matches!(item.kind, super::ItemKind::Script(_)));
    if !line.options.nostdlib && !own_script {
        let sysroot = sysroot(line);
        let builtin = builtin(linker, line.options.emulation.as_ref().map(|given| given.value.as_str()));
        out.extend(builtin.iter().map(|path| Folder { path: format!("{sysroot}{path}"), by_line: false }));
    }
    out
}

/// `--sysroot`, without a slash at its end; empty for the machine's own root.
pub(super) fn sysroot(line: &LinkLine) -> &str {
    line.options.sysroot.as_ref().map_or("", |given| given.value.trim_end_matches('/'))
}

/// `=x` and `$SYSROOT/x`, sysroot put in.
pub(super) fn below_sysroot(path: &str, line: &LinkLine) -> Option<String> {
    let rest = path.strip_prefix('=').or_else(|| path.strip_prefix("$SYSROOT"))?;
    Some(format!("{}{rest}", sysroot(line)))
}

/// Folders linkers know themselves: `SEARCH_DIR` of the default script (`ld --verbose`), `General_options::finalize` of gold/options.cc. lld, mold and wild know none.
///
/// They are those of Debian's binutils, which hold what other distributions have: a folder that is not there is no difference.
fn builtin(linker: LinkerKind, emulation: Option<&str>) -> &'static [&'static str] {
    match (linker, emulation) {
        (LinkerKind::Bfd, None | Some("elf_x86_64")) => &[
            "/usr/local/lib/x86_64-linux-gnu",
            "/lib/x86_64-linux-gnu",
            "/usr/lib/x86_64-linux-gnu",
            "/usr/lib/x86_64-linux-gnu64",
            "/usr/local/lib64",
            "/lib64",
            "/usr/lib64",
            "/usr/local/lib",
            "/lib",
            "/usr/lib",
            "/usr/x86_64-linux-gnu/lib64",
            "/usr/x86_64-linux-gnu/lib",
        ],
        (LinkerKind::Bfd, Some("elf_i386")) => &[
            "/usr/local/lib/i386-linux-gnu",
            "/lib/i386-linux-gnu",
            "/usr/lib/i386-linux-gnu",
            "/usr/local/lib32",
            "/lib32",
            "/usr/lib32",
            "/usr/local/lib",
            "/lib",
            "/usr/lib",
            "/usr/i386-linux-gnu/lib32",
            "/usr/x86_64-linux-gnu/lib32",
            "/usr/i386-linux-gnu/lib",
        ],
        (LinkerKind::Bfd, Some("aarch64linux")) => &[
            "/usr/local/lib/aarch64-linux-gnu",
            "/lib/aarch64-linux-gnu",
            "/usr/lib/aarch64-linux-gnu",
            "/usr/local/lib",
            "/lib",
            "/usr/lib",
            "/usr/aarch64-linux-gnu/lib",
        ],
        (LinkerKind::Gold, None | Some("elf_x86_64")) => {
            &["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib", "/usr/lib", "/usr/x86_64-linux-gnu/lib"]
        }
        (LinkerKind::Gold, Some("aarch64linux")) => {
            &["/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/lib", "/usr/lib", "/usr/aarch64-linux-gnu/lib"]
        }
        (LinkerKind::Gold, _) => &["/lib", "/usr/lib"],
        _ => &[],
    }
}

impl Resolver<'_> {
    /// `-lNAME`
    pub(super) fn library(&mut self, name: &str, static_only: bool, way: Way) {
        let shared = format!("lib{name}.so");
        let archive = format!("lib{name}.a");
        let names: &[&str] = if static_only { &[&archive] } else { &[&shared, &archive] };
        self.searched(&format!("-l{name}"), names, way);
    }

    /// `-l:NAME`
    pub(super) fn exact(&mut self, name: &str, way: Way) {
        self.searched(&format!("-l:{name}"), &[name], way);
    }

    fn searched(&mut self, written: &str, names: &[&str], way: Way) {
        let mut tried = Vec::new();
        match self.search(written, names, &mut tried) {
            Some(path) => self.input(&path, way),
            None => self.missing(written, tried, way),
        }
    }

    /// The first file with one of these names, as the linker goes through its folders.
    fn search(&mut self, written: &str, names: &[&str], tried: &mut Vec<String>) -> Option<String> {
        // wild looks for the shared object in all folders before it looks for the archive (`Input::path`).
        if self.linker == LinkerKind::Wild {
            return names.iter().find_map(|name| self.walk(written, &[name], tried));
        }
        self.walk(written, names, tried)
    }

    fn walk(&mut self, written: &str, names: &[&str], tried: &mut Vec<String>) -> Option<String> {
        let mut folders: Vec<String> = self.folders.iter().map(|folder| folder.path.clone()).collect();
        // wild looks beside the script that names the library first (`search_first`).
        if self.linker == LinkerKind::Wild
            && let Some(beside) = self.scripts.last().and_then(|script| parent(script))
        {
            folders.insert(0, beside.to_owned());
        }
        for folder in folders {
            for name in names {
                let path = format!("{folder}/{name}");
                tried.push(path.clone());
                match self.fits(&path) {
                    None => {}
                    Some(Ok(())) => return Some(path),
                    Some(Err(what)) => {
                        let is_archive = path.ends_with(".a");
                        self.out.skipped.push(Skipped { path, name: written.to_owned(), item: self.item, what });
                        // gold goes on with the next folder, and looks into an archive only when it needs something of it.
                        if self.linker == LinkerKind::Gold {
                            if is_archive {
                                self.unknown(
                                    "gold passes over an archive for another machine only if it needs a member",
                                );
                            }
                            break;
                        }
                    }
                }
            }
        }
        None
    }

    /// Is there a file at the path, and does the linker take it in a search? `Err` says what it is for. lld and wild take what they find, and
    /// fail on it later.
    pub(super) fn fits(&self, path: &str) -> Option<Result<(), String>> {
        let found = self.open(path)?;
        if matches!(self.linker, LinkerKind::Lld | LinkerKind::Wild) {
            return Some(Ok(()));
        }
        let Some(machine) = self.machine else { return Some(Ok(())) };
        let other = match peek(found.bytes.as_slice()) {
            Peek::Script => self.script_machine(found.bytes.as_slice(), 0),
            peeked => self.machine_of(&peeked, path),
        };
        Some(match other {
            Some(other) if other != machine => Err(other.to_string()),
            _ => Ok(()),
        })
    }

    /// The machine a linker script is for: its `OUTPUT_FORMAT`; for mold also that of the first file it names, as it stands from the folder of
    /// the command (`get_script_output_type` of elf/linker-script.cc).
    fn script_machine(&self, bytes: &[u8], depth: usize) -> Option<Machine> {
        let script = ldscript::read(bytes);
        if self.linker != LinkerKind::Mold {
            return script.output_format().and_then(|name| of_format(&name.text));
        }
        match script.commands.first()? {
            Command::OutputFormat(names) => match names.first()?.text.as_str() {
                name @ ("elf64-x86-64" | "elf32-i386") => of_format(name),
                _ => None,
            },
            Command::Inputs { list, .. } => {
                let entry = list.first().filter(|entry| entry.kind == EntryKind::File && !entry.as_needed)?;
                let found = self.open(&entry.name.text)?;
                match peek(found.bytes.as_slice()) {
                    Peek::Script if depth < super::DEEPEST => self.script_machine(found.bytes.as_slice(), depth + 1),
                    peeked => self.machine_of(&peeked, &entry.name.text),
                }
            }
            _ => None,
        }
    }
}
