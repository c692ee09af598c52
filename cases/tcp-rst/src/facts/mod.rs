//! Bytes to facts with spans. It cannot fail: what it does not know becomes unmodelled.

pub mod capture;
pub mod captures;
pub mod conntrack;
pub mod duration;
pub mod endpoint;
pub mod envoy;
pub mod flow;
pub mod haproxy;
pub mod host;
pub mod ipvs;
pub mod kube_proxy;
pub mod nginx;
pub mod path_file;
pub mod reconnects;
pub mod settings;
#[cfg(test)]
mod sniffing;
pub mod span_of_time;
pub mod ss;
#[cfg(test)]
mod testing;
pub mod timer;

use std::collections::BTreeMap;

use casebook_core::{Coverage, Evidence, EvidenceId, Input, Read, Unmodelled};
use casebook_formats::nft::kinds::{NFT_JSON, NFT_TEXT};
use casebook_formats::{capture as formats, sysctl};

use crate::model::build::{self, Built};
use crate::model::events::{Log, Study};
use crate::model::incident::{Incident, incidents};
pub use captures::CaptureFacts;
pub use host::Host;
use path_file::PathFile;
use timer::ProxyFacts;

/// The facts of the case.
#[derive(Debug, Default)]
pub struct Facts {
    /// Path of every piece of evidence, by its id.
    pub names: Vec<String>,
    /// Captures, in order of evidence.
    pub captures: Vec<CaptureFacts>,
    /// RSTs, each once, wherever it was seen.
    pub incidents: Vec<Incident>,
    /// Declared paths.
    pub paths: Vec<(EvidenceId, PathFile)>,
    /// Machines: ruleset and settings from one folder.
    pub hosts: Vec<Host>,
    /// Proxies, by the file they begin in.
    pub proxies: Vec<(EvidenceId, ProxyFacts)>,
    /// Sockets.
    pub sockets: Vec<(EvidenceId, ss::Listing)>,
    /// Logs of conntrack events: what they show of dying connections.
    pub events: Vec<(EvidenceId, Study)>,
    /// IPVS timeouts.
    pub ipvs: Vec<(EvidenceId, ipvs::IpvsTimeouts)>,
    /// Settings of kube-proxy.
    pub kube_proxies: Vec<(EvidenceId, kube_proxy::KubeProxy)>,
    /// The paths that the evidence shows.
    pub built: Vec<Built>,
    /// Logs with times of resets and reconnects.
    pub reconnects: Vec<(EvidenceId, reconnects::Reconnects)>,
}

impl Facts {
    /// True when there are packets to look at.
    pub fn has_captures(&self) -> bool {
        !self.captures.is_empty()
    }

    /// True when there are packets, or times of ends.
    pub fn has_series(&self) -> bool {
        self.has_captures() || !self.reconnects.is_empty()
    }

    /// True when there is a path whose timers the evidence sets.
    pub fn has_paths(&self) -> bool {
        self.built.iter().any(Built::is_told)
    }

    /// The path of a piece of evidence.
    pub fn path(&self, evidence: EvidenceId) -> &str {
        self.names.get(evidence.0 as usize).map_or("", String::as_str)
    }
}

/// Stretches of a log that are listed as not covered.
const GAPS: usize = 1_000;

/// The folder part of a path.
pub fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Lines of a file with the byte each begins at, without their newline.
pub(crate) fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    bytes.split(|byte| *byte == b'\n').map(move |line| {
        let start = at;
        at += line.len() + 1;
        (start, line)
    })
}

