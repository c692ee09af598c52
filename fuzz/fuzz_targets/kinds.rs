//! Recognition by content: any bytes under any name, whole or cut off, and the names a file refers to.
#![no_main]

use case_nftables::KINDS;
use casebook_core::Sniff;
use casebook_fuzz::evidence;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for path in ["a.nft", "ruleset.json", "-"] {
        for whole in [true, false] {
            for kind in KINDS {
                (kind.sniff)(&Sniff { path, head: data, whole });
            }
        }
    }
    let (set, root) = evidence("nft-text", data);
    let Some(item) = set.get(root) else { return };
    for refers in KINDS.iter().filter_map(|kind| kind.refers) {
        for reference in refers(item) {
            assert!(!reference.patterns.is_empty());
        }
    }
});
