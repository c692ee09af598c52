//! Drawings of a finding as SVG. Colours come from the page's style, so they follow dark and light.

use casebook_core::{Figure, Grid, Sequence, Timeline, Tone};

use crate::clean::{line, markup};

/// Width of a drawing in its own units; the page scales it.
pub(super) const WIDTH: i64 = 760;
/// Height of one arrow of a sequence.
const STEP: i64 = 34;
/// A pause longer than this, in microseconds, is drawn as a break with its length.
const BREAK_US: i64 = 1_000_000;
/// Arrows drawn at most; of a longer sequence the first and the last are.
const ARROWS: usize = 40;

/// Draws `figure` into `page`.
pub(super) fn draw(figure: &Figure, page: &mut String) {
    match figure {
        Figure::Sequence(sequence) => draw_sequence(sequence, page),
        Figure::Timeline(timeline) => draw_timeline(timeline, page),
        Figure::Grid(grid) => draw_grid(grid, page),
        Figure::Areas(areas) => super::areas::draw(areas, page),
        Figure::Graph(graph) => super::graph::draw(graph, page),
    }
}

pub(super) fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "plain",
        Tone::Notable => "notable",
        Tone::Culprit => "culprit",
    }
}

pub(super) fn text(page: &mut String, x: i64, y: i64, anchor: &str, class: &str, content: &str) {
    let content = markup(&line(content));
    page.push_str(&format!("<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" class=\"{class}\">{content}</text>\n"));
}

pub(super) fn rule(page: &mut String, from: (i64, i64), to: (i64, i64), class: &str) {
    let ((x1, y1), (x2, y2)) = (from, to);
    page.push_str(&format!("<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" class=\"{class}\"/>\n"));
}

pub(super) fn open(page: &mut String, title: &str, height: i64) {
    let title = markup(&line(title));
    page.push_str(&format!(
        "<figure class=\"drawing\"><figcaption>{title}</figcaption>\n<div class=\"scroll\">\
         <svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">\n"
    ));
}

pub(super) fn close(page: &mut String) {
    page.push_str("</svg></div></figure>\n");
}

fn draw_sequence(sequence: &Sequence, page: &mut String) {
    let count = sequence.messages.len();
    let hidden = count.saturating_sub(ARROWS);
    let shown = sequence
        .messages
        .iter()
        .enumerate()
        .filter(|(index, _)| hidden == 0 || *index < ARROWS / 4 || *index >= ARROWS / 4 + hidden);
    let shown: Vec<_> = shown.collect();
    let actors = sequence.actors.len().max(2) as i64;
    // Room on the left for the time.
    let left = 110;
    let column = |actor: usize| left + 70 + (WIDTH - left - 140) * actor as i64 / (actors - 1);
    let mut body = String::new();
    let (mut y, mut last) = (54, None);
    let first = sequence.messages.first().map_or(0, |message| message.at_us);
    for (place, (index, message)) in shown.iter().enumerate() {
        if hidden > 0 && place > 0 && shown.get(place - 1).is_some_and(|(before, _)| before + 1 != *index) {
            text(&mut body, WIDTH / 2, y + 4, "middle", "pause", &format!("{hidden} more packets"));
            y += STEP;
        }
        if let Some(pause) = last.map(|last| message.at_us - last).filter(|pause| *pause >= BREAK_US) {
            rule(&mut body, (left + 20, y), (WIDTH - 20, y), "pause");
            text(&mut body, WIDTH / 2 + left / 2, y - 5, "middle", "pause", &format!("{} of silence", time(pause)));
            y += STEP;
        }
        last = Some(message.at_us);
        let (from, to) = (column(message.from), column(message.to));
        let tone = class(message.tone);
        text(&mut body, left - 10, y + 4, "end", "time", &time(message.at_us - first));
        rule(&mut body, (from, y), (to, y), tone);
        let tip = if to > from { -8 } else { 8 };
        body.push_str(&format!("<path d=\"M{to} {y} l{tip} -4 l0 8 z\" class=\"{tone}\"/>\n"));
        text(&mut body, (from + to) / 2, y - 6, "middle", tone, &message.text);
        y += STEP;
    }
    open(page, &sequence.title, y + 6);
    for (index, actor) in sequence.actors.iter().enumerate() {
        text(page, column(index), 20, "middle", "actor", actor);
        rule(page, (column(index), 28), (column(index), y), "life");
    }
    page.push_str(&body);
    close(page);
}

fn draw_timeline(timeline: &Timeline, page: &mut String) {
    let times = || {
        timeline.lanes.iter().flat_map(|lane| {
            lane.bars.iter().flat_map(|bar| [bar.from_us, bar.to_us]).chain(lane.marks.iter().map(|(at, _, _)| *at))
        })
    };
    let (Some(from), Some(to)) = (times().min(), times().max()) else { return };
    let (left, row) = (150, 34);
    let span = i128::from(to.saturating_sub(from).max(1));
    let x = |at: i64| left + (i128::from(at - from) * i128::from(WIDTH - left - 20) / span) as i64;
    let height = 24 + row * timeline.lanes.len() as i64 + 24;
    open(page, &timeline.title, height);
    for (index, lane) in timeline.lanes.iter().enumerate() {
        let y = 24 + row * index as i64;
        text(page, left - 10, y + 14, "end", "actor", &lane.name);
        rule(page, (left, y + 22), (WIDTH - 20, y + 22), "life");
        for bar in &lane.bars {
            let (start, width) = (x(bar.from_us), (x(bar.to_us) - x(bar.from_us)).max(1));
            let label = markup(&line(&bar.label));
            page.push_str(&format!(
                "<rect x=\"{start}\" y=\"{}\" width=\"{width}\" height=\"14\" class=\"{}\"><title>{label}</title></rect>\n",
                y + 4,
                class(bar.tone)
            ));
        }
        for (at, tone, label) in &lane.marks {
            let label = markup(&line(label));
            page.push_str(&format!(
                "<circle cx=\"{}\" cy=\"{}\" r=\"5\" class=\"{}\"><title>{label}</title></circle>\n",
                x(*at),
                y + 11,
                class(*tone)
            ));
        }
    }
    text(page, left, height - 6, "start", "time", "0 s");
    text(page, WIDTH - 20, height - 6, "end", "time", &time(to - from));
    close(page);
}

