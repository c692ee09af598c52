//! One unit out of its files: the fragment, then drop-ins by name (src/core/load-fragment.c, `unit_load_fragment`;
//! src/core/load-dropin.c; src/shared/dropin.c, `unit_file_find_dropin_paths`).

use std::collections::BTreeMap;

use casebook_core::Span;

use super::name::{UnitName, drop_in_names};
use super::path::{Folder, Scope};
use super::{Assignment, File, Link, Tree};

/// Where an assignment is taken away, or what it is for its unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<'t> {
    /// The file.
    pub file: &'t File,
    /// The assignment.
    pub assignment: &'t Assignment,
    /// The later assignment that took it away, by being empty.
    pub reset_by: Option<&'t Assignment>,
    /// The section is one that this type of unit takes; systemd leaves out the others with a warning.
    pub section_known: bool,
}

impl Setting<'_> {
    /// True when it still holds after all files: its section is read, it is not empty, and nothing took it away. Of keys
    /// that take one value, the last one that is effective holds.
    pub fn is_effective(&self) -> bool {
        self.section_known && self.reset_by.is_none() && !self.assignment.value.is_empty()
    }
}

/// What of a unit is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged<'t> {
    /// Name.
    pub name: String,
    /// The file that holds; `None` when only drop-ins or links are there.
    pub fragment: Option<&'t File>,
    /// Files of the same name that the fragment hides, in the order of the search path.
    pub hidden: Vec<&'t File>,
    /// The fragment is a template's.
    pub of_template: bool,
    /// The name is an alias: of the unit that the listed link points to, or whose `[Install]` says so.
    pub alias_of: Option<String>,
    /// It is masked: the file is empty, or a listed link points to /dev/null.
    pub masked: bool,
    /// The place that masks it.
    pub masked_by: Option<Span>,
    /// Drop-ins that hold, in the order they are read.
    pub drop_ins: Vec<&'t File>,
    /// Drop-ins that another one of the same name hides; an empty one hides what it masks.
    pub hidden_drop_ins: Vec<&'t File>,
    /// Assignments in the order systemd reads them.
    pub settings: Vec<Setting<'t>>,
    /// Units whose `.wants`, `.requires` or `.upholds` hold a file or a link of its name.
    pub wanted_by: Vec<(String, Span)>,
}

impl<'t> Merged<'t> {
    /// Effective assignments of a key, in order.
    pub fn all<'m>(&'m self, section: &'m str, key: &'m str) -> impl Iterator<Item = &'m Setting<'t>> {
        self.settings.iter().filter(move |setting| {
            setting.is_effective() && setting.assignment.key == key && setting.assignment.section == section
        })
    }

    /// The last effective assignment of a key, which holds for keys of one value.
    pub fn last<'m>(&'m self, section: &'m str, key: &'m str) -> Option<&'m Setting<'t>> {
        self.all(section, key).last()
    }

    /// The name, taken apart.
    pub fn parts(&self) -> Option<UnitName<'_>> {
        UnitName::of(&self.name)
    }

    /// True when the fragment is one that systemd gives up on: the unit does not load.
    pub fn is_broken(&self) -> bool {
        self.fragment.is_some_and(|file| file.problems.iter().any(|problem| problem.kind.is_fatal()))
    }
}

/// Sections that a type of unit takes, besides `[Unit]` and `[Install]`.
fn own_section(suffix: &str) -> Option<&'static str> {
    Some(match suffix {
        "service" => "Service",
        "timer" => "Timer",
        "socket" => "Socket",
        "mount" => "Mount",
        "automount" => "Automount",
        "swap" => "Swap",
        "path" => "Path",
        "slice" => "Slice",
        "scope" => "Scope",
        _ => return None,
    })
}

/// Keys of `[Timer]` that share one list: an empty one takes all of them away (`config_parse_timer`, `timer_free_values`).
pub const TIMER_VALUES: &[&str] =
    &["OnActiveSec", "OnBootSec", "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec", "OnCalendar"];

