//! The verbs of the nftables case over whole rulesets: what they print, their exit codes, and what they say of input
//! that is wrong.

use std::fs;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Failed;
use serde_json::Value;

use crate::Test;
use crate::tool::{Ran, ends_with, feed, root, run, sound, wait};

pub(crate) const TESTS: &[(&str, Test)] = &[
    ("insert_recommends_a_place_behind_the_jump_that_marks", insert_story),
    ("insert_names_the_place_by_handle_or_by_index", insert_handles),
    ("insert_says_what_is_wrong_with_a_rule_or_chain", insert_wrong),
    ("query_groups_the_packets_of_a_filter", query_groups),
    ("query_regions_can_be_asked_again", query_again),
    ("query_expect_is_an_exit_code", query_expect),
    ("a_filter_that_cannot_be_read_is_one_sentence", query_wrong),
    ("expectations_are_proved_or_have_a_counterexample", expectations),
    ("expectations_that_cannot_be_read_have_their_line", expectations_wrong),
    ("nft_o_of_flags_is_not_equal", optimize_flags),
    ("nft_o_of_other_rules_is_equal_besides_counters", optimize_others),
    ("a_moved_rate_limit_is_undecided", optimize_limit),
    ("diff_takes_revisions_with_their_includes", revisions),
    ("diff_takes_a_folder_by_the_file_that_begins_it", folders),
];

fn has(text: &str, words: &str) -> Result<(), Failed> {
    if text.contains(words) { Ok(()) } else { Err(format!("no \"{words}\" in:\n{text}").into()) }
}

fn nft(folder: &Path, args: &[&str], code: i32) -> Result<Ran, Failed> {
    let mut all = vec!["nft"];
    all.extend(args);
    let ran = run(folder, &all);
    sound(&ran)?;
    ends_with(&ran, &[code])?;
    Ok(ran)
}

fn json(folder: &Path, args: &[&str], code: i32) -> Result<Value, Failed> {
    let mut all = args.to_vec();
    all.extend(["--format", "json"]);
    Ok(serde_json::from_str(&nft(folder, &all, code)?.stdout)?)
}

/// A folder with `t.nft`: an input chain of these rules.
fn chain(rules: &str) -> Result<tempfile::TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    let text =
        format!("table inet t {{\nchain c {{\ntype filter hook input priority 0; policy drop;\n{rules}\n}}\n}}\n");
    fs::write(folder.path().join("t.nft"), text)?;
    Ok(folder)
}

fn insert_story() -> Result<(), Failed> {
    let args = ["insert", "cases/nftables/fixtures/story/before/ruleset.nft", "tcp dport 9100 accept"];
    let args = [&args[..], &["--chain", "inet filter input"]].concat();
    let ran = nft(&root(), &args, 0)?;
    has(&ran.stdout, "index 0      gets every packet it matches\n    bypasses  ct mark 0x51\n")?;
    has(&ran.stdout, "    kills     inet filter input: ip saddr 10.9.0.0/24 tcp dport 9100 counter accept\n")?;
    has(&ran.stdout, "put it at index 5, behind `ip saddr 10.9.0.0/24 tcp dport 9100 counter accept`")?;
    has(&ran.stdout, "\n    nft add rule inet filter input tcp dport 9100 accept\n")?;
    has(&ran.stdout, "not at index 0, where `nft insert rule` puts it; compared with index 5:\n")?;
    has(&ran.stdout, "still accept, and lost: ct mark 0x51;")?;
    has(&ran.stdout, "witness     tcp 10.9.0.5:40000 > 198.51.100.1:9100 syn, iif eth0, ct new, path input")?;
    let value = json(&root(), &args, 0)?;
    let jump = 2;
    let index = value["recommended"]["index"].as_u64().ok_or("no index")?;
    if index <= jump { Err(format!("index {index} is before the jump").into()) } else { Ok(()) }
}

fn insert_handles() -> Result<(), Failed> {
    // The mark is for what is accepted here, and the drop behind it must stay the last word.
    let rules = |handles: bool| {
        let handle = |number: u32| if handles { format!(" # handle {number}") } else { String::new() };
        let lines = ["tcp dport 9100 ct mark set 0x51", "tcp dport 9100 drop", "udp dport 53 accept"];
        lines.iter().zip(4..).map(|(line, number)| format!("{line}{}\n", handle(number))).collect::<String>()
    };
    let args = ["insert", "t.nft", "tcp dport 9100 accept", "--chain", "inet t c"];
    let ran = nft(chain(&rules(true))?.path(), &args, 0)?;
    has(&ran.stdout, "\n    nft add rule inet t c handle 4 tcp dport 9100 accept\n")?;
    let ran = nft(chain(&rules(false))?.path(), &args, 0)?;
    has(&ran.stdout, "\n    nft add rule inet t c index 0 tcp dport 9100 accept\n")?;
    let ran = nft(
        chain(&rules(false))?.path(),
        &["insert", "t.nft", "ip saddr { 192.0.2.7 } drop", "--chain", "inet t c"],
        0,
    )?;
    has(&ran.stdout, "\n    nft 'insert rule inet t c index 2 ip saddr { 192.0.2.7 } drop'\n")
        .or_else(|_| has(&ran.stdout, "\n    nft 'add rule inet t c index 1 ip saddr { 192.0.2.7 } drop'\n"))
}

