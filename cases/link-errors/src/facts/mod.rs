//! Bytes to facts with spans. It cannot fail: what it does not know becomes unmodelled.

pub mod attempt;
pub mod command;
pub mod disk;
pub mod files;
pub mod kinds;
pub mod resolve;
pub mod source;
pub mod usual;

use casebook_core::{Coverage, Input, Read};

pub use attempt::Attempt;
use command::{Banner, read_log};
use disk::Files;
use kinds::LINK_TEXT;

/// The facts of the case.
#[derive(Debug, Default)]
pub struct Facts {
    /// Links, in order of evidence.
    pub attempts: Vec<Attempt>,
}

/// Reads every file of the case's kinds.
pub fn read(input: &Input<'_>) -> Read {
    let (mut facts, mut coverage) = (Facts::default(), Vec::new());
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
        coverage
            .push(Coverage::read(item, unmodelled.into_iter().filter(|one| one.span.evidence == item.id).collect()));
    }
    Read::new(facts, coverage)
}
