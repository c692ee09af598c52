//! A scenario as the model takes it. `write` makes the files of the same description, so what the model sees and what the linkers
//! see is one thing.

use std::collections::BTreeMap;

use case_link_errors::model::input::*;
use case_link_errors::model::names::{Name, Names};

use crate::scenario::{Dso, DsoPlace, Item, Library, Opt, Part, PartKind, Place, Scenario, Sym, Unit};

/// Bytes of a section before its first symbol; the section's marker is at its beginning.
pub const HEAD: u64 = 16;
/// Bytes of each definition and of each reference.
pub const SLOT: u64 = 8;
/// Where the sections of a shared object are.
pub const DSO_TEXT: u64 = 0x10000;
pub const DSO_DATA: u64 = 0x20000;
pub const DSO_BSS: u64 = 0x30000;
/// Values of absolute symbols tell the file: `ABSOLUTE + file * 16`.
pub const ABSOLUTE: u64 = 0x0abc_0000;

pub const SHT_PROGBITS: u32 = 1;
pub const SHT_GROUP: u32 = 17;
const SHF_WRITE: u64 = 1;
const SHF_ALLOC: u64 = 2;
const SHF_EXEC: u64 = 4;
const SHF_GROUP: u64 = 0x200;
const SHF_TLS: u64 = 0x400;

/// The scenario's program, and the arguments that give it to a linker, files by their names in the scenario's folder.
pub struct Lowered {
    pub program: Program,
    pub arguments: Vec<String>,
}

pub fn lower(scenario: &Scenario) -> Lowered {
    let mut lowering = Lowering { program: Program::default(), objects: vec![], archives: vec![], shared: vec![] };
    for unit in &scenario.objects {
        let id = lowering.unit(unit, unit.name.clone(), None);
        lowering.objects.push(id);
    }
    for library in &scenario.archives {
        let id = lowering.library(library);
        lowering.archives.push(id);
    }
    for dso in &scenario.shared {
        let id = lowering.dso(dso);
        lowering.shared.push(id);
    }
    lowering.closure(scenario);
    let arguments = lowering.line(scenario);
    let mut program = lowering.program;
    uses(&mut program);
    Lowered { program, arguments }
}

/// The name of the marker of a file (no section) or of a section of it.
pub fn marker(file: FileId, section: Option<u32>) -> String {
    match section {
        None => format!("mk{}", file.0),
        Some(section) => format!("mk{}_{section}", file.0),
    }
}

struct Lowering {
    program: Program,
    objects: Vec<FileId>,
    archives: Vec<FileId>,
    shared: Vec<FileId>,
}

impl Lowering {
    fn name(&mut self, text: &str) -> Name {
        self.program.names.intern(text.as_bytes())
    }

    fn add(&mut self, name: String, content: Content, archive: Option<FileId>) -> FileId {
        self.program.files.push(File { name, content, archive });
        FileId(self.program.files.len() as u32 - 1)
    }

    fn unit(&mut self, unit: &Unit, name: String, archive: Option<FileId>) -> FileId {
        let id = FileId(self.program.files.len() as u32);
        let object = object(&mut self.program.names, unit, id);
        self.add(name, Content::Object(object), archive)
    }

    fn library(&mut self, library: &Library) -> FileId {
        let id = self.add(library.name.clone(), Content::Archive(Archive::default()), None);
        let mut archive = Archive { thin: library.thin, ..Archive::default() };
        let mut index = vec![];
        for unit in &library.members {
            let member = self.unit(unit, format!("{}({})", library.name, unit.name), Some(id));
            let number = archive.members.len() as u32;
            archive.members.push(member);
            for sym in unit.symbols.iter().filter(|sym| sym.is_defined() && sym.binding != Binding::Local) {
                index.push((self.name(&full_name(sym)), number));
            }
        }
        archive.index = (!library.bare).then_some(index);
        self.program.files[id.0 as usize].content = Content::Archive(archive);
        id
    }

