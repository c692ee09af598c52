//! kube-proxy: `KubeProxyConfiguration`, and its flags in a manifest.
//!
//! Source: pkg/proxy/apis/config/types.go and v1alpha1/defaults.go of Kubernetes. A timeout of 0 leaves the kernel's
//! value; the configuration file puts flags out of force (cmd/kube-proxy/app/options.go: `--config`).

use casebook_core::{Evidence, EvidenceId, Kind, Sniff, Span, Unmodelled};
use casebook_formats::yaml::{self, Node, Style, Value};

use super::duration;
use super::endpoint;
use super::timer::{Limit, Micros};

/// Configuration of kube-proxy.
pub static KUBE_PROXY: Kind = Kind {
    name: "kube-proxy-config",
    what: "a KubeProxyConfiguration, the ConfigMap that holds it, or a manifest that starts kube-proxy",
    sniff,
    refers: None,
    comment: Some("#"),
};

/// What kube-proxy writes to the kernel for one timeout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// `Never` where it leaves the kernel's value as it is.
    pub limit: Limit,
    /// Where it is set; `None` for kube-proxy's default.
    pub span: Option<Span>,
    /// Which field or flag.
    pub name: String,
}

/// A word or number with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Valued<T> {
    /// The value.
    pub value: T,
    /// Where it is set; `None` for the default.
    pub span: Option<Span>,
}

/// One kube-proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeProxy {
    /// `iptables` (what Linux gets when nothing is set), `ipvs`, `nftables`, …
    pub mode: Valued<String>,
    /// To `nf_conntrack_tcp_timeout_established`.
    pub established: Written,
    /// To `nf_conntrack_tcp_timeout_close_wait`.
    pub close_wait: Written,
    /// To `nf_conntrack_udp_timeout`.
    pub udp: Written,
    /// To `nf_conntrack_udp_timeout_stream`.
    pub udp_stream: Written,
    /// True: `nf_conntrack_tcp_be_liberal` is set to 1.
    pub be_liberal: Valued<bool>,
    /// IPVS: established connections.
    pub ipvs_tcp: Written,
    /// IPVS: after a FIN.
    pub ipvs_tcp_fin: Written,
    /// IPVS: UDP.
    pub ipvs_udp: Written,
    /// Entries of conntrack for each core, and at least.
    pub conntrack_max_per_core: Valued<u64>,
    /// Entries of conntrack at least.
    pub conntrack_min: Valued<u64>,
    /// The document or the command.
    pub span: Span,
}

/// The knobs: field, flag, default in seconds.
const TIMES: &[(&[&str], &str, u64)] = &[
    (&["conntrack", "tcpEstablishedTimeout"], "conntrack-tcp-timeout-established", 86_400),
    (&["conntrack", "tcpCloseWaitTimeout"], "conntrack-tcp-timeout-close-wait", 3_600),
    (&["conntrack", "udpTimeout"], "conntrack-udp-timeout", 0),
    (&["conntrack", "udpStreamTimeout"], "conntrack-udp-timeout-stream", 0),
    (&["ipvs", "tcpTimeout"], "ipvs-tcp-timeout", 0),
    (&["ipvs", "tcpFinTimeout"], "ipvs-tcpfin-timeout", 0),
    (&["ipvs", "udpTimeout"], "ipvs-udp-timeout", 0),
];

fn sniff(sniff: &Sniff<'_>) -> bool {
    let has = |word: &str| sniff.head.windows(word.len()).any(|part| part == word.as_bytes());
    if has("KubeProxyConfiguration") {
        return has("kubeproxy.config.k8s.io");
    }
    has("kube-proxy") && has("containers") && (has("command") || has("args"))
}

/// Facts of one file.
pub fn parse(item: &Evidence) -> (Vec<KubeProxy>, Vec<Unmodelled>) {
    let mut reader = Reader { id: item.id, bytes: item.as_bytes(), map: Vec::new(), out: Vec::new(), gaps: Vec::new() };
    let documents = yaml::read(item.as_bytes());
    reader.report(&documents);
    documents.roots.iter().for_each(|root| reader.find(root, true));
    (reader.out, reader.gaps)
}

struct Reader<'a> {
    id: EvidenceId,
    bytes: &'a [u8],
    /// For a text inside of a block scalar: where its lines begin there and in the file.
    map: Vec<(usize, usize, usize)>,
    out: Vec<KubeProxy>,
    gaps: Vec<Unmodelled>,
}

