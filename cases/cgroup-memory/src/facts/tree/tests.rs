use casebook_core::{Bytes, Evidence, EvidenceId};

use super::forms::{Forest, UNNAMED, heading, named, read};
use super::kinds::CGROUP_TREE;
use super::*;
use crate::facts::stat::Key;

fn of(path: &str, kind: Option<&'static str>, text: &str) -> Evidence {
    Evidence {
        id: EvidenceId(0),
        path: path.into(),
        kind,
        bytes: Bytes::new(text.as_bytes().to_vec()),
        referred: false,
    }
}

fn tree(text: &str) -> (Vec<Tree>, usize) {
    let item = of("x", Some(CGROUP_TREE.name), text);
    let (mut forest, mut unmodelled) = (Forest::default(), Vec::new());
    read(&item, &mut forest, &mut unmodelled);
    (forest.finish(), unmodelled.len())
}

/// What `grep -r "" /sys/fs/cgroup/lab` prints.
const GREP: &str = "/sys/fs/cgroup/lab/memory.max:67108864\n/sys/fs/cgroup/lab/a/memory.current:5242880\n\
    /sys/fs/cgroup/lab/a/memory.stat:anon 4096\n/sys/fs/cgroup/lab/a/memory.stat:file 8192\n\
    /sys/fs/cgroup/lab/a/memory.events:max 3\n/sys/fs/cgroup/lab/a/memory.pressure:some avg10=1.50 avg60=0.00 avg300=0.10 total=77\n\
    /sys/fs/cgroup/lab/a/memory.high:max\n/sys/fs/cgroup/lab-b/memory.current:1\n";

#[test]
fn a_dump_is_a_tree() {
    let (trees, gaps) = tree(GREP);
    assert_eq!((trees.len(), gaps), (1, 0));
    let a = trees[0].group("/lab/a").unwrap();
    assert_eq!(
        (a.current.unwrap().value, a.stat.value(Key::File), a.high.unwrap().value),
        (5_242_880, Some(8192), Limit::Max)
    );
    assert_eq!((a.events.max.unwrap().value, a.pressure.some.unwrap().value.avg10_bp), (3, 150));
    let line: Vec<&str> = trees[0].line("/lab/a").map(|group| group.path.as_str()).collect();
    assert_eq!(line, ["/lab/a", "/lab"]);
    let children: Vec<&str> = trees[0].children("/lab").map(|group| group.path.as_str()).collect();
    assert_eq!(children, ["/lab/a"]);
}

#[test]
fn what_people_paste_is_read() {
    let pasted = "$ cat /sys/fs/cgroup/memory.max\n4294967296\nroot@pod:/# cat memory.stat\nanon 1\nfile 2\n\nmemory.events:\nhigh 0\nmax 12\n\
                  memory.current 4294836224\n==> /sys/fs/cgroup/x/memory.max <==\nmax\n";
    let (trees, gaps) = tree(pasted);
    assert_eq!(gaps, 0);
    let all: Vec<&Group> = trees.iter().flat_map(|tree| &tree.groups).collect();
    let paths: Vec<&str> = all.iter().map(|group| group.path.as_str()).collect();
    assert_eq!(paths, [UNNAMED, "/", "/x"]);
    assert_eq!(all[0].stat.value(Key::File), Some(2));
    assert_eq!(all[0].events.max.unwrap().value, 12);
    assert_eq!(all[0].current.unwrap().value, 4_294_836_224);
    assert_eq!(all[1].max.unwrap().value, Limit::Bytes(4 << 30));
}

#[test]
fn v1_is_known_by_its_files_and_unlimited_is_max() {
    let (trees, _) = tree(
        "/sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes:9223372036854771712\n/sys/fs/cgroup/memory/docker/x/memory.failcnt:7\n\
         /sys/fs/cgroup/memory/docker/x/memory.stat:cache 5\n/sys/fs/cgroup/memory/docker/x/memory.stat:total_rss 6\n",
    );
    let group = trees[0].group("/docker/x").unwrap();
    assert_eq!((group.interface, group.max.unwrap().value), (Interface::V1, Limit::Max));
    assert_eq!((group.events.max.unwrap().value, group.stat.value(Key::Rss)), (7, Some(6)));
}

#[test]
fn paths_name_root_group_and_file() {
    let parts = |path| named(path).map(|place| (place.root, place.group));
    assert_eq!(parts("before/sys/fs/cgroup/lab/a/memory.stat"), Some(("before/sys/fs/cgroup", "/lab/a")));
    assert_eq!(parts("/sys/fs/cgroup/memory.stat"), Some(("/sys/fs/cgroup", "/")));
    assert_eq!(parts("/sys/fs/cgroup/unified/a/memory.stat"), Some(("/sys/fs/cgroup/unified", "/a")));
    assert_eq!(parts("story/memory.stat"), Some(("", "story")));
    assert_eq!(parts("memory.stat"), Some(("", UNNAMED)));
    assert_eq!(parts("a/memory.txt"), Some(("", "a")));
    assert!(named("etc/passwd").is_none());
    assert_eq!(heading("/a/cri-containerd:x:y/memory.max:5"), Some(("/a/cri-containerd:x:y/memory.max", ":5")));
    assert_eq!(heading("anon 5"), None);
}

#[test]
fn lines_that_are_none_are_named_and_reading_goes_on() {
    let (trees, gaps) = tree("memory.max: lots\nmemory.current: 5\nmemory.stat\nanon many\nfile 7\nnew_key 8\n");
    assert_eq!(gaps, 2);
    let group = &trees[0].groups[0];
    assert_eq!((group.max, group.current.unwrap().value, group.stat.value(Key::File)), (None, 5, Some(7)));
    assert_eq!(group.stat.others.len(), 1);
}
