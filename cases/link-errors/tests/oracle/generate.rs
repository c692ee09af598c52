//! Random scenarios. A seed and a set of features give the same one for ever.

use case_link_errors::model::input::{Binding, Output, SymbolType, Visibility};

use crate::features::{Feature, Features};
use crate::options;
use crate::random::Random;
use crate::scenario::*;

/// Names of functions, of data, of thread-local data. Few, so that they meet.
pub const FUNCTIONS: [&str; 5] = ["f0", "f1", "f2", "f3", "f4"];
pub const DATA: [&str; 2] = ["v0", "v1"];
pub const TLS: [&str; 2] = ["t0", "t1"];

/// The dice of one scenario, and which features it has.
pub struct Dice {
    pub random: Random,
    on: Vec<Feature>,
    /// What `--wrap` names.
    pub wrapped: Option<String>,
}

impl Dice {
    pub fn has(&self, feature: Feature) -> bool {
        self.on.contains(&feature)
    }

    /// The scenario has the feature, and the dice say `percent`.
    pub fn roll(&mut self, feature: Feature, percent: u32) -> bool {
        let rolled = self.random.chance(percent);
        rolled && self.has(feature)
    }

    /// All names, in a random order.
    fn names(&mut self) -> Vec<String> {
        let mut names: Vec<String> = FUNCTIONS.iter().chain(&DATA).map(|name| name.to_string()).collect();
        if self.has(Feature::Large) {
            names.extend((5..12).map(|number| format!("f{number}")));
        }
        if self.has(Feature::Tls) {
            names.extend(TLS.iter().map(|name| name.to_string()));
        }
        if let Some(name) = &self.wrapped {
            names.extend([format!("__wrap_{name}"), format!("__real_{name}")]);
        }
        self.random.shuffle(&mut names);
        names
    }

    pub fn name(&mut self) -> String {
        self.names().swap_remove(0)
    }
}

/// The type a name has where nothing is wrong.
pub fn kind_of(name: &str) -> SymbolType {
    let plain = name.trim_start_matches("__wrap_").trim_start_matches("__real_");
    match plain.as_bytes().first() {
        Some(b'v') => SymbolType::Object,
        Some(b't') => SymbolType::Tls,
        _ => SymbolType::Function,
    }
}

/// The scenario of a seed, and which features it may have.
pub fn scenario(seed: u64, features: &Features) -> (Scenario, Vec<Feature>) {
    let mut random = Random::new(seed);
    let on: Vec<Feature> = crate::features::ALL
        .iter()
        .filter_map(|(feature, ..)| random.chance(features.percent(*feature)).then_some(*feature))
        .collect();
    let mut dice = Dice { random, on, wrapped: None };
    dice.wrapped = dice.has(Feature::Wrap).then(|| dice.name());
    let mut scenario = Scenario { output: output(&mut dice), ..Scenario::default() };
    files(&mut dice, &mut scenario);
    line(&mut dice, &mut scenario);
    options::draw(&mut dice, &mut scenario);
    (scenario, dice.on)
}

fn output(dice: &mut Dice) -> Output {
    if dice.has(Feature::Relocatable) {
        return Output::Relocatable;
    }
    if dice.has(Feature::Static) {
        return Output::Static;
    }
    if !dice.has(Feature::Modes) {
        return Output::Executable;
    }
    *dice.random.pick(&[Output::Executable, Output::Pie, Output::Shared, Output::Shared])
}

fn files(dice: &mut Dice, scenario: &mut Scenario) {
    let mut main = unit(dice, "main.o", 20, 45);
    main.symbols.insert(
        0,
        Sym {
            name: "_start".into(),
            version: None,
            binding: Binding::Global,
            kind: SymbolType::Function,
            visibility: Visibility::Default,
            place: Place::In(0),
            from: vec![],
        },
    );
    scenario.objects.push(main);
    for number in 0..dice.random.below(3) {
        scenario.objects.push(unit(dice, &format!("a{number}.o"), 15, 25));
    }
    let most = if dice.has(Feature::Large) { 7 } else { 4 };
    let archives = if dice.has(Feature::Archives) { dice.random.below(most) } else { 0 };
    for number in 0..archives {
        let members = 1 + dice.random.below(most);
        let members = (0..members).map(|m| unit(dice, &format!("x{number}m{m}.o"), 18, 20)).collect();
        let library = library(dice, format!("libx{number}.a"), members);
        scenario.archives.push(library);
    }
    if dice.random.chance(60) {
        closing(dice, scenario);
    }
    if dice.has(Feature::Shared) && scenario.output != Output::Static {
        let count = 1 + dice.random.below(most - 1);
        for number in 0..count {
            let dso = dso(dice, number, count);
            scenario.shared.push(dso);
        }
    }
}

