//! A run from evidence to report, with a case made for it: each `word N` line is a finding of rule `DMO10N`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops, with its line")]

mod demo;

use casebook_core::{Bytes, EvidenceId, EvidenceSet, ReadStatus, Status};
use casebook_registry::check::Scope;
use casebook_registry::replay::Replayer;
use casebook_registry::{Baseline, Checked, Config, Date, Options, Selection, Selector, baseline, check};

use demo::CASES;

fn evidence(files: &[(&str, &str)]) -> EvidenceSet {
    let mut set = EvidenceSet::new();
    for (path, text) in files {
        set.add(*path, Some("demo"), Bytes::new(text.as_bytes().to_vec()));
    }
    set
}

fn options() -> Options {
    Options { cases: CASES.to_vec(), ..Options::default() }
}

fn run(files: &[(&str, &str)], options: &Options) -> (EvidenceSet, Checked) {
    let set = evidence(files);
    let checked = check(&set, options).unwrap();
    (set, checked)
}

fn codes(checked: &Checked) -> Vec<&str> {
    checked.report.findings.iter().map(|finding| finding.code).collect()
}

fn configured(text: &str) -> Options {
    let config = Config::parse("casebook.toml", text, CASES).unwrap();
    let scopes = [(EvidenceId(0), Scope { config: 0, path: "etc/a".to_owned() })].into();
    Options { configs: vec![config], scopes, today: Date::parse("2026-06-01"), ..options() }
}

#[test]
fn the_worst_findings_come_first_then_by_evidence_and_place() {
    let (_, checked) = run(&[("a", "warn\nerror\n\nerror\n"), ("b", "error\n")], &options());
    assert_eq!(codes(&checked), ["DMO101", "DMO101", "DMO101", "DMO102"]);
    let places = checked.report.findings.iter().map(|finding| {
        let at = &finding.primary().unwrap().at;
        (at.evidence().0, at.span().unwrap().start)
    });
    assert_eq!(places.collect::<Vec<_>>(), [(0, 5), (0, 12), (1, 0), (0, 0)]);
    assert_eq!(checked.report.silent_rules, [("DMO103", "panics")]);
    assert!(!checked.broke);
}

#[test]
fn a_panicking_rule_is_a_notice_and_loses_no_other_finding() {
    let (_, checked) = run(&[("a", "error\npanic\n")], &options());
    assert_eq!(codes(&checked), ["DMO101"]);
    assert!(checked.broke);
    assert!(checked.report.notices[0].contains("DMO103 (panics) stopped with an internal error: boom"));
    assert!(!checked.report.silent_rules.iter().any(|(code, _)| *code == "DMO103"));
}

#[test]
fn rules_are_silent_only_where_something_was_read() {
    let (_, checked) = run(&[("a", "unreadable")], &options());
    assert!(checked.report.silent_rules.is_empty());
    assert_eq!(checked.report.coverage[0].status, ReadStatus::Failed);
}

#[test]
fn selection_takes_codes_names_prefixes_and_cases() {
    let select = |words: &[&str], ignore: &[&str]| {
        let parse = |words: &[&str]| words.iter().map(|word| Selector::parse(word, CASES).unwrap()).collect();
        Options { selection: Selection { select: parse(words), ignore: parse(ignore) }, ..options() }
    };
    let files = [("a", "error\nwarn\n")];
    for (words, ignore, expected) in [
        (&["DMO101"][..], &[][..], &["DMO101"][..]),
        (&["warns"], &[], &["DMO102"]),
        (&["dmo10"], &["DMO102"], &["DMO101"]),
        (&["demo"], &[], &["DMO101", "DMO102"]),
        (&[], &["all"], &[]),
    ] {
        assert_eq!(codes(&run(&files, &select(words, ignore)).1), expected, "{words:?} less {ignore:?}");
    }
    assert!(Selector::parse("DMO9", CASES).unwrap_err().contains("is no code, name or case"));
}

#[test]
fn a_comment_suppresses_its_line_or_the_next() {
    let text = "error # casebook: ignore[DMO101] known\n# casebook: ignore[warns] known too\nwarn\nerror\n";
    let (_, checked) = run(&[("a", text)], &options());
    let report = &checked.report;
    assert_eq!(report.suppressed.len(), 2);
    assert_eq!((report.suppressed[0].reason.as_str(), report.suppressed[0].source.as_str()), ("known", "a:1"));
    assert_eq!((report.suppressed[1].finding, report.suppressed[1].source.as_str()), (2, "a:2"));
    assert_eq!(report.active().count(), 1);
    assert!(report.notices.is_empty(), "{:?}", report.notices);
}

#[test]
fn unused_malformed_and_unknown_suppressions_are_said() {
    let text =
        "fine # casebook: ignore[DMO101] nothing here\n# casebook: ignore[DMO101]\n# casebook: ignore[DMO999] x\n";
    let (_, checked) = run(&[("a", text)], &options());
    let notices = &checked.report.notices;
    assert!(notices.iter().any(|notice| notice == "a:1: the suppression of DMO101 matches no finding"), "{notices:?}");
    assert!(notices.iter().any(|notice| notice.starts_with("a:2: the suppression of DMO101 gives no reason")));
    assert!(notices.iter().any(|notice| notice.starts_with("a:3: no rule is called \"DMO999\"")));
}

