//! What a linker or the driver around it said, in one form for all of them.

use casebook_core::Span;
use casebook_formats::text::Told;

use crate::model::outcome::LinkerKind;

/// Which linkers print a form: a set, because many forms are shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Linkers(u8);

impl Linkers {
    /// GNU ld.
    pub const BFD: Linkers = Linkers(1);
    /// GNU gold.
    pub const GOLD: Linkers = Linkers(2);
    /// LLVM's lld.
    pub const LLD: Linkers = Linkers(4);
    /// mold.
    pub const MOLD: Linkers = Linkers(8);
    /// wild.
    pub const WILD: Linkers = Linkers(16);
    /// No linker: a driver or a build tool says it.
    pub const NONE: Linkers = Linkers(0);
    /// Any of them.
    pub const ALL: Linkers = Linkers(31);

    const KINDS: [(Linkers, LinkerKind); 5] = [
        (Linkers::BFD, LinkerKind::Bfd),
        (Linkers::GOLD, LinkerKind::Gold),
        (Linkers::LLD, LinkerKind::Lld),
        (Linkers::MOLD, LinkerKind::Mold),
        (Linkers::WILD, LinkerKind::Wild),
    ];

    /// Those that are in both.
    pub const fn and(self, other: Linkers) -> Linkers {
        Linkers(self.0 & other.0)
    }

    /// Those that are in one of both.
    pub const fn or(self, other: Linkers) -> Linkers {
        Linkers(self.0 | other.0)
    }

    /// True when it holds no linker.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this linker is one of them.
    pub fn contains(self, kind: LinkerKind) -> bool {
        self.iter().any(|one| one == kind)
    }

    /// The linkers, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = LinkerKind> {
        Self::KINDS.into_iter().filter(move |(set, _)| !self.and(*set).is_empty()).map(|(_, kind)| kind)
    }

    /// The linker, where it is only one.
    pub fn single(self) -> Option<LinkerKind> {
        let mut all = self.iter();
        all.next().filter(|_| all.next().is_none())
    }
}

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A symbol is needed by an object and nobody defines it.
    Undefined,
    /// ld.bfd: the symbol is needed in more places, which are not listed.
    MoreUndefined,
    /// A symbol is needed by a shared object and nobody defines it.
    UndefinedInShared,
    /// A reference that is hidden, internal or protected, and no object defines the symbol; `detail` is the visibility.
    UndefinedHidden,
    /// A symbol is needed whose section was discarded with its group.
    Discarded,
    /// Only a shared object that is not on the line has the symbol (ld.bfd, "DSO missing from command line").
    DsoMissing,
    /// Two files define a symbol.
    Duplicate,
    /// A symbol is hidden in an object and a shared object needs it; `detail` is the visibility where it is said.
    HiddenForShared,
    /// `-lNAME` was found nowhere; `library` is the name as it is printed.
    LibraryMissing,
    /// A file on the line cannot be opened; `detail` is the reason.
    FileMissing,
    /// A thin archive names a member that cannot be opened.
    MemberMissing,
    /// A library was found and passed over, because it is for another machine.
    Skipped,
    /// A file is for another machine, class or byte order.
    WrongMachine,
    /// A file is of no format the linker reads; `detail` says more.
    NotAnObject,
    /// A file is cut off or damaged.
    Damaged,
    /// A shared object in a static link.
    StaticShared,
    /// An archive without a symbol table.
    NoIndex,
    /// Code of a link-time optimiser, and no plugin that reads it.
    LtoPlugin,
    /// A shared object that another one needs was not found.
    NeededMissing,
    /// A shared object that another one needs may conflict with one of the line.
    NeededConflict,
    /// A version is defined nowhere; with a symbol, the version script names that symbol in vain.
    VersionUndefined,
    /// A symbol is thread-local in one file and not in another.
    Tls,
    /// A relocation that this kind of output cannot have; `relocation` is its name, `detail` the remedy that is named.
    Relocation,
    /// The target of a relocation is too far away.
    RelocationRange,
    /// Code that would have to be relocated at run time.
    TextRelocation,
    /// A variable cannot be copied into the program, or a function not be taken over.
    CopyRelocation,
    /// Size, type or alignment of a symbol is another in another file.
    SymbolChanged,
    /// What became of a common symbol (`--warn-common`).
    Common,
    /// The entry symbol is not there.
    EntryMissing,
    /// A linker script, version script or option names a symbol that is not there.
    ScriptSymbol,
    /// A linker script or version script cannot be read.
    Script,
    /// Sections overlap, or do not fit.
    Layout,
    /// A library warns of a function of its own (`.gnu.warning`).
    LibraryWarning,
    /// The stack will be executable.
    ExecutableStack,
    /// An option is not known.
    Option,
    /// The output cannot be written.
    Output,
    /// More messages were left out.
    TooMany,
    /// A message that only follows from another: `final link failed: bad value`.
    Consequence,
    /// The driver, rustc or another caller says that the linker failed; `count` is the exit status.
    LinkFailed,
    /// The linker was ended by a signal; `count` is its number.
    Killed,
    /// The linker itself was not found.
    LinkerMissing,
    /// The linker says that it has a bug.
    Internal,
    /// Where a symbol is mentioned (`--trace-symbol`), or which section is left out (`--print-gc-sections`).
    Trace,
    /// Advice of rustc, or of the linker.
    Advice,
    /// The build tool says which step failed; `detail` is the target.
    Step,
    /// A linker message in another language than English: which, by its code. It is not guessed what it says.
    OtherLanguage(&'static str),
    /// A linker message of no form that is known.
    Other,
}

