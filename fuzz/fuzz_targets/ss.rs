//! Output of ss: any bytes give sockets with places inside.
#![no_main]

use case_tcp_rst::facts::ss;
use casebook_core::Sniff;
use casebook_fuzz::{evidence, inside};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (set, root) = evidence(ss::SS.name, data);
    let Some(item) = set.get(root) else { return };
    (ss::SS.sniff)(&Sniff { path: "x", head: data, whole: true });
    let listing = ss::parse(item);
    for socket in &listing.sockets {
        [socket.span, socket.line, socket.local.span, socket.peer.span].iter().for_each(|span| inside(&set, *span));
        socket.timer.iter().for_each(|timer| inside(&set, timer.span));
        let _ = (listing.keepalive(socket), socket.idle());
    }
    listing.unmodelled.iter().for_each(|gap| inside(&set, gap.span));
});
