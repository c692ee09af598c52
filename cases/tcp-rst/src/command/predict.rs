//! `casebook rst predict`: what configuration does to a silent connection.

use std::collections::BTreeMap;
use std::io::Write;

use casebook_core::{Arg, ArgKind, Input, OutputFormat, Verb, VerbError, VerbInput};
use serde_json::{Value, json};

use crate::facts::flow::Side;
use crate::facts::timer::{Limit, Micros};
use crate::facts::{Facts, read, span_of_time};
use crate::model::build::Built;
use crate::model::foretell::{Foretold, fate, foretell_in, sentence, side, who};
use crate::model::path::{Death, Fate, Kind, Outcome, Path, STATES, State, Who, show};

/// The verb.
pub const PREDICT: Verb = Verb {
    name: "predict",
    about: "Say from configuration alone when a silent connection dies, by whom, and who gets the RST",
    long: "EVIDENCE is sysctl output, nft rulesets, haproxy, nginx, Envoy and kube-proxy configuration, and a path.toml. Without \
           --quiet the answer is for a silence longer than every timer.\n\n\
           Exit status: 0 nothing dies, 1 something does, 2 the input is wrong.\n\n\
           Examples:\n  casebook rst predict sysctl.txt ruleset.nft\n  \
           casebook rst predict haproxy.cfg --quiet '10 min' --speaks-first client\n  \
           casebook rst predict path.toml edge/sysctl.txt edge/ruleset.json",
    args: &[
        Arg {
            name: "evidence",
            kind: ArgKind::Evidence,
            value_name: "EVIDENCE",
            help: "Files or folders",
            required: true,
            many: true,
        },
        Arg {
            name: "quiet",
            kind: ArgKind::Value,
            value_name: "TIME",
            help: "The longest silence, as '12 h'",
            required: false,
            many: false,
        },
        Arg {
            name: "speaks-first",
            kind: ArgKind::Value,
            value_name: "SIDE",
            help: "Who ends the silence: client or server [default: both are answered]",
            required: false,
            many: false,
        },
        Arg {
            name: "state",
            kind: ArgKind::Value,
            value_name: "STATE",
            help: "What it is silent in: established, half-closed (one direction closed), unacknowledged (data without an \
                   answer), repeating (a packet repeated three times) [default: established]",
            required: false,
            many: false,
        },
    ],
    run,
};

fn run(input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let quiet = match input.value("quiet") {
        Some(text) => Some(span_of_time::parse(text).map_err(|why| VerbError::usage(format!("--quiet: {why}")))?),
        None => None,
    };
    let speaker = match input.value("speaks-first") {
        None => None,
        Some("client") => Some(Side::Client),
        Some("server") => Some(Side::Server),
        Some(other) => return Err(VerbError::usage(format!("--speaks-first: `{other}` is neither client nor server"))),
    };
    let state = match input.value("state") {
        None => State::Established,
        Some(name) => State::parse(name).ok_or_else(|| {
            let known: Vec<&str> = STATES.iter().map(|(_, name)| *name).collect();
            VerbError::usage(format!("--state: `{name}` is none of {}", known.join(", ")))
        })?,
    };
    let settings = BTreeMap::new();
    let facts = read(&Input { evidence: input.evidence, settings: &settings });
    let Some(facts) = facts.facts.downcast_ref::<Facts>() else {
        return Err(VerbError::usage("the evidence could not be read"));
    };
    if facts.built.is_empty() {
        return Err(VerbError::with_hint(
            "no path was found in the evidence",
            "give a ruleset with connection tracking, a proxy's configuration or a path.toml",
        ));
    }
    let told: Vec<(&Built, Vec<Foretold>)> =
        facts.built.iter().map(|built| (built, foretell_in(built, quiet, speaker, state))).collect();
    let dies = told.iter().flat_map(|(_, all)| all).any(|one| one.prediction.death.is_some());
    match input.format {
        OutputFormat::Json => {
            let paths: Vec<Value> = told.iter().map(|(built, told)| path_json(built, told)).collect();
            writeln!(out, "{}", json!({ "paths": paths, "dies": dies }))?;
        }
        OutputFormat::Text => {
            for (built, told) in &told {
                print(built, told, quiet, out)?;
            }
        }
    }
    Ok(u8::from(dies))
}

