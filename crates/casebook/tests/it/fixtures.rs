//! Fixture folders: evidence, `fixture.toml`, and `expected.txt`, the report a user sees.
//!
//! ```toml
//! speaks = ["NFT101"]   # rules that prove something here
//! silent = ["NFT102"]   # rules that were run here and prove nothing
//! open = ["RST110"]     # rules that say here what is missing to decide
//! clears = ["TMR211"]   # rules that exonerate something here
//! args = ["before"]     # arguments of `check`; "." when absent
//! ```
//!
//! `CASEBOOK_BLESS=1` writes `expected.txt` anew, and `fixture.toml` where there is none.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::tool::{ends_with, report, root, run, sound};

/// Files of a fixture that are about it, not evidence.
const OWN: [&str; 3] = ["expected.txt", "fixture.toml", "README.md"];

/// A test for each fixture of each case.
pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for case in folders(&root().join("cases")) {
        let case_name = name(&case);
        for fixture in folders(&case.join("fixtures")) {
            let title = format!("fixture::{case_name}::{}", name(&fixture));
            trials.push(Trial::test(title, move || check(&fixture)));
        }
    }
    trials
}

fn folders(at: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(at).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// What `fixture.toml` says.
struct Promise {
    speaks: Vec<String>,
    silent: Vec<String>,
    open: Vec<String>,
    clears: Vec<String>,
    args: Vec<String>,
}

impl Promise {
    fn read(text: &str) -> Result<Self, Failed> {
        let table: toml::Table = text.parse()?;
        let mut promise = Self {
            speaks: Vec::new(),
            silent: Vec::new(),
            open: Vec::new(),
            clears: Vec::new(),
            args: vec![".".to_owned()],
        };
        for (key, value) in &table {
            let list = value.as_array().ok_or(format!("{key} is no list"))?;
            let words = list.iter().map(|word| word.as_str().map(str::to_owned).ok_or("not a string"));
            let words = words.collect::<Result<Vec<_>, _>>()?;
            match key.as_str() {
                "speaks" => promise.speaks = words,
                "silent" => promise.silent = words,
                "open" => promise.open = words,
                "clears" => promise.clears = words,
                "args" => promise.args = words,
                _ => return Err(format!("unknown key {key}").into()),
            }
        }
        Ok(promise)
    }
}

fn check(fixture: &Path) -> Result<(), Failed> {
    let bless = std::env::var_os("CASEBOOK_BLESS").is_some();
    let work = tempfile::tempdir()?;
    copy(fixture, work.path(), true)?;
    let promise = match fs::read_to_string(fixture.join("fixture.toml")) {
        Ok(text) => Promise::read(&text)?,
        Err(_) if bless => Promise::read("")?,
        Err(_) => return Err("no fixture.toml; CASEBOOK_BLESS=1 writes one".into()),
    };
    let args: Vec<&str> = promise.args.iter().map(String::as_str).collect();

    let (json, ran) = report(work.path(), &args)?;
    let errors = json["summary"]["error"].as_u64().unwrap_or(0);
    ends_with(&ran, &[i32::from(errors > 0)])?;
    same_with_threads(work.path(), &args, &json)?;
    spans_hold(work.path(), &json)?;
    replays(work.path(), &json, &ran.stdout)?;
    safe_fixes_hold(work.path(), &args, &json)?;
    keeps(&promise, &json)?;

    let mut words = vec!["check", "--color", "never"];
    words.extend(&args);
    let text = run(work.path(), &words);
    sound(&text)?;
    if bless {
        fs::write(fixture.join("expected.txt"), &text.stdout)?;
        if !fixture.join("fixture.toml").exists() {
            fs::write(fixture.join("fixture.toml"), written(&json))?;
        }
        return Ok(());
    }
    let expected = fs::read_to_string(fixture.join("expected.txt")).map_err(|_| "no expected.txt; CASEBOOK_BLESS=1")?;
    if expected == text.stdout { Ok(()) } else { Err(difference(&expected, &text.stdout).into()) }
}

fn copy(from: &Path, to: &Path, top: bool) -> Result<(), Failed> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if top && OWN.iter().any(|own| name == *own) {
            continue;
        }
        let target = to.join(&name);
        if entry.file_type()?.is_dir() {
            fs::create_dir(&target)?;
            copy(&entry.path(), &target, false)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// Codes of proved findings.
fn proved(json: &Value) -> BTreeSet<String> {
    let proved = list(json, "findings").iter().filter(|finding| finding["status"] == "proved");
    proved.filter_map(|finding| finding["code"].as_str().map(str::to_owned)).collect()
}

/// Codes of rules that were run and prove nothing.
fn silent(json: &Value) -> BTreeSet<String> {
    let proved = proved(json);
    let other = list(json, "findings").iter().chain(list(json, "silent"));
    let codes = other.filter_map(|item| item["code"].as_str().map(str::to_owned));
    codes.filter(|code| !proved.contains(code)).collect()
}

fn keeps(promise: &Promise, json: &Value) -> Result<(), Failed> {
    let of = |status: &str| -> BTreeSet<&str> {
        let findings = list(json, "findings").iter().filter(|finding| finding["status"] == status);
        findings.filter_map(|finding| finding["code"].as_str()).collect()
    };
    let (open, cleared) = (of("insufficient"), of("exonerated"));
    if let Some(code) = promise.open.iter().find(|code| !open.contains(code.as_str())) {
        return Err(format!("{code} leaves nothing open here; {open:?} do").into());
    }
    if let Some(code) = promise.clears.iter().find(|code| !cleared.contains(code.as_str())) {
        return Err(format!("{code} clears nothing here; {cleared:?} do").into());
    }
    let (proved, silent) = (proved(json), silent(json));
    if let Some(code) = promise.speaks.iter().find(|code| !proved.contains(*code)) {
        return Err(format!("{code} proves nothing here; {proved:?} do").into());
    }
    if let Some(code) = promise.silent.iter().find(|code| !silent.contains(*code)) {
        return Err(format!("{code} is not silent here; {silent:?} are").into());
    }
    Ok(())
}

/// The order of threads must not show.
fn same_with_threads(folder: &Path, args: &[&str], json: &Value) -> Result<(), Failed> {
    for jobs in ["1", "3"] {
        let mut all = vec!["--jobs", jobs];
        all.extend(args);
        if report(folder, &all)?.0 != *json {
            return Err(format!("--jobs {jobs} gives another report").into());
        }
    }
    Ok(())
}

/// Every place that has a span shows the bytes of that span (law 4).
fn spans_hold(folder: &Path, json: &Value) -> Result<(), Failed> {
    for finding in list(json, "findings") {
        for place in list(finding, "places") {
            let (Some(path), Some(text)) = (place["evidence"].as_str(), place["text"].as_str()) else { continue };
            let (Some(start), Some(end)) = (place["at"]["start"].as_u64(), place["at"]["end"].as_u64()) else {
                continue;
            };
            let bytes = fs::read(folder.join(path))?;
            let slice = bytes.get(start as usize..end as usize).ok_or(format!("{path}: {start}..{end} is outside"))?;
            // Of a long place the report quotes the beginning.
            if !String::from_utf8_lossy(slice).starts_with(text) || (text.is_empty() && !slice.is_empty()) {
                return Err(format!("{path}: {start}..{end} is not {text:?}").into());
            }
        }
    }
    Ok(())
}

fn replays(folder: &Path, json: &Value, text: &str) -> Result<(), Failed> {
    if list(json, "findings").is_empty() {
        return Ok(());
    }
    let aside = tempfile::tempdir()?;
    let path = aside.path().join("report.json");
    fs::write(&path, text)?;
    let ran = run(folder, &["replay", &path.to_string_lossy()]);
    sound(&ran)?;
    ends_with(&ran, &[0])
}

/// A fix called safe removes its finding when its edits are applied, and brings no new error.
fn safe_fixes_hold(folder: &Path, args: &[&str], json: &Value) -> Result<(), Failed> {
    let known: BTreeSet<&str> =
        list(json, "findings").iter().filter_map(|finding| finding["fingerprint"].as_str()).collect();
    for finding in list(json, "findings") {
        let fixes =
            list(finding, "fixes").iter().filter(|fix| fix["class"] == "safe" && !list(fix, "edits").is_empty());
        for fix in fixes {
            let patched = tempfile::tempdir()?;
            copy(folder, patched.path(), false)?;
            apply(patched.path(), list(fix, "edits"))?;
            let (after, _) = report(patched.path(), args)?;
            for left in list(&after, "findings").iter().filter(|left| left["status"] == "proved") {
                let print = left["fingerprint"].as_str().unwrap_or_default();
                if finding["fingerprint"] == *print {
                    return Err(format!("\"{}\" leaves its finding", fix["title"]).into());
                }
                if left["severity"] == "error" && !known.contains(print) {
                    return Err(format!("\"{}\" brings: {}", fix["title"], left["title"]).into());
                }
            }
        }
    }
    Ok(())
}

fn apply(folder: &Path, edits: &[Value]) -> Result<(), Failed> {
    let mut edits: Vec<&Value> = edits.iter().collect();
    // From the end, so that earlier offsets stay true.
    edits.sort_by_key(|edit| std::cmp::Reverse(edit["start"].as_u64()));
    for edit in edits {
        let path = folder.join(edit["evidence"].as_str().ok_or("an edit without evidence")?);
        let mut bytes = fs::read(&path)?;
        let at = |key: &str| edit[key].as_u64().map(|at| at as usize).ok_or(format!("an edit without {key}"));
        bytes.splice(at("start")?..at("end")?, edit["text"].as_str().unwrap_or_default().bytes());
        fs::write(&path, bytes)?;
    }
    Ok(())
}

/// A first `fixture.toml`, for a person to look through.
fn written(json: &Value) -> String {
    let line = |codes: BTreeSet<String>| codes.iter().map(|code| format!("\"{code}\"")).collect::<Vec<_>>().join(", ");
    format!("speaks = [{}]\nsilent = [{}]\n", line(proved(json)), line(silent(json)))
}

fn difference(expected: &str, got: &str) -> String {
    let (mut left, mut right) = (expected.lines(), got.lines());
    let mut number = 0;
    loop {
        number += 1;
        match (left.next(), right.next()) {
            (a, b) if a == b && a.is_some() => {}
            (a, b) => {
                let (a, b) = (a.unwrap_or("(end)"), b.unwrap_or("(end)"));
                return format!("expected.txt, line {number}:\n  expected {a}\n  got      {b}\nthe whole:\n{got}");
            }
        }
    }
}