fn library(dice: &mut Dice, name: String, members: Vec<Unit>) -> Library {
    Library { name, members, thin: dice.roll(Feature::Thin, 40), bare: dice.roll(Feature::NoIndex, 60) }
}

/// An archive that has every symbol, each in a member of its own, so that about half of all scenarios link.
fn closing(dice: &mut Dice, scenario: &mut Scenario) {
    let mut names = dice.names();
    names.retain(|name| !name.starts_with("__real_"));
    let members = names
        .iter()
        .map(|name| {
            let mut unit = Unit { name: format!("z{name}.o"), ..Unit::default() };
            unit.sections.push(Part { name: ".text".into(), kind: PartKind::Code, group: None });
            let sym = define(dice, &mut unit, name, false);
            unit.symbols.push(sym);
            unit
        })
        .collect();
    let library = library(dice, "libz.a".into(), members);
    scenario.archives.push(library);
}

/// An object that has each symbol with some chance, defined or wanted.
fn unit(dice: &mut Dice, name: &str, defines: u32, refers: u32) -> Unit {
    let mut unit = Unit { name: name.into(), ..Unit::default() };
    unit.sections.push(Part { name: ".text".into(), kind: PartKind::Code, group: None });
    if dice.roll(Feature::DeadSections, 40) {
        unit.sections.push(Part { name: ".text.dead".into(), kind: PartKind::Code, group: None });
    }
    if dice.roll(Feature::Unallocated, 40) {
        unit.sections.push(Part { name: ".tale".into(), kind: PartKind::Unallocated, group: None });
    }
    let names = dice.names();
    for name in names {
        let rolled = dice.random.below(100) as u32;
        // `__real_f` is for those who want the symbol behind `__wrap_f`; nobody defines it.
        let defines = if name.starts_with("__real_") { 0 } else { defines };
        if rolled < defines {
            let sym = define(dice, &mut unit, &name, true);
            unit.symbols.push(sym);
        } else if rolled < defines + refers {
            let sym = refer(dice, &unit, &name);
            unit.symbols.push(sym);
        }
    }
    if dice.roll(Feature::Reserved, 50) {
        reserved(dice, &mut unit);
    }
    if dice.has(Feature::Comdat) {
        comdats(dice, &mut unit);
    }
    if dice.roll(Feature::LocalNamesakes, 30) {
        let name = dice.name();
        if unit.symbols.iter().all(|sym| sym.name != name) && !name.starts_with("__real_") {
            let mut sym = define(dice, &mut unit, &name, false);
            sym.binding = Binding::Local;
            sym.visibility = Visibility::Default;
            sym.version = None;
            unit.symbols.insert(0, sym);
        }
    }
    unit
}

/// Wants, or rarely defines, what linkers define themselves.
fn reserved(dice: &mut Dice, unit: &mut Unit) {
    const NAMES: [&str; 18] = [
        "_end",
        "end",
        "etext",
        "_etext",
        "edata",
        "_edata",
        "__bss_start",
        "__ehdr_start",
        "__executable_start",
        "_DYNAMIC",
        "__init_array_start",
        "__fini_array_end",
        "__preinit_array_start",
        "__rela_iplt_start",
        "__dso_handle",
        "__start_sec0",
        "__stop_sec0",
        "__start_sec1",
    ];
    for _ in 0..1 + dice.random.below(2) {
        let name = *dice.random.pick(&NAMES);
        if unit.symbols.iter().any(|sym| sym.name == name) {
            continue;
        }
        let mut sym = refer(dice, unit, name);
        if dice.random.chance(15) {
            sym.place = Place::In(section(unit, PartKind::Data, None));
            (sym.kind, sym.version, sym.from) = (SymbolType::Object, None, vec![]);
        }
        unit.symbols.push(sym);
    }
    if dice.random.chance(40) {
        unit.sections.push(Part { name: "sec0".into(), kind: PartKind::Data, group: None });
        let part = unit.sections.len() - 1;
        let data =
            unit.symbols.iter_mut().find(|sym| matches!(sym.place, Place::In(_)) && sym.kind == SymbolType::Object);
        if let Some(sym) = data {
            sym.place = Place::In(part);
        }
    }
}

