//! For every timer, what all the evidence says of it together: its lines, what the manager shows, what the journal tells, and
//! what the model makes of these.

mod life;
mod service;
mod setting;
mod shown;

use std::sync::Arc;

use casebook_core::Span;

pub use service::Service;
pub use setting::{Databases, Setting};
pub use shown::Shown;

use super::Facts;
use super::typed::{Line, Reading, TimerUnit, timer};
use super::units::name::{Expanded, UnitName, expand};
use crate::model::account::{Life, Replay, Standing, Stuck, replay, stuck};
use crate::model::time::MINUTE_US;
use crate::model::timer::{Host, Job, Lasts, Starts, Window};

/// `DefaultTimerAccuracySec=` where nothing else is said (systemd-system.conf(5)).
const ACCURACY_US: u64 = MINUTE_US;

/// A service of which nothing tells is taken to end within this.
const USUAL_US: u64 = 15 * MINUTE_US;

/// One timer.
#[derive(Debug)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// What its files say; of a timer without files, what `systemctl show` says.
    pub unit: TimerUnit,
    /// The unit file; `None` when there is none in the evidence.
    pub file: Option<Span>,
    /// Where the timer is masked.
    pub masked: Option<Span>,
    /// `[Install]` of its file: `WantedBy=` and `RequiredBy=`, and where.
    pub installs: Vec<(String, Span)>,
    /// Something in the evidence makes the manager start it: a link or a file in a `.wants` folder.
    pub wanted_by: Vec<(String, Span)>,
    /// What the manager shows.
    pub shown: Shown,
    /// The service.
    pub service: Service,
    /// What the service does when it is started.
    pub job: Job,
    /// What the manager shows of a timer that waits.
    pub standing: Option<Standing>,
    /// It lets times of the calendar pass.
    pub stuck: Option<Stuck>,
    /// What the journal tells.
    pub life: Life,
    /// The same, run through the model.
    pub replay: Option<Replay>,
}

/// Accounts of all timers, and what they have in common.
#[derive(Debug, Default)]
pub struct Accounts {
    /// The machine.
    pub setting: Setting,
    /// One for each timer, in order of names.
    pub timers: Vec<Account>,
}

impl Accounts {
    /// The account of a timer.
    pub fn timer(&self, name: &str) -> Option<&Account> {
        self.timers.iter().find(|account| account.name == name)
    }
}

/// Takes all evidence together.
pub fn of(facts: &Facts) -> Accounts {
    let setting = setting::of(facts);
    let names = facts.timers();
    // Templates are no timers until they have an instance.
    let names = names.into_iter().filter(|name| UnitName::of(name).is_some_and(|name| !name.is_template()));
    let index = life::Index::new(facts);
    let timers = names.map(|name| account(facts, &setting, &index, name)).collect();
    Accounts { setting, timers }
}

fn account(facts: &Facts, setting: &Setting, index: &life::Index<'_>, name: String) -> Account {
    let host = &setting.host;
    let databases = Databases::new(facts);
    let reading = Reading {
        zone: &host.zone,
        zones: &databases,
        at_s: setting.at_s(),
        version: host.version,
        accuracy_us: ACCURACY_US,
    };
    let merged = facts.unit(&name);
    let block = facts.shown(&name);
    let has_lines =
        merged.as_ref().is_some_and(|unit| unit.settings.iter().any(|setting| setting.assignment.section == "Timer"));
    // Files that were changed since the manager read them are not what it goes by.
    let is_stale =
        block.is_some_and(|block| block.text("NeedDaemonReload") == Some("yes") && !block.calendars().is_empty());
    let unit = match (&merged, block) {
        (Some(merged), _) if has_lines && !is_stale => {
            let own = UnitName::of(&name);
            let lines: Vec<Line<'_>> = merged
                .settings
                .iter()
                .filter(|setting| setting.section_known)
                .map(|setting| {
                    let assignment = setting.assignment;
                    let value = match own.as_ref().map(|own| expand(&assignment.value, own)) {
                        Some(Expanded::Text(text)) => text.into(),
                        _ => assignment.value.as_str().into(),
                    };
                    Line { section: &assignment.section, key: &assignment.key, value, span: assignment.value_span }
                })
                .collect();
            timer(&name, &lines, &reading)
        }
        (_, Some(block)) => shown::unit(&name, block, &reading),
        _ => timer(&name, &[], &reading),
    };
    let service = service::of(facts, &name, &unit);
    let shown = shown::of(facts, setting, &name);
    let life = life::of(facts, index, &name, &service);
    let job = job(&service, &life);
    let standing = shown.standing(setting, facts.stamp(&name));
    let stuck = standing.and_then(|standing| stuck(&unit.timer, host, &standing));
    let told = unit.timer.is_calendar() && life.tells_of_timer() && job.starts != Starts::Refused;
    // What is enabled or wanted stays loaded when it is stopped.
    let kept = merged.as_ref().is_some_and(|unit| !unit.wanted_by.is_empty())
        || block.and_then(|block| block.text("UnitFileState")).is_some_and(|state| state.starts_with("enabled"));
    let replay = told.then(|| replay(&unit.timer, job, host, &life, kept)).flatten();
    let install = |key: &'static str| {
        merged.iter().flat_map(move |unit| {
            let found: Vec<(String, Span)> =
                unit.all("Install", key).map(|one| (one.assignment.value.clone(), one.assignment.span)).collect();
            found
        })
    };
    Account {
        file: merged.as_ref().and_then(|unit| unit.fragment).map(|file| file.span),
        masked: merged
            .as_ref()
            .filter(|unit| unit.masked)
            .and_then(|unit| unit.masked_by.or(unit.fragment.map(|file| file.span))),
        installs: install("WantedBy").chain(install("RequiredBy")).collect(),
        wanted_by: merged.as_ref().map(|unit| unit.wanted_by.clone()).unwrap_or_default(),
        name,
        unit,
        shown,
        service,
        job,
        standing,
        stuck,
        life,
        replay,
    }
}

/// What the service does: as its lines say, for as long as the journal tells.
fn job(service: &Service, life: &Life) -> Job {
    if service.refused.is_some() {
        return Job { starts: Starts::Refused, ..Job::runs(0, 0) };
    }
    if service.remains.is_some() {
        return Job { starts: Starts::Runs, lasts: Lasts::Forever };
    }
    let ended = life
        .runs()
        .filter(|(_, _, run)| run.worked)
        .filter_map(|(_, one, run)| Some(run.ended_us?.saturating_sub(one.at_us)));
    let told = ended.map(Window::at).reduce(Window::hull);
    Job { starts: Starts::Runs, lasts: Lasts::For(told.unwrap_or(Window::new(0, USUAL_US))) }
}

/// A host with UTC, for a machine of which nothing is known.
pub(super) fn unknown_host() -> Host {
    use crate::model::time::Zone;
    use crate::model::version::Version;
    Host { version: Version::V257, zone: Arc::new(Zone::utc()), machine_id: None, user: None }
}
