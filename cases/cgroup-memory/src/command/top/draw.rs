//! A frame of the view: one line about the machine, the heads of the columns, a row a group, the keys.

use casebook_core::watch::Screen;

use super::super::words::{about, harmless, short};
use super::rows::{Board, Row, Sort};
use crate::facts::recording::Field;

/// Lines that are no rows.
const OTHERS: usize = 3;
/// Columns of the bar.
const BAR: usize = 10;
/// The least room for the name of a group.
const NAME: usize = 18;

/// A column: its head, its width, and when it is left out on a narrow terminal (the highest first).
struct Column {
    head: &'static str,
    width: usize,
    rank: u8,
    cell: fn(&Row, bool) -> String,
}

const COLUMNS: [Column; 14] = [
    Column { head: "CURRENT", width: 7, rank: 0, cell: |row, _| size(row.current) },
    Column { head: "LIMIT", width: 6, rank: 0, cell: |row, _| limit(row) },
    Column { head: "", width: BAR, rank: 1, cell: bar },
    Column { head: "FLOOR", width: 6, rank: 0, cell: |row, _| floor(row) },
    Column { head: "ANON", width: 5, rank: 2, cell: |row, _| size(row.anon) },
    Column { head: "SHMEM", width: 5, rank: 2, cell: |row, _| size(row.shmem) },
    Column { head: "FILE", width: 10, rank: 4, cell: |row, _| file(row) },
    Column { head: "KERNEL", width: 6, rank: 5, cell: |row, _| size(row.kernel) },
    Column { head: "SOCK", width: 5, rank: 8, cell: |row, _| size(row.sock) },
    Column { head: "SWAP", width: 5, rank: 6, cell: |row, _| size(row.swap) },
    Column { head: "+/MIN", width: 6, rank: 1, cell: |row, _| growth(row) },
    Column { head: "FULL IN", width: 7, rank: 1, cell: |row, _| row.full_in_us.map_or_else(dash, about) },
    Column { head: "MAX/OOM", width: 8, rank: 3, cell: |row, _| events(row) },
    Column { head: "PRESS", width: 6, rank: 7, cell: |row, _| pressure(row) },
];

fn dash() -> String {
    "-".to_owned()
}

fn size(bytes: Option<u64>) -> String {
    bytes.map_or_else(dash, short)
}

fn limit(row: &Row) -> String {
    match row.limit {
        None => "max".to_owned(),
        Some(limit) if row.own_limit == Some(limit) => short(limit),
        Some(limit) => format!("^{}", short(limit)),
    }
}

fn floor(row: &Row) -> String {
    let Some(floor) = row.floor else { return dash() };
    let open = floor.hi - floor.lo > row.current.unwrap_or(floor.hi) / 20;
    format!("{}{}", short(floor.lo), if open { "+" } else { "" })
}

fn file(row: &Row) -> String {
    match (row.clean, row.dirty) {
        (None, None) => dash(),
        (clean, dirty) => format!("{}/{}", size(clean), size(dirty)),
    }
}

fn growth(row: &Row) -> String {
    match row.growth {
        None => dash(),
        Some(0) => "0".to_owned(),
        Some(growth) => format!("{}{}", if growth < 0 { "-" } else { "+" }, short(growth.unsigned_abs())),
    }
}

fn events(row: &Row) -> String {
    format!("{}/{}", row.max_events, row.oom_events)
}

fn pressure(row: &Row) -> String {
    row.pressure.map_or_else(dash, |share| format!("{}.{}%", share / 10, share % 10))
}

/// The floor, then what can be reclaimed, then what is free, of the limit.
fn bar(row: &Row, unicode: bool) -> String {
    let Some(limit) = row.limit.filter(|limit| *limit > 0) else { return String::new() };
    let cells = |bytes: u64| (u128::from(bytes) * BAR as u128 / u128::from(limit)).min(BAR as u128) as usize;
    let full = cells(row.current.unwrap_or(0));
    let fixed = cells(row.floor.map_or(0, |floor| floor.lo)).min(full);
    let (solid, soft, free) = if unicode { ("█", "▒", "·") } else { ("#", "+", ".") };
    [solid.repeat(fixed), soft.repeat(full - fixed), free.repeat(BAR - full)].concat()
}

