//! Files whose names and numbers are of a table of their own, put into a program.

use crate::model::input::{Archive, Content, DynamicSymbol, File, FileId, Group, Object, Section, Shared, Symbol};
use crate::model::names::Name;

use super::Added;

/// Gives the names of `file` the numbers they have in the program.
pub(super) fn names(file: &mut File, names: &[Name]) {
    match &mut file.content {
        Content::Object(found) => object(found, names),
        Content::Shared(found) => shared(found, names),
        Content::Archive(Archive { members: _, index, thin: _ }) => {
            index.iter_mut().flatten().for_each(|(name, _)| renamed(name, names));
        }
        Content::Unusable(_) => {}
    }
}

/// Moves the numbers of files up.
pub(super) fn moved(file: &mut File, first: u32) {
    let File { name: _, content, archive } = file;
    archive.iter_mut().for_each(|archive| up(archive, first));
    if let Content::Archive(archive) = content {
        archive.members.iter_mut().for_each(|member| up(member, first));
    }
}

/// The same for what was said of it.
pub(super) fn added(added: &mut Added, first: u32) {
    let Added { file, parts, faults, unlisted: _ } = added;
    up(file, first);
    parts.iter_mut().for_each(|part| up(&mut part.file, first));
    faults.iter_mut().for_each(|fault| up(&mut fault.file, first));
}

fn object(object: &mut Object, names: &[Name]) {
    let Object { symbols, first_global: _, sections, groups, references: _, lto: _ } = object;
    for Symbol { name, version, .. } in symbols {
        renamed(name, names);
        version.iter_mut().for_each(|version| renamed(&mut version.name, names));
    }
    sections.iter_mut().for_each(|Section { name, .. }| renamed(name, names));
    groups.iter_mut().for_each(|Group { signature, .. }| renamed(signature, names));
}

fn shared(shared: &mut Shared, names: &[Name]) {
    let Shared { soname, needed, runpath, pie: _, first_version, symbols, local } = shared;
    [soname, runpath, first_version].into_iter().flatten().for_each(|name| renamed(name, names));
    needed.iter_mut().chain(local).for_each(|name| renamed(name, names));
    for DynamicSymbol { name, version, .. } in symbols {
        renamed(name, names);
        version.iter_mut().for_each(|version| renamed(&mut version.name, names));
    }
}

#[inline]
fn renamed(name: &mut Name, names: &[Name]) {
    if let Some(known) = names.get(name.0 as usize) {
        *name = *known;
    }
}

fn up(file: &mut FileId, first: u32) {
    file.0 = file.0.saturating_add(first);
}
