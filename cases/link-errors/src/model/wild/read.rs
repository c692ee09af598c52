//! Reading files and their symbols (`FileLoader`, input_data.rs; `SymbolDb::add_inputs`, symbol_db.rs).

use std::collections::HashSet;

use super::link::{Kind, Link};
use super::symbols::{Content, File, Flags, Own, SymbolId};
use crate::model::input::{
    Archive, Content as FileContent, FileId, Input, Lto, Output, Unusable, VersionScript, Visibility,
};
use crate::model::outcome::{Event, Refusal};
use crate::model::script;

/// Bounds wild defines on x86-64 (`create_linker_defined_symbols`, elf.rs), and whether they are hidden.
const BOUNDS: &[(&[u8], bool)] = &[
    (b"__ehdr_start", true),
    (b"_GLOBAL_OFFSET_TABLE_", false),
    (b"__rela_iplt_start", true),
    (b"__rela_iplt_end", true),
    (b"__preinit_array_start", true),
    (b"__preinit_array_end", true),
    (b"__init_array_start", true),
    (b"__init_array_end", true),
    (b"__fini_array_start", true),
    (b"__fini_array_end", true),
    (b"etext", false),
    (b"_etext", false),
    (b"__etext", false),
    (b"__bss_start", false),
    (b"end", false),
    (b"_end", false),
    (b"__end", true),
    (b"edata", false),
    (b"_edata", false),
    (b"__tdata_start", true),
    (b"_DYNAMIC", false),
    (b"__executable_start", true),
    (b"_TLS_MODULE_BASE_", false),
];

