//! A tree of control groups that is read again and again.
//!
//! The files of a group stay open and are read from their beginning (kernfs gives a new text for each reading that begins
//! there, fs/seq_file.c), as far as the limit on open files goes; the others are opened each time. A folder whose inode,
//! links or time differ from the last reading is listed again, so groups that come and go are met at the next reading.

mod node;

use std::path::{Path, PathBuf};

use casebook_core::Hierarchy;
use casebook_core::watch::{Moment, TreeRequest, Visit, WatchedTree};

use super::clock;
use super::locate::{Found, locate, locate_live};
use super::names::rank;
use node::{Gone, Node, Slot, Stamp, read};

/// Deepest groups; the kernel itself has no limit by default.
const MAX_DEPTH: usize = 64;
/// Readings after which files that a group did not have are looked for again: its controllers may have been turned on.
const LOOK_AGAIN: u64 = 60;
/// Open files left to the rest of the program.
const RESERVED: usize = 64;

/// A tree.
#[derive(Debug)]
pub struct Tree {
    hierarchy: Hierarchy,
    folder: PathBuf,
    shown: String,
    /// Chosen groups; empty for all.
    chosen: Vec<String>,
    names: &'static [&'static str],
    machine: Vec<Slot>,
    /// Parents first.
    nodes: Vec<Node>,
    next_number: u32,
    max_groups: usize,
    passed_over: usize,
    /// Files that may still be kept open.
    room: usize,
    readings: u64,
    buffer: Vec<u8>,
}

/// Opens the tree that `request` names. The error says what there is instead.
pub fn open(request: &TreeRequest<'_>) -> Result<Tree, String> {
    let named = request.root.unwrap_or("/sys/fs/cgroup");
    let live = locate_live(named);
    let is_live = live.is_some();
    let Found { root, mount, hierarchy } =
        live.unwrap_or_else(|| locate(named)).map_err(|why| format!("{named}: {why}"))?;
    // Of a group inside a live tree the ancestors are read too: their limits are its limits.
    let top = if is_live { mount.clone() } else { root.clone() };
    let own =
        root.strip_prefix(&mount).ok().map(|own| own.to_string_lossy().into_owned()).filter(|own| !own.is_empty());
    let mut chosen: Vec<String> = request.groups.iter().map(|group| group_path(group, &root, &mount)).collect();
    if let (true, Some(own)) = (chosen.is_empty(), own) {
        chosen.push(format!("/{own}"));
    }
    let names = (request.files)(hierarchy);
    let tree = Tree {
        hierarchy,
        shown: top.to_string_lossy().into_owned(),
        folder: top,
        chosen,
        names,
        machine: request.machine.iter().map(Slot::at).collect(),
        nodes: Vec::new(),
        next_number: 1,
        max_groups: request.max_groups,
        passed_over: 0,
        room: room(request.max_groups.saturating_mul(names.len())),
        readings: 0,
        buffer: vec![0; 64 << 10],
    };
    let folder = tree.folder.clone();
    let mut found = Vec::new();
    tree.look(&folder, "/", 0, &mut found);
    for group in &tree.chosen {
        if !found.iter().any(|(path, _)| path == group) {
            return Err(format!("{}: no group {group} in it", tree.shown));
        }
    }
    Ok(tree)
}

/// `/a/b` for a group that is named by its path, or by a folder.
fn group_path(group: &str, root: &Path, mount: &Path) -> String {
    let folder = std::fs::canonicalize(group).unwrap_or_else(|_| PathBuf::from(group));
    let below = folder.strip_prefix(mount).or_else(|_| folder.strip_prefix(root)).ok();
    let relative = match below {
        Some(below) if group.starts_with('/') || group.contains('/') || folder.is_dir() => below.to_string_lossy(),
        _ => group.into(),
    };
    format!("/{}", relative.trim_matches('/'))
}

fn join(path: &str, name: &str) -> String {
    if path == "/" { format!("/{name}") } else { format!("{path}/{name}") }
}

impl Tree {
    /// True when a group is chosen, below one that is, or above one.
    fn takes(&self, path: &str) -> bool {
        let inside = |inner: &str, outer: &str| outer == "/" || is_in(inner, outer);
        self.chosen.is_empty() || self.chosen.iter().any(|chosen| inside(path, chosen) || inside(chosen, path))
    }

