//! Stacked areas over time, with the limits they met, as SVG. Colours come from the page's style; layers of one tone are told
//! apart by their strength and the line between them, and by the list below the drawing, which has every value in words.

use casebook_core::{AreaUnit, Areas};

use super::figure::{WIDTH, class, close, open, rule, text, time};
use crate::clean::{line, markup};

/// Room on the left for the scale, on the right, above for events.
const LEFT: i64 = 92;
const RIGHT: i64 = 20;
const TOP: i64 = 44;
/// Height of the areas.
const TALL: i64 = 220;
/// Points drawn at most; of more, the highest of each stretch is.
const POINTS: usize = 360;
/// Room a label of an event takes.
const LABEL: i64 = 130;
/// Events drawn at most; more are counted.
const MARKS: usize = 60;
/// Layers drawn at most.
const LAYERS: usize = 24;
/// A limit higher than so many times the areas is said and not drawn: it would flatten them.
const FAR: u64 = 6;
/// How strong the layers of one tone are, in turns.
const STRENGTH: [&str; 3] = ["0.75", "0.45", "0.25"];

/// Draws them into `page`.
pub(super) fn draw(areas: &Areas, page: &mut String) {
    let (Some(from), Some(to)) = (areas.times_us.first().copied(), areas.times_us.last().copied()) else { return };
    let layers = &areas.layers[..areas.layers.len().min(LAYERS)];
    let value = |layer: usize, at: usize| layers[layer].values.get(at).copied().unwrap_or(0);
    let total = |at: usize| (0..layers.len()).fold(0_u64, |sum, layer| sum.saturating_add(value(layer, at)));
    let shown = thinned(areas.times_us.len(), total);
    let highest = shown.iter().map(|at| total(*at)).max().unwrap_or(0);
    let near = |level: &u64| *level <= highest.max(1).saturating_mul(FAR);
    let levels = || areas.levels.iter().flat_map(|level| level.points.iter().filter_map(|(_, value)| *value));
    let top = levels().filter(near).chain([highest, 1]).max().unwrap_or(1);
    // A little air above the highest.
    let scale = u128::from(top) + u128::from(top) / 16 + 1;
    let span = i128::from(to).saturating_sub(i128::from(from)).max(1);
    let wide = i128::from(WIDTH - LEFT - RIGHT);
    let x = |at: i64| LEFT + ((i128::from(at.clamp(from, to)) - i128::from(from)) * wide / span) as i64;
    let y = |value: u64| TOP + TALL - (u128::from(value).min(scale) * TALL as u128 / scale) as i64;
    let rows = (layers.len() + areas.levels.len()).div_ceil(2) as i64;
    open(page, &areas.title, TOP + TALL + 28 + 18 * rows);
    page.push_str(&format!("<desc>{}</desc>\n", markup(&line(&said(areas, &shown, &total)))));
    for step in 0..=4_u64 {
        let value = (u128::from(top) * u128::from(step) / 4) as u64;
        rule(page, (LEFT, y(value)), (WIDTH - RIGHT, y(value)), "life");
        text(page, LEFT - 8, y(value) + 4, "end", "time", &amount(areas.unit, value));
    }
    let mut below = vec![0_u64; shown.len()];
    for (index, layer) in layers.iter().enumerate() {
        let above: Vec<u64> =
            shown.iter().zip(&below).map(|(at, below)| below.saturating_add(value(index, *at))).collect();
        let mut path = String::new();
        for (place, (at, value)) in shown.iter().zip(&above).enumerate() {
            path.push_str(&format!("{}{} {}", if place == 0 { "M" } else { "L" }, x(areas.times_us[*at]), y(*value)));
        }
        for (at, value) in shown.iter().zip(&below).rev() {
            path.push_str(&format!("L{} {}", x(areas.times_us[*at]), y(*value)));
        }
        page.push_str(&format!(
            "<path d=\"{path}z\" class=\"{}\" fill-opacity=\"{}\" style=\"stroke:var(--bg)\"><title>{}</title></path>\n",
            class(layer.tone),
            strength(areas, index),
            markup(&line(&layer.name)),
        ));
        below = above;
    }
    draw_levels(areas, page, &x, &y, near);
    draw_marks(areas, page, &x);
    let bottom = TOP + TALL + 16;
    text(page, LEFT, bottom, "start", "time", "0 s");
    text(page, WIDTH - RIGHT, bottom, "end", "time", &time(to.saturating_sub(from)));
    legend(areas, page, bottom + 18, near);
    close(page);
}

