//! The only file and command input of Casebook. It turns paths, streams, bundles and the running machine
//! into an [`casebook_core::EvidenceSet`], and says in one line of coverage for each what it could not read.
//!
//! Nothing here knows a mechanism: kinds are told apart by the sniffers of the cases, and included files
//! are found through [`casebook_core::Kind::refers`]. Reading never writes, and no limit is silent.

pub mod bundle;
pub mod cgroup;
mod encoding;
pub mod experiment;
mod git;
pub mod glob;
pub mod live;
pub mod load;
pub mod local;
mod map;
pub mod pack;
pub mod redact;
mod refer;
mod source;
mod spool;
mod tally;
mod walk;
pub mod workshop;

use std::collections::BTreeMap;
use std::path::PathBuf;

use casebook_core::{Coverage, EvidenceId, EvidenceSet, Kind};

pub use live::{Entry, Reading};
pub use load::Loader;

/// Largest piece of evidence read by default: 256 MiB.
pub const MAX_EVIDENCE_BYTES: u64 = 256 << 20;

/// Largest piece of evidence of the kinds in [`MAPPED_KINDS`] that is read by default: 64 GiB. It is mapped or spooled to a
/// temporary file, and takes no memory.
pub const MAX_MAPPED_BYTES: u64 = 64 << 30;

/// Names of kinds whose readers walk the evidence once and let go of what is behind ([`casebook_core::Bytes::release`]).
pub const MAPPED_KINDS: &[&str] =
    &["capture", "journal-file", "journal-export", "journal-json", "journal-text", "kernel-log", "elf", "archive"];

/// Names of kinds that are read where somebody names them or another file refers to them, and passed over by a walk: a tree that
/// was built holds thousands of them, and by themselves they say nothing.
pub const REFERRED_KINDS: &[&str] = &["elf", "archive", "linker-script"];

/// Names of kinds that their first bytes tell beyond doubt. They are asked first: a link has thousands of these files, and other sniffers look
/// for words in all they are given.
pub const CERTAIN_KINDS: &[&str] = &["elf", "archive"];

/// Bytes a sniffer may look at.
pub const HEAD: usize = 64 << 10;

/// How to read.
#[derive(Clone, Debug)]
pub struct Options {
    /// Kinds of evidence that can be recognised: those of [`CERTAIN_KINDS`], then the most specific first within a case.
    pub kinds: Vec<&'static Kind>,
    /// Read everything named as this kind, whatever it looks like.
    pub force_kind: Option<&'static Kind>,
    /// Larger files get a coverage line and are not read.
    pub max_evidence_bytes: u64,
    /// The same for kinds of [`MAPPED_KINDS`]; they do not count towards `max_total_bytes`.
    pub max_mapped_bytes: u64,
    /// A walk stops after this many files.
    pub max_files: usize,
    /// Keep what is named but of no known kind, without a kind: a verb knows what its arguments are.
    pub keep_unknown: bool,
    /// All evidence of one run; what would go over it gets a coverage line and is not read.
    pub max_total_bytes: u64,
}

impl Options {
    /// The defaults for these kinds.
    pub fn new(mut kinds: Vec<&'static Kind>) -> Self {
        kinds.sort_by_key(|kind| !CERTAIN_KINDS.contains(&kind.name));
        Self {
            kinds,
            force_kind: None,
            keep_unknown: false,
            max_evidence_bytes: MAX_EVIDENCE_BYTES,
            max_mapped_bytes: MAX_MAPPED_BYTES,
            max_files: 500_000,
            max_total_bytes: 1 << 30,
        }
    }
}

/// What reading gave.
#[derive(Debug, Default)]
pub struct Collected {
    /// The evidence.
    pub evidence: EvidenceSet,
    /// Lines for what is not evidence: unreadable, too large, of no known kind.
    pub coverage: Vec<Coverage>,
    /// Limits that were hit.
    pub notices: Vec<String>,
    /// The file on disk each piece came from (the bundle, for a member); absent for streams and live readings.
    pub files: BTreeMap<EvidenceId, PathBuf>,
}
