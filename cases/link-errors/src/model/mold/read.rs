//! Reading the files of the line (`read_input_files`, elf/elf-main.cc), and the symbols they bring.

use std::collections::HashSet;

use super::link::Link;
use super::release::Repeats;
use super::table::{Content, File};
use crate::model::input::{
    Archive, Binding, Content as FileContent, ExcludeLibs, FileId, Input, Lto, Object, Output, Shared, Symbol, Unusable,
};
use crate::model::names::Name;
use crate::model::outcome::{Event, Refusal};

/// `ctx.file_priority`: the linker's own file has 1.
const FIRST_PRIORITY: u32 = 10000;

impl<'p> Link<'p> {
    /// False when mold ends here.
    pub(super) fn read(&mut self) -> bool {
        let program = self.program;
        if !self.line_is_understood() {
            return false;
        }
        let mut visited: HashSet<FileId> = HashSet::new();
        for input in &program.inputs {
            let skips = match self.release.repeats {
                Repeats::ByLibraryName => input.by_library,
                _ => true,
            };
            if skips && visited.contains(&input.file) {
                continue;
            }
            self.trace.push(Event::Open(input.file));
            match &program.files[input.file.0 as usize].content {
                FileContent::Object(object) => self.object(input.file, object, None),
                FileContent::Archive(archive) => {
                    self.archive(input, archive);
                    let marks = match self.release.repeats {
                        Repeats::Once => true,
                        Repeats::OnceUnlessWhole => !input.whole_archive,
                        Repeats::ByLibraryName => input.by_library,
                    };
                    if marks {
                        visited.insert(input.file);
                    }
                }
                FileContent::Shared(shared) => {
                    self.shared_file(input, shared);
                    if self.release.repeats != Repeats::ByLibraryName || input.by_library {
                        visited.insert(input.file);
                    }
                }
                FileContent::Unusable(why) => self.unusable(input.file, why),
            }
        }
        if !self.refusals.is_empty() {
            return false;
        }
        if self.objects.is_empty() && (self.shared.is_empty() || !self.release.shared_alone) {
            self.refuse(Refusal::Other("no input files".to_owned()));
            return false;
        }
        // Of shared objects of one name the first counts.
        let mut sonames: HashSet<Name> = HashSet::new();
        let (kept, taken) = std::mem::take(&mut self.shared)
            .into_iter()
            .partition(|file| self.files[*file].soname.is_none_or(|soname| sonames.insert(soname)));
        self.shared = kept;
        self.soname_taken = taken;
        true
    }

    /// Options mold does not know end it before it reads a file (`parse_nonpositional_args`, elf/cmdline.cc).
    fn line_is_understood(&mut self) -> bool {
        let program = self.program;
        let unknown = [
            (program.inputs.iter().any(|input| input.copy_needed), "--copy-dt-needed-entries"),
            (program.inputs.iter().any(|input| input.just_symbols), "--just-symbols"),
            (program.options.fortran_common == Some(true), "--fortran-common"),
            (program.options.fortran_common == Some(false), "--no-fortran-common"),
        ];
        for (given, option) in unknown {
            if given {
                self.refuse(Refusal::Other(format!("unknown command line option: {option}")));
                return false;
            }
        }
        if program.options.defsym.iter().any(|defsym| defsym.reads.len() > 1) {
            // mold takes all of an expression for a name.
            self.cannot_say("an expression of --defsym", None);
        }
        if !program.options.script_defines.is_empty() {
            // mold reads INPUT, GROUP, OUTPUT_FORMAT, VERSION and `a = b;` of scripts, and ends at anything else.
            self.cannot_say("symbols that a linker script defines", None);
        }
        true
    }

    fn unusable(&mut self, file: FileId, why: &Unusable) {
        match why {
            Unusable::Bitcode(_) => self.lto(file),
            _ => self.refuse(Refusal::File(file)),
        }
    }

    /// Code of a link-time optimiser: without a plugin mold ends (`read_lto_object`, elf/lto-unix.cc).
    fn lto(&mut self, file: FileId) {
        if self.program.options.lto_plugin {
            self.cannot_say("code for a link-time optimiser: the plugin compiles it, this model does not", Some(file));
        } else {
            self.refuse(Refusal::File(file));
        }
    }

    fn archive(&mut self, input: &Input, archive: &Archive) {
        let program = self.program;
        for member in &archive.members {
            match &program.files[member.0 as usize].content {
                FileContent::Object(object) => self.object(*member, object, Some(input)),
                FileContent::Unusable(why @ (Unusable::Bitcode(_) | Unusable::Foreign(_))) => {
                    self.unusable(*member, why);
                }
                // Anything else is passed over; of a shared object mold from 1.11 on says so.
                _ => {}
            }
        }
    }

