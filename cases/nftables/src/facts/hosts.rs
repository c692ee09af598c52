//! Which releases of nft and of the kernel the rulesets of a run belong to.

use std::collections::BTreeMap;

use casebook_core::{Evidence, Input};
use casebook_formats::nft::release::{Host, Release};

use super::folder;

/// What the settings say, and what the evidence of each folder says.
pub(super) struct Hosts<'a> {
    said: Host,
    folders: BTreeMap<&'a str, Host>,
}

impl<'a> Hosts<'a> {
    pub(super) fn read(input: &Input<'a>) -> Self {
        let setting = |name| input.settings.get(name).and_then(|value| value.as_str()).and_then(Release::parse);
        let mut folders: BTreeMap<&str, Host> = BTreeMap::new();
        for item in input.evidence.iter() {
            let found = match item.kind {
                Some("sysctl") => {
                    let list = casebook_formats::sysctl::read(item.as_bytes());
                    let release = list.items.iter().find(|known| known.key == "kernel.osrelease");
                    Host { nft: None, kernel: release.and_then(|known| Release::parse(known.value)) }
                }
                Some("nft-json") => Host { nft: metainfo(item.as_bytes()), kernel: None },
                _ => continue,
            };
            let known = folders.entry(folder(&item.path)).or_default();
            *known = known.or(found);
        }
        Self { said: Host { nft: setting("nft"), kernel: setting("kernel") }, folders }
    }

    /// The releases of a ruleset: as set, else as the evidence beside it says. A listing names its own nft.
    pub(super) fn of(&self, item: &Evidence) -> Host {
        let beside = self.folders.get(folder(&item.path)).copied().unwrap_or_default();
        match item.kind {
            Some("nft-json") => self.said.or(Host { nft: None, ..beside }),
            _ => self.said.or(beside),
        }
    }
}

/// The release a listing begins with: `{"nftables": [{"metainfo": {"version": "1.0.6", …`.
fn metainfo(bytes: &[u8]) -> Option<Release> {
    const HEAD: usize = 512;
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(HEAD)]);
    let (_, rest) = head.split_once("\"metainfo\"")?;
    let (_, rest) = rest.split_once("\"version\"")?;
    Release::parse(rest.split('"').nth(1)?)
}
