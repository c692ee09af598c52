//! A link line to a [`Program`]: which file each name of the line stands for, as each linker finds it, scripts replaced by what they name.
//!
//! It is pure: files come through a [`Disk`], and what a file holds is read by a [`Load`].

mod closure;
mod lib_block;
mod machine;
mod near;
mod options;
mod paths;
mod refers;
mod script;
mod search;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use casebook_core::{Bytes, EvidenceId};
use casebook_formats::elf::Machine;

use super::command::{Item, ItemKind, LinkLine};
use super::files::{self, Added, Ahead, Outside, Planned};
use crate::model::input::{Content, File, FileId, Input, Program, Unusable};
use crate::model::names::Names;
use crate::model::outcome::LinkerKind;

pub use machine::{Peek, of_emulation, peek};
pub use near::Near;
pub use paths::{base, clean, join};
pub use refers::{references, references_of_line, references_of_needed, references_of_response, references_of_script};

/// A file that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its bytes.
    pub bytes: Bytes,
    /// The evidence it is.
    pub evidence: Option<EvidenceId>,
    /// It is known to be an object or archive; nobody has to look at it to tell it from a script.
    pub binary: bool,
}

/// The files of the machine the link ran on, as far as they are known. Several threads ask at once.
pub trait Disk: Sync {
    /// The file at a path, which is absolute where the folder of the command is known.
    fn find(&self, path: &str) -> Option<Found>;

    /// Names in a folder; empty when nobody knows. Used for what is nearly the name that was asked for.
    fn list(&self, _folder: &str) -> Vec<String> {
        Vec::new()
    }

    /// True when a file that is not found is known not to be there.
    fn is_complete(&self) -> bool {
        false
    }
}

/// Reads a file into the program: [`files::add`], or what a test has in its place.
type Load<'a> = dyn Fn(&mut Names, &mut Vec<File>, &str, &[u8], &mut Outside<'_>) -> Added + 'a;

/// Where an input of the program comes from; as many as the program has inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Index of [`LinkLine::items`].
    pub item: u32,
    /// Path of the linker script that names it, when it is not on the line itself.
    pub script: Option<String>,
}

/// A file of the program that came from the disk.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The file.
    pub file: FileId,
    /// The path it was found at.
    pub path: String,
    /// The evidence it is.
    pub evidence: Option<EvidenceId>,
    /// What was read of it: its members, and damage.
    pub added: Added,
}

/// A name that stands for no file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The file that stands for it in the program.
    pub file: FileId,
    /// The name as written: `-lfoo`, `main.o`.
    pub name: String,
    /// Index of [`LinkLine::items`].
    pub item: u32,
    /// Paths that were tried, in order.
    pub tried: Vec<String>,
    /// What is nearly it.
    pub near: Vec<Near>,
    /// The driver added it: that it is not known is no error of the line.
    pub by_driver: bool,
}

/// A file that a search passed over: it is for another machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its path.
    pub path: String,
    /// What was searched.
    pub name: String,
    /// Index of [`LinkLine::items`].
    pub item: u32,
    /// What it is for: `ELF32 i386`.
    pub what: String,
}

/// A file that was opened and that the linker does not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its path.
    pub path: String,
    /// Index of [`LinkLine::items`].
    pub item: u32,
    /// Why, in the linker's words: `attempted static link of dynamic object`.
    pub why: &'static str,
}

/// A line with its files.
#[derive(Clone, Debug, Default)]
pub struct Resolution {
    /// The program.
    pub program: Program,
    /// Where each input comes from.
    pub sources: Vec<Source>,
    /// Files that were found.
    pub opened: Vec<Opened>,
    /// Names that stand for no file.
    pub missing: Vec<Missing>,
    /// Files for other machines.
    pub skipped: Vec<Skipped>,
    /// Files the linker ends at.
    pub refused: Vec<Refused>,
    /// Linker scripts that were read, by path.
    pub scripts: Vec<(String, Option<EvidenceId>)>,
    /// Folders that `-l` is searched in, in order, sysroot put in.
    pub folders: Vec<String>,
    /// `DT_NEEDED` of shared objects that were not found, with who needs them.
    pub lost: Vec<(FileId, String)>,
    /// What is not covered: where (an argument of the line) and why.
    pub unknown: Vec<(Option<u32>, String)>,
}

