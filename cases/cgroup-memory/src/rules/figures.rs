//! Drawings: what a group was made of over time, with its limit and its kills.

use casebook_core::{AreaUnit, Areas, Figure, Layer, Level, Tone};

use super::words::count;
use crate::facts::series::Series;

/// A group over time, as stacked areas.
pub(super) fn areas(series: &Series) -> Option<Figure> {
    if series.points.len() < 2 {
        return None;
    }
    let names = [
        ("anonymous memory", Tone::Notable),
        ("tmpfs and shared memory", Tone::Culprit),
        ("page cache", Tone::Plain),
        ("kernel and sockets", Tone::Notable),
    ];
    // What cannot be reclaimed at the bottom, page cache on top.
    let layers = [0, 1, 3, 2].iter().map(|part| Layer {
        name: names[*part].0.to_owned(),
        tone: names[*part].1,
        values: series.points.iter().map(|point| point.parts[*part]).collect(),
    });
    let mut steps: Vec<(i64, Option<u64>)> = Vec::new();
    for point in &series.points {
        let limit = (point.limit != u64::MAX).then_some(point.limit);
        if steps.last().is_none_or(|(_, before)| *before != limit) {
            steps.push((point.at_us as i64, limit));
        }
    }
    let is_set = steps.iter().any(|(_, limit)| limit.is_some());
    let levels = is_set.then(|| Level { name: "memory.max".to_owned(), tone: Tone::Culprit, points: steps });
    let marks =
        series.kills.iter().map(|kill| (kill.at_us as i64, Tone::Culprit, count(kill.kills, "process") + " killed"));
    Some(Figure::Areas(Areas {
        title: format!("{}: what it was charged with, and its limit", series.path),
        unit: AreaUnit::Bytes,
        times_us: series.points.iter().map(|point| point.at_us as i64).collect(),
        layers: layers.collect(),
        levels: levels.into_iter().collect(),
        marks: marks.collect(),
    }))
}
