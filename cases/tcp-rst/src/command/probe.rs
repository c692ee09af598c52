//! `casebook rst probe`: the patient prober.

mod options;
mod report;

use std::collections::BTreeMap;
use std::io::Write;

use casebook_core::dial::{Dialer, End, FarEnd, Next, Stopped, Target};
use casebook_core::{Arg, ArgKind, Verb, VerbError, VerbInput};

use crate::model::ladder::explain::time;
use crate::model::ladder::{SECOND_NS, State, file, plan};

const fn value(name: &'static str, value_name: &'static str, help: &'static str) -> Arg {
    Arg { name, kind: ArgKind::Value, value_name, help, required: false, many: false }
}

const fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg { name, kind: ArgKind::Flag, value_name: "", help, required: false, many: false }
}

/// `casebook rst probe HOST:PORT`.
pub const PROBE: Verb = Verb {
    name: "probe",
    about: "Find out after how long a silence connections on a path die, from which end, and how",
    long: "It opens connections to HOST:PORT and to nothing else, lets them wait for different times, several for each, \
           all side by side, and says which lived. Then it narrows the time down. With `casebook rst respond` at the far \
           end and --responder it tries both directions: an expiry that is hidden from the client kills what waits for \
           the server. Once a timer is found, keepalive probes and messages show what refreshes it.\n\nA silence up to \
           --max-gap takes about that long, a timer that is found sooner ends it sooner. With --state a probe that was \
           stopped goes on with --resume; connections that were waiting are opened again.\n\nExit codes: 0 no death was \
           found, 1 one was, 2 wrong usage, nothing could be connected to, or it was stopped before it could \
           tell.\n\nExamples:\n  casebook rst probe db.example:5432 --responder --max-gap 20min\n  casebook rst probe \
           10.0.1.100:80 --dry-run\n  casebook rst probe web.example:80 --send 'HEAD / HTTP/1.1\\r\\nHost: \
           web.example\\r\\n\\r\\n'\n  casebook rst probe 10.0.1.100:7000 --responder --max-gap 13h --state probe.json\n  \
           casebook rst probe 10.0.1.100:7000 --responder --max-gap 13h --state probe.json --resume",
    args: &[
        Arg {
            name: "target",
            kind: ArgKind::Text,
            value_name: "HOST:PORT",
            help: "the far end; nothing else is connected to",
            required: true,
            many: false,
        },
        flag("responder", "the far end is `casebook rst respond`"),
        value(
            "first",
            "WHO",
            "who speaks after the wait: client, server, or client,server [default: what the far end can do]",
        ),
        value(
            "meanwhile",
            "WHAT",
            "what is tried: silence, keepalive, messages [default: all, the last two once a timer is found]",
        ),
        value(
            "send",
            "TEXT",
            "what a service is sent; \\r \\n \\t \\\\ \\xHH are understood [default: a HEAD request of HTTP/1.1]",
        ),
        value("min-gap", "TIME", "shortest wait, at which nothing should die [default: 1s]"),
        value("max-gap", "TIME", "longest wait [default: 2h]"),
        value("replicates", "N", "connections for each wait of the ladder [default: 8]"),
        value("resolution", "TIME", "how narrow the bracket is to be [default: 1 %, at least 250ms]"),
        value("answer-within", "TIME", "an answer takes no longer [default: 3s]"),
        value("max-connections", "N", "connections open at the same time [default: 64]"),
        value("max-time", "TIME", "stop after this long [default: three times --max-gap and 5min]"),
        value("state", "FILE", "keep what is known in this file, after every connection"),
        flag("resume", "go on with what --state holds"),
        flag("dry-run", "show the plan and connect to nothing"),
    ],
    run,
};

fn run(input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let asked = options::read(input)?;
    if input.flag("dry-run") {
        report::plan(&State::new(asked), input.format, out)?;
        return Ok(0);
    }
    let dialer = input.dialer.ok_or_else(|| VerbError::usage("there is no machine that could connect"))?;
    let mut keeper = Keeper { input, path: input.value("state"), failed: None };
    let mut state = keeper.begin(asked)?;
    let stopped = dial(dialer, &mut state, &mut keeper).map_err(VerbError::usage)?;
    let unreachable = plan::unreachable(&state);
    if unreachable && state.groups().iter().all(|group| state.estimate(*group).counted == 0) {
        let why = state.outcomes.iter().rev().find_map(|outcome| match &outcome.end {
            End::NotOpened(why) => Some(why.clone()),
            _ => None,
        });
        let why = why.unwrap_or_else(|| "no connection could be set up".into());
        return Err(VerbError::usage(format!("{}: {why}", state.options.target)));
    }
    report::print(&state, stopped, keeper.path, keeper.failed.as_deref(), input.format, out)?;
    let died = state.groups().iter().any(|group| state.estimate(*group).deaths > 0);
    let told = stopped == Stopped::Done && !unreachable;
    Ok(if died {
        1
    } else if told {
        0
    } else {
        2
    })
}

