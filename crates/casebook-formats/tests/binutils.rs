//! The readers of ELF files and archives against binutils, over the libraries of the machine the test runs on: every symbol, version,
//! group, relocation, dynamic entry and index entry is the same.
//!
//! A few dozen files by default; `CASEBOOK_BINUTILS=all` takes all there are, `CASEBOOK_BINUTILS=FOLDER` those of a folder.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "a test that reads files of the machine it runs on, and runs its tools"
)]

#[path = "objects/mine.rs"]
mod mine;
#[path = "objects/theirs.rs"]
mod theirs;

use std::path::{Path, PathBuf};
use std::process::Command;

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

#[test]
fn every_fact_is_as_binutils_print_it() {
    if !has_binutils() {
        println!("skipped: there are no GNU binutils");
        return;
    }
    let files = files();
    let mut disagreed = Vec::new();
    let mut compared = std::collections::BTreeMap::<&str, usize>::new();
    for path in &files {
        let bytes = std::fs::read(path).unwrap();
        let Some(mine) = mine::read(&bytes) else { continue };
        let mut one = |what: &'static str, mine: &[String], theirs: &[String]| {
            *compared.entry(what).or_default() += compare(what, path, mine, theirs, &mut disagreed);
        };
        one("symbols", &mine.symbols, &theirs::symbols(&tool("readelf", &["-sW"], path)));
        one("versions", &mine.versions, &theirs::versions(&tool("readelf", &["-VW"], path)));
        one("groups", &mine.groups, &theirs::groups(&tool("readelf", &["-gW"], path)));
        one("relocations", &mine.relocations, &theirs::relocations(&tool("readelf", &["-rW"], path)));
        one("dynamic", &mine.dynamic, &theirs::dynamic(&tool("readelf", &["-dW"], path)));
        one("sections", &mine.sections, &theirs::sections(&tool("readelf", &["-SW"], path)));
        one("notes", &mine.notes, &theirs::notes(&tool("readelf", &["-nW"], path)));
        if mine.archive {
            one("members", &mine.members, &theirs::members(&tool("ar", &["t"], path)));
            one("index", &mine.index, &theirs::index(&tool("nm", &["-s"], path)));
        }
        assert!(mine.gaps.is_empty(), "{}: {:?}", path.display(), mine.gaps);
    }
    let total: usize = compared.values().sum();
    println!("{} files, {total} compared ({compared:?}), {} disagreed", files.len(), disagreed.len());
    for line in disagreed.iter().take(20) {
        println!("{line}");
    }
    assert!(disagreed.is_empty(), "{} disagreed", disagreed.len());
}
