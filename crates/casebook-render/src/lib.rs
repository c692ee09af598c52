//! A report as text for people and as files for machines. One format is one module; all of them read the
//! same [`context::Context`], which counts, indexes lines and digests evidence once.
//!
//! Nothing here concludes anything: every word of a rendering is in the report, in the evidence or in the
//! rule table. Rendering reads evidence only around the places it shows.

mod clean;
mod columns;
mod concise;
mod context;
mod full;
mod github;
mod html;
mod json;
mod jsonl;
mod junit;
mod patch;
mod projection;
mod prose;
mod sarif;
mod tail;
mod window;

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use casebook_core::{EvidenceSet, Report, Rule};

use context::Context;

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// For people: drawn findings, then totals and coverage.
    #[default]
    Full,
    /// One line for each finding.
    Concise,
    /// `casebook.report/1`, one document.
    Json,
    /// One JSON object a line: findings, coverage, summary.
    Jsonl,
    /// SARIF 2.1.0.
    Sarif,
    /// Workflow commands that annotate a pull request.
    Github,
    /// JUnit XML.
    Junit,
    /// One self-contained page.
    Html,
}

impl Format {
    /// Every format, in the order of the help text.
    pub const ALL: [Format; 8] = [
        Format::Full,
        Format::Concise,
        Format::Json,
        Format::Jsonl,
        Format::Sarif,
        Format::Github,
        Format::Junit,
        Format::Html,
    ];

    /// The name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Full => "full",
            Format::Concise => "concise",
            Format::Json => "json",
            Format::Jsonl => "jsonl",
            Format::Sarif => "sarif",
            Format::Github => "github",
            Format::Junit => "junit",
            Format::Html => "html",
        }
    }

    /// All names, for help and completion.
    pub fn names() -> [&'static str; 8] {
        Self::ALL.map(Self::as_str)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A format name nobody knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFormat(pub String);

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown format {:?}; the formats are {}", self.0, Format::names().join(", "))
    }
}

impl std::error::Error for UnknownFormat {}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|format| format.as_str() == name).ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// How to render.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The format.
    pub format: Format,
    /// Terminal colours and styles; [`Format::Full`] and [`Format::Concise`] only.
    pub color: bool,
    /// Box-drawing characters instead of ASCII; [`Format::Full`] only.
    pub unicode: bool,
    /// Columns to draw in; 0 when the output is not a terminal: prose is then not wrapped.
    pub width: usize,
    /// Version of Casebook.
    pub version: &'a str,
}

impl<'a> Options<'a> {
    /// Plain output of `format` by Casebook `version`: no colour, ASCII, not wrapped.
    pub fn new(format: Format, version: &'a str) -> Self {
        Self { format, color: false, unicode: false, width: 0, version }
    }
}

/// Writes `report` in the format of `options`. `rules` describes the rules that ran; findings of rules that
/// are not in it are rendered all the same.
pub fn render(
    report: &Report,
    evidence: &EvidenceSet,
    rules: &[&'static Rule],
    options: &Options<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let context = Context::new(report, evidence, rules, options);
    match options.format {
        Format::Full => full::write(&context, out),
        Format::Concise => concise::write(&context, out),
        Format::Json => json::write(&context, out),
        Format::Jsonl => jsonl::write(&context, out),
        Format::Sarif => sarif::write(&context, out),
        Format::Github => github::write(&context, out),
        Format::Junit => junit::write(&context, out),
        Format::Html => html::write(&context, out),
    }
}

#[cfg(test)]
mod tests;
