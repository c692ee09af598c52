//! Bytes to facts with spans. It cannot fail: what it does not know becomes unmodelled.

pub mod capture;
pub mod copies;
pub mod counts;
pub mod direction;
pub mod specimen;
#[cfg(test)]
mod tests;

use casebook_core::{Coverage, Evidence, Input, Read, Span, Unmodelled};

pub use capture::{Capture, KIND, Limits};
/// `sysctl` settings, which go with captures: whether conntrack verifies checksums.
pub use casebook_formats::sysctl::KIND as SYSCTL;

/// The key that decides whether conntrack verifies checksums
/// (`net/netfilter/nf_conntrack_standalone.c`, `nf_conntrack_checksum`).
pub const CHECKSUM_KEY: &str = "net.netfilter.nf_conntrack_checksum";

/// Whether conntrack of a host verifies checksums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifies {
    /// `Some(true)` for 1, `None` for a value that is neither 0 nor 1.
    pub on: Option<bool>,
    /// The line.
    pub span: Span,
    /// Path of the evidence.
    pub path: String,
}

/// The facts of the case.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Captures, in order of evidence.
    pub captures: Vec<Capture>,
    /// What sysctl listings say of conntrack and checksums.
    pub verifies: Vec<Verifies>,
}

impl Facts {
    /// What is said of the machine of a capture: by the listings of its own folder, or by all where it has none. Listings that
    /// contradict each other say nothing.
    pub fn verifies(&self, capture: &Capture) -> Option<&Verifies> {
        let folder = |path: &str| path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
        let own = folder(&capture.path);
        let near: Vec<&Verifies> = self.verifies.iter().filter(|one| folder(&one.path) == own).collect();
        let list = if near.is_empty() { self.verifies.iter().collect() } else { near };
        let first = *list.first()?;
        (first.on.is_some() && list.iter().all(|one| one.on == first.on)).then_some(first)
    }
}

/// Reads every file of the case's kinds.
pub fn read(input: &Input<'_>) -> Read {
    let (mut facts, mut coverage) = (Facts::default(), Vec::new());
    for item in input.of_kind(&KIND) {
        let capture = capture::read(item, Limits::default());
        coverage.push(capture.coverage(item));
        facts.captures.push(capture);
    }
    copies::find(input.evidence, &mut facts.captures);
    for item in input.of_kind(&SYSCTL) {
        let (verifies, unmodelled) = settings(item);
        facts.verifies.extend(verifies);
        coverage.push(Coverage::read(item, unmodelled));
    }
    Read::new(facts, coverage)
}

fn settings(item: &Evidence) -> (Option<Verifies>, Vec<Unmodelled>) {
    let list = casebook_formats::sysctl::read(item.as_bytes());
    let verifies = list.get(CHECKSUM_KEY).map(|setting| Verifies {
        on: match setting.value {
            "0" => Some(false),
            "1" => Some(true),
            _ => None,
        },
        span: Span::new(item.id, setting.span.0, setting.span.1),
        path: item.path.clone(),
    });
    let unread = list.unread.iter().map(|(start, end)| Unmodelled::new(Span::new(item.id, *start, *end), "no setting"));
    (verifies, unread.collect())
}
