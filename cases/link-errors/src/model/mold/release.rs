//! What differs between releases of mold. Each rule names the commit that brought it and the first release that has it; of releases that
//! differ in their third number the last counts.
//!
//! The model was held against 1.10.1, 2.0.0, 2.4.1, 2.30.0, 2.33.0, 2.35.1, 2.37.1, 2.39.1, 2.40.4 and 2.42.0; the others were read.

use crate::model::input::Options;

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
    /// No other shared object (until 1.10; f02db0fa, 2.2.0).
    Objects,
    /// Any (1adde7aa, 1.11.0; 3001f02b, 2.33.0).
    All,
    /// Any where `--no-allow-shlib-undefined` is to be checked (531e43ed, 2.36.0).
    ToCheck,
}

/// A hidden symbol is not to be had from a shared object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hidden {
    /// It is, and reported where it is referred to; so is a protected one.
    Reported,
    /// Names are resolved anew without it, when they all have been (1efbe3f1, 2.34.0).
    RetriedAtEnd,
    /// Names are resolved anew without it, when it is known which files are part of the link (2.38.0).
    Retried,
}

/// Which shared objects `--no-allow-shlib-undefined` looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShlibCheck {
    /// The option is accepted and does nothing.
    None,
    /// Those all of whose `DT_NEEDED` are part of the link (3001f02b, 2.33.0).
    Each,
    /// Those that need nothing unknown, over others too (21cfee55, 2.38.0).
    EachTransitively,
    /// All, where none needs what is not on the line (3274bcbd, 2.39.0).
    AllOrNone,
}

/// What becomes of symbols nobody defines (`UnresolvedKind`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    Error,
    Warn,
    Ignore,
}

