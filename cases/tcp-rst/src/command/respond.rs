//! `casebook rst respond`: the far end of a probe.

use std::io::Write;

use casebook_core::dial::{First, Respond, Served, Stopped};
use casebook_core::{Arg, ArgKind, OutputFormat, Verb, VerbError, VerbInput};
use serde_json::json;

use super::duration;
use crate::model::ladder::explain::{end, time};
use crate::model::ladder::file::{end_json, first_name};
use crate::model::ladder::{SECOND_NS, file};

const fn value(name: &'static str, value_name: &'static str, help: &'static str, required: bool) -> Arg {
    Arg { name, kind: ArgKind::Value, value_name, help, required, many: false }
}

/// `casebook rst respond --listen ADDR:PORT`.
pub const RESPOND: Verb = Verb {
    name: "respond",
    about: "Be the far end of `casebook rst probe`, so that the server's direction can be tried",
    long: "It listens until it is stopped and answers probes only; anything else is turned away. It opens no connection, \
           and keeps a few bytes for each.\n\nExit codes: 0 stopped by the user or by --max-time, 2 wrong usage or it \
           cannot listen.\n\nExamples:\n  casebook rst respond --listen 10.0.2.2:7000\n  casebook rst respond --listen \
           '[::]:7000' --max-gap 13h",
    args: &[
        value("listen", "ADDR:PORT", "where to listen", true),
        value("max-connections", "N", "connections at the same time; more are refused [default: 1024]", false),
        value("max-gap", "TIME", "probes that ask for a longer gap are refused [default: 24h]", false),
        value("max-time", "TIME", "stop after this long", false),
    ],
    run,
};

fn run(input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let dialer = input.dialer.ok_or_else(|| VerbError::usage("there is no machine that could listen"))?;
    let listen = input.value("listen").unwrap_or_default().to_owned();
    let max_open = duration::number(input, "max-connections", 1, file::MOST_OPEN)?.unwrap_or(1024);
    let respond = Respond {
        listen,
        max_open: usize::try_from(max_open).unwrap_or(1024),
        max_gap_ns: duration::value(input, "max-gap")?.unwrap_or(24 * 3600 * SECOND_NS),
        max_time_ns: duration::value(input, "max-time")?,
    };
    let mut written = Ok(());
    let stopped = dialer.respond(&respond, &mut |served| {
        if written.is_ok() {
            written = tell(&served, input.format, out);
        }
    });
    written?;
    match stopped {
        Ok(Stopped::Done | Stopped::Interrupted | Stopped::TimeUp) => Ok(0),
        Err(why) => Err(VerbError::usage(why)),
    }
}

fn tell(served: &Served, format: OutputFormat, out: &mut dyn Write) -> std::io::Result<()> {
    if format == OutputFormat::Json {
        let value = match served {
            Served::Listening(at) => json!({"event": "listening", "at": at}),
            Served::Refused { peer, why } => json!({"event": "refused", "peer": peer, "why": why}),
            Served::Ended { peer, first, report } => json!({
                "event": "ended", "peer": peer, "first": first_name(*first),
                "end": end_json(&report.end), "waited_ns": report.waited_ns,
            }),
        };
        writeln!(out, "{value}")?;
    } else {
        match served {
            Served::Listening(at) => writeln!(out, "listening at {at}")?,
            Served::Refused { peer, why } => writeln!(out, "{peer}: turned away: {why}")?,
            Served::Ended { peer, first, report } => {
                let who = if *first == First::Client { "the probe speaks" } else { "this end speaks" };
                let how = end(&report.end, *first, true);
                writeln!(out, "{peer}: {who} after {}: {how}", time(report.waited_ns))?;
            }
        }
    }
    // It runs for hours; what happened is shown when it happens.
    out.flush()
}