/// Where the state is kept.
struct Keeper<'a> {
    input: &'a VerbInput<'a>,
    path: Option<&'a str>,
    /// The first time it could not be written.
    failed: Option<String>,
}

impl Keeper<'_> {
    /// The state to begin with: new, or what the file holds.
    fn begin(&mut self, asked: crate::model::ladder::Options) -> Result<State, VerbError> {
        let resume = self.input.flag("resume");
        let Some(path) = self.path else {
            return if resume {
                Err(VerbError::with_hint("--resume goes on with a file", "name it with --state FILE"))
            } else {
                Ok(State::new(asked))
            };
        };
        let store = self.input.store.ok_or_else(|| VerbError::usage("there is no machine that could keep a state"))?;
        let known = store.load(path).map_err(VerbError::usage)?;
        let mut state = State::new(asked);
        match known {
            None => {}
            Some(_) if !resume => {
                let hint = "--resume goes on with it; remove it, or name another, to begin anew";
                return Err(VerbError::with_hint(format!("{path} is there already"), hint));
            }
            Some(bytes) => {
                let known =
                    file::read(&bytes).map_err(|why| VerbError::usage(format!("{path} holds no probe: {why}")))?;
                let differs = file::differs(&known.options, &state.options);
                if !differs.is_empty() {
                    let what = differs.join(", ");
                    let hint = "give the same arguments, or begin anew with another file";
                    return Err(VerbError::with_hint(format!("{path} holds another probe: {what} differs"), hint));
                }
                let options = state.options;
                state = State { options, ..known };
            }
        }
        store.save(path, &file::write(&state)).map_err(VerbError::usage)?;
        Ok(state)
    }

    fn keep(&mut self, state: &State) {
        let (Some(path), Some(store)) = (self.path, self.input.store) else { return };
        if let Err(why) = store.save(path, &file::write(state)) {
            self.failed.get_or_insert(why);
        }
    }
}

fn dial(dialer: &dyn Dialer, state: &mut State, keeper: &mut Keeper<'_>) -> Result<Stopped, String> {
    let options = &state.options;
    let target = Target {
        address: options.target.clone(),
        far_end: if options.responder { FarEnd::Responder } else { FarEnd::Service(options.payload.clone()) },
        connect_within_ns: 10 * SECOND_NS,
        answer_within_ns: options.answer_within_ns,
        max_open: options.max_open,
        max_time_ns: options.max_time_ns,
    };
    let before_ns = state.spent_ns;
    let mut started_ns: BTreeMap<u64, u64> = BTreeMap::new();
    dialer.dial(&target, &mut |ended, elapsed_ns| {
        state.spent_ns = before_ns + elapsed_ns;
        for outcome in ended {
            state.take(outcome.clone());
        }
        if !ended.is_empty() {
            keeper.keep(state);
        }
        let plan = plan::next(state, elapsed_ns);
        started_ns.extend(plan.start.iter().map(|trial| (trial.id, elapsed_ns)));
        let say = progress(state, &started_ns, plan.waiting, elapsed_ns);
        Next { start: plan.start, cancel: plan.cancel, say }
    })
}

/// What runs, when the next ends, how long the longest still takes.
fn progress(state: &State, started_ns: &BTreeMap<u64, u64>, waiting: usize, elapsed_ns: u64) -> String {
    let ends = state.open.iter().filter_map(|trial| started_ns.get(&trial.id).map(|at| at + trial.gap_ns));
    let (mut next, mut last) = (u64::MAX, 0);
    for end in ends {
        (next, last) = (next.min(end), last.max(end));
    }
    let died: u32 = state.groups().iter().map(|group| state.estimate(*group).deaths).sum();
    let left = |at: u64| time(at.saturating_sub(elapsed_ns));
    let more = if waiting > 0 { format!(", {waiting} to come") } else { String::new() };
    let when = if state.open.is_empty() {
        String::new()
    } else {
        format!("; next due in {}, longest in {}", left(next), left(last))
    };
    format!("{} open{more}, {} ended, {died} died{when}", state.open.len(), state.outcomes.len())
}
