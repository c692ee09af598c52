//! Where in the source a place of an object comes from, by DWARF 2 to 5.
//!
//! An object's debug information is not yet linked: it names addresses through relocations, and every section begins at
//! zero. Here each section gets a stretch of addresses of its own (`layout`), the relocations of the debug sections
//! are applied to copies of them, and what they say is read as that of a program. This is done for objects that are
//! printed, and only then.
//!
//! All answers are `None` where the object has no debug information, or it is damaged at that place.

mod apply;
mod declarations;
mod layout;
mod lines;
mod sections;
#[cfg(test)]
mod tests;

use casebook_formats::elf::Elf;
use casebook_formats::gap::Gaps;

use crate::model::input::{Definition, Object, Symbol, SymbolType};
use declarations::Declarations;
use layout::Layout;
use lines::Lines;
use sections::Sections;

/// A line of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Path of the file as the compiler was told, with the folder of the include path in front.
    pub path: String,
    /// The folder the compiler ran in, which a relative path is relative to.
    pub directory: Option<String>,
    /// Number of the line; the first is 1.
    pub line: u32,
    /// Number of the column where it is known; the first is 1.
    pub column: Option<u32>,
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.path, self.line)
    }
}

/// The source of one object.
#[derive(Clone, Debug)]
pub struct Source {
    layout: Layout,
    lines: Lines,
    declarations: Declarations,
}

impl Source {
    /// Reads the debug information of an object. `None` when there is none, or it is larger than is read.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        // What is wrong with the file is said where its symbols are read.
        let mut gaps = Gaps::default();
        let elf = Elf::read(bytes, &mut gaps)?;
        let symbols = elf.symbols(&mut gaps);
        let layout = Layout::of(&elf)?;
        let sections = Sections::read(&elf, symbols.as_ref(), &layout, &mut gaps)?;
        let mut source = Self { layout, lines: Lines::default(), declarations: Declarations::default() };
        sections.each_unit(|dwarf, unit| {
            source.lines.add(dwarf, unit);
            source.declarations.add(dwarf, unit, &mut source.lines);
        });
        source.lines.finish();
        (!source.lines.is_empty() || !source.declarations.is_empty()).then_some(source)
    }

    /// The line of an offset in a section of code.
    pub fn line(&self, section: u32, offset: u64) -> Option<Line> {
        self.lines.at(self.layout.address(section, offset)?)
    }

    /// Where a symbol of the object is defined: the line of its variable or function. `index` is that of the symbol.
    pub fn definition(&self, index: u32, symbol: &Symbol) -> Option<Line> {
        let address = match symbol.definition {
            Definition::Section(section) => self.layout.address(section, symbol.value)?,
            Definition::Common { .. } => self.layout.external(index)?,
            Definition::Undefined | Definition::Absolute => return None,
        };
        let code = matches!(symbol.kind, SymbolType::Function | SymbolType::IFunc);
        let address = if code { self.layout.code(address) } else { address };
        let declared = self.declarations.at(address).and_then(|(file, line)| self.lines.file(file, line));
        declared.or_else(|| if code { self.lines.at(address) } else { None })
    }
}

/// The function, or variable, an offset of a section is in: index of its symbol. Where no symbol says that it reaches
/// so far, the last one before the offset whose size is not known (assembly), if the offset is in no other.
pub fn enclosing(object: &Object, section: u32, offset: u64) -> Option<u32> {
    let mut best: Option<(u64, u8, u32)> = None;
    for (index, symbol) in (0u32..).zip(&object.symbols) {
        if symbol.definition != Definition::Section(section) || symbol.value > offset {
            continue;
        }
        let inside = offset - symbol.value < symbol.size;
        let rank = match symbol.kind {
            SymbolType::Function | SymbolType::IFunc if inside => 3,
            SymbolType::Object | SymbolType::Tls if inside => 2,
            SymbolType::Function | SymbolType::IFunc | SymbolType::None if symbol.size == 0 => 1,
            _ => continue,
        };
        let better = best.is_none_or(|(value, other, _)| (rank > 1, symbol.value, rank) > (other > 1, value, other));
        if better {
            best = Some((symbol.value, rank, index));
        }
    }
    best.map(|(_, _, index)| index)
}
