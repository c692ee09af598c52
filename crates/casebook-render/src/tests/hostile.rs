//! Evidence that is hostile, huge or not text: whatever it is, every format stays whole and bounded.

use casebook_core::{
    At, Bytes, Coverage, Digest, Edit, EvidenceSet, FindingBuilder, Fix, FixClass, Place, Report, Span, Suppression,
    Unmodelled,
};
use proptest::prelude::*;
use serde_json::Value;

use super::sample::{BYPASS, Sample, sample};
use super::{plain, rendered};
use crate::{Format, Options};

const ATTACK: &str = "\"'</pre></style><script>alert(1)</script>&\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}]]>\r\n::error::x%\u{e000}0\u{e001}\0";

/// A report whose every string is the attack, over evidence that is the attack.
fn attacked() -> Sample {
    let mut set = EvidenceSet::new();
    let id = set.add(format!("dir/{ATTACK}"), Some("text"), Bytes::new(ATTACK.repeat(3)));
    let span = Span::new(id, 4, ATTACK.len() + 9);
    let record = At::Record { index: 3, pointer: ATTACK.to_owned(), span };
    let finding = FindingBuilder::new(&BYPASS, ATTACK, Place::primary(At::Text(span), ATTACK))
        .place(Place::context(record, ATTACK).shown_as(ATTACK))
        .place(Place::context(At::Live { evidence: id, source: ATTACK.to_owned() }, ATTACK))
        .because(ATTACK)
        .witness(ATTACK.into(), ATTACK)
        .replay(ATTACK)
        .step(ATTACK, Some(At::Text(span)))
        .fix(Fix {
            title: ATTACK.to_owned(),
            class: FixClass::Display,
            edits: vec![
                Edit { span: Span::new(id, 2, 5), text: ATTACK.to_owned() },
                Edit { span: Span::new(id, ATTACK.len() + 2, ATTACK.len() + 5), text: "plain".to_owned() },
            ],
            commands: vec![ATTACK.to_owned()],
        });
    let findings = vec![
        finding.clone().build(&set),
        finding.clone().missing(ATTACK).build(&set),
        finding.clone().exonerated().build(&set),
        finding.build(&set),
    ];
    let coverage = Coverage::read(set.get(id).unwrap(), vec![Unmodelled::new(span, ATTACK)]).with_note(ATTACK);
    let report = Report {
        findings,
        suppressed: vec![Suppression { finding: 3, reason: ATTACK.to_owned(), source: ATTACK.to_owned() }],
        silent_rules: Vec::new(),
        coverage: vec![coverage, Coverage::failed(ATTACK, ATTACK, 1, ATTACK)],
        notices: vec![ATTACK.to_owned()],
    };
    Sample { report, evidence: set, rules: vec![&BYPASS] }
}

#[test]
fn a_terminal_gets_no_control_character_from_evidence() {
    for format in [Format::Full, Format::Concise] {
        let text = plain(&attacked(), format);
        let bad: Vec<char> = text.chars().filter(|c| c.is_control() && *c != '\n' || *c == '\u{202e}').collect();
        assert!(bad.is_empty(), "{format}: {bad:?}");
    }
}

#[test]
fn headers_are_not_forged_by_marks_in_evidence() {
    let text = plain(&attacked(), Format::Full);
    assert!(!text.contains('\u{e000}') && !text.contains('\u{e001}'));
    assert_eq!(text.matches("--> dir/").count(), 2 * 2, "{text}");
}

#[test]
fn evidence_starts_no_workflow_command() {
    let text = plain(&attacked(), Format::Github);
    assert_eq!(text.lines().count(), 2);
    assert!(text.lines().all(|line| line.starts_with("::error ") || line.starts_with("::notice ")), "{text}");
    for line in text.lines() {
        let (properties, _) = line[2..].split_once("::").unwrap();
        assert!(properties.contains(",title=NFT101 "), "{properties}");
    }
}

