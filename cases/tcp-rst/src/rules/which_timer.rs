//! RST110 which-timer

use casebook_core::{At, EvidenceId, EvidenceSet, Figure, Finding, FindingBuilder, Lane, Place, Rule, Timeline, Tone};
use serde_json::json;

use crate::facts::Facts;
use crate::facts::reconnects::{Event, Reconnects};
use crate::facts::timer::{Limit, Micros};
use crate::model::devices::within;
use crate::model::foretell::foretell;
use crate::model::incident::{Sighting, look};
use crate::model::path::Kind;
use crate::model::series::{merge, of_incidents};
use crate::model::timer::{Class, Cycle, Death, Fit, Hypothesis, Series, cycle, fit, seconds};
use crate::model::words::{peer, reset_place};

casebook_core::rule! {
    /// Connections of one pair end again and again. Every class of timer is held against all ends: what fits is named with its
    /// range, what does not is refuted with the observation that speaks against it.
    ///
    /// A timer that forgets in silence (conntrack, IPVS, most cloud balancers) shows nothing when it runs out. The RST comes with
    /// the next packet, so the period that is seen is the period of the traffic: a RST every 12 hours fits any idle timer below
    /// 12 hours on a connection that is used every 12 hours. Only the bracket between the longest silence survived and the
    /// shortest that was fatal says anything of such a timer.
    ///
    /// Mechanism: `nf_ct_is_expired` is asked at lookup (net/netfilter/nf_conntrack_core.c); nothing is sent when an entry ends.
    ///
    /// Fix: collect what splits the classes that are left; the finding names it.
    pub WHICH_TIMER = "RST110" "which-timer" of "tcp-rst", Warning, since "0.1.0",
    "a series of ends is held against every class of timer",
    check(Facts), when Facts::has_series
}

/// Ends needed before a series says anything.
const ENDS: usize = 2;
/// Known devices named at most.
const DEVICES: usize = 6;

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for (pair, of) in of_incidents(&facts.captures, &facts.incidents) {
        if of.series.deaths.len() < ENDS {
            continue;
        }
        let place = |seen: Option<&Sighting>, label: &str| {
            let (_, flow, reset) = look(&facts.captures, *seen?)?;
            Some(reset_place(flow, reset, label))
        };
        let Some(first) = place(of.seen.first(), "the first end of the series") else { continue };
        let last = place(of.seen.last(), "the last one");
        let who = format!("{} to {}", pair.client, peer(pair.server));
        let mut builder = finding(rule, facts, &who, &of.series, first, last).key(&who);
        if of.together > 0 {
            builder = builder.because(format!(
                    "{} more connections ended within a second of one of these: something ended several at once (a restart, a \
                     reload, a failover), or they were used at the same time.",
                    of.together
                ));
        }
        out.push(builder.build(evidence));
    }
    for (id, log) in &facts.reconnects {
        out.extend(of_log(rule, facts, evidence, *id, log));
    }
    out
}

/// The finding on the times of a log.
fn of_log(
    rule: &'static Rule,
    facts: &Facts,
    evidence: &EvidenceSet,
    id: EvidenceId,
    log: &Reconnects,
) -> Option<Finding> {
    let death = |event: &Event| Death {
        begin_us: None,
        last_us: None,
        end_us: event.time_us,
        precision_us: i64::try_from(event.precision_us).unwrap_or(i64::MAX),
        provoked: None,
    };
    let mut series = Series { deaths: log.events.iter().map(death).collect(), longest_survived_us: None };
    series.deaths.sort_by_key(|death| death.end_us);
    let together = merge(&mut series);
    if series.deaths.len() < ENDS {
        return None;
    }
    let (first, last) = (log.events.first()?, log.events.last()?);
    let who = format!("the log {}", facts.path(id));
    let place = |event: &Event, label: &str| Place::primary(At::Text(event.span), label);
    let mut builder =
        finding(rule, facts, &who, &series, place(first, "the first end"), Some(place(last, "the last one")))
            .key("log");
    builder = log.notes.iter().fold(builder, |builder, note| builder.because(*note));
    if together > 0 {
        builder =
            builder.because(format!("{together} more lines have the time of another one and are counted with it."));
    }
    Some(builder.build(evidence))
}

