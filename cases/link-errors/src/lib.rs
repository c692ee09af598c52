//! Linking errors on Linux: why a link fails, and what would make it link.
//!
//! The mechanism in ten lines.

pub mod command;
pub mod facts;
pub mod model;
pub mod rules;

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
    lab: &[],
    read: facts::read,
    page: |_| String::new(),
}
