//! The timers of a verb's evidence.

use std::collections::BTreeMap;

use casebook_core::{Input, VerbError, VerbInput};

use crate::facts::accounts::{Account, Accounts};
use crate::facts::typed::{Fault, TimerUnit};
use crate::facts::{Facts, read};
use crate::model::timer::{Job, Lasts, Starts};

/// A timer to simulate.
pub(super) struct Loaded {
    pub unit: TimerUnit,
    pub job: Job,
    /// What the reader should know of it.
    pub notes: Vec<String>,
}

/// Accounts of the timers in the evidence.
pub(super) fn accounts(input: &VerbInput<'_>) -> Result<Facts, VerbError> {
    let settings = BTreeMap::new();
    let facts = read(&Input { evidence: input.evidence, settings: &settings }).facts;
    facts.downcast::<Facts>().map(|facts| *facts).map_err(|_| VerbError::usage("the evidence could not be read"))
}

/// Every timer that has a value.
pub(super) fn load(input: &VerbInput<'_>, job: Job) -> Result<Vec<Loaded>, VerbError> {
    let mut facts = accounts(input)?;
    let Accounts { timers, .. } = std::mem::take(&mut facts.accounts);
    if timers.is_empty() {
        return Err(VerbError::with_hint(
            "no timer was found",
            "give a .timer file, a folder of unit files, or output of `systemctl show`",
        ));
    }
    let named = |account: &Account| !account.unit.is_refused();
    let refused: Vec<String> =
        timers.iter().filter(|account| !named(account)).map(|account| account.name.clone()).collect();
    let loaded: Vec<Loaded> = timers.into_iter().filter(named).map(|account| one(account, job)).collect();
    if loaded.is_empty() {
        return Err(VerbError::with_hint(
            format!("systemd refuses {}: no value is set that it takes", refused.join(", ")),
            "`casebook check` says which line is wrong",
        ));
    }
    Ok(loaded)
}

fn one(account: Account, job: Job) -> Loaded {
    let mut notes = Vec::new();
    for ignored in &account.unit.ignored {
        let why = match &ignored.fault {
            Fault::Calendar(error) => error.why.clone(),
            Fault::Span(why) => why.clone(),
            Fault::Boolean => "neither yes nor no".to_owned(),
            Fault::Unknown => continue,
        };
        notes.push(format!("{}={} is ignored: {why}", ignored.key, ignored.value));
    }
    let job = match (account.job.starts, account.job.lasts) {
        (Starts::Refused, _) => {
            notes.push(format!(
                "{} cannot be started: {}",
                account.service.name,
                account.service.refused.as_ref().map_or("", |why| why.value.as_str())
            ));
            account.job
        }
        (_, Lasts::Forever) => {
            notes.push(format!("{} has RemainAfterExit=yes: it never becomes inactive", account.service.name));
            account.job
        }
        _ => job,
    };
    Loaded { unit: account.unit, job, notes }
}
