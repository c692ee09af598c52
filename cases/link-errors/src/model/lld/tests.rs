//! Links that releases of lld differ about, and what random links do not hold. Where a release is named, its notes or its change say so.

use crate::model::input::{
    Binding, Content, Definition, DynamicSymbol, File, FileId, Group, Input, Object, Output, Pattern, Program,
    Reference, Section, Shared, Symbol, SymbolType, Uses, VersionNode, VersionScript, Visibility,
};
use crate::model::outcome::{Linker, LinkerKind, Outcome, Refusal, Verdict};
use crate::model::simulate;

const RELEASES: [u16; 9] = [14, 15, 16, 17, 18, 19, 20, 21, 22];

#[derive(Default)]
struct Line(Program);

impl Line {
    fn add(&mut self, name: &str, content: Content) -> FileId {
        let file = FileId(self.0.files.len() as u32);
        self.0.files.push(File { name: name.into(), content, archive: None });
        self.0.inputs.push(Input::plain(file, file.0));
        file
    }

    /// An object with one symbol in each section of code, and which section refers to which of its symbols.
    fn object(&mut self, name: &str, symbols: &[(&str, Visibility)], references: &[(u32, u32)]) -> FileId {
        let mut section = |name: &str, kind, flags| {
            let name = self.0.names.intern(name.as_bytes());
            Section { name, kind, flags, size: 8, link: 0, group: None }
        };
        let mut sections = vec![section("", 0, 0)];
        sections.extend(symbols.iter().map(|(name, _)| section(&format!(".text.{name}"), 1, 6)));
        let mut symbol = |name: &str, binding, visibility, definition| Symbol {
            name: self.0.names.intern(name.as_bytes()),
            version: None,
            binding,
            kind: SymbolType::None,
            visibility,
            definition,
            value: 0,
            size: 0,
        };
        let mut all = vec![symbol("", Binding::Local, Visibility::Default, Definition::Undefined)];
        for (section, (name, visibility)) in (1..).zip(symbols) {
            all.push(symbol(name, Binding::Global, *visibility, Definition::Section(section)));
        }
        let references = references
            .iter()
            .map(|(section, symbol)| Reference { section: *section, symbol: *symbol, offset: 1, uses: Uses::CALL })
            .collect();
        let object = Object { symbols: all, first_global: 1, sections, references, ..Object::default() };
        self.add(name, Content::Object(object))
    }

    /// A shared object that needs one symbol.
    fn shared(&mut self, name: &str, wants: &str) {
        let symbol = DynamicSymbol {
            name: self.0.names.intern(wants.as_bytes()),
            version: None,
            base_version: false,
            version_local: false,
            binding: Binding::Global,
            kind: SymbolType::None,
            visibility: Visibility::Default,
            defined: false,
            in_code: false,
            in_bss: false,
            absolute: false,
            value: 0,
            size: 0,
        };
        let soname = Some(self.0.names.intern(name.as_bytes()));
        self.add(name, Content::Shared(Shared { soname, symbols: vec![symbol], ..Shared::default() }));
    }

    fn script(&mut self, global: &[(&str, bool)], local: &[&str]) {
        let pattern = |text: &str, cxx| Pattern { text: text.into(), literal: false, cxx };
        let global = global.iter().map(|(text, cxx)| pattern(text, *cxx)).collect();
        let local = local.iter().map(|text| pattern(text, false)).collect();
        self.0.options.versions = Some(VersionScript { nodes: vec![VersionNode { name: None, global, local }] });
        self.0.options.output = Output::Shared;
    }

    fn linked_by(&self, release: u16) -> Outcome {
        simulate(&self.0, Linker { kind: LinkerKind::Lld, version: (release, 1) })
    }

    /// The first release that refuses it, as all later ones do.
    fn refused_since(&self, refusal: impl Fn(&Refusal) -> bool) -> Option<u16> {
        let refuses = |release: &u16| {
            let outcome = self.linked_by(*release);
            let refuses = outcome.refusals.iter().any(&refusal);
            assert_eq!(outcome.verdict, if refuses { Verdict::Fails } else { Verdict::Links });
            refuses
        };
        let first = RELEASES.iter().position(refuses)?;
        assert!(RELEASES[first..].iter().all(refuses));
        Some(RELEASES[first])
    }
}

#[test]
fn hidden_definitions_that_a_library_needs_are_refused_since_18() {
    let mut line = Line::default();
    line.object("main.o", &[("_start", Visibility::Default), ("f", Visibility::Hidden)], &[(1, 2)]);
    line.shared("libf.so", "f");
    // llvm-project pull request 70769
    assert_eq!(line.refused_since(|refusal| matches!(refusal, Refusal::HiddenInObject(..))), Some(18));
}

#[test]
fn a_script_that_names_what_nobody_defines_is_refused_since_16() {
    let mut line = Line::default();
    line.object("part.o", &[("f", Visibility::Default)], &[]);
    line.0.names.intern(b"g");
    line.script(&[("f", false), ("g", false)], &["*"]);
    // D135402
    assert_eq!(line.refused_since(|refusal| matches!(refusal, Refusal::Other(_))), Some(16));
}

#[test]
fn patterns_for_demangled_names_are_names_where_nothing_is_mangled() {
    let mut line = Line::default();
    line.object("part.o", &[("f", Visibility::Default)], &[]);
    line.script(&[("f", true)], &["*"]);
    assert_eq!(line.linked_by(19).verdict, Verdict::Links);
    line.object("more.o", &[("_Z1gv", Visibility::Default)], &[]);
    let outcome = line.linked_by(19);
    assert_eq!((outcome.verdict, outcome.unknown.len()), (Verdict::Unknown, 1));
}

#[test]
fn options_of_gnu_ld_are_unknown() {
    let mut line = Line::default();
    line.object("main.o", &[("_start", Visibility::Default)], &[]);
    line.0.inputs[0].copy_needed = true;
    assert_eq!(line.refused_since(|refusal| matches!(refusal, Refusal::Other(_))), Some(14));
}

#[test]
fn a_group_stays_as_one() {
    let mut line = Line::default();
    let symbols = ["_start", "kept", "beside", "lost"].map(|name| (name, Visibility::Default));
    let main = line.object("main.o", &symbols, &[(1, 2)]);
    let signature = line.0.names.intern(b"kept");
    if let Content::Object(object) = &mut line.0.files[main.0 as usize].content {
        object.groups.push(Group { signature, comdat: true, sections: vec![2, 3] });
        object.sections[2].group = Some(0);
        object.sections[3].group = Some(0);
    }
    line.0.options.gc_sections = Some(true);
    let outcome = line.linked_by(19);
    let has = |name: &str| {
        let name = line.0.names.get(name.as_bytes());
        outcome.definitions.iter().any(|(known, _)| Some(*known) == name)
    };
    assert_eq!(symbols.map(|(name, _)| has(name)), [true, true, true, false]);
}
