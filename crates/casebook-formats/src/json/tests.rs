use proptest::prelude::*;

use super::*;

/// Every node inside the document and inside its parent, in order, and with an accessible value.
fn check(document: &Document<'_>) {
    let mut open = document.root().into_iter().collect::<Vec<_>>();
    while let Some(node) = open.pop() {
        let (start, end) = node.span();
        assert!(start <= end && end <= document.bytes().len());
        assert_eq!(node.as_str().is_some(), node.kind() == Kind::String);
        let mut at = start;
        for child in node.elements().chain(node.members().flat_map(|member| [member.key, member.value])) {
            let (from, to) = child.span();
            assert!(at <= from && to <= end, "{child:?} outside {node:?}");
            at = to;
            open.push(child);
        }
    }
    assert!(
        document
            .errors()
            .windows(2)
            .all(|pair| pair[0].at <= document.bytes().len() && pair[1].at <= document.bytes().len())
    );
    assert!(document.errors().len() <= MAX_ERRORS + 3);
    assert!(document.read_bytes() <= document.bytes().len());
}

/// The same value as serde_json, which keeps the last of equal keys.
fn same(node: Node<'_, '_>, value: &serde_json::Value) -> bool {
    use serde_json::Value;
    match value {
        Value::Null => node.is_null(),
        Value::Bool(bool) => node.as_bool() == Some(*bool),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => node.as_u64() == Some(number),
            (_, Some(number)) => node.as_i64() == Some(number),
            _ => node.as_f64() == number.as_f64(),
        },
        Value::String(string) => node.as_str().as_deref() == Some(string) && node.is(string),
        Value::Array(items) => {
            node.kind() == Kind::Array
                && node.elements().count() == items.len()
                && node.elements().zip(items).all(|(node, value)| same(node, value))
        }
        Value::Object(map) => {
            node.kind() == Kind::Object
                && node.members().all(|member| map.contains_key(member.key.as_str().unwrap().as_ref()))
                && map.iter().all(|(key, value)| node.get(key).is_some_and(|node| same(node, value)))
        }
    }
}

fn messages(text: &str) -> Vec<(usize, String)> {
    let document = Document::parse(text.as_bytes());
    check(&document);
    document.errors().iter().map(|error| (error.at, error.message.to_string())).collect()
}

fn message(at: usize, text: &str) -> Vec<(usize, String)> {
    vec![(at, text.to_owned())]
}

