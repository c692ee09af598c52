//! Linking errors on Linux: why a link fails, and what would make it link.
//!
//! The mechanism in ten lines.

pub mod command;
pub mod facts;
pub mod model;
pub mod page;
pub mod rules;

/// The laboratory: what builds the scenarios, and the scenarios.
static LAB: &[(&str, &str)] = &[
    ("run.sh", include_str!("../lab/run.sh")),
    ("README.md", include_str!("../lab/README.md")),
    ("lab.py", include_str!("../lab/lab.py")),
    ("libraries.py", include_str!("../lab/libraries.py")),
    ("micro.py", include_str!("../lab/micro.py")),
    ("named.py", include_str!("../lab/named.py")),
    ("objects.py", include_str!("../lab/objects.py")),
    ("rust.py", include_str!("../lab/rust.py")),
    ("scenario.py", include_str!("../lab/scenario.py")),
    ("story.py", include_str!("../lab/story.py")),
    ("toolchain.py", include_str!("../lab/toolchain.py")),
    ("truth.py", include_str!("../lab/truth.py")),
    ("verdict.py", include_str!("../lab/verdict.py")),
];

casebook_core::case! {
    /// The case.
    pub CASE = "link-errors" ("LNK", "link"),
    "Linking errors on Linux: an afternoon with ld",
    "why a link fails, for which linker, and which edit of the line makes it link",
    kinds: facts::kinds::KINDS,
    wants: &[],
    settings: &[],
    rules: rules::RULES,
    verbs: command::VERBS,
    lab: LAB,
    read: facts::read,
    page: page::view,
}
