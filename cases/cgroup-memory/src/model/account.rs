//! What the files of a tree say of a group: its charges, its floor, the limit that binds it, what nobody below it is charged with.

use casebook_formats::text::Told;

use super::charges::{Charges, Keys, charges};
use super::floor::{Floor, Swap, floor};
use super::range::Range;
use crate::facts::host::Host;
use crate::facts::stat::Key;
use crate::facts::tree::{Group, Interface, Limit, Tree};

/// A group with its charges and its floor.
#[derive(Clone, Debug)]
pub struct Account {
    /// The keys it was made from.
    pub keys: Keys,
    /// Charges by kind.
    pub charges: Charges,
    /// What cannot be reclaimed.
    pub floor: Floor,
    /// Room in swap.
    pub swap: Swap,
}

/// The account of a group; `None` when neither `memory.stat` nor `memory.current` was read.
pub fn account(tree: &Tree, group: &Group, host: &Host) -> Option<Account> {
    let current = group.current.map(|current| current.value);
    if group.stat.is_empty() && current.is_none() {
        return None;
    }
    let keys = group.stat.keys(current, None);
    let charges = charges(&keys);
    let swap = swap_of(tree, group, host);
    Some(Account { keys, charges, floor: floor(&charges, swap), swap })
}

/// Room in swap: the least of what the group, those above it, and the machine have.
fn swap_of(tree: &Tree, group: &Group, host: &Host) -> Swap {
    let total = host.meminfo.swap_total.map(|total| total.value);
    let free = host.meminfo.swap_free.map(|free| free.value).or(total.filter(|total| *total == 0));
    let mut room = Swap::of(None, None, free).room;
    for level in tree.line(&group.path) {
        let max = level.swap_max.map(|max| max.value.bytes());
        room = room.min(Swap::of(max, level.swap_current.map(|current| current.value), None).room);
    }
    // v1 has no file for swap where swap accounting is off: then nothing holds it back but the machine.
    Swap { room: if group.interface == Interface::V1 && free == Some(0) { Range::ZERO } else { room } }
}

/// The limits on a group, its own and those above, the tightest first; of equals the lower one, which is charged first.
pub fn limits<'a>(tree: &'a Tree, path: &'a str) -> Vec<(&'a Group, Told<u64>)> {
    let mut out: Vec<(&Group, Told<u64>)> = tree
        .line(path)
        .filter_map(|group| match group.max {
            Some(Told { value: Limit::Bytes(bytes), span }) => Some((group, Told::new(bytes, span))),
            _ => None,
        })
        .collect();
    out.sort_by_key(|(_, limit)| limit.value);
    out
}

/// What a group is charged with beyond its children: its own processes, files in memory that outlived theirs, groups that were removed.
/// `None` when a child is missing, or a key.
pub fn beyond_children(tree: &Tree, group: &Group, key: Key) -> Option<u64> {
    let whole = group.stat.value(key)?;
    let children: Vec<&Group> = tree.children(&group.path).collect();
    // Removed groups are not there; those that are there and were not read would be taken for them.
    let read = tree.below(&group.path).count() as u64;
    let told = group.descendants.map(|count| count.value);
    if children.is_empty() || told.is_none_or(|told| told != read) {
        return None;
    }
    let mut sum = 0u64;
    for child in children {
        sum = sum.saturating_add(child.stat.value(key)?);
    }
    Some(whole.saturating_sub(sum))
}

/// What kubelet and cAdvisor show as the working set: `memory.current` less `inactive_file` (cadvisor, `setMemoryStats`).
pub fn working_set(group: &Group) -> Option<u64> {
    Some(group.current?.value.saturating_sub(group.stat.value(Key::InactiveFile)?))
}

#[cfg(test)]
mod tests {
    use casebook_core::{EvidenceId, Span};

    use super::*;

    fn told<T>(value: T) -> Told<T> {
        Told::new(value, Span::new(EvidenceId(0), 0, 0))
    }

    fn group(path: &str, keys: &[(&str, u64)]) -> Group {
        let mut group = Group::new(path, Interface::V2, EvidenceId(0));
        keys.iter().for_each(|(key, value)| group.stat.set(key, told(*value)));
        group
    }

    #[test]
    fn what_the_dead_left_is_what_no_child_has() {
        let mut parent = group("/p", &[("shmem", 60), ("file", 70)]);
        parent.descendants = Some(told(1));
        let tree = Tree { root: String::new(), groups: vec![parent, group("/p/a", &[("shmem", 2), ("file", 12)])] };
        assert_eq!(beyond_children(&tree, &tree.groups[0], Key::Shmem), Some(58));
        let mut unread = tree.clone();
        unread.groups[0].descendants = Some(told(2));
        assert_eq!(beyond_children(&unread, &unread.groups[0], Key::Shmem), None);
    }

    #[test]
    fn the_tightest_limit_comes_first() {
        let mut groups = vec![group("/p", &[]), group("/p/a", &[])];
        groups[0].max = Some(told(Limit::Bytes(64)));
        groups[1].max = Some(told(Limit::Bytes(200)));
        let tree = Tree { root: String::new(), groups };
        let paths: Vec<&str> = limits(&tree, "/p/a").iter().map(|(group, _)| group.path.as_str()).collect();
        assert_eq!(paths, ["/p", "/p/a"]);
    }

    #[test]
    fn swap_is_as_narrow_as_the_narrowest() {
        let mut groups = vec![group("/p", &[("anon", 10)]), group("/p/a", &[("anon", 10)])];
        groups[0].swap_max = Some(told(Limit::Bytes(0)));
        groups[1].swap_max = Some(told(Limit::Max));
        let tree = Tree { root: String::new(), groups };
        assert_eq!(account(&tree, &tree.groups[1], &Host::default()).unwrap().swap, Swap::NONE);
    }
}
