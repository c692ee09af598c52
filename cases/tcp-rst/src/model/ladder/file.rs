//! The state of a probe as JSON, so that it goes on after an interruption. What is under way is not in it: those
//! connections are gone when the program is.

use casebook_core::dial::{End, FarReport, First, Meanwhile, Outcome, Trial, When};
use serde_json::{Value, json};

use super::{Kind, Options, SECOND_NS, State};

/// Name and version of the format.
const SCHEMA: &str = "casebook.rst-probe-state/1";

/// The longest wait that can be asked for: 30 days.
pub const LONGEST_NS: u64 = 30 * 86_400 * SECOND_NS;

/// Most connections for a gap of the ladder.
pub const MOST_REPLICATES: u64 = 100;

/// Most connections at a time.
pub const MOST_OPEN: u64 = 10_000;

/// A state to its file.
pub fn write(state: &State) -> Vec<u8> {
    let outcomes: Vec<Value> = state.outcomes.iter().map(outcome_json).collect();
    let value = json!({
        "schema": SCHEMA,
        "options": options_json(&state.options),
        "spent_ns": state.spent_ns,
        "next_id": state.next_id,
        "outcomes": outcomes,
    });
    let mut bytes = value.to_string().into_bytes();
    bytes.push(b'\n');
    bytes
}

/// A file to its state; the error says what is wrong with it.
pub fn read(bytes: &[u8]) -> Result<State, String> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| format!("it is no JSON: {error}"))?;
    if value["schema"] != SCHEMA {
        return Err(format!("its schema is not {SCHEMA}"));
    }
    let options = options(&value["options"]).ok_or("its options cannot be read")?;
    let mut outcomes = Vec::new();
    for (at, value) in value["outcomes"].as_array().ok_or("it has no outcomes")?.iter().enumerate() {
        outcomes.push(outcome(value).ok_or_else(|| format!("its outcome {at} cannot be read"))?);
    }
    let highest = outcomes.iter().map(|outcome| outcome.trial.id).max().unwrap_or(0);
    let next_id = value["next_id"].as_u64().unwrap_or(1).max(highest.saturating_add(1));
    let spent_ns = value["spent_ns"].as_u64().unwrap_or(0);
    Ok(State { options, outcomes, open: Vec::new(), next_id, spent_ns })
}

/// Name of a direction.
pub fn first_name(first: First) -> &'static str {
    match first {
        First::Client => "client",
        First::Server => "server",
    }
}

/// Name of a kind.
pub fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Silence => "silence",
        Kind::Keepalive => "keepalive",
        Kind::Messages => "messages",
    }
}

/// A direction by its name.
pub fn first_named(name: &str) -> Option<First> {
    [First::Client, First::Server].into_iter().find(|first| first_name(*first) == name)
}

/// A kind by its name.
pub fn kind_named(name: &str) -> Option<Kind> {
    [Kind::Silence, Kind::Keepalive, Kind::Messages].into_iter().find(|kind| kind_name(*kind) == name)
}

fn options_json(options: &Options) -> Value {
    let payload: String = options.payload.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "target": options.target,
        "responder": options.responder,
        "payload_hex": payload,
        "first": options.firsts.iter().map(|first| first_name(*first)).collect::<Vec<_>>(),
        "meanwhile": options.kinds.iter().map(|kind| kind_name(*kind)).collect::<Vec<_>>(),
        "min_gap_ns": options.min_gap_ns,
        "max_gap_ns": options.max_gap_ns,
        "replicates": options.replicates,
        "resolution_ns": options.resolution_ns,
        "max_connections": options.max_open,
        "max_time_ns": options.max_time_ns,
        "answer_within_ns": options.answer_within_ns,
    })
}

fn options(value: &Value) -> Option<Options> {
    let names = |key: &str| value[key].as_array().map(|all| all.iter().filter_map(Value::as_str).collect::<Vec<_>>());
    let hex = value["payload_hex"].as_str()?;
    let payload =
        (0..hex.len() / 2).map(|i| hex.get(2 * i..2 * i + 2).and_then(|two| u8::from_str_radix(two, 16).ok()));
    let (min_gap_ns, max_gap_ns) = (value["min_gap_ns"].as_u64()?, value["max_gap_ns"].as_u64()?);
    let (replicates, max_open) = (value["replicates"].as_u64()?, value["max_connections"].as_u64()?);
    let bounded = min_gap_ns > 0 && min_gap_ns <= max_gap_ns && max_gap_ns <= LONGEST_NS;
    if !bounded || !(1..=MOST_REPLICATES).contains(&replicates) || !(1..=MOST_OPEN).contains(&max_open) {
        return None;
    }
    Some(Options {
        target: value["target"].as_str()?.to_owned(),
        responder: value["responder"].as_bool()?,
        payload: payload.collect::<Option<Vec<u8>>>()?,
        firsts: names("first")?.into_iter().map(first_named).collect::<Option<_>>()?,
        kinds: names("meanwhile")?.into_iter().map(kind_named).collect::<Option<_>>()?,
        min_gap_ns,
        max_gap_ns,
        replicates: u32::try_from(replicates).ok()?,
        resolution_ns: value["resolution_ns"].as_u64(),
        max_open: usize::try_from(max_open).ok()?,
        max_time_ns: value["max_time_ns"].as_u64()?,
        answer_within_ns: value["answer_within_ns"].as_u64()?.min(LONGEST_NS),
    })
}