    fn dso(&mut self, dso: &Dso) -> FileId {
        // Without a soname its path is the name that is needed.
        self.name(&dso.name);
        let mut shared = Shared {
            soname: dso.soname.as_ref().map(|soname| self.program.names.intern(soname.as_bytes())),
            needed: dso.needed.iter().map(|needed| self.program.names.intern(needed.as_bytes())).collect(),
            runpath: dso.runpath.then(|| self.program.names.intern(b"$ORIGIN")),
            first_version: None,
            symbols: vec![],
            local: vec![],
            pie: false,
        };
        let versioned = dso.symbols.iter().any(|sym| sym.version.is_some());
        let (mut code, mut data, mut bss, mut tls) = (DSO_TEXT + HEAD, DSO_DATA + HEAD, DSO_BSS + HEAD, 0);
        for sym in &dso.symbols {
            let at = match (sym.defined, sym.kind, sym.place) {
                (false, ..) | (_, _, DsoPlace::Absolute) => &mut 0,
                (_, SymbolType::Tls, _) => &mut tls,
                (_, _, DsoPlace::Code) => &mut code,
                (_, _, DsoPlace::Data) => &mut data,
                (_, _, DsoPlace::Bss) => &mut bss,
            };
            let value = *at;
            *at += SLOT;
            let version = sym.version.as_ref().map(|(name, default)| Version {
                name: self.program.names.intern(name.as_bytes()),
                default: sym.defined && *default,
            });
            if sym.defined && shared.first_version.is_none() {
                shared.first_version = version.map(|version| version.name);
            }
            shared.symbols.push(DynamicSymbol {
                name: self.program.names.intern(sym.name.as_bytes()),
                version,
                base_version: versioned && sym.defined && version.is_none(),
                version_local: false,
                binding: if sym.weak { Binding::Weak } else { Binding::Global },
                kind: sym.kind,
                visibility: sym.visibility,
                defined: sym.defined,
                in_code: sym.defined && sym.kind != SymbolType::Tls && sym.place == DsoPlace::Code,
                in_bss: sym.defined && sym.kind != SymbolType::Tls && sym.place == DsoPlace::Bss,
                absolute: sym.defined && sym.place == DsoPlace::Absolute,
                value,
                size: if sym.defined { SLOT } else { 0 },
            });
        }
        self.add(dso.name.clone(), Content::Shared(shared), None)
    }

    /// Only what is found by name: in the scenario's folder with `-rpath-link`, or by `DT_RUNPATH` of who needs it.
    fn closure(&mut self, scenario: &Scenario) {
        let mut closure = BTreeMap::new();
        for (by, dso) in scenario.shared.iter().enumerate() {
            for needed in &dso.needed {
                let Some(at) = scenario.shared.iter().position(|other| other.name == *needed && !other.absent) else {
                    continue;
                };
                if scenario.finds_closure() || dso.runpath {
                    let name = self.program.names.intern(needed.as_bytes());
                    closure.insert((self.shared[by], name), self.shared[at]);
                }
            }
        }
        self.program.closure = closure;
    }

    fn line(&mut self, scenario: &Scenario) -> Vec<String> {
        let mut arguments = self.options(scenario);
        self.defsyms(scenario, false, &mut arguments);
        let (mut state, mut pushed) = (Input::plain(FileId(0), 0), vec![]);
        let mut groups = 0;
        for item in &scenario.line {
            let argument = match item {
                Item::Object(at) => self.put(&state, self.objects[*at], arguments.len()),
                Item::Archive(at) => self.put(&state, self.archives[*at], arguments.len()),
                Item::Shared(at) => self.put(&state, self.shared[*at], arguments.len()),
                Item::Missing(name) => {
                    let file = self.add(name.clone(), Content::Unusable(Unusable::Missing), None);
                    self.put(&state, file, arguments.len())
                }
                Item::GroupStart => {
                    state.group = Some(groups);
                    groups += 1;
                    "--start-group".into()
                }
                Item::GroupEnd => {
                    if self.program.inputs.last().and_then(|input| input.group) != state.group {
                        self.program.empty_groups.push(arguments.len() as u32);
                    }
                    state.group = None;
                    "--end-group".into()
                }
                Item::AsNeeded(on) => {
                    state.as_needed = *on;
                    if *on { "--as-needed" } else { "--no-as-needed" }.into()
                }
                Item::Whole(on) => {
                    state.whole_archive = *on;
                    if *on { "--whole-archive" } else { "--no-whole-archive" }.into()
                }
                Item::CopyNeeded(on) => {
                    state.copy_needed = *on;
                    self.program.options.copy_needed = *on;
                    if *on { "--copy-dt-needed-entries" } else { "--no-copy-dt-needed-entries" }.into()
                }
                Item::PushState => {
                    pushed.push(state);
                    "--push-state".into()
                }
                Item::PopState => {
                    // A group is no part of the state (`struct lang_input_statement_flags` in ld/ldlang.h).
                    let group = state.group;
                    state = pushed.pop().unwrap_or(state);
                    state.group = group;
                    "--pop-state".into()
                }
            };
            arguments.push(argument);
        }
        self.defsyms(scenario, true, &mut arguments);
        arguments
    }