/// Rows of a grid drawn at most.
const ROWS: usize = 120;

fn draw_grid(grid: &Grid, page: &mut String) {
    if grid.columns.is_empty() || grid.rows.is_empty() {
        return;
    }
    let rows = grid.rows.len().min(ROWS);
    let (left, row, columns) = (110, 15, grid.columns.len() as i64);
    let x = |column: usize| left + (WIDTH - left - 20) * column as i64 / columns;
    let width = ((WIDTH - left - 20) / columns - 1).max(2);
    let height = 24 + row * rows as i64 + if rows < grid.rows.len() { 20 } else { 6 };
    open(page, &grid.title, height);
    for (column, name) in grid.columns.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        text(page, x(column) + width / 2, 16, "middle", "time", name);
    }
    for (index, name) in grid.rows.iter().take(rows).enumerate() {
        let y = 24 + row * index as i64;
        text(page, left - 10, y + 11, "end", "time", name);
        rule(page, (left, y + row - 1), (WIDTH - 20, y + row - 1), "life");
    }
    for (index, column, tone, label) in
        grid.cells.iter().filter(|(index, column, _, _)| *index < rows && (*column as i64) < columns)
    {
        let (label, y) = (markup(&line(label)), 24 + row * *index as i64);
        page.push_str(&format!(
            "<rect x=\"{}\" y=\"{}\" width=\"{width}\" height=\"{}\" class=\"{}\"><title>{label}</title></rect>\n",
            x(*column),
            y + 1,
            row - 3,
            class(*tone)
        ));
    }
    if rows < grid.rows.len() {
        text(page, left, height - 6, "start", "pause", &format!("{} more rows", grid.rows.len() - rows));
    }
    close(page);
}

/// A length of time: to the millisecond below a minute, in days above two.
pub(super) fn time(us: i64) -> String {
    let seconds = us as f64 / 1e6;
    match seconds.abs() {
        below if below < 60.0 => format!("{seconds:.3} s"),
        below if below < 172_800.0 => format!("{seconds:.0} s"),
        _ => format!("{:.1} d", seconds / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use casebook_core::{Bar, Lane, Message};

    use super::*;

    fn drawn(figure: &Figure) -> String {
        let mut page = String::new();
        draw(figure, &mut page);
        roxmltree::Document::parse(&page).expect("well-formed");
        page
    }

    #[test]
    fn a_sequence_shows_silence_as_a_break_and_escapes_text() {
        let message = |at_us, text: &str| Message { at_us, from: 0, to: 1, text: text.to_owned(), tone: Tone::Culprit };
        let messages = vec![message(0, "<SYN>"), message(7_000_000, "RST")];
        let actors = vec!["client".to_owned(), "server".to_owned()];
        let page = drawn(&Figure::Sequence(Sequence { title: "a & b".to_owned(), actors, messages }));
        assert!(page.contains("7.000 s of silence"), "{page}");
        assert!(page.contains("&lt;SYN&gt;"), "{page}");
    }

    #[test]
    fn a_long_sequence_keeps_its_begin_and_its_end() {
        let message = |at: usize| Message {
            at_us: at as i64,
            from: at % 2,
            to: 1 - at % 2,
            text: format!("packet {at}"),
            tone: Tone::Plain,
        };
        let actors = vec!["client".to_owned(), "server".to_owned()];
        let messages = (0..500).map(message).collect();
        let page = drawn(&Figure::Sequence(Sequence { title: String::new(), actors, messages }));
        assert!(page.contains(">packet 0<") && page.contains(">packet 499<") && page.contains("460 more packets"));
    }

    #[test]
    fn a_grid_draws_cells_inside_of_it_and_counts_the_rest() {
        let columns = (0..24).map(|hour| if hour % 6 == 0 { hour.to_string() } else { String::new() }).collect();
        let rows = (0..130).map(|day| format!("day {day}")).collect();
        let cells = vec![
            (0, 2, Tone::Plain, "ran <1>".to_owned()),
            (129, 2, Tone::Culprit, "lost".to_owned()),
            (3, 99, Tone::Plain, String::new()),
        ];
        let page = drawn(&Figure::Grid(Grid { title: "runs".to_owned(), columns, rows, cells }));
        assert_eq!(page.matches("<rect").count(), 1);
        assert!(page.contains("10 more rows") && page.contains("ran &lt;1&gt;"));
    }

    #[test]
    fn a_timeline_of_one_instant_is_drawn() {
        let lane = Lane {
            name: "flow".to_owned(),
            bars: vec![Bar { from_us: 5, to_us: 5, tone: Tone::Plain, label: String::new() }],
            marks: vec![(i64::MAX, Tone::Culprit, "RST".to_owned())],
        };
        assert!(drawn(&Figure::Timeline(Timeline { title: "t".to_owned(), lanes: vec![lane] })).contains("<circle"));
        let mut page = String::new();
        draw(&Figure::Timeline(Timeline { title: String::new(), lanes: Vec::new() }), &mut page);
        assert!(page.is_empty());
    }
}