/// Keys whose empty assignment takes nothing away: dependencies (systemd.unit(5): "dependencies … cannot be reset to an empty
/// list").
const DEPENDENCIES: &[&str] = &[
    "After",
    "Before",
    "Wants",
    "Requires",
    "Requisite",
    "BindsTo",
    "PartOf",
    "Upholds",
    "Conflicts",
    "OnFailure",
    "OnSuccess",
    "PropagatesReloadTo",
    "ReloadPropagatedFrom",
    "PropagatesStopTo",
    "StopPropagatedFrom",
    "JoinsNamespaceOf",
    "RequiresMountsFor",
    "WantsMountsFor",
];

pub(super) fn unit<'t>(tree: &'t Tree, name: &str, scope: Scope) -> Option<Merged<'t>> {
    let parts = UnitName::of(name)?;
    let template = parts.template();
    let mut fragments = named(tree, name, scope);
    let mut of_template = false;
    if fragments.is_empty()
        && let Some(template) = &template
    {
        fragments = named(tree, template, scope);
        of_template = !fragments.is_empty();
    }
    let link = link(tree, name, scope).or_else(|| link(tree, template.as_deref()?, scope));
    let hides = |link: &Link| fragments.first().is_none_or(|file| link.place.rank <= file.place.rank);
    let link = link.filter(|link| hides(link));
    let mut alias_of = None;
    let mut masked_by = None;
    if let Some(link) = link {
        let target = link.target_name();
        if link.is_mask() {
            fragments.clear();
            masked_by = Some(link.span);
        } else if target != name && template.as_deref() != Some(target) {
            alias_of = Some(target.to_owned());
            fragments = named(tree, target, scope);
        }
    }
    if fragments.is_empty() && masked_by.is_none() && alias_of.is_none() {
        alias_of = alias(tree, name, scope);
        if let Some(of) = &alias_of {
            fragments = named(tree, of, scope);
        }
    }
    let fragment = fragments.first().copied();
    if let Some(file) = fragment.filter(|file| file.is_mask) {
        masked_by = Some(file.span);
    }
    let (drop_ins, hidden_drop_ins) = drop_ins(tree, name, alias_of.as_deref(), parts.suffix, scope);
    let wanted_by = wanted_by(tree, name, scope);
    if fragment.is_none() && drop_ins.is_empty() && masked_by.is_none() && alias_of.is_none() && wanted_by.is_empty() {
        return None;
    }
    let read = fragment.filter(|file| !file.is_mask).into_iter().chain(drop_ins.iter().copied());
    let settings = settings(read, parts.suffix);
    Some(Merged {
        name: name.to_owned(),
        fragment: fragment.filter(|file| !file.is_mask),
        hidden: fragments.get(1..).unwrap_or(&[]).to_vec(),
        of_template,
        alias_of,
        masked: masked_by.is_some(),
        masked_by,
        drop_ins,
        hidden_drop_ins,
        settings,
        wanted_by,
    })
}

/// Unit files of a name, in the order of the search path.
fn named<'t>(tree: &'t Tree, name: &str, scope: Scope) -> Vec<&'t File> {
    let is = |file: &&File| file.place.scope == scope && file.place.folder == Folder::Unit && file.place.name == name;
    let mut out: Vec<&File> = tree.files.iter().filter(is).collect();
    out.sort_by_key(|file| file.place.rank);
    out
}

/// The listed link of a name that comes first.
fn link<'t>(tree: &'t Tree, name: &str, scope: Scope) -> Option<&'t Link> {
    let is = |link: &&Link| link.place.scope == scope && link.place.folder == Folder::Unit && link.place.name == name;
    tree.links.iter().filter(is).min_by_key(|link| link.place.rank)
}

