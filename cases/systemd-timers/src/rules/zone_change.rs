//! TMR109 zone-change-skips
//!
//! Speaks on: fixtures/hour-that-is-not. Silent on: fixtures/seeded.

use casebook_core::{EvidenceSet, Figure, Finding, FindingBuilder, Grid, Rule, Severity, Tone, rule};
use serde_json::json;

use super::words::{advice, at, context, primary};
use crate::facts::Facts;
use crate::facts::accounts::Account;
use crate::model::calendar::{Change, Irregular, Spec, Walk, irregular};
use crate::model::schedule::schedule;
use crate::model::time::{DAY_US, Realtime, SECOND_US, Tm};
use crate::model::timer::{Trigger, about};

rule! {
    /// A time of the calendar falls into an hour that a change of the zone leaves out.
    ///
    /// A time that does not exist is skipped, not moved: `02:30` in a zone that jumps from 02:00 to 03:00 has no run that night. In
    /// autumn an hour comes twice, and systemd elapses in the first only.
    ///
    /// Mechanism: `find_next`, `tm_within_bounds` (src/shared/calendarspec.c); systemd issues 5595 and 8647.
    ///
    /// Fix: a time outside of the hour, or `UTC` behind the specification.
    pub ZONE_CHANGE = "TMR109" "zone-change-skips" of "systemd-timers", Note, since "0.1.0",
    "a time of the calendar falls into an hour that a change of the zone leaves out",
    check(Facts), when |facts: &Facts| facts.accounts.setting.zone_at.is_some() && facts.accounts.timers.iter().any(|account| account.unit.timer.is_calendar())
}

/// How far ahead changes are looked for: the next one of each sort.
const AHEAD_S: i64 = 400 * 86_400;

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let setting = &facts.accounts.setting;
    let from = setting.at_s().max(0);
    let mut out = Vec::new();
    for account in facts.accounts.timers.iter().filter(|account| account.masked.is_none()) {
        // What runs many times a day misses an hour's worth and is back.
        let Some(schedule) = schedule(&account.unit.timer, &setting.host, Realtime(from as u64 * SECOND_US)) else {
            continue;
        };
        if schedule.gap_us.is_some_and(|gap| gap.hi < DAY_US / 2) {
            continue;
        }
        for (trigger, span) in account.unit.timer.triggers.iter().zip(&account.unit.triggers_at) {
            let Trigger::Calendar(spec) = trigger else { continue };
            let gaps = irregular(spec, &setting.host.zone, from, from + AHEAD_S);
            if let Some(gap) = gaps.iter().find(|one| one.change == Change::Gap) {
                out.push(finding(rule, facts, account, spec, *span, gap, evidence));
            }
        }
    }
    out
}

fn finding(
    rule: &'static Rule,
    facts: &Facts,
    account: &Account,
    spec: &Spec,
    span: casebook_core::Span,
    gap: &Irregular,
    evidence: &EvidenceSet,
) -> Finding {
    let setting = &facts.accounts.setting;
    let zone = spec.zone(&*setting.host.zone);
    let wall = wall(gap.first_wall_s);
    let change = Realtime(gap.at_s.max(0) as u64 * SECOND_US);
    let mut walk = Walk::new(spec, &*setting.host.zone, Realtime(0), setting.host.version);
    let before = walk.last_until(change, Realtime(change.0.saturating_sub(370 * DAY_US)));
    let after = walk.after(change).ok();
    let between = before.zip(after).map(|(before, after)| about(after.0 - before.0));
    let title = format!("{} has no run for {wall}: {} has no such time", account.name, zone.name());
    let mut builder = FindingBuilder::new(rule, title, primary(evidence, span, format!("{wall} does not exist")))
        .severity(Severity::Note)
        .because(format!("At {} the clock jumps forward over it. A time that does not exist is skipped, not moved (find_next).", at(facts, change)))
        .witness(json!({ "timer": account.name, "wall": wall, "change_us": change.0, "before_us": before.map(|at| at.0), "after_us": after.map(|at| at.0) }), format!("{wall} {}", zone.name()))
        .key(&account.name)
        .replay(format!("casebook timers calendar '{spec}' --tz {} --from @{} --count 3", setting.host.zone.name(), gap.at_s - 2 * 86_400))
        .step(format!("{spec}: the hour is normalised forward, so the day does not match"), None)
        .figure(calendar_figure(account, spec, facts, change))
        .fix(advice("take a time outside of the hours in which clocks change (before 01:00 or after 04:00), or write UTC behind the specification"));
    if let Some(between) = between {
        builder = builder.because(format!("Between the run before and the run after lie {between}."));
    }
    if let Some(span) = setting.zone_at {
        builder = builder.place(context(evidence, span, "the zone"));
    }
    builder.build(evidence)
}

/// The days around the change by hours, as the zone's clock shows them.
fn calendar_figure(account: &Account, spec: &Spec, facts: &Facts, change: Realtime) -> Figure {
    let zone = spec.zone(&*facts.accounts.setting.host.zone);
    let first_day = (change.seconds() + zone.offset_s(change.seconds())).div_euclid(86_400) - 5;
    let day_of = |at: Realtime| (at.seconds() + zone.offset_s(at.seconds())).div_euclid(86_400);
    let rows = (0..11).map(|day| {
        let [year, month, day, ..] = Tm::of_wall((first_day + day) * 86_400).fields();
        format!("{year:04}-{month:02}-{day:02}")
    });
    let mut walk = Walk::new(
        spec,
        &*facts.accounts.setting.host.zone,
        Realtime(change.0.saturating_sub(7 * DAY_US)),
        facts.accounts.setting.host.version,
    );
    let mut cells = Vec::new();
    while let Ok(found) = walk.step() {
        let row = day_of(found) - first_day;
        if row > 10 || cells.len() > 2000 {
            break;
        }
        if row >= 0 {
            let hour = zone.local(found.seconds()).hour as usize;
            cells.push((row as usize, hour, Tone::Plain, at(facts, found)));
        }
    }
    Figure::Grid(Grid {
        title: format!("{}: runs around the change of the clock, days by hours", account.name),
        columns: (0..24).map(|hour| hour.to_string()).collect(),
        rows: rows.collect(),
        cells,
    })
}

fn wall(wall_s: i64) -> String {
    let [year, month, day, hour, minute, second] = Tm::of_wall(wall_s).fields();
    let seconds = if second == 0 { String::new() } else { format!(":{second:02}") };
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}{seconds}")
}