fn print(built: &Built, told: &[Foretold], quiet: Option<Micros>, out: &mut dyn Write) -> std::io::Result<()> {
    let quiet = quiet.or(built.quiet).map(crate::model::path::show);
    let silent = quiet.map_or_else(String::new, |quiet| format!(", silent for {quiet}"));
    writeln!(out, "{}{silent}", built.path.name)?;
    for one in told {
        let first = side(one.speaks_first);
        match &one.prediction.death {
            Some(death) => {
                let dies = if death.is_open() { "open" } else { "dies" };
                writeln!(out, "  {first} speaks first: {dies}: {}", sentence(&built.path, one, death))?;
                writeln!(out, "    timer: {} of {}", death.timer, who(&built.path, Who::Hop(death.hop)))?;
                for fate_ in &death.fates {
                    writeln!(out, "    {}: {}", fate(&built.path, fate_), fate_.because.join(" "))?;
                }
            }
            None if one.prediction.undecided => writeln!(out, "  {first} speaks first: not decided by the evidence")?,
            None => writeln!(out, "  {first} speaks first: lives")?,
        }
        for note in &one.prediction.notes {
            writeln!(out, "    {note}")?;
        }
        for exception in &one.prediction.exceptions {
            let because = exception.fates.first().map_or_else(String::new, |fate| fate.because.join(" "));
            writeln!(out, "    except: {}: {because}", sentence(&built.path, one, exception))?;
        }
    }
    for line in other_states(&built.path, told) {
        writeln!(out, "  {line}")?;
    }
    for premise in &built.premises {
        writeln!(out, "  taken for granted: {premise}")?;
    }
    Ok(())
}

fn path_json(built: &Built, told: &[Foretold]) -> Value {
    let answers = told.iter().map(|one| {
        let death = one.prediction.death.as_ref().map(|death| death_json(&built.path, death));
        let exceptions = one.prediction.exceptions.iter().map(|death| death_json(&built.path, death));
        json!({
            "speaks_first": side(one.speaks_first),
            "state": STATES.iter().find(|(state, _)| *state == one.state).map(|(_, name)| name),
            "dies": death,
            "exceptions": exceptions.collect::<Vec<_>>(),
            "undecided": one.prediction.undecided,
            "notes": one.prediction.notes,
        })
    });
    json!({ "path": built.path.name, "premises": built.premises, "answers": answers.collect::<Vec<_>>() })
}

fn death_json(path: &Path, death: &Death) -> Value {
    json!({
        "timer": death.timer,
        "hop": who(path, Who::Hop(death.hop)),
        "after_us": death.after.0,
        "fates": death.fates.iter().map(|fate| fate_json(path, fate)).collect::<Vec<_>>(),
    })
}

fn fate_json(path: &Path, fate: &Fate) -> Value {
    let (what, by, to) = match fate.outcome {
        Outcome::Survives => ("survives", None, None),
        Outcome::Reset { by, to, .. } => ("reset", Some(who(path, by)), Some(who(path, to))),
        Outcome::BlackHole { by } => ("black-hole", by.map(|by| who(path, by)), None),
        Outcome::AnswerLost => ("answer-lost", None, None),
        Outcome::Unknown => ("unknown", None, None),
    };
    json!({ "what": what, "by": by, "to": to, "chance": fate.chance, "if": fate.only_if, "because": fate.because })
}

/// The timers that rule in the states that were not asked about.
fn other_states(path: &Path, told: &[Foretold]) -> Vec<String> {
    let asked = told.first().map_or(State::Established, |one| one.state);
    let trackers = path.hops.iter().filter_map(|hop| match &hop.kind {
        Kind::Tracker(tracker) => Some((hop, tracker)),
        _ => None,
    });
    trackers
        .flat_map(|(hop, tracker)| {
            let ruling = tracker.timer_in(asked).1;
            STATES.into_iter().filter_map(move |(state, name)| {
                let (limit, timer) = tracker.timer_in(state);
                let value = match limit.value {
                    Limit::After(after) => show(after),
                    Limit::Never => "never".to_owned(),
                    Limit::Unknown => "unknown".to_owned(),
                };
                let says =
                    || format!("{}, {}: {timer} ({value}) rules instead (--state {name})", hop.name, state.text());
                (timer != ruling).then(says)
            })
        })
        .collect()
}
