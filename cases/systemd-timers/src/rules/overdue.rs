//! TMR208 overdue
//!
//! Leaves open: fixtures/story. Silent on: fixtures/nine-nights-262.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Rule, rule};
use serde_json::json;

use super::words::{at, calendars, context, count, primary, watch};
use crate::facts::Facts;
use crate::facts::accounts::Account;
use crate::facts::text::Told;
use crate::model::account::next_elapse;
use crate::model::time::{DAY_US, MINUTE_US, Realtime};
use crate::model::timer::{Action, Boot, Draw, Engine, Quirks, Scenario, Window, about};

rule! {
    /// A timer has not run for several of its times, and the evidence does not say why.
    ///
    /// Each mechanism that can lose a time is tried against what is there: how many it can lose, and what it would look like. Those that fit
    /// are left, those that do not are refuted, with the number. What would decide is named.
    ///
    /// Mechanism: src/core/timer.c; the ways to lose runs are listed in the post.
    ///
    /// Fix: the evidence that decides; and a watch for the missing run.
    pub OVERDUE = "TMR208" "overdue" of "systemd-timers", Warning, since "0.1.0",
    "a timer has not run for several of its times, and the evidence does not say why",
    check(Facts), when |facts: &Facts| facts.accounts.timers.iter().any(|account| account.shown.last.is_some())
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    facts.accounts.timers.iter().filter_map(|account| finding(rule, facts, account, evidence)).collect()
}

/// How many times of the calendar have passed since it ran, if more than one has.
pub(super) struct Overdue<'a> {
    /// When it ran last.
    pub last: &'a Told<Realtime>,
    /// The first time since.
    pub first: Realtime,
    /// How many.
    pub count: u64,
}

/// Times that have passed since the last run; the one that may be delayed now is not one of them.
pub(super) fn overdue<'a>(facts: &Facts, account: &'a Account) -> Option<Overdue<'a>> {
    let setting = &facts.accounts.setting;
    let (now, last) = (setting.now.as_ref()?.value, account.shown.last.as_ref()?);
    let timer = &account.unit.timer;
    let late = timer.random_us + timer.accuracy_us + timer.offset_us;
    let mut found: Option<Overdue<'a>> = None;
    let mut slot = next_elapse(timer, &setting.host, last.value)?;
    while slot.0 + late < now.0 {
        let known = found.get_or_insert(Overdue { last, first: slot, count: 0 });
        known.count += 1;
        if known.count == 10_000 {
            break;
        }
        slot = next_elapse(timer, &setting.host, slot)?;
    }
    found.filter(|found| found.count > 1)
}

fn finding(rule: &'static Rule, facts: &Facts, account: &Account, evidence: &EvidenceSet) -> Option<Finding> {
    let setting = &facts.accounts.setting;
    // Others know why.
    let explained = account.stuck.is_some()
        || account.service.refused.is_some()
        || account.replay.as_ref().is_some_and(|replay| !replay.ledger.losses.is_empty());
    let running =
        account.shown.sub.as_ref().is_some_and(|sub| matches!(sub.value.as_str(), "running" | "dead" | "failed"));
    if explained || running {
        return None;
    }
    let due = overdue(facts, account)?;
    let now = setting.now.as_ref()?;
    let title = format!(
        "{} has not run since {}: {} went by, and the evidence does not say why",
        account.name,
        at(facts, due.last.value),
        count(due.count, "time")
    );
    let mut builder = FindingBuilder::new(
        rule,
        title,
        primary(evidence, due.last.span, format!("the last run; due since {}", at(facts, due.first))),
    )
    .place(context(evidence, now.span, format!("now: {}", at(facts, now.value))));
    if let Some(line) = calendars(account).next() {
        builder = builder.place(context(evidence, line, format!("{} since the last run", count(due.count, "time"))));
    }
    let (fits, refuted) = alternatives(facts, account, &due);
    for sentence in &fits {
        builder = builder.because(format!("Fits: {sentence}"));
    }
    for sentence in &refuted {
        builder = builder.because(format!("Refuted: {sentence}"));
    }
    let service = &account.service.name;
    if account.shown.next.is_none() || account.shown.entered.is_none() {
        builder = builder.missing(format!("systemctl show {} {service}    # SubState, InactiveExitTimestamp, LastTriggerUSec, NextElapseUSecRealtime: a base in the future shows there", account.name));
    }
    if facts.journal.is_empty() {
        builder = builder.missing(format!("journalctl -o export --since '{}' > journal.export    # the steps of the clock, the starts and stops, the runs", crate::model::time::format_stamp(due.last.value, &setting.host.zone).get(4..23).unwrap_or_default()));
    }
    if setting.version_at.is_none() {
        builder = builder.missing("systemctl --version    # a base in the future stays there before 262".to_owned());
    }
    if facts.stamp(&account.name).is_none() && account.unit.timer.persistent {
        builder = builder.missing("stat /var/lib/systemd/timers/stamp-* /var/lib/systemd/timesync/clock".to_owned());
    }
    // With everything there and no answer, the days themselves are what is missing.
    if !facts.journal.is_empty() && account.shown.next.is_some() && account.shown.entered.is_some() {
        builder = builder.missing(format!("journalctl -o export -u {} -u {service} and of PID 1 from before {} on: what is here tells of no run and of no loss", account.name, at(facts, due.first)));
    }
    Some(builder
        .witness(json!({ "timer": account.name, "last_us": due.last.value.0, "now_us": now.value.0, "times": due.count, "fits": fits.len(), "refuted": refuted.len() }), count(due.count, "time"))
        .key(&account.name)
        .fix(watch(account))
        .build(evidence))
}