/// The unit that says `Alias=name` in its `[Install]`: it is one when that unit is enabled.
fn alias(tree: &Tree, name: &str, scope: Scope) -> Option<String> {
    let says = |file: &File| {
        let aliases = file.assignments.iter().filter(|item| item.section == "Install" && item.key == "Alias");
        aliases.flat_map(|item| item.value.split_ascii_whitespace()).any(|alias| alias == name)
    };
    let units = tree.files.iter().filter(|file| file.place.scope == scope && file.place.folder == Folder::Unit);
    units.into_iter().find(|file| says(file)).map(|file| file.place.name.clone())
}

/// Drop-ins that hold, by file name, and those that are hidden.
fn drop_ins<'t>(
    tree: &'t Tree,
    name: &str,
    alias: Option<&str>,
    suffix: &str,
    scope: Scope,
) -> (Vec<&'t File>, Vec<&'t File>) {
    // Folders in the order they are looked at: for each name, the search path; within a folder of it, the unit's own first.
    let mut names = vec![drop_in_names(name)];
    names.extend(alias.map(drop_in_names));
    names.push(vec![suffix.to_owned()]);
    let mut found: Vec<(usize, u8, usize, &File)> = Vec::new();
    for file in tree.files.iter().filter(|file| file.place.scope == scope) {
        let Folder::DropIn(of) = &file.place.folder else { continue };
        if !file.place.name.ends_with(".conf") {
            continue;
        }
        let at = names
            .iter()
            .enumerate()
            .find_map(|(group, list)| Some((group, list.iter().position(|known| known == of)?)));
        if let Some((group, index)) = at {
            found.push((group, file.place.rank, index, file));
        }
    }
    found.sort_by_key(|(group, rank, index, _)| (*group, *rank, *index));
    let mut held: BTreeMap<&str, &File> = BTreeMap::new();
    let mut hidden = Vec::new();
    for (_, _, _, file) in found {
        match held.entry(&file.place.name) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(file);
            }
            std::collections::btree_map::Entry::Occupied(_) => hidden.push(file),
        }
    }
    (held.into_values().collect(), hidden)
}

fn wanted_by(tree: &Tree, name: &str, scope: Scope) -> Vec<(String, Span)> {
    let of = |folder: &Folder, named: &str, span: Span| match folder {
        Folder::Wanted(by) if named == name => Some((by.clone(), span)),
        _ => None,
    };
    let files = tree.files.iter().filter(|file| file.place.scope == scope);
    let files = files.filter_map(|file| of(&file.place.folder, &file.place.name, file.span));
    let links = tree.links.iter().filter(|link| link.place.scope == scope && !link.is_mask());
    let links = links.filter_map(|link| of(&link.place.folder, &link.place.name, link.span));
    files.chain(links).collect()
}

fn settings<'t>(files: impl Iterator<Item = &'t File>, suffix: &str) -> Vec<Setting<'t>> {
    let own = own_section(suffix);
    let known = |section: &str| matches!(section, "Unit" | "Install") || Some(section) == own;
    let mut out: Vec<Setting<'t>> = Vec::new();
    for file in files {
        for assignment in &file.assignments {
            let section_known = known(&assignment.section);
            if section_known && assignment.value.is_empty() {
                reset(&mut out, assignment);
            }
            out.push(Setting { file, assignment, reset_by: None, section_known });
        }
    }
    out
}

/// An empty assignment takes away what was assigned before.
fn reset<'t>(settings: &mut [Setting<'t>], by: &'t Assignment) {
    if by.section == "Unit" && DEPENDENCIES.contains(&by.key.as_str()) {
        return;
    }
    let timer = by.section == "Timer" && TIMER_VALUES.contains(&by.key.as_str());
    for setting in settings.iter_mut().filter(|setting| setting.reset_by.is_none()) {
        let other = setting.assignment;
        let same = other.key == by.key || timer && TIMER_VALUES.contains(&other.key.as_str());
        if other.section == by.section && same && setting.section_known {
            setting.reset_by = Some(by);
        }
    }
}
