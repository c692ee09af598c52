//! What a probe prints: its plan, and what came of it.

use std::io::{self, Write};

use casebook_core::OutputFormat;
use casebook_core::dial::Stopped;
use serde_json::{Value, json};

use crate::model::ladder::estimate::{ENOUGH_EAGER, Estimate, Found, Share, backends};
use crate::model::ladder::explain::{conclusions, lines, time, title};
use crate::model::ladder::file::{end_json, first_name, kind_name, outcome_json};
use crate::model::ladder::plan::{forecast, unreachable};
use crate::model::ladder::{Group, State};

/// The plan, with nothing done.
pub(super) fn plan(state: &State, format: OutputFormat, out: &mut dyn Write) -> io::Result<()> {
    let options = &state.options;
    let (ladder, figures) = (options.ladder_ns(), forecast(state));
    if format == OutputFormat::Json {
        let value = json!({
            "schema": "casebook.rst-probe-plan/1",
            "target": options.target,
            "first": options.firsts.iter().map(|first| first_name(*first)).collect::<Vec<_>>(),
            "meanwhile": options.kinds.iter().map(|kind| kind_name(*kind)).collect::<Vec<_>>(),
            "gaps_ns": ladder,
            "ladder_connections": figures.ladder,
            "ladder_ns": figures.ladder_ns,
            "max_connections": options.max_open,
            "max_time_ns": options.max_time_ns,
        });
        return writeln!(out, "{value}");
    }
    let far = if options.responder { "`casebook rst respond`" } else { "a service, sent" };
    writeln!(out, "plan for {}; nothing was connected to", options.target)?;
    if options.responder {
        writeln!(out, "  far end      {far}")?;
    } else {
        writeln!(out, "  far end      {far} \"{}\"", options.payload.escape_ascii())?;
    }
    let who: Vec<&str> = options.firsts.iter().map(|first| first_name(*first)).collect();
    writeln!(out, "  speaks first {}", who.join(", then in trials of its own the "))?;
    writeln!(out, "  waits        {}", ladder.iter().map(|gap_ns| time(*gap_ns)).collect::<Vec<_>>().join(", "))?;
    let (each, longest) = (options.replicates, options.replicates_at(options.max_gap_ns));
    writeln!(out, "  connections  {each} for each wait, {longest} for the longest: {}", figures.ladder)?;
    writeln!(out, "  at once      {} at most", figures.at_once)?;
    writeln!(out, "  time         {} when nobody dies; a timer that is found", time(figures.ladder_ns))?;
    writeln!(out, "               ends the longer waits, and takes some rounds of its own length")?;
    writeln!(out, "  ends after   {}", time(options.max_time_ns))
}

/// The result.
pub(super) fn print(
    state: &State,
    stopped: Stopped,
    path: Option<&str>,
    unsaved: Option<&str>,
    format: OutputFormat,
    out: &mut dyn Write,
) -> io::Result<()> {
    let groups: Vec<(Group, Estimate)> =
        state.groups().into_iter().map(|group| (group, state.estimate(group))).collect();
    if format == OutputFormat::Json {
        return writeln!(out, "{}", machine(state, &groups, stopped));
    }
    let (count, spent) = (state.outcomes.len(), time(state.spent_ns));
    writeln!(out, "{}: {count} connections in {spent}", state.options.target)?;
    for (group, estimate) in &groups {
        if estimate.found == Found::Nothing && estimate.not_opened == 0 {
            continue;
        }
        writeln!(out, "\n{}", title(*group))?;
        for (word, text) in lines(*group, estimate) {
            writeln!(out, "  {word:<10} {text}")?;
        }
    }
    let said = conclusions(state);
    if !said.is_empty() {
        writeln!(out)?;
    }
    for sentence in said {
        writeln!(out, "= {sentence}")?;
    }
    if unreachable(state) {
        writeln!(out, "= Too many connections could not be set up; it was ended.")?;
    }
    if stopped != Stopped::Done {
        let why = if stopped == Stopped::Interrupted { "stopped" } else { "the time was up" };
        writeln!(out, "\n{why} with {} connections waiting; what they would have shown is missing", state.open.len())?;
        match path {
            Some(path) => writeln!(out, "go on with the same arguments and --resume: {path} holds what is known")?,
            None => writeln!(out, "nothing was kept: --state FILE does that")?,
        }
    }
    if let Some(why) = unsaved {
        writeln!(out, "the state could not be kept: {why}")?;
    }
    Ok(())
}

fn share(share: Share) -> Value {
    let (low, high) = share.interval();
    json!({"died": share.died, "of": share.of, "low": low, "high": high})
}

fn found(found: &Found) -> Value {
    match found {
        Found::Nothing => json!({"found": "nothing-tried"}),
        Found::NoDeath { longest_ns, at_longest } => {
            json!({"found": "no-death", "longest_ns": longest_ns, "at_longest": at_longest})
        }
        Found::Bracket { lower_ns, upper_ns, below, beyond } => json!({
            "found": "bracket", "lower_ns": lower_ns, "upper_ns": upper_ns,
            "below": share(*below), "beyond": share(*beyond), "backends": backends(*beyond),
        }),
        Found::Unrelated { all, shortest_ns, every } => {
            json!({"found": "unrelated", "all": share(*all), "shortest_ns": shortest_ns, "every": every})
        }
    }
}

fn machine(state: &State, groups: &[(Group, Estimate)], stopped: Stopped) -> Value {
    let ends = |ends: &[(casebook_core::dial::End, u32)]| -> Vec<Value> {
        ends.iter().map(|(end, count)| json!({"end": end_json(end), "count": count})).collect()
    };
    let groups: Vec<Value> = groups
        .iter()
        .map(|(group, estimate)| {
            let eager = estimate.eager.filter(|eager| eager.count >= ENOUGH_EAGER);
            let eager =
                eager.map(|eager| json!({"first_ns": eager.first_ns, "last_ns": eager.last_ns, "count": eager.count}));
            json!({
                "first": first_name(group.first),
                "meanwhile": kind_name(group.kind),
                "timer": found(&estimate.found),
                "by_itself": eager,
                "counted": estimate.counted,
                "deaths": estimate.deaths,
                "not_opened": estimate.not_opened,
                "void": estimate.void,
                "ends": ends(&estimate.ends),
                "far_ends": ends(&estimate.far_ends),
            })
        })
        .collect();
    let stopped = match stopped {
        Stopped::Done => "done",
        Stopped::Interrupted => "interrupted",
        Stopped::TimeUp => "time-up",
    };
    json!({
        "schema": "casebook.rst-probe/1",
        "target": state.options.target,
        "stopped": stopped,
        "spent_ns": state.spent_ns,
        "max_gap_ns": state.options.max_gap_ns,
        "groups": groups,
        "conclusions": conclusions(state),
        "trials": state.outcomes.iter().map(outcome_json).collect::<Vec<_>>(),
    })
}
