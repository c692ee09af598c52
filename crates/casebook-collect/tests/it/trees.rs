//! Trees of control groups: one piece of evidence where they are live, files where they are copies.

use casebook_collect::{Options, live};
use casebook_core::{Case, Kind, Read, Want, WantSource};

use crate::{DEMO, folder, load};

static TREE: Kind = Kind {
    name: "cgroup-tree",
    what: "files of groups",
    sniff: |sniff| sniff.head.windows(16).any(|bytes| bytes == b"/memory.current:"),
    refers: None,
    comment: None,
};

/// A copy of what is below a mount point, with other evidence beside it.
fn copied() -> tempfile::TempDir {
    folder(&[("e/dmesg", "demo\n"), ("e/sys/fs/cgroup/a.slice/memory.current", "4096\n")])
}

/// A report names places in files; only what is live is put together.
#[test]
fn files_of_a_copied_tree_are_files() {
    let dir = copied();
    let collected = load(&[dir.path()], &Options::new(vec![&DEMO, &TREE]));
    let paths: Vec<&str> = collected.evidence.iter().map(|item| item.path.as_str()).collect();
    assert_eq!(paths.len(), 1, "{paths:?}");
    assert!(paths[0].ends_with("e/dmesg"));
}

#[test]
fn a_wanted_tree_is_collected_as_one_text() {
    static WANTS: [Want; 2] = [
        Want {
            name: "demo/tree.txt",
            // The root of a tree that is no cgroup file system here: the folder of this test's own making is not known before.
            source: WantSource::Tree { root: "tests/it/no-such-tree", names: &[] },
            timeout_s: 1,
            max_bytes: 1 << 20,
            without: "memory stays unknown",
        },
        Want {
            name: "demo/machine.txt",
            source: WantSource::Tree { root: "/sys/fs/cgroup", names: &["memory.*"] },
            timeout_s: 1,
            max_bytes: 64 << 20,
            without: "memory stays unknown",
        },
    ];
    static CASE: Case = Case {
        name: "demo",
        command: "demo",
        prefix: "DMO",
        title: "",
        summary: "",
        post: "",
        kinds: &[&TREE],
        wants: &WANTS,
        settings: &[],
        rules: &[],
        verbs: &[],
        lab: &[],
        read: |_| Read::new((), Vec::new()),
        page: |_| String::new(),
    };
    let readings = live::read(&[&CASE], |_| {});
    let failure = readings[0].entry.failure();
    assert_eq!(failure, "tests/it/no-such-tree/**: no such folder; memory stays unknown");
    // A machine without control groups says so in the same way.
    if let Some(bytes) = &readings[1].bytes {
        let text = String::from_utf8_lossy(bytes.as_slice());
        assert!(text.lines().all(|line| line.starts_with("/sys/fs/cgroup") && line.contains("/memory.")), "{text}");
    } else {
        println!("skipped: {}", readings[1].entry.failure());
    }
}