    /// `--defsym` before or behind the files.
    fn defsyms(&mut self, scenario: &Scenario, wanted: bool, arguments: &mut Vec<String>) {
        for option in &scenario.options {
            let Opt::Defsym(name, value, behind) = option else { continue };
            if *behind == wanted {
                let reads = value.iter().map(|name| self.name(name)).collect();
                let defsym = Defsym { name: self.name(name), reads, argument: arguments.len() as u32 };
                self.program.options.defsym.push(defsym);
                arguments.push(format!("--defsym={name}={}", value.as_deref().unwrap_or("0x1234")));
            }
        }
    }

    fn put(&mut self, state: &Input, file: FileId, argument: usize) -> String {
        let written = self.name(&self.program.files[file.0 as usize].name.clone());
        self.program.inputs.push(Input { file, argument: argument as u32, written: Some(written), ..*state });
        self.program.files[file.0 as usize].name.clone()
    }

    fn options(&mut self, scenario: &Scenario) -> Vec<String> {
        let mut arguments: Vec<String> = vec![];
        let options = &mut self.program.options;
        let names = &mut self.program.names;
        options.output = scenario.output;
        match scenario.output {
            Output::Executable => {}
            Output::Pie => arguments.push("-pie".into()),
            Output::Shared => arguments.push("-shared".into()),
            Output::Relocatable => arguments.push("-r".into()),
            Output::Static => arguments.push("-static".into()),
            Output::StaticPie => arguments.extend(["-static".into(), "-pie".into(), "--no-dynamic-linker".into()]),
        }
        // As drivers do, in some.
        if matches!(scenario.output, Output::Executable | Output::Pie) && scenario.options.len().is_multiple_of(2) {
            options.interpreter = true;
            arguments.push("--dynamic-linker=/lib64/ld-linux-x86-64.so.2".into());
        }
        for option in &scenario.options {
            match option {
                Opt::Defs(on) => {
                    options.defs = Some(*on);
                    arguments.extend(["-z".into(), if *on { "defs" } else { "undefs" }.into()]);
                }
                Opt::AllowShlibUndefined(on) => {
                    options.allow_shlib_undefined = Some(*on);
                    arguments.push(switch("allow-shlib-undefined", *on));
                }
                Opt::Unresolved(policy) => {
                    options.unresolved = Some(*policy);
                    let name = match policy {
                        Unresolved::Report => "report-all",
                        Unresolved::Ignore => "ignore-all",
                        Unresolved::IgnoreInObjects => "ignore-in-object-files",
                        Unresolved::IgnoreInShared => "ignore-in-shared-libs",
                    };
                    arguments.push(format!("--unresolved-symbols={name}"));
                }
                Opt::WarnUnresolved => {
                    options.warn_unresolved = true;
                    arguments.push("--warn-unresolved-symbols".into());
                }
                Opt::AllowMultiple => {
                    options.allow_multiple = true;
                    arguments.push("--allow-multiple-definition".into());
                }
                Opt::Gc(on) => {
                    options.gc_sections = Some(*on);
                    arguments.push(switch("gc-sections", *on));
                }
                Opt::Wrap(name) => {
                    let mut with = |prefix: &str| names.intern(format!("{prefix}{name}").as_bytes());
                    let (wrapped, real) = (with("__wrap_"), with("__real_"));
                    options.wrap.push(Wrap { name: with(""), wrapped, real });
                    arguments.push(format!("--wrap={name}"));
                }
                // Where it stands is told in `line`.
                Opt::Defsym(..) => {}
                Opt::Undefined(name) => {
                    options.undefined.push(names.intern(name.as_bytes()));
                    arguments.extend(["-u".into(), name.clone()]);
                }
                Opt::Require(name) => {
                    options.require_defined.push(names.intern(name.as_bytes()));
                    arguments.push(format!("--require-defined={name}"));
                }
                Opt::Entry(name) => {
                    options.entry = Some(names.intern(name.as_bytes()));
                    arguments.extend(["-e".into(), name.clone()]);
                }
                Opt::ExcludeLibs(which) => {
                    options.exclude_libs = which.clone();
                    let which = match which {
                        ExcludeLibs::None => continue,
                        ExcludeLibs::All => "ALL".to_string(),
                        ExcludeLibs::Named(names) => names.join(","),
                    };
                    arguments.push(format!("--exclude-libs={which}"));
                }
                Opt::Versions(script) => {
                    options.versions = Some(script.clone());
                    arguments.push("--version-script=version.map".into());
                }
                Opt::UndefinedVersion(on) => {
                    options.undefined_version = Some(*on);
                    arguments.push(switch("undefined-version", *on));
                }
                Opt::FortranCommon(on) => {
                    options.fortran_common = Some(*on);
                    arguments.push(switch("fortran-common", *on));
                }
                Opt::ExportDynamic => {
                    options.export_dynamic = true;
                    arguments.push("--export-dynamic".into());
                }
                Opt::Symbolic => {
                    options.symbolic = true;
                    arguments.push("-Bsymbolic".into());
                }
                Opt::RpathLink => arguments.push("-rpath-link=.".into()),
            }
        }
        arguments
    }
}

