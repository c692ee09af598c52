//! Where the definition of an undefined symbol may be, from a log alone: what the name tells, where the library that usually has it stands on
//! the line, and how that library was made before.

use std::collections::HashMap;

use casebook_core::Span;

use super::{UNDEFINED, name, undefined_here, unexplained};
use crate::facts::Facts;
use crate::facts::command::{Flag, How, ItemKind, LinkLine, Made};
use crate::facts::log::{Kind, Message, Role};
use crate::facts::unseen::SaidOf;
use crate::model::input::Output;
use crate::model::known::{Known, library_of, library_stem};
use crate::rules::common::base_name;

/// What a log tells of an undefined symbol.
#[derive(Clone, Copy, Debug)]
pub(super) enum Guess<'f> {
    /// The library that usually has it stands before what needs it, and the linker looks once.
    Before { known: &'static Known, item: usize, user: usize },
    /// The library that usually has it is on the line, and in its place.
    Lacks { known: &'static Known, item: usize },
    /// That library was linked before, and this keeps its symbols inside.
    Kept { known: &'static Known, item: usize, by: Kept<'f> },
    /// The library that usually has it is not on the line, as far as there is one.
    NotNamed(&'static Known),
    /// The name is one of the new strings of libstdc++; the flag says that something was compiled for the old ones.
    Strings(Option<Span>),
    /// A library beside the log has it, and the line does not name it: which of [`Facts::beside`].
    Beside(usize),
    /// A shared object uses it.
    InShared { library: &'f str },
    /// `main`
    Main,
    /// The vtable or type information of a class.
    Class,
    /// Nothing.
    Nothing,
}

/// What keeps the symbols of a library inside of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kept<'f> {
    /// `-fvisibility=hidden`
    Hidden(Option<Span>),
    /// `-fvisibility=hidden`, said of something that the text does not show.
    Perhaps(Span),
    /// `--version-script`
    Script(&'f str, Option<Span>),
}

/// Messages of one link that tell the same.
#[derive(Debug)]
pub(super) struct Group<'f> {
    /// What they tell.
    pub guess: Guess<'f>,
    /// Their link.
    pub link: Option<SaidOf<'f>>,
    /// The messages, in order.
    pub messages: Vec<&'f Message>,
}

impl Group<'_> {
    /// Whether a message of the same link belongs to it.
    fn takes(&self, guess: &Guess<'_>, message: &Message) -> bool {
        let same = self.messages.first().is_some_and(|first| first.span.evidence == message.span.evidence);
        same && match (&self.guess, guess) {
            (Guess::Before { item, user, .. }, Guess::Before { item: other, user: by, .. }) => {
                item == other && user == by
            }
            (Guess::Lacks { item, .. }, Guess::Lacks { item: other, .. })
            | (Guess::Kept { item, .. }, Guess::Kept { item: other, .. }) => item == other,
            (Guess::InShared { library }, Guess::InShared { library: other }) => library == other,
            (Guess::NotNamed(known), Guess::NotNamed(other)) => known.flag == other.flag,
            (Guess::Beside(one), Guess::Beside(other)) => one == other,
            (Guess::Class, Guess::Class) => self.messages.first().is_some_and(|first| name(first) == name(message)),
            (Guess::Strings(_), Guess::Strings(_)) | (Guess::Main, Guess::Main) | (Guess::Nothing, Guess::Nothing) => {
                true
            }
            _ => false,
        }
    }
}

/// Undefined symbols that no link of the evidence explains, by what the log tells of them.
pub(super) fn groups(facts: &Facts) -> Vec<Group<'_>> {
    let mut places = Places::default();
    let mut out: Vec<Group<'_>> = Vec::new();
    for (index, message) in unexplained(facts, UNDEFINED, undefined_here) {
        if name(message).is_empty() {
            continue;
        }
        let link = facts.link_of(index);
        let number = link.map(|link| link.number);
        let guess = guess(facts, link, message, &mut places);
        let known =
            out.iter_mut().find(|group| group.link.map(|of| of.number) == number && group.takes(&guess, message));
        match known {
            Some(group) => group.messages.push(message),
            None => out.push(Group { guess, link, messages: vec![message] }),
        }
    }
    out
}

