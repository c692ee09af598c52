//! Frontend and backend to one proxy: which timer rules which leg.

use std::collections::{HashMap, HashSet};

use super::section::{Role, Section};
use super::{Reader, layer};
use crate::facts::timer::{Count, Ending, Layer, Leg, Limit, Measures, Proxy, ProxyFacts, Refresh, Timer};

/// Pairs of one file; more are not built and said so.
const MAX_PAIRS: usize = 65_536;

const UNSET: &str = "not set: haproxy waits without end (configuration.txt, 4.2)";

/// Builds the pairs.
pub(super) fn assemble(sections: &[Section], process: Vec<Timer>, mut reader: Reader) -> ProxyFacts {
    let mut facts = ProxyFacts { process, ..ProxyFacts::default() };
    let mut by_name: HashMap<&str, &Section> = HashMap::new();
    for section in sections.iter().filter(|section| matches!(section.role, Role::Backend | Role::Listen)) {
        by_name.entry(section.name.as_str()).or_insert(section);
    }
    let mut used: HashSet<*const Section> = HashSet::new();
    'all: for front in sections.iter().filter(|section| matches!(section.role, Role::Frontend | Role::Listen)) {
        let mut backs: Vec<&Section> = Vec::new();
        let mut met: HashSet<*const Section> = HashSet::new();
        let mut computed = false;
        for wanted in &front.uses {
            match wanted.name.as_deref().map(|name| by_name.get(name)) {
                Some(Some(back)) => {
                    if met.insert(std::ptr::from_ref::<Section>(back)) {
                        backs.push(back);
                    }
                }
                Some(None) => reader.gap(wanted.span, "no backend of this name"),
                None => computed = true,
            }
        }
        if front.role == Role::Listen && (backs.is_empty() || !front.servers.is_empty()) {
            backs.push(front);
        }
        if computed && backs.is_empty() {
            backs.extend(sections.iter().filter(|section| section.role == Role::Backend));
        }
        let backs: Vec<Option<&Section>> =
            if backs.is_empty() { vec![None] } else { backs.into_iter().map(Some).collect() };
        for back in backs {
            used.extend(back.map(std::ptr::from_ref::<Section>));
            if facts.proxies.len() >= MAX_PAIRS {
                reader.gap(front.span, "more pairs of frontend and backend than are built");
                break 'all;
            }
            pair(Some(front), back, &mut facts);
        }
    }
    for back in sections.iter().filter(|section| section.role == Role::Backend) {
        if !used.contains(&std::ptr::from_ref::<Section>(back)) {
            pair(None, Some(back), &mut facts);
        }
    }
    facts.unmodelled = reader.unmodelled;
    facts
}

fn pair(front: Option<&Section>, back: Option<&Section>, facts: &mut ProxyFacts) {
    let Some(main) = front.or(back) else { return };
    let name = match (front, back) {
        (Some(front), Some(back)) if !std::ptr::eq(front, back) => format!("{}/{}", front.name, back.name),
        _ => main.name.clone(),
    };
    let (ahead, behind) = (front.map(|side| layer(side.mode.as_deref())), back.map(|side| layer(side.mode.as_deref())));
    // A TCP frontend in front of an HTTP backend is upgraded to HTTP (configuration.txt, `mode`).
    let speaks = match (ahead, behind) {
        (Some(Layer::Unknown), _) | (_, Some(Layer::Unknown)) => Layer::Unknown,
        (_, Some(side)) | (Some(side), None) => side,
        (None, None) => Layer::Unknown,
    };
    let pair = Pair { front, back, layer: speaks };
    let option = |side: Option<&Section>, own: &str| {
        let side = side?;
        match (side.option(own), side.option("tcpka")) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        }
    };
    let proxy = Proxy {
        product: "haproxy",
        name: name.clone(),
        layer: speaks,
        listens: front.map_or_else(Vec::new, |side| side.binds.clone()),
        servers: back.map_or_else(Vec::new, |side| side.servers.clone()),
        timers: pair.timers(speaks == Layer::Tcp),
        keepalive_client: option(front, "clitcpka"),
        keepalive_server: option(back, "srvtcpka"),
        span: main.span,
    };
    let tunnel = back.and_then(|side| side.timeouts.get("tunnel")).is_some_and(|set| set.limit != Limit::Never);
    if speaks == Layer::Http && tunnel {
        facts.upgraded.push(Proxy { layer: Layer::Tcp, timers: pair.timers(true), ..proxy.clone() });
    }
    facts.proxies.push(proxy);
    for (side, word, leg) in [(front, "clitcpka-cnt", Leg::Client), (back, "srvtcpka-cnt", Leg::Server)] {
        if let Some((count, span)) = side.and_then(|side| side.counts.get(word)) {
            facts.counts.push(Count { proxy: name.clone(), name: word.to_owned(), leg, count: *count, span: *span });
        }
    }
}

struct Pair<'a> {
    front: Option<&'a Section>,
    back: Option<&'a Section>,
    layer: Layer,
}

