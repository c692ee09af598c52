use casebook_core::Bytes;
use proptest::prelude::*;

use super::*;
use crate::facts::timer::{Ending, Layer, Leg, Measures, Micros, Proxy, Timer};

fn files(list: &[(&str, &str)]) -> (EvidenceSet, NginxFacts) {
    let mut set = EvidenceSet::new();
    let ids: Vec<EvidenceId> = list
        .iter()
        .map(|(name, text)| set.add(*name, Some(NGINX.name), Bytes::new(text.as_bytes().to_vec())))
        .collect();
    for from in &ids {
        list.iter().zip(&ids).for_each(|((name, _), to)| set.link(*from, *name, vec![*to]));
    }
    let facts = parse(&set, set.get(ids[0]).unwrap());
    (set, facts)
}

fn read(text: &str) -> (EvidenceSet, ProxyFacts) {
    let (set, facts) = files(&[("nginx.conf", text)]);
    (set, facts.facts)
}

fn timer<'a>(proxy: &'a Proxy, name: &str) -> &'a Timer {
    proxy.timers.iter().find(|timer| timer.name == name).unwrap()
}

const CONF: &str = "\
user www-data;
worker_shutdown_timeout 5m;
events { worker_connections 768; }
http {
    keepalive_timeout 65s 60s;
    proxy_read_timeout \"1h 30m\"; # long
    upstream app { server 10.0.2.2:8080; server [2001:db8::2]; keepalive 16; keepalive_timeout 45s; }
    server {
        listen 80;
        listen 10.0.0.1:443 ssl so_keepalive=30m::10;
        server_name example.org www.example.org;
        location / { proxy_pass http://app/x; proxy_socket_keepalive on; }
        location /ws {
            proxy_pass https://10.0.2.9;
            proxy_set_header Upgrade $http_upgrade;
            proxy_read_timeout 5s;
            keepalive_timeout 0;
        }
    }
}
stream {
    proxy_timeout 20m;
    server { listen 5432; proxy_pass 10.0.2.3:5432; }
    server { listen 127.0.0.1:5433; proxy_pass db; proxy_timeout 3h; }
    upstream db { server db1:5432; server db2:5432 backup; }
}
";

#[test]
fn each_location_that_passes_is_a_proxy_with_what_it_inherits() {
    let (set, facts) = read(CONF);
    assert_eq!(facts.unmodelled, []);
    let names: Vec<&str> = facts.proxies.iter().map(|proxy| proxy.name.as_str()).collect();
    assert_eq!(names, ["example.org /", "example.org /ws", "*:5432", "127.0.0.1:5433"]);
    let [root, ws, ..] = facts.proxies.as_slice() else { panic!() };
    assert_eq!(timer(root, "keepalive_timeout").limit, Limit::After(Micros::seconds(65)));
    assert_eq!(timer(root, "keepalive_timeout").origin, "inherited from `http`");
    assert_eq!(set.text(timer(root, "proxy_read_timeout").span.unwrap()).unwrap(), "proxy_read_timeout \"1h 30m\"");
    assert_eq!(timer(root, "proxy_read_timeout").limit, Limit::After(Micros::seconds(5400)));
    assert_eq!(timer(root, "upstream keepalive_timeout").limit, Limit::After(Micros::seconds(45)));
    assert_eq!(timer(root, "upstream keepalive_time").limit, Limit::After(Micros::seconds(3600)));
    assert_eq!(timer(root, "so_keepalive idle").limit, Limit::After(Micros::seconds(1800)));
    assert_eq!(root.servers.iter().map(|at| at.port).collect::<Vec<_>>(), [Some(8080), Some(80)]);
    // One address has SO_KEEPALIVE, the other has not.
    assert_eq!((root.keepalive_client, root.keepalive_server), (None, Some(true)));
    assert_eq!(timer(ws, "keepalive_timeout").limit, Limit::After(Micros(0)));
    assert_eq!((ws.servers[0].host.as_str(), ws.servers[0].port), ("10.0.2.9", Some(443)));
    assert_eq!(timer(ws, "keepalive_time").measures, Measures::LifetimeAtMessage);
    assert_eq!(facts.counts[0].count, 10);
    assert_eq!(facts.process[0].limit, Limit::After(Micros::seconds(300)));
}

#[test]
fn an_upgraded_connection_is_idle_by_the_read_timeout() {
    let (_, facts) = read(CONF);
    let [ws] = facts.upgraded.as_slice() else { panic!() };
    let read = timer(ws, "proxy_read_timeout");
    assert_eq!((read.limit, read.leg), (Limit::After(Micros::seconds(5)), Leg::Both));
}

#[test]
fn a_stream_server_has_one_idle_timer() {
    let (_, facts) = read(CONF);
    let [.., first, second] = facts.proxies.as_slice() else { panic!() };
    assert_eq!((first.layer, timer(first, "proxy_timeout").limit), (Layer::Tcp, Limit::After(Micros::seconds(1200))));
    assert_eq!(timer(second, "proxy_timeout").limit, Limit::After(Micros::seconds(10_800)));
    assert_eq!(second.servers.len(), 2);
    assert_eq!(first.keepalive_server, Some(false));
}

/// hashicorp/boundary#3133: "exact 10 m" was the default of `proxy_timeout`.
#[test]
fn defaults_are_those_of_the_manual() {
    let (_, facts) = read("events {}\nstream { server { listen 1; proxy_pass a:1; } }\nhttp { server { } }\n");
    let tcp = facts.proxies.iter().find(|proxy| proxy.layer == Layer::Tcp).unwrap();
    assert_eq!(timer(tcp, "proxy_timeout").limit, Limit::After(Micros::seconds(600)));
    let http = facts.proxies.iter().find(|proxy| proxy.layer == Layer::Http).unwrap();
    assert_eq!(timer(http, "keepalive_timeout").limit, Limit::After(Micros::seconds(75)));
    assert_eq!(http.listens[0].port, Some(80));
}

#[test]
fn included_files_stand_where_they_are_named_and_keep_their_places() {
    let main = "http { include \"site\"; include missing; }\n";
    let site = "server { listen 81; location / { proxy_pass http://a; proxy_read_timeout 7s; } }\n";
    let (set, facts) = files(&[("nginx.conf", main), ("site", site)]);
    let read = timer(&facts.facts.proxies[0], "proxy_read_timeout");
    assert_eq!(set.text(read.span.unwrap()).unwrap(), "proxy_read_timeout 7s");
    assert_eq!(facts.included, [EvidenceId(1)]);
    let said: Vec<String> = facts.facts.unmodelled.iter().filter_map(|gap| set.text(gap.span)).collect();
    assert_eq!(said, ["include missing"]);
    let names: Vec<String> =
        tree::references(set.get(EvidenceId(0)).unwrap()).into_iter().map(|item| item.name).collect();
    assert_eq!(names, ["site", "missing"]);
}

#[test]
fn a_file_that_includes_itself_ends() {
    let (_, facts) = files(&[("nginx.conf", "http { include nginx.conf; }")]);
    assert_eq!(facts.facts.unmodelled[0].why, "includes that do not end");
}

#[test]
fn a_part_of_a_configuration_does_not_claim_defaults() {
    let (_, facts) = read("server { listen 80; location / { proxy_pass http://a; send_timeout 3s; } }\n");
    let proxy = &facts.proxies[0];
    assert_eq!(timer(proxy, "keepalive_timeout").limit, Limit::Unknown);
    assert_eq!(timer(proxy, "send_timeout").limit, Limit::After(Micros::seconds(3)));
}

#[test]
fn unknown_directives_variables_and_bad_times_are_reported() {
    let text = "http {\n frobnicate 5s;\n gzip on;\n send_timeout $t;\n keepalive_timeout 5x;\n keepalive_time 1m 2m;\n \
                send_timeout 2s;\n server { location / { proxy_pass http://$up; content_by_lua_block { a = '}' } } }\n}\n}\n";
    let (set, facts) = read(text);
    let mut said: Vec<String> = facts.unmodelled.iter().filter_map(|gap| set.text(gap.span)).collect();
    said.sort();
    let mut expected = [
        "frobnicate 5s",
        "send_timeout $t",
        "keepalive_timeout 5x",
        "keepalive_time 1m 2m",
        "send_timeout 2s",
        "proxy_pass http://$up",
        "content_by_lua_block { a = '}' }",
        "}",
    ];
    expected.sort_unstable();
    assert_eq!(said, expected);
}

/// Laboratory: nginx 1.22 closes an idle keep-alive connection with FIN also under `reset_timedout_connection`.
#[test]
fn a_timed_out_request_is_reset_where_that_is_asked() {
    let (_, facts) = read("http { reset_timedout_connection on; server { } }\n");
    assert_eq!(timer(&facts.proxies[0], "send_timeout").ending, Ending::Rst);
    assert_eq!(timer(&facts.proxies[0], "keepalive_timeout").ending, Ending::FinThenRst);
}

#[test]
fn words_are_cut_as_nginx_cuts_them() {
    let words = |text: &str| -> Vec<String> {
        let (list, _) = tokens::parse(EvidenceId(0), text.as_bytes());
        list.iter().flat_map(|directive| directive.words.iter().map(|word| word.text.clone())).collect()
    };
    assert_eq!(words(r#"a "b;c" 'd{' e\;f ${g}h;"#), ["a", "b;c", "d{", r"e\;f", "${g}h"]);
    assert_eq!(words("a\"b c;# x\n d;"), ["a\"b", "c", "d"]);
}

#[test]
fn other_brace_languages_are_not_taken() {
    let is = |text: &str| sniff(&Sniff { path: "x", head: text.as_bytes(), whole: true });
    assert!(is(CONF));
    assert!(is("# site\nserver {\n listen 80;\n}\n"));
    assert!(is("upstream app { server 10.0.0.1; }\n"));
    assert!(!is("table inet filter {\n chain input { type filter hook input priority 0; }\n}\n"));
    assert!(!is("server {\n  enabled = true\n  listen = \"0.0.0.0\"\n}\n"));
    assert!(!is("example.org {\n reverse_proxy localhost:80\n}\n"));
    assert!(!is("options {\n directory \"/var\";\n};\nzone \".\" { type hint; };\n"));
    assert!(!is("int main() { return 0; }\n"));
    assert!(!is("{\"http\": {\"server\": 1}}"));
}

proptest! {
    #[test]
    fn any_bytes_give_places_inside(bytes in prop::collection::vec(prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        prop::sample::select(vec!["http {", "server {", "location / {", "stream{", "upstream a {", "}", ";", " ", "\"", "'",
            "\\", "proxy_pass http://a;", "listen 80", "so_keepalive=1:2:3", "include x;", "$", "${", "keepalive_timeout 5s;",
            "a_by_lua_block {", "--", "#", "\n"]).prop_map(|text| text.as_bytes().to_vec()),
    ], 0..40)) {
        let bytes = bytes.concat();
        let mut set = EvidenceSet::new();
        let id = set.add("x", None, Bytes::new(bytes.clone()));
        set.link(id, "x", vec![id]);
        let facts = parse(&set, set.get(id).unwrap());
        sniff(&Sniff { path: "x", head: &bytes, whole: true });
        tree::references(set.get(id).unwrap());
        crate::facts::testing::inside(&set, &facts.facts);
    }
}

#[test]
fn a_pattern_of_an_absolute_folder_never_means_the_files_beside() {
    let main = "http { include /etc/nginx/conf.d/*.conf; include /etc/nginx/a.conf; }";
    let (set, _) = files(&[("nginx.conf", main)]);
    let found = tree::references(set.get(EvidenceId(0)).unwrap());
    assert!(
        found[0].patterns.contains(&"conf.d/*.conf".to_owned()) && !found[0].patterns.contains(&"*.conf".to_owned())
    );
    assert!(found[1].patterns.contains(&"a.conf".to_owned()));
}
