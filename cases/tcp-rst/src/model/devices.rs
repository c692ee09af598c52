//! Timers that no file on the machine tells: what cloud balancers, firewalls and kernels do by default, and where that is
//! written.

use crate::facts::timer::{Ending, Measures, Micros, Refresh};

/// A device somebody can have on a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Name in `path.toml` and in reports.
    pub name: &'static str,
    /// What it is.
    pub what: &'static str,
    /// The timer.
    pub after: Micros,
    /// Least and most it can be set to, when it can.
    pub settable: Option<(Micros, Micros)>,
    /// What it measures.
    pub measures: Measures,
    /// What starts it anew.
    pub refresh: Refresh,
    /// How it ends a connection.
    pub ending: Ending,
    /// What it does with the next packet of a connection it has forgotten.
    pub afterwards: Afterwards,
    /// Where this is written.
    pub source: &'static str,
}

/// What a device does with a packet of a connection it has forgotten in silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Afterwards {
    /// It answers the sender with a RST.
    Resets,
    /// It drops the packet.
    Drops,
    /// Its manual does not say, or that depends on its rules.
    Unsaid,
}

const fn device(
    name: &'static str,
    what: &'static str,
    seconds: u64,
    refresh: Refresh,
    ending: Ending,
    source: &'static str,
) -> Device {
    Device {
        name,
        what,
        after: Micros::seconds(seconds),
        settable: None,
        measures: Measures::Idle,
        refresh,
        ending,
        afterwards: Afterwards::Unsaid,
        source,
    }
}

impl Device {
    const fn settable(self, low_s: u64, high_s: u64) -> Self {
        Self { settable: Some((Micros::seconds(low_s), Micros::seconds(high_s))), ..self }
    }

    const fn then(self, afterwards: Afterwards) -> Self {
        Self { afterwards, ..self }
    }

    const fn lifetime(self, measures: Measures) -> Self {
        Self { measures, ..self }
    }
}

use Ending::{AnswerAndFin, Fin, Rst, Silent};
use Refresh::{Message, Nothing, Payload, Segment};

