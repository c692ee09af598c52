//! Files on disk to evidence, with a kind made for it: text that begins with `demo`, whose `include NAME`
//! lines refer to other files.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops, with its line")]

mod live;
mod packed;
mod trees;

use std::fs;
use std::io;
use std::path::Path;

use casebook_collect::{Collected, Loader, Options};
use casebook_core::{Evidence, EvidenceId, Kind, ReadStatus, Reference};

static DEMO: Kind = Kind {
    name: "demo",
    what: "text that begins with demo",
    sniff: |sniff| sniff.head.starts_with(b"demo"),
    refers: Some(includes),
    comment: None,
};

fn includes(item: &Evidence) -> Vec<Reference> {
    let text = item.as_text().unwrap_or_default();
    let names = text.lines().filter_map(|line| line.strip_prefix("include "));
    names.map(|name| Reference { name: name.to_owned(), patterns: vec![name.to_owned()] }).collect()
}

fn options() -> Options {
    Options::new(vec![&DEMO])
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn load(paths: &[&Path], options: &Options) -> Collected {
    let mut loader = Loader::new(options);
    for path in paths {
        loader.path(path.to_str().unwrap(), &mut io::empty()).unwrap();
    }
    loader.finish()
}

/// Names of the evidence below `folder`, with `*` on what is there only because another file refers to it.
fn names(collected: &Collected, folder: &Path) -> Vec<String> {
    let name = |item: &Evidence| {
        let path = Path::new(&item.path).strip_prefix(folder).unwrap().to_string_lossy().into_owned();
        if item.referred { path + "*" } else { path }
    };
    collected.evidence.iter().map(name).collect()
}

#[test]
fn included_files_are_read_once_and_linked_in_byte_order() {
    let dir = folder(&[
        ("main", "demo\ninclude d/*.x\ninclude ./part\ninclude none/*.x\ninclude missing\n"),
        ("d/b.x", "demo\ninclude ../main\n"),
        ("d/B.x", "no head, and read all the same\n"),
        ("d/.c.x", "demo\n"),
        ("part", "demo\ninclude d/b.x\n"),
    ]);
    let got = load(&[&dir.path().join("main")], &options());
    assert_eq!(names(&got, dir.path()), ["main", "d/B.x*", "d/b.x*", "./part*"].map(|name| name.replace("./", "")));
    let set = &got.evidence;
    assert_eq!(set.resolve(EvidenceId(0), "d/*.x"), Some(&[EvidenceId(1), EvidenceId(2)][..]));
    assert_eq!(set.resolve(EvidenceId(0), "none/*.x"), Some(&[][..]), "a glob may match nothing");
    assert_eq!(set.resolve(EvidenceId(0), "missing"), None);
    assert_eq!(set.resolve(EvidenceId(2), "../main"), Some(&[EvidenceId(0)][..]), "a cycle");
    assert_eq!(set.get(EvidenceId(1)).unwrap().kind, Some("demo"), "of the kind of the file that refers to it");
}

#[test]
fn a_walk_takes_included_files_as_parts() {
    let dir =
        folder(&[("a", "demo\n"), ("z", "demo\ninclude a\ninclude text\n"), ("text", "plain\n"), ("other", "x\n")]);
    let got = load(&[dir.path()], &options());
    assert_eq!(names(&got, dir.path()), ["a*", "z", "text*"]);
    assert_eq!(got.coverage.len(), 1);
    assert!(got.coverage[0].note.as_ref().unwrap().starts_with("1 file that no case reads"), "text is claimed");
}

#[test]
fn in_a_cycle_of_walked_files_the_first_is_the_input() {
    let dir = folder(&[("a", "demo\ninclude b\n"), ("b", "demo\ninclude a\n")]);
    assert_eq!(names(&load(&[dir.path()], &options()), dir.path()), ["a", "b*"]);
}

#[test]
fn what_is_named_is_an_input_of_its_own() {
    let dir = folder(&[("a", "demo\n"), ("z", "demo\ninclude a\n")]);
    let got = load(&[&dir.path().join("a"), &dir.path().join("z")], &options());
    assert_eq!(names(&got, dir.path()), ["a", "z"]);
    let got = load(&[&dir.path().join("z"), &dir.path().join("a")], &options());
    assert_eq!(names(&got, dir.path()), ["z", "a"], "also when a reference found it first");
}

#[test]
fn a_walk_leaves_out_what_gitignore_names() {
    let dir = folder(&[("a", "demo\n"), ("built/b", "demo\n"), (".gitignore", "built/\n"), (".hidden", "demo\n")]);
    assert_eq!(names(&load(&[dir.path()], &options()), dir.path()), ["a"]);
}

#[test]
fn a_walk_stops_at_its_limit_and_says_so() {
    let dir = folder(&[("a", "demo\n"), ("b", "demo\n"), ("c", "demo\n")]);
    let got = load(&[dir.path()], &Options { max_files: 2, ..options() });
    assert_eq!(names(&got, dir.path()), ["a", "b"]);
    assert!(got.notices[0].contains("stopped after 2 files"));
}

#[test]
fn a_file_over_the_limit_is_one_line() {
    let dir = folder(&[("a", "demo and more\n")]);
    let got = load(&[&dir.path().join("a")], &Options { max_evidence_bytes: 4, ..options() });
    assert!(got.evidence.is_empty());
    assert_eq!(got.coverage[0].status, ReadStatus::Failed);
    assert_eq!(
        got.coverage[0].note.as_deref(),
        Some("14 bytes is over the limit of 4 bytes; raise it with --max-evidence-bytes")
    );
}

#[test]
fn a_forced_kind_needs_no_head() {
    let dir = folder(&[("a", "no head\n"), ("empty", "")]);
    let forced = Options { force_kind: Some(&DEMO), ..options() };
    let got = load(&[&dir.path().join("a"), &dir.path().join("empty")], &forced);
    assert_eq!(names(&got, dir.path()), ["a", "empty"]);
}

#[test]
fn standard_input_has_a_name() {
    let options = options();
    let mut loader = Loader::new(&options);
    loader.path("-", &mut &b"demo\n"[..]).unwrap();
    assert_eq!(loader.finish().evidence.path(EvidenceId(0)), "<stdin>");
}

#[test]
fn a_bundle_reads_like_the_folder_it_was_made_of() {
    let dir = folder(&[
        ("etc/main", "demo\ninclude d/*.x\ninclude /etc/part\n"),
        ("etc/d/1.x", "demo\n"),
        ("etc/part", "p\n"),
    ]);
    let path = dir.path().join("b.tar.gz");
    let gzip = flate2::write::GzEncoder::new(fs::File::create(&path).unwrap(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    tar.append_dir_all("etc", dir.path().join("etc")).unwrap();
    tar.into_inner().unwrap().finish().unwrap();
    let got = load(&[&path], &options());
    assert_eq!(names(&got, &path), ["etc/d/1.x*", "etc/main", "etc/part*"]);
    assert_eq!(got.evidence.resolve(EvidenceId(1), "/etc/part"), Some(&[EvidenceId(2)][..]), "inside the bundle");
    assert!(got.coverage.is_empty(), "{:?}", got.coverage);
}
