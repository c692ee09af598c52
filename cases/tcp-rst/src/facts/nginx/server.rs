//! Blocks to proxies: `http` with its servers and locations, `stream` with its servers.

use std::collections::HashMap;

use casebook_core::Span;

use super::listen::{self, Listens};
use super::scope::{Notes, PASSES, Scope, Shape};
use super::tokens::{Directive, Word};
use crate::facts::endpoint;
use crate::facts::timer::{Count, Ending, Endpoint, Layer, Leg, Limit, Measures, Proxy, ProxyFacts, Refresh, Timer};

/// Upstream blocks by name.
pub type Upstreams<'a> = HashMap<&'a str, &'a Directive>;

const STEP_ANSWER: Shape = Shape::new(Measures::Step, Refresh::Nothing, Leg::Server, Ending::AnswerAndFin);

/// The upstream blocks of a list of directives.
pub fn upstreams(block: &[Directive]) -> Upstreams<'_> {
    let named = block.iter().filter(|directive| directive.name() == "upstream" && directive.block.is_some());
    named.filter_map(|directive| Some((directive.args().first()?.text.as_str(), directive))).collect()
}

/// A `server` of `http`.
pub fn http(server: &Directive, outer: &Scope, known: &Upstreams<'_>, facts: &mut ProxyFacts, notes: &mut Notes) {
    let block = server.block.as_deref().unwrap_or_default();
    let scope = outer.child(block, "server".to_owned(), notes);
    let mut listens = listen::read(block, notes);
    if listens.at.is_empty() {
        listens.at.push(Endpoint { host: "*".to_owned(), port: Some(80), span: server.head() });
    }
    let name = block
        .iter()
        .find(|directive| directive.name() == "server_name")
        .and_then(|directive| directive.args().first())
        .map_or_else(|| shown(&listens.at), |word| endpoint::shown(&word.text));
    let mut reader = Http { listens, name, known, facts, notes, found: false };
    reader.locations(block, &scope, server.span, "");
    if !reader.found {
        reader.emit(&scope, None, server.span, "");
    }
}

fn shown(at: &[Endpoint]) -> String {
    at.first().map_or_else(String::new, |at| match at.port {
        Some(port) => format!("{}:{port}", endpoint::shown(&at.host)),
        None => endpoint::shown(&at.host),
    })
}

struct Http<'a, 'b> {
    listens: Listens,
    name: String,
    known: &'b Upstreams<'a>,
    facts: &'b mut ProxyFacts,
    notes: &'b mut Notes,
    found: bool,
}

impl Http<'_, '_> {
    /// Every block of a server that passes requests on; blocks lie in each other 64 deep at most.
    fn locations(&mut self, block: &[Directive], scope: &Scope, span: Span, path: &str) {
        for pass in PASSES {
            if scope.get(&format!("{pass}_pass")).is_some() {
                self.found = true;
                self.emit(scope, Some(pass), span, path);
            }
        }
        for inner in block {
            let level = match inner.name() {
                "location" => inner.args().last().map_or_else(String::new, |word| endpoint::shown(&word.text)),
                "if" | "limit_except" => path.to_owned(),
                _ => continue,
            };
            let Some(list) = &inner.block else { continue };
            let title = format!("{} {level}", endpoint::shown(inner.name()));
            let inside = scope.child(list, title, self.notes);
            self.locations(list, &inside, inner.span, &level);
        }
    }

    fn emit(&mut self, scope: &Scope, pass: Option<&str>, span: Span, path: &str) {
        let mut timers = client(scope);
        timers.extend(self.listens.timers.iter().cloned());
        let (mut servers, mut counts) = (Vec::new(), self.listens.counts.clone());
        if let Some(setting) = scope.get("keepalive_requests") {
            count(&mut counts, "keepalive_requests", Leg::Client, setting.args.first(), setting.head);
        }
        let mut keepalive = Some(false);
        if let Some(pass) = pass {
            timers.extend(passed(scope, pass));
            keepalive = scope.flag(&format!("{pass}_socket_keepalive"));
            if let Some(setting) = scope.get(&format!("{pass}_pass")) {
                servers = target(&setting.args, setting.head, self.known, true, self.notes);
                if let Some(upstream) = host(&setting.args).and_then(|name| self.known.get(name)) {
                    timers.extend(pool(upstream, self.notes, &mut counts));
                }
            }
        }
        let name = if path.is_empty() { self.name.clone() } else { format!("{} {path}", self.name) };
        for item in &mut counts {
            item.proxy.clone_from(&name);
        }
        let proxy = Proxy {
            product: "nginx",
            name,
            layer: Layer::Http,
            listens: self.listens.at.clone(),
            servers,
            timers,
            keepalive_client: self.listens.keepalive,
            keepalive_server: keepalive,
            span,
        };
        if pass == Some("proxy") && scope.get("proxy_set_header Upgrade").is_some() {
            self.facts.upgraded.push(Proxy { layer: Layer::Tcp, timers: upgraded(scope), ..proxy.clone() });
        }
        self.facts.counts.extend(counts);
        self.facts.proxies.push(proxy);
    }
}

