//! A machine on the path, as far as its configuration is among the evidence: its ruleset, and the kernel settings that were
//! read beside it.

use std::collections::BTreeMap;

use casebook_core::{Evidence, EvidenceId, EvidenceSet};
use casebook_formats::nft::read::{Form, RulesetFacts, ruleset};
use casebook_formats::nft::release::Host as Releases;
use casebook_formats::sysctl;

use super::conntrack::settings::{Set, settings as conntrack};
use super::settings::{self, Settings};
use super::{Account, folder, of_host};
use crate::model::conntrack::Release;

/// A machine.
#[derive(Debug)]
pub struct Host {
    /// The folder its evidence is in; empty for the working folder.
    pub folder: String,
    /// Its ruleset.
    pub ruleset: Option<RulesetFacts>,
    /// Its kernel settings.
    pub settings: Settings,
    /// The evidence they are from.
    pub settings_from: Vec<EvidenceId>,
    /// What of them rules connection tracking; `None` when nothing does.
    pub conntrack: Option<Set>,
    /// Release of its kernel.
    pub release: Option<Release>,
}

impl Host {
    /// True when it forwards packets of others, as far as its settings say.
    pub fn forwards(&self) -> Option<bool> {
        self.settings.get("net.ipv4.ip_forward").map(|found| found.value != 0)
    }
}

/// The machines of a run.
///
/// Evidence of one folder is of one machine, except that several prints of settings are of several: then the ruleset goes
/// with the one that forwards.
pub(super) fn read(set: &EvidenceSet, account: &mut Account) -> Vec<Host> {
    let mut folders: BTreeMap<&str, Vec<&Evidence>> = BTreeMap::new();
    for item in set.iter().filter(|item| of_host(item)) {
        folders.entry(place(&item.path)).or_default().push(item);
    }
    let mut hosts = Vec::new();
    let mut settings_alone: Vec<Host> = Vec::new();
    for (place, items) in folders {
        let rulesets: Vec<RulesetFacts> = items
            .iter()
            .filter(|item| item.kind != Some(sysctl::KIND.name) && !item.referred)
            .map(|item| {
                account.of(item, Vec::new());
                ruleset(set, item, Releases::default())
            })
            .collect();
        let machines = machines(&items);
        for (machine, read) in &machines {
            let first = machine.first().copied();
            if let Some(item) = first {
                account.of(item, read.unmodelled.clone());
            }
            machine.iter().skip(1).for_each(|item| account.of(item, Vec::new()));
        }
        let Some(best) = best(rulesets) else {
            settings_alone.extend(machines.into_iter().map(|(items, settings)| Host {
                folder: place.to_owned(),
                ruleset: None,
                settings,
                settings_from: items.iter().map(|item| item.id).collect(),
                conntrack: None,
                release: None,
            }));
            continue;
        };
        let forwarding = machines
            .iter()
            .position(|(_, settings)| settings.get("net.ipv4.ip_forward").is_some_and(|found| found.value != 0));
        let mut machines = machines;
        let chosen = (!machines.is_empty()).then(|| machines.swap_remove(forwarding.unwrap_or(0)));
        let (from, settings) = chosen
            .map_or_else(Default::default, |(items, settings)| (items.iter().map(|item| item.id).collect(), settings));
        hosts.push(Host {
            folder: place.to_owned(),
            ruleset: Some(best),
            settings,
            settings_from: from,
            conntrack: None,
            release: None,
        });
        settings_alone.extend(machines.into_iter().map(|(items, settings)| Host {
            folder: place.to_owned(),
            ruleset: None,
            settings,
            settings_from: items.iter().map(|item| item.id).collect(),
            conntrack: None,
            release: None,
        }));
    }
    // One ruleset and one print of settings in different folders, as in a bundle, are of one machine.
    if let ([host], 1) = (hosts.as_mut_slice(), settings_alone.len())
        && host.settings_from.is_empty()
        && let Some(alone) = settings_alone.pop()
    {
        (host.settings, host.settings_from) = (alone.settings, alone.settings_from);
    }
    hosts.extend(settings_alone);
    hosts.iter_mut().for_each(|host| track(set, host));
    hosts
}

/// Connection tracking's settings and the kernel's release, of the evidence the settings are from.
fn track(set: &EvidenceSet, host: &mut Host) {
    for item in host.settings_from.iter().filter_map(|id| set.get(*id)) {
        let text = sysctl::read(item.as_bytes());
        let read = conntrack(item.id, &text);
        if !read.lines.is_empty() && host.conntrack.is_none() {
            host.conntrack = Some(read);
        }
        host.release = host.release.or_else(|| Release::parse(text.get("kernel.osrelease")?.value));
    }
}

/// Folder of a machine: files of sysctl.d belong to the root they are under.
fn place(path: &str) -> &str {
    for inner in ["etc/sysctl.d/", "run/sysctl.d/", "usr/lib/sysctl.d/", "usr/local/lib/sysctl.d/", "etc/sysctl.conf"] {
        if let Some((root, _)) = path.split_once(inner) {
            return root.trim_end_matches('/');
        }
    }
    folder(path)
}

type Machine<'a> = (Vec<&'a Evidence>, Settings);

/// Settings of each machine of a folder: every print is one of its own, files to be loaded are one together.
fn machines<'a>(items: &[&'a Evidence]) -> Vec<Machine<'a>> {
    let all = items.iter().copied().filter(|item| item.kind == Some(sysctl::KIND.name));
    let (files, prints): (Vec<&Evidence>, Vec<&Evidence>) =
        all.partition(|item| item.path.contains("sysctl.d/") || item.path.ends_with(".conf"));
    let mut out: Vec<Machine<'a>> = prints.into_iter().map(|item| (vec![item], settings::read(&[item]))).collect();
    match out.first_mut() {
        Some((first, settings)) if !files.is_empty() => {
            first.extend(&files);
            *settings = settings::read(first);
        }
        None if !files.is_empty() => out.push((files.clone(), settings::read(&files))),
        _ => {}
    }
    out
}

/// Of several rulesets of one machine the one that was listed from the kernel, JSON before text.
fn best(rulesets: Vec<RulesetFacts>) -> Option<RulesetFacts> {
    rulesets.into_iter().min_by_key(|one| match one.form {
        Form::Json => 0,
        Form::Listing => 1,
        Form::Source => 2,
    })
}