impl Resolution {
    /// The path of a file.
    pub fn path(&self, file: FileId) -> Option<&str> {
        self.opened.iter().find(|opened| opened.file == file).map(|opened| opened.path.as_str())
    }
}

/// Scripts in scripts; ld.bfd takes ten `INCLUDE`s in each other (MAX_INCLUDE_DEPTH of ld/ldlex.l).
const DEEPEST: usize = 10;

/// Linker scripts that are read for one program, each time they are named: scripts that name scripts can be more than anybody waits for.
const MOST_SCRIPTS: usize = 2_000;

/// Of these, scripts that are named by scripts.
const MOST_NESTED: usize = 200;

/// Bytes of such scripts.
const MOST_SCRIPT_BYTES: usize = 256 << 20;

/// Inputs of one program. Chromium has some 60 000.
const MOST_INPUTS: usize = 4_000_000;

/// Finds the files of a line, as this linker does, and reads them.
pub fn resolve(line: &LinkLine, linker: LinkerKind, disk: &dyn Disk) -> Resolution {
    let beside = |archive: &str, name: &str| disk.find(&join(paths::parent(archive), name)).map(|found| found.bytes);
    match Ahead::new(planned(line, linker, disk), &beside) {
        Some(ahead) => resolve_with(line, linker, disk, &|names, files, name, bytes, outside| {
            ahead.add(names, files, name, bytes, outside)
        }),
        None => resolve_with(line, linker, disk, &files::add),
    }
}

/// The files that will be read, in order, by a first way through the line on which none is. Those that only other files name are not among them.
fn planned(line: &LinkLine, linker: LinkerKind, disk: &dyn Disk) -> Vec<Planned> {
    /// What is nearly the name of a file is asked the second time.
    struct Blind<'a>(&'a dyn Disk);
    impl Disk for Blind<'_> {
        fn find(&self, path: &str) -> Option<Found> {
            self.0.find(path)
        }
    }
    let named = |_: &mut Names, files: &mut Vec<File>, name: &str, _: &[u8], _: &mut Outside<'_>| {
        let file = FileId(files.len() as u32);
        files.push(File { name: name.to_owned(), content: Content::Unusable(Unusable::Missing), archive: None });
        Added { file, parts: Vec::new(), faults: Vec::new(), unlisted: 0 }
    };
    let found = resolve_with(line, linker, &Blind(disk), &named);
    let files = &found.program.files;
    let planned = found.opened.into_iter().filter_map(|Opened { file, path, .. }| {
        let bytes = disk.find(&path)?.bytes;
        Some(Planned { name: files.get(file.0 as usize)?.name.clone(), path, bytes })
    });
    planned.collect()
}

fn resolve_with(line: &LinkLine, linker: LinkerKind, disk: &dyn Disk, load: &Load<'_>) -> Resolution {
    let mut resolver = Resolver {
        line,
        linker,
        disk,
        load,
        out: Resolution::default(),
        known: HashMap::new(),
        folders: search::folders(line, linker),
        machine: None,
        groups: 1 + line.items.iter().filter_map(|item| item.state.group).max().unwrap_or(0),
        scripts: Vec::new(),
        script_bytes: 0,
        nested: 0,
        gaps: HashSet::new(),
        item: 0,
        block: None,
    };
    resolver.machine = resolver.find_machine();
    for (index, item) in line.items.iter().enumerate() {
        resolver.item = index as u32;
        resolver.lib_block(item.state.lib);
        resolver.item(item);
    }
    resolver.lib_block(None);
    resolver.out.program.empty_groups.clone_from(&line.empty_groups);
    options::apply(&mut resolver);
    closure::find(&mut resolver);
    resolver.out.folders = resolver.folders.iter().map(|folder| folder.path.clone()).collect();
    resolver.out
}

