use casebook_core::{Bytes, EvidenceSet};
use proptest::prelude::*;

use super::*;
use crate::facts::timer::{Micros, Proxy};

fn read(text: &str) -> (EvidenceSet, ProxyFacts) {
    let mut set = EvidenceSet::new();
    let id = set.add("haproxy.cfg", Some(HAPROXY.name), Bytes::new(text.as_bytes().to_vec()));
    let facts = set.get(id).map(parse).unwrap_or_default();
    (set, facts)
}

fn timer<'a>(proxy: &'a Proxy, name: &str) -> &'a Timer {
    proxy.timers.iter().find(|timer| timer.name == name).unwrap()
}

const PAIR: &str = "\
global
    hard-stop-after 30m
defaults
    mode tcp
    timeout client 50s
    timeout server 1m   # as long
    timeout connect 5000
frontend edge
    bind 10.0.0.1:443,[2001:db8::1]:443
    use_backend two if { src 10.0.0.0/8 }
    default_backend one
backend one
    server a 10.0.2.2:80 check
backend two
    timeout tunnel 12h
    option nolinger
    server b 10.0.2.3:80
";

#[test]
fn a_frontend_and_each_of_its_backends_are_a_proxy() {
    let (set, facts) = read(PAIR);
    assert_eq!(facts.unmodelled, []);
    let names: Vec<&str> = facts.proxies.iter().map(|proxy| proxy.name.as_str()).collect();
    assert_eq!(names, ["edge/two", "edge/one"]);
    let one = &facts.proxies[1];
    assert_eq!(timer(one, "timeout client").limit, Limit::After(Micros::seconds(50)));
    assert_eq!(timer(one, "timeout connect").limit, Limit::After(Micros::seconds(5)));
    // src/stream.c: the server's read timeout shuts one way only.
    assert_eq!(timer(one, "timeout server").ending, Ending::FinOneWay);
    assert_eq!(set.text(timer(one, "timeout server").span.unwrap()).unwrap(), "timeout server 1m");
    assert_eq!(one.listens.iter().map(|at| at.port).collect::<Vec<_>>(), [Some(443), Some(443)]);
    assert_eq!((one.keepalive_client, one.keepalive_server), (Some(false), Some(false)));
    assert_eq!(facts.process[0].limit, Limit::After(Micros::seconds(1800)));
}

/// configuration.txt: "timeout tunnel … supersedes both the client and server timeouts once the connection becomes a
/// tunnel"; in TCP mode this is at once.
#[test]
fn tunnel_takes_the_place_of_client_and_server() {
    let (_, facts) = read(PAIR);
    let two = &facts.proxies[0];
    let idle: Vec<&str> =
        two.timers.iter().filter(|timer| timer.measures == Measures::Idle).map(|timer| timer.name.as_str()).collect();
    assert_eq!(idle, ["timeout tunnel"]);
    assert_eq!(timer(two, "timeout server").ending, Ending::Rst);
    assert_eq!(timer(two, "timeout client").ending, Ending::FinThenRst);
}

#[test]
fn an_upgraded_connection_has_its_own_timers() {
    let (_, facts) = read(
        "defaults\n mode http\n timeout client 9s\n timeout tunnel 1h\nlisten web\n bind :80\n server a 10.0.0.1:80\n",
    );
    let web = &facts.proxies[0];
    assert_eq!(web.layer, Layer::Http);
    assert!(web.timers.iter().all(|timer| timer.name != "timeout tunnel"));
    assert_eq!(timer(web, "timeout http-keep-alive").limit, Limit::After(Micros::seconds(9)));
    let upgraded = &facts.upgraded[0];
    assert_eq!(timer(upgraded, "timeout tunnel").limit, Limit::After(Micros::seconds(3600)));
}

#[test]
fn defaults_hold_for_the_sections_after_them_and_by_name() {
    let text = "defaults a\n timeout client 1s\ndefaults b from a\n mode http\ndefaults\n timeout client 3s\n\
                listen x\n bind :1\nlisten y from b\n bind :2\n";
    let (_, facts) = read(text);
    assert_eq!(timer(&facts.proxies[0], "timeout client").limit, Limit::After(Micros::seconds(3)));
    assert_eq!(facts.proxies[0].layer, Layer::Tcp);
    assert_eq!(timer(&facts.proxies[1], "timeout client").limit, Limit::After(Micros::seconds(1)));
    assert_eq!(facts.proxies[1].layer, Layer::Http);
    assert_eq!(timer(&facts.proxies[1], "timeout server").limit, Limit::Never);
}

