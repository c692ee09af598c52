//! One cause for each undefined symbol, and symbols of one cause together.

use super::chain::input_of;
use super::input::{Content, FileId, Lto, Program, Visibility};
use super::known::{Known, library_of, library_stem};
use super::names::Name;
use super::outcome::{Outcome, Undefined, UndefinedWhy};
use super::spelling::{Difference, Near, near, readable};
use super::why::{NotTaken, Passed, passed};

/// Why a symbol is undefined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// An archive on the line has it and was looked through too early; true where the two archives need each other.
    Order {
        /// The archive.
        input: usize,
        /// Input of the first file that needs it.
        user: usize,
        /// Members of both need the other.
        cycle: bool,
    },
    /// A library on the line has it and was dropped: nobody before it needed it.
    AsNeeded {
        /// The library.
        input: usize,
        /// Input of the first file that needs it.
        user: Option<usize>,
    },
    /// A library that is not on the line has it.
    NotNamed {
        /// The library, or the archive whose member has it.
        file: FileId,
        /// It is one that a library on the line needs.
        through: Option<FileId>,
    },
    /// An archive without an index has it.
    NoIndex {
        /// The archive.
        input: usize,
    },
    /// It is defined, and not for others to see.
    Hidden {
        /// Who has it.
        file: FileId,
        /// How it is hidden.
        how: HiddenHow,
    },
    /// Who asks says that it is defined in the same output; a shared object has it.
    HiddenReference {
        /// The shared object.
        file: FileId,
    },
    /// It is defined under other versions.
    OtherVersion {
        /// Who has it.
        file: FileId,
        /// Under which versions.
        versions: Vec<Name>,
    },
    /// It was in a section group that gave way to another file's.
    Discarded {
        /// Whose group was discarded.
        file: FileId,
    },
    /// It is in code for a link-time optimiser, which the linker cannot read.
    Lto {
        /// The file.
        file: FileId,
    },
    /// A definition has nearly this name.
    Spelled {
        /// The definition.
        near: Near,
    },
    /// The vtable of a class: its key function is not defined.
    KeyFunction {
        /// The class.
        class: String,
    },
    /// `main`, which the start files call.
    Main,
    /// `__wrap_NAME` of `--wrap=NAME`.
    Wrapper {
        /// `NAME`
        name: Name,
    },
    /// An instance of a template that no file instantiates.
    Template,
    /// A shared object lacks it: not this output's own code.
    SharedLacks {
        /// The shared object.
        file: FileId,
        /// Libraries it needs that were not found.
        not_found: Vec<Name>,
    },
    /// Nothing here has it, and it is known what usually does.
    Usually(&'static Known),
    /// The library that usually has it is on the line, and lacks it.
    Lacks {
        /// The library.
        input: usize,
        /// What is known of it.
        known: &'static Known,
    },
    /// Only weak references.
    WeakOnly,
    /// Nothing here has it.
    Nowhere,
}

/// How a definition is hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HiddenHow {
    /// `static`, or made local.
    Static,
    /// By its visibility, in another output.
    Visibility(Visibility),
    /// By a version script of the shared object: the symbol is in `.dynsym` and local.
    Version,
    /// It is local to a shared object that was not stripped.
    Inside,
}

/// Symbols that are undefined for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// The reason.
    pub cause: Cause,
    /// Indices of [`Outcome::undefined`].
    pub symbols: Vec<usize>,
}

/// All causes of a link, in the order of the first symbol of each.
pub fn diagnose(program: &Program, outcome: &Outcome) -> Vec<Diagnosis> {
    let mut out: Vec<Diagnosis> = Vec::new();
    for (index, undefined) in outcome.undefined.iter().enumerate() {
        let cause = cause(program, outcome, undefined);
        match out.iter_mut().find(|known| same(&known.cause, &cause)) {
            Some(known) => known.symbols.push(index),
            None => out.push(Diagnosis { cause, symbols: vec![index] }),
        }
    }
    out
}

/// One finding for both: the same library, in the same way.
fn same(a: &Cause, b: &Cause) -> bool {
    match (a, b) {
        (Cause::Order { input: a, .. }, Cause::Order { input: b, .. })
        | (Cause::AsNeeded { input: a, .. }, Cause::AsNeeded { input: b, .. })
        | (Cause::NoIndex { input: a }, Cause::NoIndex { input: b }) => a == b,
        (Cause::NotNamed { file: a, .. }, Cause::NotNamed { file: b, .. })
        | (Cause::SharedLacks { file: a, .. }, Cause::SharedLacks { file: b, .. })
        | (Cause::Lto { file: a }, Cause::Lto { file: b }) => a == b,
        (Cause::Usually(a), Cause::Usually(b)) => a.flag == b.flag,
        (Cause::Lacks { input: a, .. }, Cause::Lacks { input: b, .. }) => a == b,
        (Cause::Spelled { near: a }, Cause::Spelled { near: b }) => {
            a.file == b.file
                && a.difference == b.difference
                && matches!(a.difference, Difference::StringAbi | Difference::RustHash)
        }
        (Cause::Hidden { file: a, how: how_a }, Cause::Hidden { file: b, how: how_b }) => a == b && how_a == how_b,
        (Cause::WeakOnly, Cause::WeakOnly) => true,
        _ => a == b && !matches!(a, Cause::Nowhere | Cause::Template),
    }
}

