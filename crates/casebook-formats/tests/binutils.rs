//! The readers of ELF files and archives against binutils, over the libraries of the machine the test runs on: every
//! symbol, version, group, relocation, dynamic entry and index entry is the same.
//!
//! A few dozen files by default; `CASEBOOK_BINUTILS=all` takes all there are, `CASEBOOK_BINUTILS=FOLDER` those of a
//! folder.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that reads files of the machine it runs on, and runs its tools"
)]

#[path = "objects/mine.rs"]
mod mine;
#[path = "objects/theirs.rs"]
mod theirs;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use casebook_formats::ar::{Archive, Contents};
use casebook_formats::gap::Gaps;

/// Files that are compared when nobody asks for more, and the size they may have.
const SOME: usize = 48;
const SMALL: u64 = 3 << 20;

fn has_binutils() -> bool {
    ["readelf", "nm", "ar"].iter().all(|tool| {
        Command::new(tool)
            .arg("--version")
            .output()
            .is_ok_and(|output| output.status.success() && String::from_utf8_lossy(&output.stdout).contains("GNU"))
    })
}

fn rust_libraries() -> Option<PathBuf> {
    let output = Command::new("rustc").args(["--print", "target-libdir"]).output().ok()?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}

fn files() -> Vec<PathBuf> {
    let asked = std::env::var_os("CASEBOOK_BINUTILS");
    let folders: Vec<PathBuf> = match &asked {
        Some(folder) if folder != "all" => vec![folder.into()],
        _ => ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64"]
            .into_iter()
            .map(PathBuf::from)
            .chain(rust_libraries())
            .collect(),
    };
    let mut found: Vec<PathBuf> = folders
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            [".so", ".a", ".o", ".rlib"].iter().any(|end| name.ends_with(end)) || name.contains(".so.")
        })
        .filter_map(|path| std::fs::canonicalize(path).ok())
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    found.dedup();
    if asked.is_none() {
        found.retain(|path| std::fs::metadata(path).unwrap().len() < SMALL);
        let each = found.len().div_ceil(SOME).max(1);
        found = found.into_iter().step_by(each).collect();
    }
    found
}

fn tool(name: &str, options: &[&str], path: &Path) -> String {
    let output = Command::new(name).args(options).arg(path).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Says where two lists first differ.
fn compare(what: &str, path: &Path, mine: &[String], theirs: &[String], disagreed: &mut Vec<String>) -> usize {
    if mine != theirs {
        let first = mine.iter().zip(theirs).position(|(mine, theirs)| mine != theirs);
        let first = first.unwrap_or(mine.len().min(theirs.len()));
        disagreed.push(format!(
            "{what} of {}: {} here, {} there; number {first}: {:?} here, {:?} there",
            path.display(),
            mine.len(),
            theirs.len(),
            mine.get(first),
            theirs.get(first)
        ));
    }
    theirs.len()
}

/// All facts of one file; gives how many there were.
fn one_file(path: &Path, disagreed: &mut Vec<String>, compared: &mut BTreeMap<&'static str, usize>) {
    let bytes = std::fs::read(path).unwrap();
    let Some(mine) = mine::read(&bytes) else { return };
    let mut one = |what: &'static str, mine: &[String], theirs: &[String]| {
        *compared.entry(what).or_default() += compare(what, path, mine, theirs, disagreed);
    };
    if !mine.thin {
        one("symbols", &mine.symbols, &theirs::symbols(&tool("readelf", &["-sW"], path)));
        one("versions", &mine.versions, &theirs::versions(&tool("readelf", &["-VW"], path)));
        one("groups", &mine.groups, &theirs::groups(&tool("readelf", &["-gW"], path)));
        one("relocations", &mine.relocations, &theirs::relocations(&tool("readelf", &["-rW"], path)));
        one("dynamic", &mine.dynamic, &theirs::dynamic(&tool("readelf", &["-dW"], path)));
        one("sections", &mine.sections, &theirs::sections(&tool("readelf", &["-SW"], path)));
        one("notes", &mine.notes, &theirs::notes(&tool("readelf", &["-nW"], path)));
    }
    if mine.archive {
        // Members of a thin archive are printed with the folder of the archive in front.
        let folder = if mine.thin { format!("{}/", path.parent().unwrap().display()) } else { String::new() };
        let plain = |lines: Vec<String>| match folder.as_str() {
            "" => lines,
            folder => lines.iter().map(|line| line.replace(folder, "")).collect::<Vec<_>>(),
        };
        one("members", &mine.members, &plain(theirs::members(&tool("ar", &["t"], path))));
        one("index", &mine.index, &plain(theirs::index(&tool("nm", &["-s"], path))));
    }
    assert!(mine.gaps.is_empty(), "{}: {:?}", path.display(), mine.gaps);
}

