//! sysctl files in order, IPVS timeouts, kube-proxy: any bytes give settings with places inside.
#![no_main]

use case_tcp_rst::facts::{ipvs, kube_proxy, settings};
use casebook_fuzz::{evidence, inside};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (set, root) = evidence("sysctl", data);
    let all = settings::read(&set.iter().collect::<Vec<_>>());
    all.found.values().chain(all.configured.values()).for_each(|found| inside(&set, found.span));
    all.unmodelled.iter().for_each(|gap| inside(&set, gap.span));
    let Some(item) = set.get(root) else { return };
    let (found, gaps) = ipvs::parse(item);
    found.iter().for_each(|found| inside(&set, found.span));
    gaps.iter().for_each(|gap| inside(&set, gap.span));
    let (found, gaps) = kube_proxy::parse(item);
    for proxy in &found {
        inside(&set, proxy.span);
        proxy.established.span.iter().for_each(|span| inside(&set, *span));
    }
    gaps.iter().for_each(|gap| inside(&set, gap.span));
});