#[test]
fn the_last_default_backend_holds() {
    let text = "defaults\n default_backend a\nfrontend f\n bind :1\n default_backend b\n default_backend c\n\
                frontend g\n bind :2\nbackend a\nbackend b\nbackend c\n";
    let (_, facts) = read(text);
    let names: Vec<&str> = facts.proxies.iter().map(|proxy| proxy.name.as_str()).collect();
    assert_eq!(names, ["f/c", "g/a", "b"]);
}

#[test]
fn variables_are_unknown_without_a_default() {
    let text =
        "defaults\n timeout client \"${T}\"\n timeout server \"${T-7s}\"\nlisten x\n bind :1\n server s \"$A\":80\n";
    let (set, facts) = read(text);
    assert_eq!(timer(&facts.proxies[0], "timeout client").limit, Limit::Unknown);
    assert_eq!(timer(&facts.proxies[0], "timeout server").limit, Limit::After(Micros::seconds(7)));
    let said: Vec<String> = facts.unmodelled.iter().filter_map(|gap| set.text(gap.span)).collect();
    assert_eq!(said, ["timeout client \"${T}\"", "server s \"$A\":80"]);
}

#[test]
fn what_stands_under_a_condition_is_unknown() {
    let text = "defaults\n timeout client 1s\n.if streq(a,b)\n timeout client 2s\n.endif\nlisten x\n bind :1\n";
    let (set, facts) = read(text);
    assert_eq!(timer(&facts.proxies[0], "timeout client").limit, Limit::Unknown);
    assert_eq!(set.text(facts.unmodelled[0].span).unwrap(), ".if streq(a,b)\n timeout client 2s\n.endif");
}

#[test]
fn what_can_touch_time_is_reported_and_what_cannot_is_not() {
    let text = "listen x\n bind :1\n balance roundrobin\n frobnicate 5s\n option redispatch\n option nosuch\n \
                http-request set-timeout server 5s\n http-request deny if FALSE\n timeout client 5x\n no option tcpka\n";
    let (set, facts) = read(text);
    let said: Vec<String> = facts.unmodelled.iter().filter_map(|gap| set.text(gap.span)).collect();
    assert_eq!(
        said,
        [
            "frobnicate 5s",
            "option nosuch",
            "http-request set-timeout server 5s",
            "timeout client 5x",
            "no option tcpka"
        ]
    );
    assert_eq!(timer(&facts.proxies[0], "timeout client").limit, Limit::Unknown);
}

#[test]
fn old_names_are_read_and_said_to_be_refused() {
    let (_, facts) = read("listen x\n bind :1\n clitimeout 150000\n");
    assert_eq!(timer(&facts.proxies[0], "timeout client").limit, Limit::After(Micros::seconds(150)));
    assert!(facts.unmodelled[0].why.contains("2.1"));
}

#[test]
fn words_are_cut_as_parse_line_cuts_them() {
    let cut = |text: &str| {
        words::cut(text.as_bytes(), 0).map(|list| list.into_iter().map(|word| word.text).collect::<Vec<_>>())
    };
    assert_eq!(cut(r#"a\ b "c d"'e $f' # g"#).unwrap(), ["a b", "c de $f"]);
    assert_eq!(cut(r#""" \x41\1 "\$x" $y"#).unwrap(), ["", r"A\1", "$x", "$y"]);
    assert!(cut("a \"b").is_err());
    assert!(cut(r"a \xg").is_err());
}

#[test]
fn other_files_are_not_taken() {
    let is = |text: &str| sniff(&Sniff { path: "x", head: text.as_bytes(), whole: true });
    assert!(is(PAIR));
    assert!(is("# c\nlisten web\n bind :80\n"));
    assert!(!is("global = 1\nmode = tcp\n"));
    assert!(!is("server {\n listen 80;\n}\n"));
    assert!(!is("defaults:\n  mode: tcp\n"));
    assert!(!is("[global]\nworkgroup = X\n"));
    assert!(!is("backend web {\n  server a;\n}\n"));
}

proptest! {
    #[test]
    fn any_bytes_give_places_inside(bytes in prop::collection::vec(prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        prop::sample::select(vec!["global\n", "defaults a\n", "defaults b from a\n", "listen x\n", "frontend f\n", "backend b\n",
            " timeout client ", "5s", " timeout tunnel ", "\n", "\"", "${X-", "}", "$", "\\x", "\\", ".if a\n", ".endif\n",
            " bind :1\n", " server a b:1 \n", " option ", "nolinger\n", "no ", "use_backend b\n", "default_backend %[x]\n"])
            .prop_map(|text| text.as_bytes().to_vec()),
    ], 0..40)) {
        let bytes = bytes.concat();
        let mut set = EvidenceSet::new();
        let id = set.add("x", None, Bytes::new(bytes.clone()));
        let facts = parse(set.get(id).unwrap());
        sniff(&Sniff { path: "x", head: &bytes, whole: true });
        crate::facts::testing::inside(&set, &facts);
    }
}
