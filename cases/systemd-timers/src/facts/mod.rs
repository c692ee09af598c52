//! Bytes to facts with spans. It cannot fail: what it does not know becomes unmodelled.

pub mod accounts;
pub mod clock;
pub mod journal;
pub mod kinds;
pub mod listed;
pub mod machine;
#[cfg(test)]
mod promises;
pub mod show;
#[cfg(test)]
mod sniffing;
pub mod stamps;
pub mod status;
#[cfg(test)]
mod testing;
pub mod text;
pub mod typed;
pub mod units;

use casebook_core::{Coverage, EvidenceId, Input, Read};

use clock::ClockFacts;
use journal::{Interest, JournalFacts};
use listed::timers::TimerList;
use listed::unit_files::UnitFileList;
use machine::{Machine, SystemdVersion};
use show::{Block, Show};
use stamps::{Stamp, Stamps};
use status::{Status, UnitStatus};
use text::Told;
use units::name::UnitName;
use units::{Expanded, Merged, Units};

/// The facts of the case, each list in order of evidence.
#[derive(Debug, Default)]
pub struct Facts {
    /// Path of every piece of evidence, by its id.
    pub names: Vec<String>,
    /// Unit files.
    pub units: Units,
    /// `systemctl show`.
    pub shown: Vec<Show>,
    /// `systemctl list-timers`.
    pub lists: Vec<TimerList>,
    /// `systemctl list-unit-files`.
    pub unit_files: Vec<UnitFileList>,
    /// `systemctl status`.
    pub statuses: Vec<Status>,
    /// Times of stamp files.
    pub stamps: Vec<Stamps>,
    /// The clock at the time of the evidence.
    pub clock: ClockFacts,
    /// Which machine it is.
    pub machine: Machine,
    /// Events, and the history of the clock.
    pub journal: JournalFacts,
    /// Every timer, with all of this taken together.
    pub accounts: accounts::Accounts,
}

impl Facts {
    /// The path of a piece of evidence.
    pub fn path(&self, evidence: EvidenceId) -> &str {
        self.names.get(evidence.0 as usize).map_or("", String::as_str)
    }

    /// Names of all timers of the system that the evidence speaks of, in order, each once.
    pub fn timers(&self) -> Vec<String> {
        let mut out = self.units.timers();
        let blocks = self.shown.iter().flat_map(|show| &show.blocks);
        out.extend(blocks.filter_map(|block| block.text("Id")).map(str::to_owned));
        out.extend(self.lists.iter().flat_map(|list| &list.timers).map(|timer| timer.unit.value.clone()));
        out.extend(self.statuses.iter().flat_map(|status| &status.units).map(|unit| unit.unit.value.clone()));
        out.extend(self.stamps.iter().flat_map(|stamps| &stamps.stamps).filter_map(|stamp| match &stamp.of {
            stamps::Remembers::Timer(timer) => Some(timer.clone()),
            _ => None,
        }));
        out.retain(|name| name.ends_with(".timer"));
        out.sort();
        out.dedup();
        out
    }

