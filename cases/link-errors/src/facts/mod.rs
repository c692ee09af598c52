//! Bytes to facts with spans. It cannot fail: what it does not know becomes unmodelled.

pub mod attempt;
pub mod beside;
pub mod command;
pub mod disk;
pub mod files;
pub mod kinds;
pub mod log;
mod offers;
pub mod resolve;
mod same;
pub mod source;
pub mod unseen;
pub mod usual;

use std::collections::{BTreeSet, HashMap};

use casebook_core::{Coverage, EvidenceId, Input, Read, Span, Unmodelled};

pub use attempt::Attempt;
use attempt::Link;
use beside::Beside;
use command::{Banner, Flag, Made, read_log};
use disk::Files;
use kinds::LINK_TEXT;
use log::Message;
use unseen::Unseen;

/// Name of the text that stands for a command which was just given: its files are those of this machine, now.
pub const LIVE: &str = "command line";

/// The facts of the case.
#[derive(Debug, Default)]
pub struct Facts {
    /// Links, in order of evidence.
    pub attempts: Vec<Attempt>,
    /// Links of which no file is here, in order of evidence.
    pub unseen: Vec<Unseen>,
    /// What the texts say was made before, in order of evidence.
    pub made: Vec<Made>,
    /// Flags that the texts name outside of commands that compile, as `make CFLAGS=…` does.
    pub flags: Vec<(Flag, Span)>,
    /// What linkers said, in order of evidence.
    pub told: Vec<Message>,
    /// Libraries beside texts whose links are not here with their files, that have what was undefined.
    pub beside: Vec<Beside>,
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
        for link in attempt::links(item, log, &banner, input.evidence, &files, &mut unmodelled) {
            match link {
                Link::Seen(attempt) => facts.attempts.push(*attempt),
                Link::Unseen(unseen) => facts.unseen.push(*unseen),
            }
        }
        facts.made.extend(log.made.iter().cloned());
        facts.flags.extend(log.flags.iter().copied());
        gaps.extend(unmodelled);
    }
    let of = |evidence| {
        let path = input.evidence.path(evidence);
        path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned())
    };
    facts.attempts = same::join(std::mem::take(&mut facts.attempts), &|attempt| of(attempt.evidence));
    facts.told = told;
    // What a log says of a link whose files are found from another text is said of that one.
    let twins = same::once(&mut facts.attempts, &mut facts.unseen, &of);
    meet(&mut facts, &of, &twins);
    let with_files: BTreeSet<usize> = facts.attempts.iter().flat_map(|attempt| attempt.said.iter().copied()).collect();
    let alone = facts.told.iter().enumerate().filter(|(index, _)| !with_files.contains(index)).map(|(_, one)| one);
    facts.beside = beside::read(alone, input.evidence);
    covered(&facts, input, gaps, &mut coverage);
    coverage.sort_by_key(|line| line.evidence);
    Read::new(facts, coverage)
}

/// Which messages are of which link: of one text, those behind its command and before the next; else those of the same folder.
///
/// `twins` are places where a link of the attempts stands once more.
fn meet(facts: &mut Facts, folder: &dyn Fn(EvidenceId) -> String, twins: &[(EvidenceId, u64, usize)]) {
    // All links, those without files behind the others.
    let links: Vec<(EvidenceId, u64)> = facts
        .attempts
        .iter()
        .map(|one| (one.evidence, one.span.start))
        .chain(facts.unseen.iter().map(|one| (one.evidence, one.span.start)))
        .chain(twins.iter().map(|(evidence, start, _)| (*evidence, *start)))
        .collect();
    let (seen, known) = (facts.attempts.len(), facts.attempts.len() + facts.unseen.len());
    for (index, message) in facts.told.iter().enumerate() {
        let text = message.span.evidence;
        let numbered = links.iter().enumerate();
        let before = numbered
            .filter(|(_, (evidence, start))| *evidence == text && *start <= message.span.start)
            .max_by_key(|(_, (_, start))| *start);
        let own = before.map(|(number, _)| number).or_else(|| {
            let mut beside = links.iter().enumerate().filter(|(_, (evidence, _))| folder(*evidence) == folder(text));
            let (number, _) = beside.next()?;
            beside.next().is_none().then_some(number)
        });
        let own = own.map(|number| if number < known { number } else { twins[number - known].2 });
        match own {
            Some(number) if number < seen => facts.attempts[number].said.push(index),
            Some(number) => facts.unseen[number - seen].said.push(index),
            None => {}
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
