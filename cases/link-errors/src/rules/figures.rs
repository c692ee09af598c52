//! The drawing of an extraction: which files lead to the one that needs a symbol, and where the symbol is.

use std::collections::BTreeMap;

use casebook_core::{Graph as Drawing, GraphEdge, GraphNode, Tone};

use super::common::{file_name, symbol, undefined_name};
use crate::facts::Attempt;
use crate::model::input::FileId;
use crate::model::outcome::Undefined;

/// Files that are drawn at most.
const MOST_FILES: usize = 40;
/// Files that need a symbol of one finding and are drawn.
const MOST_USERS: usize = 6;

/// Who needs the symbols and why those files are part of the link; `holder` is the file that has a definition nobody took.
pub(super) fn extraction(attempt: &Attempt, undefined: &[&Undefined], holder: Option<FileId>) -> Option<Drawing> {
    let first = undefined.first()?;
    let graph = attempt.graph();
    let mut users: Vec<FileId> = Vec::new();
    for site in undefined.iter().flat_map(|one| &one.sites) {
        if !users.contains(&site.file) && users.len() < MOST_USERS {
            users.push(site.file);
        }
    }
    // Columns of files: how many steps from the line they are taken.
    let mut columns: BTreeMap<FileId, usize> = BTreeMap::new();
    for user in &users {
        let way = graph.shortest(*user).unwrap_or_default();
        for (step, link) in way.iter().enumerate() {
            let column = columns.entry(link.file).or_insert(step);
            *column = (*column).max(step);
        }
        let column = columns.entry(*user).or_insert(way.len());
        *column = (*column).max(way.len());
    }
    while columns.len() > MOST_FILES {
        columns.pop_last();
    }
    let mut files: Vec<(usize, FileId)> = columns.into_iter().map(|(file, column)| (column, file)).collect();
    files.sort_unstable();
    let index = |file: FileId| files.iter().position(|(_, known)| *known == file);
    let mut nodes: Vec<GraphNode> = files
        .iter()
        .map(|(column, file)| GraphNode {
            name: file_name(attempt, *file).to_owned(),
            layer: *column,
            tone: Tone::Plain,
        })
        .collect();
    let mut edges = Vec::new();
    for (from, (column, file)) in files.iter().enumerate() {
        let mut seen: Vec<usize> = Vec::new();
        for (name, to) in graph.needs(*file) {
            let Some(to) = index(*to).filter(|to| files[*to].0 > *column && !seen.contains(to)) else { continue };
            seen.push(to);
            edges.push(GraphEdge { from, to, text: symbol(attempt, *name), tone: Tone::Plain });
        }
    }
    let last = files.last().map_or(0, |(column, _)| column + 1);
    let wanted = nodes.len();
    let name = undefined_name(attempt, first);
    let name = match undefined.len() {
        1 => name,
        count => format!("{name} and {} more", count - 1),
    };
    nodes.push(GraphNode { name, layer: last, tone: Tone::Culprit });
    for user in users.iter().filter_map(|user| index(*user)) {
        edges.push(GraphEdge { from: user, to: wanted, text: "undefined".to_owned(), tone: Tone::Culprit });
    }
    if let Some(holder) = holder {
        let to = nodes.len();
        nodes.push(GraphNode { name: file_name(attempt, holder).to_owned(), layer: last + 1, tone: Tone::Notable });
        edges.push(GraphEdge { from: wanted, to, text: "is here".to_owned(), tone: Tone::Notable });
    }
    let title = "What leads to the files that need it, from the line on the left".to_owned();
    Some(Drawing { title, nodes, edges })
}
