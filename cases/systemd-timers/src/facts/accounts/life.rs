//! The life of a timer out of the journal: boots and steps of the clock from its history, the rest from its events.

use std::collections::HashMap;

use casebook_formats::journal::BootId;
use casebook_formats::journal::clock::{self, Change};

use super::Service;
use crate::facts::Facts;
use crate::facts::journal::{Event, What as Told};
use crate::model::account::{Boot, Happening, Life, Run, What};
use crate::model::time::Realtime;

/// A machine that goes down stops its timers this long before the last entry, at most.
const SHUTDOWN_US: u64 = 120_000_000;

/// Two lines of one reload.
const SAME_US: u64 = 5_000_000;

/// Events of system units and of the manager, by unit, so that every timer does not go through all of them.
pub(super) struct Index<'a> {
    units: HashMap<&'a str, Vec<&'a Event>>,
    manager: Vec<&'a Event>,
}

impl<'a> Index<'a> {
    pub(super) fn new(facts: &'a Facts) -> Self {
        let mut index = Index { units: HashMap::new(), manager: Vec::new() };
        for event in facts.journal.events.iter().filter(|event| !event.of_user) {
            match event.what {
                Told::ManagerStarted(_) | Told::Reloading | Told::ReloadRequested(_) | Told::Reexecuting => {
                    index.manager.push(event)
                }
                _ => index.units.entry(event.unit.as_deref().unwrap_or_default()).or_default().push(event),
            }
        }
        index
    }

    /// Events that matter to a timer and its service, by boot, in order of the monotonic clock.
    fn of(&self, timer: &str, service: &str) -> HashMap<BootId, Vec<(u64, &'a Event)>> {
        let units = [timer, service].into_iter().filter_map(|name| self.units.get(name)).flatten();
        let mut boots: HashMap<BootId, Vec<(u64, &'a Event)>> = HashMap::new();
        for event in self.manager.iter().chain(units) {
            if let (Some(boot), Some(at)) = (event.at.boot, event.at.monotonic) {
                boots.entry(boot).or_default().push((at.0, event));
            }
        }
        // Equal times keep the order of the journal.
        boots.values_mut().for_each(|events| events.sort_by_key(|(at, event)| (*at, event.number)));
        boots
    }
}

pub(super) fn of(facts: &Facts, index: &Index<'_>, timer: &str, service: &Service) -> Life {
    let mut events = index.of(timer, &service.name);
    let boots = facts.journal.history.boots.iter();
    Life { boots: boots.map(|boot| one(events.remove(&boot.id).unwrap_or_default(), boot, timer, service)).collect() }
}

fn one(events: Vec<(u64, &Event)>, boot: &clock::Boot, timer: &str, service: &Service) -> Boot {
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
    for (at_us, event) in events {
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
    // The stop at shutdown is the machine's, not the timer's.
    if let Some(index) = happenings.iter().rposition(|one| matches!(one.what, What::Started | What::Stopped))
        && happenings[index].what == What::Stopped
        && happenings[index].at_us + SHUTDOWN_US >= last.monotonic.0
    {
        happenings.remove(index);
    }
    Boot { begin, userspace_us: userspace_us.unwrap_or(first.monotonic.0), last_us: last.monotonic.0, happenings }
}

/// The run that is open ends.
fn end(happenings: &mut [Happening], open: &mut Option<usize>, at_us: u64, well: bool) {
    if let Some(What::Run(run)) = open.take().and_then(|index| happenings.get_mut(index)).map(|one| &mut one.what) {
        (run.ended_us, run.succeeded) = (Some(at_us), Some(well));
    }
}
