//! Arguments of a linker to a [`LinkLine`]: `parse_args` of ld/lexsup.c, `LinkerDriver::createFiles` of lld/ELF/Driver.cpp,
//! `parse_nonpositional_args` and `read_input_files` of mold, `Command_line::process` of gold.

use super::table::{self, Known, Meaning, Takes};
use super::{Given, Item, ItemKind, LineOptions, LinkLine, State};
use crate::model::input::{Output, Unresolved};
use crate::model::outcome::LinkerKind;

/// Reads the arguments of `line` into its items and options, as this linker does; unknown linkers read as ld.bfd.
pub(super) fn read(line: &mut LinkLine, linker: Option<LinkerKind>) {
    let first = pass(line, linker, false);
    // mold begins with what the last of -Bstatic and -Bdynamic says, wherever it stands (`ctx.arg.is_static` in elf/cmdline.cc).
    let again = linker == Some(LinkerKind::Mold) && first.ends_static;
    // lld's -r is -Bstatic for the whole link; so are gold's -static, -n and -N (`parse_static`, `finalize` in gold/options.cc).
    let whole = match linker {
        Some(LinkerKind::Lld) => first.relocatable,
        Some(LinkerKind::Gold) => first.static_given,
        _ => false,
    };
    if again {
        clear(line);
        pass(line, linker, true);
    }
    if whole {
        line.items.iter_mut().for_each(|item| item.state.static_only = true);
    }
}

fn clear(line: &mut LinkLine) {
    line.items.clear();
    line.search.clear();
    line.rpath.clear();
    line.rpath_link.clear();
    line.empty_groups.clear();
    line.refused.clear();
    line.unmodelled.truncate(line.gaps_before.0);
    line.unknown.truncate(line.gaps_before.1);
    line.options = LineOptions::default();
}

/// What a pass met that decides of the whole link.
struct Whole {
    ends_static: bool,
    static_given: bool,
    relocatable: bool,
}

fn pass(line: &mut LinkLine, linker: Option<LinkerKind>, starts_static: bool) -> Whole {
    line.gaps_before = (line.unmodelled.len(), line.unknown.len());
    let state = State { static_only: starts_static, ..State::default() };
    let mut reader = Reader {
        line,
        linker,
        state,
        pushed: Vec::new(),
        groups: 0,
        open: 0,
        libs: 0,
        at: 0,
        kind: Kind::Executable,
        relocatable: false,
        static_given: false,
        last_static: false,
    };
    reader.run();
    Whole {
        ends_static: reader.last_static || reader.relocatable,
        static_given: reader.static_given,
        relocatable: reader.relocatable,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Executable,
    Pie,
    Shared,
}

struct Reader<'a> {
    line: &'a mut LinkLine,
    linker: Option<LinkerKind>,
    state: State,
    pushed: Vec<State>,
    /// Groups opened so far.
    groups: u32,
    /// Groups open now.
    open: u32,
    /// `--start-lib` so far.
    libs: u32,
    at: usize,
    kind: Kind,
    relocatable: bool,
    static_given: bool,
    /// What the last of `-Bstatic` and `-Bdynamic` said.
    last_static: bool,
}

/// States that `--push-state` keeps at most; nobody nests more.
const MOST_PUSHED: usize = 1000;

