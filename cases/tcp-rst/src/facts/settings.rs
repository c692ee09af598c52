//! Kernel parameters that rule connections, from `sysctl -a` and from files of sysctl.d.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};

use casebook_core::{Evidence, Span, Unmodelled};
use casebook_formats::sysctl;

use super::timer::Micros;

/// In which unit the kernel counts a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
    /// A number of things: probes, retransmissions, entries, hops.
    Count,
    /// 0 is off; some have more than two positions.
    Switch,
}

/// A parameter the case knows. Parts of the key can be `*`.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Its key.
    pub key: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// The kernel's default; `None` where it depends on memory or on the distribution.
    pub default: Option<u64>,
}

const fn known(key: &'static str, unit: Unit, default: u64) -> Known {
    Known { key, unit, default: Some(default) }
}

const fn open(key: &'static str, unit: Unit) -> Known {
    Known { key, unit, default: None }
}

/// Source: Documentation/networking/ip-sysctl.rst, nf_conntrack-sysctl.rst, ipvs-sysctl.rst (Linux 6.12).
pub static KNOWN: &[Known] = &[
    known("net.ipv4.tcp_keepalive_time", Unit::Seconds, 7200),
    known("net.ipv4.tcp_keepalive_intvl", Unit::Seconds, 75),
    known("net.ipv4.tcp_keepalive_probes", Unit::Count, 9),
    known("net.ipv4.tcp_retries1", Unit::Count, 3),
    known("net.ipv4.tcp_retries2", Unit::Count, 15),
    known("net.ipv4.tcp_orphan_retries", Unit::Count, 0),
    known("net.ipv4.tcp_syn_retries", Unit::Count, 6),
    known("net.ipv4.tcp_synack_retries", Unit::Count, 5),
    known("net.ipv4.tcp_fin_timeout", Unit::Seconds, 60),
    known("net.ipv4.tcp_timestamps", Unit::Switch, 1),
    known("net.ipv4.tcp_rfc1337", Unit::Switch, 0),
    known("net.ipv4.tcp_abort_on_overflow", Unit::Switch, 0),
    known("net.ipv4.tcp_tw_reuse", Unit::Switch, 2),
    known("net.ipv4.ip_default_ttl", Unit::Count, 64),
    known("net.ipv4.ip_forward", Unit::Switch, 0),
    known("net.ipv6.conf.*.forwarding", Unit::Switch, 0),
    known("net.ipv4.conf.*.rp_filter", Unit::Switch, 0),
    known("net.ipv4.conf.*.forwarding", Unit::Switch, 0),
    open("net.netfilter.nf_conntrack_max", Unit::Count),
    open("net.nf_conntrack_max", Unit::Count),
    open("net.netfilter.nf_conntrack_count", Unit::Count),
    open("net.netfilter.nf_conntrack_buckets", Unit::Count),
    known("net.netfilter.nf_conntrack_checksum", Unit::Switch, 1),
    known("net.netfilter.nf_conntrack_log_invalid", Unit::Switch, 0),
    known("net.netfilter.nf_conntrack_tcp_loose", Unit::Switch, 1),
    known("net.netfilter.nf_conntrack_tcp_be_liberal", Unit::Switch, 0),
    known("net.netfilter.nf_conntrack_tcp_ignore_invalid_rst", Unit::Switch, 0),
    known("net.netfilter.nf_conntrack_tcp_max_retrans", Unit::Count, 3),
    known("net.netfilter.nf_conntrack_tcp_timeout_syn_sent", Unit::Seconds, 120),
    known("net.netfilter.nf_conntrack_tcp_timeout_syn_recv", Unit::Seconds, 60),
    known("net.netfilter.nf_conntrack_tcp_timeout_established", Unit::Seconds, 432_000),
    known("net.netfilter.nf_conntrack_tcp_timeout_fin_wait", Unit::Seconds, 120),
    known("net.netfilter.nf_conntrack_tcp_timeout_close_wait", Unit::Seconds, 60),
    known("net.netfilter.nf_conntrack_tcp_timeout_last_ack", Unit::Seconds, 30),
    known("net.netfilter.nf_conntrack_tcp_timeout_time_wait", Unit::Seconds, 120),
    known("net.netfilter.nf_conntrack_tcp_timeout_close", Unit::Seconds, 10),
    known("net.netfilter.nf_conntrack_tcp_timeout_max_retrans", Unit::Seconds, 300),
    known("net.netfilter.nf_conntrack_tcp_timeout_unacknowledged", Unit::Seconds, 300),
    known("net.netfilter.nf_conntrack_udp_timeout", Unit::Seconds, 30),
    known("net.netfilter.nf_conntrack_udp_timeout_stream", Unit::Seconds, 120),
    known("net.netfilter.nf_conntrack_icmp_timeout", Unit::Seconds, 30),
    known("net.netfilter.nf_conntrack_icmpv6_timeout", Unit::Seconds, 30),
    known("net.netfilter.nf_conntrack_generic_timeout", Unit::Seconds, 600),
    known("net.netfilter.nf_conntrack_gre_timeout", Unit::Seconds, 30),
    known("net.netfilter.nf_conntrack_gre_timeout_stream", Unit::Seconds, 180),
    known("net.netfilter.nf_conntrack_sctp_timeout_established", Unit::Seconds, 210),
    known("net.netfilter.nf_flowtable_tcp_timeout", Unit::Seconds, 30),
    known("net.netfilter.nf_flowtable_udp_timeout", Unit::Seconds, 30),
    known("net.ipv4.vs.sloppy_tcp", Unit::Switch, 0),
    known("net.ipv4.vs.conn_reuse_mode", Unit::Switch, 1),
    known("net.ipv4.vs.conntrack", Unit::Switch, 0),
    known("net.ipv4.vs.expire_nodest_conn", Unit::Switch, 0),
    known("net.ipv4.vs.expire_quiescent_template", Unit::Switch, 0),
    known("net.ipv4.vs.schedule_icmp", Unit::Switch, 0),
    known("net.ipv4.vs.timeout_established", Unit::Seconds, 900),
    known("net.ipv4.vs.timeout_synsent", Unit::Seconds, 120),
    known("net.ipv4.vs.timeout_synrecv", Unit::Seconds, 60),
    known("net.ipv4.vs.timeout_finwait", Unit::Seconds, 120),
    known("net.ipv4.vs.timeout_timewait", Unit::Seconds, 120),
    known("net.ipv4.vs.timeout_close", Unit::Seconds, 10),
    known("net.ipv4.vs.timeout_closewait", Unit::Seconds, 60),
    known("net.ipv4.vs.timeout_lastack", Unit::Seconds, 30),
    known("net.ipv4.vs.timeout_listen", Unit::Seconds, 120),
];

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The kernel printed it.
    Live,
    /// A file sets it at the next boot or `sysctl --system`.
    Configured,
}

