//! One reading of a live tree, as one text.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::locate::Found;
use super::names::{is_wanted, rank};
use crate::source::explain;

/// Kept of one file; the largest of real ones, cgroup.procs of a busy group, has some 100 KiB.
const MAX_FILE: u64 = 1 << 20;
/// Threads that read. More only wait for each other in the kernel.
const MAX_THREADS: usize = 8;
/// What could not be read is named so many times and then counted.
const MAX_NAMED: usize = 5;

/// A tree as it was read.
#[derive(Debug, Default)]
pub struct Text {
    /// Path of each group and its lines, parents first.
    groups: Vec<(String, Vec<u8>)>,
    /// Groups that were gone before they were read.
    pub vanished: usize,
    /// Files that could not be read, and why; the first of them.
    failed: Vec<String>,
    /// How many there were.
    pub failures: usize,
    /// The limit that was hit.
    pub over: Option<u64>,
}

/// One group as it was read.
#[derive(Default)]
struct Group {
    path: PathBuf,
    text: Vec<u8>,
    below: Vec<PathBuf>,
    gone: bool,
    failed: Vec<String>,
}

impl Text {
    /// How many groups gave something.
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// What is missing, one sentence; `None` when nothing is.
    pub fn said(&self) -> Option<String> {
        let mut said = Vec::new();
        if let Some(limit) = self.over {
            said.push(format!("only the first {limit} bytes were kept"));
        }
        if self.failures > 0 {
            let dots = if self.failures > self.failed.len() { ", …" } else { "" };
            said.push(format!("{} files could not be read ({}{dots})", self.failures, self.failed.join(", ")));
        }
        if self.vanished > 0 {
            said.push(format!("{} groups were gone before they were read", self.vanished));
        }
        (!said.is_empty()).then(|| said.join("; "))
    }

    /// All of it. The error says why there is nothing.
    pub fn bytes(self, path: &str) -> Result<Vec<u8>, String> {
        if self.groups.iter().all(|(_, text)| text.is_empty()) {
            return Err(match self.said() {
                Some(said) => format!("nothing of {path} was read: {said}"),
                None => format!("no file of {path} tells of memory"),
            });
        }
        let mut all = Vec::with_capacity(self.groups.iter().map(|(_, text)| text.len()).sum());
        for (_, text) in self.groups {
            all.extend_from_slice(&text);
        }
        Ok(all)
    }
}

/// Reads the files of every group under `found` that `names` has (all that tell of memory when it is empty), `limit` bytes
/// at most. Nothing is followed out of the tree, and a group that goes away meanwhile is counted.
pub fn text(found: &Found, names: &[&str], limit: u64) -> Text {
    let mut out = Text::default();
    let kept = AtomicU64::new(0);
    let mut level = vec![found.root.clone()];
    while !level.is_empty() && out.over.is_none() {
        let mut below = Vec::new();
        for mut group in read_all(&level, names, limit, &kept) {
            below.append(&mut group.below);
            out.vanished += usize::from(group.gone);
            out.failures += group.failed.len();
            let room = MAX_NAMED.saturating_sub(out.failed.len());
            out.failed.extend(group.failed.into_iter().take(room));
            out.groups.push((group.path.to_string_lossy().into_owned(), group.text));
        }
        level = below;
        if kept.load(Ordering::Relaxed) > limit {
            out.over = Some(limit);
        }
    }
    out.groups.sort_by_cached_key(|(path, _)| rank(&format!("{path}/")).0);
    cut(&mut out, limit);
    out
}

/// Whole groups up to the limit: half a group would look like one whose files are missing.
fn cut(out: &mut Text, limit: u64) {
    let mut sum = 0;
    let mut fits = |(_, text): &(String, Vec<u8>)| {
        sum += text.len() as u64;
        sum <= limit
    };
    let count = out.groups.iter().take_while(|group| fits(group)).count();
    if count < out.groups.len() {
        out.groups.truncate(count);
        out.over = Some(limit);
    }
}

/// Reads groups, in order, on as many threads as are worth it.
fn read_all(folders: &[PathBuf], names: &[&str], limit: u64, kept: &AtomicU64) -> Vec<Group> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Group)>> = Mutex::new(Vec::with_capacity(folders.len()));
    let work = || {
        let mut buffer = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(folder) = folders.get(index) else { return };
            if kept.load(Ordering::Relaxed) > limit {
                return;
            }
            let group = read(folder, names, &mut buffer);
            kept.fetch_add(group.text.len() as u64, Ordering::Relaxed);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((index, group));
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS).min(folders.len());
    if threads <= 1 {
        work();
    } else {
        thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    }
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, group)| group).collect()
}