#[test]
fn keys_and_values_have_places() {
    let text = r#" {"a": [1, "two\n", null], "b": {"c": -1.5e3}} "#;
    let document = Document::parse(text.as_bytes());
    check(&document);
    assert_eq!(document.errors(), []);
    let root = document.root().unwrap();
    assert_eq!(root.span(), (1, text.len() - 1));
    let member = root.members().next().unwrap();
    assert_eq!((member.key.source(), member.span()), (&br#""a""#[..], (2, 25)));
    let two = member.value.elements().nth(1).unwrap();
    assert_eq!((two.source(), two.as_str().unwrap().as_ref()), (&br#""two\n""#[..], "two\n"));
    assert_eq!(root.get("b").unwrap().get("c").unwrap().as_f64(), Some(-1500.0));
}

#[test]
fn strings_without_escapes_are_borrowed() {
    let document = Document::parse(br#"["eth0", "a\u0041"]"#);
    let strings = document.root().unwrap().elements().map(|node| node.as_str().unwrap()).collect::<Vec<_>>();
    assert!(matches!(strings[0], Cow::Borrowed("eth0")));
    assert!(matches!(&strings[1], Cow::Owned(text) if text == "aA"));
}

#[test]
fn equal_keys_are_kept_and_the_last_one_counts() {
    let document = Document::parse(br#"{"a": 1, "a": 2}"#);
    let root = document.root().unwrap();
    assert_eq!(root.members().count(), 2);
    assert_eq!(root.get("a").unwrap().as_u64(), Some(2));
}

#[test]
fn pointers_lead_back_to_the_node() {
    let document = Document::parse(br#"{"a/b": [0, {"c~": true}]}"#);
    let node = document.resolve("/a~1b/1/c~0").unwrap();
    assert_eq!(node.as_bool(), Some(true));
    assert_eq!(node.pointer(), "/a~1b/1/c~0");
    assert_eq!(document.pointer_at(node.span().0), "/a~1b/1/c~0");
    assert_eq!(document.pointer_at(0), "");
}

#[test]
fn integers_that_do_not_fit_are_none() {
    let document = Document::parse(b"[18446744073709551615, 18446744073709551616, -9223372036854775808, 1.0]");
    let items = document.root().unwrap().elements().collect::<Vec<_>>();
    assert_eq!(items.iter().map(|node| node.as_u64()).collect::<Vec<_>>(), [Some(u64::MAX), None, None, None]);
    assert_eq!(items[2].as_i64(), Some(i64::MIN));
    assert_eq!(items[1].as_number(), Some("18446744073709551616"));
}

#[test]
fn a_truncated_document_gives_the_tree_so_far() {
    let document = Document::parse(br#"{"a": [1, 2, {"b": "x"#);
    check(&document);
    let root = document.root().unwrap();
    assert_eq!(root.get("a").unwrap().elements().count(), 3);
    assert_eq!(document.resolve("/a/2/b").unwrap().as_str().as_deref(), Some("x"));
    assert_eq!(document.errors().len(), 2);
    let key_only = Document::parse(br#"{"a": 1, "b""#);
    check(&key_only);
    assert_eq!(key_only.root().unwrap().get("b").unwrap().kind(), Kind::Broken);
}

#[test]
fn errors_name_the_place_and_the_rest_is_read() {
    assert_eq!(messages("[1 2]"), message(3, "a comma is missing"));
    assert_eq!(messages("[1,]"), message(3, "a value is missing"));
    assert_eq!(messages("{\"a\" 1}"), message(5, "a colon is missing after the key"));
    assert_eq!(messages("{a: 1}"), message(1, "a key must be a string in quotes"));
    assert_eq!(messages("[nul]"), message(1, "not a JSON value"));
    assert_eq!(messages("[01]"), message(1, "not a number"));
    assert_eq!(messages("[\"a\\x\"]"), message(3, "an unknown escape in a string"));
    assert_eq!(messages("[\"\\ud800\"]"), message(2, "half of a surrogate pair"));
    assert_eq!(messages("{} {}"), message(3, "text follows the value"));
    assert_eq!(messages(" "), message(1, "there is no value"));
    assert_eq!(
        messages("[{]"),
        message(2, "a key is missing")[..1].iter().cloned().chain(messages_tail()).collect::<Vec<_>>()
    );
    let document = Document::parse(b"{\"a\": , \"b\": [1}, \"c\": 3}");
    check(&document);
    assert_eq!(document.root().unwrap().get("a").unwrap().kind(), Kind::Broken);
}

fn messages_tail() -> Vec<(usize, String)> {
    message(2, "the bracket closes an outer container; an inner one is not closed")
}

#[test]
fn an_unclosed_string_ends_with_its_line() {
    let document = Document::parse(b"{\"a\": \"x,\n \"b\": 2}");
    check(&document);
    assert_eq!(document.root().unwrap().get("b").unwrap().as_u64(), Some(2));
    assert_eq!(document.errors()[0], JsonError { at: 6, message: "the string is not closed".into() });
}

#[test]
fn invalid_utf8_is_one_error_and_replaced() {
    let document = Document::parse(b"[\"a\xffb\", \"\xc3\xa4\", \"\xfe\"]");
    check(&document);
    assert_eq!(document.errors(), [JsonError { at: 3, message: "invalid UTF-8, in 2 places".into() }]);
    let strings = document.root().unwrap().elements().map(|node| node.as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(strings, ["a\u{fffd}b", "ä", "\u{fffd}"]);
}

#[test]
fn nesting_without_end_stops_at_the_limit() {
    for text in ["[".repeat(100_000), "{\"a\":".repeat(100_000)] {
        let document = Document::parse(text.as_bytes());
        check(&document);
        assert_eq!(document.errors().len(), 1);
        assert!(document.errors()[0].message.contains("nested deeper than 512"));
        assert!(document.read_bytes() < 512 * 6);
    }
    let deep = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    assert_eq!(Document::parse(deep.as_bytes()).errors(), []);
}

#[test]
fn garbage_ends_after_a_bounded_number_of_errors() {
    let text = b"[} ".repeat(10_000);
    let document = Document::parse(&text);
    check(&document);
    assert_eq!(document.errors().len(), MAX_ERRORS + 1);
}

fn any_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        (-1e9f64..1e9).prop_map(Into::into),
        any::<String>().prop_map(Into::into),
        "[a-z@*\\\\\"/]{0,6}".prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn valid_documents_mean_what_serde_json_says(value in any_value(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let document = Document::parse(text.as_bytes());
        check(&document);
        prop_assert_eq!(document.errors(), &[]);
        prop_assert!(same(document.root().unwrap(), &value));
    }

    #[test]
    fn what_serde_json_refuses_has_an_error_and_what_it_takes_has_none(
        text in r#"[\[\]{}:,"0-9a-e.+\-\\u ntrulfs]{0,24}"#,
    ) {
        let document = Document::parse(text.as_bytes());
        check(&document);
        match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(value) => {
                prop_assert_eq!(document.errors(), &[]);
                prop_assert!(same(document.root().unwrap(), &value));
            }
            // serde_json also refuses numbers no double can hold; the grammar does not.
            Err(error) if error.to_string().contains("number out of range") => {}
            Err(_) => prop_assert!(!document.errors().is_empty()),
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&Document::parse(&bytes));
    }

    #[test]
    fn mutations_are_read_and_pointers_resolve(
        value in any_value(), cut in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte: u8,
    ) {
        let mut bytes = serde_json::to_vec(&value).unwrap();
        let index = at.index(bytes.len());
        bytes[index] = byte;
        bytes.truncate(cut.index(bytes.len()) + 1);
        let document = Document::parse(&bytes);
        check(&document);
        if document.errors().is_empty() {
            let pointer = document.pointer_at(index.min(bytes.len() - 1));
            prop_assert!(document.resolve(&pointer).is_some());
        }
    }
}