impl Kind {
    /// A stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Undefined => "undefined",
            Kind::MoreUndefined => "more-undefined",
            Kind::UndefinedInShared => "undefined-in-shared",
            Kind::UndefinedHidden => "undefined-hidden",
            Kind::Discarded => "discarded",
            Kind::DsoMissing => "dso-missing",
            Kind::Duplicate => "duplicate",
            Kind::HiddenForShared => "hidden-for-shared",
            Kind::LibraryMissing => "library-missing",
            Kind::FileMissing => "file-missing",
            Kind::MemberMissing => "member-missing",
            Kind::Skipped => "skipped",
            Kind::WrongMachine => "wrong-machine",
            Kind::NotAnObject => "not-an-object",
            Kind::Damaged => "damaged",
            Kind::StaticShared => "static-shared",
            Kind::NoIndex => "no-index",
            Kind::LtoPlugin => "lto-plugin",
            Kind::NeededMissing => "needed-missing",
            Kind::NeededConflict => "needed-conflict",
            Kind::VersionUndefined => "version-undefined",
            Kind::Tls => "tls",
            Kind::Relocation => "relocation",
            Kind::RelocationRange => "relocation-range",
            Kind::TextRelocation => "text-relocation",
            Kind::CopyRelocation => "copy-relocation",
            Kind::SymbolChanged => "symbol-changed",
            Kind::Common => "common",
            Kind::EntryMissing => "entry-missing",
            Kind::ScriptSymbol => "script-symbol",
            Kind::Script => "script",
            Kind::Layout => "layout",
            Kind::LibraryWarning => "library-warning",
            Kind::ExecutableStack => "executable-stack",
            Kind::Option => "option",
            Kind::Output => "output",
            Kind::TooMany => "too-many",
            Kind::Consequence => "consequence",
            Kind::LinkFailed => "link-failed",
            Kind::Killed => "killed",
            Kind::LinkerMissing => "linker-missing",
            Kind::Internal => "internal",
            Kind::Trace => "trace",
            Kind::Advice => "advice",
            Kind::Step => "step",
            Kind::OtherLanguage(_) => "other-language",
            Kind::Other => "other",
        }
    }
}

/// What is said to somebody whose linker speaks another language.
pub const IN_ENGLISH: &str = "run the build again with LC_ALL=C";

/// How bad the linker finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// It links in spite of it.
    Note,
    /// It links in spite of it, unless warnings are errors.
    Warning,
    /// It does not link.
    Error,
}

/// How a symbol is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spelling {
    /// As in the symbol table, and mangled: `_ZN3app3runEv`, `_RNvC3app3run`.
    Mangled,
    /// For people: `app::run()`. What it is in the symbol table has to be looked for.
    Readable,
    /// A plain identifier: a symbol of C, or of a language that does not mangle.
    Plain,
}

/// A symbol as it is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name, without its version.
    pub text: String,
    /// Where it stands.
    pub span: Span,
    /// How it is spelled.
    pub spelling: Spelling,
}

