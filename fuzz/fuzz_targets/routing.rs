//! `ip -j rule`, `ip -j route`, `ip -j addr`.
#![no_main]

use case_nftables::facts::routing;
use casebook_fuzz::{evidence, inside};
use libfuzzer_sys::fuzz_target;

macro_rules! check {
    ($set:expr, $list:expr) => {
        let list = $list;
        list.items.iter().for_each(|item| inside($set, item.span));
        list.unmodelled.iter().for_each(|gap| inside($set, gap.span));
        list.errors.iter().for_each(|error| {
            inside($set, error.span);
            inside($set, error.skipped);
        });
    };
}

fuzz_target!(|data: &[u8]| {
    let (set, root) = evidence("ip-rule-json", data);
    let Some(item) = set.get(root) else { return };
    check!(&set, routing::rules(root, item.as_bytes()));
    check!(&set, routing::routes(root, item.as_bytes()));
    check!(&set, routing::addresses(root, item.as_bytes()));
});