/// The finding on one series.
fn finding(
    rule: &'static Rule,
    facts: &Facts,
    who: &str,
    series: &Series,
    first: Place,
    last: Option<Place>,
) -> FindingBuilder {
    let hypotheses = fit(series);
    let cycle = cycle(series);
    let fits: Vec<Class> =
        hypotheses.iter().filter(|one| matches!(one.fit, Fit::Fits(_))).map(|one| one.class).collect();
    let open: Vec<Class> =
        hypotheses.iter().filter(|one| !matches!(one.fit, Fit::Refuted(_))).map(|one| one.class).collect();
    let ends = series.deaths.len();
    let every =
        cycle.as_ref().map_or_else(String::new, |cycle| format!(", about every {}", seconds(cycle.mean_us as i64)));
    let verdict = match (fits.as_slice(), open.as_slice()) {
        ([one], [_]) => format!("only {} fits", one.name()),
        (_, []) => "no timer does this".to_owned(),
        _ => format!("{} of {} classes of timer are left", open.len(), hypotheses.len()),
    };
    let title = format!("{ends} connections of {who} ended{every}: {verdict}");
    let mut builder = FindingBuilder::new(rule, title, first);
    if let Some(last) = last {
        builder = builder.place(last);
    }
    if let Some(cycle) = &cycle {
        builder = builder.because(cycle_line(cycle));
    }
    for hypothesis in &hypotheses {
        builder = builder.because(line(hypothesis));
    }
    if let Some(names) = known(facts, &hypotheses) {
        builder = builder.because(names);
    }
    for built in facts.built.iter().filter(|built| built.declared) {
        for told in foretell(built, None, None).iter().take(1) {
            builder = told
                .prediction
                .notes
                .iter()
                .fold(builder, |builder, note| builder.because(format!("By the declared path: {note}")));
        }
    }
    builder = builder.witness(witness(series, &hypotheses, cycle.as_ref()), summary(series));
    builder = builder.figure(timeline(series));
    if open.is_empty() {
        // What ended each of them is told by the rule about its RST.
        return builder.exonerated();
    }
    let single = open.len() == 1 && fits.len() == 1;
    if single {
        return builder;
    }
    missing(&open, series).into_iter().fold(builder, FindingBuilder::missing)
}

fn cycle_line(cycle: &Cycle) -> String {
    let shown: Vec<String> = cycle.gaps_us.iter().take(6).map(|gap| seconds(*gap)).collect();
    let more = if cycle.gaps_us.len() > 6 { ", …" } else { "" };
    format!(
        "From one end to the next: {}{more}; mean {}, spread {}, {:+.3} s each cycle against {} s.",
        shown.join(", "),
        seconds(cycle.mean_us as i64),
        seconds(cycle.spread_us),
        cycle.drift_us / 1e6,
        cycle.round_s
    )
}

fn line(hypothesis: &Hypothesis) -> String {
    let name = hypothesis.class.name();
    match &hypothesis.fit {
        Fit::Fits(explains) => format!("Fits: {name}: {}.", explains.says),
        Fit::Refuted(why) => format!("Refuted: {name}: {why}."),
        Fit::Undecided(why) => format!("Open: {name}: {why}."),
    }
}

/// Known timers in the range a class leaves, those of the evidence first.
fn known(facts: &Facts, hypotheses: &[Hypothesis]) -> Option<String> {
    let idle = hypotheses.iter().find(|one| one.class == Class::IdleSilent)?;
    let Fit::Fits(explains) = &idle.fit else { return None };
    let micros = |us: i64| Micros(u64::try_from(us).unwrap_or(0));
    let mut devices: Vec<_> = within(micros(explains.above_us), micros(explains.at_most_us)).collect();
    devices.sort_by_key(|device| device.after);
    let names: Vec<String> =
        devices.iter().map(|device| format!("{} ({})", device.name, seconds(device.after.0 as i64))).collect();
    let inside = |limit: Limit| match limit {
        Limit::After(after) => after > micros(explains.above_us) && after <= micros(explains.at_most_us),
        _ => false,
    };
    let own: Vec<String> = facts
        .built
        .iter()
        .flat_map(|built| &built.path.hops)
        .filter_map(|hop| match &hop.kind {
            Kind::Tracker(tracker) if inside(tracker.established.value) => {
                Some(format!("{} of {} ({})", tracker.timer, hop.name, limit(tracker.established.value)))
            }
            _ => None,
        })
        .collect();
    if let Some(first) = own.first() {
        return Some(format!("A timer of the evidence lies in the range of a silent one: {first}."));
    }
    if names.is_empty() {
        return None;
    }
    let more = names.len().saturating_sub(DEVICES);
    // The longest ones are the likeliest to be met only by long silences, so they come first.
    let shown: Vec<&str> = names.iter().rev().take(DEVICES).map(String::as_str).collect();
    let more = if more > 0 { format!(" and {more} more (casebook rst devices)") } else { String::new() };
    Some(format!("Known timers that lie in the range of a silent one: {}{more}.", shown.join(", ")))
}