impl Pair<'_> {
    /// Every timer that rules, of a connection that copies bytes or of one that carries messages.
    fn timers(&self, copies: bool) -> Vec<Timer> {
        let mut out = Vec::new();
        let tunnel = self.back.and_then(|side| side.timeouts.get("tunnel")).filter(|set| set.limit != Limit::Never);
        let superseded = copies && tunnel.is_some();
        for (word, leg) in [("client", Leg::Client), ("server", Leg::Server)] {
            let Some(mut timer) = self.timer(word, leg, Measures::Idle, Refresh::Payload) else { continue };
            if superseded {
                // src/stream.c: once the stream is a tunnel, `timeout tunnel` takes the place of both.
                timer.measures = Measures::Step;
                timer.refresh = Refresh::Nothing;
                timer.origin =
                    join("only until both sides are connected: `timeout tunnel` takes its place", &timer.origin);
            } else if copies && leg == Leg::Server && timer.ending == Ending::FinThenRst {
                // src/stream.c, process_stream: the read timeout of the back shuts its read side alone, and the front is sent
                // FIN. Towards the server the FIN of `timeout client` makes servers close, which ends both ways.
                timer.ending = Ending::FinOneWay;
            } else if !copies && leg == Leg::Server {
                // The answer 504 goes to the client, the leg to the server is closed.
                timer.ending = Ending::AnswerAndFin;
            }
            out.push(timer);
        }
        if superseded {
            out.extend(self.timer("tunnel", Leg::Both, Measures::Idle, Refresh::Payload));
        }
        let half = [("client-fin", Leg::Client), ("server-fin", Leg::Server)];
        for (word, leg) in half {
            out.extend(self.set(word, leg, Measures::HalfClosed, Refresh::Payload, Ending::FinThenRst));
        }
        out.extend(self.timer("connect", Leg::Server, Measures::Step, Refresh::Nothing).map(|timer| {
            let ending = if copies { Ending::Fin } else { Ending::AnswerAndFin };
            Timer { ending, ..timer }
        }));
        out.extend(self.set("queue", Leg::Server, Measures::Step, Refresh::Nothing, Ending::AnswerAndFin));
        if !copies {
            self.messages(&mut out);
        }
        for (word, leg) in [("tcp-request inspect-delay", Leg::Client), ("tcp-response inspect-delay", Leg::Server)] {
            out.extend(self.set(word, leg, Measures::Step, Refresh::Nothing, Ending::FinThenRst));
        }
        out.extend(self.set("client-hs", Leg::Client, Measures::Step, Refresh::Nothing, Ending::Fin));
        for word in ["clitcpka-idle", "clitcpka-intvl"] {
            out.extend(self.set(word, Leg::Client, Measures::Keepalive, Refresh::Segment, Ending::Rst));
        }
        for word in ["srvtcpka-idle", "srvtcpka-intvl"] {
            out.extend(self.set(word, Leg::Server, Measures::Keepalive, Refresh::Segment, Ending::Rst));
        }
        out
    }

    /// Timers a connection of messages has beside those of bytes.
    fn messages(&self, out: &mut Vec<Timer>) {
        if self.layer == Layer::Unknown {
            return;
        }
        out.extend(self.set("http-request", Leg::Client, Measures::Step, Refresh::Nothing, Ending::AnswerAndFin));
        out.extend(self.set("tarpit", Leg::Client, Measures::Step, Refresh::Nothing, Ending::AnswerAndFin));
        // Not set: `http-request`, and without it `client` (configuration.txt, `timeout http-keep-alive`).
        let words = ["http-keep-alive", "http-request", "client"];
        let Some(front) = self.front else { return };
        let Some(word) = words.iter().find(|word| front.timeouts.contains_key(**word)) else { return };
        let Some(mut timer) = self.set(word, Leg::Client, Measures::Idle, Refresh::Message, Ending::FinThenRst) else {
            return;
        };
        if *word != words[0] {
            timer.name = "timeout http-keep-alive".to_owned();
            timer.origin = join(&format!("not set: `timeout {word}` holds between requests"), &timer.origin);
        }
        out.push(timer);
    }

    /// A timer also when it is not set, where that means without end.
    fn timer(&self, word: &str, leg: Leg, measures: Measures, refresh: Refresh) -> Option<Timer> {
        self.side(word)?;
        Some(self.set(word, leg, measures, refresh, Ending::FinThenRst).unwrap_or_else(|| Timer {
            name: format!("timeout {word}"),
            limit: Limit::Never,
            measures,
            refresh,
            leg,
            ending: self.ending(leg, Ending::FinThenRst),
            span: None,
            origin: UNSET.to_owned(),
        }))
    }

    fn set(&self, word: &str, leg: Leg, measures: Measures, refresh: Refresh, ending: Ending) -> Option<Timer> {
        let set = self.side(word)?.timeouts.get(word)?;
        let long = word.contains("tcpka") || word.contains("inspect-delay");
        Some(Timer {
            name: if long { word.to_owned() } else { format!("timeout {word}") },
            limit: set.limit,
            measures,
            refresh,
            leg,
            ending: self.ending(leg, ending),
            span: Some(set.span),
            origin: set.origin.clone(),
        })
    }

    /// `option nolinger` makes the close a RST (src/proto_tcp.c, SO_LINGER 0).
    fn ending(&self, leg: Leg, ending: Ending) -> Ending {
        let on = |side: Option<&Section>| side.is_some_and(|side| side.option("nolinger") == Some(true));
        let hard = match leg {
            Leg::Client => on(self.front),
            Leg::Server => on(self.back),
            Leg::Both => on(self.front) && on(self.back),
        };
        if hard && ending == Ending::FinThenRst { Ending::Rst } else { ending }
    }

    /// Which section's value counts (src/proxy.c, `proxy_parse_timeout`: PR_CAP_FE or PR_CAP_BE).
    fn side(&self, word: &str) -> Option<&Section> {
        match word {
            "client"
            | "client-fin"
            | "client-hs"
            | "http-request"
            | "http-keep-alive"
            | "clitcpka-idle"
            | "clitcpka-intvl"
            | "tcp-request inspect-delay" => self.front,
            "tarpit" => self.front.or(self.back),
            _ => self.back,
        }
    }
}

fn join(first: &str, second: &str) -> String {
    if second.is_empty() { first.to_owned() } else { format!("{first}; {second}") }
}
