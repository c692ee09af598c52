//! The facts of a verb's evidence, and the group it is about.

use std::collections::BTreeMap;

use casebook_core::{Arg, ArgKind, Input, VerbError, VerbInput};

use crate::facts::{Facts, read};

/// `EVIDENCE…`
pub(super) const EVIDENCE: Arg = Arg {
    name: "evidence",
    kind: ArgKind::Evidence,
    value_name: "EVIDENCE",
    help: "A folder of /sys/fs/cgroup, a copy of it, a bundle, a recording, a workload",
    required: true,
    many: true,
};

/// `--group PATH`
pub(super) const GROUP: Arg = Arg {
    name: "group",
    kind: ArgKind::Value,
    value_name: "PATH",
    help: "The group: /system.slice/app.service, or the end of its path",
    required: false,
    many: false,
};

/// Facts of all evidence.
pub(super) fn facts(input: &VerbInput<'_>) -> Result<Facts, VerbError> {
    let settings = BTreeMap::new();
    let facts = read(&Input { evidence: input.evidence, settings: &settings }).facts;
    facts.downcast::<Facts>().map(|facts| *facts).map_err(|_| VerbError::usage("the evidence could not be read"))
}

/// True when `path` is what the user named: all of it, or its end.
pub(super) fn is_named(path: &str, named: &str) -> bool {
    let named = named.trim_end_matches('/');
    path == named || path.strip_suffix(named).is_some_and(|front| named.starts_with('/') || front.ends_with('/'))
}