    /// The files of a unit of the system, put together.
    pub fn unit(&self, name: &str) -> Option<Merged<'_>> {
        self.units.unit(name)
    }

    /// What `systemctl show` says of a unit; of several outputs the last.
    pub fn shown(&self, name: &str) -> Option<&Block> {
        self.shown.iter().rev().find_map(|show| show.unit(name))
    }

    /// What `systemctl show` says of the manager.
    pub fn manager(&self) -> Option<&Block> {
        self.shown.iter().rev().find_map(Show::manager)
    }

    /// The row of `systemctl list-timers`; of several lists the last, JSON before a table.
    pub fn listed(&self, name: &str) -> Option<&listed::timers::ListedTimer> {
        let rows = || self.lists.iter().rev().flat_map(|list| &list.timers).filter(|timer| timer.unit.value == name);
        rows().find(|timer| timer.left.is_none()).or_else(|| rows().next())
    }

    /// What `systemctl status` says of a unit; of several outputs the last.
    pub fn status(&self, name: &str) -> Option<&UnitStatus> {
        self.statuses.iter().rev().flat_map(|status| &status.units).find(|unit| unit.unit.value == name)
    }

    /// Whether a unit is enabled, as `list-unit-files`, `status` or `show` says.
    pub fn enabled(&self, name: &str) -> Option<Told<listed::unit_files::EnabledState>> {
        let listed = self.unit_files.iter().rev().flat_map(|list| &list.units).find(|unit| unit.unit.value == name);
        if let Some(unit) = listed {
            return Some(unit.state.clone());
        }
        if let Some(state) = self.status(name).and_then(|unit| unit.enabled.clone()) {
            return Some(state);
        }
        let property = self.shown(name)?.get("UnitFileState").filter(|property| !property.value.value.is_empty())?;
        Some(Told::new(listed::unit_files::EnabledState::of(&property.value.value), property.value.span))
    }

    /// The stamp of a system timer.
    pub fn stamp(&self, timer: &str) -> Option<&Stamp> {
        self.stamps.iter().rev().find_map(|stamps| stamps.timer(timer))
    }

    /// The version of systemd: of `systemctl --version`, of `systemctl show`, or of the last start of PID 1 in the journal.
    pub fn version(&self) -> Option<Told<SystemdVersion>> {
        if let Some(version) = self.machine.versions.last() {
            return Some(version.clone());
        }
        let shown = self.manager().and_then(|block| block.get("Version"));
        if let Some(version) =
            shown.and_then(|property| Some(Told::new(SystemdVersion::of(&property.value.value)?, property.value.span)))
        {
            return Some(version);
        }
        let events = self.journal.events.iter().chain(&self.journal.written).rev();
        events.into_iter().find_map(|event| match &event.what {
            journal::What::ManagerStarted(version) if !event.of_user => Some(Told::new(version.clone(), event.message)),
            _ => None,
        })
    }

    /// The unit that a timer triggers: `Unit=` of its files, `Unit` of `systemctl show`, else its name with `.service` (systemd.timer(5)).
    /// `None` when `Unit=` has a specifier that is not known.
    pub fn triggered(&self, timer: &str) -> Option<String> {
        let name = UnitName::of(timer)?;
        if let Some(unit) = self.shown(timer).and_then(|block| block.text("Unit")).filter(|unit| !unit.is_empty()) {
            return Some(unit.to_owned());
        }
        match self
            .unit(timer)
            .and_then(|merged| merged.last("Timer", "Unit").map(|setting| setting.assignment.value.clone()))
        {
            Some(text) => match units::name::expand(&text, &name) {
                Expanded::Text(unit) => Some(unit),
                Expanded::Unknown(_) => None,
            },
            None => Some(name.with_suffix("service")),
        }
    }
}

/// Reads every file of the case's kinds.
pub fn read(input: &Input<'_>) -> Read {
    let mut coverage: Vec<Coverage> = Vec::new();
    let mut facts = Facts { names: input.evidence.iter().map(|item| item.path.clone()).collect(), ..Facts::default() };
    facts.machine = machine::read(input, &mut coverage);
    facts.units = units::read(input, &mut coverage);
    macro_rules! each {
        ($kind:expr, $list:expr, $read:path) => {
            for item in input.of_kind(&$kind) {
                let (read, unmodelled) = $read(item);
                $list.push(read);
                coverage.push(Coverage::read(item, unmodelled));
            }
        };
    }
    each!(show::SHOW, facts.shown, show::read);
    each!(listed::timers::LIST_TIMERS, facts.lists, listed::timers::read_table);
    each!(listed::timers::LIST_TIMERS_JSON, facts.lists, listed::timers::read_json);
    each!(listed::unit_files::LIST_UNIT_FILES, facts.unit_files, listed::unit_files::read_table);
    each!(listed::unit_files::LIST_UNIT_FILES_JSON, facts.unit_files, listed::unit_files::read_json);
    each!(status::STATUS, facts.statuses, status::read);
    each!(stamps::STAMPS, facts.stamps, stamps::read);
    facts.clock = clock::read(input, &mut coverage);
    // The journal last: the others say whose events matter.
    facts.journal = journal::read(input, interest(&facts), &mut coverage);
    facts.accounts = accounts::of(&facts);
    coverage.sort_by_key(|line| line.evidence);
    Read::new(facts, coverage)
}

/// Timers, what they trigger, and how both are described.
fn interest(facts: &Facts) -> Interest {
    let mut interest = Interest::default();
    for timer in facts.timers() {
        let triggered = facts.triggered(&timer);
        for unit in [Some(timer), triggered].into_iter().flatten() {
            if let Some(text) = facts.shown(&unit).and_then(|block| block.text("Description")) {
                interest.describe(&unit, text);
            }
            if let Some(text) = facts.status(&unit).and_then(|status| status.description.as_ref()) {
                interest.describe(&unit, &text.value);
            }
            let merged = facts.unit(&unit);
            if let Some(setting) = merged.as_ref().and_then(|merged| merged.last("Unit", "Description"))
                && let Some(name) = UnitName::of(&unit)
                && let Expanded::Text(text) = units::name::expand(&setting.assignment.value, &name)
            {
                interest.describe(&unit, &text);
            }
            interest.add(&unit);
        }
    }
    let listed = facts.lists.iter().flat_map(|list| &list.timers);
    for activated in listed.flat_map(|timer| &timer.activates) {
        interest.add(&activated.value);
    }
    interest
}
