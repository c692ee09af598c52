//! The table of options against the linkers: which of them know an option, and whether it takes the next argument as its value.

use std::path::Path;
use std::process::Command;

use case_link_errors::facts::command::known_options;
use case_link_errors::model::outcome::LinkerKind;

/// What a linker makes of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    Unknown,
    Flag,
    Valued,
}

/// Options that end the program, or do something else than link.
const NO_LINKS: &[&str] =
    &["help", "version", "target-help", "print-sysroot", "print-output-format", "chroot", "directory", "run"];

/// Options whose answer says nothing: `--no-warnings` of ld.bfd hides the error, mold ends at every `--format`, ld.bfd knows no `--start-lib`.
const MUTE: &[(LinkerKind, &str)] =
    &[(LinkerKind::Bfd, "no-warnings"), (LinkerKind::Mold, "format"), (LinkerKind::Bfd, "end-lib")];

/// No linker has an option of this name.
const NOBODYS: &str = "--casebook-probe";

fn made(program: &str, name: &str, folder: &Path) -> Option<Made> {
    let option = format!("--{name}");
    // What ends something must have begun.
    let before = match name {
        "end-group" => Some("--start-group"),
        "end-lib" => Some("--start-lib"),
        "pop-state" => Some("--push-state"),
        _ => None,
    };
    let output = Command::new(program)
        .args(["-m", "elf_x86_64", "main.o", "-o", "out"])
        .args(before)
        .args([&option, NOBODYS])
        .current_dir(folder)
        .output()
        .ok()?;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let refused = |option: &str| {
        text.lines().any(|line| {
            let names = line
                .split(|letter: char| letter.is_whitespace() || "'`\"(),;".contains(letter))
                .any(|word| word.trim_end_matches([':', '.']) == option);
            let says = [
                "unrecognized option",
                "unknown argument",
                "unknown command line option",
                "unknown option",
                "nrecognized option",
                "nrecognised option",
            ];
            names && says.iter().any(|say| line.to_lowercase().contains(&say.to_lowercase()))
        })
    };
    Some(if refused(&option) {
        Made::Unknown
    } else if refused(NOBODYS) {
        Made::Flag
    } else {
        Made::Valued
    })
}

/// Every how many options is tried; `CASEBOOK_OPTIONS=all` for each.
fn step() -> usize {
    if std::env::var("CASEBOOK_OPTIONS").is_ok_and(|text| text == "all") { 1 } else { 5 }
}

#[test]
fn linkers_take_options_as_the_table_says() {
    let folder = std::env::temp_dir().join(format!("casebook-options-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("main.s"), ".globl _start\n_start: ret\n").unwrap();
    let assembled = Command::new("as").args(["main.s", "-o", "main.o"]).current_dir(&folder).status();
    if !assembled.is_ok_and(|status| status.success()) {
        eprintln!("skipped: as is not installed");
        return;
    }
    let mut linkers = vec![
        (LinkerKind::Bfd, "ld.bfd".to_owned()),
        (LinkerKind::Gold, "ld.gold".to_owned()),
        (LinkerKind::Lld, "ld.lld-19".to_owned()),
        (LinkerKind::Mold, "mold".to_owned()),
    ];
    linkers.extend(std::env::var("CASEBOOK_WILD").ok().map(|wild| (LinkerKind::Wild, wild)));
    let (mut compared, mut wrong) = (0, Vec::new());
    for (kind, program) in linkers {
        if Command::new(&program).arg("--version").output().is_err() {
            eprintln!("skipped: {program} is not installed");
            continue;
        }
        for (_, option) in known_options(kind).enumerate().filter(|(number, _)| number % step() == 0) {
            if NO_LINKS.contains(&option.name) {
                continue;
            }
            if MUTE.contains(&(kind, option.name)) {
                continue;
            }
            let Some(real) = made(&program, option.name, &folder) else { continue };
            let ours = match (option.known, option.valued) {
                (false, _) => Made::Unknown,
                (true, true) => Made::Valued,
                (true, false) => Made::Flag,
            };
            compared += 1;
            if ours != real {
                wrong.push(format!("{kind:?} --{}: ours {ours:?}, real {real:?}", option.name));
            }
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
    eprintln!("options: {compared} compared, {} disagreed", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
