//! How fast objects and archives are read: `cargo bench -p case-link-errors --bench files [-- FOLDER…]`.
//!
//! Takes 2000 objects and 200 archives of the folders, /usr/lib/x86_64-linux-gnu where none is named: the archives as
//! they are, and objects (`.o`), or members of archives where there are not enough. Bytes are in memory before the
//! clock starts.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the case has no clock and no files; its measurement does"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use case_link_errors::facts::files::{self, Kind};
use case_link_errors::facts::source::Source;
use case_link_errors::model::input::{Content, File};
use case_link_errors::model::names::Names;
use casebook_formats::ar::{Archive, Contents};
use casebook_formats::gap::Gaps;

const OBJECTS: usize = 2000;
const ARCHIVES: usize = 200;

fn collect(folder: &Path, out: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            collect(&path, out);
        } else if path.extension().is_some_and(|end| end == "a" || end == "rlib" || end == "o") {
            out.push(path);
        }
    }
}

/// Time on a processor since the program began: wall time says little on a machine with other work.
fn spent() -> Duration {
    let times = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    Duration::from_nanos(times.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

/// Resident memory, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or("");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<usize>().ok()).unwrap_or(0) * 1024
}

/// Members of archives, evenly over all of them.
fn members(archives: &[Vec<u8>], wanted: usize) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for bytes in archives {
        let mut gaps = Gaps::default();
        let Some(archive) = Archive::read(bytes, &mut gaps) else { continue };
        let mut members = archive.members();
        while let Some(member) = members.next(&mut gaps) {
            if let Contents::Inside { bytes, .. } = member.contents
                && matches!(files::kind_of(bytes), Kind::Elf(_))
            {
                all.push(bytes);
            }
        }
    }
    let step = (all.len() / wanted.max(1)).max(1);
    all.into_iter().step_by(step).take(wanted).map(<[u8]>::to_vec).collect()
}

fn main() {
    let folders: Vec<PathBuf> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).map(PathBuf::from).collect();
    let folders = if folders.is_empty() { vec![PathBuf::from("/usr/lib/x86_64-linux-gnu")] } else { folders };
    let mut paths = Vec::new();
    folders.iter().for_each(|folder| collect(folder, &mut paths));
    paths.sort();
    let (mut objects, mut archives) = (Vec::new(), Vec::new());
    for path in paths {
        let object = path.extension().is_some_and(|end| end == "o");
        if if object { objects.len() < OBJECTS } else { archives.len() < ARCHIVES } {
            let list = if object { &mut objects } else { &mut archives };
            list.push(std::fs::read(path).unwrap());
        }
    }
    let found = archives.len();
    while found > 0 && archives.len() < ARCHIVES {
        archives.push(archives[archives.len() - found].clone());
    }
    if objects.len() < OBJECTS {
        let more = members(&archives[..found], OBJECTS - objects.len());
        objects.extend(more);
    }
    let all: Vec<&[u8]> = objects.iter().chain(&archives).map(Vec::as_slice).collect();
    let size: usize = all.iter().map(|bytes| bytes.len()).sum();
    println!("{} objects, {} archives, {} MB", objects.len(), archives.len(), size / 1_000_000);
    for _ in 0..5 {
        let before = resident();
        let start = spent();
        let (mut names, mut read) = (Names::default(), Vec::<File>::new());
        let mut faults = 0;
        for (number, bytes) in all.iter().enumerate() {
            let added = files::add(&mut names, &mut read, &number.to_string(), bytes, &mut |_| None);
            faults += added.faults.len();
        }
        let took = spent().saturating_sub(start);
        let grown = resident().saturating_sub(before);
        let (mut symbols, mut references, mut sections) = (0, 0, 0);
        for file in &read {
            if let Content::Object(object) = &file.content {
                symbols += object.symbols.len();
                references += object.references.len();
                sections += object.sections.len();
            }
        }
        println!(
            "{:.1} ms, {:.1} MB; {} files, {symbols} symbols, {references} references, {sections} sections, {} names, {faults} faults",
            took.as_secs_f64() * 1e3,
            grown as f64 / 1e6,
            read.len(),
            names.len(),
        );
    }
    sources(&objects);
}

/// Debug information is read of objects that are printed: the largest of those that have any.
fn sources(objects: &[Vec<u8>]) {
    let mut large: Vec<&Vec<u8>> = objects.iter().collect();
    large.sort_by_key(|bytes| std::cmp::Reverse(bytes.len()));
    let mut read = 0;
    for bytes in large {
        let before = resident();
        let start = spent();
        let Some(source) = Source::read(bytes) else { continue };
        let took = spent().saturating_sub(start);
        println!(
            "source of {:.1} MB: {:.1} ms, {:.1} MB",
            bytes.len() as f64 / 1e6,
            took.as_secs_f64() * 1e3,
            resident().saturating_sub(before) as f64 / 1e6
        );
        drop(source);
        read += 1;
        if read == 5 {
            break;
        }
    }
}