fn count(out: &mut Vec<Count>, name: &str, leg: Leg, word: Option<&Word>, span: Span) {
    if let Some(count) = word.and_then(|word| word.text.parse().ok()) {
        out.push(Count { proxy: String::new(), name: name.to_owned(), leg, count, span });
    }
}

/// Timers towards the client. A request that times out is not answered: nginx logs 408 and closes
/// (`ngx_http_finalize_request`), with a RST where `reset_timedout_connection` is on (`ngx_http_free_request`). A
/// connection between requests is closed with FIN all the same (`ngx_http_keepalive_handler`).
fn client(scope: &Scope) -> Vec<Timer> {
    let ending = match scope.flag("reset_timedout_connection") {
        Some(true) => Ending::Rst,
        _ => Ending::FinThenRst,
    };
    let leg = Leg::Client;
    let fin = Ending::FinThenRst;
    let mut out = vec![
        scope.timer("keepalive_timeout", 75, Shape::new(Measures::Idle, Refresh::Message, leg, fin)),
        scope.timer("keepalive_time", 3600, Shape::new(Measures::LifetimeAtMessage, Refresh::Nothing, leg, fin)),
        scope.timer("client_header_timeout", 60, Shape::new(Measures::Step, Refresh::Nothing, leg, ending)),
        scope.timer("client_body_timeout", 60, Shape::new(Measures::Step, Refresh::Payload, leg, ending)),
        scope.timer("send_timeout", 60, Shape::new(Measures::Step, Refresh::Payload, leg, ending)),
    ];
    let lingers = scope.get("lingering_close").and_then(|setting| setting.args.first());
    if lingers.is_none_or(|word| word.text != "off") {
        out.push(scope.timer("lingering_timeout", 5, Shape::new(Measures::HalfClosed, Refresh::Payload, leg, ending)));
        out.push(scope.timer("lingering_time", 30, Shape::new(Measures::HalfClosed, Refresh::Nothing, leg, ending)));
    }
    out
}

/// Timers towards the server: 504 to the client when one runs out before the answer has begun.
fn passed(scope: &Scope, pass: &str) -> Vec<Timer> {
    let wait = Shape { refresh: Refresh::Payload, ..STEP_ANSWER };
    vec![
        scope.timer(&format!("{pass}_connect_timeout"), 60, STEP_ANSWER),
        scope.timer(&format!("{pass}_send_timeout"), 60, wait),
        scope.timer(&format!("{pass}_read_timeout"), 60, Shape { measures: Measures::Idle, ..wait }),
    ]
}

/// A connection after 101: `ngx_http_upstream_process_upgraded` sets the server's read timer anew for bytes of either
/// side; the client's side has a timer only while it takes no bytes.
fn upgraded(scope: &Scope) -> Vec<Timer> {
    let both = Shape::new(Measures::Idle, Refresh::Payload, Leg::Both, Ending::FinThenRst);
    let step = Shape { measures: Measures::Step, ..both };
    vec![
        scope.timer("proxy_read_timeout", 60, both),
        scope.timer("proxy_send_timeout", 60, Shape { leg: Leg::Server, ..step }),
        scope.timer("send_timeout", 60, Shape { leg: Leg::Client, ..step }),
    ]
}

/// Idle connections to an upstream that keeps them.
fn pool(upstream: &Directive, notes: &mut Notes, counts: &mut Vec<Count>) -> Vec<Timer> {
    let block = upstream.block.as_deref().unwrap_or_default();
    // `keepalive 0` turns it off; without the directive releases up to 1.29.6 keep none.
    let size = block.iter().find(|directive| directive.name() == "keepalive").and_then(|keeps| keeps.args().first());
    if size.is_none_or(|size| size.text == "0") {
        return Vec::new();
    }
    // Gaps of the block were reported where it was met first.
    let before = notes.unmodelled.len();
    let level = upstream.args().first().map_or_else(String::new, |word| endpoint::shown(&word.text));
    let scope = Scope::root(false).child(block, format!("upstream {level}"), notes);
    notes.unmodelled.truncate(before);
    if let Some(setting) = scope.get("keepalive_requests") {
        count(counts, "upstream keepalive_requests", Leg::Server, setting.args.first(), setting.head);
    }
    let idle = Shape::new(Measures::Idle, Refresh::Message, Leg::Server, Ending::Fin);
    let life = Shape { measures: Measures::LifetimeAtMessage, refresh: Refresh::Nothing, ..idle };
    vec![scope.timer("keepalive_timeout", 60, idle), scope.timer("keepalive_time", 3600, life)]
        .into_iter()
        .map(|timer| Timer { name: format!("upstream {}", timer.name), ..timer })
        .collect()
}