/// Indices that are drawn: all, or of each stretch the one where most is.
fn thinned(count: usize, total: impl Fn(usize) -> u64) -> Vec<usize> {
    if count <= POINTS {
        return (0..count).collect();
    }
    let mut kept: Vec<usize> = vec![0];
    kept.extend(
        (0..POINTS).filter_map(|part| (part * count / POINTS..(part + 1) * count / POINTS).max_by_key(|at| total(*at))),
    );
    kept.push(count - 1);
    kept.dedup();
    kept
}

/// Layers of one tone take turns.
fn strength(areas: &Areas, index: usize) -> &'static str {
    let tone = areas.layers[index].tone;
    let before = areas.layers[..index].iter().filter(|layer| layer.tone == tone).count();
    STRENGTH[before % STRENGTH.len()]
}

fn draw_levels(
    areas: &Areas,
    page: &mut String,
    x: &dyn Fn(i64) -> i64,
    y: &dyn Fn(u64) -> i64,
    near: impl Fn(&u64) -> bool,
) {
    let end = areas.times_us.last().copied().unwrap_or_default();
    for level in &areas.levels {
        let mut labelled = false;
        for (index, (from, value)) in level.points.iter().enumerate() {
            let Some(value) = value.filter(|value| near(value)) else { continue };
            let until = level.points.get(index + 1).map_or(end, |(until, _)| *until);
            rule(page, (x(*from), y(value)), (x(until), y(value)), class(level.tone));
            if !labelled {
                let label = format!("{} {}", level.name, amount(areas.unit, value));
                text(page, x(*from) + 4, y(value) - 4, "start", class(level.tone), &label);
                labelled = true;
            }
        }
    }
}

fn draw_marks(areas: &Areas, page: &mut String, x: &dyn Fn(i64) -> i64) {
    // The end of the last label of each of the two rows above the areas.
    let mut taken = [i64::MIN; 2];
    for (at, tone, label) in areas.marks.iter().take(MARKS) {
        let at = x(*at);
        let label = line(label);
        page.push_str(&format!(
            "<line x1=\"{at}\" y1=\"{}\" x2=\"{at}\" y2=\"{}\" class=\"{}\"><title>{}</title></line>\n",
            TOP - 4,
            TOP + TALL,
            class(*tone),
            markup(&label)
        ));
        let near_end = at > WIDTH - RIGHT - LABEL;
        let begin = if near_end { at - LABEL } else { at };
        if let Some(row) = taken.iter().position(|end| *end <= begin) {
            taken[row] = begin + LABEL;
            let short: String = label.chars().take(22).collect();
            let short = if label.chars().count() > 22 { short + "…" } else { short };
            let y = TOP - 8 - 14 * row as i64;
            text(page, at, y, if near_end { "end" } else { "start" }, class(*tone), &short);
        }
    }
    if areas.marks.len() > MARKS {
        let more = format!("{} more events", areas.marks.len() - MARKS);
        text(page, WIDTH - RIGHT, 12, "end", "pause", &more);
    }
}

fn legend(areas: &Areas, page: &mut String, top: i64, near: impl Fn(&u64) -> bool) {
    let column = |index: usize| LEFT + (WIDTH - LEFT - RIGHT) / 2 * (index % 2) as i64;
    let row = |index: usize| top + 18 * (index / 2) as i64;
    let layers = areas.layers.len().min(LAYERS);
    // From the top down, as they are seen.
    for (place, index) in (0..layers).rev().enumerate() {
        let layer = &areas.layers[index];
        page.push_str(&format!(
            "<rect x=\"{}\" y=\"{}\" width=\"12\" height=\"10\" class=\"{}\" fill-opacity=\"{}\"/>\n",
            column(place),
            row(place) - 9,
            class(layer.tone),
            strength(areas, index),
        ));
        let last = layer.values.last().copied().unwrap_or(0);
        let label = format!("{}, {} at the end", layer.name, amount(areas.unit, last));
        text(page, column(place) + 18, row(place), "start", "time", &label);
    }
    for (index, level) in areas.levels.iter().enumerate() {
        let place = layers + index;
        rule(page, (column(place), row(place) - 4), (column(place) + 12, row(place) - 4), class(level.tone));
        let last = match level.points.last().and_then(|(_, value)| *value) {
            Some(value) if near(&value) => amount(areas.unit, value),
            Some(value) => format!("{}, above the drawing", amount(areas.unit, value)),
            None => "none".to_owned(),
        };
        text(page, column(place) + 18, row(place), "start", "time", &format!("{}: {last}", level.name));
    }
}

