//! Where a tree of control groups is, and which interface it has.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use casebook_core::Hierarchy;

/// A tree that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The folder that was asked for, absolute for a live tree, with no symbolic link in it.
    pub root: PathBuf,
    /// Where the hierarchy is mounted; for a copy, the folder itself.
    pub mount: PathBuf,
    /// Its interface.
    pub hierarchy: Hierarchy,
}

/// What is mounted at a path.
#[cfg(target_os = "linux")]
fn mounted(path: &Path) -> Option<Hierarchy> {
    use nix::sys::statfs::{CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, statfs};
    match statfs(path).ok()?.filesystem_type() {
        kind if kind == CGROUP2_SUPER_MAGIC => Some(Hierarchy::V2),
        kind if kind == CGROUP_SUPER_MAGIC => Some(Hierarchy::V1),
        _ => None,
    }
}

#[cfg(not(target_os = "linux"))]
fn mounted(_: &Path) -> Option<Hierarchy> {
    None
}

/// The topmost folder above `root` on the same file system.
fn mount_of(root: &Path) -> PathBuf {
    let device = |path: &Path| fs::metadata(path).map(|meta| meta.dev()).ok();
    let own = device(root);
    root.ancestors().take_while(|path| device(path) == own).last().unwrap_or(root).to_path_buf()
}

/// The live tree at `path`; `None` when nothing of cgroups is mounted there. The error says why it tells nothing of memory.
///
/// A folder that holds the mounts of the hierarchies, as `/sys/fs/cgroup` does with cgroup v1, stands for the one that has
/// the memory controller.
pub fn locate_live(path: &str) -> Option<Result<Found, String>> {
    let root = fs::canonicalize(path).ok()?;
    let Some(hierarchy) = mounted(&root) else {
        let (one, two) = (root.join("memory"), root.join("unified"));
        return match (mounted(&one), mounted(&two)) {
            (Some(Hierarchy::V1), _) => Some(Ok(Found { mount: one.clone(), root: one, hierarchy: Hierarchy::V1 })),
            (_, Some(Hierarchy::V2)) => Some(v2(two)),
            _ => None,
        };
    };
    Some(match hierarchy {
        Hierarchy::V2 => v2(root),
        Hierarchy::V1 if has(&root, "memory.usage_in_bytes") => Ok(Found { mount: mount_of(&root), root, hierarchy }),
        Hierarchy::V1 => Err(format!("a cgroup v1 hierarchy without the memory controller{}", elsewhere())),
    })
}

fn v2(root: PathBuf) -> Result<Found, String> {
    let mount = mount_of(&root);
    let controllers = fs::read_to_string(mount.join("cgroup.controllers")).unwrap_or_default();
    // Without permission to read the list, the files themselves will tell.
    if !controllers.is_empty() || has(&mount, "cgroup.controllers") {
        let memory = controllers.split_whitespace().any(|name| name == "memory");
        if !memory && !has(&root, "memory.current") {
            return Err(format!(
                "a cgroup v2 tree without the memory controller (cgroup.controllers does not name it){}",
                elsewhere()
            ));
        }
    }
    Ok(Found { root, mount, hierarchy: Hierarchy::V2 })
}

/// Where the memory controller is, when it is somewhere else.
fn elsewhere() -> String {
    let usual = Path::new("/sys/fs/cgroup/memory");
    match mounted(usual) {
        Some(Hierarchy::V1) => format!("; that is at {}", usual.display()),
        _ => String::new(),
    }
}

fn has(folder: &Path, name: &str) -> bool {
    folder.join(name).exists()
}

/// The tree at `path`, live or copied. The error is a sentence that says what is there instead.
pub fn locate(path: &str) -> Result<Found, String> {
    match locate_live(path) {
        Some(found) => return found,
        None if !Path::new(path).exists() => return Err("no such folder".to_owned()),
        None => {}
    }
    let root = PathBuf::from(path);
    if !root.is_dir() {
        return Err("a file, and no tree of control groups; name the folder it is in".to_owned());
    }
    match first(&root) {
        Some(shown) => {
            let v1 = has(&shown, "memory.usage_in_bytes");
            let hierarchy = if v1 { Hierarchy::V1 } else { Hierarchy::V2 };
            Ok(Found { mount: root.clone(), root, hierarchy })
        }
        None => Err("no tree of control groups: nothing of cgroups is mounted there, and neither memory.current nor \
                     memory.stat is in it"
            .to_owned()),
    }
}

/// Folders that are looked at to find the first group of a copied tree.
const MOST_LOOKED_AT: usize = 256;

/// A folder at or below `root`, on the same file system, that is a group. In the root of a tree the memory files are missing,
/// and a copy may lack more.
fn first(root: &Path) -> Option<PathBuf> {
    let device = |path: &Path| fs::symlink_metadata(path).map(|meta| meta.dev()).ok();
    let own = device(root);
    let mut folders = VecDeque::from([root.to_path_buf()]);
    for _ in 0..MOST_LOOKED_AT {
        let folder = folders.pop_front()?;
        if looks(&folder) {
            return Some(folder);
        }
        let entries = fs::read_dir(&folder).ok().into_iter().flatten().filter_map(Result::ok);
        let below = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let below = below.take(MOST_LOOKED_AT).map(|entry| entry.path());
        // Another tree is to be named itself.
        folders.extend(below.filter(|path| device(path) == own));
    }
    None
}

fn looks(folder: &Path) -> bool {
    ["memory.current", "memory.stat", "memory.usage_in_bytes"].iter().any(|name| has(folder, name))
}
