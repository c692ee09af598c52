//! TMR201 counts-from-the-future
//!
//! Speaks on: fixtures/nine-nights. Silent on: fixtures/nine-nights-262.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, FixClass, Rule, rule};
use serde_json::json;

use super::figures::{life, nights};
use super::words::{at, calendars, commands, context, count, primary, version, watch};
use crate::facts::Facts;
use crate::facts::accounts::Account;
use crate::model::account::{CountsFrom, Repair, Stuck, Trial, What, repairs};
use crate::model::time::format_span;
use crate::model::timer::{Quirks, about};

rule! {
    /// A waiting timer counts from an instant that is ahead of the clock, and lets every time up to there pass.
    ///
    /// A calendar timer looks its next time up from a base: its last run, else its activation. Both are read off the clock. When
    /// the clock was ahead then and is set back later, the base stays in the future: the timer is `active (waiting)`, shows a NEXT,
    /// and runs nothing until the clock gets there. `Persistent=` does not help: its stamp says the same. A reload computes from the
    /// same base; so does one restart, because it computes before it writes the new activation down.
    ///
    /// Mechanism: `timer_enter_waiting`, `timer_time_change` (src/core/timer.c). systemd 262 takes a base in the future for now (pull
    /// request 43116, issue 6036).
    ///
    /// Fix: per version and state, tried in the model before it is printed.
    pub FUTURE_BASE = "TMR201" "counts-from-the-future" of "systemd-timers", Error, since "0.1.0",
    "a waiting timer counts from an instant ahead of the clock and lets times pass",
    check(Facts), when |facts: &Facts| facts.accounts.timers.iter().any(|account| account.standing.is_some())
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let timers = facts.accounts.timers.iter();
    timers.filter_map(|account| finding(rule, facts, account, account.stuck.as_ref()?, evidence)).collect()
}

fn finding(
    rule: &'static Rule,
    facts: &Facts,
    account: &Account,
    stuck: &Stuck,
    evidence: &EvidenceSet,
) -> Option<Finding> {
    let setting = &facts.accounts.setting;
    let (standing, next, now) = (account.standing?, account.shown.next.as_ref()?, setting.now.as_ref()?);
    let ahead = about(stuck.ahead_us(now.value));
    let title = format!(
        "{} lets {} of its calendar pass: it waits for {}, because it counts from an instant {ahead} ahead of the clock",
        account.name,
        count(u64::from(stuck.lost), "time"),
        at(facts, stuck.slot)
    );
    let mut builder = FindingBuilder::new(
        rule,
        title,
        primary(evidence, next.span, format!("the next run; due is {}", at(facts, stuck.due))),
    );
    let (what, base) = match stuck.from {
        CountsFrom::LastRun => ("its last run", account.shown.last.as_ref()),
        CountsFrom::Activation => ("its activation", account.shown.entered.as_ref()),
        CountsFrom::Hidden => ("an instant that is not shown", None),
    };
    if let Some(base) = base {
        builder = builder.place(context(evidence, base.span, format!("{what}, {ahead} after now")));
    }
    builder = builder.place(context(evidence, now.span, format!("now: {}", at(facts, now.value))));
    if let Some(line) = calendars(account).next() {
        builder =
            builder.place(context(evidence, line, format!("the time after the clock is {}", at(facts, stuck.due))));
    }
    for (by, span) in back(account).take(2) {
        builder = builder.place(context(
            evidence,
            span,
            format!("before this entry the clock was set back by {}", about(by)),
        ));
    }
    let from = match base {
        Some(base) => format!("{what}, {}", at(facts, base.value)),
        None => format!(
            "an instant between {} and {}, for no other gives this time",
            at(facts, crate::model::time::Realtime(stuck.base.lo)),
            at(facts, crate::model::time::Realtime(stuck.base.hi))
        ),
    };
    builder = builder.because(format!(
        "The next time is looked up from {from}. {} does not take a base in the future back (timer_enter_waiting).",
        version(facts)
    ));
    for sentence in refuted(facts, account, stuck) {
        builder = builder.because(sentence);
    }
    builder = builder
        .witness(
            json!({
                "timer": account.name, "now_us": now.value.0, "due_us": stuck.due.0, "slot_us": stuck.slot.0, "lost": stuck.lost,
                "base_us": [stuck.base.lo, stuck.base.hi], "systemd": setting.host.version.to_string(),
            }),
            format!("base {from}: next {}", at(facts, stuck.slot)),
        )
        .key(&account.name)
        .step(format!("after the clock, {}, comes {}", at(facts, now.value), at(facts, stuck.due)), Some(casebook_core::At::Text(now.span)))
        .step(format!("after {from} comes {}", at(facts, stuck.slot)), None)
        .step(format!("{} lies between {} and {}: it waits", at(facts, standing.next), at(facts, stuck.slot), format_span(account.unit.timer.random_us)), Some(casebook_core::At::Text(next.span)));
    let tried = repairs(&account.unit.timer, account.job, &setting.host, &standing, stuck);
    for repair in &tried {
        builder = builder.step(trial(facts, repair), None);
    }
    let useless: Vec<&str> = tried
        .iter()
        .filter(|repair| matches!(repair.trial, Trial::Useless(_)))
        .map(|repair| repair.title.split(':').next().unwrap_or_default())
        .collect();
    if !useless.is_empty() {
        builder = builder.because(format!(
            "Tried in the model from this state, on this version, and of no use: {}.",
            useless.join("; ")
        ));
    }
    for repair in tried.iter().filter(|repair| matches!(repair.trial, Trial::Works(_))) {
        let Trial::Works(window) = repair.trial else { continue };
        let next = format!(
            "{}; the next run is then {}",
            repair.title,
            at(facts, crate::model::time::Realtime(window.lo.max(now.value.0)))
        );
        builder = builder.fix(commands(next, FixClass::Safe, repair.commands.clone()));
    }
    if Quirks::of(setting.host.version).clamps_future_base {
        // This version does not do that: what is shown cannot be what it computed.
        builder = builder.missing(format!(
            "systemctl show {} and systemctl --version of one moment: {} does not count from the future",
            account.name,
            version(facts)
        ));
    }
    builder = builder.fix(watch(account));
    for figure in [nights(facts, account), life(facts, account)].into_iter().flatten() {
        builder = builder.figure(figure);
    }
    Some(builder.build(evidence))
}