    fn object(&mut self, id: FileId, object: &'p Object, archive: Option<&Input>) {
        if object.lto == Lto::Slim || (object.lto == Lto::Fat && self.program.options.lto_plugin) {
            return self.lto(id);
        }
        let symbols = object.globals().map(|(_, symbol)| {
            let (name, version) = self.key(symbol);
            self.table.insert(name, version)
        });
        let symbols = symbols.collect();
        let waits = archive.is_some_and(|input| !input.whole_archive);
        self.objects.push(self.files.len());
        self.files.push(File {
            id: Some(id),
            content: Content::Object(object),
            priority: FIRST_PRIORITY + self.files.len() as u32,
            waits,
            live: !waits && !self.release.all_wait_at_first,
            because: None,
            hides: archive.is_some() && self.is_excluded(id),
            soname: None,
            symbols,
            versioned: Vec::new(),
            gone: Vec::new(),
        });
    }

    /// The name an object's symbol is entered by, `--wrap` included (`insert_symbol`, elf/input-files.cc). Who asks for `f@V` is not
    /// sent to `__wrap_f`.
    fn key(&self, symbol: &Symbol) -> (Name, Option<Name>) {
        let version = symbol.version.filter(|version| !version.default).map(|version| version.name);
        let mut name = symbol.name;
        if symbol.is_undefined() {
            let wraps = &self.program.options.wrap;
            if let Some(wrap) = wraps.iter().find(|wrap| wrap.real == name) {
                name = wrap.name;
            } else if let Some(wrap) = wraps.iter().find(|wrap| wrap.name == name && version.is_none()) {
                name = wrap.wrapped;
            }
        }
        (name, version)
    }

    /// `SharedFile::parse`
    fn shared_file(&mut self, input: &Input, shared: &'p Shared) {
        // `SharedFile::get_soname`
        let soname = shared.soname.or(input.written);
        if soname.is_none() {
            self.cannot_say("a shared object without a name", Some(input.file));
        }
        let output = self.program.options.output;
        if self.release.static_refuses_shared && matches!(output, Output::Static | Output::StaticPie) {
            return self.refuse(Refusal::File(input.file));
        }
        let mut kept = Vec::new();
        let mut symbols = Vec::new();
        let mut versioned = Vec::new();
        for (index, symbol) in shared.symbols.iter().enumerate() {
            if symbol.binding == Binding::Local {
                continue;
            }
            if symbol.defined && symbol.version_local {
                if self.release.local_version_is_error {
                    return self.refuse(Refusal::File(input.file));
                }
                continue;
            }
            // Defaults are entered without their version, and so are references.
            let kept_apart = symbol.version.filter(|version| match symbol.defined {
                true => !version.default,
                false => self.release.shared_asks_versions,
            });
            symbols.push(self.table.insert(symbol.name, kept_apart.map(|version| version.name)));
            let default = symbol.version.filter(|version| symbol.defined && version.default);
            let default = default.filter(|_| self.release.defaults_by_version);
            versioned.push(default.map(|version| self.table.insert(symbol.name, Some(version.name))));
            kept.push(index as u32);
        }
        self.shared.push(self.files.len());
        self.files.push(File {
            id: Some(input.file),
            content: Content::Shared(shared, kept),
            priority: FIRST_PRIORITY + self.files.len() as u32,
            waits: input.as_needed,
            live: !input.as_needed && !self.release.all_wait_at_first,
            because: None,
            hides: false,
            soname,
            symbols,
            versioned,
            gone: Vec::new(),
        });
    }

    /// `apply_exclude_libs`
    fn is_excluded(&self, member: FileId) -> bool {
        let program = self.program;
        let Some(archive) = program.files[member.0 as usize].archive else { return false };
        let path = &program.files[archive.0 as usize].name;
        let base = path.rsplit('/').next().unwrap_or(path);
        match &program.options.exclude_libs {
            ExcludeLibs::None => false,
            ExcludeLibs::All => true,
            ExcludeLibs::Named(names) => names.iter().any(|name| name == base || name == "ALL"),
        }
    }

    /// `create_internal_file`: what `--defsym` gives, and what it reads.
    pub(super) fn own_file(&mut self) {
        let program = self.program;
        let mut symbols = Vec::new();
        let mut defined = Vec::new();
        for defsym in &program.options.defsym {
            symbols.push(self.table.insert(defsym.name, None));
            defined.push(true);
            if self.release.defsym_asks_as_object {
                for name in &defsym.reads {
                    symbols.push(self.table.insert(*name, None));
                    defined.push(false);
                }
            }
        }
        self.own = Some(self.files.len());
        self.objects.push(self.files.len());
        self.files.push(File {
            id: None,
            content: Content::Own(defined),
            priority: 1,
            waits: false,
            live: true,
            because: None,
            hides: false,
            soname: None,
            symbols,
            versioned: Vec::new(),
            gone: Vec::new(),
        });
    }
}
