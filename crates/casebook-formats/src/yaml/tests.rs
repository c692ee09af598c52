use proptest::prelude::*;

use super::*;

fn source<'a>(text: &'a str, node: &Node) -> &'a str {
    &text[node.span.0..node.span.1]
}

#[test]
fn every_value_has_its_place() {
    let text = "a: 1\nü: [x, \"y z\", {k: v}]\nblock:\n  - one\n  - two: 2s\nlong: |\n  l1\n  l2\n\nend: ~\n";
    let read = read(text.as_bytes());
    assert_eq!((&read.errors, &read.unread), (&vec![], &vec![]));
    let root = &read.roots[0];
    assert_eq!(root.get("a").unwrap().as_u64(), Some(1));
    let list = root.get("ü").unwrap();
    assert_eq!(source(text, list), "[x, \"y z\", {k: v}]");
    assert_eq!(source(text, &list.items()[1]), "\"y z\"");
    assert_eq!(list.items()[1].as_str(), Some("y z"));
    assert_eq!(source(text, list.items()[2].get("k").unwrap()), "v");
    let block = root.get("block").unwrap();
    assert_eq!(source(text, block.items()[1].get("two").unwrap()), "2s");
    assert!(source(text, block).ends_with("two: 2s"));
    assert_eq!(root.get("long").unwrap().as_str(), Some("l1\nl2\n"));
    assert_eq!(source(text, root.get("long").unwrap()), "l1\n  l2");
    assert!(root.get("end").unwrap().is_null());
}

#[test]
fn json_is_yaml() {
    let text = r#"{"a": {"b": [1, true, null, "x\u00e9"]}}"#;
    let read = read(text.as_bytes());
    let list = read.roots[0].at(&["a", "b"]).unwrap().items();
    assert_eq!(
        (list[0].as_u64(), list[1].as_bool(), list[2].is_null(), list[3].as_str()),
        (Some(1), Some(true), true, Some("xé"))
    );
}

#[test]
fn aliases_are_copied_and_merge_keys_do_not_override() {
    let text = "base: &b {idle: 5s, max: 1h}\none:\n  <<: *b\n  idle: 9s\ntwo: *b\nthree:\n  <<: [{idle: 1s}, *b]\n";
    let read = read(text.as_bytes());
    assert_eq!(read.errors, []);
    let root = &read.roots[0];
    assert_eq!(root.at(&["one", "idle"]).unwrap().as_str(), Some("9s"));
    let max = root.at(&["one", "max"]).unwrap();
    assert_eq!((max.as_str(), source(text, max)), (Some("1h"), "1h"));
    let two = root.get("two").unwrap();
    assert_eq!(two.alias.map(|(start, end)| &text[start..end]), Some("*b"));
    assert_eq!(root.at(&["three", "idle"]).unwrap().as_str(), Some("1s"));
    assert_eq!(root.at(&["three", "max"]).unwrap().as_str(), Some("1h"));
}

#[test]
fn equal_keys_are_reported_and_the_last_holds() {
    let text = "a: 1\nb: 2\na: 3\n";
    let read = read(text.as_bytes());
    assert_eq!(read.errors.len(), 1);
    assert_eq!(read.errors[0].span, (10, 11));
    assert_eq!(read.roots[0].get("a").unwrap().as_u64(), Some(3));
}

#[test]
fn a_broken_document_does_not_lose_the_next() {
    let text = "a: 1\n---\nb: [1, 2\nc: }\n---\nd: 4\n";
    let read = read(text.as_bytes());
    assert_eq!(read.roots.first().and_then(|root| root.get("a")).and_then(Node::as_u64), Some(1));
    assert_eq!(read.roots.last().and_then(|root| root.get("d")).and_then(Node::as_u64), Some(4));
    assert_eq!((read.errors.len(), read.unread.len()), (1, 1));
}

#[test]
fn copies_of_aliases_have_a_budget() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let list = vec![format!("*a{}", level - 1); 10].join(", ");
        text += &format!("a{level}: &a{level} [{list}]\n");
    }
    let read = read(text.as_bytes());
    assert!(read.errors.last().unwrap().message.contains("copies of aliases"));
    assert!(!read.unread.is_empty());
}

#[test]
fn an_alias_of_itself_and_deep_nesting_end() {
    let own = read(b"a: &a [*a]\n");
    assert!(own.errors[0].message.contains("alias") || own.errors[0].message.contains("anchor"));
    let deep = read("[".repeat(100_000).as_bytes());
    assert!(!deep.errors.is_empty());
}

#[test]
fn bytes_that_are_no_text_are_listed() {
    let nul = read(b"a: 1\n\0b: 2\n");
    assert_eq!((nul.roots[0].get("a").unwrap().as_u64(), &nul.unread), (Some(1), &vec![(5, 11)]));
    let bad = read(b"a: 1\nb: \xff\n");
    assert_eq!(bad.unread, [(8, 10)]);
}

fn check(bytes: &[u8], node: &Node) {
    assert!(node.span.0 <= node.span.1 && node.span.1 <= bytes.len(), "{:?}", node.span);
    if let Some((start, end)) = node.alias {
        assert!(start <= end && end <= bytes.len());
    }
    if let Value::Scalar { text, style: Style::Plain, .. } = &node.value
        && !text.contains(['\n', ' '])
        && !text.is_empty()
    {
        assert_eq!(
            std::str::from_utf8(&bytes[node.span.0..node.span.1])
                .map(|text| text.trim_matches([' ', '\t', '\r', '\n'])),
            Ok(text.as_str())
        );
    }
    node.items().iter().for_each(|item| check(bytes, item));
    node.pairs().iter().for_each(|pair| {
        check(bytes, &pair.key);
        check(bytes, &pair.value);
    });
}

proptest! {
    #[test]
    fn any_text_gives_places_inside(parts in prop::collection::vec(prop_oneof![
        any::<char>().prop_map(String::from),
        prop::sample::select(vec!["a: ", "- ", "\n", "\n  ", "[", "]", "{", "}", ", ", "\"", "'", "&x ", "*x", "<<: *x\n", "|\n  ", ">-\n",
            "# c", "---\n", "...\n", "!!str ", "? ", ": ", "é", "\t", "\r\n", "%YAML 1.2\n"]).prop_map(str::to_owned),
    ], 0..40)) {
        let text = parts.concat();
        let read = read(text.as_bytes());
        read.roots.iter().for_each(|root| check(text.as_bytes(), root));
        for (start, end) in read.errors.iter().map(|error| error.span).chain(read.unread.iter().copied()) {
            prop_assert!(start <= end && end <= text.len() + 1);
        }
    }
}
