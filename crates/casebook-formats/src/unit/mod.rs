//! systemd's unit files as its parser reads them (src/shared/conf-parser.c, `config_parse` and `parse_line`): sections,
//! assignments in their order, and what the parser leaves out, each with its place.
//!
//! What an assignment means is not known here; which sections and keys a unit takes depends on its type.

mod kind;
mod lines;
mod read;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use kind::{SUFFIXES, UNIT_FILE, is_unit_name, unit_suffix};
pub use read::read;

/// Bytes of a line, or of lines that continue each other, that systemd takes (`LONG_LINE_MAX`).
pub const LONGEST_LINE: usize = 1 << 20;

/// A file that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitFile<'a> {
    /// Headers of sections, in order; a name can come again.
    pub sections: Vec<Section<'a>>,
    /// Assignments, in order.
    pub assignments: Vec<Assignment<'a>>,
    /// Lines that systemd leaves out, in order. After a fatal one it reads no more.
    pub problems: Vec<Problem>,
}

/// `[Timer]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section<'a> {
    /// Name, without brackets.
    pub name: &'a str,
    /// Byte range of the header.
    pub span: (usize, usize),
    /// Line, from 1.
    pub line: u32,
}

/// `OnCalendar=daily`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment<'a> {
    /// Which of the file's sections it stands in.
    pub section: usize,
    /// Key.
    pub key: Cow<'a, str>,
    /// Value, without blanks around it; of continued lines each `\` is a blank, as systemd makes it.
    pub value: Cow<'a, str>,
    /// Byte range of the key.
    pub key_span: (usize, usize),
    /// Byte range of the value; with what stands between continued lines.
    pub value_span: (usize, usize),
    /// Byte range from key to value.
    pub span: (usize, usize),
    /// Line that systemd names in its messages: the last one of those that continue each other.
    pub line: u32,
}

/// Why a line is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// `Assignment outside of section. Ignoring.`
    OutsideSection,
    /// `Missing '=', ignoring line.`
    MissingEquals,
    /// `Missing key name before '=', ignoring line.`
    MissingKey,
    /// `Invalid section header`: no `]` at the end. Ends the file.
    BadHeader,
    /// `Bad characters in section header`. Ends the file.
    BadName,
    /// `String is not UTF-8 clean`. Ends the file.
    NotUtf8,
    /// `Line too long`, `Continuation line too long`. Ends the file.
    TooLong,
}

impl ProblemKind {
    /// True when systemd reads nothing of the file after it: the unit does not load, of a drop-in the rest is ignored.
    pub fn is_fatal(self) -> bool {
        matches!(self, Self::BadHeader | Self::BadName | Self::NotUtf8 | Self::TooLong)
    }

    /// In systemd's words.
    pub fn message(self) -> &'static str {
        match self {
            Self::OutsideSection => "assignment outside of section, ignored",
            Self::MissingEquals => "missing '=', line ignored",
            Self::MissingKey => "missing key name before '=', line ignored",
            Self::BadHeader => "invalid section header; the rest of the file is not read",
            Self::BadName => "bad characters in section header; the rest of the file is not read",
            Self::NotUtf8 => "not UTF-8; the rest of the file is not read",
            Self::TooLong => "line too long; the rest of the file is not read",
        }
    }
}

/// A line that is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Byte range: of the line, or of the rest of the file when it is fatal.
    pub span: (usize, usize),
    /// Line, from 1.
    pub line: u32,
    /// Why.
    pub kind: ProblemKind,
}

impl<'a> UnitFile<'a> {
    /// Name of the section an assignment stands in.
    pub fn section(&self, assignment: &Assignment<'_>) -> &'a str {
        self.sections.get(assignment.section).map_or("", |section| section.name)
    }

    /// Assignments of a key in all sections of a name.
    pub fn of<'f>(&'f self, section: &'f str, key: &'f str) -> impl Iterator<Item = &'f Assignment<'a>> {
        self.assignments.iter().filter(move |item| item.key == key && self.section(item) == section)
    }

    /// True when systemd stops reading inside of the file.
    pub fn is_cut(&self) -> bool {
        self.problems.iter().any(|problem| problem.kind.is_fatal())
    }
}
