//! Bytes to facts with spans. It cannot fail: what it does not know becomes unmodelled.

pub mod attempt;
pub mod command;
pub mod disk;
pub mod files;
pub mod kinds;
pub mod log;
mod offers;
pub mod resolve;
mod same;
pub mod source;
pub mod usual;

use std::collections::{BTreeSet, HashMap};

use casebook_core::{Coverage, EvidenceId, Input, Read, Unmodelled};

pub use attempt::Attempt;
use command::{Banner, read_log};
use disk::Files;
use kinds::LINK_TEXT;
use log::Message;

/// Name of the text that stands for a command which was just given: its files are those of this machine, now.
pub const LIVE: &str = "command line";

/// The facts of the case.
#[derive(Debug, Default)]
pub struct Facts {
    /// Links, in order of evidence.
    pub attempts: Vec<Attempt>,
    /// What linkers said, in order of evidence.
    pub told: Vec<Message>,
}

/// Reads every file of the case's kinds.
pub fn read(input: &Input<'_>) -> Read {
    let (mut facts, mut coverage, mut gaps) = (Facts::default(), Vec::new(), Vec::new());
    let files = Files::of(input.evidence);
    let texts: Vec<_> = input.of_kind(&LINK_TEXT).collect();
    let logs: Vec<_> = texts.iter().map(|item| read_log(item.as_bytes(), item.id, &item.path)).collect();
    let mut told: Vec<Message> = Vec::new();
    for (item, log) in texts.iter().zip(&logs) {
        // What a driver or linker says of itself may stand in another file beside this one.
        let folder = |path: &str| path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
        let beside = texts.iter().zip(&logs).filter(|(other, _)| folder(&other.path) == folder(&item.path));
        let mut banner = Banner::default();
        for (_, other) in beside {
            attempt::take(&mut banner, &other.banner);
        }
        let said = log::read(item);
        let mut unmodelled = log.unmodelled.clone();
        unmodelled.extend(said.unmodelled);
        told.extend(said.messages);
        facts.attempts.extend(attempt::attempts(item, log, &banner, input.evidence, &files, &mut unmodelled));
        gaps.extend(unmodelled);
    }
    let of = |evidence| {
        let path = input.evidence.path(evidence);
        path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned())
    };
    facts.attempts = same::join(std::mem::take(&mut facts.attempts), &|attempt| of(attempt.evidence));
    facts.told = told;
    meet(&mut facts, &of);
    covered(&facts, input, gaps, &mut coverage);
    coverage.sort_by_key(|line| line.evidence);
    Read::new(facts, coverage)
}

/// Which messages are of which link: of one text, those behind its command and before the next; else those of the same folder.
fn meet(facts: &mut Facts, folder: &dyn Fn(EvidenceId) -> String) {
    for (index, message) in facts.told.iter().enumerate() {
        let text = message.span.evidence;
        let before = facts
            .attempts
            .iter()
            .enumerate()
            .filter(|(_, attempt)| attempt.evidence == text && attempt.span.start <= message.span.start)
            .map(|(number, _)| number)
            .next_back();
        let own = before.or_else(|| {
            let mut beside =
                facts.attempts.iter().enumerate().filter(|(_, attempt)| folder(attempt.evidence) == folder(text));
            let (number, _) = beside.next()?;
            beside.next().is_none().then_some(number)
        });
        if let Some(number) = own {
            facts.attempts[number].said.push(index);
        }
    }
}

/// A line of coverage for each text, and for each file a link reads. Files that no link names say nothing by themselves.
fn covered(facts: &Facts, input: &Input<'_>, gaps: Vec<Unmodelled>, coverage: &mut Vec<Coverage>) {
    let opened = facts.attempts.iter().flat_map(|attempt| &attempt.files.opened).filter_map(|opened| opened.evidence);
    let used: BTreeSet<EvidenceId> = opened.collect();
    let mut by_evidence: HashMap<EvidenceId, Vec<Unmodelled>> = HashMap::new();
    for gap in gaps {
        by_evidence.entry(gap.span.evidence).or_default().push(gap);
    }
    for item in input.of_kind(&LINK_TEXT) {
        let mut own = by_evidence.remove(&item.id).unwrap_or_default();
        own.dedup();
        coverage.push(Coverage::read(item, own));
    }
    for kind in [&kinds::ELF, &kinds::ARCHIVE, &kinds::SCRIPT] {
        for item in input.of_kind(kind) {
            if used.contains(&item.id) || !item.referred {
                let mut own = by_evidence.remove(&item.id).unwrap_or_default();
                own.dedup();
                let line = Coverage::read(item, own);
                coverage.push(if used.contains(&item.id) { line } else { line.with_note("no link here takes it") });
            }
        }
    }
}