fn switch(name: &str, on: bool) -> String {
    format!("--{}{name}", if on { "" } else { "no-" })
}

/// The name in a symbol table: with `@V` or `@@V`, as `.symver` writes it.
pub fn full_name(sym: &Sym) -> String {
    match &sym.version {
        None => sym.name.clone(),
        Some((version, default)) => format!("{}{}{version}", sym.name, if *default { "@@" } else { "@" }),
    }
}

fn object(names: &mut Names, unit: &Unit, id: FileId) -> Object {
    let mut object = Object::default();
    object.sections.push(Section { name: names.intern(b""), kind: 0, flags: 0, size: 0, link: 0, group: None });
    // A group's section stands before its members (gABI, SHT_GROUP).
    let used: Vec<usize> = (0..unit.sections.len()).filter(|at| *at == 0 || is_used(unit, *at)).collect();
    let groups: Vec<usize> =
        (0..unit.groups.len()).filter(|group| used.iter().any(|at| unit.sections[*at].group == Some(*group))).collect();
    let first = 1 + groups.len() as u32;
    let number = |part: usize| first + used.iter().position(|at| *at == part).unwrap_or(0) as u32;
    for at in &groups {
        let group = &unit.groups[*at];
        let sections: Vec<u32> =
            used.iter().filter(|part| unit.sections[**part].group == Some(*at)).map(|part| number(*part)).collect();
        object.sections.push(Section {
            name: names.intern(b".group"),
            kind: SHT_GROUP,
            flags: 0,
            size: 4 + 4 * sections.len() as u64,
            link: 0,
            group: None,
        });
        object.groups.push(Group {
            signature: names.intern(group.signature.as_bytes()),
            comdat: group.comdat,
            sections,
        });
    }
    for at in &used {
        let part = &unit.sections[*at];
        let group = part.group.and_then(|group| groups.iter().position(|known| *known == group));
        object.sections.push(Section {
            name: names.intern(part.name.as_bytes()),
            kind: SHT_PROGBITS,
            flags: flags(part),
            size: HEAD,
            link: 0,
            group: group.map(|group| group as u32),
        });
    }
    let local = |name: Name, definition, value| Symbol {
        name,
        version: None,
        binding: Binding::Local,
        kind: SymbolType::None,
        visibility: Visibility::Default,
        definition,
        value,
        size: 0,
    };
    object.symbols.push(local(names.intern(b""), Definition::Undefined, 0));
    object.symbols.push(local(names.intern(marker(id, None).as_bytes()), Definition::Absolute, 0));
    for at in &used {
        let section = number(*at);
        let name = names.intern(marker(id, Some(section)).as_bytes());
        let mut symbol = local(name, Definition::Section(section), 0);
        if unit.sections[*at].kind == PartKind::Tls {
            symbol.kind = SymbolType::Tls;
        }
        object.symbols.push(symbol);
    }
    // A signature that is no symbol of its own is a local one in the group's section, as assemblers write it.
    for (at, group) in groups.iter().enumerate() {
        let signature = &unit.groups[*group].signature;
        if !unit.symbols.iter().any(|sym| sym.name == *signature && sym.version.is_none()) {
            object.symbols.push(local(names.intern(signature.as_bytes()), Definition::Section(1 + at as u32), 0));
        }
    }
    let (locals, globals): (Vec<&Sym>, Vec<&Sym>) = unit.symbols.iter().partition(|sym| sym.binding == Binding::Local);
    for sym in &locals {
        let symbol = symbol(names, sym, id, &number, &mut object.sections);
        object.symbols.push(symbol);
    }
    object.first_global = object.symbols.len() as u32;
    for sym in &globals {
        let symbol = symbol(names, sym, id, &number, &mut object.sections);
        object.symbols.push(symbol);
    }
    references(&mut object, &locals, &globals, &number);
    object
}

