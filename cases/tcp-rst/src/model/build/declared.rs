//! A path as `path.toml` declares it.

use casebook_core::{EvidenceId, Span};

use super::{Built, unknown};
use crate::facts::Facts;
use crate::facts::path_file::{Declared, DeclaredHop, PathFile, What};
use crate::facts::timer::{Leg, Limit, Timer};
use crate::model::path::{Hop, Kind, Path, Probing, Set};

/// Builds it; hops of machines come from what was found of them.
pub(super) fn build(facts: &Facts, evidence: EvidenceId, file: &PathFile, found: &[Built], proxies: &[Built]) -> Built {
    let mut premises = Vec::new();
    let mut hops = Vec::new();
    for hop in &file.hops {
        hops.extend(of_hop(facts, hop, file, found, proxies, &mut premises));
    }
    let name = file.to.as_ref().map_or_else(|| "the declared path".to_owned(), |(to, _)| to.clone());
    let span = file.to.as_ref().map(|(_, span)| *span).or(file.hops.first().map(|hop| hop.span));
    Built {
        path: Path { name, hops, client: probing(file.client), server: probing(file.server) },
        evidence,
        span: span.unwrap_or(Span::new(evidence, 0, 0)),
        premises,
        quiet: file.quiet.map(|(quiet, _)| quiet),
        speaks_first: file.speaks_first,
        declared: true,
    }
}

fn probing(declared: Option<Declared>) -> Probing {
    match declared {
        Some(Declared { keepalive: Some(keepalive), span }) => Probing::On(Set::at(keepalive, span)),
        Some(Declared { keepalive: None, .. }) => Probing::Off,
        None => unknown(),
    }
}

fn of_hop(
    facts: &Facts,
    hop: &DeclaredHop,
    file: &PathFile,
    found: &[Built],
    proxies: &[Built],
    premises: &mut Vec<String>,
) -> Vec<Hop> {
    match &hop.what {
        What::Device(device) => {
            let limit =
                hop.limit.map_or(Set { value: Limit::After(device.after), places: vec![hop.span] }, |(limit, span)| {
                    Set::at(Limit::After(limit), span)
                });
            vec![Hop { name: hop.name.clone(), kind: Kind::Device(device, limit) }]
        }
        What::Custom { measures, refresh, ending } => {
            let (limit, span) =
                hop.limit.map_or((Limit::Unknown, hop.span), |(limit, span)| (Limit::After(limit), span));
            let timer = Timer {
                name: format!("{} timer", hop.name),
                limit,
                measures: *measures,
                refresh: *refresh,
                leg: Leg::Both,
                ending: *ending,
                span: Some(span),
                origin: "path.toml".to_owned(),
            };
            vec![Hop { name: hop.name.clone(), kind: Kind::Timer(timer) }]
        }
        What::Evidence(prefix) => {
            let under = |built: &&Built| facts.path(built.evidence).contains(prefix.trim_end_matches('/'));
            let wanted = file.to.as_ref().map(|(to, _)| to.as_str());
            let all: Vec<&Built> = found.iter().chain(proxies).filter(under).collect();
            let best = all.iter().find(|built| Some(built.path.name.as_str()) == wanted).or(all.first());
            match best {
                Some(built) => {
                    premises.extend(built.premises.iter().cloned());
                    let renamed = |known: &Hop| Hop { name: hop.name.clone(), kind: known.kind.clone() };
                    built.path.hops.iter().map(renamed).collect()
                }
                None => {
                    premises.push(format!(
                        "Nothing under {prefix:?} says what {} does: it is taken to let the connection alone.",
                        hop.name
                    ));
                    Vec::new()
                }
            }
        }
    }
}
