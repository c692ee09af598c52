//! haproxy.cfg: any bytes give timers with places inside.
#![no_main]

use case_tcp_rst::facts::haproxy;
use casebook_core::Sniff;
use casebook_fuzz::{evidence, proxies};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (set, root) = evidence(haproxy::HAPROXY.name, data);
    let Some(item) = set.get(root) else { return };
    (haproxy::HAPROXY.sniff)(&Sniff { path: "x", head: data, whole: true });
    proxies(&set, &haproxy::parse(item));
});
