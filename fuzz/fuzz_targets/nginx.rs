//! nginx.conf with files that include each other: any bytes give timers with places inside.
#![no_main]

use case_tcp_rst::facts::nginx;
use casebook_core::Sniff;
use casebook_fuzz::{evidence, proxies};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (set, root) = evidence(nginx::NGINX.name, data);
    let Some(item) = set.get(root) else { return };
    (nginx::NGINX.sniff)(&Sniff { path: "x", head: data, whole: true });
    proxies(&set, &nginx::parse(&set, item).facts);
    if let Some(refers) = nginx::NGINX.refers {
        refers(item).iter().for_each(|reference| assert!(!reference.patterns.is_empty()));
    }
});
