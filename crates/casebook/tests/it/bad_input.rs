//! Law 6: bad input is reported, not fatal. Each test is one input; what is asked of all of them (an exit
//! code of the four, no panic, bounded memory, nothing written) stands in [`report`] and [`quiet`].

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Failed;
use serde_json::Value;

use crate::Test;
use crate::tool::{Ran, casebook, covered_once, ends_with, listing, report, sound, wait};

pub(crate) const TESTS: &[(&str, Test)] = &[
    ("a_sparse_file_of_3_gb_is_not_read", sparse),
    ("a_binary_is_named_as_one", binary),
    ("an_empty_file_is_named_as_one", empty),
    ("a_folder_of_100000_files_is_one_line", many_files),
    ("utf16_says_how_to_convert_it", utf16),
    ("truncated_json_is_read_as_far_as_it_goes", truncated_json),
    ("json_nested_100000_deep_is_reported", deep_json),
    ("an_include_cycle_ends", include_cycle),
    ("an_include_that_is_missing_is_named", missing_include),
    ("a_define_cycle_ends", define_cycle),
    ("a_line_of_10_mb_is_read", long_line),
    ("an_unreadable_file_is_named", unreadable),
    ("a_path_that_is_not_there_is_a_usage_error", no_such_path),
    ("a_device_is_not_read", device),
];

/// A check that leaves its folder as it was.
fn quiet(folder: &Path, args: &[&str]) -> Result<(Value, Ran), Failed> {
    let before = listing(folder);
    let got = report(folder, args)?;
    if listing(folder) != before {
        return Err("the check has written into the folder".into());
    }
    Ok(got)
}

/// One file in a folder of its own, checked.
fn one(name: &str, content: &[u8]) -> Result<(Value, Ran), Failed> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join(name), content)?;
    quiet(folder.path(), &[name])
}

fn sparse() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    File::create(folder.path().join("big.nft"))?.set_len(3 << 30)?;
    let (report, ran) = quiet(folder.path(), &["big.nft"])?;
    ends_with(&ran, &[3])?;
    covered_once(&report, "big.nft", &["failed"], "over the limit of 268435456 bytes")
}

fn binary() -> Result<(), Failed> {
    // No format has this head: a run of every byte value.
    let bytes: Vec<u8> = (0..65536_u32).map(|n| (n * 7 % 256) as u8).collect();
    let (report, ran) = one("blob", &bytes)?;
    ends_with(&ran, &[3])?;
    covered_once(&report, "blob", &["failed"], "binary")
}

fn empty() -> Result<(), Failed> {
    let (report, ran) = one("nothing.nft", b"")?;
    ends_with(&ran, &[3])?;
    covered_once(&report, "nothing.nft", &["failed"], "empty")
}

fn many_files() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    for number in 0..100_000 {
        File::create(folder.path().join(format!("f{number:06}.txt")))?;
    }
    let (report, ran) = report(folder.path(), &["."])?;
    ends_with(&ran, &[3])?;
    let lines = report["coverage"].as_array().map_or(0, Vec::len);
    if lines != 1 {
        return Err(format!("{lines} coverage lines, not 1").into());
    }
    covered_once(&report, ".", &["unrecognised"], "100000 files that no case reads")
}

fn utf16() -> Result<(), Failed> {
    let text = "table inet filter {\n\tchain input {\n\t\ttype filter hook input priority 0;\n\t}\n}\n";
    let bytes: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let (report, ran) = one("wide.nft", &bytes)?;
    ends_with(&ran, &[3])?;
    covered_once(&report, "wide.nft", &["failed"], "iconv -f UTF-16 -t UTF-8")
}

const JSON_HEAD: &str = "{\"nftables\": [{\"metainfo\": {\"version\": \"1.0.6\", \"release_name\": \"Lester Gooch #5\", \
                         \"json_schema_version\": 1}}, {\"table\": {\"family\": \"inet\", \"name\": \"filter\", \
                         \"handle\": 1}}";

