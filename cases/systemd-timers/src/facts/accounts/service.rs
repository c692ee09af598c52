//! The service a timer starts, as far as it decides when the timer elapses again and whether work is done.

use casebook_core::Span;

use crate::facts::Facts;
use crate::facts::text::Told;
use crate::facts::typed::{TimerUnit, boolean};

/// The service.
#[derive(Clone, Debug, Default)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Why the manager refuses to start it, and where that is told: it is masked, its file is missing.
    pub refused: Option<Told<String>>,
    /// `RemainAfterExit=yes`, and where.
    pub remains: Option<Span>,
    /// `Type=oneshot`.
    pub is_oneshot: bool,
    /// `TimeoutStartSec=` or `RuntimeMaxSec=` is set.
    pub has_timeout: bool,
    /// Where `ExecStart=` stands, else the file.
    pub command_at: Option<Span>,
    /// `ActiveState` and `SubState`.
    pub active: Option<Told<String>>,
    /// `SubState`.
    pub sub: Option<Told<String>>,
    /// `Result`.
    pub result: Option<Told<String>>,
    /// When it became what it is, as shown.
    pub since: Option<Told<String>>,
    /// True when its files are in the evidence.
    pub has_file: bool,
    /// Where its evidence stands.
    pub span: Option<Span>,
    /// `OnFailure=` is set.
    pub tells_failure: bool,
}

pub(super) fn of(facts: &Facts, timer: &str, unit: &TimerUnit) -> Service {
    let name = facts.triggered(timer).unwrap_or_else(|| unit.starts());
    let mut service = Service { name: name.clone(), ..Service::default() };
    if let Some(merged) = facts.unit(&name) {
        service.has_file = merged.fragment.is_some();
        service.span = merged.fragment.map(|file| file.span);
        if merged.masked
            && let Some(at) = merged.masked_by.or(service.span)
        {
            service.refused = Some(Told::new("it is masked".to_owned(), at));
        }
        let last = |key: &str| merged.last("Service", key).map(|setting| setting.assignment);
        service.remains = last("RemainAfterExit").filter(|one| boolean(&one.value) == Some(true)).map(|one| one.span);
        let kind = last("Type").map(|one| one.value.as_str());
        service.is_oneshot = kind == Some("oneshot") || kind.is_none() && last("ExecStart").is_none();
        service.has_timeout = last("TimeoutStartSec")
            .or(last("RuntimeMaxSec"))
            .or(last("TimeoutSec"))
            .is_some_and(|one| one.value != "infinity" && one.value != "0");
        service.command_at = last("ExecStart").map(|one| one.span).or(service.span);
        service.tells_failure = merged.all("Unit", "OnFailure").next().is_some();
    }
    if let Some(block) = facts.shown(&name) {
        let told = |key: &str| block.get(key).map(|property| Told::new(property.value.value.clone(), property.line));
        service.active = told("ActiveState");
        service.sub = told("SubState");
        service.result = told("Result");
        service.since = told("StateChangeTimestamp");
        if service.remains.is_none() {
            service.remains = block.get("RemainAfterExit").filter(|one| one.value.value == "yes").map(|one| one.line);
        }
        service.is_oneshot |= block.text("Type") == Some("oneshot");
        service.span = service.span.or_else(|| block.get("Id").map(|one| one.line));
        service.refused = service.refused.take().or_else(|| {
            let state = block
                .get("LoadState")
                .filter(|one| matches!(one.value.value.as_str(), "masked" | "not-found" | "bad-setting" | "error"))?;
            let why = match state.value.value.as_str() {
                "masked" => "it is masked",
                "not-found" => "there is no such unit",
                _ => "its file cannot be loaded",
            };
            Some(Told::new(why.to_owned(), state.line))
        });
    } else if let Some(status) = facts.status(&name) {
        service.active = status.active.clone();
        service.sub = status.sub.clone();
        service.result = status.result.clone();
        service.span = service.span.or(Some(status.span));
    }
    service
}