/// A section of this kind: the common one, or with `own` one of the symbol's own.
fn section(unit: &mut Unit, kind: PartKind, own: Option<&str>) -> usize {
    let base = match kind {
        PartKind::Code => ".text",
        PartKind::Data => ".data",
        PartKind::Tls => ".tdata",
        PartKind::Unallocated => ".tale",
    };
    let name = own.map_or(base.to_string(), |own| format!("{base}.{own}"));
    if let Some(at) = unit.sections.iter().position(|part| part.name == name && part.group.is_none()) {
        return at;
    }
    unit.sections.push(Part { name, kind, group: None });
    unit.sections.len() - 1
}

fn part_kind(kind: SymbolType) -> PartKind {
    match kind {
        SymbolType::Object => PartKind::Data,
        SymbolType::Tls => PartKind::Tls,
        _ => PartKind::Code,
    }
}

/// The type a definition has: the name's, or with `TlsMismatch` another.
fn kind(dice: &mut Dice, name: &str) -> SymbolType {
    if dice.roll(Feature::TlsMismatch, 20) {
        return *dice.random.pick(&[SymbolType::Object, SymbolType::Tls, SymbolType::Function]);
    }
    kind_of(name)
}

fn define(dice: &mut Dice, unit: &mut Unit, name: &str, varied: bool) -> Sym {
    let kind = kind(dice, name);
    let mut sym = Sym {
        name: name.into(),
        version: None,
        binding: Binding::Global,
        kind,
        visibility: visibility(dice, varied),
        place: Place::Undefined,
        from: vec![],
    };
    if varied && kind == SymbolType::Object && dice.roll(Feature::Commons, 25) {
        sym.place = Place::Common { size: *dice.random.pick(&[4, 8, 16]), align: *dice.random.pick(&[4, 8, 16]) };
        return sym;
    }
    if varied && dice.roll(Feature::WeakDefinitions, 30) {
        sym.binding = Binding::Weak;
    }
    if varied && dice.roll(Feature::Absolutes, 15) && kind != SymbolType::Tls {
        sym.place = Place::Absolute;
        return sym;
    }
    if varied && dice.roll(Feature::Untyped, 30) && kind != SymbolType::Tls {
        sym.kind = SymbolType::None;
    }
    if varied && dice.roll(Feature::Unique, 30) && kind == SymbolType::Object {
        sym.binding = Binding::Unique;
    }
    if varied && dice.roll(Feature::LinkOnce, 30) && kind != SymbolType::Tls {
        let letter = if kind == SymbolType::Object { 'd' } else { 't' };
        unit.sections.push(Part { name: format!(".gnu.linkonce.{letter}.{name}"), kind: part_kind(kind), group: None });
        sym.place = Place::In(unit.sections.len() - 1);
        if dice.random.chance(80) {
            sym.binding = Binding::Weak;
        }
        return sym;
    }
    let own = dice.roll(Feature::OwnSections, 70);
    sym.place = Place::In(section(unit, part_kind(kind), own.then_some(name)));
    // A version nobody's script has is refused, mostly.
    let versioned = if dice.has(Feature::VersionScript) { 15 } else { 2 };
    if varied && dice.roll(Feature::Versions, versioned) {
        sym.version = Some((version(dice), dice.random.chance(60)));
    }
    if dice.roll(Feature::Gc, 15) {
        sym.from = from(dice, unit);
    }
    sym
}

fn refer(dice: &mut Dice, unit: &Unit, name: &str) -> Sym {
    let weak = dice.roll(Feature::WeakReferences, 20);
    let version = dice.roll(Feature::Versions, 15).then(|| (version(dice), false));
    let kind = match kind(dice, name) {
        SymbolType::Tls => SymbolType::Tls,
        _ => SymbolType::None,
    };
    Sym {
        name: name.into(),
        version,
        binding: if weak { Binding::Weak } else { Binding::Global },
        kind,
        visibility: visibility(dice, true),
        place: Place::Undefined,
        from: if dice.roll(Feature::BareReferences, 30) { vec![] } else { from(dice, unit) },
    }
}

/// A section with code that refers; most often the first.
fn from(dice: &mut Dice, unit: &Unit) -> Vec<usize> {
    if dice.random.chance(60) {
        return vec![0];
    }
    let able: Vec<usize> = (0..unit.sections.len())
        .filter(|at| !matches!(unit.sections[*at].kind, PartKind::Data | PartKind::Tls))
        .collect();
    let mut from = vec![*dice.random.pick(&able)];
    if dice.random.chance(20) {
        from.push(*dice.random.pick(&able));
    }
    from.sort_unstable();
    from.dedup();
    from
}

