//! What leads to what, as SVG: boxes in columns, and curves between them.

use casebook_core::Graph;

use super::figure::{WIDTH, class, close, open, text};
use crate::clean::{line, markup};

/// Height of one row of boxes.
const ROW: i64 = 52;
/// Height of a box.
const BOX: i64 = 26;
/// Boxes drawn at most in one column.
const ROWS: usize = 14;
/// Curves with words on them; where there are more, the words are in their titles alone.
const WORDS: usize = 16;
/// Width of one letter, about.
const LETTER: i64 = 7;

/// Where the boxes are: column, row.
fn places(graph: &Graph) -> (Vec<Option<(usize, usize)>>, usize, usize) {
    let columns = graph.nodes.iter().map(|node| node.layer).max().map_or(0, |last| last + 1);
    let mut filled = vec![0; columns];
    let places = graph.nodes.iter().map(|node| {
        let row = filled[node.layer];
        filled[node.layer] += 1;
        (row < ROWS).then_some((node.layer, row))
    });
    let places: Vec<_> = places.collect();
    let rows = filled.iter().copied().max().unwrap_or(0).min(ROWS);
    (places, columns, rows)
}

/// Draws `graph` into `page`.
pub(super) fn draw(graph: &Graph, page: &mut String) {
    let (places, columns, rows) = places(graph);
    if rows == 0 {
        return;
    }
    let column = (WIDTH - 20) / columns as i64;
    let width = (column - 60).clamp(60, 230);
    // A single column needs no room for curves.
    let at = |(layer, row): (usize, usize)| (10 + column * layer as i64, 14 + ROW * row as i64);
    let hidden = places.iter().filter(|place| place.is_none()).count();
    let height = 14 + ROW * rows as i64 + if hidden > 0 { 20 } else { 0 };
    open(page, &graph.title, height);
    for edge in &graph.edges {
        let ends = [edge.from, edge.to].map(|end| places.get(end).copied().flatten());
        let [Some(from), Some(to)] = ends else { continue };
        let ((x1, y1), (x2, y2)) = (at(from), at(to));
        let (x1, y1, y2) = (x1 + width, y1 + BOX / 2, y2 + BOX / 2);
        let (tone, label) = (class(edge.tone), markup(&line(&edge.text)));
        let bend = ((x2 - x1) / 2).abs().max(20);
        page.push_str(&format!(
            "<path d=\"M{x1} {y1} C{} {y1} {} {y2} {x2} {y2}\" class=\"edge {tone}\"><title>{label}</title></path>\n\
             <path d=\"M{x2} {y2} l-8 -4 l0 8 z\" class=\"{tone}\"/>\n",
            x1 + bend,
            x2 - bend,
        ));
        if graph.edges.len() <= WORDS {
            let room = (x2 - x1).max(80);
            text(page, (x1 + x2) / 2, (y1 + y2) / 2 - 5, "middle", tone, &short(&edge.text, room));
        }
    }
    for (node, place) in graph.nodes.iter().zip(&places) {
        let Some((x, y)) = place.map(at) else { continue };
        let name = markup(&line(&node.name));
        page.push_str(&format!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{BOX}\" rx=\"4\" class=\"node {}\"><title>{name}</title></rect>\n",
            class(node.tone)
        ));
        text(page, x + width / 2, y + BOX / 2 + 4, "middle", "name", &short(&node.name, width - 8));
    }
    if hidden > 0 {
        text(page, 10, height - 6, "start", "time", &format!("{hidden} more are not drawn"));
    }
    close(page);
}

/// The end of a name is what tells files apart: what does not fit is left out of its middle.
fn short(name: &str, room: i64) -> String {
    let most = (room / LETTER).max(6) as usize;
    let letters: Vec<char> = name.chars().collect();
    if letters.len() <= most {
        return name.to_owned();
    }
    let (head, tail) = (most / 3, most - most / 3 - 1);
    letters[..head].iter().chain(&['…']).chain(&letters[letters.len() - tail..]).collect()
}

#[cfg(test)]
mod tests {
    use casebook_core::{GraphEdge, GraphNode, Tone};

    use super::*;

    fn node(name: &str, layer: usize) -> GraphNode {
        GraphNode { name: name.to_owned(), layer, tone: Tone::Plain }
    }

    #[test]
    fn what_is_in_the_graph_is_drawn_and_escaped() {
        let graph = Graph {
            title: "who needs it".to_owned(),
            nodes: vec![node("main.o", 0), node("libx.a(<y>.o)", 1)],
            edges: vec![GraphEdge { from: 0, to: 1, text: "f & g".to_owned(), tone: Tone::Culprit }],
        };
        let mut page = String::new();
        draw(&graph, &mut page);
        assert!(page.contains("libx.a(&lt;y&gt;.o)") && page.contains("f &amp; g"), "{page}");
        assert_eq!(page.matches("<rect").count(), 2);
    }

    #[test]
    fn a_graph_of_any_size_has_a_bounded_drawing() {
        let graph = Graph {
            title: String::new(),
            nodes: (0..10_000).map(|number| node(&format!("{number}.o"), number % 3)).collect(),
            edges: (1..10_000).map(|to| GraphEdge { from: 0, to, text: "f".to_owned(), tone: Tone::Plain }).collect(),
        };
        let mut page = String::new();
        draw(&graph, &mut page);
        assert_eq!(page.matches("<rect").count(), 3 * ROWS);
        assert!(page.contains("more are not drawn"));
    }

    #[test]
    fn long_names_keep_their_ends() {
        let shown = short("a/very/long/way/to/libz.a(gzwrite.o)", 140);
        assert!(shown.starts_with("a/very") && shown.ends_with("(gzwrite.o)"), "{shown}");
        assert_eq!(shown.chars().count(), 20);
    }
}