impl Link<'_> {
    /// False when wild ends here.
    pub(super) fn read(&mut self) -> bool {
        let program = self.program;
        if !self.line_is_understood() {
            return false;
        }
        self.files.push(File {
            id: None,
            content: Content::Own(Vec::new()),
            first: 0,
            loaded: true,
            because: None,
            member: false,
            soname: None,
        });
        // A file is read once, wherever it stands again.
        let mut seen: HashSet<FileId> = HashSet::new();
        for input in program.inputs.iter().filter(|input| seen.insert(input.file)) {
            self.trace.push(Event::Open(input.file));
            match &program.files[input.file.0 as usize].content {
                FileContent::Archive(archive) => self.archive(input, archive),
                _ => self.file(input.file, input, false),
            }
        }
        if !self.refusals.is_empty() {
            return false;
        }
        if self.files.len() == 1 {
            self.refusals.push(Refusal::Other("no input files".to_owned()));
            return false;
        }
        self.kind = self.kind();
        self.own_symbols();
        self.number();
        true
    }

    fn line_is_understood(&mut self) -> bool {
        let program = self.program;
        let unknown = [
            (program.inputs.iter().any(|input| input.copy_needed), "--copy-dt-needed-entries"),
            (program.inputs.iter().any(|input| input.just_symbols), "--just-symbols"),
            (program.options.fortran_common == Some(true), "--fortran-common"),
            (program.options.fortran_common == Some(false), "--no-fortran-common"),
            (!program.options.require_defined.is_empty(), "--require-defined"),
        ];
        for (given, option) in unknown {
            if given {
                self.refusals.push(Refusal::Other(format!("unrecognized option(s): {option}")));
                return false;
            }
        }
        if !program.options.script_defines.is_empty() {
            self.cannot_say("symbols that a linker script defines", None);
        }
        let cxx = program.options.versions.iter().flat_map(|script| &script.nodes);
        if cxx.flat_map(|node| node.global.iter().chain(&node.local)).any(|pattern| pattern.cxx) {
            self.cannot_say("C++ patterns of a version script", None);
        }
        true
    }

    fn archive(&mut self, input: &Input, archive: &Archive) {
        for member in &archive.members {
            match &self.program.files[member.0 as usize].content {
                FileContent::Object(_) | FileContent::Unusable(Unusable::Bitcode(_) | Unusable::Foreign(_)) => {
                    self.file(*member, input, true);
                }
                // "Unexpected archive member", or what is no object at all.
                _ => self.refusals.push(Refusal::File(*member)),
            }
        }
    }

    fn file(&mut self, id: FileId, input: &Input, member: bool) {
        let program = self.program;
        let (content, optional, soname) = match &program.files[id.0 as usize].content {
            FileContent::Object(object) if object.lto != Lto::None => return self.lto(id),
            FileContent::Object(object) => (Content::Object(object), member && !input.whole_archive, None),
            FileContent::Shared(_) if matches!(program.options.output, Output::Static | Output::StaticPie) => {
                // "Attempted static link of dynamic object"
                return self.refusals.push(Refusal::File(id));
            }
            FileContent::Shared(shared) => {
                // `DynamicTagValues::lib_name`
                let soname = shared.soname.or(input.written);
                if soname.is_none() {
                    self.cannot_say("a shared object without a name", Some(id));
                }
                (Content::Shared(shared), input.as_needed, soname)
            }
            FileContent::Unusable(Unusable::Bitcode(_)) => return self.lto(id),
            _ => return self.refusals.push(Refusal::File(id)),
        };
        self.files.push(File { id: Some(id), content, first: 0, loaded: !optional, because: None, member, soname });
    }

    /// Code for a link-time optimiser, fat or not, has to go to a plugin (`verify_allowed_input_section_name`, elf.rs).
    fn lto(&mut self, id: FileId) {
        if self.program.options.lto_plugin {
            self.cannot_say("code for a link-time optimiser: the plugin compiles it, this model does not", Some(id));
        } else {
            self.refusals.push(Refusal::File(id));
        }
    }

    /// `OutputKind::new`: a shared object on the line makes a dynamic executable, needed or not.
    fn kind(&self) -> Kind {
        match self.program.options.output {
            Output::Shared => Kind::Shared,
            Output::Relocatable => Kind::Relocatable,
            Output::Pie if self.program.options.interpreter => Kind::DynamicExecutable,
            _ if self.files.iter().any(File::is_shared) => Kind::DynamicExecutable,
            _ => Kind::StaticExecutable,
        }
    }

    fn own_symbols(&mut self) {
        let program = self.program;
        let options = &program.options;
        let mut symbols = vec![Own::Undefined];
        let moves = matches!(options.output, Output::Pie | Output::StaticPie);
        for (name, hidden) in BOUNDS {
            let left_out = match *name {
                b"__rela_iplt_start" | b"__rela_iplt_end" => self.kind == Kind::StaticExecutable && moves,
                b"_DYNAMIC" => self.kind == Kind::StaticExecutable && !moves,
                _ => false,
            };
            if let Some(name) = program.names.get(name).filter(|_| !left_out) {
                symbols.push(Own::Bound(name, *hidden));
            }
        }
        symbols.extend(options.undefined.iter().map(|name| Own::Asked(*name)));
        let aliases = options.defsym.iter().enumerate();
        symbols.extend(aliases.map(|(number, defsym)| Own::Alias(defsym.name, number)));
        self.files[0].content = Content::Own(symbols);
    }

    /// Gives all symbols their numbers, and enters their names.
    fn number(&mut self) {
        let mut next = 0;
        for file in &mut self.files {
            file.first = next;
            next += file.len();
        }
        self.means = vec![SymbolId::UNDEFINED; next as usize];
        self.flags = vec![Flags::default(); next as usize];
        self.number_own();
        for number in 1..self.files.len() {
            for index in 0..self.files[number].len() {
                self.enter(number, index);
            }
        }
    }

    fn number_own(&mut self) {
        let Content::Own(symbols) = self.files[0].content.clone() else { return };
        for (index, own) in symbols.iter().enumerate() {
            let id = SymbolId(index as u32);
            self.means[index] = id;
            match own {
                Own::Undefined | Own::Asked(_) => self.flags[index].absolute = true,
                Own::Bound(name, hidden) => {
                    self.names.add(*name, id);
                    self.flags[index].local = *hidden;
                }
                Own::Alias(name, _) => {
                    self.names.add(*name, id);
                    self.flags[index].absolute = true;
                }
            }
        }
    }

    /// `SymbolLoader::load_symbols`
    fn enter(&mut self, file: usize, index: u32) {
        let shared = self.files[file].is_shared();
        let id = SymbolId(self.files[file].first + index);
        let at = id.0 as usize;
        let Some(entry) = self.files[file].entry(index) else {
            // The empty first symbol is undefined.
            self.flags[at] = Flags { absolute: true, dynamic: shared, ..Flags::default() };
            return;
        };
        self.flags[at].dynamic = shared;
        self.flags[at].absolute = entry.undefined || (entry.absolute && !shared);
        if entry.undefined || (shared && entry.visibility == Visibility::Hidden) {
            return;
        }
        self.means[at] = id;
        if entry.local {
            return;
        }
        if !shared {
            let versions = self.program.options.versions.as_ref();
            self.flags[at].local =
                versions.is_some_and(|script| is_plain(script) || hides(script, self.program.names.bytes(entry.name)));
        }
        if entry.default {
            self.names.add(entry.name, id);
        }
        if let Some(version) = entry.version {
            self.names.add_versioned(entry.name, version, id);
        }
    }

    /// `apply_wrapped_symbol_overrides`: names lead elsewhere, and only where there is somewhere to lead to.
    pub(super) fn wrap(&mut self) {
        for wrap in &self.program.options.wrap {
            let original = self.names.get(wrap.real).or_else(|| self.names.get(wrap.name));
            if let Some(wrapped) = self.names.get(wrap.wrapped) {
                self.names.redirect(wrap.name, wrapped);
            }
            if let Some(original) = original {
                self.names.redirect(wrap.real, original);
            }
        }
    }
}

