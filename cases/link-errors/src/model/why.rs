//! Why an undefined symbol is undefined: every definition there is of it, and what kept the linker from it.

use super::chain::{first_user, input_of};
use super::input::{Binding, Content, Definition, FileId, Object, Program, SymbolType, Visibility};
use super::names::Name;
use super::outcome::{LinkerKind, Outcome, Undefined};

/// A definition that was not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// The file that has it: an object, a member, a shared object.
    pub file: FileId,
    /// The input that brings the file; none where it is not on the line.
    pub input: Option<usize>,
    /// What kept the linker from it.
    pub why: NotTaken,
}

/// What kept a linker from a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// The archive was looked through before anybody needed the symbol, and is not looked through again. The file that needs it comes
    /// later, as this input.
    Order {
        /// Input of the first file that needs it.
        user: Option<usize>,
    },
    /// `--as-needed` dropped the library: nobody before it needed it.
    AsNeeded {
        /// Input of the first file that needs it.
        user: Option<usize>,
    },
    /// Only weak references: they take no member and keep no library.
    WeakOnly,
    /// The symbol is hidden or internal where it is defined, and the reference is in another output.
    Hidden(Visibility),
    /// The symbol is local: `static`, or made so.
    Static,
    /// It is local to a shared object: hidden, kept by a version script or `--exclude-libs`, or static there.
    Inside,
    /// It is defined under these versions, and none is the one that is asked for or the default.
    Version(Vec<Name>),
    /// The shared object keeps it to itself by a version script.
    VersionLocal,
    /// The reference is hidden: it must be defined in this output, and a shared object defines it.
    ReferenceHidden,
    /// It was in a group that was discarded for another file's.
    Discarded,
    /// It is a library that another needs, and not on the line.
    NotOnLine,
    /// The file holds code for a link-time optimiser only.
    Lto,
    /// A member of an archive without an index.
    NoIndex,
    /// Another linker's rule, or one the model did not ask about.
    Other,
}

/// Every definition of the symbol in the files of the link, those of the line first.
pub fn passed(program: &Program, outcome: &Outcome, undefined: &Undefined) -> Vec<Passed> {
    let name = undefined.name;
    let mut out: Vec<Passed> = Vec::new();
    let mut files = program.definitions().files(name).to_vec();
    files.dedup();
    for id in files {
        let Some(file) = program.files.get(id.0 as usize) else { continue };
        let why = match &file.content {
            Content::Object(object) => in_object(program, outcome, id, object, undefined),
            Content::Shared(shared) => {
                let found: Vec<_> = shared.symbols.iter().filter(|one| one.defined && one.name == name).collect();
                if found.is_empty() {
                    shared.local.contains(&name).then_some(NotTaken::Inside)
                } else if found.iter().all(|one| one.version_local) {
                    Some(NotTaken::VersionLocal)
                } else if found.iter().all(|one| matches!(one.visibility, Visibility::Hidden | Visibility::Internal)) {
                    Some(NotTaken::Hidden(Visibility::Hidden))
                } else {
                    Some(in_shared(program, outcome, id, undefined, &found))
                }
            }
            _ => None,
        };
        if let Some(why) = why {
            out.push(Passed { file: id, input: input_of(program, id), why });
        }
    }
    // What would do as it is comes before what would have to be changed, and what is on the line before what is not.
    out.sort_by_key(|one| (rank(&one.why), one.input.is_none(), one.input, one.file));
    out
}

fn rank(why: &NotTaken) -> u8 {
    match why {
        NotTaken::Order { .. } | NotTaken::AsNeeded { .. } | NotTaken::NoIndex | NotTaken::ReferenceHidden => 0,
        NotTaken::NotOnLine => 1,
        NotTaken::Version(_) | NotTaken::Lto | NotTaken::WeakOnly => 2,
        NotTaken::Hidden(_) | NotTaken::VersionLocal | NotTaken::Discarded | NotTaken::Inside => 3,
        NotTaken::Static => 4,
        NotTaken::Other => 5,
    }
}

