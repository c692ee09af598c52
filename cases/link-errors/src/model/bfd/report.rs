//! What ld.bfd complains of at the end: references of relocations (`RELOC_FOR_GLOBAL_SYMBOL`, bfd/elf-bfd.h) and of shared objects
//! (`elf_link_output_extsym`, bfd/elflink.c), after `--gc-sections` (`bfd_elf_gc_sections`).

use std::collections::HashMap;

use super::link::{Link, reports};
use super::table::{EntryId, Key, Kind, Place};
use crate::model::input::{Content, Definition, FileId, Object, Output, Visibility};
use crate::model::liveness::{self, Live, RETAIN};
use crate::model::outcome::{Refusal, Site, Undefined, UndefinedWhy};

/// `SHT_NOTE`
const NOTE: u32 = 7;
/// `SHT_INIT_ARRAY`, `SHT_FINI_ARRAY`, `SHT_PREINIT_ARRAY`
const ARRAYS: [u32; 3] = [14, 15, 16];

impl Link<'_> {
    /// Everything after the last file was read.
    pub(super) fn relocate(&mut self) {
        let program = self.program;
        if program.options.output == Output::Relocatable {
            return;
        }
        let live = (program.options.gc_sections == Some(true)).then(|| self.live());
        self.report_objects(live.as_ref());
        self.report_shared();
        self.warned = program.options.warn_unresolved
            && self.undefined.iter().all(|one| matches!(one.why, UndefinedWhy::Nowhere));
    }

    fn is_gone(&self, file: FileId, section: u32) -> bool {
        self.discarded.get(&file).is_some_and(|gone| gone.get(section as usize) == Some(&true))
    }

    /// The entry a relocation of an object means.
    fn entry_of(&self, file: FileId, object: &Object, symbol: u32) -> Option<EntryId> {
        let index = symbol.checked_sub(object.first_global)? as usize;
        self.symbols.get(&file)?.get(index).map(|id| self.table.real(*id))
    }

    fn live(&self) -> Live {
        let program = self.program;
        let mut roots: Vec<(FileId, u32)> = Vec::new();
        let options = &program.options;
        let entry = options.entry.or_else(|| program.names.get(b"_start"));
        let named = options.undefined.iter().chain(&options.require_defined).copied().chain(entry);
        let place = |id: EntryId| {
            let entry = self.table.get(id);
            match (entry.place, entry.owner) {
                (Place::Section(section), Some(file)) if entry.is_defined() => Some((file, section)),
                _ => None,
            }
        };
        roots.extend(
            named.filter_map(|name| self.table.find(Key::plain(name))).filter_map(|id| place(self.table.real(id))),
        );
        let dynamic = options.output == Output::Shared
            || matches!(options.output, Output::Pie | Output::StaticPie)
            || !self.loaded.is_empty();
        for (id, entry) in self.table.iter().filter(|_| dynamic) {
            let hidden = matches!(entry.visibility, Visibility::Hidden | Visibility::Internal);
            let exported = entry.def_regular && !hidden && (!options.output.is_executable() || options.export_dynamic);
            let by_script = exported
                && entry.key.version.is_none()
                && matches!(self.script_version(entry.key.name), super::link::ScriptSays::Local);
            if (entry.ref_dynamic && !entry.forced_local) || (exported && !by_script) {
                roots.extend(place(id));
            }
        }
        for file in &self.objects {
            let Content::Object(object) = &program.files[file.0 as usize].content else { continue };
            for (index, section) in object.sections.iter().enumerate() {
                let name = program.names.bytes(section.name);
                if (section.kind == NOTE && section.group.is_none())
                    || section.flags & RETAIN != 0
                    || ARRAYS.contains(&section.kind)
                    || is_kept(name)
                {
                    roots.push((*file, index as u32));
                }
            }
        }
        liveness::mark(program, &self.objects, &roots, &|file, section| self.is_gone(file, section), &|file, symbol| {
            match &program.files[file.0 as usize].content {
                Content::Object(object) => self.entry_of(file, object, symbol).and_then(place),
                _ => None,
            }
        })
    }

    fn report_objects(&mut self, live: Option<&Live>) {
        let program = self.program;
        let (in_objects, _) = reports(&program.options);
        let mut found: HashMap<EntryId, usize> = HashMap::new();
        for file in self.objects.clone() {
            let Content::Object(object) = &program.files[file.0 as usize].content else { continue };
            for reference in &object.references {
                let section = reference.section;
                if self.is_gone(file, section)
                    || live.is_some_and(|live| !live.is_live(file, section))
                    || is_dropped(program.names.bytes(
                        object.sections.get(section as usize).map_or(crate::model::names::Name(0), |own| own.name),
                    ))
                {
                    continue;
                }
                let Some(id) = self.entry_of(file, object, reference.symbol) else {
                    self.discarded_local(file, object, section, reference.symbol, reference.offset);
                    continue;
                };
                let entry = self.table.get(id);
                if crate::model::reserved::is_reserved(program, entry.key.name) {
                    continue;
                }
                if entry.kind != Kind::Undefined || (!in_objects && entry.visibility == Visibility::Default) {
                    continue;
                }
                let site = Site { file, at: Some((section, reference.offset)) };
                match found.get(&id) {
                    Some(index) => self.undefined[*index].sites.push(site),
                    None => {
                        found.insert(id, self.undefined.len());
                        let why = if entry.discarded {
                            UndefinedWhy::Discarded
                        } else if entry.visibility != Visibility::Default && self.in_shared(entry.key) {
                            UndefinedWhy::HiddenReference
                        } else {
                            UndefinedWhy::Nowhere
                        };
                        let (name, version) = (entry.key.name, entry.key.version);
                        self.undefined.push(Undefined { name, version, sites: vec![site], why });
                    }
                }
            }
        }
    }

    /// A relocation against a local symbol of a section that was discarded: `defined in discarded section`.
    fn discarded_local(&mut self, file: FileId, object: &Object, from: u32, symbol: u32, offset: u64) {
        let Some(symbol) = object.symbols.get(symbol as usize) else { return };
        let Definition::Section(to) = symbol.definition else { return };
        let Some(own) = object.sections.get(from as usize) else { return };
        let name = self.program.names.bytes(own.name);
        let excused =
            own.flags & liveness::ALLOC == 0 || name == b".eh_frame" || name.starts_with(b".gcc_except_table");
        if !self.is_gone(file, to) || excused {
            return;
        }
        let site = Site { file, at: Some((from, offset)) };
        let why = UndefinedWhy::Discarded;
        self.undefined.push(Undefined { name: symbol.name, version: None, sites: vec![site], why });
    }

    /// A shared object of the line defines the symbol, for those who may see it.
    fn in_shared(&self, key: Key) -> bool {
        self.loads.iter().filter(|load| !load.class.as_needed).any(|load| {
            self.shared(load.file)
                .is_some_and(|shared| shared.symbols.iter().any(|symbol| symbol.defined && symbol.name == key.name))
        })
    }

    fn report_shared(&mut self) {
        let program = self.program;
        let (_, in_shared) = reports(&program.options);
        let gc = program.options.gc_sections == Some(true);
        let mut more = Vec::new();
        for (_, entry) in self.table.iter() {
            let undefined = entry.kind == Kind::Undefined;
            if undefined
                && !crate::model::reserved::is_reserved(program, entry.key.name)
                && in_shared
                && entry.ref_dynamic_nonweak
                && (!entry.ref_regular || gc)
                && !self.hidden_version(entry.key, entry.owner)
                && !self
                    .undefined
                    .iter()
                    .any(|known| known.name == entry.key.name && known.version == entry.key.version)
            {
                let sites = match entry.owner {
                    Some(file) if !entry.ref_regular => vec![Site { file, at: None }],
                    _ => Vec::new(),
                };
                let (name, version) = (entry.key.name, entry.key.version);
                more.push(Undefined { name, version, sites, why: UndefinedWhy::Nowhere });
            }
            if program.options.output.is_executable()
                && entry.forced_local
                && entry.ref_dynamic
                && entry.def_regular
                && !entry.dynamic_def
                && entry.ref_dynamic_nonweak
                && let Some(owner) = entry.owner
            {
                let asks = self.who_asks(entry.key).unwrap_or(owner);
                self.refusals.push(Refusal::HiddenInObject(entry.key.name, owner, asks));
                break;
            }
        }
        self.undefined.extend(more);
    }

    fn who_asks(&self, key: Key) -> Option<FileId> {
        self.loads.iter().filter(|load| !load.class.as_needed).map(|load| load.file).find(|file| {
            self.shared(*file)
                .is_some_and(|shared| shared.symbols.iter().any(|symbol| !symbol.defined && symbol.name == key.name))
        })
    }

    /// `elf_link_check_versioned_symbol`: a library of the closure asks for a name that another loaded one has under a hidden version.
    fn hidden_version(&self, key: Key, owner: Option<FileId>) -> bool {
        let by_closure =
            owner.is_some_and(|owner| self.loads.iter().any(|load| load.file == owner && load.class.dt_needed));
        by_closure
            && self.loaded.iter().map(|load| self.loads[load.0 as usize].file).filter(|file| Some(*file) != owner).any(
                |file| {
                    self.shared(file).is_some_and(|shared| {
                        shared.symbols.iter().any(|symbol| {
                            symbol.defined
                                && symbol.name == key.name
                                && symbol.version.is_some_and(|version| !version.default)
                        })
                    })
                },
            )
    }
}

/// Sections the default script keeps (`KEEP`, scripttempl/elf.sc).
fn is_kept(name: &[u8]) -> bool {
    let first = |prefix: &[u8]| name == prefix || name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(b"."));
    [&b".init"[..], b".fini", b".ctors", b".dtors", b".jcr", b".preinit_array", b".init_array", b".fini_array"]
        .into_iter()
        .any(first)
}

/// Sections the default script throws away (`/DISCARD/`, scripttempl/elf.sc).
fn is_dropped(name: &[u8]) -> bool {
    name == b".note.GNU-stack" || name == b".gnu_debuglink" || name.starts_with(b".gnu.lto_")
}
