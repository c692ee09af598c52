use casebook_core::{Bytes, EvidenceSet};
use proptest::prelude::*;

use super::*;
use crate::facts::timer::{Layer, Proxy};

fn read(text: &str) -> (EvidenceSet, ProxyFacts) {
    let mut set = EvidenceSet::new();
    let id = set.add("envoy.yaml", Some(ENVOY.name), Bytes::new(text.as_bytes().to_vec()));
    let facts = set.get(id).map(parse).unwrap_or_default();
    (set, facts)
}

fn timer<'a>(proxy: &'a Proxy, name: &str) -> &'a Timer {
    proxy.timers.iter().find(|timer| timer.name == name).unwrap()
}

const BOOTSTRAP: &str = r#"
static_resources:
  listeners:
  - name: web
    address: {socket_address: {address: 0.0.0.0, port_value: 443}}
    socket_options: [{level: 1, name: 9, int_value: 1}]
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          common_http_protocol_options: {idle_timeout: 900s, max_connection_duration: {seconds: 43200}}
          stream_idle_timeout: 0s
          upgrade_configs: [{upgrade_type: websocket}]
          route_config:
            virtual_hosts:
            - domains: ["*"]
              routes:
              - match: {prefix: /api}
                route: {cluster: app, timeout: 0.5s, idle_timeout: 7s}
              - match: {prefix: /}
                route: {weighted_clusters: {clusters: [{name: app, weight: 1}]}}
  - name: db
    address: {socket_address: {address: 10.0.0.1, port_value: 5432}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.tcp_proxy
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          cluster: pg
          max_downstream_connection_duration: 12h
  clusters:
  - name: app
    connect_timeout: 1s
    circuit_breakers: {thresholds: [{max_connections: 1}]}
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        common_http_protocol_options: {idle_timeout: 30s}
    load_assignment:
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 10.0.2.2, port_value: 8080}}}}]}]
  - name: pg
    lb_policy: ROUND_ROBIN
    upstream_connection_options: {tcp_keepalive: {keepalive_time: 300, keepalive_probes: 3}}
    load_assignment:
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 10.0.2.3, port_value: 5432}}}}]}]
"#;

#[test]
fn listeners_and_clusters_are_joined_to_proxies() {
    let (set, facts) = read(BOOTSTRAP);
    let names: Vec<&str> = facts.proxies.iter().map(|proxy| proxy.name.as_str()).collect();
    assert_eq!(names, ["web/app", "web/app", "db/pg"]);
    let [api, rest, db] = facts.proxies.as_slice() else { panic!() };
    let idle = timer(api, "common_http_protocol_options.idle_timeout");
    assert_eq!(
        (idle.limit, set.text(idle.span.unwrap()).as_deref()),
        (Limit::After(Micros::seconds(900)), Some("900s"))
    );
    let life = timer(api, "common_http_protocol_options.max_connection_duration");
    assert_eq!((life.limit, life.measures), (Limit::After(Micros::seconds(43_200)), Measures::Lifetime));
    assert_eq!(timer(api, "route.timeout").limit, Limit::After(Micros::millis(500)));
    assert_eq!(timer(api, "route.idle_timeout").limit, Limit::After(Micros::seconds(7)));
    assert_eq!(timer(rest, "stream_idle_timeout").limit, Limit::Never);
    assert_eq!(timer(rest, "route.timeout").limit, Limit::After(Micros::seconds(15)));
    assert_eq!(
        timer(api, "cluster common_http_protocol_options.idle_timeout").limit,
        Limit::After(Micros::seconds(30))
    );
    assert_eq!((api.keepalive_client, api.keepalive_server), (Some(true), Some(false)));
    assert_eq!((db.layer, db.keepalive_server, facts.counts[0].count), (Layer::Tcp, Some(true), 3));
    assert_eq!(timer(db, "tcp_proxy.idle_timeout").limit, Limit::After(Micros::seconds(3600)));
    assert_eq!((db.servers[0].host.as_str(), db.servers[0].port), ("10.0.2.3", Some(5432)));
    // `12h` is Go's way to write it, not protobuf's.
    let said: Vec<String> = facts.unmodelled.iter().filter_map(|gap| set.text(gap.span)).collect();
    assert_eq!(
        (timer(db, "tcp_proxy.max_downstream_connection_duration").limit, said),
        (Limit::Unknown, vec!["12h".to_owned()])
    );
}

#[test]
fn an_upgraded_stream_is_the_connection() {
    let (_, facts) = read(BOOTSTRAP);
    let upgraded = &facts.upgraded[0];
    let idle = timer(upgraded, "route.idle_timeout");
    assert_eq!((idle.limit, idle.measures), (Limit::After(Micros::seconds(7)), Measures::Idle));
}

#[test]
fn json_and_camel_case_are_read_too() {
    let text = r#"{"staticResources": {"listeners": [{"name": "l", "filterChains": [{"filters": [{"typedConfig":
        {"@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy", "cluster": "c", "idleTimeout": "350s"}}]}]}],
        "clusters": [{"name": "c", "connectTimeout": "2s"}]}}"#;
    let (_, facts) = read(text);
    assert_eq!(timer(&facts.proxies[0], "tcp_proxy.idle_timeout").limit, Limit::After(Micros::seconds(350)));
    assert_eq!(timer(&facts.proxies[0], "connect_timeout").limit, Limit::After(Micros::seconds(2)));
}

#[test]
fn what_the_file_does_not_hold_is_reported() {
    let text = "dynamic_resources: {}\nstatic_resources:\n  listeners:\n  - name: a\n    filter_chains:\n    - filters:\n      - name: x\n        typed_config: {\"@type\": type.googleapis.com/envoy.extensions.filters.network.redis_proxy.v3.RedisProxy}\n      - name: y\n        typed_config: {\"@type\": t/TcpProxy, cluster: nowhere, odd_idle_timeout: 5s}\n";
    let (_, facts) = read(text);
    let why: Vec<&str> = facts.unmodelled.iter().map(|gap| gap.why.as_str()).collect();
    assert_eq!(why.len(), 4, "{why:?}");
    assert_eq!(facts.proxies[0].keepalive_server, None);
}

#[test]
fn other_yaml_is_not_taken() {
    let is = |text: &str| sniff(&Sniff { path: "x", head: text.as_bytes(), whole: true });
    assert!(is(BOOTSTRAP));
    assert!(!is(
        "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nspec: {filter_chains: type.googleapis.com/envoy}\n"
    ));
    assert!(!is("services:\n  envoy:\n    image: envoy\n"));
    assert!(!is("static_resources: 1\n"));
}

proptest! {
    #[test]
    fn any_bytes_give_places_inside(parts in prop::collection::vec(prop_oneof![
        any::<char>().prop_map(String::from),
        prop::sample::select(BOOTSTRAP.split_inclusive('\n').collect::<Vec<_>>()).prop_map(str::to_owned),
    ], 0..40)) {
        let (set, facts) = read(&parts.concat());
        crate::facts::testing::inside(&set, &facts);
    }

    /// A whole configuration with a stretch cut out.
    #[test]
    fn a_cut_configuration_gives_places_inside(from in 0..BOOTSTRAP.len(), len in 0..200usize) {
        let end = (from + len).min(BOOTSTRAP.len());
        let text = format!("{}{}", &BOOTSTRAP[..from], &BOOTSTRAP[end..]);
        let (set, facts) = read(&text);
        crate::facts::testing::inside(&set, &facts);
    }
}
