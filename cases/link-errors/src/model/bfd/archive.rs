//! One visit to an archive (`elf_link_add_archive_symbols`, bfd/elflink.c): its index is gone through again as long as members bring new
//! undefined symbols.

use super::link::{Fatal, Link};
use super::merge::is_function;
use super::table::{EntryId, Key, Kind};
use crate::model::input::{Archive, Binding, Content, Definition, ExcludeLibs, FileId, Unusable};
use crate::model::names::Name;
use crate::model::outcome::{Because, Event, Extraction, Refusal};

/// An archive of the line: members are taken from it once, however often it is searched.
pub(super) struct Opened {
    pub(super) file: FileId,
    taken: Vec<bool>,
}

impl Opened {
    pub(super) fn new(file: FileId, archive: &Archive) -> Self {
        Self { file, taken: vec![false; archive.members.len()] }
    }
}

impl Link<'_> {
    pub(super) fn whole_archive(&mut self, archive: &Archive) -> Result<(), Fatal> {
        for member in &archive.members {
            self.member(*member, Because::Whole)?;
        }
        Ok(())
    }

    pub(super) fn archive(&mut self, opened: &mut Opened, archive: &Archive, round: u32) -> Result<(), Fatal> {
        let Some(index) = &archive.index else {
            if archive.members.is_empty() {
                return Ok(());
            }
            self.refusals.push(Refusal::NoIndex(opened.file));
            return Err(Fatal);
        };
        self.trace.push(Event::Search(opened.file, round));
        let mut passed = vec![false; index.len()];
        loop {
            let mut again = false;
            let mut last = None;
            for (number, (name, member)) in index.iter().enumerate() {
                if passed[number] {
                    continue;
                }
                if last == Some(*member) {
                    passed[number] = true;
                    continue;
                }
                let Some(id) = self.lookup(*name) else { continue };
                let entry = *self.table.get(id);
                let Some(file) = archive.members.get(*member as usize).copied() else { continue };
                let by = entry.owner.map(|owner| self.file(owner.bfd));
                let because = match entry.kind {
                    Kind::Undefined if entry.discarded => continue,
                    Kind::Undefined => match by {
                        Some(file) => Because::Reference { file, name: entry.key.name },
                        None => Because::Option(entry.key.name),
                    },
                    Kind::Common if self.defines_data(file, *name) => match by {
                        Some(file) => Because::Common { file, name: entry.key.name },
                        None => continue,
                    },
                    Kind::Common | Kind::UndefinedWeak => continue,
                    _ => {
                        passed[number] = true;
                        continue;
                    }
                };
                // The index says it is there, and it was not: the member is not taken a second time.
                if std::mem::replace(&mut opened.taken[*member as usize], true) {
                    continue;
                }
                let before = self.table.listed();
                self.member(file, because)?;
                again |= self.table.listed() != before;
                let mut mark = number;
                loop {
                    passed[mark] = true;
                    if mark == 0 {
                        break;
                    }
                    mark -= 1;
                    if index[mark].1 != *member {
                        break;
                    }
                }
                last = Some(*member);
            }
            if !again {
                return Ok(());
            }
        }
    }

    fn member(&mut self, member: FileId, because: Because) -> Result<(), Fatal> {
        self.extracted.push(Extraction { member, because });
        self.trace.push(Event::Extract(member, because));
        match &self.program.files[member.0 as usize].content {
            Content::Object(object) => self.object(member, object),
            Content::Unusable(Unusable::Bitcode(_)) => self.bitcode(member),
            _ => {
                self.refusals.push(Refusal::File(member));
                Err(Fatal)
            }
        }
    }

    /// `_bfd_elf_archive_symbol_lookup`: a default version in an archive answers to the plain name too.
    fn lookup(&self, name: Name) -> Option<EntryId> {
        let names = &self.program.names;
        let text = names.bytes(name);
        let Some(at) = text.iter().position(|byte| *byte == b'@') else {
            return self.table.find(Key::plain(name)).map(|id| self.table.real(id));
        };
        let default = text.get(at + 1) == Some(&b'@');
        let stem = names.get(&text[..at])?;
        let version = names.get(&text[at + 1 + usize::from(default)..]);
        let versioned = |default| version.map(|version| Key { name: stem, version: Some(version), default });
        let find = |key: Option<Key>| key.and_then(|key| self.table.find(key));
        let found = find(versioned(default));
        let found = if default {
            found.or_else(|| find(versioned(false))).or_else(|| find(Some(Key::plain(stem))))
        } else {
            found
        };
        found.map(|id| self.table.real(id))
    }

    /// `elf_link_is_defined_archive_symbol`: a common symbol brings in a member that defines it as data, and not weakly.
    fn defines_data(&self, member: FileId, name: Name) -> bool {
        let Content::Object(object) = &self.program.files[member.0 as usize].content else { return false };
        let names = &self.program.names;
        let wanted = names.bytes(name);
        let first = object.globals().find(|(_, symbol)| match symbol.version {
            None => symbol.name == name,
            Some(version) => {
                let sign: &[u8] = if version.default { b"@@" } else { b"@" };
                [names.bytes(symbol.name), sign, names.bytes(version.name)].concat() == wanted
            }
        });
        first.is_some_and(|(_, symbol)| {
            matches!(symbol.binding, Binding::Global | Binding::Unique)
                && !is_function(symbol.kind)
                && !matches!(symbol.definition, Definition::Undefined | Definition::Common { .. })
        })
    }

    /// `--exclude-libs`: what members of the archive define is hidden (`check_excluded_libs`, ld/ldlang.c: the base name, with or without
    /// `.a`).
    pub(super) fn no_export(&self, file: FileId) -> bool {
        let Some(archive) = self.program.files[file.0 as usize].archive else { return false };
        match &self.program.options.exclude_libs {
            ExcludeLibs::None => false,
            ExcludeLibs::All => true,
            ExcludeLibs::Named(names) => {
                let path = &self.program.files[archive.0 as usize].name;
                let base = path.rsplit('/').next().unwrap_or(path);
                names.iter().any(|name| name == base || Some(name.as_str()) == base.strip_suffix(".a"))
            }
        }
    }
}
