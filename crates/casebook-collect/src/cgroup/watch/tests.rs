use std::fs;

use casebook_core::watch::{TreeRequest, Visit, WatchedTree as _};

use super::*;

fn files(_: Hierarchy) -> &'static [&'static str] {
    &["memory.current", "memory.max"]
}

/// What was heard, a line each.
#[derive(Default)]
struct Heard(Vec<String>);

impl Visit for Heard {
    fn appeared(&mut self, group: u32, path: &str) {
        self.0.push(format!("+{group} {path}"));
    }

    fn vanished(&mut self, group: u32) {
        self.0.push(format!("-{group}"));
    }

    fn wants(&mut self, _: u32, _: usize) -> bool {
        true
    }

    fn read(&mut self, group: u32, file: usize, bytes: &[u8]) {
        self.0.push(format!("{group}.{file}={}", String::from_utf8_lossy(bytes).trim()));
    }
}

fn heard(tree: &mut Tree) -> Vec<String> {
    let mut heard = Heard::default();
    tree.sample(&mut heard);
    heard.0
}

fn group(root: &Path, path: &str, current: &str) {
    fs::create_dir_all(root.join(path)).unwrap();
    fs::write(root.join(path).join("memory.current"), current).unwrap();
}

fn request<'a>(root: &'a str, groups: &'a [String]) -> TreeRequest<'a> {
    TreeRequest { root: Some(root), groups, files, machine: &[], max_groups: 3 }
}

#[test]
fn groups_come_go_and_are_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    group(root, "a", "1\n");
    let mut tree = open(&request(&root.to_string_lossy(), &[])).unwrap();
    assert_eq!(heard(&mut tree), ["+1 /", "+2 /a", "2.0=1"]);
    fs::write(root.join("a/memory.current"), "22\n").unwrap();
    assert_eq!(heard(&mut tree), ["2.0=22"], "an open file is read from its beginning");
    group(root, "a/b", "3\n");
    assert_eq!(heard(&mut tree), ["+3 /a/b", "2.0=22", "3.0=3"]);
    // The new folder must not get the inode of the old one, which some file systems would give it.
    fs::rename(root.join("a"), folder.path().with_extension("old")).unwrap();
    group(root, "a", "4\n");
    assert_eq!(heard(&mut tree), ["-3", "-2", "+4 /a", "4.0=4"]);
    fs::remove_dir_all(folder.path().with_extension("old")).unwrap();
    fs::remove_dir_all(root.join("a")).unwrap();
    assert_eq!(heard(&mut tree), ["-4"]);
}

#[test]
fn chosen_groups_are_read_with_what_is_above_and_below() {
    let folder = tempfile::tempdir().unwrap();
    for path in ["a/b/c", "a/x", "d"] {
        group(folder.path(), path, "1");
    }
    let root = folder.path().to_string_lossy().into_owned();
    let chosen = ["a/b".to_owned()];
    let mut tree = open(&request(&root, &chosen)).unwrap();
    assert_eq!(heard(&mut tree), ["+1 /", "+2 /a", "+3 /a/b"]);
    assert_eq!(tree.passed_over(), 1, "three groups at most");
    let missing = ["/no".to_owned()];
    let why = open(&request(&root, &missing)).unwrap_err();
    assert!(why.ends_with("no group /no in it"), "{why}");
}

#[test]
fn what_is_no_tree_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_string_lossy().into_owned();
    let why = open(&request(&root, &[])).unwrap_err();
    assert!(why.contains("no tree of control groups"), "{why}");
    assert!(open(&request("/no/such/folder", &[])).unwrap_err().ends_with("no such folder"));
}
