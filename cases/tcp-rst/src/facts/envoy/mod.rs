//! Envoy's listeners and clusters to proxies with their timers.
//!
//! Read are bootstraps, files of LDS and CDS, and `config_dump`, in YAML or JSON: a listener is a mapping with
//! `filter_chains`, a cluster one with a name and `load_assignment`, `lb_policy` or `connect_timeout`. Fields can be
//! written in snake or camel case, as protobuf's JSON allows. Source: the API reference of v3 and
//! docs/root/faq/configuration/timeouts.rst.

mod cluster;
mod filter;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use casebook_core::{Evidence, EvidenceId, Kind, Sniff, Span, Unmodelled};
use casebook_formats::yaml::{self, Node};

use super::duration;
use super::timer::{Ending, Endpoint, Leg, Limit, Measures, Micros, ProxyFacts, Refresh, Timer};

/// Configuration of Envoy.
pub static ENVOY: Kind = Kind {
    name: "envoy-config",
    what: "a configuration of Envoy: bootstrap, listeners, clusters, or `config_dump`; YAML or JSON",
    sniff,
    refers: None,
    comment: Some("#"),
};

/// Names that only Envoy has; a Kubernetes object about Envoy (an EnvoyFilter) is no configuration of one.
fn sniff(sniff: &Sniff<'_>) -> bool {
    let has = |word: &str| sniff.head.windows(word.len()).any(|part| part == word.as_bytes());
    if has("\nkind: ") || sniff.head.starts_with(b"kind: ") {
        return false;
    }
    let types = has("type.googleapis.com/envoy");
    let names = has("static_resources") || has("staticResources");
    let lists = has("filter_chains") || has("filterChains") || has("load_assignment") || has("loadAssignment");
    types && (names || lists) || names && lists
}

/// Facts of one file.
pub fn parse(item: &Evidence) -> ProxyFacts {
    let documents = yaml::read(item.as_bytes());
    let mut reader =
        Reader { id: item.id, facts: ProxyFacts::default(), clusters: HashMap::new(), counted: HashSet::new() };
    for error in &documents.errors {
        let span = error.span;
        let end = span.1.min(item.as_bytes().len());
        reader.gap((span.0.min(end), end), error.message.clone());
    }
    documents.unread.iter().for_each(|stretch| reader.gap(*stretch, "not read as YAML"));
    let mut listeners = Vec::new();
    for root in &documents.roots {
        reader.find(root, &mut listeners);
    }
    listeners.into_iter().for_each(|listener| reader.listener(listener));
    reader.facts
}

struct Reader<'a> {
    id: EvidenceId,
    facts: ProxyFacts,
    clusters: HashMap<&'a str, &'a Node>,
    /// Counts that are in the facts already: several routes lead to one cluster.
    counted: HashSet<(String, Span)>,
}

/// A field, in snake or camel case.
fn get<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    let found = node.get(name).or_else(|| if name.contains('_') { node.get(&camel(name)) } else { None });
    found.filter(|node| !node.is_null())
}

fn at<'a>(node: &'a Node, path: &[&str]) -> Option<&'a Node> {
    path.iter().try_fold(node, |node, name| get(node, name))
}

fn camel(name: &str) -> Cow<'_, str> {
    let mut out = String::with_capacity(name.len());
    for (index, part) in name.split('_').enumerate() {
        let mut letters = part.chars();
        match letters.next() {
            Some(first) if index > 0 => out.extend(first.to_uppercase().chain(letters)),
            _ => out.push_str(part),
        }
    }
    Cow::Owned(out)
}

/// `type.googleapis.com/envoy.….v3.TcpProxy` to `TcpProxy`.
fn type_name(node: &Node) -> &str {
    let text = node.get("@type").and_then(Node::as_str).unwrap_or_default();
    text.rsplit(['.', '/']).next().unwrap_or(text)
}

impl<'a> Reader<'a> {
    fn span(&self, (start, end): (usize, usize)) -> Span {
        Span::new(self.id, start, end)
    }

    fn gap(&mut self, at: (usize, usize), why: impl Into<String>) {
        let span = self.span(at);
        self.facts.unmodelled.push(Unmodelled::new(span, why));
    }

    /// Listeners and clusters of a document, which is 128 deep at most.
    fn find(&mut self, node: &'a Node, listeners: &mut Vec<&'a Node>) {
        if get(node, "filter_chains").is_some() || get(node, "default_filter_chain").is_some() {
            return listeners.push(node);
        }
        let marks = ["load_assignment", "lb_policy", "connect_timeout", "cluster_type"];
        if let Some(name) = node.get("name").and_then(Node::as_str)
            && marks.iter().any(|mark| get(node, mark).is_some())
        {
            self.clusters.insert(name, node);
            return;
        }
        for pair in node.pairs() {
            if matches!(pair.key.as_str(), Some("dynamic_resources" | "dynamicResources")) {
                self.gap(pair.key.span, "listeners and clusters that a control plane gives are not in the file");
            }
            self.find(&pair.value, listeners);
        }
        node.items().iter().for_each(|item| self.find(item, listeners));
    }

