//! Findings that were there before: a sorted text file of fingerprints that a review can read.

use std::collections::BTreeMap;

use casebook_core::{EvidenceSet, Finding, Report, Status};

const HEADER: &str = "# casebook baseline 1: fingerprint, code, path, title; only the fingerprint is read";

/// Fingerprints, with how often each may occur.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    counts: BTreeMap<String, usize>,
}

impl Baseline {
    /// Reads a baseline; the error names the line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut counts = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let Some(word) = line.split_whitespace().next().filter(|word| !word.starts_with('#')) else {
                continue;
            };
            if word.len() != 16 || !word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(format!("line {}: \"{word}\" is no fingerprint (16 hexadecimal digits)", number + 1));
            }
            *counts.entry(word.to_owned()).or_insert(0) += 1;
        }
        Ok(Self { counts })
    }

    /// Takes one occurrence of `finding` out; false when the baseline has none left.
    pub fn take(&mut self, finding: &Finding) -> bool {
        match self.counts.get_mut(&finding.fingerprint) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        }
    }

    /// How many entries no finding has taken.
    pub fn left(&self) -> usize {
        self.counts.values().sum()
    }
}

/// The baseline that holds every proved or insufficient finding of `report`, as text.
pub fn write(report: &Report, evidence: &EvidenceSet) -> String {
    let mut lines: Vec<String> = report
        .active()
        .filter(|(_, finding)| finding.status != Status::Exonerated)
        .map(|(_, finding)| {
            let path = finding.primary().map_or("?", |place| evidence.path(place.at.evidence()));
            let title = finding.title.replace(['\n', '\r'], " ");
            format!("{} {} {path} {title}", finding.fingerprint, finding.code)
        })
        .collect();
    lines.sort();
    lines.insert(0, HEADER.to_owned());
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_blank_lines_are_no_entries() {
        let baseline = Baseline::parse("# head\n\n0123456789abcdef NFT101 a.nft title\n").unwrap();
        assert_eq!(baseline.left(), 1);
    }

    #[test]
    fn a_word_that_is_no_fingerprint_is_named_with_its_line() {
        assert!(Baseline::parse("# x\nnft101 a\n").unwrap_err().starts_with("line 2: \"nft101\""));
    }
}