/// The drawing in one sentence, for who does not see it.
fn said(areas: &Areas, shown: &[usize], total: &dyn Fn(usize) -> u64) -> String {
    let of = |at: Option<&usize>| amount(areas.unit, at.map_or(0, |at| total(*at)));
    let highest = shown.iter().max_by_key(|at| total(**at));
    let marks = match areas.marks.len() {
        0 => String::new(),
        1 => "; one event".to_owned(),
        count => format!("; {count} events"),
    };
    let levels: Vec<String> = areas
        .levels
        .iter()
        .filter_map(|level| {
            let value = level.points.iter().rev().find_map(|(_, value)| *value)?;
            Some(format!("; {} {}", level.name, amount(areas.unit, value)))
        })
        .collect();
    let (first, last) = (of(shown.first()), of(shown.last()));
    format!("{} layers, from {first} to {last}, at most {}{}{marks}", areas.layers.len(), of(highest), levels.concat())
}

/// A height in words.
fn amount(unit: AreaUnit, value: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    match unit {
        AreaUnit::Count => value.to_string(),
        AreaUnit::Bytes if value < 1024 => format!("{value} B"),
        AreaUnit::Bytes => {
            let (mut scaled, mut unit) = (value as f64 / 1024.0, 0);
            while scaled >= 1023.95 && unit + 1 < UNITS.len() {
                (scaled, unit) = (scaled / 1024.0, unit + 1);
            }
            format!("{scaled:.1} {}", UNITS[unit])
        }
    }
}

#[cfg(test)]
mod tests {
    use casebook_core::{Figure, Layer, Level, Tone};

    use super::*;

    fn drawn(areas: Areas) -> String {
        let mut page = String::new();
        super::super::figure::draw(&Figure::Areas(areas), &mut page);
        if !page.is_empty() {
            roxmltree::Document::parse(&page).expect("well-formed");
        }
        page
    }

    fn layer(name: &str, tone: Tone, values: Vec<u64>) -> Layer {
        Layer { name: name.to_owned(), tone, values }
    }

    fn areas(count: usize) -> Areas {
        Areas {
            title: "a & b".to_owned(),
            unit: AreaUnit::Bytes,
            times_us: (0..count as i64).map(|at| at * 1_000_000).collect(),
            layers: vec![
                layer("anon", Tone::Culprit, (0..count as u64).map(|at| at << 20).collect()),
                layer("file <x>", Tone::Plain, vec![1 << 20; count]),
            ],
            levels: vec![
                Level {
                    name: "memory.max".to_owned(),
                    tone: Tone::Notable,
                    points: vec![(0, Some(16 << 20)), (5_000_000, None)],
                },
                Level { name: "far".to_owned(), tone: Tone::Plain, points: vec![(0, Some(u64::MAX))] },
            ],
            marks: vec![(3_000_000, Tone::Culprit, "OOM kill of <p>".to_owned())],
        }
    }

    #[test]
    fn layers_limits_and_events_are_drawn_and_told() {
        let page = drawn(areas(10));
        insta::assert_snapshot!(page);
        assert!(page.contains("<desc>2 layers, from 1.0 MiB to 10.0 MiB, at most 10.0 MiB; memory.max 16.0 MiB"));
        assert!(page.contains("far: 16384.0 PiB, above the drawing"));
        assert!(page.contains("OOM kill of &lt;p&gt;"));
    }

    #[test]
    fn a_long_series_keeps_its_highest_point() {
        let mut long = areas(100_000);
        long.layers[0].values = vec![0; 100_000];
        long.layers[0].values[54_321] = 12 << 20;
        let page = drawn(long);
        assert!(page.contains("at most 13.0 MiB"), "{page}");
        assert!(page.len() < 40_000, "{}", page.len());
    }

    #[test]
    fn odd_input_is_drawn_or_left_out() {
        assert!(drawn(areas(0)).is_empty());
        let mut odd = areas(2);
        odd.times_us = vec![i64::MIN, i64::MAX];
        odd.layers = vec![layer("", Tone::Plain, vec![u64::MAX]), layer("", Tone::Plain, vec![u64::MAX, 1])];
        odd.marks = (0..100).map(|at| (at, Tone::Plain, "x".repeat(500))).collect();
        assert!(drawn(odd).contains("40 more events"));
    }
}