fn read(folder: &Path, names: &[&str], buffer: &mut Vec<u8>) -> Group {
    let mut group = Group { path: folder.to_path_buf(), ..Group::default() };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if is_gone(&error) => return Group { gone: true, ..group },
        Err(error) => {
            group.failed.push(format!("{}: {}", folder.display(), explain(&error)));
            return group;
        }
    };
    let mut files = Vec::new();
    for entry in entries.filter_map(Result::ok) {
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            group.below.push(entry.path());
        } else if kind.is_file()
            && let Ok(name) = entry.file_name().into_string()
            && is_wanted(&name, names)
        {
            files.push(name);
        }
    }
    files.sort_unstable();
    group.below.sort_unstable();
    for name in files {
        let path = folder.join(&name);
        buffer.clear();
        match File::open(&path).and_then(|file| file.take(MAX_FILE).read_to_end(buffer)) {
            Ok(_) => lines(&path.to_string_lossy(), buffer, &mut group.text),
            Err(error) if is_gone(&error) => group.gone = true,
            // The kernel has the file and not what it would tell: pressure with psi=0, for one.
            Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => {}
            Err(error) => group.failed.push(format!("{}: {}", path.display(), explain(&error))),
        }
    }
    group
}

/// `PATH:LINE` for each line.
pub(super) fn lines(path: &str, content: &[u8], out: &mut Vec<u8>) {
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        out.extend_from_slice(path.as_bytes());
        out.push(b':');
        out.extend_from_slice(line);
        if !line.ends_with(b"\n") {
            out.push(b'\n');
        }
    }
}

/// True when a group went away: its folder is gone (ENOENT), or it is and its files are still open (ENODEV).
pub(super) fn is_gone(error: &std::io::Error) -> bool {
    const ENODEV: i32 = 19;
    error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(ENODEV)
}

#[cfg(test)]
mod tests {
    use casebook_core::Hierarchy;

    use super::*;

    fn tree() -> (tempfile::TempDir, Found) {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in [
            ("cgroup.controllers", "cpu memory\n"),
            ("a/memory.current", "4096\n"),
            ("a/memory.stat", "anon 1\nfile 2\n"),
            ("a/cgroup.procs", ""),
            ("a/cpu.stat", "usage_usec 1\n"),
            ("a/memory.reclaim", "never read\n"),
            ("a/b/memory.current", "1"),
            ("a-b/memory.current", "2\n"),
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let root = folder.path().to_path_buf();
        (folder, Found { mount: root.clone(), root, hierarchy: Hierarchy::V2 })
    }

    #[test]
    fn a_tree_reads_as_grep_prints_it_with_parents_first() {
        let (folder, found) = tree();
        std::os::unix::fs::symlink("/", folder.path().join("a/out")).unwrap();
        let text = text(&found, &[], 1 << 20);
        assert_eq!(text.groups(), 4);
        assert_eq!(text.said(), None);
        let bytes = String::from_utf8(text.bytes("x").unwrap()).unwrap();
        let bytes = bytes.replace(&*folder.path().to_string_lossy(), "ROOT");
        assert_eq!(
            bytes,
            "ROOT/cgroup.controllers:cpu memory\nROOT/a/memory.current:4096\nROOT/a/memory.stat:anon 1\n\
             ROOT/a/memory.stat:file 2\nROOT/a/b/memory.current:1\nROOT/a-b/memory.current:2\n"
        );
    }

    #[test]
    fn a_limit_keeps_whole_groups_and_is_said() {
        let (_folder, found) = tree();
        let all = text(&found, &["memory.current"], 1 << 20);
        let first: usize = all.groups.iter().take(2).map(|(_, text)| text.len()).sum();
        let cut = text(&found, &["memory.current"], first as u64 + 3);
        assert_eq!(cut.over, Some(first as u64 + 3));
        assert_eq!(cut.bytes("x").unwrap().len(), first);
    }

    #[test]
    fn a_tree_without_files_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_path_buf();
        let found = Found { mount: root.clone(), root, hierarchy: Hierarchy::V2 };
        let why = text(&found, &[], 100).bytes("/x").unwrap_err();
        assert_eq!(why, "no file of /x tells of memory");
    }
}
