//! A machine with a ruleset as a hop that tracks connections.

use std::net::IpAddr;

use casebook_core::Span;
use casebook_formats::nft::ask::{Address, Answer, Port, What, timeout, tracked_by};
use casebook_formats::nft::ir::{Family, OpKind, Ruleset};

use super::ask::{Asked, Ends, Way, ask, treatment};
use super::candidates::{About, candidates};
use super::{Built, unknown};
use crate::facts::timer::{Limit, Micros};
use crate::facts::{Facts, Host};
use crate::model::path::{Choice, Hop, InState, Kind, Path, Set, State, Tracker, Translation};

const ESTABLISHED: &str = "net.netfilter.nf_conntrack_tcp_timeout_established";
const LOOSE: &str = "net.netfilter.nf_conntrack_tcp_loose";
/// `tcp_timeouts[TCP_CONNTRACK_ESTABLISHED]`, net/netfilter/nf_conntrack_proto_tcp.c.
const DEFAULT_ESTABLISHED: Micros = Micros::seconds(432_000);

/// The paths through a machine.
pub(super) fn of_host(facts: &Facts, host: &Host) -> Vec<Built> {
    let Some(read) = &host.ruleset else { return Vec::new() };
    let ruleset = &read.ruleset;
    // Without a rule that asks for it the kernel tracks nothing (nf_ct_netns_get).
    let Some(switched_on) = tracked_by(ruleset, Family::Ip).or_else(|| tracked_by(ruleset, Family::Ip6)) else {
        return Vec::new();
    };
    let mut out: Vec<Built> = Vec::new();
    for (about, ends) in candidates(ruleset) {
        let Some((tracker, premises)) = tracker(host, ruleset, about, &ends) else { continue };
        let span = tracker.translation.places.first().copied().unwrap_or(switched_on);
        let name = name(about, &ends);
        let what = if about == About::Local { "the machine" } else { "the router" };
        let several = facts.hosts.iter().filter(|other| other.ruleset.is_some()).count() > 1;
        let label = if several { format!("{what} of {}", last(&host.folder)) } else { what.to_owned() };
        let path = Path {
            name,
            hops: vec![Hop { name: label, kind: Kind::Tracker(tracker) }],
            client: unknown(),
            server: unknown(),
        };
        out.push(Built {
            path,
            evidence: read.evidence,
            span,
            premises,
            quiet: None,
            speaks_first: None,
            declared: false,
        });
    }
    out
}

fn last(folder: &str) -> &str {
    folder.trim_end_matches('/').rsplit('/').next().unwrap_or(folder)
}

fn name(about: About, ends: &Ends) -> String {
    let server = super::super::words::peer(crate::facts::flow::Peer { address: ends.server, port: ends.server_port });
    match about {
        About::Server(_) => server,
        About::Client(_) => "any server through the translator".to_owned(),
        About::Forward => "any server behind it".to_owned(),
        About::Local => format!("port {} of the machine itself", ends.server_port),
    }
}

fn tracker(host: &Host, ruleset: &Ruleset, about: About, ends: &Ends) -> Option<(Tracker, Vec<String>)> {
    let through = if about == About::Local { Way::Input } else { Way::Forward };
    let syn = ask(ruleset, ends, false, Asked::Syn, through, true)?;
    let mut premises = Vec::new();
    let (mut translation, inside) = translation(about, &syn, ends)?;
    if about == About::Forward
        && let Some(span) = translates_unmodelled(ruleset)
    {
        translation = Set::at(Translation::Unknown, span);
    }
    let own = matches!(translation.value, Translation::Server { .. });
    if own {
        premises.push(format!(
            "{} is an address of the machine itself: packets that are not translated are delivered to its own kernel.",
            ends.server
        ));
    }
    let client = |loose: bool| {
        // Without translation the packet stays addressed to the machine.
        let way = if own && !loose { Way::Input } else { through };
        treatment(ask(ruleset, ends, false, Asked::Ack, way, loose).as_ref())
    };
    let server = |loose: bool| {
        let way = match (about, translation.value) {
            (About::Local, _) => Way::Output,
            (_, Translation::Client { .. }) => Way::Input,
            _ => Way::Forward,
        };
        treatment(ask(ruleset, &inside, true, Asked::Ack, way, loose).as_ref())
    };
    let (established, timer) = established(host, ruleset, &syn);
    let loose = host.settings.get(LOOSE);
    let tracker = Tracker {
        others: others(host, &timer, &established),
        established,
        timer,
        loose: loose.map_or(Set::default_of(true), |found| Set::at(found.value != 0, found.span)),
        client_invalid: client(false),
        client_new: client(true),
        server_invalid: server(false),
        server_new: server(true),
        translation,
    };
    Some((tracker, premises))
}

/// A statement that translates addresses and is not modelled: a target of iptables in a ruleset that `nft -j` listed. For which
/// connections it does is not known either.
fn translates_unmodelled(ruleset: &Ruleset) -> Option<Span> {
    const NAMES: [&str; 5] = ["DNAT", "SNAT", "MASQUERADE", "REDIRECT", "NETMAP"];
    ruleset.rules().flat_map(|(_, rule)| &rule.ops).find_map(|op| {
        let OpKind::Opaque(opaque) = &op.kind else { return None };
        let name = opaque.what.strip_prefix("xt target ")?.split(' ').next()?;
        NAMES.contains(&name).then_some(op.loc.span)
    })
}