/// The cause of one undefined symbol.
pub fn cause(program: &Program, outcome: &Outcome, undefined: &Undefined) -> Cause {
    if undefined.why == UndefinedWhy::Discarded
        && let Some(site) = undefined.sites.first()
    {
        return Cause::Discarded { file: site.file };
    }
    let found = passed(program, outcome, undefined);
    if let Some(file) = hidden_reference(program, undefined, &found) {
        return Cause::HiddenReference { file };
    }
    let lacks = shared_lacks(program, undefined);
    let usable = found.iter().find_map(|one| usable(program, outcome, undefined, one));
    // A library of the line that keeps the symbol to itself tells more than one that could be added; and what only a shared object lacks is
    // the shared object's affair.
    let kept = || found.iter().filter(|one| one.input.is_some()).find_map(hidden);
    match usable {
        // Any object beside may have a `main`: that of another program.
        Some(Cause::NotNamed { file, .. })
            if program.names.bytes(undefined.name) == b"main"
                && matches!(program.files[file.0 as usize].content, Content::Object(_)) => {}
        Some(Cause::NotNamed { .. }) if lacks.is_some() => return lacks.unwrap_or(Cause::Nowhere),
        Some(not_named @ Cause::NotNamed { .. }) => return kept().unwrap_or(not_named),
        Some(cause) => return cause,
        None => {}
    }
    if let Some(cause) = lacks {
        return cause;
    }
    let name = program.names.bytes(undefined.name);
    for wrap in &program.options.wrap {
        if wrap.wrapped == undefined.name {
            return Cause::Wrapper { name: wrap.name };
        }
    }
    if name == b"main" {
        return Cause::Main;
    }
    let text = readable(name);
    for of in ["vtable for ", "typeinfo for ", "VTT for "] {
        if let Some(class) = text.as_deref().and_then(|text| text.strip_prefix(of)) {
            return Cause::KeyFunction { class: class.to_owned() };
        }
    }
    if let Some(hidden) = found.iter().find_map(hidden) {
        return hidden;
    }
    if let Some(near) = near(program, undefined.name).first() {
        return Cause::Spelled { near: *near };
    }
    let slim = program.inputs.iter().find(|input| match &program.files[input.file.0 as usize].content {
        Content::Object(object) => object.lto == Lto::Slim,
        _ => false,
    });
    if let Some(slim) = slim {
        return Cause::Lto { file: slim.file };
    }
    if let Some(known) = std::str::from_utf8(name).ok().and_then(library_of) {
        return match named(program, known) {
            Some(input) => Cause::Lacks { input, known },
            None => Cause::Usually(known),
        };
    }
    let template = text.is_some_and(|text| text.split('(').next().is_some_and(|head| head.contains('<')));
    if template { Cause::Template } else { Cause::Nowhere }
}

/// The last input that is a library of this name. `-lm` of glibc is a linker script: its parts count.
fn named(program: &Program, known: &Known) -> Option<usize> {
    program.inputs.iter().rposition(|input| {
        let name = &program.files[input.file.0 as usize].name;
        library_stem(name.rsplit('/').next().unwrap_or(name)).is_some_and(|stem| known.is_called(stem))
    })
}

