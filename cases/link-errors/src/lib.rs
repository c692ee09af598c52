//! Linking errors on Linux: why a link fails, and what would make it link.
//!
//! The mechanism in ten lines. A linker turns names into definitions. Objects on the line are always part of the link; members of archives
//! and shared libraries only where somebody needs them, and linkers differ in when they ask. GNU ld reads from left to right: it looks
//! through an archive once, when it comes to it, and takes members for what is undefined at that moment; under `--as-needed`, which some
//! drivers pass by themselves, it tries a library and puts everything back if nobody before it needed it. gold decides about libraries at
//! the end, lld about archives too, mold ranks all definitions before it takes any, wild goes to the first file that has the name. So the
//! same files on the same line link with one and fail with another, and the message names what is undefined, never the definition that was
//! passed. When the line has ended, GNU ld looks into the libraries that libraries need; what only they define is "DSO missing" for an
//! object. What is complained of are relocations against names without a definition in sections that are kept, and names with two strong
//! definitions among the files that were taken. All of this follows from the files, the order, the options and the linker's release: the
//! same model that says what failed tries edits of the line until it links.

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
