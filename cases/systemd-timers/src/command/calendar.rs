//! `casebook timers calendar`: what a calendar specification says, and when it elapses.

use std::io::Write;
use std::sync::Arc;

use casebook_core::{Arg, ArgKind, OutputFormat, Verb, VerbError, VerbInput};
use serde_json::{Value, json};

use super::place::{SYSTEMD, TZ, Zones, now, version, zone};
use crate::model::calendar::{Change, Irregular, Never, Spec, SpecError, Walk, explain, from_cron, irregular, parse};
use crate::model::time::{Realtime, SECOND_US, Tm, Zone, format_stamp, parse_stamp};
use crate::model::version::Version;

/// The verb.
pub const CALENDAR: Verb = Verb {
    name: "calendar",
    about: "Say what an OnCalendar= specification means and when it elapses, as systemd does",
    long: "Elapses are those of the given version of systemd, in the given zone, with the machine's own zone database. A time the \
           clock jumps over, or shows twice, is told.\n\n\
           Exit status: 0 every specification elapses, 1 one is invalid or never does, 2 the input is wrong.\n\n\
           Examples:\n  casebook timers calendar 'Mon..Fri 02:30'\n  \
           casebook timers calendar '*-*~1 23:55' --tz Europe/Berlin --from 2027-01-01 --count 12 --explain\n  \
           casebook timers calendar '02:30' --to 2027-12-31 --format json",
    args: &[
        Arg {
            name: "spec",
            kind: ArgKind::Text,
            value_name: "SPEC",
            help: "Calendar specifications",
            required: true,
            many: true,
        },
        Arg {
            name: "from",
            kind: ArgKind::Value,
            value_name: "TIME",
            help: "Where to begin: '2027-01-31 12:00:00', '@SECONDS' [default: now]",
            required: false,
            many: false,
        },
        Arg {
            name: "to",
            kind: ArgKind::Value,
            value_name: "TIME",
            help: "Where to end [default: no end]",
            required: false,
            many: false,
        },
        Arg {
            name: "count",
            kind: ArgKind::Value,
            value_name: "N",
            help: "How many elapses at most [default: 5; with --to, all]",
            required: false,
            many: false,
        },
        TZ,
        SYSTEMD,
        Arg {
            name: "explain",
            kind: ArgKind::Flag,
            value_name: "",
            help: "Say what each part means",
            required: false,
            many: false,
        },
    ],
    run,
};

struct Asked {
    zone: Arc<Zone>,
    version: Version,
    from: Realtime,
    to: Option<Realtime>,
    count: usize,
    explain: bool,
}

/// What is said of one specification.
struct Told {
    spec: Spec,
    elapses: Vec<Realtime>,
    end: Option<Never>,
    last: Option<Realtime>,
    irregular: Vec<Irregular>,
}

/// A year and a month, in which changes of the zone are looked for.
const AHEAD_S: i64 = 396 * 86_400;

fn run(input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let zones = Zones::new(input.local);
    let zone = zone(input, &zones)?;
    let time = |name: &str| match input.value(name) {
        None => Ok(None),
        Some(text) => parse_stamp(text, &zone).map(Some).ok_or_else(|| {
            VerbError::with_hint(
                format!("--{name}: `{text}` is no time"),
                "write it as '2027-01-31 12:00:00', or as @SECONDS since 1970",
            )
        }),
    };
    let (from, to) = (time("from")?, time("to")?);
    let from =
        from.or_else(|| now(input)).ok_or_else(|| VerbError::usage("--from is needed where there is no clock"))?;
    let count = match input.value("count") {
        None if to.is_some() => usize::MAX,
        None => 5,
        Some(text) => text.parse().map_err(|_| VerbError::usage(format!("--count: `{text}` is no whole number")))?,
    };
    let asked = Asked { version: version(input)?, from, to, count, explain: input.flag("explain"), zone };
    let names_at_s = now(input).unwrap_or(from).seconds();
    let (mut all, mut code) = (Vec::new(), 0);
    for (index, text) in input.all("spec").iter().enumerate() {
        let told = parse(text, &asked.zone, names_at_s, &zones).map(|spec| tell(spec, &asked));
        code |= u8::from(told.as_ref().map_or(true, |told| told.elapses.is_empty() && told.end.is_some()));
        match input.format {
            OutputFormat::Json => {
                all.push(told.map_or_else(|error| invalid_json(text, &error), |told| told_json(text, &told, &asked)))
            }
            OutputFormat::Text => {
                if index > 0 {
                    writeln!(out)?;
                }
                match told {
                    Ok(told) => print(text, &told, &asked, out)?,
                    Err(error) => print_invalid(text, &error, out)?,
                }
            }
        }
    }
    if input.format == OutputFormat::Json {
        let (zone, version) = (asked.zone.name(), asked.version.to_string());
        writeln!(
            out,
            "{}",
            json!({ "zone": zone, "systemd": version, "from_us": asked.from.0, "specifications": all })
        )?;
    }
    Ok(code)
}