/// Prints what was compared, and fails where something was not the same.
fn report(files: usize, disagreed: &[String], compared: &BTreeMap<&str, usize>) {
    let total: usize = compared.values().sum();
    println!("{files} files, {total} compared ({compared:?}), {} disagreed", disagreed.len());
    for line in disagreed.iter().take(20) {
        println!("{line}");
    }
    assert!(disagreed.is_empty(), "{} disagreed", disagreed.len());
}

#[test]
fn every_fact_is_as_binutils_print_it() {
    if !has_binutils() {
        println!("skipped: there are no GNU binutils");
        return;
    }
    let files = files();
    let (mut disagreed, mut compared) = (Vec::new(), BTreeMap::new());
    files.iter().for_each(|path| one_file(path, &mut disagreed, &mut compared));
    report(files.len(), &disagreed, &compared);
}

const SOURCE: &str = "\
extern int need(int), weak_need(int) __attribute__((weak));
static int data[9] = {1};
int common_9;
__attribute__((visibility(\"hidden\"))) int *func(int a) { return data + need(a); }
int (*table[])(int) = {need, weak_need};
";

/// Runs a command in a folder; false where it is not there or fails.
fn run(folder: &Path, command: &str) -> bool {
    let mut words = command.split(' ');
    let program = words.next().unwrap();
    Command::new(program).current_dir(folder).args(words).output().is_ok_and(|output| output.status.success())
}

#[test]
fn objects_of_other_machines_are_as_binutils_print_them() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.c"), SOURCE).unwrap();
    let (mut disagreed, mut compared) = (Vec::new(), BTreeMap::new());
    let mut count = 0;
    let clang =
        ["clang", "clang-19", "clang-14"].into_iter().find(|clang| run(folder.path(), &format!("{clang} --version")));
    for target in [
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
        let compiled = clang.is_some_and(|clang| {
            run(
                folder.path(),
                &format!("{clang} --target={target}-unknown-linux-gnu -g -ffunction-sections -c -o {target}.o a.c"),
            )
        });
        if compiled && has_binutils() {
            one_file(&folder.path().join(format!("{target}.o")), &mut disagreed, &mut compared);
            count += 1;
        } else {
            println!("skipped: {target}");
        }
    }
    report(count, &disagreed, &compared);
}

#[test]
fn archives_of_all_forms_are_as_binutils_print_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    if !has_binutils() || !run(path, "gcc --version") {
        println!("skipped: there are no GNU binutils, or no gcc");
        return;
    }
    std::fs::create_dir(path.join("sub")).unwrap();
    let objects = ["a.o", "b.o", "sub/an_object_with_a_long_name.o", "sub/a_name_with_16.o"];
    for (number, object) in objects.iter().enumerate() {
        std::fs::write(
            path.join("x.c"),
            format!("int one_{number}, two_{number}; int need_{number}(void) {{ return 1; }}"),
        )
        .unwrap();
        assert!(run(path, &format!("gcc -c -o {object} x.c")));
    }
    let all = objects.join(" ");
    let (mut disagreed, mut compared) = (Vec::new(), BTreeMap::new());
    for (name, options) in [("plain.a", "rcs"), ("without.a", "rcS"), ("thin.a", "rcsT"), ("thin_without.a", "rcST")] {
        assert!(run(path, &format!("ar {options} {name} {all}")), "{name}");
        one_file(&path.join(name), &mut disagreed, &mut compared);
    }
    // An archive in an archive is a member; in a thin one its members are.
    assert!(run(path, "ar rcs nested.a a.o plain.a b.o"));
    one_file(&path.join("nested.a"), &mut disagreed, &mut compared);
    assert!(run(path, "ar rcsT flat.a a.o plain.a b.o"));
    let (flat, plain) = (std::fs::read(path.join("flat.a")).unwrap(), std::fs::read(path.join("plain.a")).unwrap());
    let mut gaps = Gaps::default();
    let (flat, plain) = (Archive::read(&flat, &mut gaps).unwrap(), Archive::read(&plain, &mut gaps).unwrap());
    let mut walk = flat.members();
    let mut names = Vec::new();
    while let Some(member) = walk.next(&mut gaps) {
        let name = match member.contents {
            Contents::Nested(at) => plain.member_at(at, &mut gaps).unwrap().name,
            _ => member.name,
        };
        names.push(String::from_utf8_lossy(name.rsplit(|byte| *byte == b'/').next().unwrap()).into_owned());
    }
    let theirs = theirs::members(&tool("ar", &["t"], &path.join("flat.a")));
    let theirs: Vec<String> = theirs.iter().map(|name| name.rsplit('/').next().unwrap().to_owned()).collect();
    compare("members", &path.join("flat.a"), &names, &theirs, &mut disagreed);
    assert!(gaps.is_empty());
    report(6, &disagreed, &compared);
}