/// What could have lost these times, and what cannot have.
fn alternatives(facts: &Facts, account: &Account, due: &Overdue<'_>) -> (Vec<String>, Vec<String>) {
    let (mut fits, mut refuted) = (Vec::new(), Vec::new());
    let setting = &facts.accounts.setting;
    let now = setting.now.as_ref().map_or(Realtime(0), |now| now.value);
    let since = about(now.0.saturating_sub(due.first.0));
    let timer = &account.unit.timer;
    let waiting = account.shown.sub.as_ref().is_some_and(|sub| sub.value == "waiting");
    if setting.version_at.is_none() || !Quirks::of(setting.host.version).clamps_future_base {
        fits.push(format!("a clock that was at least {since} ahead when the timer started, or when it ran, and was set back since (systemd before 262 counts on from there)."));
    }
    if waiting && account.shown.no_next.is_none() {
        refuted.push("a service that has not ended: its timer would be `running`.".to_owned());
    } else {
        let kind =
            if account.service.is_oneshot { "Type=oneshot has no start timeout" } else { "a service that hangs" };
        fits.push(format!(
            "{} that did not end ({kind}): its timer is `running` with no next elapse until it does.",
            account.service.name
        ));
    }
    fits.push("a timer that was stopped, or a machine that was off, for that long; the journal tells.".to_owned());
    if let Some((offset_us, _)) = super::clock_offset::rtc_offset(facts) {
        let lost = worst(facts, account, offset_us.unsigned_abs());
        if u64::from(lost) < due.count {
            refuted.push(format!("the RTC, {} off: stepping the clock by that, either way, at any hour, loses at most {} of this calendar (tried in the model at every hour of a day); {} are missing. It would have to be {since} off.", about(offset_us.unsigned_abs()), count(u64::from(lost), "time"), due.count));
        }
    }
    if timer.random_us > 0 && timer.random_us < due.count * DAY_US {
        refuted.push(format!("the random delay: it is drawn from {} at most, and ends.", about(timer.random_us)));
    }
    if let Some(result) = account.service.result.as_ref().filter(|result| result.value != "success") {
        refuted.push(format!(
            "the last run's result, {}: a service that failed is inactive, and its timer elapses again.",
            result.value
        ));
    }
    if timer.persistent {
        refuted.push(
            "Persistent=yes as protection: it is looked at when the timer starts, not while it waits.".to_owned(),
        );
    }
    (fits, refuted)
}

/// The most times of the calendar one step of the clock of this size loses, forward or back, at any hour of a day.
fn worst(facts: &Facts, account: &Account, size_us: u64) -> u32 {
    let setting = &facts.accounts.setting;
    let start = setting.now.as_ref().map_or(Realtime(1_795_651_200_000_000), |now| now.value);
    let boot = Boot { realtime: start, userspace_us: 1_000_000, timers_us: Window::at(5_000_000) };
    let mut worst = 0;
    for hour in 0..24 {
        for by in [size_us as i64, -(size_us as i64)] {
            let actions = vec![(DAY_US + hour * 60 * MINUTE_US, Action::Step(by))];
            let scenario = Scenario { boot, stamp: None, actions, end: 4 * DAY_US };
            let ledger =
                Engine::new(&account.unit.timer, account.job, &setting.host, boot, None, Draw::All).run(&scenario);
            worst = worst.max(ledger.losses.iter().map(|loss| loss.count).sum());
        }
    }
    // A step over a time loses it at worst.
    worst.max(1)
}
