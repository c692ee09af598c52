//! What cAdvisor exposes of containers: the text a scrape gives, or the answer of a query over a range
//! (`/api/v1/query_range`, `resultType` matrix) or an instant (vector).
//!
//! Names are those of cAdvisor (metrics/prometheus.go). `container_memory_rss` and `_cache` are anon and file of memory.stat with
//! v2 (container/libcontainer/handler.go). A limit of 0 is none. `container_memory_failcnt` is always 0 with v2, so 0 tells nothing.

use casebook_core::{Kind, Sniff};
use casebook_formats::json::{Document, Node};

use super::field::{Field, NO_LIMIT};
use super::gather::{Gathered, seconds_us, whole};
use super::stream::{Outcome, Sample, Session, Source};

/// Memory of containers as Prometheus has it.
pub static PROMETHEUS_MEMORY: Kind = Kind {
    name: "prometheus-memory",
    what: "container_memory_* of cAdvisor: a scrape, or the JSON of a query over a range",
    sniff: |sniff: &Sniff<'_>| {
        let head = &sniff.head[..sniff.head.len().min(64 << 10)];
        let text = String::from_utf8_lossy(head);
        let named = text.contains("container_memory_") || text.contains("container_spec_memory_");
        let json = text.trim_start().starts_with('{') && text.contains("\"resultType\"");
        let scrape =
            || text.lines().any(|line| series(line.trim_end()).is_some_and(|series| field(series.name).is_some()));
        named && (json || scrape())
    },
    refers: None,
    comment: None,
};

/// The fields of a metric.
fn field(name: &str) -> Option<Field> {
    Some(match name {
        "container_memory_usage_bytes" => Field::Current,
        "container_memory_working_set_bytes" => Field::WorkingSet,
        "container_memory_max_usage_bytes" => Field::Peak,
        "container_memory_rss" => Field::Anon,
        "container_memory_cache" => Field::File,
        "container_memory_mapped_file" => Field::FileMapped,
        "container_memory_swap" => Field::SwapCurrent,
        "container_memory_kernel_usage" => Field::Kernel,
        "container_memory_total_active_file_bytes" => Field::ActiveFile,
        "container_memory_total_inactive_file_bytes" => Field::InactiveFile,
        "container_memory_failcnt" => Field::LocalMax,
        "container_oom_events_total" => Field::EventOomKill,
        "container_spec_memory_limit_bytes" => Field::Max,
        "container_spec_memory_reservation_limit_bytes" => Field::Low,
        _ => return None,
    })
}

/// What a value says; `None` when it says nothing.
fn meant(field: Field, value: u64) -> Option<u64> {
    match (field, value) {
        (Field::Max, 0) => Some(NO_LIMIT),
        (Field::LocalMax | Field::Low, 0) => None,
        _ => Some(value),
    }
}

/// Reads it.
pub(super) fn read(bytes: &[u8], each: &mut dyn FnMut(&Sample<'_>)) -> Outcome {
    let session = Session { source: Source::Prometheus, tool: "cAdvisor".to_owned(), ..Session::default() };
    let mut gathered = Gathered::new(session);
    match bytes.trim_ascii_start().first() {
        Some(b'{') => json(bytes, &mut gathered),
        _ => text(bytes, &mut gathered),
    }
    gathered.play(each)
}

/// The group of a series: its path in the tree, or else namespace, pod and container.
fn path(label: impl Fn(&str) -> Option<String>) -> Option<String> {
    if let Some(id) = label("id").filter(|id| !id.is_empty()) {
        return Some(id);
    }
    let pod = label("pod").or_else(|| label("pod_name"));
    let container = label("container").or_else(|| label("container_name")).or_else(|| label("name"));
    let parts: Vec<String> =
        [label("namespace"), pod, container].into_iter().flatten().filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join("/"))
}

const UNNAMED: &str = "a series that says neither id nor container";

/// A line of a scrape.
struct Series<'a> {
    name: &'a str,
    labels: &'a str,
    value: &'a str,
    /// Milliseconds since 1970.
    at_ms: Option<u64>,
}

