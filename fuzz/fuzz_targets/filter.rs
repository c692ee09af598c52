//! Filters of packets: what is wrong has a place in the line, at character boundaries, and what is read reads again.
#![no_main]

use case_nftables::model::filter;
use casebook_formats::nft::release::Host;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match filter::parse(text, Host::default(), false) {
        Ok(read) => {
            let again = filter::parse(text, Host::default(), true);
            assert!(again.is_ok_and(|again| again.matches == read.matches), "{text:?}");
        }
        Err(error) => assert!(text.get(error.at.clone()).is_some(), "{:?} of {text:?}", error.at),
    }
});
