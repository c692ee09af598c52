//! Where ld.bfd finds what shared objects need: `ldelf_handle_dt_needed` of ld/ldelf.c. It looks where the dynamic loader would, never in `-L`.

use std::collections::{BTreeSet, VecDeque};

use casebook_formats::elf::Endianness;

use super::paths::{base, clean, join, parent};
use super::{Resolver, files};
use crate::model::input::{Content, FileId};
use crate::model::names::Name;
use crate::model::outcome::LinkerKind;

/// Shared objects that are followed.
const MOST: usize = 10_000;

/// Fills [`crate::model::input::Program::closure`]. Other linkers read no shared object that is not on the line.
pub(super) fn find(resolver: &mut Resolver<'_>) {
    if resolver.linker != LinkerKind::Bfd {
        return;
    }
    let conf = Conf::read(resolver);
    let mut queue: VecDeque<FileId> = VecDeque::new();
    let inputs: Vec<FileId> = resolver.out.program.inputs.iter().map(|input| input.file).collect();
    for file in inputs {
        if is_shared(resolver, file) && !queue.contains(&file) {
            queue.push_back(file);
        }
    }
    let mut seen: BTreeSet<FileId> = queue.iter().copied().collect();
    let on_line: Vec<FileId> = queue.iter().copied().collect();
    let mut followed = 0;
    while let Some(by) = queue.pop_front() {
        followed += 1;
        if followed > MOST {
            return resolver.unknown(format!("{MOST} shared objects that others need are followed"));
        }
        for soname in needed(resolver, by) {
            if let Some(file) = on_line.iter().copied().find(|file| is_called(resolver, *file, soname)) {
                resolver.out.program.closure.insert((by, soname), file);
                continue;
            }
            match locate(resolver, &conf, by, soname, &on_line) {
                Some(path) => {
                    let file = resolver.file(&path);
                    resolver.out.program.closure.insert((by, soname), file);
                    if seen.insert(file) {
                        queue.push_back(file);
                    }
                }
                None => {
                    let name = resolver.out.program.names.text(soname).into_owned();
                    if !resolver.out.lost.iter().any(|(_, known)| *known == name) {
                        resolver.out.lost.push((by, name));
                    }
                }
            }
        }
    }
}

fn is_shared(resolver: &Resolver<'_>, file: FileId) -> bool {
    let file = resolver.out.program.files.get(file.0 as usize);
    file.is_some_and(|file| matches!(file.content, Content::Shared(_)))
}

fn needed(resolver: &Resolver<'_>, file: FileId) -> Vec<Name> {
    match resolver.out.program.files.get(file.0 as usize).map(|file| &file.content) {
        Some(Content::Shared(shared)) => shared.needed.clone(),
        _ => Vec::new(),
    }
}

/// Does this file of the line answer to this name: by its `DT_SONAME`, or by the name of the file (`ldelf_check_needed`)?
fn is_called(resolver: &Resolver<'_>, file: FileId, soname: Name) -> bool {
    let Some(file) = resolver.out.program.files.get(file.0 as usize) else { return false };
    let Content::Shared(shared) = &file.content else { return false };
    if shared.soname == Some(soname) {
        return true;
    }
    let wanted = resolver.out.program.names.text(soname);
    file.name == wanted || (shared.soname.is_none() && base(&file.name) == wanted)
}

/// The path of what `by` needs.
fn locate(resolver: &Resolver<'_>, conf: &Conf, by: FileId, soname: Name, on_line: &[FileId]) -> Option<String> {
    let name = resolver.out.program.names.text(soname).into_owned();
    if name.starts_with('/') {
        return is_usable(resolver, &name, true, on_line).then_some(name);
    }
    let places = places(resolver, conf, by, &name);
    // The first time it passes over objects that would bring another version of a library, or do not need libc (`ldelf_try_needed`).
    [false, true]
        .into_iter()
        .find_map(|force| places.iter().find(|path| is_usable(resolver, path, force, on_line)).cloned())
}

fn places(resolver: &Resolver<'_>, conf: &Conf, by: FileId, name: &str) -> Vec<String> {
    let line = resolver.line;
    let sysroot = super::search::sysroot(line);
    let rooted = |path: &str| if path.starts_with('/') { format!("{sysroot}{path}") } else { path.to_owned() };
    let origin = resolver.out.path(by).and_then(parent).map(str::to_owned);
    let output = line.options.output_file.as_ref().map_or("a.out", |given| given.value.as_str());
    let output = join(line.directory.as_deref(), output);
    let own = parent(&output).map(str::to_owned);
    let mut folders: Vec<String> = Vec::new();
    // $ORIGIN is the folder of who needs it, for all of these (`ldelf_search_needed`).
    let origin = origin.or(own);
    let put = |path: &str| with_origin(path, origin.as_deref());
    folders.extend(line.rpath_link.iter().map(|given| put(&given.value)));
    folders.extend(line.rpath.iter().map(|given| put(&rooted(&given.value))));
    if let Some(Content::Shared(shared)) = resolver.out.program.files.get(by.0 as usize).map(|file| &file.content)
        && let Some(runpath) = shared.runpath
    {
        let runpath = resolver.out.program.names.text(runpath).into_owned();
        folders.extend(runpath.split(':').map(|path| put(&rooted(path))));
    }
    folders.extend(conf.folders.iter().map(|path| rooted(path)));
    folders.extend(resolver.folders.iter().filter(|folder| !folder.by_line).map(|folder| folder.path.clone()));
    folders.iter().map(|folder| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }).collect()
}