/// What the ruleset does to the connection's addresses, and the ends as the server's packets have them.
fn translation(about: About, syn: &Answer, ends: &Ends) -> Option<(Set<Translation>, Ends)> {
    match about {
        About::Forward | About::Local => Some((Set::default_of(Translation::None), ends.clone())),
        About::Server(_) => {
            let shares = syn.destinations();
            let (first, _) = shares.iter().find_map(|share| share.to)?;
            let places: Vec<Span> = shares.iter().filter_map(|share| share.to.map(|(_, span)| span)).take(1).collect();
            let chances: Vec<f64> = shares
                .iter()
                .filter_map(|share| share.chance)
                .map(|chance| chance.part as f64 / chance.whole as f64)
                .collect();
            let choice = if shares.len() == 1 {
                Choice::Same
            } else if chances.len() == shares.len() {
                let same: f64 = chances.iter().map(|chance| chance * chance).sum();
                Choice::Anew { backends: shares.len() as u32, same_ppm: (same * 1e6).round() as u32 }
            } else {
                Choice::Unknown
            };
            let address = match first.address {
                Address::Is(address) => address,
                _ => IpAddr::from([198, 51, 100, 9]),
            };
            let port = match first.port {
                Port::Is(port) => port,
                _ => ends.server_port,
            };
            let inside = Ends { server: address, server_port: port, ..ends.clone() };
            Some((Set { value: Translation::Server { choice, own_address: None }, places }, inside))
        }
        About::Client(_) => {
            let (first, span) = syn.sources().iter().find_map(|share| share.to)?;
            let new_port = first.flags.random || first.flags.fully_random;
            let address = match first.address {
                Address::Is(address) | Address::Range(address, _) => address,
                _ => IpAddr::from([203, 0, 113, 1]),
            };
            let inside = Ends { client: address, ..ends.clone() };
            Some((Set::at(Translation::Client { new_port }, span), inside))
        }
    }
}

/// The timer of an established connection: a `ct timeout` object before the kernel's setting before its default.
fn established(host: &Host, ruleset: &Ruleset, syn: &Answer) -> (Set<Limit>, String) {
    let policy = syn.met().into_iter().find_map(|(met, always)| match (&met.what, always) {
        (What::Timeout(Some(name)), true) => {
            let object = timeout(ruleset, met.rule.table, name)?;
            let state = object.of("established")?;
            let limit = Limit::After(Micros::seconds(u64::from(state.seconds)));
            Some((Set { value: limit, places: vec![state.span, met.span] }, format!("ct timeout {name}, established")))
        }
        _ => None,
    });
    policy.unwrap_or_else(|| {
        let limit = match host.settings.get(ESTABLISHED) {
            Some(found) => Set::at(found.micros().map_or(Limit::Unknown, Limit::After), found.span),
            None => Set::default_of(Limit::After(DEFAULT_ESTABLISHED)),
        };
        (limit, "nf_conntrack_tcp_timeout_established".to_owned())
    })
}

/// The timers that rule in other states (`tcp_timeouts`, the end of `nf_conntrack_tcp_packet`): while data is without an
/// acknowledgement and while a packet is repeated, the smaller of that timer and the one of the state rules. A `ct timeout` object
/// that was not read for these states leaves them out.
fn others(host: &Host, timer: &str, established: &Set<Limit>) -> Vec<InState> {
    if !timer.starts_with("nf_conntrack_") {
        return Vec::new();
    }
    let read = |key: &str, default: Micros| match host.settings.get(key) {
        Some(found) => Set::at(found.micros().map_or(Limit::Unknown, Limit::After), found.span),
        None => Set::default_of(Limit::After(default)),
    };
    let shorter = |limit: &Set<Limit>| match (limit.value, established.value) {
        (Limit::After(own), Limit::After(usual)) => own < usual,
        _ => true,
    };
    OTHERS
        .iter()
        .filter_map(|(state, key, default)| {
            let limit = read(key, *default);
            let rules = *state == State::HalfClosed || shorter(&limit);
            let timer = key.rsplit('.').next().unwrap_or(key);
            rules.then_some(InState { state: *state, timer, limit })
        })
        .collect()
}

/// Timers of other states, with the kernel's default (`tcp_timeouts`, net/netfilter/nf_conntrack_proto_tcp.c).
const OTHERS: [(State, &str, Micros); 3] = [
    (State::HalfClosed, "net.netfilter.nf_conntrack_tcp_timeout_close_wait", Micros::seconds(60)),
    (State::Unacknowledged, "net.netfilter.nf_conntrack_tcp_timeout_unacknowledged", Micros::seconds(300)),
    (State::Repeating, "net.netfilter.nf_conntrack_tcp_timeout_max_retrans", Micros::seconds(300)),
];