/// The page as XML, which the document type at its top does not keep it from being.
fn parsed(html: &str) -> roxmltree::Document<'_> {
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    roxmltree::Document::parse_with_options(html, options).unwrap()
}

#[test]
fn xml_and_html_keep_their_shape() {
    for sample in [sample(), attacked()] {
        let junit = plain(&sample, Format::Junit);
        roxmltree::Document::parse(&junit).unwrap();

        let html = plain(&sample, Format::Html);
        let page = parsed(&html);
        let scripts = page.descendants().filter(|node| node.has_tag_name("script")).count();
        assert_eq!(scripts, 1, "one script, ours");
        let styles = page.descendants().filter(|node| node.has_tag_name("style")).count();
        assert_eq!(styles, 1);
    }
}

#[test]
fn the_page_asks_nobody_for_anything() {
    let html = plain(&attacked(), Format::Html);
    let page = parsed(&html);
    for node in page.descendants().filter(roxmltree::Node::is_element) {
        let fetches = ["img", "iframe", "object", "embed", "video", "audio", "source", "form", "base"];
        assert!(!fetches.contains(&node.tag_name().name()), "{:?}", node.tag_name());
        for attribute in node.attributes() {
            let local = attribute.value().starts_with('#') || attribute.value() == "data:,";
            assert!(attribute.name() != "src" && (attribute.name() != "href" || local), "{attribute:?}");
            assert!(!attribute.name().starts_with("on") && attribute.name() != "style", "{attribute:?}");
        }
    }
    for outside in ["url(", "@import", "fetch(", "XMLHttpRequest"] {
        assert!(!html.contains(outside), "{outside}");
    }
}