fn visibility(dice: &mut Dice, varied: bool) -> Visibility {
    if varied && dice.roll(Feature::Visibility, 25) {
        return *dice.random.pick(&[
            Visibility::Hidden,
            Visibility::Hidden,
            Visibility::Hidden,
            Visibility::Protected,
            Visibility::Internal,
        ]);
    }
    Visibility::Default
}

pub fn version(dice: &mut Dice) -> String {
    (*dice.random.pick(&["V1", "V1", "V2"])).to_string()
}

/// Moves definitions into section groups, some with one signature for several symbols, as inline functions and templates are.
fn comdats(dice: &mut Dice, unit: &mut Unit) {
    for at in 0..unit.symbols.len() {
        let Place::In(_) = unit.symbols[at].place else { continue };
        if unit.symbols[at].name == "_start" || !dice.random.chance(45) {
            continue;
        }
        let name = unit.symbols[at].name.clone();
        // Mostly its own signature; sometimes one that several symbols share.
        let signature =
            if dice.random.chance(70) { name.clone() } else { (*dice.random.pick(&["g0", "g1"])).to_string() };
        let comdat = !dice.random.chance(8);
        let group = match unit.groups.iter().position(|group| group.signature == signature) {
            Some(group) => group,
            None => {
                unit.groups.push(Group { signature, comdat });
                unit.groups.len() - 1
            }
        };
        let kind = part_kind(unit.symbols[at].kind);
        let base = match kind {
            PartKind::Data => ".data",
            PartKind::Tls => ".tdata",
            _ => ".text",
        };
        unit.sections.push(Part { name: format!("{base}.{name}"), kind, group: Some(group) });
        unit.symbols[at].place = Place::In(unit.sections.len() - 1);
        if dice.random.chance(75) {
            unit.symbols[at].binding = Binding::Weak;
        }
        // Its code refers to something, which goes when it is discarded.
        if kind == PartKind::Code && dice.random.chance(40) {
            let from = unit.sections.len() - 1;
            let name = dice.name();
            match unit.symbols.iter_mut().find(|sym| sym.name == name && sym.binding != Binding::Local) {
                Some(sym) if !sym.from.contains(&from) => sym.from.push(from),
                Some(_) => {}
                None => {
                    let mut sym = refer(dice, unit, &name);
                    sym.from = vec![from];
                    unit.symbols.push(sym);
                }
            }
        }
    }
}

fn dso(dice: &mut Dice, number: usize, count: usize) -> Dso {
    let mut dso = Dso { name: format!("libs{number}.so"), ..Dso::default() };
    dso.soname = Some(dso.name.clone());
    if dice.roll(Feature::OddSonames, 30) {
        dso.soname = match dice.random.below(10) {
            0..6 => Some(format!("libs{number}.so.1")),
            6..8 => Some("libs0.so".into()),
            _ => None,
        };
    }
    dso.runpath = dice.roll(Feature::OffLine, 20);
    if dice.has(Feature::SharedNeeded) {
        for other in 0..count {
            if other != number && dice.random.chance(35) {
                dso.needed.push(format!("libs{other}.so"));
            }
        }
        if dice.random.chance(5) {
            dso.needed.push("libgone.so".into());
        }
    }
    // What wanted `__real_f` was linked to `f` when the library was made.
    let mut names = dice.names();
    names.retain(|name| !name.starts_with("__real_"));
    let versioned = dice.roll(Feature::Versions, 60);
    for name in names {
        let rolled = dice.random.below(100);
        if rolled < 50 {
            let defined = rolled < 30;
            let sym = dso_symbol(dice, &name, defined, versioned);
            dso.symbols.push(sym);
        }
    }
    // GNU ld gives each version a symbol of its name.
    if versioned && dice.random.chance(30) && dso.symbols.iter().any(|sym| sym.defined && sym.version.is_some()) {
        let version = version(dice);
        dso.symbols.push(DsoSym {
            name: version.clone(),
            version: Some((version, true)),
            weak: false,
            defined: true,
            kind: SymbolType::Object,
            visibility: Visibility::Default,
            place: DsoPlace::Absolute,
        });
    }
    dso
}

