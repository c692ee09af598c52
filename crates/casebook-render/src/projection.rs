//! Projections: lines that stand for evidence which is not text. A packet, a record or a symbol is shown as
//! the line the model computed for it, numbered as its readers number it.

use casebook_core::{At, Place};

use crate::context::{Context, stand_in};

/// Records this far apart are shown in one projection; what is between them is folded.
const NEAR: u64 = 40;

/// Consecutive projected lines with their places.
#[derive(Debug)]
pub(crate) struct Projection {
    /// What the numbers count: a record and a line of the same file do not follow each other.
    unit: u8,
    /// Number of the first line; `None` when the lines have no numbers (symbols, live readings).
    pub(crate) first: Option<u64>,
    /// The lines, `...` where nothing is known of a record between two places.
    pub(crate) lines: Vec<String>,
    /// Index of each place in the list the projections were made from, and its line in `lines`.
    pub(crate) members: Vec<(usize, usize)>,
}

/// True when a place is shown as a projection and not as lines of its evidence.
pub(crate) fn is_projected(place: &Place) -> bool {
    place.shown.is_some() || !matches!(place.at, At::Text(_))
}

/// Number of the line that stands for a place.
pub(crate) fn number(context: &Context<'_>, at: &At) -> Option<u64> {
    match at {
        At::Packet { number, .. } => Some(*number),
        At::Record { index, .. } => Some(*index),
        At::Text(span) => Some(u64::from(context.line_column(span.evidence, span.start).line)),
        At::Symbol { .. } | At::Live { .. } => None,
    }
}

fn unit(at: &At) -> u8 {
    match at {
        At::Text(_) => 0,
        At::Packet { .. } => 1,
        At::Record { .. } => 2,
        At::Symbol { .. } => 3,
        At::Live { .. } => 4,
    }
}

/// Projections of `places`, all of one piece of evidence, in the order their first places were given.
pub(crate) fn projections(context: &Context<'_>, places: &[&Place]) -> Vec<Projection> {
    let mut order: Vec<(u8, Option<u64>, usize, String)> = places
        .iter()
        .enumerate()
        .map(|(index, place)| {
            let line = crate::clean::line(&stand_in(context, place));
            (unit(&place.at), number(context, &place.at), index, line)
        })
        .collect();
    order.sort_by_key(|(unit, number, index, _)| (*unit, *number, *index));

    let mut projections: Vec<Projection> = Vec::new();
    for (unit, number, index, text) in order {
        if let (Some(last), Some(number)) = (projections.last_mut().filter(|last| last.unit == unit), number)
            && last.extend(number, index, &text)
        {
            continue;
        }
        projections.push(Projection { unit, first: number, lines: vec![text], members: vec![(index, 0)] });
    }
    for projection in &mut projections {
        projection.members.sort_unstable();
    }
    projections.sort_by_key(|projection| projection.members.first().copied());
    projections
}

impl Projection {
    /// Adds a place if its line is near; the same record shown in two ways needs two projections.
    fn extend(&mut self, number: u64, index: usize, text: &str) -> bool {
        let Some(first) = self.first else { return false };
        let at = (number - first) as usize;
        let gap = (at + 1).saturating_sub(self.lines.len()) as u64;
        if gap > NEAR || (gap == 0 && self.lines.last().is_some_and(|last| last != text)) {
            return false;
        }
        while self.lines.len() < at {
            self.lines.push("...".to_owned());
        }
        if gap > 0 {
            self.lines.push(text.to_owned());
        }
        self.members.push((index, at));
        true
    }
}
