//! Every kind knows its own files and leaves those of the others alone.

use casebook_core::{Kind, Sniff};
use casebook_formats::sysctl;

use super::envoy::ENVOY;
use super::haproxy::HAPROXY;
use super::ipvs::IPVS;
use super::kube_proxy::KUBE_PROXY;
use super::nginx::NGINX;
use super::reconnects::RECONNECTS;
use super::ss::SS;

static KINDS: &[&Kind] = &[&HAPROXY, &NGINX, &ENVOY, &KUBE_PROXY, &IPVS, &SS, &sysctl::KIND, &RECONNECTS];

/// A file of each kind, and files of others.
const FILES: &[(&str, &str)] = &[
    ("haproxy-config", "# c\nglobal\n log /dev/log local0\ndefaults\n mode http\n timeout client 50s\n"),
    ("nginx-config", "user www-data;\nevents { worker_connections 768; }\nhttp { include mime.types; sendfile on; }\n"),
    ("envoy-config", "static_resources:\n  listeners:\n  - filter_chains: []\n"),
    ("kube-proxy-config", "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: ipvs\n"),
    ("ipvs-timeouts", "Timeout (tcp tcpfin udp): 900 120 300\n"),
    ("ss", "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\nESTAB 0 0 127.0.0.1:1 127.0.0.1:2\n"),
    ("sysctl", "abi.vsyscall32 = 1\nnet.ipv4.ip_forward = 1\n"),
    ("sysctl", "# of the distribution\n-net.ipv4.conf.all.rp_filter = 2\n"),
    ("reconnect-log", "2026-11-24 03:14:22 RST\n2026-11-24 15:14:23 RST\n2026-11-25 03:14:23 RST\n"),
    ("", "table inet filter {\n chain input {\n  type filter hook input priority 0; policy drop;\n }\n}\n"),
    ("", "tcp      6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 [ASSURED] mark=0 use=1\n"),
    (
        "",
        "[1795639086.123456]\t    [NEW] tcp      6 120 SYN_SENT src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 [UNREPLIED]\n",
    ),
    ("", "[Unit]\nDescription=x\n[Service]\nExecStart=/bin/true\n"),
    ("", "services:\n  web:\n    image: nginx\n    command: [nginx]\n"),
    ("", "apiVersion: v1\nkind: Service\nspec: {ports: [{port: 80}]}\n"),
    ("", "{\"nftables\": [{\"metainfo\": {}}]}"),
    ("", "[package]\nname = \"x\"\n"),
    ("", "int main(void) {\n  return 0; /* RST */\n}\n"),
    ("", "resource \"aws_lb\" \"x\" {\n  idle_timeout = 350\n}\nserver {\n  listen = 1\n}\n"),
    ("", "20:38:06.123456 IP 10.0.0.1.80 > 10.0.0.2.1234: Flags [R.], seq 1, ack 1, win 0, length 0\n"),
    ("", ""),
];

#[test]
fn a_file_is_of_its_kind_and_of_no_other() {
    for (name, text) in FILES {
        for whole in [true, false] {
            let sniff = Sniff { path: "x", head: text.as_bytes(), whole };
            let said: Vec<&str> = KINDS.iter().filter(|kind| (kind.sniff)(&sniff)).map(|kind| kind.name).collect();
            let expected: Vec<&str> = if name.is_empty() { Vec::new() } else { vec![name] };
            // A head that is cut off loses its last line, and so can be too short for a kind that wants several.
            assert!(said == expected || !whole && said.is_empty(), "{text:?} is {said:?}, not {expected:?}");
        }
    }
}