fn insert_wrong() -> Result<(), Failed> {
    let folder = chain("tcp dport 22 accept")?;
    let cases = [
        ("tcp dprot 22 accept", "inet t c", "error: nft does not take `tcp dprot 22 accept` as a rule: "),
        ("tcp dport 22", "inet t c", "error: the rule only says which packets, and does nothing to them\n"),
        ("add rule inet t c drop", "inet t c", "hint: give the rule alone: its chain is said with --chain"),
        ("jump gone", "inet t c", "chain `gone` does not exist"),
        ("drop", "inet t d", "hint: did you mean --chain 'inet t c'?"),
    ];
    for (rule, chain, words) in cases {
        let ran = nft(folder.path(), &["insert", "t.nft", rule, "--chain", chain], 2)?;
        has(&ran.stderr, words)?;
    }
    Ok(())
}

fn query_groups() -> Result<(), Failed> {
    let folder = chain("ip saddr 10.1.0.0/16 tcp dport 5432 accept")?;
    let filter = "tcp 10.0.0.0/8 > any:5432, path input";
    let ran = nft(folder.path(), &["query", "t.nft", filter], 0)?;
    has(&ran.stdout, "2 outcomes\n")?;
    has(&ran.stdout, "\naccept by inet t c: ip saddr 10.1.0.0/16 tcp dport 5432 accept\n")?;
    has(&ran.stdout, "\n    ip saddr { 10.0.0.0/16, 10.2.0.0-10.255.255.255 }, tcp dport 5432\n")?;
    has(&nft(folder.path(), &["query", "t.nft", "udp any > any, path input"], 0)?.stdout, "all: one outcome\n")?;
    has(
        &nft(folder.path(), &["query", "t.nft", "oif eth0, path input"], 0)?.stdout,
        "none: no packet meets the filter\n",
    )?;
    let limited = chain("tcp dport 22 limit rate 5/second accept")?;
    let ran = nft(limited.path(), &["query", "t.nft", "tcp any > any:22, path input"], 0)?;
    has(&ran.stdout, "    depends   on limit rate 5/second")
}

fn query_again() -> Result<(), Failed> {
    let folder =
        chain("ct state established accept\niifname \"lo\" accept\ntcp flags syn accept\nip saddr != 10.0.0.0/8 drop")?;
    let parts = json(folder.path(), &["query", "t.nft", "ip saddr any path input"], 2);
    if parts.is_ok() {
        return Err("`any` is no address of nft".into());
    }
    let value = json(folder.path(), &["query", "t.nft", "tcp any > any:22 ip path input"], 0)?;
    let parts = value["parts"].as_array().ok_or("no parts")?;
    if parts.len() < 4 {
        return Err(format!("{} parts", parts.len()).into());
    }
    for part in parts {
        for region in part["regions"].as_array().into_iter().flatten() {
            // A filter names packets by what they have.
            if region.as_str().is_some_and(|region| region.contains("cut short")) {
                continue;
            }
            let filter = format!("ip path input {}", region.as_str().unwrap_or_default());
            let end = part["end"].as_str().unwrap_or_default();
            nft(folder.path(), &["query", "t.nft", &filter, "--expect", end], 0)?;
        }
    }
    Ok(())
}

fn query_expect() -> Result<(), Failed> {
    let folder = chain("tcp dport 22 accept\ntcp dport 80 limit rate 5/second accept")?;
    let path = folder.path();
    has(&nft(path, &["query", "t.nft", "tcp any > any:22 path input", "--expect", "accept"], 0)?.stdout, "holds: ")?;
    let ran = nft(path, &["query", "t.nft", "tcp any > any:22-23 path input", "--expect", "accept"], 1)?;
    has(&ran.stdout, "    tcp dport 23\n    witness   tcp 192.0.2.1:40000 > 198.51.100.1:23 syn")?;
    has(&ran.stdout, "    outcome   drop by the policy of inet t c;")?;
    nft(path, &["query", "t.nft", "tcp any > any:80 path input", "--expect", "accept"], 2)?;
    let ran = nft(path, &["query", "t.nft", "oif eth0, path input", "--expect", "drop"], 2)?;
    has(&ran.stdout, "no packet meets the filter, so nothing was checked")?;
    let ran = nft(path, &["query", "t.nft", "tcp any > any:22", "--expect", "acept"], 2)?;
    has(&ran.stderr, "error: --expect acept is not an end of packets\nhint: write accept, drop or reject")
}

