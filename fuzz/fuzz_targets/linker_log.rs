//! Linker messages in a log: every place is inside, messages come in order, and what is kept is bounded.
#![no_main]

use case_link_errors::facts::log::{self, MOST_MESSAGES, MOST_PLACES};
use casebook_core::Bytes;
use casebook_fuzz::inside;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut set = casebook_core::EvidenceSet::new();
    let id = set.add("log", None, Bytes::new(data.to_vec()));
    let Some(item) = set.get(id) else { return };
    let read = log::read(item);
    assert!(read.messages.len() <= MOST_MESSAGES);
    read.unmodelled.iter().for_each(|gap| inside(&set, gap.span));
    for message in &read.messages {
        inside(&set, message.span);
        assert!(message.places.len() <= MOST_PLACES);
        message.symbol.iter().chain(message.suggestion.iter().map(|suggestion| &suggestion.name)).for_each(|name| inside(&set, name.span));
        [&message.program, &message.version, &message.library, &message.relocation, &message.detail]
            .into_iter()
            .flatten()
            .for_each(|told| inside(&set, told.span));
        for place in &message.places {
            inside(&set, place.span);
            [&place.file, &place.member, &place.section, &place.source].into_iter().flatten().for_each(|told| inside(&set, told.span));
            place.function.iter().for_each(|name| inside(&set, name.span));
        }
    }
});
