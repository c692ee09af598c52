//! Files of the machine's compilers; the readers themselves are tested, and held against binutils, in casebook-formats.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "objects come from the machine's compilers")]

use std::path::Path;
use std::process::Command;

use casebook_formats::elf::{Class, abi};
use proptest::prelude::*;

use super::*;
use crate::model::input::{Archive, Binding, Definition, Lto, Object, Shared, SymbolType, Visibility};

/// A folder, and what was read from it.
struct Bench {
    folder: tempfile::TempDir,
    names: Names,
    files: Vec<File>,
}

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), names: Names::default(), files: Vec::new() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    /// Runs a command; says and gives false where it is not there or fails.
    fn run(&self, command: &str) -> bool {
        let mut words = command.split(' ');
        let program = words.next().unwrap();
        let output = Command::new(program).current_dir(self.path()).args(words).output();
        let worked = output.is_ok_and(|output| output.status.success());
        if !worked {
            println!("skipped: {command}");
        }
        worked
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path().join(name)).unwrap()
    }

    fn add(&mut self, name: &str) -> Added {
        let bytes = self.bytes(name);
        let folder = self.folder.path().to_owned();
        let mut outside = |path: &str| std::fs::read(folder.join(path)).ok().map(Bytes::new);
        add(&mut self.names, &mut self.files, name, &bytes, &mut outside)
    }

    fn content(&self, added: &Added) -> &Content {
        &self.files[added.file.0 as usize].content
    }

    fn object(&mut self, name: &str) -> Object {
        let added = self.add(name);
        assert!(added.faults.is_empty(), "{:?}", added.faults);
        match self.content(&added) {
            Content::Object(object) => object.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn shared(&mut self, name: &str) -> Shared {
        let added = self.add(name);
        assert!(added.faults.is_empty(), "{:?}", added.faults);
        match self.content(&added) {
            Content::Shared(shared) => shared.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn archive(&mut self, name: &str) -> (Added, Archive) {
        let added = self.add(name);
        match self.content(&added) {
            Content::Archive(archive) => (added.clone(), archive.clone()),
            other => panic!("{other:?}"),
        }
    }

    fn text(&self, name: Name) -> String {
        self.names.text(name).into_owned()
    }

    /// What an object says of a symbol.
    fn symbol(&self, object: &Object, name: &str) -> crate::model::input::Symbol {
        let found = object.symbols.iter().find(|symbol| self.text(symbol.name) == name);
        *found.unwrap_or_else(|| panic!("no {name}"))
    }
}

const C: &str = "\
extern int need(int), maybe(int) __attribute__((weak));
int buffer[3], __attribute__((visibility(\"hidden\"))) quiet = 4;
static int inner(void) { return quiet; }
__thread int mine;
int both(int a) { return need(a) + need(a + 1) + (maybe ? maybe(a) : inner()) + mine + buffer[a]; }
static int pick(void) { return 1; }
int old(void) { return 7; }
static int (*resolve(void))(void) { return pick; }
int chosen(void) __attribute__((ifunc(\"resolve\")));
__asm__(\".symver old,name@V1\\n.symver both,both@@V2\");
";

#[test]
fn an_object_has_its_symbols_sections_and_references() {
    let mut bench = Bench::new();
    bench.write("a.c", C);
    if !bench.run("gcc -fcommon -ffunction-sections -c a.c") {
        return;
    }
    let object = bench.object("a.o");
    assert_eq!(object.lto, Lto::None);
    assert_eq!(bench.symbol(&object, "buffer").definition, Definition::Common { size: 12, align: 8 });
    assert_eq!(bench.symbol(&object, "need").definition, Definition::Undefined);
    assert_eq!(bench.symbol(&object, "maybe").binding, Binding::Weak);
    assert_eq!(bench.symbol(&object, "quiet").visibility, Visibility::Hidden);
    assert_eq!(bench.symbol(&object, "mine").kind, SymbolType::Tls);
    assert_eq!(bench.symbol(&object, "chosen").kind, SymbolType::IFunc);
    assert_eq!(bench.symbol(&object, "inner").binding, Binding::Local);
    let version = bench.symbol(&object, "name").version.unwrap();
    assert_eq!((bench.text(version.name).as_str(), version.default), ("V1", false));
    let both = object.symbols.iter().filter(|symbol| bench.text(symbol.name) == "both");
    assert!(both.clone().any(|symbol| symbol.version.is_some_and(|version| version.default)));
    let globals: Vec<u32> = object.globals().map(|(index, _)| index).collect();
    assert!(globals.iter().all(|index| object.symbols[*index as usize].binding != Binding::Local));
    // `need` is called twice from one section, and referred to once.
    let need = object.symbols.iter().position(|symbol| bench.text(symbol.name) == "need").unwrap() as u32;
    let references: Vec<_> = object.references.iter().filter(|found| found.symbol == need).collect();
    assert_eq!(references.len(), 1);
    let section = &object.sections[references[0].section as usize];
    assert_eq!(bench.text(section.name), ".text.both");
    assert!(references[0].offset < section.size);
}

#[test]
fn groups_hold_the_sections_of_inline_functions() {
    let mut bench = Bench::new();
    bench.write("a.cc", "inline int twice(int a) { return 2 * a; } int use(int a) { return twice(a); }\n");
    if !bench.run("g++ -g -c a.cc") {
        return;
    }
    let object = bench.object("a.o");
    let number = object.groups.iter().position(|group| bench.text(group.signature) == "_Z5twicei").unwrap();
    assert!(object.groups[number].comdat);
    let twice = bench.symbol(&object, "_Z5twicei");
    let Definition::Section(section) = twice.definition else { panic!("{twice:?}") };
    assert_eq!(object.sections[section as usize].group, Some(number as u32));
    assert!(object.groups[number].sections.contains(&section));
    // Debug sections refer to it too; the model looks at the flags of the section.
    assert!(object.references.iter().any(|found| {
        let flags = object.sections[found.section as usize].flags;
        flags & abi::SHF_ALLOC.0 == 0
    }));
}

#[test]
fn a_shared_object_has_versions_and_what_it_needs() {
    let mut bench = Bench::new();
    bench.write("v.map", "V1 { global: first; local: *; }; V2 { global: second; data; } V1;\n");
    bench.write(
        "a.c",
        "#include <stdio.h>\nint data = 1; int first(void) { return puts(\"\"); } int second(void) { return 2; }\n",
    );
    bench.write("b.c", "int plain(void) { return 3; }\n");
    let linked = "gcc -shared -fPIC -o libv.so a.c -Wl,--version-script=v.map -Wl,-soname,libv.so.1 -Wl,-rpath,/opt/x";
    if !bench.run(linked) || !bench.run("gcc -shared -fPIC -nostdlib -o libp.so b.c") {
        return;
    }
    let shared = bench.shared("libv.so");
    assert_eq!(shared.soname.map(|name| bench.text(name)), Some("libv.so.1".into()));
    assert_eq!(shared.needed.iter().map(|name| bench.text(*name)).collect::<Vec<_>>(), ["libc.so.6"]);
    assert_eq!(shared.runpath.map(|name| bench.text(name)), Some("/opt/x".into()));
    let find =
        |shared: &Shared, name: &str| *shared.symbols.iter().find(|symbol| bench.text(symbol.name) == name).unwrap();
    let first = find(&shared, "first");
    let version = first.version.unwrap();
    assert!(first.defined && first.in_code && version.default && !first.base_version);
    assert_eq!(bench.text(version.name), "V1");
    assert!(!find(&shared, "data").in_code);
    let puts = find(&shared, "puts");
    assert!(!puts.defined && puts.version.is_some_and(|version| bench.text(version.name).starts_with("GLIBC_")));
    let plain = bench.shared("libp.so");
    let symbol = plain.symbols.iter().find(|symbol| bench.text(symbol.name) == "plain").unwrap();
    assert!(symbol.defined && symbol.version.is_none() && !symbol.base_version && !symbol.version_local);
    assert_eq!((plain.soname, plain.runpath), (None, None));
}

#[test]
fn an_archive_has_members_and_an_index_in_its_order() {
    let mut bench = Bench::new();
    std::fs::create_dir(bench.path().join("sub")).unwrap();
    bench.write("a.c", "int one, two;\n");
    bench.write("b.c", "int three(void) { return 3; }\n");
    bench.write("note.txt", "no object\n");
    if !bench.run("gcc -fno-common -c a.c")
        || !bench.run("gcc -c -o sub/b.o b.c")
        || !bench.run("ar rcs x.a a.o note.txt sub/b.o")
    {
        return;
    }
    let (added, archive) = bench.archive("x.a");
    let files: Vec<&str> = archive.members.iter().map(|member| bench.files[member.0 as usize].name.as_str()).collect();
    assert_eq!(files, ["x.a(a.o)", "x.a(note.txt)", "x.a(b.o)"]);
    assert!(archive.members.iter().all(|member| bench.files[member.0 as usize].archive == Some(added.file)));
    let index: Vec<(String, u32)> =
        archive.index.unwrap().iter().map(|(name, member)| (bench.text(*name), *member)).collect();
    assert_eq!(index, [("one".into(), 0), ("two".into(), 0), ("three".into(), 2)]);
    assert!(matches!(bench.files[2].content, Content::Unusable(Unusable::Damaged(_))));
    // The bytes of a member are where the part says.
    let part = &added.parts[3];
    let Some(Held::Here(range)) = &part.held else { panic!("{part:?}") };
    assert_eq!(bench.bytes("x.a")[range.start as usize..range.end as usize], bench.bytes("sub/b.o"));
    assert_eq!(part.machine.map(|machine| machine.class), Some(Class::Elf64));
}

#[test]
fn members_of_a_thin_archive_come_from_outside() {
    let mut bench = Bench::new();
    std::fs::create_dir(bench.path().join("sub")).unwrap();
    bench.write("a.c", "int one;\n");
    bench.write("b.c", "int two;\n");
    let built =
        ["gcc -c a.c", "gcc -c -o sub/b.o b.c", "ar rcs in.a a.o", "ar rcsT t.a a.o sub/b.o", "ar rcsT f.a in.a"];
    if !built.iter().all(|command| bench.run(command)) {
        return;
    }
    let (added, archive) = bench.archive("t.a");
    assert!(archive.thin && added.faults.is_empty());
    let held: Vec<Option<Held>> = added.parts[1..].iter().map(|part| part.held.clone()).collect();
    let size = bench.bytes("a.o").len() as u64;
    assert_eq!(held[0], Some(Held::Outside("a.o".into(), 0..size)));
    assert!(matches!(&held[1], Some(Held::Outside(path, _)) if path == "sub/b.o"));
    assert!(matches!(bench.files[archive.members[1].0 as usize].content, Content::Object(_)));
    // A member of an archive that a thin one took in.
    let (added, archive) = bench.archive("f.a");
    assert_eq!(bench.files[archive.members[0].0 as usize].name, "in.a(a.o)");
    let Some(Held::Outside(path, range)) = &added.parts[1].held else { panic!("{added:?}") };
    assert_eq!(path, "in.a");
    assert_eq!(bench.bytes("in.a")[range.start as usize..range.end as usize], bench.bytes("a.o"));
    // One that is gone.
    std::fs::remove_file(bench.path().join("a.o")).unwrap();
    let (_, archive) = bench.archive("t.a");
    assert!(matches!(bench.files[archive.members[0].0 as usize].content, Content::Unusable(Unusable::Missing)));
}

#[test]
fn code_of_optimisers_is_recognised() {
    let mut bench = Bench::new();
    bench.write("a.c", "int one(void) { return 1; }\n");
    if bench.run("gcc -flto -c -o slim.o a.c") {
        assert_eq!(bench.object("slim.o").lto, Lto::Slim);
    }
    if bench.run("gcc -flto -ffat-lto-objects -c -o fat.o a.c") {
        assert_eq!(bench.object("fat.o").lto, Lto::Fat);
    }
    if bench.run("clang-19 -flto -ffat-lto-objects -c -o fat.o a.c") {
        assert_eq!(bench.object("fat.o").lto, Lto::Fat);
    }
    for clang in ["clang-14", "clang-19"] {
        if bench.run(&format!("{clang} -flto -c -o code.o a.c")) {
            let added = bench.add("code.o");
            assert!(matches!(bench.content(&added), Content::Unusable(Unusable::Bitcode(_))));
        }
    }
}

#[test]
fn files_that_are_no_input_say_why() {
    let (mut names, mut files) = (Names::default(), Vec::new());
    let mut why = |bytes: &[u8]| {
        let added = add(&mut names, &mut files, "x", bytes, &mut |_| None);
        match &files[added.file.0 as usize].content {
            Content::Unusable(Unusable::Damaged(why)) => why.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(why(b""), "an empty file");
    assert_eq!(why(b"GROUP ( libc.so.6 )"), "no ELF file, archive or bitcode");
    assert_eq!(why(b"\x7fELF\x02\x01\x01"), "it ends inside of the ELF header");
    assert_eq!(kind_of(b"GROUP"), Kind::Other);
    assert_eq!(kind_of(b"!<thin>\n"), Kind::ThinArchive);
    assert_eq!(kind_of(&[0xde, 0xc0, 0x17, 0x0b]), Kind::Bitcode);
}

#[test]
fn an_executable_is_no_input() {
    let mut bench = Bench::new();
    bench.write("a.c", "int main(void) { return 0; }\n");
    if bench.run("gcc -pie -o p a.c") {
        assert!(bench.shared("p").pie);
    }
    if bench.run("gcc -no-pie -o a a.c") {
        let added = bench.add("a");
        assert!(
            matches!(bench.content(&added), Content::Unusable(Unusable::Damaged(why)) if why.contains("executable"))
        );
    }
}

#[test]
fn machines_are_told_apart_by_twenty_bytes() {
    let bench = Bench::new();
    bench.write("a.c", "int one;\n");
    for (target, words) in [
        ("x86_64", "x86-64, 64-bit"),
        ("i386", "i386, 32-bit"),
        ("aarch64_be", "AArch64, 64-bit, big-endian"),
        ("s390x", "S/390, 64-bit, big-endian"),
        ("riscv32", "RISC-V, 32-bit"),
    ] {
        if bench.run(&format!("clang-19 --target={target}-unknown-linux-gnu -c a.c")) {
            assert_eq!(machine_of(&bench.bytes("a.o")[..20]).unwrap().to_string(), words);
        }
    }
    assert_eq!(machine_of(b"\x7fELF"), None);
}

/// Adds bytes and checks what can be checked of anything.
fn anything(bytes: &[u8]) -> Added {
    let (mut names, mut files) = (Names::default(), Vec::new());
    let added = add(&mut names, &mut files, "x", bytes, &mut |_| None);
    assert_eq!(added.parts.len(), files.len());
    for part in &added.parts {
        if let Some(Held::Here(range)) = &part.held {
            assert!(range.start <= range.end && range.end <= bytes.len() as u64, "{part:?}");
        }
    }
    for fault in &added.faults {
        assert!(fault.at.start <= fault.at.end && fault.at.end <= bytes.len() as u64, "{fault:?}");
    }
    for file in &files {
        match &file.content {
            Content::Object(object) => consistent(object),
            Content::Archive(archive) => {
                let members = archive.members.len() as u32;
                assert!(archive.index.iter().flatten().all(|(_, member)| *member < members));
            }
            Content::Shared(_) | Content::Unusable(_) => {}
        }
    }
    added
}

/// Every index of an object leads to something.
fn consistent(object: &Object) {
    let sections = object.sections.len();
    assert!(object.first_global as usize <= object.symbols.len());
    for symbol in &object.symbols {
        if let Definition::Section(section) = symbol.definition {
            assert!((section as usize) < sections);
        }
    }
    for found in &object.references {
        assert!((found.section as usize) < sections && (found.symbol as usize) < object.symbols.len());
    }
    let mut pairs: Vec<(u32, u32)> = object.references.iter().map(|found| (found.section, found.symbol)).collect();
    pairs.sort_unstable();
    pairs.dedup();
    assert_eq!(pairs.len(), object.references.len(), "a pair stands twice");
    for group in &object.groups {
        assert!(group.sections.iter().all(|section| (*section as usize) < sections));
    }
    assert!(
        object.sections.iter().filter_map(|section| section.group).all(|group| (group as usize) < object.groups.len())
    );
}

/// An object with groups and an archive with it, where there is a compiler.
fn real() -> &'static Option<(Vec<u8>, Vec<u8>)> {
    static REAL: std::sync::OnceLock<Option<(Vec<u8>, Vec<u8>)>> = std::sync::OnceLock::new();
    REAL.get_or_init(|| {
        let bench = Bench::new();
        bench
            .write("a.cc", "inline int twice(int a) { return 2 * a; } int use(int a) { return twice(a); } int data;\n");
        let built = bench.run("g++ -c a.cc") && bench.run("ar rcs a.a a.o");
        built.then(|| (bench.bytes("a.o"), bench.bytes("a.a")))
    })
}

#[test]
fn every_cut_of_a_real_object_and_archive_is_said() {
    let Some((object, archive)) = real() else { return };
    assert!(anything(object).faults.is_empty());
    for length in 0..object.len() {
        let (mut names, mut files) = (Names::default(), Vec::new());
        let added = add(&mut names, &mut files, "x", &object[..length], &mut |_| None);
        let unusable = matches!(files[added.file.0 as usize].content, Content::Unusable(_));
        assert!(unusable || !added.faults.is_empty(), "cut at {length}");
        anything(&object[..length]);
    }
    (0..archive.len()).for_each(|length| {
        anything(&archive[..length]);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn real_files_with_some_bytes_changed_are_read(
        which in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..16),
    ) {
        if let Some((object, archive)) = real() {
            let mut bytes = if which { object.clone() } else { archive.clone() };
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            anything(&bytes);
        }
    }

    #[test]
    fn any_bytes_are_a_file(head in prop::sample::select(vec![&b""[..], b"\x7fELF\x02\x01", b"!<arch>\n", b"!<thin>\n"]), rest in prop::collection::vec(any::<u8>(), 0..300)) {
        anything(&[head, &rest].concat());
    }
}