/// `name{label="value",…} value time`.
fn series(line: &str) -> Option<Series<'_>> {
    let end = line.find(|char: char| !(char.is_ascii_alphanumeric() || char == '_' || char == ':'))?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inner) => {
            let close = closing(inner)?;
            (&inner[..close], &inner[close + 1..])
        }
        None => ("", rest),
    };
    let mut words = rest.split_ascii_whitespace();
    let value = words.next()?;
    let at_ms = match words.next() {
        None => None,
        Some(word) => Some(word.parse().ok()?),
    };
    (!name.is_empty() && words.next().is_none()).then_some(Series { name, labels, value, at_ms })
}

/// Where the labels end: a brace that is in no value.
fn closing(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    text.bytes().position(|byte| {
        let ends = byte == b'}' && !quoted;
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            _ => {}
        }
        ends
    })
}

/// The value of a label, with its escapes undone.
fn label(labels: &str, name: &str) -> Option<String> {
    let mut rest = labels;
    loop {
        let (key, after) = rest.split_once("=\"")?;
        let (mut value, mut escaped, mut end) = (String::new(), false, None);
        for (at, char) in after.char_indices() {
            match char {
                'n' if escaped => value.push('\n'),
                _ if escaped => value.push(char),
                '\\' => {}
                '"' => {
                    end = Some(at);
                    break;
                }
                _ => value.push(char),
            }
            escaped = char == '\\' && !escaped;
        }
        if key.trim_matches([',', ' ']) == name {
            return Some(value);
        }
        rest = &after[end? + 1..];
    }
}

fn text(bytes: &[u8], gathered: &mut Gathered) {
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let place = (at, at + line.len());
        at = place.1;
        let line = String::from_utf8_lossy(line);
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some(series) = series(line) else {
            gathered.outcome.gaps.add(place.0, place.1, "no line of a scrape");
            continue;
        };
        // Other metrics are passed by: they are not of memory.
        let Some(field) = field(series.name) else { continue };
        let Some(path) = path(|name| label(series.labels, name)) else {
            gathered.outcome.gaps.add(place.0, place.1, UNNAMED);
            continue;
        };
        // Without a time the scrape has one all the same, which nobody wrote down.
        let at_us = series.at_ms.map_or(0, |ms| ms.saturating_mul(1000));
        put(gathered, &path, at_us, field, series.value, place);
    }
}

fn put(gathered: &mut Gathered, path: &str, at_us: u64, field: Field, value: &str, place: (usize, usize)) {
    let Some(number) = whole(value) else {
        return gathered.outcome.gaps.add(place.0, place.1, "a value that is no whole number");
    };
    if let (Some(number), Some(group)) = (meant(field, number), gathered.group(path)) {
        gathered.add(at_us, group, field, number, place);
    }
}

fn json(bytes: &[u8], gathered: &mut Gathered) {
    let document = Document::parse(bytes);
    for error in document.errors() {
        gathered.outcome.gaps.add(error.at, error.at, error.message.clone());
    }
    let data = document.root().and_then(|root| root.get("data"));
    let Some(result) = data.and_then(|data| data.get("result")) else {
        return gathered.outcome.gaps.add(0, bytes.len(), "an answer without data.result");
    };
    for series in result.elements() {
        let span = series.span();
        let metric = series.get("metric");
        let text = |name: &str| metric.and_then(|metric| metric.get(name)).and_then(|node| node.as_str());
        let Some(name) = text("__name__") else {
            gathered.outcome.gaps.add(
                span.0,
                span.1,
                "a series without __name__: query the metric itself, without functions",
            );
            continue;
        };
        let Some(field) = field(&name) else { continue };
        let Some(path) = path(|name| text(name).map(|text| text.into_owned())) else {
            gathered.outcome.gaps.add(span.0, span.1, UNNAMED);
            continue;
        };
        let points = series.get("values").into_iter().flat_map(Node::elements).chain(series.get("value"));
        for point in points {
            let place = point.span();
            let mut parts = point.elements();
            let at_us = parts.next().and_then(|node| node.as_number()).and_then(seconds_us);
            let value = parts.next().and_then(|node| node.as_str());
            match (at_us, value) {
                (Some(at_us), Some(value)) => put(gathered, &path, at_us, field, &value, place),
                _ => gathered.outcome.gaps.add(place.0, place.1, "no point of a series"),
            }
        }
    }
}