fn guess<'f>(facts: &'f Facts, link: Option<SaidOf<'f>>, message: &'f Message, places: &mut Places<'f>) -> Guess<'f> {
    let said = name(message);
    if message.kind == Kind::UndefinedInShared
        && let Some(file) = message.place(Role::Reference).and_then(|place| place.file.as_ref())
    {
        return Guess::InShared { library: &file.value };
    }
    if said == "main" {
        return Guess::Main;
    }
    if let Some(index) = beside(facts, link, message) {
        return Guess::Beside(index);
    }
    let Some(known) = library_of(&said).or_else(|| by_readable(&said)) else {
        if said.starts_with("vtable for ") || said.starts_with("typeinfo for ") {
            return Guess::Class;
        }
        return if of_new_strings(&said) { Guess::Strings(old_strings(facts)) } else { Guess::Nothing };
    };
    let Some(link) = link else { return Guess::NotNamed(known) };
    let items: Vec<usize> = link
        .line
        .items
        .iter()
        .enumerate()
        .filter_map(|(index, item)| is_library(&item.kind, known).then_some(index))
        .collect();
    let Some(last) = items.last().copied() else { return Guess::NotNamed(known) };
    let user = places.user(link, facts, message);
    if let Some(user) = user.filter(|user| link.looks_once() && last < *user) {
        let (item, by) = (&link.line.items[last], &link.line.items[user]);
        let grouped = item.state.group.is_some() && item.state.group == by.state.group;
        let shared = matches!(&item.kind, ItemKind::File(name) if !name.ends_with(".a"));
        if !grouped && (!shared || item.state.as_needed) {
            return Guess::Before { known, item: last, user };
        }
    }
    match kept(facts, link.line, &link.line.items[last].kind) {
        Some(by) => Guess::Kept { known, item: last, by },
        None => Guess::Lacks { known, item: last },
    }
}

/// The library beside the log that has the symbol, where the line names none of its name.
fn beside(facts: &Facts, link: Option<SaidOf<'_>>, message: &Message) -> Option<usize> {
    let said = name(message);
    let on_line = |stem: Option<&str>| {
        let items = link.iter().flat_map(|link| &link.line.items);
        items.into_iter().any(|item| stem.is_some() && stem_of(&item.kind) == stem)
    };
    facts.beside.iter().position(|one| {
        one.texts.contains(&message.span.evidence) && one.defines.contains(&said) && !on_line(library_stem(&one.name))
    })
}

/// `[abi:cxx11]` marks what returns a new string, `std::__cxx11::` what takes one (GCC manual, "Dual ABI" of libstdc++).
fn of_new_strings(said: &str) -> bool {
    said.contains("[abi:cxx11]") || said.contains("std::__cxx11::") || said.contains("B5cxx11")
}

/// Where the texts say that something was compiled for the old strings.
fn old_strings(facts: &Facts) -> Option<Span> {
    flags(&facts.made)
        .chain(facts.flags.iter().copied())
        .find(|(flag, _)| *flag == Flag::OldStrings)
        .map(|(_, span)| span)
}

fn flags(made: &[Made]) -> impl Iterator<Item = (Flag, Span)> {
    let all = made.iter().filter_map(|made| match &made.how {
        How::Compiled { flags, .. } => Some(flags.as_slice()),
        How::Archive(_) => None,
    });
    all.flatten().copied()
}

/// The link of a shared library that an item names, where the texts have it, and what in it keeps symbols inside.
fn kept<'f>(facts: &'f Facts, line: &LinkLine, item: &ItemKind) -> Option<Kept<'f>> {
    let stem = stem_of(item)?;
    let library = facts.lines().filter(|line| line.options.output == Output::Shared).find(|line| {
        let output = line.options.output_file.as_ref().map(|given| base_name(&given.value));
        output.and_then(library_stem) == Some(stem)
    });
    let Some(library) = library else {
        // How it was linked is not told. Where the text names the flag, for whatever it built, that is the one thing known.
        if !of_this_build(line, item) {
            return None;
        }
        let archive = facts.made(|output| library_stem(base_name(output)) == Some(stem)).next().is_some();
        let stray = facts.flags.iter().find(|(flag, _)| *flag == Flag::Hidden).filter(|_| !archive);
        return stray.map(|(_, span)| Kept::Perhaps(*span));
    };
    if let Some(script) = library.options.version_scripts.first() {
        return Some(Kept::Script(&script.value, library.span(script.argument)));
    }
    if let Some(word) = library.words.iter().find(|word| word.text == "-fvisibility=hidden") {
        return Some(Kept::Hidden(word.span));
    }
    // The objects it was linked of.
    let of = |made: &&Made| library.items.iter().any(|item| base_name(item.kind.name()) == base_name(&made.output));
    let objects: Vec<Made> = facts.made.iter().filter(of).cloned().collect();
    flags(&objects).find(|(flag, _)| *flag == Flag::Hidden).map(|(_, span)| Kept::Hidden(Some(span)))
}

