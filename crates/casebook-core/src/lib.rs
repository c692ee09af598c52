//! The words every part of Casebook shares: evidence and spans, findings and traces, coverage, and the
//! tables a case and its rules are declared in.
//!
//! It knows no file system, no clock, no format and no mechanism. The order of the data is the order of
//! the modules: [`evidence`] is read into a case's facts, rules turn facts into [`finding`]s, and the
//! [`report`] holds findings and [`coverage`].

pub mod case;
pub mod coverage;
pub mod dial;
pub mod evidence;
pub mod experiment;
pub mod figure;
pub mod finding;
pub mod lines;
pub mod local;
pub mod place;
pub mod report;
pub mod verb;
pub mod watch;
pub mod workshop;

pub use case::{Case, Input, Kind, Read, Reference, Replay, Rule, Setting, Sniff, Want, WantSource};
pub use coverage::{Coverage, ReadStatus, Unmodelled};
pub use dial::{Dialer, Store};
pub use evidence::{Bytes, Content, Digest, Evidence, EvidenceId, EvidenceSet, Span};
pub use experiment::{Action, Done, Experiments};
pub use figure::{
    AreaUnit, Areas, Bar, Figure, Graph, GraphEdge, GraphNode, Grid, Lane, Layer, Level, Message, Sequence, Timeline,
    Tone,
};
pub use finding::{Edit, Finding, FindingBuilder, Fix, FixClass, Severity, Status, Step};
pub use lines::{LineColumn, LineIndex};
pub use local::LocalTime;
pub use place::{At, Place};
pub use report::{Report, Summary, Suppression};
pub use verb::{Arg, ArgKind, OutputFormat, Stopwatch, Verb, VerbError, VerbInput};
pub use watch::{Hierarchy, Watch};
pub use workshop::{Ran, Shown, Workshop};
