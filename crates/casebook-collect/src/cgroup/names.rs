//! Which files of a group tell of memory.

/// Files of a group beside those of the memory controller.
const GROUP: &[&str] = &[
    "cgroup.controllers",
    "cgroup.events",
    "cgroup.procs",
    "cgroup.stat",
    "cgroup.subtree_control",
    "cgroup.type",
    "pids.current",
    "pids.max",
];

/// Files that only take (memory.reclaim, memory.force_empty, cgroup.event_control), give what belongs to a descriptor
/// (memory.pressure_level), or the slab of the whole machine (memory.kmem.slabinfo).
const NOT_READ: &[&str] = &["reclaim", "force_empty", "pressure_level", "kmem.slabinfo", "move_charge_at_immigrate"];

/// True for a file of a live group that is read: those of the memory controller, whatever newer kernels add to them, and some beside them.
pub(super) fn is_wanted(name: &str, patterns: &[&str]) -> bool {
    let readable = |rest: &str| !NOT_READ.contains(&rest);
    if patterns.is_empty() {
        return name.strip_prefix("memory.").map_or_else(|| GROUP.binary_search(&name).is_ok(), readable);
    }
    name.strip_prefix("memory.").is_none_or(readable)
        && patterns.iter().any(|pattern| crate::glob::matches(pattern, name))
}

/// Key by which the files of a tree are sorted: groups before what is below them, files of a group by name.
pub(crate) fn rank(path: &str) -> (Vec<u8>, &str) {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    (folder.bytes().map(|byte| if byte == b'/' { 0 } else { byte }).collect(), name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_for_the_search() {
        assert!(GROUP.is_sorted());
    }

    #[test]
    fn files_that_only_take_are_not_read() {
        assert!(is_wanted("memory.stat", &[]) && is_wanted("memory.new_in_8.0", &[]));
        assert!(!is_wanted("memory.reclaim", &[]) && !is_wanted("memory.reclaim", &["memory.*"]));
        assert!(!is_wanted("cpu.stat", &[]) && is_wanted("cpu.stat", &["cpu.*"]));
    }

    #[test]
    fn groups_stand_before_what_is_below_them() {
        let mut paths = ["a-b/x", "a/b/x", "a/z", "a/y", "x"];
        paths.sort_by(|a, b| rank(a).cmp(&rank(b)));
        assert_eq!(paths, ["x", "a/y", "a/z", "a/b/x", "a-b/x"]);
    }
}