/// Known devices, in order of their timer.
pub const DEVICES: &[Device] = &[
    device("aws-alb", "AWS Application Load Balancer", 60, Message, Fin, "docs.aws.amazon.com: ALB, idle timeout")
        .settable(1, 4_000),
    device("aws-clb", "AWS Classic Load Balancer", 60, Payload, Fin, "docs.aws.amazon.com: CLB, idle timeout")
        .settable(1, 4_000),
    device(
        "gcp-external-passthrough",
        "Google external passthrough load balancer",
        60,
        Segment,
        Silent,
        "cloud.google.com: load balancing, connection tracking",
    ),
    device(
        "ipvs-close-wait",
        "IPVS, half-closed connection",
        60,
        Segment,
        Silent,
        "Linux ip_vs_proto_tcp.c tcp_timeouts",
    ),
    device("nginx-keepalive", "nginx keepalive_timeout", 75, Message, Fin, "nginx.org: ngx_http_core_module"),
    device(
        "azure-lb",
        "Azure Load Balancer",
        240,
        Segment,
        Silent,
        "learn.microsoft.com: load balancer, TCP idle timeout",
    )
    .settable(240, 6_000),
    device(
        "azure-lb-reset",
        "Azure Load Balancer with TCP reset on idle",
        240,
        Segment,
        Rst,
        "learn.microsoft.com: load balancer, TCP reset",
    )
    .settable(240, 6_000),
    device(
        "conntrack-unacknowledged",
        "conntrack while data is not acknowledged, or after a pickup without reply",
        300,
        Segment,
        Silent,
        "Linux nf_conntrack_proto_tcp.c tcp_timeouts",
    ),
    device("cilium-old", "Cilium connection tracking, first releases", 300, Segment, Silent, "cilium issue 4389"),
    device(
        "aws-nlb",
        "AWS Network Load Balancer, TCP listener",
        350,
        Segment,
        Silent,
        "docs.aws.amazon.com: NLB, connection idle timeout",
    )
    .then(Afterwards::Resets)
    .settable(60, 6_000),
    device(
        "aws-nlb-tls",
        "AWS Network Load Balancer, TLS listener",
        350,
        Payload,
        Silent,
        "docs.aws.amazon.com: NLB, connection idle timeout",
    )
    .then(Afterwards::Resets),
    device(
        "aws-nitro-v6",
        "EC2 connection tracking on Nitro v6",
        350,
        Segment,
        Silent,
        "docs.aws.amazon.com: EC2 security groups, connection tracking",
    ),
    device(
        "aws-network-firewall",
        "AWS Network Firewall",
        350,
        Segment,
        Silent,
        "docs.aws.amazon.com: Network Firewall, TCP idle timeout",
    )
    .then(Afterwards::Drops)
    .settable(60, 6_000),
    device("gcp-firewall", "Google VPC firewall", 600, Segment, Silent, "cloud.google.com: VPC firewall rules"),
    device(
        "gcp-internal-passthrough",
        "Google internal passthrough load balancer",
        600,
        Segment,
        Silent,
        "cloud.google.com: load balancing, connection tracking",
    )
    .settable(60, 57_600),
    device(
        "gcp-proxy-client",
        "Google proxy load balancer, client keepalive",
        610,
        Message,
        Fin,
        "cloud.google.com: load balancing, timeouts",
    ),
    device("nginx-stream", "nginx stream proxy_timeout", 600, Payload, Fin, "nginx.org: ngx_stream_proxy_module"),
    device("ipvs", "IPVS, established connection", 900, Segment, Silent, "Linux ip_vs_proto_tcp.c tcp_timeouts"),
    device("calico-ebpf", "Calico eBPF connection tracking", 3_600, Segment, Silent, "calico issue 9372"),
    device("envoy-http-idle", "Envoy HTTP idle_timeout", 3_600, Message, AnswerAndFin, "envoyproxy.io: FAQ, timeouts"),
    device("envoy-tcp-idle", "Envoy tcp_proxy idle_timeout", 3_600, Payload, Fin, "envoyproxy.io: FAQ, timeouts"),
    device("nginx-keepalive-time", "nginx keepalive_time", 3_600, Nothing, Fin, "nginx.org: ngx_http_core_module")
        .lifetime(Measures::LifetimeAtMessage),
    device(
        "kube-proxy-close-wait",
        "kube-proxy, half-closed connection",
        3_600,
        Segment,
        Silent,
        "kubernetes.io: kube-proxy, conntrack-tcp-timeout-close-wait",
    ),
    device("cilium", "Cilium connection tracking", 8_000, Segment, Silent, "cilium pull request 27665"),
    device("rfc5382-nat", "a NAT that keeps to RFC 5382 and no longer", 7_440, Segment, Silent, "RFC 5382, REQ-5"),
    device(
        "cilium-12h",
        "Cilium connection tracking before issue 4389 was solved",
        43_200,
        Segment,
        Silent,
        "cilium issue 4389",
    ),
    device(
        "kube-proxy",
        "conntrack as kube-proxy sets it",
        86_400,
        Segment,
        Silent,
        "kubernetes.io: kube-proxy, conntrack-tcp-timeout-established",
    ),
    device(
        "conntrack",
        "conntrack, established connection",
        432_000,
        Segment,
        Silent,
        "Linux nf_conntrack_proto_tcp.c tcp_timeouts",
    ),
];

/// The device of this name.
pub fn find(name: &str) -> Option<&'static Device> {
    DEVICES.iter().find(|device| device.name == name)
}

/// Devices whose timer lies in `(above, at_most]`.
pub fn within(above: Micros, at_most: Micros) -> impl Iterator<Item = &'static Device> {
    DEVICES.iter().filter(move |device| device.after > above && device.after <= at_most)
}