/// The host part of what a `…_pass` names, which can be an upstream.
fn host(args: &[Word]) -> Option<&str> {
    let text = args.first()?.text.as_str();
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    Some(rest.split('/').next().unwrap_or(rest))
}

fn target(args: &[Word], head: Span, known: &Upstreams<'_>, http: bool, notes: &mut Notes) -> Vec<Endpoint> {
    let (Some(word), Some(name)) = (args.first(), host(args)) else { return Vec::new() };
    if let Some(upstream) = known.get(name) {
        let block = upstream.block.as_deref().unwrap_or_default();
        let servers = block.iter().filter(|directive| directive.name() == "server");
        return servers
            .filter_map(|directive| directive.args().first())
            .map(|word| with_port(&word.text, word.span, http.then_some(80)))
            .collect();
    }
    if word.varies() {
        notes.gap(head, "the target is computed for each request");
    }
    let text = word.text.as_str();
    if text.starts_with("unix:") || text.contains("://unix:") {
        return vec![Endpoint { host: text.to_owned(), port: None, span: word.span }];
    }
    let port = match text.split_once("://").map(|(scheme, _)| scheme) {
        Some("https" | "grpcs") => Some(443),
        Some(_) => Some(80),
        None => None,
    };
    vec![with_port(name, word.span, port)]
}

fn with_port(text: &str, span: Span, default: Option<u16>) -> Endpoint {
    let mut at = endpoint::parse(text, span);
    if at.port.is_none() && !at.host.contains('/') && !text.contains('$') {
        at.port = default;
    }
    at
}

/// A `server` of `stream`.
pub fn stream(server: &Directive, outer: &Scope, known: &Upstreams<'_>, facts: &mut ProxyFacts, notes: &mut Notes) {
    let block = server.block.as_deref().unwrap_or_default();
    let scope = outer.child(block, "server".to_owned(), notes);
    let listens = listen::read(block, notes);
    if listens.udp {
        notes.gap(server.head(), "a server of UDP");
        return;
    }
    let servers = scope
        .get("proxy_pass")
        .map_or_else(Vec::new, |setting| target(&setting.args, setting.head, known, false, notes));
    // src/stream/ngx_stream_proxy_module.c: one timer of the session, set anew by bytes of either side.
    let both = Shape::new(Measures::Idle, Refresh::Payload, Leg::Both, Ending::FinThenRst);
    let step = Shape::new(Measures::Step, Refresh::Nothing, Leg::Server, Ending::Fin);
    let mut timers = vec![scope.timer("proxy_timeout", 600, both), scope.timer("proxy_connect_timeout", 60, step)];
    for (name, default_s) in [("preread_timeout", 30), ("proxy_protocol_timeout", 30), ("ssl_handshake_timeout", 60)] {
        if scope.get(name).is_some() {
            timers.push(scope.timer(name, default_s, Shape { leg: Leg::Client, ..step }));
        }
    }
    if scope.flag("proxy_half_close") == Some(true) {
        // The idle timer goes on after one side has closed.
        timers.push(Timer {
            name: "proxy_timeout (half closed)".to_owned(),
            measures: Measures::HalfClosed,
            ..scope.timer("proxy_timeout", 600, both)
        });
    }
    timers.extend(listens.timers.iter().cloned());
    let name = shown(&listens.at);
    facts.counts.extend(listens.counts.iter().cloned().map(|count| Count { proxy: name.clone(), ..count }));
    facts.proxies.push(Proxy {
        product: "nginx",
        name,
        layer: Layer::Tcp,
        listens: listens.at,
        servers,
        timers,
        keepalive_client: listens.keepalive,
        keepalive_server: scope.flag("proxy_socket_keepalive"),
        span: server.span,
    });
}

/// `worker_shutdown_timeout`: how long old connections live after a reload.
pub fn shutdown(scope: &Scope, directive: &Directive, limit: Limit) -> Timer {
    let shape = Shape::new(Measures::Lifetime, Refresh::Nothing, Leg::Both, Ending::FinThenRst);
    let origin = "counted from a reload or a graceful stop".to_owned();
    Timer { limit, span: Some(directive.head()), origin, ..scope.timer("worker_shutdown_timeout", 0, shape) }
}
