//! What the laboratory kept, read again: `CASEBOOK_LINK_EVIDENCE=DIR` is a folder that `lab/run.sh` filled, with
//! `SCENARIO/LINKER/{link.txt,driver.txt,ld.log}` in it. The driver's command must give the line the driver printed, and what a linker said
//! must tell which one it was.

use std::collections::BTreeMap;
use std::path::PathBuf;

use case_link_errors::facts::command::driver::Host;
use case_link_errors::facts::command::{self, Log};
use case_link_errors::facts::resolve::join;
use case_link_errors::model::outcome::LinkerKind;
use casebook_core::EvidenceId;

use super::driver::{difference, look, plain};

fn read(path: &std::path::Path) -> Option<(String, Log)> {
    let text = std::fs::read(path).ok()?;
    let log = command::read_log(&text, EvidenceId(0), &path.to_string_lossy());
    Some((String::from_utf8_lossy(&text).into_owned(), log))
}

fn kind(folder: &str) -> Option<LinkerKind> {
    Some(match folder {
        "bfd" => LinkerKind::Bfd,
        "gold" => LinkerKind::Gold,
        "mold" => LinkerKind::Mold,
        "wild" => LinkerKind::Wild,
        name if name.contains("lld") => LinkerKind::Lld,
        _ => return None,
    })
}

fn folders(root: &std::path::Path) -> Vec<PathBuf> {
    let mut out: Vec<PathBuf> = std::fs::read_dir(root)
        .map(|list| list.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| path.is_dir()).collect())
        .unwrap_or_default();
    out.sort();
    out
}

#[test]
fn evidence_of_the_laboratory_tells_line_and_linker() {
    let Ok(root) = std::env::var("CASEBOOK_LINK_EVIDENCE") else {
        eprintln!("skipped: CASEBOOK_LINK_EVIDENCE names no evidence of the laboratory");
        return;
    };
    let (mut lines, mut logs, mut silent, mut wrong) = (0, 0, 0, Vec::new());
    let mut said: BTreeMap<String, usize> = BTreeMap::new();
    for scenario in folders(root.as_ref()) {
        for folder in folders(&scenario) {
            let Some(kind) = kind(&folder.file_name().unwrap_or_default().to_string_lossy()) else { continue };
            if let (Some((_, given)), Some((_, printed))) =
                (read(&folder.join("link.txt")), read(&folder.join("driver.txt")))
            {
                let Some((command, real)) = given.commands.last().zip(printed.commands.last()) else { continue };
                let here = folder.to_string_lossy().into_owned();
                let seen = |path: &str| look(&join(Some(&here), path));
                let mut host = Host::probe(&seen, "x86_64", Some("Debian"), None);
                if command.words[0].text.starts_with("clang") {
                    host.clang = printed.banner.driver_version;
                    host.clang_resources =
                        host.clang.map(|version| format!("/usr/lib/llvm-{version}/lib/clang/{version}"));
                }
                let texts =
                    |line: command::LinkLine| plain(line.arguments.into_iter().map(|argument| argument.text).collect());
                let ours = texts(command::read(command, None, &host, &|_| None));
                let real = texts(command::read(real, None, &Host::unknown(), &|_| None));
                lines += 1;
                if ours != real {
                    wrong.push(format!("{}: {}", folder.display(), difference(&ours, &real)));
                }
            }
            let Some((text, log)) = read(&folder.join("ld.log")) else { continue };
            match log.banner.linker {
                _ if text.trim().is_empty() => {}
                None => {
                    silent += 1;
                    *said.entry(text.lines().next().unwrap_or_default().to_owned()).or_default() += 1;
                }
                Some(found) => {
                    logs += 1;
                    if found != kind {
                        wrong.push(format!("{}: {found:?}, not {kind:?}", folder.display()));
                    }
                }
            }
        }
    }
    said.iter().for_each(|(line, count)| eprintln!("{count} times no linker is told by: {line}"));
    eprintln!(
        "evidence: {lines} lines and {logs} logs compared, {silent} logs tell no linker, {} disagreed",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.iter().take(20).cloned().collect::<Vec<_>>().join("\n"));
}
