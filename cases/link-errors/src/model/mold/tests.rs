//! Links that releases of mold differ about, each as the releases below were seen to do it.

use crate::model::input::{
    Archive, Binding, Content, Definition, DynamicSymbol, File, FileId, Input, Object, Program, Reference, Section,
    Shared, Symbol, SymbolType, Uses, Visibility,
};
use crate::model::outcome::{Linker, LinkerKind, Outcome, Verdict};
use crate::model::simulate;

const RELEASES: [(u16, u16); 10] =
    [(1, 10), (2, 0), (2, 4), (2, 30), (2, 33), (2, 35), (2, 37), (2, 39), (2, 40), (2, 42)];

#[derive(Default)]
struct Line(Program);

impl Line {
    fn add(&mut self, name: &str, content: Content, archive: Option<FileId>) -> FileId {
        let id = FileId(self.0.files.len() as u32);
        self.0.files.push(File { name: name.into(), content, archive });
        id
    }

    /// An object with code that defines some symbols and refers to others.
    fn object(&mut self, name: &str, defines: &[&str], wants: &[(&str, Binding)], archive: Option<FileId>) -> FileId {
        let section = |name, flags| Section { name, kind: 1, flags, size: 8, link: 0, group: None };
        let (empty, text) = (self.0.names.intern(b""), self.0.names.intern(b".text"));
        let mut symbol = |name: &str, binding, definition| Symbol {
            name: self.0.names.intern(name.as_bytes()),
            version: None,
            binding,
            kind: SymbolType::None,
            visibility: Visibility::Default,
            definition,
            value: 0,
            size: 0,
        };
        let mut symbols = vec![symbol("", Binding::Local, Definition::Undefined)];
        symbols.extend(defines.iter().map(|name| symbol(name, Binding::Global, Definition::Section(1))));
        symbols.extend(wants.iter().map(|(name, binding)| symbol(name, *binding, Definition::Undefined)));
        let wanted = 1 + defines.len() as u32..symbols.len() as u32;
        let reference = |symbol| Reference { section: 1, symbol, offset: 1, uses: Uses::CALL };
        let object = Object {
            symbols,
            first_global: 1,
            sections: vec![section(empty, 0), section(text, 6)],
            references: wanted.map(reference).collect(),
            ..Object::default()
        };
        self.add(name, Content::Object(object), archive)
    }

    fn shared(&mut self, name: &str, defines: &str, wants: &str) -> FileId {
        let mut symbol = |name: &str, defined| DynamicSymbol {
            name: self.0.names.intern(name.as_bytes()),
            version: None,
            base_version: false,
            version_local: false,
            binding: Binding::Global,
            kind: SymbolType::Function,
            visibility: Visibility::Default,
            defined,
            in_code: defined,
            in_bss: false,
            absolute: false,
            value: 0x1000,
            size: 8,
        };
        let symbols = vec![symbol(defines, true), symbol(wants, false)];
        let soname = Some(self.0.names.intern(name.as_bytes()));
        self.add(name, Content::Shared(Shared { soname, symbols, ..Shared::default() }), None)
    }

    fn put(&mut self, file: FileId, change: impl Fn(&mut Input)) {
        let mut input = Input::plain(file, self.0.inputs.len() as u32);
        change(&mut input);
        self.0.inputs.push(input);
    }

    fn linked(&self) -> Vec<Outcome> {
        RELEASES.map(|version| simulate(&self.0, Linker { kind: LinkerKind::Mold, version })).into()
    }
}

/// Releases that do what is asked, which is all from one on.
fn since(outcomes: &[Outcome], does: impl Fn(&Outcome) -> bool) -> (u16, u16) {
    let first = outcomes.iter().position(&does).unwrap();
    assert!(outcomes[first..].iter().all(does));
    outcomes[first].linker.version
}

#[test]
fn executables_are_checked_for_what_their_libraries_lack_since_2_38() {
    let mut line = Line::default();
    let main = line.object("main.o", &["_start"], &[("top", Binding::Global)], None);
    let top = line.shared("libtop.so", "top", "deep");
    line.put(main, |_| {});
    line.put(top, |_| {});
    let outcomes = line.linked();
    assert_eq!(since(&outcomes, |outcome| outcome.verdict == Verdict::Fails), (2, 39));
    let lacks = |outcome: &Outcome| outcome.undefined.iter().any(|one| line.0.names.bytes(one.name) == b"deep");
    assert_eq!(since(&outcomes, lacks), (2, 39));
}

#[test]
fn whole_archives_that_are_named_again_are_read_again_since_2_3() {
    let mut line = Line::default();
    let main = line.object("main.o", &["_start"], &[], None);
    let archive = line.add("libx.a", Content::Archive(Archive::default()), None);
    let member = line.object("libx.a(x.o)", &["x"], &[], Some(archive));
    let x = line.0.names.intern(b"x");
    line.0.files[archive.0 as usize].content =
        Content::Archive(Archive { members: vec![member], index: Some(vec![(x, 0)]), thin: false });
    line.put(main, |_| {});
    line.put(archive, |input| input.whole_archive = true);
    line.put(archive, |input| input.whole_archive = true);
    let outcomes = line.linked();
    assert_eq!(since(&outcomes, |outcome| outcome.verdict == Verdict::Fails), (2, 4));
    assert_eq!(since(&outcomes, |outcome| outcome.duplicates.len() == 1), (2, 4));
}

#[test]
fn weak_references_keep_a_shared_object_since_2_32() {
    let mut line = Line::default();
    let main = line.object("main.o", &["_start"], &[("top", Binding::Weak)], None);
    let top = line.shared("libtop.so", "top", "deep");
    line.put(main, |_| {});
    line.put(top, |input| input.as_needed = true);
    line.0.options.allow_shlib_undefined = Some(true);
    let outcomes = line.linked();
    assert!(outcomes.iter().all(|outcome| outcome.verdict == Verdict::Links));
    assert_eq!(since(&outcomes, |outcome| outcome.needed.len() == 1), (2, 33));
}

#[test]
fn releases_before_1_10_are_not_guessed() {
    let mut line = Line::default();
    let main = line.object("main.o", &["_start"], &[], None);
    line.put(main, |_| {});
    let outcome = simulate(&line.0, Linker { kind: LinkerKind::Mold, version: (1, 9) });
    assert_eq!((outcome.verdict, outcome.unknown.len()), (Verdict::Unknown, 1));
}
