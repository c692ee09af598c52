//! The command line: exit codes, errors with hints, pipes that close, configuration.

use std::fs;
use std::process::{Command, Stdio};

use libtest_mimic::Failed;

use crate::Test;
use crate::tool::{Ran, casebook, ends_with, feed, run, sound};

pub(crate) const TESTS: &[(&str, Test)] = &[
    ("help_has_examples", help),
    ("a_wrong_argument_is_a_usage_error", wrong_argument),
    ("an_unknown_format_names_the_formats", unknown_format),
    ("an_unknown_rule_has_a_hint", unknown_rule),
    ("unknown_configuration_keys_are_errors_with_their_line", unknown_key),
    ("configuration_is_shown_with_its_file", config_show),
    ("nothing_recognised_is_3", nothing_recognised),
    ("standard_input_is_read", standard_input),
    ("a_closed_pipe_is_0", closed_pipe),
    ("every_format_is_written_beside_the_others", all_formats),
    ("colours_follow_the_flag", colours),
    ("a_replay_of_nothing_is_a_usage_error", replay_nothing),
    ("a_replay_of_evidence_that_is_gone_is_3", replay_gone),
];

fn in_empty(args: &[&str]) -> Result<Ran, Failed> {
    let folder = tempfile::tempdir()?;
    let ran = run(folder.path(), args);
    sound(&ran)?;
    Ok(ran)
}

fn has(text: &str, words: &str) -> Result<(), Failed> {
    if text.contains(words) { Ok(()) } else { Err(format!("no \"{words}\" in:\n{text}").into()) }
}

fn help() -> Result<(), Failed> {
    for command in
        [&["--help"][..], &["check", "--help"], &["replay", "--help"], &["collect", "--help"], &["lab", "--help"]]
    {
        let ran = in_empty(command)?;
        ends_with(&ran, &[0])?;
        has(&ran.stdout, "xample")?;
        has(&ran.stdout, " casebook ")?;
    }
    Ok(())
}

fn wrong_argument() -> Result<(), Failed> {
    for args in [&["check", "--no-such"][..], &["no-such-command"], &["check", "--fail-on", "maybe"]] {
        ends_with(&in_empty(args)?, &[2])?;
    }
    Ok(())
}

fn unknown_format() -> Result<(), Failed> {
    let ran = in_empty(&["check", "--format", "yaml"])?;
    ends_with(&ran, &[2])?;
    has(&ran.stderr, "error: unknown format \"yaml\"; the formats are full, concise, json")
}

fn unknown_rule() -> Result<(), Failed> {
    let ran = in_empty(&["check", "--select", "no-such-rule-anywhere"])?;
    ends_with(&ran, &[2])?;
    has(&ran.stderr, "error: \"no-such-rule-anywhere\" is no code, name or case")?;
    has(&ran.stderr, "hint: `casebook rules`")
}

fn unknown_key() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    fs::create_dir(folder.path().join("etc"))?;
    fs::write(folder.path().join("casebook.toml"), "[check]\nfail-on = \"error\"\nselcet = []\n")?;
    let ran = run(folder.path(), &["config", "--show", "etc"]);
    ends_with(&ran, &[2])?;
    has(&ran.stderr, "error: casebook.toml:3: unknown key \"selcet\"")?;
    has(&ran.stderr, "hint: did you mean \"select\"?")
}

fn config_show() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("casebook.toml"), "[check]\nfail-on = \"warning\"\n")?;
    let ran = run(folder.path(), &["config", "--show", "."]);
    ends_with(&ran, &[0])?;
    has(&ran.stdout, "check.fail-on = \"warning\"    (casebook.toml)")
}

fn nothing_recognised() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("notes.txt"), "nothing a case reads\n")?;
    for path in ["notes.txt", "."] {
        let ran = run(folder.path(), &["check", path]);
        ends_with(&ran, &[3])?;
        has(&ran.stderr, "error: no evidence recognised")?;
    }
    Ok(())
}

fn standard_input() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let ran = feed(folder.path(), &["check", "-"], b"nothing a case reads\n");
    ends_with(&ran, &[3])?;
    has(&ran.stdout, "<stdin>")
}

/// `casebook … | head -c 0`: the reader is gone before the first byte.
fn closed_pipe() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("notes.txt"), "nothing\n")?;
    for args in [
        &["--help"][..],
        &["check", "--help"],
        &["completions", "bash"],
        &["check", "notes.txt"],
        &["check", "-f", "json", "."],
    ] {
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        let output = Command::new(casebook())
            .args(args)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()?;
        if output.status.code() != Some(0) || !output.stderr.is_empty() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{args:?}: {:?}: {said}", output.status.code()).into());
        }
    }
    Ok(())
}

fn all_formats() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("notes.txt"), "nothing\n")?;
    let out = tempfile::tempdir()?;
    let file = |name: &str| out.path().join(name).to_string_lossy().into_owned();
    let (json, sarif, junit, html) = (file("a.json"), file("a.sarif"), file("a.xml"), file("a.html"));
    let equals = format!("json={json}");
    let args = ["check", ".", "-f", &equals, "-f", "sarif", "-o", &sarif, "-f", "concise", "-o", &junit, "-o", &html];
    // -o twice after concise: the first is concise's, the second is named by its extension.
    let ran = run(folder.path(), &args);
    ends_with(&ran, &[3])?;
    for path in [&json, &sarif] {
        serde_json::from_str::<serde_json::Value>(&fs::read_to_string(path)?)?;
    }
    has(&fs::read_to_string(&html)?, "<html")?;
    if ran.stdout.is_empty() { Ok(()) } else { Err("every format had a file".into()) }
}

fn colours() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let ran = run(folder.path(), &["check", "--color", "always", "not-there"]);
    has(&ran.stderr, "\u{1b}[")?;
    let ran = run(folder.path(), &["check", "--color", "never", "not-there"]);
    has(&ran.stderr, "error: not-there")
}

fn replay_nothing() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("a.json"), "{\"findings\": []}")?;
    fs::write(folder.path().join("b.json"), "{\"findings\": [")?;
    let ran = run(folder.path(), &["replay", "a.json"]);
    ends_with(&ran, &[2])?;
    has(&ran.stderr, "no finding in it")?;
    let ran = run(folder.path(), &["replay", "b.json"]);
    ends_with(&ran, &[2])?;
    has(&ran.stderr, "b.json:1: no JSON")
}

fn replay_gone() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let finding =
        r#"{"code": "X1", "title": "t", "fingerprint": "0123456789abcdef", "places": [{"evidence": "gone.nft"}]}"#;
    fs::write(folder.path().join("f.json"), finding)?;
    let ran = run(folder.path(), &["replay", "f.json"]);
    ends_with(&ran, &[3])?;
    has(&ran.stderr, "error: gone.nft: no such file")
}