impl Name {
    /// A name at this place; what it looks like says how it is spelled.
    pub(super) fn new(text: &str, span: Span) -> Self {
        let readable = |byte: u8| matches!(byte, b'(' | b' ' | b'<' | b':' | b'{' | b'~' | b'[' | b'&');
        // Both manglings go on with a capital letter or a digit (Itanium C++ ABI 5.1, Rust RFC 2603).
        let behind = ["_Z", "__Z", "_R"].iter().find_map(|mark| text.strip_prefix(mark));
        let mangled = behind.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()));
        let spelling = if mangled {
            Spelling::Mangled
        } else if text.bytes().any(readable) {
            Spelling::Readable
        } else {
            Spelling::Plain
        };
        Self { text: text.to_owned(), span, spelling }
    }
}

/// What a place is in its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The symbol is needed here.
    Reference,
    /// The symbol is defined here; of two definitions, the one that is refused.
    Definition,
    /// Of two definitions the one that was first, and is kept.
    First,
    /// A symbol with a similar name is defined here.
    Similar,
    /// Of two section groups the one that was kept is here.
    Prevailing,
    /// The file the message is about.
    Subject,
}

/// A place in an object, as far as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What it is in the message.
    pub role: Role,
    /// Object, archive or shared object, as printed.
    pub file: Option<Told<String>>,
    /// Member of that archive.
    pub member: Option<Told<String>>,
    /// Section of the object, `[GROUP]` behind it left out.
    pub section: Option<Told<String>>,
    /// Offset in the section, in bytes.
    pub offset: Option<u64>,
    /// Function, or another symbol, around the place.
    pub function: Option<Name>,
    /// Source file, as printed.
    pub source: Option<Told<String>>,
    /// Line of the source file.
    pub line: Option<u32>,
    /// All of the place in the log.
    pub span: Span,
}

impl Place {
    /// A place of which nothing is known yet.
    pub(super) fn new(role: Role, span: Span) -> Self {
        Self {
            role,
            file: None,
            member: None,
            section: None,
            offset: None,
            function: None,
            source: None,
            line: None,
            span,
        }
    }

    /// True when neither a file nor a source is known.
    pub fn is_empty(&self) -> bool {
        self.file.is_none() && self.source.is_none() && self.section.is_none() && self.function.is_none()
    }
}

/// What a linker thinks was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// The symbol that is there.
    pub name: Name,
    /// True when the difference is `extern "C"`.
    pub extern_c: bool,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is about.
    pub kind: Kind,
    /// How bad it is.
    pub severity: Severity,
    /// Which linkers print it so.
    pub linkers: Linkers,
    /// What the linker or driver calls itself, as printed: `/usr/bin/ld`, `mold`, `collect2`.
    pub program: Option<Told<String>>,
    /// The symbol.
    pub symbol: Option<Name>,
    /// Its version, or the version the message is about.
    pub version: Option<Told<String>>,
    /// Places, in the order of the message, at most [`MOST_PLACES`].
    pub places: Vec<Place>,
    /// How many more there are, as far as the linker counts them.
    pub more_places: u64,
    /// A library as it is printed: `-lz`, `z`.
    pub library: Option<Told<String>>,
    /// Name of a relocation.
    pub relocation: Option<Told<String>>,
    /// What the linker thinks was meant.
    pub suggestion: Option<Suggestion>,
    /// What else is said: a reason, a visibility, a remedy, a target.
    pub detail: Option<Told<String>>,
    /// A number: an exit status, a signal.
    pub count: Option<u64>,
    /// Number of the link in the log, from 1: a message that a link failed ends one. Links that ran side by side are not told apart.
    pub link: u32,
    /// All of the message, from its first line to the end of its last.
    pub span: Span,
}

/// Places that are kept of one message; more are counted.
pub const MOST_PLACES: usize = 64;

impl Message {
    /// A message of which only kind and place are known.
    pub(super) fn new(kind: Kind, severity: Severity, linkers: Linkers, span: Span) -> Self {
        Self {
            kind,
            severity,
            linkers,
            program: None,
            symbol: None,
            version: None,
            places: Vec::new(),
            more_places: 0,
            library: None,
            relocation: None,
            suggestion: None,
            detail: None,
            count: None,
            link: 0,
            span,
        }
    }

    /// Adds a place, or counts it.
    pub(super) fn add(&mut self, place: Place) {
        if self.places.len() < MOST_PLACES {
            self.places.push(place);
        } else {
            self.more_places = self.more_places.saturating_add(1);
        }
    }

    /// The first place of this role.
    pub fn place(&self, role: Role) -> Option<&Place> {
        self.places.iter().find(|place| place.role == role)
    }

    /// The file the message is about, whatever its role.
    pub fn file(&self) -> Option<&str> {
        self.places.iter().find_map(|place| place.file.as_ref()).map(|file| file.value.as_str())
    }
}
