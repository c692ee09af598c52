//! nginx.conf as read here against `nginx -t`: what it refuses.

use std::path::Path;
use std::process::Command;

use case_tcp_rst::facts::nginx::{NGINX, parse};
use casebook_core::{Bytes, EvidenceSet};

use super::draw::{Draw, seeds};

const STREAM: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

fn missing() -> bool {
    let gone = Command::new("nginx").arg("-v").output().is_err();
    if gone {
        eprintln!("skipped: nginx is not installed");
    }
    gone
}

/// True when nginx takes the configuration.
fn takes(folder: &Path, text: &str) -> bool {
    let path = folder.join("nginx.conf");
    std::fs::write(&path, text).unwrap();
    let mut command = Command::new("nginx");
    command
        .arg("-t")
        .arg("-q")
        .arg("-p")
        .arg(folder)
        .arg("-c")
        .arg(&path)
        .args(["-g", "pid nginx.pid; error_log stderr;"]);
    command.output().unwrap().status.success()
}

fn ours(text: &str) -> Result<(), String> {
    let mut set = EvidenceSet::new();
    let id = set.add("nginx.conf", Some(NGINX.name), Bytes::new(text.as_bytes().to_vec()));
    let facts = parse(&set, set.get(id).unwrap()).facts;
    match facts.unmodelled.first() {
        None => Ok(()),
        Some(gap) => Err(gap.why.clone()),
    }
}

fn time(draw: &mut Draw) -> String {
    let mut text = String::new();
    let parts = if draw.one_in(4) { 2 + draw.below(2) } else { 1 };
    for _ in 0..parts {
        let number = match draw.below(16) {
            0 => draw.next().to_string(),
            1 => format!("{}{}", draw.next(), draw.below(10)),
            2 => String::new(),
            3 => "0".to_owned(),
            _ => draw.below(5000).to_string(),
        };
        let units = ["", "ms", "s", "m", "h", "d", "w", "M", "y", "S", "x", "us", ".5s", "-"];
        let unit = if draw.one_in(6) { draw.pick(&units) } else { draw.pick(&units[..6]) };
        text += &format!("{number}{unit}{}", draw.pick(&["", "", "", " "]));
    }
    text
}

fn word(draw: &mut Draw) -> String {
    let text = time(draw);
    match draw.below(24) {
        0 => format!("'{text}'"),
        1 => text,
        2 => format!("\"{text}\"{}", draw.pick(&["", "x", ";", " "])),
        3 => text.replace(' ', "\\ "),
        4 => format!("{} {}", text.trim(), draw.below(10)),
        5 => format!("\"{text}"),
        _ => format!("\"{text}\""),
    }
}

fn directive(draw: &mut Draw, names: &[&str]) -> String {
    let end = if draw.one_in(40) { draw.pick(&["", " ;", ";;", "}", " {}", "; # c\n"]) } else { ";" };
    format!("{} {}{end}", draw.pick(names), word(draw))
}

const ANYWHERE: &[&str] = &[
    "keepalive_timeout",
    "keepalive_time",
    "client_body_timeout",
    "send_timeout",
    "lingering_time",
    "lingering_timeout",
    "proxy_read_timeout",
    "proxy_send_timeout",
    "proxy_connect_timeout",
    "fastcgi_read_timeout",
    "grpc_send_timeout",
    "proxy_next_upstream_timeout",
    "resolver_timeout",
];

fn http(draw: &mut Draw) -> String {
    let mut at = |chance: u64, names: &[&str]| if draw.one_in(chance) { directive(draw, names) } else { String::new() };
    let (outer, inner, server) = (at(2, ANYWHERE), at(2, ANYWHERE), at(4, &["client_header_timeout"]));
    let pool = at(4, &["keepalive_timeout", "keepalive_time"]);
    let probes = match draw.below(6) {
        0 => format!(
            " so_keepalive={}",
            draw.pick(&["on", "off", "", "yes", "30m::10", "::", ":5:", "1h", "::x", "5ms", "1:2:3:4", "0:0:0"])
        ),
        _ => String::new(),
    };
    let flag = match draw.below(6) {
        0 => format!(
            "{} on;",
            draw.pick(&["reset_timedout_connection", "proxy_socket_keepalive", "gzip", "frobnicate", "tcp_nopush"])
        ),
        _ => String::new(),
    };
    format!(
        "events {{}}\nhttp {{ access_log off; {outer}\nupstream up {{ server 127.0.0.1:9; keepalive 4; {pool} }}\n\
         server {{ listen 127.0.0.1:0{probes}; {server} {flag}\nlocation / {{ proxy_pass http://up; {inner} }} }} }}\n"
    )
    .replace("127.0.0.1:0", "127.0.0.1:59999")
}

fn stream(draw: &mut Draw) -> String {
    let names = ["proxy_timeout", "proxy_connect_timeout", "preread_timeout", "proxy_protocol_timeout"];
    let outer = if draw.one_in(2) { directive(draw, &names) } else { String::new() };
    let inner = directive(draw, &names);
    format!(
        "load_module {STREAM};\nevents {{}}\nstream {{ {outer}\nserver {{ listen 127.0.0.1:59999; proxy_pass 127.0.0.1:9; {inner} }} }}\n"
    )
}

#[test]
fn nginx_refuses_the_same_configurations() {
    if missing() {
        return;
    }
    let has_stream = Path::new(STREAM).exists();
    if !has_stream {
        eprintln!("skipped: stream, its module is not installed");
    }
    for seed in seeds() {
        let mut draw = Draw::new(seed);
        let folder = tempfile::tempdir().unwrap();
        let (mut compared, mut taken, mut wrong) = (0, 0, Vec::new());
        for _ in 0..600 {
            let text = if has_stream && draw.one_in(4) { stream(&mut draw) } else { http(&mut draw) };
            let (theirs, ours) = (takes(folder.path(), &text), ours(&text));
            compared += 1;
            taken += u64::from(theirs);
            if theirs != ours.is_ok() {
                wrong.push(format!("nginx takes: {theirs}, we: {ours:?}\n{text}"));
            }
        }
        eprintln!("nginx -t: {compared} compared ({taken} taken), {} disagreed (seed {seed:#x})", wrong.len());
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
