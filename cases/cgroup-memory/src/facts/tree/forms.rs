//! The forms a cgroup tree is handed on in: a folder of its files, `grep -r "" DIR`, `tail -n +1 FILES`, and what people paste from
//! their terminal.

use std::collections::BTreeMap;

use casebook_core::{Evidence, EvidenceId, Unmodelled};
use casebook_formats::text::{Line, MOST_GAPS, lines};

use super::file::{File, take};
use super::kinds::CGROUP_TREE;
use super::{Group, Interface, Tree};

/// Groups that are kept of all evidence together.
const MOST_GROUPS: usize = 200_000;

/// The name of a group whose path the evidence does not tell.
pub const UNNAMED: &str = "the group";

/// Trees that are being read. The key: a text that holds several groups is a tree of its own, single files below one root are one.
#[derive(Default)]
pub(super) struct Forest {
    trees: BTreeMap<(Option<EvidenceId>, String), BTreeMap<String, Group>>,
    groups: usize,
}

/// A group that is being filled.
struct Open {
    root: String,
    group: Group,
}

impl Forest {
    fn group(&mut self, root: &str, path: &str, item: &Evidence, interface: Interface) -> Option<&mut Group> {
        let tree = self.trees.entry((None, root.to_owned())).or_default();
        if !tree.contains_key(path) {
            if self.groups >= MOST_GROUPS {
                return None;
            }
            self.groups += 1;
        }
        Some(tree.entry(path.to_owned()).or_insert_with(|| Group::new(path, interface, item.id)))
    }

    /// Takes a group of a text out, or makes it; `None` when there are too many.
    fn open(&mut self, item: &Evidence, place: &Named<'_>) -> Option<Open> {
        let tree = self.trees.entry((Some(item.id), place.root.to_owned())).or_default();
        let group = match tree.remove(place.group) {
            Some(group) => group,
            None if self.groups >= MOST_GROUPS => return None,
            None => {
                self.groups += 1;
                Group::new(place.group, place.interface, item.id)
            }
        };
        Some(Open { root: place.root.to_owned(), group })
    }

    /// Puts it back.
    fn close(&mut self, of: EvidenceId, open: Option<Open>) {
        if let Some(Open { root, group }) = open {
            self.trees.entry((Some(of), root)).or_default().insert(group.path.clone(), group);
        }
    }

    pub(super) fn finish(self) -> Vec<Tree> {
        let trees = self.trees.into_iter();
        let mut trees: Vec<Tree> =
            trees.map(|((_, root), groups)| Tree { root, groups: groups.into_values().collect() }).collect();
        // Without a key in common a tree is as old as its first file.
        trees.sort_by_key(|tree| tree.groups.first().map(|group| group.evidence));
        trees
    }
}

/// What a path of a file says: the root of the tree, the path of the group, the file.
pub(super) struct Named<'a> {
    pub root: &'a str,
    pub group: &'a str,
    pub file: File,
    /// The folder says v1: `/sys/fs/cgroup/memory/…`.
    pub interface: Interface,
}

/// Takes a path apart; `None` when it does not end in a file of a group.
pub(super) fn named(path: &str) -> Option<Named<'_>> {
    const MOUNT: &str = "sys/fs/cgroup";
    let name = path.rsplit('/').next().unwrap_or(path);
    let file = File::of(name)?;
    let folder = &path[..path.len() - name.len()];
    let mut interface = file.interface().unwrap_or(Interface::V2);
    let (root, group) = match path.find(MOUNT).filter(|at| *at == 0 || path.as_bytes().get(at - 1) == Some(&b'/')) {
        Some(at) => {
            let mut root = &folder[..(at + MOUNT.len()).min(folder.len())];
            let mut rest = &folder[root.len()..];
            for (hierarchy, which) in [("/memory/", Interface::V1), ("/unified/", Interface::V2)] {
                // A group of v2 can have these names too: there its files are of v2.
                if rest.starts_with(hierarchy) && file.interface().is_none_or(|known| known == which) {
                    let split = root.len() + hierarchy.len() - 1;
                    (root, rest, interface) = (&folder[..split], &folder[split..], which);
                    break;
                }
            }
            (root, rest)
        }
        None => ("", folder.strip_prefix("./").unwrap_or(folder)),
    };
    let group = match group.len() {
        0 | 1 if group.starts_with('/') || !root.is_empty() => "/",
        0 => UNNAMED,
        length => &group[..length - 1],
    };
    Some(Named { root, group, file, interface })
}