fn truncated_json() -> Result<(), Failed> {
    let text = format!("{JSON_HEAD}, {{\"chain\": {{\"family\": \"inet\", \"table\": \"fil");
    let (report, ran) = one("cut.json", text.as_bytes())?;
    ends_with(&ran, &[0, 1, 3])?;
    said(&report, "cut.json")
}

fn deep_json() -> Result<(), Failed> {
    let text = format!("{JSON_HEAD}, {}", "[".repeat(100_000));
    let (report, ran) = one("deep.json", text.as_bytes())?;
    ends_with(&ran, &[0, 1, 3])?;
    said(&report, "deep.json")
}

/// The one coverage line of `path` does not claim that all of it was read.
fn said(report: &Value, path: &str) -> Result<(), Failed> {
    covered_once(report, path, &["partly", "failed"], "")?;
    let lines = report["coverage"].as_array().map_or(&[][..], Vec::as_slice);
    let told = lines.iter().filter(|line| line["evidence"] == path).any(|line| {
        line["note"].as_str().is_some_and(|note| !note.is_empty())
            || line["unmodelled"].as_array().is_some_and(|list| !list.is_empty())
    });
    if told { Ok(()) } else { Err(format!("nothing says what of {path} was not read: {report}").into()) }
}

const CHAIN: &str = "table inet t {\n\tchain c {\n\t\ttype filter hook input priority 0; policy accept;\n\t\ttcp dport 22 accept\n\t}\n}\n";

fn include_cycle() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("a.nft"), format!("include \"./b.nft\"\n{CHAIN}"))?;
    fs::write(folder.path().join("b.nft"), format!("include \"./a.nft\"\n{CHAIN}"))?;
    let (report, ran) = quiet(folder.path(), &["a.nft"])?;
    ends_with(&ran, &[0, 1])?;
    covered_once(&report, "a.nft", &["read", "partly"], "")
}

fn missing_include() -> Result<(), Failed> {
    let text = format!("include \"./not-there.nft\"\n{CHAIN}");
    let (report, ran) = one("main.nft", text.as_bytes())?;
    ends_with(&ran, &[0, 1])?;
    if report.to_string().contains("not-there.nft") { Ok(()) } else { Err("the include is not named".into()) }
}

fn define_cycle() -> Result<(), Failed> {
    let text = format!("define a = $b\ndefine b = $a\n{}", CHAIN.replace("22", "$a"));
    let (report, ran) = one("main.nft", text.as_bytes())?;
    ends_with(&ran, &[0, 1, 3])?;
    covered_once(&report, "main.nft", &["read", "partly", "failed"], "")
}

fn long_line() -> Result<(), Failed> {
    let text = CHAIN.replace("tcp dport 22 accept", &format!("tcp dport 22 accept # {}", "x".repeat(10 << 20)));
    let (report, ran) = one("long.nft", text.as_bytes())?;
    ends_with(&ran, &[0, 1])?;
    covered_once(&report, "long.nft", &["read", "partly"], "")
}

fn unreadable() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    let secret = folder.path().join("secret.nft");
    fs::write(&secret, CHAIN)?;
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000))?;
    let args = ["check", "--format", "json", "secret.nft"];
    let ran = if nix::unistd::geteuid().is_root() {
        // Permission bits do not bind root; the binary is copied to where anyone can start it.
        let copy = folder.path().join("casebook");
        fs::copy(casebook(), &copy)?;
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(&copy).args(args);
        wait(&mut command, folder.path(), b"")
    } else {
        wait(Command::new(casebook()).args(args), folder.path(), b"")
    };
    sound(&ran)?;
    ends_with(&ran, &[3])?;
    covered_once(&serde_json::from_str(&ran.stdout)?, "secret.nft", &["failed"], "no permission to read it")
}

fn no_such_path() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let ran = crate::tool::run(folder.path(), &["check", "not-there.nft"]);
    ends_with(&ran, &[2])?;
    if ran.stderr.contains("error: not-there.nft: no such file") { Ok(()) } else { Err(ran.stderr.into()) }
}

fn device() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let (report, ran) = quiet(folder.path(), &["/dev/zero"])?;
    ends_with(&ran, &[3])?;
    covered_once(&report, "/dev/zero", &["failed"], "a device or socket, not a file")
}