/// A section is written when something is in it.
fn is_used(unit: &Unit, part: usize) -> bool {
    unit.symbols.iter().any(|sym| sym.place == Place::In(part) || sym.from.contains(&part))
}

fn flags(part: &Part) -> u64 {
    let group = if part.group.is_some() { SHF_GROUP } else { 0 };
    group
        | match part.kind {
            PartKind::Code => SHF_ALLOC | SHF_EXEC,
            PartKind::Data => SHF_ALLOC | SHF_WRITE,
            PartKind::Tls => SHF_ALLOC | SHF_WRITE | SHF_TLS,
            PartKind::Unallocated => 0,
        }
}

fn symbol(
    names: &mut Names,
    sym: &Sym,
    id: FileId,
    number: &impl Fn(usize) -> u32,
    sections: &mut [Section],
) -> Symbol {
    let (definition, value, size) = match sym.place {
        Place::Undefined => (Definition::Undefined, 0, 0),
        Place::Common { size, align } => (Definition::Common { size, align }, align, size),
        Place::Absolute => (Definition::Absolute, ABSOLUTE + u64::from(id.0) * 16, 0),
        Place::In(part) => {
            let section = &mut sections[number(part) as usize];
            let value = section.size;
            section.size += SLOT;
            (Definition::Section(number(part)), value, SLOT)
        }
    };
    let version =
        sym.version.as_ref().map(|(name, default)| Version { name: names.intern(name.as_bytes()), default: *default });
    Symbol {
        name: names.intern(sym.name.as_bytes()),
        version,
        binding: sym.binding,
        kind: sym.kind,
        visibility: sym.visibility,
        definition,
        value,
        size,
    }
}

/// Places for relocations, after the symbols of each section.
fn references(object: &mut Object, locals: &[&Sym], globals: &[&Sym], number: &impl Fn(usize) -> u32) {
    let first = object.symbols.len() - locals.len() - globals.len();
    for (at, sym) in locals.iter().chain(globals).enumerate() {
        for part in &sym.from {
            let section = number(*part);
            let part = &mut object.sections[section as usize];
            let field = if part.flags & SHF_ALLOC == 0 { 0 } else { FIELD };
            let (symbol, offset, uses) = ((first + at) as u32, part.size + field, Uses::default());
            object.references.push(Reference { section, symbol, offset, uses });
            part.size += SLOT;
        }
    }
    object.references.sort_by_key(|reference| (reference.section, reference.offset));
}

/// What each reference is, once all files are there.
fn uses(program: &mut Program) {
    let callable: Vec<bool> = (0..program.names.len() as u32).map(|name| can_be_called(program, Name(name))).collect();
    for file in &mut program.files {
        let Content::Object(object) = &mut file.content else { continue };
        for reference in &mut object.references {
            let symbol = &object.symbols[reference.symbol as usize];
            reference.uses = if object.sections[reference.section as usize].flags & SHF_ALLOC == 0 {
                Uses::ADDRESS
            } else if symbol.kind == SymbolType::Tls {
                Uses::TLS
            } else if callable[symbol.name.0 as usize] {
                Uses::CALL
            } else {
                Uses::GOT
            };
        }
    }
}

/// True where code may call the symbol. A call of an absolute symbol is refused by some linkers where the output can be moved, one of
/// a thread-local symbol always; reading its address is not.
fn can_be_called(program: &Program, name: Name) -> bool {
    let odd = |symbol: &Symbol| {
        symbol.name == name && (symbol.definition == Definition::Absolute || symbol.kind == SymbolType::Tls)
    };
    let odd_dynamic = |symbol: &DynamicSymbol| symbol.name == name && symbol.kind == SymbolType::Tls;
    let named = program.names.bytes(name).starts_with(b"f");
    let aliased = program.options.defsym.iter().any(|defsym| defsym.name == name);
    named
        && !aliased
        && !program.files.iter().any(|file| match &file.content {
            Content::Object(object) => object.symbols.iter().any(odd),
            Content::Shared(shared) => shared.symbols.iter().any(odd_dynamic),
            _ => false,
        })
}

/// Where in its eight bytes a reference's relocated field is, in code.
pub const FIELD: u64 = 3;