/// True where the version script makes the name local (`find_match`, version_script.rs).
fn hides(script: &VersionScript, name: &[u8]) -> bool {
    let is_glob = |text: &str| text.contains(['*', '?', '[']);
    let exact = |pattern: &&crate::model::input::Pattern| {
        !pattern.cxx && (pattern.literal || !is_glob(&pattern.text)) && pattern.text.as_bytes() == name
    };
    for node in &script.nodes {
        if node.global.iter().any(|pattern| exact(&pattern)) {
            return false;
        }
        if node.local.iter().any(|pattern| exact(&pattern)) {
            return true;
        }
    }
    // Globs without `*` stand before those with one, those before `*` alone; of several nodes the last counts.
    for rank in 0..3 {
        let fits = |pattern: &&crate::model::input::Pattern| {
            let of = match pattern.text.as_str() {
                "*" => 2,
                text => u8::from(text.contains('*')),
            };
            !pattern.cxx
                && !pattern.literal
                && is_glob(&pattern.text)
                && of == rank
                && script::glob(pattern.text.as_bytes(), name)
        };
        for node in script.nodes.iter().rev() {
            if node.global.iter().any(|pattern| fits(&pattern)) {
                return false;
            }
            if node.local.iter().any(|pattern| fits(&pattern)) {
                return true;
            }
        }
    }
    false
}

/// A script without versions whose names are global and all others local: it is not asked for versions, and what is global is looked up
/// by name when definitions are chosen (`RustVersionScript`).
pub(super) fn is_plain(script: &VersionScript) -> bool {
    let [node] = &script.nodes[..] else { return false };
    node.name.is_none()
        && node.local.iter().any(|pattern| pattern.text == "*" && !pattern.literal)
        && node.global.iter().all(|pattern| pattern.literal || !pattern.text.contains(['*', '?', '[']))
}