/// The definition would do, if the linker came to it.
fn usable(program: &Program, outcome: &Outcome, undefined: &Undefined, one: &Passed) -> Option<Cause> {
    match (&one.why, one.input) {
        (NotTaken::Order { user }, Some(input)) => {
            let last = undefined.sites.iter().filter_map(|site| input_of(program, site.file)).max();
            let user = user.or(last).unwrap_or(input);
            Some(Cause::Order { input, user, cycle: user <= input || needs_back(program, outcome, input, user) })
        }
        (NotTaken::AsNeeded { user }, Some(input)) => Some(Cause::AsNeeded { input, user: *user }),
        (NotTaken::NoIndex, Some(input)) => Some(Cause::NoIndex { input }),
        (NotTaken::NotOnLine, _) => {
            let file = program.files[one.file.0 as usize].archive.unwrap_or(one.file);
            let soname = match &program.files[file.0 as usize].content {
                // Without a soname the needed name is that of the file.
                Content::Shared(shared) => shared.soname.or_else(|| {
                    let path = &program.files[file.0 as usize].name;
                    program.names.get(path.rsplit('/').next().unwrap_or(path).as_bytes())
                }),
                _ => None,
            };
            let through = program.files.iter().enumerate().find_map(|(index, other)| match &other.content {
                Content::Shared(shared) => {
                    let by = FileId(index as u32);
                    let on_line = program.inputs.iter().any(|input| input.file == by);
                    let needs = shared
                        .needed
                        .iter()
                        .any(|needed| program.closure.get(&(by, *needed)) == Some(&file) || Some(*needed) == soname);
                    (on_line && needs).then_some(by)
                }
                _ => None,
            });
            Some(Cause::NotNamed { file, through })
        }
        (NotTaken::ReferenceHidden, _) => Some(Cause::HiddenReference { file: one.file }),
        (NotTaken::Version(versions), _) => Some(Cause::OtherVersion { file: one.file, versions: versions.clone() }),
        (NotTaken::Lto, _) => Some(Cause::Lto { file: one.file }),
        (NotTaken::WeakOnly, _) => Some(Cause::WeakOnly),
        (NotTaken::Discarded, _) => Some(Cause::Discarded { file: one.file }),
        _ => None,
    }
}

/// Who asks says the symbol is in this output, and only shared objects have it.
fn hidden_reference(program: &Program, undefined: &Undefined, found: &[Passed]) -> Option<FileId> {
    let asks_hidden = undefined.sites.iter().any(|site| match &program.files[site.file.0 as usize].content {
        Content::Object(object) => object.globals().any(|(_, symbol)| {
            symbol.name == undefined.name && symbol.is_undefined() && symbol.visibility != Visibility::Default
        }),
        _ => false,
    });
    let shared = |one: &&Passed| matches!(program.files[one.file.0 as usize].content, Content::Shared(_));
    let first = found.iter().find(shared)?;
    (asks_hidden && found.iter().all(|one| shared(&one))).then_some(first.file)
}

fn hidden(one: &Passed) -> Option<Cause> {
    let how = match one.why {
        NotTaken::Static => HiddenHow::Static,
        NotTaken::Hidden(visibility) => HiddenHow::Visibility(visibility),
        NotTaken::VersionLocal => HiddenHow::Version,
        NotTaken::Inside => HiddenHow::Inside,
        _ => return None,
    };
    Some(Cause::Hidden { file: one.file, how })
}

/// Members of the archive need something of the user's archive too: moving one behind the other only turns the error round.
fn needs_back(program: &Program, outcome: &Outcome, input: usize, user: usize) -> bool {
    let (archive, other) = (program.inputs[input].file, program.inputs[user].file);
    let members = |file: FileId| match &program.files[file.0 as usize].content {
        Content::Archive(archive) => archive.members.as_slice(),
        _ => &[],
    };
    let defines = |name: Name| {
        members(other).iter().any(|member| match &program.files[member.0 as usize].content {
            Content::Object(object) => {
                object.globals().any(|(_, symbol)| symbol.name == name && !symbol.is_undefined())
            }
            _ => false,
        })
    };
    let wanted: Vec<Name> = outcome.undefined.iter().map(|undefined| undefined.name).collect();
    members(archive).iter().any(|member| match &program.files[member.0 as usize].content {
        Content::Object(object) => {
            object.globals().any(|(_, symbol)| wanted.contains(&symbol.name) && !symbol.is_undefined())
                && object.globals().any(|(_, symbol)| symbol.is_undefined() && defines(symbol.name))
        }
        _ => false,
    })
}

fn shared_lacks(program: &Program, undefined: &Undefined) -> Option<Cause> {
    let mut files = undefined.sites.iter().map(|site| site.file);
    let file = files.next()?;
    let Content::Shared(shared) = &program.files[file.0 as usize].content else { return None };
    let all =
        undefined.sites.iter().all(|site| matches!(program.files[site.file.0 as usize].content, Content::Shared(_)));
    if !all {
        return None;
    }
    let on_line = |name: &Name| {
        program.inputs.iter().any(|input| match &program.files[input.file.0 as usize].content {
            Content::Shared(other) => other.soname == Some(*name),
            _ => false,
        })
    };
    let not_found = shared
        .needed
        .iter()
        .filter(|name| !program.closure.contains_key(&(file, **name)) && !on_line(name))
        .copied()
        .collect();
    Some(Cause::SharedLacks { file, not_found })
}
