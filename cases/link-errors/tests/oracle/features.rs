//! What scenarios are made of, each with the share of scenarios that may have it.

/// One kind of thing a scenario may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Feature {
    // The plain generator.
    WeakDefinitions,
    WeakReferences,
    Commons,
    Archives,
    Shared,
    SharedNeeded,
    AsNeeded,
    Groups,
    Whole,
    Repeats,
    Modes,
    Defs,
    AllowShlib,
    AllowMultiple,
    OffLine,
    RpathLink,
    // What widens it.
    BareReferences,
    DeadSections,
    OwnSections,
    LocalNamesakes,
    Absolutes,
    Visibility,
    Comdat,
    Versions,
    Tls,
    TlsMismatch,
    SharedKinds,
    Wrap,
    Defsym,
    Undefined,
    Require,
    Entry,
    Gc,
    ExcludeLibs,
    VersionScript,
    UndefinedVersion,
    Thin,
    NoIndex,
    Unresolved,
    WarnUnresolved,
    CopyNeeded,
    FortranCommon,
    ExportDynamic,
    Symbolic,
    Relocatable,
    PushState,
    OddSonames,
    Unallocated,
    Untyped,
    Unique,
    LinkOnce,
    Reserved,
    Static,
    Twice,
    Missing,
    Large,
}

use Feature::*;

/// Every feature, its name, and the percentage of scenarios that may have it: in the plain generator, and in the widened one.
pub const ALL: &[(Feature, &str, u32, u32)] = &[
    (WeakDefinitions, "weak-definitions", 100, 60),
    (WeakReferences, "weak-references", 100, 60),
    (Commons, "commons", 100, 50),
    (Archives, "archives", 95, 85),
    (Shared, "shared", 75, 70),
    (SharedNeeded, "shared-needed", 60, 60),
    (AsNeeded, "as-needed", 70, 70),
    (Groups, "groups", 25, 25),
    (Whole, "whole", 15, 15),
    (Repeats, "repeats", 25, 20),
    (Modes, "modes", 60, 60),
    (Defs, "defs", 25, 15),
    (AllowShlib, "allow-shlib", 20, 15),
    (AllowMultiple, "allow-multiple", 12, 12),
    (OffLine, "off-line", 25, 25),
    (RpathLink, "rpath-link", 70, 60),
    (BareReferences, "bare-references", 0, 10),
    (DeadSections, "dead-sections", 0, 20),
    (OwnSections, "own-sections", 0, 30),
    (LocalNamesakes, "local-namesakes", 0, 10),
    (Absolutes, "absolutes", 0, 8),
    (Visibility, "visibility", 0, 25),
    (Comdat, "comdat", 0, 25),
    (Versions, "versions", 0, 25),
    (Tls, "tls", 0, 20),
    (TlsMismatch, "tls-mismatch", 0, 4),
    (SharedKinds, "shared-kinds", 0, 15),
    (Wrap, "wrap", 0, 12),
    (Defsym, "defsym", 0, 10),
    (Undefined, "undefined", 0, 15),
    (Require, "require", 0, 6),
    (Entry, "entry", 0, 6),
    (Gc, "gc", 0, 20),
    (ExcludeLibs, "exclude-libs", 0, 10),
    (VersionScript, "version-script", 0, 15),
    (UndefinedVersion, "undefined-version", 0, 10),
    (Thin, "thin", 0, 15),
    (NoIndex, "no-index", 0, 4),
    (Unresolved, "unresolved", 0, 12),
    (WarnUnresolved, "warn-unresolved", 0, 6),
    (CopyNeeded, "copy-needed", 0, 10),
    (FortranCommon, "fortran-common", 0, 15),
    (ExportDynamic, "export-dynamic", 0, 10),
    (Symbolic, "symbolic", 0, 8),
    (Relocatable, "relocatable", 0, 4),
    (PushState, "push-state", 0, 15),
    (OddSonames, "odd-sonames", 0, 10),
    (Unallocated, "unallocated", 0, 5),
    (Untyped, "untyped", 0, 10),
    (Unique, "unique", 0, 5),
    (LinkOnce, "link-once", 0, 6),
    (Reserved, "reserved", 0, 8),
    (Static, "static", 0, 4),
    (Twice, "twice", 0, 4),
    (Missing, "missing", 0, 2),
    (Large, "large", 0, 6),
];

/// The share of scenarios that may have each feature, in percent.
#[derive(Clone, Debug, PartialEq)]
pub struct Features(Vec<(Feature, u32)>);

impl Features {
    pub fn plain() -> Self {
        Self(ALL.iter().map(|(feature, _, plain, _)| (*feature, *plain)).collect())
    }

    pub fn wide() -> Self {
        Self(ALL.iter().map(|(feature, _, _, wide)| (*feature, *wide)).collect())
    }

    pub fn percent(&self, feature: Feature) -> u32 {
        self.0.iter().find(|(known, _)| *known == feature).map_or(0, |(_, percent)| *percent)
    }

    fn set(&mut self, feature: Feature, percent: u32) {
        for (known, value) in &mut self.0 {
            if *known == feature {
                *value = percent;
            }
        }
    }

    /// `plain`, `wide`, then changes: `+comdat`, `-tls`, `wrap=50`, `only` (sets all to 0).
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut features = Self::plain();
        for word in text.split([',', ' ']).filter(|word| !word.is_empty()) {
            match word {
                "plain" => features = Self::plain(),
                "wide" => features = Self::wide(),
                "only" => features.0.iter_mut().for_each(|(_, percent)| *percent = 0),
                _ => {
                    let (name, percent) = match word.split_once('=') {
                        Some((name, percent)) => (name, percent.parse().map_err(|_| format!("no percentage: {word}"))?),
                        None if word.starts_with('-') => (word, 0),
                        None => (word, 60),
                    };
                    let name = name.trim_start_matches(['+', '-']);
                    let (feature, ..) =
                        ALL.iter().find(|(_, known, ..)| *known == name).ok_or(format!("no feature: {word}"))?;
                    features.set(*feature, percent);
                }
            }
        }
        Ok(features)
    }
}
