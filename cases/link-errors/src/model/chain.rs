//! Who needs a file: the way from the objects on the line over references to a member of an archive.

use std::collections::{HashMap, VecDeque};

use super::input::{Content, Definition, FileId, Program};
use super::names::{Fast, Name};
use super::outcome::{Because, Outcome};

/// One step of a chain: `file` refers to `name`, which the next file defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Who refers.
    pub file: FileId,
    /// To what.
    pub name: Name,
}

/// The reference graph of the files a linker took.
#[derive(Debug)]
pub struct Graph {
    /// For each taken file what it needs of which other taken file, in the order of its symbols.
    edges: HashMap<FileId, Vec<(Name, FileId)>, Fast>,
    /// Files that are there for themselves.
    roots: Vec<FileId>,
}

impl Graph {
    /// The graph after a link.
    pub fn of(program: &Program, outcome: &Outcome) -> Self {
        let taken: HashMap<FileId, Because, Fast> =
            outcome.extracted.iter().map(|one| (one.member, one.because)).collect();
        let mut roots: Vec<FileId> = Vec::new();
        for input in &program.inputs {
            if matches!(program.files[input.file.0 as usize].content, Content::Object(_))
                && !roots.contains(&input.file)
            {
                roots.push(input.file);
            }
        }
        roots.extend(taken.iter().filter(|(_, because)| **because == Because::Whole).map(|(file, _)| *file));
        let who: HashMap<Name, FileId, Fast> = outcome.definitions.iter().copied().collect();
        let mut edges: HashMap<FileId, Vec<(Name, FileId)>, Fast> = HashMap::default();
        for file in roots.iter().copied().chain(taken.keys().copied()) {
            let Content::Object(object) = &program.files[file.0 as usize].content else { continue };
            let needs = object
                .globals()
                .filter(|(_, symbol)| symbol.is_undefined())
                .filter_map(|(_, symbol)| Some((symbol.name, *who.get(&symbol.name)?)))
                .filter(|(_, to)| *to != file)
                .collect();
            edges.insert(file, needs);
        }
        Self { edges, roots }
    }

    /// The shortest way to `file`: each step says who refers to what, and the last one names a symbol of `file`. Empty for a file that is
    /// there for itself; `None` where nothing leads to it.
    pub fn shortest(&self, file: FileId) -> Option<Vec<Link>> {
        if self.roots.contains(&file) {
            return Some(Vec::new());
        }
        let mut from: HashMap<FileId, Link, Fast> = HashMap::default();
        let mut queue: VecDeque<FileId> = self.roots.iter().copied().collect();
        while let Some(at) = queue.pop_front() {
            for (name, to) in self.edges.get(&at).into_iter().flatten() {
                if self.roots.contains(to) || from.contains_key(to) {
                    continue;
                }
                from.insert(*to, Link { file: at, name: *name });
                if *to == file {
                    return Some(back(&from, file));
                }
                queue.push_back(*to);
            }
        }
        None
    }

    /// All files that need something of `file`, and what.
    pub fn users(&self, file: FileId) -> Vec<Link> {
        let mut out: Vec<Link> = self
            .edges
            .iter()
            .flat_map(|(from, needs)| needs.iter().map(|(name, to)| (*from, *name, *to)))
            .filter(|(_, _, to)| *to == file)
            .map(|(file, name, _)| Link { file, name })
            .collect();
        out.sort_by_key(|link| (link.file, link.name));
        out
    }

    /// What `file` needs, and of whom.
    pub fn needs(&self, file: FileId) -> &[(Name, FileId)] {
        self.edges.get(&file).map_or(&[], Vec::as_slice)
    }

    /// Files that are there for themselves.
    pub fn roots(&self) -> &[FileId] {
        &self.roots
    }
}

fn back(from: &HashMap<FileId, Link, Fast>, mut file: FileId) -> Vec<Link> {
    let mut out = Vec::new();
    while let Some(link) = from.get(&file) {
        out.push(*link);
        file = link.file;
    }
    out.reverse();
    out
}

/// Index among the inputs of the first that brings `file`: itself, or the archive it is a member of.
pub fn input_of(program: &Program, file: FileId) -> Option<usize> {
    let owner = program.files[file.0 as usize].archive.unwrap_or(file);
    program.inputs.iter().position(|input| input.file == owner)
}

/// The first object of the line or of what was taken that asks for `name` strongly, in the order they stand.
pub fn first_user(program: &Program, outcome: &Outcome, name: Name) -> Option<FileId> {
    let taken = |file: FileId| outcome.extracted.iter().any(|one| one.member == file);
    program.inputs.iter().flat_map(|input| members(program, input.file)).find(|file| {
        let on_line = program.files[file.0 as usize].archive.is_none();
        (on_line || taken(*file)) && asks(program, *file, name)
    })
}

fn members(program: &Program, file: FileId) -> Vec<FileId> {
    match &program.files[file.0 as usize].content {
        Content::Archive(archive) => archive.members.clone(),
        _ => vec![file],
    }
}

/// True when the object refers to `name` and not only weakly.
pub fn asks(program: &Program, file: FileId, name: Name) -> bool {
    match &program.files[file.0 as usize].content {
        Content::Object(object) => object.globals().any(|(_, symbol)| {
            symbol.name == name
                && symbol.definition == Definition::Undefined
                && symbol.binding != super::input::Binding::Weak
        }),
        Content::Shared(shared) => shared
            .symbols
            .iter()
            .any(|symbol| symbol.name == name && !symbol.defined && symbol.binding != super::input::Binding::Weak),
        _ => false,
    }
}