fn query_wrong() -> Result<(), Failed> {
    let folder = chain("accept")?;
    let cases = [
        ("tcp dprot 22", "error: the filter cannot be read at `dprot`: ", "hint: did you mean `dport`?"),
        ("tcp 10.0.0.300 > any", "error: the filter cannot be read at `10.0.0.300`: ", "hint: write an address"),
        ("tcp any:22", "error: the filter cannot be read at `any:22`: ", "hint: write `any:22 > any`"),
        ("tcp dport 22 accept", "error: the filter cannot be read at `accept`: ", "hint: "),
        ("path sideways", "error: the filter cannot be read at `sideways`: ", "hint: write `path input`"),
    ];
    for (filter, message, hint) in cases {
        let ran = nft(folder.path(), &["query", "t.nft", filter], 2)?;
        has(&ran.stderr, message)?;
        has(&ran.stderr, hint)?;
        if ran.stderr.lines().count() > 2 || !ran.stdout.is_empty() {
            return Err(format!("more than a sentence and a hint: {}{}", ran.stdout, ran.stderr).into());
        }
    }
    Ok(())
}

const EXPECTATIONS: &str = r#"
[[expect]]
name = "the scraper is marked"
packets = "tcp 10.9.0.5 > any:9100, ct new, iif != lo, path input"
outcome = "accept"
ct_mark = "0x51"
decided_by = "dport 9100"

[[expect]]
name = "nobody else is"
packets = "tcp any > any:9100, ct new, path input"
ct_mark = 0
"#;

fn expectations() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("expect.toml"), EXPECTATIONS)?;
    let story = root().join("cases/nftables/fixtures/story");
    let before = story.join("before/ruleset.nft").to_string_lossy().into_owned();
    let ran = nft(folder.path(), &["test", &before, "expect.toml"], 1)?;
    has(&ran.stdout, "ok        the scraper is marked\nfailed    nobody else is\n")?;
    has(&ran.stdout, "ip saddr 10.9.0.5, tcp dport 9100, iifname != \"lo\"\n    witness   tcp 10.9.0.5:40000 > ")?;
    has(&ran.stdout, "2 expectations: 1 ok, 1 failed, 0 undecided\n")?;
    // After the insertion of the story the other way round.
    let after = story.join("after/ruleset.nft").to_string_lossy().into_owned();
    let value = json(folder.path(), &["test", &after, "expect.toml"], 1)?;
    let status = |index: usize| value["expectations"][index]["status"].as_str().unwrap_or_default().to_owned();
    if (status(0), status(1)) == ("failed".into(), "ok".into()) { Ok(()) } else { Err(value.to_string().into()) }
}

fn expectations_wrong() -> Result<(), Failed> {
    let folder = chain("accept")?;
    let cases = [
        (
            "[[expect]]\nname = \"n\"\npackets = \"tcp\"\noutcom = \"drop\"\n",
            "error: e.toml:4: unknown key \"outcom\"\nhint: did you mean \"outcome\"?",
        ),
        (
            "[[expect]]\nname = \"n\"\npackets = \"tcp dprot 1\"\noutcome = \"drop\"\n",
            "error: e.toml:3: the filter cannot be read at `dprot`: ",
        ),
        ("[[expect]\n", "error: e.toml:1: "),
        ("", "error: e.toml holds no expectation\n"),
    ];
    for (text, words) in cases {
        fs::write(folder.path().join("e.toml"), text)?;
        has(&nft(folder.path(), &["test", "t.nft", "e.toml"], 2)?.stderr, words)?;
    }
    Ok(())
}

fn optimize_flags() -> Result<(), Failed> {
    let data = root().join("cases/nftables/tests/data/optimized");
    let ran = nft(&data, &["optimize-check", "flags.nft", "flags.merged.nft"], 1)?;
    has(&ran.stdout, "not equal\n\nIPv4 packets to this host: accept becomes drop\n")?;
    has(&ran.stdout, "  before      inet t c: tcp flags syn accept\n  after       policy of inet t c\n")?;
    has(&ran.stdout, "because: `tcp flags syn` asks for a flag, `tcp flags { syn, ack }` for the whole value")
}

fn optimize_others() -> Result<(), Failed> {
    let data = root().join("cases/nftables/tests/data/optimized");
    let ran = nft(&data, &["optimize-check", "many.nft", "many.merged.nft"], 0)?;
    has(&ran.stdout, "equal: every packet has the same verdict")?;
    has(
        &ran.stdout,
        "note: the counter of rule `inet t c: tcp dport { 22, 80 } counter accept` counts what was counted by the counter of rule `inet t c: tcp dport 22 counter accept` and the counter of rule `inet t c: tcp dport 80 counter accept`",
    )
}

