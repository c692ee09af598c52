//! YAML with places: every node can be sliced, every error and every stretch that was not read has a place.
#![no_main]

use casebook_formats::yaml::{self, Node};
use libfuzzer_sys::fuzz_target;

/// Trees are `MAX_DEPTH` deep at most.
fn check(data: &[u8], node: &Node) {
    let inside = |(start, end): (usize, usize)| assert!(start <= end && end <= data.len(), "{start}..{end}");
    inside(node.span);
    node.alias.into_iter().for_each(inside);
    let _ = (node.as_str(), node.as_u64(), node.as_i64(), node.as_bool(), node.is_null());
    node.items().iter().for_each(|item| check(data, item));
    for pair in node.pairs() {
        check(data, &pair.key);
        check(data, &pair.value);
        if let Some(key) = pair.key.as_str() {
            assert!(node.get(key).is_some());
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let documents = yaml::read(data);
    documents.roots.iter().for_each(|root| check(data, root));
    documents.errors.iter().for_each(|error| assert!(error.span.0 <= data.len()));
    documents.unread.iter().for_each(|(start, end)| assert!(start < end && *end <= data.len()));
});
