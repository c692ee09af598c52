//! `listen`: where a server listens, and SO_KEEPALIVE there.

use super::scope::{Notes, Shape};
use super::time::{Unit, length};
use super::tokens::Directive;
use crate::facts::endpoint;
use crate::facts::timer::{Count, Ending, Endpoint, Leg, Limit, Measures, Micros, Refresh, Timer};

/// What the `listen` directives of a server say.
#[derive(Clone, Debug, Default)]
pub struct Listens {
    /// Addresses.
    pub at: Vec<Endpoint>,
    /// SO_KEEPALIVE towards the client: set, not set, or different from one address to the next.
    pub keepalive: Option<bool>,
    /// Idle time and interval of the probes.
    pub timers: Vec<Timer>,
    /// Number of probes.
    pub counts: Vec<Count>,
    /// True when one of them is UDP.
    pub udp: bool,
}

/// Reads them.
pub fn read(block: &[Directive], notes: &mut Notes) -> Listens {
    let mut out = Listens::default();
    let mut switched: Vec<bool> = Vec::new();
    for directive in block.iter().filter(|directive| directive.name() == "listen") {
        let Some(address) = directive.args().first() else {
            notes.gap(directive.head(), "`listen` without an address");
            continue;
        };
        let mut at = endpoint::parse(&address.text, address.span);
        if at.port.is_none() && !at.host.starts_with("unix:") {
            // A number alone is a port (`ngx_parse_inet_url`), a name alone has port 80.
            match at.host.parse() {
                Ok(port) => at = Endpoint { host: "*".to_owned(), port: Some(port), span: address.span },
                Err(_) if address.varies() || at.host.contains('-') => {}
                Err(_) => at.port = Some(80),
            }
        }
        out.at.push(at);
        let mut on = false;
        for word in directive.args().iter().skip(1) {
            out.udp |= word.text == "udp";
            let Some(value) = word.text.strip_prefix("so_keepalive=") else { continue };
            match value {
                "on" => on = true,
                "off" => on = false,
                _ => match probes(value, directive, &mut out) {
                    true => on = true,
                    false => notes.gap(word.span, "nginx refuses this `so_keepalive`"),
                },
            }
        }
        switched.push(on);
    }
    out.keepalive = match switched.first() {
        Some(first) if switched.iter().all(|on| on == first) => Some(*first),
        Some(_) => None,
        None => Some(false),
    };
    out
}

/// `idle:interval:count`, each of which can be absent (src/http/ngx_http_core_module.c).
fn probes(value: &str, directive: &Directive, out: &mut Listens) -> bool {
    let mut parts = value.splitn(3, ':');
    let (idle, interval, count) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let time = |text: &str| if text.is_empty() { Some(Micros(0)) } else { length(text, Unit::Seconds) };
    let number = if count.is_empty() { Some(0) } else { count.parse::<u32>().ok() };
    let (Some(idle), Some(interval), Some(number)) = (time(idle), time(interval), number) else { return false };
    if idle.0 == 0 && interval.0 == 0 && number == 0 {
        return false;
    }
    let shape = Shape::new(Measures::Keepalive, Refresh::Segment, Leg::Client, Ending::Rst);
    for (name, micros) in [("so_keepalive idle", idle), ("so_keepalive interval", interval)] {
        if micros.0 == 0 {
            continue;
        }
        out.timers.push(Timer {
            name: name.to_owned(),
            limit: Limit::After(micros),
            measures: shape.measures,
            refresh: shape.refresh,
            leg: shape.leg,
            ending: shape.ending,
            span: Some(directive.head()),
            origin: String::new(),
        });
    }
    if number != 0 {
        out.counts.push(Count {
            proxy: String::new(),
            name: "so_keepalive count".to_owned(),
            leg: Leg::Client,
            count: number,
            span: directive.head(),
        });
    }
    true
}