    /// A duration: `3600s`, or a mapping of seconds and nanos.
    fn duration(&mut self, node: &Node) -> Limit {
        let seconds = |key: &str| node.get(key).map_or(Some(0), Node::as_u64);
        let micros = match node.as_str() {
            Some(text) => duration::proto(text),
            None if node.pairs().is_empty() => None,
            None => match (seconds("seconds"), seconds("nanos")) {
                (Some(seconds), Some(nanos)) => Some(Micros(Micros::seconds(seconds).0.saturating_add(nanos / 1_000))),
                _ => None,
            },
        };
        match micros {
            // Durations of zero turn a timer of Envoy off (timeouts.rst).
            Some(Micros(0)) => Limit::Never,
            Some(micros) => Limit::After(micros),
            None => {
                self.gap(node.span, "no duration of protobuf (`3600s`, `0.5s`)");
                Limit::Unknown
            }
        }
    }

    /// A timer that a field sets, or its default.
    fn timer(&mut self, node: Option<&Node>, shape: &Shape) -> Timer {
        let limit = match node {
            Some(node) => self.duration(node),
            None => match shape.default_ms {
                0 => Limit::Never,
                millis => Limit::After(Micros::millis(millis)),
            },
        };
        let origin = if node.is_some() { String::new() } else { "default of Envoy (timeouts.rst)".to_owned() };
        Timer {
            name: shape.name.to_owned(),
            limit,
            measures: shape.measures,
            refresh: shape.refresh,
            leg: shape.leg,
            ending: shape.ending,
            span: node.map(|node| self.span(node.span)),
            origin,
        }
    }

    /// `socket_address` of an address.
    fn address(&mut self, node: &Node) -> Option<Endpoint> {
        let inner = get(node, "address").unwrap_or(node);
        if let Some(pipe) = at(inner, &["pipe", "path"]).and_then(Node::as_str) {
            return Some(Endpoint { host: pipe.to_owned(), port: None, span: self.span(inner.span) });
        }
        let socket = get(inner, "socket_address")?;
        let port = get(socket, "port_value").and_then(Node::as_u64).and_then(|port| port.try_into().ok());
        let host = get(socket, "address").and_then(Node::as_str).unwrap_or_default();
        Some(Endpoint { host: host.to_owned(), port, span: self.span(socket.span) })
    }

    fn listener(&mut self, node: &'a Node) {
        let name = get(node, "name").and_then(Node::as_str).unwrap_or_default();
        let mut listens: Vec<Endpoint> = get(node, "address").and_then(|node| self.address(node)).into_iter().collect();
        for more in get(node, "additional_addresses").map(Node::items).unwrap_or_default() {
            listens.extend(self.address(more));
        }
        let front = self.listener_sockets(node, listens);
        let default = get(node, "default_filter_chain");
        let chains = get(node, "filter_chains").map(Node::items).unwrap_or_default();
        for chain in chains.iter().chain(default) {
            let mut timers = front.timers.clone();
            if let Some(node) = get(chain, "transport_socket_connect_timeout") {
                timers.push(self.timer(Some(node), &TLS));
            }
            for filter in get(chain, "filters").map(Node::items).unwrap_or_default() {
                let Some(config) = get(filter, "typed_config") else {
                    self.gap(filter.span, "a filter without `typed_config`");
                    continue;
                };
                match type_name(config) {
                    "HttpConnectionManager" => self.http(name, config, &front, &timers),
                    "TcpProxy" => self.tcp(name, config, &front, &timers),
                    // These look on or decide at the beginning and hold no connection.
                    "RBAC" | "SniClusterFilter" | "SniCluster" | "ExtAuthz" | "ConnectionLimit" | "RateLimit"
                    | "LocalRateLimit" => {}
                    _ => self.gap(filter.span, "a network filter that is not modelled"),
                }
            }
        }
    }

    fn listener_sockets(&mut self, node: &'a Node, listens: Vec<Endpoint>) -> Front {
        let mut front = Front { listens, timers: Vec::new(), keepalive: Some(false) };
        front.timers.push(self.timer(get(node, "listener_filters_timeout"), &LISTENER_FILTERS));
        if let Some(list) = get(node, "socket_options") {
            front.keepalive = self.socket_options(list, Leg::Client, &mut front.timers);
        }
        if let Some(keepalive) = get(node, "tcp_keepalive") {
            front.keepalive = Some(true);
            self.tcp_keepalive(keepalive, Leg::Client, name_of(node), &mut front.timers);
        }
        front
    }
}

fn name_of(node: &Node) -> &str {
    get(node, "name").and_then(Node::as_str).unwrap_or_default()
}

/// What all filters of a listener share.
struct Front {
    listens: Vec<Endpoint>,
    timers: Vec<Timer>,
    keepalive: Option<bool>,
}

/// What a timer does, and its default in milliseconds; 0 is off.
struct Shape {
    name: &'static str,
    default_ms: u64,
    measures: Measures,
    refresh: Refresh,
    leg: Leg,
    ending: Ending,
}

const fn shape(
    name: &'static str,
    default_ms: u64,
    measures: Measures,
    refresh: Refresh,
    leg: Leg,
    ending: Ending,
) -> Shape {
    Shape { name, default_ms, measures, refresh, leg, ending }
}

const TLS: Shape =
    shape("transport_socket_connect_timeout", 0, Measures::Step, Refresh::Nothing, Leg::Client, Ending::FinThenRst);
const LISTENER_FILTERS: Shape =
    shape("listener_filters_timeout", 15_000, Measures::Step, Refresh::Nothing, Leg::Client, Ending::FinThenRst);
