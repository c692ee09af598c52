//! What differs between releases of mold. 1.10.1 and 2.42.0 were held against the model; where a release between them changed, its
//! commit is named, read and not run.

/// When a file that is named again is read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeats {
    /// Shared objects and archives are read once, by path (`ctx.visited`).
    Once,
    /// As before, but for `--whole-archive` (085a1148, 2.3.0).
    OnceUnlessWhole,
    /// Only `-lNAME` is not read twice (b2a1e4b8, 2.33.0); shared objects are told apart by soname later.
    ByLibraryName,
}

/// What an undefined symbol of a shared object that is part of the link brings in beside members of archives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follows {
    /// No other shared object (1.10; f02db0fa, 2.2.0).
    Objects,
    /// Any (1adde7aa, 1.11.0; 3001f02b, 2.33.0).
    All,
    /// Any, to be dropped again after `--no-allow-shlib-undefined` was checked, where it is (531e43ed, 2.36.0).
    ToCheck,
}

/// Which shared objects `--no-allow-shlib-undefined` looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShlibCheck {
    /// The option is accepted and does nothing.
    None,
    /// Those all of whose `DT_NEEDED` are on the line (3001f02b, 2.33.0).
    Each,
    /// Those that need nothing unknown, over others too (21cfee55, 2.38.0).
    EachTransitively,
    /// All, where nothing is unknown (3274bcbd, 2.39.0).
    AllOrNone,
}

/// A release's rules.
#[derive(Clone, Copy, Debug)]
pub(super) struct Release {
    pub(super) repeats: Repeats,
    pub(super) follows: Follows,
    /// Weak undefined symbols of shared objects bring in members too (until 1582b720, 2.1.0).
    pub(super) shared_weak_asks: bool,
    /// Weak undefined symbols of objects keep a shared object (06b59268, 2.32.1).
    pub(super) weak_keeps_shared: bool,
    /// Hidden symbols pass shared objects over (1efbe3f1, 2.34.0).
    pub(super) hidden_passes_shared: bool,
    /// What `--defsym` reads is asked for by the linker's own file; later as `-u` does.
    pub(super) defsym_asks_as_object: bool,
    /// `--defsym` that reads what nobody defines ends mold by a signal (until ff3d54d2, 2.3.3).
    pub(super) defsym_dies: bool,
    /// A link of shared objects alone is one (121c0ed2, 2.40.2).
    pub(super) shared_alone: bool,
    /// A symbol no version script names is not said to be local or global (600ca381, 2.3.3).
    pub(super) unsaid_versions: bool,
    /// Patterns of `local:` go before all others, and the last that fits counts (e1e16bf8, 2.4.1).
    pub(super) local_patterns_first: bool,
    /// A name stands before a glob (0fdbace9, 2.4.0).
    pub(super) exact_stands_before_glob: bool,
    /// `--gc-sections` keeps all sections whose name is one of C (until 384527fd, 2.42.0).
    pub(super) keeps_identifiers: bool,
    /// Duplicates are looked for before `--gc-sections` takes their sections away (501f66b2, 2.37.0).
    pub(super) duplicates_before_collection: bool,
}

impl Release {
    /// The rules of a release; none before 1.10, which was not looked at.
    pub(super) fn of(version: (u16, u16)) -> Option<Self> {
        let since = |major, minor| version >= (major, minor);
        if !since(1, 10) {
            return None;
        }
        Some(Self {
            repeats: if since(2, 33) {
                Repeats::ByLibraryName
            } else if since(2, 3) {
                Repeats::OnceUnlessWhole
            } else {
                Repeats::Once
            },
            follows: if since(2, 36) {
                Follows::ToCheck
            } else if since(2, 33) || (since(1, 11) && !since(2, 2)) {
                Follows::All
            } else {
                Follows::Objects
            },
            shared_weak_asks: !since(2, 1),
            weak_keeps_shared: since(2, 32),
            hidden_passes_shared: since(2, 34),
            defsym_asks_as_object: true,
            defsym_dies: !since(2, 3),
            shared_alone: since(2, 40),
            unsaid_versions: since(2, 4),
            local_patterns_first: since(2, 4),
            exact_stands_before_glob: since(2, 4),
            keeps_identifiers: !since(2, 42),
            duplicates_before_collection: since(2, 37),
        })
    }
}