/// A release's rules.
#[derive(Clone, Copy, Debug)]
pub(super) struct Release {
    pub(super) repeats: Repeats,
    pub(super) follows: Follows,
    pub(super) hidden: Hidden,
    pub(super) shlib_check: ShlibCheck,
    /// `--no-allow-shlib-undefined` is the default of an executable (43810dfe, 2.38.0).
    pub(super) checks_shlib: bool,
    /// After that check shared objects that no object asks for go, with `--as-needed` (531e43ed, 2.36.0).
    pub(super) drops_after_check: bool,
    /// And so they do without it: 2.36 and 2.37.
    pub(super) drops_all_after_check: bool,
    /// They do even where the check could not be made (af36625a, 2.40.0).
    pub(super) drops_without_check: bool,
    /// Hidden symbols do not help shared objects; those that were left out do (f6bb1175, 4e588286, 2.41.0).
    pub(super) check_sees_hidden: bool,
    /// Weak undefined symbols of shared objects bring in members too (until 1582b720, 2.1.0).
    pub(super) shared_weak_asks: bool,
    /// Weak undefined symbols of objects keep a shared object (06b59268, 2.32.1).
    pub(super) weak_keeps_shared: bool,
    /// When definitions are ranked for the first time, all files but the linker's own wait (43810dfe, 2.38.0).
    pub(super) all_wait_at_first: bool,
    /// `f@V` is resolved with all others where a shared object has it as a default (2d6061a2, 2.38.0), not at last by objects alone.
    pub(super) defaults_by_version: bool,
    /// Shared objects ask for versions too (6b8293bf, 2.42.0).
    pub(super) shared_asks_versions: bool,
    /// A defined symbol of a shared object with the version number of a local one is an error (1fb2901b, 2.42.0).
    pub(super) local_version_is_error: bool,
    /// What `--defsym` reads is asked for by the linker's own file (until 25c9cf39, 2.3.3); later as `-u` does.
    pub(super) defsym_asks_as_object: bool,
    /// `--defsym` that reads what nobody defines ends mold by a signal (until ff3d54d2, 2.3.3).
    pub(super) defsym_dies: bool,
    /// A link of shared objects alone is one (121c0ed2, 2.40.2).
    pub(super) shared_alone: bool,
    /// A shared object in a static link is an error (2b605279, 2.42.0).
    pub(super) static_refuses_shared: bool,
    /// `-z defs`, `-z undefs` and `--unresolved-symbols` are one switch (8cd85aaa, 2.32.0).
    pub(super) one_switch: bool,
    /// A symbol no version script names is not said to be local or global (600ca381, 2.3.3).
    pub(super) unsaid_versions: bool,
    /// Patterns of `local:` go before all others, and the last that fits counts (e1e16bf8, 2.4.1).
    pub(super) local_patterns_first: bool,
    /// A name stands before a glob (0fdbace9, 2.4.0).
    pub(super) exact_stands_before_glob: bool,
    /// `f@@V` and `f@V` of one shared object are duplicates (fba0a218, 2.42.0).
    pub(super) versions_conflict: bool,
    /// A reference to what was discarded with its group is an error, and no crash (b403b811, 2.0.0).
    pub(super) discarded_is_error: bool,
    /// Reporting an undefined symbol looks at all symbols of its file, and dies of one whose section was discarded with its group
    /// (`get_func_name`; ea9864bb, 2.4.1, until ecc7ce02, 2.34.0).
    pub(super) naming_dies: bool,
    /// `--gc-sections` keeps all sections whose name is one of C (until 384527fd, 2.42.0).
    pub(super) keeps_identifiers: bool,
    /// `--gc-sections` drops shared objects only what was collected asks for (3d546cd0, 2.42.0).
    pub(super) collects_shared: bool,
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
            repeats: match () {
                () if since(2, 33) => Repeats::ByLibraryName,
                () if since(2, 3) => Repeats::OnceUnlessWhole,
                () => Repeats::Once,
            },
            follows: match () {
                () if since(2, 36) => Follows::ToCheck,
                () if since(2, 33) || (since(1, 11) && !since(2, 2)) => Follows::All,
                () => Follows::Objects,
            },
            hidden: match () {
                () if since(2, 38) => Hidden::Retried,
                () if since(2, 34) => Hidden::RetriedAtEnd,
                () => Hidden::Reported,
            },
            shlib_check: match () {
                () if since(2, 39) => ShlibCheck::AllOrNone,
                () if since(2, 38) => ShlibCheck::EachTransitively,
                () if since(2, 33) => ShlibCheck::Each,
                () => ShlibCheck::None,
            },
            checks_shlib: since(2, 38),
            drops_after_check: since(2, 36),
            drops_all_after_check: since(2, 36) && !since(2, 38),
            drops_without_check: since(2, 40) || !since(2, 39),
            check_sees_hidden: since(2, 41),
            shared_weak_asks: !since(2, 1),
            weak_keeps_shared: since(2, 32),
            all_wait_at_first: since(2, 38),
            defaults_by_version: since(2, 38),
            shared_asks_versions: since(2, 42),
            local_version_is_error: since(2, 42),
            defsym_asks_as_object: !since(2, 3),
            defsym_dies: !since(2, 3),
            shared_alone: since(2, 40),
            static_refuses_shared: since(2, 42),
            one_switch: since(2, 32),
            unsaid_versions: since(2, 4),
            local_patterns_first: since(2, 4),
            exact_stands_before_glob: since(2, 4),
            versions_conflict: since(2, 42),
            discarded_is_error: since(2, 0),
            naming_dies: since(2, 4) && !since(2, 34),
            keeps_identifiers: !since(2, 42),
            collects_shared: since(2, 42),
            duplicates_before_collection: since(2, 37),
        })
    }

    /// `--unresolved-symbols`, `--warn-unresolved-symbols` and, later, `-z defs` (cmdline.cc): the last of them counts. The order is not in
    /// the input; where both are given the one that warns is taken for the last.
    pub(super) fn policy(&self, options: &Options) -> Policy {
        use crate::model::input::{Output, Unresolved};
        let said = options.unresolved.map(|policy| !matches!(policy, Unresolved::Ignore | Unresolved::IgnoreInObjects));
        let reports = match self.one_switch {
            true => said.or(options.defs).unwrap_or(options.output != Output::Shared),
            false => said.unwrap_or(true) || options.warn_unresolved,
        };
        match (reports, options.warn_unresolved) {
            (false, _) => Policy::Ignore,
            (true, true) => Policy::Warn,
            (true, false) => Policy::Error,
        }
    }
}