/// A value and its places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The number.
    pub value: u64,
    /// Its unit.
    pub unit: Unit,
    /// The line.
    pub span: Span,
    /// Where it comes from.
    pub source: Source,
    /// Lines that set it before and do not hold.
    pub overridden: Vec<Span>,
}

impl Found {
    /// As a length of time, for those that are one.
    pub fn micros(&self) -> Option<Micros> {
        match self.unit {
            Unit::Seconds => Some(Micros::seconds(self.value)),
            Unit::Millis => Some(Micros::millis(self.value)),
            Unit::Count | Unit::Switch => None,
        }
    }
}

/// Settings of one machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// By key; what the kernel printed holds over what files set.
    pub found: BTreeMap<String, Found>,
    /// What files set where the kernel printed something too: it shows what the next boot changes.
    pub configured: BTreeMap<String, Found>,
    /// Lines that are no settings, and values that are no numbers.
    pub unmodelled: Vec<Unmodelled>,
}

impl Settings {
    /// A value.
    pub fn get(&self, key: &str) -> Option<&Found> {
        self.found.get(key)
    }

    /// A value, or the kernel's default.
    pub fn or_default(&self, key: &str) -> Option<u64> {
        self.get(key).map(|found| found.value).or_else(|| entry(key)?.default)
    }
}