fn in_object(
    program: &Program,
    outcome: &Outcome,
    file: FileId,
    object: &Object,
    undefined: &Undefined,
) -> Option<NotTaken> {
    let symbol = object
        .symbols
        .iter()
        .find(|symbol| symbol.name == undefined.name && is_definition(symbol.definition) && named(symbol.kind))?;
    if symbol.binding == Binding::Local {
        return Some(NotTaken::Static);
    }
    let archive = program.files[file.0 as usize].archive;
    let taken = match archive {
        None => input_of(program, file).is_some(),
        Some(_) => outcome.extracted.iter().any(|one| one.member == file),
    };
    if taken {
        let grouped = match symbol.definition {
            Definition::Section(section) => {
                object.sections.get(section as usize).is_some_and(|section| section.group.is_some())
            }
            _ => false,
        };
        if let Some(version) = symbol.version.filter(|_| undefined.version != symbol.version.map(|one| one.name)) {
            return Some(NotTaken::Version(vec![version.name]));
        }
        return Some(match symbol.visibility {
            _ if grouped => NotTaken::Discarded,
            Visibility::Default | Visibility::Protected => NotTaken::Other,
            hidden => NotTaken::Hidden(hidden),
        });
    }
    if let Some(Content::Archive(content)) = archive.map(|archive| &program.files[archive.0 as usize].content)
        && content.index.is_none()
    {
        return Some(NotTaken::NoIndex);
    }
    let user = first_user(program, outcome, undefined.name);
    if user.is_none() && undefined.sites.is_empty() {
        return Some(NotTaken::WeakOnly);
    }
    if input_of(program, file).is_none() {
        return Some(NotTaken::NotOnLine);
    }
    let in_order = matches!(outcome.linker.kind, LinkerKind::Bfd | LinkerKind::Gold);
    Some(if in_order {
        NotTaken::Order { user: user.and_then(|user| input_of(program, user)) }
    } else {
        NotTaken::Other
    })
}

/// The version a symbol is asked for under. Not every linker's message has it; the objects do.
pub fn asked_version(program: &Program, undefined: &Undefined) -> Option<Name> {
    let of = |file: FileId| match &program.files.get(file.0 as usize)?.content {
        Content::Object(object) => {
            let asks = |symbol: &&super::input::Symbol| symbol.name == undefined.name && symbol.is_undefined();
            object.globals().map(|(_, symbol)| symbol).find(asks)?.version
        }
        _ => None,
    };
    undefined.version.or_else(|| {
        let mut versions = undefined.sites.iter().map(|site| of(site.file).map(|version| version.name));
        let first = versions.next()??;
        versions.all(|version| version == Some(first)).then_some(first)
    })
}

fn in_shared(
    program: &Program,
    outcome: &Outcome,
    file: FileId,
    undefined: &Undefined,
    found: &[&super::input::DynamicSymbol],
) -> NotTaken {
    let versions: Vec<Name> = found.iter().filter_map(|one| one.version).map(|version| version.name).collect();
    let fits = match asked_version(program, undefined) {
        None => found.iter().any(|one| one.version.is_none_or(|version| version.default)),
        Some(wanted) => found.iter().any(|one| one.version.is_none_or(|version| version.name == wanted)),
    };
    if !fits {
        return NotTaken::Version(versions);
    }
    let Some(input) = input_of(program, file) else { return NotTaken::NotOnLine };
    if undefined.why == super::outcome::UndefinedWhy::HiddenReference {
        return NotTaken::ReferenceHidden;
    }
    if outcome.dropped.contains(&file) && program.inputs[input].as_needed {
        let user = first_user(program, outcome, undefined.name).and_then(|user| input_of(program, user));
        return NotTaken::AsNeeded { user };
    }
    NotTaken::Other
}

fn is_definition(definition: Definition) -> bool {
    definition != Definition::Undefined
}

fn named(kind: SymbolType) -> bool {
    !matches!(kind, SymbolType::Section | SymbolType::File)
}
