//! The formats for machines against what describes them: our schema, the SARIF schema, an XML parser.

use casebook_core::{At, Bytes, Digest, EvidenceSet, FindingBuilder, Place, Report, Span};
use serde_json::Value;

use super::sample::{BYPASS, Sample, sample};
use super::{empty, plain};
use crate::Format;

fn schema() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/report.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The schema of one line of `jsonl`.
fn line_schema() -> Value {
    let mut schema = schema();
    let definitions = schema["$defs"].take();
    serde_json::json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": "#/$defs/line",
        "$defs": definitions,
    })
}

fn sarif_schema() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sarif/sarif-schema-2.1.0.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn assert_valid(schema: &Value, document: &Value) {
    let validator = jsonschema::validator_for(schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path)).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

/// One finding with a place of every kind, also without a projection.
fn every_place() -> Sample {
    let mut set = EvidenceSet::new();
    let text = set.add("/etc/a b.conf", None, Bytes::new("one\ntw\u{f6} three\n"));
    let binary = set.add("libfoo.so", Some("elf"), Bytes::new([0x7f, b'E', b'L', b'F', 0, 0]));
    let live = set.add("live:nft ruleset", Some("live"), Bytes::new(""));
    let symbol =
        |address| At::Symbol { evidence: binary, name: "frob".to_owned(), address, section: Some(".text".to_owned()) };
    let finding = FindingBuilder::new(&BYPASS, "everything", Place::primary(At::Text(Span::new(text, 4, 8)), ""))
        .place(Place::context(At::Packet { number: 1, span: Span::new(binary, 0, 4) }, "packet"))
        .place(Place::context(At::Record { index: 0, pointer: String::new(), span: Span::new(text, 0, 3) }, "record"))
        .place(Place::context(symbol(Some(0x1139)), "symbol"))
        .place(Place::context(symbol(Some(u64::MAX)), "far symbol"))
        .place(Place::context(symbol(None), "undefined symbol"))
        .place(Place::context(At::Live { evidence: live, source: "nft list ruleset".to_owned() }, "live"))
        .place(Place::context(At::Text(Span::new(text, 8, 13)), "shown").shown_as("three!"))
        .step("one step", Some(symbol(None)))
        .build(&set);
    Sample { report: Report { findings: vec![finding], ..Report::default() }, evidence: set, rules: vec![&BYPASS] }
}

#[test]
fn json_obeys_its_schema() {
    for sample in [sample(), empty(), every_place()] {
        let document = serde_json::from_str(&plain(&sample, Format::Json)).unwrap();
        assert_valid(&schema(), &document);
    }
}

#[test]
fn the_schema_refuses_what_it_does_not_describe() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let good: Value = serde_json::from_str(&plain(&sample(), Format::Json)).unwrap();
    for path in ["", "/findings/0", "/findings/0/places/0", "/findings/0/places/0/at", "/coverage/0", "/summary"] {
        let mut bad = good.clone();
        bad.pointer_mut(path).unwrap()["surprise"] = true.into();
        assert!(!validator.is_valid(&bad), "a surprise at {path:?}");
    }
}

#[test]
fn jsonl_lines_obey_the_schema_and_end_with_the_summary() {
    for sample in [sample(), empty(), every_place()] {
        let text = plain(&sample, Format::Jsonl);
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines.iter().for_each(|line| assert_valid(&line_schema(), line));
        assert_eq!(lines.last().unwrap()["type"], "summary");
        assert_eq!(lines.len(), sample.report.findings.len() + sample.report.coverage.len() + 1);
    }
}

#[test]
fn json_quotes_the_bytes_its_offsets_name() {
    let sample = sample();
    let document: Value = serde_json::from_str(&plain(&sample, Format::Json)).unwrap();
    let mut quoted = 0;
    for place in document["findings"].as_array().unwrap().iter().flat_map(|f| f["places"].as_array().unwrap()) {
        let Some(text) = place["text"].as_str() else { continue };
        let evidence = sample.evidence.iter().find(|item| item.path == place["evidence"].as_str().unwrap()).unwrap();
        let at = &place["at"];
        let range = at["start"].as_u64().unwrap() as usize..at["end"].as_u64().unwrap() as usize;
        assert_eq!(text.as_bytes(), &evidence.as_bytes()[range]);
        quoted += 1;
    }
    assert_eq!(quoted, 9);
}

#[test]
fn sarif_obeys_the_published_schema() {
    for sample in [sample(), empty(), every_place()] {
        let document = serde_json::from_str(&plain(&sample, Format::Sarif)).unwrap();
        assert_valid(&sarif_schema(), &document);
    }
}

#[test]
fn sarif_kind_is_not_fail_only_with_level_none() {
    let document: Value = serde_json::from_str(&plain(&sample(), Format::Sarif)).unwrap();
    let results = document["runs"][0]["results"].as_array().unwrap();
    let pairs: Vec<_> = results.iter().map(|r| (r["kind"].as_str().unwrap(), r["level"].as_str().unwrap())).collect();
    assert_eq!(pairs, [("fail", "error"), ("fail", "warning"), ("open", "none"), ("fail", "note"), ("pass", "none")]);
    assert_eq!(results[3]["suppressions"][0]["kind"], "inSource");
}

#[test]
fn sarif_columns_count_code_points_and_bytes_count_bytes() {
    let document: Value = serde_json::from_str(&plain(&every_place(), Format::Sarif)).unwrap();
    let related = &document["runs"][0]["results"][0]["relatedLocations"];
    let shown = related.as_array().unwrap().iter().find(|place| place["message"]["text"] == "shown").unwrap();
    let region = &shown["physicalLocation"]["region"];
    // "tw\u{f6} " is four code points and five bytes.
    assert_eq!((region["startColumn"].as_u64(), region["byteOffset"].as_u64()), (Some(4), Some(8)));
    assert_eq!(region["byteLength"], 5);
}

#[test]
fn sarif_hashes_are_those_of_the_evidence() {
    let sample = sample();
    let document: Value = serde_json::from_str(&plain(&sample, Format::Sarif)).unwrap();
    for (item, artifact) in sample.evidence.iter().zip(document["runs"][0]["artifacts"].as_array().unwrap()) {
        let digest = Digest::of(item.as_bytes()).to_string();
        assert_eq!(format!("sha256:{}", artifact["hashes"]["sha-256"].as_str().unwrap()), digest);
    }
}

#[test]
fn junit_counts_what_it_lists() {
    let text = plain(&sample(), Format::Junit);
    let document = roxmltree::Document::parse(&text).unwrap();
    let root = document.root_element();
    let number = |name: &str| root.attribute(name).unwrap().parse::<usize>().unwrap();
    let listed = |name: &str| root.descendants().filter(|node| node.has_tag_name(name)).count();
    assert_eq!(number("tests"), listed("testcase"));
    assert_eq!(number("failures"), listed("failure"));
    assert_eq!(number("errors"), listed("error"));
    assert_eq!(number("skipped"), listed("skipped"));
    for suite in root.children().filter(|node| node.has_tag_name("testsuite")) {
        let tests = suite.children().filter(|node| node.has_tag_name("testcase")).count();
        assert_eq!(suite.attribute("tests"), Some(tests.to_string().as_str()));
    }
}

#[test]
fn every_kind_of_place_is_drawn() {
    insta::assert_snapshot!(plain(&every_place(), Format::Full));
}
