//! What sections of an object refer to, frames of `.eh_frame` taken apart: a function keeps its exception table, and all frames keep their
//! personality routines (`EhFrameSection`, mold; `process_eh_frame_relocations`, wild).

use std::collections::HashMap;

use super::input::{Definition, Object, Program};
use super::names::Fast;

/// How far exception tables are followed. A frame keeps the table of its own function only; which frame a relocation is of, the input
/// does not always tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tables {
    /// Of a function the table whose relocation stands in the same frame.
    Sure,
    /// Of any function all tables of its file.
    Possible,
}

/// Relocations of an object by section.
pub struct Edges {
    from: HashMap<u32, Vec<u32>, Fast>,
    /// Function -> exception table, both sections.
    tables: HashMap<u32, Vec<u32>, Fast>,
    /// Symbols that frames name beside functions and tables: personality routines.
    pub personalities: Vec<u32>,
    open: bool,
}

impl Edges {
    /// Those of an object, its exception tables as far as `follow` says.
    pub fn of(program: &Program, object: &Object, follow: Tables) -> Self {
        let mut edges =
            Self { from: HashMap::default(), tables: HashMap::default(), personalities: Vec::new(), open: false };
        let mut frames: Vec<(u64, u32)> = Vec::new();
        for reference in &object.references {
            let frame = object
                .sections
                .get(reference.section as usize)
                .is_some_and(|section| program.names.bytes(section.name) == b".eh_frame");
            if !frame {
                edges.from.entry(reference.section).or_default().push(reference.symbol);
            } else if reference.symbol >= object.first_global {
                edges.personalities.push(reference.symbol);
            } else if let Some(Definition::Section(section)) =
                object.symbols.get(reference.symbol as usize).map(|symbol| symbol.definition)
            {
                frames.push((reference.offset, section));
            }
        }
        frames.sort_unstable();
        let is_code = |section: u32| object.sections.get(section as usize).is_some_and(|own| own.flags & 0x4 != 0);
        let functions: Vec<u32> =
            frames.iter().map(|(_, section)| *section).filter(|section| is_code(*section)).collect();
        let mut last: Option<(u64, u32)> = None;
        for (offset, section) in frames {
            if is_code(section) {
                last = Some((offset, section));
                continue;
            }
            // The table's pointer follows the function's address, its length and the length of what follows.
            let near = last.filter(|(at, _)| offset - at <= 24).map(|(_, function)| function);
            let own = if let [function] = functions[..] { Some(function) } else { near };
            edges.open |= functions.len() > 1;
            match follow {
                Tables::Sure => {
                    if let Some(own) = own {
                        edges.tables.entry(own).or_default().push(section);
                    }
                }
                Tables::Possible => {
                    for function in &functions {
                        edges.tables.entry(*function).or_default().push(section);
                    }
                }
            }
        }
        edges
    }

    /// True where frames leave it open which function a table belongs to.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Symbols that relocations of the section name.
    pub fn from(&self, section: u32) -> &[u32] {
        self.from.get(&section).map_or(&[], Vec::as_slice)
    }

    /// Exception tables of the functions in the section.
    pub fn tables_of(&self, section: u32) -> impl Iterator<Item = u32> {
        self.tables.get(&section).into_iter().flatten().copied()
    }
}