#[test]
fn no_ignore_suppresses_nothing() {
    let (_, checked) =
        run(&[("a", "error # casebook: ignore[DMO101] known\n")], &Options { no_ignore: true, ..options() });
    assert!(checked.report.suppressed.is_empty());
}

#[test]
fn configuration_ignores_by_path_until_it_expires() {
    let entry = |path: &str, expires: &str| {
        format!("[[ignore]]\ncode = \"DMO101\"\npath = \"{path}\"\nreason = \"known\"\nexpires = {expires}\n")
    };
    let (_, checked) = run(&[("a", "error\n")], &configured(&entry("etc/*", "2026-06-01")));
    assert_eq!(checked.report.suppressed[0].source, "casebook.toml:1");
    let (_, checked) = run(&[("a", "error\n")], &configured(&entry("etc/*", "2026-05-31")));
    assert!(checked.report.suppressed.is_empty());
    assert_eq!(checked.report.notices, ["casebook.toml:1: the [[ignore]] of DMO101 expired on 2026-05-31"]);
    let (_, checked) = run(&[("a", "error\n")], &configured(&entry("usr/*", "2027-01-01")));
    assert_eq!(checked.report.notices, ["casebook.toml:1: the [[ignore]] of DMO101 matches no finding"]);
}

#[test]
fn configuration_selects_for_its_own_evidence() {
    let options = configured("[check]\nignore = [\"DMO101\"]\n");
    let (_, checked) = run(&[("a", "error\nwarn\n")], &options);
    assert_eq!(codes(&checked), ["DMO102"]);
}

#[test]
fn configurations_that_disagree_about_a_case_are_an_error() {
    let config =
        |source: &str, value: u32| Config::parse(source, &format!("[case.demo]\nlimit-s = {value}\n"), CASES).unwrap();
    let options = Options { configs: vec![config("a.toml", 1), config("b.toml", 2)], ..options() };
    let error = check(&evidence(&[("a", "")]), &options).map(|_| ()).unwrap_err();
    assert!(error.starts_with("case.demo.limit-s is 1 in a.toml and 2 in b.toml"), "{error}");
}

#[test]
fn a_setting_is_checked_by_its_case() {
    let error = Config::parse("casebook.toml", "[case.demo]\nlimit-s = \"x\"\n", CASES).unwrap_err();
    assert_eq!(error.to_string(), "casebook.toml:2: limit-s: a number of seconds");
    let error = Config::parse("casebook.toml", "[case.demo]\nlimits = 1\n", CASES).unwrap_err();
    assert_eq!(error.to_string(), "casebook.toml:2: unknown key \"limits\"");
}

#[test]
fn a_baseline_takes_as_many_findings_as_it_holds() {
    let (set, before) = run(&[("a", "error\n")], &options());
    let text = baseline::write(&before.report, &set);
    let known = Baseline::parse(&text).unwrap();
    let with = Options { baseline: Some(("known.txt".to_owned(), known)), ..options() };
    let (_, now) = run(&[("a", "\n\nerror\nerror\n")], &with);
    assert_eq!(now.report.suppressed.len(), 1, "lines have moved, and one of two is new");
    assert_eq!(now.report.active().count(), 1);
    let (_, gone) = run(&[("a", "fine\n")], &with);
    assert!(gone.report.notices[0].contains("1 finding of the baseline did not occur"));
}

#[test]
fn threads_do_not_show_in_the_report() {
    // Over the size from which rules run in parallel.
    let text = "error\nwarn\n".to_owned() + &"fine\n".repeat(100_000);
    let files = [("a", text.as_str()), ("b", "warn\nerror\n")];
    let one = run(&files, &Options { jobs: 1, ..options() }).1;
    let four = run(&files, &Options { jobs: 4, ..options() }).1;
    assert_eq!(one.report.findings, four.report.findings);
    assert_eq!(codes(&one), ["DMO101", "DMO101", "DMO102", "DMO102"]);
}

#[test]
fn a_replay_holds_on_the_same_evidence_and_not_on_mended_evidence() {
    let (set, checked) = run(&[("a", "error\n")], &options());
    let finding = &checked.report.findings[0];
    assert_eq!(finding.status, Status::Proved);
    let again = Replayer::new(&set, &options()).replay(finding.code, &finding.fingerprint).unwrap();
    assert!(again.holds);
    assert_eq!(again.steps, ["  1  saw error (a:1:1)"]);
    let mended = evidence(&[("a", "fine\n")]);
    let again = Replayer::new(&mended, &options()).replay(finding.code, &finding.fingerprint).unwrap();
    assert!(!again.holds);
    assert!(again.steps[0].starts_with("DMO101 gives 0 findings here"));
}
