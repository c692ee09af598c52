//! Wants to readings, readings to a bundle, and the bundle back to evidence.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use casebook_collect::{Reading, live, pack, redact};
use casebook_core::{Case, Read, Want, WantSource};

use crate::{DEMO, load, names, options};

const fn want(name: &'static str, source: WantSource) -> Want {
    Want { name, source, timeout_s: 10, max_bytes: 4096, without: "it stays unknown" }
}

static CASE: Case = Case {
    name: "demo",
    command: "demo",
    prefix: "DMO",
    title: "",
    summary: "",
    post: "",
    kinds: &[&DEMO],
    wants: &[
        want("demo/said.txt", WantSource::Command(&["printf", "demo from 10.1.2.3 on edge1\\n"])),
        want("demo/failed.txt", WantSource::Command(&["sh", "-c", "echo nobody home >&2; exit 4"])),
        want("demo/os", WantSource::File("/proc/sys/kernel/os[r]elease")),
        want("demo/missing", WantSource::File("/no/such/file")),
        want("demo/said.txt", WantSource::Command(&["printf", "demo from 10.1.2.3 on edge1\\n"])),
    ],
    settings: &[],
    rules: &[],
    verbs: &[],
    lab: &[],
    read: |_| Read::new((), Vec::new()),
    page: |_| String::new(),
};

fn readings() -> Vec<Reading> {
    live::read(&[&CASE], |_| {})
}

#[test]
fn what_is_wanted_is_read_once_and_what_fails_says_why() {
    let readings = readings();
    let names: Vec<&str> = readings.iter().map(|reading| reading.entry.name.as_str()).collect();
    assert_eq!(
        names,
        ["demo/said.txt", "demo/failed.txt", "demo/os/proc/sys/kernel/osrelease", "demo/missing"],
        "the last want is the first again"
    );
    let failures: Vec<String> =
        readings.iter().filter(|reading| reading.bytes.is_none()).map(|reading| reading.entry.failure()).collect();
    assert_eq!(
        failures,
        [
            "sh -c echo nobody home >&2; exit 4: it failed with exit status: 4 (nobody home); it stays unknown",
            "/no/such/file: no such file; it stays unknown"
        ]
    );
}

#[test]
fn a_bundle_of_every_form_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    let readings = readings();
    let manifest = live::manifest(&readings, "0");
    assert_eq!(manifest["entries"][1]["status"], 4);
    for name in ["b.tar.zst", "b.tar.gz", "b.tar", "folder"] {
        let path = dir.path().join(name);
        pack::write(&path, &readings, &manifest).unwrap();
        let got = load(&[&path], &options());
        assert_eq!(names(&got, &path), ["demo/said.txt"], "{name}");
        assert!(pack::write(&path, &readings, &manifest).is_err(), "{name} is not overwritten");
        let file = if path.is_dir() { path.join("demo/said.txt") } else { path };
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_redacted_bundle_holds_no_original() {
    let mut readings = readings();
    let mapping = redact::redact(&mut readings, &[("edge1".to_owned(), "host")]);
    let text = String::from_utf8(readings[0].bytes.clone().unwrap().as_slice().to_vec()).unwrap();
    assert_eq!(text, "demo from 198.18.0.1 on host-1\n");
    assert_eq!(mapping.text(), "198.18.0.1 10.1.2.3\nhost-1 edge1\n");
    assert!(redact::leaks(&readings, &mapping).is_empty());
    assert_eq!(redact::leaks(&self::readings(), &mapping), ["10.1.2.3", "edge1"]);
}

#[test]
fn a_live_reading_is_evidence_without_a_file() {
    let options = options();
    let mut loader = casebook_collect::Loader::new(&options);
    loader.readings(readings());
    let got = loader.finish();
    assert_eq!(names(&got, Path::new("")), ["live:demo/said.txt"]);
    assert!(got.files.is_empty());
    assert!(got.coverage.iter().any(|line| line.path == "live:demo/failed.txt"));
}
