//! The life of a timer out of the journal: boots and steps of the clock from its history, the rest from its events.

use casebook_formats::journal::BootId;
use casebook_formats::journal::clock::{self, Change};

use super::{Service, Setting};
use crate::facts::Facts;
use crate::facts::journal::{Event, What as Told};
use crate::model::account::{Boot, Happening, Life, Run, What};
use crate::model::time::Realtime;

/// Two lines of one reload.
const SAME_US: u64 = 5_000_000;

pub(super) fn of(facts: &Facts, _setting: &Setting, timer: &str, service: &Service) -> Life {
    Life { boots: facts.journal.history.boots.iter().map(|boot| one(facts, boot, timer, service)).collect() }
}

fn events(facts: &Facts, id: BootId) -> impl Iterator<Item = (u64, &Event)> {
    let of_boot = facts.journal.events.iter().filter(move |event| event.at.boot == Some(id) && !event.of_user);
    of_boot.filter_map(|event| Some((event.at.monotonic?.0, event)))
}

fn one(facts: &Facts, boot: &clock::Boot, timer: &str, service: &Service) -> Boot {
    let (first, last) = (boot.first(), boot.last());
    let begin = Realtime(first.realtime.0.saturating_sub(first.monotonic.0));
    let mut happenings: Vec<Happening> = Vec::new();
    for step in &boot.steps {
        let what = match step.change {
            Change::Suspended if step.by_us > 0 => What::Slept(step.by_us as u64),
            _ => What::Set(step.by_us),
        };
        happenings.push(Happening {
            at_us: step.after.monotonic.0,
            from_us: step.before.monotonic.0,
            what,
            span: step.after.span,
        });
    }
    let mut userspace_us = None;
    let mut reloaded = None::<u64>;
    let mut open: Option<usize> = None;
    for (at_us, event) in events(facts, boot.id) {
        let mut add = |what: What| {
            happenings.push(Happening { at_us, from_us: at_us, what, span: event.message });
            happenings.len() - 1
        };
        let unit = event.unit.as_deref();
        match &event.what {
            Told::ManagerStarted(_) => {
                userspace_us.get_or_insert(at_us);
            }
            Told::Reloading | Told::ReloadRequested(_) | Told::Reexecuting => {
                if reloaded.is_none_or(|before| at_us > before + SAME_US) {
                    add(What::Reload);
                }
                reloaded = Some(at_us);
            }
            Told::Started if unit == Some(timer) => {
                add(What::Started);
            }
            Told::Stopped if unit == Some(timer) => {
                add(What::Stopped);
            }
            told if unit == Some(service.name.as_str()) => match told {
                Told::Starting => open = Some(add(What::Run(Run { ended_us: None, worked: true, succeeded: None }))),
                Told::Started if open.is_none() => {
                    open = Some(add(What::Run(Run { ended_us: None, worked: true, succeeded: None })))
                }
                Told::ConditionUnmet(_) | Told::Skipped(_) | Told::RepeatedTooQuickly => {
                    add(What::Run(Run { ended_us: Some(at_us), worked: false, succeeded: None }));
                }
                Told::Finished | Told::Deactivated | Told::Stopped if service.remains.is_none() => {
                    end(&mut happenings, &mut open, at_us, true)
                }
                Told::Failed(_) | Told::StartFailed(_) => end(&mut happenings, &mut open, at_us, false),
                _ => {}
            },
            _ => {}
        }
    }
    happenings.sort_by_key(|one| one.at_us);
    Boot { begin, userspace_us: userspace_us.unwrap_or(first.monotonic.0), last_us: last.monotonic.0, happenings }
}

/// The run that is open ends.
fn end(happenings: &mut [Happening], open: &mut Option<usize>, at_us: u64, well: bool) {
    if let Some(What::Run(run)) = open.take().and_then(|index| happenings.get_mut(index)).map(|one| &mut one.what) {
        (run.ended_us, run.succeeded) = (Some(at_us), Some(well));
    }
}
