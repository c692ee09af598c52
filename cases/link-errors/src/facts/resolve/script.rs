//! Linker scripts among the inputs: what they name is taken in their place, as each linker looks for it.

use casebook_formats::ldscript::{self, Command, Entry, EntryKind, Script};

use super::paths::{clean, join, parent};
use super::{DEEPEST, MOST_NESTED, MOST_SCRIPT_BYTES, MOST_SCRIPTS, Resolver, Way};
use crate::model::outcome::LinkerKind;

impl Resolver<'_> {
    /// A text among the inputs.
    pub(super) fn script_file(&mut self, path: &str, bytes: &[u8], way: Way) {
        let full = clean(&join(self.line.directory.as_deref(), path));
        if self.scripts.contains(&full) {
            return self.unknown(format!("the linker script {path} names itself"));
        }
        if self.scripts.len() >= DEEPEST {
            return self.unknown(format!("linker scripts in each other, deeper than {DEEPEST}"));
        }
        self.script_bytes = self.script_bytes.saturating_add(bytes.len());
        self.nested += usize::from(!self.scripts.is_empty());
        if self.nested > MOST_NESTED || self.out.scripts.len() >= MOST_SCRIPTS || self.script_bytes > MOST_SCRIPT_BYTES
        {
            return self.unknown("more linker scripts are named than are read");
        }
        let script = ldscript::read(bytes);
        if script.commands.is_empty() {
            let file = self.damaged(path, "no ELF file and no linker script");
            return self.push(file, way);
        }
        for (_, why) in &script.unmodelled {
            self.unknown(format!("{path}: {why}"));
        }
        let evidence = self.open(path).and_then(|found| found.evidence);
        self.out.scripts.push((full.clone(), evidence));
        self.scripts.push(full);
        self.commands(&script, path, way);
        self.scripts.pop();
    }

    fn damaged(&mut self, path: &str, why: &str) -> crate::model::input::FileId {
        use crate::model::input::{Content, File, FileId, Unusable};
        let files = &mut self.out.program.files;
        let file = FileId(files.len() as u32);
        let content = Content::Unusable(Unusable::Damaged(why.to_owned()));
        files.push(File { name: path.to_owned(), content, archive: None });
        file
    }

    /// `-T FILE`, looked for as `ldfile_find_command_file` and `searchScript` do.
    pub(super) fn main_script(&mut self, name: &str, way: Way) {
        let Some(path) = self.command_file(name) else { return self.missing(name, vec![name.to_owned()], way) };
        if let Some(found) = self.open(&path) {
            self.script_file(&path, found.bytes.as_slice(), way);
        }
    }

    /// A script by its name: as it is, then in the folders of the search.
    pub(super) fn command_file(&self, name: &str) -> Option<String> {
        if self.exists(name) {
            return Some(name.to_owned());
        }
        self.folders.iter().map(|folder| format!("{}/{name}", folder.path)).find(|path| self.exists(path))
    }

    fn commands(&mut self, script: &Script, path: &str, way: Way) {
        for command in &script.commands {
            match command {
                Command::Inputs { group, list, .. } => self.inputs(*group, list, path, way),
                Command::Include(name) => match self.command_file(&name.text) {
                    Some(path) => {
                        if let Some(found) = self.open(&path) {
                            self.script_file(&path, found.bytes.as_slice(), way);
                        }
                    }
                    None => self.unknown(format!("{path} includes {}, which is not there", name.text)),
                },
                Command::Startup(name) => self.unknown(format!("{path} makes {} the first file", name.text)),
                Command::SearchDir(name)
                    if matches!(self.linker, LinkerKind::Bfd | LinkerKind::Gold | LinkerKind::Lld) =>
                {
                    let folder =
                        super::search::below_sysroot(&name.text, self.line).unwrap_or_else(|| name.text.clone());
                    if !self.line.options.nostdlib {
                        self.folders.push(super::search::Folder { path: folder, by_line: false });
                    }
                }
                Command::Entry(name) => {
                    // An -e of the line goes before it.
                    let program = &mut self.out.program;
                    if program.options.entry.is_none() && self.line.options.entry.is_none() {
                        program.options.entry = Some(program.names.intern(name.text.as_bytes()));
                    }
                }
                Command::Extern(names) => {
                    let program = &mut self.out.program;
                    for name in names {
                        let name = program.names.intern(name.text.as_bytes());
                        program.options.undefined.push(name);
                    }
                }
                Command::Assign(assign) if !assign.provide => {
                    let program = &mut self.out.program;
                    let name = program.names.intern(assign.name.text.as_bytes());
                    program.options.script_defines.push(name);
                    for read in &assign.reads {
                        self.unknown(format!("{path} sets {} by the value of {read}", assign.name.text));
                    }
                }
                Command::Version(versions) => super::options::add_versions(self, versions),
                Command::Assign(_)
                | Command::OutputFormat(_)
                | Command::OutputArch(_)
                | Command::SearchDir(_)
                | Command::Layout(_) => {}
            }
        }
    }

    fn inputs(&mut self, group: bool, list: &[Entry], path: &str, way: Way) {
        let mut way = way;
        if group && way.group.is_none() {
            way.group = Some(self.groups);
            self.groups += 1;
        }
        for entry in list {
            let way = Way { as_needed: way.as_needed || entry.as_needed, ..way };
            match entry.kind {
                EntryKind::Library => {
                    let fixed = self.line.items[self.item as usize].state.static_only;
                    let way = Way { by_library: true, ..way };
                    match entry.name.text.strip_prefix(':') {
                        Some(name) => self.exact(name, way),
                        None => self.library(&entry.name.text, fixed, way),
                    }
                }
                EntryKind::Sysroot => {
                    let way = Way { by_library: false, ..way };
                    let found = format!("{}{}", super::search::sysroot(self.line), entry.name.text);
                    self.named(&entry.name.text, vec![found], 1, way);
                }
                EntryKind::File => {
                    let way = Way { by_library: false, ..way };
                    let (places, searched) = self.places(&entry.name.text, path);
                    self.named(&entry.name.text, places, searched, way);
                }
            }
        }
    }

    /// Takes the first of these paths that is there; from the number `searched` on they are of the search path.
    fn named(&mut self, name: &str, places: Vec<String>, searched: usize, way: Way) {
        let found = places.iter().position(|path| matches!(self.fits(path), Some(Ok(()))));
        match found {
            // What lld finds in the search path is as good as -l (`addFile` with `withLOption` in ScriptParser.cpp).
            Some(at) => {
                let by_library = self.linker == LinkerKind::Lld && at >= searched;
                self.input(&places[at], Way { by_library, ..way });
            }
            None => self.missing(name, places, way),
        }
    }

    /// Where a linker looks for a file a script names: `new_afile` and `ldfile_open_file` of ld, `ScriptParser::addFile` of lld,
    /// `resolve_path` of mold, `script_add_file` and `find_file` of gold.
    fn places(&self, name: &str, script: &str) -> (Vec<String>, usize) {
        let sysroot = super::search::sysroot(self.line);
        if name.starts_with('/') {
            // A script below the sysroot means paths below the sysroot.
            let below = !sysroot.is_empty()
                && clean(&join(self.line.directory.as_deref(), script)).starts_with(&format!("{sysroot}/"));
            return (vec![if below { format!("{sysroot}{name}") } else { name.to_owned() }], 1);
        }
        let beside = parent(script).map(|folder| join(Some(folder), name));
        let searched = self.folders.iter().map(|folder| format!("{}/{name}", folder.path));
        let mut out = Vec::new();
        match self.linker {
            LinkerKind::Mold => out.push(name.to_owned()),
            // gold looks beside the script, "." where it has no folder, and not in the command's own.
            LinkerKind::Gold => out.push(beside.unwrap_or_else(|| name.to_owned())),
            LinkerKind::Bfd | LinkerKind::Lld => {
                out.extend(beside);
                out.push(name.to_owned());
            }
            LinkerKind::Wild => out.extend(beside),
        }
        let beside = out.len();
        // gold knows its folders by the names in them, and a name with a folder in it is none (`Dir_cache` of gold/dirsearch.cc).
        if self.linker != LinkerKind::Gold || !name.contains('/') {
            out.extend(searched);
        }
        if self.linker == LinkerKind::Wild {
            out.push(name.to_owned());
        }
        (out, beside)
    }
}