/// Reads one piece of evidence into the forest.
pub(super) fn read(item: &Evidence, forest: &mut Forest, unmodelled: &mut Vec<Unmodelled>) {
    let lines = lines(item, unmodelled);
    if item.kind == Some(CGROUP_TREE.name) {
        text(item, &lines, forest, unmodelled);
    } else {
        single(item, &lines, forest, unmodelled);
    }
}

/// One file of a group.
fn single(item: &Evidence, lines: &[Line<'_>], forest: &mut Forest, unmodelled: &mut Vec<Unmodelled>) {
    let folder = &item.path[..item.path.rfind('/').map_or(0, |at| at + 1)];
    let renamed;
    let place = match named(&item.path) {
        Some(place) => place,
        // `stat.txt`: the kind, which was told by the content, says which file it is.
        None => {
            let name =
                if item.kind == Some(super::kinds::MEMORY_EVENTS.name) { "memory.events" } else { "memory.stat" };
            renamed = format!("{folder}{name}");
            match named(&renamed) {
                Some(place) => place,
                None => return,
            }
        }
    };
    let Some(group) = forest.group(place.root, place.group, item, place.interface) else {
        unmodelled.push(Unmodelled::new(item.span(), format!("{MOST_GROUPS} groups are read")));
        return;
    };
    for line in lines.iter().filter(|line| !line.is_blank()) {
        if !take(group, place.file, line) && unmodelled.len() < MOST_GAPS {
            unmodelled.push(line.unmodelled("not as the kernel writes this file"));
        }
    }
}

/// Several files in one text. A line names the file it is of, or belongs to the last that was named.
fn text(item: &Evidence, lines: &[Line<'_>], forest: &mut Forest, unmodelled: &mut Vec<Unmodelled>) {
    // The path of the last heading as it is written, what it names, and the group, taken out of the forest while its lines come.
    let mut section: Option<(&str, Named<'_>)> = None;
    let mut open: Option<Open> = None;
    for line in lines {
        let body;
        // A dump repeats the path on every line of a file.
        let again = section.as_ref().and_then(|(path, _)| line.text.strip_prefix(*path)?.strip_prefix(':'));
        match again.map(|rest| (None, rest)).or_else(|| heading(line.text).map(|(path, rest)| (Some(path), rest))) {
            Some((path, rest)) => {
                if let Some(path) = path {
                    section = named(path).map(|place| (path, place));
                }
                let value = rest.trim_start_matches([' ', '\t', ':', '=']);
                if value.trim().is_empty() {
                    continue;
                }
                body = line.within(value);
            }
            None => body = *line,
        }
        if body.is_blank() {
            continue;
        }
        let taken = section.as_ref().is_some_and(|(_, place)| {
            if !open.as_ref().is_some_and(|open| open.group.path == place.group && open.root == place.root) {
                forest.close(item.id, open.take());
                open = forest.open(item, place);
            }
            open.as_mut().is_some_and(|open| take(&mut open.group, place.file, &body))
        });
        if !taken {
            if unmodelled.len() < MOST_GAPS {
                unmodelled.push(line.unmodelled("no line of a file of a group"));
            }
            // A prompt, a comment: what follows is not of the file before.
            if !body.text.starts_with(|first: char| first.is_ascii_lowercase()) {
                section = None;
            }
        }
    }
    forest.close(item.id, open);
}

/// The path of a file that a line names, and what stands behind it: `PATH:LINE` (grep), `==> PATH <==` (tail), `$ cat PATH`,
/// `memory.max 4294967296`.
pub(super) fn heading(line: &str) -> Option<(&str, &str)> {
    let text = line.trim_start();
    if let Some(rest) = text.strip_prefix("==> ") {
        return rest.split_once(" <==").filter(|(path, _)| named(path).is_some());
    }
    let end = |text: &str| text.find([':', ' ', '\t', '=']).unwrap_or(text.len());
    // A path may have `:` in it (`cri-containerd:…`); the file's name ends it.
    let first = end(text);
    if let Some(word) = text.get(..first) {
        if named(word).is_some() {
            return Some((word, &text[first..]));
        }
        if text.as_bytes().get(first) == Some(&b':') && word.contains('/') {
            let mut from = first + 1;
            while let Some(at) = text.get(from..).and_then(|rest| rest.find(':')) {
                let word = &text[..from + at];
                if named(word).is_some() {
                    return Some((word, &text[from + at..]));
                }
                from += at + 1;
            }
        }
    }
    let at = text.find("cat ").filter(|at| *at == 0 || text[..*at].ends_with([' ', '/', '$', '#', '>', '%']))?;
    let word = text[at + 4..].split_ascii_whitespace().find(|word| !word.starts_with('-'))?;
    let word = word.trim_matches(['\'', '"']);
    named(word).map(|_| (word, ""))
}