fn optimize_limit() -> Result<(), Failed> {
    let folder = chain("tcp dport 22 limit rate 5/second accept\ntcp dport 23 limit rate 5/second accept")?;
    let merged = chain("tcp dport { 22, 23 } limit rate 5/second accept")?;
    let new = merged.path().join("t.nft").to_string_lossy().into_owned();
    let ran = nft(folder.path(), &["optimize-check", "t.nft", &new], 2)?;
    has(&ran.stdout, "undecided: nothing is shown to differ")
}

/// git in a folder; `None` where it is not installed.
fn git(folder: &Path, args: &[&str]) -> Option<()> {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]).args(args);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    Command::new("git").arg("--version").output().ok()?;
    let ran = wait(&mut command, folder, b"");
    assert_eq!(ran.code, Some(0), "git {args:?}: {}", ran.stderr);
    Some(())
}

fn revisions() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let path = folder.path();
    if git(path, &["init", "-q", "."]).is_none() {
        return Ok(());
    }
    fs::create_dir_all(path.join("etc/rules.d"))?;
    let text =
        "table inet t {\nchain c {\ntype filter hook input priority 0; policy drop;\ninclude \"rules.d/*.nft\"\n}\n}\n";
    fs::write(path.join("etc/edge.nft"), text)?;
    for (message, rule) in [("one", "tcp dport 22 accept\n"), ("two", "tcp dport 23 accept\n")] {
        fs::write(path.join("etc/rules.d/a.nft"), rule)?;
        git(path, &["add", "-A"]);
        git(path, &["commit", "-q", "-m", message]);
    }
    git(path, &["branch", "feature/x"]);
    let change = "IPv4 packets to this host: drop becomes accept\n    tcp dport 23\n";
    has(&nft(path, &["diff", "HEAD~1:etc/edge.nft", "etc/edge.nft"], 1)?.stdout, change)?;
    has(&nft(path, &["diff", "feature/x~1:etc/edge.nft", "feature/x:etc/edge.nft"], 1)?.stdout, change)?;
    has(&nft(&path.join("etc"), &["diff", "HEAD~1:./edge.nft", "edge.nft"], 1)?.stdout, change)?;
    // A folder of a revision, beside the folder as it is.
    has(&nft(path, &["diff", "HEAD~1:etc", "etc"], 1)?.stdout, change)?;
    nft(path, &["diff", "HEAD:etc/edge.nft", "etc/edge.nft"], 0)?;
    // A place in a revision is shown with it.
    has(
        &nft(path, &["trace", "HEAD:etc/edge.nft", "--packet", "tcp 192.0.2.1 > 198.51.100.1:23"], 0)?.stdout,
        "[HEAD:etc/rules.d/a.nft:1:1]",
    )?;
    for (name, words) in [
        ("HEAD~9:etc/edge.nft", "`HEAD~9` is no revision of this repository"),
        ("HEAD:edge.nft", "`HEAD` has no edge.nft; it has HEAD:etc/edge.nft"),
        ("gone.nft", "no such file"),
    ] {
        let ran = run(path, &["nft", "show", name]);
        sound(&ran)?;
        ends_with(&ran, &[2, 3])?;
        has(&ran.stderr, words)?;
    }
    // A file of that name comes first.
    fs::write(path.join("HEAD~1:etc"), "table inet t {\n}\n")?;
    has(&nft(path, &["diff", "HEAD~1:etc", "etc"], 1)?.stdout, "  before      no rule\n")
}

fn folders() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let path = folder.path();
    fs::create_dir_all(path.join("a/d"))?;
    fs::write(path.join("a/main.nft"), "table inet t {\n}\ninclude \"d/x.nft\"\n")?;
    fs::write(
        path.join("a/d/x.nft"),
        "table inet x {\nchain c {\ntype filter hook input priority 0; policy drop;\n}\n}\n",
    )?;
    nft(path, &["diff", "a", "a/main.nft"], 0)?;
    fs::write(path.join("a/other.nft"), "table inet other {\n}\n")?;
    let ran = nft(path, &["diff", "a", "a/main.nft"], 2)?;
    has(&ran.stderr, "error: the folder holds 2 rulesets: a/main.nft, a/other.nft\nhint: name the one that is loaded")?;
    fs::write(path.join("a/nftables.conf"), "include \"d/x.nft\"\n")?;
    nft(path, &["diff", "a", "a/main.nft"], 0)?;
    // Standard input is the new one.
    let ran = feed(path, &["nft", "diff", "a/main.nft", "-"], b"table inet t {\n}\n");
    sound(&ran)?;
    ends_with(&ran, &[1])
}
