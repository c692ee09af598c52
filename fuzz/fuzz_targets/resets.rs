//! The whole case tcp-rst over two captures and a log of events: every rule runs, every place of a finding is inside.
#![no_main]

use casebook_fuzz::whole;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| whole(&case_tcp_rst::CASE, &["capture", "capture", "conntrack-events", "sysctl"], data));