impl Reader<'_> {
    fn span(&self, (start, end): (usize, usize)) -> Span {
        let place = |at: usize| {
            let Some(line) = self.map.partition_point(|(inner, ..)| *inner <= at).checked_sub(1) else {
                return at;
            };
            let (inner, outer, len) = self.map[line];
            outer + (at - inner).min(len)
        };
        let (start, end) = (place(start).min(self.bytes.len()), place(end).min(self.bytes.len()));
        Span::new(self.id, start, end)
    }

    fn gap(&mut self, at: (usize, usize), why: impl Into<String>) {
        let span = self.span(at);
        self.gaps.push(Unmodelled::new(span, why));
    }

    fn report(&mut self, documents: &yaml::Documents) {
        documents.errors.iter().for_each(|error| self.gap(error.span, error.message.clone()));
        documents.unread.iter().for_each(|stretch| self.gap(*stretch, "not read as YAML"));
    }

    /// Looks for configurations and commands in a document; trees are 128 deep at most.
    fn find(&mut self, node: &Node, nested: bool) {
        if node.get("kind").and_then(Node::as_str) == Some("KubeProxyConfiguration") {
            return self.configuration(node);
        }
        for list in ["command", "args"] {
            if let Some(list) = node.get(list)
                && list.items().iter().any(|word| word.as_str().is_some_and(|text| text.contains("kube-proxy")))
                && !(list.items().is_empty())
            {
                self.command(node);
                break;
            }
        }
        for pair in node.pairs() {
            match &pair.value.value {
                Value::Scalar { text, style: Style::Block, .. }
                    if nested && text.contains("KubeProxyConfiguration") =>
                {
                    self.embedded(&pair.value, text);
                }
                _ => self.find(&pair.value, nested),
            }
        }
        node.items().iter().for_each(|item| self.find(item, nested));
    }

    /// A configuration in a block scalar of a ConfigMap, with places in the file.
    fn embedded(&mut self, node: &Node, text: &str) {
        let raw = self.bytes.get(node.span.0..node.span.1).unwrap_or_default();
        let mut outer = super::lines(raw);
        let mut map = Vec::new();
        for (inner, line) in super::lines(text.as_bytes()) {
            if line.is_empty() && inner >= text.len() {
                break;
            }
            let Some((start, written)) = outer.next() else { break };
            if !written.trim_ascii_end().ends_with(line.trim_ascii_end()) {
                // A folded scalar: its lines are not those of the file.
                return self.gap(node.span, "a folded text that holds a configuration");
            }
            let indent = written.trim_ascii_end().len().saturating_sub(line.trim_ascii_end().len());
            map.push((inner, node.span.0 + start + indent, written.len().saturating_sub(indent)));
        }
        let before = std::mem::replace(&mut self.map, map);
        let documents = yaml::read(text.as_bytes());
        self.report(&documents);
        documents.roots.iter().for_each(|root| self.find(root, false));
        self.map = before;
    }

    fn configuration(&mut self, node: &Node) {
        let mut found = self.empty(node.span);
        for ((path, _, _), slot) in TIMES.iter().zip(0..) {
            let Some(value) = node.at(path).filter(|value| !value.is_null()) else { continue };
            let limit = self.limit(value.as_str().unwrap_or_default(), value.span);
            *written(&mut found, slot) = Written { limit, span: Some(self.span(value.span)), name: path.join(".") };
        }
        if let Some(mode) = node.get("mode").filter(|mode| mode.as_str().is_some_and(|text| !text.is_empty())) {
            found.mode =
                Valued { value: mode.as_str().unwrap_or_default().to_owned(), span: Some(self.span(mode.span)) };
        }
        if let Some(value) = node.at(&["conntrack", "tcpBeLiberal"]) {
            match value.as_bool() {
                Some(on) => found.be_liberal = Valued { value: on, span: Some(self.span(value.span)) },
                None => self.gap(value.span, "no boolean"),
            }
        }
        let counts = [("maxPerCore", false), ("min", true)];
        for (key, least) in counts {
            let Some(node) = node.at(&["conntrack", key]).filter(|node| !node.is_null()) else { continue };
            let Some(value) = node.as_u64() else {
                self.gap(node.span, "no number");
                continue;
            };
            let value = Valued { value, span: Some(self.span(node.span)) };
            if least { found.conntrack_min = value } else { found.conntrack_max_per_core = value }
        }
        self.out.push(found);
    }

    fn limit(&mut self, text: &str, at: (usize, usize)) -> Limit {
        match duration::go(text) {
            Some(Micros(0)) => Limit::Never,
            Some(micros) => Limit::After(micros),
            None => {
                self.gap(at, "no duration of Go (`24h0m0s`)");
                Limit::Unknown
            }
        }
    }

    fn empty(&self, at: (usize, usize)) -> KubeProxy {
        let default = |slot: usize| {
            let (_, _, seconds) = TIMES[slot];
            let limit = if seconds == 0 { Limit::Never } else { Limit::After(Micros::seconds(seconds)) };
            Written { limit, span: None, name: format!("default of kube-proxy ({})", TIMES[slot].0.join(".")) }
        };
        KubeProxy {
            mode: Valued { value: "iptables".to_owned(), span: None },
            established: default(0),
            close_wait: default(1),
            udp: default(2),
            udp_stream: default(3),
            ipvs_tcp: default(4),
            ipvs_tcp_fin: default(5),
            ipvs_udp: default(6),
            be_liberal: Valued { value: false, span: None },
            conntrack_max_per_core: Valued { value: 32_768, span: None },
            conntrack_min: Valued { value: 131_072, span: None },
            span: self.span(at),
        }
    }

    /// `command` and `args` of a container: `--flag=value`, `--flag value`, also in one text for a shell.
    fn command(&mut self, container: &Node) {
        let nodes: Vec<&Node> =
            ["command", "args"].iter().filter_map(|key| container.get(key)).flat_map(Node::items).collect();
        let (Some(first), Some(last)) = (nodes.first(), nodes.last()) else { return };
        let mut found = self.empty((first.span.0, last.span.1.max(first.span.0)));
        let mut words: Vec<(String, (usize, usize))> = Vec::new();
        for node in &nodes {
            let text = node.as_str().unwrap_or_default();
            words.extend(text.split_ascii_whitespace().take(4096).map(|word| (word.to_owned(), node.span)));
        }
        let mut configured = None;
        let mut at = 0;
        while let Some((word, span)) = words.get(at).cloned() {
            at += 1;
            let Some(flag) = word.strip_prefix("--") else { continue };
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (flag, words.get(at).map(|(next, _)| next.clone()).filter(|next| !next.starts_with('-'))),
            };
            let value = value.as_deref().map(|value| value.trim_matches(['"', '\'']));
            match (TIMES.iter().position(|(_, flag, _)| *flag == name), value) {
                (Some(slot), Some(value)) => {
                    let limit = if value.contains('$') {
                        self.gap(span, "the value is a variable");
                        Limit::Unknown
                    } else {
                        self.limit(value, span)
                    };
                    *written(&mut found, slot) =
                        Written { limit, span: Some(self.span(span)), name: format!("--{name}") };
                }
                (Some(_), None) => self.gap(span, "a flag without a value"),
                (None, value) => {
                    let place = Some(self.span(span));
                    match (name, value) {
                        ("proxy-mode", Some(mode)) if !mode.is_empty() => {
                            found.mode = Valued { value: mode.to_owned(), span: place };
                        }
                        ("conntrack-tcp-be-liberal", value) => {
                            found.be_liberal = Valued { value: value != Some("false"), span: place };
                        }
                        ("conntrack-max-per-core", Some(text)) => match text.parse() {
                            Ok(value) => found.conntrack_max_per_core = Valued { value, span: place },
                            Err(_) => self.gap(span, "no number"),
                        },
                        ("conntrack-min", Some(text)) => match text.parse() {
                            Ok(value) => found.conntrack_min = Valued { value, span: place },
                            Err(_) => self.gap(span, "no number"),
                        },
                        ("config", Some(path)) => configured = Some((span, endpoint::shown(path))),
                        _ => {}
                    }
                }
            }
        }
        if let Some((span, path)) = configured {
            // The flags named here do not hold beside a file.
            self.gap(span, format!("the configuration is in {path}"));
            return;
        }
        self.out.push(found);
    }
}

