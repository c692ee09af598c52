//! `casebook memory top`: what control groups hold now, what of it cannot be reclaimed, and how fast it grows.

mod draw;
mod rows;

use std::io::Write;

use casebook_core::watch::{Key, Screen, Woken};
use casebook_core::{Arg, ArgKind, OutputFormat, Verb, VerbError, VerbInput};
use serde_json::{Value, json};

use super::record::{INTERVAL, Opened, ROOT, open};
use rows::{Board, Row, Sort};

/// The verb.
pub const TOP: Verb = Verb {
    name: "top",
    about: "Show what control groups hold, what cannot be reclaimed, and how soon they are full",
    long: "GROUP is a path below the mount (/system.slice) or a folder below it; what is above and below it is shown too.\n\n\
           CURRENT is memory.current, LIMIT the tightest memory.max at or above the group (^ when it is one above), FLOOR what no \
           reclaim takes: anonymous memory and tmpfs as far as swap has no room, locked cache, kernel memory but for slab that \
           shrinks, sockets; + when it may be more. FILE is page cache clean/dirty. +/MIN is the growth within the last minute, \
           FULL IN the time until the limit at that growth. MAX and OOM count events since the start, PRESS is the share \
           of time in which some task waited for memory.\n\n\
           Keys: q quit, t tree or flat, s sort, / filter, arrows and pages scroll. Without a terminal, or with --once, one frame \
           is printed.\n\n\
           Examples:\n  casebook memory top\n  casebook memory top --once --sort floor /system.slice\n  \
           casebook memory top --once --format json",
    args: &[
        Arg {
            name: "group",
            kind: ArgKind::Text,
            value_name: "GROUP",
            help: "Groups to show [default: all]",
            required: false,
            many: true,
        },
        INTERVAL,
        Arg {
            name: "sort",
            kind: ArgKind::Value,
            value_name: "KEY",
            help: "tree, current, floor, full, growth, events, pressure or name [default: tree]",
            required: false,
            many: false,
        },
        Arg {
            name: "once",
            kind: ArgKind::Flag,
            value_name: "",
            help: "Print one frame and end",
            required: false,
            many: false,
        },
        ROOT,
    ],
    run,
};

fn run(input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let Opened { mut tree, sampler, interval_us } = open(input)?;
    // The screen is not for saving readings; what it shows is of this moment.
    let mut sampler = sampler.thorough();
    let watch = input.watch.ok_or_else(|| VerbError::usage("there is no machine to read here"))?;
    let sort = match input.value("sort") {
        None => Sort::Tree,
        Some(name) => Sort::of(name).ok_or_else(|| {
            VerbError::with_hint(format!("--sort {name} is not known"), format!("one of {}", Sort::names().join(", ")))
        })?,
    };
    let json = input.format == OutputFormat::Json;
    let mut waiting = watch.session(!json && !input.flag("once")).map_err(VerbError::usage)?;
    let mut board = Board::new(sort);
    let mut tick = waiting.now().monotonic_us;
    loop {
        let at = tree.sample(&mut sampler);
        board.take(at, &sampler);
        sampler.done();
        let Some(mut screen) = waiting.screen() else {
            drop(waiting);
            return once(&board, json, out);
        };
        waiting.draw(&draw::frame(&board, screen));
        let now = waiting.now().monotonic_us;
        tick += interval_us * (now.saturating_sub(tick) / interval_us + 1);
        loop {
            match waiting.wait(tick).map_err(VerbError::usage)? {
                Woken::Tick => break,
                Woken::Stop => return Ok(0),
                Woken::Key(key) => {
                    if !board.key(key, draw::page(screen)) {
                        return Ok(0);
                    }
                }
                Woken::Resized => screen = waiting.screen().unwrap_or(screen),
            }
            waiting.draw(&draw::frame(&board, screen));
        }
    }
}

/// One frame as text or JSON.
fn once(board: &Board, json: bool, out: &mut dyn Write) -> Result<u8, VerbError> {
    if json {
        let rows: Vec<Value> = board.shown().map(row_json).collect();
        writeln!(out, "{}", json!({ "schema": "casebook.memory-top/1", "groups": rows }))?;
    } else {
        let screen = Screen { columns: 160, rows: usize::MAX, color: false, unicode: false };
        for line in draw::frame(board, screen).lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
    }
    Ok(0)
}

/// A row for machines; sizes in bytes.
fn row_json(row: &Row) -> Value {
    json!({
        "group": row.path, "current": row.current, "max": row.own_limit, "limit": row.limit,
        "floor": row.floor.map(|floor| json!({ "at_least": floor.lo, "at_most": floor.hi })), "anon": row.anon, "shmem": row.shmem,
        "file_clean": row.clean, "file_dirty": row.dirty, "kernel": row.kernel, "sock": row.sock, "swap": row.swap,
        "events_max": row.max_events, "events_oom": row.oom_events, "pressure_some_us": row.pressure_us,
    })
}

/// True for a key that ends the view.
fn quits(key: Key) -> bool {
    matches!(key, Key::Char('q' | 'Q'))
}