#[test]
fn the_pages_policy_names_the_script_it_has() {
    let html = plain(&sample(), Format::Html);
    let script = html.split_once("<script>").unwrap().1.split_once("</script>").unwrap().0;
    let hash = base64(&Digest::of(script.as_bytes()).0);
    assert!(html.contains(&format!("script-src 'sha256-{hash}'")), "the hash of the script is {hash}");
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = (0..3).fold(0, |word, at| word << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * at) & 63) as usize];
            out.push(if at <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[test]
fn every_id_on_the_page_is_there_once_and_every_link_leads_to_one() {
    let html = plain(&sample(), Format::Html);
    let page = parsed(&html);
    let mut ids: Vec<&str> = page.descendants().filter_map(|node| node.attribute("id")).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
    let links: Vec<&str> = page
        .descendants()
        .filter_map(|node| node.attribute("href"))
        .filter_map(|href| href.strip_prefix('#'))
        .collect();
    assert_eq!(links.len(), 3);
    assert!(links.iter().all(|link| ids.binary_search(link).is_ok()));
}

#[test]
fn one_line_of_megabytes_is_shown_around_the_place() {
    let mut set = EvidenceSet::new();
    let line = format!("{}needle{}", "x".repeat(3_000_000), "y".repeat(3_000_000));
    let id = set.add("min.json", Some("json"), Bytes::new(line));
    let place = Place::primary(At::Text(Span::new(id, 3_000_000, 3_000_006)), "here");
    let whole = Place::context(At::Text(set.get(id).unwrap().span()), "all of it");
    let finding = FindingBuilder::new(&BYPASS, "a needle", place).place(whole).build(&set);
    let sample =
        Sample { report: Report { findings: vec![finding], ..Report::default() }, evidence: set, rules: vec![&BYPASS] };
    let full = plain(&sample, Format::Full);
    assert!(full.contains("needle") && full.contains("min.json:1:3000001"), "{full}");
    for format in Format::ALL {
        let length = plain(&sample, format).len();
        assert!(length < 32_000, "{format} has {length} bytes");
    }
}

#[test]
fn places_far_apart_are_drawn_without_what_is_between() {
    let mut set = EvidenceSet::new();
    let text: String = (1..=100_000).map(|line| format!("line {line}\n")).collect();
    let id = set.add("big.log", Some("log"), Bytes::new(text.clone()));
    let at = |what: &str| {
        let start = text.find(what).unwrap();
        At::Text(Span::new(id, start, start + what.len()))
    };
    let tall = At::Text(Span::new(id, text.find("line 500\n").unwrap(), text.find("line 900\n").unwrap()));
    let finding = FindingBuilder::new(&BYPASS, "far apart", Place::primary(at("line 99999"), "last"))
        .place(Place::context(at("line 2\n"), "first"))
        .place(Place::context(tall, "four hundred lines"))
        .build(&set);
    let sample =
        Sample { report: Report { findings: vec![finding], ..Report::default() }, evidence: set, rules: vec![&BYPASS] };
    insta::assert_snapshot!(plain(&sample, Format::Full));
}

#[test]
fn bytes_that_are_no_text_are_marked_where_they_are() {
    let mut set = EvidenceSet::new();
    let id = set.add("latin1.conf", None, Bytes::new(b"name = caf\xe9 \x01\tbar # ok\r\nnext\n".as_slice()));
    let finding =
        FindingBuilder::new(&BYPASS, "not UTF-8", Place::primary(At::Text(Span::new(id, 7, 11)), "caf\u{e9}"))
            .place(Place::context(At::Text(Span::new(id, 14, 17)), "bar"))
            .fix(Fix {
                title: "rename".to_owned(),
                class: FixClass::Safe,
                edits: vec![Edit { span: Span::new(id, 14, 17), text: "baz\nqux".to_owned() }],
                commands: Vec::new(),
            })
            .build(&set);
    let sample =
        Sample { report: Report { findings: vec![finding], ..Report::default() }, evidence: set, rules: vec![&BYPASS] };
    insta::assert_snapshot!(plain(&sample, Format::Full));
}

/// Reports over arbitrary bytes with places and edits anywhere, also outside.
fn arbitrary() -> impl Strategy<Value = Sample> {
    let bytes = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        proptest::string::string_regex("[a-z\\n\\t é日\u{200d}\u{85}]{0,120}").unwrap().prop_map(String::into_bytes),
    ];
    let ranges = proptest::collection::vec((0usize..220, 0usize..80, any::<bool>(), any::<bool>()), 1..6);
    (bytes, ranges, "[a-z\\n]{0,12}").prop_map(|(bytes, ranges, text)| {
        let mut set = EvidenceSet::new();
        let id = set.add("any", None, Bytes::new(bytes));
        let span = |(start, length, ..): &(usize, usize, bool, bool)| Span::new(id, *start, start + length);
        let mut finding = FindingBuilder::new(&BYPASS, "any", Place::primary(At::Text(span(&ranges[0])), "first"));
        for range in &ranges {
            let place = Place::context(At::Text(span(range)), if range.2 { "said" } else { "" });
            finding = finding.place(if range.3 { place.shown_as("shown") } else { place });
        }
        let edits = ranges.iter().map(|range| Edit { span: span(range), text: text.clone() }).collect();
        let title = "edit".to_owned();
        let finding = finding.fix(Fix { title, class: FixClass::Display, edits, commands: Vec::new() }).build(&set);
        Sample { report: Report { findings: vec![finding], ..Report::default() }, evidence: set, rules: vec![&BYPASS] }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_and_any_places_render(sample in arbitrary(), unicode: bool, width in 0usize..120) {
        for format in Format::ALL {
            let text = rendered(&sample, &Options { unicode, width, ..Options::new(format, "0.1.0") });
            match format {
                Format::Json | Format::Sarif => prop_assert!(serde_json::from_str::<Value>(&text).is_ok()),
                Format::Junit => prop_assert!(roxmltree::Document::parse(&text).is_ok()),
                Format::Full => prop_assert!(!text.contains(crate::full::MARK_OPEN) && text.contains("error[NFT101]: any")),
                _ => prop_assert!(!text.is_empty()),
            }
        }
    }
}
