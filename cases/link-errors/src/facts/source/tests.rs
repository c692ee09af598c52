//! Objects of real compilers, in which every name says the line it stands in: `need_12` is called in line 12, `data_7`
//! is defined in line 7.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "objects come from the machine's compilers")]

use std::path::Path;
use std::process::Command;

use casebook_formats::elf::{Elf, abi};
use casebook_formats::gap::Gaps;
use proptest::prelude::*;

use super::{Source, enclosing};
use crate::facts::files;
use crate::model::input::{Content, Definition, File, Object, SymbolType};
use crate::model::names::Names;

const C: &str = "\
void need_3(int), need_5(int), need_11(int), need_20(int);
int data_2 = 4, *refers_2 = &data_2;
void func_3(int a) { need_3(a); }
static __attribute__((noinline)) int func_4(int a) {
    need_5(a);
    return a + 1;
}
__thread int data_8 = 3;
int common_9;
int func_10(int a) {
    need_11(a);
    return func_4(a);
}
static int data_14[9] = {1};
int *func_15(int a)
{
    data_14[a]++;
    return data_14;
}
__attribute__((section(\".text.apart\"))) void func_20(int a) { need_20(a); }
";

const CXX: &str = "\
extern \"C\" { void need_9(int); void need_14(int); }
namespace space { extern int data_5; void func_8(int); }
struct Thing { static int data_3; virtual void func_13(int); }; int Thing::data_3 = 7; // clang knows the declaration only

int space::data_5 = 8;
namespace space {
    template <class T>
    void func_8(T a) {
        need_9(static_cast<int>(a));
    }
    template void func_8<long>(long);
}
void Thing::func_13(int a) {
    need_14(a);
}
";

fn compile(folder: &Path, compiler: &str, options: &[&str], source: &str) -> Option<Vec<u8>> {
    let name = if source == C { "sub/a.c" } else { "sub/a.cc" };
    std::fs::create_dir_all(folder.join("sub")).unwrap();
    std::fs::write(folder.join(name), source).unwrap();
    let object = folder.join("a.o");
    let _ = std::fs::remove_file(&object);
    let output = Command::new(compiler)
        .current_dir(folder)
        .args(["-c", "-o", "a.o", name])
        .args(options)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    drop(output);
    std::fs::read(object).ok()
}

fn object(bytes: &[u8]) -> (Names, Object) {
    let (mut names, mut files) = (Names::default(), Vec::<File>::new());
    let added = files::add(&mut names, &mut files, "a.o", bytes, &mut |_| None);
    assert!(added.faults.is_empty(), "{:?}", added.faults);
    match files.pop().map(|file| file.content) {
        Some(Content::Object(object)) => (names, object),
        other => panic!("{other:?}"),
    }
}

/// The number a name ends with, where it is one of ours, be it mangled or not.
fn line_in(name: &str) -> Option<u32> {
    let (_, rest) = ["need_", "data_", "func_", "common_"].iter().find_map(|word| name.split_once(word))?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Checks all names of an object; gives how many places and definitions there were.
fn check(bytes: &[u8], what: &str) -> (usize, usize) {
    let source = Source::read(bytes).unwrap_or_else(|| panic!("{what}: no debug information"));
    let (names, object) = object(bytes);
    let (mut places, mut definitions) = (0, 0);
    for reference in &object.references {
        let name = names.text(object.symbols[reference.symbol as usize].name);
        let code = object.sections[reference.section as usize].flags & abi::SHF_EXECINSTR.0 != 0;
        let Some(line) = line_in(&name).filter(|_| code && name.contains("need_")) else { continue };
        let found = source.line(reference.section, reference.offset);
        let found = found.unwrap_or_else(|| panic!("{what}: no line for {name} at {reference:?}"));
        assert_eq!(found.line, line, "{what}: {name}");
        assert!(found.path.ends_with("a.c") || found.path.ends_with("a.cc"), "{what}: {found:?}");
        assert!(found.path.contains("sub/"), "{what}: {found:?}");
        // Functions of big-endian 64-bit PowerPC are descriptors in .opd (ELFv1).
        if !what.contains("=ppc64-") {
            let around = enclosing(&object, reference.section, reference.offset);
            let around = around.unwrap_or_else(|| panic!("{what}: {name} is in no function"));
            assert!(names.text(object.symbols[around as usize].name).contains("func_"), "{what}: {name}");
        }
        places += 1;
    }
    for (index, symbol) in (0u32..).zip(&object.symbols) {
        let name = names.text(symbol.name);
        let Some(line) = line_in(&name).filter(|_| symbol.definition != Definition::Undefined) else { continue };
        let found = source.definition(index, symbol);
        // LLVM says nothing of where a thread-local variable is on most machines.
        let thread_local = symbol.kind == SymbolType::Tls && what.contains("--target");
        let descriptor = symbol.kind == SymbolType::Function && what.contains("=ppc64-");
        if found.is_none() && (thread_local || descriptor) {
            continue;
        }
        let found = found.unwrap_or_else(|| panic!("{what}: no line for the definition of {name}"));
        assert_eq!(found.line, line, "{what}: {name}, {found:?}");
        definitions += 1;
    }
    (places, definitions)
}

#[test]
fn every_name_is_found_in_the_line_it_stands_in() {
    let folder = tempfile::tempdir().unwrap();
    let forms: &[&[&str]] = &[
        &["-g"],
        &["-gdwarf-4"],
        &["-gdwarf-3"],
        &["-gdwarf-5", "-O2"],
        &["-gdwarf-5", "-gz=zlib"],
        &["-gdwarf-5", "-gz=zstd"],
        &["-gdwarf-4", "-gz=zlib-gnu"],
        &["-g", "-ffunction-sections", "-fdata-sections", "-O1"],
        &["-g", "-fcommon", "-fPIC"],
        &["-g", "-m32"],
        &["-gdwarf-5", "-fdebug-types-section"],
        &["-gdwarf64", "-gdwarf-5"],
    ];
    let mut count = 0;
    for compiler in ["gcc", "clang", "clang-14", "clang-19"] {
        for options in forms {
            for source in [C, CXX] {
                let mut options = options.to_vec();
                if source == C {
                    options.extend(["-x", "c"]);
                }
                let what = format!("{compiler} {options:?}");
                match compile(folder.path(), compiler, &options, source) {
                    Some(bytes) => {
                        let (places, definitions) = check(&bytes, &what);
                        // Options may make a function static or drop it; the others stay.
                        assert!(places >= 2 && definitions >= 4, "{what}: {places} places, {definitions} definitions");
                        count += 1;
                    }
                    None => println!("skipped: {what}"),
                }
            }
        }
    }
    println!("{count} objects");
}

#[test]
fn every_machine_relocates_its_debug_sections() {
    let folder = tempfile::tempdir().unwrap();
    let mut count = 0;
    for target in [
        "x86_64",
        "i386",
        "aarch64",
        "aarch64_be",
        "armv7",
        "armebv7",
        "riscv64",
        "riscv32",
        "loongarch64",
        "ppc",
        "ppc64",
        "ppc64le",
        "s390x",
        "mips",
        "mipsel",
        "mips64",
        "mips64el",
        "sparc",
        "sparcv9",
    ] {
        for more in [&["-gdwarf-5"][..], &["-gdwarf-4", "-O1"], &["-gdwarf-5", "-mrelax", "-Wno-unused"]] {
            let target = format!("--target={target}-unknown-linux-gnu");
            let mut options = vec![target.as_str()];
            options.extend(more);
            let Some(bytes) = compile(folder.path(), "clang-19", &options, C) else {
                println!("skipped: {options:?}");
                continue;
            };
            let (places, definitions) = check(&bytes, &format!("{options:?}"));
            assert!(places >= 4 && definitions >= 3, "{options:?}: {places} places, {definitions} definitions");
            count += 1;
        }
    }
    println!("{count} objects");
}

#[test]
fn split_debug_information_keeps_the_lines() {
    let folder = tempfile::tempdir().unwrap();
    let Some(bytes) = compile(folder.path(), "gcc", &["-g", "-gsplit-dwarf"], C) else {
        println!("skipped: no gcc");
        return;
    };
    let source = Source::read(&bytes).unwrap();
    let (names, object) = object(&bytes);
    let place =
        object.references.iter().find(|found| names.text(object.symbols[found.symbol as usize].name) == "need_5");
    let place = place.unwrap();
    assert_eq!(source.line(place.section, place.offset).unwrap().line, 5);
    // Variables are in the .dwo file.
    let index = object.symbols.iter().position(|symbol| names.text(symbol.name) == "data_2").unwrap();
    assert_eq!(source.definition(index as u32, &object.symbols[index]), None);
}

#[test]
fn an_object_without_debug_information_has_no_source() {
    let folder = tempfile::tempdir().unwrap();
    match compile(folder.path(), "gcc", &[], C) {
        Some(bytes) => assert!(Source::read(&bytes).is_none()),
        None => println!("skipped: no gcc"),
    }
    assert!(Source::read(b"").is_none());
}

/// The debug sections of an object, as ranges of its bytes.
fn debug_sections(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let elf = Elf::read(bytes, &mut Gaps::default()).unwrap();
    elf.sections()
        .iter()
        .filter(|section| section.name.windows(5).any(|part| part == b"debug"))
        .map(|section| section.offset as usize..(section.offset + section.size) as usize)
        .filter(|range| !range.is_empty())
        .collect()
}

/// Asks for everything.
fn ask(bytes: &[u8]) {
    let Some(source) = Source::read(bytes) else { return };
    let (mut names, mut files) = (Names::default(), Vec::<File>::new());
    files::add(&mut names, &mut files, "a.o", bytes, &mut |_| None);
    let Some(Content::Object(object)) = files.pop().map(|file| file.content) else { return };
    for reference in &object.references {
        source.line(reference.section, reference.offset);
        enclosing(&object, reference.section, reference.offset);
    }
    for (index, symbol) in (0u32..).zip(&object.symbols) {
        source.definition(index, symbol);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_debug_information_never_panics(
        where_ in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        with in prop::collection::vec(any::<u8>(), 1..12),
    ) {
        static OBJECT: std::sync::OnceLock<Option<Vec<u8>>> = std::sync::OnceLock::new();
        let object = OBJECT.get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            compile(folder.path(), "gcc", &["-gdwarf-5", "-O1"], CXX)
        });
        if let Some(object) = object {
            let mut bytes = object.clone();
            let sections = debug_sections(&bytes);
            let range = sections[where_.index(sections.len())].clone();
            let at = range.start + at.index(range.len());
            for (index, byte) in with.iter().enumerate() {
                if let Some(place) = bytes.get_mut(at + index) {
                    *place = *byte;
                }
            }
            ask(&bytes);
        }
    }
}