/// `$ORIGIN` and `$LIB` of a path. `$LIB` is `lib64` for 64-bit links here.
fn with_origin(path: &str, origin: Option<&str>) -> String {
    let mut out = path.to_owned();
    if let Some(origin) = origin {
        out = out.replace("${ORIGIN}", origin).replace("$ORIGIN", origin);
    }
    out.replace("${LIB}", "lib64").replace("$LIB", "lib64")
}

/// `ldelf_try_needed`: a shared object for this machine; without `force` also one that needs libc and fits the versions on the line.
fn is_usable(resolver: &Resolver<'_>, path: &str, force: bool, on_line: &[FileId]) -> bool {
    let Some(found) = resolver.open(path) else { return false };
    let Some(machine) = files::machine_of(found.bytes.as_slice()) else { return false };
    if resolver.machine.is_some_and(|wanted| wanted != machine) {
        return false;
    }
    if !is_dynamic(found.bytes.as_slice(), machine.order) {
        return false;
    }
    if force {
        return true;
    }
    let Some(needs) = needs_of(resolver, path) else { return true };
    if needs.is_empty() {
        return true;
    }
    let clashes = needs.iter().any(|need| on_line.iter().any(|file| is_other_version(resolver, *file, need)));
    !clashes && needs.iter().any(|need| need.starts_with("libc.so"))
}

/// `ET_DYN`
fn is_dynamic(bytes: &[u8], order: Endianness) -> bool {
    let little = order == Endianness::Little;
    bytes.get(16..18).is_some_and(|kind| kind == if little { [3, 0] } else { [0, 3] })
}

/// What a shared object needs, when it was read already or can be read by itself.
fn needs_of(resolver: &Resolver<'_>, path: &str) -> Option<Vec<String>> {
    let full = join(resolver.line.directory.as_deref(), path);
    if let Some(file) = resolver.known.get(&clean(&full)) {
        let names = needed(resolver, *file);
        return Some(names.iter().map(|name| resolver.out.program.names.text(*name).into_owned()).collect());
    }
    let found = resolver.disk.find(&full)?;
    let mut names = crate::model::names::Names::default();
    let mut files = Vec::new();
    let added = (resolver.load)(&mut names, &mut files, path, found.bytes.as_slice(), &mut |_| None);
    match &files.get(added.file.0 as usize)?.content {
        Content::Shared(shared) => Some(shared.needed.iter().map(|name| names.text(*name).into_owned()).collect()),
        _ => None,
    }
}

/// `ldelf_vercheck`: `libx.so.1` on the line and `libx.so.2` needed.
fn is_other_version(resolver: &Resolver<'_>, file: FileId, need: &str) -> bool {
    let Some(file) = resolver.out.program.files.get(file.0 as usize) else { return false };
    let Content::Shared(shared) = &file.content else { return false };
    let soname = match shared.soname {
        Some(soname) => resolver.out.program.names.text(soname).into_owned(),
        None => base(&file.name).to_owned(),
    };
    if soname == need || need.contains('/') {
        return false;
    }
    need.find(".so.").is_some_and(|at| soname.as_bytes().get(..at + 4) == need.as_bytes().get(..at + 4))
}

/// Folders of `/etc/ld.so.conf` (`ldelf_parse_ld_so_conf`).
pub(super) struct Conf {
    folders: Vec<String>,
}

/// Files that include each other.
const DEEPEST: usize = 8;

impl Conf {
    fn read(resolver: &Resolver<'_>) -> Self {
        let mut conf = Self { folders: Vec::new() };
        let path = format!("{}/etc/ld.so.conf", super::search::sysroot(resolver.line));
        conf.file(resolver, &path, 0);
        conf
    }

    fn file(&mut self, resolver: &Resolver<'_>, path: &str, depth: usize) {
        if depth > DEEPEST || self.folders.len() > MOST {
            return;
        }
        let Some(found) = resolver.disk.find(path) else { return };
        for line in String::from_utf8_lossy(found.bytes.as_slice()).lines() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if let Some(patterns) = line.strip_prefix("include ").or_else(|| line.strip_prefix("include\t")) {
                for pattern in patterns.split_whitespace() {
                    self.include(resolver, path, pattern, depth);
                }
            } else if !line.is_empty() {
                let end = line.find(['=', ' ', '\t']).unwrap_or(line.len());
                self.folders.push(line[..end].trim_end_matches('/').to_owned());
            }
        }
    }

    fn include(&mut self, resolver: &Resolver<'_>, from: &str, pattern: &str, depth: usize) {
        let pattern = join(parent(from), pattern);
        let (folder, last) = pattern.rsplit_once('/').unwrap_or((".", &pattern));
        let Some((before, after)) = last.split_once('*') else { return self.file(resolver, &pattern, depth + 1) };
        let mut names = resolver.disk.list(folder);
        names.sort_unstable();
        for name in names {
            let fits = name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after);
            if fits && !name.starts_with('.') {
                self.file(resolver, &format!("{folder}/{name}"), depth + 1);
            }
        }
    }
}