fn written(found: &mut KubeProxy, slot: usize) -> &mut Written {
    match slot {
        0 => &mut found.established,
        1 => &mut found.close_wait,
        2 => &mut found.udp,
        3 => &mut found.udp_stream,
        4 => &mut found.ipvs_tcp,
        5 => &mut found.ipvs_tcp_fin,
        _ => &mut found.ipvs_udp,
    }
}

#[cfg(test)]
mod tests {
    use casebook_core::{Bytes, EvidenceSet};
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> (EvidenceSet, Vec<KubeProxy>, Vec<Unmodelled>) {
        let mut set = EvidenceSet::new();
        let id = set.add("k.yaml", Some(KUBE_PROXY.name), Bytes::new(bytes.to_vec()));
        let (found, gaps) = set.get(id).map(parse).unwrap_or_default();
        (set, found, gaps)
    }

    const CONFIG: &str = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: ipvs\n\
        conntrack:\n  tcpEstablishedTimeout: 12h0m0s\n  tcpCloseWaitTimeout: null\n  tcpBeLiberal: true\nipvs:\n  tcpTimeout: 0s\n  udpTimeout: 5\n";

    #[test]
    fn a_configuration_has_values_and_defaults() {
        let (set, found, gaps) = read(CONFIG.as_bytes());
        let proxy = &found[0];
        assert_eq!(proxy.established.limit, Limit::After(Micros::seconds(43_200)));
        assert_eq!(set.text(proxy.established.span.unwrap()).unwrap(), "12h0m0s");
        assert_eq!((proxy.close_wait.limit, proxy.close_wait.span), (Limit::After(Micros::seconds(3600)), None));
        assert_eq!((proxy.ipvs_tcp.limit, proxy.ipvs_udp.limit), (Limit::Never, Limit::Unknown));
        assert_eq!((proxy.mode.value.as_str(), proxy.be_liberal.value, gaps.len()), ("ipvs", true, 1));
    }