fn entry(key: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.key == key || known.key.contains('*') && sysctl::matches(known.key, key))
}

/// Files of configuration are told by their names; everything else was printed.
fn source(path: &str) -> Source {
    if path.contains("sysctl.d/") || path.ends_with("sysctl.conf") || path.ends_with(".conf") {
        Source::Configured
    } else {
        Source::Live
    }
}

/// Reads all the evidence of one machine. The last print of a key holds, and of files the last in the order of sysctl.d.
pub fn read(items: &[&Evidence]) -> Settings {
    let mut out = Settings::default();
    let live: Vec<&Evidence> = items.iter().copied().filter(|item| source(&item.path) == Source::Live).collect();
    let files: Vec<&Evidence> = items.iter().copied().filter(|item| source(&item.path) == Source::Configured).collect();
    let paths: Vec<&str> = files.iter().map(|item| item.path.as_str()).collect();
    let ordered: Vec<&Evidence> =
        sysctl::order(&paths).into_iter().filter_map(|index| files.get(index).copied()).collect();
    for item in &files {
        if !ordered.iter().any(|known| known.id == item.id) {
            out.unmodelled
                .push(Unmodelled::new(item.span(), "a file of the same name in another folder takes its place"));
        }
    }
    let mut configured = BTreeMap::new();
    apply(&ordered, Source::Configured, &mut configured, &mut out.unmodelled);
    apply(&live, Source::Live, &mut out.found, &mut out.unmodelled);
    for (key, found) in configured {
        match out.found.entry(key) {
            Entry::Occupied(live) => {
                out.configured.insert(live.key().clone(), found);
            }
            Entry::Vacant(free) => {
                free.insert(found);
            }
        }
    }
    out
}

