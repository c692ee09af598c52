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

impl Forest {
    fn group(
        &mut self,
        of: Option<EvidenceId>,
        root: &str,
        path: &str,
        item: &Evidence,
        interface: Interface,
    ) -> Option<&mut Group> {
        let tree = self.trees.entry((of, root.to_owned())).or_default();
        if !tree.contains_key(path) {
            if self.groups >= MOST_GROUPS {
                return None;
            }
            self.groups += 1;
        }
        Some(tree.entry(path.to_owned()).or_insert_with(|| Group::new(path, interface, item.id)))
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
    let Some(group) = forest.group(None, place.root, place.group, item, place.interface) else {
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
    let mut section: Option<Named<'_>> = None;
    for line in lines {
        let body;
        match heading(line.text) {
            Some((path, rest)) => {
                section = named(path);
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
        let taken = section.as_ref().is_some_and(|place| {
            let group = forest.group(Some(item.id), place.root, place.group, item, place.interface);
            group.is_some_and(|group| take(group, place.file, &body))
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