/// Reads every file of the case's kinds.
pub fn read(input: &Input<'_>) -> Read {
    let set = input.evidence;
    let mut facts = Facts { names: set.iter().map(|item| item.path.clone()).collect(), ..Facts::default() };
    let mut account = Account::default();
    for item in input.of_kind(&formats::KIND) {
        let (capture, coverage) = captures::read(item);
        facts.captures.push(capture);
        account.lines.push(coverage);
    }
    facts.incidents = incidents(&facts.captures);
    for item in input.of_kind(&path_file::PATH) {
        let (file, unmodelled) = path_file::read(item);
        facts.paths.push((item.id, file));
        account.of(item, unmodelled);
    }
    for item in input.of_kind(&haproxy::HAPROXY) {
        let read = haproxy::parse(item);
        account.of(item, read.unmodelled.clone());
        facts.proxies.push((item.id, read));
    }
    let mut included = Vec::new();
    for item in input.of_kind(&nginx::NGINX).filter(|item| !item.referred) {
        let read = nginx::parse(set, item);
        account.of(item, read.facts.unmodelled.clone());
        included.extend(read.included);
        facts.proxies.push((item.id, read.facts));
    }
    for item in input.of_kind(&nginx::NGINX).filter(|item| item.referred) {
        account.of(item, Vec::new());
    }
    facts.proxies.retain(|(id, _)| !included.contains(id));
    for item in input.of_kind(&envoy::ENVOY) {
        let read = envoy::parse(item);
        account.of(item, read.unmodelled.clone());
        facts.proxies.push((item.id, read));
    }
    for item in input.of_kind(&kube_proxy::KUBE_PROXY) {
        let (list, unmodelled) = kube_proxy::parse(item);
        account.of(item, unmodelled);
        facts.kube_proxies.extend(list.into_iter().map(|one| (item.id, one)));
    }
    for item in input.of_kind(&ipvs::IPVS) {
        let (timeouts, unmodelled) = ipvs::parse(item);
        account.of(item, unmodelled);
        facts.ipvs.extend(timeouts.map(|timeouts| (item.id, timeouts)));
    }
    for item in input.of_kind(&reconnects::RECONNECTS) {
        let read = reconnects::parse(item);
        account.of(item, Vec::new());
        facts.reconnects.push((item.id, read));
    }
    for kind in
        [&conntrack::kind::CONNTRACK_LIST, &conntrack::kind::CONNTRACK_EVENTS, &conntrack::kind::CONNTRACK_STATS]
    {
        for item in input.of_kind(kind) {
            let mut unmodelled = Vec::new();
            let mut log = Log::default();
            for one in conntrack::read(item.id, item.as_bytes()) {
                if let conntrack::Item::Unread(what) = &one
                    && unmodelled.len() < GAPS
                {
                    unmodelled.push(what.clone());
                }
                log.item(&one);
            }
            account.of(item, unmodelled);
            if kind.name == conntrack::kind::CONNTRACK_EVENTS.name {
                facts.events.push((item.id, log.finish()));
            }
        }
    }
    for item in input.of_kind(&ss::SS) {
        let read = ss::parse(item);
        account.of(item, read.unmodelled.clone());
        facts.sockets.push((item.id, read));
    }
    facts.hosts = host::read(set, &mut account);
    facts.built = build::paths(&facts);
    Read::new(facts, account.finish(set))
}

/// Evidence of the kinds a machine's configuration is read from.
fn of_host(item: &Evidence) -> bool {
    [NFT_JSON.name, NFT_TEXT.name, sysctl::KIND.name].iter().any(|kind| item.kind == Some(kind))
}

/// What was not covered, by evidence.
#[derive(Default)]
pub(crate) struct Account {
    lines: Vec<Coverage>,
    unmodelled: BTreeMap<EvidenceId, Vec<Unmodelled>>,
}

impl Account {
    /// Evidence that was read, with what was not covered; stretches of other evidence (includes) go to that one.
    pub(crate) fn of(&mut self, item: &Evidence, unmodelled: Vec<Unmodelled>) {
        self.unmodelled.entry(item.id).or_default();
        for one in unmodelled {
            self.unmodelled.entry(one.span.evidence).or_default().push(one);
        }
    }

    fn finish(self, set: &casebook_core::EvidenceSet) -> Vec<Coverage> {
        let mut lines = self.lines;
        let rest = self.unmodelled.into_iter();
        lines.extend(rest.filter_map(|(id, unmodelled)| Some(Coverage::read(set.get(id)?, unmodelled))));
        lines
    }
}