fn apply(items: &[&Evidence], source: Source, out: &mut BTreeMap<String, Found>, gaps: &mut Vec<Unmodelled>) {
    let texts: Vec<(&Evidence, sysctl::Settings<'_>)> =
        items.iter().map(|item| (*item, sysctl::read(item.as_bytes()))).collect();
    for (item, settings) in &texts {
        for (start, end) in &settings.unread {
            gaps.push(Unmodelled::new(Span::new(item.id, *start, *end), "no line of a setting"));
        }
        for setting in settings.items.iter().filter(|setting| !setting.is_pattern()) {
            set(item, setting, &setting.key, source, out, gaps);
        }
    }
    // A key that is set by name, or excluded, is set by no pattern (sysctl.d(5)). Which keys there are the files do not
    // tell; the pattern stands for the keys the case knows, and for itself.
    let excluded: HashSet<&str> =
        texts.iter().flat_map(|(_, settings)| settings.excluded.iter().map(AsRef::as_ref)).collect();
    let by_name: HashSet<String> = out.keys().cloned().collect();
    let special = ["net.ipv4.conf.all.rp_filter", "net.ipv4.conf.default.rp_filter"];
    for (item, settings) in &texts {
        for setting in settings.items.iter().filter(|setting| setting.is_pattern()) {
            let named = KNOWN
                .iter()
                .map(|known| known.key)
                .filter(|key| *key == setting.key || !key.contains('*') && sysctl::matches(&setting.key, key));
            let special = special.into_iter().filter(|key| sysctl::matches(&setting.key, key));
            for key in named.chain(special) {
                if !by_name.contains(key) && !excluded.contains(key) {
                    set(item, setting, key, source, out, gaps);
                }
            }
        }
    }
}

fn set(
    item: &Evidence,
    setting: &sysctl::Setting<'_>,
    key: &str,
    source: Source,
    out: &mut BTreeMap<String, Found>,
    gaps: &mut Vec<Unmodelled>,
) {
    let Some(known) = entry(key) else { return };
    let span = Span::new(item.id, setting.span.0, setting.span.1);
    let Ok(value) = setting.value.parse() else {
        gaps.push(Unmodelled::new(span, "the value is no number the kernel takes"));
        return;
    };
    let mut overridden = Vec::new();
    if let Some(before) = out.remove(key) {
        overridden = before.overridden;
        overridden.push(before.span);
    }
    out.insert(key.to_owned(), Found { value, unit: known.unit, span, source, overridden });
}

#[cfg(test)]
mod tests {
    use casebook_core::{Bytes, EvidenceSet};
    use proptest::prelude::*;

    use super::*;

    fn files(list: &[(&str, &[u8])]) -> (EvidenceSet, Settings) {
        let mut set = EvidenceSet::new();
        for (path, bytes) in list {
            set.add(*path, Some("sysctl"), Bytes::new(bytes.to_vec()));
        }
        let settings = read(&set.iter().collect::<Vec<_>>());
        (set, settings)
    }

    #[test]
    fn values_have_units_places_and_defaults() {
        let text = b"net.ipv4.tcp_keepalive_time = 600\nnet.netfilter.nf_conntrack_tcp_loose = 0\nnet.ipv4.conf.eth0.rp_filter = 2\n";
        let (set, settings) = files(&[("sysctl.txt", text)]);
        let time = settings.get("net.ipv4.tcp_keepalive_time").unwrap();
        assert_eq!((time.micros(), time.source), (Some(Micros::seconds(600)), Source::Live));
        assert_eq!(set.text(time.span).unwrap(), "net.ipv4.tcp_keepalive_time = 600");
        assert_eq!(settings.get("net.ipv4.conf.eth0.rp_filter").unwrap().value, 2);
        assert_eq!(settings.or_default("net.netfilter.nf_conntrack_tcp_timeout_established"), Some(432_000));
        assert_eq!(settings.or_default("net.netfilter.nf_conntrack_max"), None);
    }

    #[test]
    fn files_are_applied_in_order_and_the_print_holds() {
        let key = "net.netfilter.nf_conntrack_tcp_timeout_established";
        let line = |value: u64| format!("{key} = {value}\n").into_bytes();
        let (set, settings) = files(&[
            ("etc/sysctl.d/99-z.conf", &line(43_200)),
            ("usr/lib/sysctl.d/10-a.conf", &line(86_400)),
            ("usr/lib/sysctl.d/99-z.conf", &line(1)),
        ]);
        let found = settings.get(key).unwrap();
        assert_eq!((found.value, found.source, found.overridden.len()), (43_200, Source::Configured, 1));
        assert_eq!(settings.unmodelled.len(), 1);
        assert_eq!(set.path(found.span.evidence), "etc/sysctl.d/99-z.conf");
        let (_, settings) = files(&[("sysctl-a", &line(7)), ("etc/sysctl.d/99-z.conf", &line(43_200))]);
        assert_eq!(settings.get(key).unwrap().value, 7);
        assert_eq!(settings.configured[key].value, 43_200);
    }

    #[test]
    fn a_key_set_by_name_is_set_by_no_pattern() {
        let text =
            b"net.ipv4.conf.default.rp_filter = 1\nnet.ipv4.conf.*.rp_filter = 2\n-net.ipv4.conf.all.rp_filter\n";
        let (_, settings) = files(&[("etc/sysctl.d/50-x.conf", text)]);
        assert_eq!(settings.get("net.ipv4.conf.default.rp_filter").unwrap().value, 1);
        assert!(settings.get("net.ipv4.conf.all.rp_filter").is_none());
        assert_eq!(settings.get("net.ipv4.conf.*.rp_filter").unwrap().value, 2);
    }

    proptest! {
        #[test]
        fn any_bytes_give_places_inside(bytes in prop::collection::vec(prop_oneof![
            any::<u8>().prop_map(|byte| vec![byte]),
            prop::sample::select(vec!["net.ipv4.ip_forward", "net.ipv4.conf.*.rp_filter", " = ", "1", "\n", "-", "net/ipv4/tcp_fin_timeout"])
                .prop_map(|text| text.as_bytes().to_vec()),
        ], 0..30)) {
            let (set, settings) = files(&[("a.conf", &bytes.concat()), ("b", &bytes.concat())]);
            settings.found.values().for_each(|found| crate::facts::testing::span(&set, found.span));
            settings.unmodelled.iter().for_each(|gap| crate::facts::testing::span(&set, gap.span));
        }
    }
}