/// Name of an end, and what goes with it.
pub fn end_name(end: &End) -> &'static str {
    match end {
        End::Alive => "alive",
        End::Reset(_) => "reset",
        End::Closed(_) => "closed",
        End::TimedOut(_) => "timed-out",
        End::Failed(_) => "failed",
        End::Vanished => "vanished",
        End::Unanswered => "unanswered",
        End::Unasked => "unasked",
        End::NotOpened(_) => "not-opened",
    }
}

/// An end for machines.
pub fn end_json(end: &End) -> Value {
    let name = end_name(end);
    match end {
        End::Reset(when) | End::Closed(when) | End::TimedOut(when) | End::Failed(when) => {
            json!({"end": name, "when": if *when == When::Waiting { "waiting" } else { "spoken" }})
        }
        End::NotOpened(why) => json!({"end": name, "why": why}),
        _ => json!({"end": name}),
    }
}

fn end(value: &Value) -> Option<End> {
    let when = || match value["when"].as_str()? {
        "waiting" => Some(When::Waiting),
        "spoken" => Some(When::Spoken),
        _ => None,
    };
    Some(match value["end"].as_str()? {
        "alive" => End::Alive,
        "reset" => End::Reset(when()?),
        "closed" => End::Closed(when()?),
        "timed-out" => End::TimedOut(when()?),
        "failed" => End::Failed(when()?),
        "vanished" => End::Vanished,
        "unanswered" => End::Unanswered,
        "unasked" => End::Unasked,
        "not-opened" => End::NotOpened(value["why"].as_str()?.to_owned()),
        _ => return None,
    })
}

/// An outcome for machines.
pub fn outcome_json(outcome: &Outcome) -> Value {
    let trial = &outcome.trial;
    let interval_ns = match trial.meanwhile {
        Meanwhile::Silence => None,
        Meanwhile::Keepalive { interval_ns } | Meanwhile::Messages { interval_ns } => Some(interval_ns),
    };
    json!({
        "id": trial.id,
        "gap_ns": trial.gap_ns,
        "first": first_name(trial.first),
        "meanwhile": kind_name(Kind::of(trial.meanwhile)),
        "interval_ns": interval_ns,
        "opened_unix_ms": outcome.opened_unix_ms,
        "waited_ns": outcome.waited_ns,
        "end": end_json(&outcome.end),
        "ended_after_ns": outcome.ended_after_ns,
        "errno": outcome.errno,
        "retransmits": outcome.retransmits,
        "sent_bytes": outcome.sent_bytes,
        "received_bytes": outcome.received_bytes,
        "far": outcome.far.as_ref().map(|far| json!({"end": end_json(&far.end), "waited_ns": far.waited_ns})),
    })
}

fn outcome(value: &Value) -> Option<Outcome> {
    let interval_ns = value["interval_ns"].as_u64();
    let meanwhile = match kind_named(value["meanwhile"].as_str()?)? {
        Kind::Silence => Meanwhile::Silence,
        Kind::Keepalive => Meanwhile::Keepalive { interval_ns: interval_ns? },
        Kind::Messages => Meanwhile::Messages { interval_ns: interval_ns? },
    };
    let far = match &value["far"] {
        Value::Null => None,
        far => Some(FarReport { end: end(&far["end"])?, waited_ns: far["waited_ns"].as_u64()? }),
    };
    Some(Outcome {
        trial: Trial {
            id: value["id"].as_u64()?,
            gap_ns: value["gap_ns"].as_u64().filter(|gap_ns| *gap_ns <= 2 * LONGEST_NS)?,
            first: first_named(value["first"].as_str()?)?,
            meanwhile,
        },
        opened_unix_ms: value["opened_unix_ms"].as_u64()?,
        waited_ns: value["waited_ns"].as_u64().filter(|waited_ns| *waited_ns <= 2 * LONGEST_NS)?,
        end: end(&value["end"])?,
        ended_after_ns: value["ended_after_ns"].as_u64()?,
        errno: value["errno"].as_i64().and_then(|errno| i32::try_from(errno).ok()),
        retransmits: value["retransmits"].as_u64().and_then(|count| u32::try_from(count).ok()),
        sent_bytes: value["sent_bytes"].as_u64()?,
        received_bytes: value["received_bytes"].as_u64()?,
        far,
    })
}

/// What keeps a state from being continued with these options: the names of the ones that differ. Bounds may change.
pub fn differs(known: &Options, asked: &Options) -> Vec<&'static str> {
    let pairs = [
        ("the target", known.target != asked.target),
        ("--responder", known.responder != asked.responder),
        ("--send", known.payload != asked.payload),
        ("--first", known.firsts != asked.firsts),
        ("--meanwhile", known.kinds != asked.kinds),
        ("--min-gap", known.min_gap_ns != asked.min_gap_ns),
        ("--max-gap", known.max_gap_ns != asked.max_gap_ns),
    ];
    pairs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}
