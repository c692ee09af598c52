//! Paths through IPVS, as `ipvsadm` and kube-proxy say its timers.

use casebook_core::{EvidenceId, Span};

use super::{Built, unknown};
use crate::facts::Facts;
use crate::facts::ipvs::DEFAULT_S;
use crate::facts::timer::{Limit, Micros};
use crate::model::path::{Choice, Hop, Kind, Path, Set, Tracker, Translation, Treatment};

const SLOPPY: &str = "net.ipv4.vs.sloppy_tcp";

/// A path for each print of timeouts, and for each kube-proxy that uses IPVS.
pub(super) fn of_ipvs(facts: &Facts) -> Vec<Built> {
    let mut out = Vec::new();
    for (id, timeouts) in &facts.ipvs {
        let timer = Set::at(Limit::After(timeouts.tcp), timeouts.span);
        out.push(built(facts, *id, timeouts.span, "the director", timer));
    }
    for (id, proxy) in facts.kube_proxies.iter().filter(|(_, proxy)| proxy.mode.value == "ipvs") {
        // 0 leaves the kernel's own timeout (`--ipvs-tcp-timeout`).
        let timer = match (proxy.ipvs_tcp.limit, proxy.ipvs_tcp.span) {
            (Limit::After(after), Some(span)) => Set::at(Limit::After(after), span),
            (Limit::After(after), None) => Set::default_of(Limit::After(after)),
            (Limit::Never, _) => Set::default_of(Limit::After(Micros::seconds(DEFAULT_S[0]))),
            (Limit::Unknown, _) => Set::default_of(Limit::Unknown),
        };
        out.push(built(facts, *id, proxy.span, "the node's IPVS", timer));
    }
    out
}

fn built(facts: &Facts, evidence: EvidenceId, span: Span, name: &str, established: Set<Limit>) -> Built {
    let sloppy = facts.hosts.iter().find_map(|host| host.settings.get(SLOPPY));
    let translation =
        Translation::Ipvs { choice: Choice::Unknown, sloppy: sloppy.is_some_and(|found| found.value != 0) };
    let pass = || Set::default_of(Treatment::Accept);
    let tracker = Tracker {
        established,
        timer: "the IPVS timeout of TCP".to_owned(),
        others: Vec::new(),
        loose: Set::default_of(true),
        translation: sloppy.map_or(Set::default_of(translation), |found| Set::at(translation, found.span)),
        client_invalid: pass(),
        client_new: pass(),
        server_invalid: pass(),
        server_new: pass(),
    };
    Built {
        path: Path {
            name: "a service of IPVS".to_owned(),
            hops: vec![Hop { name: name.to_owned(), kind: Kind::Tracker(tracker) }],
            client: unknown(),
            server: unknown(),
        },
        evidence,
        span,
        premises: Vec::new(),
        quiet: None,
        speaks_first: None,
        declared: false,
    }
}