fn trial(facts: &Facts, repair: &Repair) -> String {
    match repair.trial {
        Trial::Works(window) => format!(
            "tried: {}: works, the next run is from {} on",
            repair.title,
            at(facts, crate::model::time::Realtime(window.lo))
        ),
        Trial::Useless(lost) => {
            format!("tried: {}: of no use, {} are lost", repair.title, count(u64::from(lost), "time"))
        }
    }
}

/// Where the clock was set back, and by how many microseconds.
pub(super) fn back(account: &Account) -> impl Iterator<Item = (u64, casebook_core::Span)> + '_ {
    account.life.happenings().filter_map(|(_, one)| match one.what {
        What::Set(by) if by < -1_000_000 => Some((by.unsigned_abs(), one.span)),
        _ => None,
    })
}

/// What else could have kept it from running, and why it did not.
fn refuted(facts: &Facts, account: &Account, stuck: &Stuck) -> Vec<String> {
    let mut out = Vec::new();
    let timer = &account.unit.timer;
    let mut not = Vec::new();
    if timer.random_us > 0 {
        not.push(format!("the random delay ({} at most)", about(timer.random_us)));
    }
    if account.shown.sub.as_ref().is_some_and(|sub| sub.value == "waiting") {
        not.push("the service (a timer whose service runs is `running`, and this one is `waiting`)".to_owned());
    }
    if let Some((offset_us, _)) = super::clock_offset::rtc_offset(facts) {
        not.push(format!(
            "the RTC ({} off now: {} would need it {} off)",
            about(offset_us.unsigned_abs()),
            count(u64::from(stuck.lost), "lost time"),
            about(stuck.ahead_us(
                facts.accounts.setting.now.as_ref().map_or(crate::model::time::Realtime(0), |now| now.value)
            ))
        ));
    }
    if !not.is_empty() {
        out.push(format!("It is not {}.", not.join(", nor ")));
    }
    if timer.persistent {
        out.push("Persistent=yes cannot help: the manager reads the stamp only when the timer starts, and a stamp in the future is not used (timer_start).".to_owned());
    }
    out
}