    /// Groups at and below a folder that are not watched yet.
    fn look(&self, folder: &Path, path: &str, depth: usize, found: &mut Vec<(String, Stamp)>) {
        if depth > MAX_DEPTH || !self.takes(path) {
            return;
        }
        let Some(stamp) = Stamp::of(folder) else { return };
        if !self.nodes.iter().any(|node| node.path == path) {
            found.push((path.to_owned(), stamp));
        }
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for entry in entries.filter_map(Result::ok) {
            if entry.file_type().is_ok_and(|kind| kind.is_dir())
                && let Ok(name) = entry.file_name().into_string()
                && !name.contains('\n')
            {
                self.look(&entry.path(), &join(path, &name), depth + 1, found);
            }
        }
    }

    /// Takes out groups that are gone, and takes in those that are new.
    fn follow(&mut self, visit: &mut dyn Visit) {
        let mut changed = Vec::new();
        let mut gone = Vec::new();
        for (index, node) in self.nodes.iter_mut().enumerate() {
            match Stamp::of(&node.folder) {
                Some(stamp) if stamp == node.stamp => {}
                Some(stamp) if stamp.inode == node.stamp.inode => {
                    node.stamp = stamp;
                    changed.push((node.folder.clone(), node.path.clone()));
                }
                // Gone, or another one of the same name, which the parent's listing finds.
                _ => gone.push(index),
            }
        }
        self.remove(&gone, visit, &mut changed);
        if self.readings == 0 {
            changed.push((self.folder.clone(), "/".to_owned()));
        }
        let mut found = Vec::new();
        for (folder, path) in changed {
            let depth = path.matches('/').count();
            self.look(&folder, &path, depth, &mut found);
        }
        found.sort_by_cached_key(|(path, _)| rank(&format!("{path}/")).0);
        found.dedup_by(|a, b| a.0 == b.0);
        for (path, stamp) in found {
            if self.nodes.len() >= self.max_groups {
                self.passed_over += 1;
                continue;
            }
            let folder = self.folder.join(path.trim_start_matches('/'));
            visit.appeared(self.next_number, &path);
            self.nodes.push(Node::new(self.next_number, folder, path, stamp, self.names));
            self.next_number += 1;
        }
        self.nodes.sort_by_cached_key(|node| rank(&format!("{}/", node.path)).0);
    }

    fn remove(&mut self, gone: &[usize], visit: &mut dyn Visit, changed: &mut Vec<(PathBuf, String)>) {
        for index in gone.iter().rev() {
            let node = self.nodes.remove(*index);
            self.room += node.open_files();
            visit.vanished(node.number);
            if let Some(parent) = node.folder.parent().filter(|_| node.path != "/") {
                let path = node.path.rsplit_once('/').map_or("/", |(path, _)| if path.is_empty() { "/" } else { path });
                changed.push((parent.to_path_buf(), path.to_owned()));
            }
        }
    }
}

impl WatchedTree for Tree {
    fn hierarchy(&self) -> Hierarchy {
        self.hierarchy
    }

    fn root(&self) -> &str {
        &self.shown
    }

    fn passed_over(&self) -> usize {
        self.passed_over
    }

    fn sample(&mut self, visit: &mut dyn Visit) -> Moment {
        let moment = clock::now();
        for (index, slot) in self.machine.iter_mut().enumerate() {
            if visit.wants(0, index)
                && let Ok(length) = slot.read(&mut self.buffer, &mut self.room)
            {
                visit.read(0, index, &self.buffer[..length]);
            }
        }
        self.follow(visit);
        let again = self.readings.is_multiple_of(LOOK_AGAIN);
        let mut gone = Vec::new();
        for (index, node) in self.nodes.iter_mut().enumerate() {
            if let Err(Gone) = read(node, again, &mut self.buffer, &mut self.room, visit) {
                gone.push(index);
            }
        }
        self.remove(&gone, visit, &mut Vec::new());
        self.readings += 1;
        moment
    }
}

/// Files that can be kept open, of those that are wanted: the limit is raised as far as it goes.
#[cfg(target_os = "linux")]
fn room(wanted: usize) -> usize {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return 0 };
    let needed = (wanted.saturating_add(RESERVED) as u64).min(hard);
    let limit = if soft < needed && setrlimit(Resource::RLIMIT_NOFILE, needed, hard).is_ok() { needed } else { soft };
    wanted.min(usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(RESERVED))
}

#[cfg(not(target_os = "linux"))]
fn room(wanted: usize) -> usize {
    wanted.min(128)
}

/// True when a path is `top` or below it.
fn is_in(path: &str, top: &str) -> bool {
    top.is_empty() || path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests;
