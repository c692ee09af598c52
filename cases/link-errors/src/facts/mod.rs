//! Bytes to facts with spans. It cannot fail: what it does not know becomes unmodelled.

pub mod attempt;
pub mod command;
pub mod disk;
pub mod files;
pub mod kinds;
pub mod log;
pub mod resolve;
mod same;
pub mod source;
pub mod usual;

use std::collections::BTreeSet;

use casebook_core::{Coverage, EvidenceId, Input, Read, Unmodelled};

pub use attempt::Attempt;
use command::{Banner, read_log};
use disk::Files;
use kinds::LINK_TEXT;

/// The facts of the case.
#[derive(Debug, Default)]
pub struct Facts {
    /// Links, in order of evidence.
    pub attempts: Vec<Attempt>,
    /// What linkers said.
    pub told: Vec<()>,
}

/// Reads every file of the case's kinds.
pub fn read(input: &Input<'_>) -> Read {
    let (mut facts, mut coverage, mut gaps) = (Facts::default(), Vec::new(), Vec::new());
    let files = Files::of(input.evidence);
    let texts: Vec<_> = input.of_kind(&LINK_TEXT).collect();
    let logs: Vec<_> = texts.iter().map(|item| read_log(item.as_bytes(), item.id, &item.path)).collect();
    for (item, log) in texts.iter().zip(&logs) {
        // What a driver or linker says of itself may stand in another file beside this one.
        let folder = |path: &str| path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
        let beside = texts.iter().zip(&logs).filter(|(other, _)| folder(&other.path) == folder(&item.path));
        let mut banner = Banner::default();
        for (_, other) in beside {
            attempt::take(&mut banner, &other.banner);
        }
        let mut unmodelled = log.unmodelled.clone();
        facts.attempts.extend(attempt::attempts(item, log, &banner, input.evidence, &files, &mut unmodelled));
        let (own, other): (Vec<_>, Vec<_>) = unmodelled.into_iter().partition(|one| one.span.evidence == item.id);
        gaps.extend(other);
        coverage.push(Coverage::read(item, own));
    }
    let of = |evidence| {
        let path = input.evidence.path(evidence);
        path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned())
    };
    facts.attempts = same::join(std::mem::take(&mut facts.attempts), &|attempt| of(attempt.evidence));
    covered(&facts, input, &gaps, &mut coverage);
    coverage.sort_by_key(|line| line.evidence);
    Read::new(facts, coverage)
}

/// A line of coverage for each file a link reads. Files that no link names say nothing by themselves.
fn covered(facts: &Facts, input: &Input<'_>, gaps: &[Unmodelled], coverage: &mut Vec<Coverage>) {
    let opened = facts.attempts.iter().flat_map(|attempt| &attempt.files.opened).filter_map(|opened| opened.evidence);
    let used: BTreeSet<EvidenceId> = opened.collect();
    for kind in [&kinds::ELF, &kinds::ARCHIVE, &kinds::SCRIPT] {
        for item in input.of_kind(kind) {
            if used.contains(&item.id) || !item.referred {
                let mut own: Vec<Unmodelled> =
                    gaps.iter().filter(|gap| gap.span.evidence == item.id).cloned().collect();
                own.dedup();
                let line = Coverage::read(item, own);
                coverage.push(if used.contains(&item.id) { line } else { line.with_note("no link here takes it") });
            }
        }
    }
}
