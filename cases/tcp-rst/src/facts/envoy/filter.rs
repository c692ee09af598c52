//! The two filters that hold connections: HttpConnectionManager and TcpProxy.

use casebook_formats::yaml::Node;

use super::{Front, Reader, Shape, at, get, shape};
use crate::facts::endpoint;
use crate::facts::timer::{Ending, Layer, Leg, Measures, Proxy, Refresh, Timer};

const IDLE: Shape = shape(
    "common_http_protocol_options.idle_timeout",
    3_600_000,
    Measures::Idle,
    Refresh::Message,
    Leg::Client,
    Ending::FinThenRst,
);
const LIFE: Shape = shape(
    "common_http_protocol_options.max_connection_duration",
    0,
    Measures::Lifetime,
    Refresh::Nothing,
    Leg::Client,
    Ending::FinThenRst,
);
const STREAM: Shape =
    shape("stream_idle_timeout", 300_000, Measures::Step, Refresh::Payload, Leg::Both, Ending::AnswerAndFin);
const REQUEST: Shape = shape("request_timeout", 0, Measures::Step, Refresh::Nothing, Leg::Client, Ending::AnswerAndFin);
const HEADERS: Shape =
    shape("request_headers_timeout", 0, Measures::Step, Refresh::Nothing, Leg::Client, Ending::AnswerAndFin);
const DRAIN: Shape = shape("drain_timeout", 5_000, Measures::Step, Refresh::Nothing, Leg::Client, Ending::FinThenRst);
const DELAYED: Shape =
    shape("delayed_close_timeout", 1_000, Measures::HalfClosed, Refresh::Payload, Leg::Client, Ending::FinThenRst);
const ROUTE: Shape =
    shape("route.timeout", 15_000, Measures::Step, Refresh::Nothing, Leg::Server, Ending::AnswerAndFin);
const TCP_IDLE: Shape =
    shape("tcp_proxy.idle_timeout", 3_600_000, Measures::Idle, Refresh::Payload, Leg::Both, Ending::FinThenRst);
const TCP_LIFE: Shape = shape(
    "tcp_proxy.max_downstream_connection_duration",
    0,
    Measures::Lifetime,
    Refresh::Nothing,
    Leg::Both,
    Ending::FinThenRst,
);

/// Fields with a time that end no connection of a client (access log flushes, retries) or are read by name.
const READ: &[&str] = &[
    "stream_idle_timeout",
    "request_timeout",
    "request_headers_timeout",
    "drain_timeout",
    "delayed_close_timeout",
    "timeout",
    "idle_timeout",
    "max_downstream_connection_duration",
    "max_connection_duration",
    "access_log_flush_interval",
    "retry_policy",
];

impl<'a> Reader<'a> {
    pub(super) fn http(&mut self, listener: &str, config: &'a Node, front: &Front, before: &[Timer]) {
        self.strange(config);
        let common = get(config, "common_http_protocol_options");
        if let Some(common) = common {
            self.strange(common);
        }
        let mut timers = before.to_vec();
        timers.push(self.timer(common.and_then(|node| get(node, "idle_timeout")), &IDLE));
        let life = self.timer(common.and_then(|node| get(node, "max_connection_duration")), &LIFE);
        timers.push(life.clone());
        let stream = self.timer(get(config, "stream_idle_timeout"), &STREAM);
        timers.push(self.timer(get(config, "request_timeout"), &REQUEST));
        timers.push(self.timer(get(config, "request_headers_timeout"), &HEADERS));
        timers.push(self.timer(get(config, "drain_timeout"), &DRAIN));
        timers.push(self.timer(get(config, "delayed_close_timeout"), &DELAYED));
        if let Some(node) = get(config, "rds").or_else(|| get(config, "scoped_routes")) {
            self.gap(node.span, "routes that a control plane gives are not in the file");
        }
        let upgrades = get(config, "upgrade_configs").is_some_and(|node| !node.items().is_empty());
        let hosts = at(config, &["route_config", "virtual_hosts"]).map(Node::items).unwrap_or_default();
        let routes: Vec<&Node> = hosts
            .iter()
            .filter_map(|host| get(host, "routes"))
            .flat_map(Node::items)
            .filter_map(|node| get(node, "route"))
            .collect();
        if routes.is_empty() {
            let mut timers = timers;
            timers.push(stream);
            return self.push(listener, None, Layer::Http, front, timers, config);
        }
        for route in routes {
            self.strange(route);
            let mut timers = timers.clone();
            let timeout = self.timer(get(route, "timeout"), &ROUTE);
            let idle = match get(route, "idle_timeout") {
                Some(node) => Timer { name: "route.idle_timeout".to_owned(), ..self.timer(Some(node), &STREAM) },
                None => stream.clone(),
            };
            timers.push(timeout);
            timers.push(idle.clone());
            let clusters = self.route_clusters(route);
            for cluster in clusters {
                if upgrades {
                    // Of an upgraded connection the stream is the connection; the route's timeout no longer holds.
                    let list = vec![Timer { measures: Measures::Idle, ..idle.clone() }, life.clone()];
                    let count = self.facts.proxies.len();
                    self.push(listener, cluster, Layer::Tcp, front, list, route);
                    let moved = self.facts.proxies.split_off(count);
                    self.facts.upgraded.extend(moved);
                }
                self.push(listener, cluster, Layer::Http, front, timers.clone(), route);
            }
        }
    }