    #[test]
    fn a_config_map_holds_one_with_places_in_the_file() {
        let indented: String = CONFIG.lines().map(|line| format!("    {line}\n")).collect();
        let text = format!("kind: ConfigMap\ndata:\n  config.conf: |-\n{indented}  other: x\n");
        let (set, found, _) = read(text.as_bytes());
        assert_eq!(set.text(found[0].established.span.unwrap()).unwrap(), "12h0m0s");
        assert!(set.text(found[0].span).unwrap().starts_with("apiVersion"));
    }

    #[test]
    fn flags_are_read_from_a_command() {
        let text = "kind: DaemonSet\nspec: {template: {spec: {containers: [{name: kube-proxy, command: [kube-proxy,\n \
                    --conntrack-tcp-timeout-established=4h, --ipvs-tcp-timeout, 15m, --proxy-mode=ipvs, '--conntrack-tcp-be-liberal']}]}}}\n";
        let (set, found, gaps) = read(text.as_bytes());
        assert_eq!(gaps, []);
        assert_eq!(found[0].established.limit, Limit::After(Micros::seconds(14_400)));
        assert_eq!(set.text(found[0].established.span.unwrap()).unwrap(), "--conntrack-tcp-timeout-established=4h");
        assert_eq!(found[0].ipvs_tcp.limit, Limit::After(Micros::seconds(900)));
        assert!(found[0].be_liberal.value);
        let shell =
            "containers:\n- command:\n  - sh\n  - -c\n  - exec kube-proxy --conntrack-tcp-timeout-close-wait=1m\n";
        assert_eq!(read(shell.as_bytes()).1[0].close_wait.limit, Limit::After(Micros::seconds(60)));
        let file = "containers:\n- command: [kube-proxy, --config=/var/lib/c.conf, --proxy-mode=ipvs]\n";
        let (_, found, gaps) = read(file.as_bytes());
        assert_eq!((found.len(), gaps.len()), (0, 1));
    }

    #[test]
    fn other_manifests_are_not_taken() {
        let is = |text: &str| sniff(&Sniff { path: "x", head: text.as_bytes(), whole: true });
        assert!(is(CONFIG));
        assert!(!is("kind: KubeProxyConfiguration\n"));
        assert!(!is("containers:\n- command: [nginx]\n"));
    }

    proptest! {
        #[test]
        fn any_bytes_give_places_inside(bytes in prop::collection::vec(prop_oneof![
            any::<u8>().prop_map(|byte| vec![byte]),
            prop::sample::select(vec![CONFIG, "a: |\n", "  ", "\n", "conntrack:\n  tcpEstablishedTimeout: 5h\n", "kind: KubeProxyConfiguration\n",
                "command: [kube-proxy, --ipvs-tcp-timeout, 1s]\n", "x: >\n  kind: KubeProxyConfiguration\n  mode: x\n"])
                .prop_map(|text| text.as_bytes().to_vec()),
        ], 0..12)) {
            let (set, found, gaps) = read(&bytes.concat());
            gaps.iter().for_each(|gap| crate::facts::testing::span(&set, gap.span));
            for proxy in found {
                crate::facts::testing::span(&set, proxy.span);
                proxy.established.span.iter().for_each(|span| crate::facts::testing::span(&set, *span));
            }
        }
    }
}