struct Resolver<'a> {
    line: &'a LinkLine,
    linker: LinkerKind,
    disk: &'a dyn Disk,
    load: &'a Load<'a>,
    out: Resolution,
    /// Files by the path they were opened at and whether whole archives came with it.
    known: HashMap<String, FileId>,
    folders: Vec<search::Folder>,
    /// What the output is for.
    machine: Option<Machine>,
    /// The number of the next group.
    groups: u32,
    /// Scripts that are being read.
    scripts: Vec<String>,
    /// Bytes of scripts that were read.
    script_bytes: usize,
    /// Scripts that scripts named.
    nested: usize,
    /// What was said to be unknown: scripts that name each other say the same a thousand times.
    gaps: HashSet<(Option<u32>, String)>,
    /// The item that is being read.
    item: u32,
    /// The `--start-lib` block that is being read.
    block: Option<lib_block::Block>,
}

/// What is on for an input: the item's state, changed by scripts.
#[derive(Clone, Copy)]
struct Way {
    as_needed: bool,
    group: Option<u32>,
    by_library: bool,
    just_symbols: bool,
}

impl Resolver<'_> {
    /// What the output is for: `-m`, else the first file that tells (`deduce_machine_type` of mold; ld.bfd's default is that of its build).
    fn find_machine(&self) -> Option<Machine> {
        if let Some(emulation) = &self.line.options.emulation {
            return machine::of_emulation(&emulation.value);
        }
        self.line.items.iter().find_map(|item| {
            let ItemKind::File(name) = &item.kind else { return None };
            self.machine_of(&peek(self.open(name)?.bytes.as_slice()), name)
        })
    }

    fn open(&self, path: &str) -> Option<Found> {
        self.disk.find(&join(self.line.directory.as_deref(), path))
    }

    fn exists(&self, path: &str) -> bool {
        self.open(path).is_some()
    }

    /// The machine a file is for; of a thin archive that of its first member, a file of its own.
    fn machine_of(&self, peeked: &Peek, path: &str) -> Option<Machine> {
        match peeked {
            Peek::Elf(machine) => Some(*machine),
            Peek::Archive(machine) => *machine,
            Peek::Thin(member) => {
                let folder = paths::parent(path).unwrap_or(".");
                let member = self.open(&join(Some(folder), member.as_deref()?))?;
                files::machine_of(member.bytes.as_slice())
            }
            Peek::Bitcode | Peek::Script | Peek::Other => None,
        }
    }

    fn argument(&self) -> u32 {
        self.line.items.get(self.item as usize).map_or(0, |item| item.argument)
    }

    fn unknown(&mut self, why: impl Into<String>) {
        const MOST: usize = 1000;
        let gap = (Some(self.argument()), why.into());
        if self.out.unknown.len() < MOST && !self.gaps.contains(&gap) {
            self.gaps.insert(gap.clone());
            self.out.unknown.push(gap);
        }
    }

    fn item(&mut self, item: &Item) {
        let mut way =
            Way { as_needed: item.state.as_needed, group: item.state.group, by_library: false, just_symbols: false };
        if item.state.binary {
            return self.unknown(format!("{} is taken as data, not as an object", item.kind.name()));
        }
        match &item.kind {
            ItemKind::File(name) => {
                let path = self.sysrooted(name);
                if self.exists(&path) {
                    self.input(&path, way);
                } else {
                    self.missing(name, vec![path], way);
                }
            }
            ItemKind::Library(name) => {
                way.by_library = true;
                self.library(name, item.state.static_only, way);
            }
            ItemKind::Exact(name) => {
                way.by_library = true;
                self.exact(name, way);
            }
            ItemKind::Script(name) => self.main_script(name, way),
            ItemKind::JustSymbols(name, or_rpath) => {
                way.just_symbols = true;
                match self.exists(name) {
                    true => self.input(name, way),
                    // A folder is -rpath.
                    false if *or_rpath => {}
                    false => self.missing(name, vec![name.clone()], way),
                }
            }
            ItemKind::Source(name) => {
                self.missing(name, Vec::new(), way);
                self.unknown(format!("{name} is compiled first; its object is not kept"));
            }
        }
    }

    /// `=x` and `$SYSROOT/x` of ld.bfd (`lang_add_input_file` in ld/ldlang.c); other linkers take the name as it is.
    fn sysrooted(&self, name: &str) -> String {
        if self.linker != LinkerKind::Bfd {
            return name.to_owned();
        }
        search::below_sysroot(name, self.line).unwrap_or_else(|| name.to_owned())
    }

    /// Takes the file at `path` into the link: an object, archive or shared object as an input, a script by what it names.
    fn input(&mut self, path: &str, way: Way) {
        if self.out.program.inputs.len() >= MOST_INPUTS {
            return self.unknown(format!("{MOST_INPUTS} inputs of a link are taken"));
        }
        let Some(found) = self.open(path) else { return };
        if !found.binary && peek(found.bytes.as_slice()) == Peek::Script {
            return self.script_file(path, found.bytes.as_slice(), way);
        }
        let file = self.file(path);
        self.refuse(path, file);
        self.push(file, way);
    }

    /// A shared object where only archives are wanted ends the link (`ldfile_try_open_bfd` of ld/ldfile.c, `addFile` of lld).
    fn refuse(&mut self, path: &str, file: FileId) {
        let fixed = self.line.items[self.item as usize].state.static_only;
        let shared =
            matches!(self.out.program.files.get(file.0 as usize).map(|file| &file.content), Some(Content::Shared(_)));
        if fixed && shared && matches!(self.linker, LinkerKind::Bfd | LinkerKind::Lld) {
            let why = "attempted static link of dynamic object";
            self.out.refused.push(Refused { path: path.to_owned(), item: self.item, why });
        }
    }

    /// The number of the file at `path`, which is there; the same for each time it is named.
    fn file(&mut self, path: &str) -> FileId {
        let full = join(self.line.directory.as_deref(), path);
        let key = clean(&full);
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let Some(found) = self.disk.find(&full) else { return self.absent(path) };
        let folder = paths::parent(&full);
        // Members of a thin archive are named from its folder.
        let disk = self.disk;
        let mut outside = |name: &str| disk.find(&join(folder, name)).map(|found| found.bytes);
        let program = &mut self.out.program;
        let bytes = found.bytes.as_slice();
        let added = (self.load)(&mut program.names, &mut program.files, path, bytes, &mut outside);
        let file = added.file;
        self.known.insert(key, file);
        self.out.opened.push(Opened { file, path: full, evidence: found.evidence, added });
        file
    }

    /// A file that is not there.
    fn absent(&mut self, name: &str) -> FileId {
        let files = &mut self.out.program.files;
        let file = FileId(files.len() as u32);
        files.push(File { name: name.to_owned(), content: Content::Unusable(Unusable::Missing), archive: None });
        file
    }

    fn missing(&mut self, name: &str, tried: Vec<String>, way: Way) {
        let file = self.absent(name);
        let near = near::find(self, name, way.by_library);
        let by_driver = self.line.rule(self.argument()).is_some();
        self.out.missing.push(Missing { file, name: name.to_owned(), item: self.item, tried, near, by_driver });
        self.push(file, way);
    }

    fn push(&mut self, file: FileId, way: Way) {
        let item = &self.line.items[self.item as usize];
        let program = &mut self.out.program;
        let path = &program.files[file.0 as usize].name;
        let base = path.rsplit('/').next().unwrap_or(path);
        let written = program.names.intern(if way.by_library { base } else { path }.as_bytes());
        let input = Input {
            file,
            argument: item.argument,
            group: way.group,
            as_needed: way.as_needed,
            whole_archive: item.state.whole_archive,
            copy_needed: item.state.copy_needed,
            by_library: way.by_library,
            just_symbols: way.just_symbols,
            written: Some(written),
        };
        if self.take_into_block(&input) {
            return;
        }
        self.out.program.inputs.push(input);
        self.out.sources.push(Source { item: self.item, script: self.scripts.last().cloned() });
    }
}
