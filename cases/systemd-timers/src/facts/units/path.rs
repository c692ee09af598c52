//! Where systemd looks for units, and which folder comes first (src/libsystemd/sd-path/path-lookup.c, `lookup_paths_init`,
//! `user_unit_search_dirs`).

/// Whose unit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Of the system's manager.
    System,
    /// Of users' managers.
    User,
}

/// What a folder is to systemd.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Folder {
    /// A folder of unit files.
    Unit,
    /// `X.timer.d`: drop-ins of X.timer; also `timer.d`, `foo-.timer.d`, `x@.timer.d`.
    DropIn(String),
    /// `timers.target.wants`, `.requires`, `.upholds`: what the target pulls in.
    Wanted(String),
}

/// Where a file lies, for systemd.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Whose.
    pub scope: Scope,
    /// Rank of the folder in the search path: the lowest holds. Files in no folder of systemd have that of `/etc`.
    pub rank: u8,
    /// What the folder is.
    pub folder: Folder,
    /// Name of the file.
    pub name: String,
}

/// A path, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Located {
    /// What stands before the folder of systemd; for others, the folder itself.
    pub(super) root: String,
    /// The file lies in no folder of systemd.
    pub(super) is_bare: bool,
    pub(super) place: Place,
}

/// Folders of the system's units in the order they are searched.
const SYSTEM: &[&str] = &[
    "etc/systemd/system.control",
    "run/systemd/system.control",
    "run/systemd/transient",
    "run/systemd/generator.early",
    "etc/systemd/system",
    "etc/systemd/system.attached",
    "run/systemd/system",
    "run/systemd/system.attached",
    "run/systemd/generator",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
    "run/systemd/generator.late",
];

/// Rank of `/etc/systemd/system`.
const ETC: u8 = 4;

/// Folders of users' units; the home folders stand for `$XDG_CONFIG_HOME` and `$XDG_DATA_HOME`.
const USER: &[&str] = &[
    ".config/systemd/user.control",
    ".config/systemd/user",
    "etc/xdg/systemd/user",
    "etc/systemd/user",
    "run/systemd/user",
    ".local/share/systemd/user",
    "usr/local/share/systemd/user",
    "usr/share/systemd/user",
    "usr/local/lib/systemd/user",
    "usr/lib/systemd/user",
    "lib/systemd/user",
];

/// Takes a path apart.
pub(super) fn locate(path: &str) -> Located {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let (base, kind) = kind(folder);
    let found = find(base);
    let (root, is_bare, scope, rank) = match found {
        Some((root, scope, rank)) => (root.to_owned(), false, scope, rank),
        None => (base.to_owned(), true, Scope::System, ETC),
    };
    Located { root, is_bare, place: Place { scope, rank, folder: kind, name: name.to_owned() } }
}

/// The folder without `X.timer.d` or `X.target.wants`, and which it was.
fn kind(folder: &str) -> (&str, Folder) {
    let (base, last) = folder.rsplit_once('/').unwrap_or(("", folder));
    if let Some(unit) = last.strip_suffix(".d")
        && (casebook_formats::unit::unit_suffix(unit).is_some() || casebook_formats::unit::SUFFIXES.contains(&unit))
    {
        return (base, Folder::DropIn(unit.to_owned()));
    }
    for suffix in [".wants", ".requires", ".upholds"] {
        if let Some(unit) = last.strip_suffix(suffix) {
            return (base, Folder::Wanted(unit.to_owned()));
        }
    }
    (folder, Folder::Unit)
}

/// The folder of systemd that a path is, and what stands before it; the longest that fits.
fn find(folder: &str) -> Option<(&str, Scope, u8)> {
    let both = [(Scope::System, SYSTEM), (Scope::User, USER)];
    let all =
        both.iter().flat_map(|(scope, list)| list.iter().enumerate().map(|(rank, known)| (*scope, rank as u8, *known)));
    let fits = all.filter_map(|(scope, rank, known)| {
        let root = folder.strip_suffix(known)?;
        (root.is_empty() || root.ends_with('/')).then_some((root, scope, rank))
    });
    fits.min_by_key(|(root, _, _)| root.len())
}

/// The root of the machine that a text belongs to which names paths of its own: the folder the text lies in.
pub(super) fn root_beside(path: &str) -> String {
    path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"))
}
