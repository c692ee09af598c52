//! Drawings that go with a finding, as data. The page draws them; the other formats have the same facts as places and steps.

/// How something is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tone {
    /// As it should be.
    Plain,
    /// Worth a look.
    Notable,
    /// What the finding is about.
    Culprit,
}

/// A drawing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Who sent what to whom, in order of time.
    Sequence(Sequence),
    /// Spans and instants on a common axis of time.
    Timeline(Timeline),
    /// What fell into which cell of a table: days by hours.
    Grid(Grid),
    /// What a quantity was made of, over time, and the limits it met.
    Areas(Areas),
    /// What leads to what.
    Graph(Graph),
}

/// What leads to what, in columns from left to right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    /// What it shows.
    pub title: String,
    /// The boxes; those of one column stand in this order, from top to bottom.
    pub nodes: Vec<GraphNode>,
    /// The arrows between them.
    pub edges: Vec<GraphEdge>,
}

/// One box of a [`Graph`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphNode {
    /// What stands in it.
    pub name: String,
    /// Its column, from 0.
    pub layer: usize,
    /// How it is drawn.
    pub tone: Tone,
}

/// One arrow of a [`Graph`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphEdge {
    /// Index of the box it leaves.
    pub from: usize,
    /// Index of the box it leads to.
    pub to: usize,
    /// What stands on it.
    pub text: String,
    /// How it is drawn.
    pub tone: Tone,
}

/// Who sent what to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// What it shows.
    pub title: String,
    /// The parties, from left to right.
    pub actors: Vec<String>,
    /// What they sent, in order.
    pub messages: Vec<Message>,
}

/// One arrow of a [`Sequence`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// When, in microseconds; only differences are shown.
    pub at_us: i64,
    /// Index of the sender among the actors.
    pub from: usize,
    /// Index of the receiver.
    pub to: usize,
    /// What stands on the arrow.
    pub text: String,
    /// How it is drawn.
    pub tone: Tone,
}

/// Spans and instants on a common axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// What it shows.
    pub title: String,
    /// The rows, from top to bottom.
    pub lanes: Vec<Lane>,
}

/// One row of a [`Timeline`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Its name.
    pub name: String,
    /// Spans of time, in order.
    pub bars: Vec<Bar>,
    /// Instants: when in microseconds, how drawn, what is said.
    pub marks: Vec<(i64, Tone, String)>,
}

/// A span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Begin, in microseconds.
    pub from_us: i64,
    /// End.
    pub to_us: i64,
    /// How it is drawn.
    pub tone: Tone,
    /// What is said about it.
    pub label: String,
}

/// A table of cells, most of them empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    /// What it shows.
    pub title: String,
    /// Names of the columns; those left empty have a column and no name.
    pub columns: Vec<String>,
    /// Names of the rows, from top to bottom.
    pub rows: Vec<String>,
    /// Cells that hold something: row, column, how drawn, what is said.
    pub cells: Vec<(usize, usize, Tone, String)>,
}

/// What the heights of [`Areas`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AreaUnit {
    /// Bytes.
    Bytes,
    /// Things.
    Count,
}

/// Layers on top of each other, over time, with limits and events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Areas {
    /// What it shows.
    pub title: String,
    /// What the heights are.
    pub unit: AreaUnit,
    /// The times of the values, in microseconds, ascending.
    pub times_us: Vec<i64>,
    /// The layers, from the bottom up.
    pub layers: Vec<Layer>,
    /// Limits.
    pub levels: Vec<Level>,
    /// Events: when in microseconds, how drawn, what is said.
    pub marks: Vec<(i64, Tone, String)>,
}

/// One layer of [`Areas`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// What it is.
    pub name: String,
    /// How it is drawn. Layers of the same tone that follow each other are told apart by their outline.
    pub tone: Tone,
    /// Its own height at each of the times; one that is missing is 0.
    pub values: Vec<u64>,
}

/// A limit of [`Areas`]: a line that goes in steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// What it is.
    pub name: String,
    /// How it is drawn.
    pub tone: Tone,
    /// From when it holds, in microseconds, and how high it is; `None` is no limit.
    pub points: Vec<(i64, Option<u64>)>,
}
