//! Clusters: servers, and timers of the connections to them.

use casebook_formats::yaml::Node;

use super::{Reader, Shape, at, get, shape};
use crate::facts::timer::{Count, Ending, Endpoint, Layer, Leg, Limit, Measures, Micros, Refresh, Timer};

const CONNECT: Shape =
    shape("connect_timeout", 5_000, Measures::Step, Refresh::Nothing, Leg::Server, Ending::AnswerAndFin);
const IDLE: Shape = shape(
    "cluster common_http_protocol_options.idle_timeout",
    3_600_000,
    Measures::Idle,
    Refresh::Message,
    Leg::Server,
    Ending::Fin,
);
const LIFE: Shape = shape(
    "cluster common_http_protocol_options.max_connection_duration",
    0,
    Measures::Lifetime,
    Refresh::Nothing,
    Leg::Server,
    Ending::Fin,
);

/// What a cluster says.
#[derive(Default)]
pub(super) struct Back {
    pub servers: Vec<Endpoint>,
    pub timers: Vec<Timer>,
    pub keepalive: Option<bool>,
}

impl Reader<'_> {
    pub(super) fn cluster(&mut self, node: &Node, layer: Layer, proxy: &str) -> Back {
        let mut back = Back { keepalive: Some(false), ..Back::default() };
        for endpoints in at(node, &["load_assignment", "endpoints"]).map(Node::items).unwrap_or_default() {
            for item in get(endpoints, "lb_endpoints").map(Node::items).unwrap_or_default() {
                back.servers.extend(at(item, &["endpoint", "address"]).and_then(|node| self.address(node)));
            }
        }
        back.timers.push(self.timer(get(node, "connect_timeout"), &CONNECT));
        if layer == Layer::Http {
            let typed = get(node, "typed_extension_protocol_options").map(Node::pairs).unwrap_or_default();
            let options = typed
                .iter()
                .find(|pair| pair.key.as_str().is_some_and(|key| key.ends_with("HttpProtocolOptions")))
                .and_then(|pair| get(&pair.value, "common_http_protocol_options"))
                .or_else(|| get(node, "common_http_protocol_options"));
            back.timers.push(self.timer(options.and_then(|node| get(node, "idle_timeout")), &IDLE));
            back.timers.push(self.timer(options.and_then(|node| get(node, "max_connection_duration")), &LIFE));
        }
        if let Some(options) = at(node, &["upstream_bind_config", "socket_options"]) {
            back.keepalive = self.socket_options(options, Leg::Server, &mut back.timers);
        }
        if let Some(keepalive) = at(node, &["upstream_connection_options", "tcp_keepalive"]) {
            back.keepalive = Some(true);
            self.tcp_keepalive(keepalive, Leg::Server, proxy, &mut back.timers);
        }
        back
    }

    /// `TcpKeepalive`: what is not set is the system's (address.proto: core.v3.TcpKeepalive); times are whole seconds.
    pub(super) fn tcp_keepalive(&mut self, node: &Node, leg: Leg, proxy: &str, timers: &mut Vec<Timer>) {
        for (field, name) in [
            ("keepalive_time", "tcp_keepalive.keepalive_time"),
            ("keepalive_interval", "tcp_keepalive.keepalive_interval"),
        ] {
            let Some(value) = get(node, field) else { continue };
            let limit = match value.as_u64() {
                Some(seconds) => Limit::After(Micros::seconds(seconds)),
                None => {
                    self.gap(value.span, "no number of seconds");
                    Limit::Unknown
                }
            };
            let span = self.span(value.span);
            timers.push(probe(name, limit, leg, span));
        }
        if let Some(value) = get(node, "keepalive_probes") {
            match value.as_u64().and_then(|count| count.try_into().ok()) {
                Some(count) => {
                    let span = self.span(value.span);
                    let name = "tcp_keepalive.keepalive_probes".to_owned();
                    if self.counted.insert((proxy.to_owned(), span)) {
                        self.facts.counts.push(Count { proxy: proxy.to_owned(), name, leg, count, span });
                    }
                }
                None => self.gap(value.span, "no number"),
            }
        }
    }

    /// Raw socket options by the numbers of Linux: SOL_SOCKET 1 with SO_KEEPALIVE 9; IPPROTO_TCP 6 with TCP_KEEPIDLE 4,
    /// TCP_KEEPINTVL 5, TCP_KEEPCNT 6, TCP_USER_TIMEOUT 18.
    pub(super) fn socket_options(&mut self, list: &Node, leg: Leg, timers: &mut Vec<Timer>) -> Option<bool> {
        let mut keepalive = Some(false);
        for option in list.items() {
            let number = |key: &str| get(option, key).and_then(Node::as_u64);
            let Some(value) = get(option, "int_value") else { continue };
            let span = self.span(option.span);
            match (number("level"), number("name"), value.as_u64()) {
                (Some(1), Some(9), Some(on)) => keepalive = Some(on != 0),
                (Some(1), Some(9), None) => {
                    keepalive = None;
                    self.gap(value.span, "no number");
                }
                (Some(6), Some(4), Some(value)) => {
                    timers.push(probe("TCP_KEEPIDLE", Limit::After(Micros::seconds(value)), leg, span));
                }
                (Some(6), Some(5), Some(value)) => {
                    timers.push(probe("TCP_KEEPINTVL", Limit::After(Micros::seconds(value)), leg, span));
                }
                (Some(6), Some(18), _) => self.gap(option.span, "TCP_USER_TIMEOUT is not modelled"),
                _ => {}
            }
        }
        keepalive
    }
}

fn probe(name: &str, limit: Limit, leg: Leg, span: casebook_core::Span) -> Timer {
    Timer {
        name: name.to_owned(),
        limit,
        measures: Measures::Keepalive,
        refresh: Refresh::Segment,
        leg,
        ending: Ending::Rst,
        span: Some(span),
        origin: String::new(),
    }
}
