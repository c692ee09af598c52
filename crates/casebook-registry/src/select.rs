//! Which rules are run: `--select`, `--ignore` and their keys in `casebook.toml`.

use casebook_core::{Case, Rule};

/// One word of a selection: a code, a prefix of codes, a rule's name or a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector(String);

impl Selector {
    /// Checks that the word selects at least one rule of `cases`.
    pub fn parse(word: &str, cases: &[&'static Case]) -> Result<Self, String> {
        let selector = Self(word.trim().to_owned());
        if selector.0.eq_ignore_ascii_case("all") || crate::find_case(cases, &selector.0).is_some() {
            return Ok(selector);
        }
        if crate::rules(cases).iter().any(|rule| selector.matches(rule, cases)) {
            return Ok(selector);
        }
        Err(match nearest(&selector.0, cases) {
            Some(near) => format!("\"{word}\" is no code, name or case; the nearest is \"{near}\""),
            None => format!("\"{word}\" is no code, name or case"),
        })
    }

    /// True when the word stands for `rule`.
    pub fn matches(&self, rule: &Rule, cases: &[&'static Case]) -> bool {
        let word = self.0.as_str();
        word.eq_ignore_ascii_case("all")
            || rule.name == word
            || crate::find_case(cases, word).is_some_and(|case| case.name == rule.case)
            || rule.code.get(..word.len()).is_some_and(|start| !word.is_empty() && start.eq_ignore_ascii_case(word))
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Rules to run: those selected (all when nothing is), less those ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Words of `--select`; empty for all.
    pub select: Vec<Selector>,
    /// Words of `--ignore`.
    pub ignore: Vec<Selector>,
}

impl Selection {
    /// True when `rule` is to be run.
    pub fn includes(&self, rule: &Rule, cases: &[&'static Case]) -> bool {
        let any = |words: &[Selector]| words.iter().any(|word| word.matches(rule, cases));
        (self.select.is_empty() || any(&self.select)) && !any(&self.ignore)
    }
}

/// The code, name or case closest to `word`, if one is close.
pub fn nearest(word: &str, cases: &[&'static Case]) -> Option<&'static str> {
    let lower = word.to_ascii_lowercase();
    let names = cases.iter().flat_map(|case| {
        let rules = case.rules.iter().flat_map(|rule| [rule.code, rule.name]);
        [case.name, case.command].into_iter().chain(rules)
    });
    names
        .map(|name| (distance(&lower, &name.to_ascii_lowercase()), name))
        .filter(|(distance, name)| *distance <= name.len() / 3 + 1)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Levenshtein distance in bytes.
pub fn distance(a: &str, b: &str) -> usize {
    let b = b.as_bytes();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let next = (diagonal + usize::from(x != *y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = next;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_single_edits() {
        assert_eq!(distance("nft", "nft"), 0);
        assert_eq!(distance("nft101", "nft110"), 2);
        assert_eq!(distance("", "abc"), 3);
    }
}