fn missing(open: &[Class], series: &Series) -> Vec<String> {
    let mut out = Vec::new();
    let only_ends = series.deaths.iter().all(|death| death.last_us.is_none());
    if only_ends {
        out.push(
            "A capture of one whole cycle with the last packets before the end, or a log of every use of the connection: it \
             tells how long the connection was quiet."
                .to_owned(),
        );
    }
    if open.contains(&Class::IdleSilent) {
        out.push(
            "The shortest silence that is fatal: `casebook rst probe HOST:PORT` holds connections open with a ladder of silences \
             and finds the timer in one run."
                .to_owned(),
        );
    }
    if open.contains(&Class::Lifetime) {
        out.push(
            "A second connection opened at another time: a lifetime ends it as much later as it began, an idle timer and a clock \
             do not. Or send something every minute: only a lifetime and a clock still end it."
                .to_owned(),
        );
    }
    if open.contains(&Class::WallClock) {
        out.push(
            "Ends of more cycles, with the reconnect time: a clock keeps its minute, everything else moves. And what runs at \
             that minute: `systemctl list-timers`, crontabs, certificate and lease renewals, reload logs."
                .to_owned(),
        );
    }
    out
}

fn witness(series: &Series, hypotheses: &[Hypothesis], cycle: Option<&Cycle>) -> serde_json::Value {
    let classes = hypotheses.iter().map(|one| match &one.fit {
        Fit::Fits(explains) => json!({
            "class": one.class.name(), "fits": true, "above_us": explains.above_us,
            "at_most_us": explains.at_most_us, "residual_us": explains.residual_us,
        }),
        Fit::Refuted(why) => json!({ "class": one.class.name(), "fits": false, "why": why }),
        Fit::Undecided(why) => json!({ "class": one.class.name(), "fits": null, "why": why }),
    });
    json!({
        "ends": series.deaths.len(),
        "longest_survived_us": series.longest_survived_us,
        "period_us": cycle.map(|cycle| cycle.mean_us),
        "drift_us": cycle.map(|cycle| cycle.drift_us),
        "spread_us": cycle.map(|cycle| cycle.spread_us),
        "classes": classes.collect::<Vec<_>>(),
    })
}

fn summary(series: &Series) -> String {
    let quiet = series.deaths.iter().filter_map(|death| Some(death.end_us - death.last_us?));
    let died = quiet.min().map_or_else(|| "unknown".to_owned(), seconds);
    let survived = series.longest_survived_us.map_or_else(|| "unknown".to_owned(), seconds);
    format!("{} ends; longest silence survived {survived}, shortest before an end {died}", series.deaths.len())
}

fn timeline(series: &Series) -> Figure {
    let ends = series.deaths.iter().map(|death| (death.end_us, Tone::Culprit, "end".to_owned())).collect();
    let bars = series.deaths.iter().filter_map(|death| {
        Some(casebook_core::Bar {
            from_us: death.last_us?,
            to_us: death.end_us,
            tone: Tone::Notable,
            label: format!("quiet for {}", seconds(death.end_us - death.last_us?)),
        })
    });
    let lives = series.deaths.iter().filter_map(|death| {
        Some(casebook_core::Bar {
            from_us: death.begin_us?,
            to_us: death.end_us,
            tone: Tone::Plain,
            label: format!("age {}", seconds(death.end_us - death.begin_us?)),
        })
    });
    Figure::Timeline(Timeline {
        title: "Ends of the series".to_owned(),
        lanes: vec![
            Lane { name: "connections".to_owned(), bars: lives.collect(), marks: Vec::new() },
            Lane { name: "silence".to_owned(), bars: bars.collect(), marks: ends },
        ],
    })
}

fn limit(limit: Limit) -> String {
    match limit {
        Limit::After(after) => crate::model::path::show(after),
        Limit::Never => "never".to_owned(),
        Limit::Unknown => "unknown".to_owned(),
    }
}