impl Reader<'_> {
    fn run(&mut self) {
        while self.at < self.line.arguments.len() {
            self.argument();
        }
        if self.open > 0 {
            self.line.gap(self.last(), "a group that is not closed; ld.bfd closes it at the end");
        }
        self.line.options.output = match (self.relocatable, self.kind, self.state.static_only) {
            (true, ..) => Output::Relocatable,
            (_, Kind::Shared, _) => Output::Shared,
            (_, Kind::Pie, true) => Output::StaticPie,
            (_, Kind::Pie, false) => Output::Pie,
            (_, Kind::Executable, true) => Output::Static,
            (_, Kind::Executable, false) => Output::Executable,
        };
    }

    fn last(&self) -> u32 {
        self.line.arguments.len().saturating_sub(1) as u32
    }

    fn is_bfd(&self) -> bool {
        matches!(self.linker, None | Some(LinkerKind::Bfd))
    }

    fn argument(&mut self) {
        let index = self.at;
        let text = self.line.arguments[index].text.clone();
        self.at += 1;
        if text.len() < 2 || !text.starts_with('-') {
            if self.line.sources.contains(&(index as u32)) {
                return self.item(ItemKind::Source(text), index);
            }
            return self.item(ItemKind::File(text), index);
        }
        if text == "--" {
            return self.line.gap(index as u32, "`--` among the options of a linker");
        }
        let (dashes, rest) = match text.strip_prefix("--") {
            Some(rest) => (2, rest),
            None => (1, &text[1..]),
        };
        if dashes == 1 && (rest.chars().count() == 1 || (self.is_bfd() && rest.starts_with('l'))) {
            return self.short(rest, index);
        }
        let (name, value) = match rest.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (rest, None),
        };
        match self.find(name, dashes) {
            Some(known) => self.long(known, value, index),
            None if dashes == 1 => self.short(rest, index),
            None => self.unknown(index),
        }
    }

    /// The option of this name; getopt takes abbreviations, too, when only one option begins so.
    fn find(&self, name: &str, dashes: usize) -> Option<Known> {
        if let Some(known) = table::long(name, self.linker) {
            return (dashes == 2 || !known.two_dashes()).then_some(known);
        }
        if !self.is_bfd() || name.is_empty() {
            return None;
        }
        let all = table::abbreviated(name);
        let [only] = all.as_slice() else { return None };
        (dashes == 2 || !only.two_dashes()).then_some(*only)
    }

    fn unknown(&mut self, index: usize) {
        let name = self.line.arguments[index].text.clone();
        self.line.gap(index as u32, format!("the option {} is not known", shortened(&name)));
    }

    fn long(&mut self, known: Known, value: Option<&str>, index: usize) {
        if let Some(linker) = self.linker
            && table::refuses(linker, known.name)
        {
            self.line.refused.push(Given { value: known.name.to_owned(), argument: index as u32 });
        }
        self.static_given |= known.name == "static";
        let value = match (known.takes, value) {
            (Takes::Nothing, Some(_)) if self.linker != Some(LinkerKind::Wild) => {
                return self.line.gap(index as u32, format!("--{} takes no value", known.name));
            }
            (Takes::Nothing | Takes::Optional, value) => value.unwrap_or_default().to_owned(),
            (_, Some(value)) => value.to_owned(),
            (Takes::Joined, None) => String::new(),
            (Takes::Value | Takes::Separate, None) => match self.next() {
                Some(value) => value,
                None => return self.line.gap(index as u32, format!("--{} without its value", known.name)),
            },
        };
        self.apply(known.meaning, value, index);
    }

    fn short(&mut self, rest: &str, index: usize) {
        let letter = rest.as_bytes().first().copied().unwrap_or_default();
        let Some((valued, meaning)) = table::short(letter) else { return self.unknown(index) };
        let valued = valued || (letter == b't' && self.linker == Some(LinkerKind::Wild));
        let joined = &rest[1..];
        match (valued, joined.is_empty()) {
            (false, true) => self.apply(meaning, String::new(), index),
            (false, false) => self.unknown(index),
            (true, false) => self.apply(meaning, joined.to_owned(), index),
            // -G without a number is --shared for ld.bfd (parse_args).
            (true, true) if letter == b'G' && !self.peek_is_number() => {
                self.apply(Meaning::Shared, String::new(), index)
            }
            (true, true) => match self.next() {
                Some(value) => self.apply(meaning, value, index),
                None => self.line.gap(index as u32, format!("-{rest} without its value")),
            },
        }
    }

    fn peek_is_number(&self) -> bool {
        let next = self.line.arguments.get(self.at);
        next.is_some_and(|argument| argument.text.starts_with(|letter: char| letter.is_ascii_digit()))
    }

    fn next(&mut self) -> Option<String> {
        let value = self.line.arguments.get(self.at)?.text.clone();
        self.at += 1;
        Some(value)
    }

    fn item(&mut self, kind: ItemKind, index: usize) {
        let item = Item { kind, state: self.state, argument: index as u32, last: self.at.saturating_sub(1) as u32 };
        self.line.items.push(item);
    }

    fn apply(&mut self, meaning: Meaning, value: String, index: usize) {
        let argument = index as u32;
        let given = || Given { value: value.clone(), argument };
        let on = |value| Some(Given { value, argument });
        let options = &mut self.line.options;
        match meaning {
            Meaning::Nothing => {}
            Meaning::Unmodelled(why) => self.line.gap(argument, why),
            Meaning::Output => options.output_file = Some(given()),
            Meaning::Library => match value.strip_prefix(':') {
                Some(name) if !name.is_empty() => self.item(ItemKind::Exact(name.to_owned()), index),
                _ => self.item(ItemKind::Library(value), index),
            },
            Meaning::LibraryPath => self.line.search.push(given()),
            Meaning::Script => self.item(ItemKind::Script(value), index),
            Meaning::AsNeeded(on) => self.state.as_needed = on,
            Meaning::WholeArchive(on) => self.state.whole_archive = on,
            Meaning::Static(on) => self.set_static(on),
            Meaning::Magic => {
                self.static_given = true;
                self.set_static(true);
            }
            Meaning::CopyNeeded(value) => {
                self.state.copy_needed = value;
                options.copy_needed = on(value);
            }
            Meaning::PushState => self.push(argument),
            Meaning::PopState => self.pop(argument),
            Meaning::StartGroup => self.start_group(argument),
            Meaning::EndGroup => self.end_group(argument),
            Meaning::StartLib => {
                self.state.lib = Some(self.libs);
                self.libs += 1;
            }
            Meaning::EndLib => self.state.lib = None,
            Meaning::JustSymbols => self.item(ItemKind::JustSymbols(value, false), index),
            Meaning::JustSymbolsOrRpath => match self.linker {
                // -R is -rpath for these (Options.td; elf/cmdline.cc).
                Some(LinkerKind::Lld | LinkerKind::Mold | LinkerKind::Wild) => self.rpath(&value, argument, false),
                _ => self.item(ItemKind::JustSymbols(value, true), index),
            },
            Meaning::Rpath => self.rpath(&value, argument, false),
            Meaning::RpathLink => self.rpath(&value, argument, true),
            Meaning::Sysroot => options.sysroot = Some(given()),
            Meaning::Shared => self.kind = Kind::Shared,
            Meaning::Pie(on) => self.kind = if on { Kind::Pie } else { Kind::Executable },
            Meaning::Relocatable => {
                self.relocatable = true;
                self.state.static_only = true;
            }
            Meaning::NoStdlib => options.nostdlib = true,
            Meaning::Soname => options.soname = Some(given()),
            Meaning::Emulation => options.emulation = Some(given()),
            Meaning::DynamicLinker => options.dynamic_linker = Some(given()),
            Meaning::Undefined => options.undefined.push(given()),
            Meaning::RequireDefined => options.require_defined.push(given()),
            Meaning::IgnoreUnresolved => options.ignore_unresolved.push(given()),
            Meaning::Entry => options.entry = Some(given()),
            Meaning::Defsym => options.defsym.push(given()),
            Meaning::Wrap => options.wrap.push(given()),
            Meaning::ExcludeLibs => options.exclude_libs.push(given()),
            Meaning::VersionScript => options.version_scripts.push(given()),
            Meaning::DynamicList => options.dynamic_lists.push(given()),
            Meaning::ExportList => options.export_lists.push(given()),
            Meaning::ExportSymbol => options.export_symbols.push(given()),
            Meaning::RetainSymbols => options.retain_symbols.push(given()),
            Meaning::ExportDynamic(value) => options.export_dynamic = on(value),
            Meaning::Symbolic => options.symbolic = on(true),
            Meaning::SymbolicFunctions => options.symbolic_functions = on(true),
            Meaning::NoSymbolic => (options.symbolic, options.symbolic_functions) = (None, None),
            Meaning::AllowMultiple(value) => options.allow_multiple = on(value),
            Meaning::GcSections(value) => options.gc_sections = on(value),
            Meaning::UnresolvedSymbols => self.unresolved(&value, argument),
            Meaning::NoUndefined => options.defs = on(true),
            Meaning::AllowShlibUndefined(value) => options.allow_shlib_undefined = on(value),
            Meaning::WarnUnresolved(value) => options.warn_unresolved = on(value),
            Meaning::UndefinedVersion(value) => options.undefined_version = on(value),
            Meaning::FortranCommon(value) => options.fortran_common = on(value),
            Meaning::Plugin => options.plugin = Some(given()),
            Meaning::Format => {
                let elf = matches!(value.as_str(), "default" | "elf") || value.starts_with("elf");
                self.state.binary = !elf;
            }
            Meaning::Z => self.z(&value, argument),
            Meaning::Directory => self.line.gap(argument, "the linker changes its folder"),
        }
    }

    fn set_static(&mut self, on: bool) {
        self.last_static = on;
        // lld: -r has precedence over -Bdynamic; ld.bfd and mold take it as it stands.
        self.state.static_only = on || (self.relocatable && self.linker == Some(LinkerKind::Lld));
    }

    fn push(&mut self, argument: u32) {
        if self.pushed.len() < MOST_PUSHED {
            self.pushed.push(self.state);
        } else {
            self.line.gap(argument, "more states are pushed than are kept");
        }
    }

    fn pop(&mut self, argument: u32) {
        let Some(old) = self.pushed.pop() else {
            return self.line.gap(argument, "no state was pushed before this pop: linkers end with an error");
        };
        let now = self.state;
        self.state =
            State { as_needed: old.as_needed, whole_archive: old.whole_archive, static_only: old.static_only, ..now };
        match self.linker {
            None | Some(LinkerKind::Bfd) => self.state.copy_needed = old.copy_needed,
            Some(LinkerKind::Mold) => self.state.lib = old.lib,
            _ => {}
        }
    }

    fn start_group(&mut self, argument: u32) {
        if self.open == 0 {
            self.state.group = Some(self.groups);
            self.groups += 1;
        } else {
            self.line.gap(argument, "a group in a group; it is taken as part of the outer one");
        }
        self.open += 1;
    }

    fn end_group(&mut self, argument: u32) {
        match self.open {
            0 => self.line.gap(argument, "a group ends that did not begin: linkers end with an error"),
            1 => {
                self.open = 0;
                if self.line.items.last().and_then(|item| item.state.group) != self.state.group {
                    self.line.empty_groups.push(argument);
                }
                self.state.group = None;
            }
            _ => self.open -= 1,
        }
    }

    fn rpath(&mut self, value: &str, argument: u32, link: bool) {
        let list = if link { &mut self.line.rpath_link } else { &mut self.line.rpath };
        list.extend(value.split(':').map(|part| Given { value: part.to_owned(), argument }));
    }

    fn unresolved(&mut self, value: &str, argument: u32) {
        let value = match value {
            "report-all" => Unresolved::Report,
            "ignore-all" => Unresolved::Ignore,
            "ignore-in-object-files" => Unresolved::IgnoreInObjects,
            "ignore-in-shared-libs" => Unresolved::IgnoreInShared,
            _ => return self.line.gap(argument, "a way of --unresolved-symbols that linkers refuse"),
        };
        self.line.options.unresolved = Some(Given { value, argument });
    }

    fn z(&mut self, value: &str, argument: u32) {
        let options = &mut self.line.options;
        match value {
            "defs" => options.defs = Some(Given { value: true, argument }),
            "undefs" | "nodefs" => options.defs = Some(Given { value: false, argument }),
            "muldefs" => options.allow_multiple = Some(Given { value: true, argument }),
            "unique-symbol" => self.line.gap(argument, "local symbols get unique names"),
            // ld/emultempl/elf.em handles these; none decides who defines a symbol.
            _ => {}
        }
    }
}

/// A long text for a message.
fn shortened(text: &str) -> String {
    const MOST: usize = 80;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    let head: String = text.chars().take(MOST).collect();
    format!("{head}…")
}
