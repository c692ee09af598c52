//! JSON with places: every node can be sliced, its pointer leads back to it, and every error has a place.
#![no_main]

use casebook_formats::json::{Document, Kind, Node};
use libfuzzer_sys::fuzz_target;

/// Nodes whose pointer is resolved: finding one walks the document.
const MOST_POINTERS: usize = 64;

fuzz_target!(|data: &[u8]| {
    let document = Document::parse(data);
    assert!(document.read_bytes() <= data.len());
    document.errors().iter().for_each(|error| assert!(error.at <= data.len()));
    let mut stack: Vec<Node<'_, '_>> = document.root().into_iter().collect();
    let mut seen = 0;
    while let Some(node) = stack.pop() {
        let (start, end) = node.span();
        assert!(start <= end && end <= data.len());
        assert_eq!(node.source(), &data[start..end]);
        let _ = (node.as_str(), node.as_number(), node.as_u64(), node.as_i64(), node.as_f64(), node.as_bool());
        seen += 1;
        if seen <= MOST_POINTERS {
            document.resolve(&node.pointer());
            document.pointer_at(start);
        }
        match node.kind() {
            Kind::Object => {
                for member in node.members() {
                    let (first, last) = member.span();
                    assert!(start <= first && last <= end, "a member lies outside of its object");
                    let _ = member.key.as_str();
                    stack.push(member.value);
                }
            }
            Kind::Array => stack.extend(node.elements()),
            _ => {}
        }
    }
});