/// It is named by a path that is not absolute, or may be in a folder of `-L` that is not.
fn of_this_build(line: &LinkLine, item: &ItemKind) -> bool {
    match item {
        ItemKind::File(name) => !name.starts_with('/'),
        _ => line.search.iter().any(|given| !given.value.starts_with('/')),
    }
}

/// `z` of `-lz`, `libz.a` and `/usr/lib/libz.so.1`.
fn stem_of(item: &ItemKind) -> Option<&str> {
    match item {
        ItemKind::Library(name) => Some(name),
        ItemKind::File(name) | ItemKind::Exact(name) => library_stem(base_name(name)),
        _ => None,
    }
}

/// The item is the library, in some version: `-lpng`, `libpng16.so`, `liblua.a` for `-llua5.4`.
fn is_library(item: &ItemKind, known: &Known) -> bool {
    stem_of(item).is_some_and(|stem| known.is_called(stem))
}

/// Items of lines by the names of their files.
#[derive(Default)]
struct Places<'f> {
    of: HashMap<usize, HashMap<&'f str, usize>>,
}

impl<'f> Places<'f> {
    /// The item a message says needs the symbol: the last, where several are told.
    fn user(&mut self, link: SaidOf<'f>, facts: &'f Facts, message: &Message) -> Option<usize> {
        let line: &'f LinkLine = link.line;
        let names = self.of.entry(link.number).or_insert_with(|| {
            let items = line.items.iter().enumerate();
            items.map(|(index, item)| (base_name(item.kind.name()), index)).collect()
        });
        let places = message.places.iter().filter(|place| place.role == Role::Reference);
        let found = places.filter_map(|place| {
            if let Some(file) = &place.file {
                let base = base_name(&file.value);
                let library = || library_stem(base).and_then(|stem| names.get(stem));
                // What the driver compiled by itself is linked as /tmp/ccXXXXXX.o.
                let compiled = || line.items.iter().position(|item| matches!(item.kind, ItemKind::Source(_)));
                return names.get(base).or_else(library).copied().or_else(compiled);
            }
            by_source(names, facts, &place.source.as_ref()?.value)
        });
        found.max()
    }
}

/// The item that has the object of a source file.
fn by_source(names: &HashMap<&str, usize>, facts: &Facts, source: &str) -> Option<usize> {
    let base = base_name(source);
    let stem = base.rsplit_once('.').map_or(base, |(stem, _)| stem);
    let objects = [format!("{stem}.o"), format!("{base}.o"), base.to_owned()];
    if let Some(found) = objects.iter().find_map(|object| names.get(object.as_str())) {
        return Some(*found);
    }
    let archive = facts.made.iter().find(|made| match &made.how {
        How::Archive(members) => members.iter().any(|member| objects.iter().any(|object| base_name(member) == object)),
        How::Compiled { .. } => false,
    })?;
    let base = base_name(&archive.output);
    names.get(base).or_else(|| names.get(library_stem(base)?)).copied()
}

/// The library of a name that was printed for people.
fn by_readable(name: &str) -> Option<&'static Known> {
    let mangled = match name {
        name if name.starts_with("std::__1::") => "_ZNSt3__1x",
        name if name.starts_with("std::")
            || name.starts_with("operator new")
            || name.starts_with("operator delete") =>
        {
            "_ZNSt1"
        }
        name if name.starts_with("vtable for __cxxabiv1") => "_ZTVN10__cxxabiv1x",
        name if name.starts_with("boost::filesystem") => "_ZN5boost10filesystemx",
        name if name.starts_with("boost::program_options") => "_ZN5boost15program_optionsx",
        name if name.starts_with("google::protobuf") => "_ZN6google8protobufx",
        name if name.starts_with("testing::") => "_ZN7testingx",
        name if name.starts_with("fmt::") => "_ZN3fmtx",
        _ => return None,
    };
    library_of(mangled)
}
