//! Outputs of `Label: value` lines.

use casebook_core::{Evidence, EvidenceId, Span, Unmodelled};

use crate::facts::text::{MOST_GAPS, Told, lines};

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What stands before the separator, without blanks around it.
    pub label: String,
    /// What stands behind it.
    pub value: Told<String>,
    /// The line.
    pub line: Span,
}

/// The lines of one output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// Where.
    pub evidence: EvidenceId,
    /// In order.
    pub entries: Vec<Entry>,
}

impl Labels {
    /// The value of the first line with one of these labels.
    pub fn get(&self, labels: &[&str]) -> Option<&Told<String>> {
        self.entries.iter().find(|entry| labels.contains(&entry.label.as_str())).map(|entry| &entry.value)
    }

    /// The number that a value begins with, in the unit the output has.
    pub(super) fn number<T: std::str::FromStr>(&self, labels: &[&str]) -> Option<Told<T>> {
        let value = self.get(labels)?;
        let word = value.value.split_ascii_whitespace().next()?;
        Some(Told::new(word.strip_prefix('+').unwrap_or(word).parse().ok()?, value.span))
    }
}

/// Reads lines that are divided at the first `separator`.
pub(super) fn read(item: &Evidence, separator: char) -> (Labels, Vec<Unmodelled>) {
    let mut unmodelled = Vec::new();
    let mut out = Labels { evidence: item.id, entries: Vec::new() };
    for line in lines(item, &mut unmodelled) {
        match line.pair(separator) {
            Some((label, value)) => {
                out.entries.push(Entry { label: label.to_owned(), value: line.told(value), line: line.span() });
            }
            None if !line.is_blank() && unmodelled.len() < MOST_GAPS => unmodelled.push(line.unmodelled("no label")),
            None => {}
        }
    }
    (out, unmodelled)
}