/// Rows there is room for.
pub(super) fn page(screen: Screen) -> usize {
    screen.rows.saturating_sub(OTHERS).max(1)
}

/// The columns that fit, and the room for names.
fn chosen(columns: usize) -> (Vec<&'static Column>, usize) {
    let all: &'static [Column] = &COLUMNS;
    let mut chosen: Vec<&Column> = all.iter().collect();
    loop {
        let taken: usize = chosen.iter().map(|column| column.width + 1).sum();
        let worst = chosen.iter().map(|column| column.rank).max().unwrap_or(0);
        if taken + NAME <= columns || worst == 0 {
            return (chosen, columns.saturating_sub(taken).clamp(NAME.min(columns.max(1)), 60));
        }
        chosen.retain(|column| column.rank != worst);
    }
}

/// A frame of as many lines as the screen has.
pub(super) fn frame(board: &Board, screen: Screen) -> String {
    let (columns, name) = chosen(screen.columns);
    let rows: Vec<&Row> = board.shown().collect();
    let mut lines = vec![machine(board, rows.len())];
    let mut head = format!("{:<name$}", "GROUP");
    for column in &columns {
        head.push_str(&format!(" {:>width$}", column.head, width = column.width));
    }
    lines.push(if screen.color { format!("\u{1b}[1m{}\u{1b}[0m", cut(&head, screen.columns)) } else { head });
    let from = board.scroll.min(rows.len().saturating_sub(1));
    for row in rows.iter().skip(from).take(page(screen)) {
        let mut line = fitted(&label(row, board.sort), name);
        for column in &columns {
            let cell = (column.cell)(row, screen.unicode);
            line.push_str(&format!(" {cell:>width$}", width = column.width));
        }
        let line = cut(&line, screen.columns);
        match color(row).filter(|_| screen.color) {
            Some(color) => lines.push(format!("\u{1b}[{color}m{line}\u{1b}[0m")),
            None => lines.push(line),
        }
    }
    if screen.rows < usize::MAX {
        lines.resize(screen.rows.saturating_sub(1).max(2), String::new());
        lines.push(cut(&keys(board), screen.columns));
    }
    lines.join("\n") + "\n"
}

fn machine(board: &Board, groups: usize) -> String {
    let get = |field| size(board.machine.get(field));
    format!(
        "{groups} groups by {}; machine: {} of {} available, swap {} of {} free",
        board.sort.name(),
        get(Field::MemAvailable),
        get(Field::MemTotal),
        get(Field::SwapFree),
        get(Field::SwapTotal)
    )
}

fn keys(board: &Board) -> String {
    if board.typing {
        return format!("filter: {}_", harmless(&board.filter));
    }
    let filter = if board.filter.is_empty() { String::new() } else { format!("  [{}]", harmless(&board.filter)) };
    format!("q quit  t tree/flat  s sort  / filter  arrows scroll{filter}")
}

/// In the tree a group has its own name, indented; elsewhere its path.
fn label(row: &Row, sort: Sort) -> String {
    let path = harmless(&row.path);
    match sort {
        Sort::Tree if row.depth > 0 => {
            let name = path.rsplit('/').next().unwrap_or_default();
            format!("{}{name}", "  ".repeat(row.depth.min(8)))
        }
        _ => path,
    }
}

/// A name in exactly so many columns; of a longer one the end is kept, which tells groups apart.
fn fitted(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return format!("{text:<width$}");
    }
    let end: String = text.chars().skip(length - width.saturating_sub(1)).collect();
    format!("~{end}")
}

fn cut(line: &str, columns: usize) -> String {
    line.chars().take(columns).collect()
}

/// Red for a group whose floor nears its limit or that had an OOM, yellow for one that is soon full.
fn color(row: &Row) -> Option<u8> {
    let floor = row.floor.map_or(0, |floor| floor.lo);
    let hopeless = row.limit.is_some_and(|limit| floor >= limit - limit / 10);
    if hopeless || row.oom_events > 0 {
        return Some(31);
    }
    row.full_in_us.is_some_and(|us| us < 300_000_000).then_some(33)
}

#[cfg(test)]
mod tests;