    /// The clusters of a route or a TCP proxy; `None` where the request decides.
    fn route_clusters(&mut self, node: &'a Node) -> Vec<Option<&'a str>> {
        if let Some(cluster) = get(node, "cluster") {
            return vec![cluster.as_str()];
        }
        let weighted = at(node, &["weighted_clusters", "clusters"]).map(Node::items).unwrap_or_default();
        let names: Vec<Option<&str>> = weighted.iter().filter_map(|node| get(node, "name")).map(Node::as_str).collect();
        if names.is_empty() {
            self.gap(node.span, "the cluster is chosen for each request");
            return vec![None];
        }
        names
    }

    pub(super) fn tcp(&mut self, listener: &str, config: &'a Node, front: &Front, before: &[Timer]) {
        self.strange(config);
        let mut timers = before.to_vec();
        timers.push(self.timer(get(config, "idle_timeout"), &TCP_IDLE));
        timers.push(self.timer(get(config, "max_downstream_connection_duration"), &TCP_LIFE));
        for cluster in self.route_clusters(config) {
            self.push(listener, cluster, Layer::Tcp, front, timers.clone(), config);
        }
    }

    fn push(
        &mut self,
        listener: &str,
        cluster: Option<&'a str>,
        layer: Layer,
        front: &Front,
        mut timers: Vec<Timer>,
        node: &Node,
    ) {
        let name = match cluster {
            Some(cluster) => format!("{}/{}", endpoint::shown(listener), endpoint::shown(cluster)),
            None => endpoint::shown(listener),
        };
        let (mut servers, mut keepalive_server) = (Vec::new(), None);
        match cluster.map(|name| self.clusters.get(name).copied()) {
            Some(Some(found)) => {
                let back = self.cluster(found, layer, &name);
                timers.extend(back.timers);
                servers = back.servers;
                keepalive_server = back.keepalive;
            }
            Some(None) => self.gap(node.span, "no cluster of this name in the file"),
            None => {}
        }
        let span = self.span(node.span);
        self.facts.proxies.push(Proxy {
            product: "envoy",
            name,
            layer,
            listens: front.listens.clone(),
            servers,
            timers,
            keepalive_client: front.keepalive,
            keepalive_server,
            span,
        });
    }

    /// Fields with a time in their name that the reader does not know.
    pub(super) fn strange(&mut self, node: &Node) {
        for pair in node.pairs() {
            let Some(key) = pair.key.as_str() else { continue };
            let low = key.to_ascii_lowercase();
            let timed =
                ["timeout", "duration", "idle", "keepalive", "deadline", "interval", "_delay", "max_requests_per"];
            let known = READ.iter().any(|read| *read == key || super::camel(read) == key);
            if timed.iter().any(|word| low.contains(word)) && !known {
                let why = format!("no field the reader knows: `{}`", endpoint::shown(key));
                self.gap(pair.key.span, why);
            }
        }
    }
}
