//! Units as systemd puts them together: the file that holds, its drop-ins, and every assignment in the order it is read, with
//! what a later line took away.
//!
//! Evidence gives files at paths. A path that ends in one of systemd's folders is of that folder, whatever stands before it; all
//! such folders below one place are one [`Tree`], which is one machine's. Files elsewhere are of the folder they lie in, as if it
//! were the only one. Links do not arrive as evidence; what is known of them is listed ([`links`]), or a file has the same
//! content.

pub mod cat;
pub mod links;
pub mod merge;
pub mod name;
pub mod path;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use casebook_core::{Coverage, EvidenceId, Input, Span, Unmodelled};
use casebook_formats::unit::{self, ProblemKind, UNIT_FILE, is_unit_name};

pub use links::{LINKS, Link};
pub use merge::{Merged, Setting};
pub use name::{Expanded, UnitName};
pub use path::{Folder, Place, Scope};

/// A unit file or a drop-in, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The evidence.
    pub evidence: EvidenceId,
    /// Its path: of the evidence, or as `systemctl cat` names it.
    pub path: String,
    /// Where systemd would find it.
    pub place: Place,
    /// `systemctl cat` printed it; the evidence is not the file itself.
    pub printed: bool,
    /// The whole of it.
    pub span: Span,
    /// An empty file, which masks a unit or a drop-in of its name.
    pub is_mask: bool,
    /// Sections, in order.
    pub sections: Vec<String>,
    /// Assignments, in order.
    pub assignments: Vec<Assignment>,
    /// Lines that systemd leaves out.
    pub problems: Vec<Problem>,
}

/// An assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Section it stands in.
    pub section: String,
    /// Key.
    pub key: String,
    /// Value, joined where it is continued.
    pub value: String,
    /// The whole assignment.
    pub span: Span,
    /// The key.
    pub key_span: Span,
    /// The value; empty for an empty one.
    pub value_span: Span,
    /// Line that systemd names.
    pub line: u32,
}

/// A line that systemd leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Why.
    pub kind: ProblemKind,
    /// The line, or the rest of the file.
    pub span: Span,
    /// Line, from 1.
    pub line: u32,
}

/// The unit files of one machine, or of one folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// What stands before systemd's folders in the paths; of files elsewhere, their folder.
    pub root: String,
    /// True when the files lie in no folder of systemd: which of two would hold is not known.
    pub is_bare: bool,
    /// All files, in order of evidence.
    pub files: Vec<File>,
    /// Links that are listed.
    pub links: Vec<Link>,
}

/// All unit files of the evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Units {
    /// One for each machine or folder; machines first.
    pub trees: Vec<Tree>,
}

impl Units {
    /// True when there is no unit file.
    pub fn is_empty(&self) -> bool {
        self.trees.iter().all(|tree| tree.files.is_empty())
    }

    /// A unit of the system, put together from the first tree that has it.
    pub fn unit(&self, name: &str) -> Option<Merged<'_>> {
        self.trees.iter().find_map(|tree| tree.unit(name, Scope::System))
    }

    /// Names of all timers of the system, each once.
    pub fn timers(&self) -> Vec<String> {
        let names = self.trees.iter().flat_map(|tree| tree.names(Scope::System));
        let timers: BTreeSet<String> = names.filter(|name| name.ends_with(".timer")).collect();
        timers.into_iter().collect()
    }
}

impl Tree {
    /// Names of the units that have a file, a drop-in of their own, or a link, in order. Templates keep their `@.`.
    pub fn names(&self, scope: Scope) -> BTreeSet<String> {
        let of_scope = self.files.iter().filter(|file| file.place.scope == scope);
        let of_files = of_scope.filter_map(|file| match &file.place.folder {
            Folder::Unit => Some(file.place.name.clone()),
            Folder::DropIn(unit) if is_unit_name(unit) && !name::is_prefix(unit) => Some(unit.clone()),
            Folder::DropIn(_) | Folder::Wanted(_) => None,
        });
        let of_links = self.links.iter().filter(|link| link.place.scope == scope && link.place.folder == Folder::Unit);
        of_files.chain(of_links.map(|link| link.place.name.clone())).collect()
    }

    /// A unit put together; `None` when nothing is known of the name.
    pub fn unit(&self, name: &str, scope: Scope) -> Option<Merged<'_>> {
        merge::unit(self, name, scope)
    }
}