fn dso_symbol(dice: &mut Dice, name: &str, defined: bool, versioned: bool) -> DsoSym {
    let kind = kind(dice, name);
    let none = !defined || dice.roll(Feature::SharedKinds, 15);
    let kind = if none && kind != SymbolType::Tls { SymbolType::None } else { kind };
    let weak = if defined { dice.roll(Feature::WeakDefinitions, 25) } else { dice.roll(Feature::WeakReferences, 20) };
    let version = (versioned && dice.random.chance(if defined { 75 } else { 40 }))
        .then(|| (version(dice), defined && dice.random.chance(70)));
    let usual = if kind_of(name) == SymbolType::Function { DsoPlace::Code } else { DsoPlace::Data };
    let odd = dice.roll(Feature::SharedKinds, 25) && kind != SymbolType::Tls;
    let place =
        if odd { *dice.random.pick(&[DsoPlace::Code, DsoPlace::Data, DsoPlace::Bss, DsoPlace::Bss]) } else { usual };
    let protected = defined && dice.roll(Feature::SharedKinds, 10);
    DsoSym {
        name: name.into(),
        version,
        weak,
        defined,
        kind,
        visibility: if protected { Visibility::Protected } else { Visibility::Default },
        place,
    }
}

fn line(dice: &mut Dice, scenario: &mut Scenario) {
    let mut files: Vec<Item> = (1..scenario.objects.len()).map(Item::Object).collect();
    files.extend((0..scenario.archives.len()).map(Item::Archive));
    for at in 0..scenario.shared.len() {
        if scenario.output == Output::Relocatable {
            // No linker takes them for -r.
        } else if dice.roll(Feature::OffLine, 40) {
            scenario.shared[at].absent = dice.random.chance(15);
        } else {
            files.push(Item::Shared(at));
        }
    }
    if dice.has(Feature::Repeats) {
        for _ in 0..1 + dice.random.below(2) {
            let again: Vec<Item> = files.iter().filter(|item| !matches!(item, Item::Object(_))).cloned().collect();
            if !again.is_empty() {
                files.push(dice.random.pick(&again).clone());
            }
        }
    }
    if dice.has(Feature::Twice) {
        files.push(Item::Object(dice.random.below(scenario.objects.len())));
    }
    if dice.has(Feature::Missing) {
        files.push(Item::Missing("gone.o".into()));
    }
    dice.random.shuffle(&mut files);
    // Half of all lines have the object with the entry first, as compilers' drivers write it.
    let at = if dice.random.chance(50) { 0 } else { dice.random.below(files.len() + 1) };
    files.insert(at, Item::Object(0));
    // And the archive that has everything is at the end more often than not.
    let last = Item::Archive(scenario.archives.len().wrapping_sub(1));
    let to_end = dice.random.chance(50);
    if let Some(at) = files.iter().position(|item| *item == last).filter(|_| to_end) {
        let last = files.remove(at);
        files.push(last);
    }
    let mut items = files;
    toggles(dice, &mut items);
    scenario.line = items;
}

fn toggles(dice: &mut Dice, items: &mut Vec<Item>) {
    if dice.has(Feature::AsNeeded) {
        for _ in 0..1 + dice.random.below(3) {
            let on = dice.random.chance(65);
            put(dice, items, Item::AsNeeded(on));
        }
        if dice.random.chance(30) {
            items.insert(0, Item::AsNeeded(true));
        }
    }
    if dice.has(Feature::CopyNeeded) {
        let at = put(dice, items, Item::CopyNeeded(true));
        if dice.random.chance(30) {
            let end = at + 1 + dice.random.below(items.len() - at);
            items.insert(end, Item::CopyNeeded(false));
        }
    }
    if dice.has(Feature::PushState) {
        let start = put(dice, items, Item::PushState);
        let end = start + 1 + dice.random.below(items.len() - start);
        items.insert(end, Item::PopState);
        let inside = start + 1;
        let on = dice.random.chance(50);
        let item = if dice.random.chance(60) { Item::AsNeeded(on) } else { Item::Whole(on) };
        items.insert(inside, item);
    }
    if dice.has(Feature::Whole) {
        let start = put(dice, items, Item::Whole(true));
        let end = start + 1 + dice.random.below(3).min(items.len() - start - 1);
        items.insert(end.min(items.len()), Item::Whole(false));
    }
    if dice.has(Feature::Groups) {
        let start = put(dice, items, Item::GroupStart);
        let end = start + 1 + dice.random.below(items.len() - start);
        items.insert(end, Item::GroupEnd);
    }
}

fn put(dice: &mut Dice, items: &mut Vec<Item>, item: Item) -> usize {
    let at = dice.random.below(items.len() + 1);
    items.insert(at, item);
    at
}
