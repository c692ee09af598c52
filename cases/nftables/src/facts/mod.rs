//! Bytes to facts with spans: rulesets in the kernel's terms, and the routing that reads their marks.

mod hosts;
pub mod kinds;
pub mod routing;

use std::collections::{BTreeMap, HashMap, HashSet};

use casebook_core::{Coverage, EvidenceId, EvidenceSet, Input, Read, Unmodelled};
use casebook_formats::nft::ast::SyntaxError;
use casebook_formats::nft::hooks;
use casebook_formats::nft::ir::ProblemKind;
pub use casebook_formats::nft::read::{Form, RulesetFacts, ruleset, ruleset_and};

/// Routing of the host a ruleset was read from.
#[derive(Debug, Default)]
pub struct Routing {
    /// `ip -j rule`.
    pub rules: Vec<routing::RoutingRule>,
    /// `ip -j route show table all`.
    pub routes: Vec<routing::Route>,
    /// `ip -j addr`.
    pub addresses: Vec<routing::Addr>,
    /// `sysctl`: key and value.
    pub settings: BTreeMap<String, String>,
}

/// All a run knows about nftables.
#[derive(Debug, Default)]
pub struct NftFacts {
    /// Rulesets in order of evidence.
    pub rulesets: Vec<RulesetFacts>,
    /// Routing by folder of the evidence it was read from.
    pub routing: BTreeMap<String, Routing>,
}

impl NftFacts {
    /// Routing read from the same folder as `evidence`, else the first there is.
    pub fn routing_of(&self, set: &EvidenceSet, evidence: EvidenceId) -> Option<&Routing> {
        let folder = folder(set.path(evidence));
        self.routing.get(folder).or_else(|| self.routing.values().next())
    }
}

/// The folder part of a path.
pub fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Reads all evidence of the case.
pub fn read(input: &Input<'_>) -> Read {
    let set = input.evidence;
    let mut facts = NftFacts::default();
    let mut coverage = Vec::new();
    let mut unmodelled: HashMap<EvidenceId, Vec<Unmodelled>> = HashMap::new();
    let mut notes: HashMap<EvidenceId, String> = HashMap::new();
    // Who includes a file.
    let mut includers: HashMap<EvidenceId, Vec<EvidenceId>> = HashMap::new();
    for link in set.links() {
        link.to.iter().for_each(|to| includers.entry(*to).or_default().push(link.from));
    }
    let hosts = hosts::Hosts::read(input);
    let mut listings: Vec<(&str, hooks::Hooks)> = Vec::new();
    for item in set.iter() {
        match item.kind {
            // A file that another includes is read there; one that only includes itself is still a beginning.
            Some("nft-text") if includers.contains_key(&item.id) && !is_own_root(&includers, item.id) => {}
            Some("nft-text" | "nft-json") => {
                let ruleset = ruleset(set, item, hosts.of(item));
                for entry in ruleset.ruleset.unmodelled.iter() {
                    unmodelled.entry(entry.span.evidence).or_default().push(entry.clone());
                }
                if let Some(problem) = ruleset.ruleset.problems.iter().find(|known| known.kind == ProblemKind::Syntax) {
                    let rest =
                        ruleset.ruleset.problems.iter().filter(|known| known.kind == ProblemKind::Syntax).count() - 1;
                    let more = if rest > 0 { format!(", and {rest} more") } else { String::new() };
                    notes.insert(problem.span.evidence, format!("{}{more}", problem.message));
                }
                facts.rulesets.push(ruleset);
            }
            Some("ip-rule-json") => {
                let list = routing::rules(item.id, item.as_bytes());
                unmodelled.entry(item.id).or_default().extend(list.unmodelled);
                note_errors(&mut notes, item.id, list.errors.first());
                facts.routing.entry(folder(&item.path).to_owned()).or_default().rules.extend(list.items);
            }
            Some("ip-route-json") => {
                let list = routing::routes(item.id, item.as_bytes());
                unmodelled.entry(item.id).or_default().extend(list.unmodelled);
                note_errors(&mut notes, item.id, list.errors.first());
                facts.routing.entry(folder(&item.path).to_owned()).or_default().routes.extend(list.items);
            }
            Some("ip-addr-json") => {
                let list = routing::addresses(item.id, item.as_bytes());
                unmodelled.entry(item.id).or_default().extend(list.unmodelled);
                note_errors(&mut notes, item.id, list.errors.first());
                facts.routing.entry(folder(&item.path).to_owned()).or_default().addresses.extend(list.items);
            }
            Some("sysctl") => {
                let list = casebook_formats::sysctl::read(item.as_bytes());
                let settings = &mut facts.routing.entry(folder(&item.path).to_owned()).or_default().settings;
                settings.extend(list.items.iter().map(|known| (known.key.to_string(), known.value.to_owned())));
                let spans = list.unread.iter().map(|(start, end)| casebook_core::Span::new(item.id, *start, *end));
                let stretches = spans.map(|span| Unmodelled::new(span, "not a `key = value` line"));
                unmodelled.entry(item.id).or_default().extend(stretches);
            }
            Some("nft-hooks") => {
                let listing = hooks::read(item);
                unmodelled.entry(item.id).or_default().extend(listing.unmodelled.iter().cloned());
                listings.push((folder(&item.path), listing));
            }
            _ => {}
        }
    }
    // Hooks are listed of a running kernel: they order what was listed beside them, not a file to be loaded.
    for ruleset in facts.rulesets.iter_mut().filter(|known| known.form != Form::Source) {
        let place = folder(set.path(ruleset.evidence));
        for (_, listing) in listings.iter().filter(|(beside, _)| *beside == place) {
            listing.order(&mut ruleset.ruleset);
        }
    }
    for item in
        set.iter().filter(|item| item.kind.is_some_and(|kind| crate::KINDS.iter().any(|known| known.name == kind)))
    {
        let stretches = unmodelled.remove(&item.id).unwrap_or_default();
        let mut line = Coverage::read(item, stretches);
        if let Some(note) = notes.remove(&item.id) {
            line = line.with_note(note);
            line.status = casebook_core::ReadStatus::Partly;
        }
        coverage.push(line);
    }
    Read::new(facts, coverage)
}

fn note_errors(notes: &mut HashMap<EvidenceId, String>, id: EvidenceId, error: Option<&SyntaxError>) {
    if let Some(error) = error {
        notes.insert(id, error.message.clone());
    }
}

/// True for a file in a cycle of includes that nothing outside the cycle includes first.
fn is_own_root(includers: &HashMap<EvidenceId, Vec<EvidenceId>>, id: EvidenceId) -> bool {
    // In a cycle every file is a target. The first in order stands for all of them.
    let mut reach = vec![id];
    let mut known = HashSet::from([id]);
    while let Some(at) = reach.pop() {
        let from = includers.get(&at).into_iter().flatten();
        for from in from.filter(|from| known.insert(**from)) {
            reach.push(*from);
        }
    }
    known.iter().all(|known| includers.contains_key(known)) && known.iter().min() == Some(&id)
}
