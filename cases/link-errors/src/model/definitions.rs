//! Which files have a name, for those who ask about many names one by one.

use super::input::{Content, Definition, FileId, Program, SymbolType};
use super::names::Name;

/// The files that define each name, or hold it as a local one.
#[derive(Clone, Debug, Default)]
pub struct Definitions {
    /// Where the files of each name begin in `files`, by its number, and where those of the last one end.
    first: Vec<u32>,
    files: Vec<FileId>,
}

impl Definitions {
    /// All definitions of a program.
    pub fn of(program: &Program) -> Self {
        let mut first = vec![0u32; program.names.len() + 1];
        each(program, |name, _| {
            if let Some(count) = first.get_mut(name.0 as usize) {
                *count += 1;
            }
        });
        let mut all = 0u32;
        for count in &mut first {
            let own = std::mem::replace(count, all);
            all = all.saturating_add(own);
        }
        // Each name's place moves on as its files come, to where the next name begins; then all are where the one before was.
        let mut files = vec![FileId(0); all as usize];
        each(program, |name, file| {
            if let Some(at) = first.get_mut(name.0 as usize) {
                if let Some(place) = files.get_mut(*at as usize) {
                    *place = file;
                }
                *at += 1;
            }
        });
        first.rotate_right(1);
        if let Some(zero) = first.first_mut() {
            *zero = 0;
        }
        Self { first, files }
    }

    /// The files of a name, in order; one that has it twice is there twice.
    pub fn files(&self, name: Name) -> &[FileId] {
        let at = |index: usize| self.first.get(index).map_or(0, |at| *at as usize);
        let index = name.0 as usize;
        self.files.get(at(index)..at(index + 1)).unwrap_or_default()
    }
}

/// Every name with a file that has it.
fn each(program: &Program, mut found: impl FnMut(Name, FileId)) {
    for (file, id) in program.files.iter().zip((0..).map(FileId)) {
        match &file.content {
            Content::Object(object) => {
                let symbols = object.symbols.iter().filter(|symbol| symbol.definition != Definition::Undefined);
                symbols
                    .filter(|symbol| !matches!(symbol.kind, SymbolType::Section | SymbolType::File))
                    .for_each(|symbol| found(symbol.name, id));
            }
            Content::Shared(shared) => {
                shared.symbols.iter().filter(|symbol| symbol.defined).for_each(|symbol| found(symbol.name, id));
                shared.local.iter().for_each(|name| found(*name, id));
            }
            Content::Archive(_) | Content::Unusable(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::input::{File, Object, Shared, Symbol};

    #[test]
    fn a_name_has_the_files_that_have_it() {
        let mut program = Program::default();
        let [a, b, c] = [&b"a"[..], b"b", b"c"].map(|name| program.names.intern(name));
        let symbol = |name, definition| Symbol {
            name,
            version: None,
            binding: crate::model::input::Binding::Global,
            kind: SymbolType::Function,
            visibility: crate::model::input::Visibility::Default,
            definition,
            value: 0,
            size: 0,
        };
        let object = |symbols| Content::Object(Object { symbols, ..Object::default() });
        let contents = [
            object(vec![symbol(c, Definition::Absolute), symbol(a, Definition::Undefined)]),
            Content::Shared(Shared { local: vec![a, c], ..Shared::default() }),
            object(vec![symbol(a, Definition::Section(1))]),
        ];
        for content in contents {
            program.files.push(File { name: String::new(), content, archive: None });
        }
        let definitions = Definitions::of(&program);
        assert_eq!(definitions.files(a), [FileId(1), FileId(2)]);
        assert_eq!(definitions.files(b), []);
        assert_eq!(definitions.files(c), [FileId(0), FileId(1)]);
        assert_eq!(definitions.files(Name(9)), []);
    }
}