fn tell(spec: Spec, asked: &Asked) -> Told {
    let mut walk = Walk::new(&spec, &*asked.zone, asked.from, asked.version);
    let (mut elapses, mut end) = (Vec::new(), None);
    while elapses.len() < asked.count {
        match walk.step() {
            Ok(at) if asked.to.is_some_and(|to| at > to) => break,
            Ok(at) => elapses.push(at),
            Err(never) => {
                end = Some(never);
                break;
            }
        }
    }
    // The last one is looked for in the twenty years before.
    let last = walk.last_until(asked.from, Realtime(asked.from.0.saturating_sub(20 * 366 * 86_400 * SECOND_US).max(1)));
    let from_s = asked.from.seconds();
    let to_s = elapses.last().map_or(from_s, |last| last.seconds()).max(from_s + AHEAD_S);
    let irregular = irregular(&spec, &asked.zone, from_s, to_s);
    Told { elapses, end, last, irregular, spec }
}

/// The words of a change of the zone: what happens to which elapses.
pub(crate) fn irregular_text(one: &Irregular, zone: &Zone) -> String {
    let first = wall_text(one.first_wall_s);
    let others = match one.count - 1 {
        0 => String::new(),
        others => format!(" and {others} more"),
    };
    let at = format_stamp(Realtime((one.at_s.max(0) as u64) * SECOND_US), zone);
    match one.change {
        Change::Gap => {
            format!("{first}{others} does not exist: the clock jumps to {at}; that run is skipped, not moved")
        }
        Change::Fold => {
            format!("{first}{others} comes twice: the clock goes back to {at}; it elapses the first time only")
        }
    }
}

/// A time of a wall clock.
pub(crate) fn wall_text(wall_s: i64) -> String {
    let [year, month, day, hour, minute, second] = Tm::of_wall(wall_s).fields();
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

fn never_text(never: Never) -> &'static str {
    match never {
        Never::Past => "it does not elapse any more, up to the year 2199",
        Never::Stuck => {
            "systemd gives up: `Infinite loop in calendar calculation` (1000 rounds without a date that fits)"
        }
        Never::Range => "the time found is past what systemd can express",
    }
}

fn print(text: &str, told: &Told, asked: &Asked, out: &mut dyn Write) -> std::io::Result<()> {
    let (zone, own) = (&*asked.zone, told.spec.zone(&*asked.zone));
    writeln!(out, "{text}")?;
    writeln!(out, "  normal form  {}", told.spec)?;
    if asked.explain {
        for (name, what) in explain(&told.spec) {
            writeln!(out, "  {name:<11}  {what}")?;
        }
    }
    if let Some(last) = told.last {
        writeln!(out, "  last         {}", in_zones(last, zone, &own))?;
    }
    for (index, at) in told.elapses.iter().enumerate() {
        let name = if index == 0 { "next" } else { "" };
        writeln!(out, "  {name:<11}  {}", in_zones(*at, zone, &own))?;
    }
    if let Some(never) = told.end {
        let what = if told.elapses.is_empty() { "never: " } else { "" };
        writeln!(out, "  {:<11}  {what}{}", if told.elapses.is_empty() { "next" } else { "then" }, never_text(never))?;
    }
    for one in &told.irregular {
        writeln!(out, "  note         {}", irregular_text(one, &own))?;
    }
    Ok(())
}

/// An instant in the machine's zone; also in the specification's, where that differs.
fn in_zones(at: Realtime, zone: &Zone, own: &Zone) -> String {
    let text = format_stamp(at, zone);
    if own == zone { text } else { format!("{text} ({})", format_stamp(at, own)) }
}

fn print_invalid(text: &str, error: &SpecError, out: &mut dyn Write) -> std::io::Result<()> {
    let width = text[error.at.clone()].chars().count().max(1);
    writeln!(out, "{text}")?;
    writeln!(out, "{}{} {}", " ".repeat(text[..error.at.start].chars().count()), "^".repeat(width), error.why)?;
    writeln!(out, "  invalid: systemd ignores the line (`Failed to parse calendar specification, ignoring`)")?;
    if let Some(spec) = from_cron(text) {
        writeln!(out, "  help: this is a crontab line; as a calendar specification it is `{spec}`")?;
    }
    Ok(())
}

fn told_json(text: &str, told: &Told, asked: &Asked) -> Value {
    let own = told.spec.zone(&*asked.zone);
    let elapse = |at: &Realtime| json!({ "us": at.0, "local": format_stamp(*at, &asked.zone) });
    let end = told.end.map(|never| match never {
        Never::Past => "past",
        Never::Stuck => "stuck",
        Never::Range => "range",
    });
    let mut value = json!({
        "text": text,
        "valid": true,
        "normal": told.spec.to_string(),
        "last": told.last.as_ref().map(elapse),
        "elapses": told.elapses.iter().map(elapse).collect::<Vec<_>>(),
        "ends": end,
        "irregular": told.irregular.iter().map(|one| json!({
            "at_us": one.at_s.max(0) as u64 * SECOND_US,
            "change": match one.change { Change::Gap => "gap", Change::Fold => "fold" },
            "first": wall_text(one.first_wall_s),
            "count": one.count,
            "text": irregular_text(one, &own),
        })).collect::<Vec<_>>(),
    });
    if asked.explain {
        value["parts"] =
            explain(&told.spec).into_iter().map(|(name, what)| (name.to_owned(), Value::from(what))).collect();
    }
    value
}

fn invalid_json(text: &str, error: &SpecError) -> Value {
    json!({
        "text": text,
        "valid": false,
        "error": { "start": error.at.start, "end": error.at.end, "why": error.why },
        "cron": from_cron(text),
    })
}