/// Files that `systemctl cat` can hold in one text.
const MOST_PARTS: usize = 10_000;

/// Reads all unit files.
pub(super) fn read(input: &Input<'_>, coverage: &mut Vec<Coverage>) -> Units {
    let mut trees: BTreeMap<(bool, String), Tree> = BTreeMap::new();
    let mut put = |root: String, is_bare: bool, file: Option<File>, link: Option<Link>| {
        let tree = trees.entry((is_bare, root.clone())).or_insert_with(|| Tree { root, is_bare, ..Tree::default() });
        tree.files.extend(file);
        tree.links.extend(link);
    };
    for item in input.of_kind(&UNIT_FILE) {
        let mut unmodelled = Vec::new();
        let parts = cat::parts(item);
        if parts.is_empty() {
            let located = path::locate(&item.path);
            let file = file(item.id, &item.path, located.place, item.as_bytes(), 0);
            unmodelled.extend(gaps(&file));
            put(located.root, located.is_bare, Some(file), None);
        }
        for part in parts.into_iter().take(MOST_PARTS) {
            let located = path::locate(&part.path);
            let bytes = item.as_bytes().get(part.start..part.end).unwrap_or(&[]);
            let file = File { printed: true, ..file(item.id, &part.path, located.place, bytes, part.start) };
            unmodelled.extend(gaps(&file));
            // What `systemctl cat` prints is of the machine the text lies beside.
            let (root, is_bare) = match located.is_bare {
                true => (located.root, true),
                false => (path::root_beside(&item.path), false),
            };
            put(root, is_bare, Some(file), None);
        }
        coverage.push(Coverage::read(item, unmodelled));
    }
    for item in input.of_kind(&LINKS) {
        let (links, unmodelled) = links::read(item);
        for link in links {
            put(path::root_beside(&item.path), false, None, Some(link));
        }
        coverage.push(Coverage::read(item, unmodelled));
    }
    let mut units = Units { trees: trees.into_values().collect() };
    join(&mut units);
    units
}

/// Texts beside the tree of a single machine are of that machine, and a file that is there is the better copy of what `systemctl cat`
/// prints of it. With several machines each text stays with the folder it lies in.
fn join(units: &mut Units) {
    let is_machine = |tree: &Tree| !tree.is_bare && tree.files.iter().any(|file| !file.printed);
    if units.trees.iter().filter(|tree| is_machine(tree)).count() == 1 {
        let (machine, rest): (Vec<Tree>, Vec<Tree>) =
            std::mem::take(&mut units.trees).into_iter().partition(is_machine);
        let (bare, texts): (Vec<Tree>, Vec<Tree>) = rest.into_iter().partition(|tree| tree.is_bare);
        units.trees = machine;
        if let Some(main) = units.trees.first_mut() {
            for text in texts {
                main.links.extend(text.links);
                main.files.extend(text.files);
            }
        }
        units.trees.extend(bare);
    }
    for tree in &mut units.trees {
        let real: BTreeSet<Place> =
            tree.files.iter().filter(|file| !file.printed).map(|file| file.place.clone()).collect();
        tree.files.retain(|file| !file.printed || !real.contains(&file.place));
    }
}

fn gaps(file: &File) -> Vec<Unmodelled> {
    file.problems.iter().map(|problem| Unmodelled::new(problem.span, problem.kind.message())).collect()
}

fn file(evidence: EvidenceId, path: &str, place: Place, bytes: &[u8], base: usize) -> File {
    let read = unit::read(bytes);
    let span = |(start, end): (usize, usize)| Span::new(evidence, base + start, base + end);
    let assignments = read.assignments.iter().map(|item| Assignment {
        section: read.section(item).to_owned(),
        key: item.key.to_string(),
        value: item.value.to_string(),
        span: span(item.span),
        key_span: span(item.key_span),
        value_span: span(item.value_span),
        line: item.line,
    });
    File {
        evidence,
        path: path.to_owned(),
        place,
        printed: false,
        span: span((0, bytes.len())),
        is_mask: bytes.is_empty(),
        sections: read.sections.iter().map(|section| section.name.to_owned()).collect(),
        assignments: assignments.collect(),
        problems: read
            .problems
            .iter()
            .map(|item| Problem { kind: item.kind, span: span(item.span), line: item.line })
            .collect(),
    }
}
