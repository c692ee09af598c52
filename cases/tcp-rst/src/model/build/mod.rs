//! Configuration to paths: what a machine's ruleset and kernel settings, a proxy's configuration or a declared `path.toml` say
//! of a connection.
//!
//! A ruleset is asked, not read: a SYN shows which connections it lets through and how it translates them, then a packet of such
//! a connection is sent through it as one that no entry knows, from each side.

mod ask;
mod candidates;
mod declared;
mod ipvs;
mod rejects;
mod tracker;

pub use rejects::{rejects, sets_timeouts};

use casebook_core::EvidenceId;

use crate::facts::Facts;
use crate::facts::timer::Micros;
use crate::model::path::{Hop, Keepalive, Kind, Path, Probing, Set, Translation};

/// A path and what it was built from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The path.
    pub path: Path,
    /// The evidence it begins in.
    pub evidence: EvidenceId,
    /// Where its first line is.
    pub span: casebook_core::Span,
    /// What was taken for granted, full sentences.
    pub premises: Vec<String>,
    /// The silence that was declared, if one was.
    pub quiet: Option<Micros>,
    /// Who speaks first after it, if that was declared.
    pub speaks_first: Option<crate::facts::flow::Side>,
    /// True for a path that was declared, false for one that was found.
    pub declared: bool,
}

impl Built {
    /// True when the evidence says something of its timers: it is declared, or a line sets one. The kernel's default of five days
    /// is no news about a firewall.
    pub fn is_told(&self) -> bool {
        let told = |hop: &Hop| match &hop.kind {
            // IPVS forgets after 15 minutes where nobody set anything: that is news.
            Kind::Tracker(tracker) => {
                let ipvs = matches!(tracker.translation.value, Translation::Ipvs { .. });
                ipvs || !tracker.established.places.is_empty()
            }
            Kind::Proxy(..) | Kind::Timer(_) | Kind::Device(..) => true,
        };
        self.declared || self.path.hops.iter().any(told)
    }
}

/// Every path the evidence shows: declared ones first, then those of rulesets, then those of proxies.
pub fn paths(facts: &Facts) -> Vec<Built> {
    let found: Vec<Built> = facts.hosts.iter().flat_map(|host| tracker::of_host(facts, host)).collect();
    let proxies: Vec<Built> = facts.proxies.iter().flat_map(|(id, of)| of_proxies(*id, of)).collect();
    let mut out: Vec<Built> =
        facts.paths.iter().map(|(id, file)| declared::build(facts, *id, file, &found, &proxies)).collect();
    out.extend(found);
    out.extend(ipvs::of_ipvs(facts));
    out.extend(proxies);
    out
}

fn of_proxies(evidence: EvidenceId, of: &crate::facts::timer::ProxyFacts) -> Vec<Built> {
    let built = |proxy: &crate::facts::timer::Proxy| {
        let listens: Vec<String> = proxy.listens.iter().map(shown).collect();
        let name = if listens.is_empty() { proxy.name.clone() } else { listens.join(", ") };
        // nginx's `server_name _` is the name of no server.
        let own = match proxy.name.as_str() {
            "_" | "" => proxy.product.to_owned(),
            name => format!("{} {name}", proxy.product),
        };
        let hop = Hop { name: own, kind: Kind::Proxy(proxy.clone(), None) };
        Built {
            path: Path { name, hops: vec![hop], client: unknown(), server: unknown() },
            evidence,
            span: proxy.span,
            premises: Vec::new(),
            quiet: None,
            speaks_first: None,
            declared: false,
        }
    };
    of.proxies.iter().map(built).collect()
}

fn shown(endpoint: &crate::facts::timer::Endpoint) -> String {
    let host = match endpoint.host.as_str() {
        "" => "*".to_owned(),
        six if six.contains(':') && !six.starts_with('[') => format!("[{six}]"),
        other => other.to_owned(),
    };
    match endpoint.port {
        Some(port) => format!("{host}:{port}"),
        None => host,
    }
}

/// Nobody said whether an end probes.
fn unknown() -> Probing {
    Probing::Unknown(Set::default_of(Keepalive::LINUX))
}
